"""Creatinine increased, CTCAE v5 and v6."""

from __future__ import annotations

import polars as pl

from aftercart.criteria import registry
from aftercart.criteria.calling import criterion
from aftercart.criteria.logic import Interval, first_true, held, may_be_true, missing_names, with_grade, worst
from aftercart.criteria.safety.ctcae_liver import above, baseline_was
from aftercart.criteria.safety.ctcae_neutrophils import either


def _by_range(value: pl.Expr, uln: pl.Expr, baseline: pl.Expr, multiples: list[float]) -> Interval:
    """Multiples of the upper limit; where that is missing, a baseline that was not high is at most that limit."""
    known, at_most = above(value, uln, multiples), above(value, baseline, multiples)
    ceiling = pl.when(baseline_was("high")).then(len(multiples)).otherwise(pl.max_horizontal(at_most.high, pl.lit(1)))
    return Interval(known.low, pl.when(uln.is_null()).then(ceiling).otherwise(known.high).cast(pl.Int32))


def _by_baseline(value: pl.Expr, baseline: pl.Expr, multiples: list[float]) -> Interval:
    """Multiples of the baseline, which are printed from grade 2 on."""
    found = above(value, baseline, multiples)
    return Interval(*(pl.when(end > 0).then(end + 1).otherwise(0).cast(pl.Int32) for end in (found.low, found.high)))


@criterion
def ctcae_creatinine(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Grade one creatinine value by CTCAE version 5 or 6, against the upper limit and, where it counts, the baseline.

    Source: CTCAE v5.0 (2017) and v6.0 (2025), term creatinine increased.

    >>> import polars as pl
    >>> from aftercart import criteria
    >>> labs = pl.DataFrame({"ctcae_version": [5, 6], "creatinine_mg_per_dl": [0.96, 0.96],
    ...                      "creatinine_uln_mg_per_dl": [1.2, 1.2], "creatinine_baseline_mg_per_dl": [0.6, 0.6]})
    >>> criteria.ctcae_creatinine(labs)["grade"].to_list()
    [2, 0]
    """
    rules = registry.get("ctcae_creatinine").rules
    value, uln, baseline = (pl.col(f"creatinine{part}_mg_per_dl") for part in ("", "_uln", "_baseline"))
    frame, by = held(
        rows,
        range=_by_range(value, uln, baseline, rules["above_uln"]),
        baseline=_by_baseline(value, baseline, rules["above_baseline_from_grade_2"]),
    )
    counts = (pl.col("ctcae_version") == 5) | baseline_was("low")
    found = either(counts, worst(by["range"], by["baseline"]), by["range"])
    grade = pl.col("grade")
    return with_grade(frame, found).with_columns(
        clause=first_true(
            (grade == 0, "normal"), ((grade > 0) & (by["range"].low == grade), "range"), (grade > 0, "baseline")
        ),
        missing=pl.when(grade.is_null()).then(
            missing_names(
                ("ctcae_version", counts.is_null()),
                "creatinine_mg_per_dl",
                "creatinine_uln_mg_per_dl",
                ("creatinine_baseline_mg_per_dl", baseline.is_null() & may_be_true(counts)),
            )
        ),
    )
