"""Hierarchical models against a brute-force sum on a fine grid, and at their edges."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special, stats

from aftercart.analysis.hierarchical import hierarchical
from aftercart.errors import UsageError


def by_brute_force(y, n, *, threshold, mu, tau_scale, weight, own):
    """The same posterior by another route: each basket's logit is conditioned on a fixed grid, not on moving nodes."""
    theta = np.arange(-30, 30, 0.02) + special.logit(threshold) % 0.02 + 0.01
    mus, taus = np.arange(-14, 14.1, 0.1), (np.arange(60) + 0.5) * 0.1
    like = np.exp([-k * np.logaddexp(0, -theta) - (m - k) * np.logaddexp(0, theta) for k, m in zip(y, n, strict=True)])
    p, over = special.expit(theta), theta > special.logit(threshold)
    alone = stats.norm.pdf(theta, *own) * 0.02
    totals = np.zeros(2 + 3 * len(y))
    for tau in taus:
        kernel = stats.norm.pdf(theta[None, :], mus[:, None], tau) * 0.02
        prior = stats.norm.pdf(mus, *mu) * np.exp(-0.5 * (tau / tau_scale) ** 2)
        together = [np.stack([kernel @ (v * f) for f in (np.ones(theta.size), p, over)]) for v in like]
        apart = [np.array([alone @ (v * f) for f in (np.ones(theta.size), p, over)])[:, None] for v in like]
        mixed = [weight * t + (1 - weight) * a for t, a in zip(together, apart, strict=True)]
        joint = prior * np.prod([m[0] for m in mixed], axis=0)
        each = [
            (joint / m[0] * v).sum() for m, t in zip(mixed, together, strict=True) for v in (m[1], m[2], weight * t[0])
        ]
        totals += np.array([joint.sum(), (joint * mus).sum(), *each])
    found = totals[1:] / totals[0]
    return found[0], found[1:].reshape(-1, 3).T


@pytest.mark.parametrize(
    ("y", "n", "weight"), [([8, 3, 4], [8, 3, 4], 1.0), ([15, 4, 1, 2], [15, 5, 6, 4], 0.5), ([0, 3], [15, 6], 0.25)]
)
def test_it_is_the_brute_force_sum(y, n, weight) -> None:
    setting = {"threshold": 0.3, "mu": (0.5, 2.0), "tau_scale": 1.0, "weight": weight, "own": (0.0, 2.0)}
    mu, (mean, above, together) = by_brute_force(y, n, **setting)
    found = hierarchical(y, n, **setting)
    # The reference's own error: midpoint steps of 0.1 in tau, which start above 0.
    assert found.mean == pytest.approx(mean, abs=5e-4)
    assert found.above == pytest.approx(above, abs=5e-4)
    assert found.exchangeable == pytest.approx(together, abs=5e-4)
    assert found.mu_mean == pytest.approx(mu, abs=2e-3)


def by_nodes_of_their_own(y, n, tau_scale):
    """The posterior means, and those of centre and spread, where large baskets make the likelihood of both narrow.

    By Gauss-Legendre in tau, an even grid of centres, and nodes around each basket's own proportion, or around the
    centre where the spread is smaller than the error of a logit.
    """
    edges = np.concatenate(([0.0], np.geomspace(0.005, 9 * tau_scale, 14)))
    node, weight = np.polynomial.legendre.leggauss(10)
    half, middle = np.diff(edges)[:, None] / 2, (edges[1:] + edges[:-1])[:, None] / 2
    mus = np.arange(-17, 17, 0.02)
    totals = np.zeros(3 + len(y))
    for tau, width in zip((middle + half * node).ravel(), (half * weight).ravel(), strict=True):
        whole, part = [], []
        for k, m in zip(y, n, strict=True):
            error = 1 / np.sqrt(k * (1 - k / m))
            if tau > error:
                theta = (special.logit(k / m) + np.arange(-9, 9, 0.2) * error)[None, :]
                weights = stats.norm.pdf(theta, mus[:, None], tau) * 0.2 * error
            else:
                theta = mus[:, None] + np.arange(-9, 9, 0.2) * tau
                weights = stats.norm.pdf(np.arange(-9, 9, 0.2)) * 0.2
            like = weights * np.exp(
                k * (theta - special.logit(k / m)) - m * np.logaddexp(0, theta) - m * np.log1p(-k / m)
            )
            whole.append(like.sum(axis=1))
            part.append((like * special.expit(theta)).sum(axis=1))
        joint = width * stats.norm.pdf(mus, 0, 2) * np.exp(-0.5 * (tau / tau_scale) ** 2) * np.prod(whole, axis=0)
        each = [
            (joint * np.divide(p, w, out=np.zeros_like(p), where=w > 0)).sum() for p, w in zip(part, whole, strict=True)
        ]
        totals += [joint.sum(), (joint * mus).sum(), joint.sum() * tau, *each]
    return totals[1:] / totals[0]


@pytest.mark.parametrize(
    ("y", "n", "tau_scale"),
    [([1000, 1100], [2000, 2000], 3.0), ([100, 150, 60], [300, 300, 200], 1.0), ([2, 5, 1], [9, 8, 7], 0.5)],
)
def test_large_baskets_and_a_wide_prior_are_as_exact_as_small_ones(y, n, tau_scale) -> None:
    mu, tau, *mean = by_nodes_of_their_own(y, n, tau_scale)
    found = hierarchical(y, n, threshold=0.5, tau_scale=tau_scale)
    assert found.mean == pytest.approx(mean, abs=1e-6)
    assert found.mu_mean == pytest.approx(mu, abs=1e-5)
    assert found.tau_mean == pytest.approx(tau, abs=1e-5)


def test_without_exchange_each_basket_is_its_own_logit_normal() -> None:
    found = hierarchical([0, 3], [15, 6], threshold=0.2, weight=0.0, own=([0.0, -1.0], [2.0, 1.5]))
    for i, (y, n, m, s) in enumerate(((0, 15, 0.0, 2.0), (3, 6, -1.0, 1.5))):
        theta = np.linspace(-25, 25, 200_001)
        density = stats.norm.pdf(theta, m, s) * special.expit(theta) ** y * special.expit(-theta) ** (n - y)
        over = np.where(theta > special.logit(0.2), density, 0)
        assert found.mean[i] == pytest.approx((density * special.expit(theta)).sum() / density.sum(), abs=1e-9)
        assert found.above[i] == pytest.approx(over.sum() / density.sum(), abs=1e-4)
    assert found.exchangeable == (0.0, 0.0)


def test_a_tiny_spread_pools_completely() -> None:
    found = hierarchical([2, 9], [10, 12], threshold=0.4, tau_scale=1e-4)
    pooled = hierarchical([11], [22], threshold=0.4, tau_scale=1e-4)
    assert found.mean[0] == pytest.approx(found.mean[1], abs=1e-6)
    assert found.mean[0] == pytest.approx(pooled.mean[0], abs=1e-6)
    assert found.above[0] == pytest.approx(pooled.above[0], abs=1e-5)


def test_a_basket_without_patients_has_what_the_others_predict() -> None:
    found = hierarchical([0, 12], [0, 15], threshold=0.5)
    assert 0.5 < found.mean[0] < found.mean[1]
    assert hierarchical([0], [0], threshold=0.5).mean[0] == pytest.approx(0.5, abs=1e-9)
    assert hierarchical([0], [0], threshold=0.5).above[0] == pytest.approx(0.5, abs=1e-6)


def test_the_same_answer_every_time_whatever_the_order_of_baskets() -> None:
    one = hierarchical([8, 3, 4], [8, 3, 4], threshold=0.5)
    assert hierarchical([8, 3, 4], [8, 3, 4], threshold=0.5) == one
    other = hierarchical([4, 8, 3], [4, 8, 3], threshold=0.5)
    assert other.mean == pytest.approx((one.mean[2], one.mean[0], one.mean[1]), abs=1e-12)


@pytest.mark.parametrize(
    "settings",
    [{"threshold": 0}, {"mu": (0, 0)}, {"tau_scale": -1}, {"weight": 1.5}, {"own": (0, 0)}, {"weight": float("nan")}],
)
def test_impossible_settings_are_refused(settings) -> None:
    with pytest.raises(UsageError):
        hierarchical([1, 2], [4, 5], **{"threshold": 0.2, **settings})


def test_counts_beyond_its_purpose_are_refused() -> None:
    with pytest.raises(UsageError, match="5000"):
        hierarchical([1], [6000], threshold=0.2)
    with pytest.raises(UsageError):
        hierarchical([2], [1], threshold=0.2)


@pytest.mark.parametrize(
    ("y", "n", "weight"),
    [([8, 3, 4], [8, 3, 4], 1.0), ([0, 0, 1], [8, 3, 4], 1.0), ([15, 4, 1, 2], [15, 5, 6, 4], 0.5)],
)
def test_the_limits_leave_out_half_of_alpha_on_each_side(y, n, weight) -> None:
    """Against the posterior probability of exceeding them, which is computed by another sum."""
    found = hierarchical(y, n, threshold=0.5, weight=weight, confidence=0.9)
    for k, (low, high) in enumerate(zip(found.low, found.high, strict=True)):
        assert 0 < low < found.mean[k] < high < 1
        assert hierarchical(y, n, threshold=low, weight=weight).above[k] == pytest.approx(0.95, abs=5e-4)
        assert hierarchical(y, n, threshold=high, weight=weight).above[k] == pytest.approx(0.05, abs=5e-4)


def test_a_higher_level_is_wider() -> None:
    narrow, wide = (hierarchical([2, 1], [5, 4], threshold=0.5, confidence=c) for c in (0.8, 0.99))
    assert all(a < b for a, b in zip(wide.low, narrow.low, strict=True))
    assert all(a > b for a, b in zip(wide.high, narrow.high, strict=True))
