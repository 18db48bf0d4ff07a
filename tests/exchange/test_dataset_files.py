"""Datasets written: read back they are the same, and what does not fit is refused, never cut."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pandas as pd
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aftercart.errors import ExportError
from aftercart.exchange.dataset_files import check_fits, write_dataset_json, write_xpt
from aftercart.sources.datasets import read_dataset
from aftercart.standards.dataset import Dataset, Variable

ABOUT = {"creation": "2024-02-29T00:00:00", "studyOID": "EX"}


def dataset(name: str = "LB", label: str = "Results", **columns: list[object]) -> Dataset:
    rows = pl.DataFrame(columns or {"USUBJID": ["P1", "P2"], "LBSTRESN": [1.5, None], "LBSTRESC": [None, "<0.5"]})
    variables = tuple(
        Variable(n, f"Label of {n}", "string" if t == pl.String else "float") for n, t in rows.schema.items()
    )
    return Dataset(name, label, variables, rows)


def test_a_transport_file_read_back_is_the_same(tmp_path: Path) -> None:
    written = dataset()
    assert write_xpt(written, tmp_path) == "lb.xpt"
    found, odd = read_dataset(tmp_path / "lb.xpt")
    assert (found.name, found.label, odd) == ("LB", "Results", [])
    assert [v.label for v in found.variables] == [v.label for v in written.variables]
    assert found.rows.equals(written.rows)
    assert pd.read_sas(tmp_path / "lb.xpt", format="xport", encoding="ascii")["LBSTRESC"].tolist() == ["", "<0.5"]


@pytest.mark.parametrize("kind", ["json", "ndjson", "dsjc"])
def test_dataset_json_read_back_is_the_same(kind: str, tmp_path: Path) -> None:
    written = dataset()
    name = write_dataset_json(written, tmp_path, about=ABOUT, kind=kind)
    found, _ = read_dataset(tmp_path / name)
    assert (found.name, found.label, found.variables) == (written.name, written.label, written.variables)
    assert found.rows.equals(written.rows)
    assert found.about["studyOID"] == "EX"


def test_an_independent_reader_of_json_finds_the_rows(tmp_path: Path) -> None:
    write_dataset_json(dataset(), tmp_path, about=ABOUT)
    found = duckdb.sql(f"select name, records, rows from read_json('{tmp_path / 'lb.json'}')").fetchall()
    assert found == [("LB", 2, [['"P1"', "1.5", None], ['"P2"', None, '"<0.5"']])]


def test_the_same_dataset_gives_the_same_bytes(tmp_path: Path) -> None:
    for kind in ("json", "ndjson", "dsjc"):
        first = (tmp_path / write_dataset_json(dataset(), tmp_path, about=ABOUT, kind=kind)).read_bytes()
        assert (tmp_path / write_dataset_json(dataset(), tmp_path, about=ABOUT, kind=kind)).read_bytes() == first


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (dataset(TOOLONGNAME=["x"]), "11 characters"),
        (dataset(lower=["x"]), "named 'lower'"),
        (dataset(**{"1ST": ["x"]}), "named '1ST'"),
        (dataset(label="L" * 41), "41 bytes"),
        (dataset(LBTEST=["ok", "x" * 201]), r"LB\.LBTEST, row 2: a text of 201 bytes"),
        (dataset(LBTEST=["µg"]), "characters beyond ASCII"),
        (dataset(LBSTRESN=[1e76]), "the number 1e"),
        (dataset(LBSTRESN=[1.0, float("inf")]), "row 2: the number inf"),
    ],
)
def test_what_does_not_fit_is_refused_and_nothing_is_written(bad: Dataset, words: str, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=words):
        write_xpt(bad, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_what_just_fits_is_written_whole(tmp_path: Path) -> None:
    just = dataset(label="L" * 40, USUBJID=["P1", "P2"], EIGHTCHR=["x" * 200, ""])
    check_fits(just)
    write_xpt(just, tmp_path)
    assert read_dataset(tmp_path / "lb.xpt")[0].rows["EIGHTCHR"].to_list() == ["x" * 200, None]


NUMBER = st.none() | st.floats(-1e70, 1e70, allow_nan=False).filter(lambda x: x == 0 or abs(x) > 1e-70)
TEXT = st.none() | st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=200)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(NUMBER, TEXT), min_size=1, max_size=20))
def test_any_table_that_fits_survives(tmp_path: Path, cells: list[tuple[float | None, str | None]]) -> None:
    rows = pl.DataFrame(cells, schema={"N": pl.Float64, "T": pl.String}, orient="row")
    written = Dataset("XX", "Any", (Variable("N", type="float"), Variable("T")), rows)
    write_xpt(written, tmp_path)
    found = read_dataset(tmp_path / "xx.xpt")[0].rows
    assert found["T"].to_list() == rows["T"].to_list()
    for mine, theirs in zip(rows["N"], found["N"], strict=True):
        assert (mine is None and theirs is None) or theirs == pytest.approx(mine, rel=1e-14)
    write_dataset_json(written, tmp_path, about=ABOUT)
    assert read_dataset(tmp_path / "xx.json")[0].rows.equals(rows)
