"""Raw rows for the small study, so that real criteria can be run on it: fever, counts, skin and muscle scores."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "analyze"))

from mini_study import INFUSIONS, on, study

from aftercart.study.model import Study

MMT_SIDES = ("deltoid_middle", "biceps", "wrist_extensors", "gluteus_maximus", "gluteus_medius", "quadriceps")
MMT_SIDES += ("ankle_dorsiflexors",)
SKIN = ("fingers", "hand", "forearm", "upper_arm", "thigh", "leg", "foot")


def observation(subject: str, day: int, code: str, value: float, unit: str, **more: Any) -> dict[str, Any]:
    """One result."""
    return {"subject_id": subject, "datetime": on(subject, day), "code": code, "value": value, "unit": unit, **more}


def answer(subject: str, day: int, instrument: str, item: str, value: float) -> dict[str, Any]:
    """One answered item."""
    return {
        "subject_id": subject,
        "datetime": on(subject, day),
        "instrument": instrument,
        "item": item,
        "value": value,
        "administration_id": f"{subject}/{instrument}/{day}",
    }


def observations() -> list[dict[str, Any]]:
    """Temperature for a week (fever in two patients), neutrophils, B cells and creatine kinase."""
    rows: list[dict[str, Any]] = []
    for subject in INFUSIONS:
        for day in range(8):
            hot = subject in ("SLE-1", "IIM-1") and day in (2, 3)
            rows.append(observation(subject, day, "TEMP", 38.7 if hot else 36.8, "Cel"))
        for day, count in ((-6, 4.0), (0, 2.0), (3, 0.8), (7, 0.4), (10, 1.2), (14, 2.5), (28, 3.0), (60, 3.2)):
            low = 0.3 if subject == "SSC-1" and day == 60 else count
            rows.append(observation(subject, day, "ANC", low, "10*9/L", ref_low=1.8, ref_high=7.7))
        if subject == "SSC-1":
            rows.append(observation(subject, 75, "ANC", 2.4, "10*9/L", ref_low=1.8, ref_high=7.7))
        for day, cells in ((-6, 120), (7, 0), (28, 0), (90, 0 if subject == "SLE-3" else 15), (180, 40)):
            if not (subject == "SLE-3" and day > 100):
                rows.append(observation(subject, day, "CD19", cells, "10*6/L"))
    for day, value in ((-6, 2600), (30, 700), (91, 150), (183, 120)):
        rows.append(observation("IIM-1", day, "CK", value, "U/L", ref_low=20, ref_high=190))
    return rows


def assessments() -> list[dict[str, Any]]:
    """Muscle strength and skin scores at baseline and at months 3 and 6."""
    rows: list[dict[str, Any]] = []
    for day, grade in ((-6, 7), (91, 9), (183, 10)):
        rows.append(answer("IIM-1", day, "MMT8", "neck_flexors", grade))
        rows += [answer("IIM-1", day, "MMT8", f"{s}_{m}", grade) for s in ("right", "left") for m in MMT_SIDES]
    for day, grade in ((-6, 2), (91, 1), (183, 1)):
        rows += [answer("SSC-1", day, "MRSS", site, grade) for site in ("face", "anterior_chest", "abdomen")]
        rows += [answer("SSC-1", day, "MRSS", f"{s}_{m}", grade) for s in ("right", "left") for m in SKIN]
        worse = 1.0 if day < 0 else 0.0
        for item in ("delta_skin_worse_last_month", "digital_ulcers", "tendon_friction_rubs"):
            rows.append(answer("SSC-1", day, "EUSTAR-AI", item, worse))
    return rows


def events() -> list[dict[str, Any]]:
    """One pneumonia with hospital stay and one mild infection whose text tries to break the page."""
    return [
        {
            "subject_id": "SLE-2",
            "category": "infection",
            "term_text": "Pneumonia",
            "start": on("SLE-2", 120),
            "end": on("SLE-2", 130),
            "serious": True,
            "serious_hospitalisation": True,
            "level_of_care": "ward",
        },
        {
            "subject_id": "SLE-1",
            "category": "infection",
            "term_text": "<script>alert('cold')</script>",
            "start": on("SLE-1", 60),
        },
    ]


def raw_study(**changes: Any) -> Study:
    """The small study with raw rows."""
    rows: dict[str, Any] = {"observations": observations(), "assessments": assessments(), "events": events()}
    only = changes.get("only", tuple(INFUSIONS))
    kept = {name: [r for r in found if r["subject_id"] in only] for name, found in rows.items()}
    return study(**{**kept, **changes})
