"""The beta-binomial posterior against closed forms."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest

from aftercart.analysis.bayes import beta_binomial
from aftercart.analysis.intervals import proportion
from aftercart.errors import UsageError


def test_uniform_prior_and_every_response() -> None:
    found = beta_binomial(15, 15, a=1, b=1)  # Beta(16, 1), whose distribution function is x^16
    assert found.mean == pytest.approx(16 / 17, abs=1e-15)
    assert found.median == pytest.approx(0.5 ** (1 / 16), abs=1e-14)
    limits = found.interval()
    assert (limits.low, limits.high) == pytest.approx((0.025 ** (1 / 16), 0.975 ** (1 / 16)), abs=1e-14)
    assert found.probability_above(0.5) == pytest.approx(1 - 0.5**16, abs=1e-15)
    assert "worth 2 patients" in limits.method


def test_jeffreys_is_that_of_the_intervals_but_for_the_exact_end() -> None:
    found = beta_binomial(0, 15).interval()
    assert found.high == pytest.approx(proportion(0, 15, method="jeffreys").high, abs=1e-15)
    assert found.low == pytest.approx(3.219414432e-05, abs=1e-13)


@pytest.mark.parametrize("least", range(12))
def test_prediction_is_the_beta_binomial_sum(least: int) -> None:
    def chance(x: int) -> Fraction:
        f = math.factorial
        return Fraction(math.comb(10, x) * f(2 + x) * f(13 + 10 - x) * f(16), f(2) * f(13) * f(26))

    expected = float(sum(chance(x) for x in range(least, 11)))
    assert beta_binomial(2, 15, a=1, b=1).predictive_at_least(least, 10) == pytest.approx(expected, abs=1e-13)


@pytest.mark.parametrize(("a", "b"), [(0, 0), (0, 1), (1, -1), (math.inf, 1), (math.nan, 1)])
def test_an_improper_prior_is_refused(a: float, b: float) -> None:
    with pytest.raises(UsageError, match="not a proper prior"):
        beta_binomial(0, 15, a=a, b=b)


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(UsageError):
        beta_binomial(3, 2)
    with pytest.raises(UsageError):
        beta_binomial(0, 15).probability_above(1.5)
