"""What changed, on a page of its own and in the report's section: escaped, marked, without network, with its tables."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from click.testing import CliRunner

import aftercart as ac
from aftercart.cli import main
from aftercart.errors import UsageError
from aftercart.reporting.comparison import comparison_page, comparison_section, write_comparison
from aftercart.reporting.journal.texts import FILES
from aftercart.reporting.rendering import render
from aftercart.study.model import Study

Make = Callable[..., Study]


def platelets(value: float, **more: Any) -> dict[str, Any]:
    return {
        "subject_id": "P1",
        "code": "PLT",
        "value": value,
        "unit": "10*9/L",
        "datetime": "2022-03-10",
        **more,
    }


@pytest.fixture
def two(make_study: Make) -> tuple[Study, Study]:
    return (
        make_study(name="before", observations=[platelets(20)]),
        make_study(name="after", observations=[platelets(90)]),
    )


def test_the_page_shows_the_move_and_its_row(two: tuple[Study, Study]) -> None:
    page = comparison_page(ac.diff(*two))
    assert "Simulated data" in page
    assert page.count("<h1>") == 1
    text = " ".join(re.sub(r"<[^>]+>", " ", page).split())
    assert "because observations:OBS-1 (PLT) of 2022-03-10 changed: value 20 \u2192 90" in text
    assert "observations: 1 changed" in text
    assert "http" not in re.sub(r"https://doi\.org/", "", page)
    assert "<script" not in page


def test_nothing_changed_says_so_with_both_hashes(two: tuple[Study, Study]) -> None:
    before, _ = two
    page = comparison_page(ac.diff(before, before))
    assert f"Nothing changed. Content of the data (SHA-256): {before.content_hash} before" in page
    assert "<table" not in page


def test_what_is_in_the_data_cannot_become_markup(make_study: Make) -> None:
    bad = "<script>alert(1)</script>"
    subjects = [{"subject_id": bad, "indication": "SLE", "sex": "F"}]
    infusions = [{"subject_id": bad, "infusion_seq": 1, "start": "2022-03-01"}]
    same = {"subjects": subjects, "infusions": infusions}
    one, other = (
        make_study(name=str(n), observations=[platelets(n, subject_id=bad, row_id=bad)], **same) for n in (20, 90)
    )
    titled = replace(other, meta=replace(other.meta, title=bad))
    page = comparison_page(ac.diff(one, titled))
    assert "<script" not in page
    assert page.count("&lt;script&gt;") > 5


def test_the_section_of_a_report_is_the_same_and_absent_without_a_comparison(two: tuple[Study, Study]) -> None:
    section = render("_compare.html.j2", comparison=comparison_section(ac.diff(*two)), simulated=True)
    assert "Assessments that moved, and because of what" in section
    assert "<h2" not in section
    assert render("_compare.html.j2", comparison=None, simulated=True).strip() == ""


def test_many_rows_are_counted_and_not_all_written_out(make_study: Make) -> None:
    days = [f"2022-{month:02d}-{day:02d}" for month in range(3, 10) for day in range(1, 29)]
    values = [platelets(20, row_id=f"O{d}", datetime=d) for d in days]
    d = ac.diff(make_study(name="a"), make_study(name="b", observations=values), estimates=False)
    told = comparison_section(d)
    assert told.counts["appeared"] > 200
    assert dict(told.appeared)["Platelet count and haemoglobin, CTCAE v5 and v6"] == 2 * len(days)
    text = str(d)
    assert len(text.splitlines()) < 120
    assert "observations: 196 added" in text
    fixed = [{**v, "value": 90} for v in values]
    text = str(
        ac.diff(make_study(name="c", observations=values), make_study(name="d", observations=fixed), estimates=False)
    )
    assert "and 156 more" in text


def test_written_as_a_whole_folder(two: tuple[Study, Study], tmp_path: Path) -> None:
    found = ac.diff(*two)
    out = write_comparison(found, tmp_path / "out")
    assert {p.name for p in out.iterdir()} >= {"comparison.html", "comparison.json", "causes.csv", "rows.parquet"}
    assert pl.read_csv(out / "cells.csv")["new"].to_list() == [90.0]
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine", "utf-8")
    with pytest.raises(UsageError, match="did not write"):
        write_comparison(found, tmp_path / "mine")


def run(*arguments: object) -> Any:
    result = CliRunner().invoke(main, [str(a) for a in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def test_the_command_says_by_its_exit_code_whether_anything_changed(
    study_folder: Callable[..., Path], tmp_path: Path
) -> None:
    before = study_folder("before", observations=[platelets(20)])
    after = study_folder("after", observations=[platelets(90)])
    same = run("diff", before, before, "--no-estimates")
    assert (same.exit_code, "Nothing changed." in same.stdout) == (0, True)
    found = run("diff", before, after, "--out", tmp_path / "out", "--json")
    assert found.exit_code == 1
    whole = json.loads(found.stdout)
    assert whole["rows"][0]["row_id"] == "OBS-1"
    assert whole["estimates"]
    assert (tmp_path / "out" / "comparison.html").exists()
    text = run("diff", before, after, "--no-estimates")
    assert "because observations:OBS-1" in text.stdout
    nowhere = run("diff", before, tmp_path / "nowhere")
    assert (nowhere.exit_code, "Hint:" in nowhere.stderr) == (2, True)


def test_the_command_compares_what_an_earlier_run_wrote(study_folder: Callable[..., Path], tmp_path: Path) -> None:
    study = study_folder("study", observations=[platelets(20)])
    assert run("assess", study, "--out", tmp_path / "earlier").exit_code == 0
    again = run("diff", tmp_path / "earlier", study)
    assert again.exit_code == 0
    assert "Content of the data: not known" in again.stdout


@pytest.fixture(scope="module")
def compared_report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report of two patients, with what changed since an earlier cut."""
    study = ac.reference_cohort().select(subjects=["SLE-2", "IIM-1"])
    out = tmp_path_factory.mktemp("report") / "out"
    ac.report(study, out, compare=study.as_of(date(2023, 1, 1)))
    return out


def test_a_report_shows_what_changed_and_the_texts_for_a_paper(compared_report: Path) -> None:
    page = (compared_report / "report.html").read_text("utf-8")
    assert 'href="#changed"' in page
    assert 'href="#journal"' in page
    assert "Assessments that moved, and because of what" in page
    assert "Reporting checklists" in page
    assert {p.name for p in (compared_report / "journal").iterdir()} == set(FILES)
    assert (compared_report / "changed" / "comparison.json").exists()


def test_every_place_that_a_checklist_names_is_in_the_report(compared_report: Path) -> None:
    page = (compared_report / "report.html").read_text("utf-8")
    ids = set(re.findall(r'\bid="([^"]+)"', page))
    paper = ac.journal(ac.reference_cohort())
    places = [p for c in paper.checklists for i in c.items for p in i.places]
    assert {p.anchor for p in places if p.anchor} - ids == set()
    for name in (p.what.removeprefix("file ").partition(":")[0] for p in places if not p.anchor):
        assert (compared_report / name).exists(), name


def test_a_report_without_a_comparison_has_no_such_section(study_folder: Callable[..., Path], tmp_path: Path) -> None:
    study = study_folder("study", observations=[platelets(20)])
    assert run("report", study, "--out", tmp_path / "out").exit_code == 0
    assert 'id="changed"' not in (tmp_path / "out" / "report.html").read_text("utf-8")
    again = run("report", study, "--out", tmp_path / "next", "--compare", tmp_path / "out")
    assert again.exit_code == 0
    assert "Nothing changed." in (tmp_path / "next" / "report.html").read_text("utf-8")
    refused = run("report", study, "--out", tmp_path / "x", "--compare", tmp_path / "out", "--subjects", "P1")
    assert (refused.exit_code, "about all of its patients" in refused.stderr) == (2, True)


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.parametrize("size", [(1280, 900), (390, 844)])
def test_the_pages_are_quiet_accessible_and_fit(
    browser: Any, compared_report: Path, two: tuple[Study, Study], tmp_path: Path, size: tuple[int, int]
) -> None:
    from test_page_browser import open_page, violations

    alone = write_comparison(ac.diff(*two), tmp_path / "out") / "comparison.html"
    for path, part in ((alone, None), (compared_report / "report.html", "#changed, #journal")):
        tab, complaints = open_page(browser, path, size)
        tab.evaluate("document.querySelectorAll('#changed details, #journal details').forEach(d => { d.open = true })")
        assert tab.evaluate("document.documentElement.scrollWidth") <= size[0]
        assert violations(tab, part) == []
        assert complaints == []
        tab.close()
