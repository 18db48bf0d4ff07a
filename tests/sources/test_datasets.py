"""CDISC datasets as files: the same table whatever the form, and a clear refusal of what is not whole."""

from __future__ import annotations

import gzip
import json
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aftercart.errors import SourceError
from aftercart.sources.datasets import SMALL, dataset_files, read_dataset

CDISC = Path(__file__).parents[1] / "data" / "cdisc"


def rows(name: str) -> pl.DataFrame:
    return read_dataset(CDISC / name)[0].rows


@pytest.mark.parametrize(
    ("file", "name", "label", "shape"),
    [
        ("dm.xpt", "DM", "Demographics", (18, 26)),
        ("ae.xpt", "AE", "Adverse Events", (74, 37)),
        ("rs.xpt", "RS", "Disease Response and Clin Classification", (375, 17)),
        ("lb.dsjc", "LB", "Laboratory Test Results", (3488, 23)),
        ("mh.ndjson", "MH", "Medical History", (17, 8)),
    ],
)
def test_published_files_are_read_whole(file: str, name: str, label: str, shape: tuple[int, int]) -> None:
    dataset, odd = read_dataset(CDISC / file)
    assert (dataset.name, dataset.label, dataset.rows.shape, odd) == (name, label, shape, [])
    assert dataset.names == tuple(dataset.rows.columns)


@pytest.mark.parametrize(("one", "other"), [("dm.xpt", "dm.json"), ("dm.json", "dm.ndjson"), ("ae.xpt", "ae.json")])
def test_every_form_gives_the_same_table(one: str, other: str) -> None:
    first, second = rows(one), rows(other)
    assert second.select(first.columns).equals(first)


def test_an_independent_reader_of_transport_files_agrees() -> None:
    import pandas as pd

    theirs = pd.read_sas(CDISC / "ae.xpt", format="xport", encoding="utf-8")
    ours = rows("ae.xpt")
    assert list(theirs.columns) == ours.columns
    assert theirs["AETERM"].tolist() == ours["AETERM"].to_list()
    assert theirs["AESTDY"].dropna().tolist() == ours["AESTDY"].drop_nulls().to_list()


def test_a_folder_gives_each_dataset_once() -> None:
    assert [p.name for p in dataset_files(CDISC)] == [
        *("ae.xpt", "cm.xpt", "dm.xpt", "ds.xpt", "ex.dsjc", "lb.dsjc", "mh.xpt", "rs.xpt", "sv.xpt", "vs.dsjc")
    ]


@pytest.mark.parametrize("cut", [1, 80, 160, 1000, 4000, 12000])
def test_a_transport_file_cut_short_is_refused(cut: int, tmp_path: Path) -> None:
    path = tmp_path / "dm.xpt"
    path.write_bytes((CDISC / "dm.xpt").read_bytes()[:-cut])
    with pytest.raises(SourceError, match=r"dm\.xpt cannot be read") as caught:
        read_dataset(path)
    assert caught.value.problems.height == 1


def test_texts_that_are_not_utf8_are_read_as_cp1252_and_said(tmp_path: Path) -> None:
    data = (CDISC / "mh.xpt").read_bytes()
    term = rows("mh.xpt")["MHTERM"][0].encode()
    path = tmp_path / "mh.xpt"
    path.write_bytes(data.replace(term, b"\xe9" + term[1:], 1))
    dataset, odd = read_dataset(path)
    assert dataset.rows["MHTERM"][0].startswith("é")
    assert odd[0].select("severity", "rule", "found").row(0) == (
        *("warning", "encoding", "texts that are not UTF-8; read as cp1252"),
    )
    assert read_dataset(path, encoding="cp1252")[1] == []
    with pytest.raises(SourceError, match="cannot be read"):
        read_dataset(path, encoding="utf-8")


def written(tmp_path: Path, data: bytes, name: str = "dm.json") -> Path:
    path = tmp_path / name
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("pack", [zlib.compress, gzip.compress], ids=["zlib", "gzip"])
def test_both_compressions_are_read(pack: Any, tmp_path: Path) -> None:
    path = written(tmp_path, pack((CDISC / "dm.ndjson").read_bytes()), "dm.dsjc")
    assert read_dataset(path)[0].rows.equals(rows("dm.json"))


def test_a_file_that_grows_without_end_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, zlib.compress(b" " * (4 * SMALL), 9), "dm.dsjc")
    with pytest.raises(SourceError, match="compressed ones"):
        read_dataset(path)


def test_a_compressed_file_cut_short_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, zlib.compress((CDISC / "dm.ndjson").read_bytes())[:-20], "dm.dsjc")
    with pytest.raises(SourceError, match="ends too early"):
        read_dataset(path)


def changed(**changes: Any) -> bytes:
    content = json.loads((CDISC / "dm.json").read_text("utf-8")) | changes
    return json.dumps({k: v for k, v in content.items() if v is not None}).encode()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "no JSON"),
        (b"[1, 2]", "JSON that is a list"),
        (b'{"resourceType": "Bundle"}', r"a FHIR resource \(Bundle\)"),
        (b"\xff\xfe{}", "byte 0xff that is not UTF-8"),
        (b"[" * 100_000, "no JSON"),
        (changed(datasetJSONVersion="1.0.0"), "datasetJSONVersion 1.0.0"),
        (changed(datasetJSONVersion="1.10.0"), "datasetJSONVersion 1.10.0"),
        (changed(records=99), "18 rows, while the file says 99"),
        (changed(columns=[]), "no name or no columns"),
        (changed(name=None), "no name or no columns"),
        (changed(columns=[{"name": "A", "dataType": "text"}]), "the column"),
        (changed(rows=[[1, 2]], records=1), "2 values"),
        (changed(rows=["x"], records=1), "str"),
    ],
)
def test_what_is_no_dataset_json_is_refused_with_what_was_found(data: bytes, words: str, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=words):
        read_dataset(written(tmp_path, data))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_damaged_file_is_read_or_refused_and_nothing_else(tmp_path: Path, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(["dm.json", "dm.ndjson", "dm.xpt", "mh.xpt", "ex.dsjc"]))
    content = bytearray((CDISC / name).read_bytes())
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    if data.draw(st.booleans()):
        del content[data.draw(st.integers(0, len(content) - 1)) :]
    with suppress(SourceError):
        dataset, _ = read_dataset(written(tmp_path, bytes(content), name))
        assert dataset.rows.width == len(dataset.variables)
