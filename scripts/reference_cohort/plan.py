"""What each of the 15 patients is: published cells are read from `published/`, the rest is decided here and marked.

A cell is `published` when a text gives it for this patient (or as true of every patient), `constrained` when totals
of the group force or bound it, `simulated` otherwise. Agreement with the published totals is therefore by
construction: it tests the arithmetic of the analysis, not the therapy.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

PUBLISHED = Path(__file__).parent / "published"
CUT_OFF = date(2024, 2, 29)
STUDY_ID = "REF15"


@dataclass(frozen=True)
class Patient:
    """One patient of the plan."""

    label: str
    infusion: date
    last_contact_day: int
    sex: str
    age: int
    duration_years: float
    subtype: str
    crs: tuple[int, ...] = ()
    """Highest temperature class by day: days of fever."""
    hypotension_day: int | None = None
    prior: tuple[str, ...] = ()
    descriptors: tuple[str, ...] = ()
    mrss: int | None = None
    notes: tuple[str, ...] = ()
    marks: dict[str, str] = field(default_factory=dict)
    """Provenance of sex, age, duration, crs, prior and baseline score: those not `simulated`."""

    @property
    def indication(self) -> str:
        """SLE, SSC or IIM."""
        return {"SLE": "SLE", "SSc": "SSC", "IIM": "IIM"}[self.label.split("-")[0]]


def published() -> dict[str, dict[str, str]]:
    """The published row of each patient, by label."""
    with (PUBLISHED / "cohort15.csv").open(encoding="utf-8", newline="") as stream:
        return {row["patient_label"]: row for row in csv.DictReader(stream)}


SLE_PRIOR = ("hydroxychloroquine", "mycophenolate", "belimumab", "methylprednisolone")
SSC_PRIOR = ("mycophenolate", "rituximab", "methotrexate", "prednisone")
IIM_PRIOR = ("prednisone", "methotrexate", "immunoglobulin", "rituximab")
KIDNEY = ("proteinuria",)
SEROLOGY = ("low_complement", "increased_dna_binding")
GIVEN = {"sex": "published", "age": "published"}
FORCED = {"sex": "constrained", "age": "constrained", "duration": "constrained", "crs": "constrained"}

PATIENTS = (
    Patient(
        "SLE-1",
        date(2021, 2, 24),
        1093,
        "F",
        20,
        2.0,
        "lupus nephritis class III(A)",
        prior=(
            "hydroxychloroquine",
            "cyclophosphamide",
            "mycophenolate",
            "tacrolimus",
            "belimumab",
            "rituximab",
            "methylprednisolone",
        ),
        descriptors=(*KIDNEY, "arthritis", "rash", "pleurisy", *SEROLOGY),
        marks={**GIVEN, "duration": "published", "crs": "constrained", "prior": "published", "score": "published"},
    ),
    Patient(
        "SLE-2",
        date(2021, 5, 26),
        1001,
        "M",
        22,
        4.0,
        "lupus nephritis",
        crs=(6, 7, 8),
        prior=SLE_PRIOR,
        descriptors=(*KIDNEY, "hematuria", "arthritis", *SEROLOGY),
        marks={**GIVEN, "duration": "constrained", "crs": "constrained", "prior": "published", "score": "published"},
    ),
    Patient(
        "SLE-3",
        date(2021, 10, 27),
        850,
        "F",
        22,
        7.0,
        "lupus nephritis",
        prior=SLE_PRIOR,
        descriptors=(*KIDNEY, "rash", *SEROLOGY),
        marks={**GIVEN, "duration": "constrained", "crs": "constrained", "prior": "published", "score": "published"},
    ),
    Patient(
        "SLE-4",
        date(2021, 11, 24),
        820,
        "F",
        24,
        9.0,
        "lupus nephritis",
        crs=(5, 6),
        prior=SLE_PRIOR,
        descriptors=(*KIDNEY, *SEROLOGY),
        marks={**GIVEN, "duration": "constrained", "crs": "constrained", "prior": "published", "score": "published"},
    ),
    Patient(
        "SLE-5",
        date(2022, 1, 26),
        735,
        "F",
        18,
        1.0,
        "lupus nephritis",
        crs=(7, 8),
        prior=SLE_PRIOR,
        descriptors=(*KIDNEY, "leukopenia", *SEROLOGY),
        marks={**GIVEN, "duration": "constrained", "crs": "constrained", "prior": "published", "score": "published"},
    ),
    Patient(
        "SLE-6",
        date(2022, 5, 18),
        640,
        "F",
        38,
        6.0,
        "",
        crs=(6, 7),
        prior=SLE_PRIOR,
        descriptors=("arthritis", "rash", "mucosal_ulcers", *SEROLOGY),
        marks=FORCED,
    ),
    Patient(
        "SLE-7",
        date(2022, 10, 17),
        480,
        "F",
        36,
        3.0,
        "",
        prior=SLE_PRIOR,
        descriptors=("arthritis", "rash", *SEROLOGY),
        marks=FORCED,
    ),
    Patient(
        "SLE-8",
        date(2023, 2, 8),
        371,
        "F",
        31,
        5.0,
        "",
        crs=(5, 6, 7),
        prior=SLE_PRIOR,
        descriptors=(*KIDNEY, "hematuria", "alopecia", *SEROLOGY),
        marks=FORCED,
    ),
    Patient(
        "SSc-1",
        date(2022, 8, 24),
        548,
        "M",
        60,
        2.0,
        "dcSSc",
        crs=(6, 7, 8),
        prior=SSC_PRIOR,
        mrss=24,
        marks={**GIVEN, "duration": "published", "crs": "published", "score": "published"},
    ),
    Patient(
        "SSc-2",
        date(2022, 12, 7),
        440,
        "M",
        37,
        1.5,
        "dcSSc",
        prior=SSC_PRIOR,
        mrss=27,
        marks={**GIVEN, "duration": "published", "crs": "constrained", "score": "published"},
    ),
    Patient(
        "SSc-3",
        date(2023, 3, 15),
        345,
        "F",
        38,
        1.5,
        "dcSSc",
        prior=SSC_PRIOR,
        mrss=32,
        marks={**GIVEN, "duration": "published", "crs": "constrained", "score": "published"},
    ),
    Patient(
        "SSc-4",
        date(2023, 5, 24),
        275,
        "M",
        45,
        2.5,
        "dcSSc",
        prior=SSC_PRIOR,
        mrss=22,
        marks=FORCED,
    ),
    Patient(
        "IIM-1",
        date(2022, 6, 15),
        612,
        "M",
        41,
        1.0,
        "ASyS",
        crs=(5, 6, 7),
        prior=IIM_PRIOR,
        marks={**GIVEN, "duration": "constrained", "crs": "constrained"},
    ),
    Patient(
        "IIM-2",
        date(2022, 9, 28),
        510,
        "F",
        44,
        4.0,
        "ASyS",
        crs=(6, 7, 8, 9),
        hypotension_day=7,
        prior=IIM_PRIOR,
        marks={**GIVEN, "duration": "constrained", "crs": "constrained"},
    ),
    Patient("IIM-3", date(2023, 4, 19), 310, "F", 34, 8.0, "ASyS", crs=(7, 8), prior=IIM_PRIOR, marks=FORCED),
)
"""Ordered by disease; labels carry no order in time."""

ICANS_PATIENT, ICANS_DAYS = "IIM-2", (8, 9)
LATE_NEUTROPENIA_PATIENT, LATE_NEUTROPENIA_DAY = "SLE-7", 64
PNEUMONIA_PATIENT, PNEUMONIA_DAYS = "SLE-8", (128, 134)

VISITS = (
    ("month 1", 30, 12, 15),
    ("month 3", 91, 45, 45),
    ("month 6", 183, 45, 45),
    ("month 9", 274, 45, 45),
    ("month 12", 365, 45, 90),
    ("month 18", 548, 90, 90),
    ("month 24", 730, 90, 90),
    ("month 30", 913, 90, 90),
    ("month 36", 1096, 90, 90),
)
"""Name, target day, days before and after."""
