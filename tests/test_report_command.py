"""The command `report`: formats, patients, a day in the past; what cannot be answered leaves nothing behind."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner, Result

import aftercart as ac
from aftercart.cli import main
from aftercart.demo import reference_cohort_folder
from aftercart.reporting import folder as reporting_folder
from aftercart.reporting.scope import restricted

COHORT = str(reference_cohort_folder())


def run(*arguments: object) -> Result:
    result = CliRunner().invoke(main, ["report", COHORT, *(str(a) for a in arguments)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


@pytest.fixture(scope="module")
def part(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Result]:
    out = tmp_path_factory.mktemp("part") / "out"
    wanted = ("--format", "html,docx", "--format", "rtf,json", "--paper", "a4")
    return out, run("--out", out, *wanted, "--subjects", "SLE-1,IIM-2", "--subjects", "SSc-1", "--as-of", "2023-06-30")


def test_every_format_is_written_and_named(part: tuple[Path, Result]) -> None:
    out, result = part
    assert result.exit_code == 0
    names = {p.name for p in out.iterdir() if not p.name.startswith(".")}
    documents = {"report.html", "report.docx", "report.rtf", "summary.json", "tables.json"}
    assert names == documents | {"assessments.parquet", "assessments.csv", "figures", "analysis", "journal"}
    written = result.stdout.rpartition("Written to ")[2]
    assert all(name in written for name in documents)


def test_patients_and_day_are_those_asked_for_and_said_everywhere(part: tuple[Path, Result]) -> None:
    import docx

    out, _ = part
    first, second = "Restricted to 3 of 15 patients: SLE-1, IIM-2, SSc-1.", "As known on 2023-06-30."
    assert f"{first} {second}" in (out / "report.html").read_text("utf-8")
    document = docx.Document(str(out / "report.docx"))
    for section in document.sections:
        for head in (section.first_page_header, section.header):
            said = [p.text for p in head.paragraphs]
            assert first in said
            assert second in said
    assert (out / "report.rtf").read_text("ascii").count(first) >= 2 * len(document.sections)
    tables = json.loads((out / "tables.json").read_text("utf-8"))
    assert tables["about"]["scope"] == [first, second]
    assert tables["about"]["data_cut_off"] == "2023-06-30"
    summary = json.loads((out / "summary.json").read_text("utf-8"))
    assert summary["cohort"]["n"] == 3
    assert summary["cohort"]["note"].startswith(f"{first} {second} Reconstructed")
    assessed = pl.read_parquet(out / "assessments.parquet")
    assert set(assessed["subject_id"]) == {"SLE-1", "IIM-2", "SSc-1"}
    assert document.sections[0].page_width.inches == pytest.approx(11.69, abs=0.01)


def test_figures_are_images_of_the_documents(part: tuple[Path, Result]) -> None:
    import docx

    out, _ = part
    document = docx.Document(str(out / "report.docx"))
    figures = [p.text for p in document.paragraphs if p.style.name == "Heading 1" and p.text.startswith("Figure ")]
    assert len(figures) >= len(document.inline_shapes) > 5
    assert all(shape._inline.docPr.get("descr") for shape in document.inline_shapes)
    assert (out / "report.rtf").read_bytes().count(b"\\pngblip") == len(document.inline_shapes)


def test_one_format_writes_its_files_alone(tmp_path: Path) -> None:
    result = run("--out", tmp_path / "out", "--format", "json", "--subjects", "SLE-1")
    assert result.exit_code == 0
    names = {p.name for p in (tmp_path / "out").iterdir() if not p.name.startswith(".")}
    assert names == {"summary.json", "tables.json", "assessments.parquet", "assessments.csv"}


@pytest.mark.slow
def test_the_same_study_gives_the_same_documents(tmp_path: Path) -> None:
    study = ac.reference_cohort().select(subjects=["SLE-1", "IIM-2"])
    for name in ("one", "two"):
        ac.report(study, tmp_path / name, formats=["docx", "rtf", "json"])
    for name in ("report.docx", "report.rtf", "tables.json"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes(), name


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--subjects", "SLE-1,SLE-99"), "no subject 'SLE-99'"),
        (("--subjects", ","), "No patient is named"),
        (("--as-of", "2023-02-30"), "'2023-02-30' is not a date"),
        (("--as-of", "yesterday"), "such as 2024-03-31"),
        (("--format", "html,pdf"), "no format 'pdf'"),
        (("--format", ","), "No format is named"),
        (("--paper", "a5"), "a5"),
    ],
)
def test_what_cannot_be_answered_leaves_with_2_and_nothing_behind(
    tmp_path: Path, arguments: tuple[str, ...], words: str
) -> None:
    result = run("--out", tmp_path / "out", *arguments)
    assert result.exit_code == 2
    assert words in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_report_that_fails_leaves_the_one_before(tmp_path: Path) -> None:
    assert run("--out", tmp_path / "out", "--format", "json", "--subjects", "SLE-1").exit_code == 0
    before = (tmp_path / "out" / "tables.json").read_bytes()
    assert run("--out", tmp_path / "out", "--format", "json", "--subjects", "nobody").exit_code == 2
    assert (tmp_path / "out" / "tables.json").read_bytes() == before


def test_a_missing_package_is_named_before_anything_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(reporting_folder.NEEDED, "rtf", ("no_such_module", "rtflite", "an RTF document"))
    result = run("--out", tmp_path / "out", "--format", "rtf")
    assert result.exit_code == 2
    assert "aftercart[documents]" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_paper_that_is_not_known_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ac.AftercartError, match="paper 'a5'"):
        ac.report(ac.reference_cohort(), tmp_path / "out", paper="a5")


def test_the_scope_is_said_in_the_note_and_a_day_after_the_cut_off_changes_nothing() -> None:
    study = ac.reference_cohort()
    assert restricted(study).study is study
    scope = restricted(study, as_of="2030-01-01")
    assert scope.sentences == ("As known on 2024-02-29.",)
    assert scope.study.tables["events"].equals(study.tables["events"])
    many = restricted(study, subjects=[*study.subjects["subject_id"], "SLE-1"])
    assert many.sentences[0].startswith("Restricted to 15 of 15 patients: IIM-1, ")


def test_a_subject_whose_name_holds_a_comma_can_be_chosen(tmp_path: Path) -> None:
    study = ac.reference_cohort().select(subjects=["SLE-1", "SLE-2"])
    from dataclasses import replace

    renamed = {
        name: t.with_columns(subject_id=pl.col("subject_id").replace("SLE-1", "SLE,1"))
        for name, t in study.tables.items()
    }
    replace(study, tables=renamed, provenance={}).write(tmp_path / "study")
    done = CliRunner().invoke(
        main,
        ["report", str(tmp_path / "study"), "--out", str(tmp_path / "out"), "--format", "json", "--subjects", "SLE,1"],
    )
    assert done.exit_code == 0
    assert json.loads((tmp_path / "out" / "summary.json").read_text("utf-8"))["cohort"]["n"] == 1
