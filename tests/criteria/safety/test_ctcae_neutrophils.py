from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aftercart import criteria


def grade(**row: Any) -> dict[str, Any]:
    return criteria.ctcae_neutrophils(pl.DataFrame({k: [v] for k, v in row.items()})).row(0, named=True)


# count, lower limit of normal -> grade and clause by version 5, grade and clause by version 6
@pytest.mark.parametrize(
    ("anc", "lln", "v5", "clause5", "v6", "clause6"),
    [
        (5000, 1800, 0, "normal", 0, "normal"),
        (1801, 1800, 0, "normal", 0, "normal"),
        (1800, 1800, 0, "normal", 0, "normal"),
        (1799, 1800, 1, "below_range", 0, "normal"),
        (1799.9, 1800, 1, "below_range", 0, "normal"),
        (1500, 1800, 1, "below_range", 0, "normal"),
        (1500, 1500, 0, "normal", 0, "normal"),
        (1499.9, 1800, 2, "absolute", 1, "absolute"),
        (1499, 1800, 2, "absolute", 1, "absolute"),
        (1300, 1200, 2, "absolute", 1, "absolute"),
        (1000, 1800, 2, "absolute", 1, "absolute"),
        (999, 1800, 3, "absolute", 2, "absolute"),
        (500, 1800, 3, "absolute", 2, "absolute"),
        (499.9, 1800, 4, "absolute", 3, "absolute"),
        (499, 1800, 4, "absolute", 3, "absolute"),
        (100, 1800, 4, "absolute", 3, "absolute"),
        (99, 1800, 4, "absolute", 4, "absolute"),
        (0, 1800, 4, "absolute", 4, "absolute"),
    ],
)
def test_both_versions_side_by_side(anc: float, lln: float, v5: int, clause5: str, v6: int, clause6: str) -> None:
    for version, expected, clause in ((5, v5, clause5), (6, v6, clause6)):
        found = grade(ctcae_version=version, anc_per_ul=anc, anc_lln_per_ul=lln)
        assert (found["grade"], found["grade_min"], found["grade_max"]) == (expected, expected, expected)
        assert (found["clause"], found["missing"], found["invalid"]) == (clause, None, None)


@pytest.mark.parametrize(("limit", "v5", "v6"), [(1500, 1, 0), (1000, 2, 1), (500, 3, 2), (100, 4, 3)])
def test_binary_noise_at_a_limit_is_the_limit(limit: float, v5: int, v6: int) -> None:
    noise = limit * (1 - 1e-13)
    assert noise < limit
    for version, expected in ((5, v5), (6, v6)):
        assert grade(ctcae_version=version, anc_per_ul=noise, anc_lln_per_ul=2000)["grade"] == expected


@pytest.mark.parametrize(
    ("anc", "v5", "low", "high", "v6"),
    [(3000, None, 0, 1, 0), (1500, None, 0, 1, 0), (1499, 2, 2, 2, 1), (999, 3, 3, 3, 2), (499, 4, 4, 4, 3)],
)
def test_without_the_lower_limit_of_normal(anc: float, v5: int | None, low: int, high: int, v6: int) -> None:
    for given_lln in ({}, {"anc_lln_per_ul": None}):
        found = grade(ctcae_version=5, anc_per_ul=anc, **given_lln)
        assert (found["grade"], found["grade_min"], found["grade_max"]) == (v5, low, high)
        assert found["clause"] == (None if v5 is None else "absolute")
        assert found["missing"] == ("anc_lln_per_ul" if v5 is None else None)
        assert grade(ctcae_version=6, anc_per_ul=anc, **given_lln)["grade"] == v6


@pytest.mark.parametrize(
    ("row", "low", "high", "missing"),
    [
        ({"ctcae_version": 5, "anc_per_ul": None, "anc_lln_per_ul": 1800}, 0, 4, "anc_per_ul"),
        ({"ctcae_version": 5, "anc_per_ul": None}, 0, 4, "anc_per_ul; anc_lln_per_ul"),
        ({"ctcae_version": 6, "anc_per_ul": None}, 0, 4, "anc_per_ul"),
        ({"anc_per_ul": 499, "anc_lln_per_ul": 1800}, 3, 4, "ctcae_version"),
        ({"ctcae_version": None, "anc_per_ul": 1200, "anc_lln_per_ul": 1800}, 1, 2, "ctcae_version"),
        ({"ctcae_version": None, "anc_per_ul": 1600, "anc_lln_per_ul": 1800}, 0, 1, "ctcae_version"),
        ({"ctcae_version": None, "anc_per_ul": None, "anc_lln_per_ul": 1800}, 0, 4, "ctcae_version; anc_per_ul"),
    ],
)
def test_missing_values_leave_bounds(row: dict[str, Any], low: int, high: int, missing: str) -> None:
    found = grade(**row)
    assert (found["grade"], found["grade_min"], found["grade_max"]) == (None, low, high)
    assert (found["clause"], found["missing"]) == (None, missing)


@pytest.mark.parametrize(("anc", "expected", "clause"), [(99, 4, "absolute"), (1800, 0, "normal"), (5000, 0, "normal")])
def test_the_version_does_not_matter_where_both_agree(anc: float, expected: int, clause: str) -> None:
    found = grade(ctcae_version=None, anc_per_ul=anc, anc_lln_per_ul=1800)
    assert (found["grade"], found["clause"], found["missing"]) == (expected, clause, None)


@pytest.mark.parametrize(
    ("row", "low", "high", "invalid", "missing"),
    [
        ({"ctcae_version": 5, "anc_per_ul": -1}, 0, 4, "anc_per_ul: found -1.0, expected 0 to ", "anc_per_ul"),
        (
            {"ctcae_version": 5, "anc_per_ul": 1000001},
            0,
            4,
            "anc_per_ul: found 1000001.0, expected 0 to ",
            "anc_per_ul",
        ),
        (
            {"ctcae_version": 4, "anc_per_ul": 499},
            3,
            4,
            "ctcae_version: found 4, expected one of 5, 6",
            "ctcae_version",
        ),
        (
            {"ctcae_version": 5, "anc_per_ul": 1600, "anc_lln_per_ul": -5},
            0,
            1,
            "anc_lln_per_ul: found -5.0, expected 0 to 20000",
            "anc_lln_per_ul",
        ),
    ],
)
def test_values_that_do_not_exist_are_refused(
    row: dict[str, Any], low: int, high: int, invalid: str, missing: str
) -> None:
    found = grade(**({"anc_lln_per_ul": 1800} | row))
    assert (found["grade"], found["grade_min"], found["grade_max"]) == (None, low, high)
    assert found["invalid"].startswith(invalid)
    assert found["missing"] == missing


def test_largest_count_is_still_a_count() -> None:
    found = grade(ctcae_version=6, anc_per_ul=1000000)
    assert (found["grade"], found["invalid"]) == (0, None)


@settings(max_examples=60, deadline=None)
@given(anc=st.floats(0, 4000), lln=st.floats(1500, 2500), gap=st.sampled_from(["ctcae_version", "anc_lln_per_ul"]))
def test_version_6_is_never_stricter_and_bounds_hold(anc: float, lln: float, gap: str) -> None:
    five = grade(ctcae_version=5, anc_per_ul=anc, anc_lln_per_ul=lln)
    six = grade(ctcae_version=6, anc_per_ul=anc, anc_lln_per_ul=lln)
    assert five["grade"] - 1 <= six["grade"] <= five["grade"]
    for version, full in ((5, five), (6, six)):
        gapped = grade(**({"ctcae_version": version, "anc_per_ul": anc, "anc_lln_per_ul": lln} | {gap: None}))
        assert gapped["grade_min"] <= full["grade"] <= gapped["grade_max"]
