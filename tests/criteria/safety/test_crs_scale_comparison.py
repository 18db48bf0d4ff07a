from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from aftercart import criteria

FEBRILE: dict[str, Any] = {"temperature_c": 38.5}
SCALES = ("astct_2019", "lee_2014", "penn")


def grade(**changes: Any) -> dict[str, Any]:
    row = FEBRILE | changes
    return criteria.crs_scale_comparison(pl.DataFrame({k: [v] for k, v in row.items()})).row(0, named=True)


def three(**changes: Any) -> tuple[int | None, ...]:
    found = grade(**changes)
    return tuple(found[s] for s in SCALES)


def bounds(found: dict[str, Any], scale: str) -> tuple[int, int]:
    return found[f"{scale}_min"], found[f"{scale}_max"]


# finding beside fever -> ASTCT, Lee, Penn
@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, (1, 1, 1)),
        ({"temperature_c": 37.9}, (0, 0, 0)),
        ({"temperature_c": 38.0}, (1, 1, 1)),
        ({"temperature_c": 37.5, "fever_or_constitutional": True}, (0, 1, 1)),
        ({"hospitalised_for_crs": True}, (1, 1, 2)),
        ({"hypotension_present": True}, (2, 2, 1)),
        ({"hypotension_present": True, "hospitalised_for_crs": True}, (2, 2, 2)),
        ({"iv_fluids_for_hypotension": True}, (1, 2, 3)),
        ({"n_vasopressors_excl_vasopressin": 1, "vasopressor": "low_dose_single"}, (3, 2, 3)),
        ({"n_vasopressors_excl_vasopressin": 1, "vasopressor": "high_dose_single"}, (3, 3, 4)),
        ({"n_vasopressors_excl_vasopressin": 2, "vasopressor": "multiple"}, (4, 3, 3)),
        (
            {"n_vasopressors_excl_vasopressin": 2, "vasopressor": "multiple", "high_dose_vasopressor": True},
            (4, 3, 4),
        ),
        ({"n_vasopressors_excl_vasopressin": 1, "vasopressin": True, "vasopressor": "multiple"}, (3, 3, 3)),
        ({"n_vasopressors_excl_vasopressin": 3}, (4, 3, 3)),
        ({"vasopressor": "low_dose_single"}, (3, 2, 3)),
        ({"vasopressor": "low_dose_single", "vasopressin": True}, (3, 2, 3)),
        ({"vasopressor": "multiple"}, (4, 3, 3)),
        ({"vasopressor": "multiple", "vasopressin": True}, (3, 3, 3)),
        ({"vasopressor": None, "n_vasopressors_excl_vasopressin": 0}, (1, 1, 1)),
        ({"oxygen_device": "blow_by", "fio2_requirement_percent": 30}, (2, 2, 3)),
        ({"oxygen_device": "venturi_mask", "fio2_requirement_percent": 39.9}, (3, 2, 3)),
        ({"oxygen_device": "venturi_mask", "fio2_requirement_percent": 40}, (3, 3, 3)),
        ({"oxygen_device": "high_flow_nasal_cannula", "fio2_requirement_percent": 21}, (3, 1, 1)),
        ({"oxygen_device": "bipap", "fio2_requirement_percent": 35}, (4, 2, 3)),
        ({"oxygen_device": "cpap", "cpap_or_bipap": True, "fio2_requirement_percent": 50}, (4, 3, 3)),
        ({"oxygen_device": "cpap", "fio2_requirement_percent": 21}, (4, 1, 3)),
        ({"oxygen_device": "invasive_ventilation", "fio2_requirement_percent": 30}, (4, 4, 4)),
        ({"oxygen_device": "invasive_ventilation"}, (4, 4, 4)),
        ({"mechanical_ventilation": True}, (4, 4, 4)),
        ({"mechanical_ventilation": True, "oxygen_device": "nasal_cannula"}, (4, 4, 4)),
        ({"cpap_or_bipap": True, "fio2_requirement_percent": 39}, (4, 2, 3)),
        ({"cpap_or_bipap": True, "fio2_requirement_percent": 40}, (4, 3, 3)),
        ({"cpap_or_bipap": True, "temperature_c": 37.0, "fio2_requirement_percent": 40}, (0, 3, 3)),
        ({"max_organ_toxicity_grade_excl_transaminase": 1}, (1, 1, 1)),
        ({"max_organ_toxicity_grade_excl_transaminase": 2}, (1, 2, 1)),
        ({"max_organ_toxicity_grade_excl_transaminase": 3}, (1, 3, 1)),
        ({"max_organ_toxicity_grade_excl_transaminase": 4}, (1, 4, 1)),
        ({"creatinine_toxicity_grade": 1}, (1, 1, 1)),
        ({"creatinine_toxicity_grade": 2}, (1, 2, 2)),
        ({"creatinine_toxicity_grade": 3}, (1, 3, 3)),
        ({"creatinine_toxicity_grade": 4}, (1, 4, 3)),
        ({"transaminase_toxicity_grade": 2}, (1, 2, 1)),
        ({"transaminase_toxicity_grade": 3}, (1, 3, 2)),
        ({"transaminase_toxicity_grade": 4}, (1, 3, 3)),
        ({"coagulopathy_requiring_products": True}, (1, 1, 3)),
        ({"death_due_to_crs": True}, (5, 5, 5)),
    ],
)
def test_each_scale_by_itself(changes: dict[str, Any], expected: tuple[int, int, int]) -> None:
    found = grade(**changes)
    assert tuple(found[s] for s in SCALES) == expected
    assert found["clause"] == ("agree" if len(set(expected)) == 1 else "differ")
    assert found["missing"] is None
    assert all(bounds(found, s) == (found[s], found[s]) for s in SCALES)


@pytest.mark.parametrize(
    ("finding", "other_cause", "expected"),
    [
        ({"hypotension_present": True, "iv_fluids_for_hypotension": True}, "hypotension_other_cause", (1, 1, 1)),
        ({"vasopressor": "multiple"}, "hypotension_other_cause", (1, 1, 1)),
        ({"mechanical_ventilation": True, "oxygen_device": "invasive_ventilation"}, "hypoxia_other_cause", (1, 1, 1)),
        ({"cpap_or_bipap": True, "fio2_requirement_percent": 50}, "hypoxia_other_cause", (1, 1, 1)),
        ({}, "fever_other_cause", (0, 0, 0)),
    ],
)
def test_a_finding_of_another_cause_counts_on_no_scale(
    finding: dict[str, Any], other_cause: str, expected: tuple[int, int, int]
) -> None:
    assert three(**finding, **{other_cause: True}) == expected


# what is not known -> bounds on the three scales
@pytest.mark.parametrize(
    ("changes", "astct", "lee", "penn", "missing"),
    [
        ({"oxygen_device": "nasal_cannula"}, (2, 3), (2, 3), (3, 3), "oxygen_flow_l_per_min; fio2_requirement_percent"),
        ({"oxygen_device": "cpap"}, (4, 4), (1, 3), (3, 3), "fio2_requirement_percent"),
        ({"oxygen_device": None}, (1, 4), (1, 4), (1, 4), "oxygen_device"),
        ({"cpap_or_bipap": True}, (4, 4), (1, 3), (3, 3), "fio2_requirement_percent"),
        (
            {"cpap_or_bipap": None, "oxygen_device": "blow_by", "fio2_requirement_percent": 30},
            (2, 4),
            (2, 2),
            (3, 3),
            "cpap_or_bipap",
        ),
        ({"mechanical_ventilation": None}, (1, 4), (1, 4), (1, 4), "mechanical_ventilation"),
        (
            {"mechanical_ventilation": None, "oxygen_device": "bipap", "fio2_requirement_percent": 30},
            (4, 4),
            (2, 4),
            (3, 4),
            "mechanical_ventilation",
        ),
        (
            {"cpap_or_bipap": True, "oxygen_device": None},
            (4, 4),
            (1, 4),
            (3, 4),
            "oxygen_device; fio2_requirement_percent",
        ),
        ({"n_vasopressors_excl_vasopressin": 1}, (3, 3), (2, 3), (3, 4), "vasopressor"),
        ({"n_vasopressors_excl_vasopressin": None}, (1, 4), (1, 3), (1, 4), "n_vasopressors_excl_vasopressin"),
        ({"transaminase_toxicity_grade": None}, (1, 1), (1, 3), (1, 3), "transaminase_toxicity_grade"),
        ({"creatinine_toxicity_grade": None}, (1, 1), (1, 4), (1, 3), "creatinine_toxicity_grade"),
        ({"hospitalised_for_crs": None}, (1, 1), (1, 1), (1, 2), "hospitalised_for_crs"),
        ({"temperature_c": None}, (0, 1), (0, 1), (0, 1), "temperature_c"),
        ({"death_due_to_crs": None}, (1, 5), (1, 5), (1, 5), "death_due_to_crs"),
    ],
)
def test_missing_values_bound_each_scale(
    changes: dict[str, Any],
    astct: tuple[int, int],
    lee: tuple[int, int],
    penn: tuple[int, int],
    missing: str,
) -> None:
    found = grade(**changes)
    assert [bounds(found, s) for s in SCALES] == [astct, lee, penn]
    for scale, (low, high) in zip(SCALES, (astct, lee, penn), strict=True):
        assert found[scale] == (low if low == high else None)
    assert found["clause"] is None
    assert found["missing"] == missing


@pytest.mark.parametrize(
    ("changes", "lee", "penn"),
    [
        ({"temperature_c": 37.0}, "none", "none"),
        ({}, "fever", "fever"),
        ({"hospitalised_for_crs": True}, "fever", "hospitalised"),
        ({"coagulopathy_requiring_products": True}, "fever", "coagulopathy"),
        ({"transaminase_toxicity_grade": 4}, "organ", "organ"),
        ({"vasopressor": "high_dose_single"}, "hypotension", "hypotension"),
        ({"mechanical_ventilation": True}, "oxygen", "oxygen"),
        ({"death_due_to_crs": True}, "death", "death"),
    ],
)
def test_the_deciding_domain_is_named(changes: dict[str, Any], lee: str, penn: str) -> None:
    found = grade(**changes)
    assert (found["lee_2014_decided_by"], found["penn_decided_by"]) == (lee, penn)


def test_the_consensus_grade_is_that_of_its_own_criterion() -> None:
    rows = pl.DataFrame(
        {
            "temperature_c": [38.5, 36.8, 39.0, None],
            "oxygen_device": ["nasal_cannula", "bipap", "room_air", "venturi_mask"],
            "oxygen_flow_l_per_min": [6.0, None, None, None],
            "crs_already_diagnosed": [False, True, True, True],
            "antipyretic_or_anticytokine_given": [False, True, True, True],
        }
    )
    assert (
        criteria.crs_scale_comparison(rows)["astct_2019"].to_list()
        == criteria.crs_astct_2019(rows)["grade"].to_list()
        == [2, 4, 1, 3]
    )


def test_one_vasopressor_at_a_high_dose_is_one_vasopressor_to_the_consensus() -> None:
    assert three(vasopressor="high_dose_single") == (3, 3, 4)


@pytest.mark.parametrize(("percent", "lee"), [(21, 1), (22, 2), (39, 2), (40, 3)])
def test_more_than_room_air_is_oxygen(percent: int, lee: int) -> None:
    assert grade(fio2_requirement_percent=percent)["lee_2014"] == lee
