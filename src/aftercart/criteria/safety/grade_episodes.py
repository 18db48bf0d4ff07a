"""Episodes of a graded toxicity."""

from __future__ import annotations

import polars as pl

from aftercart.criteria import registry
from aftercart.criteria.calling import criterion

EPISODE = ("onset_day", "end_day", "duration_days", "max_grade", "day_of_max_grade", "end_censored")


@criterion
def grade_episodes(units: pl.LazyFrame, rows: pl.LazyFrame) -> pl.LazyFrame:
    """Join graded days into episodes, and give the worst grade of the patient and its first onset.

    Source: house rule (onset as in the CIBMTR forms manual, topic 4100).

    >>> import polars as pl
    >>> from aftercart import criteria
    >>> days = pl.DataFrame({"days_since_infusion": [2, 3, 4, 5], "grade": [0, 1, 2, 0]})
    >>> criteria.grade_episodes(days).select("patient_max_grade", "patient_onset_day").row(0)
    (2, 3)
    """
    bridge = registry.get("grade_episodes").rules["bridged_unknown_days"]
    days = (
        rows.with_columns(
            low=pl.coalesce("grade", "grade_min"), high=pl.coalesce("grade", "grade_max"), day="days_since_infusion"
        )
        .filter(pl.col("day").is_not_null() & pl.col("low").is_not_null())
        .group_by("_unit", "day")
        .agg(pl.col("grade").max(), pl.col("low").max(), pl.col("high").max())
    )
    death = days.filter(pl.col("grade") == 5).group_by("_unit").agg(death=pl.col("day").min())
    days = (
        days.join(death, on="_unit", how="left")
        .filter(pl.col("death").is_null() | (pl.col("day") <= pl.col("death")))
        .join(units.select("_unit", "merge_gap_days", "min_grade"), on="_unit", how="inner")
        .sort("_unit", "day")
    )
    graded = days.filter(pl.col("grade").is_not_null()).with_columns(positive=pl.col("grade") >= pl.col("min_grade"))
    last_seen = graded.group_by("_unit").agg(last_seen=pl.col("day").max())
    same = pl.col("_unit") == pl.col("_unit").shift(1)
    clear = pl.col("_seen") - pl.col("_seen").shift(1) - 1
    unknown = pl.col("day") - pl.col("day").shift(1) - 1 - clear
    joins = same & (clear <= pl.col("merge_gap_days")) & (unknown <= bridge)
    found = (
        graded.with_columns(_seen=pl.int_range(pl.len()).over("_unit"))
        .filter("positive")
        .with_columns(_episode=(~joins.fill_null(value=False)).cum_sum())
        .group_by("_unit", "_episode", maintain_order=True)
        .agg(
            onset_day=pl.col("day").min(),
            end_day=pl.col("day").max(),
            max_grade=pl.col("grade").max(),
            day_of_max_grade=pl.col("day").filter(pl.col("grade") == pl.col("grade").max()).min(),
        )
        .join(last_seen, on="_unit", how="left")
        .with_columns(
            duration_days=pl.col("end_day") - pl.col("onset_day") + 1,
            end_censored=(pl.col("end_day") == pl.col("last_seen")) & (pl.col("max_grade") < 5),
        )
        .sort("_unit", "onset_day")
        .group_by("_unit", maintain_order=True)
        .agg(
            episodes=pl.struct(EPISODE), n_episodes=pl.len().cast(pl.Int64), patient_onset_day=pl.col("onset_day").min()
        )
    )
    worst = days.group_by("_unit").agg(
        patient_grade_min=pl.col("low").max(), patient_grade_max=pl.col("high").max(), _graded=pl.col("grade").count()
    )
    low, high = pl.col("patient_grade_min"), pl.col("patient_grade_max")
    return (
        units.select("_unit")
        .join(worst, on="_unit", how="left")
        .join(found, on="_unit", how="left")
        .with_columns(
            patient_max_grade=pl.when((low == high) & (pl.col("_graded") > 0)).then(low),
            n_episodes=pl.col("n_episodes").fill_null(0),
            episodes=pl.col("episodes").fill_null(pl.lit([], dtype=pl.List(pl.Null))),
        )
        .with_columns(
            clause=pl.when(low.is_null())
            .then(pl.lit("not_evaluable"))
            .when(pl.col("patient_max_grade").is_null())
            .then(pl.lit("open"))
            .when(pl.col("n_episodes") > 0)
            .then(pl.lit("episode"))
            .otherwise(pl.lit("clear")),
            missing=pl.when(pl.col("patient_max_grade").is_null()).then(pl.lit("observations.grade")),
        )
    )
