"""QuestionnaireResponse and Questionnaire: answered items of an instrument."""

from __future__ import annotations

from collections.abc import Iterator

from aftercart.standards import fhir
from aftercart.standards.fhir import Meanings, Resource, Row, Said
from aftercart.standards.fhir.elements import (
    extension_of,
    extras,
    listed,
    not_used,
    obj,
    objs,
    own_row,
    ref,
    status_of,
    txt,
    words,
)
from aftercart.study import instruments

ORDINAL = "http://hl7.org/fhir/StructureDefinition/ordinalValue"


def response(resource: Resource, meanings: Meanings) -> Iterator[Said]:
    """A row for every answered item, and for every one that says it was not answered."""
    kept = True
    for line in not_used("QuestionnaireResponse", txt(resource.get("status"))):
        kept = False
        yield line
    if not kept:
        return
    own, _ = own_row(resource)
    canonical = txt(resource.get("questionnaire")) or ""
    url, _, version = canonical.partition("|")
    author = obj(resource.get("author")) or obj(resource.get("source"))
    kind = txt(author.get("type")) or (ref(author) or "").split("/")[0]
    encounter = obj(resource.get("encounter"))
    identifier = obj(resource.get("identifier"))
    about: Row = {
        "subject_id": ref(resource.get("subject")),
        "status": status_of(resource),
        "instrument": instrument(url, meanings),
        "instrument_version": version or None,
        "administration_id": txt(identifier.get("value")) if own else txt(resource.get("id")),
        "datetime": txt(resource.get("authored")),
        "rater": fhir.values_of("rater").get(kind),
        "visit": txt(encounter.get("display")) if own else None,
        "_encounter": ref(encounter),
        "_questionnaire": url or None,
    }
    if own:
        about |= extras(resource)
    answered = False
    for item in _items(resource):
        row = _answer(item, about, meanings, own is not None)
        if row is not None:
            answered = True
            yield "assessments", row
    if not answered:
        yield from listed("no_answers", canonical, "answered items", "nothing to do.")


def _items(resource: Resource) -> Iterator[Resource]:
    """Every item, also those inside groups and answers."""
    waiting = objs(resource.get("item"))[::-1]
    while waiting:
        item = waiting.pop()
        yield item
        inner = objs(item.get("item")) + [x for a in objs(item.get("answer")) for x in objs(a.get("item"))]
        waiting += inner[::-1]


def _answer(item: Resource, about: Row, meanings: Meanings, written_by_us: bool) -> Row | None:
    given = objs(item.get("answer"))
    absent = obj(extension_of(item, fhir.DATA_ABSENT))
    if not given and not absent and not written_by_us:
        return None
    link = txt(item.get("linkId")) or ""
    name = about["instrument"] or ""
    key = meanings.items.get(f"{name}.{link}") or meanings.items.get(link) or link
    row: Row = {**about, "item": key, **(_value(given[0], name, key) if given else {})}
    if absent and not given:
        row |= {"not_done": "true", "reason": txt(absent.get("valueString")) or txt(absent.get("valueCode"))}
    return {**row, "_several": str(len(given)) if len(given) > 1 else None, **(extras(item) if written_by_us else {})}


def _value(answer: Resource, name: str, item: str) -> Row:
    coding = obj(answer.get("valueCoding"))
    truth = answer.get("valueBoolean")
    known = instruments.instruments().get(name)
    entry = known.items.get(item) if known else None
    if (name, item) in fhir.textual_items() and entry is not None:
        said = [txt(answer.get("valueString")), txt(coding.get("code")), txt(coding.get("display"))]
        plain = {a.lower(): a for a in entry.allowed}
        matched = next((plain[s.strip().lower()] for s in said if s and s.strip().lower() in plain), None)
        return {"value_text": matched or next((s for s in said if s), None)}
    if type(truth) is bool:
        return {"value": "1" if truth else "0"}
    number = txt(answer.get("valueDecimal")) or txt(answer.get("valueInteger"))
    number = number or txt(obj(answer.get("valueQuantity")).get("value"))
    number = number or txt(extension_of(coding, ORDINAL).get("valueDecimal"))
    if number is not None:
        return {"value": number}
    text = txt(answer.get("valueString")) or txt(coding.get("code")) or txt(coding.get("display"))
    return (
        {"value": text} if text and text.strip().lstrip("-").replace(".", "", 1).isdecimal() else {"value_text": text}
    )


def instrument(url: str, meanings: Meanings) -> str | None:
    """The instrument of a questionnaire's address: by the mapping, else where it ends in the name of one."""
    if url in meanings.instruments:
        return meanings.instruments[url]
    last = url.rstrip("/").rsplit("/", 1)[-1]
    return last if last in instruments.instruments() else None


def questionnaire(resource: Resource, meanings: Meanings) -> Iterator[Said]:
    """The instrument that a Questionnaire defines: by its address, name or title."""
    url = txt(resource.get("url")) or (f"Questionnaire/{txt(resource.get('id'))}" if resource.get("id") else "")
    names = {n.lower(): n for n in instruments.instruments()}
    said = [txt(resource.get("name")), txt(resource.get("title")), words(next(iter(objs(resource.get("code"))), {}))]
    found = instrument(url, meanings) or next((names[s.lower()] for s in said if s and s.lower() in names), None)
    yield "questionnaires", {"_questionnaire": url or None, "_instrument": found}
