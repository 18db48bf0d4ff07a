"""The rules between tables: each with what it finds and with what looks like it but is fine."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import polars as pl
import pytest

from aftercart.study import Study, StudyMeta, check, problems, schema
from aftercart.study.model import empty_tables

Tables = Mapping[str, Sequence[Mapping[str, Any]]]

P1 = {"subject_id": "P1", "indication": "SLE", "sex": "F"}
P2 = {"subject_id": "P2", "indication": "SSC", "sex": "M"}
INFUSED = {"subject_id": "P1", "infusion_seq": 1, "start": "2022-03-01"}
CRS = {
    "subject_id": "P1",
    "category": "aesi",
    "aesi": "CRS",
    "start": "2022-03-03",
    "end": "2022-03-06",
    "suspect_row": "INF-1",
}
DEAD = {**P1, "death_date": "2022-08-20"}
DEATH = {"subject_id": "P1", "category": "death", "start": "2022-08-20"}
AE = {"subject_id": "P1", "category": "ae", "start": "2022-06-10", "end": "2022-06-20"}
STAY = {"subject_id": "P1", "category": "hospitalisation", "start": "2022-06-10", "end": "2022-06-15"}
SERIOUS = {**AE, "serious": True, "serious_hospitalisation": True}
CRP = {"subject_id": "P1", "code": "CRP", "value": 3.0, "comparator": "=", "unit": "mg/L", "datetime": "2022-03-02"}
ERROR = {"status": "entered_in_error"}


def build(tables: Tables) -> Study:
    """A study of these rows, made without files; every row gets what it needs to be one."""
    given = {"subjects": [P1], "infusions": [INFUSED], **tables}
    frames = empty_tables()
    for name, rows in given.items():
        full = [{"study_id": "TEST", "row_id": f"{name[:3].upper()}-{i}", **row} for i, row in enumerate(rows, 1)]
        frames[name] = pl.DataFrame(full, schema=schema.polars_schema(name))
    return Study(StudyMeta("Test study", "TEST", data_cut_off=date(2024, 11, 15)), frames)


def events(*rows: Mapping[str, Any]) -> Tables:
    return {"events": rows}


def dead(**tables: Any) -> Tables:
    return {"subjects": [DEAD], **tables, "events": [DEATH, *tables.get("events", [])]}


def ferritin(**medians: float) -> Tables:
    """Three results a subject, near its median."""
    return {
        "subjects": [{**P1, "subject_id": s} for s in medians],
        "infusions": [{**INFUSED, "subject_id": s} for s in medians],
        "observations": [
            {
                "subject_id": s,
                "code": "FERRITIN",
                "value": m * f,
                "comparator": "=",
                "unit": "ug/L",
                "datetime": f"2022-03-0{day}",
            }
            for s, m in medians.items()
            for day, f in ((1, 0.9), (2, 1), (3, 1.1))
        ],
    }


# rule, the table and the rows it finds (by row_id), the tables
FOUND: list[tuple[str, str, str, list[str], Tables]] = [
    (
        "duplicate_infusion",
        "error",
        "infusions",
        ["INF-1", "INF-2"],
        {"infusions": [INFUSED, {**INFUSED, "start": "2023-03-01"}]},
    ),
    ("no_infusion", "warning", "subjects", ["SUB-2"], {"subjects": [P1, P2]}),
    ("no_infusion", "warning", "subjects", ["SUB-1"], {"infusions": [{**INFUSED, "infusion_seq": 2}]}),
    ("no_infusion", "warning", "subjects", ["SUB-1"], {"infusions": [{**INFUSED, **ERROR}]}),
    ("partial_infusion_date", "error", "infusions", ["INF-1"], {"infusions": [{**INFUSED, "start": "2022-03"}]}),
    ("consent_after_infusion", "error", "infusions", ["INF-1"], {"subjects": [{**P1, "consent_date": "2022-03-02"}]}),
    ("consent_after_infusion", "error", "infusions", ["INF-1"], {"subjects": [{**P1, "consent_date": "2022-04"}]}),
    ("end_before_start", "error", "infusions", ["INF-1"], {"infusions": [{**INFUSED, "end": "2022-02-28"}]}),
    (
        "end_before_start",
        "error",
        "exposures",
        ["EXP-1"],
        {"exposures": [{"subject_id": "P1", "drug": "prednisone", "start": "2022-03", "end": "2022-02"}]},
    ),
    ("end_before_start", "error", "events", ["EVE-1"], events({**AE, "end": "2021"})),
    (
        "end_before_start",
        "error",
        "visits",
        ["VIS-1"],
        {"visits": [{"subject_id": "P1", "visit": "m3", "start": "2022-06-02", "end": "2022-06-01"}]},
    ),
    ("two_deaths", "error", "events", ["EVE-1", "EVE-2"], dead(events=[DEATH])),
    ("death_date", "error", "events", ["EVE-1"], events(DEATH)),
    ("death_event", "warning", "subjects", ["SUB-1"], {"subjects": [DEAD]}),
    ("after_death", "error", "observations", ["OBS-1"], dead(observations=[{**CRP, "datetime": "2022-08-21"}])),
    ("after_death", "error", "infusions", ["INF-2"],
     dead(infusions=[INFUSED, {**INFUSED, "infusion_seq": 2, "start": "2022-09-01"}])),
    ("after_death", "error", "exposures", ["EXP-1"],
     dead(exposures=[{"subject_id": "P1", "drug": "prednisone", "start": "2022-09"}])),
    ("after_death", "error", "visits", ["VIS-1"],
     dead(visits=[{"subject_id": "P1", "visit": "m6", "start": "2022-09-02"}])),
    ("after_death", "error", "assessments", ["ASS-1"],
     dead(assessments=[{"subject_id": "P1", "instrument": "SLEDAI-2K", "item": "arthritis", "value": 0,
                        "datetime": "2023"}])),
    ("suspect_infusion", "error", "events", ["EVE-1"], events({**CRS, "suspect_row": None})),
    ("suspect_infusion", "error", "events", ["EVE-1"], events({**CRS, "aesi": "ICANS", "suspect_row": "INF-9"})),
    ("suspect_infusion", "error", "events", ["EVE-1"],
     {"subjects": [P1, P2], "infusions": [{**INFUSED, "subject_id": "P2"}, INFUSED], **events(CRS)}),
    ("before_infusion", "error", "events", ["EVE-1"], events({**CRS, "start": "2022-02-28"})),
    ("before_infusion", "error", "events", ["EVE-1"], events({**CRS, "aesi": "ICANS", "start": "2022-02"})),
    ("fatal", "error", "events", ["EVE-1"], events({**AE, "grade": 5, "grade_scale": "CTCAE5"})),
    ("fatal", "error", "events", ["EVE-1"],
     events({**AE, "grade": 5, "grade_scale": "CTCAE5", "outcome": "RECOVERED/RESOLVED"})),
    ("fatal", "error", "events", ["EVE-1"], events({**AE, "grade": 4, "grade_scale": "CTCAE5", "outcome": "FATAL"})),
    ("fatal", "error", "events", ["EVE-1"], events({**AE, "outcome": "FATAL"})),
    ("grade_scale", "warning", "events", ["EVE-1"], events({**AE, "grade": 2})),
    ("hospital_stay", "error", "events", ["EVE-1"], events(SERIOUS)),
    ("hospital_stay", "error", "events", ["EVE-1"], events(SERIOUS, {**STAY, "start": "2022-06-22", "end": None})),
    ("hospital_stay", "error", "events", ["EVE-1"],
     events(SERIOUS, {**STAY, "start": "2022-06-01", "end": "2022-06-09"})),
    ("hospital_stay", "error", "events", ["EVE-1"], events(SERIOUS, {**STAY, **ERROR})),
    ("hospital_stay", "error", "events", ["EVE-1"],
     {"subjects": [P1, P2], "infusions": [INFUSED, {**INFUSED, "subject_id": "P2"}],
      **events(SERIOUS, {**STAY, "subject_id": "P2"})}),
    ("after_cut_off", "warning", "observations", ["OBS-1"], {"observations": [{**CRP, "datetime": "2025-01-01"}]}),
    ("after_cut_off", "warning", "events", ["EVE-1"], events({**AE, "start": "2025", "end": None})),
    ("suspicious_unit", "warning", "observations", ["OBS-13"],
     ferritin(P1=70, P2=80, P3=90, P4=75, P5=80 / 1000)),  # mg/L reported as ug/L
    ("suspicious_unit", "warning", "observations", ["OBS-10"], ferritin(P1=70, P2=80, P3=90, P4=850)),
]  # fmt: skip

FINE: dict[str, Tables] = {
    "the smallest study": {},
    "a second infusion with its own number": {
        "infusions": [INFUSED, {**INFUSED, "infusion_seq": 2, "start": "2023-03-01"}]
    },
    "the same number with another subject": {
        "subjects": [P1, P2],
        "infusions": [INFUSED, {**INFUSED, "subject_id": "P2"}],
    },
    "a repeated infusion entered in error": {"infusions": [INFUSED, {**INFUSED, **ERROR}]},
    "a later infusion of which only the month is known": {
        "infusions": [INFUSED, {**INFUSED, "infusion_seq": 2, "start": "2023-03"}]
    },
    "an infusion with its time of day": {"infusions": [{**INFUSED, "start": "2022-03-01T10:00+01:00"}]},
    "a subject entered in error without infusion": {"subjects": [P1, {**P2, **ERROR}]},
    "consent on the day of the infusion": {"subjects": [{**P1, "consent_date": "2022-03-01"}]},
    "consent in the month of the infusion": {"subjects": [{**P1, "consent_date": "2022-03"}]},
    "an end in the month of the start": events({**AE, "start": "2022-06-20", "end": "2022-06"}),
    "a start of which only the year is known": events({**AE, "start": "2022", "end": "2022-01-01"}),
    "an end on the day of the start": events({**AE, "end": "2022-06-10"}),
    "a wrong end entered in error": events({**AE, "end": "2021", **ERROR}),
    "a death with its event": dead(),
    "a second death entered in error": dead(events=[{**DEATH, **ERROR}]),
    "a result of the day of death": dead(observations=[{**CRP, "datetime": "2022-08-20T23:00"}]),
    "a result of the month of death": dead(observations=[{**CRP, "datetime": "2022-08"}]),
    "a result after death entered in error": dead(observations=[{**CRP, "datetime": "2022-09", **ERROR}]),
    "a finding made after death": dead(events=[{**AE, "category": "procedure", "start": "2022-08-22", "end": None}]),
    "CRS that names its infusion": events(CRS),
    "CRS of the day of the infusion": events({**CRS, "start": "2022-03-01T18:00"}),
    "CRS in the month of the infusion": events({**CRS, "start": "2022-03"}),
    "CRS before the infusion entered in error": events({**CRS, "start": "2022-02-01", **ERROR}),
    "CRS after the second infusion": {
        "infusions": [INFUSED, {**INFUSED, "infusion_seq": 2, "start": "2023-03-01"}],
        **events({**CRS, "start": "2023-03-02", "end": "2023-03-04", "suspect_row": "INF-2"}),
    },
    "another event of special interest without infusion": events({**CRS, "aesi": "HYPOGAMMA", "suspect_row": None}),
    "a fatal event of grade 5": dead(events=[{**AE, "grade": 5, "grade_scale": "CTCAE5", "outcome": "FATAL"}]),
    "a death event without a grade": {"subjects": [DEAD], **events({**DEATH, "outcome": "FATAL"})},
    "neither grade nor outcome": events(AE),
    "a grade with its scale": events({**AE, "grade": 4, "grade_scale": "CTCAE5", "outcome": "RECOVERED/RESOLVED"}),
    "a stay on the days of the event": events(SERIOUS, STAY),
    "a stay that began before the event": events(SERIOUS, {**STAY, "start": "2022-06-01", "end": "2022-06-10"}),
    "a stay that began later during the event": events(SERIOUS, {**STAY, "start": "2022-06-20", "end": "2022-06-25"}),
    "a stay of which the end is not known": events(SERIOUS, {**STAY, "start": "2022-06-01", "end": None}),
    "a stay on the day after an event that was over": events(
        {**SERIOUS, "end": "2022-06-10"}, {**STAY, "start": "2022-06-11"}
    ),
    "an event that is not over and a later stay": events(
        {**SERIOUS, "end": None}, {**STAY, "start": "2022-08-01", "end": None}
    ),
    "a stay in the month of the event": events({**SERIOUS, "start": "2022-06", "end": "2022-06"}, STAY),
    "serious, but not by hospital stay": events({**AE, "serious": True, "serious_hospitalisation": False}),
    "a result of the day of the cut-off": {"observations": [{**CRP, "datetime": "2024-11-15T23:00"}]},
    "a result of the year of the cut-off": {"observations": [{**CRP, "datetime": "2024"}]},
    "an end after the cut-off": events({**AE, "end": "2025-02-01"}),
    "one subject high, by no unit": ferritin(P1=70, P2=80, P3=90, P4=320),
    "three subjects are too few to compare": ferritin(P1=70, P2=80, P3=800),
    "a test that differs widely anyhow": ferritin(P1=20, P2=80, P3=5, P4=800, P5=300),
}  # fmt: skip


@pytest.mark.parametrize(("rule", "severity", "file", "rows", "tables"), FOUND)
def test_found(rule: str, severity: str, file: str, rows: list[str], tables: Tables) -> None:
    found = check(build(tables))
    assert found.select("rule", "severity", "file", "row_id").rows() == [(rule, severity, file, row) for row in rows]
    for problem in found.iter_rows(named=True):
        owner = {row_id: s for s, row_id in build(tables).tables[file].select("subject_id", "row_id").iter_rows()}
        assert problem["subject_id"] == owner[problem["row_id"]]
        assert problem["found"]
        assert problem["expected"]
        assert problem["remedy"].endswith(".")


@pytest.mark.parametrize("tables", FINE.values(), ids=FINE.keys())
def test_fine(tables: Tables) -> None:
    assert check(build(tables)).to_dicts() == []


def test_every_rule_has_an_example() -> None:
    source = inspect.getsource(sys.modules[check.__module__])
    assert {rule for rule, *_ in FOUND} == set(re.findall(r'rule="(\w+)"', source))


def test_the_words_of_a_problem() -> None:
    (problem,) = check(build(events({**AE, "start": "2022-06-10", "end": "2022-05"}))).to_dicts()
    assert problem == {
        "severity": "error",
        "rule": "end_before_start",
        "file": "events",
        "row": None,
        "column": "end",
        "row_id": "EVE-1",
        "subject_id": "P1",
        "found": "2022-05",
        "expected": "a date on or after the start (2022-06-10)",
        "remedy": "check both dates.",
    }


def test_the_words_of_a_suspicious_unit() -> None:
    (problem,) = check(build(ferritin(P1=70, P2=80, P3=90, P4=75, P5=0.9))).to_dicts()
    assert problem["found"] == "FERRITIN: median 0.9 is 0.01 times that of the cohort"
    assert problem["subject_id"] == "P5"


@pytest.mark.parametrize("factor", [10, 88.42, 17.104, 1000, 113.1])
@pytest.mark.parametrize("direction", [1, -1])
def test_the_factors_that_a_wrong_unit_leaves(factor: float, direction: int) -> None:
    rows = ferritin(P1=70, P2=80, P3=90, P4=75, P5=75 * factor**direction)
    assert check(build(rows))["subject_id"].to_list() == ["P5"]


def test_problems_of_reading_are_in_the_same_list(make_study: Callable[..., Study]) -> None:
    study = make_study(**events({**CRS, "grade": "mild", "suspect_row": None}))
    assert study.problems["rule"].to_list() == ["cell_int"]
    assert check(study)["rule"].to_list() == ["suspect_infusion", "cell_int"]
    assert dict(check(study).schema) == problems.SCHEMA


def test_another_reference_infusion() -> None:
    study = build({"infusions": [{**INFUSED, "infusion_seq": 2}]})
    moved = replace(study, meta=replace(study.meta, reference_infusion=2))
    assert check(moved).to_dicts() == []


def test_without_a_cut_off_nothing_is_after_it() -> None:
    study = build({"observations": [{**CRP, "datetime": "2025-01-01"}]})
    assert check(study)["rule"].to_list() == ["after_cut_off"]
    assert check(replace(study, meta=replace(study.meta, data_cut_off=None))).to_dicts() == []


def test_a_study_without_rows_has_no_problems_between_them() -> None:
    assert check(Study(StudyMeta("t", "T"), empty_tables())).to_dicts() == []
