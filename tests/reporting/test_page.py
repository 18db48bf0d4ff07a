"""The report as a page: self-contained, readable without scripts, safe with hostile text, whole with little data."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import aftercart as ac
from aftercart.study.model import Study


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("report") / "out"
    ac.report(ac.reference_cohort().select(subjects=["SLE-1", "SLE-8", "SSc-2", "IIM-2"]), out)
    return out / "report.html"


class Links(HTMLParser):
    """Collects every address a page would load, ids, and headings."""

    def __init__(self) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.ids: list[str] = []
        self.targets: list[str] = []
        self.tags: list[str] = []
        self.images_without_name: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.tags.append(tag)
        if found.get("id"):
            self.ids.append(str(found["id"]))
        if tag in ("img", "script", "iframe", "link", "source", "video", "audio"):
            self.loads += [str(v) for k, v in found.items() if k in ("src", "href")]
        if tag == "a" and (found.get("href") or "").startswith("#"):
            self.targets.append(str(found["href"])[1:])
        if tag == "svg" and found.get("aria-hidden") != "true" and not (found.get("aria-label") or found.get("role")):
            self.images_without_name.append(str(found.get("id") or found.get("class")))


def parsed(path: Path) -> Links:
    links = Links()
    links.feed(path.read_text("utf-8"))
    return links


def test_the_page_loads_nothing_and_runs_nothing(page: Path) -> None:
    links = parsed(page)
    assert [a for a in links.loads if not a.startswith("data:")] == []
    assert "script" not in links.tags
    text = page.read_text("utf-8")
    assert not re.search(r"url\((?!['\"]?(data:|#))", text)
    assert "@import" not in text


def test_the_page_can_be_navigated_and_read_aloud(page: Path) -> None:
    links, text = parsed(page), page.read_text("utf-8")
    assert len(links.ids) == len(set(links.ids))
    assert set(links.targets) <= set(links.ids)
    assert links.images_without_name == []
    assert re.search(r'<html lang="en"', text)
    assert links.tags.count("h1") == 1
    assert {"main", "nav", "table", "caption"} <= set(links.tags)


def test_every_estimate_is_on_the_page_and_beside_it(page: Path) -> None:
    text = page.read_text("utf-8")
    assert "Patients at each step" in text
    assert "Death from any cause" in text
    for heading in ("Proportions of evaluable patients", "With non-responder imputation", "Time to an event"):
        assert heading in text
    table = pl.read_parquet(page.parent / "analysis" / "estimates.parquet")
    counted = table.filter((pl.col("unit") == "proportion") & (pl.col("denominator") > 0))
    assert all(str(label) in text for label in counted["label"].unique() if "(" not in label)


def test_every_part_says_that_the_data_are_simulated(page: Path) -> None:
    text = page.read_text("utf-8")
    parts = len(re.findall(r"<caption|<figcaption", text))
    assert text.count("Simulated data") >= parts > 10
    for name in (page.parent / "figures").glob("*.svg"):
        assert "Simulated data" in name.read_text("utf-8")


def test_hostile_text_stays_text(make_study: Callable[..., Study], tmp_path: Path) -> None:
    attack = "<script>alert(1)</script>"
    study = make_study(
        subjects=[{"subject_id": "P<1>", "indication": "SLE", "sex": "F", "age_at_infusion": 30}],
        infusions=[{"subject_id": "P<1>", "infusion_seq": 1, "start": "2022-03-01"}],
        events=[{"subject_id": "P<1>", "category": "infection", "term_text": attack, "start": "2022-03-20"}],
        observations=[{"subject_id": "P<1>", "code": "TEMP", "value": 38.4, "unit": "Cel", "datetime": "2022-03-05"}],
    )
    ac.report(study, tmp_path / "out")
    text = (tmp_path / "out" / "report.html").read_text("utf-8")
    assert attack not in text
    assert "P&lt;1&gt;" in text


def test_a_study_without_findings_still_has_a_report(make_study: Callable[..., Study], tmp_path: Path) -> None:
    done = ac.report(make_study(), tmp_path / "out")
    assert "could not be evaluated in any patient" in done.abstract
    summary = json.loads((tmp_path / "out" / "summary.json").read_text("utf-8"))
    crs = next(e for e in summary["estimates"] if e["id"] == "crs_any")
    assert (crs["denominator"], crs["not_evaluable"], crs["estimate"]) == (0, 1, None)


def test_problems_of_the_data_are_on_the_page(make_study: Callable[..., Study], tmp_path: Path) -> None:
    bad = [{"subject_id": "P1", "code": "ANC", "value": 3, "unit": "furlong", "datetime": "2022-03-05"}]
    ac.report(make_study(observations=bad), tmp_path / "out")
    text = (tmp_path / "out" / "report.html").read_text("utf-8")
    assert "furlong" in text
    assert "observations" in text


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1200])
def test_the_page_in_a_browser(page: Path, browser: Any, scheme: str, width: int) -> None:
    tab = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme, java_script_enabled=True)
    complaints: list[str] = []
    tab.on("console", lambda message: complaints.append(message.text))
    tab.on("request", lambda request: complaints.append(request.url) if "report.html" not in request.url else None)
    tab.goto(page.as_uri())
    assert complaints == []
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    ink, paper = tab.evaluate(
        "[getComputedStyle(document.body).color, getComputedStyle(document.documentElement).backgroundColor,"
        " getComputedStyle(document.body).backgroundColor].map(c => c.match(/[\\d.]+/g).map(Number))"
        ".filter(c => c.length < 4 || c[3] > 0).slice(0, 2)"
    )
    assert _contrast(ink, paper) >= 7
    assert (sum(paper) < 200) == (scheme == "dark")
    assert tab.locator("svg").first.is_visible()
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.tagName") in ("A", "SUMMARY")
    tab.locator("summary").first.click()
    assert tab.locator("details[open]").count() == 1
    tab.emulate_media(media="print")
    assert tab.locator("h1").is_visible()
    tab.close()


def _contrast(a: list[float], b: list[float]) -> float:
    def luminance(colour: list[float]) -> float:
        parts = [c / 255 for c in colour[:3]]
        linear = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)
