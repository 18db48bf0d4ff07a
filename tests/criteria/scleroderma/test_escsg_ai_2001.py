from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from aftercart import criteria

# finding -> points in the index of the whole series, of diffuse and of limited disease
POINTS = {
    "tss_gt_threshold": (1.0, 0, 0),
    "scleredema": (0.5, 0, 0.5),
    "delta_skin": (2.0, 3.0, 2.5),
    "digital_necrosis": (0.5, 0, 0),
    "delta_vascular": (0.5, 2.0, 1.0),
    "arthritis": (0.5, 0, 1.0),
    "delta_articular_muscular": (0, 1.0, 0),
    "low_tlco": (0.5, 0, 0),
    "delta_cardiopulmonary": (2.0, 4.0, 1.5),
    "esr_gt_30": (1.5, 0, 2.5),
    "hypocomplementemia": (1.0, 0, 1.0),
}
INDICES = ("whole", "dcssc", "lcssc")


def score(index: str | None = "whole", /, *flags: str, **record: Any) -> dict[str, Any]:
    """Score one visit with the named findings present and everything else unlisted."""
    columns = {"index": [index]} | {f"flags.{f}": [True] for f in flags}
    columns |= {k.replace("__", "."): [v] for k, v in record.items()}
    return criteria.escsg_ai_2001(pl.DataFrame(columns)).row(0, named=True)


@pytest.mark.parametrize("finding", list(POINTS))
@pytest.mark.parametrize("index", INDICES)
def test_points_of_every_finding_in_every_index(finding: str, index: str) -> None:
    found = score(index, finding)
    expected = POINTS[finding][INDICES.index(index)]
    assert found["escsg_ai"] == found["escsg_ai_lower_bound"] == found["escsg_ai_upper_bound"] == expected
    assert found[f"points.{finding}"] == expected
    assert found["missing"] is None


@pytest.mark.parametrize("index", INDICES)
def test_every_index_adds_up_to_ten_and_nothing_scores_zero(index: str) -> None:
    assert score(index, *POINTS)["escsg_ai"] == 10
    assert score(index)["escsg_ai"] == 0


@pytest.mark.parametrize(
    ("flags", "total", "active"),
    [
        (("delta_skin", "hypocomplementemia"), 3.0, False),
        (("delta_skin", "esr_gt_30"), 3.5, True),
        ((), 0, False),
    ],
)
def test_active_is_above_three_in_the_index_of_the_whole_series(
    flags: tuple[str, ...], total: float, active: bool
) -> None:
    found = score("whole", *flags)
    assert (found["escsg_ai"], found["active"]) == (total, active)
    assert found["clause"] == ("active" if active else "not_active")


@pytest.mark.parametrize("index", ["dcssc", "lcssc"])
def test_the_subset_indices_have_no_published_cut_off(index: str) -> None:
    found = score(index, "delta_skin", "delta_vascular")
    assert (found["active"], found["clause"]) == (None, "subset_index")


@pytest.mark.parametrize(
    ("record", "total"),
    [
        ({"mrss": 14}, 0),
        ({"mrss": 14.5}, 1),
        ({"mrss": 15}, 1),
        ({"dlco_percent_predicted": 80}, 0),
        ({"dlco_percent_predicted": 79.9}, 0.5),
        ({"esr_mm_per_h": 30}, 0),
        ({"esr_mm_per_h": 30.1}, 1.5),
        # a given number decides against the flag
        ({"esr_mm_per_h": 20, "flags__esr_gt_30": True}, 0),
        ({"esr_mm_per_h": 40, "flags__esr_gt_30": False}, 1.5),
        ({"mrss": 10, "flags__tss_gt_threshold": True}, 0),
        ({"dlco_percent_predicted": 85, "flags__low_tlco": True}, 0),
        # the flag decides where the number has no value
        ({"esr_mm_per_h": None, "flags__esr_gt_30": True}, 1.5),
    ],
)
def test_a_number_sets_its_finding(record: dict[str, Any], total: float) -> None:
    assert score("whole", **record)["escsg_ai"] == total


@pytest.mark.parametrize(
    ("record", "low", "high", "missing"),
    [
        ({"esr_mm_per_h": None}, 0, 1.5, "esr_mm_per_h"),
        ({"esr_mm_per_h": -1}, 0, 1.5, "esr_mm_per_h"),
        ({"mrss": None}, 0, 1, "mrss"),
        ({"mrss": 52}, 0, 1, "mrss"),
        ({"dlco_percent_predicted": None}, 0, 0.5, "dlco_percent_predicted"),
        ({"flags__scleredema": None}, 0, 0.5, "flags.scleredema"),
        ({"flags__esr_gt_30": None}, 0, 1.5, "esr_mm_per_h"),
    ],
)
def test_listed_without_a_value_is_missing(record: dict[str, Any], low: float, high: float, missing: str) -> None:
    found = score("whole", **record)
    assert found["escsg_ai"] is None
    assert (found["escsg_ai_lower_bound"], found["escsg_ai_upper_bound"]) == (low, high)
    assert (found["active"], found["clause"]) == (False, "not_active_though_incomplete")
    assert found["missing"] == missing


@pytest.mark.parametrize(
    ("flags", "active", "clause"),
    [
        (("delta_skin",), None, None),  # 2.0 to 3.5
        (("arthritis", "hypocomplementemia"), False, "not_active_though_incomplete"),  # 1.5 to 3.0
        (("delta_skin", "delta_cardiopulmonary"), True, "active_though_incomplete"),  # 4.0 to 5.5
        (("delta_skin", "hypocomplementemia"), None, None),  # 3.0 to 4.5
    ],
)
def test_bounds_decide_active_disease_when_they_agree(
    flags: tuple[str, ...], active: bool | None, clause: str | None
) -> None:
    found = score("whole", *flags, esr_mm_per_h=None)
    assert (found["active"], found["clause"]) == (active, clause)


def test_a_missing_finding_outside_the_index_does_not_matter() -> None:
    found = score("dcssc", "delta_skin", esr_mm_per_h=None, flags__arthritis=None)
    assert (found["escsg_ai"], found["missing"]) == (3.0, None)


@pytest.mark.parametrize("index", [None, "diffuse"])
def test_without_an_index_there_is_no_score(index: str | None) -> None:
    found = score(index, "delta_skin")
    names = ("escsg_ai", "escsg_ai_lower_bound", "escsg_ai_upper_bound", "active", "clause", "points.delta_skin")
    assert all(found[n] is None for n in names)
    assert found["missing"] == "index"
