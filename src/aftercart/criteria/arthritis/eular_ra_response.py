"""EULAR response in rheumatoid arthritis."""

from __future__ import annotations

import polars as pl

from aftercart.criteria import registry
from aftercart.criteria.calling import criterion
from aftercart.criteria.logic import first_true, gt, le, missing_names

RESPONSES = {
    "good": "good",
    "moderate_large_fall": "moderate",
    "moderate_small_fall": "moderate",
    "small_fall_and_high": "none",
    "no_fall": "none",
}


@criterion
def eular_ra_response(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Classify the response of rheumatoid arthritis by the fall of DAS28 and the score that was reached.

    Source: van Gestel 1998, Arthritis Rheum 41:1845.

    >>> import polars as pl
    >>> from aftercart import criteria
    >>> pair = pl.DataFrame({"baseline_das28": [5.0, 4.4], "followup_das28": [3.2, 3.2]})
    >>> criteria.eular_ra_response(pair)["response"].to_list()
    ['good', 'moderate']
    """
    rules = registry.get("eular_ra_response").rules
    followup, fall = pl.col("followup_das28"), pl.col("fall")
    large, small = gt(fall, rules["large_fall_above"]), gt(fall, rules["small_fall_above"])
    return (
        rows.with_columns(fall=(pl.col("baseline_das28") - followup).round(9))
        .with_columns(
            clause=first_true(
                (large & le(followup, rules["low_up_to"]), "good"),
                (large, "moderate_large_fall"),
                (small & le(followup, rules["moderate_up_to"]), "moderate_small_fall"),
                (small, "small_fall_and_high"),
                (fall.is_not_null(), "no_fall"),
            )
        )
        .with_columns(
            response=pl.col("clause").replace_strict(RESPONSES, default=None, return_dtype=pl.String),
            missing=missing_names("baseline_das28", "followup_das28"),
        )
    )
