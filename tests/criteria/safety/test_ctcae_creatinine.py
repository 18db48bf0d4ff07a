from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from aftercart import criteria


def grade(
    value: float | None,
    *,
    version: int | None = 5,
    uln: float | None = 1.2,
    baseline: float | None = 1.1,
    flag: str | None = "normal",
) -> dict[str, Any]:
    row = {
        "ctcae_version": version,
        "creatinine_mg_per_dl": value,
        "creatinine_uln_mg_per_dl": uln,
        "creatinine_baseline_mg_per_dl": baseline,
        "baseline_range_flag": flag,
    }
    return criteria.ctcae_creatinine(pl.DataFrame({k: [v] for k, v in row.items()})).row(0, named=True)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(1.2, 0), (1.21, 1), (1.8, 1), (1.81, 2), (3.6, 2), (3.61, 3), (7.2, 3), (7.21, 4)],
)
@pytest.mark.parametrize("version", [5, 6])
def test_multiples_of_the_upper_limit(value: float, expected: int, version: int) -> None:
    # A baseline above the limit leaves every grade to the limit.
    found = grade(value, version=version, baseline=7.0, flag="high")
    assert (found["grade"], found["grade_min"], found["grade_max"]) == (expected, expected, expected)
    assert (found["clause"], found["missing"]) == ("range" if expected else "normal", None)


@pytest.mark.parametrize(("multiple", "expected"), [(1.0, 0), (1.5, 0), (1.51, 2), (3.0, 2), (3.01, 3), (6.5, 3)])
@pytest.mark.parametrize("flag", ["normal", "high", "low", None])
def test_version_5_uses_the_baseline_whatever_it_was(multiple: float, expected: int, flag: str | None) -> None:
    found = grade(0.3 * multiple, uln=2.0, baseline=0.3, flag=flag)
    assert (found["grade"], found["clause"]) == (expected, "baseline" if expected else "normal")


@pytest.mark.parametrize(
    ("flag", "expected", "clause"),
    [("low", 2, "baseline"), ("normal", 0, "normal"), ("high", 0, "normal"), (None, 0, "normal")],
)
def test_version_6_uses_only_a_low_baseline(flag: str | None, expected: int, clause: str) -> None:
    found = grade(0.96, version=6, baseline=0.4, flag=flag)
    assert (found["grade"], found["clause"]) == (expected, clause)


def test_the_worse_of_limit_and_baseline_counts() -> None:
    assert grade(2.0, baseline=0.6)["grade"] == 3
    assert grade(2.0, baseline=1.2)["grade"] == 2
    assert grade(8.0, version=6, baseline=0.4, flag="low")["grade"] == 4


@pytest.mark.parametrize(
    ("given", "low", "high", "missing"),
    [
        ({"value": None}, 0, 4, "creatinine_mg_per_dl"),
        ({"value": 1.3, "baseline": None}, 1, 3, "creatinine_baseline_mg_per_dl"),
        ({"value": 3.7, "baseline": None}, 3, 3, None),
        ({"value": 7.3, "baseline": None}, 4, 4, None),
        ({"value": 1.3, "baseline": None, "version": 6}, 1, 1, None),
        ({"value": 1.3, "baseline": None, "version": 6, "flag": "low"}, 1, 3, "creatinine_baseline_mg_per_dl"),
        ({"value": 0.9, "uln": None, "baseline": 0.8}, 0, 1, "creatinine_uln_mg_per_dl"),
        ({"value": 0.7, "uln": None, "baseline": 0.8}, 0, 1, "creatinine_uln_mg_per_dl"),
        ({"value": 1.6, "uln": None, "baseline": 0.8}, 2, 2, None),
        ({"value": 2.5, "uln": None, "baseline": 0.8}, 3, 3, None),
        ({"value": 5.0, "uln": None, "baseline": 0.8}, 3, 4, "creatinine_uln_mg_per_dl"),
        ({"value": 1.6, "uln": None, "baseline": 0.8, "flag": "high"}, 2, 4, "creatinine_uln_mg_per_dl"),
        ({"value": 1.6, "uln": None, "baseline": 0.8, "version": 6}, 0, 2, "creatinine_uln_mg_per_dl"),
        ({"value": 1.0, "baseline": 0.6, "version": None}, 0, 2, "ctcae_version"),
        ({"value": 1.3, "version": None}, 1, 1, None),
    ],
)
def test_missing_values_bound_the_grade(given: dict[str, Any], low: int, high: int, missing: str | None) -> None:
    found = grade(**given)
    assert (found["grade_min"], found["grade_max"], found["missing"]) == (low, high, missing)
    assert found["grade"] == (low if missing is None else None)


def test_in_a_study_the_baseline_is_the_value_before_treatment(make_study: Any) -> None:
    from aftercart.assessment import assess

    study = make_study(
        observations=[
            {
                "subject_id": "P1",
                "code": "CREAT",
                "value": v,
                "unit": "umol/L",
                "datetime": f"{d}T08:00",
                "ref_high": 106,
            }
            for d, v in (("2022-02-20", 53), ("2022-03-08", 90))
        ]
    )
    found = assess(study, ["ctcae_creatinine"]).results("ctcae_creatinine")
    assert found.select("variant", "day", "grade", "clause").rows() == [
        ("v5", -9, 0, "normal"),
        ("v5", 7, 2, "baseline"),
        ("v6", -9, 0, "normal"),
        ("v6", 7, 0, "normal"),
    ]
