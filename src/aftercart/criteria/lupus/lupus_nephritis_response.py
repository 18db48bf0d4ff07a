"""Renal response in lupus nephritis, by five published definitions."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from aftercart.criteria import registry
from aftercart.criteria.calling import criterion
from aftercart.criteria.logic import first_true, ge, is_true, le, lt, missing_names

KDIGO, AURORA, EULAR = "kdigo_2024", "aurora", "eular_era_2019_target"
BLISS = ("bliss_ln_perr", "bliss_ln_crr")

RATIO, EGFR = pl.col("upcr_g_per_g"), pl.col("egfr_ml_min_1_73m2")
BASELINE_EGFR, PREFLARE_EGFR = (pl.col(f"{when}_egfr_ml_min_1_73m2") for when in ("baseline", "preflare"))
FALL, RESCUE = pl.col("upcr_fall_percent"), pl.col("rescue_therapy")
DOSE, MONTHS = pl.col("prednisone_mg_per_day_max_recent"), pl.col("months_since_start")

Limits = Mapping[str, float]


def _is(definition: str) -> pl.Expr:
    return pl.col("definition") == definition


def _by_definition(by: Mapping[str, pl.Expr]) -> pl.Expr:
    return pl.coalesce(*(pl.when(_is(definition)).then(rule) for definition, rule in by.items()))


def _ratio(limits: Limits) -> pl.Expr:
    """Whether urine protein is low enough, up to a limit or strictly below it."""
    return le(RATIO, limits["ratio_up_to"]) if "ratio_up_to" in limits else lt(RATIO, limits["ratio_below"])


def _kept(limits: Limits, reference: pl.Expr) -> pl.Expr:
    """Whether kidney function is good by itself, or has not fallen by too much."""
    return ge(EGFR, limits["egfr_from"]) | ge(EGFR, limits["egfr_share_from"] * reference)


def _on_target(limits: Limits) -> pl.Expr:
    """The target of the time since treatment began: a fall at first, later a level."""
    # From a baseline of 0 no fall is possible.
    fall = pl.when(pl.col("baseline_upcr_g_per_g") == 0).then(pl.lit(0.0)).otherwise(FALL)
    early = le(MONTHS, limits["early_up_to_months"])
    middle = le(MONTHS, limits["middle_up_to_months"])
    return (
        pl.when(early)
        .then(ge(fall, limits["early_fall_from_percent"]))
        .when(middle)
        .then(ge(fall, limits["middle_fall_from_percent"]))
        .when(MONTHS.is_not_null())
        .then(_ratio(limits))
    )


def _missing() -> pl.Expr:
    """The inputs without a value that the chosen definition reads."""
    kdigo, eular, aurora = (is_true(_is(d)) for d in (KDIGO, EULAR, AURORA))
    bliss = is_true(pl.col("definition").is_in(BLISS))
    reads = {
        "upcr_g_per_g": pl.lit(value=True),
        "egfr_ml_min_1_73m2": ~eular,
        "baseline_upcr_g_per_g": kdigo | eular,
        "baseline_egfr_ml_min_1_73m2": kdigo | aurora,
        "preflare_egfr_ml_min_1_73m2": bliss,
        "egfr_tolerance_fraction": kdigo,
        "prednisone_mg_per_day_max_recent": aurora,
        "rescue_therapy": ~eular,
        "months_since_start": eular,
    }
    return missing_names("definition", *((name, read & pl.col(name).is_null()) for name, read in reads.items()))


def _answer(rows: pl.LazyFrame, words: pl.Expr) -> pl.Expr:
    """The answer as each definition gives it: words for KDIGO, yes or no for the trials.

    A column has one type: yes and no stay boolean unless KDIGO is among the rows; then they are text as well.
    """
    yes_or_no = pl.when(~_is(EULAR)).then(pl.col("definition_met"))
    only_yes_or_no = rows.select((pl.len() > 0) & (~is_true(pl.col("definition").is_null() | _is(KDIGO))).all())
    if only_yes_or_no.collect().item():
        return yes_or_no
    return pl.when(_is(KDIGO)).then(words).otherwise(yes_or_no.cast(pl.String))


@criterion
def lupus_nephritis_response(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Decide the renal response in lupus nephritis, by the named definition.

    Source: KDIGO 2024, DOI 10.1016/j.kint.2023.09.002; Rovin 2021 (AURORA), DOI 10.1016/S0140-6736(21)00578-X;
    Furie 2020 (BLISS-LN), DOI 10.1056/NEJMoa2001180; EULAR/ERA-EDTA 2019, DOI 10.1136/annrheumdis-2020-216924.

    >>> import polars as pl
    >>> from aftercart import criteria
    >>> visit = pl.DataFrame({"upcr_g_per_g": [0.3, 0.5], "baseline_upcr_g_per_g": [4.0, 4.0],
    ...     "egfr_ml_min_1_73m2": [88, 90], "baseline_egfr_ml_min_1_73m2": [90, 90]})
    >>> criteria.lupus_nephritis_response(visit, definition="kdigo_2024")["response"].to_list()
    ['complete', 'partial']
    """
    rules = registry.get("lupus_nephritis_response").rules
    kdigo, aurora, eular = rules[KDIGO], rules[AURORA], rules[EULAR]
    baseline = pl.col("baseline_upcr_g_per_g")
    complete, partial, met = pl.col("complete"), pl.col("partial"), pl.col("definition_met")
    low, kept = pl.col("protein_low_enough"), pl.col("kidney_function_kept")
    halved = pl.when(baseline == 0).then(pl.lit(value=False)).otherwise(ge(FALL, kdigo["partial_fall_from_percent"]))
    steroid = le(DOSE, aurora["prednisone_up_to_mg"])
    words = first_true((complete, "complete"), (~complete & partial, "partial"), (~complete & ~partial, "no_response"))
    return (
        rows.with_columns(upcr_fall_percent=pl.when(baseline > 0).then(((baseline - RATIO) / baseline * 100).round(9)))
        .with_columns(
            protein_low_enough=_by_definition(
                {d: _ratio(rules[d]) for d in (KDIGO, AURORA, *BLISS)} | {EULAR: _on_target(eular)}
            ),
            kidney_function_kept=_by_definition(
                {
                    KDIGO: ge(EGFR, (1 - pl.col("egfr_tolerance_fraction")) * BASELINE_EGFR),
                    AURORA: _kept(aurora, BASELINE_EGFR),
                    **{d: _kept(rules[d], PREFLARE_EGFR) for d in BLISS},
                }
            ),
        )
        .with_columns(
            complete=pl.when(_is(KDIGO)).then(low & kept & ~RESCUE),
            partial=pl.when(_is(KDIGO)).then(halved & lt(RATIO, kdigo["partial_below"]) & kept & ~RESCUE),
            on_target=pl.when(_is(EULAR)).then(low),
        )
        .with_columns(
            definition_met=_by_definition(
                {
                    KDIGO: complete,
                    AURORA: low & kept & ~RESCUE & steroid,
                    **dict.fromkeys(BLISS, low & kept & ~RESCUE),
                    EULAR: pl.col("on_target"),
                }
            )
        )
        .with_columns(response=_answer(rows, words))
        .with_columns(
            clause=pl.when(_is(EULAR))
            .then(first_true((met, "eular_on_target"), (~met, "eular_off_target")))
            .otherwise(
                first_true(
                    (met & _is(KDIGO), "kdigo_complete"),
                    (~met & partial, "kdigo_partial"),
                    (met, "trial_response"),
                    (RESCUE, "rescue"),
                    (~kept, "function_lost"),
                    (_is(AURORA) & ~steroid, "aurora_prednisone"),
                    (_is(KDIGO) & ~met & partial.is_null(), "kdigo_not_complete"),
                    (~low, "proteinuria"),
                )
            ),
            missing=pl.when(pl.col("response").is_null() & pl.col("on_target").is_null()).then(_missing()),
        )
    )
