"""Rows of a foreign source: every one is kept or listed, and problems name the place in the source."""

from __future__ import annotations

from datetime import date

import polars as pl

from aftercart.sources.assembly import Imported, assemble
from aftercart.sources.pseudonyms import Pseudonyms
from aftercart.study import problems
from aftercart.study.model import StudyMeta

META = StudyMeta("Example", "EX", data_cut_off=date(2024, 1, 1))
SUBJECTS = pl.DataFrame(
    {
        "subject_id": ["A", "B"],
        "sex": ["F", "X"],
        "indication": ["SLE", "SLE"],
        "_table": ["dm", "dm"],
        "_row": [1, 2],
    }
)
RESULTS = pl.DataFrame(
    {
        "subject_id": ["A", "A", "A", "B"],
        "code": ["ANC", "PLT", "ANC", "ANC"],
        "value": ["1.2", "150", "x", "3"],
        "unit": ["10*9/L"] * 4,
        "datetime": ["2023-12-01", "2023-12-01", "2023-12-02", "2023-12-02"],
        "_table": ["lab"] * 4,
        "_row": [2, 2, 3, 4],
        "_field": ["anc", "plt", "anc", "anc"],
    }
)


def assembled(**kwargs: object) -> Imported:
    read = {"dm": pl.Series([1, 2, 3]), "lab": pl.Series([2, 3, 4, 5])}
    return assemble("clinic", {"subjects": SUBJECTS, "observations": RESULTS}, META, read=read, **kwargs)  # type: ignore[arg-type]


def test_rows_read_are_rows_kept_and_rows_listed() -> None:
    assert assembled().reconciliation.to_dicts() == [
        {"source_table": "dm", "rows_read": 3, "rows_kept": 1, "rows_listed": 2, "study_rows": 1},
        {"source_table": "lab", "rows_read": 4, "rows_kept": 1, "rows_listed": 3, "study_rows": 2},
    ]


def test_problems_name_table_row_and_field_of_the_source() -> None:
    found = assembled().study.problems.select("rule", "file", "row", "column", "found").rows()
    assert ("cell_enum", "dm", 2, "sex", "X") in found
    assert ("cell_float", "lab", 3, "anc", "x") in found
    assert ("unknown_subject", "lab", 4, "subject_id", "B") in found


def test_a_row_that_nobody_spoke_of_gets_a_line() -> None:
    silent = assembled().study.problems.filter(pl.col("rule") == "not_placed")
    assert silent.select("file", "row").rows() == [("dm", 3), ("lab", 5)]


def test_a_row_that_the_reader_listed_is_not_listed_twice() -> None:
    said = problems.one("unknown_code", "lab", "CODE-7", "a code", "map it.", row=5, severity="warning")
    found = assembled(listed=[said]).study.problems.filter((pl.col("file") == "lab") & (pl.col("row") == 5))
    assert found["rule"].to_list() == ["unknown_code"]


def test_rows_are_named_by_their_place_in_the_source() -> None:
    rows = assembled().study.observations.select("row_id", "source", "source_ref", "status").rows()
    assert rows == [("lab:2", "clinic", "lab:2", "final"), ("lab:2:2", "clinic", "lab:2", "final")]


def test_keys_of_the_source_are_kept() -> None:
    keyed = RESULTS.with_columns(row_id=pl.Series(["K1", None, "K3", "K4"]))
    done = assemble("clinic", {"subjects": SUBJECTS, "observations": keyed}, META, read={})
    assert done.study.observations["row_id"].to_list() == ["K1", "lab:2:2"]


def test_no_identifier_is_left_anywhere_with_pseudonyms() -> None:
    named = SUBJECTS.with_columns(subject_id=pl.Series(["Anna-4711", "Bert-4712"]))
    results = RESULTS.with_columns(
        subject_id=pl.Series(["Anna-4711", "Anna-4711", "Anna-4711", "Bert-4712"]),
        row_id=pl.format("{}-{}", pl.Series(["Anna-4711", "Anna-4711", "Anna-4711", "Bert-4712"]), pl.int_range(4)),
        source_ref=pl.lit("record Anna-4711"),
    )
    said = problems.one("unknown_code", "lab", "CODE-7", "a code", "map it.", row=5, subject_id="Anna-4711")
    done = assemble(
        "clinic",
        {"subjects": named, "observations": results},
        META,
        read={},
        listed=[said],
        pseudonyms=Pseudonyms(b"0123456789abcdef", shift_dates=True),
    )
    everything = [*(t.write_csv() for t in done.study.tables.values()), done.study.problems.write_csv()]
    assert not any(word in text for text in everything for word in ("Anna", "4711", "Bert", "2023-12-01"))
    assert done.study.observations.height == 2


def test_nothing_read_is_a_study_without_rows() -> None:
    done = assemble("clinic", {}, META, read={})
    assert done.reconciliation.height == 0
    assert all(t.height == 0 for t in done.study.tables.values())
