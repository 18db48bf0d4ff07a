from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aftercart import criteria

ROW = pl.Struct(
    {"days_since_infusion": pl.Int64(), "grade": pl.Int64(), "grade_min": pl.Int64(), "grade_max": pl.Int64()}
)
Days = dict[int, Any] | list[tuple[int | None, Any]]


def find(days: Days, **given: Any) -> dict[str, Any]:
    """Run on day -> grade, or (day, grade) pairs; a grade written (low, high) is known within bounds only."""
    rows = []
    for day, grade in days.items() if isinstance(days, dict) else days:
        low, high = grade if isinstance(grade, tuple) else (None, None)
        known = None if isinstance(grade, tuple) else grade
        rows.append({"days_since_infusion": day, "grade": known, "grade_min": low, "grade_max": high})
    frame = pl.DataFrame({"observations": pl.Series([rows], dtype=pl.List(ROW))})
    return criteria.grade_episodes(frame, **given).row(0, named=True)


def spans(found: dict[str, Any]) -> list[tuple[int, int]]:
    return [(e["onset_day"], e["end_day"]) for e in found["episodes"]]


# days and grades -> episodes as (onset, end, duration, worst grade, day of it, censored), worst grade, first onset
@pytest.mark.parametrize(
    ("days", "episodes", "worst", "onset"),
    [
        ({0: 0, 1: 1, 2: 2, 3: 1, 4: 0}, [(1, 3, 3, 2, 2, False)], 2, 1),
        ({0: 0, 1: 1, 2: 0}, [(1, 1, 1, 1, 1, False)], 1, 1),
        ({0: 3, 1: 0}, [(0, 0, 1, 3, 0, False)], 3, 0),
        ({1: 2, 2: 4, 3: 4, 4: 1, 5: 0}, [(1, 4, 4, 4, 2, False)], 4, 1),
        ({1: 0, 2: 1, 3: 2}, [(2, 3, 2, 2, 3, True)], 2, 2),
        ({5: 1}, [(5, 5, 1, 1, 5, True)], 1, 5),
        ({1: 3, 2: 0, 3: 0, 4: 1}, [(1, 1, 1, 3, 1, False), (4, 4, 1, 1, 4, True)], 3, 1),
        ({-2: 1, -1: 1, 0: 0, 1: 0, 2: 2, 3: 0}, [(-2, -1, 2, 1, -2, False), (2, 2, 1, 2, 2, False)], 2, -2),
        ({-1: 1, 0: 0, 1: 1, 2: 0}, [(-1, 1, 3, 1, -1, False)], 1, -1),
    ],
)
def test_onset_end_duration_and_peak(days: Days, episodes: list[tuple[Any, ...]], worst: int, onset: int) -> None:
    found = find(days)
    assert [tuple(e.values()) for e in found["episodes"]] == episodes
    assert list(found["episodes"][0]) == [
        "onset_day",
        "end_day",
        "duration_days",
        "max_grade",
        "day_of_max_grade",
        "end_censored",
    ]
    assert found["n_episodes"] == len(episodes)
    assert (found["patient_max_grade"], found["patient_onset_day"]) == (worst, onset)
    assert (found["patient_grade_min"], found["patient_grade_max"]) == (worst, worst)
    assert (found["clause"], found["missing"]) == ("episode", None)


@pytest.mark.parametrize(
    ("merge", "clear", "episodes"),
    [(1, 1, 1), (1, 2, 2), (0, 0, 1), (0, 1, 2), (2, 2, 1), (2, 3, 2), (None, 1, 1), (None, 2, 2)],
)
def test_clear_days_between_positive_ones(merge: int | None, clear: int, episodes: int) -> None:
    days = {1: 1} | dict.fromkeys(range(2, 2 + clear), 0) | {2 + clear: 1, 3 + clear: 0}
    found = find(days, **({} if merge is None else {"merge_gap_days": merge}))
    assert found["n_episodes"] == episodes
    assert found["episodes"][-1]["end_day"] == 2 + clear


# a positive day 1, then which days are on record -> spans
@pytest.mark.parametrize(
    ("later", "expected"),
    [
        ({9: 1}, [(1, 9)]),  # 7 unknown days
        ({10: 1}, [(1, 1), (10, 10)]),  # 8 unknown days
        ({5: 0, 10: 1}, [(1, 10)]),  # 7 unknown days, 1 clear
        ({5: 0, 11: 1}, [(1, 1), (11, 11)]),  # 8 unknown days, 1 clear
        ({4: 0, 5: 0, 7: 1}, [(1, 1), (7, 7)]),  # 2 clear days
        ({9: 1, 17: 1}, [(1, 17)]),  # 7 unknown days twice: counted between neighbours
        ({5: None, 9: 1}, [(1, 9)]),  # a record without grade is unknown
        ({5: (0, 2), 9: 1}, [(1, 9)]),
    ],
)
def test_days_without_a_record_are_unknown_and_bridged_up_to_seven(
    later: dict[int, Any], expected: list[tuple[int, int]]
) -> None:
    found = find({1: 1} | later)
    assert spans(found) == expected
    assert found["episodes"][-1]["end_censored"] is True


def test_rows_are_sorted_and_days_collapse_to_the_worst() -> None:
    found = find([(4, 0), (2, 1), (1, 1), (3, 0), (1, 3), (1, 2), (3, 2)])
    assert [tuple(e.values()) for e in found["episodes"]] == [(1, 3, 3, 3, 1, False)]
    found = find([(1, 0), (1, 1), (2, 0)])
    assert spans(found) == [(1, 1)]


@pytest.mark.parametrize(
    ("min_grade", "expected"),
    [(1, [(1, 5)]), (2, [(2, 4)]), (3, [(3, 3)]), (4, [])],
)
def test_the_lowest_grade_that_counts(min_grade: int, expected: list[tuple[int, int]]) -> None:
    found = find({0: 0, 1: 1, 2: 2, 3: 3, 4: 2, 5: 1, 6: 0}, min_grade=min_grade)
    assert spans(found) == expected
    assert found["patient_max_grade"] == 3
    assert found["patient_onset_day"] == (expected[0][0] if expected else None)
    assert found["clause"] == ("episode" if expected else "clear")


def test_days_below_the_lowest_grade_are_clear_days() -> None:
    assert spans(find({1: 3, 2: 2, 3: 3, 4: 0}, min_grade=3)) == [(1, 3)]
    assert spans(find({1: 3, 2: 2, 3: 1, 4: 3, 5: 0}, min_grade=3)) == [(1, 1), (4, 4)]


@pytest.mark.parametrize(
    ("days", "episodes"),
    [
        ({1: 2, 2: 4, 3: 5}, [(1, 3, 3, 5, 3, False)]),
        ({1: 2, 2: 5, 3: 1, 4: 1}, [(1, 2, 2, 5, 2, False)]),
        ({1: 2, 2: 5, 3: 5}, [(1, 2, 2, 5, 2, False)]),
        ({1: 2, 2: 4, 3: 4}, [(1, 3, 3, 4, 2, True)]),
    ],
)
def test_death_closes_the_episode_on_its_day(days: Days, episodes: list[tuple[Any, ...]]) -> None:
    assert [tuple(e.values()) for e in find(days)["episodes"]] == episodes


def test_only_the_episode_of_the_last_observed_day_is_censored() -> None:
    found = find({1: 1, 2: 0, 3: 0, 4: 2})
    assert [e["end_censored"] for e in found["episodes"]] == [False, True]


@pytest.mark.parametrize("days", [{0: 0}, {0: 0, 1: 0, 2: 0}, {0: 0, 1: None}])
def test_records_without_a_positive_day(days: Days) -> None:
    found = find(days)
    assert (found["n_episodes"], found["episodes"]) == (0, [])
    assert (found["patient_max_grade"], found["patient_onset_day"]) == (0, None)
    assert (found["clause"], found["missing"]) == ("clear", None)


@pytest.mark.parametrize("days", [{}, {0: None, 1: None}, [(None, 2)], {0: 6, 1: -1}])
def test_without_any_graded_day_the_worst_grade_is_unknown(days: Days) -> None:
    found = find(days)
    assert (found["patient_max_grade"], found["patient_onset_day"]) == (None, None)
    assert (found["patient_grade_min"], found["patient_grade_max"]) == (None, None)
    assert found["episodes"] == []
    assert (found["clause"], found["missing"]) == ("not_evaluable", "observations.grade")


# days known within bounds -> worst grade and its bounds
@pytest.mark.parametrize(
    ("days", "worst", "low", "high", "clause"),
    [
        ({1: 3, 2: (0, 3), 3: 0}, 3, 3, 3, "episode"),
        ({1: 3, 2: (0, 4), 3: 0}, None, 3, 4, "open"),
        ({1: 1, 2: (2, 3), 3: 0}, None, 2, 3, "open"),
        ({1: 0, 2: (0, 2)}, None, 0, 2, "open"),
        ({1: (0, 1), 2: (2, 4)}, None, 2, 4, "open"),
        ([(1, 2), (1, (0, 1)), (2, 0)], 2, 2, 2, "episode"),
        ([(1, 2), (1, (0, 4)), (2, 0)], None, 2, 4, "open"),
    ],
)
def test_bounds_of_the_worst_grade(days: Days, worst: int | None, low: int, high: int, clause: str) -> None:
    found = find(days)
    assert found["patient_max_grade"] == worst
    assert (found["patient_grade_min"], found["patient_grade_max"]) == (low, high)
    assert found["clause"] == clause
    assert found["missing"] == (None if worst is not None else "observations.grade")


def test_an_episode_stays_while_the_worst_grade_is_open() -> None:
    found = find({1: 1, 2: 2, 3: 0, 4: (0, 4)})
    assert spans(found) == [(1, 2)]
    assert (found["patient_max_grade"], found["patient_onset_day"]) == (None, 1)


def test_subjects_of_a_long_frame_stay_apart() -> None:
    frame = pl.DataFrame(
        {
            "subject_id": ["A", "B", "A", "B", "C"],
            "days_since_infusion": [1, 3, 2, 4, 5],
            "grade": [1, 2, 1, 0, 0],
        }
    )
    found = criteria.grade_episodes(frame)
    assert found["subject_id"].to_list() == ["A", "B", "C"]
    assert [spans(r) for r in found.iter_rows(named=True)] == [[(1, 2)], [(3, 3)], []]
    assert found["patient_max_grade"].to_list() == [1, 2, 0]


@pytest.mark.parametrize(
    ("name", "value", "invalid"),
    [
        ("min_grade", 0, "min_grade: found 0, expected 1 to 5"),
        ("min_grade", 6, "min_grade: found 6, expected 1 to 5"),
        ("merge_gap_days", -1, "merge_gap_days: found -1, expected at least 0"),
    ],
)
def test_settings_that_do_not_exist_are_refused(name: str, value: int, invalid: str) -> None:
    assert find({1: 1, 2: 0}, **{name: value})["invalid"] == invalid


@pytest.mark.parametrize("grade", [6, -1])
def test_grades_that_do_not_exist_are_refused(grade: int) -> None:
    found = find({1: 2, 2: grade, 3: 0})
    assert (spans(found), found["patient_max_grade"]) == ([(1, 1)], 2)
    assert found["invalid"] == f"grade: found {grade}, expected 0 to 5"
    assert find({1: 2, 3: 0})["invalid"] is None


series = st.dictionaries(st.integers(-5, 40), st.integers(0, 4), min_size=1)


@settings(max_examples=50, deadline=None)
@given(days=series, merge=st.integers(0, 3), least=st.integers(1, 4))
def test_episodes_cover_every_positive_day_once(days: dict[int, int], merge: int, least: int) -> None:
    found = find(days, merge_gap_days=merge, min_grade=least)
    positive = [d for d, g in days.items() if g >= least]
    inside = [d for start, end in spans(found) for d in positive if start <= d <= end]
    assert sorted(inside) == sorted(positive)
    assert found["patient_max_grade"] == max(days.values())
    assert found["patient_onset_day"] == (min(positive) if positive else None)
    for episode in found["episodes"]:
        assert episode["duration_days"] == episode["end_day"] - episode["onset_day"] + 1
        assert days[episode["day_of_max_grade"]] == episode["max_grade"]
        assert {episode["onset_day"], episode["end_day"]} <= set(positive)
