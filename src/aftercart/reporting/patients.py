"""One part of the page per patient: who, the course, every grade and score with its reason, what is overdue."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import polars as pl

from aftercart.analysis import planned
from aftercart.analysis.cohort import DAYS_PER_YEAR, Cohort
from aftercart.criteria import registry
from aftercart.reporting.course import courses
from aftercart.reporting.evidence import Anchors, Decision, Toxicity, result_words
from aftercart.reporting.figures import Absent, Figure
from aftercart.reporting.numbers import indication, number

SEX = {"F": "woman", "M": "man", "U": "sex not stated", "INTERSEX": "intersex"}

NEAR = 15
"""A visit within so many days of a whole number of years is also called by the year."""

MOST_TIMES = 12
"""How many times of one result are listed; the assessments beside the report hold all."""


@dataclass(frozen=True)
class Time:
    """When a result was given; `anchor` is its explanation, where the page holds it."""

    text: str
    anchor: str


@dataclass(frozen=True)
class Result:
    """One grade, score or answer of a patient, and all times at which it was given for the same reason."""

    criterion: str
    title: str
    said: str
    times: tuple[Time, ...]
    more: int
    why: str


@dataclass(frozen=True)
class Explained:
    """The results of one criterion that are explained in full, and all of them in one line."""

    title: str
    said: str
    decisions: tuple[Decision, ...]


@dataclass(frozen=True)
class Due:
    """One planned visit that was not held, or one result that lacks values at a visit that was."""

    subject_id: str
    anchor: str
    visit: str
    what: str
    since: str
    """The last day of the window, or the day of the visit that was held."""
    last_seen: str
    late: bool = True
    """Whether it is overdue or missing; false while the window of the visit is still open."""


@dataclass(frozen=True)
class Patient:
    """What the page holds about one patient."""

    anchor: str
    subject_id: str
    disease: str
    who: str
    toxicity: Toxicity
    last_day: int | None
    course: tuple[str, ...]
    due: tuple[Due, ...]
    results: tuple[Result, ...]
    explained: tuple[Explained, ...]
    figure: Figure | Absent


@dataclass(frozen=True)
class Agenda:
    """The visits that are overdue, those whose window is open, and what is missing at visits that were held."""

    overdue: tuple[Due, ...]
    open: tuple[Due, ...]
    missing: tuple[Due, ...]
    visits: tuple[tuple[str, str, int], ...]
    """Each planned visit: its name, when it is due, and how many patients are overdue for it."""


def agenda(cohort: Cohort, found: Anchors) -> Agenda:
    """What is overdue or missing at the data cut-off, over all patients."""
    visits = planned.planned_visits(cohort)
    overdue = _due_visits(visits, planned.OVERDUE, found, "no contact recorded in the window")
    counted = Counter(due.visit for due in overdue)
    plan = sorted(cohort.study.meta.visits, key=lambda v: v.target_day)
    missing = tuple(
        Due(
            r["subject_id"],
            found.of(r["subject_id"], r["row"]),
            r["visit"],
            f"{registry.get(r['criterion']).title}: {r['missing']}",
            f"day {r['day']}",
            "",
        )
        for r in planned.missing_items(cohort).iter_rows(named=True)
    )
    waiting = _due_visits(visits, planned.OPEN, found, "window open, not seen yet", late=False)
    return Agenda(overdue, waiting, missing, tuple((v.name, _target(v.target_day), counted[v.name]) for v in plan))


def _target(day: int) -> str:
    """The target day, and the year where it is the visit of one."""
    years = round(day / DAYS_PER_YEAR)
    return f"day {day}, year {years}" if years and abs(day - years * DAYS_PER_YEAR) <= NEAR else f"day {day}"


def _due_visits(visits: pl.DataFrame, state: str, found: Anchors, what: str, *, late: bool = True) -> tuple[Due, ...]:
    places = found.patients
    return tuple(
        Due(r["subject_id"], places.get(r["subject_id"], ""), r["visit"], what, r["closes"], r["last_seen"] or "", late)
        for r in visits.filter(pl.col("state") == state).iter_rows(named=True)
    )


def patients(
    cohort: Cohort,
    found: Anchors,
    decisions: Mapping[str, Sequence[Decision]],
    toxicity: Mapping[str, Toxicity],
    due: Agenda,
    timelines: Mapping[str, Figure | Absent],
) -> list[Patient]:
    """The patients named in `found`, in display order; timelines: the figure of each."""
    wanted = cohort.patients.filter(pl.col("subject_id").is_in(list(found.patients)))
    told = courses(cohort, wanted, toxicity)
    results = _results(cohort, found)
    own: dict[str, list[Due]] = {}
    for item in (*due.overdue, *due.open, *due.missing):
        own.setdefault(item.subject_id, []).append(item)
    return [
        Patient(
            anchor=found.patients[p["subject_id"]],
            subject_id=p["subject_id"],
            disease=p["indication"],
            who=_who(p),
            toxicity=toxicity[p["subject_id"]],
            last_day=p["last_day"],
            course=tuple(told[p["subject_id"]]),
            due=tuple(own.get(p["subject_id"], ())),
            results=tuple(results.get(p["subject_id"], ())),
            explained=tuple(_explained(decisions.get(p["subject_id"], ()))),
            figure=timelines[p["subject_id"]],
        )
        for p in wanted.iter_rows(named=True)
    ]


def _explained(decisions: Sequence[Decision]) -> Iterator[Explained]:
    """By criterion, safety first, each with its results in a line: `baseline to month 1: not met; month 3: met`."""
    place = {key: (registry.GROUPS.index(registry.get(key).group), key) for key in {d.criterion for d in decisions}}
    ordered = sorted(decisions, key=lambda d: (place[d.criterion], d.variant))
    for (_, variant), found in groupby(ordered, key=lambda d: (d.criterion, d.variant)):
        own = tuple(found)
        said = []
        for result, alike in groupby(own, key=lambda d: d.result):
            times = [d.when.partition(", ")[0] for d in alike]
            said.append(f"{times[0]}{f' to {times[-1]}' if len(times) > 1 else ''}: {result}")
        yield Explained(own[0].title + (f" ({variant})" if variant else ""), "; ".join(said), own)


def _who(patient: Mapping[str, Any]) -> str:
    age = "age not recorded" if patient["age_years"] is None else f"{number(float(patient['age_years']), 0)} years"
    subtype = f" ({patient['indication_subtype']})" if patient["indication_subtype"] else ""
    disease = indication(patient["indication"], long=True)
    return f"{SEX.get(patient['sex'] or 'U', patient['sex'])}, {age}, {disease}{subtype}"


SAME = ("criterion", "variant", "level", "value", "value_min", "value_max", "clause", "missing")


def _results(cohort: Cohort, found: Anchors) -> dict[str, list[Result]]:
    """Every assessment of the patients, those of one criterion with the same result for the same reason together."""
    same = pl.struct("subject_id", *SAME)
    runs = (
        cohort.table.filter(pl.col("subject_id").is_in(list(found.patients)))
        .sort("subject_id", "criterion", "variant", "day", "row")
        .with_columns(_run=((same != same.shift(1)).fill_null(value=True) | pl.col("visit").is_not_null()).cum_sum())
        .group_by("subject_id", *SAME, "_run", maintain_order=True)
        .agg(
            first=pl.col("day").min(),
            last=pl.col("day").max(),
            n=pl.len(),
            visit=pl.col("visit").first(),
            row=pl.col("row").first(),
        )
    )
    together = runs.group_by("subject_id", *SAME, maintain_order=True).agg("first", "last", "n", "visit", "row")
    results: dict[str, list[Result]] = {}
    for subject, rows in groupby(together.iter_rows(named=True), key=lambda r: r["subject_id"]):
        results[str(subject)] = [_result(r, found) for r in rows]
    return results


def _result(r: Mapping[str, Any], found: Anchors) -> Result:
    entry = registry.get(r["criterion"])
    spans = zip(r["first"][:MOST_TIMES], r["last"], r["n"], r["visit"], r["row"], strict=False)
    times = tuple(
        Time(_when(first, last, n, visit), found.results.get(row, "")) for first, last, n, visit, row in spans
    )
    why = entry.clause(r["clause"]).text if r["clause"] else ""
    missing = f"Missing: {r['missing']}." if r["missing"] else ""
    value = r["level"] if r["value"] is None and r["value_min"] is None else r["value"]
    return Result(
        criterion=entry.key,
        title=entry.titled(r["variant"]),
        said=result_words(entry.key, value, r["value_min"], r["value_max"]),
        times=times,
        more=len(r["first"]) - len(times),
        why=" ".join(part for part in (why, missing) if part),
    )


def _when(first: int | None, last: int | None, n: int, visit: str | None) -> str:
    if visit is not None:
        return visit
    if first is None:
        return "whole course"
    return f"day {first}" if n == 1 else f"days {first} to {last} ({n} results)"
