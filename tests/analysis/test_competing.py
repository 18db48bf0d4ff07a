"""Cumulative incidence against R survival and cmprsk, its definition, and its limits at scale."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftercart.analysis.competing import cumulative_incidence
from aftercart.analysis.datasets import load
from aftercart.analysis.survival import kaplan_meier
from aftercart.errors import UsageError

TIMES = [1, 2, 2, 3, 4, 5, 5, 6, 8, 9, 10, 12, 12, 15, 18]
CAUSES = [1, 0, 2, 1, 0, 1, 2, 0, 1, 0, 2, 0, 0, 1, 0]
ENTRY = [0, 0, 1, 0, 2, 3, 0, 1, 4, 4, 0, 6, 2, 9, 10]
AT = [2, 5, 8, 12, 15]


def close(found, expected) -> None:
    assert list(found) == pytest.approx(expected, abs=1e-9)


def test_ties_between_causes_as_r_survival_and_cmprsk() -> None:
    found = cumulative_incidence(TIMES, CAUSES)
    one, two = found.at(AT, 1), found.at(AT, 2)
    close(one["event_free"], [0.866666666667, 0.635555555556, 0.544761904762, 0.435809523810, 0.217904761905])
    close(one["incidence"], [0.066666666667, 0.218333333333, 0.309126984127, 0.309126984127, 0.527031746032])
    close(two["incidence"], [0.066666666667, 0.146111111111, 0.146111111111, 0.255063492063, 0.255063492063])
    close(one["std_error"], [0.064406118872, 0.112201249415, 0.130603442375, 0.130603442375, 0.187875417314])
    close(two["std_error"], [0.064406118872, 0.096097863570, 0.096097863570, 0.130887261600, 0.130887261600])
    close(one["lower"], [0.004300363449, 0.052349476526, 0.092846961316, 0.092846961316, 0.148580241806])
    close(one["upper"], [0.260321963072, 0.456109524770, 0.559960139783, 0.559960139783, 0.806411279010])
    rows = np.searchsorted(found.risk.time, AT, side="right") - 1
    gray = [0.00444444444444444, 0.0137898919753086, 0.0190124494487893, 0.0190124494487893, 0.0603357679837619]
    close(found.gray_variance(1)[rows], gray)
    other = [0.0044671201814059, 0.0101394762534643, 0.0101394762534643, 0.0200662703567444, 0.0200662703567444]
    close(found.gray_variance(2)[rows], other)


@pytest.mark.parametrize(
    ("times", "causes", "one", "two"),
    [
        # R cmprsk; the last subject has an event alone, and a tie between causes
        ([1, 2, 3, 4, 5], [1, 2, 0, 1, 1], [0.04, 0.04, 0.04, 0.115625, 0.1325], [0, 0.0425, 0.0425, 0.0425, 0.0425]),
        (
            [1, 2, 3, 3, 5],
            [1, 2, 2, 1, 2],
            [0.04, 0.04, 0.0669444444444, 0.0669444444444],
            [0, 0.0425, 0.0677777777778, 0.106944444444],
        ),
    ],
)
def test_gray_variance_to_the_last_subject(times, causes, one, two) -> None:
    found = cumulative_incidence(times, causes)
    close(found.gray_variance(1), one)
    close(found.gray_variance(2), two)


def test_subjects_who_leave_alike_count_as_many() -> None:
    many, few = cumulative_incidence(TIMES * 40, CAUSES * 40), cumulative_incidence(TIMES, CAUSES)
    assert many.incidence == pytest.approx(few.incidence, abs=1e-12)
    assert many.std_error == pytest.approx(few.std_error / np.sqrt(40), abs=1e-12)


def test_delayed_entry_as_r_survival() -> None:
    found = cumulative_incidence(TIMES, CAUSES, entry=ENTRY)
    one, two = found.at(AT, 1), found.at(AT, 2)
    assert one["at_risk"].to_list() == [6, 7, 5, 4, 2]
    close(one["incidence"], [0.2, 0.390476190476190, 0.469841269841270, 0.469841269841270, 0.588888888888889])
    close(one["std_error"], [0.178885438200, 0.176310759538, 0.174419977647, 0.174419977647, 0.175236925047])
    close(two["incidence"], [0.133333333333, 0.212698412698, 0.212698412698, 0.292063492063, 0.292063492063])
    close(two["std_error"], [0.120492815215, 0.131724204162, 0.131724204162, 0.144505301719, 0.144505301719])
    close(two["lower"], [0.007803805696, 0.033682425608, 0.033682425608, 0.066788511124, 0.066788511124])


def test_monoclonal_gammopathy_as_r_survival_and_cmprsk() -> None:
    data = load("survival::mgus2")
    found = cumulative_incidence(data["time"], data["event"])
    progression, death = found.at([60, 120, 240], 1), found.at([60, 120, 240], 2)
    close(progression["incidence"], [0.0341037129743490, 0.0637221680131129, 0.0998137159354692])
    close(progression["std_error"], [0.00488925790766794, 0.00679684842396064, 0.00978484679338960])
    close(progression["lower"], [0.0254419907443464, 0.0512816760848976, 0.0816899507073978])
    close(progression["upper"], [0.0446577215453444, 0.0779330245959657, 0.1200191317174126])
    close(death["std_error"], [0.0125673715475590, 0.0140596451620306, 0.0156063450677616])
    rows = np.searchsorted(found.risk.time, [60, 120, 240], side="right") - 1
    close(found.gray_variance(1)[rows], [2.39202128436906e-05, 4.62325046121334e-05, 9.61598846207253e-05])
    close(found.gray_variance(2)[rows], [1.58040533867303e-04, 1.97836059076558e-04, 2.44882627827112e-04])


def test_no_event_of_a_cause_gives_no_limits_and_says_so() -> None:
    found = cumulative_incidence([3, 5, 8, 9], [0, 1, 0, 0], n_causes=2)
    none = found.interval(8, 2)
    assert (none.estimate, none.low, none.high) == (0.0, None, None)
    assert none.reason == "no event of cause 2 before this time"
    assert found.interval(20, 1).reason == "nobody was followed to this time"
    assert found.interval(4, 1).low is None
    everyone = cumulative_incidence([0, 0, 0], [1, 1, 1]).interval(0, 1)
    assert (everyone.estimate, everyone.low, everyone.high) == (1.0, None, None)
    single = cumulative_incidence([4], [2])
    assert single.incidence.tolist() == [[0.0, 1.0]]
    assert cumulative_incidence([], []).at([1], 1)["incidence"].to_list() == [None]
    with pytest.raises(UsageError, match="causes are 1 to 2"):
        single.at([1], 3)


subjects = st.lists(st.tuples(st.integers(1, 9), st.integers(0, 3), st.integers(0, 8)), min_size=1, max_size=20)


def incidence_by_weights(rows, cause: int, weights) -> np.ndarray:
    """The definition, with case weights: the reference for the jackknife."""
    free, total, found = 1.0, 0.0, []
    for time in sorted({t for t, _, _ in rows}):
        y = sum(w for w, (t, _, a) in zip(weights, rows, strict=True) if a < time <= t)
        mine = sum(w for w, (t, k, _) in zip(weights, rows, strict=True) if t == time and k == cause)
        all_ = sum(w for w, (t, k, _) in zip(weights, rows, strict=True) if t == time and k > 0)
        total += free * mine / y
        free *= 1 - all_ / y
        found.append(total)
    return np.array(found)


@given(subjects)
def test_the_standard_error_is_the_infinitesimal_jackknife(rows) -> None:
    rows = [(t, k, min(a, t - 1)) for t, k, a in rows]
    times, causes, entry = zip(*rows, strict=True)
    found = cumulative_incidence(times, causes, entry=entry, n_causes=3)
    for cause in (1, 2, 3):
        squares, h = 0.0, 1e-5
        for i in range(len(rows)):
            up, down = np.ones(len(rows)), np.ones(len(rows))
            up[i], down[i] = 1 + h, 1 - h
            slope = (incidence_by_weights(rows, cause, up) - incidence_by_weights(rows, cause, down)) / (2 * h)
            squares = squares + slope**2
        assert found.std_error[:, cause - 1] == pytest.approx(np.sqrt(squares), abs=1e-7)


@given(subjects, st.randoms(use_true_random=False))
def test_parts_add_up_and_order_does_not_matter(rows, random) -> None:
    shuffled = list(rows)
    random.shuffle(shuffled)
    one, other = (cumulative_incidence(*zip(*[r[:2] for r in rs], strict=True), n_causes=3) for rs in (rows, shuffled))
    assert one.event_free + one.incidence.sum(axis=1) == pytest.approx(1, abs=1e-12)
    for column in ("incidence", "std_error", "lower", "upper"):
        mine, theirs = (f.frame()[column].fill_null(-1).to_list() for f in (one, other))
        assert mine == pytest.approx(theirs, abs=1e-12)
    for row in one.frame().drop_nulls().iter_rows(named=True):
        assert row["lower"] < row["incidence"] < row["upper"]


@given(subjects)
def test_with_one_cause_it_is_the_complement_of_kaplan_meier(rows) -> None:
    times, events = [t for t, _, _ in rows], [int(k > 0) for _, k, _ in rows]
    found = cumulative_incidence(times, events)
    assert found.incidence[:, 0] == pytest.approx(1 - kaplan_meier(times, events).survival, abs=1e-12)


def test_ten_thousand_distinct_times_need_no_square_of_memory() -> None:
    n = 100_000
    times = (np.arange(n) * 7919) % 10_000 / 10
    tracemalloc.start()
    found = cumulative_incidence(times, np.arange(n) % 3)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.risk.time.size == 10_000
    assert np.isfinite(found.lower[1:]).sum() > 19_000
    assert peak < 60e6  # a matrix of times by times alone is 800 MB
