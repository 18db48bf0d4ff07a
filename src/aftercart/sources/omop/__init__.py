"""OMOP CDM tables as a study: a folder of Parquet or CSV files, a DuckDB file or a PostgreSQL database."""

from __future__ import annotations

import tomllib
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from aftercart.errors import SourceError, UsageError
from aftercart.sources.assembly import Imported, assemble
from aftercart.sources.declarations import declarations_of
from aftercart.sources.mapping import Proposal, SourceMapping, read_mapping
from aftercart.sources.omop import care, infusions, people, proposal, results
from aftercart.sources.omop.concepts import Concepts
from aftercart.sources.omop.stores import ADDRESS, Store, opened
from aftercart.sources.omop.tables import USED, Cdm, Placed, concepts_of, load, vocabulary_of
from aftercart.sources.pseudonyms import Pseudonyms
from aftercart.standards import omop, vocabulary
from aftercart.study import problems
from aftercart.study.model import StudyMeta

OPTIONS = ("schema", "vocabulary")
SUBJECT_IDS = ("person_id", "person_source_value")


def read(
    src: str | Path,
    *,
    mapping: str | Path | SourceMapping | None = None,
    pseudonyms: Pseudonyms | None = None,
    schema: str | None = None,
    vocabulary: str | None = None,
) -> Imported:
    """Read the tables of an OMOP CDM 5.4: a folder of Parquet or CSV files, a DuckDB file, or `postgresql://...`.

    schema: of a database, where more than one holds a table person. vocabulary: a folder with CONCEPT.csv (as Athena
    gives it) or concept.parquet; without it the vocabulary tables of the source itself, and the shipped map. mapping:
    `[codes]` by concept or source value, `[units]`, `[drugs]`, `[visits]` and `[omop]` (`infusions`, `indication`,
    `categories`, `subject_id`, `quantity_is_dose`). The password of a database comes from PGPASSWORD or ~/.pgpass.

    Every row is kept or listed. Raises `SourceError` when a table cannot be read or there is no person, `UsageError`
    when there is no such source or its address holds a password.
    """
    mapping = read_mapping(mapping, "omop")
    cdm, concepts, raw, file = _opened(src, mapping, schema, vocabulary)
    placed = _place(cdm, concepts, mapping)
    name = (cdm.about.get("cdm_source_abbreviation") or "OMOP") if cdm.about else "OMOP"
    meta, said = _meta(raw, mapping, file, name)
    read_rows = {table: frame["_row"] for table, frame in cdm.tables.items()}
    frames = {t: pl.concat(parts, how="diagonal_relaxed") for t, parts in placed.tables.items()}
    used = pl.concat([pl.DataFrame(schema=USED), *placed.used])
    listed = [*said, *cdm.listed, *placed.listed]
    return assemble("OMOP", frames, meta, read=read_rows, listed=listed, used=used, pseudonyms=pseudonyms)


def propose(src: str | Path, *, schema: str | None = None, vocabulary: str | None = None) -> Proposal:
    """Look at the tables of a CDM and propose a mapping file: concepts, units and medicines that have no place yet."""
    mapping = SourceMapping()
    cdm, concepts, raw, _ = _opened(src, mapping, schema, vocabulary)
    return proposal.of(cdm, concepts, raw)


def _opened(
    src: str | Path, mapping: SourceMapping, schema: str | None, folder: str | None
) -> tuple[Cdm, Concepts, dict[str, Any], str]:
    subject_ids = mapping.own.get("subject_id", "person_id")
    if subject_ids not in SUBJECT_IDS:
        raise UsageError(
            f"The mapping says [omop] subject_id = {subject_ids!r}.", hint=f"it is one of {', '.join(SUBJECT_IDS)}."
        )
    with opened(src, schema) as store:
        cdm = load(store, subject_ids=subject_ids)
        concepts = Concepts(mapping, _vocabulary(store, concepts_of(cdm.tables), folder))
    raw, file = _declared(src, cdm)
    return cdm, concepts, raw, file


def _vocabulary(store: Store, wanted: pl.Series, folder: str | None) -> vocabulary.Vocabulary:
    return vocabulary.with_ids(folder, wanted) if folder is not None else vocabulary_of(store, wanted)


def _place(cdm: Cdm, concepts: Concepts, mapping: SourceMapping) -> Placed:
    given, left = infusions.infusions(cdm, concepts, mapping)
    starts = [f.select("subject_id", "start") for f in given.tables.get("infusions", ())]
    empty = pl.DataFrame(schema={"subject_id": pl.String, "start": pl.String})
    infused = pl.concat([empty, *starts])
    placed = people.subjects(cdm, concepts, mapping, infused).joined(given)
    if "drug_exposure" in left:
        placed = placed.joined(care.medicines(left["drug_exposure"], cdm, concepts, mapping))
    if "procedure_occurrence" in left:
        placed = placed.joined(care.procedures(left["procedure_occurrence"], cdm, concepts))
    for part in (
        results.measurements(cdm, concepts),
        results.observations(cdm, concepts),
        care.conditions(cdm, concepts, mapping, infused),
        care.contacts(cdm, concepts, mapping),
        care.others(left),
    ):
        placed = placed.joined(part)
    return placed


def _declared(src: str | Path, cdm: Cdm) -> tuple[dict[str, Any], str]:
    """What the source says of the study: a `study.toml` in its folder, else its table cdm_source."""
    beside = Path(src) / "study.toml"
    if not ADDRESS.match(str(src)) and beside.is_file():
        try:
            return tomllib.loads(beside.read_text("utf-8-sig")), "study.toml"
        except (OSError, ValueError, RecursionError) as error:
            listed = problems.one("study_toml", "study.toml", str(error), "a TOML file in UTF-8", "correct the file.")
            raise SourceError("The study.toml beside the tables cannot be read.", listed) from error
    about = cdm.about
    raw: dict[str, Any] = {}
    if about.get("cdm_source_name"):
        raw["title"] = about["cdm_source_name"]
    if about.get("cdm_source_abbreviation"):
        raw["study_id"] = about["cdm_source_abbreviation"]
    with suppress(ValueError):
        raw["data_cut_off"] = date.fromisoformat((about.get("source_release_date") or "")[:10])
    if cdm.ours and (about.get("source_description") or "").startswith(omop.SIMULATED):
        raw["simulated"] = True
    return raw, "cdm_source"


def _meta(raw: dict[str, Any], mapping: SourceMapping, file: str, name: str) -> tuple[StudyMeta, list[pl.DataFrame]]:
    meta, _, listed = declarations_of({**raw, **mapping.study}, mapping.file if mapping.study else file, name)
    return meta, listed


__all__ = ["OPTIONS", "propose", "read"]
