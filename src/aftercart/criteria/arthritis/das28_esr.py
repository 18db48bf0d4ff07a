"""Disease activity score of 28 joints with ESR."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from aftercart.criteria import registry
from aftercart.criteria.arthritis.activity import decided
from aftercart.criteria.arthritis.das28 import common_terms, largest_terms
from aftercart.criteria.calling import criterion
from aftercart.criteria.logic import missing_names


@criterion
def das28_esr(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Score rheumatoid arthritis from 28 joints, ESR (mm/h) and the patient global (0 to 100 mm).

    Source: Prevoo 1995, Arthritis Rheum 38:44; formula as in PMC2678269.

    >>> import polars as pl
    >>> from aftercart import criteria
    >>> visit = pl.DataFrame({"tender_joint_count_28": [4], "swollen_joint_count_28": [4],
    ...     "patient_global_0_100_mm": [50], "esr_mm_per_h": [20]})
    >>> criteria.das28_esr(visit)["das28_esr"].round(2).to_list()
    [4.48]
    """
    rules: Mapping[str, Any] = registry.get("das28_esr").rules
    # The logarithm of 0 does not exist, so an ESR below 1 counts as 1.
    esr = rules["coefficients"]["ln_esr"] * pl.col("esr_mm_per_h").clip(lower_bound=1).log()
    terms = common_terms(rules) | {"esr": esr}
    largest = largest_terms(rules)
    names = [f"terms.{t}" for t in terms]
    return (
        rows.with_columns(term.alias(f"terms.{name}") for name, term in terms.items())
        .with_columns(
            das28_esr=pl.sum_horizontal(names, ignore_nulls=False),
            das28_esr_lower_bound=pl.sum_horizontal(pl.col(n).fill_null(0.0) for n in names),
            das28_esr_upper_bound=pl.sum_horizontal(
                *(pl.col(f"terms.{t}").fill_null(most) for t, most in largest.items()), "terms.esr", ignore_nulls=False
            ),
        )
        .with_columns(
            category=decided(pl.col("das28_esr_lower_bound"), pl.col("das28_esr_upper_bound"), rules["cut_offs"])
        )
        .with_columns(
            clause=pl.col("category"),
            missing=missing_names(
                "tender_joint_count_28", "swollen_joint_count_28", "patient_global_0_100_mm", "esr_mm_per_h"
            ),
        )
    )
