"""Repeated measures at planned visits: a linear model with an unstructured covariance between visits (MMRM)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from aftercart.analysis.intervals import Interval, special, tail
from aftercart.analysis.risk_sets import Floats, Ints, Values, labels, numbers
from aftercart.errors import MissingExtraError, UsageError

REPEATED_MEASURES = "repeated measures with unstructured covariance between visits (REML), Satterthwaite t limits"

_STEP = 1e-4


@dataclass(frozen=True, eq=False)
class RepeatedMeasures:
    """A fitted model."""

    names: tuple[str, ...]
    """Fixed effects: `intercept`, then the columns given."""
    estimates: tuple[float, ...]
    std_errors: tuple[float, ...]
    degrees_of_freedom: tuple[float, ...]
    """Satterthwaite."""
    covariance: Floats
    """Between visits, in their order."""
    log_likelihood: float
    """Restricted log-likelihood."""
    n: int
    n_subjects: int
    method: str = REPEATED_MEASURES

    def interval(self, name: str, *, confidence: float = 0.95) -> Interval:
        """One fixed effect with t limits; raises `UsageError` for a name that is not in the model."""
        if name not in self.names:
            raise UsageError(f"There is no effect {name!r}.", hint=f"those are {', '.join(self.names)}.")
        i = self.names.index(name)
        value = self.estimates[i]
        half = self.std_errors[i] * -float(special().stdtrit(self.degrees_of_freedom[i], tail(confidence) / 2))
        return Interval(value, value - half, value + half, self.method)


def repeated_measures(
    response: Values, subjects: Values, visits: Values, fixed: Mapping[str, Values]
) -> RepeatedMeasures:
    """Fit a linear model in which every two visits of a subject have a covariance of their own, by REML.

    response: one value per row; subjects: whose; visits: at which planned visit, any values, at most one row per
    subject and visit (missing visits are allowed and taken as missing at random); fixed: named columns beside the
    intercept (an indicator per visit, products). Limits use Satterthwaite's degrees of freedom.
    Sources: Laird & Ware, Biometrics 1982;38:963, doi 10.2307/2529876; Kenward & Roger, Biometrics 1997;53:983, doi
    10.2307/2533558 (why normal limits are too narrow). Raises `UsageError` when the data cannot carry the model:
    fewer than three subjects more than visits, two visits that fewer than three subjects share, collinear columns, or a
    covariance at the edge of what it can be.

    >>> visit, who = [0, 1] * 6, [i // 2 for i in range(12)]
    >>> found = repeated_measures([5, 8, 4, 7, 7, 9, 5, 8, 6, 7, 4, 8], who, visit, {"later": visit})
    >>> [round(b, 3) for b in found.estimates], [round(d, 2) for d in found.degrees_of_freedom]
    ([5.167, 2.667], [5.0, 5.0])
    """
    y, who, when = numbers(response, "response"), labels(subjects, "subjects"), labels(visits, "visits")
    columns = [numbers(v, name) for name, v in fixed.items()]
    if any(c.shape != y.shape for c in (*columns, who, when)):
        raise UsageError("The response, subjects, visits and columns must match.", hint="one entry per row each.")
    x = np.column_stack((np.ones(y.size), *columns))
    n_subjects, n_visits = int(who.max(initial=-1)) + 1, int(when.max(initial=-1)) + 1
    seen = np.zeros((n_subjects, n_visits))
    np.add.at(seen, (who, when), 1)
    if (seen > 1).any():
        raise UsageError("A subject has two rows at one visit.", hint="keep one value per subject and visit.")
    few = n_visits < 2 or n_subjects < n_visits + 3 or (seen.T @ seen).min() < 3
    if few or np.linalg.matrix_rank(x) < x.shape[1] or y.size <= x.shape[1] + n_visits:
        raise UsageError(
            f"{y.size} rows of {n_subjects} subjects at {n_visits} visits cannot carry this model.",
            hint="use a random intercept (mixed_model), or the Hodges-Lehmann change at one visit.",
        )
    fit = _Unstructured(x, y, who, when, n_visits)
    theta = fit.best()
    beta, inverse, covariance = fit.solution(theta)
    return RepeatedMeasures(
        names=("intercept", *fixed),
        estimates=tuple(beta.tolist()),
        std_errors=tuple(np.sqrt(np.diag(inverse)).tolist()),
        degrees_of_freedom=fit.satterthwaite(theta, inverse),
        covariance=covariance,
        log_likelihood=float(-(fit.deviance(theta)[0] + (y.size - x.shape[1]) * np.log(2 * np.pi)) / 2),
        n=int(y.size),
        n_subjects=n_subjects,
    )


class _Unstructured:
    """The restricted likelihood over the log-Cholesky factor of the covariance, subjects grouped by visits seen."""

    def __init__(self, x: Floats, y: Floats, who: Ints, when: Ints, n_visits: int) -> None:
        order = np.lexsort((when, who))
        x, y, who, when = x[order], y[order], who[order], when[order]
        patterns: dict[tuple[int, ...], list[Ints]] = {}
        for rows in np.split(np.arange(y.size), np.flatnonzero(np.diff(who)) + 1):
            patterns.setdefault(tuple(when[rows].tolist()), []).append(rows)
        self.groups = [(np.array(key), x[np.stack(rows)], y[np.stack(rows)]) for key, rows in patterns.items()]
        self.visits, self.lower = n_visits, np.tril_indices(n_visits)
        self.diagonal = np.flatnonzero(self.lower[0] == self.lower[1])
        rest = y - x @ np.linalg.lstsq(x, y, rcond=None)[0]
        scale = [float(np.sqrt(np.mean(rest[when == v] ** 2))) for v in range(n_visits)]
        overall = float(np.sqrt(np.mean(rest**2)))
        if not overall > 1e-8 * float(np.abs(y).max()):
            raise UsageError("The model leaves no residual variation.", hint="use fewer effects.")
        self.scale = np.maximum(scale, 0.1 * overall)

    def factor(self, theta: Floats) -> Floats:
        """Lower triangular root of the covariance; the diagonal of `theta` is on the log scale."""
        values = theta.copy()
        values[self.diagonal] = np.exp(values[self.diagonal])
        root = np.zeros((self.visits, self.visits))
        root[self.lower] = values
        return np.asarray(self.scale[:, None] * root)

    def solution(self, theta: Floats) -> tuple[Floats, Floats, Floats]:
        """Generalised least squares: the effects, their covariance, and the covariance between visits."""
        root = self.factor(theta)
        covariance = root @ root.T
        xx, xy = 0.0, 0.0
        for key, x, y in self.groups:
            weighted = np.linalg.solve(covariance[np.ix_(key, key)], x)
            xx = xx + np.einsum("svp,svq->pq", x, weighted)
            xy = xy + np.einsum("svp,sv->p", weighted, y)
        inverse: Floats = np.asarray(np.linalg.inv(xx))
        return inverse @ xy, inverse, covariance

    def deviance(self, theta: Floats) -> tuple[float, Floats]:
        """Minus twice the restricted log-likelihood (without its constant), with its exact gradient."""
        beta, inverse, covariance = self.solution(theta)
        value = -float(np.linalg.slogdet(inverse)[1])
        by_cell = np.zeros((self.visits, self.visits))
        for key, x, y in self.groups:
            block = np.ix_(key, key)
            inner = np.linalg.inv(covariance[block])
            rest = y - x @ beta
            u, weighted = rest @ inner, inner @ x
            value += y.shape[0] * float(np.linalg.slogdet(covariance[block])[1]) + float(np.sum(u * rest))
            by_cell[block] += y.shape[0] * inner - u.T @ u - np.einsum("svp,pq,swq->vw", weighted, inverse, weighted)
        gradient = (2 * by_cell @ self.factor(theta) * self.scale[:, None])[self.lower]
        gradient[self.diagonal] *= np.exp(theta[self.diagonal])
        return value, gradient

    def best(self) -> Floats:
        """The covariance at which the restricted likelihood is largest."""
        try:
            from scipy.optimize import minimize
        except ImportError as error:
            raise MissingExtraError("scipy", "statistics", "a model of repeated measures") from error
        start = np.zeros(self.lower[0].size)
        try:
            found = minimize(self.deviance, start, jac=True, method="BFGS", options={"gtol": 1e-9, "maxiter": 2000})
        except np.linalg.LinAlgError as error:
            raise _edge() from error
        return np.asarray(found.x)

    def satterthwaite(self, theta: Floats, inverse: Floats) -> tuple[float, ...]:
        """Degrees of freedom of each fixed effect, from the curvature of the likelihood in the covariance."""
        steps = np.eye(theta.size) * _STEP
        bend = np.stack([(self.deviance(theta + s)[1] - self.deviance(theta - s)[1]) / (2 * _STEP) for s in steps])
        slope = np.stack(
            [np.diag(self.solution(theta + s)[1] - self.solution(theta - s)[1]) / (2 * _STEP) for s in steps]
        )
        curvature = np.linalg.eigvalsh((bend + bend.T) / 2)
        if curvature.min() <= 1e-7 * curvature.max() or not np.isfinite(curvature).all():
            raise _edge()
        spread = np.einsum("ik,ij,jk->k", slope, np.linalg.inv(bend) * 2, slope)
        return tuple(float(df) for df in 2 * np.diag(inverse) ** 2 / spread)


def _edge() -> UsageError:
    return UsageError(
        "The covariance between visits is at the edge of what it can be.",
        hint="use a random intercept (mixed_model), or the Hodges-Lehmann change at one visit.",
    )
