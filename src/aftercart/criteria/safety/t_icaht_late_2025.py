"""Late thrombocytopenia after immune effector cells (T-ICAHT, day 31 to 100)."""

from __future__ import annotations

import polars as pl

from aftercart.criteria import registry
from aftercart.criteria.calling import criterion
from aftercart.criteria.episodes import fill_gaps, lowest_by_day, runs
from aftercart.criteria.logic import lt


@criterion
def t_icaht_late_2025(units: pl.LazyFrame, rows: pl.LazyFrame) -> pl.LazyFrame:
    """Grade late thrombocytopenia 0 to 4 by the counts below 100, 50 and 20 x 10^9/L, two of them at least.

    Source: Rejeski K et al., Blood 2025 (T-ICAHT), table 1.

    >>> import polars as pl
    >>> from aftercart import criteria
    >>> platelets = pl.DataFrame({"days_since_infusion": [35, 60], "platelets_10e9_per_l": [40, 45]})
    >>> criteria.t_icaht_late_2025(platelets)["grade"].to_list()
    [2]
    """
    rules = registry.get("t_icaht_late_2025").rules
    first, below, least = rules["first_day"], rules["below_10e9_per_l"], rules["values_needed"]
    windows = units.select(
        "_unit",
        "max_interpolation_gap_days",
        last=pl.min_horizontal(pl.lit(rules["last_day"], dtype=pl.Int64), "censor_day"),
    )
    counts = (
        lowest_by_day(rows, "days_since_infusion", "platelets_10e9_per_l")
        .join(windows, on="_unit", how="inner")
        .filter((pl.col("day") >= first) & (pl.col("day") <= pl.col("last")))
    )
    grid = fill_gaps(counts, max_gap=pl.col("max_interpolation_gap_days"), window=None)
    longest = (
        runs(grid, lt(pl.col("value"), below[-1])).group_by("_unit").agg(days_platelets_lt_20=pl.col("days").max())
    )
    values = counts.group_by("_unit").agg(
        *(lt(pl.col("value"), limit).sum().cast(pl.Int64).alias(f"_below_{limit}") for limit in below),
        n_days=pl.len().cast(pl.Int64),
        nadir_10e9_per_l=pl.col("value").min(),
    )
    depth: pl.Expr = pl.lit(0)
    for step, limit in enumerate(below):
        depth = pl.when(pl.col(f"_below_{limit}") >= least).then(step + 1).otherwise(depth)
    days = pl.col("days_platelets_lt_20")
    long = days >= rules["grade_4_days_below_20"]
    grade, enough = pl.col("grade"), pl.col("n_days") >= least
    return (
        units.select("_unit")
        .join(values, on="_unit", how="left")
        .join(longest, on="_unit", how="left")
        .with_columns(days_platelets_lt_20=pl.when(pl.col("n_days").is_not_null()).then(days.fill_null(0)))
        .with_columns(grade=pl.when(enough).then(pl.when(long).then(4).otherwise(depth)).cast(pl.Int64))
        .with_columns(
            clause=pl.when(grade == 4)
            .then(pl.lit("long_below_20"))
            .when(grade > 0)
            .then(pl.lit("two_values"))
            .when((grade == 0) & lt(pl.col("nadir_10e9_per_l"), below[0]))
            .then(pl.lit("single_value"))
            .when(grade == 0)
            .then(pl.lit("none")),
            missing=pl.when(grade.is_null()).then(pl.lit("platelets")),
        )
    )
