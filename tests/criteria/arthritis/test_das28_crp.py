"""DAS28 with CRP: the printed formula, and both sets of cut-offs at their edges."""

from __future__ import annotations

from math import log, sqrt
from typing import Any

import polars as pl
import pytest

from aftercart import criteria


def score(tender: float, swollen: float, patient: float, **crp: float) -> dict[str, Any]:
    visit = {"tender_joint_count_28": tender, "swollen_joint_count_28": swollen, "patient_global_0_100_mm": patient}
    return criteria.das28_crp(pl.DataFrame([{**visit, **crp}])).row(0, named=True)


@pytest.mark.parametrize(
    ("target", "by_esr", "by_crp"),
    [
        (2.39, "remission", "remission"),
        (2.4, "remission", "low"),
        (2.6, "low", "low"),
        (2.9, "low", "low"),
        (2.91, "low", "moderate"),
        (3.2, "low", "moderate"),
        (3.21, "moderate", "moderate"),
        (4.6, "moderate", "moderate"),
        (4.61, "moderate", "high"),
        (5.1, "moderate", "high"),
        (5.11, "high", "high"),
    ],
)
def test_categories_at_their_edges(target: float, by_esr: str, by_crp: str) -> None:
    tender, swollen = (25, 4) if target > 4 else (4, 0)
    patient = (target - 0.96 - 0.56 * sqrt(tender) - 0.28 * sqrt(swollen)) / 0.014
    found = score(tender, swollen, patient, crp_mg_per_l=0.0)
    assert found["das28_crp"] == pytest.approx(target)
    assert (found["category_esr_cutoffs"], found["category_crp_cutoffs"]) == (by_esr, by_crp)


def test_the_formula_in_both_units() -> None:
    expected = 0.56 * sqrt(4) + 0.28 * sqrt(9) + 0.36 * log(13) + 0.014 * 50 + 0.96
    assert score(4, 9, 50, crp_mg_per_l=12.0)["das28_crp"] == pytest.approx(expected)
    assert score(4, 9, 50, crp_mg_per_dl=1.2)["das28_crp"] == pytest.approx(expected)


def test_what_is_not_recorded_may_be_its_most() -> None:
    visit = {
        "tender_joint_count_28": None,
        "swollen_joint_count_28": 0,
        "patient_global_0_100_mm": None,
        "crp_mg_per_l": 0,
    }
    found = criteria.das28_crp(pl.DataFrame([visit])).row(0, named=True)
    assert found["das28_crp_lower_bound"] == pytest.approx(0.96, abs=1e-12)
    assert found["das28_crp_upper_bound"] == pytest.approx(0.96 + 0.56 * sqrt(28) + 0.014 * 100, abs=1e-12)
