"""Tables of chapter 14.2: responses by disease and visit, change of scores, times to an event, freedom from drugs."""

from __future__ import annotations

from collections.abc import Iterator

from aftercart.analysis import efficacy
from aftercart.analysis.change import CHANGES
from aftercart.analysis.outcomes import Outcome
from aftercart.analysis.records import ALL
from aftercart.analysis.repeats import AT_MONTHS
from aftercart.reporting import numbers
from aftercart.reporting.documents.model import NumberedTable
from aftercart.reporting.documents.source import LABEL_WIDTH, Record, Source, median_time, proportion, still_free
from aftercart.reporting.tables import Column, Row, Table

IMPUTED = (
    "Observed: patients with the response of those evaluable. Imputed: patients who could not be evaluated count as not"
    " responding; patients whose visit was still to come at the data cut-off are in neither. What was assessed in no"
    " patient of a disease is not asked of it."
)


def tables(source: Source) -> Iterator[NumberedTable]:
    """All tables of efficacy, in order."""
    diseases = source.cohort.diseases()
    for i, disease in enumerate(diseases, start=1):
        yield _responses(source, disease, f"14.2.1.{i}")
    yield _own_disease(source)
    yield _changes(source)
    yield _times(source)
    yield _treatment(source)


def _question(outcome: Outcome) -> tuple[str, str]:
    """What is asked and at which visit."""
    label, _, visit = outcome.label.rpartition(", ")
    return label, visit


def _responses(source: Source, disease: str, number: str) -> NumberedTable:
    stratum = ALL if len(source.cohort.diseases()) == 1 else disease
    groups: dict[str, list[Row]] = {}
    for outcome in source.outcomes.values():
        if outcome.domain != "efficacy" or outcome.visit is None or not source.assessed(outcome, disease):
            continue
        seen = source.record(outcome.id, stratum, outcome.visit)
        if seen is None or disease not in source.diseases.get(outcome.id, ()):
            continue
        imputed = source.record(f"{outcome.id}_nri", stratum, outcome.visit)
        label, visit = _question(outcome)
        cells = (*_pair(seen), *_pair(imputed), _open(source, outcome, disease))
        groups.setdefault(label, []).append(Row(visit.capitalize(), cells, estimate=f"{outcome.id}@{outcome.visit}"))
    rows = [row for label, found in groups.items() for row in (Row(label, heading=True), *found)]
    n = source.size(disease)
    name = numbers.indication(disease, long=True)
    table = Table(
        f"Responders by Visit: {name[0].upper()}{name[1:]}",
        (
            Column("Response and visit", width=LABEL_WIDTH),
            *(
                Column(head, numeric=True, stratum=disease)
                for head in ("Observed\nn/N (%)", "Interval", "Imputed\nn/N (%)", "Interval")
            ),
            Column("Not evaluable", width=1.6, stratum=disease),
        ),
        tuple(rows),
        (IMPUTED, *source.methods(rows)),
    )
    why = "No response criterion of this disease could be computed from the data."
    return NumberedTable(number, f"infused patients with {name} (N = {n})", table, why)


def _pair(record: Record | None) -> tuple[str, str]:
    if record is None:
        return numbers.NONE, numbers.NONE
    shown, _, limits = proportion(record).partition("\n")
    return shown, limits or numbers.NONE


def _open(source: Source, outcome: Outcome, disease: str) -> str:
    """How many of a disease are not evaluable, by reason."""
    mine = source.cohort.of_diseases((disease,)).select("subject_id")
    part = outcome.answers.join(mine, on="subject_id", how="semi")
    reasons = Outcome(outcome.id, "", "", "", part).unanswered()
    return "; ".join(f"{n} {why}" for why, n in reasons.items()) or "0"


def _own_disease(source: Source) -> NumberedTable:
    marks = efficacy.landmarks(source.cohort)
    asked = [(m, source.row(f"response_{m.id}", m.label.capitalize(), proportion, m.id)) for m in marks]
    rows = [row for _, row in asked if row]
    table = Table(
        "Response by the Criterion of the Own Disease",
        source.columns("Visit"),
        tuple(rows),
        (
            "Lupus: DORIS remission; myositis: at least moderate total improvement score; systemic sclerosis: lower"
            " EUSTAR activity index. Patients with the response of those evaluable.",
            *source.methods(rows),
        ),
    )
    why = "No response criterion could be computed from the data."
    return NumberedTable("14.2.2", source.everyone(), table, why)


def _changes(source: Source) -> NumberedTable:
    rows: list[Row] = []
    marks = [m for m in efficacy.landmarks(source.cohort) if m.visit is not None]
    for key, label, unit in CHANGES:
        found = [
            Row(mark.label.capitalize(), _change(source, stratum, record), estimate=f"{record['id']}@{mark.id}")
            for mark in marks
            for stratum in source.strata
            if (record := source.records.get((f"{key}_change_{mark.id}", stratum, mark.id)))
        ]
        rows += [Row(f"{label}, {unit}", heading=True), *found] if found else []
    table = Table(
        "Change of Scores from Baseline by Visit",
        (
            Column("Score and visit", width=LABEL_WIDTH),
            Column("Patients of"),
            Column("n", numeric=True, width=0.5),
            Column("Change", numeric=True),
            Column("Interval (level)", numeric=True, width=1.4),
            Column("Median and range", width=1.8),
        ),
        tuple(rows),
        (
            "Patients with a value at baseline and at the visit. Change: Hodges-Lehmann estimate, the median of the"
            " means of all pairs of differences; its exact interval has the level beside it, or does not exist.",
            *source.methods(rows),
        ),
    )
    return NumberedTable("14.2.3", source.everyone(), table, "No score has a value at baseline and at a later visit.")


def _change(source: Source, stratum: str, record: Record) -> tuple[str, ...]:
    meant = source.diseases.get(record["id"], ())
    named = meant[0] if stratum == ALL and len(meant) == 1 else stratum
    who = "all" if named == ALL else numbers.indication(named)
    limits = numbers.NONE
    if record["ci_low"] is not None:
        limits = f"[{record['ci_low']:.4g} to {record['ci_high']:.4g}] ({record['ci_level']:.1%})"
    median = record["note"].partition(". ")[0].rstrip(".")
    value = numbers.NONE if record["estimate"] is None else f"{record['estimate']:.4g}"
    return who, f"{record['numerator']:g}", value, limits, median


TIMES = (
    ("before_response", "Time to response of the own disease"),
    ("before_remission", "Time to DORIS remission"),
    ("in_remission", "Time in remission"),
    ("drug_free", "Time free of drugs for the disease"),
    ("survival", "Overall survival"),
)


def _times(source: Source) -> NumberedTable:
    rows: list[Row] = []
    for id_, label in TIMES:
        median = source.row(f"{id_}_median", "Events/patients; median days", median_time)
        if not median:
            continue
        rows += [Row(label, heading=True), median]
        at = [(m, source.row(id_, f"Event-free at month {m}", still_free, f"month {m}")) for m in AT_MONTHS]
        rows += [row for _, row in at if row]
    table = Table(
        "Time to Event",
        source.columns("Event"),
        tuple(rows),
        (
            "Kaplan-Meier. Event-free: probability that the event has not come yet, with events so far/patients. The"
            " event of a time to response or remission is the response; of a time in remission, relapse; of a time free"
            " of drugs, a visit with a drug of the disease. Days from infusion (time in remission: from its start).",
            *source.methods(rows),
        ),
    )
    return NumberedTable("14.2.4", source.everyone(), table, "No time to an event could be computed from the data.")


def _treatment(source: Source) -> NumberedTable:
    groups: dict[str, list[Row]] = {}
    for outcome in source.outcomes.values():
        if outcome.domain == "treatment" and outcome.visit is not None:
            label, visit = _question(outcome)
            for id_, words in ((outcome.id, ""), (f"{outcome.id}_nri", ", imputed")):
                row = source.row(id_, visit.capitalize() + words, proportion, outcome.visit)
                groups.setdefault(label, []).extend([row] if row else [])
    course = [
        row
        for outcome in source.outcomes.values()
        if outcome.criterion == "remission_course" and (row := source.row(outcome.id, outcome.label, proportion))
    ]
    groups["Durability of remission"] = course
    rows = [row for label, found in groups.items() if found for row in (Row(label, heading=True), *found)]
    table = Table(
        "Durability and Freedom from Drugs",
        source.columns("Outcome and visit"),
        tuple(rows),
        (f"Without a word: observed. {IMPUTED}", *source.unanswered(rows), *source.methods(rows)),
    )
    why = "Neither medicines after infusion nor a course of remission could be assessed."
    return NumberedTable("14.2.5", source.everyone(), table, why)
