"""B-cell aplasia and reconstitution."""

from __future__ import annotations

import polars as pl

from aftercart.criteria.calling import criterion
from aftercart.criteria.episodes import lowest_by_day
from aftercart.criteria.logic import le


@criterion
def b_cell_aplasia(units: pl.LazyFrame, rows: pl.LazyFrame) -> pl.LazyFrame:
    """Find when B cells were gone after infusion, and when they came back.

    Source: house rule, with thresholds as inputs; benchmarks in Mackensen A et al., Nat Med 2022;28:2124-2132.

    >>> import polars as pl
    >>> from aftercart import criteria
    >>> cells = pl.DataFrame({"days_since_infusion": [0, 7, 90, 112], "b_cells_per_ul": [120, 0, 0, 5]})
    >>> criteria.b_cell_aplasia(cells).select("aplasia_onset_day", "recovery_day").row(0)
    (7, 112)
    """
    same = pl.col("_unit") == pl.col("_unit").shift(1)
    counts = (
        lowest_by_day(rows, "days_since_infusion", "b_cells_per_ul")
        .filter(pl.col("day") >= 0)
        .join(
            units.select("_unit", "aplasia_threshold_cells_per_ul", "confirmation_n"),
            on="_unit",
            how="inner",
        )
        .sort("_unit", "day")
        .with_columns(absent=le(pl.col("value"), pl.col("aplasia_threshold_cells_per_ul")))
        .with_columns(_run=(~(same & (pl.col("absent") == pl.col("absent").shift(1))).fill_null(value=False)).cum_sum())
    )
    onset = counts.filter("absent").group_by("_unit").agg(aplasia_onset_day=pl.col("day").min())
    recovery = (
        counts.filter(~pl.col("absent"))
        .group_by("_unit", "_run")
        .agg(start=pl.col("day").min(), n=pl.len(), needed=pl.col("confirmation_n").first())
        .join(onset, on="_unit", how="inner")
        .filter((pl.col("start") > pl.col("aplasia_onset_day")) & (pl.col("n") >= pl.col("needed")))
        .group_by("_unit")
        .agg(recovery_day=pl.col("start").min())
    )
    last = (
        counts.filter("absent")
        .join(recovery, on="_unit", how="left")
        .filter(pl.col("recovery_day").is_null() | (pl.col("day") < pl.col("recovery_day")))
        .group_by("_unit")
        .agg(last_aplastic_day=pl.col("day").max())
    )
    measured = counts.group_by("_unit").agg(n=pl.len())
    begun = pl.col("aplasia_onset_day").is_not_null()
    start = pl.when(pl.col("origin") == "first_aplasia").then(pl.col("aplasia_onset_day")).otherwise(0)
    return (
        units.select("_unit", "origin")
        .join(onset, on="_unit", how="left")
        .join(recovery, on="_unit", how="left")
        .join(last, on="_unit", how="left")
        .join(measured, on="_unit", how="left")
        .select(
            "_unit",
            "aplasia_onset_day",
            "recovery_day",
            "last_aplastic_day",
            aplasia_duration_days=pl.col("recovery_day") - start,
            recovery_censored=pl.when(begun).then(pl.col("recovery_day").is_null()),
            clause=pl.when(pl.col("recovery_day").is_not_null())
            .then(pl.lit("reconstituted"))
            .when(begun)
            .then(pl.lit("still_absent"))
            .when(pl.col("n").is_not_null())
            .then(pl.lit("never_absent")),
            missing=pl.when(pl.col("n").is_null()).then(pl.lit("b_cells")),
        )
    )
