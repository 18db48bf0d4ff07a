"""DAS28 with ESR: the printed formula, its cut-offs at the edge, and what a missing part leaves open."""

from __future__ import annotations

from math import log, sqrt
from typing import Any

import polars as pl
import pytest

from aftercart import criteria


def score(tender: float | None, swollen: float | None, patient: float | None, esr: float | None) -> dict[str, Any]:
    visit = {
        "tender_joint_count_28": tender,
        "swollen_joint_count_28": swollen,
        "patient_global_0_100_mm": patient,
        "esr_mm_per_h": esr,
    }
    return criteria.das28_esr(pl.DataFrame([visit])).row(0, named=True)


@pytest.mark.parametrize(
    ("target", "category"),
    [
        (2.59, "remission"),
        (2.6, "low"),
        (3.2, "low"),
        (3.21, "moderate"),
        (5.1, "moderate"),
        (5.11, "high"),
    ],
)
def test_categories_at_their_edges(target: float, category: str) -> None:
    tender, swollen = (25, 16) if target > 4 else (16, 0)
    patient = (target - 0.56 * sqrt(tender) - 0.28 * sqrt(swollen)) / 0.014
    found = score(tender, swollen, patient, 1)
    assert found["das28_esr"] == pytest.approx(target)
    assert (found["category"], found["clause"]) == (category, category)


def test_the_formula() -> None:
    expected = 0.56 * sqrt(4) + 0.28 * sqrt(9) + 0.70 * log(20) + 0.014 * 50
    assert score(4, 9, 50, 20)["das28_esr"] == pytest.approx(expected)


def test_a_missing_count_spans_all_28_joints() -> None:
    found = score(None, 0, 0, 1)
    assert (found["das28_esr"], found["missing"]) == (None, "tender_joint_count_28")
    assert found["das28_esr_lower_bound"] == pytest.approx(0)
    assert found["das28_esr_upper_bound"] == pytest.approx(0.56 * sqrt(28))


def test_a_count_above_28_is_refused() -> None:
    assert score(29, 0, 0, 1)["das28_esr"] is None
    assert "tender_joint_count_28" in score(29, 0, 0, 1)["invalid"]


def test_a_global_that_is_not_recorded_may_be_100_mm() -> None:
    known, opened = score(4, 2, 0, 30), score(4, 2, None, 30)
    assert opened["das28_esr_lower_bound"] == pytest.approx(known["das28_esr"], abs=1e-12)
    assert opened["das28_esr_upper_bound"] == pytest.approx(known["das28_esr"] + 0.014 * 100, abs=1e-12)
