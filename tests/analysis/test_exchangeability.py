"""Exchangeability models and similarity weights against their packages, their definition and their edges."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations, product
from math import factorial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from aftercart.analysis.bayes import beta_binomial
from aftercart.analysis.exchangeability import multisource_exchangeability, similarity_weights
from aftercart.errors import UsageError


def marginal(y: int, n: int) -> Fraction:
    """Probability of the data under a uniform prior."""
    return Fraction(factorial(y) * factorial(n - y), factorial(n + 1))


def row_wise(y, n, basket) -> tuple[dict[int, float], float]:
    """Probability of sharing with each other basket, and the mean, by the definition in exact arithmetic."""
    others = [i for i in range(len(y)) if i != basket]
    weight, share, mean = Fraction(0), dict.fromkeys(others, Fraction(0)), Fraction(0)
    for pattern in product((0, 1), repeat=len(others)):
        inside = [basket, *(o for o, s in zip(others, pattern, strict=True) if s)]
        pooled_y, pooled_n = sum(y[i] for i in inside), sum(n[i] for i in inside)
        w = marginal(pooled_y, pooled_n)
        for o in set(others) - set(inside):
            w *= marginal(y[o], n[o])
        weight, mean = weight + w, mean + w * Fraction(pooled_y + 1, pooled_n + 2)
        for o in inside[1:]:
            share[o] += w
    return {o: float(s / weight) for o, s in share.items()}, float(mean / weight)


counts = st.lists(st.integers(0, 9).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), min_size=1, max_size=4)


@given(counts)
def test_row_wise_is_the_definition(baskets) -> None:
    y, n = zip(*baskets, strict=True)
    found = multisource_exchangeability(y, n, threshold=0.3, a=1, b=1)
    for basket in range(len(y)):
        share, mean = row_wise(y, n, basket)
        assert found.mean[basket] == pytest.approx(mean, abs=1e-12)
        for other, probability in share.items():
            assert found.similarity[basket, other] == pytest.approx(probability, abs=1e-12)


@given(counts)
def test_symmetric_is_the_definition(baskets) -> None:
    y, n = zip(*baskets, strict=True)
    pairs = list(combinations(range(len(y)), 2))
    weight, share = Fraction(0), dict.fromkeys(pairs, Fraction(0))
    for pattern in product((0, 1), repeat=len(pairs)):
        linked = {p for p, s in zip(pairs, pattern, strict=True) if s}
        w = Fraction(1)
        for k in range(len(y)):
            inside = [i for i in range(len(y)) if i == k or tuple(sorted((i, k))) in linked]
            w *= marginal(sum(y[i] for i in inside), sum(n[i] for i in inside))
            for o in set(range(len(y))) - set(inside):
                w *= marginal(y[o], n[o])
        weight += w
        for p in linked:
            share[p] += w
    found = multisource_exchangeability(y, n, threshold=0.3, a=1, b=1, symmetric=True)
    for (i, j), s in share.items():
        assert found.similarity[i, j] == found.similarity[j, i] == pytest.approx(float(s / weight), abs=1e-12)


def test_vemurafenib_as_r_basket() -> None:
    found = multisource_exchangeability([8, 0, 1], [19, 10, 26], threshold=0.25, symmetric=True)
    assert found.above == pytest.approx((0.9514454859, 0.001556809822, 0.0002855627703), abs=1e-9)
    assert found.mean == pytest.approx((0.4248773831, 0.04105258971, 0.0417137714), abs=1e-9)
    assert found.most_probable.tolist() == [[True, False, False], [False, True, True], [False, True, True]]


def test_a_large_basket_does_not_underflow() -> None:
    found = multisource_exchangeability([900, 880], [3000, 3000], threshold=0.3)
    assert found.similarity[0, 1] > 0.9


def test_alone_it_is_the_beta_posterior() -> None:
    expected = beta_binomial(2, 9)
    for symmetric in (False, True):
        found = multisource_exchangeability([2], [9], threshold=0.2, symmetric=symmetric)
        assert found.mean == pytest.approx((expected.mean,), abs=1e-14)
        assert found.above == pytest.approx((expected.probability_above(0.2),), abs=1e-14)
    assert similarity_weights([2], [9], threshold=0.2, a=0.5, b=0.5).mean == pytest.approx((expected.mean,))


def test_fujikawa_as_r_baskexact() -> None:
    found = similarity_weights([5, 3, 8], [24, 24, 24], threshold=0.2)
    assert found.similarity[np.triu_indices(3, 1)] == pytest.approx([0.7750081, 0.6661536, 0.3430768], abs=5e-8)
    assert found.above == pytest.approx((0.7524369439, 0.5703996733, 0.8941389144), abs=1e-9)


@settings(max_examples=10)
@given(counts.filter(lambda c: len(c) > 1), st.sampled_from([(0.5, 0.5), (1, 1), (2, 0.5)]))
def test_the_divergence_is_its_integral(baskets, prior) -> None:
    y, n = zip(*baskets[:2], strict=True)
    a, b = prior
    p, q = (stats.beta(a + y[i], b + n[i] - y[i]) for i in range(2))

    def density(t: float, of, than) -> float:
        """On the arc-sine scale, where nothing is infinite but the ends."""
        x = np.sin(t) ** 2
        mine, theirs = of.pdf(x), than.pdf(x)
        return 0.0 if mine == 0 else mine * np.log(2 * mine / (mine + theirs)) * 2 * np.sin(t) * np.cos(t)

    parts = [
        integrate.quad(density, 1e-7, np.pi / 2 - 1e-7, args=pair, limit=400, full_output=1)[0]
        for pair in ((p, q), (q, p))
    ]
    found = similarity_weights(y, n, threshold=0.2, a=a, b=b, power=1).similarity[0, 1]
    assert found == pytest.approx(1 - sum(parts) / 2, abs=1e-5)


def test_a_cutoff_and_a_high_power_end_the_borrowing() -> None:
    alone = beta_binomial(0, 20, a=1, b=1).mean
    for settings_ in ({"cutoff": 0.9}, {"power": 1e6}):
        assert similarity_weights([0, 20], [20, 20], threshold=0.5, **settings_).mean[0] == pytest.approx(alone)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: multisource_exchangeability([1] * 7, [2] * 7, threshold=0.2, symmetric=True), "more than the 6"),
        (lambda: multisource_exchangeability([3], [2], threshold=0.2), "cannot be"),
        (lambda: multisource_exchangeability([1], [2, 3], threshold=0.2), "cannot be"),
        (lambda: multisource_exchangeability([], [], threshold=0.2), "cannot be"),
        (lambda: multisource_exchangeability([1], [2], threshold=2), "not all possible"),
        (lambda: multisource_exchangeability([1], [2], threshold=0.2, prior_exchangeable=1), "not all possible"),
        (lambda: similarity_weights([1], [2], threshold=0.2, power=-1), "not possible"),
    ],
)
def test_what_cannot_be_is_refused(call, words) -> None:
    with pytest.raises(UsageError, match=words):
        call()
