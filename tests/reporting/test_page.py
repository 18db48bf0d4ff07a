"""The report as a page: self-contained, readable without scripts, safe with hostile text, whole with little data."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import polars as pl
import pytest
from tests.small_study import copied

import aftercart as ac
from aftercart.reporting.rendering import asset, integrity
from aftercart.study.model import Study


@pytest.fixture
def page(small_report: Path) -> Path:
    return small_report / "report.html"


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


def test_the_page_loads_nothing_and_runs_nothing_but_its_own_script(page: Path) -> None:
    links = parsed(page)
    assert [a for a in links.loads if not a.startswith("data:")] == []
    assert links.tags.count("script") == 1
    text = page.read_text("utf-8")
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)
    assert policy is not None
    assert policy[1].startswith("default-src 'none'; script-src 'sha256-")
    assert "eval" not in str(asset("report.js"))
    for name, tag in (("report.js", "script"), ("style.css", "style")):
        assert integrity(name) in policy[1]
        assert f"<{tag}>{asset(name)}</{tag}>" in text
    assert not re.search(r"<[^>]* on\w+=", text)
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


def test_the_headline_and_every_counted_row_say_who_stands_behind_them(page: Path) -> None:
    text = page.read_text("utf-8")
    cards = re.findall(r'<p class="card-value"><a class="why" href="#(why-[^"]+)"', text)
    assert cards[0] == "why-crs_grade_2_or_more"
    assert len(cards) == 4
    rows = re.findall(r'<td class="num"><a class="why" href="#(why-[^"]+)"', text)
    assert len(set(rows)) > 40
    assert {*cards, *rows} <= set(parsed(page).ids)
    tables = re.findall(r'<table class="every-estimate">.*?</table>', text, re.DOTALL)
    rates = section(page, "Rates and times</caption>", "</table>")
    lines = [line for part in (*tables, rates) for line in part.split("<tr>") if 'scope="row"' in line]
    assert len(lines) > 100
    assert [line for line in lines if 'class="why"' not in line] == []


def section(path: Path, start: str, end: str) -> str:
    text = path.read_text("utf-8")
    return text[text.index(start) : text.index(end, text.index(start) + len(start))]


def test_a_number_leads_to_the_patients_and_they_to_the_result(page: Path) -> None:
    why = section(page, 'id="why-crs_grade_2_or_more"', "</details>")
    assert "Yes: 1" in why
    assert "No: 3" in why
    link = re.search(r'href="#(x\d+)">IIM-2<', why)
    assert link is not None
    reason = section(page, f'id="{link[1]}"', "</details>")
    assert "Grade 2: hypotension that needs no vasopressor." in reason
    assert "observations OBS-IIM-2-0417, OBS-IIM-2-0418" in reason


def test_numbers_in_sentences_and_of_the_patients_at_entry_say_who_stands_behind_them(page: Path) -> None:
    abstract = section(page, '<div class="abstract">', "</div>")
    told = re.findall(r'<a class="why" href="#(why-[^"]+)" aria-label="([^"]+)">', abstract)
    assert len(told) > 20
    assert "patients behind" in told[0][1]
    assert len(re.findall(r"\d of \d", re.sub("<a .*?</a>", "", abstract))) == 0
    assert not re.search("[\x02\x03\x1f]", page.read_text("utf-8"))
    entry = section(page, "Patients by disease</caption>", "</table>") + section(
        page, "Patients at entry, in full</caption>", "</table>"
    )
    cells = re.findall(r'<td class="num">(.*?)(?=<td|\n)', entry)
    linked = re.findall(r'href="#(why-at_entry_[^"]+)"', entry)
    assert [c for c in cells if "class=" not in c and c not in ("\u2013", "not recorded")] == ["2", "1", "1", "4"]
    assert {*linked, *(id_ for id_, _ in told)} <= set(parsed(page).ids)
    women = section(page, 'id="why-at_entry_sex_F"', "</details>")
    assert "Yes: 3" in women


def test_an_explanation_stands_once(page: Path) -> None:
    ids = [i for i in parsed(page).ids if re.fullmatch(r"x\d+", i)]
    assert len(ids) == len(set(ids)) > 100


def test_each_patient_has_a_part_of_the_page(page: Path) -> None:
    text = page.read_text("utf-8")
    assert re.findall(r'<details class="patient" data-subject="([^"]+)"', text) == ["SLE-1", "SLE-8", "IIM-2", "SSc-2"]
    own = section(page, '<details class="patient" data-subject="IIM-2"', '<details class="patient"')
    assert "woman, 44 years, idiopathic inflammatory myopathy (ASyS)" in own
    assert "CRS grade 2 (day 6 to 9); ICANS grade 1 (day 8 to 9)" in own
    assert "Every grade and score of IIM-2" in own


def without_contact(study: Study, subject: str, first: str, last: str) -> Study:
    """The study without anything recorded of a subject from `first` to `last`."""

    def kept(table: pl.DataFrame, column: str) -> pl.DataFrame:
        day = pl.col(column).str.slice(0, 10)
        gone = (pl.col("subject_id") == subject) & (day >= first) & (day <= last)
        return table.filter(~gone.fill_null(value=False))

    dated = {"observations": "datetime", "assessments": "datetime", "visits": "start"}
    return replace(study, tables={n: kept(t, dated[n]) if n in dated else t for n, t in study.tables.items()})


def test_who_is_overdue_for_the_visit_of_year_2_stands_on_the_page(tmp_path: Path) -> None:
    study = ac.reference_cohort().select(subjects=["SLE-1", "SLE-2"])
    ac.report(without_contact(study, "SLE-1", "2022-11-20", "2023-05-30"), tmp_path / "out")
    path = tmp_path / "out" / "report.html"
    row = section(path, '<th scope="row">month 24 ', "<tr>")
    assert "year 2" in row
    assert "SLE-1" in row
    assert "window closed 2023-05-25" in row
    assert "SLE-2" not in row
    assert "<b>1 overdue or missing</b>" in section(
        path, '<details class="patient" data-subject="SLE-1">', "</summary>"
    )


def test_the_page_of_nothing_overdue_says_so(page: Path) -> None:
    assert "nobody" in section(page, '<th scope="row">month 24 ', "<tr>")


def test_more_patients_than_the_page_holds(make_study: Callable[..., Study], tmp_path: Path) -> None:
    ids = [f"P{i:03}" for i in range(1, 206)]
    fever = [
        {"subject_id": "P205", "code": "TEMP", "value": 39, "unit": "Cel", "datetime": "2022-03-05"},
        {"subject_id": "P205", "code": "O2DEVICE", "value_text": "high_flow_nasal_cannula", "datetime": "2022-03-05"},
    ]
    study = make_study(
        subjects=[{"subject_id": s, "indication": "SLE", "sex": "F", "age_at_infusion": 30} for s in ids],
        infusions=[{"subject_id": s, "infusion_seq": 1, "start": "2022-03-01"} for s in ids],
        observations=fever,
    )
    ac.report(study, tmp_path / "out")
    text = (tmp_path / "out" / "report.html").read_text("utf-8")
    shown = re.findall(r'<details class="patient" data-subject="([^"]+)"', text)
    assert len(shown) == 200
    assert shown[-1] == "P205"
    assert "This page holds 200 of 205 patients" in text
    assert "--subjects" in text


@pytest.mark.slow
def test_a_registry_of_a_thousand_patients_has_a_page_of_bounded_size(tmp_path: Path) -> None:
    """Seven patients 150 times, with their medicines and one score: estimates are of all, the page names 200."""
    study = ac.reference_cohort()
    tables = {name: study.tables[name] for name in ("subjects", "infusions", "exposures", "assessments")}
    tables = {name: table.filter(pl.col("subject_id").str.contains("IIM|SSc")) for name, table in tables.items()}
    tables["assessments"] = tables["assessments"].filter(pl.col("instrument") == "HAQ-DI")
    many = copied(tables, 150)
    ac.report(Study(study.meta, {**{n: t.clear() for n, t in study.tables.items()}, **many}), tmp_path / "out")
    page = tmp_path / "out" / "report.html"
    text = page.read_text("utf-8")
    assert page.stat().st_size < 10e6
    assert "This page holds 200 of 1050 patients" in text
    assert len(re.findall(r'<details class="patient" ', text)) == 200
    assert "<li>and 500 more" in text
    estimates = pl.read_parquet(tmp_path / "out" / "analysis" / "estimates.parquet")
    asked = (pl.col("id") == "haq_di_change_month_3") & (pl.col("stratum") == "all")
    change = estimates.filter(asked).row(0, named=True)
    assert change["denominator"] == 1050
    assert change["estimate"] < 0
    assert "the limits fall on one value" in change["note"]
    assert change["ci_method"].endswith("normal approximation of the sum of ranks")
    answers = pl.read_parquet(tmp_path / "out" / "analysis" / "answers.parquet")
    assert answers.filter(pl.col("id") == "death").height == 1050


@pytest.mark.parametrize("name", ["Пациент-1", "患者一号", "a b", 'x" onload="alert(1)', "']--"])
def test_any_name_of_a_patient(make_study: Callable[..., Study], tmp_path: Path, name: str) -> None:
    study = make_study(
        subjects=[{"subject_id": name, "indication": "SLE", "sex": "F", "age_at_infusion": 30}],
        infusions=[{"subject_id": name, "infusion_seq": 1, "start": "2022-03-01"}],
        observations=[{"subject_id": name, "code": "ANC", "value": 0.4, "unit": "10*9/L", "datetime": "2022-03-05"}],
    )
    ac.report(study, tmp_path / "out")
    path = tmp_path / "out" / "report.html"
    links = parsed(path)
    assert set(links.targets) <= set(links.ids)
    assert len(links.ids) == len(set(links.ids))
    assert not re.search(r"<[^>]* onload=", re.sub(r'"[^"]*"', '""', path.read_text("utf-8")))


def test_empty_parts_say_why(make_study: Callable[..., Study], tmp_path: Path) -> None:
    ac.report(make_study(), tmp_path / "out")
    text = (tmp_path / "out" / "report.html").read_text("utf-8")
    assert "No efficacy criterion could be assessed" in text
    assert "Could not be evaluated: values missing: visits: 1" in section(
        tmp_path / "out" / "report.html", 'id="why-remission_reached"', "</div>"
    )
    for heading in ("Safety", "Efficacy and treatment", "Durability", "Patients", "Data quality", "Methods"):
        assert f">{heading}</h2>" in text
