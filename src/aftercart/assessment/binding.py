"""From a timeline to the input columns of a criterion, by reading the bindings its registry entry declares.

One generic binder serves every criterion. What it cannot express (see `derived`) is written by hand beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from aftercart.assessment import medicines
from aftercart.assessment.timeline import Timeline
from aftercart.criteria import registry
from aftercart.criteria.frames import TYPES
from aftercart.criteria.registry import Criterion, Input
from aftercart.study import dictionary

Results = Mapping[str, pl.DataFrame]
"""Results of the criteria that ran before, by key (see `aftercart.assessment.run`)."""

EVIDENCE = {"_k": pl.Int64, "input": pl.String, "ref": pl.String}
CENSORED = {"_k": pl.Int64, "input": pl.String, "comparator": pl.String}


@dataclass(frozen=True)
class Variant:
    """One way to run a criterion: fixed inputs and replaced bindings, with a name that its results carry."""

    name: str | None = None
    anchor: str | None = None
    set: Mapping[str, Any] = field(default_factory=dict)
    bind: Mapping[str, tuple[Mapping[str, Any], ...]] = field(default_factory=dict)
    indications: tuple[str, ...] = ()

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


@dataclass(frozen=True)
class Column:
    """One bound column: values in the order of the units, and evidence."""

    values: pl.Series
    evidence: pl.DataFrame | None = None
    censored: pl.DataFrame | None = None


def bind(entry: Criterion, variant: Variant, units: pl.DataFrame, timeline: Timeline, results: Results) -> Bound:
    """Fill every input of a row criterion for the given units."""
    columns: list[pl.Series] = []
    evidence: list[pl.DataFrame] = []
    censored: list[pl.DataFrame] = []
    for spec in entry.inputs:
        column = _column(spec, variant, entry, units, timeline, results)
        columns.append(column.values.alias(spec.name))
        for found, kept in ((column.evidence, evidence), (column.censored, censored)):
            if found is not None and found.height:
                kept.append(found.with_columns(input=pl.lit(spec.name)))
    return Bound(
        units=units,
        inputs=pl.DataFrame(columns) if columns else pl.DataFrame({"_none": [None] * units.height}),
        evidence=_gather(evidence, EVIDENCE),
        censored=_gather(censored, CENSORED),
    )


def _gather(frames: list[pl.DataFrame], schema: Mapping[str, Any]) -> pl.DataFrame:
    return pl.concat([f.select(list(schema)) for f in frames]) if frames else pl.DataFrame(schema=dict(schema))


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
        found = resolve(spec, binding, entry, units, timeline, results)
        values = found.values.cast(TYPES[spec.type], strict=False) if spec.type in TYPES else found.values
        used = values.is_not_null() if result is None else values.is_not_null() & result.is_null()
        result = values if result is None else result.zip_with(result.is_not_null(), values)
        keys = units.select("_k").filter(used)
        for frame, kept in ((found.evidence, evidence), (found.censored, censored)):
            if frame is not None and frame.height:
                kept.append(frame.join(keys, on="_k", how="semi"))
    assert result is not None
    absent = next((b["absent"] for b in bindings if "absent" in b), None)
    if absent is not None:
        result = result.fill_null(absent)
    return Column(result, _stack(evidence), _stack(censored))


def _stack(frames: list[pl.DataFrame]) -> pl.DataFrame | None:
    return pl.concat(frames, how="diagonal") if frames else None


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
        return Column(values, evidence)
    if "subject" in binding:
        subjects = timeline.subjects.select(
            "_s", value=pl.col(binding["subject"]), ref=pl.concat_str(pl.lit("subjects:"), "row_id")
        )
        joined = units.join(subjects, on="_s", how="left", maintain_order="left")
        return Column(joined["value"], joined.filter(pl.col("value").is_not_null()).select("_k", "ref"))
    if "event" in binding:
        return Column(units[binding["event"]], units.select("_k", "ref"))
    if "time" in binding:
        day = units["day"]
        return Column(day if binding["time"] == "day" else day / 365.25)
    if "derived" in binding:
        from aftercart.assessment import derived

        return derived.column(binding["derived"], units, timeline, results)
    raise AssertionError(f"{entry.key}.{spec.name}: unknown binding {dict(binding)}")


def code_of(binding: Mapping[str, Any]) -> str:
    """The fact code of an `obs` or `item` binding, or of `other`: an item attributed to another cause."""
    kind = next(k for k in ("obs", "item", "other") if k in binding)
    return f"{kind}:{binding[kind]}"


def fact_values(spec: Input, binding: Mapping[str, Any], timeline: Timeline) -> pl.DataFrame:
    """All values of one binding: `_s`, `day`, `value`, the sort key that decides within a day, and the source row."""
    facts = timeline.fact(code_of(binding)).filter(pl.col("day").is_not_null())
    if binding.get("text"):
        value = pl.col("text")
        order = {name: float(i) for i, name in enumerate(spec.allowed)}
        key = pl.col("text").replace_strict(order, default=-1.0, return_dtype=pl.Float64)
    else:
        value = pl.col(binding.get("attr", "value"))
        if "unit" in binding and "obs" in binding:
            factor, offset = dictionary.from_standard(binding["obs"], binding["unit"])
            value = value * factor + offset
        key = value
    how = binding.get("day", "last")
    if how == "min":
        key = -key
    elif how == "last":
        key = pl.lit(0.0)
    return facts.select("_s", "day", "time", "comparator", "ref", _key=key, value=value).filter(
        pl.col("value").is_not_null()
    )


def _fact(spec: Input, binding: Mapping[str, Any], entry: Criterion, units: pl.DataFrame, timeline: Timeline) -> Column:
    if "attr" in binding and "_fact" in units.columns and units["_code"].first() == code_of(binding):
        return _same_row(spec, binding, units, timeline)
    found = place(fact_values(spec, binding, timeline), entry, units, timeline, at=binding.get("at"))
    best = (
        found.sort("_k", "_key", "time", "ref", nulls_last=False)
        .group_by("_k", maintain_order=True)
        .agg(pl.col("value").last(), pl.col("comparator").last())
    )
    joined = units.select("_k").join(best, on="_k", how="left", maintain_order="left")
    values = joined["value"]
    if spec.type == "bool":
        values = values > 0
    return Column(
        values,
        found.select("_k", "ref").sort("_k", "ref"),
        joined.filter(pl.col("comparator").is_not_null()).select("_k", "comparator"),
    )


def _same_row(spec: Input, binding: Mapping[str, Any], units: pl.DataFrame, timeline: Timeline) -> Column:
    del spec
    factor, offset = dictionary.from_standard(binding["obs"], binding["unit"]) if "unit" in binding else (1.0, 0.0)
    rows = timeline.fact(code_of(binding)).select("ref", value=pl.col(binding["attr"]) * factor + offset)
    return Column(units.select("ref").join(rows, on="ref", how="left", maintain_order="left")["value"])


def place(
    values: pl.DataFrame, entry: Criterion, units: pl.DataFrame, timeline: Timeline, *, at: str | None
) -> pl.DataFrame:
    """Assign values to units: the same day, or the day of the window that is nearest the visit."""
    if entry.per in ("visit", "visit_pair") or at == "baseline":
        if at == "baseline":
            windows = timeline.visits.filter(pl.col("visit") == "baseline").select("_s", "target", "lo", "hi")
            targets = units.select("_k", "_s").join(windows, on="_s", how="inner")
        else:
            targets = units.select("_k", "_s", "target", "lo", "hi")
        joined = targets.join(values, on="_s", how="inner").filter(pl.col("day").is_between(pl.col("lo"), pl.col("hi")))
        far = (pl.col("day") - pl.col("target")).abs() * 2 + (pl.col("day") > pl.col("target")).cast(pl.Int64)
        return joined.with_columns(_far=far).filter(pl.col("_far") == pl.col("_far").min().over("_k"))
    if "_fact" in units.columns:
        own = units.select("_k", "ref").join(values, on="ref", how="inner")
        if own.height:
            return own
    return units.select("_k", "_s", "day").join(values, on=["_s", "day"], how="inner")


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
    return Column(values, _stack([p.evidence for p in parts if p.evidence is not None]))


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
    return Column(joined["value"], evidence.select("_k", "ref").unique().sort("_k", "ref"))
