"""CDASI activity: severity at baseline and relevant change."""

from __future__ import annotations

import polars as pl

from aftercart.criteria import registry
from aftercart.criteria.calling import criterion
from aftercart.criteria.logic import first_true, ge, gt, missing_names


def _severity(above_mild: pl.Expr) -> pl.Expr:
    return pl.when(above_mild).then(pl.lit("moderate_severe")).when(~above_mild).then(pl.lit("mild"))


@criterion
def cdasi(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Judge the change of CDASI activity (0 to 100) and the severity at baseline, by the limits of two centres.

    Source: Anyanwu 2015, DOI 10.1111/bjd.13915.

    >>> import polars as pl
    >>> from aftercart import criteria
    >>> pair = pl.DataFrame({"baseline_activity": [20], "followup_activity": [16]})
    >>> criteria.cdasi(pair).select("mcid_4", "mcid_5").row(0)
    (True, False)
    """
    rules = registry.get("cdasi").rules
    baseline, delta = pl.col("baseline_activity"), pl.col("delta")
    return (
        rows.with_columns(
            delta=(pl.col("followup_activity") - baseline).round(9),
            baseline_severity_cut14=_severity(gt(baseline, rules["mild_up_to"])),
            baseline_severity_cut19=_severity(ge(baseline, rules["moderate_from"])),
        )
        .with_columns(
            mcid_4=ge(-delta, rules["relevant_change_one"]),
            mcid_5=ge(-delta, rules["relevant_change_other"]),
        )
        .with_columns(
            clause=first_true(
                (pl.col("mcid_5"), "relevant_at_both"),
                (pl.col("mcid_4"), "relevant_at_one"),
                (delta.is_not_null(), "no_relevant_change"),
            ),
            missing=missing_names("baseline_activity", "followup_activity"),
        )
    )
