"""EULAR response: how far DAS28 fell, and where it ended."""

from __future__ import annotations

import polars as pl
import pytest

from aftercart import criteria


@pytest.mark.parametrize(
    ("baseline", "followup", "response", "clause"),
    [
        (4.41, 3.2, "good", "good"),
        (4.4, 3.2, "moderate", "moderate_small_fall"),
        (4.5, 3.21, "moderate", "moderate_large_fall"),
        (6.31, 5.11, "none", "small_fall_and_high"),
        (6.32, 5.11, "moderate", "moderate_large_fall"),
        (5.71, 5.1, "moderate", "moderate_small_fall"),
        (5.7, 5.1, "none", "no_fall"),
        (5.72, 5.11, "none", "small_fall_and_high"),
        (4.0, 4.5, "none", "no_fall"),
        (None, 3.0, None, None),
        (5.0, None, None, None),
    ],
)
def test_response_at_its_edges(
    baseline: float | None, followup: float | None, response: str | None, clause: str | None
) -> None:
    visit = pl.DataFrame([{"baseline_das28": baseline, "followup_das28": followup}])
    found = criteria.eular_ra_response(visit)
    assert found.select("response", "clause").row(0) == (response, clause)
