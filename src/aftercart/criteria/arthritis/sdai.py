"""Simplified disease activity index of rheumatoid arthritis."""

from __future__ import annotations

import polars as pl

from aftercart.criteria import registry
from aftercart.criteria.arthritis.activity import bounded, decided, plain_terms
from aftercart.criteria.calling import criterion
from aftercart.criteria.logic import missing_names

JOINTS = ("tender_joint_count_28", "swollen_joint_count_28")
GLOBALS = ("patient_global_0_10_cm", "physician_global_0_10_cm")
MG_PER_L_IN_MG_PER_DL = 10


@criterion
def sdai(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Score rheumatoid arthritis: joint counts (of 28), both global assessments (0 to 10 cm) and CRP in mg/dL.

    Source: Smolen 2003, Rheumatology 42:244.

    >>> import polars as pl
    >>> from aftercart import criteria
    >>> visit = pl.DataFrame({"tender_joint_count_28": [4], "swollen_joint_count_28": [3],
    ...     "patient_global_0_10_cm": [2.0], "physician_global_0_10_cm": [1.0], "crp_mg_per_l": [10]})
    >>> criteria.sdai(visit).select("sdai", "category").row(0)
    (11.0, 'low')
    """
    rules = registry.get("sdai").rules
    crp = pl.coalesce("crp_mg_per_dl", pl.col("crp_mg_per_l") / MG_PER_L_IN_MG_PER_DL)
    ends = [bounded(c, rules["largest"]["joint_count"]) for c in JOINTS]
    ends += [bounded(c, rules["largest"]["global"]) for c in GLOBALS]
    low, high = pl.col("sdai_lower_bound"), pl.col("sdai_upper_bound")
    return (
        rows.with_columns(
            **plain_terms(),
            **{"terms.crp": crp},
            sdai=pl.sum_horizontal(*JOINTS, *GLOBALS, crp, ignore_nulls=False),
            sdai_lower_bound=pl.sum_horizontal(*(lowest for lowest, _ in ends), crp.fill_null(0.0)),
            sdai_upper_bound=pl.sum_horizontal(*(highest for _, highest in ends), crp, ignore_nulls=False),
        )
        .with_columns(category=decided(low, high, rules["cut_offs"]))
        .with_columns(
            clause=pl.col("category"),
            missing=missing_names(*JOINTS, *GLOBALS, ("crp_mg_per_dl", crp.is_null())),
        )
    )
