"""Defects of the libraries this package stands on or beside: a test fails when one of them is fixed or grows.

aftercart calls none of these functions. When a test here fails, read the library's notes and decide anew.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special, stats

from aftercart.analysis.intervals import proportion, rate
from aftercart.analysis.paired import signed_rank
from aftercart.analysis.survival import kaplan_meier

TIED = [16, 14, 10, 18, 10, 4, 20, 16, 12, 20, 10, 10, 9, 16, 26]


def test_scipy_gives_certainty_to_a_curve_without_events() -> None:
    data = stats.CensoredData(right=[3.0, 4, 6, 6, 7])
    limits = stats.ecdf(data).sf.confidence_interval()
    assert (limits.low.probabilities == 1).all()
    assert (limits.high.probabilities == 1).all()
    ours = kaplan_meier([3, 4, 6, 6, 7], [0] * 5)
    assert np.isnan(ours.lower).all()
    assert np.isnan(ours.upper).all()


def test_scipy_leaves_the_exact_signed_rank_distribution_when_values_tie() -> None:
    assert stats.wilcoxon(TIED).pvalue == pytest.approx(0.00063, abs=5e-5)
    assert signed_rank(TIED).p_two_sided == pytest.approx(2 / 2**15, abs=1e-15)


def test_scipy_called_exact_ignores_ties_and_pratt_zeros() -> None:
    differences = [0, 1, -1, 0, 2, 3, -2, 4]
    theirs = stats.wilcoxon(differences, zero_method="pratt", method="exact").pvalue
    assert theirs != pytest.approx(0.375, abs=1e-3)
    assert signed_rank(differences, zeros="pratt").p_two_sided == 0.375


def test_scipy_agrees_where_it_is_right() -> None:
    """`binomtest` is right; it is the oracle here, not the source."""
    for method, name in (("clopper-pearson", "exact"), ("wilson", "wilson")):
        theirs = stats.binomtest(3, 40).proportion_ci(method=name)
        ours = proportion(3, 40, method=method)
        assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=1e-10)


def test_the_scipy_functions_that_are_used_hold_at_the_edges() -> None:
    """Quantiles of the beta and gamma distributions near 0 and 1, against closed forms."""
    for n in (1, 15, 10_000, 10**7):
        assert special.betainccinv(1, n, 0.025) == pytest.approx(-np.expm1(np.log(0.025) / n), rel=1e-12)
        assert special.betaincinv(n, 1, 0.025) == pytest.approx(np.exp(np.log(0.025) / n), rel=1e-12)
    assert rate(0, 1.0, confidence=1 - 1e-9).high == pytest.approx(-np.log(0.5e-9), rel=1e-6)
    assert special.gammainccinv(1, 0.025) == pytest.approx(-np.log(0.025), rel=1e-14)
