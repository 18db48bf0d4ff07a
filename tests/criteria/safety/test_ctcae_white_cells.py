from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from aftercart import criteria

LYMPHOCYTES = ("lymphocyte_count_decreased", "lymphocytes_per_ul", "lymphocytes_lln_per_ul")
CD4 = ("cd4_lymphocytes_decreased", "cd4_per_ul", "cd4_lln_per_ul")
WBC = ("white_blood_cell_decreased", "wbc_10e9_per_l", "wbc_lln_10e9_per_l")


def graded(row: dict[str, Any]) -> dict[str, Any]:
    return criteria.ctcae_white_cells(pl.DataFrame({k: [v] for k, v in row.items()})).row(0, named=True)


def grade(
    term: tuple[str, str, str], value: float | None, lln: float | None, version: int | None = 5
) -> dict[str, Any]:
    return graded({"ctcae_version": version, "ctcae_term": term[0], term[1]: value, term[2]: lln})


EDGES = [
    (LYMPHOCYTES, 1000, [(1000, 0), (999, 1), (800, 1), (799.9, 2), (500, 2), (499.9, 3), (200, 3), (199.9, 4)]),
    (CD4, 600, [(600, 0), (599, 1), (500, 1), (499.9, 2), (200, 2), (199.9, 3), (50, 3), (49.9, 4), (0, 4)]),
    (WBC, 4.0, [(4.0, 0), (3.99, 1), (3.0, 1), (2.99, 2), (2.0, 2), (1.99, 3), (1.0, 3), (0.99, 4), (0, 4)]),
]
FLAT = [(term, lln, value, expected) for term, lln, pairs in EDGES for value, expected in pairs]


@pytest.mark.parametrize(("term", "lln", "value", "expected"), FLAT)
def test_cut_offs(term: tuple[str, str, str], lln: float, value: float, expected: int) -> None:
    found = grade(term, value, lln)
    assert (found["grade"], found["grade_min"], found["grade_max"]) == (expected, expected, expected)
    assert found["clause"] == ("normal" if expected == 0 else "below_range" if expected == 1 else "absolute")
    assert found["missing"] is None


@pytest.mark.parametrize(("term", "lln", "value", "expected"), [f for f in FLAT if f[0] is not LYMPHOCYTES])
@pytest.mark.parametrize("version", [6, None])
def test_white_cells_and_cd4_are_alike_in_both_versions(
    term: tuple[str, str, str], lln: float, value: float, expected: int, version: int | None
) -> None:
    assert grade(term, value, lln, version)["grade"] == expected


def test_version_6_has_no_term_for_lymphocytes() -> None:
    found = grade(LYMPHOCYTES, 100, 1000, 6)
    assert (found["grade"], found["grade_min"], found["grade_max"]) == (None, None, None)
    assert (found["clause"], found["missing"]) == ("no_term", None)
    unknown = grade(LYMPHOCYTES, 100, 1000, None)
    assert (unknown["grade"], unknown["grade_max"], unknown["missing"]) == (None, 4, "ctcae_version")


def test_the_absolute_cut_off_wins_inside_a_local_range() -> None:
    assert grade(CD4, 450, 400)["grade"] == 2


@pytest.mark.parametrize(
    ("term", "value", "lln", "low", "high", "missing"),
    [
        (LYMPHOCYTES, 900, None, 0, 1, "lymphocytes_lln_per_ul"),
        (LYMPHOCYTES, 799, None, 2, 2, None),
        (CD4, None, 500, 0, 4, "cd4_per_ul"),
        (WBC, 5.0, None, 0, 1, "wbc_lln_10e9_per_l"),
        (WBC, -1.0, 4.0, 0, 4, "wbc_10e9_per_l"),
    ],
)
def test_missing_values_bound_the_grade(
    term: tuple[str, str, str], value: float | None, lln: float | None, low: int, high: int, missing: str | None
) -> None:
    found = grade(term, value, lln)
    assert (found["grade_min"], found["grade_max"], found["missing"]) == (low, high, missing)
    assert found["grade"] == (low if low == high else None)


def test_without_a_term_all_terms_are_possible() -> None:
    found = graded({"ctcae_version": 5, "ctcae_term": None, "cd4_per_ul": 600, "cd4_lln_per_ul": 500})
    assert (found["grade"], found["grade_min"], found["grade_max"], found["clause"]) == (None, 0, 4, None)
    assert found["missing"].startswith("ctcae_term; lymphocytes_per_ul")


def test_in_a_study_each_count_is_graded_against_its_own_limit(make_study: Any) -> None:
    from aftercart.assessment import assess

    rows = [("2022-03-05", 0.7, 1.0), ("2022-03-20", 1.1, 1.0), ("2022-04-20", 1.1, 1.2)]
    study = make_study(
        observations=[
            {"subject_id": "P1", "code": "ALC", "value": v, "unit": "10*9/L", "datetime": f"{d}T08:00", "ref_low": low}
            for d, v, low in rows
        ]
    )
    found = assess(study, ["ctcae_white_cells"]).results("ctcae_white_cells")
    assert found.select("variant", "day", "grade").rows() == [
        ("lymphocyte_count_decreased v5", 4, 2),
        ("lymphocyte_count_decreased v5", 19, 0),
        ("lymphocyte_count_decreased v5", 50, 1),
    ]
