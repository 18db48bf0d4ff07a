from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from aftercart import criteria


def phase(years: float | None, **more: Any) -> dict[str, Any]:
    row = {"years_since_infusion": years, **more}
    return criteria.ltfu_phase(pl.DataFrame({k: [v] for k, v in row.items()})).row(0, named=True)


@pytest.mark.parametrize(
    ("years", "expected", "exam", "questionnaire"),
    [
        (0, "annual_visit", True, False),
        (5, "annual_visit", True, False),
        (5.001, "annual_query", False, True),
        (15, "annual_query", False, True),
        (15.001, "beyond_15_years", False, False),
        (40, "beyond_15_years", False, False),
    ],
)
def test_phases_and_what_is_due(years: float, expected: str, exam: bool, questionnaire: bool) -> None:
    found = phase(years)
    assert (found["phase"], found["physical_exam_due"], found["questionnaire_due"]) == (expected, exam, questionnaire)
    assert (found["clause"], found["missing"]) == (expected, None)


@pytest.mark.parametrize("years", [0, 3, 10, 20, None])
def test_death_closes_follow_up(years: float | None) -> None:
    found = phase(years, deceased=True)
    assert (found["phase"], found["physical_exam_due"], found["questionnaire_due"]) == ("closed_death", False, False)
    assert found["missing"] is None


@pytest.mark.parametrize(
    ("years", "more", "missing"),
    [
        (None, {}, "years_since_infusion"),
        (-1, {}, "years_since_infusion"),
        (3, {"deceased": None}, "deceased"),
        (None, {"deceased": None}, "years_since_infusion; deceased"),
    ],
)
def test_what_is_not_known_is_null(years: float | None, more: dict[str, Any], missing: str) -> None:
    found = phase(years, **more)
    assert (found["phase"], found["physical_exam_due"], found["questionnaire_due"]) == (None, None, None)
    assert (found["clause"], found["missing"]) == (None, missing)
