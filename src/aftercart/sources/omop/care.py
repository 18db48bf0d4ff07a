"""Medicines, events, stays and visits of a CDM."""

from __future__ import annotations

import polars as pl

from aftercart.sources.mapping import SourceMapping
from aftercart.sources.omop.concepts import Concepts
from aftercart.sources.omop.people import is_primary, named_conditions
from aftercart.sources.omop.tables import Cdm, Placed, date_of, moment, not_placed
from aftercart.standards import omop
from aftercart.study import drugs, problems, schema

KEPT = ("_table", "_row", "row_id", "source_ref", "subject_id")


def medicines(rows: pl.DataFrame, cdm: Cdm, concepts: Concepts, mapping: SourceMapping) -> Placed:
    """Rows of the table `exposures`.

    The CDM asks for an end of every exposure, so that an end may have been filled in: where the source says the end as
    it was recorded (`verbatim_end_date`), that is taken; ends that look filled in are said. Nothing is `ongoing`.
    A quantity counts tablets as often as milligrams: it is a dose only where the mapping says so
    (`[omop] quantity_is_dose = true`) or aftercart wrote it.
    """
    source = pl.col("drug_source_value")
    name = concepts.named(pl.col("drug_concept_id").replace(0, None))
    ingredient = concepts.ingredient(pl.col("drug_concept_id").replace(0, None), source)
    through = concepts.ingredient(pl.col("drug_source_concept_id").replace(0, None), source)
    known = list(drugs.drugs())
    drug = pl.when(~ingredient.is_in(known) & through.is_in(known)).then(through).otherwise(ingredient)
    end = pl.col("verbatim_end_date") if cdm.ours else pl.coalesce("verbatim_end_date", "drug_exposure_end_date")
    rows = rows.with_columns(_end=end).with_columns(_end=date_of("_end"))
    counted = cdm.ours or mapping.own.get("quantity_is_dose") is True
    dose = pl.col("quantity") if counted else pl.lit(None, dtype=pl.String)
    said = pl.col("route_source_value")
    extra = {c: omop.attribute(pl.col("sig"), c) for c in omop.ATTRIBUTES["exposures"]} if cdm.ours else {}
    out = rows.select(
        *KEPT,
        drug=pl.coalesce(drug, pl.lit("not named")),
        drug_text=pl.when(source.str.to_lowercase() != drug).then(source),
        dose=dose,
        dose_unit=pl.when(pl.lit(counted)).then("dose_unit_source_value"),
        route=said if cdm.ours else pl.coalesce(said, _route(pl.coalesce(name, source))),
        start=date_of("drug_exposure_start_date"),
        end="_end",
        **extra,
    )
    listed = [] if cdm.ours else [*_filled_ends(rows, cdm), *_doses(rows, counted)]
    return Placed({"exposures": [out]}, [], listed)


def _route(name: pl.Expr) -> pl.Expr:
    """The route that the dose form in the name of a product says."""
    found = pl.lit(None, dtype=pl.String)
    for words, route in reversed(list(omop.routes().items())):
        found = pl.when(name.str.to_lowercase().str.contains(rf"\b(?:{words})")).then(pl.lit(route)).otherwise(found)
    return found


def _filled_ends(rows: pl.DataFrame, cdm: Cdm) -> list[pl.DataFrame]:
    """How many ends are the start, or the end of observation: the CDM asks for an end where none is known."""
    unsaid = rows.filter(pl.col("verbatim_end_date").is_null() & pl.col("_end").is_not_null())
    start = date_of("drug_exposure_start_date")
    same = unsaid.filter(start == pl.col("_end")).height
    last = 0
    periods = cdm.tables.get("observation_period")
    if periods is not None:
        ends = periods.group_by("person_id").agg(_last=date_of("observation_period_end_date").max())
        last = (
            unsaid.join(ends, on="person_id")
            .filter((pl.col("_end") == pl.col("_last")) & (start != pl.col("_end")))
            .height
        )
    return [
        problems.one(
            "end_filled_in",
            "drug_exposure",
            f"{count} ends that are {what}",
            "ends as they were recorded",
            "check how the tables were made: an end that was only filled in hides what went on.",
            severity="warning",
            column="drug_exposure_end_date",
        )
        for count, what in ((same, "the start"), (last, "the end of the observation period"))
        if count
    ]


def _doses(rows: pl.DataFrame, counted: bool) -> list[pl.DataFrame]:
    given = rows["quantity"].drop_nulls().len()
    if counted or not given:
        return []
    return [
        problems.one(
            "quantity_not_read",
            "drug_exposure",
            f"{given} quantities",
            "amounts of one dose with their unit",
            "if they are doses in dose_unit_source_value, say so: [omop] quantity_is_dose = true.",
            severity="warning",
            column="quantity",
        )
    ]


def conditions(cdm: Cdm, concepts: Concepts, mapping: SourceMapping, infusions: pl.DataFrame) -> Placed:
    """Conditions as events: medical history where they begin before the first infusion, adverse events after it.

    The mapping says otherwise by concept or source value: `[omop.categories] "4329041" = "medical_history"`.
    """
    if "condition_occurrence" not in cdm.tables:
        return Placed()
    rows = named_conditions(cdm, concepts).filter(~is_primary(cdm))
    day = pl.col("start").str.slice(0, 10).min()
    first = infusions.group_by("subject_id").agg(_infused=day)
    rows = rows.join(first, on="subject_id", how="left", maintain_order="left")
    later = (date_of("condition_start_date").str.slice(0, 10) >= pl.col("_infused")).fill_null(value=False)
    usual = pl.when(later).then(pl.lit("ae")).otherwise(pl.lit("medical_history"))
    own = mapping.own.get("categories", {})
    stated = {str(k): str(v) for k, v in own.items()} if isinstance(own, dict) else {}
    by_mapping = pl.coalesce(
        pl.col(c).cast(pl.String).replace_strict(stated, default=None, return_dtype=pl.String)
        for c in ("condition_concept_id", "condition_source_concept_id", "condition_source_value")
    )
    status = pl.col("condition_status_source_value")
    category, aesi = usual, pl.lit(None, dtype=pl.String)
    if cdm.ours:
        allowed = list(schema.tables()["events"]["category"].allowed)
        stem = status.str.extract(r"^([a-z_]+)(?:/|$)", 1)
        category = pl.when(stem.is_in(allowed)).then(stem).otherwise(usual)
        aesi = status.str.extract(r"^[a-z_]+/(.*)$", 1)
    # What aftercart wrote is the term as reported; a name out of a vocabulary is the coded term.
    out = rows.select(
        *KEPT,
        category=pl.coalesce(by_mapping, category),
        aesi=aesi,
        term_text="condition_source_value",
        term="_name",
        start=moment("condition_start_date", "condition_start_datetime", exact=cdm.ours),
        end=moment("condition_end_date", "condition_end_datetime", exact=cdm.ours),
    )
    return Placed({"events": [out]})


def procedures(rows: pl.DataFrame, cdm: Cdm, concepts: Concepts) -> Placed:
    """Procedures that are no infusion of cells, as events."""
    out = rows.select(
        *KEPT,
        category=pl.lit("procedure"),
        term_text="procedure_source_value",
        term=concepts.named(pl.col("procedure_concept_id").replace(0, None)),
        start=moment("procedure_date", "procedure_datetime", exact=cdm.ours),
        end=moment("procedure_end_date", "procedure_end_datetime", exact=cdm.ours),
    )
    return Placed({"events": [out]})


def contacts(cdm: Cdm, concepts: Concepts, mapping: SourceMapping) -> Placed:
    """Stays in hospital and emergency departments as events, other contacts as visits."""
    if "visit_occurrence" not in cdm.tables:
        return Placed()
    levels = omop.levels_of_care()
    rows = cdm.tables["visit_occurrence"].with_columns(
        _level=pl.col("visit_concept_id").replace_strict(levels, default=None, return_dtype=pl.String)
    )
    end = moment("visit_end_date", "visit_end_datetime", exact=cdm.ours)
    if cdm.ours:
        # The end that the CDM asks for is the start where none is known; only a known end has a time.
        end = pl.when(pl.col("visit_end_datetime").is_not_null()).then(end)
        end = end.str.replace(r"T00:00:00$", "")
    source = pl.col("visit_source_value")
    stays = rows.filter(pl.col("_level").is_not_null()).select(
        *KEPT,
        category=pl.lit("hospitalisation"),
        term_text="visit_source_value",
        level_of_care="_level",
        start=moment("visit_start_date", "visit_start_datetime", exact=cdm.ours),
        end=end,
    )
    visits = rows.filter(pl.col("_level").is_null()).select(
        *KEPT,
        visit=pl.coalesce(
            source.replace_strict(dict(mapping.visits), default=None, return_dtype=pl.String),
            source,
            concepts.named(pl.col("visit_concept_id").replace(0, None)),
            pl.lit("contact"),
        ),
        start=date_of("visit_start_date"),
        end=end.str.slice(0, 10),
        occurred=pl.lit("true"),
    )
    return Placed({"events": [stays], "visits": [visits]})


def others(left: dict[str, pl.DataFrame]) -> Placed:
    """Episodes that are no infusion have no place in a study."""
    rows = left.get("episode")
    if rows is None:
        return Placed()
    listed = not_placed(
        rows,
        "episode_source_value",
        pl.coalesce("episode_source_value", pl.format("concept {}", "episode_concept_id"), pl.lit("an episode")),
        "the episode of an infusion of cells",
        "name it in the mapping, [omop] infusions, if it is one.",
    )
    return Placed({}, [], listed)
