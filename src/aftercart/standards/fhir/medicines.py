"""Medication, MedicationStatement, MedicationRequest and MedicationAdministration: medicines and infusions of cells."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from aftercart.standards import fhir
from aftercart.standards.fhir import Meanings, Resource, Row, Said
from aftercart.standards.fhir.elements import (
    code_in,
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
from aftercart.study import drugs

DRUG = f"{fhir.CODE_SYSTEM}drug"
PURPOSE = f"{fhir.CODE_SYSTEM}purpose"
PRODUCT_CLASS = f"{fhir.CODE_SYSTEM}product-class"
OVER = ("completed", "stopped", "not-taken")


def medication(resource: Resource, meanings: Meanings) -> Iterator[Said]:
    """A Medication that others point at."""
    yield "medications", _product(resource, meanings)


def statement(resource: Resource, meanings: Meanings) -> Iterator[Said]:
    """A medicine as a MedicationStatement says it."""
    yield from _medicine(resource, meanings, "MedicationStatement", "dosage")


def request(resource: Resource, meanings: Meanings) -> Iterator[Said]:
    """A medicine as it was ordered; a proposal or plan is none."""
    if resource.get("intent") in ("proposal", "plan", "option"):
        yield from listed("status", f"intent {resource['intent']}", "a medicine that was ordered", "nothing to do.")
        return
    yield from _medicine(resource, meanings, "MedicationRequest", "dosageInstruction")


def administration(resource: Resource, meanings: Meanings) -> Iterator[Said]:
    """A medicine or cells as they were given."""
    kept = True
    for line in not_used("MedicationAdministration", txt(resource.get("status"))):
        kept = False
        yield line
    if not kept:
        return
    start, end = period(resource, "effective")
    product = _named(resource, meanings)
    dosage = obj(resource.get("dosage"))
    own, _ = own_row(resource)
    about = {
        **product,
        "subject_id": ref(resource.get("subject")),
        "status": status_of(resource),
        "route": words(dosage.get("route")),
        "_start": start,
        "_end": end,
    }
    quantity = obj(dosage.get("dose"))
    if own == "infusions":
        classes = code_in(resource.get("category"), PRODUCT_CLASS)
        given: Row = {**_cells(quantity), "product": product["drug_text"], "product_class": classes}
        yield "infusions", {**about, **given, "start": start, "end": end}
        return
    dose = _dose(quantity, meanings)
    cells = {f"_{k}": v for k, v in _cells(quantity).items()}
    yield (
        "administrations",
        {**about, **dose, **cells, "start": day(start), "end": day(end or start), "frequency": "ONCE"},
    )


def _medicine(resource: Resource, meanings: Meanings, kind: str, dosages: str) -> Iterator[Said]:
    """A row for each interval of dosing that has dates of its own, else one."""
    status = txt(resource.get("status"))
    kept = True
    for line in not_used(kind, status):
        kept = False
        yield line
    if not kept:
        return
    product = _named(resource, meanings)
    if product["_is_cells"] and own_row(resource)[0] is None:
        name = f"{kind} of {product['drug_text']}"
        yield from listed(
            "cells_not_given", name, "MedicationAdministration or Procedure of an infusion", "nothing to do."
        )
        return
    start, end = period(resource, "effective")
    start = start or txt(resource.get("authoredOn"))
    found = objs(resource.get(dosages))
    about: Row = {
        **product,
        "subject_id": ref(resource.get("subject")),
        "status": status_of(resource),
        "purpose": code_in(resource.get("category"), PURPOSE),
        "start": day(start),
        "end": day(end),
    }
    dated = [d for d in found if obj(obj(obj(d.get("timing")).get("repeat")).get("boundsPeriod")).get("start")]
    if found and len(dated) == len(found):
        for dosage in dated:
            bounds = obj(obj(obj(dosage.get("timing")).get("repeat")).get("boundsPeriod"))
            until = txt(bounds.get("end"))
            span: Row = {"start": day(txt(bounds.get("start"))), "end": day(until or end)}
            yield "exposures", _going_on({**about, **_dosing(dosage, meanings), **span}, status)
        return
    if len(found) > 1:
        # Morning and evening, or a taper without dates: which dose counts cannot be told.
        yield "exposures", _going_on({**about, "_several": str(len(found))}, status)
        return
    row = {**about, **(_dosing(found[0], meanings) if found else {})}
    yield "exposures", _going_on({**row, "dose": "0"} if status == "not-taken" else row, status)


def _going_on(row: Row, status: str | None) -> Row:
    ongoing = {"active": "true"} | dict.fromkeys(OVER, "false")
    said = ongoing.get(status or "") if not (status == "active" and row["end"]) else None
    return {**row, "ongoing": said}


def _named(resource: Resource, meanings: Meanings) -> Row:
    """The product: stated, contained, or elsewhere (`_medication` then points at it)."""
    concept = resource.get("medicationCodeableConcept")
    if type(concept) is dict:
        return _product({"code": concept}, meanings)
    pointer = obj(resource.get("medicationReference"))
    target = ref(pointer)
    if target is not None and target.startswith("#"):
        inside = next((c for c in objs(resource.get("contained")) if c.get("id") == target[1:]), {})
        return _product(inside, meanings)
    return {**_product({"code": {"text": pointer.get("display")}}, meanings), "_medication": target}


def _product(resource: Resource, meanings: Meanings) -> Row:
    concept = resource.get("code")
    found = codings(concept)
    text = words(concept)
    names = [c for _, c, _ in found] + [d for _, _, d in found if d] + ([text] if text else [])
    coded = {fhir.systems().get(s, s): c for s, c, _ in reversed(found) if c}
    atc, rxnorm = coded.get("ATC"), coded.get("RxNorm")
    is_cells = any(n in meanings.infusions or fhir.cell_words().search(n) for n in names)
    is_cells = is_cells or any((atc or "").startswith(a) for a in fhir.declared()["cells"]["atc"])
    drug = next((meanings.drugs[n.strip().lower()] for n in names if n.strip().lower() in meanings.drugs), None)
    ours = next((c for s, c, _ in found if s == DRUG), None)
    drug = drug or ours or _ingredient(atc, rxnorm, tuple(names))
    return {
        "drug": drug or (text.strip().lower() if text else None),
        "drug_text": text if text != ours else None,
        "atc": atc,
        "rxnorm": rxnorm,
        "lot": txt(obj(resource.get("batch")).get("lotNumber")),
        "_is_cells": "true" if is_cells else None,
        "_known": "true" if drug else None,
    }


@cache
def _by_code() -> dict[tuple[str, str], str]:
    known = drugs.drugs().values()
    atc = [d.atc for d in known if d.atc]
    by_atc = {("ATC", d.atc): d.name for d in known if d.atc and atc.count(d.atc) == 1}
    return by_atc | {("RxNorm", d.rxnorm): d.name for d in known if d.rxnorm}


@cache
def _names() -> re.Pattern[str]:
    """Every name of the dictionary as a word of a longer text, the longest first."""
    names = {n.replace("_", " ") for d in drugs.drugs().values() for n in (d.name, *d.aliases)}
    return re.compile(rf"(?<![\w-])({'|'.join(map(re.escape, sorted(names, key=len, reverse=True)))})(?![\w-])")


@cache
def _ingredient(atc: str | None, rxnorm: str | None, names: tuple[str, ...]) -> str | None:
    """The ingredient: by code, by a whole name, or by the only ingredient that a product's name holds."""
    coded = _by_code().get(("RxNorm", rxnorm or "")) or _by_code().get(("ATC", atc or ""))
    if coded is not None:
        return coded
    whole = next((found for n in names if (found := drugs.ingredient(n))), None)
    if whole is not None:
        return whole
    for name in names:
        held = {drugs.ingredient(n) or drugs.ingredient(n.replace(" ", "_")) for n in _names().findall(name.lower())}
        # "/" joins the parts of a fixed combination, of which only some may be known.
        if len(held) == 1 and " / " not in name and " and " not in name.lower():
            return held.pop()
    return None


def _dosing(dosage: Resource, meanings: Meanings) -> Row:
    quantity = obj(first(dosage.get("doseAndRate")).get("doseQuantity"))
    timing = obj(dosage.get("timing"))
    out: Row = {**_dose(quantity, meanings), "route": words(dosage.get("route"))}
    often = fhir.values_of("frequency")
    coded = next((often[c] for _, c, _ in codings(timing.get("code")) if c in often), None)
    repeat = obj(timing.get("repeat"))
    per_day = _per_day(repeat)
    regular = {1.0: "QD", 2.0: "BID", 3.0: "TID", 4.0: "QID", 0.5: "QOD", round(1 / 7, 6): "QW"}
    needed = dosage.get("asNeededBoolean") is True or "asNeededCodeableConcept" in dosage
    if needed:
        out["frequency"] = "PRN"
    elif coded is not None:
        out["frequency"] = coded
    elif per_day is not None:
        out["frequency"] = regular.get(round(per_day, 6), "OTHER")
        amount = _number(out["dose"])
        if out["frequency"] == "OTHER" and amount is not None and out["dose_unit"] == "mg":
            out["daily_dose_mg"] = f"{amount * per_day:.12g}"
    elif txt(repeat.get("count")) == "1":
        out["frequency"] = "ONCE"
    return out


def _dose(quantity: Resource, meanings: Meanings) -> Row:
    unit = txt(quantity.get("code")) or txt(quantity.get("unit"))
    return {"dose": txt(quantity.get("value")), "dose_unit": meanings.units.get(unit, unit) if unit else None}


def _per_day(repeat: Resource) -> float | None:
    """Doses a day of a regular timing; None where it is a range or not stated."""
    times, length = _number(repeat.get("frequency")) or 1.0, _number(repeat.get("period"))
    days = {"h": 1 / 24, "d": 1.0, "wk": 7.0}.get(txt(repeat.get("periodUnit")) or "")
    if not length or days is None or "frequencyMax" in repeat or "periodMax" in repeat:
        return None
    return times / (length * days)


def _number(value: Any) -> float | None:
    try:
        number = float(value) if type(value) is str else None
    except ValueError:
        return None
    return number if number is not None and 0 < number < 1e15 else None


def _cells(quantity: Resource) -> Row:
    """A dose of cells, absolute or in millions per kilogram."""
    value = _number(quantity.get("value"))
    units = [txt(quantity.get("code")), txt(quantity.get("unit"))]
    absolute, per_kg = fhir.declared()["cells"]["units"], fhir.declared()["cells"]["per_kg"]
    for column, factors in (("dose_cells", absolute), ("dose_per_kg", per_kg)):
        for unit in units:
            if value is not None and unit in factors:
                return {column: f"{value * factors[unit]:.12g}"}
    return {}
