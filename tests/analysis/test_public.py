"""Every public statistical name: documented with a source and an example that runs, quiet at every edge."""

from __future__ import annotations

import doctest
import importlib
import inspect
import sys

import pytest

from aftercart import analysis

FUNCTIONS = [n for n in analysis.__all__ if inspect.isfunction(getattr(analysis, n)) and n != "summarize"]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_is_documented_and_its_example_runs(name: str) -> None:
    function = getattr(analysis, name)
    module = sys.modules[function.__module__]
    parsed = doctest.DocTestParser().get_doctest(function.__doc__, vars(module), name, None, 0)
    assert parsed.examples
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    assert runner.run(parsed).failed == 0
    undocumented = [p for p in inspect.signature(function).parameters if p not in function.__doc__]
    assert [p for p in undocumented if p not in ("confidence", "events", "times", "n")] == []


def test_every_name_is_there_and_has_a_docstring() -> None:
    assert sorted(analysis.__all__) == analysis.__all__
    assert all(getattr(analysis, name).__doc__ for name in analysis.__all__)


DEGENERATE = [
    ([], []),
    ([4], [0]),
    ([4], [1]),
    ([0, 0, 0], [1, 1, 1]),
    ([3, 4, 5], [0, 0, 0]),
    ([0], [0]),
    ([2, 2, 2], [0, 1, 0]),
]


@pytest.mark.parametrize(("times", "events"), DEGENERATE)
def test_no_degenerate_interval_and_no_warning(times, events) -> None:
    """Warnings are errors in these tests."""
    found = [
        *(analysis.kaplan_meier(times, events, limits=x).interval(2) for x in ("log-log", "log", "plain")),
        analysis.kaplan_meier(times, events, limits="small-sample").interval(2),
        analysis.cumulative_incidence(times, events, n_causes=2).interval(2, 1),
        analysis.cumulative_incidence(times, events, n_causes=2).interval(2, 2),
        analysis.mean_cumulative(range(len(times)), [-1] * len(times), times, events).interval(2),
        analysis.restricted_mean_difference((times, events), (times, events), 2),
        analysis.proportion(sum(events), len(times)),
        analysis.rate(sum(events), sum(times)),
    ]
    for interval in found:
        assert interval.method
        if interval.low is None or interval.high is None:
            assert interval.reason
        else:
            assert interval.low < interval.high or interval.reason
    analysis.kaplan_meier(times, events).median()
    analysis.cumulative_incidence(times, events).gray_variance(1)


def test_modules_say_what_they_hold() -> None:
    for name in FUNCTIONS:
        assert importlib.import_module(getattr(analysis, name).__module__).__doc__
