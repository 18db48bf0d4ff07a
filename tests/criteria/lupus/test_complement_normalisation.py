from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from aftercart import criteria

LIMIT = {"c3": 0.9, "c4": 0.1}


def follow(component: str, baseline: Any, followup: Any, limit: Any = ..., **more: Any) -> dict[str, Any]:
    record = {
        f"baseline_{component}_g_per_l": baseline,
        f"followup_{component}_g_per_l": followup,
        f"{component}_lln_g_per_l": LIMIT[component] if limit is ... else limit,
    } | more
    frame = pl.DataFrame({k: pl.Series(k, [v], dtype=pl.Float64) for k, v in record.items()})
    return criteria.complement_normalisation(frame).row(0, named=True)


@pytest.mark.parametrize("component", ["c3", "c4"])
@pytest.mark.parametrize(
    ("before", "after", "low", "normalised", "newly", "clause"),
    [
        (0.5, 1.1, True, True, False, "normalised"),
        (0.5, 1.0, True, True, False, "normalised"),  # at the limit
        (0.5, 0.99, True, False, False, "still_low"),
        (1.0, 1.2, False, False, False, "not_low"),
        (1.0, 0.99, False, False, True, "newly_low"),
        (0.99, 1.0, True, True, False, "normalised"),
        (1.2, None, False, False, None, "not_low"),
    ],
)
def test_low_before_and_normal_now(
    component: str, before: float, after: float | None, low: bool, normalised: bool, newly: bool | None, clause: str
) -> None:
    limit = LIMIT[component]
    found = follow(component, before * limit, None if after is None else after * limit)
    assert found[f"{component}_low_at_baseline"] is low
    assert found[f"{component}_normalised"] is normalised
    assert found[f"{component}_newly_low"] is newly
    assert (found["clause"], found["missing"]) == (f"{component}_{clause}", None)


@pytest.mark.parametrize(
    ("before", "after", "limit", "low", "missing"),
    [
        (None, 1.0, 0.9, None, "baseline_c3_g_per_l"),
        (None, 0.5, 0.9, None, "baseline_c3_g_per_l"),
        (0.5, None, 0.9, True, "followup_c3_g_per_l"),
        (0.5, 1.0, None, None, "c3_lln_g_per_l"),
        (-1, 1.0, 0.9, None, "baseline_c3_g_per_l"),
        (0.5, 90, 0.9, True, "followup_c3_g_per_l"),  # mg/dL by mistake
    ],
)
def test_a_needed_value_is_missing(before: Any, after: Any, limit: Any, low: bool | None, missing: str) -> None:
    found = follow("c3", before, after, limit)
    assert (found["c3_low_at_baseline"], found["c3_normalised"]) == (low, None)
    assert (found["clause"], found["missing"]) == (None, missing)


def test_each_level_by_the_limit_of_its_time() -> None:
    assert follow("c3", 0.85, 0.85, 0.8)["c3_normalised"] is False
    found = follow("c3", 0.85, 0.85, 0.8, baseline_c3_lln_g_per_l=0.9)
    assert (found["c3_low_at_baseline"], found["c3_normalised"]) == (True, True)


def test_components_are_judged_apart() -> None:
    both = {"baseline_c4_g_per_l": 0.05, "followup_c4_g_per_l": 0.09, "c4_lln_g_per_l": 0.1}
    found = follow("c3", 0.5, 1.0, **both)
    assert (found["c3_normalised"], found["c4_normalised"], found["clause"]) == (True, False, "c3_normalised")
    found = follow("c3", None, 1.0, **both)
    assert (found["clause"], found["missing"]) == ("c4_still_low", "baseline_c3_g_per_l")


def test_nothing_known() -> None:
    assert len(follow("c3", None, None, None)["missing"].split("; ")) == 6
