"""Beta-product limits of a survival curve: exact without censoring, and there also without events."""

from __future__ import annotations

import numpy as np

from aftercart.analysis.intervals import special, tail
from aftercart.analysis.risk_sets import Floats, Ints, RiskSets
from aftercart.errors import UsageError

BETA_PRODUCT = "beta-product (BPCP, method of moments)"


def beta_product_limits(risk: RiskSets, confidence: float = 0.95) -> tuple[Floats, Floats, float]:
    """Pointwise limits of a Kaplan-Meier curve just after each follow-up time, and the lower one before the first.

    The limits are quantiles of a product of Beta(Y - d + 1, d) over the event times; the lower one has a further
    factor Beta(Y(t+), 1) for those still at risk. Each product is replaced by the beta distribution with its first
    two moments. Without censoring this is the Clopper-Pearson interval; without events the lower limit is
    (alpha/2)^(1/Y(t+)) and the upper one 1.
    Source: Fay, Brittain & Proschan, Biostatistics 2013;14:723, doi 10.1093/biostatistics/kxt016. Raises
    `UsageError` with delayed entry, for which these limits are not defined, `MissingExtraError` without scipy.

    >>> lower, upper, before = beta_product_limits(RiskSets.of([3, 5, 9], [0, 0, 0]))
    >>> lower.round(3).tolist(), upper.tolist(), round(before, 3)
    ([0.158, 0.025, 0.0], [1.0, 1.0, 1.0], 0.292)
    """
    if risk.entry is not None:
        raise UsageError("Beta-product limits are not defined with delayed entry.", hint="use log-log limits.")
    half, died = tail(confidence) / 2, risk.events
    log_mean, spread = _product(risk.at_risk - died + 1, died)
    upper = _quantile(np.cumsum(log_mean), np.cumsum(spread), half, upper=True)
    extra_mean, extra_spread = _product(risk.remaining, np.ones(died.size, np.int64))
    lower = _quantile(np.cumsum(log_mean) + extra_mean, np.cumsum(spread) + extra_spread, half, upper=False)
    return lower, upper, half ** (1 / risk.n) if risk.n else 0.0


def _product(a: Ints, b: Ints) -> tuple[Floats, Floats]:
    """Of Beta(a, b): the log of its mean, and the log of its second moment over its squared mean."""
    a, b = a.astype(np.float64), b.astype(np.float64)
    with np.errstate(divide="ignore"):
        return np.log1p(-b / (a + b)), np.where(a > 0, np.log1p(b / (np.maximum(a, 0.5) * (a + b + 1))), 0.0)


def _quantile(log_mean: Floats, log_spread: Floats, half: float, *, upper: bool) -> Floats:
    """The outer quantile of the beta distribution with these moments; a mean of 1 or 0 is its own quantile."""
    found = np.exp(log_mean)
    inside = (log_mean < 0) & (log_mean > -np.inf)
    mean, rest = found[inside], -np.expm1(log_mean[inside])
    size = rest / (mean * np.expm1(log_spread[inside])) - 1
    inverse = special().betainccinv if upper else special().betaincinv
    found[inside] = inverse(mean * size, rest * size, half)
    return found
