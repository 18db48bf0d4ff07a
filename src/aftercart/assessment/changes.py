"""What would have changed a result: for every input, the nearest value on each side that gives another one.

Found by asking the rule itself, so that no criterion has to describe its thresholds twice: each value is moved
through its admissible range with all others held, ever finer, all candidates of a round in one call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from aftercart.criteria.calling import validated
from aftercart.criteria.registry import Criterion, Input

STEPS = 48
ROUNDS = 6
NOUGHT = 1e-6
AT_ONCE = 300_000
"""Rows that a rule is asked for in one call."""


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
    day: int | None = None
    """The day of the row that would have to be another, in a series."""

    def __str__(self) -> str:
        unit = f" {self.unit}" if self.unit and self.unit != "1" else ""
        when = "" if self.day is None else f" on day {self.day}"
        if self.direction == "to":
            return f"{self.input} {_plain(self.threshold)}{when} would give {_plain(self.result)}"
        words = {("up", True): "from", ("up", False): "above", ("down", True): "down to", ("down", False): "below"}
        word = words[self.direction, self.inclusive]
        return f"{self.input} {word} {self.threshold:g}{unit}{when} would give {_plain(self.result)}"


@dataclass(frozen=True)
class _Place:
    """A value that can be moved: that of an input of one result, or of a row of its series."""

    result: int
    spec: Input
    value: Any
    row: int | None = None


Moves = Sequence[tuple[_Place, Any]]
Ask = Callable[[Moves], list[Any]]
"""The results that the rule gives when in each move one value is another."""


def nearest(entry: Criterion, inputs: pl.DataFrame) -> list[list[Change]]:
    """Return the nearest changes of a row criterion for each row of typed inputs (columns named as the inputs).

    The result is the primary output, or the named level of a score on a continuous scale. Inputs that are lists, and
    numbers without a value, are left out; an open result, and a score without levels, has no such list.
    """
    name = _result(entry)
    if entry.kind != "row" or name is None:
        return [[] for _ in range(inputs.height)]
    kinds = [repr(row) for row in inputs.rows()]
    first = {kind: i for i, kind in reversed(list(enumerate(kinds)))}
    turn = {kind: i for i, kind in enumerate(first)}
    distinct = inputs[list(first.values())]
    moved = _Rows(entry, distinct, name)
    places = [_Place(i, s, distinct[s.name][i]) for i in range(distinct.height) for s in entry.inputs]
    found = _search(places, moved.present(), moved.ask)
    return [found[turn[kind]] for kind in kinds]


def nearest_in_series(
    entry: Criterion, units: pl.DataFrame, rows: pl.DataFrame, days: pl.Series, invalid: pl.Series | None
) -> list[list[Change]]:
    """Return the nearest changes of a series criterion for each unit: of each input the row that is nearest to one.

    units: typed inputs with `_unit` and `_given`; rows: the typed series with `_unit`; days: the day of each row.
    """
    name = _result(entry)
    if name is None:
        return [[] for _ in range(units.height)]
    moved = _Series(entry, units, rows, invalid, name)
    turn = {unit: i for i, unit in enumerate(units["_unit"])}
    places = [
        _Place(turn[unit], s, rows[s.name][r], r)
        for r, unit in enumerate(rows["_unit"])
        for s in entry.row_inputs
        if s.type in ("float", "int", "bool") and not any("time" in b for b in s.bindings)
    ]
    found = _search(places, moved.present(), moved.ask, days)
    return [_one_each(changes) for changes in found]


def _one_each(changes: list[Change]) -> list[Change]:
    """Of each input and direction the change that takes the least."""

    def effort(change: Change) -> tuple[float, int]:
        if change.direction == "to":
            return 0.0, change.day or 0
        return abs(change.threshold - change.found) / (abs(change.found) + 1e-9), change.day or 0

    best: dict[tuple[str, str, Any], Change] = {}
    for change in sorted(changes, key=effort):
        kind = change.threshold if change.direction == "to" else None
        best.setdefault((change.input, change.direction, kind), change)
    return list(best.values())


def can_be_told(entry: Criterion) -> bool:
    """Whether another result of a criterion is something to tell: not so for a continuous score without levels."""
    return _result(entry) is not None


def _result(entry: Criterion) -> str | None:
    """The output whose change is worth telling: a grade, an answer or a level."""
    kinds = {o.name: o.type for o in entry.outputs}
    if kinds[entry.primary] in ("float", "list"):
        return next((o.name for o in entry.outputs if o.type == "str" and o.levels), None)
    return entry.primary


@dataclass(frozen=True)
class _Rows:
    """A row criterion that can be asked about other values."""

    entry: Criterion
    inputs: pl.DataFrame
    name: str

    def present(self) -> list[Any]:
        return self._results(self.inputs)

    def ask(self, moves: Moves) -> list[Any]:
        found: list[Any] = [None] * len(moves)
        for chunk in _chunks(range(len(moves)), AT_ONCE):
            by_input: dict[str, list[int]] = {}
            for i in chunk:
                by_input.setdefault(moves[i][0].spec.name, []).append(i)
            frames = [
                self.inputs[[moves[i][0].result for i in turns]].with_columns(
                    pl.Series(name, [moves[i][1] for i in turns], dtype=self.inputs.schema[name], strict=False)
                )
                for name, turns in by_input.items()
            ]
            order = [i for turns in by_input.values() for i in turns]
            for i, result in zip(order, self._results(pl.concat(frames)), strict=True):
                found[i] = result
        return found

    def _results(self, frame: pl.DataFrame) -> list[Any]:
        checked, invalid = validated(frame, self.entry.inputs)
        return self.entry.function.outputs(checked, invalid)[self.name].to_list()


@dataclass(frozen=True)
class _Series:
    """A series criterion that can be asked about other values of single rows."""

    entry: Criterion
    units: pl.DataFrame
    rows: pl.DataFrame
    invalid: pl.Series | None
    name: str

    def present(self) -> list[Any]:
        return self.entry.function.series_outputs(self.units, self.rows, self.invalid)[self.name].to_list()

    def ask(self, moves: Moves) -> list[Any]:
        rows = self.rows.with_row_index("_r")
        own = rows.partition_by("_unit", as_dict=True)
        ids = self.units["_unit"].to_list()
        longest = max((frame.height for frame in own.values()), default=1)
        found: list[Any] = []
        for chunk in _chunks(range(len(moves)), max(1, AT_ONCE // longest)):
            copies = pl.DataFrame({"_move": list(chunk), "_unit": [ids[moves[i][0].result] for i in chunk]})
            series = copies.join(rows, on="_unit", how="inner", maintain_order="left_right")
            for spec in self.entry.row_inputs:
                mine = [i for i in chunk if moves[i][0].spec.name == spec.name]
                if mine:
                    put = pl.DataFrame(
                        {"_move": mine, "_r": [moves[i][0].row for i in mine], "_put": [moves[i][1] for i in mine]},
                        schema={"_move": pl.Int64, "_r": rows.schema["_r"], "_put": self.rows.schema[spec.name]},
                        strict=False,
                    )
                    series = series.join(put, on=["_move", "_r"], how="left", maintain_order="left")
                    series = series.with_columns(pl.coalesce("_put", spec.name).alias(spec.name)).drop("_put")
            series = series.drop("_unit", "_r").rename({"_move": "_unit"}).select(self.rows.columns)
            units = copies.join(self.units, on="_unit", how="left", maintain_order="left")
            units = units.drop("_unit").rename({"_move": "_unit"}).select(self.units.columns)
            checked, _ = validated(series, self.entry.row_inputs)
            found += self.entry.function.series_outputs(units, checked)[self.name].to_list()
        return found


def _chunks(items: range, size: int) -> Iterator[range]:
    return (items[start : start + size] for start in range(0, len(items), size))


def _search(
    places: Sequence[_Place], present: Sequence[Any], ask: Ask, days: pl.Series | None = None
) -> list[list[Change]]:
    """The changes of every result, in the order of the places."""
    open_to = [p for p in places if present[p.result] is not None]
    found = {**_named(open_to, present, ask, days), **_numeric(open_to, present, ask, days)}
    changes: list[list[Change]] = [[] for _ in present]
    for i, place in enumerate(open_to):
        changes[place.result] += found.get(i, [])
    return changes


def _day(place: _Place, days: pl.Series | None) -> int | None:
    return None if days is None or place.row is None else days[place.row]


def _others(place: _Place) -> list[Any]:
    if place.spec.type == "bool" and place.value is not None:
        return [not place.value]
    if place.spec.type == "str" and place.spec.allowed:
        return [a for a in place.spec.allowed if a != place.value]
    return []


def _named(
    places: Sequence[_Place], present: Sequence[Any], ask: Ask, days: pl.Series | None
) -> dict[int, list[Change]]:
    """Answers and named values: the other answer, or the nearest on either side of those listed by rank."""
    moves = [(i, value) for i, place in enumerate(places) for value in _others(place)]
    by_place: dict[int, list[tuple[Any, Any]]] = {}
    for (i, value), result in zip(moves, ask([(places[i], value) for i, value in moves]), strict=True):
        if result is not None and result != present[places[i].result]:
            by_place.setdefault(i, []).append((value, result))
    found: dict[int, list[Change]] = {}
    for i, different in by_place.items():
        place = places[i]
        if place.spec.type == "str":
            # Allowed values are listed from least to most: keep the nearest on either side.
            order = list(place.spec.allowed)
            here = order.index(place.value) if place.value in order else 0
            below = [p for p in different if order.index(p[0]) < here][-1:]
            told = below + [p for p in different if order.index(p[0]) > here][:1]
        else:
            told = different
        found[i] = [
            Change(place.spec.name, None, place.value, "to", value, True, result, _day(place, days))
            for value, result in told
        ]
    return found


@dataclass
class _Edge:
    """A value that keeps the result (`inner`) and the nearest known one that changes it (`outer`)."""

    place: int
    direction: str
    inner: float
    outer: float


def _numeric(
    places: Sequence[_Place], present: Sequence[Any], ask: Ask, days: pl.Series | None
) -> dict[int, list[Change]]:
    """Numbers: the nearest threshold downwards and upwards."""
    numbers = [i for i, p in enumerate(places) if p.spec.type in ("float", "int") and p.value is not None]
    sides = [(i, direction, sign) for i in numbers for direction, sign in (("down", -1.0), ("up", 1.0))]
    edges = [
        _Edge(i, direction, float(places[i].value), grid[-1])
        for i, direction, sign in sides
        if (grid := _grid(places[i].spec, float(places[i].value), sign))
    ]
    grids = [_grid(places[e.place].spec, e.inner, -1.0 if e.direction == "down" else 1.0) for e in edges]
    edges = _narrowed(edges, grids, places, present, ask)
    whole = [e for e in edges if places[e.place].spec.type == "int"]
    fine = [e for e in edges if places[e.place].spec.type == "float"]
    for _ in range(ROUNDS):
        steps = [[e.inner + (e.outer - e.inner) * i / STEPS for i in range(1, STEPS + 1)] for e in fine]
        fine = _narrowed(fine, steps, places, present, ask)
    found: dict[int, list[Change]] = {}
    edges = [*whole, *fine]
    # Rules compare with a tolerance far below any measurement: what is that near to nought is nought.
    thresholds = [0.0 if abs(e.outer) < NOUGHT else float(f"{e.outer:.7g}") for e in edges]
    at_edge = ask([(places[e.place], t) for e, t in zip(edges, thresholds, strict=True)])
    beyond = ask([(places[e.place], e.outer) for e in edges])
    for edge, threshold, here, there in zip(edges, thresholds, at_edge, beyond, strict=True):
        place = places[edge.place]
        shown = int(threshold) if place.spec.type == "int" else threshold
        found.setdefault(edge.place, []).append(
            Change(
                place.spec.name,
                place.spec.unit,
                place.value,
                edge.direction,
                shown,
                here == there,
                there,
                _day(place, days),
            )
        )
    return found


def _narrowed(
    edges: Sequence[_Edge],
    grids: Sequence[Sequence[float]],
    places: Sequence[_Place],
    present: Sequence[Any],
    ask: Ask,
) -> list[_Edge]:
    """The edges between the last step that keeps the result and the first that changes it; those with none are left."""
    results = iter(ask([(places[e.place], value) for e, grid in zip(edges, grids, strict=True) for value in grid]))
    kept = []
    for edge, grid in zip(edges, grids, strict=True):
        answers = [next(results) for _ in grid]
        now = present[places[edge.place].result]
        hit = next((i for i, r in enumerate(answers) if r is not None and r != now), None)
        if hit is not None:
            kept.append(_Edge(edge.place, edge.direction, grid[hit - 1] if hit else edge.inner, grid[hit]))
    return kept


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


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)
