from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aftercart.criteria.episodes import fill_gaps, highest_by_day, lowest_by_day, runs

Series = Mapping[int, float | None]


def frame(*units: Series, **constants: list[int]) -> pl.LazyFrame:
    """One row a day: unit number, day, value; `constants` give one more column, one value per unit."""
    rows = [
        {"_unit": unit, "day": day, "value": value} | {k: v[unit] for k, v in constants.items()}
        for unit, series in enumerate(units)
        for day, value in series.items()
    ]
    schema: dict[str, Any] = {"_unit": pl.Int64, "day": pl.Int64, "value": pl.Float64}
    return pl.LazyFrame(rows, schema=schema | dict.fromkeys(constants, pl.Int64))


def filled(
    *units: Series, max_gap: int | str = 7, window: tuple[int, int] | tuple[str, str] | None = None, **constants: Any
) -> list[dict[int, float]]:
    def expr(value: int | str) -> pl.Expr:
        return pl.col(value) if isinstance(value, str) else pl.lit(value, dtype=pl.Int64)

    edges = None if window is None else (expr(window[0]), expr(window[1]))
    found = fill_gaps(frame(*units, **constants), max_gap=expr(max_gap), window=edges).collect()
    assert found.columns == ["_unit", "day", "value"]
    assert found.select("_unit", "day").rows() == sorted(found.select("_unit", "day").rows())
    result: list[dict[int, float]] = [{} for _ in units]
    for unit, day, value in found.iter_rows():
        assert day not in result[unit]
        result[unit][day] = pytest.approx(value)
    return result


def found_runs(*units: Series, at_most: float = 500, between: int | None = None) -> list[tuple[int, int, int, int]]:
    joined = None if between is None else pl.lit(between)
    return runs(frame(*units), pl.col("value") <= at_most, max_between=joined).collect().rows()


# --- one value a day


@pytest.mark.parametrize(
    ("rows", "lowest", "highest"),
    [
        ([(0, 1, 5.0)], [(0, 1, 5.0)], [(0, 1, 5.0)]),
        ([(0, 1, 5.0), (0, 1, 3.0), (0, 1, 9.0)], [(0, 1, 3.0)], [(0, 1, 9.0)]),
        ([(0, 1, 5.0), (0, 2, 3.0)], [(0, 1, 5.0), (0, 2, 3.0)], [(0, 1, 5.0), (0, 2, 3.0)]),
        ([(0, 1, 5.0), (1, 1, 3.0)], [(0, 1, 5.0), (1, 1, 3.0)], [(0, 1, 5.0), (1, 1, 3.0)]),
        ([(0, 1, None), (0, 1, 4.0)], [(0, 1, 4.0)], [(0, 1, 4.0)]),
        ([(0, 1, None), (0, None, 4.0)], [], []),
        ([(0, -3, 4.0), (0, -3, 0.0)], [(0, -3, 0.0)], [(0, -3, 4.0)]),
        ([], [], []),
    ],
)
def test_one_value_a_day(rows: list[tuple[Any, ...]], lowest: list[Any], highest: list[Any]) -> None:
    schema = {"_unit": pl.Int64, "when": pl.Int64, "count": pl.Float64}
    data = pl.LazyFrame(rows, schema=schema, orient="row")
    for function, expected in ((lowest_by_day, lowest), (highest_by_day, highest)):
        found = function(data, "when", "count").collect()
        assert found.columns == ["_unit", "day", "value"]
        assert sorted(found.rows()) == expected


# --- gaps


@pytest.mark.parametrize(
    ("series", "max_gap", "expected"),
    [
        ({0: 10, 1: 20}, 7, {0: 10, 1: 20}),
        ({0: 10, 2: 20}, 7, {0: 10, 1: 15, 2: 20}),
        ({0: 100, 4: 0}, 7, {0: 100, 1: 75, 2: 50, 3: 25, 4: 0}),
        ({0: 7, 3: 7}, 7, {0: 7, 1: 7, 2: 7, 3: 7}),
        ({-2: 0, 1: 9}, 7, {-2: 0, -1: 3, 0: 6, 1: 9}),
        ({0: 0, 2: 2}, 0, {0: 0, 2: 2}),
        ({0: 0, 1: 1, 2: 2}, 0, {0: 0, 1: 1, 2: 2}),
        ({0: 0, 2: 2}, 1, {0: 0, 1: 1, 2: 2}),
        ({0: 0, 3: 3}, 1, {0: 0, 3: 3}),
        ({0: 0, 8: 8}, 7, {d: d for d in range(9)}),
        ({0: 0, 9: 9}, 7, {0: 0, 9: 9}),
        ({0: 0, 2: 2, 20: 20, 22: 22}, 7, {0: 0, 1: 1, 2: 2, 20: 20, 21: 21, 22: 22}),
        ({4: 0, 0: 100, 2: 50}, 7, {0: 100, 1: 75, 2: 50, 3: 25, 4: 0}),
        ({5: 3}, 7, {5: 3}),
        ({}, 7, {}),
    ],
)
def test_gaps_are_interpolated_whole_or_not_at_all(series: Series, max_gap: int, expected: dict[int, float]) -> None:
    assert filled(series, max_gap=max_gap) == [expected]


@pytest.mark.parametrize(
    ("series", "max_gap", "window", "expected"),
    [
        ({2: 5, 3: 6}, 7, (0, 5), {0: 5, 1: 5, 2: 5, 3: 6, 4: 6, 5: 6}),
        ({2: 5}, 7, (0, 4), dict.fromkeys(range(5), 5)),
        ({0: 5, 4: 5}, 7, (0, 4), dict.fromkeys(range(5), 5)),
        ({7: 5}, 7, (0, 7), dict.fromkeys(range(8), 5)),
        ({8: 5}, 7, (0, 8), {8: 5}),
        ({0: 5}, 7, (0, 7), dict.fromkeys(range(8), 5)),
        ({0: 5}, 7, (0, 8), {0: 5}),
        ({8: 5}, 7, (0, 15), dict.fromkeys(range(8, 16), 5)),
        ({7: 5}, 7, (0, 15), dict.fromkeys(range(8), 5)),
        ({1: 5}, 0, (0, 2), {1: 5}),
        ({1: 5, 3: 7}, 1, (0, 4), {0: 5, 1: 5, 2: 6, 3: 7, 4: 7}),
        ({2: 5, 12: 7}, 7, (0, 14), {0: 5, 1: 5, 2: 5, 12: 7, 13: 7, 14: 7}),
        ({2: 5}, 7, None, {2: 5}),
    ],
)
def test_edges_take_the_nearest_value_for_as_many_days(
    series: Series, max_gap: int, window: tuple[int, int] | None, expected: dict[int, float]
) -> None:
    assert filled(series, max_gap=max_gap, window=window) == [expected]


def test_units_are_filled_apart() -> None:
    assert filled({0: 0, 2: 2}, {3: 30, 4: 40}, {6: 0}) == [{0: 0, 1: 1, 2: 2}, {3: 30, 4: 40}, {6: 0}]
    assert filled({1: 1}, {1: 5}, window=(0, 2)) == [dict.fromkeys(range(3), 1), dict.fromkeys(range(3), 5)]


def test_gap_and_window_may_differ_by_unit() -> None:
    found = filled(
        {1: 1, 3: 3}, {1: 1, 3: 3}, max_gap="gap", window=("first", "last"), gap=[1, 0], first=[0, 0], last=[5, 4]
    )
    assert found == [{0: 1, 1: 1, 2: 2, 3: 3}, {1: 1, 3: 3}]
    found = filled({2: 9}, {2: 9}, max_gap="gap", window=("first", "last"), gap=[2, 2], first=[0, 1], last=[2, 4])
    assert found == [dict.fromkeys(range(3), 9), dict.fromkeys(range(1, 5), 9)]


# --- runs


@pytest.mark.parametrize(
    ("series", "expected"),
    [
        ({0: 100}, [(0, 0, 0, 1)]),
        ({0: 900}, []),
        ({}, []),
        ({0: 100, 1: 100, 2: 900}, [(0, 0, 1, 2)]),
        ({0: 900, 1: 500, 2: 500.1, 3: 499}, [(0, 1, 1, 1), (0, 3, 3, 1)]),
        ({0: 100, 2: 100}, [(0, 0, 0, 1), (0, 2, 2, 1)]),
        ({3: 100, 1: 100, 2: 100}, [(0, 1, 3, 3)]),
        ({-1: 100, 0: 100}, [(0, -1, 0, 2)]),
        ({0: 100, 1: None, 2: 100}, [(0, 0, 0, 1), (0, 2, 2, 1)]),
    ],
)
def test_runs_of_consecutive_days(series: Series, expected: list[tuple[int, int, int, int]]) -> None:
    assert found_runs(series) == expected


def alternating(*lengths: int) -> dict[int, float]:
    """Low for the first length, high for the next, and so on, from day 0."""
    values = [100.0 if i % 2 == 0 else 900.0 for i, n in enumerate(lengths) for _ in range(n)]
    return dict(enumerate(values))


@pytest.mark.parametrize(
    ("series", "between", "expected"),
    [
        (alternating(2, 1, 2), None, [(0, 0, 1, 2), (0, 3, 4, 2)]),
        (alternating(2, 1, 2), 0, [(0, 0, 1, 2), (0, 3, 4, 2)]),
        (alternating(2, 1, 2), 1, [(0, 0, 4, 5)]),
        (alternating(2, 2, 2), 1, [(0, 0, 1, 2), (0, 4, 5, 2)]),
        (alternating(2, 2, 2), 2, [(0, 0, 5, 6)]),
        (alternating(2, 3, 2), 2, [(0, 0, 1, 2), (0, 5, 6, 2)]),
        (alternating(1, 2, 1, 2, 1), 2, [(0, 0, 6, 7)]),
        (alternating(1, 2, 1, 3, 1), 2, [(0, 0, 3, 4), (0, 7, 7, 1)]),
        (alternating(1, 2), 2, [(0, 0, 0, 1)]),
        ({0: 100, 2: 100}, 2, [(0, 0, 0, 1), (0, 2, 2, 1)]),  # a day that is not there breaks the run
        ({0: 100, 1: 900, 3: 100}, 2, [(0, 0, 0, 1), (0, 3, 3, 1)]),
    ],
)
def test_neighbouring_runs_are_joined_over_known_days(
    series: Series, between: int | None, expected: list[tuple[int, int, int, int]]
) -> None:
    assert found_runs(series, between=between) == expected


def test_runs_of_different_units_are_never_joined() -> None:
    assert found_runs({4: 100, 5: 100}, {6: 100}, {7: 900}, {8: 100}, between=9) == [
        (0, 4, 5, 2),
        (1, 6, 6, 1),
        (3, 8, 8, 1),
    ]


def test_what_lies_between_may_differ_by_unit() -> None:
    data = frame(alternating(1, 1, 1), alternating(1, 1, 1), most=[1, 0])
    found = runs(data, pl.col("value") <= 500, max_between=pl.col("most")).collect()
    assert found.columns == ["_unit", "start", "end", "days"]
    assert found.rows() == [(0, 0, 2, 3), (1, 0, 0, 1), (1, 2, 2, 1)]


series_of_days = st.dictionaries(st.integers(0, 40), st.sampled_from([0.0, 400.0, 500.0, 501.0, 900.0]), min_size=1)


@settings(max_examples=50, deadline=None)
@given(series=series_of_days, max_gap=st.integers(0, 9))
def test_filling_keeps_what_is_known_and_stays_between_the_neighbours(series: dict[int, float], max_gap: int) -> None:
    (found,) = filled(series, max_gap=max_gap)
    assert {d: v for d, v in found.items() if d in series} == series
    known = sorted(series)
    expected = set(known)
    for before, after in pairwise(known):
        if after - before - 1 <= max_gap:
            expected |= set(range(before, after))
    assert set(found) == expected


@settings(max_examples=50, deadline=None)
@given(series=series_of_days, between=st.integers(0, 4))
def test_runs_hold_every_qualifying_day_once_and_do_not_touch(series: dict[int, float], between: int) -> None:
    found = found_runs(series, between=between)
    low = sorted(d for d, v in series.items() if v <= 500)
    assert [d for d in low if any(start <= d <= end for _, start, end, _ in found)] == low
    for _, start, end, days in found:
        assert {start, end} <= set(low)
        assert days == end - start + 1
        assert set(range(start, end + 1)) <= set(series)
    assert all(a[2] < b[1] for a, b in pairwise(found))
