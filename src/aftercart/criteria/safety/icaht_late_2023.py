"""Late immune effector cell-associated haematotoxicity (after day 30)."""

from __future__ import annotations

import polars as pl

from aftercart.criteria import registry
from aftercart.criteria.calling import criterion
from aftercart.criteria.episodes import lowest_by_day
from aftercart.criteria.logic import le


@criterion
def icaht_late_2023(units: pl.LazyFrame, rows: pl.LazyFrame) -> pl.LazyFrame:
    """Grade late neutropenia 0 to 4 by the lowest count, unless the fall was transient.

    Source: Rejeski K et al., Blood 2023;142:865-877.

    >>> import polars as pl
    >>> from aftercart import criteria
    >>> anc = pl.DataFrame({"days_since_infusion": [35, 60], "anc_per_ul": [500, 900]})
    >>> criteria.icaht_late_2023(anc).select("grade", "confirmed").row(0)
    (3, True)
    """
    rules = registry.get("icaht_late_2023").rules
    limits = rules["grade_at_most_per_ul"]
    last = pl.min_horizontal("late_window_end_day", "progression_day", "next_therapy_day", "last_follow_up_day")
    counts = (
        lowest_by_day(rows, "days_since_infusion", "anc_per_ul")
        .join(units.select("_unit", last=last), on="_unit", how="inner")
        .filter((pl.col("day") >= rules["first_day"]) & (pl.col("day") <= pl.col("last")))
        .sort("_unit", "value", "day")
        .group_by("_unit", maintain_order=True)
        .agg(
            nadir_per_ul=pl.col("value").first(),
            nadir_day=pl.col("day").first(),
            second=pl.col("value").get(1, null_on_oob=True),
            n_days=pl.len().cast(pl.Int64),
        )
    )
    nadir, second = pl.col("nadir_per_ul"), pl.col("second")
    transient = (second.is_not_null() & ~le(second, limits[0])).fill_null(value=False)
    by_second = pl.col("late_rule") == "two_below_threshold"
    grade = pl.when(by_second).then(_depth(second, limits)).when(transient).then(0).otherwise(_depth(nadir, limits))
    return (
        units.select("_unit", "late_rule")
        .join(counts, on="_unit", how="left")
        .with_columns(grade=pl.when(nadir.is_not_null()).then(grade).cast(pl.Int64))
        .with_columns(
            confirmed=pl.when(nadir.is_not_null()).then(
                (le(second, limits[0]) & (pl.col("grade") > 0)).fill_null(value=False)
            ),
            clause=pl.when(pl.col("grade").is_null())
            .then(None)
            .when(by_second & (pl.col("grade") > 0))
            .then(pl.lit("second_lowest"))
            .when(pl.col("grade") > 0)
            .then(pl.lit("depth"))
            .when(le(nadir, limits[0]))
            .then(pl.lit("transient"))
            .otherwise(pl.lit("none")),
            missing=pl.when(pl.col("grade").is_null()).then(pl.lit("anc")),
        )
    )


def _depth(count: pl.Expr, limits: list[int]) -> pl.Expr:
    grade: pl.Expr = pl.when(count.is_not_null()).then(0)
    for index, limit in enumerate(limits):
        grade = pl.when(le(count, limit)).then(index + 1).otherwise(grade)
    return grade
