"""The rows of a study as rows of the CDM tables."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import polars as pl

from aftercart.standards import omop
from aftercart.standards.vocabulary import Vocabulary
from aftercart.study import dates, dictionary, drugs
from aftercart.study.model import Study

DISEASES = {
    "SLE": "Systemic lupus erythematosus",
    "LN": "Lupus nephritis",
    "IIM": "Idiopathic inflammatory myositis",
    "SSC": "Systemic sclerosis",
    "OTHER": "Other autoimmune disease",
}
LEVELS = {"ward": "inpatient", "ICU": "intensive_care", "ER": "emergency"}
TIME = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ]([0-9]{2}:[0-9]{2}(?::[0-9]{2})?)"
STAY, CONTACT = "hospitalisation", "visit"


def first_day(column: str) -> pl.Expr:
    """The first day that a date can mean."""
    return dates.earliest(column)


def last_day(column: str) -> pl.Expr:
    """The last day that a date can mean."""
    return dates.latest(column)


def time_of(column: str) -> pl.Expr:
    """The moment that a text with a time means, without its offset; null without a time."""
    clock = pl.col(column).str.extract(TIME, 1)
    whole = pl.when(clock.str.len_chars() == 5).then(clock + ":00").otherwise(clock)
    return pl.concat_str(pl.col(column).str.slice(0, 10), pl.lit("T"), whole).str.to_datetime(
        "%Y-%m-%dT%H:%M:%S", strict=False, time_unit="us"
    )


@dataclass(frozen=True)
class Keys:
    """A study with the numbers of its persons and visits, and the concepts that its codes have."""

    study: Study
    tables: dict[str, pl.DataFrame]
    vocabulary: Vocabulary

    @cached_property
    def people(self) -> pl.DataFrame:
        """Subjects with `person_id`, year of birth, first infusion and the period in which they were observed."""
        infused = self.tables["infusions"].group_by("subject_id").agg(_infused=first_day("start").min())
        spans = [
            table.select("subject_id", day=first_day(column))
            for name, table in self.tables.items()
            for column in ("start", "datetime", "diagnosis_date", "last_contact_date", "death_date")
            if column in table.columns and name != "disposition"
        ]
        seen = pl.concat(spans).group_by("subject_id").agg(_first=pl.col("day").min(), _latest=pl.col("day").max())
        people = self.tables["subjects"].join(infused, on="subject_id", how="left", maintain_order="left")
        people = people.join(seen, on="subject_id", how="left", maintain_order="left")
        born = pl.coalesce("birth_year", pl.col("_infused").dt.year() - pl.col("age_at_infusion"))
        return people.with_columns(
            person_id=pl.int_range(1, pl.len() + 1, dtype=pl.Int64),
            year_of_birth=born.cast(pl.Int64),
            _last=pl.coalesce(last_day("last_contact_date"), "_latest"),
        )

    @cached_property
    def visits(self) -> pl.DataFrame:
        """Contacts and stays with `visit_occurrence_id`."""
        contacts = self.tables["visits"].select("subject_id", "row_id", "visit", "start", "end", kind=pl.lit(CONTACT))
        events = self.tables["events"].filter(pl.col("category") == STAY)
        text = pl.coalesce("term_text", "term", "category")
        stays = events.select("subject_id", "row_id", "start", "end", "level_of_care", visit=text, kind=pl.lit(STAY))
        both = pl.concat([contacts, stays], how="diagonal_relaxed").sort("subject_id", "kind", "row_id")
        return both.with_columns(visit_occurrence_id=pl.int_range(1, pl.len() + 1, dtype=pl.Int64))

    def numbered(self, rows: pl.DataFrame, key: str) -> pl.DataFrame:
        """Rows with their person, numbered in the order of subject and row."""
        people = self.people.select("subject_id", "person_id", "_last")
        joined = rows.join(people, on="subject_id", how="inner", maintain_order="left")
        return joined.with_columns(pl.int_range(1, pl.len() + 1, dtype=pl.Int64).alias(key))

    def visit_of(self, table: str) -> pl.Series:
        """The number of the visit that each row of a table names; null where none is written."""
        contacts = self.visits.filter(pl.col("kind") == CONTACT).unique(["subject_id", "visit"], keep="first")
        rows = self.tables[table].select("subject_id", "visit")
        found = rows.join(
            contacts.select("subject_id", "visit", "visit_occurrence_id"),
            on=["subject_id", "visit"],
            how="left",
            maintain_order="left",
        )
        return found["visit_occurrence_id"]

    def concept(
        self, vocabulary: str, codes: dict[str, str], shipped: Callable[[str], int] | None = None
    ) -> dict[str, int]:
        """Name to concept: by the code that it has in a vocabulary, else by the shipped map, else 0."""
        known = self.vocabulary.ids(vocabulary)
        return {name: known.get(code) or (shipped(name) if shipped else 0) for name, code in codes.items()}


def rows_of(keys: Keys) -> dict[str, pl.DataFrame]:
    """Every CDM table by name, with all its columns in order."""
    infusions = _infusions(keys)
    found = {
        "person": _person(keys),
        "observation_period": _period(keys),
        "death": _death(keys),
        "visit_occurrence": _visits(keys),
        "condition_occurrence": _conditions(keys),
        "procedure_occurrence": pl.concat([infusions["procedure"], _procedures(keys)], how="diagonal_relaxed"),
        "drug_exposure": pl.concat([infusions["drug"], _medicines(keys)], how="diagonal_relaxed"),
        "measurement": _measurements(keys),
        "observation": _items(keys),
        "episode": infusions["episode"],
        "episode_event": infusions["event"],
        "cdm_source": _source(keys.study),
    }
    return {name: _complete(name, frame) for name, frame in found.items()}


def _complete(name: str, frame: pl.DataFrame) -> pl.DataFrame:
    """A table with all its columns, those that may not be empty filled with 0 (no matching concept) and the form."""
    key = f"{name}_id"
    fields = omop.fields(name)
    if key in {f.name for f in fields} and name not in ("person", "episode_event") and frame.height:
        frame = frame.with_columns(pl.int_range(1, pl.len() + 1, dtype=pl.Int64).alias(key))
    if name == "visit_occurrence":
        frame = frame.sort(key)
    out = []
    for field in fields:
        given = pl.col(field.name) if field.name in frame.columns else pl.lit(None)
        value = given.cast(field.kind)
        if field.name.endswith("_type_concept_id"):
            value = pl.lit(omop.ids("types")["form"], dtype=pl.Int64)
        elif field.required and field.name.endswith("_concept_id"):
            value = value.fill_null(0)
        out.append(value.alias(field.name))
    return frame.select(out)


def _lookup(column: str, known: dict[str, int]) -> pl.Expr:
    return pl.col(column).replace_strict(known, default=0, return_dtype=pl.Int64)


def _person(keys: Keys) -> pl.DataFrame:
    return keys.people.with_columns(
        gender_concept_id=_lookup("sex", dict(omop.ids("genders"))),
        person_source_value="subject_id",
        gender_source_value="sex",
        race_source_value="race",
        ethnicity_source_value="ethnicity",
    )


def _period(keys: Keys) -> pl.DataFrame:
    return keys.people.filter(pl.col("_last").is_not_null()).with_columns(
        observation_period_start_date=pl.min_horizontal("_first", "_last"), observation_period_end_date="_last"
    )


def _death(keys: Keys) -> pl.DataFrame:
    dead = keys.people.filter(pl.col("death_date").is_not_null())
    return dead.with_columns(death_date=first_day("death_date"))


def _visits(keys: Keys) -> pl.DataFrame:
    rows = keys.visits.join(keys.people.select("subject_id", "person_id"), on="subject_id", maintain_order="left")
    ids = omop.ids("visits")
    stay = pl.col("level_of_care").replace_strict({k: ids[v] for k, v in LEVELS.items()}, default=ids["inpatient"])
    start, end = first_day("start"), last_day("end")
    # A known end has a time, midnight where only the day is known; an end that is filled in has none.
    known = pl.coalesce(time_of("end"), end.cast(pl.Datetime("us")))
    return rows.with_columns(
        visit_concept_id=pl.when(pl.col("kind") == STAY).then(stay).otherwise(ids["outpatient"]),
        visit_start_date=start,
        visit_start_datetime=time_of("start"),
        visit_end_date=pl.coalesce(end, start),
        visit_end_datetime=known,
        visit_source_value="visit",
    )


def _conditions(keys: Keys) -> pl.DataFrame:
    rows = keys.tables["events"].filter(~pl.col("category").is_in([STAY, "procedure"]))
    events = keys.numbered(rows, "_nth").with_columns(
        condition_start_date=first_day("start"),
        condition_start_datetime=time_of("start"),
        condition_end_date=last_day("end"),
        condition_end_datetime=time_of("end"),
        condition_source_value=pl.coalesce("term_text", "term", "category"),
        condition_status_source_value=pl.concat_str("category", "aesi", separator="/", ignore_nulls=True),
        condition_concept_id=pl.coalesce(_snomed(keys, "term"), _snomed(keys, "term_text"), pl.lit(0)),
    )
    known = pl.col("diagnosis_date").is_not_null()
    disease = keys.people.filter(known | pl.col("_first").is_not_null()).with_columns(
        condition_start_date=pl.coalesce(first_day("diagnosis_date"), "_first"),
        condition_source_value=pl.col("indication").replace_strict(DISEASES),
        condition_status_source_value=pl.when(known).then(pl.lit(omop.PRIMARY)).otherwise(pl.lit(omop.UNDATED)),
    )
    return pl.concat([disease, events], how="diagonal_relaxed")


def _snomed(keys: Keys, column: str) -> pl.Expr:
    named = keys.vocabulary.concepts.filter(pl.col("vocabulary_id") == "SNOMED").sort("concept_id", descending=True)
    by_name = dict(named.select(pl.col("concept_name").str.to_lowercase(), "concept_id").iter_rows())
    return pl.col(column).str.to_lowercase().replace_strict(by_name, default=None, return_dtype=pl.Int64)


def _procedures(keys: Keys) -> pl.DataFrame:
    rows = keys.numbered(keys.tables["events"].filter(pl.col("category") == "procedure"), "_nth")
    return rows.select(
        "person_id",
        procedure_date=first_day("start"),
        procedure_datetime=time_of("start"),
        procedure_end_date=last_day("end"),
        procedure_end_datetime=time_of("end"),
        procedure_source_value=pl.coalesce("term_text", "term", "category"),
        procedure_concept_id=pl.coalesce(_snomed(keys, "term"), _snomed(keys, "term_text"), pl.lit(0)),
    )


def _infusions(keys: Keys) -> dict[str, pl.DataFrame]:
    """An infusion as a drug exposure (product, dose), a procedure and an episode that bears its number."""
    rows = keys.numbered(keys.tables["infusions"], "episode_id")
    start, end = first_day("start"), last_day("end")
    unit = {column: unit for unit, column in omop.DOSES.items()}
    absolute = pl.col("dose_cells").is_not_null()
    sig = pl.concat_str(pl.lit(omop.INFUSION), omop.attributes(rows, "infusions"), separator=" | ", ignore_nulls=True)
    drug = rows.select(
        "person_id",
        drug_exposure_start_date=start,
        drug_exposure_start_datetime=time_of("start"),
        drug_exposure_end_date=pl.coalesce(end, start),
        drug_exposure_end_datetime=time_of("end"),
        verbatim_end_date=end,
        quantity=pl.coalesce("dose_cells", "dose_per_kg"),
        dose_unit_source_value=pl.when(absolute)
        .then(pl.lit(unit["dose_cells"]))
        .when(pl.col("dose_per_kg").is_not_null())
        .then(pl.lit(unit["dose_per_kg"])),
        sig=sig,
        lot_number="lot",
        route_source_value="route",
        drug_source_value=pl.col("product").fill_null(omop.NO_PRODUCT),
    )
    procedure = rows.select(
        "person_id",
        procedure_date=start,
        procedure_datetime=time_of("start"),
        procedure_end_date=end,
        procedure_end_datetime=time_of("end"),
        procedure_source_value=pl.lit(omop.INFUSION),
    )
    episode = rows.select(
        "person_id",
        episode_start_date=start,
        episode_start_datetime=time_of("start"),
        episode_end_date=end,
        episode_end_datetime=time_of("end"),
        episode_number="infusion_seq",
        episode_source_value=pl.lit(omop.INFUSION),
    )
    event = rows.select(
        "episode_id", event_id="episode_id", episode_event_field_concept_id=pl.lit(omop.ids("fields")["drug_exposure"])
    )
    return {"drug": drug, "procedure": procedure, "episode": episode, "event": event}


def _medicines(keys: Keys) -> pl.DataFrame:
    rows = keys.numbered(keys.tables["exposures"], "_nth")
    start, end = first_day("start"), last_day("end")
    rxnorm = keys.concept("RxNorm", {d.name: d.rxnorm for d in drugs.drugs().values() if d.rxnorm})
    ongoing = pl.when(pl.col("ongoing").fill_null(value=False)).then(pl.max_horizontal("_last", start))
    return rows.select(
        "person_id",
        drug_concept_id=_lookup("drug", rxnorm),
        drug_exposure_start_date=start,
        drug_exposure_end_date=pl.coalesce(end, ongoing, start),
        verbatim_end_date=end,
        quantity="dose",
        dose_unit_source_value="dose_unit",
        sig=omop.attributes(rows, "exposures"),
        route_source_value="route",
        drug_source_value="drug",
    )


def _measurements(keys: Keys) -> pl.DataFrame:
    rows = keys.numbered(keys.tables["observations"].with_columns(keys.visit_of("observations")), "_nth")
    codes = {n: c.loinc or "" for n, c in dictionary.codes().items()}
    units = {c.unit: c.unit for c in dictionary.codes().values() if c.unit}
    unit = _lookup("unit", keys.concept("UCUM", units, omop.concept_of_unit))
    sign = pl.when(pl.col("comparator") != "=").then("comparator").fill_null("")
    text = pl.col("value").cast(pl.String)
    return rows.select(
        "person_id",
        "visit_occurrence_id",
        measurement_concept_id=_lookup("code", keys.concept("LOINC", codes, omop.concept_of_code)),
        measurement_date=first_day("datetime"),
        measurement_datetime=time_of("datetime"),
        operator_concept_id=pl.when(pl.col("value").is_not_null()).then(
            _lookup("comparator", dict(omop.ids("operators")))
        ),
        value_as_number="value",
        value_as_concept_id=pl.col("value_text").replace_strict(
            dict(omop.ids("values")), default=None, return_dtype=pl.Int64
        ),
        unit_concept_id=pl.when(pl.col("unit").is_not_null()).then(unit),
        range_low="ref_low",
        range_high="ref_high",
        measurement_source_value="code",
        unit_source_value="unit",
        value_source_value=pl.coalesce("value_text", "value_original", pl.concat_str(sign, text)),
    )


def _items(keys: Keys) -> pl.DataFrame:
    rows = keys.numbered(keys.tables["assessments"].with_columns(keys.visit_of("assessments")), "_nth")
    return rows.select(
        "person_id",
        "visit_occurrence_id",
        observation_date=first_day("datetime"),
        observation_datetime=time_of("datetime"),
        value_as_number="value",
        value_as_string="value_text",
        observation_source_value=pl.format("{}.{}", "instrument", "item"),
        qualifier_source_value="attributable",
        value_source_value=pl.coalesce("value_text", pl.col("value").cast(pl.String)),
    )


def _source(study: Study) -> pl.DataFrame:
    from importlib.metadata import version

    meta = study.meta
    day = pl.lit(meta.data_cut_off, dtype=pl.Date) if meta.data_cut_off else pl.date(1970, 1, 1)
    note = f"{omop.SIMULATED}. {meta.note}" if meta.simulated else meta.note
    return pl.select(
        cdm_source_name=pl.lit(meta.title),
        cdm_source_abbreviation=pl.lit(meta.study_id),
        cdm_holder=pl.lit(meta.study_id),
        source_description=pl.lit(note.strip() or None, dtype=pl.String),
        source_documentation_reference=pl.lit(f"sha256:{study.content_hash}"),
        cdm_etl_reference=pl.lit(f"{omop.MARK}{version('aftercart')}"),
        source_release_date=day,
        cdm_release_date=day,
        cdm_version=pl.lit(omop.VERSION),
        vocabulary_version=pl.lit("none"),
    )
