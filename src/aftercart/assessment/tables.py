"""The shape of results: wide and typed per criterion, and one tidy table over all of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl
from polars.dataframe.group_by import GroupBy

from aftercart.assessment.binding import Variant
from aftercart.assessment.timeline import REF, Timeline
from aftercart.criteria import registry
from aftercart.criteria.registry import Criterion


def assemble(
    variant: Variant, found: pl.DataFrame, inputs: pl.DataFrame, outputs: pl.DataFrame, evidence: pl.DataFrame
) -> pl.DataFrame:
    """Join units, inputs, outputs and evidence into the wide result table; inputs are prefixed `in.`."""
    labels = found.select("_k", "_s", "day", "time", "visit").with_columns(
        variant=pl.lit(variant.name, dtype=pl.String)
    )
    named = inputs.rename({c: f"in.{c}" for c in inputs.columns})
    wide = pl.concat([labels, named, outputs], how="horizontal")
    sources = _by_unit(evidence.select("_k", "ref")).agg(source_rows="ref")
    by_input = _by_unit(evidence.select("_k", "ref", "input")).agg(evidence=pl.struct("input", "ref"))
    wide = _beside(wide, sources, "source_rows").with_columns(pl.col("source_rows").fill_null(_NO_ROWS))
    return _beside(wide, by_input, "evidence").drop("_k")


_NO_ROWS = pl.lit([], dtype=pl.List(REF))


def _beside(wide: pl.DataFrame, found: pl.DataFrame, column: str) -> pl.DataFrame:
    """Add a column found for all or some of the units; both are in the order of `_k`."""
    if found.height == wide.height:
        return wide.with_columns(found[column])
    return wide.join(found.select("_k", column), on="_k", how="left", maintain_order="left")


def _by_unit(rows: pl.DataFrame) -> GroupBy:
    """The distinct rows by unit, sorted by input and row (packed into one number each to sort faster)."""
    packed = pl.col("_k").cast(pl.UInt64) * 256
    if "input" in rows.columns:
        packed = packed + pl.col("input").to_physical().cast(pl.UInt64)
    one = rows.select((packed * 2**32 + pl.col("ref")).sort().alias("one"))
    one = one.filter((pl.col("one") != pl.col("one").shift(1)).fill_null(value=True))
    columns = {"_k": (pl.col("one") // 2**40).cast(pl.Int64), "ref": (pl.col("one") % 2**32).cast(REF)}
    if "input" in rows.columns:
        columns["input"] = (pl.col("one") // 2**32 % 256).cast(pl.UInt8).cat.to(rows.schema["input"])
    return one.select(**columns).group_by("_k", maintain_order=True)


TIDY: dict[str, Any] = {
    "subject_id": pl.String,
    "infusion_seq": pl.Int64,
    "criterion": pl.String,
    "variant": pl.String,
    "day": pl.Int64,
    "datetime": pl.String,
    "visit": pl.String,
    "value": pl.Float64,
    "level": pl.String,
    "value_min": pl.Float64,
    "value_max": pl.Float64,
    "clause": pl.String,
    "missing": pl.String,
    "invalid": pl.String,
    "components": pl.String,
    "source_rows": pl.List(pl.String),
    "criterion_version": pl.String,
}
"""Columns of the tidy table of assessments."""


def tidied(wide: Mapping[str, pl.DataFrame], timeline: Timeline) -> pl.DataFrame:
    """The tidy table over all criteria: by subject, criterion, variant and, within them, in the order of the units."""
    parts = []
    for i, key in enumerate(sorted(wide)):
        if wide[key].height:
            names = wide[key]["variant"].unique().sort()
            turn = pl.col("variant").replace_strict(names, range(len(names)), return_dtype=pl.Int64)
            place = (pl.col("_s") * 1000 + i) * 1000 + turn
            parts.append(tidy(registry.get(key), wide[key], timeline).with_columns(_place=place).drop("_s"))
    if not parts:
        return pl.DataFrame(schema=TIDY)
    whole = pl.concat(parts).sort("_place", maintain_order=True).drop("_place")
    return whole.with_columns(named_rows(whole["source_rows"], timeline.rows))


def tidy(entry: Criterion, wide: pl.DataFrame, timeline: Timeline) -> pl.DataFrame:
    """Turn one criterion's wide results into rows of the tidy table, with `_s`; source rows by their places."""
    primary = pl.col(entry.primary)
    kind = wide.schema[entry.primary]
    level_of = next((o.name for o in entry.outputs if o.type == "str" and o.levels), entry.primary)
    nothing = pl.lit(None, dtype=pl.Float64)
    low, high = (pl.col(entry.bounds[0]), pl.col(entry.bounds[1])) if entry.bounds else (nothing, nothing)
    return (
        wide.join(
            timeline.subjects.select("_s", "subject_id", "infusion_seq"), on="_s", how="left", maintain_order="left"
        )
        .select(
            "_s",
            "subject_id",
            "infusion_seq",
            "variant",
            "day",
            "visit",
            "clause",
            "missing",
            "invalid",
            "source_rows",
            criterion=pl.lit(entry.key),
            datetime=pl.col("time"),
            value=primary.cast(pl.Float64) if kind.is_numeric() or kind == pl.Boolean else nothing,
            level=_text(pl.col(level_of), wide.schema[level_of]),
            value_min=low.cast(pl.Float64),
            value_max=high.cast(pl.Float64),
            components=pl.struct(o.name for o in entry.outputs).struct.json_encode(),
            criterion_version=pl.lit(f"{entry.key}/{entry.version}"),
        )
        .select("_s", *TIDY)
    )


def with_named_rows(wide: pl.DataFrame, rows: pl.Series) -> pl.DataFrame:
    """The wide results with the names of source rows in place of their places in the timeline."""
    pairs = wide.select("evidence").with_row_index("_r").explode("evidence").drop_nulls("evidence").unnest("evidence")
    pairs = pairs.select("_r", pl.col("input").cast(pl.String), rows.gather(pairs["ref"]).alias("ref"))
    evidence = pairs.group_by("_r", maintain_order=True).agg(evidence=pl.struct("input", "ref"))
    named = wide.drop("evidence").with_row_index("_r").join(evidence, on="_r", how="left", maintain_order="left")
    return named.drop("_r").with_columns(source_rows=named_rows(wide["source_rows"], rows))


def named_rows(places: pl.Series, rows: pl.Series) -> pl.Series:
    """Lists of the names of source rows from lists of their places."""
    name = pl.element().map_batches(rows.gather, return_dtype=pl.String, is_elementwise=True)
    return places.list.eval(name)


def _text(column: pl.Expr, kind: pl.DataType) -> pl.Expr:
    if kind == pl.Float64:
        whole = column == column.round(0)
        return (
            pl.when(whole).then(column.cast(pl.Int64, strict=False).cast(pl.String)).otherwise(column.cast(pl.String))
        )
    if isinstance(kind, pl.List):
        return column.list.len().cast(pl.String)
    return column.cast(pl.String)
