from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aftercart import criteria

MUSCLES = [
    "deltoid_middle",
    "biceps",
    "wrist_extensors",
    "gluteus_maximus",
    "gluteus_medius",
    "quadriceps",
    "ankle_dorsiflexors",
]
LIMBS = [f"{side}.{m}" for side in ("right", "left") for m in MUSCLES]


def score(**grades: Any) -> dict[str, Any]:
    return criteria.mmt8(pl.DataFrame({k: [v] for k, v in grades.items()})).row(0, named=True)


@pytest.mark.parametrize("muscle", LIMBS)
def test_each_limb_muscle_counts_once_in_its_totals(muscle: str) -> None:
    found = score(neck_flexors=10, all_bilateral=10, **{muscle: 3})
    assert found["mmt8_0_150"] == 143
    assert found["mmt8_unilateral_0_80"] == (73 if muscle.startswith("right") else 80)
    assert found["right_sum_0_70"] == (63 if muscle.startswith("right") else 70)
    assert found["left_sum_0_70"] == (63 if muscle.startswith("left") else 70)
    assert found["clause"] == "both_sides"


@pytest.mark.parametrize(
    ("grades", "both", "one", "low", "high", "clause", "missing"),
    [
        ({"all_bilateral": 10}, None, None, 140, 150, None, "neck_flexors"),
        ({"neck_flexors": 10, "all_bilateral": 10, "left.biceps": None}, None, 80, 140, 150, "one_side", "left.biceps"),
        ({"neck_flexors": 10, "all_bilateral": 10, "right.biceps": None}, None, None, 140, 150, None, "right.biceps"),
        ({"neck_flexors": 4, "all_bilateral": None}, None, None, 4, 144, None, "; ".join(LIMBS)),
        ({"neck_flexors": 10, "all_bilateral": 11}, None, None, 10, 150, None, "; ".join(LIMBS)),
        ({"neck_flexors": -1, "all_bilateral": 10}, None, None, 140, 150, None, "neck_flexors"),
        ({"neck_flexors": 9.5, "all_bilateral": 10}, None, None, 140, 150, None, "neck_flexors"),
    ],
)
def test_a_missing_or_refused_grade_leaves_the_totals_that_need_it_open(
    grades: dict[str, Any], both: None, one: float | None, low: float, high: float, clause: str | None, missing: str
) -> None:
    found = score(**grades)
    assert found["mmt8_0_150"] is both
    assert found["mmt8_unilateral_0_80"] == one
    assert found["mmt8_0_150_lower_bound"] == low
    assert found["mmt8_0_150_upper_bound"] == high
    assert found["clause"] == clause
    assert found["missing"] == missing


def test_one_side_alone_is_enough_for_the_total_of_80() -> None:
    found = score(neck_flexors=8, **{f"right.{m}": 9 for m in MUSCLES})
    assert found["mmt8_unilateral_0_80"] == 71
    assert found["mmt8_0_150"] is None


def test_refused_grades_are_named() -> None:
    found = score(neck_flexors=12, all_bilateral=10)
    assert found["invalid"].startswith("neck_flexors: found 12.0, expected one of 0, 1, 2")


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 10), min_size=15, max_size=15), st.integers(0, 14))
def test_total_is_the_plain_sum_and_lies_within_the_bounds_of_any_gap(grades: list[int], gap: int) -> None:
    record: dict[str, Any] = dict(zip(["neck_flexors", *LIMBS], grades, strict=True))
    assert score(**record)["mmt8_0_150"] == sum(grades)
    record[["neck_flexors", *LIMBS][gap]] = None
    gapped = score(**record)
    assert gapped["mmt8_0_150"] is None
    assert gapped["mmt8_0_150_lower_bound"] == sum(grades) - grades[gap]
    assert gapped["mmt8_0_150_upper_bound"] == sum(grades) - grades[gap] + 10
