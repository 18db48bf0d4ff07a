"""Fibrinogen decreased, aPTT prolonged and INR increased, CTCAE v5 and v6."""

from __future__ import annotations

from typing import Any

import polars as pl

from aftercart.criteria import registry
from aftercart.criteria.calling import criterion
from aftercart.criteria.logic import Interval, first_true, ge, gt, held, is_true, le, lt, may_be_true, with_grade, worst
from aftercart.criteria.safety.ctcae_liver import above
from aftercart.criteria.safety.ctcae_neutrophils import either
from aftercart.criteria.safety.ctcae_white_cells import by_term, missing_by_term

VALUE, LLN, BASELINE = (pl.col(f"fibrinogen{part}_mg_per_dl") for part in ("", "_lln", "_baseline"))
INPUTS = {
    "fibrinogen_decreased": ("fibrinogen_mg_per_dl", "fibrinogen_lln_mg_per_dl"),
    "aptt_prolonged": ("aptt_s", "aptt_uln_s"),
    "inr_increased": ("inr", "on_anticoagulation"),
}


def _fall(parts: list[float]) -> Interval:
    """Grade the fall from baseline: 0 above it, else 1, and 2 to 4 where only such a part of it is left."""
    grade = pl.when(gt(VALUE, BASELINE)).then(0).when(le(VALUE, BASELINE)).then(1).cast(pl.Int32)
    for step, part in enumerate(parts):
        grade = pl.when(le(VALUE, part * BASELINE)).then(step + 2).otherwise(grade).cast(pl.Int32)
    return Interval(grade.fill_null(0), grade.fill_null(4))


def _fibrinogen(by: dict[str, Interval], absolute: float) -> Interval:
    """By range or by fall from baseline, as the chosen reading says; back in range is 0, very low is always 4."""
    switched = either(lt(BASELINE, LLN), by["fall"], by["range"])
    found = either(pl.col("fibrinogen_rule") == "worst_of", worst(by["range"], by["fall"]), switched)

    def end(relative: pl.Expr, unknown: int) -> pl.Expr:
        low, normal = lt(VALUE, absolute), ge(VALUE, LLN)
        return pl.when(low).then(4).when(normal).then(0).when(LLN.is_null()).then(unknown).otherwise(relative)

    return Interval(end(found.low, 0).cast(pl.Int32), end(found.high, 4).cast(pl.Int32))


def _with_bleeding(found: Interval, bleeding: pl.Expr) -> Interval:
    """Bleeding makes a prolonged result grade 3; a result that is not prolonged stays 0."""
    in_range = pl.when(found.high == 0).then(pl.lit(value=True)).when(found.low > 0).then(pl.lit(value=False))
    return worst(found, Interval.flag(bleeding, 3).unless(in_range))


def _held(rows: pl.LazyFrame, rules: dict[str, Any]) -> tuple[pl.LazyFrame, dict[str, Interval]]:
    # Below a multiple of the lower limit is above it with both signs turned.
    return held(
        rows,
        range=above(-VALUE, -LLN, rules["fibrinogen_below_lln"]),
        fall=_fall(rules["fibrinogen_left_of_baseline"]),
        aptt=above(pl.col("aptt_s"), pl.col("aptt_uln_s"), rules["aptt_above_uln"]),
        inr=either(
            pl.col("on_anticoagulation"),
            above(pl.col("inr"), pl.col("inr_baseline"), rules["inr_above_baseline"]),
            above(pl.col("inr"), 1.0, rules["inr_above"]),
        ),
    )


@criterion
def ctcae_coagulation(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Grade one fibrinogen, aPTT or INR by CTCAE; the term says which.

    Source: CTCAE v5.0 (2017) and v6.0 (2025), terms fibrinogen decreased, activated partial thromboplastin time
    prolonged and INR increased.

    >>> import polars as pl
    >>> from aftercart import criteria
    >>> labs = pl.DataFrame({"fibrinogen_mg_per_dl": [148, 49], "fibrinogen_lln_mg_per_dl": [200, None],
    ...                      "fibrinogen_baseline_mg_per_dl": [300, 300]})
    >>> criteria.ctcae_coagulation(labs, ctcae_term="fibrinogen_decreased")["grade"].to_list()
    [2, 4]
    """
    rules = dict(registry.get("ctcae_coagulation").rules)
    term, bleeding, is_v6 = pl.col("ctcae_term"), pl.col("bleeding"), pl.col("ctcae_version") == 6
    frame, by = _held(rows, rules)
    frame, of = held(
        frame,
        fibrinogen=_fibrinogen(by, rules["fibrinogen_always_grade_4_below"]),
        aptt_or_bleeding=_with_bleeding(by["aptt"], bleeding),
        inr_or_bleeding=_with_bleeding(by["inr"], bleeding & is_v6),
    )
    found = by_term(
        {
            "fibrinogen_decreased": of["fibrinogen"],
            "aptt_prolonged": of["aptt_or_bleeding"],
            "inr_increased": of["inr_or_bleeding"],
        }
    )
    grade, is_fibrinogen, is_inr = pl.col("grade"), term == "fibrinogen_decreased", term == "inr_increased"
    worst_of = pl.col("fibrinogen_rule") == "worst_of"
    by_fall = pl.when(worst_of).then(by["range"].high < grade).otherwise(lt(BASELINE, LLN))
    by_count = pl.when(is_inr).then(by["inr"].low).otherwise(by["aptt"].low)
    return with_grade(frame, found).with_columns(
        clause=first_true(
            (grade == 0, "normal"),
            (is_fibrinogen & lt(VALUE, rules["fibrinogen_always_grade_4_below"]), "absolute"),
            (is_fibrinogen & by_fall, "fall"),
            (~is_fibrinogen & (grade == 3) & (by_count < 3), "bleeding"),
            (is_inr & pl.col("on_anticoagulation"), "ratio_to_baseline"),
            (is_inr & (grade > 0), "absolute"),
            (grade > 0, "range"),
        ),
        missing=pl.when(grade.is_null()).then(
            missing_by_term(
                INPUTS,
                ("ctcae_version", is_v6.is_null() & may_be_true(is_inr & bleeding)),
                ("fibrinogen_baseline_mg_per_dl", BASELINE.is_null() & may_be_true(is_fibrinogen)),
                ("fibrinogen_rule", pl.col("fibrinogen_rule").is_null() & may_be_true(is_fibrinogen)),
                (
                    "inr_baseline",
                    pl.col("inr_baseline").is_null() & may_be_true(is_inr & pl.col("on_anticoagulation")),
                ),
                ("bleeding", bleeding.is_null() & ~is_true(is_fibrinogen)),
            )
        ),
    )
