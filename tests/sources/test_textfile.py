"""Text files as other programs write them: the same cells, and row numbers as in a spreadsheet."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from aftercart.sources.textfile import read_text

PLAIN = "row_id,subject_id,cohort\nS1,P1,A\nS2,P2,B\n"
CELLS = [(2, "S1", "P1", "A"), (3, "S2", "P2", "B")]


def rows(path: Path, content: bytes, encoding: str = "utf-8") -> list[tuple[int | str | None, ...]]:
    path.write_bytes(content)
    cells, problems, read = read_text(path, encoding=encoding)
    assert cells is not None
    assert problems == []
    assert read == cells.height
    return cells.rows()


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (PLAIN.encode(), "utf-8"),
        (PLAIN.encode("utf-8-sig"), "utf-8"),  # byte order mark
        (PLAIN.replace("\n", "\r\n").encode(), "utf-8"),
        (PLAIN.replace("\n", "\r").encode(), "utf-8"),
        (PLAIN.rstrip("\n").encode(), "utf-8"),  # last line not ended
        (PLAIN.encode() + b"\n\n", "utf-8"),
        (PLAIN.replace(",", " , ").encode(), "utf-8"),
        (PLAIN.replace("P1", '"P1"').replace("cohort", '"cohort"').encode(), "utf-8"),
        (PLAIN.encode("cp1252"), "cp1252"),
    ],
    ids=["plain", "BOM", "CRLF", "CR", "no last newline", "blank lines", "spaces", "quotes", "cp1252"],
)
def test_the_same_table(tmp_path: Path, content: bytes, encoding: str) -> None:
    assert rows(tmp_path / "t.csv", content, encoding) == CELLS


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ('"a,b"', "a,b"),
        ('"a\nb"', "a\nb"),
        ('"a\r\nb"', "a\r\nb"),
        ('"say ""yes"""', 'say "yes"'),
        ('5" needle', '5" needle'),
        ("µg/l °C é 日本", "µg/l °C é 日本"),
        ("a\u2028b\x0bc\x85d", "a\u2028b\x0bc\x85d"),  # line ends to some programs, not in CSV
        ('"  spaced out  "', "spaced out"),
        ('""', None),
        ("   ", None),
        ("\u00a0", None),
        ("NA", "NA"),
        ("0", "0"),
        ("=1+1", "=1+1"),
    ],
)
def test_cells(tmp_path: Path, cell: str, text: str | None) -> None:
    assert rows(tmp_path / "t.csv", f"a,b\n{cell},x\n".encode()) == [(2, text, "x")]


@pytest.mark.parametrize(
    ("content", "numbers"),
    [
        ("a,b\n1,2\n3,4\n", [2, 3]),
        ("\n\na,b\n1,2\n", [4]),  # the header need not be the first line
        ("a,b\n\n1,2\n\n\n3,4\n", [3, 6]),
        ('a,b\n"1\n1",2\n3,4\n', [2, 3]),  # a cell of two lines is one row of a spreadsheet
    ],
)
def test_row_numbers_are_those_of_a_spreadsheet(tmp_path: Path, content: str, numbers: list[int]) -> None:
    assert [row[0] for row in rows(tmp_path / "t.csv", content.encode())] == numbers


def test_a_row_after_blank_lines_is_named_by_its_number(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a,b\n\n1,2,3\n4,5\n", "utf-8")
    cells, problems, read = read_text(path)
    assert read == 2
    assert cells is not None
    assert cells.rows() == [(4, "4", "5")]
    assert [p.select("rule", "row", "found").row(0) for p in problems] == [("ragged_row", 3, "3 cells")]


@pytest.mark.parametrize(
    ("column", "cells_read"),
    [
        (pl.Series([1.5, None]), [1.5, None]),
        (pl.Series([7, 8], dtype=pl.Int32), [7, 8]),
        (pl.Series([True, False]), [True, False]),
        (pl.Series(["2024-03-05", None]).str.to_date(), ["2024-03-05", None]),
        (pl.Series(["F", "M"], dtype=pl.Categorical), ["F", "M"]),
        (pl.Series([" a ", ""]), ["a", None]),
        (pl.Series([None, None], dtype=pl.Null), [None, None]),
    ],
    ids=["float", "int", "bool", "date", "categorical", "text", "null"],
)
def test_parquet_keeps_numbers_and_truth_values_and_reads_the_rest_as_text(
    tmp_path: Path, column: pl.Series, cells_read: list[object]
) -> None:
    pl.DataFrame({"a": column}).write_parquet(tmp_path / "t.parquet")
    cells, problems, read = read_text(tmp_path / "t.parquet")
    assert problems == []
    assert read == 2
    assert cells is not None
    assert cells.rows() == [(2, cells_read[0]), (3, cells_read[1])]


@pytest.mark.parametrize("frame", [pl.DataFrame(), pl.DataFrame({"a": []}, schema={"a": pl.String})])
def test_parquet_without_rows(tmp_path: Path, frame: pl.DataFrame) -> None:
    frame.write_parquet(tmp_path / "t.parquet")
    cells, problems, read = read_text(tmp_path / "t.parquet")
    assert (cells is not None and cells.height, problems, read) == (0, [], 0)


def test_parquet_of_lists_only(tmp_path: Path) -> None:
    pl.DataFrame({"a": [[1], [2]]}).write_parquet(tmp_path / "t.parquet")
    cells, problems, read = read_text(tmp_path / "t.parquet")
    assert read == 2
    assert cells is not None
    assert cells.columns == ["_row"]
    assert [p["rule"].item() for p in problems] == ["nested"]


def test_a_parquet_file_cut_short_is_named(tmp_path: Path) -> None:
    pl.DataFrame({"a": range(1000)}).write_parquet(tmp_path / "t.parquet")
    whole = (tmp_path / "t.parquet").read_bytes()
    for part in (len(whole) // 2, len(whole) - 1, 4, 0):
        (tmp_path / "t.parquet").write_bytes(whole[:part])
        cells, problems, read = read_text(tmp_path / "t.parquet")
        assert (cells, read) == (None, 0)
        assert [p["rule"].item() for p in problems] == ["unreadable"]


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    cells, problems, read = read_text(tmp_path / "t.csv")
    assert (cells, read) == (None, 0)
    assert problems[0]["rule"].item() == "unreadable"
    assert problems[0]["file"].item() == "t.csv"
