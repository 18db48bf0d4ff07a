"""Borrowing across diseases where similarity decides how much: exchangeability models and similarity weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from aftercart.analysis.intervals import special, whole
from aftercart.analysis.risk_sets import Floats
from aftercart.errors import UsageError

MOST_ROW_WISE = 16
MOST_SYMMETRIC = 6


@dataclass(frozen=True, eq=False)
class Borrowed:
    """Posterior of each basket's proportion after borrowing from the others."""

    mean: tuple[float, ...]
    above: tuple[float, ...]
    """Posterior probability that the proportion exceeds the threshold."""
    threshold: float
    similarity: Floats
    """Basket by basket: probability of being exchangeable, or the weight with which the other's data count."""
    method: str
    most_probable: NDArray[np.bool_] | None = None
    """The single most probable pattern of exchangeability, where patterns are compared."""


def counts_of(events: Sequence[int], n: Sequence[int]) -> tuple[Floats, Floats]:
    """Events and patients of each basket as checked arrays; raises `UsageError` for counts that cannot be."""
    y, total = [whole(v, "events") for v in events], [whole(v, "n") for v in n]
    if len(y) != len(total) or not y or any(a > b for a, b in zip(y, total, strict=False)):
        raise UsageError(
            f"{y} events among {total} patients cannot be.", hint="give one count of each per basket, at least one."
        )
    return np.array(y, float), np.array(total, float)


def _prior(a: float, b: float, threshold: float, exchangeable: float = 0.5) -> None:
    if not (a > 0 and b > 0 and 0 <= threshold <= 1 and 0 < exchangeable < 1):
        raise UsageError(
            f"Beta({a!r}, {b!r}), threshold {threshold!r} and prior {exchangeable!r} are not all possible.",
            hint="give a and b above 0, a threshold from 0 to 1 and a prior probability between 0 and 1.",
        )


def _sets(y: Floats, n: Floats, a: float, b: float) -> tuple[NDArray[np.bool_], Floats, Floats, Floats]:
    """All sets of baskets (rows, by bit mask), their pooled beta parameters, and the log marginal of set and rest."""
    k = y.size
    members = (np.arange(2**k)[:, None] >> np.arange(k)) & 1 == 1
    pooled_a, pooled_b = a + members @ y, b + members @ (n - y)
    betaln = special().betaln
    alone = betaln(a + y, b + n - y) - betaln(a, b)
    return members, pooled_a, pooled_b, betaln(pooled_a, pooled_b) - betaln(a, b) + ~members @ alone


def multisource_exchangeability(
    events: Sequence[int],
    n: Sequence[int],
    *,
    threshold: float,
    a: float = 0.5,
    b: float = 0.5,
    prior_exchangeable: float = 0.5,
    symmetric: bool = False,
) -> Borrowed:
    """Average over which baskets share one proportion, with beta priors, by enumerating all patterns.

    events, n: counts per basket; threshold: the proportion to exceed; a, b: the prior of a proportion;
    prior_exchangeable: of each pair. Row by row (default) each basket is compared with every set of the others.
    `symmetric` demands that exchangeability be mutual and multiplies the rows' marginals, so that each count enters
    once per basket and the probabilities are more extreme. At most 16 baskets, symmetric 6.
    Sources: Hobbs & Landin, Stat Med 2018;37:3557, doi 10.1002/sim.7893; Kaizer, Koopmeiners & Hobbs, Biostatistics
    2018;19:169, doi 10.1093/biostatistics/kxx031. Raises `UsageError` beyond that and for counts that cannot be.

    >>> found = multisource_exchangeability([8, 0, 1], [19, 10, 26], threshold=0.25, symmetric=True)
    >>> [round(p, 3) for p in found.above]
    [0.951, 0.002, 0.0]
    """
    y, size = counts_of(events, n)
    _prior(a, b, threshold, prior_exchangeable)
    k, most = y.size, MOST_SYMMETRIC if symmetric else MOST_ROW_WISE
    if k > most:
        raise UsageError(f"{k} baskets are more than the {most} that are enumerated.", hint="pool small baskets first.")
    members, pooled_a, pooled_b, marginal = _sets(y, size, a, b)
    odds = np.log(prior_exchangeable / (1 - prior_exchangeable))
    if symmetric:
        rows, weight = _symmetric_patterns(k, marginal, odds)
    else:
        sets = [np.flatnonzero(members[:, i]) for i in range(k)]
        rows, weight = sets, [_normalised(marginal[s] + odds * (members[s].sum(axis=1) - 1)) for s in sets]
    # For each basket: the probability of every set that could be its own.
    similarity = np.stack([w @ members[s] for s, w in zip(rows, weight, strict=True)])
    np.fill_diagonal(similarity, 1.0)
    mean = [float(w @ (pooled_a / (pooled_a + pooled_b))[s]) for s, w in zip(rows, weight, strict=True)]
    over = special().betaincc(pooled_a, pooled_b, threshold)
    above = [float(w @ over[s]) for s, w in zip(rows, weight, strict=True)]
    best = np.stack([members[s[int(np.argmax(w))]] for s, w in zip(rows, weight, strict=True)])
    name = "symmetric" if symmetric else "row-wise"
    method = f"multisource exchangeability, {name}, Beta({a:g}, {b:g}) prior, prior {prior_exchangeable:g} per pair"
    return Borrowed(tuple(mean), tuple(above), threshold, similarity, method, best)


def _normalised(log_weight: Floats) -> Floats:
    weight = np.exp(log_weight - log_weight.max())
    return np.asarray(weight / weight.sum())


def _symmetric_patterns(k: int, marginal: Floats, odds: float) -> tuple[list[NDArray[np.int64]], list[Floats]]:
    """For each basket its set (a bit mask) in every symmetric pattern, and the probability of the patterns."""
    pairs = list(combinations(range(k), 2))
    pattern = np.arange(2 ** len(pairs))
    rows = [np.full(pattern.size, 1 << i) for i in range(k)]
    edges = np.zeros(pattern.size, np.int64)
    for bit, (i, j) in enumerate(pairs):
        present = (pattern >> bit) & 1
        rows[i], rows[j] = rows[i] | present << j, rows[j] | present << i
        edges += present
    total = np.sum([marginal[r] for r in rows], axis=0)
    weight = _normalised(total + odds * edges)
    return rows, [weight] * k


def similarity_weights(
    events: Sequence[int],
    n: Sequence[int],
    *,
    threshold: float,
    a: float = 1.0,
    b: float = 1.0,
    power: float = 2.0,
    cutoff: float = 0.0,
) -> Borrowed:
    """Let the other baskets' data (and priors) count by how similar their own posteriors are.

    events, n: counts per basket; threshold: the proportion to exceed; a, b: the prior of each basket; the weight is
    (1 - Jensen-Shannon divergence, natural logarithm) to `power`, and 0 unless above `cutoff`.
    Source: Fujikawa et al., Biom J 2020;62:330, doi 10.1002/bimj.201800404. Raises `UsageError` for counts and
    settings that cannot be.

    >>> found = similarity_weights([5, 3, 8], [24, 24, 24], threshold=0.2)
    >>> found.similarity[0].round(4).tolist(), [round(p, 4) for p in found.above]
    ([1.0, 0.775, 0.6662], [0.7524, 0.5704, 0.8941])
    """
    y, size = counts_of(events, n)
    _prior(a, b, threshold)
    if not (power >= 0 and 0 <= cutoff <= 1):
        raise UsageError(f"Power {power!r} and cutoff {cutoff!r} are not possible.", hint="power 2 and cutoff 0.")
    own_a, own_b = a + y, b + size - y
    weight = np.maximum(1 - _divergence(own_a, own_b), 0.0) ** power
    weight = np.where(weight > cutoff, weight, 0.0)
    np.fill_diagonal(weight, 1.0)
    post_a, post_b = weight @ own_a, weight @ own_b
    above = special().betaincc(post_a, post_b, threshold)
    method = f"similarity weights (Fujikawa), power {power:g}, cutoff {cutoff:g}, Beta({a:g}, {b:g}) priors"
    mean = post_a / (post_a + post_b)
    return Borrowed(tuple(mean.tolist()), tuple(above.tolist()), threshold, weight, method)


def _divergence(a: Floats, b: Floats) -> Floats:
    """Jensen-Shannon divergence of each pair of beta distributions, by the trapezium rule on the logit scale.

    There the density is smooth and falls off exponentially on both sides, so that the rule converges exponentially.
    """
    widest, narrowest = min(a.min(), b.min()), (a + b).max()
    x = np.arange(-45 / min(widest, 1.0), 45 / min(widest, 1.0), 0.25 / max(1.0, np.sqrt(narrowest)))
    log_p, log_q = -np.logaddexp(0, -x), -np.logaddexp(0, x)
    log_f = a[:, None] * log_p + b[:, None] * log_q - special().betaln(a, b)[:, None]
    f = np.exp(log_f)
    found = np.zeros((a.size, a.size))
    for i, j in combinations(range(a.size), 2):
        log_m = np.logaddexp(log_f[i], log_f[j]) - np.log(2)
        apart = f[i] * (log_f[i] - log_m) + f[j] * (log_f[j] - log_m)
        found[i, j] = found[j, i] = np.sum(apart) * (x[1] - x[0]) / 2
    return found
