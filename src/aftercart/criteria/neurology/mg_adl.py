"""Myasthenia gravis activities of daily living."""

from __future__ import annotations

import polars as pl

from aftercart.criteria import registry
from aftercart.criteria.calling import criterion
from aftercart.criteria.logic import first_true, ge, gt, le, lt, missing_names

ITEMS = (
    "talking",
    "chewing",
    "swallowing",
    "breathing",
    "brushing_teeth_combing_hair",
    "rising_from_chair",
    "double_vision",
    "eyelid_droop",
)


def _decided(true: pl.Expr, false: pl.Expr) -> pl.Expr:
    return pl.when(true).then(pl.lit(value=True)).when(false).then(pl.lit(value=False))


@criterion
def mg_adl(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Add up eight items of daily life in myasthenia gravis, 0 to 24; response is a fall of 2 points or more.

    Source: Wolfe 1999, Neurology 52:1487; Muppidi 2011, Muscle Nerve 44:727.

    >>> import polars as pl
    >>> from aftercart import criteria
    >>> visit = pl.DataFrame({"items.chewing": [2], "items.swallowing": [2], "unlisted_items": [0]})
    >>> criteria.mg_adl(visit, baseline_mg_adl=6).select("mg_adl", "responder_ge2").row(0)
    (4.0, True)
    """
    rules = registry.get("mg_adl").rules
    columns = [f"items.{i}" for i in ITEMS]
    from_items = pl.sum_horizontal([f"baseline_items.{i}" for i in ITEMS], ignore_nulls=False)
    low, high, baseline = pl.col("mg_adl_lower_bound"), pl.col("mg_adl_upper_bound"), pl.col("baseline_used")
    minimal, response = rules["minimal_symptoms_up_to"], rules["response_from"]
    return (
        rows.with_columns(
            *(pl.col(f"items.{i}").alias(f"points.{i}") for i in ITEMS),
            mg_adl=pl.sum_horizontal(columns, ignore_nulls=False),
            mg_adl_lower_bound=pl.sum_horizontal(pl.col(c).fill_null(0) for c in columns),
            mg_adl_upper_bound=pl.sum_horizontal(pl.col(c).fill_null(rules["grade_max"]) for c in columns),
            baseline_used=pl.coalesce("baseline_mg_adl", from_items),
        )
        .with_columns(
            minimal_symptom_expression=_decided(le(high, minimal), gt(low, minimal)),
            responder_ge2=_decided(ge(baseline - high, response), lt(baseline - low, response)),
        )
        .with_columns(
            clause=first_true(
                (pl.col("minimal_symptom_expression"), "minimal_symptoms"),
                (~pl.col("minimal_symptom_expression"), "symptoms"),
            ),
            missing=missing_names(*columns),
        )
    )
