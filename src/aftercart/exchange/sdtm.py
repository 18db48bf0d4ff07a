"""A study as SDTM datasets (SDTMIG 3.4): XPT v5 and Dataset-JSON 1.1, with Define-XML 2.1."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl

from aftercart.errors import UsageError
from aftercart.exchange import define
from aftercart.exchange.dataset_files import write_dataset_json, write_xpt
from aftercart.exchange.exported import Exported
from aftercart.exchange.sdtm_records import records
from aftercart.outputs import write_atomically
from aftercart.standards.dataset import Dataset
from aftercart.study.model import Study, meta_toml

OPTIONS = ("formats",)
FORMATS = ("xpt", "json", "ndjson", "dsjc")


def write(study: Study, folder: Path, *, formats: str = "xpt,json") -> Exported:
    """Write a study into an existing folder: a file for each dataset and format, `define.xml` and `study.toml`.

    formats: any of `xpt`, `json`, `ndjson` and `dsjc`, separated by commas. Study days count from the reference
    infusion as day 1. What SDTM has no variable for goes to supplemental qualifiers; rows entered in error do not
    belong in a submission and are counted among what is not held.

    Raises `ExportError` for what does not fit (with `xpt`: text over 200 bytes or beyond ASCII), before any file.
    """
    wanted = chosen_formats(formats)
    datasets, not_held = records(study)
    return write_datasets(study, datasets, folder, wanted, not_held, "SDTM")


def chosen_formats(formats: str) -> tuple[str, ...]:
    """The formats of a comma-separated list; raises `UsageError` for one that does not exist."""
    wanted = tuple(dict.fromkeys(f.strip() for f in formats.split(",") if f.strip()))
    unknown = [f for f in wanted if f not in FORMATS]
    if unknown or not wanted:
        raise UsageError(
            f"There is no format {unknown[0] if unknown else formats!r}.", hint=f"formats are {', '.join(FORMATS)}."
        )
    return wanted


def write_datasets(
    study: Study,
    datasets: list[Dataset],
    folder: Path,
    formats: tuple[str, ...],
    not_held: pl.DataFrame,
    standard: str,
) -> Exported:
    """Write datasets in every format, with their define.xml and the declarations of the study."""
    about = head(study)
    files = []
    for dataset in datasets:
        files += [
            write_xpt(dataset, folder) if kind == "xpt" else write_dataset_json(dataset, folder, about=about, kind=kind)
            for kind in formats
        ]
    write_atomically(folder / "define.xml", define.xml(study, datasets, standard, formats[0]))
    write_atomically(folder / "study.toml", meta_toml(study.meta).encode())
    return Exported((*files, "define.xml", "study.toml"), not_held)


def head(study: Study) -> dict[str, Any]:
    """What stands at the head of every Dataset-JSON file; the same study gives the same text."""
    from importlib.metadata import version

    day = study.meta.data_cut_off.isoformat() if study.meta.data_cut_off else "1970-01-01"
    return {
        "creation": f"{day}T00:00:00",
        "fileOID": f"aftercart.{study.meta.study_id}.{study.content_hash[:16]}",
        "originator": "simulated data" if study.meta.simulated else study.meta.study_id,
        "sourceSystem": {"name": "aftercart", "version": version("aftercart")},
        "studyOID": study.meta.study_id,
        "metaDataVersionOID": f"MDV.{study.meta.study_id}",
        "metaDataRef": "define.xml",
    }
