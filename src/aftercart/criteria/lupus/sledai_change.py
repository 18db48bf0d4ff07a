"""Change of the SLEDAI between two visits."""

from __future__ import annotations

import polars as pl

from aftercart.criteria import registry
from aftercart.criteria.calling import criterion
from aftercart.criteria.logic import eq, first_true, gt, missing_names


@criterion
def sledai_change(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Name the change of two SLEDAI totals: flare, improvement or persistent activity, and a total of 0 by itself.

    Source: categories of the Toronto cohort (Gladman), as tabulated in Fanouriakis 2021, DOI
    10.1136/annrheumdis-2020-218272.

    >>> import polars as pl
    >>> from aftercart import criteria
    >>> pair = pl.DataFrame({"baseline_sledai": [8, 4], "followup_sledai": [4, 7]})
    >>> criteria.sledai_change(pair)["category"].to_list()
    ['improvement', 'persistently_active']
    """
    rules = registry.get("sledai_change").rules
    baseline, followup = pl.col("baseline_sledai"), pl.col("followup_sledai")
    delta, category = pl.col("delta"), pl.col("category")
    return (
        rows.with_columns(delta=(followup - baseline).round(9), remission_score_zero=eq(followup, 0))
        .with_columns(
            category=first_true(
                (gt(delta, rules["flare_above"]), "flare"),
                (gt(-delta, rules["improvement_above"]), "improvement"),
                (delta.is_not_null(), "persistently_active"),
            )
        )
        .with_columns(clause=category, missing=missing_names("baseline_sledai", "followup_sledai"))
    )
