"""Planned visits: held, overdue, open, later or not expected any more; and values missing at visits that were held."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl
import pytest

import aftercart as ac
from aftercart.analysis import planned
from aftercart.analysis.cohort import Cohort
from aftercart.study.model import Study

MakeStudy = Callable[..., Study]


def cohort(study: Study) -> Cohort:
    return Cohort.of(study, ac.assess(study, ["mmt8", "doris_2021"]))


def visit(day: str, **also: Any) -> dict[str, Any]:
    return {"subject_id": "P1", "visit": "any", "start": day, **also}


def infused(day: str) -> list[dict[str, Any]]:
    return [{"subject_id": "P1", "infusion_seq": 1, "start": day}]


def states(study: Study) -> list[tuple[str, str, str | None]]:
    return planned.planned_visits(cohort(study)).select("visit", "state", "reason").rows()


# The test study plans month 3 (day 60 to 120) and month 6 (day 138 to 228); its data cut-off is 2024-12-31.


def test_a_visit_in_its_window_is_held_and_a_closed_window_without_contact_is_overdue(make_study: MakeStudy) -> None:
    study = make_study(infusions=infused("2024-01-01"), visits=[visit("2024-03-31")])
    assert states(study) == [("month 3", "held", None), ("month 6", "overdue", None)]
    last = planned.planned_visits(cohort(study)).row(1, named=True)
    assert (last["closes"], last["last_seen"]) == ("2024-08-16", "2024-03-31")


@pytest.mark.parametrize(("day", "state"), [("2024-02-29", "overdue"), ("2024-03-01", "held")])
def test_the_first_day_of_the_window_counts(make_study: MakeStudy, day: str, state: str) -> None:
    assert states(make_study(infusions=infused("2024-01-01"), visits=[visit(day)]))[0] == ("month 3", state, None)


@pytest.mark.parametrize(("infusion", "state"), [("2024-09-02", "open"), ("2024-09-01", "overdue")])
def test_a_window_that_ends_on_the_cut_off_is_still_open(make_study: MakeStudy, infusion: str, state: str) -> None:
    assert states(make_study(infusions=infused(infusion)))[0] == ("month 3", state, None)


def test_a_window_that_has_not_begun_is_later(make_study: MakeStudy) -> None:
    assert states(make_study(infusions=infused("2024-12-01")))[0] == ("month 3", "later", None)


def test_a_visit_that_did_not_take_place_is_no_contact_but_a_laboratory_value_is(make_study: MakeStudy) -> None:
    missed = [visit("2024-03-31", occurred=False)]
    assert states(make_study(name="a", infusions=infused("2024-01-01"), visits=missed))[0][1] == "overdue"
    count = [{"subject_id": "P1", "code": "ANC", "value": 3, "unit": "10*9/L", "datetime": "2024-03-31"}]
    assert states(make_study(name="b", infusions=infused("2024-01-01"), observations=count))[0][1] == "held"


@pytest.mark.parametrize(
    ("milestone", "date", "expected"),
    [
        ("withdrew_consent", "2024-04-30", ("ended", "withdrew consent")),
        ("withdrew_consent", "2024-05-01", ("overdue", None)),
        ("infused", "2024-01-01", ("overdue", None)),
    ],
)
def test_who_left_before_the_window_closed_is_not_overdue(
    make_study: MakeStudy, milestone: str, date: str, expected: tuple[str, str | None]
) -> None:
    left = [{"subject_id": "P1", "milestone": milestone, "date": date}]
    found = states(make_study(infusions=infused("2024-01-01"), disposition=left))[0]
    assert found[1:] == expected


def test_the_dead_are_not_overdue(make_study: MakeStudy) -> None:
    subject = {"subject_id": "P1", "indication": "SLE", "sex": "F", "age_at_infusion": 30, "death_date": "2024-02-01"}
    assert states(make_study(infusions=infused("2024-01-01"), subjects=[subject]))[0][1:] == ("ended", "died")


def test_values_missing_at_a_visit_that_was_held(make_study: MakeStudy) -> None:
    items = [
        {"subject_id": "P1", "instrument": "PGA", "item": "phga_0_3", "value": 0.2, "datetime": "2024-03-31"},
    ]
    study = make_study(infusions=infused("2024-01-01"), assessments=items)
    found = planned.missing_items(cohort(study))
    assert set(found["visit"]) == {"month 3"}
    assert found.filter(pl.col("criterion") == "doris_2021").height == 1
    assert "sledai" in found["missing"][0]


def test_the_reference_cohort_has_nobody_overdue() -> None:
    study = ac.reference_cohort().select(subjects=["SLE-2", "SLE-4"])
    found = planned.planned_visits(cohort(study))
    assert found.filter(pl.col("state") == "overdue").is_empty()
    waiting = found.filter(pl.col("state") == "open").select("subject_id", "visit").rows()
    assert waiting == [("SLE-2", "month 36"), ("SLE-4", "month 30")]
