"""The CDM tables as rows of text with typed keys: only the columns that are needed, and what is refused."""

from __future__ import annotations

from dataclasses import dataclass, field

import polars as pl

from aftercart.errors import SourceError
from aftercart.sources.omop.concepts import whole
from aftercart.sources.omop.stores import Store, refused
from aftercart.sources.pseudonyms import identifier_refused
from aftercart.standards import omop
from aftercart.standards.vocabulary import CONCEPT, Vocabulary, of
from aftercart.study import problems

USED = {"source_table": pl.String, "source_row": pl.Int64, "parent_table": pl.String, "parent_row": pl.Int64}
"""Source rows that give cells of another's row, for `assemble`."""

NEEDED = {
    "person": "person_id gender_concept_id year_of_birth race_concept_id ethnicity_concept_id person_source_value"
    " gender_source_value race_source_value ethnicity_source_value",
    "observation_period": "observation_period_id person_id observation_period_start_date observation_period_end_date",
    "death": "person_id death_date",
    "visit_occurrence": "visit_occurrence_id person_id visit_concept_id visit_start_date visit_start_datetime"
    " visit_end_date visit_end_datetime visit_source_value",
    "condition_occurrence": "condition_occurrence_id person_id condition_concept_id condition_start_date"
    " condition_start_datetime condition_end_date condition_end_datetime condition_source_value"
    " condition_source_concept_id condition_status_source_value",
    "procedure_occurrence": "procedure_occurrence_id person_id procedure_concept_id procedure_date procedure_datetime"
    " procedure_end_date procedure_end_datetime procedure_source_value procedure_source_concept_id",
    "drug_exposure": "drug_exposure_id person_id drug_concept_id drug_exposure_start_date drug_exposure_start_datetime"
    " drug_exposure_end_date drug_exposure_end_datetime verbatim_end_date quantity sig lot_number drug_source_value"
    " drug_source_concept_id route_source_value dose_unit_source_value",
    "measurement": "measurement_id person_id measurement_concept_id measurement_date measurement_datetime"
    " operator_concept_id value_as_number value_as_concept_id unit_concept_id range_low range_high"
    " visit_occurrence_id measurement_source_value measurement_source_concept_id unit_source_value value_source_value",
    "observation": "observation_id person_id observation_concept_id observation_date observation_datetime"
    " value_as_number value_as_string value_as_concept_id visit_occurrence_id observation_source_value"
    " observation_source_concept_id qualifier_source_value",
    "episode": "episode_id person_id episode_start_date episode_number episode_source_value episode_concept_id"
    " episode_object_concept_id",
    "episode_event": "episode_id event_id",
}
"""Columns that are read, by table; nothing else leaves the source."""

MUST = {
    "person": ("person_id",),
    "observation_period": ("person_id", "observation_period_end_date"),
    "death": ("person_id", "death_date"),
    "visit_occurrence": ("person_id", "visit_start_date"),
    "condition_occurrence": ("person_id", "condition_start_date"),
    "procedure_occurrence": ("person_id", "procedure_date"),
    "drug_exposure": ("person_id", "drug_concept_id", "drug_exposure_start_date"),
    "measurement": ("person_id", "measurement_concept_id", "measurement_date", "value_as_number"),
    "observation": ("person_id", "observation_concept_id", "observation_date"),
    "episode": ("episode_id", "person_id", "episode_start_date"),
    "episode_event": ("episode_id", "event_id"),
}
"""Columns without which a table cannot be read."""

BIRTH = ("month_of_birth", "day_of_birth", "birth_datetime")
NAMED = {"location": "address_1", "provider": "provider_name", "care_site": "care_site_name", "note": "note_text"}
"""Tables that name places and persons, and the column that does; they are never read."""


@dataclass(frozen=True)
class Placed:
    """Rows for the study tables, which source rows served others, and what has no place."""

    tables: dict[str, list[pl.DataFrame]] = field(default_factory=dict)
    used: list[pl.DataFrame] = field(default_factory=list)
    listed: list[pl.DataFrame] = field(default_factory=list)

    def joined(self, other: Placed) -> Placed:
        """Both together."""
        names = [*self.tables, *(n for n in other.tables if n not in self.tables)]
        tables = {n: [*self.tables.get(n, ()), *other.tables.get(n, ())] for n in names}
        return Placed(tables, [*self.used, *other.used], [*self.listed, *other.listed])


@dataclass(frozen=True)
class Cdm:
    """The tables of a source that are there, and what aftercart wrote about itself where it wrote them."""

    tables: dict[str, pl.DataFrame]
    about: dict[str, str | None]
    listed: list[pl.DataFrame]

    @property
    def ours(self) -> bool:
        """Whether aftercart wrote these tables, so that its rules for fields that may not be empty are known."""
        return (self.about.get("cdm_etl_reference") or "").startswith(omop.MARK)


def load(store: Store, *, subject_ids: str = "person_id") -> Cdm:
    """Read every table that is there; raises `SourceError` without persons or without a column that must be there."""
    if "person" not in store.tables:
        found = problems.one("no_subjects", "person", "no table person", "the tables of OMOP CDM 5.4", "add it.")
        raise SourceError("The source has no table person.", found)
    tables: dict[str, pl.DataFrame] = {}
    for name, words in NEEDED.items():
        if name not in store.tables:
            continue
        missing = [c for c in MUST[name] if c not in store.tables[name]]
        if missing:
            raise refused(name, f"no column {missing[0]}", f"{', '.join(MUST[name])}", column=missing[0])
        tables[name] = _typed(name, store.read(name, words.split()))
    about = _about(store)
    cdm = Cdm(tables, about, _refused(store, tables["person"], subject_ids))
    if cdm.ours or subject_ids == "person_source_value":
        text = pl.coalesce("person_source_value", pl.col("person_id").cast(pl.String))
    else:
        text = pl.col("person_id").cast(pl.String)
    people = tables["person"].select("person_id", subject_id=text).drop_nulls().unique("person_id", keep="first")
    for name, frame in tables.items():
        if "person_id" in frame.columns:
            named = frame.join(people, on="person_id", how="left", maintain_order="left")
            tables[name] = named.with_columns(
                pl.coalesce("subject_id", pl.format("person {}", "person_id"), pl.lit("no person"))
            )
    return cdm


def _typed(name: str, text: pl.DataFrame) -> pl.DataFrame:
    """A table in the order of its key, whatever order the source gives; rows are numbered from 1."""
    ids = [c for c in text.columns if c.endswith("_id") or c in ("year_of_birth", "episode_number")]
    key = text.columns[0]
    typed = text.with_columns(whole(c).alias(c) for c in ids).sort(key, *text.columns[1:], nulls_last=True)
    place = pl.lit(name).alias("_table"), pl.int_range(1, pl.len() + 1, dtype=pl.Int64).alias("_row")
    own = key.removesuffix("_id") == name and name != "person"
    lone = pl.col(key).is_not_null() & pl.col(key).is_unique() if own else pl.lit(value=False)
    stem = pl.when(lone).then(pl.format("{}:{}", pl.lit(name), pl.col(key)))
    return typed.with_columns(*place).with_columns(row_id=stem, source_ref=stem)


def _about(store: Store) -> dict[str, str | None]:
    columns = ("cdm_source_name", "cdm_source_abbreviation", "cdm_etl_reference", "source_description")
    if "cdm_source" not in store.tables:
        return {}
    rows = store.read("cdm_source", (*columns, "source_release_date"))
    return rows.row(0, named=True) if rows.height == 1 else {}


def _refused(store: Store, person: pl.DataFrame, subject_ids: str) -> list[pl.DataFrame]:
    """A line for every direct identifier that the source holds and that does not enter the study."""
    listed = []
    birth = store.read("person", BIRTH)
    for column in BIRTH:
        if birth[column].drop_nulls().len():
            listed.append(identifier_refused("person", column, birth[column].drop_nulls().len()))
    if subject_ids != "person_source_value" and not (_about(store).get("cdm_etl_reference") or "").startswith(
        omop.MARK
    ):
        given = person["person_source_value"].drop_nulls().len()
        if given:
            listed.append(identifier_refused("person", "person_source_value", given))
    for table, column in NAMED.items():
        if column in store.tables.get(table, {}):
            listed.append(
                problems.one(
                    "direct_identifier",
                    table,
                    "a table that names places or persons",
                    "no names, addresses, full dates of birth or record numbers",
                    "nothing to do: the table is not read.",
                    severity="warning",
                    column=column,
                )
            )
    return listed


def concepts_of(tables: dict[str, pl.DataFrame]) -> pl.Series:
    """Every concept that the tables name."""
    found = [f[c] for f in tables.values() for c in f.columns if c.endswith("_concept_id")]
    every = pl.concat([pl.Series([0], dtype=pl.Int64), *(s.rename("").unique() for s in found)])
    return every.unique().drop_nulls().sort().alias("concept_id")


def vocabulary_of(store: Store, wanted: pl.Series) -> Vocabulary:
    """The concepts that are wanted from the vocabulary tables of the source itself; empty where it has none."""
    if not set(CONCEPT) <= set(store.tables.get("concept", {})):
        return Vocabulary()
    columns = ("concept_id_1", "concept_id_2", "relationship_id")
    relationships = None
    ids = wanted
    if set(columns) <= set(store.tables.get("concept_relationship", {})):
        relationships = store.read("concept_relationship", columns, wanted)
        ids = pl.concat([wanted, whole_series(relationships["concept_id_2"])]).unique()
    return of(store.read("concept", list(CONCEPT), ids), relationships)


def whole_series(text: pl.Series) -> pl.Series:
    """Identifiers as whole numbers."""
    return text.cast(pl.Int64, strict=False).drop_nulls().alias("concept_id")


STAMP = (
    r"^([0-9]{4}-[0-9]{2}-[0-9]{2})[ T]([0-9]{2}:[0-9]{2}(?::[0-9]{2})?)(?:\.[0-9]+)?"
    r"(Z|[+-][0-9]{2}(?::?[0-9]{2})?)?$"
)
"""A day, a time and an offset, as databases print them."""


def moment(day: str, time: str, *, exact: bool) -> pl.Expr:
    """A day and its time as one ISO text: the time where it says one, else the day.

    Midnight is how tables say that no time is known, unless aftercart wrote them (`exact`).
    """
    text = pl.col(time)
    date, clock, offset = (text.str.extract(STAMP, i) for i in (1, 2, 3))
    offset = pl.when(offset.str.contains(r"^[+-][0-9]{2}$")).then(offset + ":00").otherwise(offset).fill_null("")
    full = pl.concat_str(date, pl.lit("T"), clock, offset)
    known = full.is_not_null() & (pl.lit(exact) | clock.str.contains("[1-9]"))
    return pl.when(known).then(full).otherwise(pl.coalesce(date_of(day), date))


def date_of(column: str) -> pl.Expr:
    """A day as ISO text; a time of midnight behind it says nothing. What is no date stays, to be listed."""
    text = pl.col(column)
    return pl.coalesce(text.str.extract(r"^([0-9]{4}-[0-9]{2}-[0-9]{2})[ T]00:00(?::00(?:\.0+)?)?$", 1), text)


def not_placed(rows: pl.DataFrame, column: str, found: pl.Expr | str, expected: str, remedy: str) -> list[pl.DataFrame]:
    """A line for every row that has no place in a study."""
    if not rows.height:
        return []
    what = pl.lit(found) if isinstance(found, str) else found
    line = problems.of_rows(
        rows,
        rule="not_placed",
        file=str(rows["_table"][0]),
        column=column,
        found=what,
        expected=expected,
        remedy=f"{remedy} The row is not used.",
        severity="warning",
    )
    return [line]


def used(rows: pl.DataFrame, parents: pl.DataFrame, on: str | list[str]) -> pl.DataFrame:
    """Rows that gave cells to the row of another table, joined by a key."""
    keys = [on] if isinstance(on, str) else on
    place = parents.select(*keys, parent_table="_table", parent_row="_row").unique(keys, keep="first")
    found = rows.join(place, on=keys, how="inner")
    return found.select(source_table="_table", source_row="_row", parent_table="parent_table", parent_row="parent_row")
