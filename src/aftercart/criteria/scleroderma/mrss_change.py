"""Change of the modified Rodnan skin score between two visits."""

from __future__ import annotations

import polars as pl

from aftercart.criteria import registry
from aftercart.criteria.calling import criterion
from aftercart.criteria.logic import first_true, ge, gt, missing_names


@criterion
def mrss_change(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Compare two skin scores with the published limits of improvement and progression.

    Source: Dobrota 2016, DOI 10.1136/annrheumdis-2015-208024; Khanna 2019, DOI 10.1186/s13075-019-1809-y.

    >>> import polars as pl
    >>> from aftercart import criteria
    >>> pair = pl.DataFrame({"baseline_mrss": [20], "followup_mrss": [14]})
    >>> criteria.mrss_change(pair)["improved_gt5_and_ge25pct"].to_list()
    [True]
    """
    rules = registry.get("mrss_change").rules
    baseline, followup = pl.col("baseline_mrss"), pl.col("followup_mrss")
    delta, percent = pl.col("delta"), pl.col("percent_change")
    from_zero = pl.when(delta.is_not_null()).then(baseline == 0)
    enough = rules["percent_from"]
    improved, progressed = pl.col("improved_gt5_and_ge25pct"), pl.col("progressed_gt5_and_ge25pct")
    return (
        rows.with_columns(
            delta=(followup - baseline).round(9),
            percent_change=pl.when(baseline != 0).then(((followup - baseline) / baseline * 100).round(9)),
        )
        .with_columns(
            improved_gt5_and_ge25pct=gt(-delta, rules["points_above"]) & ge(-percent, enough) & ~from_zero,
            progressed_gt5_and_ge25pct=gt(delta, rules["points_above"]) & (from_zero | ge(percent, enough)),
            improved_mcid_dcssc_ge5=ge(-delta, rules["mcid_diffuse_from"]),
            improved_mcid_all_ge4=ge(-delta, rules["mcid_all_from"]),
        )
        .with_columns(
            clause=first_true(
                (progressed, "progressed"),
                (improved, "improved"),
                (pl.col("improved_mcid_dcssc_ge5"), "relevant_in_diffuse_disease"),
                (pl.col("improved_mcid_all_ge4"), "relevant_in_all"),
                (delta.is_not_null(), "no_relevant_change"),
            ),
            missing=missing_names("baseline_mrss", "followup_mrss"),
        )
    )
