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
        if column in held or column in KEYS or column in ("not_done", "derived"):
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
    people = keys.people
    first = pl.col("_infused").dt.year()
    age = (pl.col("age_at_infusion") != first - pl.col("birth_year")).fill_null(value=False)
    nobody = people.filter(pl.col("year_of_birth").is_null()).height
    alone = people.filter(pl.col("age_at_infusion").is_not_null() & pl.col("_infused").is_null()).height
    events = tables["events"]
    stays = events.filter(pl.col("category") == "hospitalisation")
    procedures = events.filter(pl.col("category") == "procedure")
    texts = pl.col("term_text").is_not_null() & pl.col("term").is_not_null()
    other = pl.col("level_of_care").is_not_null()
    infusions = tables["infusions"]
    both = pl.col("dose_cells").is_not_null() & pl.col("dose_per_kg").is_not_null()
    numbers = pl.int_range(1, pl.len() + 1).over("subject_id", order_by="start")
    days = infusions.with_columns(_nth=numbers, _day=dates.earliest("start"))
    twice = days.filter(pl.struct("subject_id", "_day").is_duplicated()).height
    lost_visits = [
        (
            name,
            "visit",
            int((tables[name]["visit"].is_not_null() & keys.visit_of(name).is_null()).sum()),
            "the visit has no row of its own to point to",
        )
        for name in ("observations", "assessments")
    ]
    return [
        (
            "subjects",
            "age_at_infusion",
            people.filter(age).height + alone,
            "an age is read back as a difference of years",
        ),
        ("subjects", "birth_year", nobody, "the CDM asks for a year of birth; none is known and the field is empty"),
        ("events", "term", events.filter(texts).height, "the source value holds the term as reported"),
        (
            "events",
            "aesi",
            _given(stays, "aesi") + _given(procedures, "aesi"),
            "stays and procedures have no field for it",
        ),
        (
            "events",
            "level_of_care",
            events.filter(other & (pl.col("category") != "hospitalisation")).height,
            "only a stay has a level of care",
        ),
        (
            "events",
            "level_of_care",
            _given(stays.filter(pl.col("level_of_care") == "outpatient"), "level_of_care"),
            "a stay is written as inpatient",
        ),
        (
            "infusions",
            "dose_per_kg",
            infusions.filter(both).height,
            "a record has one dose: the absolute one is written",
        ),
        ("infusions", "start", twice, "several infusions of a day are read back as one"),
        *lost_visits,
    ]


def _given(table: pl.DataFrame, column: str) -> int:
    return table[column].drop_nulls().len()
