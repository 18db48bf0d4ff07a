"""Borrowing across diseases by a hierarchical model, by quadrature: no sampling, the same answer every time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from aftercart.analysis.exchangeability import counts_of
from aftercart.analysis.intervals import tail
from aftercart.analysis.risk_sets import Floats, Ints
from aftercart.errors import UsageError

REACH = 8.5
"""Standard deviations covered on each side of a normal distribution; beyond lies less than 2e-17."""
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
    alone = [_basket(y[i], size[i], own_mean[i : i + 1], own_sd[i], cut) for i in range(y.size)]
    apart = np.stack([basket.sums[:, 0] for basket in alone])
    own_below = [_own_below(y[i], size[i], own_mean[i], own_sd[i]) * apart[i, 0] for i in range(y.size)]
    centre, prior = _centres(mu_mean, mu_sd, cut, float(size.sum()))
    taus = np.linspace(0.0, REACH * tau_scale, 86)
    sums = np.zeros(3)
    baskets, below = np.zeros((3, y.size)), np.zeros((y.size, _LOGITS.size))
    for i, tau in enumerate(taus):
        # Even in tau, so the trapezium rule from 0 converges as fast as over the whole line. Times tau it is odd,
        # which the first Euler-Maclaurin term corrects: a twelfth of the step, on the halved weight at 0 a sixth.
        density = (0.5 if i == 0 else 1.0) * math.exp(-0.5 * (tau / tau_scale) ** 2)
        grids = [_basket(k, m, centre, tau, cut) for k, m in zip(y, size, strict=True)]
        together = np.stack([grid.sums for grid in grids])
        joint = w[:, None, None] * together + (1 - w)[:, None, None] * apart[:, :, None]
        total = prior * density * np.prod(joint[:, 0], axis=0)
        sums += total.sum(), (total * centre).sum(), total.sum() * (tau if i else taus[1] / 6)
        share = np.divide(total, joint[:, 0], out=np.zeros_like(joint[:, 0]), where=joint[:, 0] > 0)
        baskets[0] += (share * w[:, None] * together[:, 0]).sum(axis=1)
        baskets[1:] += (share[:, None] * joint[:, 1:]).sum(axis=2).T
        for k, grid in enumerate(grids):
            below[k] += grid.below(share[k] * w[k]) + own_below[k] * share[k].sum() * (1 - w[k])
    if not sums[0] > 0:
        raise UsageError("These counts all but contradict the prior.", hint="widen the prior scales.")
    exchangeable, mean, above = baskets / sums[0]
    low, high = (tuple(_quantile(b, q) for b in below) for q in (half, 1 - half))
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


@dataclass(frozen=True, eq=False)
class _Basket:
    """Sums over the nodes of a basket for each centre; their weights, and the cells of the logit they stand for."""

    sums: Floats
    weight: Floats
    cell: Ints
    edges: Floats

    def below(self, share: Floats) -> Floats:
        """The mass below each of `_LOGITS`, each centre counting by its share; within a cell it is even."""
        mass = np.bincount(self.cell.ravel(), (self.weight * share[:, None]).ravel(), minlength=self.edges.size - 1)
        return np.asarray(np.interp(_LOGITS, self.edges, np.append(0.0, np.cumsum(mass))))


def _own_below(y: float, n: float, mean: float, sd: float) -> Floats:
    """The posterior distribution function, at `_LOGITS`, of a basket that stands alone."""
    log = _log_likelihood(y, n, _LOGITS) - 0.5 * ((_LOGITS - mean) / sd) ** 2
    density = np.exp(log - log.max())
    found = np.append(0.0, np.cumsum((density[1:] + density[:-1]) / 2))
    return np.asarray(found / found[-1])


def _quantile(below: Floats, probability: float) -> float:
    """The proportion below which this share of the mass lies."""
    logit = float(np.interp(probability * below[-1], below, _LOGITS))
    return 1 / (1 + math.exp(-logit))


def _basket(y: float, n: float, mean: Floats, sd: float, cut: float) -> _Basket:
    """Of a basket whose logit is normal(mean, sd): its likelihood, and that times the proportion and its exceedance.

    Midpoint rule in z with a midpoint grid that starts at `cut`; the two end corrections of the exceedance
    (Euler-Maclaurin) make it as accurate as the smooth parts. Likelihoods are relative to their maximum.
    """
    top = y * math.log(y / n) + (n - y) * math.log1p(-y / n) if 0 < y < n else 0.0
    if sd == 0:
        p = 1 / (1 + np.exp(-mean))
        found = np.exp(_log_likelihood(y, n, mean) - top)
        between = np.concatenate((mean[:1], (mean[1:] + mean[:-1]) / 2, mean[-1:]))
        sums = np.stack((found, found * p, found * (mean > cut)))
        return _Basket(sums, found[:, None], np.arange(mean.size)[:, None], between)
    narrow = 1 / math.sqrt(1 + sd * sd * n / 4)
    h = 0.25 * narrow if n else 0.25
    start = (cut - mean) / sd
    steps = np.arange(math.ceil(2 * REACH / h) + 1)
    first = np.floor((-REACH - start) / h)
    j = first[:, None] + steps[None, :]
    z = start[:, None] + (j + 0.5) * h
    theta = mean[:, None] + sd * z
    f = np.exp(_log_likelihood(y, n, theta) - top - 0.5 * z * z) * (h / math.sqrt(2 * math.pi))
    p = 1 / (1 + np.exp(-theta))
    above = (f * (j >= 0)).sum(axis=1) - _end_correction(y, n, start, sd, cut, top, h)
    lowest = j.min()
    edges = cut + np.arange(lowest, j.max() + 2) * h * sd
    return _Basket(np.stack((f.sum(axis=1), (f * p).sum(axis=1), above)), f, (j - lowest).astype(np.int64), edges)


def _log_likelihood(y: float, n: float, theta: Floats) -> Floats:
    # log(1 + exp(theta)) once: the same with -theta differs by theta.
    return np.asarray(y * theta - n * np.logaddexp(0, theta))


def _end_correction(y: float, n: float, z: Floats, sd: float, cut: float, top: float, h: float) -> Floats:
    """Euler-Maclaurin terms of the midpoint rule at its lower end: h^2 f'/24 - 7 h^4 f'''/5760."""
    p = 1 / (1 + math.exp(-cut))
    f = np.exp(float(_log_likelihood(y, n, np.array(cut))) - top - 0.5 * z * z) / math.sqrt(2 * math.pi)
    d1 = sd * (y - n * p) - z
    d2 = -sd * sd * n * p * (1 - p) - 1
    d3 = -(sd**3) * n * p * (1 - p) * (1 - 2 * p)
    return np.asarray(f * (h**2 / 24 * d1 - 7 * h**4 / 5760 * (d3 + 3 * d1 * d2 + d1**3)))
