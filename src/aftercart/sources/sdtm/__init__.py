"""SDTM datasets as a study: transport files or Dataset-JSON of a folder, with their supplemental qualifiers joined."""

from __future__ import annotations

import tomllib
from pathlib import Path

import polars as pl

from aftercart.errors import SourceError, UsageError
from aftercart.sources.assembly import Imported, assemble
from aftercart.sources.datasets import SUFFIXES, dataset_files, read_dataset
from aftercart.sources.declarations import declarations_of
from aftercart.sources.mapping import Proposal, SourceMapping, read_mapping
from aftercart.sources.pseudonyms import Pseudonyms
from aftercart.sources.sdtm import define, proposal, supplemental, tables
from aftercart.standards.dataset import Dataset
from aftercart.study import problems
from aftercart.study.model import StudyMeta

OPTIONS = ("encoding",)


def read(
    src: str | Path,
    *,
    mapping: str | Path | SourceMapping | None = None,
    pseudonyms: Pseudonyms | None = None,
    encoding: str | None = None,
) -> Imported:
    """Read SDTM datasets: a folder of transport files (XPT v5, v8) or Dataset-JSON 1.1, or one such file.

    Domains DM, EX, CM, LB, VS, AE, CE, MH, QS, RS, IS, CP, RE, PR, DS, SV, HO, FA and their kin are placed; SUPP-- are
    joined to their parents; partial dates stay as they are; study days are worked out anew and never read. A
    `study.toml` beside the datasets declares the study; the mapping's `[study]` goes before it. `define.xml`, where
    there is one, is compared with the data. mapping: `[codes]` by test code (`NEUT`, or `LB.NEUT`), `[units]`,
    `[drugs]`, `[visits]` and `[sdtm]` (`indication`, `infusions`, `categories`).

    Every row is kept or listed. Raises `SourceError` when a file cannot be read whole or there is no DM.
    """
    mapping = read_mapping(mapping, "sdtm")
    datasets, listed = load(src, encoding)
    if "DM" not in datasets:
        found = problems.one("no_subjects", "DM", "no dataset DM", "demographics, one record a subject", "add it.")
        raise SourceError("The source has no dataset DM.", found)
    read_rows = {table: pl.int_range(1, d.rows.height + 1, eager=True) for d, table in _named(datasets, src)}
    numbered = {
        d.name: d.rows.with_columns(_table=pl.lit(table), _row=pl.int_range(1, d.rows.height + 1, dtype=pl.Int64))
        for d, table in _named(datasets, src)
    }
    joined, used, more = supplemental.joined(numbered)
    listed += more
    placed = tables.place(joined, mapping)
    used = pl.concat([used, placed.used])
    meta, said = _meta(Path(src), numbered["DM"], mapping)
    listed += [*said, *placed.listed, *define.compared(Path(src), datasets)]
    return assemble("SDTM", placed.tables, meta, read=read_rows, listed=listed, used=used, pseudonyms=pseudonyms)


def propose(src: str | Path, *, encoding: str | None = None) -> Proposal:
    """Look at SDTM datasets and propose a mapping file: test codes, units and medicines that have no place yet."""
    datasets, _ = load(src, encoding)
    return proposal.of(datasets)


def load(src: str | Path, encoding: str | None = None) -> tuple[dict[str, Dataset], list[pl.DataFrame]]:
    """Every dataset of a folder (or the one of a file) by its name, and what is odd about the files."""
    path = Path(src)
    if not path.exists():
        raise UsageError(f"There is no folder or file {path}.", hint="give the folder that holds the datasets.")
    files = dataset_files(path) if path.is_dir() else [path]
    files = [f for f in files if f.suffix.lower() in SUFFIXES]
    if not files:
        found = problems.one(
            "no_datasets", path.name, "no dataset", f"files {', '.join(SUFFIXES)}", "check the folder."
        )
        raise SourceError(f"{path} holds no SDTM dataset.", found)
    datasets: dict[str, Dataset] = {}
    listed: list[pl.DataFrame] = []
    for file in files:
        dataset, odd = read_dataset(file, encoding=encoding)
        datasets[dataset.name] = dataset
        listed += odd
    return datasets, listed


def _named(datasets: dict[str, Dataset], src: str | Path) -> list[tuple[Dataset, str]]:
    path = Path(src)
    files = {f.stem.upper(): f.name for f in (dataset_files(path) if path.is_dir() else [path])}
    return [(d, files.get(name, name)) for name, d in datasets.items()]


def _meta(src: Path, dm: pl.DataFrame, mapping: SourceMapping) -> tuple[StudyMeta, list[pl.DataFrame]]:
    raw = {}
    beside = src / "study.toml"
    if src.is_dir() and beside.exists():
        try:
            raw = tomllib.loads(beside.read_text("utf-8-sig"))
        except (OSError, ValueError, RecursionError) as error:
            listed = problems.one("study_toml", "study.toml", str(error), "a TOML file in UTF-8", "correct the file.")
            raise SourceError("The study.toml beside the datasets cannot be read.", listed) from error
    ids = dm["STUDYID"].drop_nulls().unique().sort() if "STUDYID" in dm.columns else pl.Series([], dtype=pl.String)
    name = str(ids[0]) if len(ids) else src.name
    meta, _, listed_ = declarations_of({**raw, **mapping.study}, mapping.file if mapping.study else "study.toml", name)
    return meta, listed_


__all__ = ["OPTIONS", "load", "propose", "read"]
