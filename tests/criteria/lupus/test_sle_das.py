from __future__ import annotations

import math
from typing import Any

import polars as pl
import pytest

from aftercart import criteria
from aftercart.criteria import registry

CONSTANT = 0.366
WEIGHTS = registry.get("sle_das").rules["weights"]


def score(**given: Any) -> dict[str, Any]:
    record = given or {"alopecia": False}
    return criteria.sle_das(pl.DataFrame({k: pl.Series(k, [v], strict=False) for k, v in record.items()})).row(
        0, named=True
    )


def half_up(value: float) -> float:
    return math.floor(round(value * 100, 6) + 0.5) / 100


def test_nothing_present_is_the_constant() -> None:
    found = score()
    assert (found["sle_das"], found["category"], found["severe_gt_9_90"]) == (0.37, "remission_range", False)
    assert (found["clause"], found["missing"]) == ("remission_range", None)


@pytest.mark.parametrize("name", WEIGHTS)
def test_every_flag_adds_its_weight(name: str) -> None:
    assert score(**{name: True})["sle_das"] == half_up(CONSTANT + WEIGHTS[name])
    found = score(**{name: None})
    assert found["sle_das"] is None
    assert found["sle_das_lower_bound"] == 0.37
    assert found["sle_das_upper_bound"] == half_up(CONSTANT + WEIGHTS[name])
    assert (found[f"points.{name}"], found["missing"]) == (None, name)


@pytest.mark.parametrize(
    ("given", "points"),
    [
        ({"swollen_joint_count_28": 0}, 0),
        ({"swollen_joint_count_28": 1}, 3.586),
        ({"swollen_joint_count_28": 2}, 4.04),
        ({"swollen_joint_count_28": 28}, 15.844),
        ({"localized_rash": True}, 3.138),
        ({"generalized_rash": True}, 3.887),
        ({"localized_rash": True, "generalized_rash": True}, 3.887),
        ({"generalized_rash": True, "localized_rash": None}, 3.887),
        ({"proteinuria_mg_per_24h": 500}, 0),
        ({"proteinuria_mg_per_24h": 501}, -17.584 + 3.811 * math.log(501)),
        ({"proteinuria_mg_per_24h": 1000}, -17.584 + 3.811 * math.log(1000)),
        ({"proteinuria_mg_per_24h": 1000, "proteinuria_from_damage": True}, 0),
        ({"platelets_10e9_per_l": 100}, 0),
        ({"platelets_10e9_per_l": 99.9}, 26.105 - 5.577 * math.log(99.9)),
        ({"platelets_10e9_per_l": 50}, 26.105 - 5.577 * math.log(50)),
        ({"leukocytes_10e9_per_l": 3}, 0),
        ({"leukocytes_10e9_per_l": 2.9}, 6.118 - 5.058 * math.log(2.9)),
        ({"leukocytes_10e9_per_l": 0.5, "platelets_10e9_per_l": 20, "drug_induced_cytopenia": True}, 0),
        ({"leukocytes_10e9_per_l": None, "drug_induced_cytopenia": True}, 0),
        ({"platelets_10e9_per_l": 150, "drug_induced_cytopenia": None}, 0),
    ],
)
def test_counts_rash_and_laboratory_terms(given: dict[str, Any], points: float) -> None:
    found = score(**given)
    assert found["sle_das"] == half_up(CONSTANT + points)
    assert found["missing"] is None


@pytest.mark.parametrize(
    ("given", "total", "category"),
    [
        ({"hypocomplementemia": True, "increased_anti_dsdna": True}, 2.08, "remission_range"),
        ({"alopecia": True, "increased_anti_dsdna": True}, 2.30, "mild"),
        ({"serositis": True, "increased_anti_dsdna": True}, 7.32, "mild"),
        ({"serositis": True, "alopecia": True, "increased_anti_dsdna": True}, 8.30, "moderate_severe"),
        ({"swollen_joint_count_28": 9}, 7.58, "mild"),
        ({"swollen_joint_count_28": 10}, 8.04, "moderate_severe"),
    ],
)
def test_categories(given: dict[str, Any], total: float, category: str) -> None:
    found = score(**given)
    assert (found["sle_das"], found["category"], found["clause"]) == (total, category, category)


@pytest.mark.parametrize(
    ("given", "total", "severe"),
    [
        ({"swollen_joint_count_28": 12, "increased_anti_dsdna": True}, 9.9, False),
        ({"swollen_joint_count_28": 13, "increased_anti_dsdna": True}, 10.36, True),
    ],
)
def test_severe_is_above_9_90(given: dict[str, Any], total: float, severe: bool) -> None:
    found = score(**given)
    assert (found["sle_das"], found["severe_gt_9_90"]) == (total, severe)


@pytest.mark.parametrize(
    ("given", "prednisone", "remission", "low"),
    [
        ({}, 5, True, True),
        ({}, 5.1, False, True),
        ({}, 7.5, False, True),
        ({}, 7.6, False, False),
        ({"alopecia": True, "increased_anti_dsdna": True}, 5, False, True),  # 2.30
        ({"mucosal_ulcers": True}, 0, False, False),  # 3.14
        ({}, None, None, None),
        ({"mucosal_ulcers": True}, None, False, False),
        ({"alopecia": None}, 5, True, True),  # at most 1.34
        ({"mucosal_ulcers": None}, 5, None, None),
    ],
)
def test_states_ask_for_the_dose_too(
    given: dict[str, Any], prednisone: float | None, remission: bool | None, low: bool | None
) -> None:
    found = score(**given, prednisone_mg_per_day=prednisone)
    assert (found["sle_das_remission"], found["sle_das_low_disease_activity"]) == (remission, low)


@pytest.mark.parametrize(
    ("given", "low", "high", "category", "missing"),
    [
        ({"alopecia": None}, 0.37, 1.34, "remission_range", "alopecia"),
        ({"mucosal_ulcers": None}, 0.37, 3.14, None, "mucosal_ulcers"),
        ({"neuropsychiatric": True, "alopecia": None}, 18.37, 19.34, "moderate_severe", "alopecia"),
        ({"generalized_rash": None}, 0.37, 4.25, None, "generalized_rash"),
        ({"localized_rash": True, "generalized_rash": None}, 3.5, 4.25, "mild", "generalized_rash"),
        ({"swollen_joint_count_28": None}, 0.37, 16.21, None, "swollen_joint_count_28"),
        ({"swollen_joint_count_28": 29}, 0.37, 16.21, None, "swollen_joint_count_28"),
        ({"swollen_joint_count_28": 1.5}, 0.37, 16.21, None, "swollen_joint_count_28"),
        ({"proteinuria_mg_per_24h": None}, 0.37, 26.66, None, "proteinuria_mg_per_24h"),
        ({"proteinuria_mg_per_24h": -1}, 0.37, 26.66, None, "proteinuria_mg_per_24h"),
        ({"platelets_10e9_per_l": None}, 0.37, 52.15, None, "platelets_10e9_per_l"),
        ({"platelets_10e9_per_l": 0}, 0.37, 52.15, None, "platelets_10e9_per_l"),
        ({"leukocytes_10e9_per_l": None}, 0.37, 29.78, None, "leukocytes_10e9_per_l"),
        (
            {"platelets_10e9_per_l": 50, "drug_induced_cytopenia": None},
            0.37,
            4.65,
            None,
            "drug_induced_cytopenia",
        ),
        (
            {"proteinuria_mg_per_24h": 1000, "proteinuria_from_damage": None},
            0.37,
            9.11,
            None,
            "proteinuria_from_damage",
        ),
    ],
)
def test_what_is_listed_without_a_value_leaves_bounds(
    given: dict[str, Any], low: float, high: float, category: str | None, missing: str
) -> None:
    found = score(**given)
    assert found["sle_das"] is None
    assert (found["sle_das_lower_bound"], found["sle_das_upper_bound"]) == (low, high)
    assert (found["category"], found["missing"]) == (category, missing)


# Sums whose third decimal is 4: one thousandth more in any coefficient would show in the rounded score.
@pytest.mark.parametrize(
    ("present", "joints", "expected"),
    [
        ({"alopecia", "mucosal_ulcers", "increased_anti_dsdna"}, 0, 5.06),  # 0.366 + 0.973 + 2.769 + 0.956 = 5.064
        ({"generalized_rash", "mucosal_ulcers"}, 5, 12.42),  # 0.366 + 3.887 + 2.769 + 3.132 + 5 * 0.454 = 12.424
        ({"mucocutaneous_vasculitis"}, 0, 4.77),  # 0.366 + 4.408 = 4.774
        ({"hypocomplementemia"}, 3, 5.61),  # 0.366 + 0.754 + 3.132 + 3 * 0.454 = 5.614
        ({"localized_rash"}, 5, 8.91),  # 0.366 + 3.138 + 3.132 + 5 * 0.454 = 8.906
        ({"neuropsychiatric"}, 0, 18.37),
        ({"systemic_vasculitis"}, 0, 18.37),
        ({"cardiac_pulmonary"}, 0, 18.37),
        ({"myositis"}, 0, 9.37),
        ({"hemolytic_anemia"}, 0, 9.37),
        ({"serositis"}, 0, 6.37),
    ],
)
def test_the_published_coefficients_to_the_last_digit(present: set[str], joints: int, expected: float) -> None:
    assert score(swollen_joint_count_28=joints, **dict.fromkeys(present, True))["sle_das"] == expected


@pytest.mark.parametrize("leukocytes", [v / 20 for v in range(2, 60)])
def test_leukocytes_count_by_their_logarithm(leukocytes: float) -> None:
    expected = half_up(0.366 + 6.118 - 5.058 * math.log(leukocytes))
    assert score(leukocytes_10e9_per_l=leukocytes)["sle_das"] == expected


# leukocytes chosen so that the score lies on either side of a limit by one hundredth
@pytest.mark.parametrize(
    ("leukocytes", "total", "category", "severe"),
    [
        (2.3886, 2.08, "remission_range", False),
        (2.3839, 2.09, "mild", False),
        (0.7957, 7.64, "mild", False),
        (0.7941, 7.65, "moderate_severe", False),
        (0.5090, 9.90, "moderate_severe", False),
        (0.5080, 9.91, "moderate_severe", True),
    ],
)
def test_limits_of_the_categories(leukocytes: float, total: float, category: str, severe: bool) -> None:
    found = score(leukocytes_10e9_per_l=leukocytes)
    assert (found["sle_das"], found["category"], found["severe_gt_9_90"]) == (total, category, severe)


@pytest.mark.parametrize(
    ("leukocytes", "total", "prednisone", "remission", "low"),
    [
        (2.3886, 2.08, 5, True, True),
        (2.3839, 2.09, 5, False, True),
        (2.2070, 2.48, 7.5, False, True),
        (2.2026, 2.49, 7.5, False, False),
    ],
)
def test_limits_of_the_states(leukocytes: float, total: float, prednisone: float, remission: bool, low: bool) -> None:
    found = score(leukocytes_10e9_per_l=leukocytes, prednisone_mg_per_day=prednisone)
    states = (found["sle_das_remission"], found["sle_das_low_disease_activity"])
    assert (found["sle_das"], *states) == (total, remission, low)
