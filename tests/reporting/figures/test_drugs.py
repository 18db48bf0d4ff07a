"""Drugs before the infusion and at the last contact."""

from __future__ import annotations

import polars as pl
import pytest
from tests.reporting.figures import clinic

from aftercart.reporting.figures import Absent, Figure, prior_drugs


def drugs(**more: object) -> Figure:
    found = prior_drugs(clinic.cohort(**more))  # type: ignore[arg-type]
    assert isinstance(found, Figure)
    return found


def test_each_patient_and_class_with_the_last_known_state() -> None:
    rows = drugs(only=("SLE-1", "SLE-2")).data.select(
        "patient", "drug class", "before", "drugs before", "failed", "then"
    )
    assert rows.rows() == [
        ("SLE-1", "Glucocorticoid", "in the month before", "prednisone", False, "not taken"),
        ("SLE-1", "Immunosuppressant", "none recorded", None, False, "not taken"),
        ("SLE-2", "Glucocorticoid", "none recorded", None, False, "not taken"),
        ("SLE-2", "Immunosuppressant", "in the month before", "azathioprine, mycophenolate", True, "taken"),
    ]


@pytest.mark.parametrize(
    ("course", "state", "dose"),
    [
        ({"start": 10, "end": 50}, "taken since, not at last contact", 0.0),
        ({"start": 10, "end": 400}, "taken", 5.0),
        ({"start": 10, "end": None}, "not known", None),
        ({"start": -50, "end": -40}, "not taken", 0.0),
    ],
)
def test_what_is_known_of_the_last_contact(course: dict[str, int], state: str, dose: float | None) -> None:
    taken = [
        clinic.drug("SLE-1", "prednisone", course["start"], course["end"], dose=5.0, dose_unit="mg", frequency="QD")
    ]
    found = drugs(only=("SLE-1",), exposures=taken).data
    assert found.select("then", "prednisone mg per day").rows() == [(state, dose)]


def test_treatment_of_toxicity_and_lymphodepletion_do_not_count() -> None:
    only = [e for e in clinic.EXPOSURES if e.get("purpose") in ("lymphodepletion", "crs_icans_treatment")]
    found = prior_drugs(clinic.cohort(("SLE-1",), exposures=only))
    assert isinstance(found, Absent)
    assert found.reason == "No glucocorticoid, immunosuppressant or other drug for the disease is recorded."


def test_the_dose_stands_beside_a_drug_that_is_taken() -> None:
    taken = [clinic.drug("SLE-1", "prednisone", -50, 400, dose=7.5, dose_unit="mg", frequency="QD")]
    assert ">7.5 mg</text>" in drugs(only=("SLE-1",), exposures=taken).svg()


def test_the_finding_counts_before_and_after() -> None:
    assert drugs().alt == (
        "Recorded before the infusion in 5 patients: glucocorticoid in 1 and immunosuppressant in 1. At the last"
        " contact: glucocorticoid in 0 of 5 and immunosuppressant in 1 of 5."
    )
    assert drugs().data.filter(pl.col("then") == "taken").height == 1
