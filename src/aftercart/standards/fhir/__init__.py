"""How the tables of a study stand in FHIR R4: systems, code lists and extensions, from `fhir.toml`.

The modules of this folder read what one resource says, as rows of study tables: the importer reads by them, and the
writer asks them what its resource already says, so that an extension carries only what is left.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

from aftercart.study import dictionary, instruments

Resource = dict[str, Any]
"""A resource or an element of one, as parsed JSON: numbers are texts, so that 14.50 stays 14.50."""

Row = dict[str, str | None]
"""Cells of a row; columns that begin with an underscore are for the reader alone."""

Said = tuple[str, Row]
"""What a resource says: the frame (a study table, or one that the reader joins to others) and the cells."""


@cache
def declared() -> dict[str, Any]:
    """The whole declaration."""
    return tomllib.loads((files("aftercart.standards.fhir") / "fhir.toml").read_text("utf-8"))


BASE: str = declared()["base"]
EXTENSION = f"{BASE}/StructureDefinition/"
"""Beginning of the address of an extension; the name of its column follows."""
CODE_SYSTEM = f"{BASE}/CodeSystem/"
ROW = f"{BASE}/row/"
"""Beginning of the system of identifiers that name rows of a study; the table follows."""
SUBJECT = f"{BASE}/subject"
SITE = f"{BASE}/site"
SOURCE = f"{BASE}/source/"
QUESTIONNAIRE = f"{BASE}/Questionnaire/"
ABSENT = f"{EXTENSION}absent"
"""The extension that names a column without a value, where the elements of R4 would say one."""
TEST_DATA = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "HTEST"}
"""The label of data of no real patient."""
UCUM = "http://unitsofmeasure.org"
LOINC = "http://loinc.org"
DATA_ABSENT = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"


@dataclass(frozen=True)
class Meanings:
    """What the mapping file says of a source, as the readers of resources need it."""

    codes: Mapping[str, tuple[str, str | None]] = field(default_factory=dict)
    """Code (`4711`, or `system|4711`) to the code of the dictionary and the unit where the source states none."""
    left_out: frozenset[str] = frozenset()
    units: Mapping[str, str] = field(default_factory=dict)
    drugs: Mapping[str, str] = field(default_factory=dict)
    infusions: frozenset[str] = frozenset()
    """Codes or names of products and procedures that are infusions of cells."""
    instruments: Mapping[str, str] = field(default_factory=dict)
    """Address of a questionnaire to the instrument of the dictionary."""
    items: Mapping[str, str] = field(default_factory=dict)
    """linkId (`q1`, or `INSTRUMENT.q1`) to the item."""


def extension(column: str) -> str:
    """The address of the extension for a column."""
    return EXTENSION + column.replace("_", "-")


@cache
def systems() -> Mapping[str, str]:
    """URI of a code system to its name."""
    known: dict[str, str] = declared()["systems"]
    return known


@cache
def addresses() -> Mapping[str, str]:
    """Name of a code system to its URI (the first declared)."""
    return {name: uri for uri, name in reversed(list(systems().items()))}


@cache
def codes_of(name: str) -> Mapping[str, str]:
    """Study value to the code of FHIR, for one of the declared lists."""
    values: dict[str, str] = declared()["lists"][name]["values"]
    return values


@cache
def values_of(name: str) -> Mapping[str, str]:
    """Code of FHIR to the study value; of several values with one code, none is said."""
    codes = codes_of(name)
    several = [c for c in codes.values() if list(codes.values()).count(c) > 1]
    found = {code: value for value, code in codes.items() if code not in several}
    for value, more in declared()["lists"][name].get("more", {}).items():
        found |= dict.fromkeys(more, value)
    return found


def list_system(name: str) -> str:
    """The code system of a declared list."""
    system: str = declared()["lists"][name]["system"]
    return system


@cache
def loinc_codes() -> Mapping[str, str]:
    """LOINC code, also an alternative, to the code of the dictionary."""
    return {x: n for n, c in dictionary.codes().items() for x in (c.loinc, *c.loinc_alternatives) if x}


@cache
def event_resource() -> Mapping[str, str]:
    """Category of event to the type of resource that holds it."""
    return {category: kind for kind, found in declared()["events"].items() for category in found}


@cache
def resource_types() -> frozenset[str]:
    """Every type of resource of R4."""
    return frozenset(declared()["types"]["names"].split())


@cache
def countries() -> Mapping[str, str]:
    """Country code of two letters to that of three."""
    return dict(pair.split("=") for pair in declared()["countries"]["codes"].split())


@cache
def textual_items() -> frozenset[tuple[str, str]]:
    """Instruments and items that are answered by a text."""
    return frozenset((n, i.name) for n, x in instruments.instruments().items() for i in x.items.values() if i.allowed)


@cache
def _diseases() -> tuple[tuple[str, frozenset[str], tuple[str, ...], re.Pattern[str]], ...]:
    return tuple(
        (d["name"], frozenset(d["snomed"]), tuple(d["icd10"]), re.compile(d["words"], re.IGNORECASE))
        for d in declared()["diseases"]
    )


@cache
def _no_diagnosis() -> re.Pattern[str]:
    return re.compile(declared()["no_diagnosis"]["words"], re.IGNORECASE)


def disease(codings: tuple[tuple[str, str], ...], text: str) -> str | None:
    """The disease treated that a diagnosis names, by its codes (system name, code) else its words."""
    if _no_diagnosis().search(text):
        return None
    for name, snomed, icd10, words in _diseases():
        by_code = any(
            (s == "SNOMED CT" and c in snomed) or (s.startswith("ICD-10") and c.startswith(icd10)) for s, c in codings
        )
        if by_code or words.search(text):
            return name
    return None


@cache
def cell_words() -> re.Pattern[str]:
    """Words of a product or procedure of CAR-T cells and their kin."""
    return re.compile(declared()["cells"]["words"])
