from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aftercart import criteria
from aftercart.criteria import registry

WEIGHTS = registry.get("sledai_2k").rules["weights"]
SHARE = {"resolved": 0.0, "improved_ge50": 0.5, "not_improved": 1.0}


def score(baseline: list[str] | None, states: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    record: dict[str, Any] = {"baseline_descriptors": baseline}
    record |= {f"followup.{d}": s for d, s in (states or {}).items()} | more
    frame = pl.DataFrame({k: pl.Series(k, [v], strict=False) for k, v in record.items()})
    return criteria.s2k_ri50(frame).row(0, named=True)


@pytest.mark.parametrize(
    ("baseline", "states", "new", "before", "after", "clause"),
    [
        ([], {}, [], 0, 0.0, "unchanged"),
        (["arthritis"], {"arthritis": "resolved"}, [], 4, 0.0, "reduced"),
        (["arthritis"], {"arthritis": "improved_ge50"}, [], 4, 2.0, "reduced"),
        (["arthritis"], {"arthritis": "not_improved"}, [], 4, 4.0, "unchanged"),
        (["fever"], {"fever": "improved_ge50"}, [], 1, 0.5, "reduced"),
        (["arthritis", "rash"], {"arthritis": "not_improved", "rash": "improved_ge50"}, [], 6, 5.0, "reduced"),
        (["rash"], {"rash": "resolved"}, ["arthritis"], 2, 4.0, "increased"),
        ([], {}, ["seizure"], 0, 8.0, "increased"),
        (["rash"], {"rash": "resolved"}, ["alopecia"], 2, 2.0, "unchanged"),
        (["rash"], {"rash": "improved_ge50"}, ["rash"], 2, 2.0, "unchanged"),  # once, in full
        (["rash", "rash"], {"rash": "improved_ge50"}, ["fever", "fever"], 2, 2.0, "unchanged"),
        (["rash"], {"rash": "resolved", "seizure": "not_improved"}, [], 2, 0.0, "reduced"),
        (list(WEIGHTS), dict.fromkeys(WEIGHTS, "not_improved"), [], 105, 105.0, "unchanged"),
        (list(WEIGHTS), dict.fromkeys(WEIGHTS, "improved_ge50"), [], 105, 52.5, "reduced"),
    ],
)
def test_half_weights_and_new_descriptors(
    baseline: list[str], states: dict[str, str], new: list[str], before: int, after: float, clause: str
) -> None:
    found = score(baseline, states, new_descriptors=new)
    assert (found["baseline_sledai_2k"], found["s2k_ri50"], found["reduction"]) == (before, after, before - after)
    assert found["s2k_ri50_lower_bound"] == found["s2k_ri50_upper_bound"] == after
    assert sum(found[f"points.{d}"] for d in WEIGHTS) == after
    assert (found["clause"], found["missing"]) == (clause, None)


def test_descriptors_are_counted_by_what_became_of_them() -> None:
    states = {"seizure": "resolved", "arthritis": "improved_ge50", "rash": "not_improved"}
    found = score(list(states), states, new_descriptors=["fever", "pleurisy"])
    assert (found["n_resolved"], found["n_improved_ge50"], found["n_new"]) == (1, 1, 2)


@pytest.mark.parametrize(
    ("baseline", "states", "more", "low", "high", "missing"),
    [
        (["arthritis", "rash"], {"rash": "resolved"}, {}, 0.0, 4.0, "followup.arthritis"),
        (["arthritis", "rash"], {"rash": "resolved", "arthritis": None}, {}, 0.0, 4.0, "followup.arthritis"),
        (["arthritis"], {"arthritis": "better"}, {}, 0.0, 4.0, "followup.arthritis"),
        (["arthritis"], {"arthritis": "improved_ge50"}, {"new_descriptors": None}, 2.0, 103.0, "new_descriptors"),
        (None, {}, {}, 0.0, 105.0, "baseline_descriptors"),
        (None, {}, {"new_descriptors": ["fever"]}, 1.0, 105.0, "baseline_descriptors"),
        (["rush"], {}, {}, 0.0, 105.0, "baseline_descriptors"),
        (["rash", None], {"rash": "not_improved"}, {}, 2.0, 105.0, "baseline_descriptors"),
        ([], {}, {"new_descriptors": ["rush", "fever"]}, 1.0, 105.0, "new_descriptors"),
    ],
)
def test_open_questions_leave_bounds(
    baseline: list[str] | None, states: dict[str, Any], more: dict[str, Any], low: float, high: float, missing: str
) -> None:
    found = score(baseline, states, **more)
    assert (found["s2k_ri50"], found["reduction"], found["clause"]) == (None, None, None)
    assert (found["s2k_ri50_lower_bound"], found["s2k_ri50_upper_bound"]) == (low, high)
    assert found["missing"] == missing


@settings(max_examples=50, deadline=None)
@given(st.dictionaries(st.sampled_from(sorted(WEIGHTS)), st.sampled_from(sorted(SHARE))), st.data())
def test_agrees_with_the_rule_written_out(states: dict[str, str], data: st.DataObject) -> None:
    others = sorted(set(WEIGHTS) - set(states))
    new = data.draw(st.lists(st.sampled_from(others), unique=True)) if others else []
    found = score(list(states), states, new_descriptors=new)
    after = sum(WEIGHTS[d] * SHARE[s] for d, s in states.items()) + sum(WEIGHTS[d] for d in new)
    assert found["baseline_sledai_2k"] == sum(WEIGHTS[d] for d in states)
    assert found["s2k_ri50"] == after
