"""Infusions of cells in a CDM: from drug exposures, procedures and episodes, joined by person and day."""

from __future__ import annotations

import polars as pl

from aftercart.sources.mapping import SourceMapping
from aftercart.sources.omop.concepts import Concepts
from aftercart.sources.omop.tables import Cdm, Placed, date_of, moment, not_placed, used
from aftercart.standards import omop

CELLS = r"(?i)\bCAR[-_ ]?(?:T|NK)\b|\bCART[-_ ]?(?:19|BCMA)|\bCAAR[-_ ]?T\b|leucel\b|chimeric antigen receptor"
"""Words that name an infusion of such cells; whole words, so that Cartia is none."""

NOT_YET = (
    r"(?i)apheresis|harvest|collect|prepar|receipt|manufactur|evaluat|consult|deplet|bridging|follow|monitor|history"
)
"""Words of what is done before and after an infusion of cells, and so is none itself."""

ATC = r"^L01XL(?:0[3-9]|[1-9][0-9])$"
"""Cell and gene therapy against cancer without sitimagene and talimogene, which are viruses."""

CELL_UNITS = {"{cells}": 1.0, "cells": 1.0, "10*6": 1e6, "10*6 cells": 1e6, "10^6 cells": 1e6, "10*6.{cells}": 1e6}
PER_KG = ("10*6/kg", "10^6/kg", "10*6 cells/kg", "10^6 cells/kg")
SOURCES = ("drug_exposure", "procedure_occurrence", "episode")
"""Tables that may hold an infusion; the first that does gives the row, the others add to it."""


def infusions(cdm: Cdm, concepts: Concepts, mapping: SourceMapping) -> tuple[Placed, dict[str, pl.DataFrame]]:
    """Rows of the table `infusions`, and by table the rows that are left for other purposes.

    A row is an infusion when the mapping names its concept or source value (`[omop] infusions`), its medicine is a
    CAR-T product by ATC, or its words name one. Rows of one person and day are one infusion.
    """
    found, left = [], {}
    for table in SOURCES:
        if table not in cdm.tables:
            continue
        rows = cdm.tables[table]
        chosen = _written(table) if cdm.ours else _is_infusion(table, concepts, mapping)
        left[table] = rows.filter(~chosen)
        found.append(_columns(rows.filter(chosen), table, cdm, concepts))
    if not found:
        return Placed(), left
    every = pl.concat(found, how="diagonal_relaxed")
    every = every.with_columns(
        _day=pl.col("start").str.slice(0, 10), _first=pl.col("_table").replace_strict(ORDER, return_dtype=pl.Int64)
    ).sort("person_id", "_day", "_first", "_row")
    key = ["person_id", "_day"]
    one = every.unique(key, keep="first", maintain_order=True)
    numbers = every.filter(pl.col("_number").is_not_null()).unique(key, keep="first").select(*key, _n="_number")
    one = one.join(numbers, on=key, how="left", maintain_order="left")
    nth = pl.int_range(1, pl.len() + 1).over("person_id")
    # The numbers of episodes count only where every infusion of the person has one of its own.
    whole = (pl.col("_n").is_not_null().all() & pl.col("_n").is_unique().all()).over("person_id")
    seq = pl.when(whole).then("_n").otherwise(nth)
    others = every.join(one.select("_table", "_row"), on=["_table", "_row"], how="anti")
    helping = used(others, one, key)
    again = others.join(one.select(*key, "_table"), on=[*key, "_table"], how="semi")
    listed = not_placed(
        again,
        "infusion",
        pl.format("a second record of an infusion on {}", "_day"),
        "one record for each table and day",
        "if the cells were given in parts, this is as it should be. The first record gives product and dose.",
    )
    parts = [helping, *_events_of(cdm, every, one)]
    rows = one.with_columns(infusion_seq=seq).drop("person_id", "_day", "_first", "_number", "_n")
    return Placed({"infusions": [rows]}, parts, listed), left


ORDER = {name: n for n, name in enumerate(SOURCES)}


def _written(table: str) -> pl.Expr:
    """Whether a row is what aftercart writes of an infusion."""
    if table == "drug_exposure":
        return pl.col("sig").str.starts_with(omop.INFUSION).fill_null(value=False)
    source = {"procedure_occurrence": "procedure_source_value", "episode": "episode_source_value"}[table]
    return (pl.col(source) == omop.INFUSION).fill_null(value=False)


def _is_infusion(table: str, concepts: Concepts, mapping: SourceMapping) -> pl.Expr:
    stem = {"drug_exposure": "drug", "procedure_occurrence": "procedure", "episode": "episode"}[table]
    given = mapping.own.get("infusions", [])
    named = [str(n) for n in given] if isinstance(given, list) else [str(given)]
    source = pl.col(f"{stem}_source_value")
    ids = [f"{stem}_concept_id"]
    ids += [f"{stem}_source_concept_id"] if table != "episode" else ["episode_object_concept_id"]
    atc = [c for c, code in concepts.vocabulary.coded("ATC").items() if pl.Series([code]).str.contains(ATC).item()]
    tests = [source.is_in(named), source.str.contains(CELLS) & ~source.str.contains(NOT_YET)]
    for column in ids:
        tests += [pl.col(column).cast(pl.String).is_in(named), pl.col(column).is_in(atc)]
        name = concepts.named(pl.col(column))
        tests.append(name.str.contains(CELLS) & ~name.str.contains(NOT_YET))
    return pl.any_horizontal(t.fill_null(value=False) for t in tests)


def _columns(rows: pl.DataFrame, table: str, cdm: Cdm, concepts: Concepts) -> pl.DataFrame:
    kept = ("_table", "_row", "row_id", "source_ref", "subject_id", "person_id")
    if table == "episode":
        return rows.select(
            *kept, start=date_of("episode_start_date"), product="episode_source_value", _number="episode_number"
        )
    number = pl.lit(None, dtype=pl.Int64).alias("_number")
    if table == "procedure_occurrence":
        return rows.select(
            *kept,
            number,
            start=moment("procedure_date", "procedure_datetime", exact=cdm.ours),
            end=moment("procedure_end_date", "procedure_end_datetime", exact=cdm.ours),
        )
    unit = pl.col("dose_unit_source_value")
    factor = unit.replace_strict(CELL_UNITS, default=None, return_dtype=pl.Float64)
    dose = pl.col("quantity").cast(pl.Float64, strict=False)
    product = pl.coalesce("drug_source_value", concepts.named(pl.col("drug_concept_id").replace(0, None)))
    end: pl.Expr
    extra: dict[str, pl.Expr]
    if cdm.ours:
        product = product.replace(omop.NO_PRODUCT, None)
        end = pl.when(pl.col("verbatim_end_date").is_not_null()).then(
            moment("verbatim_end_date", "drug_exposure_end_datetime", exact=True)
        )
        extra = {c: omop.attribute(pl.col("sig"), c) for c in omop.ATTRIBUTES["infusions"]}
    else:
        end, extra = moment("verbatim_end_date", "drug_exposure_end_datetime", exact=False), {}
    return rows.select(
        *kept,
        number,
        start=moment("drug_exposure_start_date", "drug_exposure_start_datetime", exact=cdm.ours),
        end=end,
        product=product,
        dose_cells=dose * factor,
        dose_per_kg=pl.when(unit.is_in(PER_KG)).then(dose),
        route="route_source_value",
        lot="lot_number",
        **extra,
    )


def _events_of(cdm: Cdm, every: pl.DataFrame, one: pl.DataFrame) -> list[pl.DataFrame]:
    """The rows of `episode_event` that belong to the episode of an infusion."""
    if "episode_event" not in cdm.tables or "episode" not in cdm.tables:
        return []
    episodes = cdm.tables["episode"].select("episode_id", "_table", "_row").drop_nulls()
    mine = episodes.join(every.select("_table", "_row", "person_id", "_day"), on=["_table", "_row"])
    parents = mine.drop("_table", "_row").join(
        one.select("person_id", "_day", "_table", "_row"), on=["person_id", "_day"]
    )
    return [used(cdm.tables["episode_event"], parents, "episode_id")]
