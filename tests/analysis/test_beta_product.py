"""Beta-product limits against R bpcp, exact binomial limits and simulation-free edges."""

from __future__ import annotations

import numpy as np
import pytest

from aftercart.analysis.beta_product import beta_product_limits
from aftercart.analysis.intervals import proportion
from aftercart.analysis.risk_sets import RiskSets
from aftercart.analysis.survival import kaplan_meier
from aftercart.errors import UsageError


def test_no_event_as_r_bpcp() -> None:
    times = [3, 4, 6, 6, 7, 9, 10, 12, 12, 14, 16, 18, 20, 24, 29]
    found = kaplan_meier(times, [0] * 15, limits="beta-product").at([0, 3, 6, 12, 24, 29])
    expected = [0.025 ** (1 / 15), 0.7683642383, 0.7150858471, 0.5407418736, 0.025, 0.0]
    assert found["lower"].to_list() == pytest.approx(expected, abs=1e-9)
    assert found["upper"].to_list() == [1.0] * 6


def test_no_censoring_is_clopper_pearson() -> None:
    found = kaplan_meier(range(1, 11), [1] * 10, limits="beta-product")
    for time in range(1, 11):
        exact, here = proportion(10 - time, 10), found.interval(time)
        assert (here.low, here.high) == pytest.approx((exact.low, exact.high), abs=1e-12)


def test_with_censoring_the_moments_are_those_of_the_product() -> None:
    """Freireich's arm at 10 weeks: the product of Beta(19, 3), Beta(17, 1), Beta(15, 1), and Beta(13, 1) below."""
    times = [6, 6, 6, 6, 7, 9, 10, 10, 11, 13, 16, 17, 19, 20, 22, 23, 25, 32, 32, 34, 35]
    events = [1, 1, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0]
    found = kaplan_meier(times, events, limits="beta-product").interval(10)
    upper, lower = [(19, 3), (17, 1), (15, 1)], [(19, 3), (17, 1), (15, 1), (13, 1)]
    from scipy.stats import beta

    for factors, quantile, limit in ((upper, 0.975, found.high), (lower, 0.025, found.low)):
        first = np.prod([a / (a + b) for a, b in factors])
        second = np.prod([a * (a + 1) / ((a + b) * (a + b + 1)) for a, b in factors])
        size = first * (1 - first) / (second - first**2) - 1
        assert limit == pytest.approx(beta(first * size, (1 - first) * size).ppf(quantile), abs=1e-9)


def test_median_limits_by_inversion() -> None:
    found = kaplan_meier([1, 2, 3], [1, 1, 1], limits="beta-product").median()
    assert (found.value, found.low, found.high) == (2, 0, None)
    ten = kaplan_meier(range(1, 11), [1] * 10, limits="beta-product").median()
    assert (ten.value, ten.low, ten.high) == (5.5, 2, 9)  # the sign test's order statistics at 10


def test_a_large_sample_keeps_its_digits() -> None:
    """After the first of a million the variance is 1e-12 of the squared mean; distances to 1 must not be rounding."""
    n = 1_000_000
    risk = RiskSets.of(np.arange(1, n + 1), np.arange(n) == 0)
    lower, upper, before = beta_product_limits(risk)
    exact = proportion(1, n)
    assert 1 - upper[0] == pytest.approx(exact.low, rel=1e-6)
    assert 1 - lower[0] == pytest.approx(exact.high, rel=1e-6)
    assert before == 0.025 ** (1 / n)


def test_delayed_entry_is_refused() -> None:
    with pytest.raises(UsageError, match="delayed entry"):
        kaplan_meier([3, 5], [1, 0], entry=[0, 1], limits="beta-product")
