from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aftercart import criteria

SITES = ["face", "anterior_chest", "abdomen"] + [
    f"{side}_{site}"
    for side in ("right", "left")
    for site in ("fingers", "hand", "forearm", "upper_arm", "thigh", "leg", "foot")
]


def score(sites: dict[str, Any], **more: Any) -> dict[str, Any]:
    record = {f"sites.{k}": [v] for k, v in sites.items()} | {k: [v] for k, v in more.items()}
    return criteria.mrss(pl.DataFrame(record)).row(0, named=True)


@pytest.mark.parametrize("site", SITES)
def test_every_site_counts_once(site: str) -> None:
    found = score({site: 3}, unlisted_sites=0)
    assert found["mrss"] == found["mrss_lower_bound"] == found["mrss_upper_bound"] == 3
    assert (found["sites_missing"], found["clause"], found["missing"]) == (0, "seventeen_sites", None)


@pytest.mark.parametrize(
    ("sites", "unlisted", "low", "high", "missing"),
    [
        ({"face": None}, 0, 0, 3, "sites.face"),
        ({"face": 1.5}, 0, 0, 3, "sites.face"),
        ({"face": 4}, 0, 0, 3, "sites.face"),
        ({"face": -1}, 1, 16, 19, "sites.face"),
        ({"left_hand": 2, "right_hand": None}, 0, 2, 5, "sites.right_hand"),
        ({"face": 1}, None, 1, 49, "; ".join(f"sites.{s}" for s in SITES[1:])),
        ({"face": 1}, 0.5, 1, 49, "; ".join(f"sites.{s}" for s in SITES[1:])),
    ],
)
def test_a_missing_or_refused_grade_leaves_the_total_open(
    sites: dict[str, Any], unlisted: float | None, low: float, high: float, missing: str
) -> None:
    found = score(sites, unlisted_sites=unlisted)
    assert found["mrss"] is None
    assert (found["mrss_lower_bound"], found["mrss_upper_bound"]) == (low, high)
    assert found["sites_missing"] == missing.count("sites.")
    assert (found["clause"], found["missing"]) == ("site_missing", missing)


def test_unlisted_sites_are_missing_unless_stated() -> None:
    assert score({"face": 0})["sites_missing"] == 16


def test_a_half_grade_is_named() -> None:
    assert score({"face": 0.5}, unlisted_sites=0)["invalid"] == "sites.face: found 0.5, expected one of 0, 1, 2, 3"


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 3), min_size=17, max_size=17), st.integers(0, 16))
def test_total_is_the_plain_sum_and_lies_within_the_bounds_of_any_gap(grades: list[int], gap: int) -> None:
    sites: dict[str, Any] = dict(zip(SITES, grades, strict=True))
    assert score(sites)["mrss"] == sum(grades)
    gapped = score(sites | {SITES[gap]: None})
    assert gapped["mrss"] is None
    assert gapped["mrss_lower_bound"] == sum(grades) - grades[gap]
    assert gapped["mrss_upper_bound"] == sum(grades) - grades[gap] + 3
