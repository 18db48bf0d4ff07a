"""Hand-made FHIR resources for tests."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

from aftercart.sources import importing
from aftercart.sources.assembly import Imported
from aftercart.sources.mapping import mapping_of

STUDY = {"study_id": "T", "title": "Test", "data_cut_off": date(2024, 12, 31)}
PATIENT: dict[str, Any] = {"resourceType": "Patient", "id": "p1", "gender": "female", "birthDate": "1990"}
LUPUS = {"coding": [{"system": "http://snomed.info/sct", "code": "55464009"}]}
ABOUT = {"subject": {"reference": "Patient/p1"}}
DIAGNOSIS: dict[str, Any] = {
    "resourceType": "Condition",
    "id": "c1",
    "code": LUPUS,
    "onsetDateTime": "2019-05",
    **ABOUT,
}


def concept(code: str, text: str | None = None, system: str = "http://loinc.org") -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code}], **({"text": text} if text else {})}


def observation(code: str, **more: Any) -> dict[str, Any]:
    about = {"resourceType": "Observation", "status": "final", "code": concept(code), **ABOUT}
    return {**about, "id": f"o-{code}", "effectiveDateTime": "2024-03-05T08:00:00+01:00", **more}


def quantity(value: float, unit: str, **more: Any) -> dict[str, Any]:
    return {"value": value, "unit": unit, "system": "http://unitsofmeasure.org", "code": unit, **more}


def medicine(kind: str, **more: Any) -> dict[str, Any]:
    return {"resourceType": kind, "id": "m", "status": "active", **ABOUT, **more}


def lines(folder: Path, *resources: Any, name: str = "all.ndjson") -> Path:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text("".join(json.dumps(r) + "\n" for r in resources), "utf-8")
    return folder


def imported(folder: Path, *resources: Any, mapping: dict[str, Any] | None = None, **more: Any) -> Imported:
    """Import resources beside a patient with lupus."""
    lines(folder / "in", PATIENT, DIAGNOSIS, *resources)
    checked = mapping_of({"study": STUDY, **(mapping or {})}, "fhir")
    return importing.read("fhir", folder / "in", mapping=checked, **more)


def listed(done: Imported) -> list[tuple[str, str, int | None, str]]:
    """Rule, source table, row and what was found of every problem, but for what is refused of the patient."""
    found = done.study.problems.select("rule", "file", "row", "found")
    return [row for row in found.rows() if row[0] != "direct_identifier"]
