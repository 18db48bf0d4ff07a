"""Listings of chapter 16.2, by patient: events, worst grades with clause and source rows, responses by visit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import polars as pl

from aftercart.analysis import safety
from aftercart.analysis.cohort import Cohort
from aftercart.criteria import registry
from aftercart.reporting import numbers
from aftercart.reporting.documents.model import NumberedTable
from aftercart.reporting.documents.safety import laboratory_test
from aftercart.reporting.documents.source import Source
from aftercart.reporting.tables import Column, Row, Table

SHOWN_ROWS = 3
"""How many source rows of a grade are named; `aftercart explain` names all."""

NO_INTERVAL = "A listing of single values; no interval is estimated."

PATIENT = Column("Patient", width=0.9)

SEX = {"F": "woman", "M": "man", "INTERSEX": "intersex"}


def tables(source: Source) -> Iterator[NumberedTable]:
    """All listings, in order."""
    yield _events(source)
    yield _grades(source)
    yield _responses(source)


def _who(cohort: Cohort) -> dict[str, str]:
    """The patients in display order, each with its disease, sex and age as a heading."""
    return {
        p["subject_id"]: ", ".join(
            part
            for part in (
                p["subject_id"],
                numbers.indication(p["indication"])
                + (f" ({p['indication_subtype']})" if p["indication_subtype"] else ""),
                SEX.get(p["sex"] or "", ""),
                "" if p["age_years"] is None else f"{p['age_years']:g} years",
            )
            if part
        )
        for p in cohort.patients.iter_rows(named=True)
    }


def _by_patient(cohort: Cohort, rows: Iterable[tuple[str, Row]]) -> tuple[Row, ...]:
    """Rows under a heading for each patient who has any, in display order; every row names its patient."""
    mine: dict[str, list[Row]] = {}
    for subject, row in rows:
        mine.setdefault(subject, []).append(Row(subject, (row.header, *row.cells)))
    heads = _who(cohort)
    return tuple(r for s, head in heads.items() if s in mine for r in (Row(head, heading=True), *mine[s]))


def _events(source: Source) -> NumberedTable:
    cohort = source.cohort
    last = cohort.patients.select("_s", "last_day")
    found = cohort.timeline.events.join(last, on="_s").filter(
        (pl.col("day").is_null() | pl.col("day").is_between(0, pl.col("last_day")))
        & (pl.col("category") != "medical_history")
    )
    found = found.sort("subject_id", "day", "row_id", nulls_last=True)
    rows = [(e["subject_id"], _event(e)) for e in found.iter_rows(named=True)]
    table = Table(
        "Adverse and Other Events after Infusion, by Patient",
        (
            PATIENT,
            Column("Event", width=2.0),
            Column("Category"),
            Column("Start\n(day)", width=1.1),
            Column("End\n(day)", width=1.1),
            Column("Grade\nreported", width=0.8),
            Column("Serious", width=0.7),
            Column("Relation\nto the cells", width=0.9),
            Column("Outcome", width=1.2),
            Column("Source row", width=1.3),
        ),
        _by_patient(cohort, rows),
        (
            "Events as recorded, from infusion to the end of observation; medical history is left out. Day 0 is the"
            " infusion; a partly known date is shown as given.",
            NO_INTERVAL,
        ),
    )
    return NumberedTable("16.2.1", source.everyone(), table, "No event is recorded after infusion.")


def _event(e: dict[str, Any]) -> Row:
    words = (e["term"] or "").replace("_", " ")
    term = f"{e['term_text']} [{words}]" if e["term_text"] and words else e["term_text"] or words or "not stated"
    grade = "" if e["grade"] is None else f"{e['grade']}{f' ({e_scale})' if (e_scale := e['grade_scale']) else ''}"
    end = "ongoing" if e["ongoing"] else _dated(e["end"], e["end_day"])
    serious = {True: "yes", False: "no"}.get(e["serious"], "")
    outcome = (e["outcome"] or "").lower()
    cells = (e["category"], _dated(e["start"], e["day"]), end, grade, serious, e["related"] or "", outcome, e["row_id"])
    return Row(term, tuple(c or numbers.NONE for c in cells))


def _dated(text: str | None, day: int | None) -> str:
    return "" if text is None else f"{text[:10]}" + ("" if day is None else f"\n({day})")


GRADED = ("icaht_early_2023", "icaht_late_2023", "t_icaht_early_2025", "t_icaht_late_2025", "licats_2025")


def _graded(cohort: Cohort) -> pl.DataFrame:
    """The first row of the worst grade of each patient and toxicity, where the grade is at least 1."""
    rows = pl.concat(
        [
            cohort.rows(safety.CRS),
            safety.icans_rows(cohort),
            cohort.table.filter(pl.col("criterion").is_in(GRADED)),
            cohort.table.filter(
                pl.col("criterion").str.starts_with("ctcae_") & (pl.col("day") > 0).fill_null(value=False)
            ),
        ]
    ).with_columns(_low=pl.coalesce("value", "value_min"))
    worst = rows.filter(pl.col("_low") >= 1).sort("_low", "day", "row", descending=[True, False, False])
    first = worst.unique(["subject_id", "criterion", "variant"], keep="first", maintain_order=True)
    order = {key: i for i, key in enumerate((safety.CRS, safety.ICANS, safety.ICANS_CHILD, *GRADED))}
    place = pl.col("criterion").replace_strict(order, default=len(order), return_dtype=pl.Int64)
    return first.sort(place, "criterion", "variant", "subject_id")


def _grades(source: Source) -> NumberedTable:
    found = _graded(source.cohort)
    texts = {key: {c.id: c.text for c in registry.get(key).clauses} for key in found["criterion"].unique()}
    rows = [(r["subject_id"], _grade(r, texts[r["criterion"]])) for r in found.iter_rows(named=True)]
    table = Table(
        "Worst Grade of Each Toxicity, with the Deciding Clause and Its Source Rows, by Patient",
        (
            PATIENT,
            Column("Toxicity", width=2.0),
            Column("Day", numeric=True, width=0.5),
            Column("Grade", numeric=True, width=0.6),
            Column("Deciding clause", width=3.2),
            Column("Source rows", width=2.4),
        ),
        _by_patient(source.cohort, rows),
        (
            "The first day of the worst grade of each patient; grade 0 is not listed. A range where missing values"
            " leave the grade open. Laboratory tests: values after day 0.",
            f"At most {SHOWN_ROWS} source rows are named here; `aftercart explain` and assessments.csv name every one.",
            NO_INTERVAL,
        ),
    )
    return NumberedTable("16.2.2", source.everyone(), table, "No toxicity of grade 1 or more was found.")


def _grade(r: dict[str, Any], texts: dict[str, str]) -> Row:
    key, variant = r["criterion"], r["variant"]
    if key.startswith("ctcae_"):
        name = laboratory_test(f"{key} {variant}" if variant else key)
    else:
        entry = registry.get(key)
        name = ", ".join(p for p in (entry.title.partition(",")[0], entry.variant(variant)) if p)
    low, high = r["_low"], r["value"] if r["value"] is not None else r["value_max"]
    grade = f"{low:g}" if low == high else f"{low:g} or more" if high is None else f"{low:g} to {high:g}"
    named = r["source_rows"] or []
    more = f" and {len(named) - SHOWN_ROWS} more" if len(named) > SHOWN_ROWS else ""
    sources = ", ".join(named[:SHOWN_ROWS]) + more
    day = numbers.NONE if r["day"] is None else str(r["day"])
    return Row(name, (day, grade, texts.get(r["clause"], r["clause"] or numbers.NONE), sources or numbers.NONE))


def _responses(source: Source) -> NumberedTable:
    """One row per patient and question, one column per visit."""
    asked = [o for o in source.outcomes.values() if o.domain in ("efficacy", "treatment") and o.visit is not None]
    visits = list(dict.fromkeys((o.visit, o.label.rpartition(", ")[2]) for o in asked))
    said: dict[tuple[str, str], dict[str | None, str]] = {}
    of = dict(source.cohort.patients.select("subject_id", "indication").iter_rows())
    for outcome in asked:
        question = outcome.label.rpartition(", ")[0]
        for a in outcome.answers.iter_rows(named=True):
            if not source.assessed(outcome, of[a["subject_id"]]):
                continue
            said.setdefault((a["subject_id"], question), {})[outcome.visit] = _answer(a)
    rows = [
        (subject, Row(question, tuple(by.get(visit, numbers.NONE) for visit, _ in visits)))
        for (subject, question), by in said.items()
    ]
    table = Table(
        "Responses by Visit, by Patient",
        (PATIENT, Column("Response", width=2.4), *(Column(label.capitalize(), width=1.4) for _, label in visits)),
        _by_patient(source.cohort, rows),
        (
            "Met or not met, with the day of the visit after infusion; where it could not be evaluated, why.",
            "The values and clauses behind each answer are in assessments.csv.",
            NO_INTERVAL,
        ),
    )
    return NumberedTable("16.2.3", source.everyone(), table, "No response could be assessed at any visit.")


def _answer(a: dict[str, Any]) -> str:
    if a["met"] is None:
        return str(a["reason"] or "not evaluable")
    return ("met" if a["met"] else "not met") + ("" if a["day"] is None else f", day {a['day']}")
