"""No event proves nothing once events were refused, or where a study records none at all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import aftercart as ac
from aftercart.analysis import summarize
from aftercart.reporting.words import abstract
from aftercart.study.model import Study

PEOPLE = [{"subject_id": s, "indication": "SLE", "sex": "F", "age_at_infusion": 30} for s in ("P1", "P2")]
CELLS = [{"subject_id": s, "infusion_seq": 1, "start": "2022-03-01"} for s in ("P1", "P2")]


def event(subject: str, start: str) -> dict[str, Any]:
    return {"subject_id": subject, "category": "infection", "term_text": "cystitis", "start": start}


@pytest.mark.parametrize(
    ("rows", "numerator", "denominator", "not_evaluable"),
    [
        ([event("P1", "2022-04-01")], 1, 2, 0),
        ([event("P1", "31 February")], 0, 1, 1),
        ([event("P1", "2022-04-01"), event("P2", "never")], 1, 1, 1),
        ([event("P9", "2022-04-01")], 0, 0, 2),
    ],
)
def test_who_counts_as_without_infection(
    make_study: Callable[..., Study], rows: list[dict[str, Any]], numerator: int, denominator: int, not_evaluable: int
) -> None:
    study = make_study(subjects=PEOPLE, infusions=CELLS, events=[*rows, event("P2", "2021-01-01")])
    found = summarize(study, ac.assess(study)).get("infection_any")
    assert (found.numerator, found.denominator, found.not_evaluable) == (numerator, denominator, not_evaluable)


def test_a_study_without_any_event_says_that_infections_could_not_be_evaluated(
    make_study: Callable[..., Study],
) -> None:
    study = make_study(subjects=PEOPLE, infusions=CELLS)
    summary = summarize(study, ac.assess(study))
    assert summary.get("infection_any").not_evaluable_reasons == {"events not recorded or refused": 2}
    assert summary.get("infection_rate").estimate is None
    assert "A serious infection could not be evaluated" in " ".join(abstract(summary).split())
