"""A study as a folder of tables, CSV or Parquet, with a `study.toml`."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from aftercart.errors import StudyError, UsageError
from aftercart.sources import declarations, rows
from aftercart.sources.textfile import read_text
from aftercart.sources.typing_cells import typed_table
from aftercart.study import problems, schema
from aftercart.study.model import PROVENANCE_CODES, Study, StudyMeta, in_order

SUFFIXES = (".csv", ".parquet")


def read(folder: str | Path) -> Study:
    """Read a study folder; what is wrong with it is in `study.problems`, and no row vanishes without a line there.

    Every cell is typed by the schema. Numbers are converted to the standard unit of
    their code; `value_original` and `unit_original` keep what was reported.

    Raises `UsageError` when there is no such folder, `StudyError` when nothing in it could be a study.
    """
    folder = Path(folder)
    meta, encoding, listed = declared(folder)
    tables: dict[str, pl.DataFrame] = {}
    counts: dict[str, dict[str, int]] = {}
    for name in schema.tables():
        tables[name], counts[name], more = _table(folder, name, meta.study_id, encoding)
        listed += more
    return study_of(meta, tables, counts, listed, folder)


def declared(folder: Path) -> tuple[StudyMeta, str, list[pl.DataFrame]]:
    """Return (declarations, text encoding, problems) of a study folder; raises as `read`."""
    if not folder.is_dir():
        raise UsageError(f"There is no folder {folder}.", hint="give the folder that holds study.toml and the tables.")
    if not (folder / "study.toml").exists() and not any(files(folder, name) for name in schema.tables()):
        raise StudyError(
            f"The folder {folder} holds no study: neither study.toml nor any table.",
            hint=f"tables are files such as subjects.csv; the names are {', '.join(schema.tables())}.",
        )
    return declarations.read(folder / "study.toml")


def study_of(
    meta: StudyMeta,
    tables: dict[str, pl.DataFrame],
    counts: dict[str, dict[str, int]],
    listed: list[pl.DataFrame],
    folder: Path | None = None,
) -> Study:
    """Join typed tables (with `_row`) to a study: rows of unknown subjects are listed, counts completed."""
    known = tables["subjects"]["subject_id"]
    for name, table in tables.items():
        if name != "subjects":
            tables[name], more = rows.of_known_subjects(table, known, file_name(folder, name))
            listed = listed + more
        counts[name]["kept"] = tables[name].height
        counts[name]["listed"] = counts[name]["read"] - tables[name].height
    return Study(
        meta=meta,
        tables={name: in_order(table.drop("_row")) for name, table in tables.items()},
        problems=problems.gather(listed),
        provenance=_provenance(folder, tables) if folder else {},
        row_counts=counts,
    )


def files(folder: Path, name: str) -> list[Path]:
    """The files of a table, the one that is read first."""
    return [folder / f"{name}{suffix}" for suffix in SUFFIXES if (folder / f"{name}{suffix}").exists()]


def file_name(folder: Path | None, name: str) -> str:
    """The name by which problems speak of a table."""
    found = files(folder, name) if folder else []
    return found[0].name if found else f"{name}.csv" if folder else name


def _table(
    folder: Path, name: str, study_id: str, encoding: str
) -> tuple[pl.DataFrame, dict[str, int], list[pl.DataFrame]]:
    table = schema.tables()[name]
    empty = schema.empty(name).with_columns(_row=pl.lit(None, dtype=pl.UInt32))
    found = files(folder, name)
    listed: list[pl.DataFrame] = []
    if not found:
        if table.required:
            what = f"no file {name}.csv or {name}.parquet"
            listed.append(problems.one("missing_table", f"{name}.csv", what, table.description, "add the table."))
        return empty, {"read": 0}, listed
    if len(found) > 1:
        what = f"both {found[0].name} and {found[1].name}"
        remedy = f"remove one; {found[0].name} is read."
        listed.append(problems.one("two_files", found[0].name, what, "one file for a table", remedy))
    file = found[0]
    cells, more, read = read_text(file, encoding=encoding)
    listed += more
    if cells is None:
        return empty, {"read": read}, listed
    if table.required and not read:
        listed.append(problems.one("no_rows", file.name, "no rows", table.description, "fill in the table."))
    checked, more = rows_of(name, cells, file.name, study_id)
    return checked, {"read": read}, listed + more


def rows_of(
    name: str, cells: pl.DataFrame, file: str, study_id: str, repeated: pl.Series | None = None
) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    """Type the cells of a table and keep the rows that follow its rules; the others are in the problems."""
    typed, listed = typed_table(schema.tables()[name], cells, file, study_id, repeated)
    checked, more = rows.check_rows(name, typed, file)
    return checked, listed + more


def _provenance(folder: Path, tables: dict[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
    """Codes of every cell for reconstructed data; rows without a table row, and other codes, are left out."""
    found: dict[str, pl.DataFrame] = {}
    for name, table in tables.items():
        for path in files(folder / "provenance", name):
            cells, _, _ = read_text(path)
            if cells is None or "row_id" not in cells.columns:
                continue
            marks = cells.drop("_row")
            codes = [c for c in marks.columns if c not in ("row_id", "subject_id")]
            marks = marks.with_columns(pl.when(pl.col(c).is_in(PROVENANCE_CODES)).then(c).alias(c) for c in codes)
            found[name] = in_order(marks.join(table.select("row_id"), on="row_id", how="semi"))
            break
    return found
