from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from aftercart import criteria


def graded(row: dict[str, Any]) -> dict[str, Any]:
    found = criteria.ctcae_coagulation(pl.DataFrame({k: [v] for k, v in row.items()})).row(0, named=True)
    if found["grade"] is not None:
        assert (found["grade_min"], found["grade_max"], found["missing"]) == (found["grade"],) * 2 + (None,)
    return found


def fibrinogen(
    value: float | None, lln: float | None = 200, baseline: float | None = 300, **more: Any
) -> dict[str, Any]:
    row = {"fibrinogen_mg_per_dl": value, "fibrinogen_lln_mg_per_dl": lln, "fibrinogen_baseline_mg_per_dl": baseline}
    return graded({"ctcae_term": "fibrinogen_decreased", **row, **more})


def aptt(value: float | None, uln: float | None = 36, **more: Any) -> dict[str, Any]:
    return graded({"ctcae_term": "aptt_prolonged", "aptt_s": value, "aptt_uln_s": uln, **more})


def inr(value: float | None, **more: Any) -> dict[str, Any]:
    return graded({"ctcae_term": "inr_increased", "inr": value, **more})


def outcome(found: dict[str, Any]) -> tuple[int | None, str | None]:
    return found["grade"], found["clause"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [(201, 0), (200, 0), (199, 1), (150, 1), (149.9, 2), (100, 2), (99.9, 3), (50, 3), (49.9, 4)],
)
def test_fibrinogen_by_multiples_of_the_lower_limit(value: float, expected: int) -> None:
    clause = "normal" if expected == 0 else "absolute" if value < 50 else "range"
    assert outcome(fibrinogen(value)) == (expected, clause)


def test_a_quarter_of_a_high_lower_limit_is_grade_4() -> None:
    assert outcome(fibrinogen(74.9, 300, 400)) == (4, "range")
    assert outcome(fibrinogen(75, 300, 400)) == (3, "range")


@pytest.mark.parametrize(
    ("value", "expected"),
    [(161, 0), (160, 1), (121, 1), (120, 2), (81, 2), (80, 3), (50, 3), (49.9, 4), (200, 0), (250, 0)],
)
def test_a_low_baseline_switches_to_the_fall_from_it(value: float, expected: int) -> None:
    clause = "normal" if expected == 0 else "absolute" if value < 50 else "fall"
    assert outcome(fibrinogen(value, baseline=160)) == (expected, clause)


def test_a_fall_of_three_quarters_is_grade_4() -> None:
    assert outcome(fibrinogen(60, 400, 240)) == (4, "fall")
    assert outcome(fibrinogen(61, 400, 240)) == (3, "fall")


@pytest.mark.parametrize(
    ("value", "baseline", "expected", "clause"),
    [
        (180, 300, 2, "fall"),
        (180, 400, 3, "fall"),
        (180, 200, 1, "range"),
        (90, 100, 3, "range"),
        (180, 170, 1, "range"),
        (200, 900, 0, "normal"),
        (49, 50, 4, "absolute"),
    ],
)
def test_worst_of_takes_the_worse_for_every_low_value(
    value: float, baseline: float, expected: int, clause: str
) -> None:
    assert outcome(fibrinogen(value, baseline=baseline, fibrinogen_rule="worst_of")) == (expected, clause)


@pytest.mark.parametrize(
    ("value", "uln", "bleeding", "expected", "clause"),
    [
        (36, 36, False, 0, "normal"),
        (36.1, 36, False, 1, "range"),
        (54, 36, False, 1, "range"),
        (54.1, 36, False, 2, "range"),
        (90, 36, False, 2, "range"),
        (90.1, 36, False, 3, "range"),
        (40, 36, True, 3, "bleeding"),
        (91, 36, True, 3, "range"),
        (36, 36, True, 0, "normal"),
    ],
)
@pytest.mark.parametrize("version", [5, 6])
def test_aptt(value: float, uln: float, bleeding: bool, expected: int, clause: str, version: int) -> None:
    assert outcome(aptt(value, uln, bleeding=bleeding, ctcae_version=version)) == (expected, clause)


@pytest.mark.parametrize(("value", "expected"), [(1.2, 0), (1.21, 1), (1.5, 1), (1.51, 2), (2.5, 2), (2.51, 3), (9, 3)])
def test_inr_by_absolute_numbers_whatever_the_baseline(value: float, expected: int) -> None:
    clause = "absolute" if expected else "normal"
    assert outcome(inr(value)) == (expected, clause)
    assert outcome(inr(value, inr_baseline=0.5)) == (expected, clause)


@pytest.mark.parametrize(("multiple", "expected"), [(1, 0), (1.01, 1), (1.5, 1), (1.51, 2), (2.5, 2), (2.51, 3)])
def test_inr_on_anticoagulation_by_the_ratio_to_baseline(multiple: float, expected: int) -> None:
    found = inr(2.4 * multiple, inr_baseline=2.4, on_anticoagulation=True)
    assert outcome(found) == (expected, "ratio_to_baseline" if expected else "normal")


def test_bleeding_with_a_raised_inr_counts_in_version_6_only() -> None:
    assert outcome(inr(1.3, bleeding=True, ctcae_version=5)) == (1, "absolute")
    assert outcome(inr(1.3, bleeding=True, ctcae_version=6)) == (3, "bleeding")
    assert outcome(inr(1.2, bleeding=True, ctcae_version=6)) == (0, "normal")


@pytest.mark.parametrize(
    ("found", "low", "high", "missing"),
    [
        (fibrinogen(None), 0, 4, "fibrinogen_mg_per_dl"),
        (fibrinogen(180, None), 0, 4, "fibrinogen_lln_mg_per_dl"),
        (fibrinogen(50, None), 0, 4, "fibrinogen_lln_mg_per_dl"),
        (fibrinogen(60, None, 900, fibrinogen_rule="worst_of"), 0, 4, "fibrinogen_lln_mg_per_dl"),
        (fibrinogen(180, baseline=None), 0, 4, "fibrinogen_baseline_mg_per_dl"),
        (fibrinogen(180, fibrinogen_rule=None), 1, 2, "fibrinogen_rule"),
        (aptt(None), 0, 3, "aptt_s"),
        (aptt(40, None), 0, 3, "aptt_uln_s"),
        (aptt(40, bleeding=None), 1, 3, "bleeding"),
        (inr(None), 0, 3, "inr"),
        (inr(1.3, on_anticoagulation=True), 0, 3, "inr_baseline"),
        (inr(1.3, on_anticoagulation=None, inr_baseline=1.0), 1, 1, None),
        (inr(1.3, on_anticoagulation=None, inr_baseline=1.4), 0, 1, "on_anticoagulation"),
        (inr(1.3, bleeding=True), 1, 3, "ctcae_version"),
    ],
)
def test_missing_values_bound_the_grade(found: dict[str, Any], low: int, high: int, missing: str | None) -> None:
    assert (found["grade_min"], found["grade_max"], found["missing"]) == (low, high, missing)
    assert found["grade"] == (low if missing is None else None)


@pytest.mark.parametrize(("value", "baseline", "expected"), [(49, None, 4), (200, None, 0), (300, None, 0)])
def test_fibrinogen_without_a_baseline(value: float, baseline: None, expected: int) -> None:
    assert fibrinogen(value, baseline=baseline)["grade"] == expected


def test_fibrinogen_below_50_needs_no_range() -> None:
    assert outcome(fibrinogen(49.9, None, None)) == (4, "absolute")


def test_a_baseline_at_the_lower_limit_is_a_normal_baseline() -> None:
    # 150 is three quarters of both: by range still grade 1, by fall from baseline already grade 2.
    found = fibrinogen(150, lln=200, baseline=200, fibrinogen_rule="baseline_switch")
    assert outcome(found) == (1, "range")
    assert outcome(fibrinogen(150, lln=201, baseline=200, fibrinogen_rule="baseline_switch")) == (2, "fall")
