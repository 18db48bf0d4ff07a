from __future__ import annotations

import polars as pl
import pytest

from aftercart import criteria


@pytest.mark.parametrize(
    ("baseline", "followup", "delta", "category", "zero"),
    [
        (8, 4, -4, "improvement", False),
        (8, 5, -3, "persistently_active", False),
        (8, 4.9, -3.1, "improvement", False),
        (4, 8, 4, "flare", False),
        (4, 7, 3, "persistently_active", False),
        (4, 7.1, 3.1, "flare", False),
        (10, 10, 0, "persistently_active", False),
        (2, 0, -2, "persistently_active", True),
        (4, 0, -4, "improvement", True),
        (0, 3, 3, "persistently_active", False),
        (0, 4, 4, "flare", False),
        (0, 0, 0, "persistently_active", True),
        (105, 0, -105, "improvement", True),
        (0.1, 3.1, 3, "persistently_active", False),  # binary noise at the edge
    ],
)
def test_more_than_three_points(baseline: float, followup: float, delta: float, category: str, zero: bool) -> None:
    pair = pl.DataFrame({"baseline_sledai": [baseline], "followup_sledai": [followup]})
    found = criteria.sledai_change(pair).row(0, named=True)
    assert (found["delta"], found["category"], found["remission_score_zero"]) == (delta, category, zero)
    assert found["clause"] == category
    assert found["missing"] is None


@pytest.mark.parametrize(
    ("baseline", "followup", "zero", "missing"),
    [
        (None, 0, True, "baseline_sledai"),
        (None, 4, False, "baseline_sledai"),
        (4, None, None, "followup_sledai"),
        (None, None, None, "baseline_sledai; followup_sledai"),
        (106, 0, True, "baseline_sledai"),
        (4, -1, None, "followup_sledai"),
    ],
)
def test_only_the_zero_flag_can_do_without_a_baseline(
    baseline: float | None, followup: float | None, zero: bool | None, missing: str
) -> None:
    pair = pl.DataFrame({"baseline_sledai": [baseline], "followup_sledai": [followup]})
    found = criteria.sledai_change(pair).row(0, named=True)
    assert (found["delta"], found["category"], found["clause"]) == (None, None, None)
    assert found["remission_score_zero"] is zero
    assert found["missing"] == missing
