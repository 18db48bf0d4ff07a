"""The source rows behind every result: gathered as places in the timeline, as lists by unit."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

ByUnit = tuple[pl.Series, pl.Series]
"""`source_rows` and `evidence` of every unit."""


def by_unit(evidence: pl.DataFrame, units: int) -> ByUnit:
    """For each of so many units its `source_rows`, and its `evidence`: the same with the input each was found for.

    evidence: `_k` (whose row it is), `ref` and `input`, in any order and with repetitions. Both lists are distinct and
    sorted; unit, input and row are packed into one number, which sorts fastest. A unit without rows has no source rows
    (an empty list) and no evidence (null).
    """
    evidence = evidence.drop_nulls() if any(c.null_count() for c in evidence) else evidence
    unit, row = (evidence[c].to_numpy().astype(np.uint64) for c in ("_k", "ref"))
    source = evidence["input"].to_physical().to_numpy().astype(np.uint64)
    pairs = _distinct(unit << 40 | source << 32 | row)
    columns = [pl.Series("input", pairs >> 32 & 0xFF).cast(pl.UInt8).cat.to(evidence.schema["input"]), _row(pairs)]
    by_input = lists(pl.DataFrame(columns).select(evidence=pl.struct(pl.all())), pairs >> 40, units)
    rows = _distinct(pairs >> 40 << 32 | pairs & _REF)
    by_row = lists(pl.DataFrame([_row(rows).alias("source_rows")]), rows >> 32, units)
    return (by_row.fill_null(pl.lit([], dtype=by_row.dtype)) if by_row.null_count() else by_row), by_input


_REF = 0xFFFF_FFFF


def _distinct(packed: Any) -> Any:
    """The distinct numbers, sorted; they come in a few sorted runs, which a stable sort merges."""
    packed = np.sort(packed, kind="stable")
    return packed[np.append(True, packed[1:] != packed[:-1])] if len(packed) else packed


def _row(packed: Any) -> pl.Series:
    return pl.Series("ref", (packed & _REF).astype(np.uint32))


def lists(column: pl.DataFrame, of: Any, units: int) -> pl.Series:
    """The values of one column as a list for every unit; `of`: whose each value is, sorted. None is null."""
    (name,) = column.columns
    keys = pl.Series("_k", of.astype(np.int64)).set_sorted()
    found = column.insert_column(0, keys).group_by("_k", maintain_order=True).agg(name)
    if found.height == units:
        return found[name]
    place = np.full(units, found.height, dtype=np.uint32)
    place[found["_k"].to_numpy()] = np.arange(found.height, dtype=np.uint32)
    return found.select(pl.col(name).gather(pl.Series(place), null_on_oob=True)).to_series()
