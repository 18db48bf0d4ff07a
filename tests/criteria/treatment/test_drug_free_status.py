from __future__ import annotations

from itertools import product
from typing import Any

import polars as pl
import pytest

from aftercart import criteria

NOTHING: dict[str, Any] = {
    "prednisone_mg_per_day": 0,
    "immunosuppressants": [],
    "biologics": [],
    "antimalarial": False,
}
STATES = ("glucocorticoid_free", "drug_free_antimalarial_allowed", "drug_free_strict")


def decide(**changes: Any) -> dict[str, Any]:
    visit = {k: v for k, v in (NOTHING | changes).items() if v != "not listed"}
    return criteria.drug_free_status(pl.DataFrame({k: [v] for k, v in visit.items()})).row(0, named=True)


# changes to a patient without any drug -> glucocorticoid-free, drug-free with antimalarial allowed, strict, clause
@pytest.mark.parametrize(
    ("changes", "steroid_free", "allowed", "strict", "clause"),
    [
        ({}, True, True, True, "free"),
        ({"antimalarial": True}, True, True, False, "free"),
        ({"prednisone_mg_per_day": 0.1}, False, False, False, "glucocorticoid"),
        ({"prednisone_mg_per_day": 2.5}, False, False, False, "glucocorticoid"),
        ({"immunosuppressants": ["mycophenolate"]}, True, False, False, "immunosuppressant"),
        ({"immunosuppressants": "mycophenolate; azathioprine"}, True, False, False, "immunosuppressant"),
        ({"biologics": ["belimumab"]}, True, False, False, "biologic"),
        ({"antifibrotics": ["nintedanib"]}, True, True, True, "free"),
        ({"antifibrotics": None}, True, True, True, "free"),
        (
            {"prednisone_mg_per_day": 5, "immunosuppressants": ["azathioprine"], "biologics": ["belimumab"]},
            False,
            False,
            False,
            "glucocorticoid",
        ),
        ({"immunosuppressants": ["azathioprine"], "biologics": ["belimumab"]}, True, False, False, "immunosuppressant"),
    ],
)
def test_states_and_the_drug_that_decides(
    changes: dict[str, Any], steroid_free: bool, allowed: bool, strict: bool, clause: str
) -> None:
    found = decide(**changes)
    assert tuple(found[name] for name in STATES) == (steroid_free, allowed, strict)
    assert (found["clause"], found["missing"], found["invalid"]) == (clause, None, None)
    assert found["adrenal_replacement_flag"] is None


# hydrocortisone as adrenal replacement: strict sense, plausible as replacement
@pytest.mark.parametrize(
    ("dose", "strict", "flag"),
    [
        ("not listed", True, None),
        (0, True, None),
        (0.5, False, True),
        (20, False, True),
        (25, False, True),
        (250 * 0.1, False, True),
        (25.1, False, False),
        (100, False, False),
        (None, None, None),
    ],
)
def test_adrenal_replacement_blocks_the_strict_sense_only(
    dose: float | str | None, strict: bool | None, flag: bool | None
) -> None:
    found = decide(hydrocortisone_replacement_mg_per_day=dose)
    assert tuple(found[name] for name in STATES) == (True, True, strict)
    assert found["adrenal_replacement_flag"] is flag
    assert found["clause"] == "free"


# what is unknown -> the three states, clause, and what is named as missing
@pytest.mark.parametrize(
    ("changes", "states", "clause", "missing"),
    [
        ({"prednisone_mg_per_day": None}, (None, None, None), None, "prednisone_mg_per_day"),
        ({"immunosuppressants": None}, (True, None, None), None, "immunosuppressants"),
        ({"biologics": None}, (True, None, None), None, "biologics"),
        ({"biologics": "not listed"}, (True, None, None), None, "biologics"),
        ({"antimalarial": None}, (True, True, None), "free", None),
        ({"antimalarial": "not listed"}, (True, True, None), "free", None),
        ({"immunosuppressants": None, "antimalarial": True}, (True, None, False), None, "immunosuppressants"),
        (
            {"immunosuppressants": None, "hydrocortisone_replacement_mg_per_day": 20},
            (True, None, False),
            None,
            "immunosuppressants",
        ),
        (
            {"prednisone_mg_per_day": None, "immunosuppressants": None, "biologics": None},
            (None, None, None),
            None,
            "prednisone_mg_per_day; immunosuppressants; biologics",
        ),
    ],
)
def test_an_unknown_drug_is_not_an_absent_one(
    changes: dict[str, Any], states: tuple[bool | None, ...], clause: str | None, missing: str | None
) -> None:
    found = decide(**changes)
    assert tuple(found[name] for name in STATES) == states
    assert (found["clause"], found["missing"]) == (clause, missing)


TAKEN = {
    "prednisone_mg_per_day": (5, "glucocorticoid"),
    "immunosuppressants": (["azathioprine"], "immunosuppressant"),
    "biologics": (["belimumab"], "biologic"),
}


@pytest.mark.parametrize(("gap", "taken"), [(g, t) for g, t in product(TAKEN, TAKEN) if g != t])
def test_one_drug_proven_taken_decides_whatever_is_missing(gap: str, taken: str) -> None:
    value, clause = TAKEN[taken]
    found = decide(**{gap: None, taken: value, "antimalarial": None})
    assert (found["drug_free_antimalarial_allowed"], found["drug_free_strict"]) == (False, False)
    assert (found["clause"], found["missing"]) == (clause, None)


@pytest.mark.parametrize("flag", [True, False, None])
def test_no_state_without_the_one_before_it(flag: bool | None) -> None:
    found = decide(prednisone_mg_per_day=1, antimalarial=flag)
    assert [found[name] for name in STATES] == [False, False, False]


@pytest.mark.parametrize(
    ("name", "states", "missing"),
    [
        ("prednisone_mg_per_day", (None, None, None), "prednisone_mg_per_day"),
        ("hydrocortisone_replacement_mg_per_day", (True, True, None), None),
    ],
)
def test_negative_doses_are_refused(name: str, states: tuple[bool | None, ...], missing: str | None) -> None:
    found = decide(**{name: -1})
    assert tuple(found[state] for state in STATES) == states
    assert (found["missing"], found["invalid"]) == (missing, f"{name}: found -1.0, expected at least 0")
