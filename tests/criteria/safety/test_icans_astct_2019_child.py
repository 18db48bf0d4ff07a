from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from aftercart import criteria

WELL: dict[str, Any] = {"age_years": 6.0, "capd_score": 0, "consciousness": "alert"}


def grade(**changes: Any) -> dict[str, Any]:
    row = WELL | changes
    return criteria.icans_astct_2019_child(pl.DataFrame({k: [v] for k, v in row.items()})).row(0, named=True)


# finding in an otherwise well child -> grade and what decided
@pytest.mark.parametrize(
    ("changes", "expected", "clause"),
    [
        ({}, 0, "none"),
        ({"capd_score": 1}, 1, "capd"),
        ({"capd_score": 8}, 1, "capd"),
        ({"capd_score": 9}, 3, "capd"),
        ({"capd_score": 32}, 3, "capd"),
        ({"capd_score": 8, "consciousness": "awakens_spontaneously"}, 1, "consciousness"),
        ({"capd_score": 8, "consciousness": "awakens_to_voice"}, 2, "consciousness"),
        ({"capd_score": 9, "consciousness": "awakens_to_voice"}, 3, "capd"),
        ({"consciousness": "coma"}, 4, "consciousness"),
        ({"unable_to_perform_capd": True}, 4, "unable"),
        ({"unable_to_perform_capd": True, "capd_score": None}, 4, "unable"),
        ({"unable_to_perform_capd": True, "capd_score": None, "consciousness": "stupor"}, 4, "consciousness"),
        ({"seizure": "clinical", "seizure_duration_min": 5}, 3, "seizure"),
        ({"seizure": "clinical", "seizure_duration_min": 5.1}, 4, "seizure"),
        ({"deep_focal_motor_weakness": True}, 4, "motor"),
        ({"icp_finding": "focal_edema"}, 3, "icp"),
        ({"death_due_to_icans": True}, 5, "death"),
        ({"capd_score": 20, "cognition_other_cause": True}, 0, "none"),
        ({"unable_to_perform_capd": True, "cognition_other_cause": True}, 0, "none"),
    ],
)
def test_grade_and_deciding_clause(changes: dict[str, Any], expected: int, clause: str) -> None:
    found = grade(**changes)
    assert (found["grade"], found["clause"], found["missing"]) == (expected, clause, None)
    assert (found["grade_min"], found["grade_max"]) == (expected, expected)


# CAPD 9 is grade 3, ICE 9 is grade 1: which one counts
@pytest.mark.parametrize(
    ("changes", "expected", "clause"),
    [
        ({"age_years": 11.99}, 3, "capd"),
        ({"age_years": 12}, 1, "ice"),
        ({"age_years": 12, "instrument": "CAPD"}, 3, "capd"),
        ({"age_years": 5, "instrument": "ICE"}, 1, "ice"),
        ({"age_years": 15, "baseline_developmental_delay": True}, 3, "capd"),
        ({"age_years": None, "baseline_developmental_delay": True}, 3, "capd"),
        ({"age_years": 12, "ice_from_age_years": 13}, 3, "capd"),
    ],
)
def test_age_and_instrument_choose_the_test(changes: dict[str, Any], expected: int, clause: str) -> None:
    found = grade(capd_score=9, ice_score=9, **changes)
    assert (found["grade"], found["clause"]) == (expected, clause)


def test_with_ice_the_rule_is_that_of_adults() -> None:
    scores = pl.DataFrame({"ice_score": [10, 9, 6, 2, 0, None], "age_years": [14.0] * 6})
    assert (
        criteria.icans_astct_2019_child(scores)["grade"].to_list()
        == criteria.icans_astct_2019_adult(scores.select("ice_score"))["grade"].to_list()
        == [0, 1, 2, 3, 3, None]
    )


# what is not known -> bounds and the names of what is missing
@pytest.mark.parametrize(
    ("changes", "low", "high", "missing"),
    [
        ({"capd_score": None}, 0, 3, "capd_score"),
        ({"capd_score": None, "consciousness": "awakens_to_voice"}, 2, 3, "capd_score"),
        ({"unable_to_perform_capd": None}, 0, 4, "unable_to_perform_capd"),
        ({"consciousness": None}, 0, 4, "consciousness"),
        ({"age_years": None, "capd_score": 9, "ice_score": 9}, 1, 3, "age_years; instrument"),
        ({"age_years": 12}, 0, 3, "ice_score"),
        ({"seizure": "clinical"}, 3, 4, "seizure_duration_min"),
        ({"capd_score": 33}, 0, 3, "capd_score"),
    ],
)
def test_missing_values_bound_the_grade(changes: dict[str, Any], low: int, high: int, missing: str) -> None:
    found = grade(**changes)
    assert (found["grade"], found["grade_min"], found["grade_max"]) == (None, low, high)
    assert found["missing"] == missing
    assert found["clause"] is None


def test_a_missing_score_is_no_obstacle_when_another_domain_decides() -> None:
    found = grade(capd_score=None, consciousness="unarousable_or_vigorous_stimuli")
    assert (found["grade"], found["missing"]) == (4, None)


def test_in_a_study_the_age_at_infusion_chooses_the_test(make_study: Any) -> None:
    from aftercart.assessment import assess

    def answer(item: str, value: float | str, instrument: str = "CAPD") -> dict[str, Any]:
        kind = "value_text" if isinstance(value, str) else "value"
        row = {"subject_id": "P1", "instrument": instrument, "item": item, "datetime": "2022-03-06T08:00"}
        return {**row, kind: value}

    alert = {"consciousness": "alert", "seizure": "none", "icp_finding": "none", "deep_focal_motor_weakness": 0}
    others = [answer(item, value, "ASTCT-ICANS") for item, value in alert.items()]
    for age, expected in ((8, 3), (12, None)):
        subject = {"subject_id": "P1", "indication": "SLE", "sex": "F", "age_at_infusion": age}
        study = make_study(name=f"age{age}", subjects=[subject], assessments=[answer("capd_score", 9), *others])
        found = assess(study, ["icans_astct_2019_child"]).results("icans_astct_2019_child")
        assert found.select("day", "grade").rows() == [(5, expected)]
