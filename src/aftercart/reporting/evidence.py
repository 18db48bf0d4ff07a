"""Who stands behind each number: who met it, who did not, who could not be evaluated, and the results that decided."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from string import digits

import polars as pl

from aftercart.analysis import efficacy, safety
from aftercart.analysis.cohort import Cohort
from aftercart.analysis.safety import bounds_of
from aftercart.analysis.summary import Summary
from aftercart.assessment.explain import Explanation, Fact, explain_rows
from aftercart.criteria import registry
from aftercart.reporting.numbers import NONE, shown

MOST_PATIENTS = 200
"""With more patients the page would no longer open quickly; the others can be reported by themselves instead."""

MOST_VALUES = 10
"""How many recorded values of a series are written out; its rows are all named."""

DETAILED = 60
"""Up to this many patients, also results that decide no estimate are explained in full: other visits, other days."""


@dataclass(frozen=True)
class FactLine:
    """Values that entered a decision, as used and as recorded."""

    input: str
    value: str
    recorded: str
    date: str
    row: str


@dataclass(frozen=True)
class Decision:
    """One result of one patient, and why."""

    anchor: str
    criterion: str
    title: str
    variant: str
    day: int | None
    when: str
    result: str
    clause: str | None
    missing: str
    refused: str
    parts: tuple[tuple[str, str], ...]
    facts: tuple[FactLine, ...]
    citation: str
    doi: str | None
    source_status: str
    changes: tuple[str, ...] | None


@dataclass(frozen=True)
class Anchors:
    """Where patients and results stand on the page."""

    patients: Mapping[str, str]
    results: Mapping[int, str]

    def of(self, subject: str, row: int | None) -> str:
        """The result itself where it is explained on the page, else the patient, else nothing."""
        return self.results.get(-1 if row is None else row) or self.patients.get(subject, "")


def anchors(rows: Iterable[int], subjects: Sequence[str]) -> Anchors:
    """Name the places of the patients shown and of the results explained."""
    return Anchors({s: f"p{i + 1}" for i, s in enumerate(subjects)}, {row: f"x{row}" for row in rows})


def shown_patients(cohort: Cohort, toxicity: Mapping[str, Toxicity]) -> list[str]:
    """The patients with a section of their own: all, or those with the worst toxicity where there are too many."""
    everyone = cohort.patients["subject_id"].to_list()
    if len(everyone) <= MOST_PATIENTS:
        return everyone
    place = {s: i for i, s in enumerate(everyone)}
    worst = sorted(everyone, key=lambda s: (-toxicity[s].worst, not toxicity[s].other, place[s]))[:MOST_PATIENTS]
    return sorted(worst, key=place.__getitem__)


def deciding_rows(cohort: Cohort, summary: Summary, subjects: Sequence[str]) -> list[int]:
    """The results that are explained in full: those behind an estimate, and in a small study those of every visit.

    Of toxicity graded by day, the first day of each stretch of one grade.
    """
    rows = {r for o in summary.outcomes for r in o.answers["row"].drop_nulls()}
    own = cohort.table.filter(pl.col("subject_id").is_in(list(subjects)))
    if cohort.n <= DETAILED:
        asked = list(dict.fromkeys([*(q.criterion for q in efficacy.QUESTIONS), *SCORES]))
        visits = own.filter(pl.col("criterion").is_in(asked) & pl.col("visit").is_not_null())
        graded = [safety.CRS, safety.ICANS, safety.ICANS_CHILD]
        days = own.filter(pl.col("criterion").is_in(graded)).sort("subject_id", "criterion", "day", "row")
        said = pl.struct("subject_id", "criterion", "value", "value_min", "clause", "missing")
        first = days.filter((said != said.shift(1)).fill_null(value=True))
        first = first.filter(pl.col("value").is_null() | (pl.col("value") > 0))
        rows |= {*visits["row"], *first["row"]}
    return sorted(rows.intersection(own["row"]))


SCORES = ("sledai_2k", "mmt8", "eustar_ai_2017", "mrss", "haq_di", "mg_adl")


def decisions(cohort: Cohort, rows: Iterable[int]) -> dict[str, list[Decision]]:
    """The results of those rows by patient, in order of criterion and day."""
    found: dict[str, list[Decision]] = {}
    for row, explained in sorted(explain_rows(cohort.assessments, rows).items()):
        found.setdefault(explained.subject_id, []).append(decision(explained, f"x{row}", brief=True))
    return found


def decision(e: Explanation, anchor: str = "", *, brief: bool = False) -> Decision:
    """One explanation in the words and numbers of a page; brief: inputs that say the same share a line."""
    entry = registry.get(e.criterion)
    told = e.decompose() if brief else e.components
    outputs = [o for o in entry.outputs if o.name != entry.primary and _told(told.get(o.name), brief=brief)]
    return Decision(
        anchor=anchor,
        criterion=e.criterion,
        title=e.title,
        variant=entry.variant(e.variant),
        day=e.day,
        when=", ".join(p for p in (e.visit, None if e.day is None else f"day {e.day}") if p) or "whole course",
        result=result_words(e.criterion, e.value, e.value_min, e.value_max) if brief else e.result,
        clause=e.clause_text,
        missing="; ".join(e.missing),
        refused="; ".join(e.refused),
        parts=tuple((spaced(o.name) if brief else o.name, shown(told[o.name])) for o in outputs),
        facts=tuple(_shared(e.facts) if brief else map(_line, e.facts)),
        citation=e.citation,
        doi=e.doi,
        source_status=e.source_status,
        changes=e.changes,
    )


def _told(value: object, *, brief: bool) -> bool:
    return value is not None and not (brief and not isinstance(value, bool) and value in (0, [], ""))


def result_words(criterion: str, value: object, low: object = None, high: object = None) -> str:
    """A result as a clinician says it: `met`, `grade 2`, `12`, or between which values it is open."""
    entry = registry.get(criterion)
    kind = next(o.type for o in entry.outputs if o.name == entry.primary)
    name = entry.primary
    said = "grade " if "grade" in name else "" if name in criterion or name.startswith(criterion) else f"{name} "
    if value is None:
        if low is None and high is None:
            return "cannot be decided"
        return f"open: {said}{'0' if low is None else shown(low)} to {'any' if high is None else shown(high)}"
    if kind == "bool":
        return "met" if value else "not met"
    return f"{said.replace('_', ' ')}{shown(float(value)) if isinstance(value, int | float) else value}"


def _line(f: Fact) -> FactLine:
    more = f" and {f.more_rows} more" if f.more_rows else ""
    return FactLine(f.input, _used(f), _recorded(f), f.date or "", f"{f.row or ''}{more}")


def _used(f: Fact) -> str:
    """The value that entered the decision, with its unit."""
    return "" if f.value is None else f"{shown(f.value)}{' ' + f.unit if f.unit and f.unit != '1' else ''}"


def _recorded(f: Fact) -> str:
    return f.recorded or ("" if f.row else "assumed")


def _shared(facts: Sequence[Fact]) -> Iterable[FactLine]:
    """One line for all inputs that rest on the same rows, that were answered alike on a day, or that nothing tells."""
    lines: dict[tuple[str, ...], list[list[Fact]]] = {}
    for _, group in groupby(facts, key=lambda f: f.input):
        rows = list(group)
        lines.setdefault(_kind(rows), []).append(rows)
    for alike in lines.values():
        first, rows = alike[0][0], [f for group in alike for f in group]
        names = [f.row for f in rows if f.row]
        recorded = list(dict.fromkeys(f.recorded for f in rows if f.recorded))
        each = len(alike) > 1 and len(recorded) > 1 and len(names) == len(alike)
        days = sorted({f.date[:10] for f in rows if f.date})
        more = max(f.more_rows for f in rows)
        yield FactLine(
            ", ".join(spaced(group[0].input.rpartition(".")[2]) for group in alike),
            ", ".join(dict.fromkeys(_used(group[0]) for group in alike)),
            f"{(first.recorded or '').partition(' ')[2]} each" if each else _some(recorded) or _recorded(first),
            " to ".join(dict.fromkeys([days[0], days[-1]])) if days else "",
            row_names(names) + (f" and {more} more" if more else ""),
        )


def _some(values: Sequence[str]) -> str:
    rest = len(values) - MOST_VALUES
    return "; ".join(values[:MOST_VALUES]) + (f"; and {rest} more" if rest > 0 else "")


def _kind(rows: list[Fact]) -> tuple[str, ...]:
    """What the facts of an input have in common with those of others in one line."""
    answer = (rows[0].recorded or "").partition(" ")[2]
    if not rows[0].row:
        return ("told by nothing", rows[0].recorded or "", _used(rows[0]))
    if len(rows) == 1 and answer in ("0", "no", "yes", "1", "none"):
        return ("answered", answer, shown(rows[0].value), (rows[0].date or "")[:10])
    return ("rows", *(f.row or "" for f in rows))


def spaced(column: str) -> str:
    """The name of a column as words."""
    return column.replace("_", " ")


def row_names(rows: Iterable[str]) -> str:
    """Source rows by table, neighbours as a range: `observations OBS-0335 to OBS-0340, OBS-0350`."""
    by_table: dict[str, list[str]] = {}
    for row in dict.fromkeys(rows):
        table, _, name = row.partition(":")
        by_table.setdefault(table, []).append(name)
    return "; ".join(f"{table} {', '.join(_ranges(names))}" for table, names in by_table.items())


def _ranges(names: list[str]) -> Iterable[str]:
    run: list[str] = []
    for name in [*names, ""]:
        if run and not _follows(run[-1], name):
            yield from run if len(run) < 3 else [f"{run[0]} to {run[-1]}"]
            run = []
        run.append(name)


def _follows(first: str, second: str) -> bool:
    stem = first.rstrip(digits)
    a, b = first[len(stem) :], second[len(stem) :]
    return a != "" and second.rstrip(digits) == stem and len(a) == len(b) and int(b) == int(a) + 1


@dataclass(frozen=True)
class Toxicity:
    """The worst grades of one patient as text (`1`, `1 to 2` where missing values leave it open), and the rest."""

    grades: tuple[str, ...]
    other: tuple[str, ...] = ()
    worst: int = 0
    """The highest of the grades: one left open between two grades counts as the higher."""

    def __str__(self) -> str:
        named = [f"{name} {grade}" for name, grade in zip(GRADED, self.grades, strict=True)]
        return ", ".join([*named, *self.other])


GRADED = ("CRS", "ICANS", "ICAHT")

EVENTS = (
    ("late_neutropenia_grade_4", "late grade 4 neutropenia"),
    ("infection_serious", "serious infection"),
    ("death", "died"),
)


def worst_grades(summary: Summary, cohort: Cohort) -> dict[str, Toxicity]:
    """The worst grades and the serious events of each patient."""
    grades: dict[str, list[str]] = {s: [] for s in cohort.patients["subject_id"]}
    worst = dict.fromkeys(grades, 0)
    for bounds in bounds_of(cohort).values():
        for subject, low, high in bounds.select("subject_id", "low", "high").iter_rows():
            grades[subject].append(_grade(low, high))
            if low is not None:
                worst[subject] = max(worst[subject], int(low if high is None else high))
    other: dict[str, list[str]] = {s: [] for s in grades}
    for id_, label in EVENTS:
        outcome = summary.outcome(id_)
        for subject in [] if outcome is None else outcome.answers.filter("met")["subject_id"]:
            other[subject].append(label)
    return {s: Toxicity(tuple(said), tuple(other[s]), worst[s]) for s, said in grades.items()}


def _grade(low: float | None, high: float | None) -> str:
    if low is None:
        return NONE
    if high is None:
        return f"{low:.0f} or more"
    return f"{low:.0f}" if low == high else f"{low:.0f} to {high:.0f}"
