"""Events that recur: the mean number per subject over time, with a variance that allows for frail subjects."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from aftercart.analysis.intervals import Interval, normal_quantile, rate
from aftercart.analysis.risk_sets import Floats, Ints, Values, codes, labels, not_nan, numbers, step
from aftercart.errors import UsageError

MEAN_CUMULATIVE = "Nelson mean cumulative function, robust variance, log limits"
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
        return Interval(mean, low, high, NO_EVENTS if mean == 0 else MEAN_CUMULATIVE, reason)


def mean_cumulative(
    subjects: Values, start: Values, stop: Values, events: Values, *, confidence: float = 0.95
) -> MeanCumulative:
    """Estimate the mean number of events per subject over time, where a subject can have several.

    subjects: who (any values); start, stop: one period under observation per row, with start < stop, in any unit, not
    overlapping within a subject; events: whether the period ended in an event. Limits are on the log scale and need
    variation between subjects. Before the first event the mean and the lower limit are 0 and the upper one is exact
    for Poisson events: minus log alpha/2 over the fewest at risk so far.
    The mean is over subjects under observation: with many deaths it is that of the survivors.
    Sources: Nelson, J Qual Technol 1988;20:24; Lawless & Nadeau, Technometrics 1995;37:158, doi
    10.1080/00401706.1995.10484300. Raises `UsageError` for columns that cannot be.

    >>> found = mean_cumulative([1, 1, 2, 3], [0, 3, 0, 0], [3, 8, 6, 7], [1, 0, 1, 0])
    >>> found.at([3, 6])["mean"].round(3).to_list()
    [0.333, 0.667]
    """
    z = normal_quantile(confidence)
    begin, end, happened = numbers(start, "start"), numbers(stop, "stop"), codes(events, "events")
    who = labels(subjects, "subjects")
    if not begin.shape == end.shape == happened.shape == who.shape:
        raise UsageError("subjects, start, stop and events must have one entry per row each.", hint="check lengths.")
    if (begin >= end).any() or (happened > 1).any():
        raise UsageError("A row must end after it starts, in an event (1) or not (0).", hint="split rows at events.")
    order = np.lexsort((begin, who))
    who, begin, end, happened = who[order], begin[order], end[order], happened[order]
    same = np.append(who[1:] == who[:-1], False)[: who.size]
    if (end[:-1][same[:-1]] > begin[1:][same[:-1]]).any():
        raise UsageError("Two rows of one subject overlap.", hint="each time at risk belongs to one row.")
    time = np.unique(end)
    opened, closed = np.searchsorted(time, begin, side="right"), np.searchsorted(time, end)
    at_risk = np.bincount(opened, minlength=time.size + 1)[: time.size].cumsum() - np.searchsorted(np.sort(end), time)
    died = np.bincount(closed[happened == 1], minlength=time.size)
    mean = np.cumsum(died / at_risk)
    variance = _influence(who, same, opened, closed, happened, died / at_risk**2, 1 / at_risk)
    error = np.sqrt(np.where(mean > 0, variance, 0.0))
    inside = np.where((mean > 0) & (error > 0), mean, np.nan)
    width = np.exp(z * error / inside)
    bound = rate(0, 1.0, confidence=confidence).high or 0.0
    fewest = np.minimum.accumulate(at_risk)
    lower = np.where(mean == 0, 0.0, inside / width)
    upper = np.where(mean == 0, bound / fewest, inside * width)
    return MeanCumulative(time, at_risk, died, mean, error, lower, upper, int(who.max(initial=-1)) + 1)


def _influence(
    who: Ints, same: Ints, opened: Ints, closed: Ints, happened: Ints, per_time: Floats, per_event: Floats
) -> Floats:
    """Sum over subjects of the squared influence at each time.

    While a row is open the influence is h - e(t), with e the running sum of d / Y^2 and h what the subject brought
    into the row; between rows it stays as it was. Rows add and remove the terms of their square, so that one pass
    over sorted rows gives all times, whatever their number.
    """
    rows = per_time.size
    e = np.append(np.cumsum(per_time), 0.0)
    within = e[closed] - e[opened - 1]
    gain = happened * per_event[closed] - within
    # What a subject has gathered before each of its rows: a running sum restarted at each subject.
    total = np.cumsum(gain)
    first = np.flatnonzero(np.append(True, ~same[:-1])) if who.size else np.zeros(0, np.int64)
    before = total - gain - (total[first] - gain[first])[who]
    h, after = before + e[opened - 1], before + gain

    def running(at: Ints, values: Floats) -> Floats:
        return np.asarray(np.bincount(at, weights=values, minlength=rows + 1)[:rows].cumsum())

    def open_rows(values: Floats) -> Floats:
        return running(opened, values) - running(closed, values)

    resumed = opened[1:][same[:-1]]
    resting = running(closed, after**2) - running(resumed, after[:-1][same[:-1]] ** 2)
    level = e[:rows]
    found = open_rows(h * h) - 2 * level * open_rows(h) + level**2 * open_rows(np.ones(who.size)) + resting
    return np.maximum(found, 0.0)
