"""What of a study the OMOP CDM has no place for, counted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from aftercart.study import dates, schema
from aftercart.study.model import Study

if TYPE_CHECKING:
    from aftercart.exchange.omop_rows import Keys

Loss = tuple[str, str, int, str]

HELD = {
    "subjects": "birth_year age_at_infusion sex race ethnicity indication diagnosis_date last_contact_date death_date",
    "infusions": "infusion_seq start end product product_class target source_cell vector dose_cells dose_per_kg lot"
    " route planned_dose_met bridging retreatment",
    "exposures": "drug dose dose_unit route start end purpose frequency daily_dose_mg outcome",
    "observations": "code value comparator value_text unit value_original ref_low ref_high datetime visit",
    "events": "category aesi term_text term start end level_of_care",
    "assessments": "instrument item value value_text attributable datetime visit",
    "visits": "visit start end occurred",
    "disposition": "",
}
"""Columns of a study that have a place, by table."""

KEYS = ("study_id", "subject_id", "status")
NO_FIELD = "the CDM has no field for it"
PARTIAL = "partial dates are written as their first day, ends as their last"


def valid(study: Study) -> dict[str, pl.DataFrame]:
    """The rows that are written: those not entered in error, results that are there, visits that took place."""
    kept = {}
    for name, table in study.tables.items():
        rows = table.filter(~(pl.col("status") == "entered_in_error").fill_null(value=False))
        kept[name] = rows.filter(_written(name))
    people = kept["subjects"]["subject_id"].implode()
    return {n: t.filter(pl.col("subject_id").is_in(people)).sort("subject_id", "row_id") for n, t in kept.items()}


def _written(name: str) -> pl.Expr:
    done = ~pl.col("not_done").fill_null(value=False) if name in ("observations", "assessments") else pl.lit(value=True)
    if name == "observations":
        return done & ~pl.col("derived").fill_null(value=False)
    if name == "visits":
        return pl.col("start").is_not_null() & pl.col("occurred").fill_null(value=True)
    return pl.lit(name != "disposition")


ROWS = {
    "observations": (
        (pl.col("not_done").fill_null(value=False), "not_done", "the CDM has no row for a test that was not done"),
        (
            pl.col("derived").fill_null(value=False),
            "derived",
            "computed values are not written: the CDM does not tell them from measured ones",
        ),
    ),
    "assessments": (
        (pl.col("not_done").fill_null(value=False), "not_done", "the CDM has no row for an unanswered item"),
    ),
    "visits": (
        (
            pl.col("start").is_null() | ~pl.col("occurred").fill_null(value=True),
            "row",
            "the CDM has no row for a visit without a date or that did not take place",
        ),
    ),
    "disposition": ((pl.lit(value=True), "row", "the CDM has no milestones of a study"),),
}
"""By table: rows that are not written, the column that says so, and why."""


def losses(study: Study, tables: dict[str, pl.DataFrame], keys: Keys) -> list[Loss]:
    """Every loss: rows that are not written, columns without a field, dates cut, values that only look alike."""
    lost: list[Loss] = []
    for name, table in study.tables.items():
        wrong = (pl.col("status") == "entered_in_error").fill_null(value=False)
        lost.append((name, "row", table.filter(wrong).height, "rows entered in error are not written"))
        right = table.filter(~wrong)
        for which, column, why in ROWS.get(name, ()):
            lost.append((name, column, right.filter(which).height, why))
        other = tables[name].filter(pl.col("status").ne_missing("final"))
        lost.append((name, "status", other.height, "rows are written without a status and read back as final"))
        lost += _columns(name, tables[name])
        lost += _dates(name, tables[name])
    lost += [
        (name, "provenance", marks.height, "the CDM has no mark for a reconstructed cell; cdm_source says simulated")
        for name, marks in study.provenance.items()
    ]
    lost += _special(tables, keys)
    return [loss for loss in lost if loss[2]]


def _columns(name: str, table: pl.DataFrame) -> list[Loss]:
    held = HELD[name].split()
    found = []
    for column in table.columns if name != "disposition" else ():
        if column in held or column in KEYS:
            continue
        count = table[column].drop_nulls().len()
        why = "keys are numbered anew" if column == "row_id" else NO_FIELD
        if column == "ongoing":
            why = "the CDM does not tell what is ongoing from what has no known end"
        found.append((name, column, count, why))
    return found


def _dates(name: str, table: pl.DataFrame) -> list[Loss]:
    found = []
    for column in schema.tables()[name].columns:
        if column.type not in ("date", "datetime") or column.name not in HELD[name].split():
            continue
        text = table[column.name].drop_nulls()
        found.append((name, column.name, int((text.str.len_chars() < 10).sum()), PARTIAL))
        offset = text.str.contains(r"(?:Z|[+-][0-9]{2}:?[0-9]{2})$") & (text.str.len_chars() > 10)
        found.append((name, column.name, int(offset.sum()), "the CDM has no offset of a time"))
    return found


def _special(tables: dict[str, pl.DataFrame], keys: Keys) -> list[Loss]:
    infusions = tables["infusions"]
    both = pl.col("dose_cells").is_not_null() & pl.col("dose_per_kg").is_not_null()
    twice = infusions.filter(pl.struct("subject_id", day=dates.earliest("start")).is_duplicated()).height
    one_dose = "a record has one dose: the absolute one is written"
    lost = [
        ("infusions", "dose_per_kg", infusions.filter(both).height, one_dose),
        ("infusions", "start", twice, "several infusions of a day are read back as one"),
        ("visits", "occurred", tables["visits"]["occurred"].null_count(), "a visit that is written took place"),
    ]
    for name in ("observations", "assessments"):
        named = tables[name]["visit"].is_not_null() & keys.visit_of(name).is_null()
        lost.append((name, "visit", int(named.sum()), "the visit has no row of its own to point to"))
    return [*lost, *_of_subjects(keys.people), *_of_events(tables["events"])]


def _of_subjects(people: pl.DataFrame) -> list[Loss]:
    age, born, given = pl.col("age_at_infusion"), pl.col("birth_year"), pl.col("year_of_birth")
    other = given.is_not_null() & age.ne_missing(pl.col("_infused").dt.year() - given)
    alone = given.is_null() & age.is_not_null()
    years = "an age is read back as the difference of years"
    filled = "none is known: the year of the infusion less the age is written"
    latest = "none is known: the day of the latest record is written"
    unseen = pl.col("_first").is_null() & (pl.col("indication") != "OTHER")
    return [
        ("subjects", "age_at_infusion", people.filter(other | alone).height, years),
        ("subjects", "birth_year", people.filter(born.is_null() & given.is_not_null()).height, filled),
        (
            "subjects",
            "birth_year",
            people.filter(given.is_null()).height,
            "the CDM asks for it; it is not known and empty",
        ),
        ("subjects", "indication", people.filter(unseen).height, "a condition needs a date, and there is none at all"),
        ("subjects", "last_contact_date", people.filter(_no_contact()).height, latest),
    ]


def _no_contact() -> pl.Expr:
    return pl.col("last_contact_date").is_null() & pl.col("_last").is_not_null()


def _of_events(events: pl.DataFrame) -> list[Loss]:
    stay = pl.col("category") == "hospitalisation"
    elsewhere = stay | (pl.col("category") == "procedure")
    level = pl.col("level_of_care")
    vague = stay & ~level.is_in(["ward", "ICU", "ER"]).fill_null(value=False)
    return [
        ("events", "term", _given(events, "term"), "the source value holds the term as reported"),
        (
            "events",
            "term_text",
            events.filter(pl.col("term_text").is_null()).height,
            "its place holds term or category",
        ),
        ("events", "aesi", _given(events.filter(elsewhere), "aesi"), "stays and procedures have no field for it"),
        ("events", "level_of_care", _given(events.filter(~stay), "level_of_care"), "only a stay has a level of care"),
        ("events", "level_of_care", events.filter(vague).height, "the stay is written as inpatient"),
    ]


def _given(table: pl.DataFrame, column: str) -> int:
    return table[column].drop_nulls().len()
