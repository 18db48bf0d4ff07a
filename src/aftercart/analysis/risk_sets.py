"""What all analyses of times start from: follow-up times, sorted once, with who is at risk at each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray

from aftercart.errors import UsageError

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]
Values: TypeAlias = Sequence[Any] | pl.Series | NDArray[Any]
"""A column: a list, a numpy array or a polars series, one entry per subject."""


def numbers(values: Values, name: str) -> Floats:
    """A column as floats; raises `UsageError` for what is missing, not finite or not a number (texts, dates, spans)."""
    raw = np.asarray(values)
    if raw.ndim != 1:
        raise UsageError(f"{name} has {raw.ndim} dimensions, expected one.", hint="give one column.")
    if raw.dtype.kind == "O":
        raw = np.array([math.nan if v is None else v for v in raw])
    if raw.dtype.kind not in "biuf":
        raise UsageError(f"{name} holds something that is not a number.", hint="give numbers, times as days or months.")
    found = raw.astype(np.float64)
    if not np.isfinite(found).all():
        raise UsageError(f"{name} holds missing or infinite values.", hint="drop or fill them first, and say so.")
    return found


def labels(values: Values, name: str) -> Ints:
    """A column of identifiers as numbers from 0, in their order; raises `UsageError` when one is missing."""
    try:
        column = pl.Series(values if isinstance(values, pl.Series | np.ndarray) else list(values))
    except TypeError as error:
        raise UsageError(f"{name} mixes kinds of values.", hint="give texts or numbers.") from error
    if column.null_count() or (column.dtype.is_float() and column.is_nan().any()):
        raise UsageError(f"{name} holds missing values.", hint="every row belongs to somebody.")
    return np.asarray(column.rank("dense").to_numpy(), dtype=np.int64) - 1


def codes(values: Values, name: str) -> Ints:
    """A column as whole numbers of at least 0; raises `UsageError` for anything else."""
    found = numbers(values, name)
    whole = found.astype(np.int64)
    if found.size and ((whole != found).any() or whole.min() < 0):
        raise UsageError(f"{name} must hold whole numbers of at least 0.", hint="0 is censored, 1 the (first) event.")
    return whole


@dataclass(frozen=True, eq=False)
class RiskSets:
    """Distinct follow-up times in order, with the number at risk just before each and what ended there."""

    time: Floats
    at_risk: Ints
    ended: Ints
    """Subjects by time (rows) and by how follow-up ended (columns: censored, first kind of event, ...)."""
    stop: Floats
    """Follow-up of each subject, sorted."""
    entry: Floats | None
    """Entry of each subject, sorted; null when all are followed from 0."""
    order: Ints
    """Positions of the subjects as given, by follow-up."""

    @staticmethod
    def of(times: Values, kinds: Values, *, entry: Values | None = None, name: str = "events") -> RiskSets:
        """Sort subjects by follow-up; a subject is at risk at t when entry < t and t <= time.

        times: follow-up from 0, any unit; kinds: 0 censored, 1, 2, ... the kind of event (booleans do); entry: time
        from which each subject was observed (left truncation). Raises `UsageError` for columns of different lengths,
        missing values, negative times, and an entry that is not before the end.
        """
        stop, kind = numbers(times, "times"), codes(kinds, name)
        start = None if entry is None else numbers(entry, "entry")
        if kind.shape != stop.shape or (start is not None and start.shape != stop.shape):
            raise UsageError(f"times and {name} must have one entry per subject each.", hint="check their lengths.")
        if stop.size and stop.min() < 0:
            raise UsageError(f"Follow-up of {stop.min():g} cannot be.", hint="times count from the start, day 0.")
        if start is not None and (start >= stop).any():
            raise UsageError("A subject enters at or after the end of follow-up.", hint="leave such subjects out.")
        order = np.argsort(stop, kind="stable")  # follow-up comes in days, so that most times are tied
        stop, kind = stop[order], kind[order]
        opens = np.flatnonzero(np.concatenate(([True], stop[1:] != stop[:-1]))) if stop.size else np.zeros(0, np.int64)
        closes = np.append(opens[1:], stop.size).astype(np.int64)
        entered = None if start is None else np.sort(start)
        time = stop[opens]
        present = stop.size if entered is None else np.searchsorted(entered, time, side="left")
        columns = []
        for k in range(int(kind.max(initial=1)) + 1):
            running = np.concatenate(([0], np.cumsum(kind == k)))
            columns.append(running[closes] - running[opens])
        return RiskSets(time, present - opens, np.stack(columns, axis=1), stop, entered, order)

    @property
    def n(self) -> int:
        """Number of subjects."""
        return int(self.stop.size)

    @property
    def events(self) -> Ints:
        """Events of any kind at each time."""
        return np.asarray(self.ended[:, 1:].sum(axis=1))

    @property
    def remaining(self) -> Ints:
        """Subjects still at risk just after each time (those who enter at that very time among them)."""
        entered = self.n if self.entry is None else np.searchsorted(self.entry, self.time, side="right")
        return np.asarray(entered - np.searchsorted(self.stop, self.time, side="right"))

    def at_risk_at(self, times: Floats) -> Ints:
        """Subjects at risk just before each of the given times."""
        entered = self.n if self.entry is None else np.searchsorted(self.entry, times, side="left")
        return np.asarray(entered - np.searchsorted(self.stop, times, side="left"))


def step(values: Floats, before: float, where: Ints) -> Floats:
    """A step function: `values[where]`, and `before` where `where` is -1."""
    return np.append(values, before)[where]


def not_nan(values: Floats) -> pl.Series:
    """A series with null where an array holds NaN, which is how these modules mark what does not exist."""
    return pl.Series(values, nan_to_null=True)
