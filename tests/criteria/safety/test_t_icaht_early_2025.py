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
    return criteria.t_icaht_early_2025(frame, **given).row(0, named=True)


def daily(*low: tuple[int, int, float], rest: float = 200) -> dict[int, float]:
    """Counts on every day 0 to 30; `low` are (first day, last day, count), the other days are `rest`."""
    days = dict.fromkeys(range(31), float(rest))
    for start, end, value in low:
        days |= dict.fromkeys(range(start, end + 1), value)
    return days


@pytest.mark.parametrize(("n", "expected"), [(1, 1), (6, 1), (7, 2), (14, 2), (25, 2)])
def test_days_below_50(n: int, expected: int) -> None:
    found = grade(daily((5, 4 + n, 45)))
    assert (found["grade"], found["clause"], found["missing"]) == (expected, "below_50", None)
    assert (found["days_platelets_lt_50"], found["days_platelets_lt_20"]) == (n, 0)
    assert found["days_not_evaluable"] == 0


@pytest.mark.parametrize(("n", "expected"), [(1, 3), (13, 3), (14, 4), (25, 4)])
def test_days_below_20(n: int, expected: int) -> None:
    found = grade(daily((5, 4 + n, 15)))
    assert (found["grade"], found["clause"]) == (expected, "below_20")
    assert (found["days_platelets_lt_50"], found["days_platelets_lt_20"]) == (n, n)


@pytest.mark.parametrize(("count", "expected"), [(200, 0), (50, 0), (49.99, 1), (20, 1), (19.99, 3), (0, 3)])
def test_the_limits_themselves_do_not_count(count: float, expected: int) -> None:
    found = grade(daily((10, 10, count)))
    assert found["grade"] == expected
    assert found["clause"] == {0: "none", 1: "below_50", 3: "below_20"}[expected]


@pytest.mark.parametrize(
    ("between", "given", "days", "expected"),
    [(1, {}, 7, 2), (2, {}, 8, 2), (3, {}, 6, 1), (3, {"max_unstable_recovery_days": 6}, 9, 2)],
)
def test_streaks_add_up_and_short_recoveries_count(
    between: int, given: dict[str, int], days: int, expected: int
) -> None:
    found = grade(daily((5, 7, 40), (8 + between, 10 + between, 40)), **given)
    assert (found["days_platelets_lt_50"], found["grade"]) == (days, expected)


def test_separate_streaks_accumulate() -> None:
    found = grade(daily((3, 9, 10), (15, 21, 10)))
    assert (found["days_platelets_lt_20"], found["grade"]) == (14, 4)


@pytest.mark.parametrize(("censor", "days"), [(None, 10), (14, 10), (13, 9), (5, 1), (100, 10)])
def test_the_censoring_day_still_counts(censor: int | None, days: int) -> None:
    assert grade(daily((5, 14, 40)), censor_day=censor)["days_platelets_lt_50"] == days


@pytest.mark.parametrize(
    ("counts", "days", "not_evaluable"),
    [
        ({0: 200, 5: 40, 13: 40, 14: 200, 22: 200, 30: 200}, 9, 0),
        ({0: 200, 5: 40, 14: 40, 15: 200, 23: 200, 30: 200}, 2, 8),
        ({7: 40, 15: 40, 23: 40}, 31, 0),
        ({8: 40, 15: 40, 22: 40}, 15, 16),
        ({0: 20, 2: 60, 10: 60, 18: 60, 26: 60}, 2, 0),
    ],
)
def test_gaps_of_up_to_seven_days_are_filled(counts: dict[int, float], days: int, not_evaluable: int) -> None:
    found = grade(counts)
    assert (found["days_platelets_lt_50"], found["days_not_evaluable"]) == (days, not_evaluable)


def test_the_lowest_count_of_a_day_and_only_days_of_the_window_count() -> None:
    counts = [(-1, 10), (10, 200), (10, 30), (31, 10), (11, None), (None, 10), (12, 200)]
    found = grade(counts, max_interpolation_gap_days=0)
    assert (found["days_platelets_lt_50"], found["days_platelets_lt_20"], found["grade"]) == (1, 0, 1)


@pytest.mark.parametrize("counts", [None, [], {31: 10}, {-2: 10}, {5: None}])
def test_without_a_value_in_the_window_nothing_is_given(counts: Any) -> None:
    found = grade(counts)
    assert (found["grade"], found["clause"], found["missing"]) == (None, None, "platelets")
    assert (found["days_platelets_lt_50"], found["days_platelets_lt_20"]) == (None, None)


def test_subjects_do_not_run_into_each_other() -> None:
    long = pl.DataFrame(
        {
            "subject_id": ["a"] * 31 + ["b"] * 31,
            "days_since_infusion": [*range(31), *range(31)],
            "platelets_10e9_per_l": [200.0] * 24 + [10.0] * 7 + [10.0] * 7 + [200.0] * 24,
        }
    )
    assert criteria.t_icaht_early_2025(long).select("subject_id", "grade", "days_platelets_lt_20").rows() == [
        ("a", 3, 7),
        ("b", 3, 7),
    ]
