"""The page in a real browser: quiet, operable by keyboard, accessible, whole in print, and readable without scripts."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from tests.small_study import copied

import aftercart as ac
from aftercart.study.model import Study

pytestmark = [pytest.mark.browser, pytest.mark.slow]

DESKTOP, PHONE = (1280, 900), (390, 844)


def open_page(browser: Any, path: Path, size: tuple[int, int] = DESKTOP, **options: Any) -> tuple[Any, list[str]]:
    """A tab with the page, and whatever the browser had to complain about."""
    tab = browser.new_page(viewport={"width": size[0], "height": size[1]}, **options)
    complaints: list[str] = []
    tab.on("console", lambda message: complaints.append(message.text))
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    tab.on("request", lambda request: complaints.append(request.url) if request.url != path.as_uri() else None)
    tab.goto(path.as_uri())
    return tab, complaints


@pytest.fixture
def page(reference_report: Path) -> Path:
    return reference_report / "report.html"


@pytest.fixture
def tab(browser: Any, page: Path) -> Iterator[Any]:
    opened, complaints = open_page(browser, page)
    yield opened
    assert complaints == []
    opened.close()


def _select(tab: Any, mark: Any) -> None:
    """Click a mark of a figure as a reader does: once the page around it has come to rest."""
    mark.scroll_into_view_if_needed()
    before, now = None, mark.bounding_box()
    while now != before:
        tab.wait_for_timeout(150)
        before, now = now, mark.bounding_box()
    mark.click(force=True)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE])
def test_the_page_is_quiet_accessible_and_fits(
    browser: Any, small_report: Path, scheme: str, size: tuple[int, int]
) -> None:
    tab, complaints = open_page(browser, small_report / "report.html", size, color_scheme=scheme)
    assert tab.evaluate("document.documentElement.scrollWidth") <= size[0]
    paper = tab.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)")
    assert (sum(paper[:3]) < 200) == (scheme == "dark")
    assert violations(tab) == []
    tab.locator("details.patient > summary").first.click()
    tab.locator("details.criterion > summary").first.click()
    tab.locator("details.data-of > summary").first.click()
    assert tab.evaluate("document.documentElement.scrollWidth") <= size[0]
    assert violations(tab, "details[open]") == []
    tab.locator(".headline a.why").first.click()
    assert violations(tab, "dialog") == []
    assert complaints == []
    tab.close()


def violations(tab: Any, part: str | None = None) -> list[str]:
    """What axe finds against WCAG 2 A and AA and in landmarks."""
    from axe_playwright_python.sync_playwright import Axe

    rules = {"region": {"enabled": True}, "landmark-one-main": {"enabled": True}, "landmark-unique": {"enabled": True}}
    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]
    options = {"runOnly": {"type": "tag", "values": tags}, "rules": rules, "resultTypes": ["violations"]}
    found = Axe().run(tab, context=part, options=options)
    return [f"{v['id']}: {node['html'][:150]}" for v in found.response["violations"] for node in v["nodes"][:3]]


def test_reader_how_many_had_crs_of_grade_2_or_more(tab: Any) -> None:
    card = tab.locator(".headline li").first
    assert re.sub(r"\s+", " ", card.inner_text()).startswith("CRS, grade 2 or more 1 of 15 7% 95% CI 0.2 to 32%")
    box = card.bounding_box()
    assert box["y"] + box["height"] < DESKTOP[1]


def test_why_opens_from_a_headline_number_and_gives_the_focus_back(tab: Any) -> None:
    number = tab.locator(".headline a.why").first
    number.focus()
    tab.keyboard.press("Enter")
    panel = tab.locator("dialog[open]")
    assert panel.locator("h2").inner_text().startswith("CRS, grade 2 or more: 1 of 15")
    assert tab.evaluate("document.activeElement.id") == "panel-title"
    panel.get_by_role("link", name="IIM-2", exact=True).click()
    assert "Grade 2: hypotension that needs no vasopressor." in panel.inner_text()
    assert "OBS-IIM-2-0417" in panel.inner_text()
    panel.get_by_role("button", name="Back").click()
    assert "CRS, grade 2 or more" in panel.locator("h2").inner_text()
    tab.keyboard.press("Escape")
    assert tab.locator("dialog[open]").count() == 0
    assert tab.evaluate("document.activeElement.getAttribute('href')") == "#why-crs_grade_2_or_more"


def test_the_interval_beside_a_number_answers_too(tab: Any) -> None:
    tab.locator(".estimates .interval").nth(1).click()
    assert "patients" not in tab.locator("dialog h2").inner_text()
    assert "CRS, grade 2 or more" in tab.locator("dialog h2").inner_text()


def test_why_opens_from_a_mark_of_a_figure(tab: Any) -> None:
    mark = tab.locator('.chart [data-subject="IIM-2"][data-criterion="crs_astct_2019"]').first
    _select(tab, mark)
    panel = tab.locator("dialog[open]")
    assert panel.locator("h2").inner_text().startswith("IIM-2")
    assert "Cytokine release syndrome" in panel.inner_text()
    panel.get_by_role("link", name="All of IIM-2").click()
    assert tab.locator("dialog[open]").count() == 0
    assert tab.locator('details.patient[data-subject="IIM-2"] .course').is_visible()


@pytest.mark.parametrize(
    ("mark", "title", "patients"),
    [
        ('#forest [data-why="doris_month_6"]', "DORIS remission, month 6: 8 of 8", ["SLE-1", "SLE-8"]),
        ('#forest [data-why="glucocorticoid_free_month_3"]', "month 3: 15 of 15", ["SLE-1", "IIM-3", "SSc-4"]),
        ('#event-free text[data-why="survival"]', "Alive: 15 patients, 0 with", ["SLE-1", "SSc-4"]),
    ],
)
def test_a_mark_of_an_estimate_shows_the_patients_behind_it(
    tab: Any, mark: str, title: str, patients: list[str]
) -> None:
    _select(tab, tab.locator(mark).first)
    panel = tab.locator("dialog[open]")
    assert title in panel.locator("h2").inner_text()
    for name in patients:
        assert panel.get_by_role("link", name=name).count() >= 1
    panel.get_by_role("link", name=patients[0]).first.click()
    if tab.locator("dialog[open]").count():
        assert panel.locator("h2").inner_text().startswith(patients[0])
    else:
        assert tab.locator(f'details.patient[data-subject="{patients[0]}"] .course').is_visible()


def test_a_row_of_every_estimate_shows_the_patients_behind_it(tab: Any) -> None:
    table = tab.locator("details.every", has_text="Change and course of scores").last
    table.locator("> summary").click()
    row = table.locator("tr", has_text="SLEDAI-2K, change from baseline, month 3").first
    row.locator("a.why").click()
    panel = tab.locator("dialog[open]")
    assert panel.locator("h2").inner_text() == "SLEDAI-2K, change from baseline, month 3: 8 patients"
    assert re.search(r"SLE-1 -\d+ points", panel.inner_text())


def test_scrolling_a_long_page_does_not_hold_up_the_reader(browser: Any, tmp_path: Path) -> None:
    """What comes into view is laid out in parts: the long drawings are cut, and no part has too many marks."""
    study = ac.reference_cohort()
    ac.report(Study(study.meta, copied(study.tables, 4)), tmp_path / "out")
    tab, complaints = open_page(browser, tmp_path / "out" / "report.html")
    assert tab.locator("figure.long").count() >= 3
    marks = "[...document.querySelectorAll('.sheet')].map(s => s.querySelectorAll('.chart *').length)"
    assert max(tab.evaluate(marks)) < 700
    assert "grade" in tab.locator("#toxicity-strip .sheets").get_attribute("aria-label")
    parts = "[...document.querySelectorAll('#toxicity-strip .sheet')].map(s => s.getBoundingClientRect())"
    places = tab.evaluate(f"{parts}.map(r => [r.top, r.bottom])")
    assert all(abs(above[1] - below[0]) < 0.01 for above, below in pairwise(places))
    mark = tab.locator('#swimmer [data-subject="3-SSc-4"]').first
    _select(tab, mark)
    assert tab.locator("dialog[open] h2").inner_text().startswith("3-SSc-4")
    assert complaints == []
    tab.close()


def test_a_day_that_is_not_explained_in_full_shows_all_grades_of_that_criterion(tab: Any) -> None:
    mark = tab.locator('#toxicity-strip [data-subject="IIM-2"][data-criterion="crs_astct_2019"][data-day="0"]').first
    _select(tab, mark)
    panel = tab.locator("dialog[open]")
    assert panel.locator("h2").inner_text() == "IIM-2, day 0"
    table = panel.locator("table").first
    caption = "Simulated data Cytokine release syndrome, ASTCT consensus grade (2019)"
    assert re.sub(r"\s+", " ", table.locator("caption").inner_text()) == caption
    assert "days 0 to 5 (6 results)" in table.inner_text()
    table.get_by_role("link", name="day 7", exact=True).click()
    assert "hypotension that needs no vasopressor" in panel.inner_text()


def test_a_patient_is_highlighted_in_all_figures_and_tables(tab: Any) -> None:
    row = tab.locator('tr[data-subject="SLE-1"]')
    row.hover()
    lit = "[...document.querySelectorAll('figure')].filter(f => f.querySelector('.chart .lit')).length"
    assert tab.evaluate(lit) >= 3
    assert "lit" in row.get_attribute("class")
    others = tab.evaluate("[...document.querySelectorAll('.lit[data-subject]')].map(e => e.dataset.subject)")
    assert set(others) == {"SLE-1"}
    tab.locator('tr[data-subject="SLE-2"] a').first.focus()
    assert "lit" in tab.locator('tr[data-subject="SLE-2"]').get_attribute("class")
    tab.locator('select[name="patient"]').select_option("SLE-3")
    tab.mouse.move(5, 5)
    assert "SLE-3 is highlighted" in tab.locator("#state").inner_text()
    assert "lit" in tab.locator('tr[data-subject="SLE-3"]').get_attribute("class")


def test_filters_by_keyboard_say_what_is_shown_and_that_numbers_stay(tab: Any) -> None:
    for _ in range(40):
        tab.keyboard.press("Tab")
        if tab.evaluate("document.activeElement.name") == "disease":
            break
    tab.keyboard.type("IIM")
    state = tab.locator("#state")
    assert "Shows 3 of 15 patients (IIM)." in state.inner_text()
    assert "still of all 15 patients" in state.inner_text()
    assert tab.locator("[role=status]").get_attribute("aria-live") == "polite"
    assert tab.locator("tr[data-subject]:visible").count() == 3
    assert tab.locator("details.patient:visible").count() == 3
    shown = "[...document.querySelectorAll('.chart [data-subject]')].filter(e => getComputedStyle(e).display != 'none')"
    assert set(tab.evaluate(f"{shown}.map(e => e.dataset.subject)")) == {"IIM-1", "IIM-2", "IIM-3"}
    tab.keyboard.press("Tab")
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.name") == "grade"
    tab.keyboard.type("2")
    assert "Shows 1 of 15 patients (IIM; grade 2 or more)." in state.inner_text()
    state.get_by_role("button").click()
    assert tab.locator("tr[data-subject]:visible").count() == 15
    assert state.is_hidden()


def test_a_period_hides_what_lies_outside(tab: Any) -> None:
    tab.locator('select[name="period"]').select_option("late")
    days = "[...document.querySelectorAll('[data-day]')].filter(e => getComputedStyle(e).display != 'none')"
    assert min(int(d) for d in tab.evaluate(f"{days}.map(e => e.dataset.day)")) >= 366
    followed = tab.evaluate(
        "[...document.querySelectorAll('tr[data-last]')].filter(r => Number(r.dataset.last) >= 366).length"
    )
    assert f"Shows {followed} of 15 patients (After month 12)." in tab.locator("#state").inner_text()


def test_without_scripts_every_why_is_a_link(browser: Any, page: Path) -> None:
    tab, complaints = open_page(browser, page, java_script_enabled=False)
    assert tab.locator("#filters").is_hidden()
    tab.locator(".headline a.why").first.click()
    reasons = tab.locator("#why-crs_grade_2_or_more")
    assert reasons.is_visible()
    reasons.get_by_role("link", name="IIM-2", exact=True).click()
    assert tab.get_by_text("Grade 2: hypotension that needs no vasopressor.").first.is_visible()
    tab.locator("#patients table.patients a").first.click()
    assert tab.locator("#p1 .course").is_visible()
    assert complaints == []
    tab.close()


@pytest.fixture(scope="module")
def active(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report in which SLE-1 has arthritis at month 3."""
    study = ac.reference_cohort().select(subjects=["SLE-1", "SLE-2"])
    items = study.tables["assessments"]
    here = (
        (pl.col("subject_id") == "SLE-1")
        & (pl.col("item") == "arthritis")
        & pl.col("datetime").str.starts_with("2021-05-26")
    )
    assert items.filter(here).height == 1
    changed = items.with_columns(value=pl.when(here).then(1.0).otherwise("value"))
    out = tmp_path_factory.mktemp("active") / "out"
    ac.report(Study(study.meta, {**study.tables, "assessments": changed}), out)
    return out / "report.html"


def test_reader_why_a_patient_is_not_in_doris_remission_at_month_3(browser: Any, active: Path) -> None:
    tab, complaints = open_page(browser, active)
    reason = "Not in remission: the clinical SLEDAI-2K is above 0."
    tab.locator('a.why[href="#why-doris_month_3"]').first.click()
    panel = tab.locator("dialog[open]")
    panel.locator("p:has-text('No: 1') + ul a").click()
    assert panel.locator("h2").inner_text() == "SLE-1: DORIS remission in lupus (2021), month 3, day 91: not met"
    assert reason in panel.inner_text()
    tab.keyboard.press("Escape")
    marks = tab.locator('.chart [data-subject="SLE-1"][data-criterion="doris_2021"][data-day="91"]')
    marks.first.scroll_into_view_if_needed()
    marks.first.click(force=True)
    assert reason in panel.inner_text()
    tab.keyboard.press("Escape")
    own = tab.locator('details.patient[data-subject="SLE-1"]')
    own.locator("> summary").click()
    line = own.locator("details.criterion > summary", has_text="DORIS remission")
    assert "baseline to month 3: not met; month 6 to month 36: met" in line.inner_text()
    line.click()
    own.locator("details.decision > summary", has_text="month 3, day 91").first.click()
    assert own.get_by_text(reason).nth(2).is_visible()
    assert complaints == []
    tab.close()


def poppler(*command: str) -> str:
    """The output of a program that reads PDF files."""
    if shutil.which(command[0]) is None:
        if os.environ.get("CI"):
            pytest.fail("CI needs poppler")
        pytest.skip("no poppler on this machine")
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_print_gives_whole_pages(tab: Any, tmp_path: Path) -> None:
    words = """[...document.querySelectorAll('figure')].map(f => [
        (f.querySelector('figcaption strong') || {}).textContent || '',
        [...f.querySelectorAll('.chart text')].map(t => t.textContent.trim()).filter(t => /^[a-z ]{4,}$/i.test(t))])"""
    figures = tab.evaluate(words)
    target = tmp_path / "report.pdf"
    tab.pdf(path=str(target), prefer_css_page_size=True)
    n = int(re.findall(r"Pages:\s+(\d+)", poppler("pdfinfo", str(target)))[0])
    assert 15 < n < 150
    pages = poppler("pdftotext", str(target), "-").split("\f")[:n]
    for i, text in enumerate(pages):
        squeezed = re.sub(r"\s+", " ", text)
        assert f"{i + 1} of {n}" in squeezed
        assert "data cut-off 2024-02-29 · SIMULATED DATA" in squeezed
    whole = [re.sub(r"\s+", " ", text) for text in pages]
    numbered = [(title, texts) for title, texts in figures if title.startswith("Figure ")]
    assert len(numbered) >= 8
    for title, texts in numbered:
        home = next(text for text in whole if title.split(".")[0] + "." in text)
        assert all(words in home for words in texts), title
    assert any("Infused on 2021-02-24" in text for text in whole)
    assert any("Grade 2: hypotension that needs no vasopressor." in text for text in whole)


@pytest.mark.parametrize("size", [DESKTOP, PHONE])
def test_odd_names_and_long_words_do_not_overflow(
    browser: Any, make_study: Callable[..., Study], tmp_path: Path, size: tuple[int, int]
) -> None:
    names = [
        "Пациент-номер-очень-длинное-обозначение-исследования-0001",
        "患者一号患者一号患者一号患者一号患者一号",
        "<script>alert(1)</script>",
    ]
    study = make_study(
        subjects=[{"subject_id": s, "indication": "SLE", "sex": "F", "age_at_infusion": 30} for s in names],
        infusions=[{"subject_id": s, "infusion_seq": 1, "start": "2022-03-01"} for s in names],
        events=[
            {"subject_id": s, "category": "infection", "term_text": "x" * 120, "start": "2022-03-20"} for s in names
        ],
        observations=[
            {"subject_id": s, "code": "ANC", "value": 0.4, "unit": "10*9/L", "datetime": "2022-03-05"} for s in names
        ],
    )
    ac.report(study, tmp_path / "out")
    tab, complaints = open_page(browser, tmp_path / "out" / "report.html", size)
    tab.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert tab.evaluate("document.documentElement.scrollWidth") <= size[0]
    assert complaints == []
    tab.close()
