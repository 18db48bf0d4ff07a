"""Endothelial activation and stress index (EASIX) and its modifications."""

from __future__ import annotations

import polars as pl

from aftercart.criteria import registry
from aftercart.criteria.calling import criterion
from aftercart.criteria.logic import gt, missing_names


@criterion
def easix(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Compute EASIX, modified EASIX (CRP for creatinine) and simplified EASIX (neither) from one day's values.

    Source: Pennisi M et al., Blood Adv 2021;5:3397-3406; cut-off from Korell F et al., Front Immunol 2022.

    >>> import polars as pl
    >>> from aftercart import criteria
    >>> day = pl.DataFrame({"ldh_u_per_l": [400], "creatinine_mg_per_dl": [1.2], "crp_mg_per_dl": [5.0],
    ...                     "platelets_10e9_per_l": [80]})
    >>> criteria.easix(day).select("easix", "m_easix", "s_easix").row(0)
    (6.0, 25.0, 5.0)
    """
    rules = registry.get("easix").rules
    platelets = pl.col("platelets_10e9_per_l")
    simple = pl.col("ldh_u_per_l") / pl.when(platelets > 0).then(platelets)
    index, cutoff = simple * pl.col("creatinine_mg_per_dl"), rules["pre_cutoff"]
    above = gt(index, cutoff)
    return rows.with_columns(
        easix=index.round(rules["decimals"]),
        m_easix=(simple * pl.col("crp_mg_per_dl")).round(rules["decimals"]),
        s_easix=simple.round(rules["decimals"]),
        above_cutoff=above,
        clause=pl.when(above).then(pl.lit("above_cutoff")).when(~above).then(pl.lit("not_above_cutoff")),
        missing=missing_names(
            "ldh_u_per_l",
            ("platelets_10e9_per_l", platelets.is_null() | (platelets <= 0)),
            "creatinine_mg_per_dl",
            "crp_mg_per_dl",
        ),
    )
