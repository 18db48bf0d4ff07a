"""The Kaplan-Meier kernel against published curves."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftercart.analysis.datasets import load
from aftercart.analysis.intervals import proportion
from aftercart.analysis.survival import curve, follow_up, kaplan_meier, landmark, median
from aftercart.errors import UsageError

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


# Fifteen subjects with ties, and when each came under observation; values by R survival 3.5-3
TIES = [1, 2, 2, 3, 4, 5, 5, 6, 8, 9, 10, 12, 12, 15, 18]
TIES_EVENT = [1, 0, 1, 1, 0, 1, 1, 0, 1, 0, 1, 0, 0, 1, 0]
TIES_ENTRY = [0, 0, 1, 0, 2, 3, 0, 1, 4, 4, 0, 6, 2, 9, 10]
AT = [1, 2, 5, 8, 12, 15]


def values(frame: pl.DataFrame, column: str):
    return pytest.approx(frame[column].to_list(), abs=1e-9)


@pytest.mark.parametrize(
    ("limits", "lower", "upper"),
    [
        (
            "log",
            [0.815264045654, 0.710636584928, 0.423632636840, 0.328449501924, 0.223145000585, 0.046757106922],
            [1, 1, 0.953493260599899, 0.903534732557788, 0.851150330705759, 1],
        ),
        (
            "plain",
            [0.8070996599603, 0.694639167281811, 0.377753344277680, 0.269131053039101, 0.144085824264194, 0],
            [1, 1, 0.893357766833431, 0.820392756484708, 0.727533223354854, 0.553280200981384],
        ),
    ],
)
def test_limits_on_other_scales(limits, lower, upper) -> None:
    found = kaplan_meier(TIES, TIES_EVENT, limits=limits).at(AT)
    assert lower == values(found, "lower")
    assert upper == values(found, "upper")


def test_delayed_entry() -> None:
    found = kaplan_meier(TIES, TIES_EVENT, entry=TIES_ENTRY).at(AT)
    assert found["at_risk"].to_list() == [5, 6, 7, 5, 4, 2]
    survival = [0.8, 0.666666666666667, 0.396825396825397, 0.317460317460318, 0.238095238095238, 0.119047619047619]
    assert survival == values(found, "survival")
    error = [0.178885438199983, 0.192450089729875, 0.165438370601744, 0.150185750047103, 0.131953501641298]
    assert [*error, 0.106953725738300] == values(found, "std_error")
    lower = [0.20380926326763926, 0.19461663680623487, 0.10673522757341571, 0.07620026769929955, 0.04692890410787462]
    assert [*lower, 0.00768921135730792] == values(found, "lower")
    upper = [0.969179788866743, 0.904434164322516, 0.682627397522965, 0.599657991731781, 0.510062556094460]
    assert [*upper, 0.394376350137689] == values(found, "upper")


def test_lung_cancer() -> None:
    lung = load("survival::lung")
    found = kaplan_meier(lung["time"], lung["event"], limits="log")
    at = found.at([30, 365, 730])
    assert values(at, "survival") == [0.956140350877193, 0.409241624460064, 0.115693098344539]
    assert values(at, "std_error") == [0.0135620698333643, 0.0358236381720378, 0.0282981973176942]
    assert values(at, "lower") == [0.9299252668892968, 0.3447215817958266, 0.0716318249617963]
    assert values(at, "upper") == [0.983094451916202, 0.485837603547281, 0.186856791819807]
    middle = found.median()
    assert (middle.value, middle.low, middle.high) == (310, 285, 363)
    log_log = kaplan_meier(lung["time"], lung["event"], confidence=0.9).interval(365)
    assert (log_log.low, log_log.high) == pytest.approx((0.350047744730706, 0.467447761878952), abs=1e-9)
    default = kaplan_meier(lung["time"], lung["event"]).median()
    assert (default.low, default.high) == (284, 361)


def test_no_event_has_no_limits_and_says_so_until_beta_product_limits_are_asked_for() -> None:
    times = [3, 4, 6, 6, 7, 9, 10, 12, 12, 14, 16, 18, 20, 24, 29]
    for limits in ("log-log", "log", "plain"):
        found = kaplan_meier(times, [0] * 15, limits=limits).interval(12)
        assert (found.estimate, found.low, found.high) == (1.0, None, None)
        assert found.reason == "no event before this time"
    fallback = kaplan_meier(times, [0] * 15, limits="small-sample").interval(12)
    assert fallback.low == pytest.approx(0.025 ** (1 / 6), abs=1e-12)
    assert fallback.high == 1.0
    assert "beta-product" in fallback.method
    assert kaplan_meier(list(range(1, 40)), [1, *[0] * 38], limits="small-sample").method.endswith("log-log limits")


def test_everyone_an_event_on_day_0() -> None:
    found = kaplan_meier([0, 0, 0], [1, 1, 1])
    assert found.interval(0).reason == "the curve has reached 0"
    assert found.at([5])["survival"].to_list() == [0.0]
    assert found.median().value == 0.0
    assert kaplan_meier([0, 0, 0], [1, 1, 1], limits="beta-product").interval(0).high == pytest.approx(
        1 - 0.025 ** (1 / 3)
    )


def test_after_the_last_follow_up_nothing_is_known() -> None:
    found = kaplan_meier([3, 5], [1, 0])
    assert found.at([5, 6])["survival"].to_list() == [0.5, None]
    assert found.interval(6).reason == "nobody was followed to this time"
    assert kaplan_meier([], []).at([0, 1])["survival"].to_list() == [None, None]


def test_columns_of_a_data_frame_and_arrays_do_alike() -> None:
    frame = pl.DataFrame({"months": TIES, "died": [bool(e) for e in TIES_EVENT]})
    one = kaplan_meier(frame["months"], frame["died"]).frame()
    assert one.equals(kaplan_meier(np.array(TIES, float), np.array(TIES_EVENT)).frame())


@pytest.mark.parametrize(
    ("times", "events", "entry", "words"),
    [
        ([1, 2], [1], None, "one entry per subject"),
        ([1, None], [1, 0], None, "missing"),
        ([1, -2], [1, 0], None, "cannot be"),
        ([1, 2], [1, 2], None, "events must be 0 or 1"),
        ([1, 2], [1, 0.5], None, "whole numbers"),
        (["a", "b"], [1, 0], None, "not a number"),
        (pl.Series([date(2026, 1, 1), date(2026, 1, 2)]), [1, 0], None, "not a number"),
        (pl.Series([timedelta(3), timedelta(5)]), [1, 0], None, "times as days or months"),
        (["3", "4"], [1, 0], None, "not a number"),
        ([[1, 2]], [[1, 0]], None, "dimensions"),
        ([1, 2], [1, 0], [0, 2], "enters at or after"),
    ],
)
def test_columns_that_cannot_be_are_refused(times, events, entry, words) -> None:
    with pytest.raises(UsageError, match=words):
        kaplan_meier(times, events, entry=entry)


def test_unknown_limits_are_refused() -> None:
    with pytest.raises(UsageError, match="small-sample"):
        kaplan_meier([1], [1], limits="wald")


def test_landmark_drops_and_counts_who_did_not_reach_it() -> None:
    found = landmark(TIES, TIES_EVENT, at=5)
    assert (found.curve.risk.n, found.n_event_before, found.n_censored_before) == (8, 5, 2)
    whole = kaplan_meier(TIES, TIES_EVENT).at([5, 8, 12])["survival"]
    conditional = found.curve.at([3, 7])["survival"]
    assert conditional.to_list() == pytest.approx([whole[1] / whole[0], whole[2] / whole[0]], abs=1e-12)
    with pytest.raises(UsageError):
        landmark(TIES, TIES_EVENT, at=-1)


subjects = st.lists(st.tuples(st.integers(0, 12), st.booleans()), min_size=1, max_size=25)


@given(subjects, st.randoms(use_true_random=False))
def test_order_of_subjects_does_not_matter(rows, random) -> None:
    shuffled = list(rows)
    random.shuffle(shuffled)
    for limits in ("log-log", "beta-product"):
        one, other = (kaplan_meier(*zip(*r, strict=True), limits=limits).frame() for r in (rows, shuffled))
        assert one.equals(other)


@given(st.lists(st.integers(0, 12), min_size=1, max_size=25))
def test_without_censoring_it_is_the_proportion_still_free(times) -> None:
    curve = kaplan_meier(times, [1] * len(times), limits="beta-product")
    for time in sorted(set(times)):
        found, exact = curve.interval(time), proportion(sum(t > time for t in times), len(times))
        assert found.estimate == pytest.approx(exact.estimate, abs=1e-12)
        assert (found.low, found.high) == pytest.approx((exact.low, exact.high), abs=1e-9)


@given(subjects)
def test_limits_hold_the_estimate_and_are_never_one_point(rows) -> None:
    times, events = zip(*rows, strict=True)
    for limits in ("log-log", "log", "beta-product", "small-sample"):
        for row in kaplan_meier(times, events, limits=limits).frame().iter_rows(named=True):
            if row["lower"] is not None:
                assert row["lower"] <= row["survival"] + 1e-12
                assert row["survival"] <= row["upper"] + 1e-12
                assert row["lower"] < row["upper"]


def test_a_million_subjects() -> None:
    n = 1_000_000
    times = (np.arange(n) * 7919) % n / 1000
    found = kaplan_meier(times, np.arange(n) % 3 == 0)
    assert found.risk.time.size == n
    assert np.isfinite(found.lower[found.survival < 1]).all()
