"""Data as they come: twice a day, amended, withdrawn, below a limit, by two laboratories, after two infusions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

import aftercart as ac
from aftercart.study.model import Study

Make = Callable[..., Study]


def lab(code: str, day: str, value: float | None, unit: str = "10*9/L", **more: Any) -> dict[str, Any]:
    return {"subject_id": "P1", "code": code, "value": value, "unit": unit, "datetime": day, **more}


def results(study: Study, key: str, variant: str | None = None) -> list[dict[str, Any]]:
    rows = ac.assess(study, [key]).results(key).to_dicts()
    return [r for r in rows if variant is None or r["variant"] == variant]


def test_of_two_values_on_a_day_the_worst_counts_and_both_are_evidence(make_study: Make) -> None:
    study = make_study(
        observations=[
            lab("TEMP", "2022-03-03T06:00", 37.0, "Cel", row_id="T1"),
            lab("TEMP", "2022-03-03T18:00", 38.6, "Cel", row_id="T2"),
            lab("TEMP", "2022-03-03T22:00", 37.4, "Cel", row_id="T3"),
        ]
    )
    (found,) = results(study, "crs_astct_2019")
    assert found["in.temperature_c"] == 38.6
    assert {"observations:T1", "observations:T2", "observations:T3"} <= set(found["source_rows"])


@pytest.mark.parametrize(("status", "grades"), [("final", [4, 0]), ("amended", [4, 0]), ("entered_in_error", [0])])
def test_a_row_counts_by_its_status(make_study: Make, status: str, grades: list[int]) -> None:
    rows = [lab("ANC", "2022-03-05", 0.2, status=status), lab("ANC", "2022-03-06", 4.0, ref_low=1.8)]
    assert [r["grade"] for r in results(make_study(observations=rows), "ctcae_neutrophils", "v5")] == grades


@pytest.mark.parametrize(
    ("sign", "value", "grade", "low", "high"),
    [("<", 0.5, 4, 4, 4), ("<", 1.2, None, 2, 4), (">", 8.0, 0, 0, 0), ("<=", 0.5, None, 3, 4)],
)
def test_a_limit_in_place_of_a_value_is_graded_at_both_ends(
    make_study: Make, sign: str, value: float, grade: int | None, low: int, high: int
) -> None:
    study = make_study(observations=[lab("ANC", "2022-03-05", value, comparator=sign, ref_low=1.8)])
    (found,) = results(study, "ctcae_neutrophils", "v5")
    assert (found["grade"], found["grade_min"], found["grade_max"]) == (grade, low, high)


def test_each_result_is_judged_by_the_limit_of_its_own_laboratory(make_study: Make) -> None:
    rows = [
        lab("HGB", "2022-03-05", 125, "g/L", ref_low=120, lab="north"),
        lab("HGB", "2022-03-06", 125, "g/L", ref_low=130, lab="south"),
        lab("HGB", "2022-03-07", 125, "g/L", lab="unknown"),
    ]
    found = results(make_study(observations=rows), "ctcae_platelets_hemoglobin")
    anemia = [r for r in found if r["variant"] and "anemia" in r["variant"] and "v5" in r["variant"]]
    assert [(r["day"], r["grade"]) for r in anemia] == [(4, 0), (5, 1), (6, None)]


@pytest.mark.parametrize(("age", "instrument"), [(11, "CAPD"), (12, "ICE")])
def test_the_age_at_infusion_chooses_the_test(make_study: Make, age: int, instrument: str) -> None:
    subject = {"subject_id": "P1", "indication": "SLE", "sex": "F", "age_at_infusion": age}
    rows = [
        {"subject_id": "P1", "instrument": "ASTCT-ICANS", "item": "consciousness", "datetime": "2022-03-05"}
        | {"value_text": "alert"}
    ]
    (found,) = results(make_study(subjects=[subject], assessments=rows), "icans_astct_2019_child")
    missing = {"CAPD": "capd", "ICE": "ice"}[instrument]
    assert missing in str(found["missing"]).lower()


def test_days_count_from_the_infusion_that_the_study_names(make_study: Make) -> None:
    infusions = [
        {"subject_id": "P1", "infusion_seq": 1, "start": "2022-03-01"},
        {"subject_id": "P1", "infusion_seq": 2, "start": "2022-09-01"},
    ]
    study = make_study(infusions=infusions, observations=[lab("ANC", "2022-09-05", 0.4)])
    second = replace(study, meta=replace(study.meta, reference_infusion=2))
    assert [(r["infusion_seq"], r["day"]) for r in results(study, "ctcae_neutrophils", "v5")] == [(1, 188)]
    assert [(r["infusion_seq"], r["day"]) for r in results(second, "ctcae_neutrophils", "v5")] == [(2, 4)]


def test_a_patient_without_that_infusion_is_not_assessed(make_study: Make) -> None:
    study = make_study(observations=[lab("ANC", "2022-03-05", 0.4)])
    second = replace(study, meta=replace(study.meta, reference_infusion=2))
    assert results(second, "ctcae_neutrophils") == []


def test_versions_stand_side_by_side(make_study: Make) -> None:
    # 0.05 is grade 4 by both versions, 0.4 is grade 4 by CTCAE v5 and grade 3 by v6.
    rows = [lab("ANC", "2022-03-05", 0.05, ref_low=1.8), lab("ANC", "2022-03-06", 0.4, ref_low=1.8)]
    found = results(make_study(observations=rows), "ctcae_neutrophils")
    assert sorted((r["day"], r["variant"], r["grade"]) for r in found) == [
        (4, "v5", 4),
        (4, "v6", 4),
        (5, "v5", 4),
        (5, "v6", 3),
    ]


def test_streaks_of_neutropenia_are_counted_in_two_ways(make_study: Make) -> None:
    # Four days at most 500/uL, recovery, then four days again: the longest streak is 4, together they are 8.
    low = {*range(3, 7), *range(14, 18)}
    rows = [lab("ANC", f"2022-03-{day + 1:02d}", 0.4 if day in low else 3.0) for day in range(31)]
    found = {r["variant"]: r for r in results(make_study(observations=rows), "icaht_early_2023")}
    assert {v: (r["days_anc_le_500"], r["grade"]) for v, r in found.items()} == {
        "longest streak": (4, 1),
        "cumulative": (8, 2),
    }
