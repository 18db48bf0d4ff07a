"""The value that counts on a day and at a visit."""

from __future__ import annotations

import polars as pl
import pytest

from aftercart.assessment.timeline import Timeline
from aftercart.assessment.values import by_day, by_visit
from aftercart.criteria.registry import Input

COUNT = Input("count", "float", "")


def timeline(facts: list[tuple[int, int | None, float | None]], windows: list[tuple[int, int, int, int]]) -> Timeline:
    """Facts (subject, day, value) in order, and visits (subject, target, first day, last day)."""
    rows = pl.DataFrame(facts, schema={"_s": pl.Int64, "day": pl.Int64, "value": pl.Float64}, orient="row")
    visits = pl.DataFrame(windows, schema=dict.fromkeys(("_s", "target", "lo", "hi"), pl.Int64), orient="row")
    nothing = pl.DataFrame()
    return Timeline(
        subjects=nothing,
        facts=rows.with_columns(
            code=pl.lit("obs:ANC"),
            comparator=pl.lit(None, dtype=pl.String),
            ref=pl.int_range(pl.len(), dtype=pl.UInt32),
        ),
        exposures=nothing,
        events=nothing,
        visits=visits.with_row_index("_v"),
        contacts=nothing,
        complete_classes=frozenset(),
        lost_medicines=frozenset(),
        lost_events=frozenset(),
        rows=pl.Series("row", [], dtype=pl.String),
    )


@pytest.mark.parametrize(
    ("how", "value", "beside"), [("last", 2.0, [0, 1]), ("min", 1.0, [0, 2]), ("max", 3.0, [1, 2])]
)
def test_one_value_counts_on_a_day(how: str, value: float, beside: list[int]) -> None:
    facts = timeline([(0, 5, 3.0), (0, 5, 1.0), (0, 5, 2.0), (0, 6, None), (0, None, 9.0)], [])
    found = by_day(COUNT, {"obs": "ANC", "day": how}, facts)
    assert found.values.select("day", "value").rows() == [(5, value)]
    assert sorted(found.beside["ref"]) == beside


@pytest.mark.parametrize(
    ("days", "value"),
    [
        ([28], 28.0),
        ([27, 29], 27.0),  # equally near: the earlier day
        ([26, 29], 29.0),
        ([20, 40], None),  # both outside the window
        ([21], 21.0),
        ([35], 35.0),
        ([20, 35], 35.0),
        ([], None),
    ],
)
def test_the_nearest_day_of_the_window_counts_at_a_visit(days: list[int], value: float | None) -> None:
    others: list[tuple[int, int | None, float | None]] = [(0, 28, -1.0), (2, 28, -1.0)]
    mine: list[tuple[int, int | None, float | None]] = [(1, d, float(d)) for d in days]
    found = by_visit(COUNT, {"obs": "ANC"}, timeline([others[0], *mine, others[1]], [(1, 28, 21, 35)]))
    assert found.values["value"].to_list() == [value]
    assert found.keys["_v"].to_list() == ([] if value is None else [0])
    assert found.at(pl.Series([None, 0], dtype=pl.UInt32))["value"].to_list() == [None, value]
