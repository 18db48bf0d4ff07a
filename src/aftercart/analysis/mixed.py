"""Repeated measures of a continuous value: a linear mixed model by restricted likelihood, with small-sample limits."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from aftercart.analysis.intervals import Interval, special, tail
from aftercart.analysis.risk_sets import Floats, Values, labels, numbers
from aftercart.errors import MissingExtraError, UsageError

MIXED_MODEL = "linear mixed model (REML), Satterthwaite t limits"


@dataclass(frozen=True)
class MixedModel:
    """A fitted model; `reason` says why limits are missing where the data cannot carry them."""

    names: tuple[str, ...]
    """Fixed effects: `intercept`, then the columns given."""
    estimates: tuple[float, ...]
    std_errors: tuple[float, ...]
    degrees_of_freedom: tuple[float | None, ...]
    """Satterthwaite; null when the variances sit at the edge of what they can be."""
    sd_intercept: float
    sd_slope: float | None
    correlation: float | None
    """Of a subject's intercept and slope; null without a slope and when one of them does not vary."""
    sd_residual: float
    log_likelihood: float
    """Restricted log-likelihood."""
    n: int
    n_subjects: int
    method: str = MIXED_MODEL
    reason: str | None = None

    def interval(self, name: str, *, confidence: float = 0.95) -> Interval:
        """One fixed effect with t limits; raises `UsageError` for a name that is not in the model."""
        if name not in self.names:
            raise UsageError(f"There is no effect {name!r}.", hint=f"those are {', '.join(self.names)}.")
        i = self.names.index(name)
        df, value = self.degrees_of_freedom[i], self.estimates[i]
        if df is None:
            return Interval(value, None, None, self.method, self.reason)
        half = self.std_errors[i] * -float(special().stdtrit(df, tail(confidence) / 2))
        return Interval(value, value - half, value + half, self.method)


def mixed_model(
    response: Values, subjects: Values, fixed: Mapping[str, Values], *, slope: str | None = None
) -> MixedModel:
    """Fit a linear model with a random intercept per subject, and a random slope if asked, by REML.

    response: one value per row; subjects: whose; fixed: named columns beside the intercept (products and indicators
    as columns of their own); slope: the one of them whose effect varies between subjects. Limits use Satterthwaite's
    degrees of freedom, because normal limits are too narrow under some twenty subjects.
    Sources: Laird & Ware, Biometrics 1982;38:963, doi 10.2307/2529876; Bates et al., J Stat Softw 2015;67(1), doi
    10.18637/jss.v067.i01. Raises `UsageError` when the data cannot carry the model: fewer subjects than three more
    than random effects, no more rows than random effects, collinear columns, or no residual variation.

    >>> days, who = [0, 1, 2] * 4, [i // 3 for i in range(12)]
    >>> found = mixed_model([5, 6, 8, 4, 6, 7, 7, 8, 9, 5, 5, 8], who, {"day": days})
    >>> [round(b, 3) for b in found.estimates], [round(d, 2) for d in found.degrees_of_freedom]
    ([5.125, 1.375], [3.91, 7.0])
    """
    y = numbers(response, "response")
    who = labels(subjects, "subjects")
    columns = [numbers(v, name) for name, v in fixed.items()]
    if any(c.shape != y.shape for c in (*columns, who)):
        raise UsageError("The response, subjects and columns must have one entry per row each.", hint="check lengths.")
    if slope is not None and slope not in fixed:
        raise UsageError(f"The slope {slope!r} is not one of the columns.", hint=f"those are {', '.join(fixed)}.")
    x = np.column_stack((np.ones(y.size), *columns))
    z = x[:, [0]] if slope is None else x[:, [0, 1 + list(fixed).index(slope)]]
    n_subjects, q = int(who.max(initial=-1)) + 1, z.shape[1]
    if n_subjects < q + 3 or y.size <= n_subjects * q or np.linalg.matrix_rank(x) < x.shape[1]:
        raise UsageError(
            f"{y.size} rows of {n_subjects} subjects cannot carry this model.",
            hint="use fewer effects, or the Hodges-Lehmann change at one visit.",
        )
    fit = _Restricted(x, z, y, who, n_subjects)
    theta = _one_spread(fit.profiled) if q == 1 else _three_spreads(fit.profiled)
    solution = fit.solve(theta)
    sigma = math.sqrt(solution.residual / fit.spare)
    if not sigma > 1e-8 * float(np.abs(y).max()):
        raise UsageError("The model leaves no residual variation.", hint="use fewer effects.")
    spread = fit.factor(theta) * sigma
    sds = np.sqrt((spread**2).sum(axis=1))
    df = fit.satterthwaite(theta, sigma)
    together = float(spread[0] @ spread[1] / (sds[0] * sds[1])) if q == 2 and sds.min() > 0 else None
    return MixedModel(
        names=("intercept", *fixed),
        estimates=tuple(solution.beta.tolist()),
        std_errors=tuple((sigma * np.sqrt(np.diag(solution.inverse))).tolist()),
        degrees_of_freedom=df,
        sd_intercept=float(sds[0]),
        sd_slope=float(sds[1]) if q == 2 else None,
        correlation=together,
        sd_residual=sigma,
        log_likelihood=-fit.profiled(theta) / 2,
        n=int(y.size),
        n_subjects=n_subjects,
        reason=None if df[0] is not None else "a variance is estimated at the edge of what it can be",
    )


@dataclass(frozen=True, eq=False)
class _Solution:
    beta: Floats
    inverse: Floats
    """Inverse of X' V^-1 X, with V relative to the residual variance."""
    residual: float
    """Weighted residual sum of squares."""
    log_det: float
    """Of V and of X' V^-1 X together."""


class _Restricted:
    """The restricted likelihood, from sums per subject: its cost does not grow with the rows once these are made."""

    def __init__(self, x: Floats, z: Floats, y: Floats, who: Any, n_subjects: int) -> None:
        def per_subject(left: Floats, right: Floats) -> Floats:
            found = np.zeros((n_subjects, left.shape[1], right.shape[1]))
            np.add.at(found, who, left[:, :, None] * right[:, None, :])
            return found

        xy = np.column_stack((x, y))
        self.p, self.q, self.spare = int(x.shape[1]), int(z.shape[1]), int(y.size - x.shape[1])
        self.total, self.zz, self.zxy = xy.T @ xy, per_subject(z, z), per_subject(z, xy)
        self.scale = 1 / np.sqrt(np.maximum(self.zz.mean(axis=0).diagonal(), 1e-300))

    def factor(self, theta: Floats) -> Floats:
        """Lower triangular root of the random effects' covariance, relative to the residual variance."""
        found = np.zeros((self.q, self.q))
        found[np.tril_indices(self.q)] = theta
        return np.asarray(self.scale[:, None] * found)

    def solve(self, theta: Floats) -> _Solution:
        """Generalised least squares at given random effects."""
        root = self.factor(theta)
        inner = np.eye(self.q) + root.T @ self.zz @ root
        outer = root.T @ self.zxy
        normal = self.total - (np.swapaxes(outer, 1, 2) @ np.linalg.solve(inner, outer)).sum(axis=0)
        xx, xy = normal[: self.p, : self.p], normal[: self.p, self.p]
        inverse = np.linalg.inv(xx)
        beta = inverse @ xy
        log_det = float(np.linalg.slogdet(inner)[1].sum() + np.linalg.slogdet(xx)[1])
        return _Solution(beta, inverse, max(float(normal[-1, -1] - xy @ beta), 0.0), log_det)

    def profiled(self, theta: Floats) -> float:
        """Minus twice the restricted log-likelihood at the best residual variance."""
        found = self.solve(theta)
        variance = max(found.residual, 1e-300) / self.spare
        return float(found.log_det + self.spare * (1 + math.log(2 * math.pi * variance)))

    def satterthwaite(self, theta: Floats, sigma: float) -> tuple[float | None, ...]:
        """Degrees of freedom of each fixed effect, from the curvature of the likelihood in all variances."""

        def deviance(v: Floats) -> float:
            found = self.solve(v[:-1])
            variance = float(v[-1]) ** 2
            return float(found.log_det + self.spare * math.log(2 * math.pi * variance) + found.residual / variance)

        def variances(v: Floats) -> Floats:
            return np.asarray(v[-1] ** 2 * np.diag(self.solve(v[:-1]).inverse))

        at = np.append(theta, sigma)
        h = np.diag(np.append(np.full(theta.size, 1e-3), 1e-3 * sigma))
        slope = np.stack([(variances(at + s) - variances(at - s)) / (2 * s.sum()) for s in h])
        bend = np.array(
            [
                [
                    (deviance(at + s + t) - deviance(at + s - t) - deviance(at - s + t) + deviance(at - s - t))
                    / (4 * s.sum() * t.sum())
                    for t in h
                ]
                for s in h
            ]
        )
        edge = np.abs(np.diag(self.factor(theta)) / self.scale).min() < 1e-3
        if edge or np.linalg.eigvalsh((bend + bend.T) / 2).min() <= 0:
            return (None,) * self.p
        spread = np.einsum("ik,ij,jk->k", slope, np.linalg.inv(bend) * 2, slope)
        freedom = np.asarray(2 * variances(at) ** 2 / spread)
        return tuple(float(df) for df in freedom)


SPREADS = (0.0, *np.geomspace(1e-4, 1e4, 65))
"""Where the spread of a random intercept is sought first, as a multiple of that of the residuals."""

_GOLDEN = (math.sqrt(5) - 1) / 2


def _one_spread(function: Callable[[Floats], float]) -> Floats:
    """The spread of a random intercept: the best of a grid, then golden sections between its neighbours.

    Importing a library that minimises takes longer than everything else a mixed model does in a report.
    """

    def at(spread: float) -> float:
        return function(np.array([spread]))

    found = [at(spread) for spread in SPREADS]
    best = found.index(min(found))
    low, high = SPREADS[max(best - 1, 0)], SPREADS[min(best + 1, len(SPREADS) - 1)]
    left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
    of_left, of_right = at(left), at(right)
    while high - low > 1e-9 * max(high, 1e-3):
        if of_left < of_right:
            high, right, of_right = right, left, of_left
            left = high - _GOLDEN * (high - low)
            of_left = at(left)
        else:
            low, left, of_left = left, right, of_right
            right = low + _GOLDEN * (high - low)
            of_right = at(right)
    middle = (low + high) / 2
    return np.array([min((SPREADS[best], middle), key=at)])


def _three_spreads(function: Callable[[Floats], float]) -> Floats:
    """The spreads of intercept and slope and what they share, from such as vary as much as the residuals."""
    try:
        from scipy.optimize import minimize
    except ImportError as error:
        raise MissingExtraError("scipy", "statistics", "a mixed model") from error
    options = {"xatol": 1e-9, "fatol": 1e-11, "maxfev": 5000}
    return np.asarray(minimize(function, np.array([1.0, 0.0, 1.0]), method="Nelder-Mead", options=options).x)
