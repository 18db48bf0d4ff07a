"""Early immune effector cell-associated haematotoxicity (day 0 to 30)."""

from __future__ import annotations

import polars as pl

from aftercart.criteria import registry
from aftercart.criteria.calling import criterion
from aftercart.criteria.episodes import fill_gaps, lowest_by_day, runs
from aftercart.criteria.logic import le


@criterion
def icaht_early_2023(units: pl.LazyFrame, rows: pl.LazyFrame) -> pl.LazyFrame:
    """Grade early neutropenia 0 to 4 by how many days the count was at or below 500 and 100/uL.

    Source: Rejeski K et al., Blood 2023;142:865-877; daily grid and joining as in Liang EC et al., Bone Marrow
    Transplant 2024;59:910-917.

    >>> import polars as pl
    >>> from aftercart import criteria
    >>> anc = pl.DataFrame({"days_since_infusion": [0, 4, 11, 18, 25, 30],
    ...                     "anc_per_ul": [2000, 400, 400, 2000, 3000, 3000]})
    >>> criteria.icaht_early_2023(anc).select("grade", "days_anc_le_500").row(0)
    (2, 8)
    """
    rules = registry.get("icaht_early_2023").rules
    last_day = rules["last_day"]
    windows = units.select(
        "_unit",
        "max_unstable_recovery_days",
        "max_interpolation_gap_days",
        "duration_rule",
        last=pl.min_horizontal(pl.lit(last_day, dtype=pl.Int64), pl.col("last_follow_up_day")),
    )
    seen = (
        lowest_by_day(rows, "days_since_infusion", "anc_per_ul")
        .join(windows, on="_unit", how="inner")
        .filter((pl.col("day") >= 0) & (pl.col("day") <= pl.col("last")))
    )
    window = (pl.lit(0, dtype=pl.Int64), pl.col("last"))
    grid = fill_gaps(seen, max_gap=pl.col("max_interpolation_gap_days"), window=window)
    days = grid.join(windows, on="_unit", how="inner")
    between = pl.col("max_unstable_recovery_days")
    severe = runs(days, le(pl.col("value"), rules["severe_max_per_ul"]), max_between=between)
    profound = runs(days, le(pl.col("value"), rules["profound_max_per_ul"]), max_between=between)
    ends = days.group_by("_unit").agg(
        last_known=pl.col("day").max(), n_known=pl.len().cast(pl.Int64), last=pl.col("last").first()
    )
    early_start = pl.col("start") <= rules["never_above_starts_by_day"]
    whole = (pl.col("start") == 0) & (pl.col("end") == last_day)
    never = (
        severe.join(ends, on="_unit", how="left")
        .group_by("_unit")
        .agg(never_above_500=((early_start & (pl.col("end") == pl.col("last_known"))) | whole).any())
    )
    low, very_low = pl.col("days_anc_le_500"), pl.col("days_anc_le_100")
    by_severe, by_profound = (
        _steps(low, rules["severe_days"], first=1),
        _steps(very_low, rules["profound_days"], first=3),
    )
    return (
        units.select("_unit", "duration_rule")
        .join(ends, on="_unit", how="left")
        .join(_lengths(severe, "500"), on="_unit", how="left")
        .join(_lengths(profound, "100"), on="_unit", how="left")
        .join(never, on="_unit", how="left")
        .with_columns(
            pl.when(pl.col("n_known").is_not_null())
            .then(
                pl.when(pl.col("duration_rule") == "cumulative")
                .then(pl.col(f"sum_{limit}"))
                .otherwise(pl.col(f"longest_{limit}"))
                .fill_null(0)
            )
            .alias(f"days_anc_le_{limit}")
            for limit in ("500", "100")
        )
        .with_columns(
            never_above_500=pl.when(pl.col("n_known").is_not_null()).then(
                pl.col("never_above_500").fill_null(value=False)
            ),
            days_not_evaluable=pl.col("last") + 1 - pl.col("n_known"),
        )
        .with_columns(
            grade=pl.when("never_above_500").then(4).otherwise(pl.max_horizontal(by_severe, by_profound)),
            clause=pl.when("never_above_500")
            .then(pl.lit("never_above_500"))
            .when(by_profound > by_severe)
            .then(pl.lit("profound"))
            .when(by_severe > 0)
            .then(pl.lit("severe"))
            .when(by_severe == 0)
            .then(pl.lit("none")),
            missing=pl.when(pl.col("n_known").is_null()).then(pl.lit("anc")),
        )
    )


def _lengths(found: pl.LazyFrame, limit: str) -> pl.LazyFrame:
    return found.group_by("_unit").agg(
        pl.col("days").max().alias(f"longest_{limit}"), pl.col("days").sum().alias(f"sum_{limit}")
    )


def _steps(days: pl.Expr, at_least: list[int], *, first: int) -> pl.Expr:
    """The grade of a number of days: `first` from the first limit on, one more for each further limit."""
    grade: pl.Expr = pl.when(days.is_not_null()).then(0)
    for step, limit in enumerate(at_least):
        grade = pl.when(days >= limit).then(first + step).otherwise(grade)
    return grade.cast(pl.Int64)
