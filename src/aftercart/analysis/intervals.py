"""Confidence intervals for proportions and rates; degenerate cases get an exact bound or a stated reason."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, Literal

from aftercart.errors import MissingExtraError, UsageError

CLOPPER_PEARSON = "Clopper-Pearson exact"
MID_P = "mid-P exact"
WILSON = "Wilson score"
JEFFREYS = "Jeffreys, equal-tailed"
GARWOOD = "Garwood exact"
MID_P_POISSON = "mid-P exact (Poisson)"
CONDITIONAL_BINOMIAL = "exact, conditional on the total (central)"

ProportionMethod = Literal["clopper-pearson", "mid-p", "wilson", "jeffreys"]
RateMethod = Literal["garwood", "mid-p"]


@dataclass(frozen=True)
class Interval:
    """An estimate with its limits and the name of the method; what does not exist is null, with the reason."""

    estimate: float | None
    low: float | None
    high: float | None
    method: str
    reason: str | None = None


def special() -> Any:
    """`scipy.special`, imported when it is first needed; raises `MissingExtraError` without scipy."""
    try:
        import scipy.special
    except ImportError as error:
        raise MissingExtraError("scipy", "statistics", "an exact interval") from error
    return scipy.special


def whole(value: int, name: str) -> int:
    """A count, checked: raises `UsageError` for what is not a whole number of at least 0."""
    if not math.isfinite(value) or value != int(value) or value < 0:
        raise UsageError(f"{name} must be a whole number of at least 0, found {value!r}.", hint="give a count.")
    return int(value)


def tail(confidence: float) -> float:
    """One minus the confidence level, checked: raises `UsageError` unless it lies between 0 and 1."""
    if not 0 < confidence < 1:
        raise UsageError(f"The confidence level must lie between 0 and 1, found {confidence!r}.", hint="use 0.95.")
    return 1 - confidence


def normal_quantile(confidence: float) -> float:
    """The two-sided standard normal quantile of a confidence level (1.96 for 0.95)."""
    return NormalDist().inv_cdf(1 - tail(confidence) / 2)


def _counts(events: int, n: int) -> tuple[int, int]:
    events, n = whole(events, "events"), whole(n, "n")
    if events > n:
        raise UsageError(f"{events} events among {n} patients cannot be.", hint="events counts patients, once each.")
    return events, n


def proportion(
    events: int, n: int, *, method: ProportionMethod = "clopper-pearson", confidence: float = 0.95
) -> Interval:
    """Two-sided interval of a proportion; by default exact, by inverting two one-sided binomial tests.

    events, n: counts. method: `clopper-pearson` (coverage never below the level), `mid-p` (half the probability of the
    observed count), `wilson` (score) or `jeffreys` (Beta(1/2, 1/2) prior). Returns limits between 0 and 1; the lower
    one is exactly 0 for 0 events and the upper one exactly 1 for n events. With n = 0 nothing is estimable and
    `reason` says so.
    Sources: Clopper & Pearson, Biometrika 1934;26:404, doi 10.1093/biomet/26.4.404; Berry & Armitage, Statistician
    1995;44:417, doi 10.2307/2348891; Wilson, J Am Stat Assoc 1927;22:209, doi 10.1080/01621459.1927.10502953; Brown,
    Cai & DasGupta, Stat Sci 2001;16:101, doi 10.1214/ss/1009213286. Raises `UsageError` for counts that cannot be,
    `MissingExtraError` without scipy.

    >>> low, high = (lambda i: (i.low, i.high))(proportion(0, 15))
    >>> low, round(high, 4)
    (0.0, 0.218)
    """
    limits = {
        "clopper-pearson": (CLOPPER_PEARSON, _clopper_pearson),
        "mid-p": (MID_P, _mid_p),
        "wilson": (WILSON, _wilson),
        "jeffreys": (JEFFREYS, _jeffreys),
    }
    (events, n), alpha = _counts(events, n), tail(confidence)
    if method not in limits:
        raise UsageError(f"There is no interval {method!r} for a proportion.", hint=f"use one of {', '.join(limits)}.")
    name, compute = limits[method]
    if n == 0:
        return Interval(None, None, None, name, "no patient could be evaluated")
    low, high = compute(events, n, alpha)
    return Interval(events / n, 0.0 if events == 0 else low, 1.0 if events == n else high, name)


def _clopper_pearson(events: int, n: int, alpha: float) -> tuple[float, float]:
    low = special().betaincinv(events, n - events + 1, alpha / 2) if events else 0.0
    high = special().betainccinv(events + 1, n - events, alpha / 2) if events < n else 1.0
    return float(low), float(high)


def _mid_p(events: int, n: int, alpha: float) -> tuple[float, float]:
    def at_least(p: float) -> float:
        """Probability of more events, plus half that of exactly these."""
        here = special().betainc(events, n - events + 1, p) if events else 1.0
        more = special().betainc(events + 1, n - events, p) if events < n else 0.0
        return float(here + more) / 2

    def at_most(p: float) -> float:
        fewer = special().betaincc(events, n - events + 1, p) if events else 0.0
        here = special().betaincc(events + 1, n - events, p) if events < n else 1.0
        return float(here + fewer) / 2

    low = crossing(lambda p: at_least(p) - alpha / 2, 0.0, 1.0) if events else 0.0
    high = crossing(lambda p: alpha / 2 - at_most(p), 0.0, 1.0) if events < n else 1.0
    return low, high


def _wilson(events: int, n: int, alpha: float) -> tuple[float, float]:
    z2 = normal_quantile(1 - alpha) ** 2
    middle = (events + z2 / 2) / (n + z2)
    half = math.sqrt(z2 * (events * (n - events) / n + z2 / 4)) / (n + z2)
    return max(0.0, middle - half), min(1.0, middle + half)


def _jeffreys(events: int, n: int, alpha: float) -> tuple[float, float]:
    a, b = events + 0.5, n - events + 0.5
    return float(special().betaincinv(a, b, alpha / 2)), float(special().betainccinv(a, b, alpha / 2))


def crossing(rising: Callable[[float], float], low: float, high: float) -> float:
    """Where a rising function crosses 0 between `low` and `high`, to the last bit, by bisection."""
    while low < (middle := (low + high) / 2) < high:
        low, high = (middle, high) if rising(middle) < 0 else (low, middle)
    return middle


@dataclass(frozen=True)
class ZeroEventBound:
    """Upper limits of a risk when none of n patients had the event."""

    rule_of_three: float
    """3/n, the approximation known by this name; never above 1."""
    one_sided: float
    """Exact one-sided limit at the confidence level."""
    two_sided: float
    """Upper end of the exact two-sided interval at the confidence level."""


def zero_event_bound(n: int, *, confidence: float = 0.95) -> ZeroEventBound:
    """What risk no event among n patients is still compatible with.

    n: patients, at least 1. Returns the exact limits beside the rule of three (which holds for 95%, one-sided).
    Source: Hanley & Lippman-Hand, JAMA 1983;249:1743, doi 10.1001/jama.1983.03330370053031. Raises `UsageError` when
    there is no patient.

    >>> round(zero_event_bound(15).one_sided, 4), zero_event_bound(15).rule_of_three
    (0.181, 0.2)
    """
    n, alpha = whole(n, "n"), tail(confidence)
    if n == 0:
        raise UsageError("No patient, so there is no bound.", hint="give the number of patients observed.")
    exact = [-math.expm1(math.log(a) / n) for a in (alpha, alpha / 2)]
    return ZeroEventBound(min(1.0, 3 / n), *exact)


def zero_event_sample_size(risk: float, *, alpha: float = 0.05) -> int:
    """The smallest number of patients in whom no event excludes a risk: (1 - risk)^n is at most alpha.

    risk, alpha: between 0 and 1; alpha is one-sided. Source: as `zero_event_bound`. Raises `UsageError` beyond that.

    >>> zero_event_sample_size(0.2), zero_event_sample_size(0.1)
    (14, 29)
    """
    if not 0 < risk < 1:
        raise UsageError(f"The risk to exclude must lie between 0 and 1, found {risk!r}.", hint="use 0.1 for 10%.")
    tail(alpha)
    n = max(1, math.ceil(math.log(alpha) / math.log1p(-risk)) - 1)
    while (1 - risk) ** n > alpha:
        n += 1
    return n


def precision_sample_size(expected: float, half_width: float, *, confidence: float = 0.95, hold: int = 6) -> int:
    """The smallest n whose Clopper-Pearson interval is no wider than twice `half_width`, there and for the next n too.

    expected: the proportion foreseen, from which round(expected * n) events follow; half_width: between 0 and 0.5;
    hold: how many successive n must hold it, because the width goes up and down. Raises `UsageError` for values
    beyond that and when more than a million patients would be needed.

    >>> precision_sample_size(0.8, 0.15)
    32
    """
    if not 0 <= expected <= 1 or not 0 < half_width <= 0.5 or hold < 1:
        raise UsageError(
            f"No sample size for a proportion of {expected!r} within {half_width!r} over {hold!r} sizes.",
            hint="give a proportion from 0 to 1, a half width above 0 and up to 0.5, and at least 1 size.",
        )
    import numpy as np

    alpha, block, held = tail(confidence), 4096, 0
    for first in range(1, 1_000_000, block):
        n = np.arange(first, first + block)
        x = np.round(expected * n)
        low = np.where(x > 0, special().betaincinv(np.maximum(x, 1), n - x + 1, alpha / 2), 0.0)
        high = np.where(x < n, special().betainccinv(x + 1, np.maximum(n - x, 1), alpha / 2), 1.0)
        for i, narrow in enumerate((high - low) / 2 <= half_width):
            held = held + 1 if narrow else 0
            if held == hold:
                return first + i - hold + 1
    raise UsageError("More than a million patients would be needed.", hint="allow a wider interval.")


def rate(events: int, exposure: float, *, method: RateMethod = "garwood", confidence: float = 0.95) -> Interval:
    """Exact two-sided interval of a rate per unit of exposure (for example per patient-year).

    events: count; exposure: time at risk, in the unit of the rate. method: `garwood`, or `mid-p` (half the
    probability of the observed count). With no events the lower limit is exactly 0. With no exposure nothing is
    estimable and `reason` says so.
    Source: Garwood, Biometrika 1936;28:437, doi 10.1093/biomet/28.3-4.437. Raises as `proportion`.

    >>> round(rate(0, 1.0).high, 4)
    3.6889
    """
    limits = {"garwood": (GARWOOD, _garwood), "mid-p": (MID_P_POISSON, _mid_p_poisson)}
    events, alpha = whole(events, "events"), tail(confidence)
    if not 0 <= exposure < math.inf:
        raise UsageError(f"Exposure must be a time of at least 0, found {exposure!r}.", hint="give time at risk.")
    if method not in limits:
        raise UsageError(f"There is no interval {method!r} for a rate.", hint=f"use one of {', '.join(limits)}.")
    name, compute = limits[method]
    if exposure == 0:
        return Interval(None, None, None, name, "no time at risk")
    low, high = compute(events, alpha)
    return Interval(events / exposure, low / exposure, high / exposure, name)


def _garwood(events: int, alpha: float) -> tuple[float, float]:
    low = float(special().gammaincinv(events, alpha / 2)) if events else 0.0
    return low, float(special().gammainccinv(events + 1, alpha / 2))


def _mid_p_poisson(events: int, alpha: float) -> tuple[float, float]:
    def at_least(mean: float) -> float:
        return float(special().gammainc(events, mean) + special().gammainc(events + 1, mean)) / 2

    def at_most(mean: float) -> float:
        fewer = special().gammaincc(events, mean) if events else 0.0
        return float(fewer + special().gammaincc(events + 1, mean)) / 2

    _, exact = _garwood(events, alpha)
    low = crossing(lambda m: at_least(m) - alpha / 2, 0.0, exact) if events else 0.0
    return low, crossing(lambda m: alpha / 2 - at_most(m), 0.0, exact)


def rate_ratio(
    events: int, exposure: float, events_other: int, exposure_other: float, *, confidence: float = 0.95
) -> Interval:
    """Exact interval of the ratio of two rates, given the total number of events.

    events, exposure: of the group in the numerator; events_other, exposure_other: of the one in the denominator; times
    in the same unit. No event above gives a ratio and a lower limit of 0; no event below gives neither ratio nor upper
    limit, and `reason` says so.
    Source: Fay, R Journal 2010;2(1):53, doi 10.32614/RJ-2010-008. Raises as `proportion`.

    >>> found = rate_ratio(3, 22.4, 9, 31.0)
    >>> round(found.estimate, 4), round(found.low, 4), round(found.high, 4)
    (0.4613, 0.0803, 1.8485)
    """
    above, below = rate(events, exposure, confidence=confidence), rate(events_other, exposure_other)
    if above.estimate is None or below.estimate is None:
        return Interval(None, None, None, CONDITIONAL_BINOMIAL, "no time at risk")
    if events + events_other == 0:
        return Interval(None, None, None, CONDITIONAL_BINOMIAL, "no event in either group")
    low, high = _clopper_pearson(int(events), int(events + events_other), tail(confidence))
    scale = exposure_other / exposure
    if events_other == 0:
        return Interval(
            None, scale * low / (1 - low), None, CONDITIONAL_BINOMIAL, "no event in the group below the line"
        )
    ratio = above.estimate / below.estimate
    return Interval(ratio, scale * low / (1 - low), scale * high / (1 - high), CONDITIONAL_BINOMIAL)
