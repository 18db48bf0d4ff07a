"""Work over a subject's days: one value a day, gaps filled by interpolation, and runs of consecutive days.

All functions take and return long frames with `_unit` (whose days they are) and `day`; none loops over either.
"""

from __future__ import annotations

import polars as pl
from polars.lazyframe.group_by import LazyGroupBy


def lowest_by_day(rows: pl.LazyFrame, day: str, value: str) -> pl.LazyFrame:
    """One row per unit and day, with the lowest `value` of the day; rows without day or value are left out."""
    return _by_day(rows, day, value).agg(value=pl.col(value).min())


def highest_by_day(rows: pl.LazyFrame, day: str, value: str) -> pl.LazyFrame:
    """One row per unit and day, with the highest `value` of the day; rows without day or value are left out."""
    return _by_day(rows, day, value).agg(value=pl.col(value).max())


def _by_day(rows: pl.LazyFrame, day: str, value: str) -> LazyGroupBy:
    known = rows.filter(pl.col(day).is_not_null() & pl.col(value).is_not_null())
    return known.group_by("_unit", pl.col(day).alias("day"))


def fill_gaps(days: pl.LazyFrame, *, max_gap: pl.Expr, window: tuple[pl.Expr, pl.Expr] | None) -> pl.LazyFrame:
    """Interpolate linearly across at most `max_gap` missing days; a longer gap stays missing as a whole.

    days: `_unit`, `day`, `value`, one row a day, and whatever columns `max_gap` and `window` name (constant in a unit).
    window: first and last day of the unit; the edges take the nearest value, for at most `max_gap` days as well.
        None leaves the edges alone.

    Returns `_unit`, `day`, `value`, sorted, with the days that stay missing left out.
    """
    same_unit = pl.col("_unit") == pl.col("_unit").shift(-1)
    following = pl.when(same_unit).then(pl.col("day").shift(-1))
    next_value = pl.when(same_unit).then(pl.col("value").shift(-1))
    rows = days.sort("_unit", "day").with_columns(_next=following, _next_value=next_value)
    reach = pl.when(pl.col("_next") - pl.col("day") - 1 <= max_gap).then(pl.col("_next")).otherwise(pl.col("day") + 1)
    start = pl.col("day")
    if window is not None:
        first, last = window
        is_first = (pl.col("_unit") != pl.col("_unit").shift(1)).fill_null(value=True)
        start = pl.when(is_first & (pl.col("day") - first).is_between(1, max_gap)).then(first).otherwise(pl.col("day"))
        at_end = (last - pl.col("day")).is_between(1, max_gap)
        tail = pl.when(at_end).then(last + 1).otherwise(pl.col("day") + 1)
        reach = pl.when(pl.col("_next").is_null()).then(tail).otherwise(reach)
    slope = (pl.col("_next_value") - pl.col("value")) / (pl.col("_next") - pl.col("day"))
    offset = pl.max_horizontal(pl.col("_filled") - pl.col("day"), pl.lit(0))
    return (
        rows.with_columns(_filled=pl.int_ranges(start, reach))
        .explode("_filled")
        .select("_unit", day="_filled", value=pl.col("value") + slope.fill_null(0.0) * offset)
    )


def runs(days: pl.LazyFrame, qualifies: pl.Expr, *, max_between: pl.Expr | None = None) -> pl.LazyFrame:
    """Runs of consecutive days that qualify: `_unit`, `start`, `end`, `days` (both ends counted).

    days: `_unit`, `day` and what `qualifies` needs, one row a day; a day that is not there breaks a run.
    max_between: neighbouring runs are joined when at most this many other days lie between them, all of them known;
        the days between then count. It may name columns of `days`.
    """
    gap = ((pl.col("_unit") != pl.col("_unit").shift(1)) | (pl.col("day") != pl.col("day").shift(1) + 1)).fill_null(
        value=True
    )
    known = days.sort("_unit", "day").with_columns(
        _stretch=gap.cum_sum(), _most=max_between if max_between is not None else pl.lit(0)
    )
    hits = known.filter(qualifies)
    new = (
        (pl.col("_stretch") != pl.col("_stretch").shift(1))
        | (pl.col("day") - pl.col("day").shift(1) - 1 > pl.col("_most"))
    ).fill_null(value=True)
    return (
        hits.with_columns(_run=new.cum_sum())
        .group_by("_run", maintain_order=True)
        .agg(pl.col("_unit").first(), start=pl.col("day").min(), end=pl.col("day").max())
        .select("_unit", "start", "end", days=(pl.col("end") - pl.col("start") + 1))
    )
