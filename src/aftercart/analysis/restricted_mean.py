"""Restricted mean survival time: the area under a survival curve up to a time, and its difference between groups."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from aftercart.analysis.intervals import Interval, normal_quantile
from aftercart.analysis.risk_sets import Values
from aftercart.analysis.survival import kaplan_meier
from aftercart.errors import UsageError

RESTRICTED_MEAN = "restricted mean survival time, normal limits"
RESTRICTED_MEAN_DIFFERENCE = "difference of restricted mean survival times, normal limits"


@dataclass(frozen=True)
class RestrictedMean:
    """Mean time free of the event until `tau`, in the unit of the times; null, with the reason, where there is none."""

    tau: float
    value: float | None
    std_error: float | None
    low: float | None
    high: float | None
    n: int
    n_events: int
    """Events up to `tau`."""
    method: str = RESTRICTED_MEAN
    reason: str | None = None


def restricted_mean(times: Values, events: Values, tau: float, *, confidence: float = 0.95) -> RestrictedMean:
    """Estimate the mean time free of the event until `tau`: the area under the Kaplan-Meier curve.

    times, events: as in `kaplan_meier`; tau: above 0, same unit. The value is null when nobody was followed to `tau`
    and the curve had not reached 0; the standard error is null, not 0, when the data show no variation (no event).
    Source: Royston & Parmar, BMC Med Res Methodol 2013;13:152, doi 10.1186/1471-2288-13-152. Raises `UsageError` for
    columns that cannot be.

    >>> found = restricted_mean([3, 5, 5, 8, 9], [1, 1, 0, 0, 1], 8)
    >>> round(found.value, 3), round(found.std_error, 3)
    (6.4, 0.921)
    >>> restricted_mean([3, 5, 9], [0, 0, 0], 8).reason
    'no event before tau, so the standard error does not exist'
    """
    z = normal_quantile(confidence)
    if not 0 < tau < math.inf:
        raise UsageError(f"tau must be a time above 0, found {tau!r}.", hint="give the horizon of the mean.")
    curve = kaplan_meier(times, events)
    risk, reached = curve.risk, curve.risk.time <= tau
    n_events = int(risk.events[reached].sum())

    def answer(value: float | None, error: float | None, reason: str | None) -> RestrictedMean:
        low = None if error is None or value is None else max(0.0, value - z * error)
        high = None if error is None or value is None else min(tau, value + z * error)
        return RestrictedMean(tau, value, error, low, high, risk.n, n_events, reason=reason)

    if not risk.n:
        return answer(None, None, "no subject")
    if risk.time[-1] < tau and curve.survival[-1] > 0:
        return answer(None, None, "nobody was followed to tau")
    steps = np.concatenate(([0.0], risk.time[reached], [tau]))
    areas = np.diff(steps) * np.concatenate(([1.0], curve.survival[reached]))
    beyond = areas.sum() - np.cumsum(areas)[:-1]
    died, y = risk.events[reached], risk.at_risk[reached].astype(np.float64)
    left = y - died
    terms = np.divide(died, y * left, out=np.zeros(y.size), where=left > 0)
    error = float(np.sqrt(np.sum(beyond**2 * terms)))
    if n_events == 0:
        return answer(float(areas.sum()), None, "no event before tau, so the standard error does not exist")
    if not error > 0:
        return answer(float(areas.sum()), None, "no variation before tau, so the standard error does not exist")
    return answer(float(areas.sum()), error, None)


def restricted_mean_difference(
    one: tuple[Values, Values], other: tuple[Values, Values], tau: float, *, confidence: float = 0.95
) -> Interval:
    """Estimate by how much the mean time free of the event until `tau` differs: `one` minus `other`.

    one, other: times and events of each group, as in `kaplan_meier`; tau: as in `restricted_mean`. Null, with the
    reason, where one of the two does not exist.
    Source: Uno et al., J Clin Oncol 2014;32:2380, doi 10.1200/JCO.2014.55.2208. Raises as `restricted_mean`.

    >>> round(restricted_mean_difference(([3, 8, 9], [1, 0, 1]), ([2, 4, 9], [1, 1, 0]), 8).estimate, 3)
    1.667
    """
    z = normal_quantile(confidence)
    first, second = restricted_mean(*one, tau), restricted_mean(*other, tau)
    reason = "; ".join(
        f"{name}: {mean.reason}" for name, mean in (("first group", first), ("second group", second)) if mean.reason
    )
    if first.value is None or second.value is None:
        return Interval(None, None, None, RESTRICTED_MEAN_DIFFERENCE, reason)
    difference = first.value - second.value
    if first.std_error is None or second.std_error is None:
        return Interval(difference, None, None, RESTRICTED_MEAN_DIFFERENCE, reason)
    half = z * math.hypot(first.std_error, second.std_error)
    return Interval(difference, difference - half, difference + half, RESTRICTED_MEAN_DIFFERENCE)
