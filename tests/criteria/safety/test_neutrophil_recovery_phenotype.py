from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from aftercart import criteria

ROW = pl.Struct({"days_since_infusion": pl.Int64(), "anc_per_ul": pl.Float64()})
Counts = dict[int, Any] | list[tuple[int | None, Any]]


def course(counts: Counts | None, **given: Any) -> dict[str, Any]:
    pairs = counts.items() if isinstance(counts, dict) else counts
    rows = None if pairs is None else [{"days_since_infusion": d, "anc_per_ul": v} for d, v in pairs]
    frame = pl.DataFrame({"anc": pl.Series([rows], dtype=pl.List(ROW))})
    return criteria.neutrophil_recovery_phenotype(frame, **given).row(0, named=True)


def daily(*low: tuple[int, int, float], rest: float = 2200) -> dict[int, float]:
    """Counts on every day 0 to 60; `low` are (first day, last day, count), the other days are `rest`."""
    days = dict.fromkeys(range(61), float(rest))
    for start, end, value in low:
        days |= dict.fromkeys(range(start, end + 1), value)
    return days


@pytest.mark.parametrize(
    ("low", "phenotype", "severe"),
    [
        ([], "quick", 0),
        ([(4, 16, 300)], "quick", 13),
        ([(4, 17, 300)], "aplastic", 14),
        ([(4, 17, 499.9)], "aplastic", 14),
        ([(4, 17, 500)], "quick", 0),
        ([(4, 10, 300), (12, 18, 300)], "quick", 7),
        ([(4, 10, 300), (28, 28, 999)], "intermittent", 7),
        ([(4, 10, 300), (28, 28, 1000)], "quick", 7),
        ([(4, 10, 300), (22, 22, 900)], "intermittent", 7),
        ([(4, 10, 300), (21, 21, 900)], "quick", 7),
        ([(28, 30, 300)], "quick", 3),
        ([(4, 10, 300), (28, 45, 300)], "aplastic", 18),
        ([(4, 10, 300), (11, 27, 1500), (28, 30, 300), (31, 60, 1500)], "quick", 7),
        ([(4, 10, 300), (11, 27, 1501), (28, 30, 300), (31, 60, 1500)], "intermittent", 7),
        ([(4, 10, 1000), (28, 30, 900)], "quick", 0),
    ],
)
def test_classes_and_their_limits(low: list[tuple[int, int, float]], phenotype: str, severe: int) -> None:
    found = course(daily(*low))
    assert (found["phenotype"], found["longest_severe_days"]) == (phenotype, severe)
    assert (found["clause"], found["missing"], found["n_days"], found["last_day"]) == (phenotype, None, 61, 60)


def test_the_days_of_recovery_and_second_fall_are_given() -> None:
    found = course(daily((4, 10, 300), (28, 33, 700)))
    assert (found["recovery_day"], found["second_fall_day"]) == (11, 28)


@pytest.mark.parametrize(
    ("counts", "phenotype", "severe"),
    [
        ({5: 300, 13: 300, 18: 300, 20: 2000}, "aplastic", 14),
        ({5: 300, 14: 300, 18: 300, 20: 2000}, "quick", 5),
        ({0: 300}, "quick", 1),
        ({5: 300, 10: 2000, 61: 300}, "quick", 1),
        ({-5: 300, 10: 2000, 30: 900, 40: 2000}, "quick", 0),
        ([(5, 300), (5, 2000), (10, 2000), (30, 900), (30, 5000)], "intermittent", 1),
        ([(None, 300), (10, None), (12, 2000)], "quick", 0),
    ],
)
def test_gaps_edges_and_days(counts: Any, phenotype: str, severe: int) -> None:
    found = course(counts)
    assert (found["phenotype"], found["longest_severe_days"]) == (phenotype, severe)


@pytest.mark.parametrize("counts", [None, [], {61: 300}, {5: None}])
def test_without_a_count_in_the_window_nothing_is_given(counts: Any) -> None:
    found = course(counts)
    assert (found["phenotype"], found["longest_severe_days"], found["clause"]) == (None, None, None)
    assert found["missing"] == "anc"
