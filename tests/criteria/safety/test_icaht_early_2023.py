from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aftercart import criteria

ROW = pl.Struct({"days_since_infusion": pl.Int64(), "anc_per_ul": pl.Float64()})
Counts = dict[int, Any] | list[tuple[int | None, Any]]
HIGH = 2000


def grade(anc: Counts, **given: Any) -> dict[str, Any]:
    rows = [{"days_since_infusion": d, "anc_per_ul": v} for d, v in (anc.items() if isinstance(anc, dict) else anc)]
    frame = pl.DataFrame({"anc": pl.Series([rows], dtype=pl.List(ROW))})
    return criteria.icaht_early_2023(frame, **given).row(0, named=True)


def daily(*low: tuple[int, int, float], rest: float = HIGH) -> dict[int, float]:
    """Counts on every day 0 to 30; `low` are (first day, last day, count), the other days are `rest`."""
    days = dict.fromkeys(range(31), float(rest))
    for start, end, value in low:
        days |= dict.fromkeys(range(start, end + 1), value)
    return days


# days at or below 500 in one streak that begins on day 5
@pytest.mark.parametrize(
    ("n", "expected"), [(1, 1), (2, 1), (6, 1), (7, 2), (8, 2), (13, 2), (14, 3), (15, 3), (25, 3), (26, 3)]
)
def test_days_at_or_below_500(n: int, expected: int) -> None:
    found = grade(daily((5, 4 + n, 300)))
    assert (found["grade"], found["clause"], found["missing"]) == (expected, "severe", None)
    assert (found["days_anc_le_500"], found["days_anc_le_100"]) == (n, 0)
    assert found["never_above_500"] is False
    assert found["days_not_evaluable"] == 0


# days at or below 100 inside a streak of days at or below 500
@pytest.mark.parametrize(
    ("profound", "severe", "expected", "clause"),
    [
        (1, 1, 1, "severe"),
        (6, 6, 1, "severe"),
        (6, 13, 2, "severe"),
        (7, 7, 3, "profound"),
        (7, 13, 3, "profound"),
        (13, 13, 3, "profound"),
        (7, 14, 3, "severe"),
        (13, 20, 3, "severe"),
        (14, 14, 4, "profound"),
        (14, 20, 4, "profound"),
    ],
)
def test_days_at_or_below_100(profound: int, severe: int, expected: int, clause: str) -> None:
    found = grade(daily((5, 4 + severe, 400), (5, 4 + profound, 50)))
    assert (found["grade"], found["clause"]) == (expected, clause)
    assert (found["days_anc_le_500"], found["days_anc_le_100"]) == (severe, profound)
    assert found["never_above_500"] is False


@pytest.mark.parametrize(
    ("count", "severe", "profound"),
    [(500, 7, 0), (500.4, 0, 0), (501, 0, 0), (504, 0, 0), (499, 7, 0), (100, 7, 7), (100.4, 7, 0), (104, 7, 0)],
)
def test_both_limits_belong_to_the_low_side_and_counts_are_not_rounded(
    count: float, severe: int, profound: int
) -> None:
    found = grade(daily((5, 11, count)))
    assert (found["days_anc_le_500"], found["days_anc_le_100"]) == (severe, profound)


def test_no_day_at_or_below_500() -> None:
    found = grade(daily(rest=501))
    assert (found["grade"], found["clause"], found["missing"]) == (0, "none", None)
    assert (found["days_anc_le_500"], found["days_anc_le_100"], found["never_above_500"]) == (0, 0, False)


# a streak of days at or below 500 (first, last) -> whether there was no recovery, and the grade
@pytest.mark.parametrize(
    ("start", "end", "never", "expected"),
    [
        (0, 30, True, 4),
        (1, 30, True, 4),
        (3, 30, True, 4),
        (4, 30, False, 3),
        (0, 29, False, 3),
        (3, 29, False, 3),
        (0, 0, False, 1),
    ],
)
def test_never_above_500(start: int, end: int, never: bool, expected: int) -> None:
    found = grade(daily((start, end, 400)))
    assert (found["never_above_500"], found["grade"]) == (never, expected)
    assert found["clause"] == ("never_above_500" if never else "severe")
    assert found["days_anc_le_500"] == end - start + 1


# the same, when follow-up ends early
@pytest.mark.parametrize(
    ("start", "end", "last", "never", "expected"),
    [
        (0, 2, 2, True, 4),
        (3, 12, 12, True, 4),
        (3, 3, 3, True, 4),
        (4, 12, 12, False, 2),
        (3, 11, 12, False, 2),
        (2, 30, 9, True, 4),
        (10, 30, 15, False, 1),
        (10, 30, 16, False, 2),
        (0, 30, 60, True, 4),
    ],
)
def test_the_window_ends_with_follow_up_that_day_included(
    start: int, end: int, last: int, never: bool, expected: int
) -> None:
    found = grade(daily((start, end, 400)), last_follow_up_day=last)
    assert (found["never_above_500"], found["grade"]) == (never, expected)
    assert found["days_anc_le_500"] == min(end, last, 30) - start + 1
    assert found["days_not_evaluable"] == 0


@pytest.mark.parametrize(("anc", "days"), [({0: 400}, 8), ({3: 400, 4: 300}, 12)])
def test_no_recovery_counts_up_to_the_last_day_that_is_known(anc: dict[int, float], days: int) -> None:
    found = grade(anc, last_follow_up_day=days - 1)
    assert (found["grade"], found["clause"]) == (4, "never_above_500")
    assert found["days_anc_le_500"] == days
    late = grade(anc, last_follow_up_day=days)  # one more day: the tail is too long to fill
    assert (late["grade"], late["clause"]) == (4, "never_above_500")
    assert late["days_anc_le_500"] == days - 7
    assert late["days_not_evaluable"] == 8


# streaks of days at or below 500 -> longest after joining, sum, grade by each
@pytest.mark.parametrize(
    ("streaks", "longest", "total", "by_longest", "by_sum"),
    [
        ([(5, 7), (9, 11)], 7, 7, 2, 2),  # 1 day between: joined, and counted
        ([(5, 7), (10, 11)], 7, 7, 2, 2),  # 2 days between
        ([(5, 7), (11, 14)], 4, 7, 1, 2),  # 3 days between: recovered
        ([(5, 6), (9, 10), (13, 14)], 10, 10, 2, 2),
        ([(5, 10), (14, 19), (24, 25)], 6, 14, 1, 3),
        ([(5, 11), (15, 15), (20, 24)], 7, 13, 2, 2),
        ([(5, 8)], 4, 4, 1, 1),
    ],
)
def test_short_recoveries_are_joined(
    streaks: list[tuple[int, int]], longest: int, total: int, by_longest: int, by_sum: int
) -> None:
    anc = daily(*((start, end, 300) for start, end in streaks))
    for rule, days, expected in (("longest_streak", longest, by_longest), ("cumulative", total, by_sum)):
        found = grade(anc, duration_rule=rule)
        assert (found["days_anc_le_500"], found["grade"]) == (days, expected)
    assert grade(anc)["days_anc_le_500"] == longest


def test_streaks_at_or_below_100_are_joined_and_added_as_well() -> None:
    anc = daily((5, 15, 300), (5, 7, 50), (10, 11, 50))
    assert grade(anc)["days_anc_le_100"] == 7
    assert (grade(anc)["grade"], grade(anc)["clause"]) == (3, "profound")
    apart = daily((5, 15, 300), (5, 7, 50), (11, 14, 50))
    assert (grade(apart)["days_anc_le_100"], grade(apart)["grade"]) == (4, 2)
    added = grade(apart, duration_rule="cumulative")
    assert (added["days_anc_le_100"], added["grade"], added["clause"]) == (7, 3, "profound")


@pytest.mark.parametrize(("most", "days"), [(0, 3), (1, 3), (2, 7), (6, 7)])
def test_the_longest_unstable_recovery_is_an_input(most: int, days: int) -> None:
    assert grade(daily((5, 7, 300), (10, 11, 300)), max_unstable_recovery_days=most)["days_anc_le_500"] == days


def test_a_joined_streak_can_reach_the_end_without_recovery() -> None:
    found = grade(daily((2, 20, 400), (23, 30, 400)))
    assert (found["grade"], found["clause"], found["days_anc_le_500"]) == (4, "never_above_500", 29)
    found = grade(daily((2, 20, 400), (24, 30, 400)))
    assert (found["grade"], found["never_above_500"], found["days_anc_le_500"]) == (3, False, 19)


def test_missing_days_are_interpolated() -> None:
    # 0 -> 1000 on day 4: 250 a day; 500 is reached on day 2. 100 -> 900 from day 10 to 14: 500 on day 12.
    anc = daily() | {4: 1000.0, 8: 1000.0, 10: 100.0, 14: 900.0}
    for day in (1, 2, 3, 9, 11, 12, 13):
        del anc[day]
    found = grade(anc | {0: 0.0})
    assert found["days_not_evaluable"] == 0
    assert found["days_anc_le_500"] == 3  # 0, 1, 2 and 10, 11, 12; day 9 is 550
    assert grade(anc | {0: 0.0}, duration_rule="cumulative")["days_anc_le_500"] == 6


# counts of 400 on day 4 and on a later day, nothing between them
@pytest.mark.parametrize(
    ("later", "longest", "gap", "expected"),
    [(5, 2, 0, 1), (11, 8, 0, 2), (12, 9, 0, 2), (13, 1, 8, 1), (20, 1, 15, 1)],
)
def test_gaps_of_more_than_seven_days_stay_missing_as_a_whole(
    later: int, longest: int, gap: int, expected: int
) -> None:
    anc = {d: v for d, v in daily().items() if d < 4 or d > later} | {4: 400, later: 400}
    found = grade(anc)
    assert (found["days_anc_le_500"], found["days_not_evaluable"]) == (longest, gap)
    assert (found["grade"], found["clause"]) == (expected, "severe")


def test_the_longest_gap_is_an_input() -> None:
    anc = {d: v for d, v in daily().items() if d < 4 or d > 13} | {4: 400, 13: 400}
    assert grade(anc, max_interpolation_gap_days=8)["days_anc_le_500"] == 10
    short = grade({0: HIGH, 1: 400, 3: 400, 4: HIGH}, max_interpolation_gap_days=0, last_follow_up_day=4)
    assert (short["days_anc_le_500"], short["days_not_evaluable"]) == (1, 1)


def test_a_gap_breaks_a_streak_without_recovery() -> None:
    anc = daily(rest=400)
    whole = {d: v for d, v in anc.items() if d < 4 or d > 10}
    assert (grade(whole)["grade"], grade(whole)["never_above_500"]) == (4, True)
    broken = {d: v for d, v in anc.items() if d < 4 or d > 11}
    found = grade(broken)
    assert (found["grade"], found["never_above_500"]) == (3, False)
    assert (found["days_anc_le_500"], found["days_not_evaluable"]) == (19, 8)


@pytest.mark.parametrize(("first", "days", "gap"), [(1, 2, 0), (7, 8, 0), (8, 1, 8), (9, 1, 9)])
def test_days_before_the_first_value_take_it_for_at_most_seven_days(first: int, days: int, gap: int) -> None:
    anc = {d: v for d, v in daily((first, first, 400)).items() if d >= first}
    found = grade(anc)
    assert (found["days_anc_le_500"], found["days_not_evaluable"]) == (days, gap)


@pytest.mark.parametrize(("last", "days", "gap"), [(29, 2, 0), (23, 8, 0), (22, 1, 8), (20, 1, 10)])
def test_days_after_the_last_value_take_it_for_at_most_seven_days(last: int, days: int, gap: int) -> None:
    anc = {d: v for d, v in daily((last, last, 400)).items() if d <= last}
    found = grade(anc)
    assert (found["days_anc_le_500"], found["days_not_evaluable"]) == (days, gap)


def test_the_lowest_count_of_a_day_and_only_days_of_the_window() -> None:
    anc = [*daily().items(), (5, 400.0), (5, 900.0), (-1, 50.0), (31, 50.0), (None, 50.0), (6, None)]
    found = grade(anc)
    assert (found["grade"], found["days_anc_le_500"], found["days_anc_le_100"]) == (1, 1, 0)


@pytest.mark.parametrize(
    ("anc", "given"),
    [
        ({}, {}),
        ({-3: 2000, 31: 100}, {}),
        ({5: None, 6: None}, {}),
        ({5: 400}, {"last_follow_up_day": 4}),
        ({0: 400}, {"last_follow_up_day": -1}),
        ({5: -1}, {}),
    ],
)
def test_without_any_value_in_the_window_nothing_is_given(anc: Counts, given: dict[str, Any]) -> None:
    found = grade(anc, **given)
    assert (found["grade"], found["days_anc_le_500"], found["days_anc_le_100"]) == (None, None, None)
    assert (found["never_above_500"], found["clause"], found["missing"]) == (None, None, "anc")


def test_subjects_of_a_long_frame_stay_apart() -> None:
    frames = [
        pl.DataFrame({"subject_id": name, "days_since_infusion": list(anc), "anc_per_ul": list(anc.values())})
        for name, anc in (("A", daily(rest=400.0)), ("B", daily((0, 6, 300.0))), ("C", daily()))
    ]
    found = criteria.icaht_early_2023(pl.concat(frames))
    assert found["subject_id"].to_list() == ["A", "B", "C"]
    assert found["grade"].to_list() == [4, 2, 0]


@pytest.mark.parametrize(
    ("name", "value", "invalid"),
    [
        ("duration_rule", "mean", "duration_rule: found mean, expected one of longest_streak, cumulative"),
        ("max_interpolation_gap_days", -1, "max_interpolation_gap_days: found -1, expected at least 0"),
        ("max_unstable_recovery_days", -1, "max_unstable_recovery_days: found -1, expected at least 0"),
    ],
)
def test_settings_that_do_not_exist_are_refused(name: str, value: Any, invalid: str) -> None:
    assert grade(daily(), **{name: value})["invalid"] == invalid


@pytest.mark.parametrize("value", [-1.0, 1000001.0])
def test_counts_that_do_not_exist_are_refused(value: float) -> None:
    found = grade(daily() | {5: value})
    assert found["grade"] == 0
    assert found["invalid"].startswith(f"anc_per_ul: found {value}, expected 0 to ")


counts = st.lists(st.sampled_from([0, 50, 100, 101, 400, 500, 501, 2000]), min_size=31, max_size=31)


@settings(max_examples=40, deadline=None)
@given(values=counts)
def test_lower_counts_never_lower_the_grade(values: list[int]) -> None:
    anc = dict(enumerate(values))
    found = grade(anc)
    lower = grade({d: v / 2 for d, v in anc.items()})
    added = grade(anc, duration_rule="cumulative")
    assert found["grade"] <= lower["grade"]
    assert found["grade"] <= added["grade"]
    assert found["days_anc_le_500"] <= added["days_anc_le_500"] <= 31
    assert found["days_anc_le_100"] <= found["days_anc_le_500"]
    assert (found["grade"] == 0) == all(v > 500 for v in values)
