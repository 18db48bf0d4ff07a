from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aftercart import criteria

QUIET: dict[str, Any] = {
    "delta_skin_worse_last_month": False,
    "digital_ulcers": False,
    "mrss": 5,
    "tendon_friction_rubs": False,
    "crp_mg_per_dl": 0.2,
    "dlco_percent_predicted": 90,
}


def score(**changes: Any) -> dict[str, Any]:
    visit = {k: v for k, v in (QUIET | changes).items() if v != "not listed"}
    return criteria.eustar_ai_2017(pl.DataFrame({k: [v] for k, v in visit.items()})).row(0, named=True)


@pytest.mark.parametrize(
    ("changes", "points", "part"),
    [
        ({}, 0, None),
        ({"delta_skin_worse_last_month": True}, 1.5, "delta_skin"),
        ({"digital_ulcers": True}, 1.5, "digital_ulcers"),
        ({"mrss": 18}, 0, None),
        ({"mrss": 18.5}, 1.5, "mrss"),
        ({"mrss": 19}, 1.5, "mrss"),
        ({"tendon_friction_rubs": True}, 2.25, "tendon_friction_rubs"),
        ({"crp_mg_per_dl": 1.0}, 0, None),
        ({"crp_mg_per_dl": 1.01}, 2.25, "crp"),
        ({"crp_mg_per_dl": "not listed", "crp_mg_per_l": 10}, 0, None),
        ({"crp_mg_per_dl": None, "crp_mg_per_l": 10.1}, 2.25, "crp"),
        ({"crp_mg_per_dl": 0.9, "crp_mg_per_l": 11}, 0, None),
        ({"dlco_percent_predicted": 70}, 0, None),
        ({"dlco_percent_predicted": 69.9}, 1.0, "dlco"),
    ],
)
def test_items_and_their_strict_limits(changes: dict[str, Any], points: float, part: str | None) -> None:
    found = score(**changes)
    assert found["eustar_ai_2017"] == found["lower_bound"] == found["upper_bound"] == points
    assert found["without_dlco"] == (0 if part == "dlco" else points)
    assert found["active"] is False
    assert found["clause"] == "not_active"
    assert found["missing"] is None
    parts = {k.removeprefix("points."): v for k, v in found.items() if k.startswith("points.") and v}
    assert parts == ({part: points} if part else {})


@pytest.mark.parametrize(
    ("changes", "total", "active"),
    [
        ({"mrss": 19, "dlco_percent_predicted": 60}, 2.5, True),
        ({"tendon_friction_rubs": True}, 2.25, False),
        ({"digital_ulcers": True, "mrss": 19}, 3.0, True),
    ],
)
def test_active_from_two_and_a_half(changes: dict[str, Any], total: float, active: bool) -> None:
    found = score(**changes)
    assert (found["eustar_ai_2017"], found["active"]) == (total, active)
    assert found["clause"] == ("active" if active else "not_active")


# what is known -> bounds and whether they decide
@pytest.mark.parametrize(
    ("changes", "low", "high", "active", "clause", "missing"),
    [
        ({"crp_mg_per_dl": None}, 0, 2.25, False, "not_active_though_incomplete", "crp_mg_per_dl"),
        ({"crp_mg_per_dl": None, "mrss": 19}, 1.5, 3.75, None, None, "crp_mg_per_dl"),
        (
            {"crp_mg_per_dl": None, "mrss": 19, "dlco_percent_predicted": 50},
            2.5,
            4.75,
            True,
            "active_though_incomplete",
            "crp_mg_per_dl",
        ),
        ({"dlco_percent_predicted": None, "mrss": 19}, 1.5, 2.5, None, None, "dlco_percent_predicted"),
        ({"dlco_percent_predicted": None}, 0, 1, False, "not_active_though_incomplete", "dlco_percent_predicted"),
        ({"mrss": None}, 0, 1.5, False, "not_active_though_incomplete", "mrss"),
        ({"mrss": 52}, 0, 1.5, False, "not_active_though_incomplete", "mrss"),
        ({"mrss": -1}, 0, 1.5, False, "not_active_though_incomplete", "mrss"),
        ({"digital_ulcers": None}, 0, 1.5, False, "not_active_though_incomplete", "digital_ulcers"),
        (
            {"delta_skin_worse_last_month": None},
            0,
            1.5,
            False,
            "not_active_though_incomplete",
            "delta_skin_worse_last_month",
        ),
        ({"tendon_friction_rubs": None}, 0, 2.25, False, "not_active_though_incomplete", "tendon_friction_rubs"),
        ({"crp_mg_per_dl": -0.1}, 0, 2.25, False, "not_active_though_incomplete", "crp_mg_per_dl"),
        ({"dlco_percent_predicted": -5}, 0, 1, False, "not_active_though_incomplete", "dlco_percent_predicted"),
        ({"dlco_percent_predicted": 251}, 0, 1, False, "not_active_though_incomplete", "dlco_percent_predicted"),
    ],
)
def test_missing_items_leave_bounds_that_may_still_decide(
    changes: dict[str, Any], low: float, high: float, active: bool | None, clause: str | None, missing: str
) -> None:
    found = score(**changes)
    assert found["eustar_ai_2017"] is None
    assert (found["lower_bound"], found["upper_bound"]) == (low, high)
    assert found["active"] is active
    assert (found["clause"], found["missing"]) == (clause, missing)


def test_all_items_add_up_to_ten() -> None:
    found = score(
        delta_skin_worse_last_month=True,
        digital_ulcers=True,
        mrss=30,
        tendon_friction_rubs=True,
        crp_mg_per_dl=3,
        dlco_percent_predicted=50,
    )
    assert (found["eustar_ai_2017"], found["without_dlco"]) == (10, 9)


def test_the_sum_without_dlco_does_not_need_dlco() -> None:
    assert score(digital_ulcers=True, dlco_percent_predicted=None)["without_dlco"] == 1.5


visits = st.fixed_dictionaries(
    {
        "delta_skin_worse_last_month": st.booleans(),
        "digital_ulcers": st.booleans(),
        "mrss": st.integers(0, 51),
        "tendon_friction_rubs": st.booleans(),
        "crp_mg_per_dl": st.floats(0, 20),
        "dlco_percent_predicted": st.floats(20, 120),
    }
)


@settings(max_examples=50, deadline=None)
@given(visit=visits, gaps=st.sets(st.sampled_from(list(QUIET)), min_size=1))
def test_bounds_hold_the_score_and_a_decided_activity_is_right(visit: dict[str, Any], gaps: set[str]) -> None:
    full = score(**visit)
    gapped = score(**(visit | dict.fromkeys(gaps)))
    assert gapped["lower_bound"] <= full["eustar_ai_2017"] <= gapped["upper_bound"]
    assert gapped["active"] in (None, full["active"])
