"""Time to one of several events that exclude each other: Aalen-Johansen cumulative incidence in linear memory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from aftercart.analysis.intervals import Interval, normal_quantile
from aftercart.analysis.risk_sets import Floats, Ints, RiskSets, Values, not_nan, numbers, step
from aftercart.errors import UsageError

AALEN_JOHANSEN = "Aalen-Johansen, infinitesimal-jackknife variance, log-log limits"


@dataclass(frozen=True, eq=False)
class CumulativeIncidence:
    """Cumulative incidence of each cause at every distinct follow-up time (rows) by cause (columns, from cause 1).

    `event_free` and the incidences add up to 1. Arrays hold NaN where a value does not exist.
    """

    risk: RiskSets
    event_free: Floats
    incidence: Floats
    std_error: Floats
    """By the infinitesimal jackknife: robust, and equal to what multi-state software reports."""
    lower: Floats
    upper: Floats
    confidence: float
    method: str = AALEN_JOHANSEN

    @property
    def causes(self) -> int:
        """Number of causes."""
        return int(self.incidence.shape[1])

    def frame(self) -> pl.DataFrame:
        """One row per cause and time: `cause, time, at_risk, events, incidence, std_error, lower, upper`."""
        return pl.concat(
            pl.DataFrame(
                {
                    "cause": np.full(self.risk.time.size, k + 1),
                    "time": self.risk.time,
                    "at_risk": self.risk.at_risk,
                    "events": self.risk.ended[:, k + 1],
                    "incidence": self.incidence[:, k],
                    "std_error": not_nan(self.std_error[:, k]),
                    "lower": not_nan(self.lower[:, k]),
                    "upper": not_nan(self.upper[:, k]),
                }
            )
            for k in range(self.causes)
        )

    def at(self, times: Values, cause: int) -> pl.DataFrame:
        """One cause at given times: `time, at_risk, event_free, incidence, std_error, lower, upper`.

        Null after the last follow-up time unless nobody was event-free any more.
        """
        column, asked = self._column(cause), numbers(times, "times")
        where = np.searchsorted(self.risk.time, asked, side="right") - 1
        unknown = (asked > self.risk.time[-1]) & (self.event_free[-1] > 0) if self.risk.n else asked >= 0
        columns = {
            "event_free": step(self.event_free, 1.0, where),
            "incidence": step(self.incidence[:, column], 0.0, where),
            "std_error": step(self.std_error[:, column], 0.0, where),
            "lower": step(self.lower[:, column], np.nan, where),
            "upper": step(self.upper[:, column], np.nan, where),
        }
        found = {name: not_nan(np.where(unknown, np.nan, values)) for name, values in columns.items()}
        return pl.DataFrame({"time": asked, "at_risk": self.risk.at_risk_at(asked), **found})

    def interval(self, time: float, cause: int) -> Interval:
        """The incidence of one cause at one time; limits that do not exist are null, with the reason."""
        found = self.at([time], cause).row(0, named=True)
        reason = None
        if found["incidence"] is None:
            reason = "nobody was followed to this time"
        elif found["lower"] is None:
            reason = (
                f"no event of cause {cause} before this time" if found["incidence"] == 0 else "no variation is left"
            )
        return Interval(found["incidence"], found["lower"], found["upper"], self.method, reason)

    def gray_variance(self, cause: int) -> Floats:
        """Variance of one cause's incidence at each follow-up time as Gray's test software computes it.

        Source: Gray, Ann Stat 1988;16:1141, doi 10.1214/aos/1176350951.
        """
        column, risk = self._column(cause), self.risk
        after, before = self.event_free, np.concatenate(([1.0], self.event_free[:-1]))
        of_cause = risk.ended[:, cause]
        others = risk.events - of_cause
        y = risk.at_risk.astype(np.float64)
        inverse = np.divide(1.0, after, out=np.zeros(after.size), where=after > 0)
        # Incidence is counted from its last value, so that no large terms cancel; the result does not change.
        f = self.incidence[:, column] - self.incidence[-1, column] if risk.n else self.incidence[:, column]
        total = np.zeros((3, after.size))
        for m, e in ((others, f * inverse), (of_cause, 1 + f * inverse)):
            tied = np.divide(m - 1, y - 1, out=np.zeros(y.size), where=y > 1)
            q = np.where(m > 0, before**2 * m * (1 - tied) / y**2, 0.0)
            if m is others:
                q = np.where(after > 0, q, 0.0)
            total += np.stack((e**2 * q, e * inverse * q, inverse**2 * q))
        v1, v2, v3 = np.cumsum(total, axis=1)
        return np.asarray(np.maximum(v1 + f**2 * v3 - 2 * f * v2, 0.0))

    def _column(self, cause: int) -> int:
        if not 1 <= cause <= self.causes:
            raise UsageError(f"There is no cause {cause!r}.", hint=f"causes are 1 to {self.causes}.")
        return cause - 1


def cumulative_incidence(
    times: Values,
    causes: Values,
    *,
    entry: Values | None = None,
    n_causes: int | None = None,
    confidence: float = 0.95,
) -> CumulativeIncidence:
    """Estimate the probability of each cause over time when the causes exclude each other.

    times: follow-up of each subject, any unit; causes: how it ended, 0 censored, 1, 2, ... the cause (ties between
    causes need no jitter); entry: when each subject came under observation, for delayed entry; n_causes: how many
    causes there are, where the highest may not have occurred. Limits are log-log, and null where the incidence is 0
    or has no variation. Memory and time grow with the number of subjects, not with its square.
    Source: Aalen & Johansen, Scand J Stat 1978;5:141. Raises `UsageError` for columns that cannot be.

    >>> found = cumulative_incidence([1, 2, 2, 3, 4], [1, 2, 1, 0, 2])
    >>> found.incidence[-1].round(6).tolist(), found.event_free[-1].round(6).tolist()
    ([0.4, 0.6], 0.0)
    """
    z = normal_quantile(confidence)
    risk = RiskSets.of(times, causes, entry=entry, name="causes")
    missing = (n_causes or 1) + 1 - risk.ended.shape[1]
    if missing > 0:
        padded = np.pad(risk.ended, ((0, 0), (0, missing)))
        risk = RiskSets(risk.time, risk.at_risk, padded, risk.stop, risk.entry, risk.order)
    y, died = risk.at_risk.astype(np.float64), risk.events
    event_free: Floats = np.cumprod((y - died) / y, dtype=np.float64)
    before = np.concatenate(([1.0], event_free[:-1]))[: y.size]
    incidence = np.cumsum(before[:, None] * risk.ended[:, 1:] / y[:, None], axis=0)
    exits = _exits(risk, np.asarray(causes), None if entry is None else numbers(entry, "entry"))
    error = np.stack(
        [_std_error(risk, exits, k, incidence[:, k - 1], before) for k in range(1, risk.ended.shape[1])], axis=1
    )
    error = np.where(incidence > 0, error, 0.0)
    f = np.where((error > 0) & (incidence < 1), incidence, np.nan)
    width = z * error / (f * np.log(f))
    return CumulativeIncidence(risk, event_free, incidence, error, f ** np.exp(-width), f ** np.exp(width), confidence)


@dataclass(frozen=True, eq=False)
class _Exits:
    """How subjects left: row of the last time, kind of end, row of entry (-1 from 0), and how many left alike."""

    last: Ints
    kind: Ints
    first: Ints | None
    count: Floats


def _exits(risk: RiskSets, causes: Ints, entry: Floats | None) -> _Exits:
    rows, kinds = risk.ended.shape
    if entry is None and rows * kinds < risk.n:
        return _Exits(
            np.repeat(np.arange(rows), kinds),
            np.tile(np.arange(kinds), rows),
            None,
            risk.ended.astype(np.float64).ravel(),
        )
    last = np.searchsorted(risk.time, risk.stop)
    first = None if entry is None else np.searchsorted(risk.time, entry[risk.order], side="right") - 1
    return _Exits(last, causes.astype(np.int64)[risk.order], first, np.ones(risk.n))


def _std_error(risk: RiskSets, exits: _Exits, cause: int, incidence: Floats, before: Floats) -> Floats:
    """Root of the sum over subjects of the squared derivative of the incidence to the subject's weight.

    The derivative at time t is f(t) P - Q, with f the incidence and P, Q running sums over the times at which the
    subject was at risk: P of dM = c - [event] / (Y - d), and Q of dM f + (d_k S- / Y - [cause k] S-) / Y. So the sum
    of squares at t needs five running sums: those of P^2, PQ and Q^2 of who has left, and likewise of who is at risk.
    Counting f from its last value keeps its products with P small; the derivative is the same.
    """
    y, died = risk.at_risk.astype(np.float64), risk.events
    if not y.size:
        return np.zeros(0)
    f = incidence - incidence[-1]
    left = y - died
    per_event = np.divide(1.0, left, out=np.zeros(y.size), where=left > 0)
    c = died * per_event / y
    big_p = np.cumsum(c)
    big_q = np.cumsum(c * f + before * risk.ended[:, cause] / y**2)
    row, happened = exits.last, exits.kind > 0
    p = big_p[row] - happened * per_event[row]
    q = big_q[row] - happened * (per_event * f)[row] - (exits.kind == cause) * (before / y)[row]
    p0 = q0 = np.zeros(row.size)
    if exits.first is not None:
        p0, q0 = np.append(big_p, 0.0)[exits.first], np.append(big_q, 0.0)[exits.first]
        p, q = p - p0, q - q0
    pp, pq, qq = (_running(row, v * exits.count, y.size) for v in (p * p, p * q, q * q))
    gone = f * f * pp - 2 * f * pq + qq
    a = f * big_p - big_q
    if exits.first is None:
        return np.asarray(np.sqrt(np.maximum(gone + risk.remaining * a * a, 0.0)))
    # Entered by t (rows count from the time at or after entry) less those who have left.
    entered = exits.first

    def present(v: Floats) -> Floats:
        came = np.bincount(entered + 1, weights=v, minlength=y.size + 1)[: y.size].cumsum()
        return np.asarray(came - _running(row, v, y.size))

    n_in = present(np.ones(row.size))
    sums = f * present(p0) - present(q0)
    squares = f * f * present(p0 * p0) - 2 * f * present(p0 * q0) + present(q0 * q0)
    return np.asarray(np.sqrt(np.maximum(gone + n_in * a * a - 2 * a * sums + squares, 0.0)))


def _running(row: Ints, values: Floats, rows: int) -> Floats:
    """Running total over rows of values that belong to a row."""
    return np.asarray(np.bincount(row, weights=values, minlength=rows).cumsum())
