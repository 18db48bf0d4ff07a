"""The results of each patient with the clause, the values and the source rows that decided them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from aftercart.analysis.cohort import Cohort
from aftercart.analysis.safety import bounds_of
from aftercart.analysis.summary import Summary
from aftercart.assessment.explain import Explanation, explain
from aftercart.criteria import registry
from aftercart.reporting.numbers import NONE, indication, shown

MOST_PATIENTS = 200
"""With more patients the page would no longer open quickly; each can be explained by itself instead."""

SAFETY = ("crs_any", "icans_any", "early_icaht_any", "late_neutropenia_grade_4", "b_cell_aplasia")


@dataclass(frozen=True)
class FactLine:
    """One value that entered a decision, as used and as recorded."""

    input: str
    value: str
    recorded: str
    date: str
    row: str


@dataclass(frozen=True)
class Decision:
    """One result of one patient, and why."""

    title: str
    variant: str | None
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
class PatientEvidence:
    """Everything that was decided about one patient, with a line that says it in short."""

    subject_id: str
    indication: str
    gist: str
    decisions: tuple[Decision, ...]


def safety(cohort: Cohort, summary: Summary, toxicity: Mapping[str, Toxicity]) -> list[PatientEvidence]:
    """The worst CRS, ICANS, ICAHT and neutropenia of each patient, and the return of B cells."""
    return _of(cohort, summary, SAFETY, {s: str(t) for s, t in toxicity.items()})


def efficacy(cohort: Cohort, summary: Summary) -> list[PatientEvidence]:
    """Disease at entry, response at each visit, treatment stopped and remission of each patient."""
    wanted = [o.id for o in summary.outcomes if o.domain in ("eligibility", "efficacy", "treatment")]
    return _of(cohort, summary, wanted, _efficacy_gist(cohort, summary))


def _of(cohort: Cohort, summary: Summary, ids: Iterable[str], gist: dict[str, str]) -> list[PatientEvidence]:
    if cohort.n > MOST_PATIENTS:
        return []
    rows: dict[str, list[int]] = {}
    for id_ in ids:
        outcome = summary.outcome(id_)
        if outcome is not None:
            for subject, row in outcome.answers.select("subject_id", "row").drop_nulls().iter_rows():
                if row not in rows.setdefault(subject, []):
                    rows[subject].append(row)
    where = {
        r["row"]: (r["criterion"], r["variant"], r["day"], r["visit"])
        for r in cohort.table.select("row", "criterion", "variant", "day", "visit").iter_rows(named=True)
    }
    found = []
    for subject, code in cohort.patients.select("subject_id", "indication").iter_rows():
        places = [where[r] for r in rows.get(subject, [])]
        if not places:
            continue
        found.append(
            PatientEvidence(
                subject, indication(code), gist.get(subject, ""), tuple(_decisions(cohort, subject, places))
            )
        )
    return found


Place = tuple[str, str | None, int | None, str | None]


def _decisions(cohort: Cohort, subject: str, places: list[Place]) -> list[Decision]:
    by_criterion = {
        key: explain(cohort.study, subject, key, assessments=cohort.assessments, changes=False)
        for key in dict.fromkeys(place[0] for place in places)
    }
    decisions = []
    for key, variant, day, visit in places:
        match = [e for e in by_criterion[key] if (e.variant, e.day, e.visit) == (variant, day, visit)]
        decisions += [decision(e) for e in match[:1]]
    return decisions


def decision(e: Explanation) -> Decision:
    """One explanation in the words and numbers of a page."""
    entry = registry.get(e.criterion)
    parts = [(o.name, shown(e.components[o.name])) for o in entry.outputs if e.components.get(o.name) is not None]
    return Decision(
        title=e.title,
        variant=e.variant,
        when=", ".join(p for p in (e.visit, None if e.day is None else f"day {e.day}") if p) or "whole course",
        result=e.result,
        clause=e.clause_text,
        missing="; ".join(e.missing),
        refused="; ".join(e.refused),
        parts=tuple(p for p in parts if p[0] != entry.primary),
        facts=tuple(
            FactLine(
                f.input,
                "" if f.value is None else f"{shown(f.value)}{' ' + f.unit if f.unit and f.unit != '1' else ''}",
                f.recorded or ("" if f.row else "assumed"),
                f.date or "",
                f"{f.row} and {f.more_rows} more" if f.row and f.more_rows else f.row or "",
            )
            for f in e.facts
        ),
        citation=e.citation,
        doi=e.doi,
        source_status=e.source_status,
        changes=e.changes,
    )


@dataclass(frozen=True)
class Toxicity:
    """The worst grades of one patient as text (`1`, `1 to 2` where missing values leave it open), and the rest."""

    grades: tuple[str, ...]
    other: tuple[str, ...] = ()

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
    for bounds in bounds_of(cohort).values():
        for subject, low, high in bounds.select("subject_id", "low", "high").iter_rows():
            grades[subject].append(_grade(low, high))
    other: dict[str, list[str]] = {s: [] for s in grades}
    for id_, label in EVENTS:
        outcome = summary.outcome(id_)
        for subject in [] if outcome is None else outcome.answers.filter("met")["subject_id"]:
            other[subject].append(label)
    return {subject: Toxicity(tuple(said), tuple(other[subject])) for subject, said in grades.items()}


def _grade(low: float | None, high: float | None) -> str:
    if low is None:
        return NONE
    if high is None:
        return f"{low:.0f} or more"
    return f"{low:.0f}" if low == high else f"{low:.0f} to {high:.0f}"


def _efficacy_gist(cohort: Cohort, summary: Summary) -> dict[str, str]:
    """Which response criteria were met at the last visit, in one line."""
    said: dict[str, list[str]] = {s: [] for s in cohort.patients["subject_id"]}
    for outcome in summary.outcomes:
        if outcome.visit == "last_visit" and outcome.domain == "efficacy":
            label = outcome.label.rpartition(", ")[0]
            for subject, met in outcome.answers.select("subject_id", "met").iter_rows():
                answer = "open" if met is None else "met" if met else "not met"
                said[subject].append(f"{label}: {answer}")
    return {subject: "; ".join(parts) + " (last visit)" if parts else "" for subject, parts in said.items()}
