from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aftercart import criteria

PLATELETS_V5: dict[str, Any] = {
    "ctcae_version": 5,
    "ctcae_term": "platelet_count_decreased",
    "platelets_lln_10e9_per_l": 150,
}
PLATELETS_V6: dict[str, Any] = {
    "ctcae_version": 6,
    "ctcae_term": "thrombocytopenia",
    "platelets_lln_10e9_per_l": 150,
}
ANEMIA: dict[str, Any] = {"ctcae_version": 5, "ctcae_term": "anemia", "hemoglobin_lln_g_per_dl": 12}


def grade(row: dict[str, Any], **changes: Any) -> dict[str, Any]:
    columns = {k: [v] for k, v in (row | changes).items()}
    return criteria.ctcae_platelets_hemoglobin(pl.DataFrame(columns)).row(0, named=True)


def decided(found: dict[str, Any], expected: int, clause: str) -> None:
    assert (found["grade"], found["grade_min"], found["grade_max"]) == (expected, expected, expected)
    assert (found["clause"], found["missing"], found["invalid"]) == (clause, None, None)


# platelets with a lower limit of 150 -> grade and clause by version 5, grade and clause by version 6
@pytest.mark.parametrize(
    ("platelets", "v5", "clause5", "v6", "clause6"),
    [
        (300, 0, "normal", 0, "normal"),
        (150, 0, "normal", 0, "normal"),
        (149.9, 1, "below_range", 1, "below_range"),
        (149, 1, "below_range", 1, "below_range"),
        (75, 1, "below_range", 1, "below_range"),
        (74.9, 2, "absolute", 2, "absolute"),
        (74, 2, "absolute", 2, "absolute"),
        (50, 2, "absolute", 2, "absolute"),
        (49, 3, "absolute", 3, "absolute"),
        (25, 3, "absolute", 3, "absolute"),
        (24, 4, "absolute", 3, "absolute"),
        (10, 4, "absolute", 3, "absolute"),
        (9.9, 4, "absolute", 4, "absolute"),
        (9, 4, "absolute", 4, "absolute"),
        (0, 4, "absolute", 4, "absolute"),
    ],
)
def test_platelets(platelets: float, v5: int, clause5: str, v6: int, clause6: str) -> None:
    decided(grade(PLATELETS_V5, platelets_10e9_per_l=platelets), v5, clause5)
    decided(grade(PLATELETS_V6, platelets_10e9_per_l=platelets), v6, clause6)


@pytest.mark.parametrize("version", [5, 6])
@pytest.mark.parametrize(
    ("haemoglobin", "expected", "clause"),
    [
        (14, 0, "normal"),
        (12, 0, "normal"),
        (11.9, 1, "below_range"),
        (10, 1, "below_range"),
        (9.9, 2, "absolute"),
        (8, 2, "absolute"),
        (7.9, 3, "absolute"),
        (3, 3, "absolute"),
        (0, 3, "absolute"),
    ],
)
def test_haemoglobin_is_graded_alike_by_both_versions(
    version: int, haemoglobin: float, expected: int, clause: str
) -> None:
    decided(grade(ANEMIA, ctcae_version=version, hemoglobin_g_per_dl=haemoglobin), expected, clause)


@pytest.mark.parametrize(
    ("row", "changes", "expected"),
    [
        (PLATELETS_V5, {"platelets_10e9_per_l": 25 * (1 - 1e-13)}, 3),
        (PLATELETS_V6, {"platelets_10e9_per_l": 10 * (1 - 1e-13)}, 3),
        (ANEMIA, {"hemoglobin_g_per_dl": 8 * (1 - 1e-13)}, 2),
        (ANEMIA, {"hemoglobin_g_per_dl": 0.1 * 3 * 40 * (1 - 1e-13)}, 0),
    ],
)
def test_binary_noise_at_a_limit_is_the_limit(row: dict[str, Any], changes: dict[str, Any], expected: int) -> None:
    assert grade(row, **changes)["grade"] == expected


def test_the_absolute_limit_wins_inside_a_local_range() -> None:
    assert grade(PLATELETS_V5, platelets_lln_10e9_per_l=60, platelets_10e9_per_l=70)["grade"] == 2
    assert grade(ANEMIA, hemoglobin_lln_g_per_dl=9, hemoglobin_g_per_dl=9.5)["grade"] == 2


# what is stated beside the value -> grade and clause
@pytest.mark.parametrize(
    ("row", "changes", "expected", "clause"),
    [
        (ANEMIA, {"hemoglobin_g_per_dl": 13, "transfusion_indicated": True}, 3, "transfusion"),
        (ANEMIA, {"hemoglobin_g_per_dl": 9, "transfusion_indicated": True}, 3, "transfusion"),
        (ANEMIA, {"hemoglobin_g_per_dl": 8, "transfusion_indicated": True}, 3, "transfusion"),
        (ANEMIA, {"hemoglobin_g_per_dl": 7.9, "transfusion_indicated": True}, 3, "absolute"),
        (ANEMIA, {"hemoglobin_g_per_dl": None, "transfusion_indicated": True}, 3, "transfusion"),
        (ANEMIA, {"hemoglobin_g_per_dl": 9, "transfusion_indicated": False}, 2, "absolute"),
        (ANEMIA, {"hemoglobin_g_per_dl": 4, "life_threatening_urgent_intervention": True}, 4, "life_threatening"),
        (ANEMIA, {"hemoglobin_g_per_dl": 13, "life_threatening_urgent_intervention": True}, 4, "life_threatening"),
        (ANEMIA, {"hemoglobin_g_per_dl": None, "life_threatening_urgent_intervention": True}, 4, "life_threatening"),
        (PLATELETS_V6, {"platelets_10e9_per_l": 200, "transfusion_indicated": True}, 3, "transfusion"),
        (PLATELETS_V6, {"platelets_10e9_per_l": 60, "transfusion_indicated": True}, 3, "transfusion"),
        (PLATELETS_V6, {"platelets_10e9_per_l": 50, "transfusion_indicated": True}, 3, "transfusion"),
        (PLATELETS_V6, {"platelets_10e9_per_l": 49, "transfusion_indicated": True}, 3, "absolute"),
        (PLATELETS_V6, {"platelets_10e9_per_l": 9, "transfusion_indicated": True}, 4, "absolute"),
        (PLATELETS_V5, {"platelets_10e9_per_l": 60, "transfusion_indicated": True}, 2, "absolute"),
        (PLATELETS_V5, {"platelets_10e9_per_l": 200, "transfusion_indicated": True}, 0, "normal"),
        (PLATELETS_V5, {"platelets_10e9_per_l": 200, "life_threatening_urgent_intervention": True}, 0, "normal"),
        (
            PLATELETS_V6,
            {"platelets_10e9_per_l": 200, "life_threatening_urgent_intervention": True},
            4,
            "life_threatening",
        ),
        (
            PLATELETS_V6,
            {"platelets_10e9_per_l": 40, "life_threatening_urgent_intervention": True},
            4,
            "life_threatening",
        ),
        (
            PLATELETS_V6,
            {"platelets_10e9_per_l": None, "life_threatening_urgent_intervention": True},
            4,
            "life_threatening",
        ),
        (PLATELETS_V6, {"platelets_10e9_per_l": 9, "life_threatening_urgent_intervention": True}, 4, "absolute"),
        (
            PLATELETS_V6,
            {"platelets_10e9_per_l": 40, "transfusion_indicated": True, "life_threatening_urgent_intervention": True},
            4,
            "life_threatening",
        ),
        (PLATELETS_V5, {"platelets_10e9_per_l": 40, "life_threatening_urgent_intervention": True}, 3, "absolute"),
    ],
)
def test_transfusion_and_urgent_intervention(
    row: dict[str, Any], changes: dict[str, Any], expected: int, clause: str
) -> None:
    decided(grade(row, **changes), expected, clause)


# what is not known -> grade, bounds and what is missing
@pytest.mark.parametrize(
    ("row", "changes", "expected", "low", "high", "missing"),
    [
        (PLATELETS_V5, {"platelets_10e9_per_l": None}, None, 0, 4, "platelets_10e9_per_l"),
        (PLATELETS_V6, {"platelets_10e9_per_l": None}, None, 0, 4, "platelets_10e9_per_l"),
        (
            PLATELETS_V6,
            {"platelets_10e9_per_l": None, "transfusion_indicated": True},
            None,
            3,
            4,
            "platelets_10e9_per_l",
        ),
        (ANEMIA, {"hemoglobin_g_per_dl": None}, None, 0, 3, "hemoglobin_g_per_dl"),
        (
            PLATELETS_V5,
            {"platelets_10e9_per_l": 90, "platelets_lln_10e9_per_l": None},
            None,
            0,
            1,
            "platelets_lln_10e9_per_l",
        ),
        (
            PLATELETS_V6,
            {"platelets_10e9_per_l": 75, "platelets_lln_10e9_per_l": None},
            None,
            0,
            1,
            "platelets_lln_10e9_per_l",
        ),
        (PLATELETS_V5, {"platelets_10e9_per_l": 74, "platelets_lln_10e9_per_l": None}, 2, 2, 2, None),
        (PLATELETS_V6, {"platelets_10e9_per_l": 9, "platelets_lln_10e9_per_l": None}, 4, 4, 4, None),
        (
            ANEMIA,
            {"hemoglobin_g_per_dl": 10, "hemoglobin_lln_g_per_dl": None},
            None,
            0,
            1,
            "hemoglobin_lln_g_per_dl",
        ),
        (ANEMIA, {"hemoglobin_g_per_dl": 9.9, "hemoglobin_lln_g_per_dl": None}, 2, 2, 2, None),
        (ANEMIA, {"hemoglobin_g_per_dl": 7, "hemoglobin_lln_g_per_dl": None}, 3, 3, 3, None),
        (ANEMIA, {"hemoglobin_g_per_dl": 9, "transfusion_indicated": None}, None, 2, 3, "transfusion_indicated"),
        (ANEMIA, {"hemoglobin_g_per_dl": 7, "transfusion_indicated": None}, 3, 3, 3, None),
        (
            ANEMIA,
            {"hemoglobin_g_per_dl": 7, "life_threatening_urgent_intervention": None},
            None,
            3,
            4,
            "life_threatening_urgent_intervention",
        ),
        (
            PLATELETS_V6,
            {"platelets_10e9_per_l": 200, "transfusion_indicated": None},
            None,
            0,
            3,
            "transfusion_indicated",
        ),
        (PLATELETS_V6, {"platelets_10e9_per_l": 20, "transfusion_indicated": None}, 3, 3, 3, None),
        (PLATELETS_V5, {"platelets_10e9_per_l": 200, "transfusion_indicated": None}, 0, 0, 0, None),
        (
            PLATELETS_V6,
            {"platelets_10e9_per_l": 20, "life_threatening_urgent_intervention": None},
            None,
            3,
            4,
            "life_threatening_urgent_intervention",
        ),
        (PLATELETS_V5, {"platelets_10e9_per_l": 24, "ctcae_version": None}, None, 3, 4, "ctcae_version"),
        (PLATELETS_V5, {"platelets_10e9_per_l": 60, "ctcae_version": None}, 2, 2, 2, None),
        (PLATELETS_V5, {"platelets_10e9_per_l": 9, "ctcae_version": None}, 4, 4, 4, None),
        (ANEMIA, {"hemoglobin_g_per_dl": 9, "ctcae_version": None}, 2, 2, 2, None),
        (
            ANEMIA | PLATELETS_V5,
            {"ctcae_term": None, "hemoglobin_g_per_dl": 9, "platelets_10e9_per_l": 40},
            None,
            2,
            3,
            "ctcae_term",
        ),
    ],
)
def test_missing_values_leave_bounds(
    row: dict[str, Any], changes: dict[str, Any], expected: int | None, low: int, high: int, missing: str | None
) -> None:
    found = grade(row, **changes)
    assert (found["grade"], found["grade_min"], found["grade_max"]) == (expected, low, high)
    assert found["missing"] == missing
    assert (found["clause"] is None) == (expected is None)


@pytest.mark.parametrize(
    ("row", "changes", "low", "high", "invalid"),
    [
        (PLATELETS_V5, {"platelets_10e9_per_l": -1}, 0, 4, "platelets_10e9_per_l: found -1.0, expected 0 to 10000"),
        (
            PLATELETS_V5,
            {"platelets_10e9_per_l": 25000},
            0,
            4,
            "platelets_10e9_per_l: found 25000.0, expected 0 to 10000",
        ),
        (ANEMIA, {"hemoglobin_g_per_dl": 80}, 0, 3, "hemoglobin_g_per_dl: found 80.0, expected 0 to 30"),
        (ANEMIA, {"hemoglobin_g_per_dl": -1}, 0, 3, "hemoglobin_g_per_dl: found -1.0, expected 0 to 30"),
        (
            ANEMIA,
            {"hemoglobin_g_per_dl": 11, "hemoglobin_lln_g_per_dl": 120},
            0,
            1,
            "hemoglobin_lln_g_per_dl: found 120.0, expected 0 to 30",
        ),
        (
            PLATELETS_V5,
            {"platelets_10e9_per_l": 90, "platelets_lln_10e9_per_l": 150000},
            0,
            1,
            "platelets_lln_10e9_per_l: found 150000.0, expected 0 to 1000",
        ),
        (
            PLATELETS_V5,
            {"platelets_10e9_per_l": 24, "ctcae_version": 4},
            3,
            4,
            "ctcae_version: found 4, expected one of 5, 6",
        ),
        (
            ANEMIA | PLATELETS_V5,
            {"ctcae_term": "leukopenia", "hemoglobin_g_per_dl": 9, "platelets_10e9_per_l": 40},
            2,
            3,
            "ctcae_term: found leukopenia, expected one of platelet_count_decreased, thrombocytopenia, anemia",
        ),
    ],
)
def test_values_that_do_not_exist_are_refused(
    row: dict[str, Any], changes: dict[str, Any], low: int, high: int, invalid: str
) -> None:
    found = grade(row, **changes)
    assert (found["grade"], found["grade_min"], found["grade_max"]) == (None, low, high)
    assert (found["invalid"], found["missing"]) == (invalid, invalid.partition(":")[0])


values = st.fixed_dictionaries(
    {
        "ctcae_version": st.sampled_from([5, 6]),
        "ctcae_term": st.sampled_from(["platelet_count_decreased", "thrombocytopenia", "anemia"]),
        "platelets_10e9_per_l": st.floats(0, 200),
        "platelets_lln_10e9_per_l": st.floats(100, 180),
        "hemoglobin_g_per_dl": st.floats(4, 16),
        "hemoglobin_lln_g_per_dl": st.floats(11, 14),
        "transfusion_indicated": st.booleans(),
        "life_threatening_urgent_intervention": st.booleans(),
    }
)
NAMES = [
    "ctcae_version",
    "ctcae_term",
    "platelets_10e9_per_l",
    "platelets_lln_10e9_per_l",
    "hemoglobin_g_per_dl",
    "hemoglobin_lln_g_per_dl",
    "transfusion_indicated",
    "life_threatening_urgent_intervention",
]


@settings(max_examples=60, deadline=None)
@given(row=values, gaps=st.sets(st.sampled_from(NAMES), min_size=1))
def test_bounds_hold_the_grade(row: dict[str, Any], gaps: set[str]) -> None:
    full = grade(row)
    gapped = grade(row, **dict.fromkeys(gaps))
    assert full["grade"] is not None
    assert gapped["grade_min"] <= full["grade"] <= gapped["grade_max"]
    assert gapped["grade"] in (None, full["grade"])
