"""What there is to assess: the days, visits, results, events or subjects that one criterion applies to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from aftercart.assessment import derived
from aftercart.assessment.binding import Variant
from aftercart.assessment.timeline import Timeline
from aftercart.assessment.values import BY_DAY, Results, by_visit, code_of, observed
from aftercart.criteria.registry import Criterion, Input

OBSERVABLE = frozenset({"obs", "item", "items", "other", "result"})
"""Bindings whose values are findings of a day; medicines and the passing of time are known on any day."""


def find(entry: Criterion, variant: Variant, timeline: Timeline, results: Results) -> pl.DataFrame:
    """Return the units of a criterion: `_k`, `_s`, `day`, `time`, `visit` and what the binder needs beside them.

    They are of subjects to whom the criterion applies, in order.
    """
    found = _FINDERS[entry.per](entry, variant, timeline, results)
    absent = [pl.lit(None, dtype=dtype).alias(name) for name, dtype in _LABELS.items() if name not in found.columns]
    wanted = variant.indications or entry.indications
    if wanted:
        subjects = timeline.subjects.lazy().filter(pl.col("indication").is_in(wanted)).select("_s")
        units = found.lazy().join(subjects, on="_s", how="semi").with_columns(*absent)
    else:
        units = found.lazy().with_columns(*absent)
    order = [c for c in ("_s", "_order", "day", "time", "ref") if c in found.columns]
    numbered = units.sort(order, nulls_last=True).with_row_index("_k")
    return numbered.with_columns(pl.col("_k").cast(pl.Int64), BY_DAY).collect()


_LABELS = {"day": pl.Int64(), "time": pl.String(), "visit": pl.String()}


def _days(entry: Criterion, variant: Variant, timeline: Timeline, results: Results) -> pl.DataFrame:
    found = _observed(entry, variant, timeline, results).select("_s", "day")
    if entry.window is not None:
        found = found.filter(pl.col("day").is_between(*entry.window))
    return found.unique()


def _visits(entry: Criterion, variant: Variant, timeline: Timeline, results: Results) -> pl.DataFrame:
    windows = timeline.visits
    asks_for_findings = entry.kind == "row" and any(
        b.keys() & OBSERVABLE for i in entry.inputs for b in variant.bindings(i)
    )
    seen = (
        [_seen_at(i, b, timeline, results) for i in _anchors(entry) for b in _own_bindings(i, variant)]
        if asks_for_findings
        else [_in_window(timeline.contacts, windows)]
    )
    known = [v for v in seen if v.height]
    if not known:
        return windows.clear().with_columns(day=pl.col("target"))
    units = windows.join(pl.concat(known) if len(known) > 1 else known[0], on="_v", how="semi")
    if entry.per == "visit_pair":
        units = units.filter(pl.col("visit") != "baseline")
    return units.with_columns(day=pl.col("target"))


def _in_window(days: pl.DataFrame, windows: pl.DataFrame) -> pl.DataFrame:
    """The visits in whose window a day lies."""
    seen = windows.join(days.select("_s", seen_day="day"), on="_s", how="inner")
    return seen.filter(pl.col("seen_day").is_between(pl.col("lo"), pl.col("hi"))).select("_v").unique()


def _seen_at(spec: Input, binding: Mapping[str, Any], timeline: Timeline, results: Results) -> pl.DataFrame:
    """The visits at which a binding finds a value."""
    windows = timeline.visits
    if "obs" in binding or "item" in binding or "other" in binding:
        return by_visit(spec, binding, timeline).keys
    seen = _seen(spec, binding, timeline, results)
    if seen is None:
        return windows.select("_v").clear()
    by_name = seen.filter(pl.col("visit").is_not_null()).select("_s", "visit").unique()
    by_day = seen.filter(pl.col("visit").is_null() & pl.col("day").is_not_null())
    return pl.concat([_in_window(by_day, windows), windows.join(by_name, on=["_s", "visit"], how="semi").select("_v")])


def _subjects(entry: Criterion, variant: Variant, timeline: Timeline, results: Results) -> pl.DataFrame:
    del entry, variant, results
    return timeline.subjects.select("_s")


def _rows_observed(entry: Criterion, variant: Variant, timeline: Timeline, results: Results) -> pl.DataFrame:
    del results
    name = variant.anchor or next(i.name for i in entry.inputs if i.anchor)
    anchor = next(i for i in entry.inputs if i.name == name)
    code = code_of(variant.bindings(anchor)[0])
    rows = timeline.fact(code).with_row_index("_fact")
    placed = rows.filter(pl.col("day").is_not_null() & pl.col("value").is_not_null())
    return placed.select("_s", "day", "time", "ref", "_fact", _code=pl.lit(code))


def _events(entry: Criterion, variant: Variant, timeline: Timeline, results: Results) -> pl.DataFrame:
    del variant, results
    return derived.event_rows(entry.key, timeline)


def _observed(entry: Criterion, variant: Variant, timeline: Timeline, results: Results) -> pl.DataFrame:
    """Days and visits on which an anchoring input has a value."""
    found = [_seen(i, b, timeline, results) for i in _anchors(entry) for b in _own_bindings(i, variant)]
    empty = pl.DataFrame(schema={"_s": pl.Int64, "day": pl.Int64, "visit": pl.String})
    return pl.concat([empty, *(f for f in found if f is not None)]).unique()


def _anchors(entry: Criterion) -> list[Input]:
    """The inputs that say when there is something to assess; with none declared, all of them."""
    return [i for i in entry.inputs if i.anchor] or list(entry.inputs)


def _own_bindings(spec: Input, variant: Variant) -> list[Mapping[str, Any]]:
    return [b for b in variant.bindings(spec) if b.get("at") not in ("baseline", "previous")]


def _seen(spec: Input, binding: Mapping[str, Any], timeline: Timeline, results: Results) -> pl.DataFrame | None:
    no_visit = pl.lit(None, dtype=pl.String)
    if "obs" in binding or "item" in binding or "other" in binding:
        return observed(spec, binding, timeline).select("_s", "day", visit=no_visit)
    if "items" in binding:
        answered = pl.concat(timeline.fact(f"item:{binding['items']}_{i}") for i in range(1, binding["count"] + 1))
        return answered.filter(pl.col("day").is_not_null()).select("_s", "day", visit=no_visit)
    if "result" in binding:
        key, output = binding["result"].split(".", 1)
        found = results.get(key)
        if found is None or output not in found.columns:
            return None
        return found.filter(pl.col(output).is_not_null() | pl.col("missing").is_not_null()).select(
            "_s", pl.when(pl.col("visit").is_null()).then("day").alias("day"), "visit"
        )
    return None


_FINDERS = {
    "day": _days,
    "visit": _visits,
    "visit_pair": _visits,
    "subject": _subjects,
    "observation": _rows_observed,
    "event": _events,
}
