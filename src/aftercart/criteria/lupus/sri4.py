"""SLE responder index."""

from __future__ import annotations

import polars as pl

from aftercart.criteria import registry
from aftercart.criteria.calling import criterion
from aftercart.criteria.logic import first_true, ge, is_true
from aftercart.criteria.lupus._bilag import missing_inputs, new_a, new_b, no_new_activity, pga_not_worse


@criterion
def sri4(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Decide the SLE responder index: SLEDAI lower by 4, no new BILAG activity, physician global not worse.

    Source: Furie RA et al., Arthritis Rheum 2009;61:1143-1151, DOI 10.1002/art.24698.

    >>> import polars as pl
    >>> from aftercart import criteria
    >>> pair = pl.DataFrame({"baseline.sledai": [10], "followup.sledai": [6],
    ...     "baseline.phga_0_3": [2.0], "followup.phga_0_3": [1.0],
    ...     "baseline.bilag.mucocutaneous": ["B"], "followup.bilag.mucocutaneous": ["C"]})
    >>> criteria.sri4(pair)["sri4"].to_list()
    [True]
    """
    rules = registry.get("sri4").rules
    response, prohibited = pl.col("sri4"), pl.col("prohibited_medication")
    score_ok, bilag_ok, global_ok = pl.col("sledai_ok"), pl.col("bilag_ok"), pl.col("pga_ok")
    fall = pl.col("sledai_fall")
    return (
        rows.with_columns(
            sledai_fall=pl.col("baseline.sledai") - pl.col("followup.sledai"),
            n_new_a=pl.sum_horizontal(is_true(a).cast(pl.Int64) for a in new_a()),
            n_new_b=pl.sum_horizontal(is_true(b).cast(pl.Int64) for b in new_b()),
        )
        .with_columns(
            sledai_ok=ge(fall, pl.col("sledai_points")),
            bilag_ok=no_new_activity(rules["new_b_allowed"]),
            pga_ok=pga_not_worse(rules["pga_rise_below"]),
        )
        .with_columns(sri4=score_ok & bilag_ok & global_ok & ~prohibited)
        .with_columns(
            sri4_nri=is_true(response),
            clause=first_true(
                (response, "response"),
                (prohibited, "prohibited_medication"),
                (~score_ok, "sledai"),
                (~bilag_ok, "bilag"),
                (~global_ok, "physician_global"),
            ),
            missing=missing_inputs("sri4", "prohibited_medication"),
        )
    )
