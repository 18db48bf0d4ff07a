"""Clinical disease activity index of rheumatoid arthritis."""

from __future__ import annotations

import polars as pl

from aftercart.criteria import registry
from aftercart.criteria.arthritis.activity import bounded, decided, plain_terms
from aftercart.criteria.calling import criterion
from aftercart.criteria.logic import missing_names

JOINTS = ("tender_joint_count_28", "swollen_joint_count_28")
GLOBALS = ("patient_global_0_10_cm", "physician_global_0_10_cm")


@criterion
def cdai(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Score rheumatoid arthritis 0 to 76 from joint counts (of 28) and both global assessments (0 to 10 cm).

    Source: Aletaha 2005, DOI 10.1186/ar1740.

    >>> import polars as pl
    >>> from aftercart import criteria
    >>> visit = pl.DataFrame({"tender_joint_count_28": [4], "swollen_joint_count_28": [3],
    ...     "patient_global_0_10_cm": [2.0], "physician_global_0_10_cm": [1.0]})
    >>> criteria.cdai(visit).select("cdai", "category").row(0)
    (10.0, 'low')
    """
    rules = registry.get("cdai").rules
    ends = [bounded(c, rules["largest"]["joint_count"]) for c in JOINTS]
    ends += [bounded(c, rules["largest"]["global"]) for c in GLOBALS]
    low, high = pl.col("cdai_lower_bound"), pl.col("cdai_upper_bound")
    return (
        rows.with_columns(
            **plain_terms(),
            cdai=pl.sum_horizontal(*JOINTS, *GLOBALS, ignore_nulls=False),
            cdai_lower_bound=pl.sum_horizontal(lowest for lowest, _ in ends),
            cdai_upper_bound=pl.sum_horizontal(highest for _, highest in ends),
        )
        .with_columns(category=decided(low, high, rules["cut_offs"]))
        .with_columns(clause=pl.col("category"), missing=missing_names(*JOINTS, *GLOBALS))
    )
