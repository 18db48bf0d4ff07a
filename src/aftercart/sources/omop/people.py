"""Subjects of a CDM: persons, with death, the end of observation and the disease treated."""

from __future__ import annotations

import polars as pl

from aftercart.sources.mapping import SourceMapping
from aftercart.sources.omop.concepts import Concepts
from aftercart.sources.omop.tables import Cdm, Placed, date_of, used
from aftercart.sources.sdtm.subjects import DISEASES
from aftercart.standards import omop
from aftercart.study import problems

DENIED = r"family history|suspected|rule out|no evidence|excluded"
"""Words of a diagnosis that is not one."""


def subjects(cdm: Cdm, concepts: Concepts, mapping: SourceMapping, infusions: pl.DataFrame) -> Placed:
    """Rows of the table `subjects`. Of a date of birth only the year is read; an age is the difference of years."""
    person = cdm.tables["person"]
    gender = {v: k for k, v in omop.ids("genders").items()}
    words = {"f": "F", "female": "F", "m": "M", "male": "M", "u": "U", "unknown": "U", "intersex": "INTERSEX"}
    said = pl.col("gender_source_value").str.to_lowercase()
    by_concept = pl.col("gender_concept_id").replace_strict(gender, default=None, return_dtype=pl.String)
    by_word = said.replace_strict(words, default=None, return_dtype=pl.String)
    out = person.select(
        "_table",
        "_row",
        "person_id",
        "subject_id",
        "year_of_birth",
        birth_year=pl.col("year_of_birth").cast(pl.String),
        # Intersex has no concept of gender in common use: there the source value says it.
        sex=pl.coalesce(pl.when(by_word == "INTERSEX").then(by_word), by_concept, by_word, pl.lit("U")),
        race=_named(concepts, "race", cdm.ours),
        ethnicity=_named(concepts, "ethnicity", cdm.ours),
    )
    listed: list[pl.DataFrame] = []
    parts: list[pl.DataFrame] = []
    out = _with_age(out, infusions, listed)
    out = _with_days(cdm, out, parts)
    out, more, from_conditions = _with_disease(cdm, concepts, mapping, out)
    parts += from_conditions
    return Placed({"subjects": [out.drop("person_id", "year_of_birth")]}, parts, listed + more)


def _named(concepts: Concepts, what: str, ours: bool) -> pl.Expr:
    """Race or ethnicity by the name of its concept; by the source value only where aftercart wrote it."""
    name = concepts.named(pl.col(f"{what}_concept_id"))
    name = pl.when(pl.col(f"{what}_concept_id") != 0).then(name)
    return pl.col(f"{what}_source_value") if ours else name


def _with_age(out: pl.DataFrame, infusions: pl.DataFrame, listed: list[pl.DataFrame]) -> pl.DataFrame:
    year = pl.col("start").str.slice(0, 4).cast(pl.Int64, strict=False).min()
    first = infusions.group_by("subject_id").agg(_year=year)
    aged = out.join(first, on="subject_id", how="left", maintain_order="left")
    age = pl.col("_year") - pl.col("year_of_birth")
    aged = aged.with_columns(age_at_infusion=age).drop("_year")
    known = aged["age_at_infusion"].drop_nulls().len()
    if known:
        listed.append(
            problems.one(
                "age_by_year",
                "person",
                f"{known} ages from years alone",
                "the age in whole years at the infusion",
                "nothing to do: an age is the difference of years, and may be one year too high.",
                severity="warning",
                column="year_of_birth",
            )
        )
    return aged


def _with_days(cdm: Cdm, out: pl.DataFrame, parts: list[pl.DataFrame]) -> pl.DataFrame:
    """Death and last contact: the last end of a period of observation."""
    for table, column, target in (
        ("death", "death_date", "death_date"),
        ("observation_period", "observation_period_end_date", "last_contact_date"),
    ):
        if table not in cdm.tables:
            continue
        rows = cdm.tables[table].with_columns(date_of(column).alias(column))
        last = rows.group_by("person_id").agg(pl.col(column).max().alias(target))
        out = out.join(last, on="person_id", how="left", maintain_order="left", nulls_equal=False)
        parts.append(used(rows, out, "person_id"))
    return out


def _with_disease(
    cdm: Cdm, concepts: Concepts, mapping: SourceMapping, out: pl.DataFrame
) -> tuple[pl.DataFrame, list[pl.DataFrame], list[pl.DataFrame]]:
    """The disease treated and its first date, from the conditions; what the mapping fixes goes before."""
    parts: list[pl.DataFrame] = []
    listed: list[pl.DataFrame] = []
    found = pl.DataFrame(schema={"person_id": pl.Int64, "indication": pl.String, "diagnosis_date": pl.String})
    if "condition_occurrence" in cdm.tables:
        rows = named_conditions(cdm, concepts)
        ours = rows.filter(is_primary(cdm))
        parts.append(used(ours, out, "person_id"))
        # A disease that aftercart wrote and that no words name is the one called other.
        ours = ours.with_columns(pl.col("_disease").fill_null("OTHER"))
        sick = (ours if cdm.ours else rows).filter(pl.col("_disease").is_not_null())
        rank = pl.col("_disease").replace_strict(RANK, return_dtype=pl.Int64)
        one = sick.group_by("person_id").agg(_rank=rank.min(), _several=_several())
        one = one.with_columns(indication=pl.col("_rank").replace_strict(BY_RANK, return_dtype=pl.String))
        listed += _doubt(one.filter("_several").join(out, on="person_id"))
        same = pl.col("_disease").replace("LN", "SLE") == pl.col("indication").replace("LN", "SLE")
        undated = (pl.lit(cdm.ours) & (pl.col("condition_status_source_value") == omop.UNDATED)).fill_null(value=False)
        day = pl.when(~undated).then(date_of("condition_start_date"))
        of_it = sick.join(one, on="person_id").filter(same).with_columns(_day=day)
        found = of_it.group_by("person_id").agg(pl.col("indication").first(), diagnosis_date=pl.col("_day").min())
    out = out.join(found, on="person_id", how="left", maintain_order="left")
    fixed = mapping.own.get("indication")
    if isinstance(fixed, str):
        out = out.with_columns(indication=pl.lit(fixed))
    unknown = out.filter(pl.col("indication").is_null())
    if unknown.height and not cdm.ours:
        listed.append(
            problems.of_rows(
                unknown,
                rule="no_diagnosis",
                file="person",
                found=pl.lit("no diagnosis that names a disease treated"),
                expected="lupus, myositis or systemic sclerosis in condition_occurrence",
                remedy='state it in the mapping: [omop] indication = "SLE". OTHER is used.',
                severity="warning",
            )
        )
    return out.with_columns(pl.col("indication").fill_null("OTHER")), listed, parts


RANK = {name: n for n, name in enumerate([*(name for name, _ in DISEASES), "OTHER"])}
BY_RANK = {n: name for name, n in RANK.items()}


def _several() -> pl.Expr:
    """Whether conditions name more than one disease; nephritis is part of lupus."""
    return pl.col("_disease").replace("LN", "SLE").n_unique() > 1


def _doubt(rows: pl.DataFrame) -> list[pl.DataFrame]:
    if not rows.height:
        return []
    line = problems.of_rows(
        rows,
        rule="several_diagnoses",
        file="person",
        found=pl.format("{} and another disease", "indication"),
        expected="one disease that was treated",
        remedy="check which one it was. The one named first here is used.",
        severity="warning",
    )
    return [line]


def named_conditions(cdm: Cdm, concepts: Concepts) -> pl.DataFrame:
    """Conditions with the disease that their words name, in `_disease`, and the name of their concept in `_name`."""
    rows = cdm.tables["condition_occurrence"].with_columns(
        _name=pl.coalesce(
            concepts.named(pl.col("condition_concept_id").replace(0, None)),
            concepts.named(pl.col("condition_source_concept_id").replace(0, None)),
        )
    )
    text = pl.concat_str("_name", "condition_source_value", separator=" ", ignore_nulls=True).str.to_lowercase()
    disease = pl.lit(None, dtype=pl.String)
    for name, words in reversed(DISEASES):
        disease = pl.when(text.str.contains(words) & ~text.str.contains(DENIED)).then(pl.lit(name)).otherwise(disease)
    return rows.with_columns(_disease=disease)


def is_primary(cdm: Cdm) -> pl.Expr:
    """Whether a condition is the disease treated, as aftercart writes it; such a row is no event."""
    status = pl.col("condition_status_source_value").is_in([omop.PRIMARY, omop.UNDATED])
    return pl.lit(cdm.ours) & status.fill_null(value=False)
