from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from aftercart import criteria


def graded(term: str, version: int | None = 5, **values: Any) -> dict[str, Any]:
    row = {"ctcae_term": term, "ctcae_version": version, **values}
    return criteria.ctcae_other_chemistry(pl.DataFrame({k: [v] for k, v in row.items()})).row(0, named=True)


def lipase(value: float | None, symptoms: bool | None, version: int | None = 5, **more: Any) -> dict[str, Any]:
    limits = {"lipase_u_per_l": value, "lipase_uln_u_per_l": 60, "signs_or_symptoms": symptoms}
    return graded("lipase_increased", version, **(limits | more))


def outcome(found: dict[str, Any]) -> tuple[int | None, str | None, str | None]:
    return found["grade"], found["clause"], found["missing"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [(200, 0), (201, 1), (500, 1), (501, 2), (1000, 2), (1001, 3), (2000, 3), (2001, 4)],
)
def test_creatine_kinase(value: float, expected: int) -> None:
    found = graded("ck_increased", ck_u_per_l=value, ck_uln_u_per_l=200)
    assert outcome(found) == (expected, "range" if expected else "normal", None)
    assert (found["grade_min"], found["grade_max"]) == (expected, expected)
    gone = graded("ck_increased", 6, ck_u_per_l=value, ck_uln_u_per_l=200)
    assert outcome(gone) == (None, "no_term", None)
    assert (gone["grade_min"], gone["grade_max"]) == (None, None)


# multiple of the upper limit -> grade without symptoms; with symptoms in version 5 and in version 6
LIPASE = [
    (1.0, 0, 0, 0),
    (1.01, 1, 1, 1),
    (1.5, 1, 1, 1),
    (1.51, 2, 2, 2),
    (2.0, 2, 2, 2),
    (2.01, 2, 3, 2),
    (3.0, 2, 3, 2),
    (3.01, 2, 3, 3),
    (5.0, 2, 3, 3),
    (5.01, 3, 4, 4),
]


@pytest.mark.parametrize(("multiple", "without", "with_v5", "with_v6"), LIPASE)
def test_lipase(multiple: float, without: int, with_v5: int, with_v6: int) -> None:
    value = 60 * multiple
    for version, with_symptoms in ((5, with_v5), (6, with_v6)):
        assert lipase(value, False, version)["grade"] == without
        found = lipase(value, True, version)
        assert found["grade"] == with_symptoms
        expected = "normal" if not without else "symptoms" if with_symptoms > without else "range"
        assert found["clause"] == expected
        unknown = lipase(value, None, version)
        assert (unknown["grade_min"], unknown["grade_max"]) == (without, with_symptoms)
        assert unknown["grade"] == (without if without == with_symptoms else None)
        assert unknown["missing"] == (None if without == with_symptoms else "signs_or_symptoms")
        worst = lipase(value, None, version, symptoms_unknown_policy="worst_case")
        assert (worst["grade"], worst["missing"]) == (with_symptoms, None)
        assert (worst["grade_min"], worst["grade_max"]) == (without, with_symptoms)
        assert (worst["clause"] == "symptoms_assumed") == (with_symptoms > without)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(149.9, 0), (150, 1), (300, 1), (300.1, 2), (500, 2), (500.1, 3), (1000, 3), (1000.1, 4)],
)
@pytest.mark.parametrize("version", [5, 6, None])
def test_triglycerides(value: float, expected: int, version: int | None) -> None:
    found = graded("hypertriglyceridemia", version, triglycerides_mg_per_dl=value)
    assert outcome(found) == (expected, "absolute" if expected else "normal", None)


@pytest.mark.parametrize(("value", "expected"), [(250, 0), (250.1, 1), (9000, 1)])
@pytest.mark.parametrize("version", [5, 6, None])
def test_ldh_has_one_grade(value: float, expected: int, version: int | None) -> None:
    found = graded("ldh_increased", version, ldh_u_per_l=value, ldh_uln_u_per_l=250)
    assert outcome(found) == (expected, "range" if expected else "normal", None)


@pytest.mark.parametrize(
    ("value", "expected", "clause"),
    [
        (90, 0, "normal"),
        (50, 0, "normal"),
        (49, 2, "clearance"),
        (26, 2, "clearance"),
        (25, 3, "clearance"),
        (10, 3, "clearance"),
        (9.9, None, "other_term"),
    ],
)
def test_creatinine_clearance_in_version_6(value: float, expected: int | None, clause: str) -> None:
    found = graded("creatinine_clearance_decreased", 6, creatinine_clearance_ml_per_min=value)
    assert outcome(found) == (expected, clause, None)
    old = graded("creatinine_clearance_decreased", 5, creatinine_clearance_ml_per_min=value)
    assert outcome(old) == (None, "no_term", None)


@pytest.mark.parametrize(
    ("found", "low", "high", "missing"),
    [
        (graded("ck_increased", ck_u_per_l=500), 0, 4, "ck_uln_u_per_l"),
        (graded("ck_increased", ck_u_per_l=None, ck_uln_u_per_l=200), 0, 4, "ck_u_per_l"),
        (graded("ck_increased", None, ck_u_per_l=500, ck_uln_u_per_l=200), 1, 1, "ctcae_version"),
        (graded("ldh_increased", ldh_u_per_l=500), 0, 1, "ldh_uln_u_per_l"),
        (graded("hypertriglyceridemia"), 0, 4, "triglycerides_mg_per_dl"),
        (graded("creatinine_clearance_decreased", 6), 0, 3, "creatinine_clearance_ml_per_min"),
        (lipase(None, True), 0, 4, "lipase_u_per_l"),
        (lipase(None, None, symptoms_unknown_policy="worst_case"), 0, 4, "signs_or_symptoms; lipase_u_per_l"),
        (lipase(100, True, lipase_uln_u_per_l=None), 0, 4, "lipase_uln_u_per_l"),
        (lipase(150, True, None), 2, 3, "ctcae_version"),
        (lipase(200, True, None), 3, 3, None),
    ],
)
def test_missing_values_bound_the_grade(found: dict[str, Any], low: int, high: int, missing: str | None) -> None:
    assert (found["grade_min"], found["grade_max"], found["missing"]) == (low, high, missing)
    assert found["grade"] == (low if missing is None else None)


def test_in_a_study_lipase_is_bounded_and_triglycerides_are_converted(make_study: Any) -> None:
    from aftercart.assessment import assess

    def lab(code: str, value: float, unit: str, **more: Any) -> dict[str, Any]:
        time = "2022-03-08T08:00"
        return {"subject_id": "P1", "code": code, "value": value, "unit": unit, "datetime": time, **more}

    study = make_study(observations=[lab("LIPASE", 200, "U/L", ref_high=60), lab("TG", 1.6935, "mmol/L")])
    found = assess(study, ["ctcae_other_chemistry"]).results("ctcae_other_chemistry")
    assert found.select("variant", "grade", "grade_min", "grade_max").rows() == [
        ("lipase_increased v5", None, 2, 3),
        ("lipase_increased v6", None, 2, 3),
        ("hypertriglyceridemia v5", 1, 1, 1),
        ("hypertriglyceridemia v6", 1, 1, 1),
    ]
