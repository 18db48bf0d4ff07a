"""The timeline of one patient."""

from __future__ import annotations

import re

import polars as pl
import pytest
from tests.analysis.mini_study import on
from tests.reporting.figures import clinic

from aftercart.errors import UsageError
from aftercart.reporting.figures import Absent, Figure, patient_timeline


def timeline(subject: str = "SLE-1", **more: object) -> Figure:
    found = patient_timeline(clinic.cohort(**more), subject)  # type: ignore[arg-type]
    assert isinstance(found, Figure)
    return found


def part(figure: Figure, name: str) -> list[tuple[object, ...]]:
    return figure.data.filter(pl.col("part") == name).drop("part").rows()


def test_each_part_holds_what_is_drawn() -> None:
    figure = timeline()
    assert part(figure, "toxicity") == [
        ("CRS", 0, 1, 0.0, None, "crs_astct_2019"),
        ("CRS", 2, 3, 1.0, None, "crs_astct_2019"),
        ("CRS", 4, 4, 2.0, None, "crs_astct_2019"),
        ("ICANS", 2, 2, 0.0, None, "icans_astct_2019_adult"),
        ("Cytopenia", 5, 5, 4.0, None, "ctcae_platelets_hemoglobin"),
        ("Cytopenia", 7, 7, 3.0, None, "ctcae_neutrophils"),
    ]
    assert [(r[1], r[0]) for r in part(figure, "event")] == [(40, "infection"), (183, "remission"), (365, "relapse")]
    assert [r[:3] for r in part(figure, "medicine")] == [
        ("prednisone", -90, 100),
        ("cyclophosphamide", -5, -3),
        ("tocilizumab", 4, 4),
    ]
    assert [(r[1], r[3]) for r in part(figure, "dose")] == [(-90, 10.0), (101, 0.0), (400, 0.0)]
    courses = [(r[0], r[1], r[3], r[4]) for r in part(figure, "course")]
    assert courses[:4] == [
        ("SLEDAI-2K", 0, 10.0, None),
        ("SLEDAI-2K", 90, 4.0, None),
        ("SLEDAI-2K", 183, 0.0, None),
        ("neutrophil count", -3, 4.0, None),
    ]
    assert courses[-3:-1] == [
        ("B-cell count", 10, 0.0, "zero or below quantification"),
        ("B-cell count", 40, 2.0, "zero or below quantification"),
    ]


def test_the_finding_tells_the_course_in_words() -> None:
    assert timeline().alt == (
        "SLE-1, systemic lupus erythematosus, observed to day 400; CRS: grade 2 at worst; ICANS: none; cytopenia:"
        " grade 4 at worst; SLEDAI-2K 10 on day 0 and 0 on day 183; prednisone equivalent 0 mg per day at the end;"
        " events: <script>alert(1)</script> sinusitis (day 40); remission on day 183; relapse on day 365."
    )


def test_every_mark_belongs_to_the_patient_and_hostile_words_stay_words() -> None:
    svg = timeline().svg()
    assert set(re.findall(r'data-subject="([^"]*)"', svg)) == {"SLE-1"}
    assert 'data-criterion="sledai_2k" data-day="90"' in svg
    assert 'data-criterion="crs_astct_2019" data-day="2"' in svg
    assert "<script" not in svg
    assert "&lt;script&gt;alert(1)&lt;/script&gt; sinusi" in svg
    assert len(svg) < 40_000


def test_an_open_grade_and_an_open_score_are_shown_as_such() -> None:
    figure = timeline("SLE-3", rows=[*clinic.ROWS, clinic.grade("SLE-3", "crs_astct_2019", 1, None)])
    assert part(figure, "toxicity") == [("CRS", 1, 1, None, None, "crs_astct_2019")]
    assert "CRS: assessed, grade not known" in figure.alt
    assert part(figure, "course")[0][3:5] == (None, "between 2.0 and 6.0")
    assert ">?</text>" in figure.svg()


def test_a_dose_that_is_not_known_is_not_zero() -> None:
    open_end = [clinic.drug("SLE-1", "prednisone", 5, None, dose=10.0, dose_unit="mg", frequency="QD")]
    figure = timeline(only=("SLE-1",), exposures=open_end)
    assert [(r[1], r[3]) for r in part(figure, "dose")] == [(-90, 0.0), (5, 10.0), (6, None), (400, None)]
    assert "glucocorticoid dose at the end not known" in figure.alt


def test_the_same_patient_alone_has_the_same_course() -> None:
    alone = timeline(only=("SLE-1",))
    assert alone.data.rows() == timeline().data.rows()


def test_events_that_would_overlap_stand_below_each_other() -> None:
    events = [
        {
            "subject_id": "SLE-1",
            "category": "infection",
            "term_text": f"infection number {i}",
            "start": on("SLE-1", 40 + i),
        }
        for i in range(4)
    ]
    svg = timeline(only=("SLE-1",), rows=[], events=events).svg()
    places = re.findall(r'y="([\d.]+)"[^>]*>infection number \d</text>', svg)
    assert len(set(places)) == 4


def test_another_patient_is_refused_and_one_never_seen_gives_a_reason() -> None:
    with pytest.raises(UsageError, match="no infused patient 'nobody'"):
        patient_timeline(clinic.cohort(), "nobody")
    before = [{"subject_id": "SLE-1", "indication": "SLE", "last_contact_date": on("SLE-1", -5)}]
    found = patient_timeline(clinic.cohort(("SLE-1",), subjects=before, rows=[]), "SLE-1")
    assert isinstance(found, Absent)
    assert found.id == "timeline-1"
