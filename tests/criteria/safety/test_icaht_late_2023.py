from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aftercart import criteria

ROW = pl.Struct({"days_since_infusion": pl.Int64(), "anc_per_ul": pl.Float64()})
Counts = dict[int, Any] | list[tuple[int | None, Any]]
SECOND = {"late_rule": "two_below_threshold"}


def grade(anc: Counts, **given: Any) -> dict[str, Any]:
    rows = [{"days_since_infusion": d, "anc_per_ul": v} for d, v in (anc.items() if isinstance(anc, dict) else anc)]
    frame = pl.DataFrame({"anc": pl.Series([rows], dtype=pl.List(ROW))})
    return criteria.icaht_late_2023(frame, **given).row(0, named=True)


# lowest count, with a second one that confirms -> grade
BANDS = [
    (0, 4),
    (99, 4),
    (100, 4),
    (100.5, 3),
    (101, 3),
    (500, 3),
    (500.5, 2),
    (501, 2),
    (1000, 2),
    (1000.5, 1),
    (1001, 1),
    (1500, 1),
]


@pytest.mark.parametrize(("nadir", "expected"), BANDS)
def test_the_lowest_count_grades(nadir: float, expected: int) -> None:
    found = grade({35: 3000, 40: nadir, 60: 1500})
    assert (found["grade"], found["confirmed"]) == (expected, True)
    assert (found["nadir_per_ul"], found["nadir_day"], found["n_days"]) == (nadir, 40, 3)
    assert (found["clause"], found["missing"]) == ("depth", None)


@pytest.mark.parametrize(("nadir", "expected"), BANDS)
def test_a_single_count_is_graded_without_confirmation(nadir: float, expected: int) -> None:
    found = grade({40: nadir})
    assert (found["grade"], found["confirmed"], found["clause"]) == (expected, False, "depth")


@pytest.mark.parametrize(("nadir", "expected"), BANDS)
def test_the_second_lowest_count_grades_by_the_other_rule(nadir: float, expected: int) -> None:
    found = grade({35: 3000, 40: nadir, 60: 0}, **SECOND)
    assert (found["grade"], found["confirmed"], found["clause"]) == (expected, True, "second_lowest")


@pytest.mark.parametrize(("second", "expected", "confirmed"), [(1500, 4, True), (1500.5, 0, False), (1501, 0, False)])
def test_a_fall_is_transient_when_the_second_lowest_day_is_above_1500(
    second: float, expected: int, confirmed: bool
) -> None:
    found = grade({40: 50, 60: second, 80: 4000})
    assert (found["grade"], found["confirmed"]) == (expected, confirmed)
    assert found["clause"] == ("depth" if confirmed else "transient")
    assert (found["nadir_per_ul"], found["nadir_day"]) == (50, 40)


@pytest.mark.parametrize(
    ("anc", "default", "by_second"),
    [
        ({40: 50, 60: 900}, 4, 2),
        ({40: 50, 60: 90, 61: 80}, 4, 4),
        ({40: 400, 60: 1400}, 3, 1),
        ({40: 1400, 60: 400}, 3, 1),
        ({40: 1600, 60: 1700}, 0, 0),
    ],
)
def test_both_rules(anc: Counts, default: int, by_second: int) -> None:
    assert grade(anc)["grade"] == default
    assert grade(anc, late_rule="nadir_confirmed_below_1500")["grade"] == default
    assert grade(anc, **SECOND)["grade"] == by_second


def test_a_transient_fall_by_the_other_rule() -> None:
    found = grade({40: 50, 60: 1501}, **SECOND)
    assert (found["grade"], found["confirmed"], found["clause"]) == (0, False, "transient")


@pytest.mark.parametrize("anc", [{40: 1501}, {40: 1500.5, 60: 1501}, {40: 4000, 50: 3000, 60: 5000}])
def test_no_count_at_or_below_1500(anc: Counts) -> None:
    found = grade(anc)
    assert (found["grade"], found["confirmed"]) == (0, False)
    assert (found["clause"], found["missing"]) == ("none", None)


@pytest.mark.parametrize("given", [{}, SECOND])
def test_two_counts_of_one_day_are_one_time_point(given: dict[str, Any]) -> None:
    found = grade([(40, 400), (40, 900)], **given)
    assert (found["nadir_per_ul"], found["n_days"], found["confirmed"]) == (400, 1, False)
    assert found["grade"] == (None if given else 3)
    assert found["missing"] == ("anc" if given else None)


# two low counts on the last day of a window and the day before, one more outside it
@pytest.mark.parametrize(
    ("day", "given", "counts"),
    [
        (30, {}, False),
        (31, {}, True),
        (100, {}, True),
        (101, {}, False),
        (101, {"late_window_end_day": 180}, True),
        (180, {"late_window_end_day": 180}, True),
        (181, {"late_window_end_day": 180}, False),
        (365, {"late_window_end_day": 365}, True),
        (366, {"late_window_end_day": 365}, False),
        (60, {"progression_day": 60}, True),
        (61, {"progression_day": 60}, False),
        (60, {"next_therapy_day": 60}, True),
        (61, {"next_therapy_day": 60}, False),
        (60, {"last_follow_up_day": 60}, True),
        (61, {"last_follow_up_day": 60}, False),
        (61, {"progression_day": 90, "next_therapy_day": 60, "last_follow_up_day": 80}, False),
        (61, {"progression_day": 90, "next_therapy_day": 70, "last_follow_up_day": 61}, True),
        (61, {"progression_day": None, "next_therapy_day": None, "last_follow_up_day": None}, True),
        (101, {"progression_day": 400}, False),
    ],
)
def test_the_window_and_what_cuts_it(day: int, given: dict[str, Any], counts: bool) -> None:
    found = grade({day: 400}, **given)
    if counts:
        assert (found["grade"], found["nadir_day"], found["n_days"]) == (3, day, 1)
    else:
        assert (found["grade"], found["confirmed"], found["clause"]) == (None, None, None)
        assert found["missing"] == "anc"


def test_days_outside_the_window_neither_grade_nor_confirm() -> None:
    found = grade({-5: 100, 0: 50, 30: 50, 40: 900, 50: 3000, 101: 50})
    assert (found["grade"], found["nadir_per_ul"], found["n_days"]) == (0, 900, 2)
    assert found["clause"] == "transient"


def test_nothing_is_interpolated() -> None:
    found = grade({35: 100, 37: 100})
    assert (found["n_days"], found["grade"]) == (2, 4)


def test_the_first_day_of_the_lowest_count_is_given() -> None:
    assert grade({60: 400, 40: 400, 50: 900})["nadir_day"] == 40


@pytest.mark.parametrize("anc", [{}, {10: 50, 30: 50}, {40: None}, [(None, 400)], {40: -1}])
@pytest.mark.parametrize("given", [{}, SECOND])
def test_without_any_value_in_the_window_nothing_is_given(anc: Counts, given: dict[str, Any]) -> None:
    found = grade(anc, **given)
    assert (found["grade"], found["confirmed"], found["nadir_per_ul"]) == (None, None, None)
    assert (found["clause"], found["missing"]) == (None, "anc")


@pytest.mark.parametrize("value", [400, 3000])
def test_the_other_rule_needs_two_days(value: float) -> None:
    found = grade({40: value}, **SECOND)
    assert (found["grade"], found["clause"], found["missing"]) == (None, None, "anc")
    assert found["nadir_per_ul"] == value


def test_subjects_of_a_long_frame_stay_apart() -> None:
    frame = pl.DataFrame(
        {
            "subject_id": ["A", "B", "A", "B", "C"],
            "days_since_infusion": [40, 40, 60, 60, 10],
            "anc_per_ul": [400.0, 400.0, 1200.0, 2000.0, 50.0],
        }
    )
    found = criteria.icaht_late_2023(frame)
    assert found["subject_id"].to_list() == ["A", "B", "C"]
    assert found["grade"].to_list() == [3, 0, None]


@pytest.mark.parametrize(
    ("name", "value", "invalid"),
    [
        ("late_window_end_day", 30, "late_window_end_day: found 30, expected at least 31"),
        ("late_rule", "any", "late_rule: found any, expected one of nadir_confirmed_below_1500, two_below_threshold"),
    ],
)
def test_settings_that_do_not_exist_are_refused(name: str, value: Any, invalid: str) -> None:
    assert grade({40: 400, 50: 400}, **{name: value})["invalid"] == invalid


@pytest.mark.parametrize("value", [-1.0, 1000001.0])
def test_counts_that_do_not_exist_are_refused(value: float) -> None:
    found = grade({40: 1200, 50: value, 60: 1200})
    assert found["grade"] == 1
    assert found["invalid"].startswith(f"anc_per_ul: found {value}, expected 0 to ")


series = st.dictionaries(st.integers(31, 100), st.sampled_from([0, 100, 101, 500, 1000, 1500, 1501, 3000]), min_size=2)


@settings(max_examples=40, deadline=None)
@given(anc=series)
def test_the_second_lowest_count_never_grades_higher(anc: dict[int, int]) -> None:
    found, other = grade(anc), grade(anc, **SECOND)
    assert other["grade"] <= found["grade"]
    assert (other["grade"] == 0) == (found["grade"] == 0)
    assert found["confirmed"] is (sorted(anc.values())[1] <= 1500)
    assert found["nadir_per_ul"] == min(anc.values())
