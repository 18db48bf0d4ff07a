"""A small study made by hand: three patients with lupus, one with myositis, one with systemic sclerosis."""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import Any

import polars as pl

from aftercart.assessment import Assessments
from aftercart.assessment.tables import TIDY
from aftercart.assessment.timeline import build
from aftercart.study import schema
from aftercart.study.model import Study, StudyMeta, VisitWindow, empty_tables

INFUSIONS = {
    "SLE-1": date(2023, 1, 10),
    "SLE-2": date(2023, 2, 1),
    "SLE-3": date(2023, 9, 1),
    "IIM-1": date(2023, 3, 1),
    "SSC-1": date(2023, 4, 1),
}
LAST_CONTACT = {"SLE-1": 400, "SLE-2": 380, "SLE-3": 100, "IIM-1": 300, "SSC-1": 270}
VISITS = (
    VisitWindow("month_1", 30, 10, 10),
    VisitWindow("month_3", 91, 21, 21),
    VisitWindow("month_6", 183, 30, 30),
    VisitWindow("month_12", 365, 30, 30),
)


def table(name: str, rows: list[dict[str, Any]]) -> pl.DataFrame:
    """A typed study table; leading columns are filled in."""
    full = [
        {"study_id": "MINI", "row_id": f"{name[:3]}-{i}", "source": "hand", "status": "final", **row}
        for i, row in enumerate(rows, 1)
    ]
    return pl.DataFrame(full, schema=schema.polars_schema(name))


def on(subject: str, day: int) -> str:
    """The date of a day after a patient's infusion."""
    return (INFUSIONS[subject] + timedelta(days=day)).isoformat()


def subjects() -> list[dict[str, Any]]:
    """One row per patient; the myositis patient's diagnosis is known to the year only."""
    facts = {
        "SLE-1": ("SLE", "F", 22, "2018-01-10"),
        "SLE-2": ("SLE", "M", 30, "2021-02-01"),
        "SLE-3": ("SLE", "F", 18, None),
        "IIM-1": ("IIM", "M", 41, "2019"),
        "SSC-1": ("SSC", "F", 60, "2021-04"),
    }
    return [
        {
            "subject_id": s,
            "indication": disease,
            "sex": sex,
            "age_at_infusion": age,
            "diagnosis_date": diagnosed,
            "last_contact_date": on(s, LAST_CONTACT[s]),
        }
        for s, (disease, sex, age, diagnosed) in facts.items()
    ]


def study(*, only: tuple[str, ...] = tuple(INFUSIONS), note: str = "", title: str = "Mini study", **rows: Any) -> Study:
    """The study with these patients; further rows by table name."""
    tables = empty_tables()
    tables["subjects"] = table("subjects", [r for r in rows.pop("subjects", subjects()) if r["subject_id"] in only])
    tables["infusions"] = table(
        "infusions", [{"subject_id": s, "infusion_seq": 1, "start": INFUSIONS[s].isoformat()} for s in only]
    )
    for name, more in rows.items():
        tables[name] = table(name, more)
    meta = StudyMeta(
        title=title,
        study_id="MINI",
        data_cut_off=date(2024, 6, 1),
        simulated=bool(note),
        note=note,
        visits=VISITS,
        complete_drug_classes=("glucocorticoid", "immunosuppressant", "biologic", "antimalarial"),
    )
    return Study(meta=meta, tables=tables)


def row(subject: str, criterion: str, value: float | None = None, **more: Any) -> dict[str, Any]:
    """One row of the table of assessments."""
    components = more.pop("components", {})
    return {
        "subject_id": subject,
        "infusion_seq": 1,
        "criterion": criterion,
        "value": value,
        "components": json.dumps(components),
        "source_rows": ["observations:1"],
        "criterion_version": f"{criterion}/1",
        **more,
    }


def assessed(of: Study, rows: list[dict[str, Any]]) -> Assessments:
    """Assessments with a table made by hand."""
    done = Assessments(study=of, timeline=build(of), wide={})
    done.__dict__["table"] = pl.DataFrame(rows, schema=TIDY)
    return done
