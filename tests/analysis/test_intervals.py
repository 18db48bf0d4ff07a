"""Exact intervals against closed forms and published values."""

from __future__ import annotations

import math
import sys
from decimal import Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftercart.analysis.intervals import (
    precision_sample_size,
    proportion,
    rate,
    rate_ratio,
    zero_event_bound,
    zero_event_sample_size,
)
from aftercart.errors import MissingExtraError, UsageError


@pytest.mark.parametrize(
    ("events", "n", "low", "high"),
    [
        # closed forms: 0/n has upper 1 - 0.025^(1/n), n/n has lower 0.025^(1/n)
        (0, 15, 0.0, 1 - 0.025 ** (1 / 15)),
        (15, 15, 0.025 ** (1 / 15), 1.0),
        (8, 8, 0.025 ** (1 / 8), 1.0),
        (1, 1, 0.025, 1.0),
        (0, 1, 0.0, 0.975),
        # Newcombe 1998 table I, and R binom.test
        (81, 263, 0.2527367456, 0.3676219226),
        (0, 20, 0.0, 0.168433471),
        (1, 15, 0.001686430241, 0.3194845666),
        (3, 5, 0.1466327996, 0.9472550495),
        (3, 40, 0.015742, 0.203865),
    ],
)
def test_clopper_pearson(events: int, n: int, low: float, high: float) -> None:
    interval = proportion(events, n)
    assert interval.estimate == events / n
    assert interval.low == pytest.approx(low, abs=1e-6)
    assert interval.high == pytest.approx(high, abs=1e-6)
    assert interval.method == "Clopper-Pearson exact"
    assert interval.reason is None


def test_the_ends_are_exact_not_merely_close() -> None:
    assert proportion(0, 15).low == 0.0
    assert proportion(15, 15).high == 1.0
    assert proportion(0, 15).high == pytest.approx(0.2180193609, abs=1e-10)


def test_other_confidence_level() -> None:
    assert proportion(0, 15, confidence=0.9).high == pytest.approx(0.1810362725, abs=1e-9)


def test_nobody_evaluable_is_not_estimable_and_says_why() -> None:
    interval = proportion(0, 0)
    assert (interval.estimate, interval.low, interval.high) == (None, None, None)
    assert interval.reason == "no patient could be evaluated"


@pytest.mark.parametrize(
    ("events", "exposure", "low", "high"),
    [
        (0, 1.0, 0.0, -math.log(0.025)),
        (5, 1.0, 1.62348639, 11.66833208),
        (10, 1.0, 4.795388696, 18.39035604),
        (3, 22.4, 0.0276192912, 0.3913961192),
    ],
)
def test_garwood(events: int, exposure: float, low: float, high: float) -> None:
    interval = rate(events, exposure)
    assert interval.estimate == events / exposure
    assert interval.low == pytest.approx(low, abs=1e-6)
    assert interval.high == pytest.approx(high, abs=1e-6)
    assert interval.method == "Garwood exact"


def test_no_exposure_is_not_estimable() -> None:
    interval = rate(0, 0)
    assert (interval.estimate, interval.low, interval.high) == (None, None, None)
    assert interval.reason == "no time at risk"


@pytest.mark.parametrize(("events", "n"), [(2, 1), (-1, 5), (1.5, 5), (1, -2)])
def test_impossible_counts_are_refused(events: int, n: int) -> None:
    with pytest.raises(UsageError):
        proportion(events, n)


@pytest.mark.parametrize("confidence", [0, 1, 95])
def test_impossible_confidence_is_refused(confidence: float) -> None:
    with pytest.raises(UsageError):
        proportion(1, 5, confidence=confidence)


@pytest.mark.parametrize("exposure", [-1.0, math.nan])
def test_impossible_exposure_is_refused(exposure: float) -> None:
    with pytest.raises(UsageError):
        rate(1, exposure)


def test_without_scipy_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scipy", None)
    monkeypatch.setitem(sys.modules, "scipy.special", None)
    with pytest.raises(MissingExtraError, match=r"aftercart\[statistics\]"):
        proportion(1, 5)


@given(n=st.integers(1, 60), data=st.data())
def test_mirror_and_order(n: int, data: st.DataObject) -> None:
    events = data.draw(st.integers(0, n))
    here, mirror = proportion(events, n), proportion(n - events, n)
    assert here.low is not None
    assert here.high is not None
    assert here.estimate is not None
    assert here.low <= here.estimate <= here.high
    assert mirror.high == pytest.approx(1 - here.low, abs=1e-9)
    if events < n:
        more = proportion(events + 1, n)
        assert more.low is not None
        assert more.low > here.low


def binomial_tail(least: int, n: int, p: Fraction) -> Fraction:
    """P(X >= least), in exact arithmetic."""
    return sum((math.comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(least, n + 1)), Fraction(0))


def poisson_below(events: int, mean: float) -> Decimal:
    """P(X < events), with 40 digits."""
    with localcontext() as context:
        context.prec = 40
        m = Decimal(mean)
        return sum(((-m).exp() * m**k / math.factorial(k) for k in range(events)), Decimal(0))


ALPHA = Fraction(1, 40)
STEP = Fraction(1, 10**12)
COUNTS = [(0, 15), (1, 15), (8, 15), (14, 15), (15, 15), (1, 1), (3, 5), (31, 90), (1, 120)]


@pytest.mark.parametrize(("events", "n"), COUNTS)
def test_clopper_pearson_is_right_to_12_digits(events: int, n: int) -> None:
    found = proportion(events, n)
    low, high = Fraction(found.low), Fraction(found.high)
    if events:
        assert binomial_tail(events, n, low - STEP) < ALPHA < binomial_tail(events, n, low + STEP)
    if events < n:
        assert 1 - binomial_tail(events + 1, n, high + STEP) < ALPHA < 1 - binomial_tail(events + 1, n, high - STEP)


@pytest.mark.parametrize(("events", "n"), COUNTS)
def test_mid_p_is_right_to_12_digits(events: int, n: int) -> None:
    def upper(p: Fraction) -> Fraction:
        return (binomial_tail(events, n, p) + binomial_tail(events + 1, n, p)) / 2

    found = proportion(events, n, method="mid-p")
    low, high = Fraction(found.low), Fraction(found.high)
    if events:
        assert upper(low - STEP) < ALPHA < upper(low + STEP)
    if events < n:
        assert 1 - upper(high + STEP) < ALPHA < 1 - upper(high - STEP)


@pytest.mark.parametrize("events", [0, 1, 3, 10, 60])
def test_poisson_limits_are_right_to_12_digits(events: int) -> None:
    alpha, step = Decimal("0.025"), 1e-12 * max(1, events)
    exact, mid = rate(events, 1.0), rate(events, 1.0, method="mid-p")

    def below_mid(mean: float) -> Decimal:
        return (poisson_below(events, mean) + poisson_below(events + 1, mean)) / 2

    assert poisson_below(events + 1, exact.high + step) < alpha < poisson_below(events + 1, exact.high - step)
    assert below_mid(mid.high + step) < alpha < below_mid(mid.high - step)
    if events:
        assert 1 - poisson_below(events, exact.low - step) < alpha < 1 - poisson_below(events, exact.low + step)
        assert 1 - below_mid(mid.low - step) < alpha < 1 - below_mid(mid.low + step)
    else:
        assert exact.low == mid.low == 0.0


@pytest.mark.parametrize(
    ("method", "events", "n", "low", "high"),
    [
        # Newcombe 1998 table I; R prop.test(correct = FALSE), qbeta
        ("wilson", 81, 263, 0.2552885199, 0.366209577),
        ("wilson", 0, 15, 0.0, 0.203883301),
        ("wilson", 1, 1, 0.2065493144, 1.0),
        ("jeffreys", 81, 263, 0.254521935, 0.3656474992),
        ("jeffreys", 0, 15, 0.0, 0.1518166621),
        ("jeffreys", 15, 15, 1 - 0.1518166621, 1.0),
    ],
)
def test_other_limits(method, events, n, low, high) -> None:
    found = proportion(events, n, method=method)
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-9)
    assert method in found.method.lower()


@pytest.mark.parametrize("method", ["clopper-pearson", "mid-p", "wilson", "jeffreys"])
@given(n=st.integers(1, 60), data=st.data())
def test_every_method_holds_the_estimate_and_its_exact_ends(method, n, data) -> None:
    events = data.draw(st.integers(0, n))
    found = proportion(events, n, method=method)
    assert 0 <= found.low <= events / n <= found.high <= 1
    assert found.low < found.high
    assert (found.low == 0.0) is (events == 0)
    assert (found.high == 1.0) is (events == n)


def test_an_unknown_method_is_refused() -> None:
    with pytest.raises(UsageError, match="wald"):
        proportion(0, 15, method="wald")
    with pytest.raises(UsageError, match="wald"):
        rate(0, 15, method="wald")


def test_what_zero_events_leave_open() -> None:
    found = zero_event_bound(15)
    assert found.two_sided == pytest.approx(proportion(0, 15).high, abs=1e-14)
    assert found.one_sided == pytest.approx(1 - 0.05 ** (1 / 15), abs=1e-14)
    assert zero_event_bound(1).rule_of_three == 1.0
    with pytest.raises(UsageError):
        zero_event_bound(0)


@pytest.mark.parametrize(("risk", "n"), [(0.1, 29), (0.05, 59), (0.01, 299), (0.5, 5), (0.99, 1)])
def test_patients_needed_to_exclude_a_risk(risk: float, n: int) -> None:
    assert zero_event_sample_size(risk) == n
    assert (1 - risk) ** n <= 0.05
    assert n == 1 or (1 - risk) ** (n - 1) > 0.05


def test_patients_needed_for_a_width() -> None:
    def half(n: int) -> float:
        found = proportion(round(0.8 * n), n)
        return (found.high - found.low) / 2

    n = precision_sample_size(0.8, 0.15)
    assert max(half(k) for k in range(n, n + 6)) <= 0.15 < max(half(k) for k in range(n - 1, n + 5))
    assert precision_sample_size(0.8, 0.01) > 4096  # past the first block of sizes
    with pytest.raises(UsageError, match="million"):
        precision_sample_size(0.5, 1e-6)
    with pytest.raises(UsageError):
        precision_sample_size(1.2, 0.1)


def test_rate_ratio_and_what_of_it_does_not_exist() -> None:
    found = rate_ratio(3, 22.4, 9, 31.0)
    assert (found.low, found.high) == pytest.approx((0.08033017879, 1.848480453), abs=1e-5)  # R exactci
    none_above = rate_ratio(0, 10, 4, 10)
    assert (none_above.estimate, none_above.low) == (0.0, 0.0)
    assert none_above.high == pytest.approx((1 - 0.025**0.25) / 0.025**0.25)
    none_below = rate_ratio(4, 10, 0, 10)
    assert (none_below.estimate, none_below.high) == (None, None)
    assert none_below.low == pytest.approx(1 / none_above.high)
    assert "below the line" in none_below.reason
    assert rate_ratio(0, 10, 0, 10).reason == "no event in either group"
    assert rate_ratio(0, 0, 1, 10).reason == "no time at risk"
