"""Criteria over a subject's course: which rows make the series, and one result per subject."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from aftercart.assessment import censoring, derived, tables
from aftercart.assessment.binding import Bound, Variant, bind
from aftercart.assessment.evidence import by_unit
from aftercart.assessment.timeline import REF, Timeline
from aftercart.assessment.values import Results, observed
from aftercart.criteria.calling import prepare, validated, with_row_reasons
from aftercart.criteria.frames import TYPES
from aftercart.criteria.registry import Criterion, Input


@dataclass(frozen=True)
class Gathered:
    """What a series rule is asked: the units with their inputs, and the rows of their series."""

    bound: Bound
    units: pl.DataFrame
    """Typed inputs with `_unit`, and `_given`: whether there is a series at all."""
    rows: pl.DataFrame
    """`_k`, `day`, the row inputs as found, `ref` and `comparator`."""
    typed: pl.DataFrame
    """The same rows as the rule takes them, with `_unit`."""
    invalid: pl.Series | None


def gather(entry: Criterion, variant: Variant, found: pl.DataFrame, timeline: Timeline, results: Results) -> Gathered:
    """Find the inputs and the series of the units of a series criterion."""
    bound = bind(entry, variant, found, timeline, results)
    scalars, invalid = prepare(bound.inputs, entry.inputs)
    rows = _rows(entry, variant, found, timeline, results)
    by_hand = _by_hand(entry, variant)
    has_rows = found["_k"].is_in(rows["_k"].implode())
    given = has_rows | True if by_hand is None else has_rows | derived.is_complete(by_hand, found, timeline)
    units = scalars.with_columns(_unit=found["_k"], _given=given)
    typed, refused = _typed(rows, entry)
    invalid = with_row_reasons(invalid, found["_k"], rows["_k"], refused)
    return Gathered(bound, units, rows, typed, invalid)


def assess(
    entry: Criterion, variant: Variant, found: pl.DataFrame, timeline: Timeline, results: Results
) -> pl.DataFrame:
    """Run a series criterion: one result per subject (or day or visit), from all rows of its series."""
    given = gather(entry, variant, found, timeline, results)
    bound, units, rows, typed, invalid = given.bound, given.units, given.rows, given.typed, given.invalid
    fn = entry.function
    outputs = fn.series_outputs(units, typed, invalid)
    marked = rows.filter(pl.col("comparator").is_not_null())
    if marked.height:
        spec = next(i for i in entry.row_inputs if i.name == rows["_input"].first())
        near, far = censoring.ends(rows[spec.name].cast(pl.Float64), rows["comparator"], spec)
        low = fn.series_outputs(units, _typed(rows.with_columns(near.alias(spec.name)), entry)[0], invalid)
        high = fn.series_outputs(units, _typed(rows.with_columns(far.alias(spec.name)), entry)[0], invalid)
        marks = marked.select("_k", "comparator", input=pl.lit(spec.name)).unique()
        reason = found.join(censoring.reasons(marks), on="_k", how="left", maintain_order="left")["reason"]
        outputs = censoring.merge(entry, low, high, reason)
    whose = pl.lit(entry.rows, dtype=bound.evidence.schema["input"])
    refs = rows.filter(pl.col("ref").is_not_null()).select("_k", "ref", input=whose)
    evidence = pl.concat([bound.evidence, refs])
    return tables.assemble(variant, found, bound.inputs, outputs, by_unit(evidence, found.height))


def _typed(rows: pl.DataFrame, entry: Criterion) -> tuple[pl.DataFrame, pl.Series | None]:
    columns = [pl.col("_k").alias("_unit")]
    columns += [pl.col(i.name).cast(TYPES[i.type], strict=False) for i in entry.row_inputs]
    return validated(rows.select(columns), entry.row_inputs)


def _rows(
    entry: Criterion, variant: Variant, found: pl.DataFrame, timeline: Timeline, results: Results
) -> pl.DataFrame:
    """The rows of the series with `_k`, the row inputs, `ref` and `comparator`."""
    by_hand = _by_hand(entry, variant)
    if by_hand is not None:
        rows = derived.ROWS[by_hand](found, timeline, results)
    else:
        rows = found.select("_k", "_s").join(_from_main_input(entry, variant, timeline, results), on="_s", how="inner")
    blanks = [i for i in entry.row_inputs if i.name not in rows.columns]
    rows = rows.with_columns(
        pl.lit(i.default if i.has_default else None, dtype=TYPES[i.type]).alias(i.name) for i in blanks
    )
    for name, dtype in (("ref", REF), ("comparator", pl.String), ("_input", pl.String)):
        if name not in rows.columns:
            rows = rows.with_columns(pl.lit(None, dtype=dtype).alias(name))
    return rows.sort("_k", "day", "ref", nulls_last=True)


def _by_hand(entry: Criterion, variant: Variant) -> str | None:
    names = (b["derived"] for i in entry.row_inputs for b in variant.bindings(i) if "derived" in b)
    return next((n for n in names if n in derived.ROWS), None)


def _from_main_input(entry: Criterion, variant: Variant, timeline: Timeline, results: Results) -> pl.DataFrame:
    """Rows from the one row input that names an observation or a result; the others are read beside it."""
    main, binding = next(
        (i, b) for i in entry.row_inputs for b in variant.bindings(i) if "obs" in b or "result" in b or "item" in b
    )
    if "result" in binding:
        rows = _result_rows(_beside(entry, variant, binding), binding, results)
    else:
        values = observed(main, binding, timeline)
        rows = values.select(
            "_s", "day", "comparator", "ref", pl.col("value").alias(main.name), _input=pl.lit(main.name)
        )
    for spec in entry.row_inputs:
        if spec.name == main.name:
            continue
        for other in variant.bindings(spec):
            if "time" in other:
                rows = rows.with_columns(pl.col("day").alias(spec.name))
            elif "derived" in other:
                values_by_row = derived.row_column(other["derived"], rows, timeline, results)
                rows = rows.with_columns(values_by_row.alias(spec.name))
    return rows


def _beside(entry: Criterion, variant: Variant, main: Mapping[str, Any]) -> dict[str, tuple[Input, str]]:
    """The row inputs that are read from the results of the same criterion, with the output each one takes."""
    key = main["result"].split(".", 1)[0]
    found = {}
    for spec in entry.row_inputs:
        for binding in variant.bindings(spec):
            if "result" in binding and binding["result"].split(".", 1)[0] == key:
                found[spec.name] = (spec, binding["result"].split(".", 1)[1])
    return found


def _result_rows(wanted: Mapping[str, tuple[Input, str]], binding: Mapping[str, Any], results: Results) -> pl.DataFrame:
    source = results.get(binding["result"].split(".", 1)[0])
    if source is None:
        types = {name: TYPES[spec.type] for name, (spec, _) in wanted.items()}
        return pl.DataFrame(schema={"_s": pl.Int64, "day": pl.Int64, **types})
    if "variant" in binding:
        source = source.filter(pl.col("variant") == binding["variant"])
    return (
        source.filter(pl.col("visit").is_null() | (pl.col("visit") != "baseline"))
        .with_row_index("_r")
        .select(
            "_s",
            "day",
            *(pl.col(output).alias(name) for name, (_, output) in wanted.items()),
            ref=pl.col("source_rows").list.first(),
        )
    )
