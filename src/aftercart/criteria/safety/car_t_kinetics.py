"""Expansion and persistence of CAR-T cells in blood."""

from __future__ import annotations

import polars as pl

from aftercart.criteria import registry
from aftercart.criteria.calling import criterion
from aftercart.criteria.episodes import highest_by_day
from aftercart.criteria.logic import ge


def _area(samples: pl.LazyFrame, end: int) -> pl.LazyFrame:
    """Linear trapezoids from day 0 to `end`, values below the limit as 0, and 0 on day 0 unless it was measured."""
    measured_at_start = samples.filter(pl.col("day") == 0).select("_unit")
    start = (
        samples.select("_unit")
        .unique()
        .join(measured_at_start, on="_unit", how="anti")
        .select("_unit", day=pl.lit(0, dtype=pl.Int64), level=pl.lit(0.0))
    )
    level = pl.when("quantifiable").then(pl.col("value")).otherwise(0.0)
    points = pl.concat([start, samples.select("_unit", "day", level=level)]).sort("_unit", "day")
    day, value = pl.col("day"), pl.col("level")
    until = pl.min_horizontal("next_day", pl.lit(end))
    at_end = value + (pl.col("next_level") - value) * (until - day) / (pl.col("next_day") - day)
    return (
        points.with_columns(next_day=day.shift(-1).over("_unit"), next_level=value.shift(-1).over("_unit"))
        .filter(pl.col("next_day").is_not_null() & (day < end))
        .group_by("_unit")
        .agg(area=((value + at_end) / 2 * (until - day)).sum())
    )


@criterion
def car_t_kinetics(units: pl.LazyFrame, rows: pl.LazyFrame) -> pl.LazyFrame:
    """Find the peak of the transgene, its day, the last quantifiable level, and the area up to day 28.

    Source: metrics as in Thudium Mueller K et al., Clin Cancer Res 2018;24:6175-6184.

    >>> import polars as pl
    >>> from aftercart import criteria
    >>> samples = pl.DataFrame({"days_since_infusion": [10, 28], "copies_per_ug": [1000, 100]})
    >>> criteria.car_t_kinetics(samples, lloq_copies_per_ug=10).select("cmax", "tmax_day", "auc_0_28d").row(0)
    (1000.0, 10, 14900.0)
    """
    end = registry.get("car_t_kinetics").rules["auc_end_day"]
    samples = (
        highest_by_day(rows, "days_since_infusion", "copies_per_ug")
        .filter(pl.col("day") >= 0)
        .join(units.select("_unit", "lloq_copies_per_ug"), on="_unit", how="inner")
        .with_columns(quantifiable=ge(pl.col("value"), pl.col("lloq_copies_per_ug")))
    )
    found = samples.filter("quantifiable").sort("_unit", "day")
    level, day = pl.col("value"), pl.col("day")
    peaks = found.group_by("_unit").agg(
        cmax=level.max(), tmax_day=day.filter(level == level.max()).min(), clast=level.last(), tlast_day=day.max()
    )
    followed = samples.group_by("_unit").agg(n_samples=pl.len().cast(pl.Int64), last_sample_day=day.max())
    limit_known = pl.col("lloq_copies_per_ug").is_not_null()
    area = pl.when(limit_known & (pl.col("last_sample_day") >= end)).then(pl.col("area"))
    return (
        units.select("_unit", "lloq_copies_per_ug")
        .join(followed, on="_unit", how="left")
        .join(peaks, on="_unit", how="left")
        .join(_area(samples, end), on="_unit", how="left")
        .with_columns(auc_0_28d=area)
        .with_columns(
            clause=pl.when(pl.col("cmax").is_not_null())
            .then(pl.lit("quantifiable"))
            .when(limit_known & pl.col("n_samples").is_not_null())
            .then(pl.lit("never_quantifiable")),
            missing=pl.when(~limit_known)
            .then(pl.lit("lloq_copies_per_ug"))
            .when(pl.col("auc_0_28d").is_null())
            .then(pl.lit("samples")),
        )
    )
