"""The swimmer plot and its marks."""

from __future__ import annotations

import re

import polars as pl
from tests.analysis.mini_study import on
from tests.reporting.figures import clinic

from aftercart.reporting.figures import Absent, Figure, swimmer_plot


def swimmer(**more: object) -> Figure:
    found = swimmer_plot(clinic.cohort(**more))  # type: ignore[arg-type]
    assert isinstance(found, Figure)
    return found


def test_every_mark_of_two_patients() -> None:
    rows = swimmer(only=("SLE-1", "SLE-2")).data.select("patient", "kind", "from day", "to day").rows()
    assert rows == [
        ("SLE-1", "Glucocorticoid", -90, 100),
        ("SLE-1", "CRS grade 1", 2, 3),
        ("SLE-1", "Anticytokine", 4, None),
        ("SLE-1", "CRS grade 2", 4, 4),
        ("SLE-1", "Cytopenia grade 4", 5, 5),
        ("SLE-1", "Cytopenia grade 3", 7, 7),
        ("SLE-1", "Infection", 40, None),
        ("SLE-1", "Response criterion not met", 90, None),
        ("SLE-1", "Glucocorticoid-free from here", 183, None),
        ("SLE-1", "Remission", 183, None),
        ("SLE-1", "Response criterion met", 183, None),
        ("SLE-1", "Relapse", 365, None),
        ("SLE-1", "Last contact", 400, None),
        ("SLE-2", "Immunosuppressant or biologic", -90, -10),
        ("SLE-2", "Serious infection", 60, None),
        ("SLE-2", "Response criterion met", 91, None),
        ("SLE-2", "Immunosuppressant or biologic", 200, 380),
        ("SLE-2", "Last contact", 380, None),
    ]


def test_lymphodepletion_is_no_drug_of_the_disease() -> None:
    assert "cyclophosphamide" not in set(swimmer().data["detail"])


def test_an_end_that_was_never_recorded_is_said() -> None:
    open_end = [clinic.drug("SLE-1", "prednisone", 5, None, purpose="background")]
    found = swimmer(only=("SLE-1",), exposures=open_end).data.filter(pl.col("kind") == "Glucocorticoid")
    assert found.select("from day", "to day", "detail").rows() == [(5, 5, "prednisone, end not known")]


def test_marks_name_patient_criterion_and_day() -> None:
    svg = swimmer().svg()
    assert 'data-subject="SLE-1" data-criterion="crs_astct_2019" data-day="4"' in svg
    assert 'data-subject="SLE-1" data-criterion="doris_2021" data-day="183"' in svg
    assert 'data-subject="SLE-2" data-day="60"' in svg
    assert set(re.findall(r'data-subject="([^"]*)"', svg)) == {"SLE-1", "SLE-2", "SLE-3", "IIM-1", "SSC-1"}


def test_the_finding_counts_patients() -> None:
    alt = swimmer().alt
    assert alt.startswith(
        "Of 5 patients: CRS in 1 of 2 assessed, ICANS in 0 of 1 assessed, cytopenia of grade 3 or more in 1"
    )
    assert "a glucocorticoid, immunosuppressant or biologic after the infusion in 2" in alt
    assert "relapse in 1 and death in 0." in alt


def test_a_death_ends_the_row() -> None:
    subjects = [
        {
            "subject_id": "SLE-1",
            "indication": "SLE",
            "death_date": on("SLE-1", 50),
            "last_contact_date": on("SLE-1", 50),
        }
    ]
    found = swimmer(only=("SLE-1",), subjects=subjects, rows=[], events=[], exposures=[])
    assert found.data.select("kind", "from day").rows() == [("Death", 50)]
    assert "death in 1" in found.alt


def test_patients_without_follow_up_give_a_reason() -> None:
    before = [{"subject_id": "SLE-1", "indication": "SLE", "last_contact_date": on("SLE-1", -5)}]
    found = swimmer_plot(clinic.cohort(("SLE-1",), subjects=before, rows=[], events=[]))
    assert found == Absent(
        "swimmer", "Course of each patient after infusion", "No patient has a day of follow-up after the infusion."
    )
