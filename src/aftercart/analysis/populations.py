"""Which diseases the patients behind an estimate have: an estimate of one disease alone has no stratum of its own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import polars as pl

from aftercart.analysis import adverse, change, courses, efficacy, overview, safety
from aftercart.analysis.cohort import Cohort
from aftercart.analysis.markers import MARKERS
from aftercart.analysis.outcomes import Outcome


def every_outcome(cohort: Cohort) -> list[Outcome]:
    """Every outcome whose proportion `analyze` estimates, with the answer of each patient."""
    return [
        *safety.outcomes(cohort),
        *adverse.outcomes(cohort),
        *overview.outcomes(cohort),
        *efficacy.every_outcome(cohort, MARKERS),
        *courses.sustained(cohort),
    ]


def diseases(cohort: Cohort, outcomes: Iterable[Outcome]) -> dict[str, tuple[str, ...]]:
    """The diseases among the patients behind each estimate of `analyze`, by the id of the estimate.

    outcomes: those of `every_outcome`.
    """
    of = dict(cohort.patients.select("subject_id", "indication").iter_rows())
    return {id_: tuple(sorted({of[s] for s in who if s in of})) for id_, who in _patients(cohort, outcomes)}


def _patients(cohort: Cohort, outcomes: Iterable[Outcome]) -> Iterator[tuple[str, list[str]]]:
    for outcome in outcomes:
        who = outcome.answers["subject_id"].to_list()
        yield outcome.id, who
        yield f"{outcome.id}_nri", who
    for curve in courses.asked(cohort):
        who = curve.patients.filter(pl.col("days").is_not_null())["subject_id"].to_list()
        yield curve.id, who
        yield f"{curve.id}_median", who
    for id_, _, known in change.dosed(cohort):
        yield f"glucocorticoid_at_most_5_mg_{id_}", known["subject_id"].to_list()
    for key, mark, pairs in change.pairs(cohort):
        yield f"{key}_change_{mark.id}", pairs["subject_id"].to_list()
