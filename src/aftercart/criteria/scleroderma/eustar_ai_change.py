"""Change of the EUSTAR activity index between two visits."""

from __future__ import annotations

import polars as pl

from aftercart.criteria import registry
from aftercart.criteria.calling import criterion
from aftercart.criteria.logic import first_true, ge, gt, lt, missing_names


@criterion
def eustar_ai_change(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Compare the EUSTAR activity index of two visits: its change, and active disease at either.

    Source: house rule on the endpoint of the CAR-T series (Mueller 2024, DOI 10.1056/NEJMoa2308917); active from
    2.5 (Valentini 2017, DOI 10.1136/annrheumdis-2016-209768).

    >>> import polars as pl
    >>> from aftercart import criteria
    >>> pair = pl.DataFrame({"baseline.eustar_ai_2017": [6.25], "followup.eustar_ai_2017": [1.0]})
    >>> criteria.eustar_ai_change(pair)["delta"].to_list()
    [-5.25]
    """
    cut = registry.get("eustar_ai_change").rules["active_from"]
    baseline, followup = pl.col("baseline.eustar_ai_2017"), pl.col("followup.eustar_ai_2017")
    delta = pl.col("delta")
    return (
        rows.with_columns(
            delta=(followup - baseline).round(9),
            baseline_active=ge(baseline, cut),
            followup_active=ge(followup, cut),
        )
        .with_columns(improved=lt(delta, 0))
        .with_columns(
            clause=first_true((pl.col("improved"), "fell"), (gt(delta, 0), "rose"), (delta.is_not_null(), "unchanged")),
            missing=missing_names("baseline.eustar_ai_2017", "followup.eustar_ai_2017"),
        )
    )
