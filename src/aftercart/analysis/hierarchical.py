"""Borrowing across diseases by a hierarchical model, by quadrature: no sampling, the same answer every time."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from aftercart.analysis.exchangeability import counts_of
from aftercart.analysis.intervals import tail
from aftercart.analysis.risk_sets import Floats, Ints
from aftercart.errors import UsageError

REACH = 8.5
"""Standard deviations covered on each side of a normal distribution; beyond lies less than 2e-17."""
NEGLIGIBLE = 70.0
"""A likelihood so far below its average over the prior, on the log scale (1e-30), is left out."""
MOST = 5000
"""Most patients in all baskets together."""


@dataclass(frozen=True)
class Hierarchical:
    """Posterior of each basket's proportion under a hierarchical model on the logit scale."""

    mean: tuple[float, ...]
    above: tuple[float, ...]
    """Posterior probability that the proportion exceeds the threshold."""
    threshold: float
    exchangeable: tuple[float, ...]
    """Posterior probability that the basket belongs with the others; 1 in the fully exchangeable model."""
    mu_mean: float
    """Posterior mean of the centre of the exchangeable baskets, logit scale."""
    tau_mean: float
    """Posterior mean of their standard deviation, logit scale."""
    low: tuple[float, ...]
    """Lower limit of the equal-tailed posterior interval of each proportion."""
    high: tuple[float, ...]
    method: str


def hierarchical(
    events: Sequence[int],
    n: Sequence[int],
    *,
    threshold: float,
    mu: tuple[float, float] = (0.0, 2.0),
    tau_scale: float = 1.0,
    weight: float | Sequence[float] = 1.0,
    own: tuple[float | Sequence[float], float | Sequence[float]] = (0.0, 2.0),
    confidence: float = 0.95,
) -> Hierarchical:
    """Partially pool the proportions of several baskets (diseases).

    The logit of each proportion is normal about a centre with standard deviation tau; the centre is normal with the
    mean and standard deviation of `mu`, and tau half-normal(`tau_scale`). With `weight` below 1 (EXNEX) a basket is so
    only with that prior probability, and otherwise normal with the mean and standard deviation of `own`; these may
    differ by basket. events, n: counts per basket; threshold: the proportion to exceed, between 0 and 1. Always show
    the unpooled exact interval beside the result: with few patients almost all of it is borrowed or prior. Accurate to
    about 1e-6; beyond each limit of the posterior interval lies alpha/2 to about 5e-4.
    Sources: Berry et al., Clin Trials 2013;10:720, doi 10.1177/1740774513497539; Neuenschwander et al., Pharm Stat
    2016;15:123, doi 10.1002/pst.1730. Raises `UsageError` for counts and settings that cannot be.

    >>> found = hierarchical([8, 3, 4], [8, 3, 4], threshold=0.5)
    >>> [round(m, 3) for m in found.mean]
    [0.95, 0.94, 0.943]
    """
    y, size = counts_of(events, n)
    w, own_mean, own_sd = (np.broadcast_to(np.asarray(v, float), y.shape) for v in (weight, *own))
    mu_mean, mu_sd = mu
    if not (0 < threshold < 1 and mu_sd > 0 and tau_scale > 0 and (own_sd > 0).all() and ((w >= 0) & (w <= 1)).all()):
        raise UsageError(
            "The threshold, a scale or a weight of the model is not possible.",
            hint="use a threshold between 0 and 1, scales above 0 and weights from 0 to 1.",
        )
    if size.sum() > MOST:
        raise UsageError(f"{size.sum():g} patients are more than the {MOST} this is made for.", hint="use a sampler.")
    cut = math.log(threshold / (1 - threshold))
    half = tail(confidence) / 2
    each = [slice(i, i + 1) for i in range(y.size)]
    apart = np.stack([_baskets(y[i], size[i], own_mean[i], float(own_sd[i][0]), cut).sums[0, :, 0] for i in each])
    own_below = _own_below(y, size, own_mean, own_sd) * apart[:, :1]
    centre, prior = _centres(mu_mean, mu_sd, cut, float(size.sum()))
    taus, width = _spreads(tau_scale, float(size.max()))
    sums = np.zeros(3)
    baskets = np.zeros((3, y.size))
    below = [_Below() for _ in y]
    for i, tau in enumerate(taus):
        # Times tau it is odd, which the first Euler-Maclaurin term corrects: a twelfth of the step, on the halved
        # weight at 0 a third of it.
        density = width[i] * math.exp(-0.5 * (tau / tau_scale) ** 2)
        least = math.log(sums[0] / prior.sum()) - NEGLIGIBLE if sums[0] > 0 else -math.inf
        grid = _baskets(y, size, centre, float(tau), cut, least)
        together = grid.sums
        joint = w[:, None, None] * together + (1 - w)[:, None, None] * apart[:, :, None]
        total = prior * density * np.prod(joint[:, 0], axis=0)
        sums += total.sum(), (total * centre).sum(), total.sum() * (tau if i else width[0] / 3)
        share = np.divide(total, joint[:, 0], out=np.zeros_like(joint[:, 0]), where=joint[:, 0] > 0)
        baskets[0] += (share * w[:, None] * together[:, 0]).sum(axis=1)
        baskets[1:] += (share[:, None] * joint[:, 1:]).sum(axis=2).T
        for one, mass, alone in zip(below, grid.mass(share * w[:, None]), share.sum(axis=1) * (1 - w), strict=True):
            one.add(grid.edges, mass, float(alone))
    if not sums[0] > 0:
        raise UsageError("These counts all but contradict the prior.", hint="widen the prior scales.")
    exchangeable, mean, above = baskets / sums[0]
    low, high = (tuple(b.quantile(q, own) for b, own in zip(below, own_below, strict=True)) for q in (half, 1 - half))
    kind = "hierarchical model" if (w == 1).all() else "exchangeable or not (EXNEX)"
    method = (
        f"{kind} on the logit scale by quadrature, mu normal({mu_mean:g}, {mu_sd:g}), tau half-normal({tau_scale:g})"
    )
    return Hierarchical(
        tuple(mean.tolist()),
        tuple(np.clip(above, 0.0, 1.0).tolist()),
        threshold,
        tuple(np.clip(exchangeable, 0.0, 1.0).tolist()),
        float(sums[1] / sums[0]),
        float(sums[2] / sums[0]),
        low,
        high,
        method,
    )


def _spreads(scale: float, most: float) -> tuple[Floats, Floats]:
    """Values of tau from 0, and their widths: even steps of v in tau = c sinh(v), c no more than a logit's own error.

    That is the scale on which the likelihood of tau changes, however wide the prior. What is summed is even in v, so
    the trapezium rule from 0, with half the weight there, converges as fast as over the whole line.
    """
    c = min(scale, 2 / math.sqrt(max(most, 1.0)))
    step = 0.15
    v = np.arange(math.ceil(math.asinh(REACH * scale / c) / step) + 1) * step
    width = c * np.cosh(v) * step
    width[0] /= 2
    return np.asarray(c * np.sinh(v)), np.asarray(width)


def _centres(mean: float, sd: float, cut: float, patients: float) -> tuple[Floats, Floats]:
    """Values of mu, and prior times width: even steps of v in mu = cut + c sinh(v), so that they are dense near `cut`.

    There the probability of exceeding it turns over as fast as tau is small; no value falls on `cut` itself.
    """
    c = 0.25 * min(1.0, sd)
    h = 0.08 / max(1.0, math.sqrt(patients) / 8)
    low, high = (math.asinh((mean + s * REACH * sd - cut) / c) / h for s in (-1, 1))
    v = (np.arange(math.floor(low), math.ceil(high)) + 0.5) * h
    centre = cut + c * np.sinh(v)
    return np.asarray(centre), np.asarray(c * np.cosh(v) * h * np.exp(-0.5 * ((centre - mean) / sd) ** 2))


_LOGITS: Floats = np.asarray(np.arange(-3000, 3001) * 0.01)
_EACH = 75
"""Of `_LOGITS` every so many are looked at first."""


@dataclass(frozen=True, eq=False)
class _Baskets:
    """Sums over the nodes of each basket, for each centre; and the mass in the cells of the logit they stand for."""

    sums: Floats
    """Shape: baskets, three kinds of sum, centres."""
    edges: Floats
    """Of the cells, the same for all baskets."""
    mass: Callable[[Floats], Floats]
    """Mass of each basket in each cell (it is even within), each centre counting by its share for the basket."""


class _Below:
    """The posterior distribution function of a basket's logit, at `_LOGITS` and even between them."""

    def __init__(self) -> None:
        self._parts: list[tuple[Floats, Floats]] = []
        self._own = 0.0

    def add(self, edges: Floats, mass: Floats, own: float) -> None:
        """Add the mass of one spread: of the exchangeable basket by cell, and of the one that stands alone."""
        self._parts.append((edges, np.append(0.0, np.cumsum(mass))))
        self._own += own

    def quantile(self, probability: float, own: Floats) -> float:
        """The proportion below which this share of the mass lies; own: distribution of the basket that stands alone."""
        coarse = self._at(slice(None, None, _EACH), own)
        wanted = probability * coarse[-1]
        i = min(int(np.searchsorted(coarse, wanted, side="right")), coarse.size - 1)
        near = slice(_EACH * max(i - 1, 0), _EACH * max(i, 1) + 1)
        logit = float(np.interp(wanted, self._at(near, own), _LOGITS[near]))
        return 1 / (1 + math.exp(-logit))

    def _at(self, some: slice, own: Floats) -> Floats:
        found = self._own * own[some]
        for edges, mass in self._parts:
            found = found + np.interp(_LOGITS[some], edges, mass)
        return np.asarray(found)


def _own_below(y: Floats, n: Floats, mean: Floats, sd: Floats) -> Floats:
    """The posterior distribution function, at `_LOGITS`, of baskets that stand alone; one row each."""
    log = _log_likelihood(y, n, _LOGITS) - 0.5 * ((_LOGITS - mean[:, None]) / sd[:, None]) ** 2
    density = np.exp(log - log.max(axis=1, keepdims=True))
    found = np.cumsum((density[:, 1:] + density[:, :-1]) / 2, axis=1)
    return np.pad(found / found[:, -1:], ((0, 0), (1, 0)))


def _baskets(y: Floats, n: Floats, mean: Floats, sd: float, cut: float, least: float = -math.inf) -> _Baskets:
    """Of baskets whose logits are normal(mean, sd): likelihoods, and those times the proportion and its exceedance.

    Midpoint rule in z with a midpoint grid that starts at `cut`, so that all centres and all baskets share their nodes
    on the logit scale; the two end corrections of the exceedance (Euler-Maclaurin) make it as accurate as the smooth
    parts. Likelihoods are relative to their maximum; nodes where their logarithm is below `least` are left out.
    """
    mixed = (y > 0) & (y < n)
    p = np.divide(y, n, out=np.full(y.shape, 0.5), where=mixed)
    top = np.where(mixed, y * np.log(p) + (n - y) * np.log1p(-p), 0.0)[:, None]
    if sd == 0:
        f = np.exp(_log_likelihood(y, n, mean) - top)
        between = np.concatenate((mean[:1], (mean[1:] + mean[:-1]) / 2, mean[-1:]))
        sums = np.stack((f, f / (1 + np.exp(-mean)), f * (mean > cut)), axis=1)
        return _Baskets(sums, between, lambda share: f * share)
    h = 0.15 / math.sqrt(1 + sd * sd * float(n.max()) / 4)
    start = (cut - mean) / sd
    first = np.floor((-REACH - start) / h).astype(np.int64)
    steps = math.ceil(2 * REACH / h) + 1
    end = _end_correction(y, n, start, sd, cut, top, h)
    if first.max() - first.min() > _SPARSE * steps:
        return _sparse(y, n, mean, sd, cut, (top, h, first[:, None] + np.arange(steps)), end)
    nodes = np.arange(first.min(), first.max() + steps)
    theta = cut + (nodes + 0.5) * (h * sd)
    log = _log_likelihood(y, n, theta) - top
    kept = np.flatnonzero((log >= least).any(axis=0))
    if kept.size == 0:
        return _Baskets(np.zeros((y.size, 3, mean.size)), np.array([cut, cut + h * sd]), lambda share: 0 * share[:, :1])
    whole = slice(int(kept[0]), int(kept[-1]) + 1)
    nodes, likelihood = nodes[whole], np.exp(log[:, whole]) * (h / math.sqrt(2 * math.pi))
    kernel = _Kernel(start, nodes, h)
    sums = kernel.sums(np.stack((likelihood, likelihood / (1 + np.exp(-theta[whole]))), axis=1))
    sums[:, 2] -= end
    edges = cut + np.arange(nodes[0], nodes[-1] + 2) * (h * sd)
    return _Baskets(sums, edges, lambda share: kernel.mass(share) * likelihood)


_SPARSE = 16
"""So many times as many nodes as one centre needs are laid out for all together; with more each has its own."""


def _sparse(
    y: Floats, n: Floats, mean: Floats, sd: float, cut: float, grid: tuple[Floats, float, Ints], end: Floats
) -> _Baskets:
    """The same where a tiny spread leaves gaps between the nodes of neighbouring centres."""
    top, h, j = grid
    z = ((cut - mean) / sd)[:, None] + (j + 0.5) * h
    theta = mean[:, None] + sd * z
    log = _log_likelihood(y, n, theta.ravel()) - top
    f = np.exp(log.reshape(-1, *z.shape) - 0.5 * z * z) * (h / math.sqrt(2 * math.pi))
    sums = np.stack((f.sum(axis=2), (f / (1 + np.exp(-theta))).sum(axis=2), (f * (j >= 0)).sum(axis=2) - end), axis=1)
    edges, where = np.unique(np.concatenate((j.ravel(), j.ravel() + 1)), return_inverse=True)
    cell = where[: j.size]

    def mass(share: Floats) -> Floats:
        weighted = (f * share[:, :, None]).reshape(y.size, -1)
        return np.stack([np.bincount(cell, one, minlength=edges.size - 1) for one in weighted])

    return _Baskets(sums, np.asarray(cut + edges * (h * sd), np.float64), mass)


class _Kernel:
    """exp(-z^2 / 2) at z = start + (node + 1/2) h for every centre and node, never written out.

    In blocks of nodes, z = c + a with c of the centre and the block's middle and a of the node within its block. Then
    exp(-z^2 / 2) = exp(-c^2 / 2) exp(-a c) exp(-a^2 / 2), and exp(-a c) again is a product of one term of the centre
    and one of the block: all sums are products of small matrices.
    """

    def __init__(self, start: Floats, nodes: Ints, h: float) -> None:
        middle = float(nodes[0] + nodes[-1] + 1) / 2 * h
        far = max(float(np.abs(start + middle).max()), nodes.size * h / 2 + 1, 1.0)
        block = max(1, min(32, int(2 * _LARGEST / (far * h))))
        self.first, self.size, self.block = -int(nodes[0] % block), nodes.size, block
        self.blocks = (nodes.size - self.first + block - 1) // block
        self.above = max(0, min(self.blocks, -int(nodes[0] + self.first) // block))
        c = (nodes[0] + self.first + (np.arange(self.blocks) + 0.5) * block) * h
        a = (np.arange(block) + 0.5 - block / 2) * h
        self.outer = np.exp(-0.5 * (start + c[:, None]) ** 2)
        self.centre = np.exp(-a[:, None] * (start + middle))
        self.inner = np.exp(-a * (c[:, None] - middle) - 0.5 * a * a)

    def sums(self, values: Floats) -> Floats:
        """Of two kinds of values of each basket: for each centre their sums over the nodes, and the first's from 0."""
        padded = np.zeros((2 * len(values), self.blocks * self.block))
        padded[:, -self.first : self.size - self.first] = values.reshape(-1, self.size)
        blocks = padded.reshape(-1, self.blocks, self.block) * self.inner
        found = (blocks.reshape(-1, self.block) @ self.centre).reshape(len(values), 2, self.blocks, -1) * self.outer
        return np.concatenate((found.sum(axis=2), found[:, :1, self.above :].sum(axis=2)), axis=1)

    def mass(self, share: Floats) -> Floats:
        """For each basket and node the sum over the centres, each counting by its share for the basket."""
        found = ((self.outer * share[:, None]) @ self.centre.T * self.inner).reshape(len(share), -1)
        return np.asarray(found[:, -self.first : self.size - self.first])


_LARGEST = 300.0
"""Largest exponent of one factor of the kernel: the product of two stays within what a float can hold."""


def _log_likelihood(y: Floats, n: Floats, theta: Floats) -> Floats:
    """By basket and value of theta."""
    # log(1 + exp(theta)) once: the same with -theta differs by theta.
    return np.asarray(y[:, None] * theta - n[:, None] * np.logaddexp(0, theta))


def _end_correction(y: Floats, n: Floats, z: Floats, sd: float, cut: float, top: Floats, h: float) -> Floats:
    """Euler-Maclaurin terms of the midpoint rule at its lower end, one row a basket: h^2 f'/24 - 7 h^4 f'''/5760."""
    p = 1 / (1 + math.exp(-cut))
    y, n, at_cut = y[:, None], n[:, None], _log_likelihood(y, n, np.array([cut]))
    f = np.exp(at_cut - top - 0.5 * z * z) / math.sqrt(2 * math.pi)
    d1 = sd * (y - n * p) - z
    d2 = -sd * sd * n * p * (1 - p) - 1
    d3 = -(sd**3) * n * p * (1 - p) * (1 - 2 * p)
    return np.asarray(f * (h**2 / 24 * d1 - 7 * h**4 / 5760 * (d3 + 3 * d1 * d2 + d1**3)))
