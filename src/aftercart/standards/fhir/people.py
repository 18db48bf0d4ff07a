"""Patient, Consent and ResearchSubject: who is in a study, since when, and how far."""

from __future__ import annotations

from collections.abc import Iterator

from aftercart.standards import fhir
from aftercart.standards.fhir import Meanings, Resource, Said
from aftercart.standards.fhir.elements import (
    codings,
    day,
    extension_of,
    first,
    obj,
    objs,
    own_row,
    ref,
    txt,
    words,
)

REFUSED = ("name", "telecom", "photo", "contact")
"""Elements of a Patient that name a person: never read."""
SCOPES = "consent-scope"
SEPARATOR = "\x1f"
"""Between the identifiers of one patient, which serve references and are dropped."""


def patient(resource: Resource, meanings: Meanings, subject_system: str | None = None) -> Iterator[Said]:
    """The subject of a Patient. Only the year of birth is kept; `_birth` serves the age and is dropped.

    `_refused` names what was there of direct identifiers and was not read.
    """
    del meanings
    own, _ = own_row(resource)
    systems = (fhir.SUBJECT, subject_system)
    identifiers = objs(resource.get("identifier"))
    subject = next((txt(i.get("value")) for i in identifiers if i.get("system") in systems), None)
    others = [
        i for i in identifiers if i.get("system") not in systems and not str(i.get("system")).startswith(fhir.ROW)
    ]
    birth = txt(resource.get("birthDate"))
    place = first(resource.get("address"))
    country = txt(place.get("country"))
    died = txt(resource.get("deceasedDateTime"))
    refused = [n for n in REFUSED if resource.get(n)]
    refused += ["address"] if any(set(a) - {"country"} for a in objs(resource.get("address"))) else []
    refused += ["identifier"] if others else []
    refused += ["birthDate"] if birth and len(birth) > 4 else []
    gender = txt(resource.get("gender"))
    site = obj(resource.get("managingOrganization"))
    yield (
        "subjects",
        {
            "subject_id": subject or txt(resource.get("id")),
            "birth_year": birth[:4] if birth else None,
            "sex": fhir.values_of("sex").get(gender or "unknown", "U"),
            "race": _us_core(resource, "race"),
            "ethnicity": _us_core(resource, "ethnicity"),
            "country": fhir.countries().get(country, country) if country else None,
            "site_id": txt(obj(site.get("identifier")).get("value")) if own else txt(site.get("display")) or ref(site),
            "death_date": day(died),
            "_birth": birth,
            "_gender": gender,
            "_dead": "true" if resource.get("deceasedBoolean") is True else None,
            "_refused": ";".join(refused) or None,
            "_numbers": SEPARATOR.join(f"{txt(i.get('system')) or ''}|{txt(i.get('value'))}" for i in identifiers)
            or None,
        },
    )


def _us_core(resource: Resource, what: str) -> str | None:
    whole = extension_of(resource, fhir.declared()["us_core"][what])
    text = txt(extension_of(whole, "text").get("valueString"))
    if text is not None:
        return text
    return txt(obj(extension_of(whole, "ombCategory").get("valueCoding")).get("display"))


def consent(resource: Resource, meanings: Meanings) -> Iterator[Said]:
    """Date and scope of a consent, for the subject."""
    del meanings
    purposes = objs(obj(resource.get("provision")).get("purpose"))
    scopes = [txt(p.get("code")) for p in purposes if p.get("system") == f"{fhir.CODE_SYSTEM}{SCOPES}"]
    yield (
        "consents",
        {
            "subject_id": ref(resource.get("patient")),
            "consent_date": day(txt(resource.get("dateTime"))),
            "consent_scope": ";".join(s for s in scopes if s) or None,
            "_status": txt(resource.get("status")),
        },
    )


STATES = {"screening": "screened", "withdrawn": "discontinued"}
"""States of a ResearchSubject that are a milestone whoever writes them."""


def research_subject(resource: Resource, meanings: Meanings) -> Iterator[Said]:
    """A milestone, or the arm of the subject."""
    del meanings
    own, _ = own_row(resource)
    span = obj(resource.get("period"))
    start, end = txt(span.get("start")), txt(span.get("end"))
    subject, state = ref(resource.get("individual")), txt(resource.get("status")) or ""
    if own == "disposition":
        milestone = fhir.values_of("milestone").get(state)
        yield "disposition", {"subject_id": subject, "milestone": milestone, "date": day(start)}
        return
    yield "arms", {"subject_id": subject, "cohort": txt(resource.get("assignedArm")), "_state": state}
    if own is None and state in STATES and (start or end):
        when = (end or start) if state == "withdrawn" else start
        yield "disposition", {"subject_id": subject, "milestone": STATES[state], "date": day(when)}


def research_study(resource: Resource, meanings: Meanings) -> Iterator[Said]:
    """What a ResearchStudy says of the whole study."""
    del meanings
    number = txt(first(resource.get("identifier")).get("value"))
    yield "studies", {"_study": number or txt(resource.get("id")), "_title": txt(resource.get("title"))}


def concept_text(concept: object) -> tuple[tuple[tuple[str, str], ...], str]:
    """System names and codes of a concept, and everything it is called, for looking up a diagnosis."""
    found = codings(concept)
    names = tuple((fhir.systems().get(s, s), c) for s, c, _ in found)
    return names, " ".join(filter(None, [words(concept), *(d for _, _, d in found)]))
