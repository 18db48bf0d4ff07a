"""The mapping file: a short TOML by which a data manager says what the codes, units and names of a source mean.

    [study]                       # becomes study.toml
    study_id = "CASTLE"

    [codes]                       # code of the source = code of the dictionary
    "NEUTRO" = "ANC"
    "LEUKOS" = { code = "WBC", unit = "10*9/L" }   # unit: where the source states none
    "LOCAL7" = false              # left out on purpose

    [units]                       # spelling of the source = a unit that the dictionary knows
    "Gpt/l" = "10*9/L"

    [drugs]
    "Quensyl" = "hydroxychloroquine"

    [visits]
    "WEEK 4" = "month 1"

A section named after the source (`[redcap]`, `[sdtm]`, `[fhir]`, `[omop]`) holds what only that source needs.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from aftercart.errors import SourceError
from aftercart.study import dictionary, drugs, problems

SOURCES = ("redcap", "sdtm", "fhir", "omop")
SECTIONS = ("study", "codes", "units", "drugs", "visits", *SOURCES)


@dataclass(frozen=True)
class CodeTarget:
    """What a code of the source stands for: a code of the dictionary, and its unit where the source states none."""

    code: str
    unit: str | None = None


@dataclass(frozen=True)
class SourceMapping:
    """A mapping file, checked: every entry names something that exists."""

    study: Mapping[str, Any] = field(default_factory=dict)
    codes: Mapping[str, CodeTarget] = field(default_factory=dict)
    left_out: frozenset[str] = frozenset()
    """Codes of the source that are left out on purpose."""
    units: Mapping[str, str] = field(default_factory=dict)
    drugs: Mapping[str, str] = field(default_factory=dict)
    visits: Mapping[str, str] = field(default_factory=dict)
    own: Mapping[str, Any] = field(default_factory=dict)
    """The section named after the source."""
    file: str = "mapping"


@dataclass(frozen=True)
class Proposal:
    """A mapping file to edit, and what could not be placed: `table, column, example, reason`."""

    toml: str
    unplaced: pl.DataFrame


def read_mapping(path: str | Path | SourceMapping | None, source: str) -> SourceMapping:
    """Read a mapping file for a kind of source; without a path, an empty mapping; a mapping stays what it is.

    Raises `SourceError` with one line for every entry that cannot be used.
    """
    if isinstance(path, SourceMapping):
        return path
    if path is None:
        return SourceMapping()
    path = Path(path)
    try:
        raw = tomllib.loads(path.read_text("utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        found = problems.one("mapping", path.name, str(error), "a TOML file in UTF-8", "correct the file.")
        raise SourceError(f"The mapping {path.name} cannot be read.", found) from error
    return mapping_of(raw, source, path.name)


def mapping_of(raw: Mapping[str, Any], source: str, file: str = "mapping") -> SourceMapping:
    """Check a mapping given as plain data; raises `SourceError` as `read_mapping`."""
    wrong: list[pl.DataFrame] = []

    def refuse(section: str, key: str, found: Any, expected: str) -> None:
        wrong.append(
            problems.one("mapping", file, f"{key} = {found!r}", expected, "correct the entry.", column=f"[{section}]")
        )

    for name, value in raw.items():
        if name not in SECTIONS:
            refuse(name, name, "a section", f"one of {', '.join(SECTIONS)}")
        elif not isinstance(value, Mapping):
            refuse(name, name, value, "a section of its own, as in [codes]")
    sections = {n: raw[n] if isinstance(raw.get(n), Mapping) else {} for n in SECTIONS}
    codes, left_out = _codes(sections["codes"], refuse)
    mapping = SourceMapping(
        study=sections["study"],
        codes=codes,
        left_out=left_out,
        units=_texts("units", sections["units"], refuse, _is_unit, "a unit that the dictionary knows"),
        drugs=_texts("drugs", sections["drugs"], refuse, _is_drug, "an ingredient of the drug dictionary"),
        visits=_texts("visits", sections["visits"], refuse, bool, "the name of a visit"),
        own=sections[source],
        file=file,
    )
    if wrong:
        raise SourceError(f"The mapping {file} has entries that cannot be used.", problems.gather(wrong))
    return mapping


def _codes(raw: Mapping[str, Any], refuse: Any) -> tuple[dict[str, CodeTarget], frozenset[str]]:
    known = dictionary.codes()
    found: dict[str, CodeTarget] = {}
    left_out: set[str] = set()
    for key, value in raw.items():
        entry = {"code": value} if isinstance(value, str) else value
        if value is False:
            left_out.add(key)
        elif not isinstance(entry, Mapping) or set(entry) - {"code", "unit"} or entry.get("code") not in known:
            refuse("codes", key, value, "a code of the dictionary, or false to leave it out")
        elif entry.get("unit") is not None and dictionary.to_standard(entry["code"], str(entry["unit"])) is None:
            refuse(
                "codes", key, value, f"a unit of {entry['code']}: {', '.join(dictionary.accepted_units(entry['code']))}"
            )
        else:
            found[key] = CodeTarget(entry["code"], entry.get("unit"))
    return found, frozenset(left_out)


def _texts(section: str, raw: Mapping[str, Any], refuse: Any, good: Any, expected: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for key, value in raw.items():
        if isinstance(value, str) and good(value):
            found[key] = value
        else:
            refuse(section, key, value, expected)
    return found


def _is_unit(unit: str) -> bool:
    return any(dictionary.canonical_unit(unit) == known for _, known in dictionary.conversions())


def _is_drug(name: str) -> bool:
    return drugs.ingredient(name) is not None
