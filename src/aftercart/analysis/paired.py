"""Change within subjects: exact signed-rank test that honours ties, and the Hodges-Lehmann shift with its limits."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np

from aftercart.analysis.intervals import special, tail
from aftercart.analysis.risk_sets import Floats, Ints, Values, numbers
from aftercart.errors import UsageError

SIGNED_RANK = "exact Wilcoxon signed-rank test, mid-ranks for ties"
HODGES_LEHMANN = "Hodges-Lehmann, Walsh-average limits by the signed-rank test"
HODGES_LEHMANN_TIES = "Hodges-Lehmann, limits by inverting the exact signed-rank test with ties"

MOST = 1000
"""Largest number of differences for which the distribution of the sum of ranks is enumerated."""
NORMAL = "; normal approximation of the sum of ranks"
"""What the method adds above that number."""
MOST_INVERTED = 50
"""Largest number of differences for which the test with ties is inverted."""
_MOST_SORTED = 1 << 20
"""Largest number of Walsh averages that are all made and sorted; of more, only those asked for are found."""
_DIGITS = 12

Limits = Literal["walsh", "inversion"]
Zeros = Literal["wilcoxon", "pratt"]


@dataclass(frozen=True)
class SignedRank:
    """The sum of ranks of the positive differences, with exact tail probabilities; null without any difference."""

    statistic: float
    n: int
    """Differences that are not zero."""
    n_zeros: int
    p_two_sided: float | None
    """Twice the smaller tail, at most 1."""
    p_greater: float | None
    """Probability of a sum at least as large if signs were by chance."""
    p_less: float | None
    method: str
    reason: str | None = None


@dataclass(frozen=True)
class HodgesLehmann:
    """The typical change with its limits and the confidence these have; null, with the reason, where there is none."""

    estimate: float | None
    low: float | None
    high: float | None
    achieved_confidence: float | None
    n: int
    method: str = HODGES_LEHMANN
    reason: str | None = None


def signed_rank(differences: Values, *, zeros: Zeros = "wilcoxon") -> SignedRank:
    """Test whether differences are symmetric about 0, exactly, with ties (above 1000 differences approximately).

    differences: one per subject (before minus after, to ask for a fall). zeros: `wilcoxon` leaves them out before
    ranking, `pratt` ranks them and then leaves them out. Differences are compared at 12 significant digits of the
    largest, so that 0.3 - 0.2 ties with 0.2 - 0.1. Above 1000 that are not zero, tails are those of a normal sum with
    the variance that the ties leave, corrected for continuity; the method says so.
    Sources: Wilcoxon, Biometrics Bull 1945;1:80, doi 10.2307/3001968; Pratt, J Am Stat Assoc 1959;54:655, doi
    10.1080/01621459.1959.10501526. Raises `UsageError` for missing values and an unknown treatment of zeros.

    >>> signed_rank([16, 14, 10, 18, 10, 4]).p_two_sided
    0.03125
    """
    if zeros not in ("wilcoxon", "pratt"):
        raise UsageError(f"Zeros cannot be treated by {zeros!r}.", hint="use 'wilcoxon' or 'pratt'.")
    found, _ = _rounded(differences)
    kept = found != 0
    ranks = _double_ranks(np.abs(found if zeros == "pratt" else found[kept]))
    ranks, positive = (ranks[kept] if zeros == "pratt" else ranks), found[kept] > 0
    n, n_zeros = int(kept.sum()), int((~kept).sum())
    named = f"{SIGNED_RANK}; zeros {'ranked, then left out (Pratt)' if zeros == 'pratt' else 'left out (Wilcoxon)'}"
    observed = int(ranks[positive].sum())
    if n == 0:
        reason = "every difference is zero" if n_zeros else "no difference"
        return SignedRank(0.0, 0, n_zeros, None, None, None, named, reason)
    if n > MOST:
        named += NORMAL
        middle, spread = ranks.sum() / 2, float(np.sqrt((ranks.astype(np.float64) ** 2).sum())) / 2
        greater, less = (float(special().ndtr((away + 1) / spread)) for away in (middle - observed, observed - middle))
    else:
        chance = _sign_distribution(ranks)
        greater, less = float(chance[observed:].sum()), float(chance[: observed + 1].sum())
    return SignedRank(observed / 2, n, n_zeros, min(1.0, 2 * min(greater, less)), greater, less, named)


def _rounded(differences: Values) -> tuple[Ints, float]:
    """The differences at 12 significant digits of the largest, as whole numbers, and how many of these make 1."""
    found = numbers(differences, "differences")
    largest = float(np.abs(found).max(initial=0.0))
    scale = 10.0 ** (_DIGITS - 1 - int(np.floor(np.log10(largest)))) if largest > 0 else 1.0
    return np.rint(found * scale).astype(np.int64), scale


def _double_ranks(values: Ints) -> Ints:
    """Twice the mid-ranks, which are whole numbers."""
    _, which, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray((2 * last - counts + 1)[which], dtype=np.int64)


def _sign_distribution(ranks: Ints) -> Floats:
    """Probability of each sum of ranks when every sign is a fair coin: one convolution per rank."""
    chance = np.zeros(int(ranks.sum()) + 1)
    chance[0], top = 1.0, 0
    for rank in np.sort(ranks):
        moved = chance[: top + 1].copy()
        chance[rank : top + rank + 1] += moved
        top += int(rank)
        chance[: top + 1] /= 2
    return chance


@cache
def _smallest_kept(n: int, alpha: float) -> tuple[int, float]:
    """The smallest k with P(V <= k) above alpha/2, V the sum of ranks of n differences, and P(V < k)."""
    if n <= MOST:
        cumulative = np.cumsum(_sign_distribution(np.arange(1, n + 1)))
        k = int(np.searchsorted(cumulative, alpha / 2 * (1 + 1e-12), side="right"))
        return k, float(cumulative[max(k - 1, 0)])
    middle, spread = n * (n + 1) / 4, float(np.sqrt(n * (n + 1) * (2 * n + 1) / 24))
    k = max(int(np.floor(middle + spread * float(special().ndtri(alpha / 2)) + 0.5)), 0)
    return k, float(special().ndtr((k - 0.5 - middle) / spread))


def _sorted_sums(values: Ints, places: Ints) -> Ints:
    """Of the sums of every two values, each with itself too, in order, those at these places (from 0)."""
    n = values.size
    if n * (n + 1) // 2 <= _MOST_SORTED:
        i, j = np.triu_indices(n)
        return np.asarray(np.sort(values[i] + values[j])[places])
    ordered, before = np.sort(values), np.arange(n)

    def up_to(limit: int) -> int:
        return int(np.maximum(np.searchsorted(ordered, limit - ordered, side="right") - before, 0).sum())

    found = []
    for place in places.tolist():
        low, high = 2 * int(ordered[0]), 2 * int(ordered[-1])
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if up_to(middle) > place else (middle + 1, high)
        found.append(low)
    return np.array(found, dtype=np.int64)


def hodges_lehmann(differences: Values, *, confidence: float = 0.95, limits: Limits = "walsh") -> HodgesLehmann:
    """Estimate the typical difference: the median of all pairwise means (Walsh averages), with exact limits.

    differences: one per subject, zeros included. limits: `walsh`, the k-th smallest and largest Walsh average, k the
    smallest number with P(V <= k) above alpha/2 without ties; `achieved_confidence` is what they have, at least
    `confidence` for continuous differences. Or `inversion`: the shifts that the exact signed-rank test, ties and all,
    does not reject; they hold `confidence` for any symmetric differences (above 50 differences `walsh` is used, and
    named; above 1000, k is that of the normal approximation, and this is named too). Neither exists when so few
    differences cannot reach it (5 reach 93.75%). Values count at 12 significant digits of the largest.
    Source: Hodges & Lehmann, Ann Math Stat 1963;34:598, doi 10.1214/aoms/1177704172. Raises `UsageError` for missing
    values and other limits.

    >>> found = hodges_lehmann([0.952, -0.147, 1.022, 0.43, 0.62, 0.59, 0.49, -0.08, 0.01])
    >>> round(found.estimate, 3), round(found.low, 3), round(found.high, 3), found.achieved_confidence
    (0.46, 0.01, 0.786, 0.9609375)
    """
    if limits not in ("walsh", "inversion"):
        raise UsageError(f"There are no {limits!r} limits.", hint="use 'walsh' or 'inversion'.")
    (found, scale), alpha = _rounded(differences), tail(confidence)
    n = int(found.size)
    inverted = limits == "inversion" and n <= MOST_INVERTED
    method = HODGES_LEHMANN_TIES if inverted else HODGES_LEHMANN + NORMAL * (n > MOST)
    if n == 0:
        return HodgesLehmann(None, None, None, None, 0, method, "no difference")
    k, beyond = _smallest_kept(n, alpha)
    last = n * (n + 1) // 2 - 1
    places = [last // 2, (last + 1) // 2, max(k - 1, 0), min(last - k + 1, last)]
    below, above, low, high = (_sorted_sums(found, np.array(places)) / (2 * scale)).tolist()
    estimate = (below + above) / 2
    if k == 0:
        reason = f"{n} differences give limits of at most {100 * (1 - 2 * beyond):.4g}% confidence"
        return HodgesLehmann(estimate, None, None, None, n, method, reason)
    if inverted:
        i, j = np.triu_indices(n)
        points, moved = np.unique(found[i] + found[j]) / (2 * scale), found / scale
        low, high = _first_kept(moved, points, alpha), -_first_kept(-moved, -points[::-1], alpha)
        return HodgesLehmann(estimate, low, high, confidence, n, method)
    return HodgesLehmann(estimate, low, high, 1 - 2 * beyond, n, method)


def _first_kept(differences: Floats, points: Floats, alpha: float) -> float:
    """The smallest shift that is not rejected: between neighbouring Walsh averages the test does not change."""
    for here, following in zip(points, np.append(points[1:], points[-1]), strict=True):
        for shift in (here, (here + following) / 2):
            p = signed_rank(differences - shift).p_two_sided
            if p is None or p > alpha * (1 + 1e-12):
                return float(here)
    return float(points[-1])
