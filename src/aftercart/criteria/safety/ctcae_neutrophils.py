"""Neutrophil count decreased, CTCAE v5 and v6."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from aftercart.criteria import registry
from aftercart.criteria.calling import criterion
from aftercart.criteria.logic import Interval, first_true, is_true, lt, may_be_true, missing_names, with_grade


def below(value: pl.Expr, limits: Mapping[str, float], lln: pl.Expr | None, *, highest: int) -> Interval:
    """Grade a value that falls below printed cut-offs; grade 1 is below the lower limit of normal where one is given.

    value: the measured value; missing spans 0 to `highest`.
    limits: cut-off of each grade; a value strictly below it has that grade.
    lln: lower limit of normal; missing spans 0 to 1 for a value that no cut-off grades.
    """
    grade = pl.lit(0, dtype=pl.Int32)
    if lln is not None:
        grade = pl.when(lt(value, lln)).then(1).when(lln.is_not_null()).then(0).cast(pl.Int32)
    for name in sorted(limits, key=int):
        grade = pl.when(lt(value, limits[name])).then(int(name)).otherwise(grade).cast(pl.Int32)
    known = value.is_not_null()
    return Interval(
        pl.when(known).then(grade.fill_null(0)).otherwise(0).cast(pl.Int32),
        pl.when(known).then(grade.fill_null(1)).otherwise(highest).cast(pl.Int32),
    )


def either(choose: pl.Expr, yes: Interval, no: Interval) -> Interval:
    """One interval or the other; their hull when it is not known which applies."""
    return Interval(
        pl.when(choose).then(yes.low).when(~choose).then(no.low).otherwise(pl.min_horizontal(yes.low, no.low)),
        pl.when(choose).then(yes.high).when(~choose).then(no.high).otherwise(pl.max_horizontal(yes.high, no.high)),
    )


@criterion
def ctcae_neutrophils(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Grade one neutrophil count by CTCAE version 5 or 6.

    Source: CTCAE v5.0 (2017) and v6.0 (2025), term neutrophil count decreased.

    >>> import polars as pl
    >>> from aftercart import criteria
    >>> counts = pl.DataFrame({"ctcae_version": [5, 6], "anc_per_ul": [499, 499]})
    >>> criteria.ctcae_neutrophils(counts)["grade"].to_list()
    [4, 3]
    """
    rules = registry.get("ctcae_neutrophils").rules
    count, lln = pl.col("anc_per_ul"), pl.col("anc_lln_per_ul")
    v5 = below(count, rules["v5_below_per_ul"], lln, highest=4)
    v6 = below(count, rules["v6_below_per_ul"], None, highest=4)
    is_v5 = pl.col("ctcae_version") == 5
    named = pl.col("ctcae_term").is_not_null()
    graded = either(is_v5, v5, v6)
    found = Interval(pl.when(named).then(graded.low).otherwise(0), pl.when(named).then(graded.high).otherwise(4))
    grade = pl.col("grade")
    return with_grade(rows, found).with_columns(
        clause=first_true(
            ((grade == 1) & is_v5, "below_range"), (is_true(grade > 0), "absolute"), (grade == 0, "normal")
        ),
        missing=pl.when(grade.is_null()).then(
            missing_names(
                "ctcae_term", "ctcae_version", "anc_per_ul", ("anc_lln_per_ul", lln.is_null() & may_be_true(is_v5))
            )
        ),
    )
