from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aftercart import criteria

FULL: dict[str, Any] = {
    "oriented_year": 1,
    "oriented_month": 1,
    "oriented_city": 1,
    "oriented_hospital": 1,
    "objects_named_of_3": 3,
    "follows_command": 1,
    "writes_sentence": 1,
    "counts_backward_100_by_10": 1,
}
NOTHING = dict.fromkeys(FULL, 0)


def score(items: dict[str, Any] = FULL, **changes: Any) -> dict[str, Any]:
    return criteria.ice_score(pl.DataFrame({k: [v] for k, v in (items | changes).items()})).row(0, named=True)


@pytest.mark.parametrize(
    ("changes", "points"),
    [
        ({}, 10),
        ({"oriented_year": 0}, 9),
        ({"oriented_month": 0}, 9),
        ({"oriented_city": 0}, 9),
        ({"oriented_hospital": 0}, 9),
        ({"objects_named_of_3": 2}, 9),
        ({"objects_named_of_3": 1}, 8),
        ({"objects_named_of_3": 0}, 7),
        ({"follows_command": 0}, 9),
        ({"writes_sentence": 0}, 9),
        ({"counts_backward_100_by_10": 0}, 9),
        ({"oriented_year": 0, "oriented_month": 0, "oriented_city": 0, "oriented_hospital": 0}, 6),
        ({"follows_command": 0, "writes_sentence": 0, "counts_backward_100_by_10": 0}, 7),
        (NOTHING, 0),
        (NOTHING | {"objects_named_of_3": 1}, 1),
        ({"unarousable": False}, 10),
    ],
)
def test_ten_points(changes: dict[str, Any], points: int) -> None:
    found = score(**changes)
    assert (found["ice_score"], found["ice_min"], found["ice_max"]) == (points, points, points)
    assert found["unable_to_perform"] is False
    assert (found["clause"], found["missing"], found["invalid"]) == ("scored", None, None)


@pytest.mark.parametrize("items", [FULL, NOTHING, dict.fromkeys(FULL)])
def test_who_cannot_be_roused_scores_nothing_and_is_marked(items: dict[str, Any]) -> None:
    found = score(items, unarousable=True)
    assert (found["ice_score"], found["ice_min"], found["ice_max"]) == (0, 0, 0)
    assert found["unable_to_perform"] is True
    assert (found["clause"], found["missing"]) == ("unable", None)


def test_an_awake_zero_stays_distinct() -> None:
    assert score(NOTHING)["unable_to_perform"] is False


@pytest.mark.parametrize(
    ("changes", "low", "high", "missing"),
    [
        ({"oriented_year": None}, 9, 10, "oriented_year"),
        ({"oriented_month": None}, 9, 10, "oriented_month"),
        ({"oriented_city": None}, 9, 10, "oriented_city"),
        ({"oriented_hospital": None}, 9, 10, "oriented_hospital"),
        ({"objects_named_of_3": None}, 7, 10, "objects_named_of_3"),
        ({"follows_command": None}, 9, 10, "follows_command"),
        ({"writes_sentence": None}, 9, 10, "writes_sentence"),
        ({"counts_backward_100_by_10": None}, 9, 10, "counts_backward_100_by_10"),
        ({"writes_sentence": None, "objects_named_of_3": None, "oriented_city": 0}, 5, 9, None),
        ({"unarousable": None}, 0, 10, "unarousable"),
        ({"unarousable": None, "objects_named_of_3": 1}, 0, 8, "unarousable"),
        (dict.fromkeys(FULL), 0, 10, "; ".join(FULL)),
    ],
)
def test_an_untested_item_leaves_the_score_open(
    changes: dict[str, Any], low: int, high: int, missing: str | None
) -> None:
    found = score(**changes)
    assert found["ice_score"] is None
    assert (found["ice_min"], found["ice_max"]) == (low, high)
    assert found["missing"] == (missing or "objects_named_of_3; writes_sentence")


def test_an_item_without_a_column_was_not_tested() -> None:
    found = score({k: v for k, v in FULL.items() if k != "writes_sentence"})
    assert (found["ice_score"], found["ice_min"], found["ice_max"]) == (None, 9, 10)
    assert found["missing"] == "writes_sentence"


def test_unknown_arousal_does_not_matter_when_every_item_failed() -> None:
    found = score(NOTHING, unarousable=None)
    assert (found["ice_score"], found["unable_to_perform"]) == (0, None)
    assert (found["clause"], found["missing"]) == ("scored", None)


@pytest.mark.parametrize(
    ("item", "value", "expected", "low"),
    [
        ("objects_named_of_3", 4, "0 to 3", 7),
        ("objects_named_of_3", -1, "0 to 3", 7),
        ("oriented_year", 2, "0 to 1", 9),
        ("follows_command", -1, "0 to 1", 9),
    ],
)
def test_points_that_do_not_exist_are_refused(item: str, value: int, expected: str, low: int) -> None:
    found = score(**{item: value})
    assert (found["ice_score"], found["ice_min"], found["ice_max"]) == (None, low, 10)
    assert found["missing"] == item
    assert found["invalid"] == f"{item}: found {value}, expected {expected}"


tests = st.fixed_dictionaries({k: st.integers(0, v) for k, v in FULL.items()})


@settings(max_examples=40, deadline=None)
@given(items=tests, gaps=st.sets(st.sampled_from(list(FULL)), min_size=1))
def test_bounds_hold_the_score(items: dict[str, int], gaps: set[str]) -> None:
    gapped = score(items, **dict.fromkeys(gaps))
    assert score(items)["ice_score"] == sum(items.values())
    assert gapped["ice_min"] <= sum(items.values()) <= gapped["ice_max"]
    assert gapped["ice_max"] - gapped["ice_min"] == sum(FULL[k] for k in gaps)
