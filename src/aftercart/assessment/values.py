"""The values of one code by day and by visit: found once, and read by every criterion that is bound to them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from aftercart.assessment.timeline import REF, Timeline
from aftercart.criteria.registry import Input
from aftercart.study import dictionary

DAYS = 1 << 22
"""More days than any course has, so that one number can hold a subject and a day."""

BY_DAY = (pl.col("_s") * DAYS + pl.col("day")).alias("_d")


@dataclass(frozen=True)
class Found:
    """One value for each key (`_d`: subject and day, `_v`: visit), with the row it came from and the rows beside it."""

    key: str
    values: pl.DataFrame
    """The key, `value`, `comparator` and `ref` of the row that counts."""
    beside: pl.DataFrame
    """The key and `ref` of the other rows of that day: they do not count, but are evidence."""


Results = Mapping[str, pl.DataFrame]
"""Results of the criteria that ran before, by key (see `aftercart.assessment.run`)."""


@dataclass(frozen=True)
class Column:
    """One bound column: values in the order of the units, the rows behind them (`_k`, `ref`), and comparators."""

    values: pl.Series
    evidence: tuple[pl.DataFrame, ...] = ()
    censored: tuple[pl.DataFrame, ...] = ()


def code_of(binding: Mapping[str, Any]) -> str:
    """The fact code of an `obs` or `item` binding, or of `other`: an item attributed to another cause."""
    kind = next(k for k in ("obs", "item", "other") if k in binding)
    return f"{kind}:{binding[kind]}"


def observed(spec: Input, binding: Mapping[str, Any], timeline: Timeline) -> pl.DataFrame:
    """All values of one binding: `_s`, `day`, `value`, the key that decides within a day (`_key`), and the row.

    Sorted by subject, day, time and row.
    """
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
        return _nothing("_d", pl.Int64, spec, binding)
    rows = observed(spec, binding, timeline).with_columns(BY_DAY)
    again = rows["_d"] == rows["_d"].shift(1)
    if not again.any():
        return Found("_d", rows.drop("_key", "time"), _no_rows("_d", rows))
    rows = rows.sort("_d", "_key", maintain_order=True)
    counts = rows.select((pl.col("_d") != pl.col("_d").shift(-1)).fill_null(value=True)).to_series()
    return Found("_d", rows.filter(counts).drop("_key", "time"), rows.filter(~counts).select("_d", "ref"))


def _by_visit(spec: Input, binding: Mapping[str, Any], timeline: Timeline) -> Found:
    daily = by_day(spec, binding, timeline)
    if daily.values.is_empty():
        return _nothing("_v", timeline.visits.schema["_v"], spec, binding)
    far = (pl.col("day") - pl.col("target")).abs() * 2 + (pl.col("day") > pl.col("target")).cast(pl.Int64)
    nearest = (
        timeline.visits.select("_v", "_s", "target", "lo", "hi")
        .join(daily.values, on="_s", how="inner")
        .filter(pl.col("day").is_between(pl.col("lo"), pl.col("hi")))
        .with_columns(_far=far)
        .filter(pl.col("_far") == pl.col("_far").min().over("_v"))
        .sort("_v")
    )
    beside = (
        nearest.select("_v", "_d").join(daily.beside, on="_d", how="inner").select("_v", "ref")
        if daily.beside.height
        else _no_rows("_v", nearest)
    )
    return Found("_v", nearest.select("_v", "value", "comparator", "ref"), beside)


def _nothing(key: str, dtype: Any, spec: Input, binding: Mapping[str, Any]) -> Found:
    kind = pl.String if binding.get("text") or spec.type == "str" else pl.Float64
    values = pl.DataFrame(schema={key: dtype, "value": kind, "comparator": pl.String, "ref": REF, **_DAY})
    return Found(key, values, values.select(key, "ref"))


_DAY = {"_s": pl.Int64, "day": pl.Int64}


def _no_rows(key: str, like: pl.DataFrame) -> pl.DataFrame:
    return like.select(key, "ref").clear()
