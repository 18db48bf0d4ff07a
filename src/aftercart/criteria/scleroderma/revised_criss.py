"""Revised CRISS: three of five measures better by 20, 25 or 50 percent (Khanna 2021)."""

from __future__ import annotations

import polars as pl

from aftercart.criteria import registry
from aftercart.criteria.calling import criterion
from aftercart.criteria.logic import first_true, ge, is_true, k_of_n, missing_names
from aftercart.criteria.scleroderma.criss_step1 import any_event, extended_events, missing_inputs

COLUMNS = {
    "mrss": "mrss",
    "haq_di": "haq_di_0_3",
    "patient_global": "patient_global_0_10",
    "physician_global": "physician_global_0_10",
    "fvc": "fvc_percent_predicted",
}


def _percent(measure: str) -> pl.Expr:
    """Improvement in percent of the baseline value; none from a baseline of 0."""
    baseline, followup = pl.col(f"baseline.{COLUMNS[measure]}"), pl.col(f"followup.{COLUMNS[measure]}")
    better = followup - baseline if measure == "fvc" else baseline - followup
    return pl.when(baseline > 0).then((better / baseline * 100).round(9))


def _improved(measure: str, level: float) -> pl.Expr:
    """Whether a measure reached its limit: FVC its own, the others that of the level."""
    limit = pl.col("fvc_relative_improvement_pct") if measure == "fvc" else level
    from_zero = pl.when(pl.col(f"baseline.{COLUMNS[measure]}") == 0).then(pl.lit(value=False))
    return pl.coalesce(ge(pl.col(f"improvement_pct.{measure}"), limit), from_zero)


@criterion
def revised_criss(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Decide CRISS-20, CRISS-25 and CRISS-50: improvement of three of five measures without new organ failure.

    Source: Khanna 2021, DOI 10.1136/annrheumdis-2020-219100.

    >>> import polars as pl
    >>> from aftercart import criteria
    >>> pair = pl.DataFrame({
    ...     "baseline.mrss": [20], "followup.mrss": [12],
    ...     "baseline.haq_di_0_3": [1.0], "followup.haq_di_0_3": [0.5],
    ...     "baseline.fvc_percent_predicted": [80], "followup.fvc_percent_predicted": [84],
    ... })
    >>> criteria.revised_criss(pair).select("criss20", "criss25").row(0)
    (True, True)
    """
    rules = registry.get("revised_criss").rules
    step1 = extended_events(rules["step1"])
    levels, needed = rules["levels"], rules["improved_measures"]
    reached = {key: k_of_n([_improved(m, level) for m in COLUMNS], needed) for key, level in levels.items()}
    at_20 = {m: _improved(m, levels["criss20"]) for m in COLUMNS}
    event, result = pl.col("step1_not_improved"), pl.col("criss20")
    return (
        rows.with_columns(_percent(m).alias(f"improvement_pct.{m}") for m in COLUMNS)
        .with_columns(flag.alias(f"events.{name}") for name, flag in step1.items())
        .with_columns(
            n_improved_20=pl.sum_horizontal(is_true(flag).cast(pl.Int64) for flag in at_20.values()),
            step1_not_improved=any_event(list(step1)),
        )
        .with_columns((flag & ~event).alias(key) for key, flag in reached.items())
        .with_columns(
            clause=first_true(
                *((pl.col(f"events.{name}"), name) for name in step1),
                (pl.col("criss50"), "criss50"),
                (pl.col("criss25"), "criss25"),
                (result, "criss20"),
                (~result, "fewer_than_three"),
            ),
            missing=pl.when(result.is_null()).then(
                missing_names(
                    *(
                        (f"{visit}.{COLUMNS[m]}", at_20[m].is_null() & pl.col(f"{visit}.{COLUMNS[m]}").is_null())
                        for visit in ("baseline", "followup")
                        for m in COLUMNS
                    ),
                    "fvc_relative_improvement_pct",
                    *missing_inputs(list(step1)),
                )
            ),
        )
    )
