"""EScSG disease activity index for systemic sclerosis (Valentini 2001)."""

from __future__ import annotations

from typing import Any

import polars as pl

from aftercart.criteria import registry
from aftercart.criteria.calling import criterion
from aftercart.criteria.logic import first_true, gt, le, lt, missing_names

INDICES = ("whole", "dcssc", "lcssc")


def _decided(flag: str, number: str, beyond: pl.Expr) -> pl.Expr:
    """A finding that a measured number decides; a number that is not listed (NaN, its default) leaves the flag."""
    value, stated = pl.col(number), pl.col(f"flags.{flag}")
    return (
        pl.when(value.is_null()).then(pl.when(stated).then(stated)).when(value.is_nan()).then(stated).otherwise(beyond)
    )


@criterion
def escsg_ai_2001(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Score the activity of systemic sclerosis 0 to 10 by the index of the whole series or of one subset.

    Source: Valentini 2001, DOI 10.1136/ard.60.6.592, with the corrected table of 2003.

    >>> import polars as pl
    >>> from aftercart import criteria
    >>> visit = pl.DataFrame({"index": ["whole"], "flags.delta_skin": [True], "esr_mm_per_h": [31]})
    >>> criteria.escsg_ai_2001(visit).select("escsg_ai", "active").row(0)
    (3.5, True)
    """
    rules = registry.get("escsg_ai_2001").rules
    weights: dict[str, Any] = rules["points"]
    measured = {
        "tss_gt_threshold": ("mrss", gt(pl.col("mrss"), rules["mrss_above"])),
        "low_tlco": ("dlco_percent_predicted", lt(pl.col("dlco_percent_predicted"), rules["tlco_below"])),
        "esr_gt_30": ("esr_mm_per_h", gt(pl.col("esr_mm_per_h"), rules["esr_above"])),
    }
    present = {f: _decided(f, *measured[f]) if f in measured else pl.col(f"flags.{f}") for f in weights}
    weight = {
        f: pl.col("index").replace_strict(
            {i: float(by_index.get(i, 0.0)) for i in INDICES}, default=None, return_dtype=pl.Float64
        )
        for f, by_index in weights.items()
    }
    points = [
        pl.when((weight[f] == 0) | ~present[f])
        .then(pl.when(weight[f].is_not_null()).then(0.0))
        .when(present[f])
        .then(weight[f])
        .alias(f"points.{f}")
        for f in weights
    ]
    total, active = pl.col("escsg_ai"), pl.col("active")
    low, high = pl.col("escsg_ai_lower_bound"), pl.col("escsg_ai_upper_bound")
    chosen = pl.col("index").is_not_null()
    cut = rules["active_above"]
    with_cut_off = pl.col("index").is_in(rules["indices_with_cut_off"])
    return (
        rows.with_columns(points)
        .with_columns(
            escsg_ai=pl.sum_horizontal([f"points.{f}" for f in weights], ignore_nulls=False),
            escsg_ai_lower_bound=pl.when(chosen).then(
                pl.sum_horizontal(pl.col(f"points.{f}").fill_null(0.0) for f in weights)
            ),
            escsg_ai_upper_bound=pl.when(chosen).then(
                pl.sum_horizontal(pl.coalesce(f"points.{f}", weight[f]) for f in weights)
            ),
        )
        .with_columns(
            active=pl.when(with_cut_off & gt(low, cut))
            .then(pl.lit(value=True))
            .when(with_cut_off & le(high, cut))
            .then(pl.lit(value=False))
        )
        .with_columns(
            clause=first_true(
                (total.is_not_null() & active, "active"),
                (total.is_not_null() & ~active, "not_active"),
                (active, "active_though_incomplete"),
                (~active, "not_active_though_incomplete"),
                (total.is_not_null(), "subset_index"),
            ),
            missing=missing_names(
                "index",
                *(
                    (measured[f][0] if f in measured else f"flags.{f}", chosen & pl.col(f"points.{f}").is_null())
                    for f in weights
                ),
            ),
        )
    )
