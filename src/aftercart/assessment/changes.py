"""What would have changed a result: for every input, the nearest value on each side that gives another one.

Found by asking the rule itself, so that no criterion has to describe its thresholds twice: each input is moved
through its admissible range with all others held, ever finer, all candidates of a round in one call.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import polars as pl

from aftercart.criteria.calling import validated
from aftercart.criteria.registry import Criterion, Input

STEPS = 48
ROUNDS = 6


@dataclass(frozen=True)
class Change:
    """The nearest value of one input, with all others as they are, at which the result would be another."""

    input: str
    unit: str | None
    found: Any
    direction: str
    """`up`, `down`, or `to` for a named value."""
    threshold: Any
    inclusive: bool
    """Whether the threshold itself already gives the other result."""
    result: Any

    def __str__(self) -> str:
        unit = f" {self.unit}" if self.unit else ""
        if self.direction == "to":
            return f"{self.input} {_plain(self.threshold)} would give {_plain(self.result)}"
        words = {("up", True): "from", ("up", False): "above", ("down", True): "down to", ("down", False): "below"}
        word = words[self.direction, self.inclusive]
        return f"{self.input} {word} {self.threshold:g}{unit} would give {_plain(self.result)}"


def nearest(entry: Criterion, inputs: pl.DataFrame) -> list[Change]:
    """Return the nearest changes of a row criterion for one row of typed inputs (columns named as the inputs).

    The result is the primary output, or the named level of a score on a continuous scale. Inputs that are lists, and
    numbers without a value, are left out. Series criteria, and scores without levels, have no such list.
    """
    if entry.kind != "row" or inputs.height != 1 or _result(entry) is None:
        return []
    present = _evaluate(entry, inputs)[0]
    if present is None:
        return []
    changes: list[Change] = []
    for spec in entry.inputs:
        value = inputs[spec.name][0]
        if spec.type == "bool" and value is not None:
            changes += _named(entry, inputs, spec, [not value], present)
        elif spec.type == "str" and spec.allowed:
            changes += _named(entry, inputs, spec, [a for a in spec.allowed if a != value], present)
        elif spec.type in ("float", "int") and value is not None:
            changes += _numeric(entry, inputs, spec, float(value), present)
    return changes


def _result(entry: Criterion) -> str | None:
    """The output whose change is worth telling: a grade, an answer or a level."""
    kinds = {o.name: o.type for o in entry.outputs}
    if kinds[entry.primary] != "float":
        return entry.primary
    return next((o.name for o in entry.outputs if o.type == "str" and o.levels), None)


def _evaluate(entry: Criterion, frame: pl.DataFrame) -> list[Any]:
    name = _result(entry)
    assert name is not None
    checked, invalid = validated(frame, entry.inputs)
    return entry.function.outputs(checked, invalid)[name].to_list()


def _with(inputs: pl.DataFrame, name: str, values: list[Any]) -> pl.DataFrame:
    repeated = pl.concat([inputs] * len(values)) if len(values) > 1 else inputs
    return repeated.with_columns(pl.Series(name, values, dtype=inputs.schema[name], strict=False))


def _named(entry: Criterion, inputs: pl.DataFrame, spec: Input, values: list[Any], present: Any) -> list[Change]:
    if not values:
        return []
    results = _evaluate(entry, _with(inputs, spec.name, values))
    different = [(v, r) for v, r in zip(values, results, strict=True) if r != present and r is not None]
    if spec.type == "str" and different:
        # Allowed values are listed from least to most: keep the nearest on either side.
        order = list(spec.allowed)
        here = order.index(inputs[spec.name][0]) if inputs[spec.name][0] in order else 0
        below = [p for p in different if order.index(p[0]) < here][-1:]
        different = below + [p for p in different if order.index(p[0]) > here][:1]
    return [Change(spec.name, None, inputs[spec.name][0], "to", v, True, r) for v, r in different]


def _numeric(entry: Criterion, inputs: pl.DataFrame, spec: Input, value: float, present: Any) -> list[Change]:
    changes = []
    for direction, sign in (("down", -1.0), ("up", 1.0)):
        grid = _grid(spec, value, sign)
        if not grid:
            continue
        results = _evaluate(entry, _with(inputs, spec.name, grid))
        hit = next((i for i, r in enumerate(results) if r != present and r is not None), None)
        if hit is None:
            continue
        inner = value if hit == 0 else grid[hit - 1]
        changes.append(_edge(entry, inputs, spec, direction, inner, grid[hit], value, present))
    return changes


def _grid(spec: Input, value: float, sign: float) -> list[float]:
    low = spec.minimum if spec.minimum is not None else min(0.0, 10 * value)
    high = spec.maximum if spec.maximum is not None else max(abs(value) * 1000, 1000.0)
    end = low if sign < 0 else high
    span = abs(end - value)
    if span <= 0:
        return []
    if spec.type == "int":
        steps = [value + sign * i for i in range(1, int(min(span, STEPS)) + 1)]
        return [s for s in steps if low <= s <= high]
    return [value + sign * span * ((i / STEPS) ** 3) for i in range(1, STEPS + 1)]


def _edge(
    entry: Criterion,
    inputs: pl.DataFrame,
    spec: Input,
    direction: str,
    inner: float,
    outer: float,
    value: float,
    present: Any,
) -> Change:
    """Halve the distance between a value that keeps the result and one that changes it."""
    if spec.type == "int":
        result = _evaluate(entry, _with(inputs, spec.name, [int(outer)]))[0]
        return Change(spec.name, spec.unit, int(value), direction, int(outer), True, result)
    for _ in range(ROUNDS):
        points = [inner + (outer - inner) * i / STEPS for i in range(1, STEPS + 1)]
        results = _evaluate(entry, _with(inputs, spec.name, points))
        hit = next(i for i, r in enumerate(results) if r not in (present, None))
        inner, outer = (points[hit - 1] if hit else inner), points[hit]
    threshold = float(f"{outer:.7g}")
    at_edge = _evaluate(entry, _with(inputs, spec.name, [threshold]))[0]
    beyond = _evaluate(entry, _with(inputs, spec.name, [outer]))[0]
    return Change(spec.name, spec.unit, value, direction, threshold, at_edge == beyond, beyond)


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)
