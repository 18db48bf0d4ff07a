"""Grades of a day: how vitals, oxygen, drugs and judgements of one day become one grade, and what is missing."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from aftercart.assessment import assess
from aftercart.errors import UsageError

INFUSION = date(2022, 3, 1)


def on(day: int, hour: int = 8) -> str:
    return f"{INFUSION + timedelta(days=day)}T{hour:02d}:00"


def temperature(day: int, value: float, hour: int = 8, **more):
    return {"subject_id": "P1", "code": "TEMP", "value": value, "unit": "Cel", "datetime": on(day, hour), **more}


def device(day: int, text: str):
    return {"subject_id": "P1", "code": "O2DEVICE", "value_text": text, "datetime": on(day)}


def flow(day: int, value: float):
    return {"subject_id": "P1", "code": "O2FLOW", "value": value, "unit": "L/min", "datetime": on(day)}


def finding(day: int, item: str, value: int):
    return {"subject_id": "P1", "instrument": "ASTCT-CRS", "item": item, "value": value, "datetime": on(day)}


def crs(study):
    return assess(study, ["crs_astct_2019"]).results("crs_astct_2019")


def quiet(day: int):
    return finding(day, "hypotension_present", 0)


def test_fever_alone_is_grade_1_and_the_worst_reading_of_the_day_counts(make_study):
    study = make_study(
        observations=[
            temperature(5, 37.2, 6),
            temperature(5, 38.0, 14),
            temperature(5, 37.4, 22),
            device(5, "room_air"),
        ],
        assessments=[quiet(5)],
    )
    found = crs(study)
    assert found.select("day", "grade", "clause").rows() == [(5, 1, "fever")]
    assert "observations:OBS-2" in found["source_rows"][0]


def test_what_was_not_recorded_stays_missing_and_bounds_the_grade(make_study):
    found = crs(make_study(observations=[temperature(5, 38.5)]))
    assert found.select("grade", "grade_min", "grade_max").rows() == [(None, 1, 4)]
    assert found["missing"][0] == "hypotension_present; oxygen_device"


def test_an_incomplete_drug_record_leaves_vasopressors_unknown(make_study):
    study = make_study(
        observations=[temperature(5, 38.5), device(5, "room_air")], assessments=[quiet(5)], classes=["glucocorticoid"]
    )
    found = crs(study)
    assert found.select("grade", "grade_min", "grade_max").rows() == [(None, 1, 4)]
    assert "n_vasopressors_excl_vasopressin" in found["missing"][0]


def test_oxygen_by_cannula_is_graded_by_its_flow(make_study):
    study = make_study(
        observations=[
            *(temperature(d, 38.5) for d in (5, 6, 7)),
            *(device(d, "nasal_cannula") for d in (5, 6, 7)),
            flow(5, 6.0),
            flow(6, 6.5),
        ],
        assessments=[quiet(d) for d in (5, 6, 7)],
    )
    assert crs(study).select("day", "grade", "grade_min", "grade_max").rows() == [
        (5, 2, 2, 2),
        (6, 3, 3, 3),
        (7, None, 2, 3),
    ]


def test_vasopressors_are_counted_on_the_days_they_ran(make_study):
    pressor = {
        "subject_id": "P1",
        "drug": "norepinephrine",
        "dose": 10,
        "dose_unit": "ug",
        "purpose": "crs_icans_treatment",
    }
    study = make_study(
        observations=[x for d in (5, 6, 7) for x in (temperature(d, 38.5), device(d, "room_air"))],
        assessments=[finding(d, "hypotension_present", 1) for d in (5, 6, 7)],
        exposures=[
            {**pressor, "start": on(5)[:10], "end": on(6)[:10]},
            {**pressor, "drug": "epinephrine", "start": on(6)[:10], "end": on(6)[:10]},
        ],
    )
    assert crs(study)["grade"].to_list() == [3, 4, 2]


def test_masked_fever_keeps_the_grade_once_crs_was_diagnosed_and_treated(make_study):
    tocilizumab = {
        "subject_id": "P1", "drug": "tocilizumab", "dose": 480, "dose_unit": "mg", "frequency": "ONCE",
        "start": on(5)[:10], "end": on(5)[:10], "purpose": "crs_icans_treatment",
    }  # fmt: skip
    rows = [x for d in (5, 6) for x in (temperature(d, 38.9 if d == 5 else 36.8), device(d, "room_air"))]
    study = make_study(
        observations=rows, assessments=[finding(d, "hypotension_present", 1) for d in (5, 6)], exposures=[tocilizumab]
    )
    assert crs(study)["grade"].to_list() == [2, 2]
    untreated = make_study(
        name="u", observations=rows, assessments=[finding(d, "hypotension_present", 1) for d in (5, 6)]
    )
    assert crs(untreated)["grade"].to_list() == [2, 0]


def test_fever_that_another_cause_explains_is_not_crs(make_study):
    study = make_study(
        observations=[temperature(5, 38.5), device(5, "room_air")],
        assessments=[quiet(5), finding(5, "fever_other_cause", 1)],
    )
    assert crs(study).select("grade", "clause").rows() == [(0, "no_fever")]


def test_days_outside_the_window_and_rows_entered_in_error_are_not_graded(make_study):
    study = make_study(
        observations=[
            temperature(-3, 39.0), temperature(31, 39.0), temperature(10, 39.0, status="entered_in_error"),
            temperature(0, 36.5), temperature(30, 36.5), device(0, "room_air"), device(30, "room_air"),
        ],
        assessments=[quiet(0), quiet(30)],
    )  # fmt: skip
    assert crs(study)["day"].to_list() == [0, 30]


def test_a_date_known_only_to_the_month_is_not_put_on_a_day(make_study):
    study = make_study(observations=[{**temperature(5, 39.0), "datetime": "2022-03"}])
    assert crs(study).height == 0


def test_an_unbound_criterion_is_refused_with_its_reason(make_study):
    with pytest.raises(UsageError, match="lab_unit_conversion"):
        assess(make_study(), ["lab_unit_conversion"])
