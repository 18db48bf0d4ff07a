"""Phrases of a paper: counts, proportions with their intervals and dates, right in the singular and without events."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from aftercart.analysis.summary import Estimate
from aftercart.reporting.numbers import SMALLEST_PERCENT_DENOMINATOR, indication, interval, listed, number, percent
from aftercart.reporting.words import share

MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)


def counted(n: int, singular: str, plural: str) -> str:
    """`1 patient`, `3 patients`."""
    return f"{n} {singular if n == 1 else plural}"


def were(n: int) -> str:
    """`was` or `were`."""
    return "was" if n == 1 else "were"


def of_patients(estimate: Estimate) -> str:
    """`9 of 15 patients (60%; 95% CI 32 to 84%)`, with those who were not evaluable."""
    count, _, rest = share(estimate).partition(" (")
    return f"{count} {'patient' if estimate.denominator == 1 else 'patients'} ({rest}"


def happened(estimate: Estimate, what: str, verb: str = "occurred") -> str:
    """Whether something happened, as a sentence: in how many, in none, or not evaluable and why."""
    if not estimate.denominator:
        return f"{what} could not be evaluated in any patient{reasons(estimate.not_evaluable_reasons)}."
    if not estimate.numerator:
        if estimate.denominator == 1:
            return f"{what} {verb} in no patient ({share(estimate).replace(' (', '; ', 1)}."
        return f"{what} {verb} in none of {of_patients(estimate).removeprefix('0 of ')}."
    return f"{what} {verb} in {of_patients(estimate)}."


def reasons(found: Mapping[str, int]) -> str:
    """`: no record in 2` for those who were not evaluable; nothing where no reason is known."""
    return f": {listed(f'{why} in {n}' for why, n in sorted(found.items()))}" if found else ""


def estimated(record: Mapping[str, Any]) -> str:
    """The value of a curve with its interval: `87% (95% CI 60 to 98%)`; limits as proportions with few patients."""
    n, value = int(record["denominator"]), float(record["estimate"])
    low, high = record["ci_low"], record["ci_high"]
    shown = f"{value:.2f}" if n < SMALLEST_PERCENT_DENOMINATOR else f"{percent(value)}%"
    limits = "no interval exists" if low is None else f"95% CI {interval(low, high, n)}"
    return f"{shown} ({limits})"


def limits(low: float | None, high: float | None) -> str:
    """`95% CI 95 to 140`, with what is open said; nothing where neither limit exists."""
    if low is None and high is None:
        return "no interval exists"
    if high is None:
        return f"95% CI from {number(low or 0)}, upper limit not reached"
    return f"95% CI {number(low or 0)} to {number(high)}"


def in_words(day: str | None) -> str:
    """A date as papers write it: `29 February 2024`."""
    if day is None:
        return ""
    found = date.fromisoformat(day)
    return f"{found.day} {MONTHS[found.month - 1]} {found.year}"


def diseases(by_disease: Mapping[str, int]) -> str:
    """`8 with systemic lupus erythematosus and 4 with systemic sclerosis`."""
    return listed(f"{n} with {indication(code, long=True)}" for code, n in by_disease.items())
