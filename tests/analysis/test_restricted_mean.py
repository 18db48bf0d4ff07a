"""Restricted mean survival time against R survRM2, and where it does not exist."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftercart.analysis.restricted_mean import restricted_mean, restricted_mean_difference
from aftercart.errors import UsageError

MP = [6, 6, 6, 6, 7, 9, 10, 10, 11, 13, 16, 17, 19, 20, 22, 23, 25, 32, 32, 34, 35]
MP_EVENT = [1, 1, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0]
PLACEBO = [1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23]


def test_six_mp_against_placebo_as_survrm2() -> None:
    one, other = restricted_mean(MP, MP_EVENT, 20), restricted_mean(PLACEBO, [1] * 21, 20)
    assert (one.value, one.std_error) == pytest.approx((16.11652661, 1.251560196), abs=1e-8)
    assert (other.value, other.std_error) == pytest.approx((8.428571429, 1.268082683), abs=1e-8)
    found = restricted_mean_difference((MP, MP_EVENT), (PLACEBO, [1] * 21), 20)
    assert (found.estimate, found.low, found.high) == pytest.approx((7.687955182, 4.195897403, 11.18001296), abs=1e-8)


def test_no_event_has_no_standard_error() -> None:
    found = restricted_mean([5, 9], [0, 0], 8)
    assert (found.value, found.std_error, found.low, found.high) == (8.0, None, None, None)
    assert found.reason == "no event before tau, so the standard error does not exist"
    against = restricted_mean_difference(([5, 9], [0, 0]), (MP, MP_EVENT), 8)
    assert (against.low, against.high) == (None, None)
    assert against.reason == f"first group: {found.reason}"


def test_beyond_the_last_follow_up_there_is_no_mean_unless_everybody_had_the_event() -> None:
    found = restricted_mean([5, 9], [1, 0], 10)
    assert (found.value, found.reason) == (None, "nobody was followed to tau")
    assert restricted_mean([5, 9], [1, 1], 10).value == 7
    assert restricted_mean([], [], 10).reason == "no subject"
    assert restricted_mean_difference(([5, 9], [1, 0]), (MP, MP_EVENT), 10).estimate is None


def test_everyone_at_once_has_no_variation() -> None:
    found = restricted_mean([0, 0, 0], [1, 1, 1], 5)
    assert (found.value, found.std_error) == (0.0, None)
    assert found.reason == "no variation before tau, so the standard error does not exist"


def test_limits_stay_between_0_and_the_horizon() -> None:
    low = restricted_mean([0, 0, 0, 9], [1, 1, 1, 0], 5)
    assert (low.low, low.value) == (0.0, 1.25)
    high = restricted_mean([9, 9, 9, 4], [0, 0, 0, 1], 5)
    assert (high.high, high.value) == (5, 4.75)


@given(st.lists(st.integers(0, 20), min_size=2, max_size=20), st.integers(1, 25))
def test_without_censoring_it_is_the_mean_of_the_shortened_times(times, tau) -> None:
    found = restricted_mean(times, [1] * len(times), tau)
    short = [min(t, tau) for t in times]
    mean = sum(short) / len(short)
    assert found.value == pytest.approx(mean, abs=1e-9)
    if found.std_error is not None:
        spread = math.sqrt(sum((t - mean) ** 2 for t in short)) / len(short)
        assert found.std_error == pytest.approx(spread, abs=1e-9)


@pytest.mark.parametrize("tau", [0, -1, math.inf, math.nan])
def test_an_impossible_horizon_is_refused(tau) -> None:
    with pytest.raises(UsageError):
        restricted_mean([1, 2], [1, 0], tau)
