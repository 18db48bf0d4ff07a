"""Models as worked cases write them: a formula in the usual notation, put to the functions that fit it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

import numpy as np
import polars as pl

from aftercart.analysis.datasets import NotShippedError, load
from aftercart.analysis.mixed import mixed_model
from aftercart.analysis.repeated import repeated_measures
from aftercart.analysis.risk_sets import Floats

_UNSTRUCTURED = re.compile(r"\bus\(|unstructured|corSymm|mmrm", re.IGNORECASE)
_FACTOR = re.compile(r"(?:as\.)?(?:factor|C)\((\w+)\)")


def fit(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Fit the model of a case by restricted likelihood; raises `NotShippedError` for one that is not fitted here.

    `y ~ x + (x|subject)` and `y ~ age*Sex + (1|Subject)` have random effects; `y ~ factor(age)*Sex` with `us(age |
    Subject)`, or with no random effect beside the factor, has an unstructured covariance between visits.
    """
    formula = str(inputs["formula"])
    parsed = re.search(r"(\w+)\s*~\s*(.+)", formula)
    if parsed is None or not inputs.get("reml", True):
        raise NotShippedError(f"The model {formula!r} is not one that is fitted here.")
    fixed, random = _terms(parsed[2])
    words = " ".join(str(v) for k, v in inputs.items() if k not in ("dataset", "reference"))
    frame = load(inputs["dataset"])
    groups = re.search(r"\|\s*(?:factor\()?(\w+)", words)
    subject = groups[1] if groups else next((c for c in frame.columns if c.lower() in ("subject", "id")), "")
    if parsed[1] not in frame.columns or subject not in frame.columns or not fixed:
        raise NotShippedError(f"The model {formula!r} is not one that is fitted here.")
    columns = {name: values for term in fixed for name, values in _columns(frame, term)}
    if _UNSTRUCTURED.search(words) or (not random and _FACTOR.search(formula)):
        return _answer_unstructured(frame, parsed[1], subject, columns, words)
    return _answer_random(frame, parsed[1], subject, columns, random)


def _terms(right: str) -> tuple[list[str], list[str]]:
    """The fixed terms, products written out, and the random ones, of the right side of a formula."""
    parts, depth = [""], 0
    for letter in "".join(right.split()):
        depth += (letter == "(") - (letter == ")")
        if depth < 0 or (depth == 0 and letter in ",;"):
            break
        if depth == 0 and letter == "+":
            parts.append("")
        else:
            parts[-1] += letter
    random = [p for p in parts if "|" in p]
    fixed: list[str] = []
    for part in (p for p in parts if p and "|" not in p and p != "1"):
        names = part.split("*")
        for size in range(1, 2 ** len(names)):
            fixed.append(":".join(n for i, n in enumerate(names) if size >> i & 1))
    return list(dict.fromkeys(fixed)), random


def _columns(frame: pl.DataFrame, term: str) -> Iterator[tuple[str, Floats]]:
    """The columns of a term, named by their levels; the factors of a product in the order written."""
    for chosen in product(*(_levels(frame, variable) for variable in term.split(":"))):
        yield "_".join(name for name, _ in chosen), np.prod([values for _, values in chosen], axis=0)


def _levels(frame: pl.DataFrame, variable: str) -> list[tuple[str, Floats]]:
    """A number as it is; a factor as one indicator per level but the first; a text of two values as its first."""
    factor = _FACTOR.fullmatch(variable)
    name = factor[1] if factor else variable
    if name not in frame.columns:
        raise NotShippedError(f"The term {variable!r} is not one that is fitted here.")
    values = frame[name]
    if not values.dtype.is_numeric():
        first, *others = values.unique().sort().to_list()
        if len(others) != 1:
            raise NotShippedError(f"The column {name!r} has {len(others) + 1} values; two are supported.")
        return [(str(first).lower(), (values == first).to_numpy().astype(float))]
    if factor is None:
        return [(name.lower(), values.to_numpy().astype(float))]
    levels = values.unique().sort().to_list()
    return [(f"{name.lower()}{level:g}", (values == level).to_numpy().astype(float)) for level in levels[1:]]


def _effects(names: tuple[str, ...], estimates: tuple[float, ...], errors: tuple[float, ...]) -> dict[str, Any]:
    answer: dict[str, Any] = {"se": list(errors)}
    for name, estimate, error in zip(names, estimates, errors, strict=True):
        for alias in (name, "_".join(reversed(name.split("_")))):
            answer |= {alias: estimate, f"se_{alias}": error}
    return answer


def _answer_random(
    frame: pl.DataFrame, response: str, subject: str, columns: dict[str, Floats], random: list[str]
) -> dict[str, Any]:
    within = re.fullmatch(r"\(([\w+]+)\|\w+\)", random[0]) if len(random) == 1 else None
    if within is None:
        raise NotShippedError("One group of random effects per model is fitted here.")
    slopes = [v.lower() for v in within[1].split("+") if v not in ("0", "1")]
    if len(slopes) > 1 or "0" in within[1].split("+"):
        raise NotShippedError(f"The random effects {within[1]!r} are not fitted here.")
    slope = slopes[0] if slopes else None
    found = mixed_model(frame[response], frame[subject], columns, slope=slope)
    answer = _effects(found.names, found.estimates, found.std_errors)
    answer |= {"loglik": found.log_likelihood, "sd_resid": found.sd_residual, "corr": found.correlation}
    return answer | {"sd_intercept": found.sd_intercept, f"sd_{slope}": found.sd_slope}


def _answer_unstructured(
    frame: pl.DataFrame, response: str, subject: str, columns: dict[str, Floats], words: str
) -> dict[str, Any]:
    named = re.search(r"us\((?:factor\()?(\w+)", words) or _FACTOR.search(words) or re.search(r"~\s*1\s*\|(\w+)", words)
    if named is None or named[1] not in frame.columns:
        raise NotShippedError("An unstructured covariance needs the visits as a factor of the formula.")
    found = repeated_measures(frame[response], frame[subject], frame[named[1]], columns)
    return _effects(found.names, found.estimates, found.std_errors) | {"loglik": found.log_likelihood}
