"""A cohort made by hand for the figures: what was assessed and recorded is written out here, row by row."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.analysis import mini_study
from tests.analysis.mini_study import on, row

from aftercart.analysis.cohort import Cohort


def grade(subject: str, criterion: str, day: int, value: float | None, **more: Any) -> dict[str, Any]:
    """A grade on a day."""
    return row(subject, criterion, value, day=day, **more)


def crs(subject: str, *grades: float | None, first: int = 0) -> list[dict[str, Any]]:
    """CRS grades of neighbouring days; None is a day on which it is 0 or 1."""
    return [
        grade(subject, "crs_astct_2019", first + i, g)
        if g is not None
        else grade(subject, "crs_astct_2019", first + i, None, value_min=0.0, value_max=1.0)
        for i, g in enumerate(grades)
    ]


ROWS = [
    *crs("SLE-1", 0, 0, 1, 1, 2),
    *crs("SLE-2", 0, None),
    grade("SLE-1", "icans_astct_2019_adult", 2, 0),
    grade("SLE-1", "ctcae_neutrophils", 5, 3, variant="v5"),
    grade("SLE-1", "ctcae_neutrophils", 7, 3, variant="v5"),
    grade("SLE-1", "ctcae_platelets_hemoglobin", 5, 4, variant="platelet_count_decreased v5"),
    grade("IIM-1", "ctcae_platelets_hemoglobin", 6, None, value_min=1.0, variant="anemia v5"),
    *(
        grade(s, "doris_2021", day, value, visit=visit, missing=missing)
        for s, day, visit, value, missing in (
            ("SLE-1", 90, "month_3", 0.0, None),
            ("SLE-1", 183, "month_6", 1.0, None),
            ("SLE-2", 91, "month_3", 1.0, None),
            ("SLE-2", 183, "month_6", None, "phga"),
        )
    ),
    row("SLE-1", "remission_course", components={"first_remission_day": 183, "relapse_day": 365}),
    *(
        grade(s, "sledai_2k", day, value, visit=visit)
        for s, day, visit, value in (
            ("SLE-1", -5, "baseline", 10.0),
            ("SLE-1", 90, "month_3", 4.0),
            ("SLE-1", 183, "month_6", 0.0),
            ("SLE-2", -3, "baseline", 8.0),
            ("SLE-2", 91, "month_3", 9.0),
        )
    ),
    grade("SLE-3", "sledai_2k", 0, None, visit="baseline", value_min=2.0, value_max=6.0),
    grade("SLE-1", "drug_free_status", 90, None, visit="month_3", components={"glucocorticoid_free": False}),
    grade("SLE-1", "drug_free_status", 183, None, visit="month_6", components={"glucocorticoid_free": True}),
]
"""The assessments: SLE-1 has CRS 1 on days 2 and 3 and 2 on day 4, in remission from day 183, relapse on day 365."""


def lab(subject: str, code: str, day: int, value: float, unit: str, **more: Any) -> dict[str, Any]:
    """A laboratory value."""
    return {"subject_id": subject, "code": code, "datetime": on(subject, day), "value": value, "unit": unit, **more}


OBSERVATIONS = [
    lab("SLE-1", "ANC", -3, 4.0, "10*9/L"),
    lab("SLE-1", "ANC", 6, 0.05, "10*9/L"),
    lab("SLE-1", "ANC", 20, 2.0, "10*9/L"),
    lab("SLE-1", "ANC", 140, 3.0, "10*9/L"),
    lab("IIM-1", "ANC", 8, 0.4, "10*9/L"),
    lab("SLE-1", "CD19", -3, 120.0, "10*6/L"),
    lab("SLE-1", "CD19", 10, 0.0, "10*6/L"),
    lab("SLE-1", "CD19", 40, 2.0, "10*6/L", comparator="<"),
    lab("SLE-1", "CD19", 180, 30.0, "10*6/L"),
]

EVENTS = [
    {
        "subject_id": "SLE-1",
        "category": "infection",
        "term_text": "<script>alert(1)</script> sinusitis",
        "start": on("SLE-1", 40),
        "serious": False,
    },
    {
        "subject_id": "SLE-2",
        "category": "infection",
        "term_text": "pneumonia",
        "start": on("SLE-2", 60),
        "serious": True,
    },
]


def drug(subject: str, name: str, start: int, end: int | None, **more: Any) -> dict[str, Any]:
    """A medicine from a day to a day."""
    last = None if end is None else on(subject, end)
    return {"subject_id": subject, "drug": name, "start": on(subject, start), "end": last, **more}


EXPOSURES = [
    drug("SLE-1", "prednisone", -100, 100, dose=10.0, dose_unit="mg", frequency="QD", purpose="background"),
    drug("SLE-1", "cyclophosphamide", -5, -3, purpose="lymphodepletion"),
    drug("SLE-1", "tocilizumab", 4, 4, purpose="crs_icans_treatment"),
    drug("SLE-2", "mycophenolate", -300, -200, purpose="background", outcome="inadequate_response"),
    drug("SLE-2", "azathioprine", -190, -10, purpose="background"),
    drug("SLE-2", "azathioprine", 200, None, purpose="background", ongoing=True),
]


def cohort(
    only: tuple[str, ...] = tuple(mini_study.INFUSIONS), rows: list[dict[str, Any]] | None = None, **tables: Any
) -> Cohort:
    """The cohort; other rows or tables may be given, an empty one with `events=[]`."""
    recorded = {"observations": OBSERVATIONS, "events": EVENTS, "exposures": EXPOSURES, **tables}
    kept = {name: [r for r in found if r["subject_id"] in only] for name, found in recorded.items()}
    study = mini_study.study(only=only, note="Made for a test.", **{k: v for k, v in kept.items() if v})
    found = ROWS if rows is None else rows
    done = mini_study.assessed(study, [r for r in found if r["subject_id"] in only])
    return Cohort.of(study, done)


def bare(only: tuple[str, ...] = ("SLE-1",)) -> Cohort:
    """Patients of whom nothing was assessed or recorded after the infusion."""
    return cohort(only, rows=[], observations=[], events=[], exposures=[])


def renamed(names: dict[str, str]) -> Cohort:
    """The same cohort under other names."""
    first = cohort()
    tables = {k: t.with_columns(t["subject_id"].replace(names)) for k, t in first.study.tables.items()}
    rows = [{**r, "subject_id": names.get(r["subject_id"], r["subject_id"])} for r in ROWS]
    study = replace(first.study, tables=tables)
    return Cohort.of(study, mini_study.assessed(study, rows))
