"""Manual muscle testing of eight muscle groups (IMACS form 04)."""

from __future__ import annotations

import polars as pl

from aftercart.criteria.calling import criterion
from aftercart.criteria.logic import first_true, missing_names

LIMB_MUSCLES = (
    "deltoid_middle",
    "biceps",
    "wrist_extensors",
    "gluteus_maximus",
    "gluteus_medius",
    "quadriceps",
    "ankle_dorsiflexors",
)
MAX_GRADE = 10


def _total(columns: list[str]) -> pl.Expr:
    """Sum of the grades, missing when one is."""
    return pl.sum_horizontal(columns, ignore_nulls=False)


@criterion
def mmt8(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Add up the strength of eight muscle groups: 0 to 150 with both sides, 0 to 80 with the right side only.

    Source: IMACS form 04, MMT-8.

    >>> import polars as pl
    >>> from aftercart import criteria
    >>> visit = pl.DataFrame({"neck_flexors": [10], "all_bilateral": [10], "right.deltoid_middle": [6]})
    >>> criteria.mmt8(visit)["mmt8_0_150"].to_list()
    [146.0]
    """
    right = [f"right.{m}" for m in LIMB_MUSCLES]
    left = [f"left.{m}" for m in LIMB_MUSCLES]
    everything = ["neck_flexors", *right, *left]
    both, one = pl.col("mmt8_0_150"), pl.col("mmt8_unilateral_0_80")
    return rows.with_columns(
        *(pl.col(c).alias(f"points.{c}") for c in everything),
        _total(everything).alias("mmt8_0_150"),
        _total(["neck_flexors", *right]).alias("mmt8_unilateral_0_80"),
        pl.sum_horizontal(pl.col(c).fill_null(0) for c in everything).alias("mmt8_0_150_lower_bound"),
        pl.sum_horizontal(pl.col(c).fill_null(MAX_GRADE) for c in everything).alias("mmt8_0_150_upper_bound"),
        _total(right).alias("right_sum_0_70"),
        _total(left).alias("left_sum_0_70"),
    ).with_columns(
        clause=first_true((both.is_not_null(), "both_sides"), (one.is_not_null(), "one_side")),
        missing=missing_names(*everything),
    )
