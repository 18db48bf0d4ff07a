"""Liver tests increased, CTCAE v5 and v6: ALT, AST, ALP, GGT and bilirubin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from aftercart.criteria import registry
from aftercart.criteria.calling import criterion
from aftercart.criteria.logic import Interval, first_true, ge, gt, held, is_true, may_be_true, with_grade
from aftercart.criteria.safety.ctcae_neutrophils import either
from aftercart.criteria.safety.ctcae_white_cells import missing_by_term


def above(
    value: pl.Expr,
    limit: pl.Expr | float,
    multiples: Sequence[pl.Expr | float],
    *,
    first_included: pl.Expr | None = None,
) -> Interval:
    """Grade a value that rises above multiples of a limit; missing value or limit spans 0 to the highest grade.

    value: the measured value.
    limit: upper limit of normal, baseline, or 1 for absolute cut-offs.
    multiples: one for each grade from 1 on; a value strictly above it has that grade.
    first_included: grade 1 already at its multiple.
    """
    first, *others = multiples
    reached = gt(value, first * limit)
    if first_included is not None:
        reached = reached | (first_included & ge(value, first * limit))
    grade = pl.when(reached).then(1).when(~reached).then(0).cast(pl.Int32)
    for step, multiple in enumerate(others):
        grade = pl.when(gt(value, multiple * limit)).then(step + 2).otherwise(grade).cast(pl.Int32)
    return Interval(grade.fill_null(0), grade.fill_null(len(multiples)))


def baseline_was(flag: str) -> pl.Expr:
    """The baseline lay outside its own range on that side; an unknown flag counts as normal."""
    return is_true(pl.col("baseline_range_flag") == flag)


def of_term(terms: Mapping[str, Mapping[str, Any]], part: str) -> pl.Expr:
    """The column that the row's term names for a part, such as its value or its upper limit."""
    return pl.coalesce(pl.when(pl.col("ctcae_term") == t).then(pl.col(spec[part])) for t, spec in terms.items())


def _multiples(terms: Mapping[str, Mapping[str, Any]], part: str) -> list[pl.Expr]:
    listed = {t: spec[part] for t, spec in terms.items() if part in spec}
    return [_looked_up({t: float(m[i]) for t, m in listed.items()}) for i in range(4)]


def _looked_up(table: Mapping[str, float]) -> pl.Expr:
    return pl.col("ctcae_term").replace_strict(dict(table), default=None, return_dtype=pl.Float64)


def _raised_baseline(terms: Mapping[str, Mapping[str, Any]], version: int) -> Interval:
    """Multiples of a baseline that was high; without the upper limit grade 0 stays possible."""
    included = [t for t, spec in terms.items() if version in spec["first_included_in"]]
    found = above(
        pl.col("_value"),
        pl.col("_baseline"),
        _multiples(terms, f"v{version}_above_baseline"),
        first_included=pl.col("ctcae_term").is_in(included),
    )
    unchecked = pl.col("_uln").is_null()
    return Interval(
        pl.when(unchecked).then(0).otherwise(found.low),
        pl.when(unchecked).then(pl.max_horizontal(found.high, pl.lit(1))).otherwise(found.high),
    )


@criterion
def ctcae_liver(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Grade one liver test by CTCAE version 5 or 6; the term says which.

    Source: CTCAE v5.0 (2017) and v6.0 (2025), terms alanine and aspartate aminotransferase, alkaline phosphatase, GGT
    and blood bilirubin increased.

    >>> import polars as pl
    >>> from aftercart import criteria
    >>> alt = pl.DataFrame({"ctcae_version": [5, 6], "alt_u_per_l": [110, 110], "alt_uln_u_per_l": [40, 40],
    ...                     "alt_baseline_u_per_l": [80, 80], "baseline_range_flag": ["high", "high"]})
    >>> criteria.ctcae_liver(alt, ctcae_term="alt_increased")["grade"].to_list()
    [0, 1]
    """
    terms = registry.get("ctcae_liver").rules["terms"]
    high, is_v5 = baseline_was("high"), pl.col("ctcae_version") == 5
    one_grade = pl.col("ctcae_term").is_in([t for t, spec in terms.items() if "v6_above_baseline" not in spec])
    parts = rows.with_columns(**{f"_{part}": of_term(terms, part) for part in ("value", "uln", "baseline")})
    value, uln, baseline = pl.col("_value"), pl.col("_uln"), pl.col("_baseline")
    frame, by = held(
        parts,
        usual=above(value, uln, _multiples(terms, "above_uln")),
        raised_v5=_raised_baseline(terms, 5),
        raised_v6=_raised_baseline(terms, 6),
        both=Interval.flag(gt(value, uln) & gt(value, baseline), 1),
    )
    frame, version = held(
        frame,
        v5=either(high, by["raised_v5"], by["usual"]),
        v6=either(one_grade, by["both"], either(high, by["raised_v6"], by["usual"])),
    )
    found = either(is_v5, version["v5"], version["v6"])
    measured = {term: (spec["value"], spec["uln"]) for term, spec in terms.items()}
    above_both = one_grade & ~is_v5
    asks_baseline = high | may_be_true(above_both)
    baselines = [
        (
            spec["baseline"],
            pl.col(spec["baseline"]).is_null() & asks_baseline & may_be_true(pl.col("ctcae_term") == term),
        )
        for term, spec in terms.items()
    ]
    grade = pl.col("grade")
    return with_grade(frame, found).with_columns(
        clause=first_true(
            (grade == 0, "normal"),
            ((grade > 0) & above_both, "above_both"),
            ((grade > 0) & high, "baseline"),
            (grade > 0, "range"),
        ),
        missing=pl.when(grade.is_null()).then(
            missing_by_term(measured, ("ctcae_version", pl.col("ctcae_version").is_null()), *baselines)
        ),
    )
