"""Which assessments differ between two tables of them, and in what."""

from __future__ import annotations

import json
from typing import Any

import polars as pl

from aftercart.analysis.comparison.rows import shaped

KEYS = ("subject_id", "infusion_seq", "criterion", "variant", "visit", "_day", "_time", "_own", "_turn")
"""What makes two assessments the same one: at a visit its name, elsewhere the day and time; `_own` and `_turn` only
where several stand there (two infections of a day)."""

COMPARED = ("day", "value", "level", "value_min", "value_max", "clause", "missing", "invalid", "components")

SHOWN = (*COMPARED, "criterion_version")

MOVES: dict[str, Any] = {
    "move": pl.Int64,
    "subject_id": pl.String,
    "infusion_seq": pl.Int64,
    "criterion": pl.String,
    "variant": pl.String,
    "visit": pl.String,
    "datetime": pl.String,
    "change": pl.String,
    "what": pl.List(pl.String),
    "day_old": pl.Int64,
    "day_new": pl.Int64,
    "value_old": pl.Float64,
    "value_new": pl.Float64,
    "level_old": pl.String,
    "level_new": pl.String,
    "value_min_old": pl.Float64,
    "value_min_new": pl.Float64,
    "value_max_old": pl.Float64,
    "value_max_new": pl.Float64,
    "clause_old": pl.String,
    "clause_new": pl.String,
    "missing_old": pl.String,
    "missing_new": pl.String,
    "invalid_old": pl.String,
    "invalid_new": pl.String,
    "components_old": pl.String,
    "components_new": pl.String,
    "criterion_version_old": pl.String,
    "criterion_version_new": pl.String,
}
"""Columns of the assessments that moved; `change` is moved, appeared or disappeared, `what` the columns that differ."""

INNER: dict[str, Any] = {
    **MOVES,
    "_rows_old": pl.List(pl.String),
    "_rows_new": pl.List(pl.String),
    "_row_old": pl.Int64,
    "_row_new": pl.Int64,
    "_time": pl.String,
    "_own": pl.String,
    "_day": pl.Int64,
    "_turn": pl.Int64,
}
"""`MOVES` and what the search for causes needs: the source rows, and the place in the tables of assessments."""


def between(a: pl.DataFrame, b: pl.DataFrame) -> pl.DataFrame:
    """Assessments that moved, appeared or disappeared from one tidy table to the other (columns: `INNER`)."""
    one, other = _keyed(a, b)
    both = one.join(other, on=list(KEYS), how="full", coalesce=True, nulls_equal=True, suffix="_b")
    here, there = pl.col("_row").is_not_null(), pl.col("_row_b").is_not_null()
    differs = [pl.col(c).ne_missing(pl.col(f"{c}_b")) for c in COMPARED]
    both = both.filter(pl.any_horizontal(~here, ~there, *differs))
    both = both.filter(~_only_renamed_parts(both, here & there))
    what = pl.concat_list(pl.when(d).then(pl.lit(c)) for c, d in zip(COMPARED, differs, strict=True)).list.drop_nulls()
    found = both.select(
        *KEYS,
        datetime=pl.coalesce("datetime_b", "datetime"),
        change=pl.when(~here)
        .then(pl.lit("appeared"))
        .when(~there)
        .then(pl.lit("disappeared"))
        .otherwise(pl.lit("moved")),
        what=pl.when(here & there).then(what).otherwise(pl.lit([], dtype=pl.List(pl.String))),
        **{f"{c}_old": pl.col(c) for c in SHOWN},
        **{f"{c}_new": pl.col(f"{c}_b") for c in SHOWN},
        _rows_old="source_rows",
        _rows_new="source_rows_b",
        _row_old="_row",
        _row_new="_row_b",
    )
    order = ["subject_id", "criterion", "variant", "_at", "visit", "_time", "_own", "_turn"]
    found = found.with_columns(_at=pl.min_horizontal("day_old", "day_new")).sort(order, nulls_last=False)
    return shaped(found.with_row_index("move"), INNER)


def _keyed(a: pl.DataFrame, b: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    keys = ["subject_id", "infusion_seq", "criterion", "variant", "visit", "_day", "_time"]
    elsewhere = pl.when(pl.col("visit").is_null())
    sides = [
        frame.with_row_index("_row").with_columns(
            pl.col("_row").cast(pl.Int64),
            _day=elsewhere.then("day"),
            _time=elsewhere.then("datetime"),
            _side=pl.lit(i, dtype=pl.Int8),
        )
        for i, frame in enumerate((a, b))
    ]
    whole = pl.concat(sides, how="vertical_relaxed")
    several = pl.len().over(*keys, "_side").max().over(keys) > 1
    whole = whole.with_columns(_several=several)
    alone = whole.filter(~pl.col("_several")).with_columns(
        _own=pl.lit(None, dtype=pl.String), _turn=pl.lit(0, dtype=pl.Int64)
    )
    beside = (
        whole.filter("_several")
        .with_columns(_own=pl.col("source_rows").list.join("; "))
        .sort("value", "level", "components", nulls_last=True, maintain_order=True)
        .with_columns(_turn=pl.int_range(pl.len(), dtype=pl.Int64).over(*keys, "_own", "_side"))
    )
    whole = pl.concat([alone, beside]).drop("_several")
    return tuple(whole.filter(pl.col("_side") == i).drop("_side") for i in (0, 1))  # type: ignore[return-value]


def _only_renamed_parts(both: pl.DataFrame, on_both_sides: pl.Expr) -> pl.Expr:
    """Whether nothing differs but the names of the parts: another version says more, not something else."""
    rest = [pl.col(c).eq_missing(pl.col(f"{c}_b")) for c in COMPARED if c != "components"]
    asked = both.filter(pl.all_horizontal(on_both_sides, *rest)).select("components", "components_b").unique()
    same = [pair for pair in asked.drop_nulls().iter_rows() if _agree(*pair)]
    known = pl.DataFrame(same, schema={"components": pl.String, "components_b": pl.String}, orient="row")
    pair = pl.struct("components", "components_b")
    return pl.all_horizontal(on_both_sides, *rest) & pair.is_in(known.select(pair).to_series().implode())


def _agree(old: str, new: str) -> bool:
    before, after = json.loads(old), json.loads(new)
    return all(before[name] == after[name] for name in before.keys() & after.keys())
