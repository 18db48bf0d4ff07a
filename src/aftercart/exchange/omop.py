"""A study as tables of the OMOP CDM 5.4, in Parquet or CSV, with what the CDM has no place for."""

from __future__ import annotations

import io
from pathlib import Path

import polars as pl

from aftercart.errors import UsageError
from aftercart.exchange.exported import NOT_HELD, Exported
from aftercart.exchange.omop_losses import losses, valid
from aftercart.exchange.omop_rows import Keys, rows_of
from aftercart.outputs import write_atomically
from aftercart.standards import omop
from aftercart.standards.vocabulary import Vocabulary, with_codes
from aftercart.study import dictionary, drugs
from aftercart.study.model import Study, meta_toml

OPTIONS = ("formats", "vocabulary")
FORMATS = ("parquet", "csv")


def write(study: Study, folder: Path, *, formats: str = "parquet", vocabulary: str | None = None) -> Exported:
    """Write a study into an existing folder: a file for each CDM table, `mapping_report.csv` and `study.toml`.

    formats: `parquet`, `csv` or both, separated by commas. vocabulary: a folder with CONCEPT.csv as Athena gives it, in
    which concepts are looked up; without it the shipped map. A concept not found is 0, and the source value says
    what it was; the report counts both by column. Keys are numbered in the order of subject and row.

    The CDM asks for whole dates: a partial one is written as its first day (an end as its last). An end that is not
    known is written as the start, that of a medicine still taken as the end of observation.

    Raises `UsageError` for a format that does not exist or a folder that holds no vocabulary.
    """
    wanted = _formats(formats)
    tables = valid(study)
    keys = Keys(study, tables, _vocabulary(vocabulary, tables))
    written = rows_of(keys)
    lost = losses(study, tables, keys)
    files = []
    for name, frame in written.items():
        for kind in wanted:
            write_atomically(folder / f"{name}.{kind}", _bytes(frame, kind))
            files.append(f"{name}.{kind}")
    write_atomically(folder / "mapping_report.csv", _report(written).write_csv().encode())
    write_atomically(folder / "study.toml", meta_toml(study.meta).encode())
    return Exported((*files, "mapping_report.csv", "study.toml"), pl.DataFrame(lost, schema=NOT_HELD, orient="row"))


def _formats(formats: str) -> tuple[str, ...]:
    wanted = tuple(dict.fromkeys(f.strip() for f in formats.split(",") if f.strip()))
    unknown = [f for f in wanted if f not in FORMATS]
    if unknown or not wanted:
        raise UsageError(
            f"There is no format {unknown[0] if unknown else formats!r}.", hint=f"formats are {', '.join(FORMATS)}."
        )
    return wanted


def _vocabulary(folder: str | None, tables: dict[str, pl.DataFrame]) -> Vocabulary:
    if folder is None:
        return Vocabulary()
    codes = dictionary.codes().values()
    rxnorm = {d.rxnorm for d in drugs.drugs().values() if d.rxnorm}
    wanted = {
        "LOINC": {c.loinc for c in codes if c.loinc},
        "UCUM": {c.unit for c in codes if c.unit},
        "RxNorm": rxnorm,
    }
    events = tables["events"]
    terms = pl.concat([events["term"], events["term_text"].rename("term")]).drop_nulls().str.to_lowercase().unique()
    return with_codes(folder, wanted, set(terms.to_list()))


def _bytes(frame: pl.DataFrame, kind: str) -> bytes:
    if kind == "csv":
        return frame.write_csv(datetime_format="%Y-%m-%d %H:%M:%S").encode()
    stream = io.BytesIO()
    frame.write_parquet(stream)
    return stream.getvalue()


REPORT = {
    "table": pl.String,
    "column": pl.String,
    "rows": pl.Int64,
    "unmapped": pl.Int64,
    "share_unmapped": pl.Float64,
}


def _report(written: dict[str, pl.DataFrame]) -> pl.DataFrame:
    """By column of concepts that says what a row is: how many rows have none."""
    told = []
    for table, frame in written.items():
        columns = [f.name for f in omop.fields(table) if f.required and f.name.endswith("_concept_id")]
        columns += [c for c in ("unit_concept_id",) if c in frame.columns and table == "measurement"]
        for column in columns if frame.height else ():
            given = frame[column].drop_nulls()
            unmapped = int((given == 0).sum())
            told.append((table, column, given.len(), unmapped, round(unmapped / max(given.len(), 1), 4)))
    return pl.DataFrame(told, schema=REPORT, orient="row")
