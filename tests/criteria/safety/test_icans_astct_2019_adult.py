from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aftercart import criteria

WELL: dict[str, Any] = {"ice_score": 10, "consciousness": "alert"}


def grade(**changes: Any) -> dict[str, Any]:
    row = WELL | changes
    return criteria.icans_astct_2019_adult(pl.DataFrame({k: [v] for k, v in row.items()})).row(0, named=True)


def clinical(**more: Any) -> dict[str, Any]:
    return {"seizure": "clinical", **more}


# finding in an otherwise well person -> grade and the domain that decides
@pytest.mark.parametrize(
    ("changes", "expected", "clause"),
    [
        ({}, 0, "none"),
        ({"ice_score": 9}, 1, "ice"),
        ({"ice_score": 7}, 1, "ice"),
        ({"ice_score": 6}, 2, "ice"),
        ({"ice_score": 3}, 2, "ice"),
        ({"ice_score": 2}, 3, "ice"),
        ({"ice_score": 1}, 3, "ice"),
        ({"ice_score": 0}, 3, "ice"),
        ({"consciousness": "awakens_spontaneously"}, 1, "consciousness"),
        ({"consciousness": "awakens_to_voice"}, 2, "consciousness"),
        ({"consciousness": "awakens_to_tactile_stimulus"}, 3, "consciousness"),
        ({"consciousness": "unarousable_or_vigorous_stimuli"}, 4, "consciousness"),
        ({"consciousness": "stupor"}, 4, "consciousness"),
        ({"consciousness": "coma"}, 4, "consciousness"),
        ({"ice_score": 0, "consciousness": "unarousable_or_vigorous_stimuli"}, 4, "consciousness"),
        ({"seizure": "none"}, 0, "none"),
        (clinical(seizure_duration_min=1), 3, "seizure"),
        (clinical(seizure_duration_min=5), 3, "seizure"),
        (clinical(seizure_duration_min=5.1), 4, "seizure"),
        (clinical(seizure_duration_min=0), 3, "seizure"),
        (clinical(seizure_resolved_rapidly=True), 3, "seizure"),
        (clinical(seizure_resolved_rapidly=True, seizure_duration_min=6), 4, "seizure"),
        ({"seizure": "nonconvulsive_eeg"}, 3, "seizure"),
        ({"seizure": "repetitive_without_return_to_baseline"}, 4, "seizure"),
        ({"deep_focal_motor_weakness": True}, 4, "motor"),
        ({"icp_finding": "none"}, 0, "none"),
        ({"icp_finding": "focal_edema"}, 3, "icp"),
        ({"icp_finding": "diffuse_edema"}, 4, "icp"),
        ({"icp_finding": "decerebrate_or_decorticate_posturing"}, 4, "icp"),
        ({"icp_finding": "cranial_nerve_vi_palsy"}, 4, "icp"),
        ({"icp_finding": "papilledema"}, 4, "icp"),
        ({"icp_finding": "cushing_triad"}, 4, "icp"),
        ({"icp_finding": "intracranial_hemorrhage"}, 0, "none"),
        ({"death_due_to_icans": True}, 5, "death"),
        ({"death_due_to_icans": True, "ice_score": None, "consciousness": None}, 5, "death"),
    ],
)
def test_every_domain(changes: dict[str, Any], expected: int, clause: str) -> None:
    found = grade(**changes)
    assert (found["grade"], found["grade_min"], found["grade_max"]) == (expected, expected, expected)
    assert (found["clause"], found["missing"], found["invalid"]) == (clause, None, None)


@pytest.mark.parametrize(
    ("changes", "expected", "clause"),
    [
        ({"ice_score": 8, "consciousness": "awakens_to_voice"}, 2, "consciousness"),
        ({"ice_score": 2, "consciousness": "awakens_to_voice"}, 3, "ice"),
        ({"ice_score": 5, "consciousness": "awakens_spontaneously", "icp_finding": "focal_edema"}, 3, "icp"),
        ({"ice_score": 2, "seizure": "repetitive_without_return_to_baseline"}, 4, "seizure"),
        ({"consciousness": "awakens_to_voice", "deep_focal_motor_weakness": True}, 4, "motor"),
        ({"ice_score": 9, "icp_finding": "intracranial_hemorrhage"}, 1, "ice"),
        ({"consciousness": "coma", "death_due_to_icans": True}, 5, "death"),
    ],
)
def test_the_worst_domain_decides(changes: dict[str, Any], expected: int, clause: str) -> None:
    found = grade(**changes)
    assert (found["grade"], found["clause"]) == (expected, clause)


@pytest.mark.parametrize(
    ("changes", "expected", "clause"),
    [
        ({"consciousness": "coma", "consciousness_other_cause": True}, 0, "none"),
        ({"consciousness": "coma", "consciousness_other_cause": True, "ice_score": 8}, 1, "ice"),
        ({"ice_score": 2, "cognition_other_cause": True}, 0, "none"),
        ({"ice_score": None, "cognition_other_cause": True}, 0, "none"),
        ({"ice_score": 2, "cognition_other_cause": True, "consciousness": "awakens_to_voice"}, 2, "consciousness"),
        (clinical(seizure_duration_min=10, seizure_other_cause=True), 0, "none"),
        (clinical(seizure_other_cause=True), 0, "none"),
        ({"ice_score": 6, "consciousness_other_cause": True, "seizure_other_cause": True}, 2, "ice"),
    ],
)
def test_another_cause_removes_its_domain_only(changes: dict[str, Any], expected: int, clause: str) -> None:
    found = grade(**changes)
    assert (found["grade"], found["clause"], found["missing"]) == (expected, clause, None)


def test_tremor_and_myoclonus_do_not_enter() -> None:
    found = grade(tremor=True, myoclonus=True)
    assert (found["grade"], found["clause"]) == (0, "none")


def test_the_domains_are_given_beside_the_grade() -> None:
    found = grade(
        ice_score=5,
        consciousness="awakens_spontaneously",
        seizure="nonconvulsive_eeg",
        deep_focal_motor_weakness=True,
        icp_finding="focal_edema",
    )
    parts = ("cognition", "consciousness", "seizure", "motor", "icp")
    assert tuple(found[f"{p}_grade"] for p in parts) == (2, 1, 3, 4, 3)


# what is not known -> bounds; each of these leaves the grade open
@pytest.mark.parametrize(
    ("changes", "low", "high", "missing"),
    [
        ({"ice_score": None}, 0, 3, "ice_score"),
        ({"ice_score": None, "consciousness": "awakens_to_voice"}, 2, 3, "ice_score"),
        ({"consciousness": None}, 0, 4, "consciousness"),
        ({"consciousness": None, "ice_score": 5}, 2, 4, "consciousness"),
        ({"ice_score": None, "consciousness": None}, 0, 4, "ice_score; consciousness"),
        ({"seizure": None}, 0, 4, "seizure"),
        ({"seizure": None, "ice_score": 8}, 1, 4, "seizure"),
        (clinical(), 3, 4, "seizure_duration_min"),
        (clinical(seizure_duration_min=None), 3, 4, "seizure_duration_min"),
        (clinical(seizure_resolved_rapidly=False), 3, 4, "seizure_duration_min"),
        ({"icp_finding": None}, 0, 4, "icp_finding"),
        ({"deep_focal_motor_weakness": None}, 0, 4, "deep_focal_motor_weakness"),
        ({"consciousness": "awakens_to_voice", "consciousness_other_cause": None}, 0, 2, "consciousness_other_cause"),
        ({"ice_score": 1, "cognition_other_cause": None}, 0, 3, "cognition_other_cause"),
        ({"seizure": "nonconvulsive_eeg", "seizure_other_cause": None}, 0, 3, "seizure_other_cause"),
        ({"ice_score": 8, "death_due_to_icans": None}, 1, 5, "death_due_to_icans"),
    ],
)
def test_missing_values_leave_bounds(changes: dict[str, Any], low: int, high: int, missing: str) -> None:
    found = grade(**changes)
    assert found["grade"] is None
    assert (found["grade_min"], found["grade_max"]) == (low, high)
    assert (found["clause"], found["missing"]) == (None, missing)


@pytest.mark.parametrize(
    ("changes", "expected", "clause"),
    [
        ({"ice_score": None, "consciousness": "unarousable_or_vigorous_stimuli"}, 4, "consciousness"),
        ({"ice_score": None, "consciousness": "awakens_to_tactile_stimulus"}, 3, "consciousness"),
        ({"consciousness": None, "deep_focal_motor_weakness": True}, 4, "motor"),
        ({"icp_finding": None, "consciousness": "coma"}, 4, "consciousness"),
        ({"consciousness": "alert", "consciousness_other_cause": None}, 0, "none"),
        (clinical(icp_finding="papilledema"), 4, "icp"),
    ],
)
def test_a_gap_that_cannot_change_the_grade_leaves_it_known(
    changes: dict[str, Any], expected: int, clause: str
) -> None:
    found = grade(**changes)
    assert (found["grade"], found["clause"], found["missing"]) == (expected, clause, None)


@pytest.mark.parametrize(
    ("changes", "low", "high", "invalid"),
    [
        ({"ice_score": 11}, 0, 3, "ice_score: found 11, expected 0 to 10"),
        ({"ice_score": -1}, 0, 3, "ice_score: found -1, expected 0 to 10"),
        ({"consciousness": "drowsy"}, 0, 4, "consciousness: found drowsy, expected one of alert, "),
        ({"seizure": "absence"}, 0, 4, "seizure: found absence, expected one of none, "),
        ({"icp_finding": "edema"}, 0, 4, "icp_finding: found edema, expected one of none, "),
        (clinical(seizure_duration_min=-2), 3, 4, "seizure_duration_min: found -2.0, expected 0 to 10000"),
    ],
)
def test_values_that_do_not_exist_are_refused(changes: dict[str, Any], low: int, high: int, invalid: str) -> None:
    found = grade(**changes)
    assert (found["grade"], found["grade_min"], found["grade_max"]) == (None, low, high)
    assert found["invalid"].startswith(invalid)
    assert found["missing"] == invalid.partition(":")[0]


days = st.fixed_dictionaries(
    {
        "ice_score": st.integers(0, 10),
        "consciousness": st.sampled_from(["alert", "awakens_spontaneously", "awakens_to_voice", "stupor"]),
        "seizure": st.sampled_from(["none", "nonconvulsive_eeg", "clinical", "repetitive_without_return_to_baseline"]),
        "seizure_duration_min": st.floats(0, 30),
        "icp_finding": st.sampled_from(["none", "intracranial_hemorrhage", "focal_edema", "papilledema"]),
        "deep_focal_motor_weakness": st.booleans(),
        "consciousness_other_cause": st.booleans(),
        "seizure_other_cause": st.booleans(),
        "cognition_other_cause": st.booleans(),
        "death_due_to_icans": st.booleans(),
    }
)
NAMES = [
    "ice_score",
    "consciousness",
    "seizure",
    "seizure_duration_min",
    "icp_finding",
    "deep_focal_motor_weakness",
    "consciousness_other_cause",
    "seizure_other_cause",
    "cognition_other_cause",
    "death_due_to_icans",
]


@settings(max_examples=60, deadline=None)
@given(day=days, gaps=st.sets(st.sampled_from(NAMES), min_size=1))
def test_bounds_hold_the_grade(day: dict[str, Any], gaps: set[str]) -> None:
    full = grade(**day)
    gapped = grade(**(day | dict.fromkeys(gaps)))
    assert full["grade"] is not None
    assert full["clause"] is not None
    assert gapped["grade_min"] <= full["grade"] <= gapped["grade_max"]
    assert gapped["grade"] in (None, full["grade"])
