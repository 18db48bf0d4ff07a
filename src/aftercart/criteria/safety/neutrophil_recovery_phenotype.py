"""How neutrophils recover after immune effector cells: quick, intermittent or aplastic."""

from __future__ import annotations

import polars as pl

from aftercart.criteria import registry
from aftercart.criteria.calling import criterion
from aftercart.criteria.episodes import fill_gaps, lowest_by_day, runs
from aftercart.criteria.logic import gt, lt


@criterion
def neutrophil_recovery_phenotype(units: pl.LazyFrame, rows: pl.LazyFrame) -> pl.LazyFrame:
    """Name the course of neutrophils in the first 60 days after infusion.

    Source: Rejeski K et al., Blood 2021;138:2499-2513 (classes; the limits are from memory).

    >>> import polars as pl
    >>> from aftercart import criteria
    >>> anc = pl.DataFrame({"days_since_infusion": [0, 5, 10, 15, 28, 35],
    ...                     "anc_per_ul": [2000, 300, 300, 2200, 700, 2200]})
    >>> criteria.neutrophil_recovery_phenotype(anc)["phenotype"].to_list()
    ['intermittent']
    """
    rules = registry.get("neutrophil_recovery_phenotype").rules
    counts = lowest_by_day(rows, "days_since_infusion", "anc_per_ul").filter(
        pl.col("day").is_between(0, rules["last_day"])
    )
    gaps = units.select("_unit", "max_interpolation_gap_days")
    grid = fill_gaps(
        counts.join(gaps, on="_unit", how="inner"), max_gap=pl.col("max_interpolation_gap_days"), window=None
    )
    severe = (
        runs(grid, lt(pl.col("value"), rules["severe_per_ul"]))
        .group_by("_unit")
        .agg(longest_severe_days=pl.col("days").max())
    )
    low, recovered = lt(pl.col("value"), rules["low_per_ul"]), gt(pl.col("value"), rules["recovered_per_ul"])
    first_low = counts.filter(low).group_by("_unit").agg(first_low_day=pl.col("day").min())
    recovery = (
        counts.filter(recovered)
        .join(first_low, on="_unit", how="inner")
        .filter(pl.col("day") > pl.col("first_low_day"))
        .group_by("_unit")
        .agg(recovery_day=pl.col("day").min())
    )
    second = (
        counts.filter(low & (pl.col("day") > rules["second_fall_after_day"]))
        .join(recovery, on="_unit", how="inner")
        .filter(pl.col("day") > pl.col("recovery_day"))
        .group_by("_unit")
        .agg(second_fall_day=pl.col("day").min())
    )
    measured = counts.group_by("_unit").agg(n_days=pl.len().cast(pl.Int64), last_day=pl.col("day").max())
    known = pl.col("n_days").is_not_null()
    longest = pl.when(known).then(pl.col("longest_severe_days").fill_null(0))
    return (
        units.select("_unit")
        .join(measured, on="_unit", how="left")
        .join(severe, on="_unit", how="left")
        .join(recovery, on="_unit", how="left")
        .join(second, on="_unit", how="left")
        .with_columns(
            longest_severe_days=longest,
            phenotype=pl.when(longest >= rules["aplastic_days"])
            .then(pl.lit("aplastic"))
            .when(pl.col("second_fall_day").is_not_null())
            .then(pl.lit("intermittent"))
            .when(known)
            .then(pl.lit("quick")),
            missing=pl.when(~known).then(pl.lit("anc")),
        )
        .with_columns(clause=pl.col("phenotype"))
    )
