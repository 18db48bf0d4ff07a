"""BILAG-based composite lupus assessment."""

from __future__ import annotations

from functools import reduce
from operator import or_

import polars as pl

from aftercart.criteria import registry
from aftercart.criteria.calling import criterion
from aftercart.criteria.logic import first_true, is_true, le, may_be_true
from aftercart.criteria.lupus._bilag import in_systems, missing_inputs, no_new_activity, pga_not_worse


def _not_improved(before: pl.Expr, after: pl.Expr) -> pl.Expr:
    """B that still is B, or any A now: an A at follow-up is either new or did not improve."""
    return (after == "A") | ((before == "B") & (after == "B"))


@criterion
def bicla(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Decide the BICLA response: every BILAG A and B improves, nothing new, SLEDAI and physician global not worse.

    Source: Wallace DJ et al., Ann Rheum Dis 2014;73:183-190, DOI 10.1136/annrheumdis-2012-202760.

    >>> import polars as pl
    >>> from aftercart import criteria
    >>> pair = pl.DataFrame({"baseline.sledai": [12], "followup.sledai": [12],
    ...     "baseline.phga_0_3": [2.0], "followup.phga_0_3": [2.0],
    ...     "baseline.bilag.renal": ["A"], "followup.bilag.renal": ["B"]})
    >>> criteria.bicla(pair)["bicla"].to_list()
    [True]
    """
    rules = registry.get("bicla").rules
    response, evaluable, failure = pl.col("bicla"), pl.col("evaluable"), pl.col("treatment_failure")
    improved, nothing_new = pl.col("bilag_improved"), pl.col("bilag_ok")
    score_ok, global_ok = pl.col("sledai_ok"), pl.col("pga_ok")
    return (
        rows.with_columns(
            evaluable=reduce(or_, in_systems(lambda before, _: before.is_in(["A", "B"]))),
            bilag_improved=~reduce(or_, in_systems(_not_improved)),
            bilag_ok=no_new_activity(rules["new_b_allowed"]),
            sledai_ok=le(pl.col("followup.sledai"), pl.col("baseline.sledai")),
            pga_ok=pga_not_worse(rules["pga_rise_below"]),
        )
        .with_columns(bicla=pl.when(evaluable).then(improved & nothing_new & score_ok & global_ok & ~failure))
        .with_columns(
            bicla_nri=pl.when(may_be_true(evaluable)).then(is_true(response)),
            clause=first_true(
                (~evaluable, "not_evaluable"),
                (response, "response"),
                (evaluable & failure, "treatment_failure"),
                (evaluable & ~improved, "bilag_not_improved"),
                (evaluable & ~nothing_new, "bilag_new"),
                (evaluable & ~score_ok, "sledai"),
                (evaluable & ~global_ok, "physician_global"),
            ),
            missing=pl.when(may_be_true(evaluable)).then(missing_inputs("bicla", "treatment_failure")),
        )
    )
