"""Reasons in few words: source rows as ranges, inputs that say the same in one line, results as clinicians say them."""

from __future__ import annotations

import pytest

import aftercart as ac
from aftercart.assessment.explain import Explanation, explain_rows
from aftercart.reporting.evidence import decision, result_words, row_names


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([], ""),
        (["observations:OBS-1"], "observations OBS-1"),
        (["observations:OBS-8", "observations:OBS-9"], "observations OBS-8, OBS-9"),
        (["t:A-08", "t:A-09", "t:A-10"], "t A-08 to A-10"),
        (["t:A-9", "t:A-10", "t:A-11"], "t A-9, A-10, A-11"),
        (["t:A-1", "t:B-2", "t:A-3"], "t A-1, B-2, A-3"),
        (["t:A-1", "u:A-2", "t:A-2", "t:A-3", "t:A-3"], "t A-1 to A-3; u A-2"),
        (["t:x", "t:y:z"], "t x, y:z"),
    ],
)
def test_source_rows_as_ranges(rows: list[str], said: str) -> None:
    assert row_names(rows) == said


@pytest.mark.parametrize(
    ("criterion", "values", "said"),
    [
        ("doris_2021", (True, None, None), "met"),
        ("doris_2021", (False, None, None), "not met"),
        ("doris_2021", (None, None, None), "cannot be decided"),
        ("crs_astct_2019", (2.0, 2.0, 2.0), "grade 2"),
        ("crs_astct_2019", (None, 1.0, 3.0), "open: grade 1 to 3"),
        ("crs_astct_2019", (None, 1.0, None), "open: grade 1 to any"),
        ("sledai_2k", (12.0, None, None), "12"),
        ("b_cell_aplasia", (84.0, None, None), "aplasia duration days 84"),
    ],
)
def test_results_in_words(criterion: str, values: tuple[float | None, ...], said: str) -> None:
    assert result_words(criterion, *values) == said


@pytest.fixture(scope="module")
def explained() -> list[Explanation]:
    study = ac.reference_cohort().select(subjects=["SLE-1"])
    return ac.explain(study, "SLE-1", "sledai_2k", changes=False)


def test_inputs_that_were_answered_alike_share_a_line_and_no_row_is_lost(explained: list[Explanation]) -> None:
    first = next(e for e in explained if e.visit == "month 3")
    short = decision(first, "x1", brief=True)
    absent = next(line for line in short.facts if "seizure" in line.input)
    assert absent.input.startswith("seizure, psychosis, organic brain syndrome")
    assert (absent.value, absent.recorded, absent.date) == ("no", "0 each", "2021-05-26")
    assert absent.row == "assessments ASM-SLE-1-0233 to ASM-SLE-1-0249"
    assert len(short.facts) < len(decision(first).facts) / 2
    said = " ".join(line.row for line in short.facts)
    assert all(f.row is None or f.row.partition(":")[2] in said or "ASM" in f.row for f in first.facts)


def test_many_results_explained_at_once_are_those_explained_one_by_one() -> None:
    study = ac.reference_cohort().select(subjects=["IIM-2", "SLE-1"])
    done = ac.assess(study)
    numbered = done.table.with_row_index("row")
    asked = numbered.filter(numbered["criterion"].is_in(["crs_astct_2019", "ctcae_neutrophils", "mmt8", "refractory"]))
    found = explain_rows(done, asked["row"][::7])
    assert len(found) >= 30
    for row, e in found.items():
        tidy = numbered.row(row, named=True)
        alone = ac.explain(study, e.subject_id, e.criterion, assessments=done, changes=False)
        assert (e.subject_id, e.criterion, e.variant, e.day) == tuple(
            tidy[k] for k in ("subject_id", "criterion", "variant", "day")
        )
        assert e in alone
