from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from aftercart import criteria

RASH: dict[str, Any] = {
    "organ": "skin",
    "organ_involved_before_cart": True,
    "days_since_infusion": 10,
    "finding": "new_or_worse_rash",
}


def grade(**changes: Any) -> dict[str, Any]:
    row = RASH | changes
    return criteria.licats_2025(pl.DataFrame({k: [v] for k, v in row.items()})).row(0, named=True)


def creatinine(value: float | None, baseline: float | None = 1.0, **more: Any) -> dict[str, Any]:
    values = {"creatinine_mg_per_dl": value, "creatinine_baseline_mg_per_dl": baseline}
    return {"organ": "kidney", "finding": "creatinine_rise", **values, **more}


@pytest.mark.parametrize(
    ("changes", "expected", "clause"),
    [
        ({}, 1, "self_limited"),
        ({"medical_intervention": True}, 1, "self_limited"),
        ({"glucocorticoid_treatment": True}, 2, "glucocorticoid"),
        ({"hospitalisation_new_or_prolonged": True}, 3, "hospital_stay"),
        ({"glucocorticoid_treatment": True, "hospitalisation_new_or_prolonged": True}, 3, "hospital_stay"),
        ({"intensive_care_treatment": True}, 4, "intensive_care"),
        ({"intensive_care_treatment": True, "hospitalisation_new_or_prolonged": True}, 4, "intensive_care"),
        ({"death_due_to_licats": True}, 5, "death"),
        ({"days_since_infusion": 0}, 1, "self_limited"),
        ({"days_since_infusion": 200}, 1, "self_limited"),
        (creatinine(1.5), 1, "self_limited"),
        (creatinine(0.9, 0.6), 1, "self_limited"),
        (creatinine(1.6, glucocorticoid_treatment=True), 2, "glucocorticoid"),
    ],
)
def test_treatment_decides_the_grade(changes: dict[str, Any], expected: int, clause: str) -> None:
    found = grade(**changes)
    assert (found["licats"], found["grade"], found["clause"]) == (True, expected, clause)
    assert (found["grade_min"], found["grade_max"], found["missing"]) == (expected, expected, None)


@pytest.mark.parametrize(
    ("changes", "clause"),
    [
        ({"days_since_infusion": -1}, "before_infusion"),
        ({"organ_involved_before_cart": False}, "organ_not_involved"),
        ({"b_cell_aplasia": False}, "outside_aplasia"),
        ({"explained_by_other_cause": True}, "other_cause"),
        (creatinine(1.49), "no_sign"),
        ({"finding": "none"}, "no_sign"),
    ],
)
@pytest.mark.parametrize("care", [{}, {"intensive_care_treatment": True}, {"glucocorticoid_treatment": None}])
def test_what_is_not_the_syndrome_is_grade_0(changes: dict[str, Any], clause: str, care: dict[str, Any]) -> None:
    found = grade(**changes, **care)
    assert (found["licats"], found["grade"], found["clause"], found["missing"]) == (False, 0, clause, None)
    assert (found["grade_min"], found["grade_max"]) == (0, 0)


@pytest.mark.parametrize(
    ("changes", "low", "high", "missing"),
    [
        ({"organ_involved_before_cart": None}, 0, 1, "organ_involved_before_cart"),
        ({"days_since_infusion": None}, 0, 1, "days_since_infusion"),
        ({"b_cell_aplasia": None, "glucocorticoid_treatment": True}, 0, 2, "b_cell_aplasia"),
        ({"explained_by_other_cause": None}, 0, 1, "explained_by_other_cause"),
        ({"finding": None}, 0, 1, "finding"),
        ({"glucocorticoid_treatment": None}, 1, 2, "glucocorticoid_treatment"),
        ({"hospitalisation_new_or_prolonged": None}, 1, 3, "hospitalisation_new_or_prolonged"),
        ({"intensive_care_treatment": None}, 1, 4, "intensive_care_treatment"),
        (creatinine(None), 0, 1, "creatinine_mg_per_dl"),
        (creatinine(1.6, None), 0, 1, "creatinine_baseline_mg_per_dl"),
    ],
)
def test_missing_values_bound_the_grade(changes: dict[str, Any], low: int, high: int, missing: str) -> None:
    found = grade(**changes)
    assert (found["grade"], found["grade_min"], found["grade_max"]) == (None, low, high)
    assert (found["clause"], found["missing"]) == (None, missing)


def test_a_missing_lesser_treatment_does_not_matter_beside_a_greater_one() -> None:
    found = grade(intensive_care_treatment=True, glucocorticoid_treatment=None, hospitalisation_new_or_prolonged=None)
    assert (found["grade"], found["clause"], found["missing"]) == (4, "intensive_care", None)
