"""The one shape of an estimate: counts, value, limits, and how they were made; what does not exist says why."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from aftercart.analysis.cohort import rounded
from aftercart.analysis.intervals import Interval, zero_event_bound

ALL = "all"
"""The stratum of all diseases together."""

SCHEMA: dict[str, Any] = {
    "id": pl.String,
    "label": pl.String,
    "population": pl.String,
    "stratum": pl.String,
    "time": pl.String,
    "numerator": pl.Float64,
    "denominator": pl.Float64,
    "estimate": pl.Float64,
    "ci_low": pl.Float64,
    "ci_high": pl.Float64,
    "ci_level": pl.Float64,
    "ci_method": pl.String,
    "note": pl.String,
    "unit": pl.String,
}
"""Columns of the table of estimates; `time` is a visit, a period or a month in words, null for the whole follow-up."""


@dataclass(frozen=True)
class Record:
    """One estimate."""

    id: str
    label: str
    population: str
    stratum: str
    time: str | None
    numerator: float
    denominator: float
    estimate: float | None
    ci_low: float | None
    ci_high: float | None
    ci_level: float | None
    ci_method: str
    unit: str
    """`proportion` (0 to 1), `days`, `per 100 patient-days`, `probability`, or the unit of a score."""
    note: str | None = None


@dataclass(frozen=True)
class About:
    """What an estimate is about."""

    id: str
    label: str
    population: str
    stratum: str
    time: str | None
    unit: str


def of_interval(
    interval: Interval, about: About, *, counts: tuple[float, float], level: float, note: str | None = None
) -> Record:
    """An estimate from an interval; limits that do not exist are null and the reason goes into the note.

    counts: numerator and denominator.
    """
    whole = interval.low is not None and interval.high is not None
    numerator, denominator = (rounded(count) or 0.0 for count in counts)
    return Record(
        id=about.id,
        label=about.label,
        population=about.population,
        stratum=about.stratum,
        time=about.time,
        numerator=numerator,
        denominator=denominator,
        estimate=rounded(interval.estimate),
        ci_low=rounded(interval.low) if whole else None,
        ci_high=rounded(interval.high) if whole else None,
        ci_level=level if whole else None,
        ci_method=interval.method,
        unit=about.unit,
        note=joined(note, interval.reason and f"No interval: {interval.reason}."),
    )


def joined(*notes: str | None) -> str | None:
    """Sentences one after another; null when there is none."""
    return " ".join(n for n in notes if n) or None


def zero_note(numerator: float, denominator: float, level: float) -> str | None:
    """What no event is still compatible with, beside every zero."""
    if numerator or not denominator:
        return None
    high = zero_event_bound(int(denominator), confidence=level).one_sided
    risk = f"{high:.2f}" if denominator < 5 else f"{high:.1%}"  # no percentage of so few patients
    return f"No event in {int(denominator)}: a risk of up to {risk} is still possible (one-sided {level:.0%} limit)."


def zero_rate_note(events: float, exposure: float, unit: str, level: float) -> str | None:
    """What rate no event is still compatible with, beside every zero."""
    if events or not exposure:
        return None
    high = -math.log(1 - level) / exposure
    return f"No event: a rate of up to {high:.3g} {unit} is still possible (one-sided {level:.0%} limit)."


def unanswered_note(reasons: Mapping[str, int]) -> str | None:
    """Who is not in the denominator, and why."""
    if not reasons:
        return None
    return "Not evaluable: " + "; ".join(f"{n} ({why})" for why, n in sorted(reasons.items())) + "."


def table(records: Iterable[Record]) -> pl.DataFrame:
    """The records as a data frame."""
    rows = [vars(r) for r in records]
    return pl.DataFrame({name: [row[name] for row in rows] for name in SCHEMA}, schema=SCHEMA)


def number(value: Any) -> str:
    """A number as text, without needless decimals."""
    return f"{float(value):g}"
