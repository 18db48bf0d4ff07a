"""From a score of rheumatoid arthritis, or from its bounds, to the class of disease activity."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from aftercart.criteria.logic import gt, le, lt

CLASSES = ("remission", "low", "moderate", "high")


def category(score: pl.Expr, cut_offs: Mapping[str, Any]) -> pl.Expr:
    """Return the class of a score; missing for a missing score.

    cut_offs: `low_up_to` and `moderate_up_to`, with `remission_below` (exclusive) or `remission_up_to` (inclusive).
    """
    if "remission_below" in cut_offs:
        remission = lt(score, cut_offs["remission_below"])
    else:
        remission = le(score, cut_offs["remission_up_to"])
    return (
        pl.when(remission)
        .then(pl.lit("remission"))
        .when(le(score, cut_offs["low_up_to"]))
        .then(pl.lit("low"))
        .when(le(score, cut_offs["moderate_up_to"]))
        .then(pl.lit("moderate"))
        .when(gt(score, cut_offs["moderate_up_to"]))
        .then(pl.lit("high"))
    )


def decided(low: pl.Expr, high: pl.Expr, cut_offs: Mapping[str, Any]) -> pl.Expr:
    """Return the class on which both bounds of a score agree; a missing upper bound is no bound at all."""
    lowest, highest = category(low, cut_offs), category(high, cut_offs)
    return pl.when((lowest == highest) | (lowest == "high")).then(lowest)


def plain_terms() -> dict[str, pl.Expr]:
    """Return the parts that CDAI and SDAI add up as they are: joints (of 28) and both globals (0 to 10 cm)."""
    columns = {
        "tender": "tender_joint_count_28",
        "swollen": "swollen_joint_count_28",
        "patient_global": "patient_global_0_10_cm",
        "physician_global": "physician_global_0_10_cm",
    }
    return {f"terms.{term}": pl.col(column) for term, column in columns.items()}


def bounded(column: str, largest: float) -> tuple[pl.Expr, pl.Expr]:
    """Lowest and highest admissible value of an input that starts at 0."""
    return pl.col(column).fill_null(0.0), pl.col(column).fill_null(float(largest))
