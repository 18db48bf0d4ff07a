"""Condition, AdverseEvent, Procedure and Encounter: events and visits."""

from __future__ import annotations

from collections.abc import Iterator

from aftercart.standards import fhir
from aftercart.standards.fhir import Meanings, Resource, Row, Said
from aftercart.standards.fhir.elements import (
    codings,
    day,
    first,
    listed,
    not_used,
    obj,
    objs,
    own_row,
    period,
    ref,
    status_of,
    txt,
    words,
)
from aftercart.standards.fhir.people import concept_text

CATEGORY = f"{fhir.CODE_SYSTEM}event-category"
AESI = f"{fhir.CODE_SYSTEM}aesi"
INDICATION = f"{fhir.CODE_SYSTEM}indication"
GOES_ON = ("active", "recurrence", "relapse")
ENDED = ("inactive", "remission", "resolved")
UNSURE = ("unconfirmed", "provisional", "differential", "refuted")
STAYS = ("IMP", "ACUTE", "NONAC")
HAPPENED = ("arrived", "triaged", "in-progress", "onleave", "finished")


def _category(resource: Resource, usual: str) -> Row:
    """Category and special interest of an event, where the study's own codes say them."""
    concepts = resource.get("category")
    found = [c for x in ([concepts] if type(concepts) is dict else objs(concepts)) for c in codings(x)]
    category = next((c for s, c, _ in found if s == CATEGORY and c), usual)
    return {"category": category, "aesi": next((c for s, c, _ in found if s == AESI and c), None)}


def _term(concept: object) -> Row:
    """Event as written, and the coded term with its system and version."""
    coding = first(obj(concept).get("coding"))
    system, display = txt(coding.get("system")), txt(coding.get("display"))
    term = display or txt(coding.get("code"))
    name = fhir.systems().get(system, system) if system else None
    return {
        "term_text": txt(obj(concept).get("text")) or (None if term else words(concept)),
        "term": term,
        "term_system": name,
        "term_version": txt(coding.get("version")),
    }


def condition(resource: Resource, meanings: Meanings) -> Iterator[Said]:
    """A condition of the history, or the disease treated; one that is not confirmed is listed."""
    del meanings
    verified = next((c for _, c, _ in codings(resource.get("verificationStatus"))), None)
    if verified in UNSURE:
        yield from listed(
            "status", f"{words(resource.get('code'))}: {verified}", "a confirmed condition", "nothing to do."
        )
        return
    clinical = next((c for _, c, _ in codings(resource.get("clinicalStatus"))), None)
    start, end = period(resource, "onset")
    over, _ = period(resource, "abatement")
    subject = ref(resource.get("subject"))
    own, _ = own_row(resource)
    found, text = concept_text(resource.get("code"))
    if own == "subjects":
        chosen = next((c for s, c, _ in codings(resource.get("code")) if s == INDICATION), None)
        yield "diagnoses", {"subject_id": subject, "indication": chosen, "diagnosis_date": day(start), "_first": "0"}
        return
    row: Row = {
        "subject_id": subject,
        "status": "entered_in_error" if verified == "entered-in-error" else None,
        **_category(resource, "medical_history"),
        **_term(resource.get("code")),
        "start": start,
        "end": over or (end if clinical in ENDED else None),
        "ongoing": "true" if clinical in GOES_ON else "false" if clinical in ENDED else None,
        "site": words(first(resource.get("bodySite"))),
    }
    named = fhir.disease(found, text) if own is None and row["status"] is None else None
    if named is not None:
        rank = str(1 + [d["name"] for d in fhir.declared()["diseases"]].index(named))
        yield "diagnoses", {**row, "indication": named, "diagnosis_date": day(start), "_first": rank}
        return
    yield "events", row


def adverse_event(resource: Resource, meanings: Meanings) -> Iterator[Said]:
    """An adverse event that took place; FHIR's severity is no grade and is not read."""
    del meanings
    actuality = txt(resource.get("actuality"))
    if actuality not in ("actual", None):
        yield from listed("status", f"actuality {actuality}", "an event that took place", "nothing to do.")
        return
    serious = [c for _, c, _ in codings(resource.get("seriousness"))]
    said = fhir.values_of("seriousness")
    suspect = first(resource.get("suspectEntity"))
    causes = fhir.values_of("related")
    cause = first(suspect.get("causality")).get("assessment")
    outcomes = fhir.values_of("outcome")
    row: Row = {
        "subject_id": ref(resource.get("subject")),
        **_category(resource, "ae"),
        **_term(resource.get("event")),
        "start": txt(resource.get("date")) or txt(resource.get("detected")),
        "suspect_row": ref(suspect.get("instance")),
        "related": next((causes[c] for _, c, _ in codings(cause) if c in causes), None),
        "outcome": next((outcomes[c] for _, c, _ in codings(resource.get("outcome")) if c in outcomes), None),
        "_results": ref(first(resource.get("resultingCondition"))),
    }
    for code in serious:
        if code in said:
            row[said[code]] = "true"
    if any(c in said for c in serious):
        row["serious"] = "true"
    elif "Non-serious" in serious:
        row["serious"] = "false"
    yield "events", row


def procedure(resource: Resource, meanings: Meanings) -> Iterator[Said]:
    """A procedure, or an infusion of cells."""
    kept = True
    for line in not_used("Procedure", txt(resource.get("status"))):
        kept = False
        yield line
    if not kept:
        return
    start, end = period(resource, "performed")
    code = resource.get("code")
    names = [x for x in (words(code), *(n for _, c, d in codings(code) for n in (c, d))) if x]
    about: Row = {"subject_id": ref(resource.get("subject")), "status": status_of(resource), "start": start, "end": end}
    is_cells = any(n in meanings.infusions or fhir.cell_words().search(n) for n in names)
    if is_cells and own_row(resource)[0] is None:
        used = words(first(resource.get("usedCode"))) or txt(first(resource.get("usedReference")).get("display"))
        yield "infusions", {**about, "product": used, "product_class": "CAR_T", "_procedure": words(code)}
        return
    site = words(first(resource.get("bodySite")))
    yield "events", {**about, **_category(resource, "procedure"), **_term(code), "site": site}


def encounter(resource: Resource, meanings: Meanings) -> Iterator[Said]:
    """A visit; a stay in hospital is an event too."""
    del meanings
    status = txt(resource.get("status")) or ""
    kind = txt(obj(resource.get("class")).get("code")) or ""
    span = obj(resource.get("period"))
    start, end = txt(span.get("start")), txt(span.get("end"))
    own, _ = own_row(resource)
    name = words(first(resource.get("type")))
    reason = words(first(resource.get("reasonCode")))
    about: Row = {"subject_id": ref(resource.get("subject")), "status": status_of(resource)}
    took_place = "true" if status in HAPPENED else "false" if status == "cancelled" else None
    if own == "events" or (own is None and kind in STAYS and took_place == "true"):
        yield (
            "events",
            {
                **about,
                **({} if own else {"_part": "stay"}),
                "category": "hospitalisation",
                "term_text": name if own else reason or name,
                "start": start,
                "end": end,
                "ongoing": "true" if status == "in-progress" and end is None else "false" if end else None,
            },
        )
    if own != "events":
        yield (
            "visits",
            {
                **about,
                "visit": name or kind or None,
                "start": day(start),
                "end": day(end),
                "mode": "onsite" if not own and kind in ("EMER", *STAYS) else fhir.values_of("mode").get(kind),
                "occurred": took_place,
                "reason_missed": reason if took_place == "false" or own else None,
            },
        )
