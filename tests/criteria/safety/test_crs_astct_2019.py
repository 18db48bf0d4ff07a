from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aftercart import criteria

FEVER: dict[str, Any] = {"temperature_c": 38.9}
MASKED: dict[str, Any] = {
    "temperature_c": 36.8,
    "crs_already_diagnosed": True,
    "antipyretic_or_anticytokine_given": True,
}


def grade(row: dict[str, Any] = FEVER, **changes: Any) -> dict[str, Any]:
    frame = pl.DataFrame({k: [v] for k, v in (row | changes).items()})
    return criteria.crs_astct_2019(frame).row(0, named=True)


def decided(found: dict[str, Any], expected: int, clause: str) -> None:
    assert (found["grade"], found["grade_min"], found["grade_max"]) == (expected, expected, expected)
    assert (found["clause"], found["missing"], found["invalid"]) == (clause, None, None)


def oxygen(device: str, flow: float | None = None) -> dict[str, Any]:
    return {"oxygen_device": device, "oxygen_flow_l_per_min": flow}


@pytest.mark.parametrize(
    ("temperature", "expected", "clause"),
    [
        (36.5, 0, "no_fever"),
        (37.9, 0, "no_fever"),
        (37.99, 0, "no_fever"),
        (38.0, 1, "fever"),
        ((100.4 - 32) * 5 / 9, 1, "fever"),
        (38.1, 1, "fever"),
        (41.0, 1, "fever"),
    ],
)
def test_fever_starts_at_38(temperature: float, expected: int, clause: str) -> None:
    found = grade(temperature_c=temperature)
    decided(found, expected, clause)
    assert found["fever_counts"] is (expected == 1)


# findings in a febrile person -> grade and clause
FINDINGS = [
    ({"hypotension_present": True}, 2, "hypotension_without_vasopressor"),
    ({"hypotension_present": True, "n_vasopressors_excl_vasopressin": 0}, 2, "hypotension_without_vasopressor"),
    ({"hypotension_present": True, "n_vasopressors_excl_vasopressin": 1}, 3, "one_vasopressor"),
    ({"n_vasopressors_excl_vasopressin": 1}, 3, "one_vasopressor"),
    ({"n_vasopressors_excl_vasopressin": 1, "vasopressin": True}, 3, "one_vasopressor"),
    ({"vasopressin": True}, 3, "one_vasopressor"),
    ({"n_vasopressors_excl_vasopressin": 2}, 4, "several_vasopressors"),
    ({"n_vasopressors_excl_vasopressin": 3}, 4, "several_vasopressors"),
    ({"n_vasopressors_excl_vasopressin": 2, "vasopressin": True}, 4, "several_vasopressors"),
    (oxygen("room_air"), 1, "fever"),
    (oxygen("blow_by"), 2, "low_flow_oxygen"),
    (oxygen("nasal_cannula", 2), 2, "low_flow_oxygen"),
    (oxygen("nasal_cannula", 5.9), 2, "low_flow_oxygen"),
    (oxygen("nasal_cannula", 6), 2, "low_flow_oxygen"),
    (oxygen("nasal_cannula", 6.1), 3, "high_flow_oxygen"),
    (oxygen("nasal_cannula", 10), 3, "high_flow_oxygen"),
    (oxygen("high_flow_nasal_cannula", 40), 3, "high_flow_oxygen"),
    (oxygen("high_flow_nasal_cannula", 5), 3, "high_flow_oxygen"),
    (oxygen("high_flow_nasal_cannula"), 3, "high_flow_oxygen"),
    (oxygen("simple_facemask", 5), 3, "high_flow_oxygen"),
    (oxygen("non_rebreather_mask", 15), 3, "high_flow_oxygen"),
    (oxygen("venturi_mask", 4), 3, "high_flow_oxygen"),
    (oxygen("cpap"), 4, "positive_pressure"),
    (oxygen("bipap"), 4, "positive_pressure"),
    (oxygen("invasive_ventilation"), 4, "positive_pressure"),
]


@pytest.mark.parametrize(("findings", "expected", "clause"), FINDINGS)
def test_blood_pressure_and_oxygen(findings: dict[str, Any], expected: int, clause: str) -> None:
    decided(grade(**findings), expected, clause)


@pytest.mark.parametrize(("findings", "expected", "clause"), FINDINGS)
def test_without_fever_none_of_it_is_crs(findings: dict[str, Any], expected: int, clause: str) -> None:
    decided(grade(temperature_c=37.2, **findings), 0, "no_fever")


@pytest.mark.parametrize(("findings", "expected", "clause"), FINDINGS)
def test_masked_fever_leaves_blood_pressure_and_oxygen(findings: dict[str, Any], expected: int, clause: str) -> None:
    if expected == 1:
        decided(grade(MASKED, **findings), 0, "masked_fever")
    else:
        decided(grade(MASKED, **findings), expected, clause)


@pytest.mark.parametrize(
    ("findings", "expected", "clause"),
    [
        ({"n_vasopressors_excl_vasopressin": 1} | oxygen("nasal_cannula", 3), 3, "one_vasopressor"),
        ({"hypotension_present": True} | oxygen("nasal_cannula", 8), 3, "high_flow_oxygen"),
        ({"hypotension_present": True} | oxygen("bipap"), 4, "positive_pressure"),
        ({"n_vasopressors_excl_vasopressin": 2} | oxygen("simple_facemask"), 4, "several_vasopressors"),
        ({"vasopressin": True} | oxygen("invasive_ventilation"), 4, "positive_pressure"),
    ],
)
def test_the_worse_domain_decides(findings: dict[str, Any], expected: int, clause: str) -> None:
    decided(grade(**findings), expected, clause)


@pytest.mark.parametrize(
    ("diagnosed", "given_drug", "expected", "clause"),
    [
        (True, True, 2, "hypotension_without_vasopressor"),
        (True, False, 0, "no_fever"),
        (False, True, 0, "no_fever"),
        (False, False, 0, "no_fever"),
    ],
)
def test_the_waiver_of_fever_needs_both(diagnosed: bool, given_drug: bool, expected: int, clause: str) -> None:
    found = grade(
        temperature_c=37.0,
        hypotension_present=True,
        crs_already_diagnosed=diagnosed,
        antipyretic_or_anticytokine_given=given_drug,
    )
    decided(found, expected, clause)


@pytest.mark.parametrize(
    ("row", "findings", "expected", "clause"),
    [
        (MASKED, {}, 0, "masked_fever"),
        (MASKED, {"temperature_c": 38.0}, 1, "fever"),
        (MASKED, {"temperature_c": 38.5, "fever_other_cause": True}, 0, "masked_fever"),
        (MASKED, {"temperature_c": None, "hypotension_present": True}, 2, "hypotension_without_vasopressor"),
        (FEVER, {"fever_other_cause": True}, 0, "no_fever"),
        (FEVER, {"fever_other_cause": True, "n_vasopressors_excl_vasopressin": 2}, 0, "no_fever"),
        (FEVER, {"hypotension_other_cause": True, "hypotension_present": True}, 1, "fever"),
        (FEVER, {"hypotension_other_cause": True, "n_vasopressors_excl_vasopressin": 2}, 1, "fever"),
        (FEVER, {"hypotension_other_cause": True, "vasopressin": True} | oxygen("blow_by"), 2, "low_flow_oxygen"),
        (FEVER, {"hypoxia_other_cause": True} | oxygen("invasive_ventilation"), 1, "fever"),
        (FEVER, {"hypoxia_other_cause": True} | oxygen("cpap"), 1, "fever"),
        (
            FEVER,
            {"hypoxia_other_cause": True, "hypotension_present": True} | oxygen("bipap"),
            2,
            "hypotension_without_vasopressor",
        ),
        (MASKED, {"hypoxia_other_cause": True} | oxygen("invasive_ventilation"), 0, "masked_fever"),
    ],
)
def test_another_cause_removes_its_domain(
    row: dict[str, Any], findings: dict[str, Any], expected: int, clause: str
) -> None:
    decided(grade(row, **findings), expected, clause)


@pytest.mark.parametrize("row", [FEVER, MASKED, {"temperature_c": 36.5}, {"temperature_c": None}])
def test_death_due_to_crs(row: dict[str, Any]) -> None:
    decided(grade(row, death_due_to_crs=True), 5, "death")


def test_organ_toxicity_and_dose_do_not_change_the_grade() -> None:
    found = grade(max_organ_toxicity_grade=4, n_vasopressors_excl_vasopressin=1, vasopressor_dose_class="high")
    assert (found["grade"], found["clause"]) == (3, "one_vasopressor")


def test_the_domains_are_given_beside_the_grade() -> None:
    found = grade(temperature_c=37.0, n_vasopressors_excl_vasopressin=2, **oxygen("blow_by"))
    assert found["grade"] == 0
    assert (found["fever_counts"], found["hypotension_grade"], found["hypoxia_grade"]) == (False, 4, 2)


# what is not known -> bounds and what is missing
@pytest.mark.parametrize(
    ("row", "changes", "low", "high", "missing"),
    [
        (FEVER, {"temperature_c": None}, 0, 1, "temperature_c"),
        (FEVER, {"temperature_c": None, "hypotension_present": True}, 0, 2, "temperature_c"),
        (FEVER, {"temperature_c": None, "n_vasopressors_excl_vasopressin": 2}, 0, 4, "temperature_c"),
        (MASKED, {"temperature_c": None}, 0, 1, "temperature_c"),
        (FEVER, oxygen("nasal_cannula"), 2, 3, "oxygen_flow_l_per_min"),
        (MASKED, oxygen("nasal_cannula"), 2, 3, "oxygen_flow_l_per_min"),
        (FEVER, {"oxygen_device": None}, 1, 4, "oxygen_device"),
        (MASKED, {"oxygen_device": None}, 0, 4, "oxygen_device"),
        (FEVER, {"oxygen_device": None, "oxygen_flow_l_per_min": 4}, 1, 4, "oxygen_device"),
        (FEVER, {"n_vasopressors_excl_vasopressin": None}, 1, 4, "n_vasopressors_excl_vasopressin"),
        (MASKED, {"n_vasopressors_excl_vasopressin": None}, 0, 4, "n_vasopressors_excl_vasopressin"),
        (
            FEVER,
            {"n_vasopressors_excl_vasopressin": None, "hypotension_present": True},
            2,
            4,
            "n_vasopressors_excl_vasopressin",
        ),
        (FEVER, {"hypotension_present": None}, 1, 2, "hypotension_present"),
        (MASKED, {"hypotension_present": None}, 0, 2, "hypotension_present"),
        (FEVER, {"vasopressin": None}, 1, 3, "vasopressin"),
        (FEVER, {"fever_other_cause": None}, 0, 1, "fever_other_cause"),
        (FEVER, {"hypotension_present": True, "hypotension_other_cause": None}, 1, 2, "hypotension_other_cause"),
        (FEVER, oxygen("cpap") | {"hypoxia_other_cause": None}, 1, 4, "hypoxia_other_cause"),
        (FEVER, {"death_due_to_crs": None}, 1, 5, "death_due_to_crs"),
        (MASKED, {"crs_already_diagnosed": None, "vasopressin": True}, 0, 3, "crs_already_diagnosed"),
        (
            MASKED,
            {"antipyretic_or_anticytokine_given": None, "vasopressin": True},
            0,
            3,
            "antipyretic_or_anticytokine_given",
        ),
    ],
)
def test_missing_values_leave_bounds(
    row: dict[str, Any], changes: dict[str, Any], low: int, high: int, missing: str
) -> None:
    found = grade(row, **changes)
    assert (found["grade"], found["grade_min"], found["grade_max"]) == (None, low, high)
    assert found["clause"] is None
    assert found["missing"].split("; ") == [missing]


@pytest.mark.parametrize(
    ("row", "changes", "expected", "clause"),
    [
        (FEVER, {"hypotension_present": None, "n_vasopressors_excl_vasopressin": 1}, 3, "one_vasopressor"),
        (FEVER, {"oxygen_device": None, "n_vasopressors_excl_vasopressin": 2}, 4, "several_vasopressors"),
        (FEVER, {"n_vasopressors_excl_vasopressin": None} | oxygen("bipap"), 4, "positive_pressure"),
        (FEVER, {"vasopressin": None, "n_vasopressors_excl_vasopressin": 1}, 3, "one_vasopressor"),
        (FEVER, {"vasopressin": None} | oxygen("venturi_mask"), 3, "high_flow_oxygen"),
        (FEVER, {"n_vasopressors_excl_vasopressin": 1} | oxygen("nasal_cannula"), 3, "one_vasopressor"),
        (FEVER, {"n_vasopressors_excl_vasopressin": None, "hypotension_other_cause": True}, 1, "fever"),
        (FEVER, {"oxygen_device": None, "hypoxia_other_cause": True}, 1, "fever"),
        (FEVER, {"crs_already_diagnosed": None, "antipyretic_or_anticytokine_given": None}, 1, "fever"),
        ({"temperature_c": 37.0}, {"oxygen_device": None, "hypotension_present": None}, 0, "no_fever"),
        ({"temperature_c": 37.0}, {"fever_other_cause": None}, 0, "no_fever"),
    ],
)
def test_a_gap_that_cannot_change_the_grade_leaves_it_known(
    row: dict[str, Any], changes: dict[str, Any], expected: int, clause: str
) -> None:
    decided(grade(row, **changes), expected, clause)


@pytest.mark.parametrize(
    ("changes", "low", "high", "invalid"),
    [
        ({"temperature_c": 102.0}, 0, 1, "temperature_c: found 102.0, expected 25 to 45"),
        ({"temperature_c": 3.9}, 0, 1, "temperature_c: found 3.9, expected 25 to 45"),
        (
            {"n_vasopressors_excl_vasopressin": -1},
            1,
            4,
            "n_vasopressors_excl_vasopressin: found -1, expected 0 to 10",
        ),
        ({"oxygen_device": "oxygen tent"}, 1, 4, "oxygen_device: found oxygen tent, expected one of room_air, "),
        (oxygen("nasal_cannula", -2), 2, 3, "oxygen_flow_l_per_min: found -2.0, expected 0 to 100"),
        (oxygen("nasal_cannula", 101), 2, 3, "oxygen_flow_l_per_min: found 101.0, expected 0 to 100"),
    ],
)
def test_values_that_do_not_exist_are_refused(changes: dict[str, Any], low: int, high: int, invalid: str) -> None:
    found = grade(**changes)
    assert (found["grade"], found["grade_min"], found["grade_max"]) == (None, low, high)
    assert found["invalid"].startswith(invalid)
    assert found["missing"] == invalid.partition(":")[0]


days = st.fixed_dictionaries(
    {
        "temperature_c": st.sampled_from([36.5, 37.9, 38.0, 40.0]),
        "hypotension_present": st.booleans(),
        "n_vasopressors_excl_vasopressin": st.integers(0, 3),
        "vasopressin": st.booleans(),
        "oxygen_device": st.sampled_from(["room_air", "blow_by", "nasal_cannula", "simple_facemask", "bipap"]),
        "oxygen_flow_l_per_min": st.floats(0, 12),
        "crs_already_diagnosed": st.booleans(),
        "antipyretic_or_anticytokine_given": st.booleans(),
        "fever_other_cause": st.booleans(),
        "hypotension_other_cause": st.booleans(),
        "hypoxia_other_cause": st.booleans(),
        "death_due_to_crs": st.booleans(),
    }
)
NAMES = [
    "temperature_c",
    "hypotension_present",
    "n_vasopressors_excl_vasopressin",
    "vasopressin",
    "oxygen_device",
    "oxygen_flow_l_per_min",
    "crs_already_diagnosed",
    "antipyretic_or_anticytokine_given",
    "fever_other_cause",
    "hypotension_other_cause",
    "hypoxia_other_cause",
    "death_due_to_crs",
]


@settings(max_examples=60, deadline=None)
@given(day=days, gaps=st.sets(st.sampled_from(NAMES), min_size=1))
def test_bounds_hold_the_grade(day: dict[str, Any], gaps: set[str]) -> None:
    full = grade(day)
    gapped = grade(day, **dict.fromkeys(gaps))
    assert full["grade"] is not None
    assert full["clause"] is not None
    assert gapped["grade_min"] <= full["grade"] <= gapped["grade_max"]
    assert gapped["grade"] in (None, full["grade"])
    assert (gapped["grade"] is None) == (gapped["missing"] is not None)
