from __future__ import annotations

import polars as pl
import pytest

from aftercart import criteria

# baseline, follow-up -> change, improved, active at baseline, active at follow-up, clause, missing
PAIRS = [
    (6.25, 1.0, -5.25, True, True, False, "fell", None),
    (2.5, 2.25, -0.25, True, True, False, "fell", None),
    (2.25, 2.5, 0.25, False, False, True, "rose", None),
    (2.25, 2.25, 0.0, False, False, False, "unchanged", None),
    (0.0, 10.0, 10.0, False, False, True, "rose", None),
    (None, 2.5, None, None, None, True, None, "baseline.eustar_ai_2017"),
    (2.5, None, None, None, True, None, None, "followup.eustar_ai_2017"),
    (10.5, 1.0, None, None, None, False, None, "baseline.eustar_ai_2017"),
    (2.0, -1.0, None, None, False, None, None, "followup.eustar_ai_2017"),
]


@pytest.mark.parametrize(("baseline", "followup", "delta", "improved", "before", "after", "clause", "missing"), PAIRS)
def test_change_and_activity(
    baseline: float | None,
    followup: float | None,
    delta: float | None,
    improved: bool | None,
    before: bool | None,
    after: bool | None,
    clause: str | None,
    missing: str | None,
) -> None:
    pair = pl.DataFrame({"baseline.eustar_ai_2017": [baseline], "followup.eustar_ai_2017": [followup]})
    found = criteria.eustar_ai_change(pair).row(0, named=True)
    assert found["delta"] == delta
    assert found["improved"] is improved
    assert found["baseline_active"] is before
    assert found["followup_active"] is after
    assert found["clause"] == clause
    assert found["missing"] == missing
