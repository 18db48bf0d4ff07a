"""Refused rows of medicines: what was lost may have been any medicine, so no row proves no intake any more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import aftercart as ac
from aftercart.study.model import Study

PEOPLE = [{"subject_id": s, "indication": "SLE", "sex": "F", "age_at_infusion": 30} for s in ("P1", "P2")]
CELLS = [{"subject_id": s, "infusion_seq": 1, "start": "2022-03-01"} for s in ("P1", "P2")]
SEEN = [
    {"subject_id": s, "instrument": "PGA", "item": "phga_0_3", "value": 0, "datetime": "2022-05-30"}
    for s in ("P1", "P2")
]


def free(study: Study) -> dict[str, Any]:
    done = ac.assess(study, ["drug_free_status"]).results("drug_free_status")
    return {r["subject_id"]: r["drug_free_strict"] for r in done.iter_rows(named=True)}


def medicine(subject: str, start: str) -> dict[str, Any]:
    return {
        "subject_id": subject,
        "drug": "prednisone",
        "dose": 10,
        "dose_unit": "mg",
        "frequency": "QD",
        "start": start,
    }


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([{**medicine("P1", "2022-01-01"), "end": "2022-02-01"}], {"P1": True, "P2": True}),
        ([{**medicine("P1", "2022-05-01"), "ongoing": True}], {"P1": False, "P2": True}),
        ([medicine("P1", "31 February")], {"P1": None, "P2": True}),
        ([medicine("P9", "2022-05-01")], {"P1": None, "P2": None}),
    ],
)
def test_a_refused_row_leaves_open_what_it_may_have_said(
    make_study: Callable[..., Study], rows: list[dict[str, Any]], expected: dict[str, Any]
) -> None:
    study = make_study(subjects=PEOPLE, infusions=CELLS, assessments=SEEN, exposures=rows)
    assert free(study) == expected


def test_a_table_that_cannot_be_read_leaves_everything_open(study_folder: Callable[..., Any]) -> None:
    folder = study_folder(subjects=PEOPLE, infusions=CELLS, assessments=SEEN)
    (folder / "exposures.csv").write_bytes(b"subject_id,drug,start\nP1,prednisol\xf6n,2022-05-01\n")
    assert free(ac.read(folder)) == {"P1": None, "P2": None}
    (folder / "exposures.csv").write_bytes(b"")
    assert free(ac.read(folder)) == {"P1": None, "P2": None}
