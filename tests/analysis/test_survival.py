"""The Kaplan-Meier kernel against published curves."""

from __future__ import annotations

import pytest

from aftercart.analysis.survival import curve, follow_up, median

# Freireich 1963, 6-mercaptopurine arm: weeks, relapse
WEEKS = [6, 6, 6, 6, 7, 9, 10, 10, 11, 13, 16, 17, 19, 20, 22, 23, 25, 32, 32, 34, 35]
RELAPSE = [bool(e) for e in (1, 1, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0)]
# Miller 1997, acute myeloid leukaemia, maintained arm
AML = [9, 13, 13, 18, 23, 28, 31, 34, 45, 48, 161]
AML_EVENT = [bool(e) for e in (1, 1, 0, 1, 1, 0, 1, 1, 0, 1, 0)]


def test_curve_of_the_six_mp_arm() -> None:
    steps = {s.time: s for s in curve(WEEKS, RELAPSE)}
    expected = {
        6: (21, 0.8571428571, 0.6197179553, 0.9515517476),
        10: (15, 0.7529411765, 0.5031995108, 0.8893618352),
        22: (7, 0.5378151261, 0.2677789368, 0.7467907176),
        23: (6, 0.4481792717, 0.188052006, 0.6801426285),
    }
    for time, (at_risk, survival, lower, upper) in expected.items():
        assert steps[time].at_risk == at_risk
        assert steps[time].survival == pytest.approx(survival, abs=1e-9)
        assert steps[time].lower == pytest.approx(lower, abs=1e-6)
        assert steps[time].upper == pytest.approx(upper, abs=1e-6)


@pytest.mark.parametrize(
    ("times", "events", "value", "low", "high"),
    [(WEEKS, RELAPSE, 23, 13, None), (AML, AML_EVENT, 31, 13, None)],
)
def test_median(times: list[float], events: list[bool], value: float, low: float, high: float | None) -> None:
    found = median(times, events)
    assert (found.value, found.low, found.high) == (value, low, high)


def test_reverse_median_follow_up() -> None:
    found = follow_up(WEEKS, RELAPSE)
    assert (found.value, found.low, found.high) == (25, 11, 32)
    assert (found.n, found.n_events) == (21, 12)


def test_without_deaths_follow_up_is_the_plain_median() -> None:
    assert follow_up([4, 8, 15, 20, 29], [False] * 5).value == 15
    assert follow_up([4, 8, 15, 20], [False] * 4).value == 11.5


def test_no_events_no_median_and_no_degenerate_limits() -> None:
    found = median([3, 4, 6, 29], [False] * 4)
    assert (found.value, found.low, found.high) == (None, None, None)
    assert curve([3, 4], [False, False]) == []


def test_limits_are_open_where_the_curve_is_zero() -> None:
    (step,) = curve([5.0], [True])
    assert (step.survival, step.lower, step.upper) == (0.0, None, None)
    assert median([5.0], [True]).value == 5.0


def test_a_last_step_at_one_half_is_the_median() -> None:
    assert median([5.0, 9.0], [True, False]).value == 5.0


def test_nobody() -> None:
    assert median([], []).value is None
