from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from aftercart import criteria

CLEAR: dict[str, float | None] = {
    "platelets_10e9_per_l": 220,
    "anc_per_ul": 3000,
    "hemoglobin_g_per_dl": 12.0,
    "crp_mg_per_dl": 0.5,
    "ferritin_ng_per_ml": 150,
}


def score(**changes: float | None) -> dict[str, Any]:
    row = CLEAR | changes
    return criteria.car_hematotox(pl.DataFrame({k: [v] for k, v in row.items()})).row(0, named=True)


@pytest.mark.parametrize(
    ("item", "value", "points"),
    [
        ("platelets_10e9_per_l", 175.1, 0),
        ("platelets_10e9_per_l", 175, 1),
        ("platelets_10e9_per_l", 75, 1),
        ("platelets_10e9_per_l", 74.9, 2),
        ("anc_per_ul", 1200, 0),
        ("anc_per_ul", 1199, 1),
        ("hemoglobin_g_per_dl", 9.0, 0),
        ("hemoglobin_g_per_dl", 8.9, 1),
        ("crp_mg_per_dl", 2.99, 0),
        ("crp_mg_per_dl", 3.0, 1),
        ("ferritin_ng_per_ml", 649.9, 0),
        ("ferritin_ng_per_ml", 650, 1),
        ("ferritin_ng_per_ml", 2000, 1),
        ("ferritin_ng_per_ml", 2000.1, 2),
    ],
)
def test_points_of_each_item(item: str, value: float, points: int) -> None:
    found = score(**{item: value})
    assert found[f"points.{item}"] == found["score"] == found["score_min"] == found["score_max"] == points
    assert found["risk"] == found["clause"] == ("high" if points >= 2 else "low")
    assert found["missing"] is None


def test_the_most_is_seven() -> None:
    worst = {k: (0.0 if k in ("platelets_10e9_per_l", "anc_per_ul", "hemoglobin_g_per_dl") else 9000.0) for k in CLEAR}
    assert score(**(worst | {"crp_mg_per_dl": 100.0}))["score"] == 7


# what is missing -> bounds and the risk that is still known
@pytest.mark.parametrize(
    ("changes", "low", "high", "risk"),
    [
        ({"anc_per_ul": None}, 0, 1, "low"),
        ({"ferritin_ng_per_ml": None}, 0, 2, None),
        ({"platelets_10e9_per_l": None}, 0, 2, None),
        ({"crp_mg_per_dl": None, "hemoglobin_g_per_dl": None}, 0, 2, None),
        ({"crp_mg_per_dl": None, "platelets_10e9_per_l": 60}, 2, 3, "high"),
        ({"ferritin_ng_per_ml": -1}, 0, 2, None),
        (dict.fromkeys(CLEAR, None), 0, 7, None),
    ],
)
def test_missing_items_leave_bounds(changes: dict[str, float | None], low: int, high: int, risk: str | None) -> None:
    found = score(**changes)
    assert (found["score"], found["score_min"], found["score_max"], found["risk"]) == (None, low, high, risk)
    assert found["missing"] == "; ".join(k for k in CLEAR if k in changes and (changes[k] is None or changes[k] < 0))
    assert found["clause"] == risk


def test_in_a_study_the_baseline_values_are_scored_in_the_units_of_the_score(make_study: Any) -> None:
    from aftercart.assessment import assess

    labs = [("PLT", 120, "10*9/L"), ("ANC", 3, "10*9/L"), ("HGB", 120, "g/L"), ("CRP", 25, "mg/L")]
    before = [
        {"subject_id": "P1", "code": c, "value": v, "unit": u, "datetime": "2022-02-20T08:00"}
        for c, v, u in [*labs, ("FERRITIN", 900, "ug/L")]
    ]
    after = [{**row, "value": 1, "datetime": "2022-03-08T08:00"} for row in before]
    found = assess(make_study(observations=before + after), ["car_hematotox"]).results("car_hematotox")
    assert found.select("score", "risk", "in.crp_mg_per_dl", "in.anc_per_ul").rows() == [(2, "high", 2.5, 3000.0)]
