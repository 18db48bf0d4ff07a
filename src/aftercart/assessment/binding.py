"""From a timeline to the input columns of a criterion, by reading the bindings its registry entry declares.

One generic binder serves every criterion. What it cannot express (see `derived`) is written by hand beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl

from aftercart.assessment import derived, medicines
from aftercart.assessment.evidence import ByUnit, by_unit
from aftercart.assessment.timeline import REF, Timeline
from aftercart.assessment.values import BY_DAY, Column, Results, by_day, by_visit, code_of, value_of
from aftercart.criteria import registry
from aftercart.criteria.frames import TYPES
from aftercart.criteria.registry import Criterion, Input

CENSORED = {"_k": pl.Int64, "input": pl.String, "comparator": pl.String}


@dataclass(frozen=True)
class Variant:
    """One way to run a criterion: fixed inputs and replaced bindings, with a name that its results carry."""

    name: str | None = None
    anchor: str | None = None
    set: Mapping[str, Any] = field(default_factory=dict)
    bind: Mapping[str, tuple[Mapping[str, Any], ...]] = field(default_factory=dict)
    indications: tuple[str, ...] = ()

    def is_like(self, other: Variant) -> bool:
        """Whether two variants differ only in their names and in the values of their fixed inputs."""
        return (self.anchor, self.indications, self.bind, self.set.keys()) == (
            *(other.anchor, other.indications, other.bind, other.set.keys()),
        )

    def bindings(self, spec: Input) -> tuple[Mapping[str, Any], ...]:
        """The bindings of an input under this variant."""
        return self.bind.get(spec.name, spec.bindings)


@dataclass(frozen=True)
class Bound:
    """The units to assess (`_k`, `_s`, `day`, ...), their inputs, and the source rows behind every input."""

    units: pl.DataFrame
    inputs: pl.DataFrame
    evidence: pl.DataFrame
    censored: pl.DataFrame

    @cached_property
    def rows(self) -> ByUnit:
        """The source rows of every unit."""
        return by_unit(self.evidence, self.units.height)

    def under(self, variant: Variant, entry: Criterion) -> Bound:
        """The same for a variant that differs only in the values of its fixed inputs."""
        specs = (i for i in entry.inputs if i.name in variant.set)
        fixed = (constant(i, variant.set[i.name], self.units.height).alias(i.name) for i in specs)
        found = replace(self, inputs=self.inputs.with_columns(fixed))
        found.__dict__["rows"] = self.rows
        return found


def bind(entry: Criterion, variant: Variant, units: pl.DataFrame, timeline: Timeline, results: Results) -> Bound:
    """Fill every input of a row criterion for the given units."""
    columns: list[pl.Series] = []
    evidence: list[tuple[int, pl.DataFrame]] = []
    censored = [pl.DataFrame(schema=CENSORED)]
    for place, spec in enumerate(entry.inputs):
        column = _column(spec, variant, entry, units, timeline, results)
        columns.append(column.values.alias(spec.name))
        evidence += [(place, rows) for rows in column.evidence if rows.height]
        censored += [c.select("_k", pl.lit(spec.name).alias("input"), "comparator") for c in column.censored]
    return Bound(
        units=units,
        inputs=pl.DataFrame(columns) if columns else pl.DataFrame({"_none": [None] * units.height}),
        evidence=_named(evidence, entry),
        censored=pl.concat(censored),
    )


def _named(evidence: list[tuple[int, pl.DataFrame]], entry: Criterion) -> pl.DataFrame:
    """The rows behind all inputs in one frame (`_k`, `ref`, `input`), each with the input that it was found for."""
    names = evidence_inputs(entry)
    rows = [pl.DataFrame(schema={"_k": pl.Int64, "ref": REF}), *(rows[["_k", "ref"]] for _, rows in evidence)]
    places = np.repeat(np.array([p for p, _ in evidence], dtype=np.uint16), [rows.height for _, rows in evidence])
    physical = pl.Series("input", places).cast(pl.UInt8 if len(names.categories) < 256 else pl.UInt16)
    return pl.concat(rows).with_columns(physical.cat.to(names))


def evidence_inputs(entry: Criterion) -> pl.Enum:
    """The inputs of a criterion for which rows can be evidence."""
    return pl.Enum([*(i.name for i in entry.inputs), *([entry.rows] if entry.rows else [])])


def _column(
    spec: Input, variant: Variant, entry: Criterion, units: pl.DataFrame, timeline: Timeline, results: Results
) -> Column:
    if spec.name in variant.set:
        return Column(constant(spec, variant.set[spec.name], units.height))
    bindings = variant.bindings(spec)
    if not bindings:
        return Column(constant(spec, spec.default if spec.has_default else None, units.height))
    result: pl.Series | None = None
    evidence: list[pl.DataFrame] = []
    censored: list[pl.DataFrame] = []
    for binding in bindings:
        if binding.get("at") == "previous":
            found = resolve(
                spec, {**binding, "at": None}, entry, before(entry, variant, units, timeline), timeline, results
            )
        else:
            found = resolve(spec, binding, entry, units, timeline, results)
        values = found.values
        if spec.type in TYPES and values.dtype != TYPES[spec.type]:
            values = values.cast(TYPES[spec.type], strict=False)
        if result is None:
            all_used = not values.null_count() or (
                found.only_with_value and values.null_count() == found.values.null_count()
            )
            used, result = values.is_not_null() if not all_used else None, values
        elif not result.null_count():
            break
        else:
            used = values.is_not_null() & result.is_null()
            result = result.zip_with(result.is_not_null(), values)
        keys = None if used is None or used.all() else units.select("_k").filter(used)
        evidence += _of(keys, found.evidence)
        censored += _of(keys, found.censored)
    assert result is not None
    absent = next((b["absent"] for b in bindings if "absent" in b), None)
    if absent is not None:
        result = result.fill_null(absent)
    return Column(result, tuple(evidence), tuple(censored))


def before(entry: Criterion, variant: Variant, units: pl.DataFrame, timeline: Timeline) -> pl.DataFrame:
    """The same units at the visit before: the last earlier one at which the anchor has a value; none leaves no day."""
    anchor = next(i for i in entry.inputs if i.anchor)
    seen = pl.concat(by_visit(anchor, b, timeline).keys for b in variant.bindings(anchor)).unique()
    visits = timeline.visits.select("_s", "_v", "visit", "target", "lo", "hi", day="target")
    earlier = visits.join(seen, on="_v", how="semi").sort("_v").with_columns(_earlier=pl.col("_v"))
    own = units.select("_k", "_s", "_v").sort("_v")
    found = own.join_asof(
        earlier,
        on="_v",
        by="_s",
        strategy="backward",
        allow_exact_matches=False,
        check_sortedness=False,
    )
    return found.with_columns(_v=pl.col("_earlier")).drop("_earlier").sort("_k").with_columns(BY_DAY)


def _of(keys: pl.DataFrame | None, frames: tuple[pl.DataFrame, ...]) -> list[pl.DataFrame]:
    """The frames that hold anything, cut to the units `keys` (None: all units)."""
    filled = [f for f in frames if f.height]
    return filled if keys is None else [f.join(keys, on="_k", how="semi") for f in filled]


def constant(spec: Input, value: Any, height: int) -> pl.Series:
    """A column of one value in the type of the input."""
    if spec.type == "rows":
        dtype: Any = pl.List(pl.Struct({f.name: TYPES[f.type] for f in spec.fields}))
    else:
        dtype = TYPES[spec.type]
    return pl.Series(spec.name, [value], dtype=dtype).new_from_index(0, height)


def resolve(
    spec: Input,
    binding: Mapping[str, Any],
    entry: Criterion,
    units: pl.DataFrame,
    timeline: Timeline,
    results: Results,
) -> Column:
    """Find the values of one binding for the units."""
    if "obs" in binding or "item" in binding or "other" in binding:
        return _fact(spec, binding, entry, units, timeline)
    if "items" in binding:
        return _item_list(spec, binding, entry, units, timeline)
    if "result" in binding:
        return _result(binding, entry, units, results)
    if "drug" in binding or "drug_name" in binding:
        values, evidence = medicines.at(units, timeline, binding)
        if binding.get("at", "") is None:  # at the visit before, which not every unit has
            values = values.zip_with(units["_v"].is_not_null(), values.clear(len(values)))
        return Column(values, (evidence,))
    if "subject" in binding:
        subjects = timeline.subjects.select("_s", "ref", value=pl.col(binding["subject"]))
        joined = units.join(subjects, on="_s", how="left", maintain_order="left")
        return Column(joined["value"], (joined.filter(pl.col("value").is_not_null()).select("_k", "ref"),))
    if "event" in binding:
        return Column(units[binding["event"]], (units.select("_k", "ref"),))
    if "time" in binding:
        day = units["day"]
        return Column(day if binding["time"] == "day" else day / 365.25)
    if "derived" in binding:
        return derived.column(binding["derived"], units, timeline, results)
    raise AssertionError(f"{entry.key}.{spec.name}: unknown binding {dict(binding)}")


def _fact(spec: Input, binding: Mapping[str, Any], entry: Criterion, units: pl.DataFrame, timeline: Timeline) -> Column:
    """The value of the unit's own row, of its day, or of its visit (or the baseline visit)."""
    baseline = binding.get("at") == "baseline"
    if not baseline and "_fact" in units.columns and units.height and units["_code"][0] == code_of(binding):
        return _own_row(spec, binding, units, timeline)
    if baseline:
        found = by_visit(spec, binding, timeline)
        visit = timeline.visits.filter(pl.col("visit") == "baseline").select("_s", "_v")
        keyed = units.select("_k", "_s").join(visit, on="_s", how="left", maintain_order="left")
    elif entry.per in ("visit", "visit_pair"):
        found, keyed = by_visit(spec, binding, timeline), units
    else:
        found, keyed = by_day(spec, binding, timeline), units
    if found.values.is_empty():
        nothing = found.values["value"].clear(units.height)
        return Column(_typed_value(spec, nothing), only_with_value=True)
    values = found.at(keyed[found.key])
    evidence = [_rows_of(units["_k"], values["ref"])]
    if found.beside.height:
        evidence.append(keyed[["_k", found.key]].join(found.beside, on=found.key, how="inner").select("_k", "ref"))
    censored = _comparators(units["_k"], values["comparator"]) if found.is_limited else ()
    return Column(_typed_value(spec, values["value"]), tuple(evidence), censored, only_with_value=True)


def _own_row(spec: Input, binding: Mapping[str, Any], units: pl.DataFrame, timeline: Timeline) -> Column:
    found = timeline.fact(code_of(binding)).select(value_of(binding).alias("value"), "comparator")
    own = found.select(pl.all().gather(units["_fact"]))
    if "attr" in binding:
        return Column(own["value"])
    rows = pl.DataFrame([units["_k"], units["ref"], *own])
    known = rows.filter(pl.col("value").is_not_null()) if own["value"].null_count() else rows
    return Column(_typed_value(spec, own["value"]), (known,), _comparators(known["_k"], known["comparator"]))


def _rows_of(units: pl.Series, rows: pl.Series) -> pl.DataFrame:
    """`_k` and `ref` of the units that have a row."""
    found = pl.DataFrame([units, rows])
    return found.filter(pl.col("ref").is_not_null()) if rows.null_count() else found


def _typed_value(spec: Input, values: pl.Series) -> pl.Series:
    return values > 0 if spec.type == "bool" else values


def _comparators(units: pl.Series, comparators: pl.Series) -> tuple[pl.DataFrame, ...]:
    if comparators.null_count() == len(comparators):
        return ()
    return (pl.DataFrame([units, comparators]).filter(pl.col("comparator").is_not_null()),)


def _item_list(
    spec: Input, binding: Mapping[str, Any], entry: Criterion, units: pl.DataFrame, timeline: Timeline
) -> Column:
    """The answers of numbered items (`NAME_1` ... `NAME_n`) as one list; null when none was answered."""
    parts = [
        _fact(Input(spec.name, "float", ""), {**binding, "item": f"{binding['items']}_{i}"}, entry, units, timeline)
        for i in range(1, binding["count"] + 1)
    ]
    frame = pl.DataFrame([p.values.cast(pl.Float64).alias(str(i)) for i, p in enumerate(parts)])
    answered = pl.any_horizontal(pl.all().is_not_null())
    values = frame.select(pl.when(answered).then(pl.concat_list(pl.all()))).to_series()
    return Column(values, tuple(e for p in parts for e in p.evidence))


def _result(binding: Mapping[str, Any], entry: Criterion, units: pl.DataFrame, results: Results) -> Column:
    key, output = binding["result"].split(".", 1)
    found = results.get(key)
    if found is None or output not in found.columns:
        return Column(pl.Series([None] * units.height, dtype=pl.Null))
    if "variant" in binding:
        found = found.filter(pl.col("variant") == binding["variant"])
    if binding.get("at") == "baseline":
        found, on = found.filter(pl.col("visit") == "baseline"), ["_s"]
    elif entry.per in ("visit", "visit_pair"):
        on = ["_s", "visit"]
    else:
        on = ["_s", "day"]
    found = found.select(*on, pl.col(output).alias("value"), "evidence").unique(on, keep="first", maintain_order=True)
    joined = units.select("_k", *on).join(found, on=on, how="left", maintain_order="left")
    evidence = (
        joined.filter(pl.col("value").is_not_null())
        .select("_k", "evidence")
        .explode("evidence")
        .drop_nulls("evidence")
        .unnest("evidence")
    )
    rests_on = next((o.inputs for o in registry.get(key).outputs if o.name == output), ())
    if rests_on:
        evidence = evidence.filter(pl.col("input").is_in(list(rests_on)))
    return Column(joined["value"], (evidence.select("_k", "ref"),))
