from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aftercart import criteria

ROW = pl.Struct({"days_since_infusion": pl.Int64(), "b_cells_per_ul": pl.Float64()})
Counts = dict[int, Any] | list[tuple[int | None, Any]]


def find(cells: Counts, **given: Any) -> dict[str, Any]:
    rows = [
        {"days_since_infusion": d, "b_cells_per_ul": v}
        for d, v in (cells.items() if isinstance(cells, dict) else cells)
    ]
    frame = pl.DataFrame({"b_cells": pl.Series([rows], dtype=pl.List(ROW))})
    return criteria.b_cell_aplasia(frame, **given).row(0, named=True)


def days(found: dict[str, Any]) -> tuple[int | None, int | None, int | None]:
    return found["aplasia_onset_day"], found["recovery_day"], found["last_aplastic_day"]


# counts by day -> onset, recovery, last day of absence, duration from infusion, duration from onset
@pytest.mark.parametrize(
    ("cells", "onset", "recovery", "last", "duration", "from_onset"),
    [
        ({0: 90, 5: 0, 30: 0, 100: 0, 130: 12}, 5, 130, 100, 130, 125),
        ({0: 90, 5: 0, 30: 12}, 5, 30, 5, 30, 25),
        ({0: 0, 60: 12}, 0, 60, 0, 60, 60),
        ({0: 90, 5: 30, 10: 0, 60: 12, 90: 0, 120: 30}, 10, 60, 10, 60, 50),  # a later loss is a new event
        ({60: 12, 10: 0, 0: 90, 30: 0}, 10, 60, 30, 60, 50),  # any order
        ({0: 90, 5: 0, 30: None, 60: 12}, 5, 60, 5, 60, 55),  # a missing count is skipped
        ({-7: 0, 0: 90, 5: 0, 60: 12}, 5, 60, 5, 60, 55),  # before the infusion: ignored
        ([(0, 90), (5, 90), (5, 0), (60, 12)], 5, 60, 5, 60, 55),  # the lowest of a day
        ([(0, 90), (5, 0), (None, 12), (60, 12)], 5, 60, 5, 60, 55),
    ],
)
def test_absence_and_reconstitution(
    cells: Counts, onset: int, recovery: int, last: int, duration: int, from_onset: int
) -> None:
    for origin, expected in (("infusion", duration), ("first_aplasia", from_onset)):
        found = find(cells, origin=origin)
        assert days(found) == (onset, recovery, last)
        assert found["aplasia_duration_days"] == expected
        assert found["recovery_censored"] is False
        assert (found["clause"], found["missing"], found["invalid"]) == ("reconstituted", None, None)
    assert find(cells)["aplasia_duration_days"] == duration


@pytest.mark.parametrize(
    ("cells", "onset", "last"),
    [({0: 90, 7: 0}, 7, 7), ({0: 90, 7: 0, 28: 0, 90: 1}, 7, 90), ({-3: 50, 0: 0}, 0, 0), ({7: 0, 28: None}, 7, 7)],
)
@pytest.mark.parametrize("origin", ["infusion", "first_aplasia"])
def test_without_reconstitution_the_duration_is_censored(cells: Counts, onset: int, last: int, origin: str) -> None:
    found = find(cells, origin=origin)
    assert days(found) == (onset, None, last)
    assert (found["aplasia_duration_days"], found["recovery_censored"]) == (None, True)
    assert (found["clause"], found["missing"]) == ("still_absent", None)


@pytest.mark.parametrize("cells", [{0: 90, 7: 40, 28: 60}, {0: 1.1}, {-7: 0, 5: 40}])
def test_never_absent(cells: Counts) -> None:
    found = find(cells)
    assert days(found) == (None, None, None)
    assert (found["aplasia_duration_days"], found["recovery_censored"]) == (None, None)
    assert (found["clause"], found["missing"]) == ("never_absent", None)


@pytest.mark.parametrize("cells", [{}, {5: None}, {-7: 0, -1: 50}, [(None, 0)], {5: -1}])
def test_without_any_count_nothing_is_known(cells: Counts) -> None:
    found = find(cells)
    assert days(found) == (None, None, None)
    assert (found["aplasia_duration_days"], found["recovery_censored"]) == (None, None)
    assert (found["clause"], found["missing"]) == (None, "b_cells")


@pytest.mark.parametrize(
    ("threshold", "count", "absent"),
    [(1, 1, True), (1, 1.1, False), (1, 0, True), (0, 0, True), (0, 0.1, False), (20, 20, True), (20, 20.1, False)],
)
def test_the_threshold_itself_is_absent(threshold: float, count: float, absent: bool) -> None:
    found = find({0: 90, 7: count, 60: 90}, aplasia_threshold_cells_per_ul=threshold)
    assert days(found) == ((7, 60, 7) if absent else (None, None, None))


@pytest.mark.parametrize(("threshold", "recovery", "last"), [(1, 40, 7), (5, 60, 40), (20, 80, 60)])
def test_a_higher_threshold_moves_reconstitution(threshold: float, recovery: int, last: int) -> None:
    found = find({0: 90, 7: 0, 40: 5, 60: 20, 80: 50}, aplasia_threshold_cells_per_ul=threshold)
    assert days(found) == (7, recovery, last)


# counts -> recovery and last day of absence when so many values have to confirm
CONFIRMED = {0: 90, 7: 0, 60: 3, 90: 0, 120: 4, 150: 9, 180: 0, 200: 5, 210: 6, 220: 7}


@pytest.mark.parametrize(
    ("n", "recovery", "last"), [(None, 60, 7), (1, 60, 7), (2, 120, 90), (3, 200, 180), (4, None, 180)]
)
def test_the_first_of_the_confirming_values(n: int | None, recovery: int | None, last: int) -> None:
    found = find(CONFIRMED, **({} if n is None else {"confirmation_n": n}))
    assert days(found) == (7, recovery, last)
    assert found["aplasia_duration_days"] == recovery
    assert found["recovery_censored"] is (recovery is None)
    assert found["clause"] == ("still_absent" if recovery is None else "reconstituted")


@pytest.mark.parametrize(
    ("cells", "recovery"),
    [
        ({0: 90, 7: 0, 60: 3, 70: None, 80: 4}, 60),  # a missing count does not interrupt
        ([(0, 90), (7, 0), (60, 3), (60, 8)], None),  # two counts of one day are one value
        ({0: 90, 3: 80, 7: 0, 60: 3}, None),  # values before the loss do not confirm
    ],
)
def test_what_counts_as_consecutive(cells: Counts, recovery: int | None) -> None:
    assert find(cells, confirmation_n=2)["recovery_day"] == recovery


def test_subjects_of_a_long_frame_stay_apart() -> None:
    frame = pl.DataFrame(
        {
            "subject_id": ["A", "A", "B", "B", "C", "D"],
            "days_since_infusion": [7, 90, 7, 100, 10, -5],
            "b_cells_per_ul": [0.0, 0.0, 50.0, 60.0, 0.0, 90.0],
        }
    )
    found = criteria.b_cell_aplasia(frame)
    assert found["subject_id"].to_list() == ["A", "B", "C", "D"]
    assert found["clause"].to_list() == ["still_absent", "never_absent", "still_absent", None]
    assert found["last_aplastic_day"].to_list() == [90, None, 10, None]


@pytest.mark.parametrize(
    ("name", "value", "invalid"),
    [
        ("aplasia_threshold_cells_per_ul", -1, "aplasia_threshold_cells_per_ul: found -1.0, expected 0 to 1000"),
        ("aplasia_threshold_cells_per_ul", 1001, "aplasia_threshold_cells_per_ul: found 1001.0, expected 0 to 1000"),
        ("confirmation_n", 0, "confirmation_n: found 0, expected 1 to 100"),
        ("origin", "leukapheresis", "origin: found leukapheresis, expected one of infusion, first_aplasia"),
    ],
)
def test_settings_that_do_not_exist_are_refused(name: str, value: Any, invalid: str) -> None:
    assert find({0: 90, 7: 0}, **{name: value})["invalid"] == invalid


@pytest.mark.parametrize("value", [-1.0, 100001.0])
def test_counts_that_do_not_exist_are_refused(value: float) -> None:
    found = find({0: 90, 7: 0, 30: value, 60: 12})
    assert days(found) == (7, 60, 7)
    assert found["invalid"] == f"b_cells_per_ul: found {value}, expected 0 to 100000"


series = st.dictionaries(st.integers(0, 300), st.sampled_from([0, 1, 2, 10, 80]), min_size=1)


@settings(max_examples=50, deadline=None)
@given(cells=series, n=st.integers(1, 3))
def test_reconstitution_lies_after_the_last_absence(cells: dict[int, int], n: int) -> None:
    found = find(cells, confirmation_n=n)
    onset, recovery, last = days(found)
    absent = [d for d, v in cells.items() if v <= 1]
    assert onset == min(absent, default=None)
    if recovery is None:
        assert last == max(absent, default=None)
    else:
        assert onset <= last < recovery
        confirming = [v for d, v in sorted(cells.items()) if d >= recovery][:n]
        assert len(confirming) == n
        assert min(confirming) > 1
        assert not [d for d in cells if last < d < recovery]
        assert find(cells, confirmation_n=n + 1)["recovery_day"] in (None, *(d for d in cells if d >= recovery))
