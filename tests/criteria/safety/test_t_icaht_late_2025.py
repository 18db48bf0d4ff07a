from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from aftercart import criteria

ROW = pl.Struct({"days_since_infusion": pl.Int64(), "platelets_10e9_per_l": pl.Float64()})
Counts = dict[int, Any] | list[tuple[int | None, Any]]


def grade(counts: Counts | None, **given: Any) -> dict[str, Any]:
    pairs = counts.items() if isinstance(counts, dict) else counts
    rows = None if pairs is None else [{"days_since_infusion": d, "platelets_10e9_per_l": v} for d, v in pairs]
    frame = pl.DataFrame({"platelets": pl.Series([rows], dtype=pl.List(ROW))})
    return criteria.t_icaht_late_2025(frame, **given).row(0, named=True)


@pytest.mark.parametrize(
    ("counts", "expected", "clause"),
    [
        ([180, 200], 0, "none"),
        ([100, 100], 0, "none"),
        ([99.9, 100], 0, "single_value"),
        ([99.9, 99.9], 1, "two_values"),
        ([50, 50], 1, "two_values"),
        ([49.9, 50], 1, "two_values"),
        ([49.9, 49.9], 2, "two_values"),
        ([10, 150], 0, "single_value"),
        ([10, 90], 1, "two_values"),
        ([10, 40], 2, "two_values"),
        ([20, 20], 2, "two_values"),
        ([19.9, 20], 2, "two_values"),
        ([19.9, 19.9], 3, "two_values"),
        ([10, 10, 150, 150], 3, "two_values"),
    ],
)
def test_two_values_below_a_limit(counts: list[float], expected: int, clause: str) -> None:
    found = grade({35 + 15 * i: v for i, v in enumerate(counts)})
    assert (found["grade"], found["clause"], found["missing"]) == (expected, clause, None)
    assert (found["nadir_10e9_per_l"], found["n_days"]) == (min(counts), len(counts))


@pytest.mark.parametrize(
    ("days", "longest", "expected"),
    [
        (range(40, 53), 13, 3),
        (range(40, 54), 14, 4),
        ([40, 48, 53], 14, 4),
        ([40, 48, 57], 9, 3),
        ([40, 60], 1, 3),
    ],
)
def test_a_run_of_fourteen_days_below_20(days: Any, longest: int, expected: int) -> None:
    found = grade(dict.fromkeys(days, 15.0))
    assert (found["days_platelets_lt_20"], found["grade"]) == (longest, expected)
    assert found["clause"] == ("long_below_20" if expected == 4 else "two_values")


def test_runs_are_neither_joined_nor_carried_to_the_edges_of_the_window() -> None:
    counts = dict.fromkeys(range(40, 55), 15.0) | {47: 30.0}
    assert grade(counts)["days_platelets_lt_20"] == 7
    assert grade({94: 15, 97: 15})["days_platelets_lt_20"] == 4


@pytest.mark.parametrize(
    ("counts", "given", "expected", "n_days"),
    [
        ({30: 10, 31: 40, 60: 40}, {}, 2, 2),
        ({100: 40, 60: 40, 101: 10}, {}, 2, 2),
        ({35: 40, 60: 40}, {"censor_day": 60}, 2, 2),
        ({35: 40, 60: 40}, {"censor_day": 59}, None, 1),
        ([(35, 40), (35, 200), (60, 40)], {}, 2, 2),
        ([(35, 40), (None, 40), (60, None)], {}, None, 1),
    ],
)
def test_window_and_days(counts: Any, given: dict[str, int], expected: int | None, n_days: int) -> None:
    found = grade(counts, **given)
    assert (found["grade"], found["n_days"]) == (expected, n_days)


@pytest.mark.parametrize("counts", [None, [], {35: 40}, {20: 10, 25: 10}])
def test_fewer_than_two_values_are_not_graded(counts: Any) -> None:
    found = grade(counts)
    assert (found["grade"], found["clause"], found["missing"]) == (None, None, "platelets")
