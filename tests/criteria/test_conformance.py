"""The worked-case files are run whole, each case through the public function."""

from __future__ import annotations

import json
import sys

import pytest

from aftercart import verify
from aftercart.analysis.methods import METHODS
from aftercart.criteria import registry
from aftercart.errors import CaseFileError

CASES = [case for path in verify.shipped_case_files() for case in verify.read_cases(path)]
DISPUTED: dict[tuple[str, str], str] = {}
"""(criterion, case) that we are convinced is wrong, with the reasoning and the source. Empty."""


@pytest.mark.parametrize("key", sorted({c.criterion for c in CASES if c.criterion in registry.names()}))
def test_every_worked_case_gives_what_is_expected(key: str) -> None:
    failures = [verify.check_case(c) for c in CASES if c.criterion == key and (key, c.name) not in DISPUTED]
    assert [f for f in failures if f is not None] == []


def test_every_criterion_has_a_worked_case() -> None:
    assert sorted(set(registry.names()) - {c.criterion for c in CASES}) == []


METHOD_CASES = [c for c in CASES if c.criterion in METHODS]


@pytest.mark.parametrize("case", METHOD_CASES, ids=lambda c: f"{c.criterion}-{c.name}")
def test_every_case_of_a_statistical_method_gives_what_is_expected(case) -> None:
    failure = verify.check_case(case)
    assert failure is None, failure


def test_no_case_of_an_estimate_is_left_out() -> None:
    assert len(METHOD_CASES) == 50
    found = verify.run(p for p in verify.shipped_case_files() if p.name == "statistics_cases.json")
    assert (found.passed, found.failed, found.not_implemented) == (50, 0, 114)


def test_a_data_set_that_is_not_shipped_is_said_not_to_be_implemented(tmp_path) -> None:
    inputs = {"dataset": "R survival::nobody", "times": [1]}
    case = {"method": "kaplan_meier", "case": "x", "inputs": inputs, "expected": {"surv": [1]}}
    outside = {**case, "inputs": {**inputs, "dataset": "../statistics_cases"}}
    path = tmp_path / "cases.json"
    path.write_text(json.dumps([case, outside]))
    found = verify.run([path])
    assert (found.passed, found.failed, found.not_implemented) == (0, 0, 2)


def test_without_scipy_methods_that_need_it_are_not_counted_as_failed(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "scipy", None)
    monkeypatch.setitem(sys.modules, "scipy.special", None)
    monkeypatch.setitem(sys.modules, "scipy.optimize", None)
    found = verify.run(p for p in verify.shipped_case_files() if p.name == "statistics_cases.json")
    assert found.failed == 0
    assert found.criteria["kaplan_meier"].passed == 5
    assert found.criteria["binomial_ci"].not_implemented == 8


def test_tolerance_is_that_of_the_case_and_may_differ_by_output(tmp_path) -> None:
    inputs, expected = {"events": 0, "exposure": 1}, {"rate": 0.01, "exact": [0, 3.69]}
    case = {"method": "poisson_rate_ci", "case": "x", "inputs": inputs, "expected": expected}
    path = tmp_path / "cases.json"
    wide, mixed, tight = 0.1, {"rate": 0.1, "exact": 1e-3}, {"rate": 0.1, "exact": 0.01}
    path.write_text(json.dumps([{**case, "tolerance": t} for t in (wide, mixed, tight)]))
    found = verify.run([path])
    assert (found.passed, found.failed) == (2, 1)
    assert set(found.failures[0].differences) == {"exact"}
    path.write_text(json.dumps([{**case, "tolerance": "small"}]))
    with pytest.raises(CaseFileError, match="tolerance is 'small'"):
        verify.run([path])


def test_what_a_row_of_a_list_leaves_out_takes_its_default_and_a_null_does_not() -> None:
    visits = [{"day": 30, "in_remission": True}, {"day": 90, "in_remission": True, "treatment_restarted": None}]
    frame = verify.case_frame(registry.get("remission_course"), visits)
    assert [v["treatment_restarted"] for v in frame["visits"][0]] == [False, None]


def test_a_list_that_the_case_leaves_out_is_missing() -> None:
    found = verify.compute(verify.Case("refractory", "x", {"definition": "erlangen_ge2"}, {}))
    assert (found["refractory"], found["n_counted"]) == (None, None)


def test_a_wrong_expectation_fails(tmp_path) -> None:
    case = {"criterion": "crs_astct_2019", "case": "x", "inputs": {"temperature_c": 39}, "expected": {"grade": 0}}
    path = tmp_path / "cases.json"
    path.write_text(json.dumps([case, {**case, "criterion": "no_such_criterion"}]))
    found = verify.run([path])
    assert (found.passed, found.failed, found.not_implemented) == (0, 1, 1)
    assert found.failures[0].as_dict() == {
        "criterion": "crs_astct_2019",
        "case": "x",
        "expected": {"grade": 0},
        "found": {"grade": 1},
        "error": None,
    }


@pytest.mark.parametrize(
    ("expected", "found", "tolerance", "same"),
    [
        (1, 1.0, 1e-9, True),
        (1, 1.1, 0.2, True),
        (1, 1.1, 1e-9, False),
        (True, 1, 1e-9, False),
        (None, None, 1e-9, True),
        (None, 0, 1e-9, False),
        ([1, 2], [1, 2], 1e-9, True),
        ([1, 2], [2, 1], 1e-9, False),
        ({"a": 1}, {"a": 1, "b": 2}, 1e-9, True),
        ({"a": 1}, {"b": 1}, 1e-9, False),
    ],
)
def test_when_values_agree(expected, found, tolerance, same) -> None:
    assert verify.same(expected, found, tolerance) is same
