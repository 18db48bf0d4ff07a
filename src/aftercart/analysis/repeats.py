"""Events that a patient can have several times: their mean number per patient over time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from aftercart.analysis.cohort import DAYS_PER_MONTH, Cohort
from aftercart.analysis.intervals import Interval
from aftercart.analysis.records import About, Record, joined, of_interval
from aftercart.analysis.recurrent import mean_cumulative
from aftercart.analysis.strata import by_disease

AT_MONTHS = (3, 6, 12, 24)
"""Months at which curves and mean numbers are stated."""


@dataclass(frozen=True)
class Repeats:
    """One kind of event that recurs."""

    id: str
    label: str
    population: str
    unit: str
    days: pl.DataFrame
    """`subject_id, day`, one row per event; several of one day count once."""


def means(cohort: Cohort, asked: Repeats, patients: pl.DataFrame, confidence: float) -> Iterator[Record]:
    """The mean number of events per patient at fixed months; after death a patient has no more of them."""
    observed = patients.filter(pl.col("last_day").is_not_null() & (pl.col("last_day") >= 0))
    for stratum, mine in by_disease(cohort, observed):
        rows = list(_periods(mine, asked.days))
        if not rows:
            continue
        who, start, stop, event, died = (list(column) for column in zip(*rows, strict=True))
        found = mean_cumulative(who, start, stop, event, died=died if any(died) else None, confidence=confidence)
        for months in AT_MONTHS:
            day = months * DAYS_PER_MONTH
            interval = found.interval(day)
            if interval.estimate is None:
                continue
            so_far = sum(e for e, at in zip(event, stop, strict=True) if at <= day)
            yield of_interval(
                interval,
                About(asked.id, asked.label, asked.population, stratum, f"month {months}", asked.unit),
                counts=(so_far, mine.height),
                level=confidence,
                note=joined(
                    f"Numerator: {asked.unit} so far; several of one day count once.",
                    _none_yet(interval, confidence) if not so_far else None,
                ),
            )


def _none_yet(found: Interval, confidence: float) -> str | None:
    """What no event is still compatible with."""
    if found.high is None:
        return None
    return f"No event: a mean of up to {found.high:.2f} is still possible (two-sided {confidence:.0%} limit)."


def _periods(patients: pl.DataFrame, days: pl.DataFrame) -> Iterator[tuple[str, float, float, int, int]]:
    """Each patient's follow-up cut at every day with an event; a day ends half a day after it began."""
    dated: dict[str, list[int]] = dict(days.unique().sort("day").group_by("subject_id").agg("day").iter_rows())
    for subject, last, dead in patients.select("subject_id", "last_day", "died").iter_rows():
        begin = -0.5
        for day in (d for d in dated.get(subject, []) if 0 <= d <= last):
            yield subject, begin, float(day), 1, 0
            begin = float(day)
        yield subject, begin, last + 0.5, 0, int(dead)
