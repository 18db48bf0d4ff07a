"""Elements of FHIR R4 from the cells of a study: concepts, quantities, times, references, extensions."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote
from uuid import NAMESPACE_URL, uuid5

from aftercart.standards import fhir
from aftercart.standards.fhir import Resource, Row
from aftercart.standards.fhir.rows import rows_of
from aftercart.study import schema

Cells = Mapping[str, Any]
"""A row of a study table."""

TIME = re.compile(r"(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2})(:\d{2}(?:\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?")
WORD = re.compile(r"\S+( \S+)*")
"""What R4 admits as a code."""
NO_SPACE = re.compile(r"[^\s|]+")
LEADING = ("study_id", "subject_id", "row_id", "source", "source_ref")
"""Columns that are not compared: they stand in references, identifiers and `meta`."""
_READ = json.JSONDecoder(parse_float=str, parse_int=str)


@dataclass(frozen=True)
class Context:
    """What every resource of an export needs to know of the others."""

    study_id: str
    simulated: bool
    as_urn: bool
    """References as `urn:uuid:` (in a Bundle) or as `Type/id`."""
    suspects: Mapping[str, str] = field(default_factory=dict)
    """Row of an infusion or exposure to its type of resource."""
    visits: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """Subject and visit name to the row of the visit."""

    def id_of(self, *key: str) -> str:
        """The id of a resource: the same study and row give the same id."""
        return str(uuid5(NAMESPACE_URL, "\x1f".join((fhir.BASE, self.study_id, *key))))

    def reference(self, kind: str, *key: str) -> Resource:
        """A Reference to the resource of a row."""
        number = self.id_of(kind, *key)
        return {"reference": f"urn:uuid:{number}" if self.as_urn else f"{kind}/{number}"}

    def patient(self, row: Cells) -> Resource:
        """The Reference to the Patient of a row."""
        return self.reference("Patient", row["subject_id"])

    def encounter(self, row: Cells) -> Resource | None:
        """The visit of a row by its name, and by reference where the study has it."""
        if row["visit"] is None:
            return None
        visit = self.visits.get((row["subject_id"], row["visit"]))
        pointer = self.reference("Encounter", "visits", visit) if visit is not None else {}
        return {**pointer, "display": row["visit"]}


def put(**elements: Any) -> Resource:
    """An element of those parts that hold something; `class_` becomes `class`."""
    return {k.rstrip("_"): v for k, v in elements.items() if v not in (None, {}, [])}


def concept(text: str | None = None, *codings: Resource) -> Resource:
    """A CodeableConcept."""
    return put(coding=[c for c in codings if c], text=text)


def coding(system: str, code: str | None, display: str | None = None) -> Resource:
    """A Coding, or an empty one for what R4 does not admit as a code."""
    return put(system=system, code=code, display=display) if code and WORD.fullmatch(code) else {}


def listed_code(name: str, value: str | None) -> Resource:
    """The Coding of a study value by a declared list."""
    code = fhir.codes_of(name).get(value or "")
    return coding(fhir.list_system(name), code) if code else {}


def number(value: float | None) -> float | int | None:
    """A number as JSON writes it: whole ones without a point."""
    return int(value) if value is not None and value == int(value) and abs(value) < 1e15 else value


def quantity(value: float | None, unit: str | None, comparator: str | None = None) -> Resource:
    """A Quantity, with its UCUM code where the unit can be one."""
    code = unit if unit and NO_SPACE.fullmatch(unit) else None
    sign = comparator if comparator != "=" else None
    return put(value=number(value), comparator=sign, unit=unit, system=fhir.UCUM if code else None, code=code)


def time(text: str | None) -> str | None:
    """A date or time that R4 admits: a time without its zone is cut to the date, since a zone must not be invented."""
    found = TIME.fullmatch(text or "")
    if found is None:
        return text
    day, minute, second, zone = found.groups()
    if zone is None:
        return day
    zone = zone if zone == "Z" or ":" in zone else f"{zone[:3]}:{zone[3:]}"
    return f"{day}T{minute}{second or ':00'}{zone}"


def period(start: str | None, end: str | None) -> Resource:
    """A Period."""
    return put(start=time(start), end=time(end))


def extension(column: schema.Column, value: Any) -> Resource:
    """The extension that holds a column."""
    kind = {"int": "valueInteger", "float": "valueDecimal", "bool": "valueBoolean"}.get(column.type, "valueString")
    return {"url": fhir.extension(column.name), kind: number(value) if column.type == "float" else value}


def completed(
    resource: Resource, table: str, row: Cells, context: Context, columns: tuple[str, ...] | None = None
) -> Resource:
    """A resource with its identity, its labels, and an extension for every cell that its elements do not say.

    The resource is read as the importer reads it: what does not come back exactly gets an extension.
    """
    kind = resource["resourceType"]
    identifier = {"system": f"{fhir.ROW}{table}", "value": row["row_id"]}
    single = kind == "AdverseEvent"
    named = {
        "resourceType": kind,
        "id": context.id_of(kind, *((table, row["row_id"]) if kind != "Patient" else (row["subject_id"],))),
        **labels(row["source"], context),
        "identifier": identifier if single else [*resource.get("identifier", ()), identifier],
    }
    whole = {**named, **{k: v for k, v in resource.items() if k not in named}}
    more = missing(first_row(whole), table, row, columns)
    return {**whole, "extension": [*whole.get("extension", ()), *more]} if more else whole


def labels(source: str | None, context: Context) -> Resource:
    """`meta`: where the row came from, and that it is of no real patient."""
    marks = [fhir.TEST_DATA] if context.simulated else None
    return put(meta=put(source=fhir.SOURCE + quote(source, safe="") if source else None, security=marks))


def parsed(resource: Resource) -> Resource:
    """A resource as it comes back from its file."""
    read: Resource = _READ.decode(json.dumps(resource))
    return read


def first_row(resource: Resource) -> Row:
    """The first row that the importer reads from a resource."""
    return next(row for frame, row in rows_of(parsed(resource)) if frame != "listed")


def missing(read: Row, table: str, row: Cells, columns: tuple[str, ...] | None = None) -> list[Resource]:
    """Extensions for the cells in which a row differs from what is read of its resource."""
    found = []
    for column in schema.tables()[table].columns:
        if column.name in LEADING or (columns is not None and column.name not in columns):
            continue
        value = row[column.name]
        if (column.name, value) in USUAL:
            value = None
        cell = read.get(column.name)
        if value is None and cell is not None:
            found.append({"url": fhir.ABSENT, "valueString": column.name.replace("_", "-")})
        elif value is not None and not _same(column, cell, value):
            found.append(extension(column, value))
    return found


USUAL = (("status", "final"), ("comparator", "="))
"""What a study takes for granted where nothing is said."""


def _same(column: schema.Column, cell: str | None, value: Any) -> bool:
    if cell is None:
        return False
    if column.type == "bool":
        return cell == ("true" if value else "false")
    if column.type in ("int", "float"):
        try:
            return float(cell) == float(value)
        except ValueError:
            return False
    return cell == str(value)
