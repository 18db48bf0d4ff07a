from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from aftercart import criteria

COLUMNS = {
    "alt_increased": ("alt", "u_per_l"),
    "ast_increased": ("ast", "u_per_l"),
    "alp_increased": ("alp", "u_per_l"),
    "ggt_increased": ("ggt", "u_per_l"),
    "blood_bilirubin_increased": ("bilirubin", "mg_per_dl"),
}


def grade(
    term: str,
    value: float | None,
    *,
    version: int | None = 5,
    uln: float | None = 40,
    baseline: float | None = None,
    flag: str | None = "normal",
) -> dict[str, Any]:
    name, unit = COLUMNS[term]
    row = {
        "ctcae_version": version,
        "ctcae_term": term,
        f"{name}_{unit}": value,
        f"{name}_uln_{unit}": uln,
        f"{name}_baseline_{unit}": baseline,
        "baseline_range_flag": flag,
    }
    return criteria.ctcae_liver(pl.DataFrame({k: [v] for k, v in row.items()})).row(0, named=True)


ULN = {
    "alt_increased": (1, 3, 5, 20),
    "ast_increased": (1, 3, 5, 20),
    "alp_increased": (1, 2.5, 5, 20),
    "ggt_increased": (1, 2.5, 5, 20),
    "blood_bilirubin_increased": (1, 1.5, 3, 10),
}


@pytest.mark.parametrize(
    ("term", "version", "step"),
    [(t, v, s) for t in ULN for v in (5, 6) for s in range(4) if (t, v) != ("alp_increased", 6)],
)
@pytest.mark.parametrize("flag", ["normal", "low", None])
def test_multiples_of_the_upper_limit(term: str, version: int, step: int, flag: str | None) -> None:
    edge = ULN[term][step] * 0.7
    at = grade(term, edge, version=version, uln=0.7, flag=flag)
    over = grade(term, edge * 1.001, version=version, uln=0.7, flag=flag)
    assert (at["grade"], over["grade"]) == (step, step + 1)
    assert at["clause"] == ("range" if step else "normal")
    assert over["clause"] == "range"
    assert at["missing"] is None


# version, multiple of a high baseline that is just reached or passed -> grade
RAISED = [
    (
        "alt_increased",
        5,
        [(1.0, 0), (1.499, 0), (1.5, 1), (3.0, 1), (3.01, 2), (5.0, 2), (5.01, 3), (20, 3), (20.1, 4)],
    ),
    ("ast_increased", 5, [(1.499, 0), (1.5, 1), (3.01, 2), (5.01, 3), (20.1, 4)]),
    ("alp_increased", 5, [(1.0, 0), (1.999, 0), (2.0, 1), (2.5, 1), (2.51, 2), (5.01, 3), (20, 3), (20.1, 4)]),
    ("ggt_increased", 5, [(1.999, 0), (2.0, 1), (2.51, 2), (5.0, 2), (5.01, 3), (20.1, 4)]),
    ("blood_bilirubin_increased", 5, [(1.0, 0), (1.01, 1), (1.5, 1), (1.51, 2), (3.0, 2), (3.01, 3), (10.1, 4)]),
    ("alt_increased", 6, [(0.99, 0), (1.0, 1), (1.5, 1), (1.51, 2), (2.0, 2), (2.01, 3), (4.0, 3), (4.01, 4)]),
    ("ast_increased", 6, [(0.99, 0), (1.0, 1), (1.51, 2), (2.01, 3), (4.01, 4)]),
    ("ggt_increased", 6, [(0.99, 0), (1.0, 1), (1.51, 2), (3.0, 2), (3.01, 3), (10, 3), (10.1, 4)]),
    ("blood_bilirubin_increased", 6, [(0.99, 0), (1.0, 1), (1.51, 2), (2.5, 2), (2.51, 3), (10, 3), (10.1, 4)]),
]


@pytest.mark.parametrize(
    ("term", "version", "multiple", "expected"), [(t, v, m, g) for t, v, pairs in RAISED for m, g in pairs]
)
def test_multiples_of_a_high_baseline(term: str, version: int, multiple: float, expected: int) -> None:
    found = grade(term, multiple * 7, version=version, uln=4, baseline=7, flag="high")
    assert found["grade"] == expected
    assert found["clause"] == ("baseline" if expected else "normal")


@pytest.mark.parametrize(
    ("value", "uln", "baseline", "expected", "clause"),
    [
        (130, 120, 100, 1, "above_both"),
        (5000, 120, 100, 1, "above_both"),
        (120, 120, 100, 0, "normal"),
        (130, 120, 130, 0, "normal"),
        (130, 120, 131, 0, "normal"),
        (110, 120, None, 0, "normal"),
        (110, None, 115, 0, "normal"),
        (130, 120, None, None, None),
        (130, None, 100, None, None),
    ],
)
@pytest.mark.parametrize("flag", ["normal", "high", "low", None])
def test_alkaline_phosphatase_has_one_grade_in_version_6(
    value: float, uln: float | None, baseline: float | None, expected: int | None, clause: str | None, flag: str | None
) -> None:
    found = grade("alp_increased", value, version=6, uln=uln, baseline=baseline, flag=flag)
    assert (found["grade"], found["clause"]) == (expected, clause)
    assert found["grade_max"] == (1 if expected is None else expected)


@pytest.mark.parametrize(
    ("given", "low", "high", "missing"),
    [
        ({"value": None}, 0, 4, "alt_u_per_l"),
        ({"value": 90, "uln": None}, 0, 4, "alt_uln_u_per_l"),
        ({"value": 90, "baseline": None, "flag": "high"}, 0, 4, "alt_baseline_u_per_l"),
        ({"value": 90, "baseline": 50, "flag": "high", "uln": None}, 0, 1, "alt_uln_u_per_l"),
        ({"value": 120, "baseline": 80, "flag": "high", "version": None}, 1, 1, None),
        ({"value": 100, "baseline": 80, "flag": "high", "version": None}, 0, 1, "ctcae_version"),
        ({"value": 200, "version": None}, 2, 2, None),
    ],
)
def test_missing_values_bound_the_grade(given: dict[str, Any], low: int, high: int, missing: str | None) -> None:
    found = grade("alt_increased", **given)
    assert (found["grade_min"], found["grade_max"], found["missing"]) == (low, high, missing)
    assert found["grade"] == (low if missing is None else None)


def test_binary_noise_at_a_printed_edge_does_not_raise_the_grade() -> None:
    assert grade("blood_bilirubin_increased", 0.9, uln=0.3)["grade"] == 2
    assert grade("blood_bilirubin_increased", 2.1, uln=0.7)["grade"] == 2


def test_in_a_study_both_versions_are_graded_by_the_limit_of_the_same_row(make_study: Any) -> None:
    from aftercart.assessment import assess

    labs = [("2022-02-20", 30, 40), ("2022-03-08", 130, 40), ("2022-03-09", 130, 50)]
    study = make_study(
        observations=[
            {"subject_id": "P1", "code": "ALP", "value": v, "unit": "U/L", "datetime": f"{d}T08:00", "ref_high": uln}
            for d, v, uln in labs
        ]
    )
    found = assess(study, ["ctcae_liver"]).results("ctcae_liver")
    assert found.select("variant", "day", "grade").rows() == [
        ("alp_increased v5", -9, 0),
        ("alp_increased v5", 7, 2),
        ("alp_increased v5", 8, 2),
        ("alp_increased v6", -9, 0),
        ("alp_increased v6", 7, 1),
        ("alp_increased v6", 8, 1),
    ]
