"""The command line: each command is one call, says what a program needs with --json, and leaves with the right code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from aftercart.cli import main
from aftercart.demo import reference_cohort_folder

COHORT = str(reference_cohort_folder())


def run(*arguments: object) -> Result:
    result = CliRunner().invoke(main, [str(a) for a in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Result]:
    out = tmp_path_factory.mktemp("demo") / "out"
    return out, run("demo", "--out", out)


def test_demo_writes_the_report_and_prints_the_abstract_within_a_screen(demo: tuple[Path, Result]) -> None:
    out, result = demo
    assert result.exit_code == 0
    names = {p.name for p in out.iterdir()}
    assert names >= {"report.html", "summary.json", "assessments.parquet", "assessments.csv", "study", "figures"}
    assert (out / "study" / "observations.csv").exists()
    lines = result.stdout.split("\nWritten to")[0].splitlines()
    assert len(lines) <= 40
    assert max(map(len, lines)) <= 100
    for words in ("simulated or reconstructed", "10 women and 5 men", "grade 1 in 8 and grade 2 in 1", "18 months"):
        assert words in " ".join(result.stdout.split())


def test_the_abstract_gives_an_exact_interval_with_every_proportion(demo: tuple[Path, Result]) -> None:
    import re

    text = " ".join(demo[1].stdout.split())
    counts = re.findall(r"\d+ of \d+(?! patients)(.{0,12})", text)
    assert len(counts) > 15
    without = [c for c in counts if "(" not in c]
    assert without == ["."] or len(without) <= 1


def test_the_summary_follows_its_schema(demo: tuple[Path, Result]) -> None:
    from importlib.resources import files

    import jsonschema

    summary = json.loads((demo[0] / "summary.json").read_text("utf-8"))
    schema = json.loads((files("aftercart.reporting") / "summary.schema.json").read_text("utf-8"))
    jsonschema.Draft202012Validator(schema).validate(summary)
    wanted = {
        "id",
        "label",
        "population",
        "numerator",
        "denominator",
        "estimate",
        "ci_low",
        "ci_high",
        "ci_method",
        "unit",
    }
    assert all(wanted <= set(e) for e in summary["estimates"])
    assert len({e["id"] for e in summary["estimates"]}) == len(summary["estimates"])


def test_the_study_a_demo_writes_can_be_read_again(demo: tuple[Path, Result]) -> None:
    result = run("check", demo[0] / "study", "--json")
    assert result.exit_code == 0
    found = json.loads(result.stdout)
    assert found["problems"] == []
    assert all(c["read"] == c["kept"] + c["listed"] for c in found["rows"].values())


def test_assess_writes_the_table(tmp_path: Path) -> None:
    result = run("assess", COHORT, "--out", tmp_path / "a", "--criterion", "mrss", "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["criteria"] == {"mrss": 24}
    assert (tmp_path / "a" / "assessments.parquet").exists()


def test_explain_names_clause_values_and_rows() -> None:
    result = run("explain", COHORT, "IIM-2", "crs_astct_2019", "--day", 7)
    assert result.exit_code == 0
    for words in ("grade 2", "hypotension that needs no vasopressor", "assessments:ASM-IIM-2", "Lee DW"):
        assert words in result.stdout
    found = json.loads(run("explain", COHORT, "IIM-2", "crs_astct_2019", "--day", 7, "--json").stdout)
    assert (found[0]["value"], found[0]["clause"]) == (2, "hypotension_without_vasopressor")


def test_criteria_lists_and_shows() -> None:
    listed = json.loads(run("criteria", "--json").stdout)
    assert {"key", "title", "group", "source_status"} <= set(listed[0])
    assert "crs_astct_2019" in run("criteria").stdout
    page = run("criteria", "crs_astct_2019").stdout
    assert "temperature_c" in page
    assert json.loads(run("criteria", "crs_astct_2019", "--json").stdout)["key"] == "crs_astct_2019"


def test_verify_passes_and_its_json_has_the_documented_keys() -> None:
    result = run("verify", "--json")
    found = json.loads(result.stdout)
    assert set(found) == {"passed", "failed", "not_implemented", "criteria", "failures"}
    assert (result.exit_code, found["failed"], found["failures"]) == (0, 0, [])
    assert found["passed"] > 400


def test_verify_fails_with_code_1_and_shows_expected_and_found(tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    case = {"criterion": "mrss", "case": "wrong on purpose", "inputs": {"unlisted_sites": 0}, "expected": {"mrss": 3}}
    path.write_text(json.dumps([case]))
    result = run("verify", path)
    assert result.exit_code == 1
    assert "expected 3, found 0" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("explain", COHORT, "SLE-99", "doris_2021"), "no subject 'SLE-99'"),
        (("explain", COHORT, "SLE-1", "doris_2020"), "doris_2021"),
        (("explain", COHORT, "SLE-1", "mrss"), "applies to SSC"),
        (("criteria", "nothing"), "no criterion 'nothing'"),
        (("check", "no-such-folder"), "no-such-folder"),
        (("verify", "no-such.json"), "no-such.json"),
        (("report", COHORT), "--out"),
        (("demo", "--what"), "--what"),
    ],
)
def test_a_call_that_cannot_be_answered_leaves_with_2_and_says_why(arguments, words) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert words in result.stderr
    assert "Traceback" not in result.stderr


def test_a_folder_of_others_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    result = run("assess", COHORT, "--out", tmp_path / "mine", "--criterion", "mrss")
    assert result.exit_code == 2
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "years of work"
