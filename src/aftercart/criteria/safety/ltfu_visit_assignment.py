"""Which planned long-term visit a day of follow-up belongs to."""

from __future__ import annotations

import polars as pl

from aftercart.criteria import registry
from aftercart.criteria.calling import criterion
from aftercart.criteria.logic import missing_names


@criterion
def ltfu_visit_assignment(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Assign a day after infusion to the planned visit whose target is nearest, if its window holds the day.

    Source: house rule (windows for analysis, at the time points of the EBMT and CIBMTR registries).

    >>> import polars as pl
    >>> from aftercart import criteria
    >>> days = pl.DataFrame({"days_since_infusion": [35, 60, 365]})
    >>> criteria.ltfu_visit_assignment(days)["visit"].to_list()
    ['day_28', None, 'year_1']
    """
    windows = sorted(registry.get("ltfu_visit_assignment").rules["windows"], key=lambda w: w["target"])
    day = pl.col("days_since_infusion")
    away = [(day - w["target"]).abs() for w in windows]
    inside = [pl.when(a <= w["half_width"]).then(a) for a, w in zip(away, windows, strict=True)]
    nearest = pl.min_horizontal(inside)
    # Sorted by target, so that the earlier visit wins a tie.
    hits = [a == nearest for a in inside]
    return rows.with_columns(
        visit=pl.coalesce(pl.when(h).then(pl.lit(w["visit"])) for h, w in zip(hits, windows, strict=True)),
        target_day=pl.coalesce(
            pl.when(h).then(pl.lit(w["target"], dtype=pl.Int64)) for h, w in zip(hits, windows, strict=True)
        ),
    ).with_columns(
        days_from_target=day - pl.col("target_day"),
        clause=pl.when(pl.col("visit").is_not_null())
        .then(pl.lit("in_window"))
        .when(day.is_not_null())
        .then(pl.lit("outside")),
        missing=missing_names("days_since_infusion"),
    )
