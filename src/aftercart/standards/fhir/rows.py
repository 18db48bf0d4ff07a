"""What one resource says, as rows of the tables of a study."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from aftercart.standards import fhir
from aftercart.standards.fhir import Meanings, Resource, Said, answers, findings, happenings, medicines, people
from aftercart.standards.fhir.elements import extras, own_row, source_of

READERS: Mapping[str, Callable[[Resource, Meanings], Iterator[Said]]] = {
    "Patient": people.patient,
    "Consent": people.consent,
    "ResearchSubject": people.research_subject,
    "ResearchStudy": people.research_study,
    "Condition": happenings.condition,
    "AdverseEvent": happenings.adverse_event,
    "Procedure": happenings.procedure,
    "Encounter": happenings.encounter,
    "Observation": findings.observation,
    "Medication": medicines.medication,
    "MedicationStatement": medicines.statement,
    "MedicationRequest": medicines.request,
    "MedicationAdministration": medicines.administration,
    "QuestionnaireResponse": answers.response,
    "Questionnaire": answers.questionnaire,
}
"""By type of resource, what reads it; any other type has no place in a study."""

TABLES = {"diagnoses": "subjects", "consents": "subjects", "arms": "subjects"}
"""Frames that hold columns of a table of the study."""


def rows_of(resource: Resource, meanings: Meanings = Meanings()) -> Iterator[Said]:  # noqa: B008 (frozen)
    """Every row that a resource gives, with what the study's own extensions say in place of the elements of R4."""
    kind = str(resource.get("resourceType"))
    table, row_id = own_row(resource)
    if table is None:
        yield from READERS[kind](resource, meanings)
        return
    exact = {} if kind == "QuestionnaireResponse" else extras(resource)
    source = source_of(resource)
    for frame, row in READERS[kind](resource, meanings):
        own = {"row_id": row.get("row_id") if frame == "assessments" else row_id, "source": source}
        yield frame, {**row, **own, **exact} if frame != "listed" else row


def key_of(resource: Resource, url: str | None) -> str | None:
    """How other resources of the source point at this one, where it has an id."""
    number = resource.get("id")
    if type(number) is str and number:
        return f"{resource.get('resourceType')}/{number}"
    return None if url is None or url.startswith("urn:") else fhir_address(url)


def fhir_address(url: str) -> str:
    """`Type/id` of a whole address."""
    return "/".join(url.rstrip("/").split("/")[-2:])


__all__ = ["READERS", "TABLES", "fhir", "key_of", "rows_of"]
