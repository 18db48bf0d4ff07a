"""Modified Rodnan skin score."""

from __future__ import annotations

import polars as pl

from aftercart.criteria import registry
from aftercart.criteria.calling import criterion
from aftercart.criteria.logic import missing_names

PAIRED = ("fingers", "hand", "forearm", "upper_arm", "thigh", "leg", "foot")
SITES = ("face", "anterior_chest", "abdomen", *(f"{side}_{site}" for side in ("right", "left") for site in PAIRED))


@criterion
def mrss(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Add up the skin thickness grades (0 to 3) of 17 sites, 0 to 51.

    Source: Khanna 2017 (standardisation) and Khanna 2019, DOI 10.1186/s13075-019-1809-y.

    >>> import polars as pl
    >>> from aftercart import criteria
    >>> visit = pl.DataFrame({"sites.right_hand": [2], "sites.left_hand": [3], "unlisted_sites": [0]})
    >>> criteria.mrss(visit)["mrss"].to_list()
    [5.0]
    """
    grade_max = registry.get("mrss").rules["grade_max"]
    columns = [f"sites.{site}" for site in SITES]
    total = pl.col("mrss")
    return rows.with_columns(
        *(pl.col(f"sites.{site}").alias(f"points.{site}") for site in SITES),
        pl.sum_horizontal(columns, ignore_nulls=False).alias("mrss"),
        pl.sum_horizontal(pl.col(c).fill_null(0) for c in columns).alias("mrss_lower_bound"),
        pl.sum_horizontal(pl.col(c).fill_null(grade_max) for c in columns).alias("mrss_upper_bound"),
        pl.sum_horizontal(pl.col(c).is_null().cast(pl.Int64) for c in columns).alias("sites_missing"),
    ).with_columns(
        clause=pl.when(total.is_not_null()).then(pl.lit("seventeen_sites")).otherwise(pl.lit("site_missing")),
        missing=missing_names(*columns),
    )
