"""Read a CSV or Parquet file as text cells, with the row each came from; whatever is wrong becomes a problem."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Sequence
from itertools import compress
from pathlib import Path

import polars as pl
import polars.selectors as cs

from aftercart.study import problems

csv.field_size_limit(min(sys.maxsize, 2**31 - 1))


def read_text(
    path: Path, *, encoding: str = "utf-8", separator: str = ","
) -> tuple[pl.DataFrame | None, list[pl.DataFrame], int]:
    """Return (cells with `_row`, problems, rows read); no frame when the file cannot be used at all.

    Cells are texts, except the numbers and truth values of a Parquet file. `_row` counts as a spreadsheet does: the
    header is row 1.
    """
    if path.suffix == ".parquet":
        return _parquet(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        return None, [problems.one("unreadable", path.name, str(error), "a readable file", "check the file.")], 0
    if not data.strip():
        return None, [_empty(path)], 0
    try:
        text = data.decode("utf-8-sig" if encoding == "utf-8" else encoding)
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        found = f"byte 0x{data[error.start]:02x} at position {error.start}, which is not {encoding}"
        remedy = f"save the file as UTF-8, or state its encoding in study.toml: encoding = {'cp1252'!r}."
        return (
            None,
            [problems.one("encoding", path.name, found, f"text in {encoding}", remedy, row=line)],
            _data_lines(data.replace(b"\x00", b"").splitlines()),
        )
    if not text.strip():
        return None, [_empty(path)], 0
    return _csv(path, text, separator)


def _empty(path: Path) -> pl.DataFrame:
    return problems.one(
        "empty_file", path.name, "an empty file", "a header line", "remove the file or give it a header."
    )


def _parquet(path: Path) -> tuple[pl.DataFrame | None, list[pl.DataFrame], int]:
    try:
        frame = pl.read_parquet(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        found = str(error).splitlines()[0]
        return None, [problems.one("unreadable", path.name, found, "a Parquet file", "write the file again.")], 0
    cells, listed = cells_of(frame, path.name)
    return cells, listed, frame.height


def cells_of(frame: pl.DataFrame, file: str) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    """Return (cells of a table with `_row`, problems); nested columns are listed and left out."""
    nested = [c for c, t in frame.schema.items() if t.is_nested()]
    listed = [
        problems.one("nested", file, f"a column of type {frame.schema[c]}", "plain cells", "flatten it.", column=c)
        for c in nested
    ]
    index = pl.int_range(2, frame.height + 2, dtype=pl.UInt32, eager=True).alias("_row")
    cells, more = cleaned(plain(frame.drop(nested)), index, file)
    return cells, listed + more


def plain(frame: pl.DataFrame) -> pl.DataFrame:
    """Numbers and truth values as they are; whatever else a table can hold as text."""
    kept = cs.numeric() | cs.boolean() | cs.string()
    return frame.with_columns((cs.all() - kept).cast(pl.String, strict=False))


def _csv(path: Path, text: str, separator: str) -> tuple[pl.DataFrame | None, list[pl.DataFrame], int]:
    rows: list[list[str]] = []
    try:
        # Strict: otherwise a quote that is never closed would swallow the rows after it.
        rows.extend(csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True))
    except csv.Error as error:
        remedy = "check the quotes: one that is not closed, or a quote inside a text that is not doubled."
        return (
            None,
            [problems.one("unreadable", path.name, str(error), "a CSV file", remedy, row=len(rows) + 1)],
            _data_lines(text.splitlines()),
        )
    numbered = [(i + 1, row) for i, row in enumerate(rows) if row]
    header, numbered = [name.strip().replace("\x00", "\ufffd") for name in numbered[0][1]], numbered[1:]
    if len(header) == 1 and separator == "," and (";" in header[0] or "\t" in header[0]):
        sign = ";" if ";" in header[0] else "a tab"
        remedy = "save the file as comma-separated CSV with a decimal point."
        return (
            None,
            [problems.one("separator", path.name, f"columns separated by {sign}", "commas", remedy, row=1)],
            len(numbered),
        )
    doubled = sorted({name for name in header if header.count(name) > 1})
    if doubled:
        found = f"the column {doubled[0]!r} more than once"
        return (
            None,
            [problems.one("duplicate_column", path.name, found, "each column once", "rename or remove one.", row=1)],
            len(numbered),
        )
    good = [(i, row) for i, row in numbered if len(row) == len(header)]
    ragged = [(i, row) for i, row in numbered if len(row) != len(header)]
    listed = [
        problems.one(
            "ragged_row",
            path.name,
            f"{len(row)} cells",
            f"{len(header)} cells, as in the header",
            "check for missing cells, or for a comma inside a text without quotes.",
            row=i,
        )
        for i, row in ragged
    ]
    columns = list(zip(*(row for _, row in good), strict=True)) if good else [() for _ in header]
    frame = pl.DataFrame([pl.Series(n, c, dtype=pl.String) for n, c in zip(header, columns, strict=True)])
    clean, more = cleaned(frame, pl.Series("_row", [i for i, _ in good], dtype=pl.UInt32), path.name)
    return clean, listed + more, len(numbered)


def _data_lines(lines: Sequence[str | bytes]) -> int:
    """The rows of a file that cannot be taken apart: its lines that are not blank, without the header."""
    return max(0, sum(1 for line in lines if line.strip()) - 1)


def cleaned(frame: pl.DataFrame, index: pl.Series, file: str) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    """Strip the cells, make blank ones empty, list and replace NUL characters, and put the row numbers first."""
    listed: list[pl.DataFrame] = []
    if "_row" in frame.columns:
        remedy = "rename or remove it; it is not read."
        found, expected = "a column '_row'", "columns of the table"
        where = {"column": "_row", "row": 1}
        listed.append(problems.one("unknown_column", file, found, expected, remedy, severity="warning", **where))
        frame = frame.drop("_row")
    padded, nul = _untidy(frame)
    if padded:
        frame = frame.with_columns(pl.col(padded).str.strip_chars().replace("", None))
    frame = frame.insert_column(0, index)
    for name in nul:
        listed.append(
            problems.of_rows(
                frame.filter(pl.col(name).str.contains("\x00", literal=True)),
                rule="nul",
                file=file,
                column=name,
                found=pl.lit("a NUL character"),
                expected="text",
                remedy="check that the file is text in the declared encoding. The character reads as \ufffd.",
            )
        )
        frame = frame.with_columns(pl.col(name).str.replace_all("\x00", "\ufffd", literal=True))
    return frame, listed


FEW = 500
"""Distinct texts in the first rows that make it worth while to look at each distinct text instead of each cell."""


def _untidy(frame: pl.DataFrame) -> tuple[list[str], list[str]]:
    """The columns with blank cells or blanks around a text, and those with NUL characters, found in one query."""
    names = [name for name, kind in frame.schema.items() if kind == pl.String]
    if not names:
        return [], []
    long = frame.height >= FEW
    repeats = frame.head(2 * FEW).select(pl.col(names).n_unique() < FEW).row(0) if long else [False] * len(names)
    texts = [pl.lit(frame[n].unique()) if often else pl.col(n) for n, often in zip(names, repeats, strict=True)]
    padded = [((t == "") | (t != t.str.strip_chars())).any().alias(f"padded {i}") for i, t in enumerate(texts)]
    nul = [t.str.contains("\x00", literal=True).any().alias(f"nul {i}") for i, t in enumerate(texts)]
    found = frame.select(*padded, *nul).row(0)
    return list(compress(names, found)), list(compress(names, found[len(names) :]))
