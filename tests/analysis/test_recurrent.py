"""The mean cumulative function against R survival, its definition, and without events."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftercart.analysis.datasets import load
from aftercart.analysis.recurrent import NO_EVENTS, mean_cumulative
from aftercart.errors import UsageError


@pytest.mark.parametrize(
    ("arm", "mean", "error"),
    [
        (
            "placebo",
            [0.2466422466422467, 0.4079325692228917, 0.8929715591738563, 1.5126577939916699],
            [0.0654429729705523, 0.0934632636139901, 0.1681891789842367, 0.3122498789793248],
        ),
        (
            "rIFN-g",
            [0.0317460317460317, 0.1602830450001259, 0.2794802066233959, 0.7011594046183833],
            [0.0220886457992479, 0.0563852022593307, 0.0730211274391464, 0.2283739435061857],
        ),
    ],
)
def test_granulomatous_disease_as_r_survival(arm, mean, error) -> None:
    rows = load("survival::cgd")
    rows = rows.filter(rows["treat"] == arm)
    found = mean_cumulative(rows["id"], rows["tstart"], rows["tstop"], rows["status"]).at([100, 200, 300, 400])
    assert found["mean"].to_list() == pytest.approx(mean, abs=1e-9)
    assert found["std_error"].to_list() == pytest.approx(error, abs=1e-9)


def test_gaps_and_late_entry_as_r_survival() -> None:
    found = mean_cumulative([1, 1, 2, 3, 3, 4], [0, 5, 2, 0, 1, 3], [3, 9, 6, 1, 8, 9], [1, 1, 1, 1, 0, 1])
    assert found.time.tolist() == [1, 3, 6, 8, 9]
    assert found.mean == pytest.approx([0.5, 5 / 6, 13 / 12, 13 / 12, 25 / 12], abs=1e-12)
    expected = [0.353553390593274, 0.180020574955774, 0.154035229255686, 0.154035229255686, 0.154035229255686]
    assert found.std_error == pytest.approx(expected, abs=1e-9)


def test_no_event_has_an_upper_bound_not_a_point() -> None:
    found = mean_cumulative(["a", "b", "c"], [0, 0, 0], [3, 4, 5], [0, 0, 0])
    bound = found.interval(4)
    assert (bound.estimate, bound.low, bound.method) == (0.0, 0.0, NO_EVENTS)
    assert bound.high == pytest.approx(-np.log(0.025) / 2, abs=1e-12)
    few = mean_cumulative(["a", "b", "c"], [0, 2, 2], [1, 4, 5], [0, 0, 0])  # only one was there on day 1
    assert few.interval(4).high == pytest.approx(-np.log(0.025), abs=1e-12)
    assert found.interval(6).reason == "nobody was followed to this time"
    assert mean_cumulative([], [], [], []).interval(1).estimate is None


def test_one_subject_has_no_variance_and_so_no_limits() -> None:
    found = mean_cumulative([1, 1], [0, 3], [3, 5], [1, 1]).interval(5)
    assert (found.estimate, found.low, found.high) == (2.0, None, None)
    assert found.reason == "no variation between subjects"


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (([1], [3], [3], [1]), "end after it starts"),
        (([1], [0], [3], [2]), "end after it starts"),
        (([1, 1], [0, 2], [3, 5], [1, 0]), "overlap"),
        (([1, 1], [0, 2], [3, 5], [1]), "one entry per row"),
        ((["a", 1], [0, 0], [3, 5], [1, 0]), "mixes kinds"),
        ((["a", None], [0, 0], [3, 5], [1, 0]), "subjects holds missing"),
        (([1.0, float("nan")], [0, 0], [3, 5], [1, 0]), "subjects holds missing"),
    ],
)
def test_rows_that_cannot_be_are_refused(rows, words) -> None:
    with pytest.raises(UsageError, match=words):
        mean_cumulative(*rows)


def mean_by_weights(rows, weights) -> np.ndarray:
    """The definition with a weight per subject: events over those at risk, times the chance to be alive before."""
    alive, total, found = 1.0, 0.0, []
    for time in sorted({b for _, _, b, _, _ in rows}):
        y = sum(weights[w] for w, a, b, _, _ in rows if a < time <= b)
        total += alive * sum(weights[w] for w, _, b, e, _ in rows if b == time and e) / y
        alive *= 1 - sum(weights[w] for w, _, b, _, d in rows if b == time and d) / y
        found.append(total)
    return np.array(found)


periods = st.lists(
    st.tuples(st.integers(0, 5), st.lists(st.tuples(st.integers(1, 4), st.integers(0, 2)), min_size=1, max_size=4)),
    min_size=1,
    max_size=6,
)


@given(periods, st.randoms(use_true_random=False))
def test_the_variance_is_the_sum_of_squared_influence(plan, random) -> None:
    """Rows with gaps and late entry: kind 0 ends without event, 1 in an event, 2 in an event and a gap after it."""
    rows = []
    for who, (begin, parts) in enumerate(plan):
        at = begin
        for length, kind in parts:
            rows.append((who, at, at + length, int(kind > 0)))
            at += length + (kind == 2)
    shuffled = list(rows)
    random.shuffle(shuffled)
    found = mean_cumulative(*zip(*shuffled, strict=True))
    mean, influence = 0.0, np.zeros(len(plan))
    for i, time in enumerate(found.time):
        at_risk = sum(a < time <= b for _, a, b, _ in rows)
        events = sum(b == time and e for _, _, b, e in rows)
        mean += events / at_risk
        for who in range(len(plan)):
            mine = sum(b == time and e for w, _, b, e in rows if w == who)
            here = sum(a < time <= b for w, a, b, _ in rows if w == who)
            influence[who] += (mine - here * events / at_risk) / at_risk
        assert (found.at_risk[i], found.events[i]) == (at_risk, events)
        assert found.mean[i] == pytest.approx(mean, abs=1e-12)
        assert found.std_error[i] ** 2 == pytest.approx((influence**2).sum(), abs=1e-12)


@given(periods, st.lists(st.booleans(), min_size=6, max_size=6), st.randoms(use_true_random=False))
def test_with_deaths_mean_and_variance_are_those_of_the_definition(plan, deaths, random) -> None:
    rows = []
    for who, (begin, parts) in enumerate(plan):
        at = begin
        for i, (length, kind) in enumerate(parts):
            rows.append((who, at, at + length, int(kind > 0), int(deaths[who] and i == len(parts) - 1)))
            at += length + (kind == 2)
    shuffled = list(rows)
    random.shuffle(shuffled)
    *columns, died = zip(*shuffled, strict=True)
    found = mean_cumulative(*columns, died=died)
    ones, h, squares = np.ones(len(plan)), 1e-5, 0.0
    assert found.mean == pytest.approx(mean_by_weights(rows, ones), abs=1e-12)
    for who in range(len(plan)):
        step = h * np.eye(len(plan))[who]
        squares = squares + ((mean_by_weights(rows, ones + step) - mean_by_weights(rows, ones - step)) / (2 * h)) ** 2
    assert found.std_error == pytest.approx(np.where(found.mean > 0, np.sqrt(squares), 0), abs=1e-7)


def test_the_dead_have_no_more_events() -> None:
    rows = ([1, 2, 3, 4], [0, 0, 0, 0], [2, 4, 4, 4], [0, 1, 1, 0])
    assert mean_cumulative(*rows).mean[-1] == pytest.approx(2 / 3)
    found = mean_cumulative(*rows, died=[1, 0, 0, 0])
    assert found.mean[-1] == pytest.approx(0.75 * 2 / 3)
    assert "Ghosh-Lin" in found.interval(4).method
    with pytest.raises(UsageError, match="after death"):
        mean_cumulative([1, 1], [0, 2], [2, 4], [0, 0], died=[1, 0])
