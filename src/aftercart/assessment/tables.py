"""The shape of results: wide and typed per criterion, and one tidy table over all of them."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

import numpy as np
import polars as pl

from aftercart.assessment.binding import Variant, evidence_inputs
from aftercart.assessment.evidence import ByUnit, lists
from aftercart.assessment.timeline import REF, Timeline
from aftercart.criteria import registry
from aftercart.criteria.frames import TYPES
from aftercart.criteria.registry import Criterion


def assemble(
    variant: Variant, found: pl.DataFrame, inputs: pl.DataFrame, outputs: pl.DataFrame, rows: ByUnit
) -> pl.DataFrame:
    """Join units, inputs, outputs and the rows behind them into the wide result table; inputs are prefixed `in.`."""
    name = pl.Series("variant", [variant.name], dtype=pl.String).new_from_index(0, found.height)
    named = [inputs[c].alias(f"in.{c}") for c in inputs.columns]
    return pl.DataFrame([*(found[c] for c in ("_s", "day", "time", "visit")), name, *named, *outputs, *rows])


@cache
def nothing(key: str) -> pl.DataFrame | None:
    """The wide result table of a row criterion without anything to assess, from what it declares.

    None for a series, and where an input or output holds rows of its own: such a criterion is always run.
    Most studies have nothing of some criteria, and to build their rules costs as much as to run the others.
    """
    entry = registry.get(key)
    outputs = {o.name: TYPES.get(o.type) for o in entry.outputs}
    if entry.kind == "series" or None in outputs.values() or any(i.type not in TYPES for i in entry.inputs):
        return None
    inputs = {f"in.{i.name}": TYPES[i.type] for i in entry.inputs} or {"in._none": pl.Null()}
    said = dict.fromkeys(("clause", "missing", "invalid"), pl.String())
    rows = {"source_rows": pl.List(REF), "evidence": pl.List(pl.Struct({"input": evidence_inputs(entry), "ref": REF}))}
    units = {"_s": pl.Int64(), "day": pl.Int64(), "time": pl.String(), "visit": pl.String(), "variant": pl.String()}
    return pl.DataFrame(schema={**units, **inputs, **outputs, **said, **rows})


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


def tidied(wide: Iterable[tuple[str, pl.DataFrame]], timeline: Timeline) -> pl.DataFrame:
    """The tidy table over all criteria: by subject, criterion, variant and, within them, in the order of the units."""
    turns = {key: i for i, key in enumerate(sorted(registry.names()))}
    parts, places = [], []
    for key, found in wide:
        if found.height:
            names = found["variant"].unique().sort()
            turn = pl.col("variant").replace_strict(names, range(len(names)), return_dtype=pl.Int64)
            parts.append(tidy(registry.get(key), found, timeline))
            places.append(found.select((pl.col("_s") * 1000 + turns[key]) * 1000 + turn).to_series().to_numpy())
    if not parts:
        return pl.DataFrame(schema=TIDY)
    whole = pl.concat(parts, rechunk=True)
    del parts
    whole = whole[np.argsort(np.concatenate(places), kind="stable")]
    return whole.with_columns(named_rows(whole["source_rows"], timeline.rows))


def tidy(entry: Criterion, wide: pl.DataFrame, timeline: Timeline) -> pl.DataFrame:
    """Turn one criterion's wide results into rows of the tidy table; source rows by their places."""
    primary = pl.col(entry.primary)
    kind = wide.schema[entry.primary]
    level_of = next((o.name for o in entry.outputs if o.type == "str" and o.levels), entry.primary)
    nothing = pl.lit(None, dtype=pl.Float64)
    subjects = timeline.subjects.select(pl.col("subject_id", "infusion_seq").gather(wide["_s"]))
    low, high = (pl.col(entry.bounds[0]), pl.col(entry.bounds[1])) if entry.bounds else (nothing, nothing)
    columns: dict[str, Any] = {
        "subject_id": subjects["subject_id"],
        "infusion_seq": subjects["infusion_seq"],
        "criterion": pl.lit(entry.key),
        "datetime": pl.col("time"),
        "value": primary.cast(pl.Float64) if kind.is_numeric() or kind == pl.Boolean else nothing,
        "level": _text(pl.col(level_of), wide.schema[level_of]),
        "value_min": low.cast(pl.Float64),
        "value_max": high.cast(pl.Float64),
        "components": pl.struct(o.name for o in entry.outputs).struct.json_encode(),
        "criterion_version": pl.lit(f"{entry.key}/{entry.version}"),
    }
    return wide.select(**{name: columns.get(name, pl.col(name)) for name in TIDY})


def with_named_rows(wide: pl.DataFrame, rows: pl.Series) -> pl.DataFrame:
    """The wide results with the names of source rows in place of their places in the timeline."""
    numbered = wide.lazy().with_row_index("_r")
    pairs = numbered.select("_r", "evidence").explode("evidence").drop_nulls("evidence").unnest("evidence")
    pairs = pairs.select("_r", pl.col("input").cast(pl.String), ref=pl.lit(rows).gather(pl.col("ref")))
    evidence = pairs.group_by("_r", maintain_order=True).agg(evidence=pl.struct("input", "ref"))
    named = numbered.drop("evidence").join(evidence, on="_r", how="left", maintain_order="left").drop("_r")
    return named.with_columns(source_rows=named_rows(wide["source_rows"], rows)).collect()


def named_rows(places: pl.Series, rows: pl.Series) -> pl.Series:
    """Lists of the names of source rows from lists of their places."""
    flat = places.list.explode(keep_nulls=False, empty_as_null=False)
    of = np.repeat(np.arange(len(places)), places.list.len().to_numpy())
    named = lists(rows.gather(flat).alias(places.name).to_frame(), of, len(places))
    return named.fill_null(pl.lit([], dtype=named.dtype)) if named.null_count() else named


def _text(column: pl.Expr, kind: pl.DataType) -> pl.Expr:
    if kind == pl.Float64:
        whole = column == column.round(0)
        return (
            pl.when(whole).then(column.cast(pl.Int64, strict=False).cast(pl.String)).otherwise(column.cast(pl.String))
        )
    if isinstance(kind, pl.List):
        return column.list.len().cast(pl.String)
    return column.cast(pl.String)
