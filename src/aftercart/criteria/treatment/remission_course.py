"""The course of the first remission."""

from __future__ import annotations

import polars as pl

from aftercart.criteria.calling import criterion
from aftercart.criteria.logic import is_true


@criterion
def remission_course(units: pl.LazyFrame, rows: pl.LazyFrame) -> pl.LazyFrame:
    """Follow the first remission: when it began, whether and when it ended in relapse, how long it lasted.

    Source: house rule; there is no consensus definition of relapse after CAR-T therapy.

    >>> import polars as pl
    >>> from aftercart import criteria
    >>> visits = pl.DataFrame({"day": [90, 180, 270], "in_remission": [True, True, False]})
    >>> criteria.remission_course(visits).select("first_remission_day", "relapse_day").row(0)
    (90, 270)
    """
    # Several visits on a day: out of remission wins, and so does a restart.
    days = (
        rows.filter(pl.col("day").is_not_null())
        .group_by("_unit", "day")
        .agg(state=pl.col("in_remission").min(), restart=pl.col("treatment_restarted").any(ignore_nulls=False))
    )
    begins = is_true(pl.col("state") & ~pl.col("restart"))
    visits = days.group_by("_unit").agg(answered=pl.col("state").is_not_null().any())
    first = days.filter(begins).group_by("_unit").agg(first_remission_day=pl.col("day").min())
    later = days.join(first, on="_unit", how="inner").filter(pl.col("day") > pl.col("first_remission_day"))
    ends = is_true(~pl.col("state") | pl.col("restart"))
    relapse = later.filter(ends).group_by("_unit").agg(relapse_day=pl.col("day").min())
    course = first.join(relapse, on="_unit", how="left")
    last = (
        days.filter(begins)
        .join(course, on="_unit", how="inner")
        .filter(pl.col("relapse_day").is_null() | (pl.col("day") < pl.col("relapse_day")))
        .group_by("_unit")
        .agg(last=pl.col("day").max())
    )
    begun = pl.col("first_remission_day").is_not_null()
    known = pl.col("_given") & pl.col("answered").fill_null(value=True)
    censored = pl.when(begun).then(pl.col("relapse_day").is_null())
    return (
        units.select("_unit", "_given")
        .join(course, on="_unit", how="left")
        .join(last, on="_unit", how="left")
        .join(visits, on="_unit", how="left")
        .select(
            "_unit",
            "first_remission_day",
            "relapse_day",
            remission_duration_days=pl.coalesce("relapse_day", "last") - pl.col("first_remission_day"),
            censored=censored,
            clause=pl.when(censored)
            .then(pl.lit("lasting"))
            .when(begun)
            .then(pl.lit("relapsed"))
            .when(known)
            .then(pl.lit("never")),
            missing=pl.when(~begun & ~known).then(pl.lit("visits")),
        )
    )
