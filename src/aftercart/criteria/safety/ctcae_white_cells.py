"""White cell, lymphocyte and CD4 counts decreased, CTCAE v5 and v6."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from aftercart.criteria import registry
from aftercart.criteria.calling import criterion
from aftercart.criteria.logic import Interval, first_true, held, is_true, may_be_true, missing_names, with_grade
from aftercart.criteria.safety.ctcae_neutrophils import below


def by_term(intervals: Mapping[str, Interval]) -> Interval:
    """The interval of the term of the row; the hull of all when the term is missing."""
    low, high = (
        pl.min_horizontal(i.low for i in intervals.values()),
        pl.max_horizontal(i.high for i in intervals.values()),
    )
    for name, interval in intervals.items():
        chosen = is_true(pl.col("ctcae_term") == name)
        low = pl.when(chosen).then(interval.low).otherwise(low)
        high = pl.when(chosen).then(interval.high).otherwise(high)
    return Interval(low, high)


def missing_by_term(inputs: Mapping[str, Sequence[str]], *others: tuple[str, pl.Expr]) -> pl.Expr:
    """Name the inputs of the row's own term that are missing, and `others` under their own conditions."""
    own = {name: [t for t, names in inputs.items() if name in names] for names in inputs.values() for name in names}
    pairs = [
        (name, pl.col(name).is_null() & may_be_true(pl.col("ctcae_term").is_in(terms))) for name, terms in own.items()
    ]
    return missing_names("ctcae_term", *others, *pairs)


@criterion
def ctcae_white_cells(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Grade one white cell, lymphocyte or CD4 count by CTCAE; the term says which.

    Source: CTCAE v5.0 (2017) and v6.0 (2025), terms white blood cell decreased, lymphocyte count decreased (v5 only)
    and CD4 lymphocytes decreased.

    >>> import polars as pl
    >>> from aftercart import criteria
    >>> counts = pl.DataFrame({"ctcae_version": [5, 6], "lymphocytes_per_ul": [199, 199]})
    >>> criteria.ctcae_white_cells(counts, ctcae_term="lymphocyte_count_decreased")["grade"].to_list()
    [4, None]
    """
    rules = registry.get("ctcae_white_cells").rules
    columns = {term: (spec["value"], spec["lln"]) for term, spec in rules["terms"].items()}
    frame, by = held(
        rows,
        **{
            term: below(pl.col(value), rules["terms"][term]["below"], pl.col(lln), highest=4)
            for term, (value, lln) in columns.items()
        },
    )
    v5_only = pl.col("ctcae_term").is_in(rules["not_in_v6"])
    gone = v5_only & (pl.col("ctcae_version") == 6)
    grade = pl.col("grade")
    return with_grade(frame, by_term(by), gradable=~gone).with_columns(
        clause=first_true(
            (gone, "no_term"), (grade > 1, "absolute"), (grade == 1, "below_range"), (grade == 0, "normal")
        ),
        missing=pl.when(grade.is_null() & ~is_true(gone)).then(
            missing_by_term(
                columns,
                ("ctcae_version", pl.col("ctcae_version").is_null() & may_be_true(v5_only)),
            )
        ),
    )
