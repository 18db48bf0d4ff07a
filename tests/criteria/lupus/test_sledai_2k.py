from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aftercart import criteria

WEIGHTS = {
    "seizure": 8,
    "psychosis": 8,
    "organic_brain_syndrome": 8,
    "visual_disturbance": 8,
    "cranial_nerve_disorder": 8,
    "lupus_headache": 8,
    "cva": 8,
    "vasculitis": 8,
    "arthritis": 4,
    "myositis": 4,
    "urinary_casts": 4,
    "hematuria": 4,
    "proteinuria": 4,
    "pyuria": 4,
    "rash": 2,
    "alopecia": 2,
    "mucosal_ulcers": 2,
    "pleurisy": 2,
    "pericarditis": 2,
    "low_complement": 2,
    "increased_dna_binding": 2,
    "fever": 1,
    "thrombocytopenia": 1,
    "leukopenia": 1,
}
SEROLOGY = {"low_complement", "increased_dna_binding"}
BOUNDS = ("sledai_2k_lower_bound", "sledai_2k_upper_bound", "csledai_2k_lower_bound", "csledai_2k_upper_bound")


def score(listed: dict[str, bool | None], unlisted: str | None = None) -> dict[str, Any]:
    visit: dict[str, Any] = {f"descriptors.{name}": [value] for name, value in listed.items()}
    if unlisted is not None:
        visit["unlisted_descriptors"] = [unlisted]
    return criteria.sledai_2k(pl.DataFrame(visit)).row(0, named=True)


def bounds(found: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(found[name] for name in BOUNDS)


@pytest.mark.parametrize(("name", "weight"), WEIGHTS.items())
def test_weight_of_every_descriptor(name: str, weight: int) -> None:
    found = score({name: True}, "absent")
    clinical = 0 if name in SEROLOGY else weight
    assert (found["sledai_2k"], found["csledai_2k"]) == (weight, clinical)
    assert bounds(found) == (weight, weight, clinical, clinical)
    assert {k.removeprefix("points."): v for k, v in found.items() if k.startswith("points.") and v} == {name: weight}
    assert (found["clause"], found["missing"], found["invalid"]) == ("sum_of_weights", None, None)


@pytest.mark.parametrize(("name", "weight"), WEIGHTS.items())
def test_any_missing_descriptor_leaves_bounds_its_weight_apart(name: str, weight: int) -> None:
    listed = dict.fromkeys(WEIGHTS, False) | {"rash": True, name: None}
    known = 0 if name == "rash" else 2
    found = score(listed)
    serology = name in SEROLOGY
    assert found["sledai_2k"] is None
    assert found["csledai_2k"] == (known if serology else None)
    assert bounds(found) == (known, known + weight, known, known if serology else known + weight)
    assert found[f"points.{name}"] is None
    assert (found["clause"], found["missing"]) == (None, f"descriptors.{name}")


# descriptors present, all others absent -> total, clinical total, clause
@pytest.mark.parametrize(
    ("present", "total", "clinical", "clause"),
    [
        ((), 0, 0, "no_descriptor"),
        (("low_complement", "increased_dna_binding"), 4, 0, "sum_of_weights"),
        (("low_complement", "fever"), 3, 1, "sum_of_weights"),
        (("hematuria", "proteinuria", "pyuria", "urinary_casts"), 16, 16, "sum_of_weights"),
        (("cva", "myositis", "pleurisy", "leukopenia"), 15, 15, "sum_of_weights"),
        (tuple(WEIGHTS), 105, 101, "sum_of_weights"),
    ],
)
def test_totals_with_and_without_serology(present: tuple[str, ...], total: int, clinical: int, clause: str) -> None:
    found = score(dict.fromkeys(present, True) or {"seizure": False}, "absent")
    assert (found["sledai_2k"], found["csledai_2k"]) == (total, clinical)
    assert bounds(found) == (total, total, clinical, clinical)
    assert (found["clause"], found["missing"]) == (clause, None)


# what is listed, what unlisted means -> total, clinical total, the four bounds
@pytest.mark.parametrize(
    ("listed", "unlisted", "total", "clinical", "expected"),
    [
        ({"arthritis": True}, "absent", 4, 4, (4, 4, 4, 4)),
        ({"arthritis": True}, "missing", None, None, (4, 105, 4, 101)),
        ({"arthritis": True}, None, None, None, (4, 105, 4, 101)),
        ({"arthritis": False}, None, None, None, (0, 101, 0, 97)),
        ({"arthritis": None}, "absent", None, None, (0, 4, 0, 4)),
        ({"low_complement": None, "rash": True}, "absent", None, 2, (2, 4, 2, 2)),
        ({"low_complement": None, "increased_dna_binding": True}, "absent", None, 0, (2, 4, 0, 0)),
        ({"fever": None, "cva": None, "rash": True}, "absent", None, None, (2, 11, 2, 11)),
    ],
)
def test_unlisted_descriptors_are_missing_unless_stated(
    listed: dict[str, bool | None],
    unlisted: str | None,
    total: int | None,
    clinical: int | None,
    expected: tuple[int, ...],
) -> None:
    found = score(listed, unlisted)
    assert (found["sledai_2k"], found["csledai_2k"]) == (total, clinical)
    assert bounds(found) == expected


def test_missing_descriptors_are_named_in_the_order_of_the_form() -> None:
    found = score({"leukopenia": None, "low_complement": None, "seizure": None}, "absent")
    assert found["missing"] == "descriptors.seizure; descriptors.low_complement; descriptors.leukopenia"


def test_without_serology_the_clinical_score_is_complete() -> None:
    clinical = {name: name == "arthritis" for name in WEIGHTS if name not in SEROLOGY}
    found = score(clinical)
    assert (found["sledai_2k"], found["csledai_2k"]) == (None, 4)
    assert bounds(found) == (4, 8, 4, 4)
    assert found["missing"] == "descriptors.low_complement; descriptors.increased_dna_binding"


def test_what_unlisted_means_is_one_of_two_words() -> None:
    found = score({"arthritis": True}, "none")
    assert found["sledai_2k"] is None
    assert bounds(found) == (4, 105, 4, 101)
    assert found["invalid"] == "unlisted_descriptors: found none, expected one of absent, missing"


def test_every_row_is_its_own_visit() -> None:
    visits = pl.DataFrame(
        {
            "visit": ["a", "b", "c"],
            "descriptors.cva": [True, False, None],
            "descriptors.rash": [True, True, False],
            "unlisted_descriptors": ["absent"] * 3,
        }
    )
    found = criteria.sledai_2k(visits)
    assert found["visit"].to_list() == ["a", "b", "c"]
    assert found["sledai_2k"].to_list() == [10, 2, None]
    assert found["sledai_2k_upper_bound"].to_list() == [10, 2, 8]


forms = st.fixed_dictionaries({name: st.booleans() for name in WEIGHTS})


@settings(max_examples=40, deadline=None)
@given(form=forms, gaps=st.sets(st.sampled_from(list(WEIGHTS))))
def test_bounds_are_the_known_points_and_the_open_ones(form: dict[str, bool], gaps: set[str]) -> None:
    found = score(form | dict.fromkeys(gaps))
    known = {name for name in WEIGHTS if form[name] and name not in gaps}
    low, high = sum(WEIGHTS[n] for n in known), sum(WEIGHTS[n] for n in known | gaps)
    clinical_low = sum(WEIGHTS[n] for n in known - SEROLOGY)
    clinical_high = sum(WEIGHTS[n] for n in (known | gaps) - SEROLOGY)
    assert bounds(found) == (low, high, clinical_low, clinical_high)
    assert found["sledai_2k"] == (None if gaps else low)
    assert found["csledai_2k"] == (None if gaps - SEROLOGY else clinical_low)
