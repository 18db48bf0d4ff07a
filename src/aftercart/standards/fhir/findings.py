"""Observation: one result, or one for every component; what was not done says so and is never zero."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from aftercart.standards import fhir
from aftercart.standards.fhir import Meanings, Resource, Row, Said
from aftercart.standards.fhir.elements import (
    codings,
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
from aftercart.study import dictionary

LIMIT = re.compile(r"\s*([<>]=?)\s*([-+]?[0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?)\s*")
"""A result of which only a limit was reported, such as <0.5."""
NUMBER = re.compile(r"\s*[-+]?[0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?\s*")
SIGNS = (None, "<", "<=", ">", ">=")
TITRE = re.compile(r"\s*1\s*[:/]\s*([0-9]+)\s*")
TITRE_UNIT = "{titer}"
LEFT_OUT = "left out"
CODE = f"{fhir.CODE_SYSTEM}code"
"""System of the codes of the dictionary."""


def observation(resource: Resource, meanings: Meanings) -> Iterator[Said]:
    """Results of an Observation: its own, and one for each component. A panel without any result was not done."""
    kept = True
    for line in not_used("Observation", txt(resource.get("status"))):
        kept = False
        yield line
    if not kept:
        return
    about = _about(resource)
    if resource.get("status") == "cancelled" and not _has_result(resource):
        resource = {**resource, "dataAbsentReason": {"text": "cancelled"}}
    components = objs(resource.get("component"))
    has_result = _has_result(resource)
    if has_result or not (components or resource.get("hasMember")):
        yield from _one(resource, about, meanings)
    elif not components:
        yield from listed("panel", words(resource.get("code")), "a result of its own", "nothing to do.")
    for component in components:
        yield from _one(component, about, meanings)


def _about(resource: Resource) -> Row:
    start, _ = period(resource, "effective")
    sign = txt(obj(resource.get("specimen")).get("display"))
    encounter = obj(resource.get("encounter"))
    own, _ = own_row(resource)
    performers = [p for p in objs(resource.get("performer")) if own or _is_organization(p)]
    return {
        "subject_id": ref(resource.get("subject")),
        "status": status_of(resource),
        "datetime": start,
        "specimen": sign.upper() if sign and not own else sign,
        "method": words(resource.get("method")),
        "lab": next((d for p in performers if (d := txt(p.get("display")))), None),
        "derived": "true" if resource.get("derivedFrom") else None,
        "visit": txt(encounter.get("display")) if own else None,
        "_encounter": ref(encounter),
    }


def _is_organization(performer: Resource) -> bool:
    """Whether a performer is a laboratory: the name of a person is not read."""
    return performer.get("type") == "Organization" or (ref(performer) or "").startswith("Organization/")


def _has_result(element: Resource) -> bool:
    return "dataAbsentReason" in element or any(k.startswith("value") for k in element)


def _one(element: Resource, about: Row, meanings: Meanings) -> Iterator[Said]:
    """The result that an Observation, or a component, states."""
    found = _code(element.get("code"), meanings)
    code = found["code"]
    if code is LEFT_OUT:
        yield from listed(
            "left_out", words(element.get("code")), "a code that the mapping does not leave out", "nothing to do."
        )
        return
    absent = element.get("dataAbsentReason")
    members = fhir.declared()["panels"].get(found["code_original"] or "")
    if members and absent is not None:
        for member in members:
            yield "observations", {**about, **found, "code": member, "_foreign": None, **_not_done(absent)}
        return
    result = _result(element, code or "", meanings, found["_unit"])
    if absent is not None and result.get("value") is None and result.get("value_text") is None:
        result = _not_done(absent)
    yield "observations", {**about, **found, **result, **_range(element)}


def _not_done(reason: Any) -> Row:
    return {"not_done": "true", "reason": words(reason)}


def _code(concept: Any, meanings: Meanings) -> Row:
    """Code of the dictionary: by the mapping, the study's own code, else LOINC; else the source's, shown as foreign."""
    found = codings(concept)
    name = words(concept)
    out: Row = {
        "code": None,
        "code_system": None,
        "code_original": None,
        "_unit": None,
        "_name": name,
        "_foreign": None,
    }
    for system, code, _ in found:
        for key in (f"{system}|{code}", code):
            if key in meanings.left_out:
                return {**out, "code": LEFT_OUT}
            if key in meanings.codes:
                target, unit = meanings.codes[key]
                return {**out, "code": target, "_unit": unit, **_original(system, code)}
    if name is not None and name in meanings.left_out:
        return {**out, "code": LEFT_OUT}
    if name is not None and name in meanings.codes:
        target, unit = meanings.codes[name]
        return {**out, "code": target, "_unit": unit, "code_original": name}
    loinc = next((c for s, c, _ in found if s == fhir.LOINC and c in fhir.loinc_codes()), None)
    ours = next((c for s, c, _ in found if s == CODE), None)
    if ours is not None:
        chosen = next((c for c in objs(obj(concept).get("coding")) if c.get("userSelected") is True), None)
        given = _original(txt(chosen.get("system")) or "", txt(chosen.get("code"))) if chosen else {}
        return {**out, "code": ours, **given}
    if loinc is not None:
        return {**out, "code": fhir.loinc_codes()[loinc], **_original(fhir.LOINC, loinc)}
    system, code = next(((s, c) for s, c, _ in found if c), ("", name or ""))
    if not code:
        return out
    # In brackets, so that a code of a hospital that is spelt as one of the dictionary is not taken for it.
    shown = f"{code} ({name if name and name != code else 'no text'})"
    return {**out, "code": shown, "_foreign": f"{system}|{code}", **_original(system, code)}


def _original(system: str, code: str | None) -> Row:
    return {"code_system": fhir.systems().get(system, system) or None, "code_original": code}


def _result(element: Resource, code: str, meanings: Meanings, unit_stated: str | None) -> Row:
    known = dictionary.codes().get(code)
    if known is not None and known.text:
        return {"value_text": _text_result(element, known.allowed)}
    quantity = obj(element.get("valueQuantity"))
    if quantity:
        sign = txt(quantity.get("comparator"))
        if sign not in SIGNS:
            # A number under a sign that is not understood is no number.
            return {}
        unit = _unit(quantity, code, meanings) or unit_stated
        return {"value": txt(quantity.get("value")), "comparator": sign, "unit": unit}
    unit = unit_stated
    number = txt(element.get("valueInteger"))
    if number is not None:
        return {"value": number, "unit": unit}
    ratio = obj(element.get("valueRatio"))
    if ratio:
        return {"value": _titre(ratio), "unit": unit or TITRE_UNIT}
    text = txt(element.get("valueString")) or words(element.get("valueCodeableConcept"))
    if text is None:
        return {}
    titre = TITRE.fullmatch(text)
    if titre:
        return {"value": titre[1], "unit": unit or TITRE_UNIT}
    limit = LIMIT.fullmatch(text)
    if limit:
        return {"value": limit[2], "comparator": limit[1], "unit": unit}
    if NUMBER.fullmatch(text):
        return {"value": text.strip(), "unit": unit}
    return {"value_text": text}


def _titre(ratio: Resource) -> str | None:
    """1:160 is a titre of 160; any other ratio is no number."""
    numerator = txt(obj(ratio.get("numerator")).get("value"))
    return txt(obj(ratio.get("denominator")).get("value")) if numerator in ("1", "1.0") else None


def _text_result(element: Resource, allowed: tuple[str, ...]) -> str | None:
    """One of the admissible texts where code, display or text is one, whatever its case; else the text as it is."""
    concept = element.get("valueCodeableConcept")
    flag = element.get("valueBoolean")
    said = [txt(element.get("valueString")), words(concept)]
    said += [x for _, c, d in codings(concept) for x in (c, d)]
    if type(flag) is bool:
        said.append("positive" if flag else "negative")
    plain = {a.lower(): a for a in allowed}
    matched = next((plain[s.strip().lower()] for s in said if s and s.strip().lower() in plain), None)
    return matched or next((s for s in said if s), None)


def _unit(quantity: Resource, code: str, meanings: Meanings) -> str | None:
    """The unit that the dictionary knows for the code, of the coded and the written one; else the coded one."""
    coded, written = txt(quantity.get("code")), txt(quantity.get("unit"))
    given = [meanings.units.get(u, u) for u in (coded, written) if u is not None]
    return next((u for u in given if dictionary.to_standard(code, u) is not None), given[0] if given else None)


def _range(element: Resource) -> Row:
    """The laboratory's limits, where there is one normal range and it is in the unit of the result."""
    if "referenceRange" not in element:
        return {}
    quantity = obj(element.get("valueQuantity"))
    own = {txt(quantity.get("code")), txt(quantity.get("unit"))}
    ranges = [r for r in objs(element.get("referenceRange")) if _is_normal(r)]
    if len(ranges) != 1:
        return {}
    out: Row = {}
    for column, side in (("ref_low", "low"), ("ref_high", "high")):
        limit = obj(ranges[0].get(side))
        units = {txt(limit.get("code")), txt(limit.get("unit"))} - {None}
        if not units or units & own:
            out[column] = txt(limit.get("value"))
    return out


def _is_normal(found: Resource) -> bool:
    codes = [c for _, c, _ in codings(found.get("type"))]
    return not codes or "normal" in codes
