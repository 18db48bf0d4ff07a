"""CDAI and SDAI: sums with cut-offs that include their printed number, and bounds for a missing part."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from aftercart import criteria


def score(key: str, tender: float | None, patient: float, crp: float = 0.0) -> dict[str, Any]:
    visit = {
        "tender_joint_count_28": tender,
        "swollen_joint_count_28": 0,
        "patient_global_0_10_cm": patient,
        "physician_global_0_10_cm": 0.0,
    }
    extra = {"crp_mg_per_dl": crp} if key == "sdai" else {}
    return getattr(criteria, key)(pl.DataFrame([{**visit, **extra}])).row(0, named=True)


@pytest.mark.parametrize(
    ("key", "tender", "patient", "total", "category"),
    [
        ("cdai", 0, 2.8, 2.8, "remission"),
        ("cdai", 0, 2.9, 2.9, "low"),
        ("cdai", 2, 8.0, 10, "low"),
        ("cdai", 2, 8.1, 10.1, "moderate"),
        ("cdai", 14, 8.0, 22, "moderate"),
        ("cdai", 14, 8.1, 22.1, "high"),
        ("sdai", 0, 3.3, 3.3, "remission"),
        ("sdai", 0, 3.4, 3.4, "low"),
        ("sdai", 3, 8.0, 11, "low"),
        ("sdai", 3, 8.1, 11.1, "moderate"),
        ("sdai", 18, 8.0, 26, "moderate"),
        ("sdai", 18, 8.1, 26.1, "high"),
    ],
)
def test_categories_at_their_edges(key: str, tender: int, patient: float, total: float, category: str) -> None:
    found = score(key, tender, patient)
    assert found[key] == pytest.approx(total)
    assert (found["category"], found["clause"]) == (category, category)


@pytest.mark.parametrize("key", ["cdai", "sdai"])
def test_a_missing_count_spans_all_28_joints(key: str) -> None:
    found = score(key, None, 1.0)
    assert (found[key], found[f"{key}_lower_bound"], found[f"{key}_upper_bound"]) == (None, 1, 29)
    assert found["missing"] == "tender_joint_count_28"


def test_crp_counts_in_mg_per_dl() -> None:
    assert score("sdai", 1, 1.0, crp=2.5)["sdai"] == pytest.approx(4.5)


@pytest.mark.parametrize("key", ["cdai", "sdai"])
@pytest.mark.parametrize(
    ("absent", "most"),
    [("tender_joint_count_28", 28), ("patient_global_0_10_cm", 10), ("physician_global_0_10_cm", 10)],
)
def test_what_is_not_recorded_may_be_its_most(key: str, absent: str, most: float) -> None:
    visit: dict[str, Any] = {
        "tender_joint_count_28": 1,
        "swollen_joint_count_28": 1,
        "patient_global_0_10_cm": 1.0,
        "physician_global_0_10_cm": 1.0,
    }
    extra = {"crp_mg_per_dl": 0.0} if key == "sdai" else {}
    found = getattr(criteria, key)(pl.DataFrame([{**visit, **extra, absent: None}])).row(0, named=True)
    assert (found[f"{key}_lower_bound"], found[f"{key}_upper_bound"]) == (3, 3 + most)
