from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aftercart import criteria


def grade(infection: str | None, **more: Any) -> dict[str, Any]:
    row = {"infection_type": infection, **more}
    frame = pl.DataFrame({k: [v] for k, v in row.items()}, schema_overrides={"infection_type": pl.String})
    return criteria.infection_grade_bmt_ctn(frame).row(0, named=True)


STAPH = "coagulase_negative_staph_bacteremia"

GRADES = [
    ("bacterial_focus_nos", {"treatment_days": 0}, 1, "type"),
    ("bacterial_focus_nos", {"treatment_days": 13}, 1, "type"),
    ("bacterial_focus_nos", {"treatment_days": 14}, 1, "type"),
    ("bacterial_focus_nos", {"treatment_days": 14.5}, 2, "long_treatment"),
    ("bacterial_focus_nos", {"treatment_days": 15}, 2, "long_treatment"),
    (STAPH, {}, 1, "type"),
    (STAPH, {"severe_sepsis": True}, 3, "severe_bacteremia"),
    (STAPH, {"deep_organ_involvement": True}, 3, "severe_bacteremia"),
    ("bacteremia", {}, 2, "type"),
    ("bacteremia", {"severe_sepsis": False, "deep_organ_involvement": False}, 2, "type"),
    ("bacteremia", {"severe_sepsis": True}, 3, "severe_bacteremia"),
    ("bacteremia", {"deep_organ_involvement": True}, 3, "severe_bacteremia"),
    ("bacteremia", {"severe_sepsis": True, "deep_organ_involvement": True}, 3, "severe_bacteremia"),
    ("bacterial_pneumonia", {}, 2, "type"),
    ("bacterial_pneumonia", {"intubation": True}, 3, "intubation"),
    ("c_difficile", {"diarrhea_ml_per_day": 400}, 1, "type"),
    ("c_difficile", {"diarrhea_ml_per_day": 999}, 1, "type"),
    ("c_difficile", {"diarrhea_ml_per_day": 1000}, 1, "type"),
    ("c_difficile", {"diarrhea_ml_per_day": 1001}, 2, "c_difficile_moderate"),
    ("c_difficile", {"diarrhea_ml_per_day": 100, "abdominal_pain": True}, 2, "c_difficile_moderate"),
    ("c_difficile", {"diarrhea_ml_per_day": 2000, "abdominal_pain": True}, 2, "c_difficile_moderate"),
    ("c_difficile", {"diarrhea_ml_per_day": 100, "toxic_dilatation": True}, 3, "c_difficile_severe"),
    ("c_difficile", {"diarrhea_ml_per_day": 100, "renal_insufficiency": True}, 3, "c_difficile_severe"),
    ("c_difficile", {"diarrhea_ml_per_day": 2000, "toxic_dilatation": True}, 3, "c_difficile_severe"),
    ("cellulitis", {}, 1, "type"),
    ("cellulitis", {"therapy_changed_for_progression": True}, 2, "cellulitis_progressed"),
    ("cellulitis", {"fasciitis_debridement": True}, 3, "fasciitis"),
    ("cellulitis", {"therapy_changed_for_progression": True, "fasciitis_debridement": True}, 3, "fasciitis"),
    ("superficial_candida", {}, 1, "type"),
    ("candida_esophagitis_biopsy_proven", {}, 2, "type"),
    ("fungemia", {}, 3, "type"),
    ("invasive_mould_proven_or_probable", {}, 3, "type"),
    ("brain_abscess_or_meningitis", {}, 3, "type"),
]


@pytest.mark.parametrize(("infection", "more", "expected", "clause"), GRADES)
def test_type_and_worst_feature(infection: str, more: dict[str, Any], expected: int, clause: str) -> None:
    found = grade(infection, **more)
    assert (found["grade"], found["grade_min"], found["grade_max"]) == (expected, expected, expected)
    assert (found["clause"], found["missing"], found["invalid"]) == (clause, None, None)


@pytest.mark.parametrize(
    ("infection", "foreign", "expected"),
    [
        ("bacteremia", {"intubation": True, "treatment_days": 30}, 2),
        ("bacterial_pneumonia", {"severe_sepsis": True, "fasciitis_debridement": True}, 2),
        ("superficial_candida", {"toxic_dilatation": True, "abdominal_pain": True}, 1),
        ("cellulitis", {"treatment_days": 30, "diarrhea_ml_per_day": 3000}, 1),
        ("cellulitis", {"severe_sepsis": None, "intubation": None, "treatment_days": None}, 1),
        (STAPH, {"therapy_changed_for_progression": True, "renal_insufficiency": True}, 1),
        ("bacterial_focus_nos", {"treatment_days": 5, "intubation": True, "deep_organ_involvement": True}, 1),
    ],
)
def test_a_feature_of_another_type_does_not_count(infection: str, foreign: dict[str, Any], expected: int) -> None:
    found = grade(infection, **foreign)
    assert (found["grade"], found["clause"], found["missing"]) == (expected, "type", None)


# what is not known -> bounds
@pytest.mark.parametrize(
    ("infection", "more", "low", "high", "missing"),
    [
        ("bacterial_focus_nos", {}, 1, 2, "treatment_days"),
        (STAPH, {"severe_sepsis": None}, 1, 3, "severe_sepsis"),
        ("bacteremia", {"severe_sepsis": None}, 2, 3, "severe_sepsis"),
        ("bacteremia", {"deep_organ_involvement": None}, 2, 3, "deep_organ_involvement"),
        (
            "bacteremia",
            {"severe_sepsis": None, "deep_organ_involvement": None},
            2,
            3,
            "severe_sepsis; deep_organ_involvement",
        ),
        ("bacterial_pneumonia", {"intubation": None}, 2, 3, "intubation"),
        ("c_difficile", {}, 1, 2, "diarrhea_ml_per_day"),
        ("c_difficile", {"diarrhea_ml_per_day": 500, "abdominal_pain": None}, 1, 2, "abdominal_pain"),
        ("c_difficile", {"diarrhea_ml_per_day": 500, "toxic_dilatation": None}, 1, 3, "toxic_dilatation"),
        ("c_difficile", {"diarrhea_ml_per_day": 1500, "renal_insufficiency": None}, 2, 3, "renal_insufficiency"),
        ("cellulitis", {"therapy_changed_for_progression": None}, 1, 2, "therapy_changed_for_progression"),
        ("cellulitis", {"fasciitis_debridement": None}, 1, 3, "fasciitis_debridement"),
        (None, {}, 1, 3, "infection_type"),
        (None, {"intubation": True}, 1, 3, "infection_type"),
    ],
)
def test_missing_values_leave_bounds(
    infection: str | None, more: dict[str, Any], low: int, high: int, missing: str
) -> None:
    found = grade(infection, **more)
    assert (found["grade"], found["grade_min"], found["grade_max"]) == (None, low, high)
    assert (found["clause"], found["missing"]) == (None, missing)


@pytest.mark.parametrize(
    ("infection", "more", "expected", "clause"),
    [
        ("bacteremia", {"severe_sepsis": True, "deep_organ_involvement": None}, 3, "severe_bacteremia"),
        ("c_difficile", {"abdominal_pain": True}, 2, "c_difficile_moderate"),
        ("c_difficile", {"diarrhea_ml_per_day": 1500, "abdominal_pain": None}, 2, "c_difficile_moderate"),
        ("c_difficile", {"toxic_dilatation": True, "renal_insufficiency": None}, 3, "c_difficile_severe"),
        ("cellulitis", {"fasciitis_debridement": True, "therapy_changed_for_progression": None}, 3, "fasciitis"),
    ],
)
def test_a_gap_that_cannot_change_the_grade_leaves_it_known(
    infection: str, more: dict[str, Any], expected: int, clause: str
) -> None:
    found = grade(infection, **more)
    assert (found["grade"], found["clause"], found["missing"]) == (expected, clause, None)


@pytest.mark.parametrize("infection", ["cmv_viremia", "herpes_zoster", "unknown"])
def test_types_that_are_not_graded_are_refused(infection: str) -> None:
    found = grade(infection)
    assert (found["grade"], found["clause"], found["missing"]) == (None, None, "infection_type")
    assert found["invalid"].startswith(f"infection_type: found {infection}, expected one of bacterial_focus_nos, ")


@pytest.mark.parametrize(
    ("infection", "more", "low", "high", "invalid"),
    [
        ("bacterial_focus_nos", {"treatment_days": -1}, 1, 2, "treatment_days: found -1.0, expected 0 to 3650"),
        ("bacterial_focus_nos", {"treatment_days": 4000}, 1, 2, "treatment_days: found 4000.0, expected 0 to 3650"),
        ("c_difficile", {"diarrhea_ml_per_day": -5}, 1, 2, "diarrhea_ml_per_day: found -5.0, expected 0 to 50000"),
    ],
)
def test_values_that_do_not_exist_are_refused(
    infection: str, more: dict[str, Any], low: int, high: int, invalid: str
) -> None:
    found = grade(infection, **more)
    assert (found["grade"], found["grade_min"], found["grade_max"]) == (None, low, high)
    assert (found["invalid"], found["missing"]) == (invalid, next(iter(more)))


infections = st.fixed_dictionaries(
    {
        "infection": st.sampled_from(sorted({name for name, *_ in GRADES})),
        "treatment_days": st.integers(0, 40),
        "intubation": st.booleans(),
        "severe_sepsis": st.booleans(),
        "deep_organ_involvement": st.booleans(),
        "diarrhea_ml_per_day": st.integers(0, 3000),
        "abdominal_pain": st.booleans(),
        "toxic_dilatation": st.booleans(),
        "renal_insufficiency": st.booleans(),
        "therapy_changed_for_progression": st.booleans(),
        "fasciitis_debridement": st.booleans(),
    }
)
NAMES = [
    "infection",
    "treatment_days",
    "intubation",
    "severe_sepsis",
    "deep_organ_involvement",
    "diarrhea_ml_per_day",
    "abdominal_pain",
    "toxic_dilatation",
    "renal_insufficiency",
    "therapy_changed_for_progression",
    "fasciitis_debridement",
]


@settings(max_examples=60, deadline=None)
@given(row=infections, gaps=st.sets(st.sampled_from(NAMES), min_size=1))
def test_bounds_hold_the_grade(row: dict[str, Any], gaps: set[str]) -> None:
    full = grade(**row)
    gapped = grade(**(row | dict.fromkeys(gaps)))
    assert full["grade"] in (1, 2, 3)
    assert gapped["grade_min"] <= full["grade"] <= gapped["grade_max"]
    assert gapped["grade"] in (None, full["grade"])
