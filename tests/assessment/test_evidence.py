"""The rows behind results, as lists by unit."""

from __future__ import annotations

import polars as pl

from aftercart.assessment.evidence import by_unit

INPUTS = pl.Enum(["count", "limit"])


def evidence(*rows: tuple[int | None, str, int | None]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema={"_k": pl.Int64, "input": INPUTS, "ref": pl.UInt32}, orient="row")


def test_rows_are_distinct_and_sorted_for_each_unit() -> None:
    rows, by_input = by_unit(
        evidence((2, "limit", 9), (0, "limit", 7), (0, "count", 8), (2, "limit", 4), (0, "count", 7), (0, "count", 8)),
        units=4,
    )
    assert rows.to_list() == [[7, 8], [], [4, 9], []]
    assert by_input.to_list() == [
        [{"input": "count", "ref": 7}, {"input": "count", "ref": 8}, {"input": "limit", "ref": 7}],
        None,
        [{"input": "limit", "ref": 4}, {"input": "limit", "ref": 9}],
        None,
    ]


def test_the_largest_places_keep_apart() -> None:
    rows, by_input = by_unit(evidence((0, "limit", 2**32 - 1), (1, "count", 0)), units=2)
    assert rows.to_list() == [[2**32 - 1], [0]]
    assert by_input.to_list() == [[{"input": "limit", "ref": 2**32 - 1}], [{"input": "count", "ref": 0}]]


def test_what_has_no_row_is_left_out() -> None:
    assert by_unit(evidence((0, "count", None), (0, "count", 3)), units=1)[0].to_list() == [[3]]
    rows, by_input = by_unit(evidence(), units=2)
    assert (rows.to_list(), by_input.to_list()) == ([[], []], [None, None])
    assert rows.dtype == pl.List(pl.UInt32)
