"""Three-valued logic, intervals for missing input, and comparisons that are exact at a printed edge.

Polars' own `&`, `|` and `~` on nullable booleans already follow Kleene's three-valued tables (false and missing
is false, true or missing is true), so rules use them directly. This module adds what Polars lacks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

REL_TOL = 1e-9
"""Two numbers closer than this (relative, and absolute below 1) are the same number to a published threshold."""

Number = pl.Expr | float | int


def _tolerance(limit: Number) -> pl.Expr | float:
    if isinstance(limit, pl.Expr):
        return REL_TOL * pl.max_horizontal(limit.abs(), pl.lit(1.0))
    return REL_TOL * max(abs(float(limit)), 1.0)


def lt(value: pl.Expr, limit: Number) -> pl.Expr:
    """`value < limit`, where binary noise around the limit counts as the limit itself."""
    return value < limit - _tolerance(limit)


def le(value: pl.Expr, limit: Number) -> pl.Expr:
    """`value <= limit`, exact at the edge."""
    return value <= limit + _tolerance(limit)


def gt(value: pl.Expr, limit: Number) -> pl.Expr:
    """`value > limit`, exact at the edge."""
    return value > limit + _tolerance(limit)


def ge(value: pl.Expr, limit: Number) -> pl.Expr:
    """`value >= limit`, exact at the edge."""
    return value >= limit - _tolerance(limit)


def eq(value: pl.Expr, other: Number) -> pl.Expr:
    """`value == other` within the same tolerance."""
    return (value - other).abs() <= _tolerance(other)


def is_true(flag: pl.Expr) -> pl.Expr:
    """True only when the flag is proven true; missing gives false."""
    return flag.fill_null(value=False)


def may_be_true(flag: pl.Expr) -> pl.Expr:
    """True unless the flag is proven false; missing gives true."""
    return flag.fill_null(value=True)


def k_of_n(flags: Sequence[pl.Expr], k: int) -> pl.Expr:
    """True when at least `k` are proven, false when even all missing ones could not reach `k`, else missing."""
    proven = pl.sum_horizontal(is_true(f).cast(pl.Int32) for f in flags)
    possible = pl.sum_horizontal(may_be_true(f).cast(pl.Int32) for f in flags)
    return pl.when(proven >= k).then(pl.lit(value=True)).when(possible < k).then(pl.lit(value=False))


@dataclass(frozen=True)
class Interval:
    """The lowest and highest value a result can take, given what is missing."""

    low: pl.Expr
    high: pl.Expr

    @staticmethod
    def of(value: int) -> Interval:
        """An interval that holds one known value."""
        return Interval(pl.lit(value, dtype=pl.Int32), pl.lit(value, dtype=pl.Int32))

    @staticmethod
    def flag(flag: pl.Expr, points: int) -> Interval:
        """`points` when the flag is true, 0 when false, either when missing."""
        return Interval(
            pl.when(is_true(flag)).then(points).otherwise(0).cast(pl.Int32),
            pl.when(may_be_true(flag)).then(points).otherwise(0).cast(pl.Int32),
        )

    def unless(self, excluded: pl.Expr) -> Interval:
        """0 when `excluded` is true (another cause explains the finding), possibly 0 when it is missing."""
        return Interval(
            pl.when(may_be_true(excluded)).then(0).otherwise(self.low).cast(pl.Int32),
            pl.when(is_true(excluded)).then(0).otherwise(self.high).cast(pl.Int32),
        )

    def value(self) -> pl.Expr:
        """The value when both ends agree, else missing."""
        return pl.when(self.low == self.high).then(self.low)


def worst(*intervals: Interval) -> Interval:
    """The worst (highest) of several domains, end by end."""
    return Interval(
        pl.max_horizontal(*(i.low for i in intervals)),
        pl.max_horizontal(*(i.high for i in intervals)),
    )


def held(rows: pl.LazyFrame, **intervals: Interval) -> tuple[pl.LazyFrame, dict[str, Interval]]:
    """Compute intervals once, as columns of the frame; combining many of them as expressions would repeat the work."""
    ends = {f"_{name}_{end}": getattr(i, end) for name, i in intervals.items() for end in ("low", "high")}
    kept = {name: Interval(pl.col(f"_{name}_low"), pl.col(f"_{name}_high")) for name in intervals}
    return rows.with_columns(**ends), kept


def with_grade(rows: pl.LazyFrame, found: Interval, *, gradable: pl.Expr | None = None) -> pl.LazyFrame:
    """Add `grade`, `grade_min` and `grade_max`; all three are missing where the version has no such term."""
    low, high, grade = found.low, found.high, Interval(pl.col("grade_min"), pl.col("grade_max")).value()
    if gradable is not None:
        low, high = (pl.when(may_be_true(gradable)).then(end) for end in (low, high))
        grade = pl.when(gradable).then(grade)
    return rows.with_columns(grade_min=low.cast(pl.Int64), grade_max=high.cast(pl.Int64)).with_columns(grade=grade)


def from_map(value: pl.Expr, table: Mapping[str, int], *, low: int, high: int) -> Interval:
    """Look a code up in a published table; a missing code spans `low` to `high`."""
    known = value.replace_strict(dict(table), default=None, return_dtype=pl.Int32)
    return Interval(known.fill_null(low), known.fill_null(high))


def in_range(value: pl.Expr, minimum: float | None, maximum: float | None) -> pl.Expr:
    """Keep a value inside its hard limits; outside gives missing, never a clipped number."""
    ok = pl.lit(value=True)
    if minimum is not None:
        ok = ok & ge(value, minimum)
    if maximum is not None:
        ok = ok & le(value, maximum)
    return pl.when(ok).then(value)


def first_true(*cases: tuple[pl.Expr, Any]) -> pl.Expr:
    """Return the label of the first case that is proven true, else missing (used for the deciding clause)."""
    (condition, label), *rest = cases
    chain: Any = pl.when(is_true(condition)).then(pl.lit(label))
    for condition, label in rest:
        chain = chain.when(is_true(condition)).then(pl.lit(label))
    result: pl.Expr = chain.otherwise(None)
    return result


def missing_names(*inputs: str | tuple[str, pl.Expr]) -> pl.Expr:
    """Name the inputs without a value, joined by "; "; missing when there are none.

    A pair gives the name and the condition under which that input is named.
    """
    pairs = [(i, pl.col(i).is_null()) if isinstance(i, str) else i for i in inputs]
    named = [pl.when(condition).then(pl.lit(name)) for name, condition in pairs]
    return pl.concat_str(named, separator="; ", ignore_nulls=True).replace("", None)
