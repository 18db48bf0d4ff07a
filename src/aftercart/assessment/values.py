"""The values of one code by day and by visit: found once, and read by every criterion that is bound to them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import numpy as np
import polars as pl

from aftercart.assessment.timeline import REF, Timeline
from aftercart.criteria.registry import Input
from aftercart.study import dictionary

DAYS = 1 << 23
"""More days than lie between any two dates, so that one number can hold a subject and a day."""

BY_DAY = (pl.col("_s") * DAYS + pl.col("day")).alias("_d")


@dataclass(frozen=True)
class Found:
    """One value for each key (`_d`: subject and day, `_v`: visit), with the row it came from and the rows beside it."""

    key: str
    values: pl.DataFrame
    """`value`, `comparator` and `ref` of the row that counts: of each `_d` that has one, or of every `_v` in order."""
    beside: pl.DataFrame
    """The key and `ref` of the other rows of that day: they do not count, but are evidence."""

    @cached_property
    def keys(self) -> pl.DataFrame:
        """The keys for which there is a value."""
        return self.values.filter(pl.col("ref").is_not_null()).select(self.key)

    @cached_property
    def is_limited(self) -> bool:
        """Whether any value was reported with a comparator, as a limit."""
        return self.values["comparator"].null_count() < self.values.height

    def at(self, keys: pl.Series) -> pl.DataFrame:
        """`value`, `comparator` and `ref` for some keys, in their order; null where there is no value."""
        if self.key == "_v":
            return self.values.select(pl.col("value", "comparator", "ref").gather(keys))
        return keys.to_frame(self.key).join(self.values, on=self.key, how="left", maintain_order="left")


Results = Mapping[str, pl.DataFrame]
"""Results of the criteria that ran before, by key (see `aftercart.assessment.run`)."""


@dataclass(frozen=True)
class Column:
    """One bound column: values in the order of the units, the rows behind them (`_k`, `ref`), and comparators."""

    values: pl.Series
    evidence: tuple[pl.DataFrame, ...] = ()
    censored: tuple[pl.DataFrame, ...] = ()
    only_with_value: bool = False
    """Whether evidence and comparators are of units with a value only."""


def code_of(binding: Mapping[str, Any]) -> str:
    """The fact code of an `obs` or `item` binding, or of `other`: an item attributed to another cause."""
    kind = next(k for k in ("obs", "item", "other") if k in binding)
    return f"{kind}:{binding[kind]}"


def observed(spec: Input, binding: Mapping[str, Any], timeline: Timeline) -> pl.DataFrame:
    """All values of one binding: `_s`, `day`, `_d`, `value`, the key that decides within a day (`_key`), and the row.

    Sorted by subject, day, time and row.
    """
    facts = timeline.fact(code_of(binding))
    source = "text" if binding.get("text") else binding.get("attr", "value")
    if facts["day"].null_count() or facts[source].null_count():
        facts = facts.filter(pl.col("day").is_not_null() & pl.col(source).is_not_null())
    value = key = value_of(binding)
    if binding.get("text"):
        order = {name: float(i) for i, name in enumerate(spec.allowed)}
        key = value.replace_strict(order, default=-1.0, return_dtype=pl.Float64)
    how = binding.get("day", "last")
    if how == "min":
        key = -key
    elif how == "last":
        key = pl.lit(0.0)
    return facts.select("_s", "day", BY_DAY, "comparator", "ref", _key=key, value=value)


def value_of(binding: Mapping[str, Any]) -> pl.Expr:
    """The column of the facts that a binding reads, in the unit it asks for."""
    if binding.get("text"):
        return pl.col("text")
    value = pl.col(binding.get("attr", "value"))
    if "unit" in binding and "obs" in binding:
        factor, offset = dictionary.from_standard(binding["obs"], binding["unit"])
        return value * factor + offset
    return value


def by_day(spec: Input, binding: Mapping[str, Any], timeline: Timeline) -> Found:
    """The value that counts on each day: the worst or the last, as the binding says."""
    return _kept("day", spec, binding, timeline, _by_day)


def by_visit(spec: Input, binding: Mapping[str, Any], timeline: Timeline) -> Found:
    """The value that counts at each visit: that of the day of its window which is nearest its target."""
    return _kept("visit", spec, binding, timeline, _by_visit)


def _kept(
    what: str,
    spec: Input,
    binding: Mapping[str, Any],
    timeline: Timeline,
    find: Callable[[Input, Mapping[str, Any], Timeline], Found],
) -> Found:
    unit = binding.get("unit") if "obs" in binding else None
    order = spec.allowed if binding.get("text") else None
    name = (what, code_of(binding), binding.get("attr"), binding.get("day"), unit, order)
    if name not in timeline.memo:
        timeline.memo[name] = find(spec, binding, timeline)
    found: Found = timeline.memo[name]
    return found


def _by_day(spec: Input, binding: Mapping[str, Any], timeline: Timeline) -> Found:
    if code_of(binding) not in timeline.by_code:
        return _nothing("_d", _kind(spec, binding))
    rows = observed(spec, binding, timeline)
    columns = ("_d", "_s", "day", "value", "comparator", "ref")
    if not rows.select((pl.col("_d") == pl.col("_d").shift(1)).any()).item():
        return Found("_d", rows.select(columns), _no_rows("_d"))
    if binding.get("day", "last") != "last":
        rows = rows.sort("_d", "_key", maintain_order=True)
    counts = rows.select((pl.col("_d") != pl.col("_d").shift(-1)).fill_null(value=True)).to_series()
    return Found("_d", rows.filter(counts).select(columns), rows.filter(~counts).select("_d", "ref"))


def _by_visit(spec: Input, binding: Mapping[str, Any], timeline: Timeline) -> Found:
    """Look from the target of every visit to the last day up to it and to the first day after it."""
    daily = by_day(spec, binding, timeline)
    if daily.values.is_empty():
        return _nothing("_v", _kind(spec, binding))
    subjects, targets, first, last = (timeline.visits[c].to_numpy() for c in ("_s", "target", "lo", "hi"))
    whose, days = daily.values["_s"].to_numpy(), daily.values["day"].to_numpy()
    after = np.searchsorted(daily.values["_d"].to_numpy(), subjects * DAYS + targets, side="right")
    before, after = np.maximum(after - 1, 0), np.minimum(after, len(days) - 1)
    back, ahead = targets - days[before], days[after] - targets
    has_before = (whose[before] == subjects) & (back >= 0) & (days[before] >= first)
    has_after = (whose[after] == subjects) & (ahead > 0) & (days[after] <= last)
    earlier = has_before & (~has_after | (back <= ahead))
    place = pl.Series(np.where(earlier, before, after), dtype=pl.UInt32)
    place = pl.select(pl.when(pl.Series(earlier | has_after)).then(place)).to_series()
    values = daily.values.select(pl.col("_d", "value", "comparator", "ref").gather(place))
    values = values.insert_column(0, timeline.visits["_v"])
    beside = values.select("_v", "_d").join(daily.beside, on="_d").select("_v", "ref") if len(daily.beside) else None
    return Found("_v", values, beside if beside is not None else _no_rows("_v"))


def _kind(spec: Input, binding: Mapping[str, Any]) -> Any:
    return pl.String if binding.get("text") or spec.type == "str" else pl.Float64


@cache
def _nothing(key: str, kind: Any) -> Found:
    keys = {"_d": pl.Int64, "_s": pl.Int64, "day": pl.Int64} if key == "_d" else {"_v": pl.UInt32}
    values = pl.DataFrame(schema={**keys, "value": kind, "comparator": pl.String, "ref": REF})
    return Found(key, values, _no_rows(key))


@cache
def _no_rows(key: str) -> pl.DataFrame:
    return pl.DataFrame(schema={key: pl.Int64 if key == "_d" else pl.UInt32, "ref": REF})
