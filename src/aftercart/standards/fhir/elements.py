"""Small readers of elements that never fail: what is not there, or is of another kind, is None or empty."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

from aftercart.standards import fhir
from aftercart.standards.fhir import Resource, Row, Said

_NOTHING: Resource = {}


def obj(value: Any) -> Resource:
    """The value if it is an object, else an empty one."""
    return value if type(value) is dict else _NOTHING


def objs(value: Any) -> list[Resource]:
    """The objects of a list."""
    return [x for x in value if type(x) is dict] if type(value) is list else []


def first(value: Any) -> Resource:
    """The first object of a list, or an empty one."""
    return next((x for x in value if type(x) is dict), _NOTHING) if type(value) is list else _NOTHING


def txt(value: Any) -> str | None:
    """A text (or a number, which is one here) that says something."""
    return value if type(value) is str and value else None


def codings(concept: Any) -> list[tuple[str, str, str | None]]:
    """System, code and display of the codings of a CodeableConcept."""
    return [
        (txt(c.get("system")) or "", txt(c.get("code")) or "", txt(c.get("display")))
        for c in objs(obj(concept).get("coding"))
    ]


def words(concept: Any) -> str | None:
    """What a concept is called: its text, else the first display, else the first code."""
    concept = obj(concept)
    text = txt(concept.get("text"))
    if text is not None:
        return text
    found = codings(concept)
    return next((d for _, _, d in found if d), None) or next((c for _, c, _ in found if c), None)


def code_in(concept: Any, system: str) -> str | None:
    """The code of a concept in one system."""
    return next((c for s, c, _ in codings(concept) if s == system and c), None)


def address(text: str | None) -> str | None:
    """A reference in one form: `Type/id` without server and version, or `urn:uuid:...` as it is."""
    if not text or text.startswith(("urn:", "#")):
        return text or None
    parts = text.split("/_history", 1)[0].rstrip("/").split("/")
    return "/".join(parts[-2:]) if len(parts) >= 2 else text


def ref(value: Any) -> str | None:
    """What a Reference points at; a logical one (an identifier) as `system|value`."""
    value = obj(value)
    found = address(txt(value.get("reference")))
    if found is not None:
        return found
    identifier = obj(value.get("identifier"))
    number = txt(identifier.get("value"))
    return f"{txt(identifier.get('system')) or ''}|{number}" if number else None


def period(resource: Resource, name: str) -> tuple[str | None, str | None]:
    """Start and end of `nameDateTime`, `namePeriod` or `nameInstant`; a single time is only a start."""
    single = txt(resource.get(f"{name}DateTime")) or txt(resource.get(f"{name}Instant"))
    if single is not None:
        return single, None
    span = obj(resource.get(f"{name}Period"))
    return txt(span.get("start")), txt(span.get("end"))


def day(text: str | None) -> str | None:
    """The date of a date or time."""
    return text[:10] if text else None


def own_row(resource: Resource) -> tuple[str | None, str | None]:
    """Table and row of a study that a resource was written from."""
    identifiers = resource.get("identifier")
    for identifier in [identifiers] if type(identifiers) is dict else objs(identifiers):
        system = identifier.get("system")
        if type(system) is str and system.startswith(fhir.ROW):
            return system.removeprefix(fhir.ROW), txt(identifier.get("value"))
    return None, None


def extras(element: Resource) -> Row:
    """The columns that extensions of a study hold on an element."""
    found: Row = {}
    for extension in objs(element.get("extension")):
        url = extension.get("url")
        if type(url) is not str or not url.startswith(fhir.EXTENSION):
            continue
        value = next((v for k, v in extension.items() if k.startswith("value")), None)
        text = ("true" if value else "false") if type(value) is bool else txt(value)
        if url == fhir.ABSENT:
            if text:
                found[text.replace("-", "_")] = None
        else:
            found[url.removeprefix(fhir.EXTENSION).replace("-", "_")] = text
    return found


def extension_of(element: Resource, url: str) -> Resource:
    """The extension of an address, or an empty one."""
    return next((e for e in objs(element.get("extension")) if e.get("url") == url), _NOTHING)


def is_test_data(resource: Resource) -> bool:
    """Whether a resource is labelled as data of no real patient."""
    meta = resource.get("meta")
    if type(meta) is not dict:
        return False
    return any(
        label.get("code") == "HTEST" for kind in ("security", "tag") if kind in meta for label in objs(meta.get(kind))
    )


def source_of(resource: Resource) -> str | None:
    """The source that a study named for the row."""
    meta = resource.get("meta")
    uri = txt(meta.get("source")) if type(meta) is dict else None
    return unquote(uri.removeprefix(fhir.SOURCE)) if uri and uri.startswith(fhir.SOURCE) else None


def status_of(resource: Resource) -> str | None:
    """How far a row can be relied on, where the status of the resource says so."""
    status = resource.get("status")
    if status == "entered-in-error":
        return "entered_in_error"
    return "amended" if status in ("amended", "corrected") else None


def listed(rule: str, found: str | None, expected: str, remedy: str) -> Iterator[Said]:
    """A line that says why a resource gives no row."""
    yield "listed", {"_rule": rule, "_found": found or "nothing", "_expected": expected, "_remedy": remedy}


def not_used(kind: str, status: str | None) -> Iterator[Said]:
    """The line for a resource whose status says that it is not a fact, or no line."""
    why = fhir.declared()["not_used"].get(kind, {}).get(status)
    if why is not None:
        yield from listed("status", f"{kind} with status {status}: {why}", "a fact", "nothing to do.")
