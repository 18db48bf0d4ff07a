from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from aftercart import criteria

MILD, SEVERE = "mild", "moderate_severe"


def judge(baseline: float | None, followup: float | None) -> dict[str, Any]:
    pair = pl.DataFrame({"baseline_activity": [baseline], "followup_activity": [followup]})
    return criteria.cdasi(pair).row(0, named=True)


# baseline, follow-up -> change, relevant by 4, relevant by 5, severity cut 14, severity cut 19, clause
PAIRS = [
    (20, 16, -4, True, False, SEVERE, SEVERE, "relevant_at_one"),
    (20, 15, -5, True, True, SEVERE, SEVERE, "relevant_at_both"),
    (20, 15.1, -4.9, True, False, SEVERE, SEVERE, "relevant_at_one"),
    (20, 16.1, -3.9, False, False, SEVERE, SEVERE, "no_relevant_change"),
    (14, 14, 0, False, False, MILD, MILD, "no_relevant_change"),
    (14.5, 20, 5.5, False, False, SEVERE, MILD, "no_relevant_change"),
    (18, 10, -8, True, True, SEVERE, MILD, "relevant_at_both"),
    (19, 10, -9, True, True, SEVERE, SEVERE, "relevant_at_both"),
    (100, 0, -100, True, True, SEVERE, SEVERE, "relevant_at_both"),
]


@pytest.mark.parametrize(("baseline", "followup", "delta", "four", "five", "cut14", "cut19", "clause"), PAIRS)
def test_relevant_change_and_severity(
    baseline: float, followup: float, delta: float, four: bool, five: bool, cut14: str, cut19: str, clause: str
) -> None:
    found = judge(baseline, followup)
    assert found["delta"] == delta
    assert (found["mcid_4"], found["mcid_5"]) == (four, five)
    assert (found["baseline_severity_cut14"], found["baseline_severity_cut19"]) == (cut14, cut19)
    assert (found["clause"], found["missing"]) == (clause, None)


@pytest.mark.parametrize(
    ("baseline", "followup", "severity", "missing"),
    [
        (20, None, SEVERE, "followup_activity"),
        (None, 16, None, "baseline_activity"),
        (101, 16, None, "baseline_activity"),
        (20, -1, SEVERE, "followup_activity"),
        (-1, 16, None, "baseline_activity"),
        (20, 101, SEVERE, "followup_activity"),
    ],
)
def test_missing_or_refused_scores(
    baseline: float | None, followup: float | None, severity: str | None, missing: str
) -> None:
    found = judge(baseline, followup)
    assert (found["delta"], found["mcid_4"], found["mcid_5"], found["clause"]) == (None, None, None, None)
    assert found["baseline_severity_cut14"] == found["baseline_severity_cut19"] == severity
    assert found["missing"] == missing
