"""MG-ADL: the sum of eight items of 0 to 3, with bounds for those not answered."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from aftercart import criteria

ITEMS = [i.name for i in criteria.mg_adl.entry.inputs if i.name.startswith("items.")]


def score(**answers: Any) -> dict[str, Any]:
    return criteria.mg_adl(pl.DataFrame([{**dict.fromkeys(ITEMS, 0), **answers}])).row(0, named=True)


def test_there_are_eight_items() -> None:
    assert len(ITEMS) == 8


@pytest.mark.parametrize("item", ITEMS)
@pytest.mark.parametrize("points", [0, 1, 2, 3])
def test_each_item_counts_its_points(item: str, points: int) -> None:
    assert score(**{item: points})[criteria.mg_adl.entry.primary] == points


def test_a_missing_item_leaves_three_points_open() -> None:
    entry = criteria.mg_adl.entry
    found = score(**{ITEMS[0]: None, ITEMS[1]: 2})
    assert entry.bounds is not None
    assert (found[entry.primary], found[entry.bounds[0]], found[entry.bounds[1]]) == (None, 2, 5)
    assert found["missing"] == ITEMS[0]


def test_a_point_that_does_not_exist_is_refused() -> None:
    found = score(**{ITEMS[0]: 4})
    assert found[criteria.mg_adl.entry.primary] is None
    assert ITEMS[0] in found["invalid"]


def test_an_open_item_leaves_a_state_open_when_only_its_worst_answer_would_decide() -> None:
    # One point is still minimal expression, four are not; a fall of 2 is a response, a rise of 1 is none.
    found = score(**{ITEMS[0]: None, ITEMS[1]: 1, "baseline_mg_adl": 3})
    assert (found["minimal_symptom_expression"], found["responder_ge2"]) == (None, None)
    assert score(**{ITEMS[0]: 0, ITEMS[1]: 1, "baseline_mg_adl": 3})["responder_ge2"] is True
