"""Events that recur: the mean number per subject over time, with a variance that allows for frail subjects."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from aftercart.analysis.intervals import Interval, normal_quantile, rate
from aftercart.analysis.risk_sets import Floats, Ints, Values, codes, labels, not_nan, numbers, step
from aftercart.errors import UsageError

MEAN_CUMULATIVE = "Nelson mean cumulative function, robust variance, log limits"
MEAN_UNTIL_DEATH = "Ghosh-Lin mean function with death as the end, robust variance, log limits"
NO_EVENTS = "Poisson upper bound on no event, from the fewest subjects at risk so far"


@dataclass(frozen=True, eq=False)
class MeanCumulative:
    """Mean number of events per subject at every distinct time; arrays hold NaN where a value does not exist."""

    time: Floats
    at_risk: Ints
    events: Ints
    mean: Floats
    std_error: Floats
    """Robust: the root of the sum over subjects of the squared influence on the mean."""
    lower: Floats
    upper: Floats
    n: int
    method: str

    def frame(self) -> pl.DataFrame:
        """One row per distinct time: `time, at_risk, events, mean, std_error, lower, upper`."""
        columns = {"mean": self.mean, "std_error": self.std_error, "lower": self.lower, "upper": self.upper}
        return pl.DataFrame(
            {"time": self.time, "at_risk": self.at_risk, "events": self.events}
            | {name: not_nan(values) for name, values in columns.items()}
        )

    def at(self, times: Values) -> pl.DataFrame:
        """The mean at given times: `time, mean, std_error, lower, upper`; null after the last time."""
        asked = numbers(times, "times")
        where = np.searchsorted(self.time, asked, side="right") - 1
        known = asked <= (self.time[-1] if self.time.size else -1.0)
        columns = {
            "mean": step(self.mean, 0.0, where),
            "std_error": step(self.std_error, 0.0, where),
            "lower": step(self.lower, np.nan, where),
            "upper": step(self.upper, np.nan, where),
        }
        return pl.DataFrame(
            {"time": asked} | {name: not_nan(np.where(known, values, np.nan)) for name, values in columns.items()}
        )

    def interval(self, time: float) -> Interval:
        """The mean at one time, with the name of its limits; those that do not exist are null, with the reason."""
        found = self.at([time]).row(0, named=True)
        mean, low, high = found["mean"], found["lower"], found["upper"]
        reason = None
        if mean is None:
            reason = "nobody was followed to this time"
        elif low is None:
            reason = "no variation between subjects" if mean > 0 else "nobody has been followed yet"
        return Interval(mean, low, high, NO_EVENTS if mean == 0 else self.method, reason)


def mean_cumulative(
    subjects: Values,
    start: Values,
    stop: Values,
    events: Values,
    *,
    died: Values | None = None,
    confidence: float = 0.95,
) -> MeanCumulative:
    """Estimate the mean number of events per subject over time, where a subject can have several.

    subjects: who (any values); start, stop: one period under observation per row, with start < stop, in any unit, not
    overlapping within a subject; events: whether the period ended in an event. Limits are on the log scale and need
    variation between subjects. Before the first event the mean and the lower limit are 0 and the upper one is exact
    for Poisson events: minus log alpha/2 over the fewest at risk so far.
    died: whether a row ended in death (at its end the event counts first). With it the mean is that of all subjects,
    who have no events once dead; without it deaths count as ends of observation, and the mean is that of survivors.
    Sources: Nelson, J Qual Technol 1988;20:24; Lawless & Nadeau, Technometrics 1995;37:158, doi
    10.1080/00401706.1995.10484300; Ghosh & Lin, Biometrics 2000;56:554, doi 10.1111/j.0006-341X.2000.00554.x.
    Raises `UsageError` for columns that cannot be.

    >>> found = mean_cumulative([1, 1, 2, 3], [0, 3, 0, 0], [3, 8, 6, 7], [1, 0, 1, 0])
    >>> found.at([3, 6])["mean"].round(3).to_list()
    [0.333, 0.667]
    """
    z = normal_quantile(confidence)
    begin, end, happened = numbers(start, "start"), numbers(stop, "stop"), codes(events, "events")
    who, dead = labels(subjects, "subjects"), np.zeros_like(happened) if died is None else codes(died, "died")
    if not begin.shape == end.shape == happened.shape == who.shape == dead.shape:
        raise UsageError(
            "subjects, start, stop, events and died must have one entry per row each.", hint="check lengths."
        )
    if (begin >= end).any() or (happened > 1).any() or (dead > 1).any():
        raise UsageError("A row must end after it starts, in an event (1) or not (0).", hint="split rows at events.")
    order = np.lexsort((begin, who))
    who, begin, end, happened, dead = who[order], begin[order], end[order], happened[order], dead[order]
    same = np.append(who[1:] == who[:-1], False)[: who.size]
    if (end[:-1][same[:-1]] > begin[1:][same[:-1]]).any():
        raise UsageError("Two rows of one subject overlap.", hint="each time at risk belongs to one row.")
    if (dead[same] == 1).any():
        raise UsageError("A subject is under observation after death.", hint="only the last row can end in death.")
    time = np.unique(end)
    opened, closed = np.searchsorted(time, begin, side="right"), np.searchsorted(time, end)
    at_risk = np.bincount(opened, minlength=time.size + 1)[: time.size].cumsum() - np.searchsorted(np.sort(end), time)
    count = np.bincount(closed[happened == 1], minlength=time.size)
    deaths = np.bincount(closed[dead == 1], minlength=time.size)
    alive = np.concatenate(([1.0], np.cumprod(1 - deaths / at_risk)))[: time.size]
    mean = np.cumsum(alive * count / at_risk)
    variance = _variance(_Rows(who, same, opened, closed, happened, dead), at_risk, count, deaths, mean, alive)
    error = np.sqrt(np.where(mean > 0, variance, 0.0))
    inside = np.where((mean > 0) & (error > 0), mean, np.nan)
    width = np.exp(z * error / inside)
    bound = rate(0, 1.0, confidence=confidence).high or 0.0
    fewest = np.minimum.accumulate(at_risk)
    lower = np.where(mean == 0, 0.0, inside / width)
    upper = np.where(mean == 0, bound / fewest, inside * width)
    method = MEAN_CUMULATIVE if died is None else MEAN_UNTIL_DEATH
    return MeanCumulative(time, at_risk, count, mean, error, lower, upper, int(who.max(initial=-1)) + 1, method)


@dataclass(frozen=True, eq=False)
class _Rows:
    """Periods sorted by subject and time: whose, whether the next is of the same subject, and how they run."""

    who: Ints
    same: NDArray[np.bool_]
    opened: Ints
    """First distinct time at which the row is at risk."""
    closed: Ints
    happened: Ints
    dead: Ints


def _variance(rows: _Rows, at_risk: Ints, died: Ints, deaths: Ints, mean: Floats, alive: Floats) -> Floats:
    """Sum over subjects of the squared influence on the mean at each time.

    The influence is f(t) P - Q, with f the mean counted from its last value. While a row is open P and Q are what the
    subject brought into it plus the running sums C of d / (Y (Y - d)) over deaths and D of C's terms times f plus
    S- d / Y^2 over events; a death takes 1 / (Y - d) and f / (Y - d) off, an event S- / Y off Q. Between rows both
    stay. Rows add and remove the terms of their square, so that one pass over sorted rows gives all times.
    """
    y = at_risk.astype(np.float64)
    f = mean - mean[-1:].sum()
    left = y - deaths
    per_death = np.divide(1.0, left, out=np.zeros(y.size), where=left > 0)
    c = deaths * per_death / y
    big_p, big_q = np.cumsum(c), np.cumsum(c * f + alive * died / y**2)
    start_p, end_p = _gathered(rows, big_p, np.asarray(rows.dead * per_death[rows.closed]))
    lost_q = rows.dead * (per_death * f)[rows.closed] + rows.happened * (alive / y)[rows.closed]
    start_q, end_q = _gathered(rows, big_q, lost_q)

    def running(at: Ints, values: Floats) -> Floats:
        return np.asarray(np.bincount(at, weights=values, minlength=y.size + 1)[: y.size].cumsum())

    def open_rows(values: Floats) -> Floats:
        return running(rows.opened, values) - running(rows.closed, values)

    again = rows.same[:-1]
    resumed = rows.opened[1:][again]

    def resting(values: Floats) -> Floats:
        return running(rows.closed, values) - running(resumed, values[:-1][again])

    level = f * big_p - big_q
    sums = f * open_rows(start_p) - open_rows(start_q)
    squares = sum(
        part(p * p) * f * f - 2 * f * part(p * q) + part(q * q)
        for part, p, q in ((open_rows, start_p, start_q), (resting, end_p, end_q))
    )
    return np.asarray(np.maximum(open_rows(np.ones(start_p.size)) * level**2 + 2 * level * sums + squares, 0.0))


def _gathered(rows: _Rows, running: Floats, lost: Floats) -> tuple[Floats, Floats]:
    """What a subject brings into each row, less the running sum at its start, and what it leaves the row with."""
    known = np.append(running, 0.0)
    gain = known[rows.closed] - known[rows.opened - 1] - lost
    total = np.cumsum(gain)
    first = np.flatnonzero(np.append(True, ~rows.same[:-1])) if gain.size else np.zeros(0, np.int64)
    before = total - gain - (total[first] - gain[first])[rows.who]
    return before - known[rows.opened - 1], before + gain
