from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from aftercart import criteria
from aftercart.criteria import registry

RULES = registry.get("sdi").rules
ITEMS = [item for names in RULES["systems"].values() for item in names]
TWICE = RULES["scores_2_when_repeated"]


def index(items: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    record = {f"items.{k}": v for k, v in (items or {"cataract": 0}).items()} | more
    return criteria.sdi(pl.DataFrame({k: pl.Series(k, [v], strict=False) for k, v in record.items()})).row(
        0, named=True
    )


@pytest.mark.parametrize("item", ITEMS)
def test_scores_of_one_item(item: str) -> None:
    once = 3 if item == "esrd" else 1
    twice = 3 if item == "esrd" else 2 if item in TWICE else 1
    for count, points in ((0, 0), (1, once), (2, twice), (7, twice)):
        found = index({item: count})
        assert (found["sdi"], found["sdi_lower_bound"], found["sdi_upper_bound"]) == (points, points, points)
        assert found["clause"] == ("damage" if points else "no_damage")
        assert found["missing"] is None
    assert index({item: True})["sdi"] == once


def test_the_most_there_can_be() -> None:
    assert index(dict.fromkeys(ITEMS, 1))["sdi"] == 40
    assert index(dict.fromkeys(ITEMS, 9))["sdi"] == 46
    assert index({"cataract": 0}, unlisted_items=2)["sdi"] == 45


@pytest.mark.parametrize(
    ("renal", "points"),
    [
        ({"gfr_lt_50": 1}, 1),
        ({"gfr_lt_50": 1, "proteinuria_ge_3_5": 1}, 2),
        ({"gfr_lt_50": 1, "proteinuria_ge_3_5": 1, "esrd": 1}, 3),
        ({"esrd": 1}, 3),
        ({"esrd": 1, "gfr_lt_50": None}, 3),
    ],
)
def test_end_stage_disease_replaces_the_other_renal_items(renal: dict[str, Any], points: int) -> None:
    found = index({"cva": 1, **renal})
    assert (found["sdi"], found["points.renal"], found["points.neuropsychiatric"]) == (points + 1, points, 1)
    assert found["missing"] is None


@pytest.mark.parametrize(
    ("items", "low", "high", "clause", "missing"),
    [
        ({"cva": None}, 0, 2, None, "items.cva"),
        ({"cataract": None, "cva": 2}, 2, 3, "at_least", "items.cataract"),
        ({"esrd": None}, 0, 3, None, "items.esrd"),
        ({"esrd": None, "gfr_lt_50": 1}, 1, 3, "at_least", "items.esrd"),
        ({"gfr_lt_50": None, "proteinuria_ge_3_5": 1}, 1, 2, "at_least", "items.gfr_lt_50"),
        ({"diabetes": -1}, 0, 1, None, "items.diabetes"),
        ({"diabetes": 0.5}, 0, 1, None, "items.diabetes"),
    ],
)
def test_a_missing_item_leaves_bounds(
    items: dict[str, Any], low: int, high: int, clause: str | None, missing: str
) -> None:
    found = index(items)
    assert (found["sdi"], found["sdi_lower_bound"], found["sdi_upper_bound"]) == (None, low, high)
    assert (found["clause"], found["missing"]) == (clause, missing)


def test_what_unlisted_items_mean() -> None:
    assert index({"cva": 2})["sdi"] == 2
    assert index({"cva": 2}, unlisted_items=0)["sdi"] == 2
    found = index({"cva": 2}, unlisted_items=None)
    assert (found["sdi"], found["sdi_lower_bound"], found["sdi_upper_bound"]) == (None, 2, 46)
    assert len(found["missing"].split("; ")) == len(ITEMS) - 1
