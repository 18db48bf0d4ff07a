"""ACR CRISS: probability of improvement in diffuse systemic sclerosis (Khanna 2016)."""

from __future__ import annotations

import polars as pl

from aftercart.criteria import registry
from aftercart.criteria.calling import criterion
from aftercart.criteria.logic import first_true, ge, missing_names
from aftercart.criteria.scleroderma.criss_step1 import any_event, events, missing_inputs

VISIT_COLUMNS = {
    "mrss": "mrss",
    "fvc_percent_predicted": "fvc_percent_predicted",
    "patient_global_0_10": "patient_global_0_10",
    "physician_global_0_10": "physician_global_0_10",
    "haq_di": "haq_di_0_3",
}


def _change(measure: str) -> pl.Expr:
    column = VISIT_COLUMNS[measure]
    return pl.coalesce(f"changes.{measure}", pl.col(f"followup.{column}") - pl.col(f"baseline.{column}"))


@criterion
def acr_criss_2016(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Predict the probability that diffuse systemic sclerosis improved, 0 after new organ failure.

    Source: Khanna 2016, Arthritis Rheumatol 68:299, table 11 of PMC4818571.

    >>> import polars as pl
    >>> from aftercart import criteria
    >>> pair = pl.DataFrame({"changes.mrss": [-8], "changes.fvc_percent_predicted": [0],
    ...     "changes.patient_global_0_10": [0], "changes.physician_global_0_10": [0], "changes.haq_di": [0]})
    >>> criteria.acr_criss_2016(pair)["criss_probability"].round(4).to_list()
    [0.7191]
    """
    rules = registry.get("acr_criss_2016").rules
    step1 = events(rules["step1"])
    terms = {f"terms.{m}": pl.col(f"change_used.{m}") * weight for m, weight in rules["coefficients"].items()}
    linear = pl.col("linear_predictor")
    # 1 / (1 + exp(-x)) is the printed exp(x) / (1 + exp(x)) without infinity divided by infinity.
    probability = 1 / (1 + (-linear).exp())
    event, result, improved = pl.col("step1_not_improved"), pl.col("criss_probability"), pl.col("improved_ge_0_60")
    return (
        rows.with_columns(_change(m).alias(f"change_used.{m}") for m in VISIT_COLUMNS)
        .with_columns(**terms, **{f"events.{name}": flag for name, flag in step1.items()})
        .with_columns(
            linear_predictor=rules["intercept"] + pl.sum_horizontal(list(terms), ignore_nulls=False),
            step1_not_improved=any_event(list(step1)),
        )
        .with_columns(
            criss_probability=pl.when(event).then(0.0).when(~event).then(probability),
            criss_probability_lower_bound=pl.when(~event).then(probability).fill_null(0.0),
            criss_probability_upper_bound=pl.when(event).then(0.0).otherwise(probability.fill_null(1.0)),
            improved_ge_0_60=~event & ge(probability, rules["improved_from"]),
        )
        .with_columns(
            clause=first_true(
                *((pl.col(f"events.{name}"), name) for name in step1),
                (improved, "improved"),
                (~improved, "not_improved"),
            ),
            missing=pl.when(result.is_null()).then(
                missing_names(
                    *((f"changes.{m}", pl.col(f"change_used.{m}").is_null()) for m in VISIT_COLUMNS),
                    *missing_inputs(list(step1)),
                )
            ),
        )
    )
