"""Exact intervals against closed forms and published values."""

from __future__ import annotations

import math
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftercart.analysis.intervals import proportion, rate
from aftercart.errors import MissingExtraError, UsageError


@pytest.mark.parametrize(
    ("events", "n", "low", "high"),
    [
        # closed forms: 0/n has upper 1 - 0.025^(1/n), n/n has lower 0.025^(1/n)
        (0, 15, 0.0, 1 - 0.025 ** (1 / 15)),
        (15, 15, 0.025 ** (1 / 15), 1.0),
        (8, 8, 0.025 ** (1 / 8), 1.0),
        (1, 1, 0.025, 1.0),
        (0, 1, 0.0, 0.975),
        # Newcombe 1998 table I, and R binom.test
        (81, 263, 0.2527367456, 0.3676219226),
        (0, 20, 0.0, 0.168433471),
        (1, 15, 0.001686430241, 0.3194845666),
        (3, 5, 0.1466327996, 0.9472550495),
        (3, 40, 0.015742, 0.203865),
    ],
)
def test_clopper_pearson(events: int, n: int, low: float, high: float) -> None:
    interval = proportion(events, n)
    assert interval.estimate == events / n
    assert interval.low == pytest.approx(low, abs=1e-6)
    assert interval.high == pytest.approx(high, abs=1e-6)
    assert interval.method == "Clopper-Pearson exact"
    assert interval.reason is None


def test_the_ends_are_exact_not_merely_close() -> None:
    assert proportion(0, 15).low == 0.0
    assert proportion(15, 15).high == 1.0
    assert proportion(0, 15).high == pytest.approx(0.2180193609, abs=1e-10)


def test_other_confidence_level() -> None:
    assert proportion(0, 15, confidence=0.9).high == pytest.approx(0.1810362725, abs=1e-9)


def test_nobody_evaluable_is_not_estimable_and_says_why() -> None:
    interval = proportion(0, 0)
    assert (interval.estimate, interval.low, interval.high) == (None, None, None)
    assert interval.reason == "no patient could be evaluated"


@pytest.mark.parametrize(
    ("events", "exposure", "low", "high"),
    [
        (0, 1.0, 0.0, -math.log(0.025)),
        (5, 1.0, 1.62348639, 11.66833208),
        (10, 1.0, 4.795388696, 18.39035604),
        (3, 22.4, 0.0276192912, 0.3913961192),
    ],
)
def test_garwood(events: int, exposure: float, low: float, high: float) -> None:
    interval = rate(events, exposure)
    assert interval.estimate == events / exposure
    assert interval.low == pytest.approx(low, abs=1e-6)
    assert interval.high == pytest.approx(high, abs=1e-6)
    assert interval.method == "Garwood exact"


def test_no_exposure_is_not_estimable() -> None:
    interval = rate(0, 0)
    assert (interval.estimate, interval.low, interval.high) == (None, None, None)
    assert interval.reason == "no time at risk"


@pytest.mark.parametrize(("events", "n"), [(2, 1), (-1, 5), (1.5, 5), (1, -2)])
def test_impossible_counts_are_refused(events: int, n: int) -> None:
    with pytest.raises(UsageError):
        proportion(events, n)


@pytest.mark.parametrize("confidence", [0, 1, 95])
def test_impossible_confidence_is_refused(confidence: float) -> None:
    with pytest.raises(UsageError):
        proportion(1, 5, confidence=confidence)


@pytest.mark.parametrize("exposure", [-1.0, math.nan])
def test_impossible_exposure_is_refused(exposure: float) -> None:
    with pytest.raises(UsageError):
        rate(1, exposure)


def test_without_scipy_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scipy", None)
    monkeypatch.setitem(sys.modules, "scipy.special", None)
    with pytest.raises(MissingExtraError, match=r"aftercart\[statistics\]"):
        proportion(1, 5)


@given(n=st.integers(1, 60), data=st.data())
def test_mirror_and_order(n: int, data: st.DataObject) -> None:
    events = data.draw(st.integers(0, n))
    here, mirror = proportion(events, n), proportion(n - events, n)
    assert here.low is not None
    assert here.high is not None
    assert here.estimate is not None
    assert here.low <= here.estimate <= here.high
    assert mirror.high == pytest.approx(1 - here.low, abs=1e-9)
    if events < n:
        more = proportion(events + 1, n)
        assert more.low is not None
        assert more.low > here.low
