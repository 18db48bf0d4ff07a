"""A mapping file for a CDM: which concepts, units and medicines somebody has to place."""

from __future__ import annotations

import json
from typing import Any

import polars as pl

from aftercart.sources.mapping import Proposal
from aftercart.sources.omop.concepts import Concepts
from aftercart.sources.omop.infusions import infusions
from aftercart.sources.omop.tables import Cdm
from aftercart.study import dictionary, drugs, instruments

UNPLACED = {"table": pl.String, "column": pl.String, "example": pl.String, "reason": pl.String}
Row = tuple[str, str, str, str]


def of(cdm: Cdm, concepts: Concepts, raw: dict[str, Any]) -> Proposal:
    """The proposal and what could not be placed, the most frequent first."""
    study = str(raw.get("study_id", "STUDY"))
    lines = ["# Proposed by aftercart map omop: edit what is not right, and remove what is.", "", "[study]"]
    lines += [f"study_id = {_quoted(study)}", f"title = {_quoted(raw.get('title', study))}"]
    cut = raw.get("data_cut_off")
    lines += [f"data_cut_off = {cut}" if cut else "# data_cut_off = 2024-12-31", "", "[codes]"]
    codes, unplaced = _codes(cdm, concepts)
    units, more = _units(cdm, concepts)
    given, left = infusions(cdm, concepts, concepts.mapping)
    medicines, others = _drugs(left.get("drug_exposure"), concepts)
    lines += [*codes, "", "[units]", *units, "", "[drugs]", *medicines, "", "[visits]", *_visits(cdm), "", "[omop]"]
    if not any(frame.height for frame in given.tables.get("infusions", ())):
        unplaced.append(("drug_exposure", "drug_source_value", "no row", "no infusion of cells was recognised"))
    lines += ['# infusions = ["NAME OF THE PRODUCT", 1234567]', '# indication = "SLE"']
    lines += ['# subject_id = "person_source_value"', "# quantity_is_dose = true", ""]
    return Proposal("\n".join(lines), pl.DataFrame([*unplaced, *more, *others], schema=UNPLACED, orient="row"))


def _quoted(text: object) -> str:
    return json.dumps(str(text), ensure_ascii=False)


def _counted(rows: pl.DataFrame, *keys: str) -> pl.DataFrame:
    return rows.group_by(*keys).agg(_n=pl.len()).sort("_n", *keys, descending=[True, *(False for _ in keys)])


def _codes(cdm: Cdm, concepts: Concepts) -> tuple[list[str], list[Row]]:
    lines: list[str] = []
    unplaced: list[Row] = []
    items = [f"{n}.{i}" for n, x in instruments.instruments().items() for i in x.items]
    for table in ("measurement", "observation"):
        if table not in cdm.tables:
            continue
        source, concept = f"{table}_source_value", f"{table}_concept_id"
        rows = cdm.tables[table].with_columns(code=concepts.code(concept, f"{table}_source_concept_id", source=source))
        strange = ~pl.col("code").is_in([*dictionary.codes(), *items])
        key = pl.coalesce(pl.col(concept).replace(0, None).cast(pl.String), source, pl.lit("0"))
        name = pl.coalesce(concepts.named(pl.col(concept).replace(0, None)), source, pl.lit("no name"))
        for found, words, n in _counted(rows.filter(strange).select(key=key, name=name), "key", "name").iter_rows():
            lines.append(f'# {_quoted(found)} = ""   # {_line(words)} ({n} rows)')
            unplaced.append((table, concept, f"{found} ({_line(words)})", f"no code of the dictionary, {n} rows"))
    return list(dict.fromkeys(lines)), unplaced


def _units(cdm: Cdm, concepts: Concepts) -> tuple[list[str], list[Row]]:
    rows = cdm.tables.get("measurement")
    if rows is None:
        return [], []
    known = {u for _, u in dictionary.conversions()}
    by_concept = pl.col("unit_concept_id").replace_strict(concepts.units, default=None, return_dtype=pl.String)
    code = concepts.code("measurement_concept_id", "measurement_source_concept_id", source="measurement_source_value")
    rows = rows.with_columns(code=code, by=by_concept).filter(pl.col("code").is_in(list(dictionary.codes())))
    spelled = pl.coalesce("unit_source_value", pl.col("unit_concept_id").replace(0, None).cast(pl.String))
    lines, unplaced = [], []
    counted = _counted(
        rows.select("by", source="unit_source_value", key=spelled).drop_nulls("key"), "key", "source", "by"
    )
    for key, source, by, n in counted.iter_rows():
        if any(u is not None and dictionary.canonical_unit(u) in known for u in (source, by)):
            continue
        lines.append(f'# {_quoted(key)} = ""   # {n} rows')
        unplaced.append(("measurement", "unit_source_value", key, f"no unit of the dictionary, {n} rows"))
    return list(dict.fromkeys(lines)), unplaced


def _drugs(rows: pl.DataFrame | None, concepts: Concepts) -> tuple[list[str], list[Row]]:
    if rows is None:
        return [], []
    source = pl.col("drug_source_value")
    found = concepts.ingredient(pl.col("drug_concept_id").replace(0, None), source)
    strange = rows.with_columns(drug=found).filter(~pl.col("drug").is_in(list(drugs.drugs())))
    key = pl.coalesce(source, pl.col("drug_concept_id").cast(pl.String), pl.lit("0"))
    lines, unplaced = [], []
    for name, n in _counted(strange.select(key=key), "key").iter_rows():
        lines.append(f'# {_quoted(name)} = ""   # {n} rows')
        unplaced.append(("drug_exposure", "drug_source_value", name, f"no ingredient of the drug dictionary, {n} rows"))
    return lines, unplaced


def _visits(cdm: Cdm) -> list[str]:
    rows = cdm.tables.get("visit_occurrence")
    if rows is None:
        return []
    names = rows["visit_source_value"].drop_nulls().unique().sort()
    return [f"# {_quoted(v)} = {_quoted(v.lower())}" for v in names]


def _line(text: object) -> str:
    return " ".join(str(text).split())
