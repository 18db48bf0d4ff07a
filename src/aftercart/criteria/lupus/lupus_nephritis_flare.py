"""Proteinuric flare of lupus nephritis after a response."""

from __future__ import annotations

import polars as pl

from aftercart.criteria import registry
from aftercart.criteria.calling import criterion
from aftercart.criteria.logic import first_true, gt, le, lt, missing_names


@criterion
def lupus_nephritis_flare(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Decide whether urine protein rose again after a response, by the lowest ratio that had been reached.

    Source: AURORA 2, Saxena A et al., Arthritis Rheumatol 2024;76:59; limits read in its congress abstract (Lupus
    Sci Med 11, Suppl 2, A85.1).

    >>> import polars as pl
    >>> from aftercart import criteria
    >>> visit = pl.DataFrame({"upcr_nadir_g_per_g": [0.1, 0.5], "upcr_g_per_g": [1.1, 1.5]})
    >>> criteria.lupus_nephritis_flare(visit)["proteinuric_flare"].to_list()
    [True, False]
    """
    rules = registry.get("lupus_nephritis_flare").rules
    nadir, ratio = pl.col("upcr_nadir_g_per_g"), pl.col("upcr_g_per_g")
    deep = lt(nadir, rules["low_nadir_below"])
    within = le(nadir, rules["nadir_up_to"])
    limit = pl.when(deep).then(rules["flare_above_from_low"]).when(within).then(rules["flare_above"])
    flare = pl.col("proteinuric_flare")
    return (
        rows.with_columns(limit_g_per_g=limit.cast(pl.Float64))
        .with_columns(proteinuric_flare=gt(ratio, pl.col("limit_g_per_g")))
        .with_columns(
            clause=first_true(
                (flare & deep, "flare_from_low_nadir"),
                (flare, "flare"),
                (~flare, "no_flare"),
                (~within, "no_response_before"),
            ),
            missing=missing_names("upcr_nadir_g_per_g", "upcr_g_per_g"),
        )
    )
