"""Time to one event: Kaplan-Meier with limits that say when they do not exist, medians, follow-up, landmark."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import polars as pl

from aftercart.analysis.beta_product import BETA_PRODUCT, beta_product_limits
from aftercart.analysis.intervals import Interval, normal_quantile
from aftercart.analysis.risk_sets import Floats, RiskSets, Values, codes, not_nan, numbers, step
from aftercart.errors import UsageError

KAPLAN_MEIER = "Kaplan-Meier median, log-log 95% limits"
REVERSE_KAPLAN_MEIER = "reverse Kaplan-Meier median, log-log 95% limits"

SMALL = 20
"""Below this many subjects `small-sample` limits are beta-product limits."""

Limits = Literal["log-log", "log", "plain", "beta-product", "small-sample"]
_NAMES = {
    "log-log": "Kaplan-Meier, log-log limits",
    "log": "Kaplan-Meier, log limits",
    "plain": "Kaplan-Meier, plain limits",
    "beta-product": f"Kaplan-Meier, {BETA_PRODUCT} limits",
}
_HALF = 1e-12


@dataclass(frozen=True)
class Median:
    """Median time with limits by test inversion; null where the curve (or a limit) never reaches one half."""

    value: float | None
    low: float | None
    high: float | None
    n: int
    n_events: int


@dataclass(frozen=True)
class Step:
    """The curve just after one event time."""

    time: float
    at_risk: int
    events: int
    survival: float
    lower: float | None
    upper: float | None


@dataclass(frozen=True, eq=False)
class SurvivalCurve:
    """A Kaplan-Meier curve at every distinct follow-up time; arrays hold NaN where a value does not exist."""

    risk: RiskSets
    survival: Floats
    variance: Floats
    """Greenwood's sum of d / (Y (Y - d)); NaN once the curve is 0."""
    lower: Floats
    upper: Floats
    method: str
    """The estimator and its limits, by name."""
    confidence: float
    before: tuple[float, float]
    """Limits before the first follow-up time."""

    @cached_property
    def std_error(self) -> Floats:
        """Standard error of the curve by Greenwood; NaN once the curve is 0."""
        return np.asarray(self.survival * np.sqrt(self.variance))

    def frame(self) -> pl.DataFrame:
        """One row per distinct follow-up time: `time, at_risk, events, censored, survival, std_error, lower, upper`."""
        return pl.DataFrame(
            {
                "time": self.risk.time,
                "at_risk": self.risk.at_risk,
                "events": self.risk.events,
                "censored": self.risk.ended[:, 0],
                "survival": self.survival,
                "std_error": not_nan(self.std_error),
                "lower": not_nan(self.lower),
                "upper": not_nan(self.upper),
            }
        )

    def at(self, times: Values) -> pl.DataFrame:
        """The curve at given times: `time, at_risk, survival, std_error, lower, upper`.

        Survival is null after the last follow-up time unless the curve had reached 0.
        """
        asked = numbers(times, "times")
        found = {name: not_nan(values) for name, values in self._at(asked).items()}
        return pl.DataFrame({"time": asked, "at_risk": self.risk.at_risk_at(asked), **found})

    def _at(self, asked: Floats) -> dict[str, Floats]:
        where = np.searchsorted(self.risk.time, asked, side="right") - 1
        unknown = (asked > self.risk.time[-1]) & (self.survival[-1] > 0) if self.risk.n else asked >= 0
        columns = {
            "survival": step(self.survival, 1.0, where),
            "std_error": step(self.std_error, 0.0, where),
            "lower": step(self.lower, self.before[0], where),
            "upper": step(self.upper, self.before[1], where),
        }
        return {name: np.where(unknown, np.nan, values) for name, values in columns.items()}

    def interval(self, time: float) -> Interval:
        """The curve at one time as an interval; a limit that does not exist is null, with the reason."""
        found = self._at(numbers([time], "times"))
        value, low, high = (
            None if math.isnan(v) else v for v in (float(found[c][0]) for c in ("survival", "lower", "upper"))
        )
        reason = None
        if value is None:
            reason = "nobody was followed to this time"
        elif low is None:
            reason = "no event before this time" if value == 1 else "the curve has reached 0"
        return Interval(value, low, high, self.method, reason)

    def median(self) -> Median:
        """Median time, with limits where the limit curves reach one half (Brookmeyer & Crowley 1982).

        Where the curve is exactly one half over a stretch, the middle of the stretch is given.
        Source: Biometrics 1982;38:29, doi 10.2307/2530286.
        """
        low = self.risk.time[self.lower <= 0.5 + _HALF]
        high = self.risk.time[self.upper <= 0.5 + _HALF]
        return Median(
            value=self._half(),
            low=0.0 if self.before[0] <= 0.5 and self.risk.n else _first(low),
            high=_first(high),
            n=self.risk.n,
            n_events=int(self.risk.events.sum()),
        )

    def _half(self) -> float | None:
        below = self.risk.time[self.survival < 0.5 - _HALF]
        flat = self.risk.time[np.abs(self.survival - 0.5) <= _HALF]
        if flat.size:
            return float((flat[0] + (below[0] if below.size else flat[0])) / 2)
        return _first(below)


def _first(times: Floats) -> float | None:
    return float(times[0]) if times.size else None


def kaplan_meier(
    times: Values,
    events: Values,
    *,
    entry: Values | None = None,
    limits: Limits = "log-log",
    confidence: float = 0.95,
) -> SurvivalCurve:
    """Estimate survival (freedom from an event) over time, events before censorings of the same time.

    times: follow-up of each subject, any unit; events: whether it ended in the event; entry: when each subject came
    under observation, for delayed entry. limits: pointwise, `log-log`, `log` or `plain` from Greenwood's variance
    (these do not exist while the curve is 1 or once it is 0), `beta-product` (exact without censoring, exist always;
    not with delayed entry), or `small-sample`: beta-product for fewer than 20 subjects or without any event, else
    log-log. The curve's `method` names what was used. Raises `UsageError` for columns that cannot be.
    Sources: Kaplan & Meier, J Am Stat Assoc 1958;53:457, doi 10.1080/01621459.1958.10501452; Fay, Brittain &
    Proschan, Biostatistics 2013;14:723, doi 10.1093/biostatistics/kxt016.

    >>> curve = kaplan_meier([3, 5, 5, 8, 9], [1, 1, 0, 0, 1])
    >>> curve.at([4, 8])["survival"].round(3).to_list()
    [0.8, 0.6]
    >>> kaplan_meier([3, 5, 9], [0, 0, 0]).interval(4).reason
    'no event before this time'
    """
    z = normal_quantile(confidence)
    risk = RiskSets.of(times, events, entry=entry)
    if risk.ended.shape[1] > 2:
        raise UsageError("events must be 0 or 1.", hint="use cumulative_incidence for several kinds of event.")
    died, y = risk.events, risk.at_risk
    if limits == "small-sample":
        limits = "beta-product" if risk.entry is None and (risk.n < SMALL or not died.any()) else "log-log"
    if limits not in _NAMES:
        raise UsageError(f"There are no {limits!r} limits.", hint=f"use one of {', '.join([*_NAMES, 'small-sample'])}.")
    survival: Floats = np.cumprod((y - died) / y, dtype=np.float64)
    variance = greenwood(risk)
    before = (np.nan, np.nan)
    if limits == "beta-product":
        lower, upper, lowest = beta_product_limits(risk, confidence)
        before = (lowest, 1.0)
    else:
        lower, upper = _greenwood_limits(survival, variance, z, limits)
    return SurvivalCurve(risk, survival, variance, lower, upper, _NAMES[limits], confidence, before)


def greenwood(risk: RiskSets) -> Floats:
    """Running sum of d / (Y (Y - d)) at each follow-up time; NaN once everyone at risk has had the event."""
    died, y = risk.events, risk.at_risk
    left = (y - died).astype(np.float64)
    terms = np.divide(died, y * left, out=np.full(y.size, np.nan), where=left > 0)
    return np.cumsum(np.where(died == 0, 0.0, terms))


def _greenwood_limits(survival: Floats, variance: Floats, z: float, limits: str) -> tuple[Floats, Floats]:
    inside = (survival > 0) & (survival < 1)
    s, width = np.where(inside, survival, np.nan), z * np.sqrt(variance)
    if limits == "log-log":
        width = width / np.log(s)
        return s ** np.exp(-width), s ** np.exp(width)
    low, high = (s * np.exp(-width), s * np.exp(width)) if limits == "log" else (s - s * width, s + s * width)
    return np.clip(low, 0.0, 1.0), np.clip(high, 0.0, 1.0)


def curve(times: Sequence[float], events: Sequence[bool]) -> list[Step]:
    """Kaplan-Meier curve at each event time; events come before censorings of the same time.

    times: follow-up of each patient, any unit; events: whether it ended in the event. Limits are log-log with
    Greenwood's variance, null where the curve is 1 or 0 (no honest limit exists there).
    Source: Kaplan & Meier, J Am Stat Assoc 1958;53:457, doi 10.1080/01621459.1958.10501452.

    >>> [(s.time, s.at_risk) for s in curve([3, 5, 5, 8, 9], [True, True, False, False, True])]
    [(3.0, 5), (5.0, 4), (9.0, 1)]
    """
    columns = ("time", "at_risk", "events", "survival", "lower", "upper")
    rows = kaplan_meier(times, events).frame().filter(pl.col("events") > 0).select(columns)
    return [Step(*row) for row in rows.iter_rows()]


def median(times: Sequence[float], events: Sequence[bool]) -> Median:
    """Median time to the event, with limits where the log-log limit curves cross one half.

    Arguments as in `kaplan_meier`; see `SurvivalCurve.median`.

    >>> median([9, 13, 13, 18, 23], [True, True, False, True, True]).value
    18.0
    """
    return kaplan_meier(times, events).median()


def follow_up(times: Sequence[float], died: Sequence[bool]) -> Median:
    """Median follow-up: the end of observation is the event, and a death censors it.

    times: observed time of each subject; died: whether it ended in death.
    Source: Schemper & Smith, Control Clin Trials 1996;17:343, doi 10.1016/0197-2456(96)00075-X.

    >>> follow_up([4, 8, 15, 20, 29], [False] * 5).value
    15.0
    """
    return median(times, [not d for d in died])


@dataclass(frozen=True, eq=False)
class Landmark:
    """Survival from a landmark on among those who reached it, with how many did not and why."""

    curve: SurvivalCurve
    """Time counts from the landmark."""
    n_event_before: int
    n_censored_before: int


def landmark(times: Values, events: Values, at: float, *, limits: Limits = "log-log") -> Landmark:
    """Restart the clock at a landmark, with those still under observation and free of the event beyond it.

    times, events, limits: as in `kaplan_meier`; at: the landmark, same unit. Groups that only later time can tell
    apart (responders against others) may be compared only so.
    Source: Anderson, Cain & Gelber, J Clin Oncol 1983;1:710, doi 10.1200/JCO.1983.1.11.710. Raises `UsageError` as
    `kaplan_meier` and for a landmark before 0.

    >>> found = landmark([3, 5, 5, 8, 9], [1, 1, 0, 0, 1], at=4)
    >>> found.curve.risk.n, found.n_event_before, found.n_censored_before
    (4, 1, 0)
    """
    stop, happened = numbers(times, "times"), codes(events, "events") > 0
    if stop.shape != happened.shape or not at >= 0:
        raise UsageError("times and events must match, and the landmark be 0 or later.", hint="check the columns.")
    kept = stop > at
    return Landmark(
        curve=kaplan_meier(stop[kept] - at, happened[kept], limits=limits),
        n_event_before=int((~kept & happened).sum()),
        n_censored_before=int((~kept & ~happened).sum()),
    )
