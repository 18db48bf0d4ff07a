"""Random admissible frames for any row criterion, drawn from what its registry entry declares."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from aftercart.criteria.frames import TYPES
from aftercart.criteria.registry import Criterion, Input

ALTERNATIVES = {
    "acr_criss_2016": ("baseline.", "followup."),
    "crs_scale_comparison": ("vasopressor",),
    "ctcae_creatinine": ("baseline_range_flag",),
    "ctcae_liver": ("baseline_range_flag",),
    "ctcae_other_chemistry": ("symptoms_unknown_policy",),
    "das28_crp": ("crp_mg_per_dl",),
    "escsg_ai_2001": ("flags.tss_gt_threshold", "flags.low_tlco", "flags.esr_gt_30"),
    "eustar_ai_2017": ("crp_mg_per_l",),
    "icans_astct_2019_adult": ("seizure_resolved_rapidly",),
    "icans_astct_2019_child": ("instrument", "seizure_resolved_rapidly"),
    "sdai": ("crp_mg_per_l",),
}
"""Inputs that state a second time what another input states (at random the two would contradict each other), and
those whose absence has a meaning of its own in the published rule."""


def frame(entry: Criterion, seed: int, rows: int = 60) -> pl.DataFrame:
    """Every input known and admissible; numbers often sit at an edge of the published rules."""
    rng = np.random.default_rng(seed)
    edges = sorted({float(v) for v in _numbers(entry.rules)}) or [0.0]
    left_out = ALTERNATIVES.get(entry.key, ())
    asked = [i for i in entry.inputs if i.type in TYPES and not i.name.startswith(tuple(left_out))]
    columns = {i.name: _values(i, rng, rows, edges) for i in asked}
    return pl.DataFrame({n: pl.Series(n, v, dtype=TYPES[_type(entry, n)], strict=False) for n, v in columns.items()})


def blank(data: pl.DataFrame, seed: int, share: float = 0.3) -> pl.DataFrame:
    """The same frame with a share of its cells missing."""
    rng = np.random.default_rng(seed)
    gone = {c: pl.Series(rng.random(data.height) < share) for c in data.columns}
    return data.with_columns(pl.when(~gone[c]).then(pl.col(c)).alias(c) for c in data.columns)


def _type(entry: Criterion, name: str) -> str:
    return next(i.type for i in entry.inputs if i.name == name)


def _numbers(value: Any) -> list[float]:
    if isinstance(value, bool | str):
        return []
    if isinstance(value, int | float):
        return [value]
    if isinstance(value, dict):
        return [n for v in value.values() for n in _numbers(v)]
    return [n for v in value for n in _numbers(v)]


def _values(spec: Input, rng: np.random.Generator, rows: int, edges: list[float]) -> list[Any]:
    if spec.type == "bool":
        return [bool(v) for v in rng.random(rows) < 0.3]
    if spec.allowed and spec.type in ("str", "int", "float"):
        return [spec.allowed[i] for i in rng.integers(0, len(spec.allowed), rows)]
    if spec.type == "str":
        return ["other"] * rows
    if spec.type == "list[str]":
        return [[["a"], [], ["a", "b"]][i] for i in rng.integers(0, 3, rows)]
    if spec.type == "list[float]":
        return [[float(v) for v in rng.integers(0, 4, 3)] for _ in range(rows)]
    low = 0.0 if spec.minimum is None else float(spec.minimum)
    high = max(low + 1, 200.0 if spec.maximum is None else float(spec.maximum))
    inside = [e for e in edges if low <= e <= high] or [low]
    drawn = np.where(rng.random(rows) < 0.5, rng.choice(inside, rows), rng.uniform(low, min(high, low + 60), rows))
    return [round(v) for v in drawn] if spec.type == "int" else [round(float(v), 2) for v in drawn]
