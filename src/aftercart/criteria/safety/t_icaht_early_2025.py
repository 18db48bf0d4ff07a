"""Early thrombocytopenia after immune effector cells (T-ICAHT, day 0 to 30)."""

from __future__ import annotations

import polars as pl

from aftercart.criteria import registry
from aftercart.criteria.calling import criterion
from aftercart.criteria.episodes import fill_gaps, lowest_by_day, runs
from aftercart.criteria.logic import lt


@criterion
def t_icaht_early_2025(units: pl.LazyFrame, rows: pl.LazyFrame) -> pl.LazyFrame:
    """Grade early thrombocytopenia 0 to 4 by how many days platelets were below 50 and 20 x 10^9/L.

    Source: Rejeski K et al., Blood 2025 (T-ICAHT), table 1; daily grid as in Liang EC et al., Bone Marrow Transplant
    2024;59:910-917.

    >>> import polars as pl
    >>> from aftercart import criteria
    >>> platelets = pl.DataFrame({"days_since_infusion": [0, 5, 11, 12, 30],
    ...                           "platelets_10e9_per_l": [200, 45, 45, 200, 200]})
    >>> criteria.t_icaht_early_2025(platelets).select("grade", "days_platelets_lt_50").row(0)
    (2, 7)
    """
    rules = registry.get("t_icaht_early_2025").rules
    windows = units.select(
        "_unit",
        "max_unstable_recovery_days",
        "max_interpolation_gap_days",
        last=pl.min_horizontal(pl.lit(rules["last_day"], dtype=pl.Int64), "censor_day"),
    )
    seen = (
        lowest_by_day(rows, "days_since_infusion", "platelets_10e9_per_l")
        .join(windows, on="_unit", how="inner")
        .filter((pl.col("day") >= 0) & (pl.col("day") <= pl.col("last")))
    )
    window = (pl.lit(0, dtype=pl.Int64), pl.col("last"))
    grid = fill_gaps(seen, max_gap=pl.col("max_interpolation_gap_days"), window=window)
    days = grid.join(windows, on="_unit", how="inner")
    known = days.group_by("_unit").agg(n_known=pl.len().cast(pl.Int64), last=pl.col("last").first())
    result = units.select("_unit").join(known, on="_unit", how="left")
    for limit in rules["below_10e9_per_l"]:
        streaks = runs(days, lt(pl.col("value"), limit), max_between=pl.col("max_unstable_recovery_days"))
        summed = streaks.group_by("_unit").agg(pl.col("days").sum().alias(f"days_platelets_lt_{limit}"))
        result = result.join(summed, on="_unit", how="left")
    evaluable = pl.col("n_known").is_not_null()
    low, very_low = pl.col("days_platelets_lt_50"), pl.col("days_platelets_lt_20")
    return (
        result.with_columns(pl.when(evaluable).then(c.fill_null(0)).name.keep() for c in (low, very_low))
        .with_columns(
            grade=pl.when(very_low >= rules["grade_4_days_below_20"])
            .then(4)
            .when(very_low > 0)
            .then(3)
            .when(low >= rules["grade_2_days_below_50"])
            .then(2)
            .when(low >= 0)
            .then((low > 0).cast(pl.Int32))
            .cast(pl.Int64),
            days_not_evaluable=pl.col("last") + 1 - pl.col("n_known"),
            missing=pl.when(~evaluable).then(pl.lit("platelets")),
        )
        .with_columns(
            clause=pl.when(very_low > 0)
            .then(pl.lit("below_20"))
            .when(low > 0)
            .then(pl.lit("below_50"))
            .when(low == 0)
            .then(pl.lit("none"))
        )
    )
