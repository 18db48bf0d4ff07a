"""Exact confidence intervals for proportions and rates; degenerate cases get an exact bound or a stated reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from aftercart.errors import MissingExtraError, UsageError

CLOPPER_PEARSON = "Clopper-Pearson exact"
GARWOOD = "Garwood exact"


@dataclass(frozen=True)
class Interval:
    """An estimate with its limits and the name of the method; all null, with the reason, when not estimable."""

    estimate: float | None
    low: float | None
    high: float | None
    method: str
    reason: str | None = None


def _special() -> Any:
    try:
        import scipy.special
    except ImportError as error:
        raise MissingExtraError("scipy", "statistics", "an exact interval") from error
    return scipy.special


def _whole(value: int, name: str) -> int:
    if value != int(value) or value < 0:
        raise UsageError(f"{name} must be a whole number of at least 0, found {value!r}.", hint="give a count.")
    return int(value)


def _alpha(confidence: float) -> float:
    if not 0 < confidence < 1:
        raise UsageError(f"The confidence level must lie between 0 and 1, found {confidence!r}.", hint="use 0.95.")
    return 1 - confidence


def proportion(events: int, n: int, *, confidence: float = 0.95) -> Interval:
    """Exact two-sided interval of a proportion by inverting two one-sided binomial tests.

    events, n: counts. Returns limits between 0 and 1; the lower one is exactly 0 for 0 events and the upper one
    exactly 1 for n events. With n = 0 nothing is estimable and `reason` says so.
    Source: Clopper & Pearson, Biometrika 1934;26:404, doi 10.1093/biomet/26.4.404. Raises `UsageError` for
    counts that cannot be, `MissingExtraError` without scipy.

    >>> low, high = (lambda i: (i.low, i.high))(proportion(0, 15))
    >>> low, round(high, 4)
    (0.0, 0.218)
    """
    events, n, alpha = _whole(events, "events"), _whole(n, "n"), _alpha(confidence)
    if events > n:
        raise UsageError(f"{events} events among {n} patients cannot be.", hint="events counts patients, once each.")
    if n == 0:
        return Interval(None, None, None, CLOPPER_PEARSON, "no patient could be evaluated")
    special = _special()
    low = 0.0 if events == 0 else float(special.betaincinv(events, n - events + 1, alpha / 2))
    high = 1.0 if events == n else float(special.betaincinv(events + 1, n - events, 1 - alpha / 2))
    return Interval(events / n, low, high, CLOPPER_PEARSON)


def rate(events: int, exposure: float, *, confidence: float = 0.95) -> Interval:
    """Exact two-sided interval of a rate per unit of exposure (for example per patient-year).

    events: count; exposure: time at risk, in the unit of the rate. With no events the lower limit is exactly 0.
    With no exposure nothing is estimable and `reason` says so.
    Source: Garwood, Biometrika 1936;28:437, doi 10.1093/biomet/28.3-4.437. Raises as `proportion`.

    >>> round(rate(0, 1.0).high, 4)
    3.6889
    """
    events, alpha = _whole(events, "events"), _alpha(confidence)
    if not exposure >= 0:
        raise UsageError(f"Exposure must be a time of at least 0, found {exposure!r}.", hint="give time at risk.")
    if exposure == 0:
        return Interval(None, None, None, GARWOOD, "no time at risk")
    special = _special()
    low = 0.0 if events == 0 else float(special.gammaincinv(events, alpha / 2))
    high = float(special.gammaincinv(events + 1, 1 - alpha / 2))
    return Interval(events / exposure, low / exposure, high / exposure, GARWOOD)
