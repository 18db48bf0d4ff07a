"""Signed-rank test and Hodges-Lehmann shift against R, enumeration and small samples."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftercart.analysis.paired import hodges_lehmann, signed_rank
from aftercart.errors import UsageError

HAMILTON = [0.952, -0.147, 1.022, 0.43, 0.62, 0.59, 0.49, -0.08, 0.01]
FALLS = [12, 3, -1.25, 7, 5, 9, 2, -4, 6, 8, 1, 10, 4.5, -2.5, 11.5]


def test_depression_scores_of_hollander_and_wolfe() -> None:
    found = signed_rank(HAMILTON)
    assert (found.statistic, found.p_two_sided, found.p_greater) == (40, 0.0390625, 0.01953125)


def test_fifteen_tied_falls_are_exact() -> None:
    found = signed_rank([16, 14, 10, 18, 10, 4, 20, 16, 12, 20, 10, 10, 9, 16, 26])
    assert found.statistic == 120
    assert found.p_two_sided == pytest.approx(2 / 2**15, abs=1e-15)


def by_enumeration(ranks, observed) -> tuple[float, float]:
    sums = [sum(r for r, s in zip(ranks, signs, strict=True) if s) for signs in product((0, 1), repeat=len(ranks))]
    return (sum(s >= observed for s in sums) / len(sums), sum(s <= observed for s in sums) / len(sums))


def mid_ranks(values) -> list[float]:
    return [sum(w < v for w in values) + (sum(w == v for w in values) + 1) / 2 for v in values]


@pytest.mark.parametrize("zeros", ["wilcoxon", "pratt"])
@given(differences=st.lists(st.integers(-5, 5), min_size=1, max_size=9))
def test_it_is_the_enumeration_of_all_signs(zeros, differences) -> None:
    found = signed_rank(differences, zeros=zeros)
    used = [d for d in differences if d != 0 or zeros == "pratt"]
    pairs = [(r, d) for r, d in zip(mid_ranks([abs(d) for d in used]), used, strict=True) if d != 0]
    assert (found.n, found.n_zeros) == (len(pairs), len(differences) - len(pairs))
    if not pairs:
        assert (found.p_two_sided, found.reason) == (None, "every difference is zero")
        return
    observed = sum(r for r, d in pairs if d > 0)
    greater, less = by_enumeration([r for r, _ in pairs], observed)
    assert found.statistic == observed
    assert (found.p_greater, found.p_less) == pytest.approx((greater, less), abs=1e-14)
    assert found.p_two_sided == pytest.approx(min(1, 2 * min(greater, less)), abs=1e-14)


@pytest.mark.parametrize(
    ("differences", "zeros", "p"),
    [
        # R coin::wilcoxsign_test(distribution = "exact")
        ([0, 0, 3, -1, 2, 2, 5, 4, 4, 6], "pratt", 0.015625),
        ([0, 0, 3, -1, 2, 2, 5, 4, 4, 6], "wilcoxon", 0.015625),
        ([0, 1, -1, 0, 2, 3, -2, 4], "pratt", 0.375),
        ([0, 1, -1, 0, 2, 3, -2, 4], "wilcoxon", 0.34375),
    ],
)
def test_zeros_as_r_coin(differences, zeros, p) -> None:
    assert signed_rank(differences, zeros=zeros).p_two_sided == pytest.approx(p, abs=1e-12)


def test_decimals_tie_as_they_are_written() -> None:
    assert 0.3 - 0.2 != 0.2 - 0.1
    assert signed_rank([0.3 - 0.2, 0.2 - 0.1, -0.3]).statistic == 3.0
    assert signed_rank([0.1 + 0.2 - 0.3, 1, 2]).n_zeros == 1


def test_shift_as_r() -> None:
    found = hodges_lehmann(HAMILTON)
    assert (found.estimate, found.low, found.high) == pytest.approx((0.46, 0.01, 0.786), abs=1e-12)
    assert found.achieved_confidence == 0.9609375
    found = hodges_lehmann(FALLS)
    assert (found.estimate, found.low, found.high) == (4.875, 1.875, 8)
    found = hodges_lehmann(FALLS, confidence=0.9)
    assert (found.low, found.high) == (2.375, 7.25)


def test_six_differences_reach_95_percent_and_five_do_not() -> None:
    six = hodges_lehmann([1, 2.5, 3.7, -0.2, 5, 9])
    assert (six.low, six.high, six.achieved_confidence) == (-0.2, 9, 0.96875)
    five = hodges_lehmann([1, 2, 3, 4, 5])
    assert (five.estimate, five.low, five.high, five.achieved_confidence) == (3, None, None, None)
    assert five.reason == "5 differences give limits of at most 93.75% confidence"
    assert hodges_lehmann([1, 2, 3, 4, 5], confidence=0.9375).achieved_confidence == 0.9375
    assert hodges_lehmann([]).reason == "no difference"
    assert hodges_lehmann([3]).reason == "1 differences give limits of at most 0% confidence"
    assert signed_rank([]).reason == "no difference"


@given(st.lists(st.integers(-40, 40), min_size=6, max_size=30, unique_by=abs), st.integers(-99, 99))
def test_the_limits_invert_the_test(differences, shift) -> None:
    """A shift beyond the limits is refused by the test at 5%, and the estimate moves with the data."""
    found = hodges_lehmann(differences)
    beyond = signed_rank(np.array(differences) - (found.high + 1 / 1024))
    within = signed_rank(np.array(differences) - (found.high - 1 / 1024))
    assert beyond.p_less <= 0.025 < within.p_less
    moved = hodges_lehmann([d + shift for d in differences])
    assert (moved.estimate, moved.low, moved.high) == (
        found.estimate + shift,
        found.low + shift,
        found.high + shift,
    )


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(UsageError, match="pratt"):
        signed_rank([1, 2], zeros="drop")
    with pytest.raises(UsageError, match="missing"):
        signed_rank([1, None])


@pytest.mark.parametrize(
    ("differences", "limits"),
    [
        # By hand, n = 6: only a sum of ranks of 0 or 21 is rejected, and that asks for all signs to be equal.
        ([1, 2, 3, 4, 5, 6], (1, 6)),
        ([3, 3, 3, 3, 3, 9], (3, 9)),
        ([-10, -10, -10, -10, -10, -10], (-10, -10)),
        # Without ties it is the Walsh-average interval.
        ([0.952, -0.147, 1.022, 0.43, 0.62, 0.59, 0.49, -0.08, 0.01], (0.01, 0.786)),
    ],
)
def test_limits_by_inverting_the_test_with_ties(differences: list[float], limits: tuple[float, float]) -> None:
    found = hodges_lehmann(differences, limits="inversion")
    assert (found.low, found.high) == pytest.approx(limits)
    assert found.achieved_confidence == 0.95
    assert found.method == "Hodges-Lehmann, limits by inverting the exact signed-rank test with ties"


@pytest.mark.parametrize("seed", range(8))
def test_inverted_limits_are_exactly_what_the_test_keeps(seed: int) -> None:
    """On a fine grid of shifts: all that are kept lie within, and the limits themselves border on what is kept."""
    tied = np.random.default_rng(seed).integers(-4, 9, 11)
    found = hodges_lehmann(tied, limits="inversion")
    grid = np.arange(-6, 11, 0.125)
    kept = [s for s in grid if (p := signed_rank(tied - s).p_two_sided) is None or p > 0.05]
    assert found.low <= min(kept) <= found.low + 0.25
    assert found.high - 0.25 <= max(kept) <= found.high


def test_limits_hold_their_level_with_ties() -> None:
    """Every one of the 3 ** 7 samples of a symmetric three-point distribution, weighted by its probability."""
    chance = {-1: 0.25, 0: 0.5, 1: 0.25}
    covered = 0.0
    for ups in range(8):
        for downs in range(8 - ups):
            sample = [1] * ups + [-1] * downs + [0] * (7 - ups - downs)
            ways = math.factorial(7) / (math.factorial(ups) * math.factorial(downs) * math.factorial(7 - ups - downs))
            found = hodges_lehmann(sample, limits="inversion")
            covered += ways * math.prod(chance[v] for v in sample) * (found.low <= 0 <= found.high)
    assert 0.95 <= covered <= 1


def test_many_differences_use_walsh_averages_and_say_so() -> None:
    found = hodges_lehmann(list(range(60)), limits="inversion")
    assert found.method == "Hodges-Lehmann, Walsh-average limits by the signed-rank test"
    few = hodges_lehmann([1, 2, 3, 4, 5], limits="inversion")
    assert (few.low, few.reason) == (None, "5 differences give limits of at most 93.75% confidence")
    with pytest.raises(UsageError, match="limits"):
        hodges_lehmann([1, 2], limits="normal")


def differences_of(n: int, *, seed: int = 1) -> np.ndarray:
    return np.round(np.random.default_rng(seed).normal(-3, 8, n), 1)


@pytest.mark.parametrize("n", [1448, 3000])
def test_of_many_differences_only_the_walsh_averages_asked_for_are_found(n: int) -> None:
    """The same numbers as from all of them, sorted: ties of one decimal and all."""
    found, given_ = hodges_lehmann(differences_of(n)), differences_of(n)
    i, j = np.triu_indices(n)
    walsh = np.sort(given_[i] + given_[j]) / 2
    mean, sd = n * (n + 1) / 4, math.sqrt(n * (n + 1) * (2 * n + 1) / 24)
    k = math.floor(mean - 1.959963984540054 * sd + 0.5)
    expected = (np.median(walsh), walsh[k - 1], walsh[-k])
    assert (found.estimate, found.low, found.high) == pytest.approx(expected, abs=1e-9)
    assert found.achieved_confidence == pytest.approx(0.95, abs=1e-4)
    assert found.method.endswith("; normal approximation of the sum of ranks")


def test_the_approximation_takes_over_where_it_no_longer_matters() -> None:
    """At 1000 differences, on both sides of the switch: the same limits and nearly the same probabilities."""
    last_exact, first_approximate = differences_of(1001)[:1000], differences_of(1001)
    exact, approximate = hodges_lehmann(last_exact), hodges_lehmann(first_approximate)
    assert "normal" not in exact.method
    assert "normal" in approximate.method
    assert (approximate.low, approximate.high) == pytest.approx((exact.low, exact.high), abs=0.051)
    around_zero = differences_of(1100) - hodges_lehmann(differences_of(1100)[:1000]).estimate + 0.31
    kept = around_zero[around_zero != 0][:1000]
    by_count, by_normal = signed_rank(kept), signed_rank(np.append(kept, 0.001))
    assert "normal" not in by_count.method
    assert by_normal.method.endswith("; normal approximation of the sum of ranks")
    assert 0.05 < by_count.p_two_sided < 0.95
    for tail in ("p_two_sided", "p_greater", "p_less"):
        assert getattr(by_normal, tail) == pytest.approx(getattr(by_count, tail), abs=0.003)


def test_ten_thousand_equal_differences() -> None:
    found = hodges_lehmann([5] * 10_000)
    assert (found.estimate, found.low, found.high) == (5, 5, 5)
    assert signed_rank([5] * 10_000).p_two_sided == 0.0
