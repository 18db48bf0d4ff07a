"""A folder of Parquet tables read some subjects at a time: memory holds one part, not the study.

Only what no part can know by itself is found beforehand: which rows repeat the key of another, which belong to no
subject, and whether the study records events at all. So every row is judged as it is in the study read whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from aftercart.errors import UsageError
from aftercart.sources.textfile import cleaned, plain
from aftercart.sources.tidy import declared, file_name, files, read, rows_of, study_of
from aftercart.sources.typing_cells import typed_table
from aftercart.study import schema
from aftercart.study.model import Study, StudyMeta

SUBJECTS = 1000
"""Subjects in one part unless told otherwise: some hundred megabytes, however large the study."""

FEW = 10
"""Fewer subjects than this share of a part make no part of their own."""


def parts(
    folder: str | Path, *, subjects: int = SUBJECTS, columns: Mapping[str, Sequence[str]] | None = None
) -> Iterator[Study]:
    """Yield a study in parts of so many subjects (the last somewhat less or more), in the order of their identifiers.

    A folder whose tables are not all plain Parquet files comes as one part: the study read whole. Parts are fastest to
    read when the files are sorted by subject (as `Study.write` leaves them); they are the same for any order.

    columns: by table, the only columns to read (those a table requires are always read; with none at all the table is
    left out); a cell that is not read is empty, and what is wrong with it is not listed.

    Raises `UsageError` and `StudyError` as `aftercart.read`.
    """
    if subjects < 1:
        raise UsageError(f"A part needs at least 1 subject, found {subjects}.", hint="1000 is a good number.")
    folder = Path(folder)
    opened = _opened(folder, columns or {})
    if opened is None:
        yield read(folder)
        return
    known = opened.subjects["subject_id"].unique().sort()
    if known.len() <= subjects:
        yield read(folder)
        return
    listed = opened.of_nobody(known)
    recorded = frozenset({"events"}) if opened.has_rows("events", known, subjects) else frozenset[str]()
    starts = list(range(0, known.len(), subjects))
    if known.len() - starts[-1] < subjects / FEW:
        starts.pop()  # so few would cost as much as a part: they join the last one
    for start, end in zip(starts, [*starts[1:], known.len()], strict=True):
        yield replace(opened.part(known.slice(start, end - start), listed), recorded=recorded)


@dataclass(frozen=True)
class _Opened:
    """Parquet tables that can be read by subject."""

    folder: Path
    meta: StudyMeta
    listed: tuple[pl.DataFrame, ...]
    scans: Mapping[str, pl.LazyFrame]
    subjects: pl.DataFrame
    repeated: Mapping[str, pl.Series]
    """By table: the `_row` of the rows that repeat the key of an earlier row."""

    def part(self, chunk: pl.Series, of_nobody: Mapping[str, tuple[int, list[pl.DataFrame]]]) -> Study:
        """The study of the subjects of a chunk of sorted identifiers."""
        tables: dict[str, pl.DataFrame] = {}
        counts: dict[str, dict[str, int]] = {}
        listed = list(self.listed)
        for name in schema.tables():
            rows, found, more = self._rows(name, _within(chunk))
            lost, why = of_nobody.get(name, (0, []))
            tables[name], counts[name] = rows, {"read": found + lost}
            listed += more + why
        return study_of(self.meta, tables, counts, listed, self.folder)

    def of_nobody(self, known: pl.Series) -> dict[str, tuple[int, list[pl.DataFrame]]]:
        """By table: how many rows belong to no known subject, and the problems that say so."""
        found: dict[str, tuple[int, list[pl.DataFrame]]] = {}
        for name in self.scans:
            if name == "subjects":
                continue
            ids = _distinct(self.scans[name], "subject_id")
            stray = ids.filter(ids.is_null() | ~ids.is_in(known.implode()))
            if stray.is_empty():
                continue
            nobody = pl.col("subject_id").is_null() | pl.col("subject_id").is_in(stray.drop_nulls().implode())
            rows, count, listed = self._rows(name, nobody)
            whole = study_of(
                self.meta, {**_no_tables(), name: rows}, {n: {"read": 0} for n in schema.tables()}, listed, self.folder
            )
            found[name] = (count, [whole.problems])
        return found

    def has_rows(self, name: str, known: pl.Series, size: int) -> bool:
        """Whether any row of a table is kept."""
        if name not in self.scans:
            return False
        chunks = (known.slice(start, size) for start in range(0, known.len(), size))
        return any(self._rows(name, _within(chunk))[0].height for chunk in chunks)

    def _rows(self, name: str, which: pl.Expr) -> tuple[pl.DataFrame, int, list[pl.DataFrame]]:
        if name not in self.scans:
            return _no_tables()[name], 0, []
        frame = self.scans[name].filter(which).collect()
        file = file_name(self.folder, name)
        cells, listed = cleaned(plain(frame.drop("_row")), frame["_row"], file)
        rows, more = rows_of(name, cells, file, self.meta.study_id, self.repeated[name])
        return rows, frame.height, listed + more


def _within(chunk: pl.Series) -> pl.Expr:
    """Rows of the subjects of a chunk; the range lets whole stretches of a sorted file be skipped."""
    subject = pl.col("subject_id")
    return subject.is_between(pl.lit(chunk[0]), pl.lit(chunk[-1])) & subject.is_in(chunk.implode())


def _opened(folder: Path, columns: Mapping[str, Sequence[str]]) -> _Opened | None:
    """Open a folder for reading by subject; None where only reading it whole can say what is wrong with it."""
    meta, _, listed = declared(folder)
    found = {name: files(folder, name) for name in schema.tables()}
    given = {n: paths[0] for n, paths in found.items() if paths and columns.get(n) != ()}
    if any(len(paths) > 1 or paths[0].suffix != ".parquet" for paths in found.values() if paths):
        return None
    if "subjects" not in given or any(t.required and n not in given for n, t in schema.tables().items()):
        return None
    if any(files(folder / "provenance", name) for name in schema.tables()):
        return None
    scans = {}
    for name, path in given.items():
        scan = _scan(path)
        if scan is None or (schema.tables()[name].required and not scan.select(pl.len()).collect().item()):
            return None
        scans[name] = scan.select("_row", *_read(scan, name, columns.get(name)))
    repeated = {name: _repeated(name, scan, given[name], meta) for name, scan in scans.items()}
    whole = scans["subjects"].collect()
    cells, _ = cleaned(plain(whole.drop("_row")), whole["_row"], given["subjects"].name)
    subjects, _ = rows_of("subjects", cells, given["subjects"].name, meta.study_id, repeated["subjects"])
    return _Opened(folder, meta, tuple(listed), scans, subjects, repeated)


def _read(scan: pl.LazyFrame, name: str, columns: Sequence[str] | None) -> list[str]:
    required = {c.name for c in schema.tables()[name].columns if c.required}
    given = [n for n in scan.collect_schema() if n != "_row"]
    return given if columns is None else [n for n in given if n in required or n in columns]


def _scan(path: Path) -> pl.LazyFrame | None:
    """The rows of a file with their numbers; None where its identifiers are not texts that stand for themselves."""
    try:
        columns = pl.scan_parquet(path).collect_schema()
        if "_row" in columns or any(columns.get(c) != pl.String for c in ("subject_id", "row_id")):
            return None
        scan = pl.scan_parquet(path, row_index_name="_row", row_index_offset=2)
        flat = scan.select("_row", *(n for n, t in columns.items() if not t.is_nested()))
        ids = _distinct(flat, "subject_id").drop_nulls()
    except (OSError, pl.exceptions.PolarsError):
        return None
    nested = any(t.is_nested() for t in columns.values())
    stands = (ids == ids.str.strip_chars()) & (ids != "") & ~ids.str.contains("\x00", literal=True)
    return flat if bool(stands.all()) and not nested else None


def _distinct(scan: pl.LazyFrame, column: str) -> pl.Series:
    return scan.select(pl.col(column).unique()).collect(engine="streaming").to_series()


def _repeated(name: str, scan: pl.LazyFrame, path: Path, meta: StudyMeta) -> pl.Series:
    """The `_row` of every row that repeats the key of an earlier one.

    Keys are compared as 64-bit hashes first: eight bytes for each row of the table, the only thing held for all rows.
    """
    key = pl.col("row_id").str.strip_chars()
    hashes = scan.select(one=key.hash()).collect(engine="streaming").to_series().sort()
    twice = hashes.filter((hashes == hashes.shift(1)).fill_null(value=False)).unique()
    if twice.is_empty():
        return _NONE
    doubtful = scan.filter(key.hash().is_in(twice.implode())).collect()
    cells, _ = cleaned(plain(doubtful.drop("_row")), doubtful["_row"], path.name)
    kept, _ = typed_table(schema.tables()[name], cells, path.name, meta.study_id, _NONE)
    return kept.filter(~pl.col("row_id").is_first_distinct())["_row"]


_NONE = pl.Series("_row", [], dtype=pl.UInt32)


def _no_tables() -> dict[str, pl.DataFrame]:
    absent = pl.lit(None, dtype=pl.UInt32).alias("_row")
    return {name: schema.empty(name).with_columns(absent) for name in schema.tables()}
