"""When immunoglobulin replacement is considered after CAR-T cells."""

from __future__ import annotations

import polars as pl

from aftercart.criteria import registry
from aftercart.criteria.calling import criterion
from aftercart.criteria.logic import first_true, is_true, le, may_be_true, missing_names


@criterion
def igg_replacement_consideration(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Place an IgG level in its tier, and say whether replacement is to be considered.

    Source: published practice recommendations for hypogammaglobulinaemia after CAR-T cells (see the registry entry).

    >>> import polars as pl
    >>> from aftercart import criteria
    >>> levels = pl.DataFrame({"igg_mg_per_dl": [380, 380, 500], "days_since_infusion": [40, 200, 40]})
    >>> criteria.igg_replacement_consideration(levels)["consider_igrt"].to_list()
    [True, False, False]
    """
    rules = registry.get("igg_replacement_consideration").rules
    igg = pl.coalesce("igg_mg_per_dl", pl.col("igg_g_per_l") * 100)
    infection, failed_vaccine = pl.col("serious_or_recurrent_bacterial_infection"), pl.col("impaired_vaccine_response")
    tier = (
        pl.when(le(igg, rules["severe_at_most_mg_per_dl"]))
        .then(pl.lit("severe"))
        .when(le(igg, rules["moderate_at_most_mg_per_dl"]))
        .then(pl.lit("moderate"))
        .when(igg.is_not_null())
        .then(pl.lit("mild_or_none"))
    )
    severe, mild = pl.col("tier") == "severe", pl.col("tier") == "mild_or_none"
    early = pl.col("days_since_infusion") <= rules["without_infection_until_day"]
    consider = pl.col("consider_igrt")
    return (
        rows.with_columns(tier=tier)
        .with_columns(
            consider_igrt=pl.when(severe)
            .then(early | infection)
            .when(mild)
            .then(infection & failed_vaccine)
            .when(pl.col("tier").is_not_null())
            .then(infection)
        )
        .with_columns(
            clause=first_true(
                (severe & early, "severe_early"),
                (consider & mild, "infection_and_vaccine"),
                (consider, "infection"),
                (~consider, "not_considered"),
            ),
            missing=pl.when(consider.is_null()).then(
                missing_names(
                    ("igg_mg_per_dl", igg.is_null()),
                    ("days_since_infusion", pl.col("days_since_infusion").is_null() & may_be_true(severe)),
                    "serious_or_recurrent_bacterial_infection",
                    ("impaired_vaccine_response", failed_vaccine.is_null() & is_true(mild)),
                )
            ),
        )
    )
