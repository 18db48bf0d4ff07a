from __future__ import annotations

import polars as pl
import pytest

from aftercart import criteria

# baseline, follow-up -> change, improved, progressed, relevant in diffuse, relevant in all, clause
PAIRS = [
    (20, 14, -6, True, False, True, True, "improved"),
    (24, 18, -6, True, False, True, True, "improved"),  # exactly 25%
    (25, 19, -6, False, False, True, True, "relevant_in_diffuse_disease"),  # 24%
    (16, 11, -5, False, False, True, True, "relevant_in_diffuse_disease"),  # 5 points are not more than 5
    (16, 10.9, -5.1, True, False, True, True, "improved"),
    (12, 8, -4, False, False, False, True, "relevant_in_all"),
    (12, 7.1, -4.9, False, False, False, True, "relevant_in_all"),
    (12, 8.1, -3.9, False, False, False, False, "no_relevant_change"),
    (12, 12, 0, False, False, False, False, "no_relevant_change"),
    (24, 30, 6, False, True, False, False, "progressed"),  # exactly 25%
    (25, 31, 6, False, False, False, False, "no_relevant_change"),  # 24%
    (16, 21, 5, False, False, False, False, "no_relevant_change"),
    (16, 21.1, 5.1, False, True, False, False, "progressed"),
    (0, 6, 6, False, True, False, False, "progressed"),  # the points decide
    (0, 5, 5, False, False, False, False, "no_relevant_change"),
    (0, 0, 0, False, False, False, False, "no_relevant_change"),
    (51, 0, -51, True, False, True, True, "improved"),
]


@pytest.mark.parametrize(
    ("baseline", "followup", "delta", "improved", "progressed", "diffuse", "all_", "clause"), PAIRS
)
def test_limits_of_improvement_and_progression(
    baseline: float,
    followup: float,
    delta: float,
    improved: bool,
    progressed: bool,
    diffuse: bool,
    all_: bool,
    clause: str,
) -> None:
    pair = pl.DataFrame({"baseline_mrss": [baseline], "followup_mrss": [followup]})
    found = criteria.mrss_change(pair).row(0, named=True)
    assert found["delta"] == delta
    assert found["improved_gt5_and_ge25pct"] is improved
    assert found["progressed_gt5_and_ge25pct"] is progressed
    assert found["improved_mcid_dcssc_ge5"] is diffuse
    assert found["improved_mcid_all_ge4"] is all_
    assert found["clause"] == clause
    assert found["missing"] is None


def test_percent_change_has_no_value_from_zero() -> None:
    pairs = pl.DataFrame({"baseline_mrss": [20, 0], "followup_mrss": [25, 6]})
    assert criteria.mrss_change(pairs)["percent_change"].to_list() == [25.0, None]


@pytest.mark.parametrize(
    ("baseline", "followup", "missing"),
    [
        (None, 10, "baseline_mrss"),
        (20, None, "followup_mrss"),
        (0, None, "followup_mrss"),
        (52, 10, "baseline_mrss"),
        (20, 51.5, "followup_mrss"),
        (-1, 10, "baseline_mrss"),
        (20, -1, "followup_mrss"),
    ],
)
def test_both_scores_are_needed(baseline: float | None, followup: float | None, missing: str) -> None:
    found = criteria.mrss_change(pl.DataFrame({"baseline_mrss": [baseline], "followup_mrss": [followup]}))
    row = found.row(0, named=True)
    names = ["delta", "improved_gt5_and_ge25pct", "progressed_gt5_and_ge25pct", "improved_mcid_dcssc_ge5"]
    assert all(row[n] is None for n in [*names, "improved_mcid_all_ge4", "clause"])
    assert row["missing"] == missing
