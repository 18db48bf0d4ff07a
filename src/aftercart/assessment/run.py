"""Run every criterion that applies to a study, in the order in which they need each other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future
from typing import Any

import polars as pl

from aftercart.assessment import censoring, derived, series, tables, units
from aftercart.assessment.binding import Bound, Variant, bind
from aftercart.assessment.timeline import COLUMNS, Timeline
from aftercart.criteria import registry
from aftercart.criteria.calling import prepare
from aftercart.criteria.registry import Criterion
from aftercart.side_by_side import threads

Progress = Callable[[str, int, int], None]

KEYS = ("_s", "variant", "day", "time", "visit")


def order(keys: Iterable[str]) -> list[str]:
    """Sort criteria so that each comes after those whose results it is bound to; unbound ones are left out."""
    wanted = [k for k in keys if registry.get(k).per != "unbound"]
    done: list[str] = []

    def visit(key: str, trail: tuple[str, ...]) -> None:
        if key in trail:
            raise AssertionError(f"criteria need each other in a circle: {' -> '.join((*trail, key))}")
        if key in done:
            return
        for needed in sorted(needs(registry.get(key))):
            if needed in registry.names():
                visit(needed, (*trail, key))
        if registry.get(key).per != "unbound":
            done.append(key)

    for key in sorted(wanted):
        visit(key, ())
    return done


def needs(entry: Criterion) -> set[str]:
    """Keys of the criteria whose results this one is bound to."""
    bindings: list[Mapping[str, Any]] = [b for i in (*entry.inputs, *entry.row_inputs) for b in i.bindings]
    bindings += [b for v in variants(entry) for bs in v.bind.values() for b in bs]
    found = {b["result"].split(".", 1)[0] for b in bindings if "result" in b}
    for binding in bindings:
        if "derived" in binding:
            found |= derived.NEEDS.get(binding["derived"], frozenset())
    return found


def columns(keys: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """The columns of the large tables that criteria need; without items and visits none of the table of answers."""
    entries = [registry.get(key) for key in order(keys)]
    bindings = [b for e in entries for i in (*e.inputs, *e.row_inputs) for b in i.bindings]
    bindings += [b for e in entries for v in variants(e) for bs in v.bind.values() for b in bs]
    by_visit = any(e.per in ("visit", "visit_pair") for e in entries)
    answers = by_visit or any(
        b.keys() & {"item", "items", "other"} or b.get("derived") in derived.READ_ANSWERS for b in bindings
    )
    return {**COLUMNS, **({} if answers else {"assessments": ()})}


def variants(entry: Criterion) -> list[Variant]:
    """The ways a criterion is run: its declared variants, or once as it stands."""
    return [
        Variant(
            name=raw["name"],
            anchor=raw.get("anchor"),
            set=raw.get("set", {}),
            bind={k: tuple(b) if isinstance(b, list) else (b,) for k, b in raw.get("bind", {}).items()},
            indications=tuple(raw.get("indications", ())),
        )
        for raw in entry.variants
    ] or [Variant()]


def run(timeline: Timeline, keys: Iterable[str], progress: Progress | None = None) -> dict[str, pl.DataFrame]:
    """Assess one partition of subjects; returns one wide typed table per criterion.

    Criteria that do not need each other run side by side, so all results are kept; `each` needs less memory.
    """
    planned = order(keys)
    results: dict[str, pl.DataFrame] = {}
    with threads() as pool:
        begun: dict[str, Future[pl.DataFrame]] = {}

        def one(key: str) -> pl.DataFrame:
            entry = registry.get(key)
            return assess_one(entry, timeline, {k: begun[k].result() for k in needs(entry) if k in begun})

        for key in planned:  # what a criterion needs is planned, and so begun, before it
            begun[key] = pool.submit(one, key)
        for index, key in enumerate(planned):
            if progress is not None:
                progress(key, index, len(planned))
            results[key] = begun[key].result()
    return results


def each(timeline: Timeline, keys: Iterable[str]) -> Iterator[tuple[str, pl.DataFrame]]:
    """Yield each criterion with its wide typed table; only tables that a later criterion needs are kept meanwhile."""
    results: dict[str, pl.DataFrame] = {}
    planned = order(keys)
    last_need = {needed: i for i, key in enumerate(planned) for needed in needs(registry.get(key))}
    for index, key in enumerate(planned):
        results[key] = assess_one(registry.get(key), timeline, results)
        yield key, results[key]
        results = {k: found for k, found in results.items() if last_need.get(k, -1) > index}


def assess_one(entry: Criterion, timeline: Timeline, results: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """Run one criterion in all its variants: unit columns, inputs, outputs, clause, missing, invalid, source rows.

    A variant that differs from the one before only in fixed inputs (a version) takes over what was found for that.
    """
    parts: list[pl.DataFrame] = []
    nothing = tables.nothing(entry.key)
    before: tuple[Variant, Bound] | None = None
    for variant in variants(entry):
        if before is not None and variant.is_like(before[0]):
            bound = before[1].under(variant, entry)
            parts.append(_graded(entry, variant, bound))
            continue
        found = units.find(entry, variant, timeline, results)
        if found.is_empty() and nothing is not None:
            parts.append(nothing)
            continue
        if entry.kind == "series":
            parts.append(series.assess(entry, variant, found, timeline, results))
        else:
            bound = bind(entry, variant, found, timeline, results)
            parts.append(_graded(entry, variant, bound))
            before = (variant, bound) if found.height else None
    return pl.concat(parts, how="vertical_relaxed")


def _graded(entry: Criterion, variant: Variant, bound: Bound) -> pl.DataFrame:
    prepared, invalid = prepare(bound.inputs, entry.inputs)
    outputs = entry.function.outputs(prepared, invalid)
    if bound.censored.height:
        outputs = censoring.graded_at_both_ends(entry.function, outputs, prepared, bound)
    return tables.assemble(variant, bound.units, prepared, outputs, bound.rows)
