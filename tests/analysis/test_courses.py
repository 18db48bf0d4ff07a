"""Responses that are lost: time in response, and its loss with death competing."""

from __future__ import annotations

import mini_study as mini
import polars as pl
import pytest

from aftercart.analysis import courses
from aftercart.analysis.cohort import Cohort


def cohort(met: dict[str, list[tuple[int, bool | None]]]) -> Cohort:
    rows = [
        mini.row(subject, "doris_2021", None if ok is None else float(ok), day=day, visit="month_3")
        for subject, answers in met.items()
        for day, ok in answers
    ]
    study = mini.study()
    return Cohort.of(study, mini.assessed(study, rows))


ANSWERS: dict[str, list[tuple[int, bool | None]]] = {
    "SLE-1": [(30, False), (90, True), (180, None), (270, False), (360, True)],
    "SLE-2": [(90, True), (360, True)],
    "SLE-3": [(30, False), (90, False)],
}


def test_first_response_and_its_loss() -> None:
    found = courses.responding(cohort(ANSWERS))
    assert dict(zip(found.columns, zip(*found.iter_rows(), strict=True), strict=True)) == {
        "subject_id": ("SLE-1", "SLE-2", "SLE-3"),
        "first": (90, 90, None),
        "lost": (270, None, None),
        "last": (360, 360, 90),
    }


def test_sustained_is_of_those_who_responded() -> None:
    (outcome,) = courses.sustained(cohort(ANSWERS))
    assert dict(outcome.answers.select("subject_id", "met").iter_rows()) == {"SLE-1": False, "SLE-2": True}
    assert courses.sustained(cohort({"SLE-3": [(90, False)]})) == []


def test_loss_is_a_cumulative_incidence_where_it_occurs() -> None:
    (curve,) = courses.losses(cohort(ANSWERS), 0.95)
    assert curve.frame["id"].unique().to_list() == ["response_loss_incidence"]
    reached = curve.frame.filter(pl.col("events") > 0)
    # One of two loses the response 180 days after it began.
    assert reached.select("time", "at_risk", "value").row(0) == (180, 2, pytest.approx(0.5))
    early, late = curve.records[0], curve.records[1]
    assert (early.time, early.numerator, early.estimate, early.ci_low) == ("month 3", 0, 0, None)
    assert "still possible" in str(early.note)
    assert (late.time, late.numerator) == ("month 6", 1)
    assert list(courses.losses(cohort({"SLE-2": [(90, True), (360, True)]}), 0.95)) == []
