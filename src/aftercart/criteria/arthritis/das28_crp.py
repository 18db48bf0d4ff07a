"""Disease activity score of 28 joints with CRP."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from aftercart.criteria import registry
from aftercart.criteria.arthritis.activity import decided
from aftercart.criteria.arthritis.das28 import common_terms, largest_terms
from aftercart.criteria.calling import criterion
from aftercart.criteria.logic import missing_names

MG_PER_L_IN_MG_PER_DL = 10


@criterion
def das28_crp(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Score rheumatoid arthritis from 28 joints, CRP (mg/L or mg/dL) and the patient global (0 to 100 mm).

    Source: formula as in PMC2678269; cut-offs for CRP from DOI 10.1136/rmdopen-2016-000382.

    >>> import polars as pl
    >>> from aftercart import criteria
    >>> visit = pl.DataFrame({"tender_joint_count_28": [4], "swollen_joint_count_28": [4],
    ...     "patient_global_0_100_mm": [50], "crp_mg_per_l": [20]})
    >>> criteria.das28_crp(visit)["das28_crp"].round(2).to_list()
    [4.44]
    """
    rules: Mapping[str, Any] = registry.get("das28_crp").rules
    crp = pl.coalesce("crp_mg_per_l", pl.col("crp_mg_per_dl") * MG_PER_L_IN_MG_PER_DL)
    terms = common_terms(rules) | {"crp": rules["coefficients"]["ln_crp_plus_1"] * (crp + 1).log()}
    largest = largest_terms(rules)
    constant = pl.lit(rules["coefficients"]["constant"])
    names = [f"terms.{t}" for t in terms]
    low, high = pl.col("das28_crp_lower_bound"), pl.col("das28_crp_upper_bound")
    return (
        rows.with_columns(term.alias(f"terms.{name}") for name, term in terms.items())
        .with_columns(
            das28_crp=constant + pl.sum_horizontal(names, ignore_nulls=False),
            das28_crp_lower_bound=constant + pl.sum_horizontal(pl.col(n).fill_null(0.0) for n in names),
            das28_crp_upper_bound=constant
            + pl.sum_horizontal(
                *(pl.col(f"terms.{t}").fill_null(most) for t, most in largest.items()), "terms.crp", ignore_nulls=False
            ),
        )
        .with_columns(
            category_esr_cutoffs=decided(low, high, rules["cut_offs"]["esr"]),
            category_crp_cutoffs=decided(low, high, rules["cut_offs"]["crp"]),
        )
        .with_columns(
            clause=pl.col("category_crp_cutoffs"),
            missing=missing_names(
                "tender_joint_count_28",
                "swollen_joint_count_28",
                "patient_global_0_100_mm",
                ("crp_mg_per_l", pl.col("terms.crp").is_null()),
            ),
        )
    )
