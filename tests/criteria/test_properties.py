"""What holds for every criterion, whatever its rule: order of rows, and what a missing value may do."""

from __future__ import annotations

import math
import re
import sys
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from aftercart.criteria import registry

sys.path.insert(0, str(Path(__file__).parent))
import frames_at_random

ROWS = [e.key for e in registry.all_criteria() if e.kind == "row"]
BOUNDED = [e.key for e in registry.all_criteria() if e.kind == "row" and e.bounds]
EXEMPT = {
    "haq_di": "the published rule averages the answered categories, so an unanswered one moves the mean",
    "ctcae_creatinine": "a baseline that was not high bounds the missing limit, which random values contradict",
}
SEEDS = st.integers(0, 2**32 - 1)


@pytest.mark.parametrize("key", ROWS)
@settings(max_examples=4, deadline=None)
@given(seed=SEEDS)
def test_the_order_of_rows_does_not_matter(key: str, seed: int) -> None:
    entry = registry.get(key)
    data = frames_at_random.blank(frames_at_random.frame(entry, seed), seed + 1).with_row_index("n")
    forwards = entry.function(data)
    backwards = entry.function(data.reverse()).reverse()
    assert_frame_equal(forwards, backwards)


@pytest.mark.parametrize("key", [k for k in BOUNDED if k not in EXEMPT])
@settings(max_examples=8, deadline=None)
@given(seed=SEEDS)
def test_a_missing_value_widens_the_bounds_and_never_narrows_them(key: str, seed: int) -> None:
    entry = registry.get(key)
    known = frames_at_random.frame(entry, seed)
    before, after = entry.function(known), entry.function(frames_at_random.blank(known, seed + 1))
    assert entry.bounds is not None
    low, high = entry.bounds
    for row in range(known.height):
        assert _number(after[low][row], -math.inf) <= _number(before[low][row], math.inf) + 1e-9
        assert _number(after[high][row], math.inf) >= _number(before[high][row], -math.inf) - 1e-9


@pytest.mark.parametrize("key", BOUNDED)
@settings(max_examples=4, deadline=None)
@given(seed=SEEDS)
def test_a_result_lies_within_its_bounds_and_is_given_when_they_agree(key: str, seed: int) -> None:
    entry = registry.get(key)
    found = entry.function(frames_at_random.blank(frames_at_random.frame(entry, seed), seed + 1))
    assert entry.bounds is not None
    value, low, high = pl.col(entry.primary), pl.col(entry.bounds[0]), pl.col(entry.bounds[1])
    if found.schema[entry.primary].is_numeric():
        given_ = found.filter(value.is_not_null() & low.is_not_null() & high.is_not_null())
        assert given_.filter(((value - low).abs() > 1e-9) | ((value - high).abs() > 1e-9)).is_empty()


# composite score -> prefix of its parts, what the published equation adds to them, how far rounding may move the score
PARTS = {
    "acr_criss_2016": ("terms.", -5.54, 0),
    "acr_eular_2016_tis": ("points.", 0, 0),
    "car_hematotox": ("points.", 0, 0),
    "cdai": ("terms.", 0, 0),
    "das28_crp": ("terms.", 0.96, 0),
    "das28_esr": ("terms.", 0, 0),
    "escsg_ai_2001": ("points.", 0, 0),
    "eustar_ai_2017": ("points.", 0, 0),
    "facit_fatigue": ("points.", 0, 0),
    "mg_adl": ("points.", 0, 0),
    "mmt8": ("points.", 0, 0),
    "mrss": ("points.", 0, 0),
    "sdai": ("terms.", 0, 0),
    "sdi": ("points.", 0, 0),
    "sle_das": ("points.", 0.366, 0.005),
    "sledai_2k": ("points.", 0, 0),
}


@pytest.mark.parametrize("key", PARTS)
@settings(max_examples=4, deadline=None)
@given(seed=SEEDS)
def test_the_parts_of_a_composite_score_add_up_to_it(key: str, seed: int) -> None:
    entry = registry.get(key)
    data = frames_at_random.frame(entry, seed)
    if key in ("facit_fatigue", "sdi"):  # whole answers and counts, which the entry cannot say
        data = data.with_columns(pl.col(r"^items\..*$") % 5 // 1)
    prefix, constant, rounding = PARTS[key]
    total = "linear_predictor" if key == "acr_criss_2016" else entry.primary
    parts = entry.function.decompose(data)
    summed = parts.select(constant + pl.sum_horizontal(pl.col(rf"^{re.escape(prefix)}.*$"), ignore_nulls=False))
    score = entry.function(data)[total].cast(pl.Float64)
    given_ = score.is_not_null()
    assert given_.any()
    assert ((score - summed.to_series()).abs().filter(given_) <= rounding + 1e-9).all()


def _number(value: float | None, otherwise: float) -> float:
    return otherwise if value is None else float(value)
