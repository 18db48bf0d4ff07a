"""How the tables of a study stand in SDTM: domains, variables, qualifiers and short codes, from `sdtm.toml`."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import polars as pl

from aftercart.study import dictionary, instruments, schema

STANDARD, VERSION = "SDTMIG", "3.4"


@dataclass(frozen=True)
class Domain:
    """One domain: where its records stand in a study."""

    name: str
    label: str
    cls: str
    table: str
    structure: str
    categories: tuple[str, ...] = ()
    """For domains of the table of events: the categories of event that belong there."""


@dataclass(frozen=True)
class Place:
    """A column of a study table and the variable (or qualifier) that holds it."""

    column: str
    name: str
    label: str


@cache
def _raw() -> dict[str, Any]:
    return tomllib.loads((files("aftercart.standards") / "sdtm.toml").read_text("utf-8"))


@cache
def domains() -> dict[str, Domain]:
    """Every domain by name."""
    return {
        name: Domain(name, d["label"], d["class"], d["table"], d["structure"], tuple(d.get("categories", ())))
        for name, d in _raw()["domains"].items()
    }


@cache
def places(domain: str) -> tuple[Place, ...]:
    """The columns that have a variable of their own in a domain, in the order of the standard."""
    declared = {**_raw()["variables"][domains()[domain].table], **_raw()["variables"].get(domain, {})}
    absent = _raw()["absent"].get(domain, ())
    return tuple(
        Place(column, v["variable"].replace("--", domain), v["label"])
        for column, v in declared.items()
        if column not in absent
    )


@cache
def qualifiers() -> dict[str, Place]:
    """Column to its supplemental qualifier, for columns that have no variable in a domain."""
    return {column: Place(column, q["qnam"], q["label"]) for column, q in _raw()["qualifiers"].items()}


@cache
def columns_of_qualifiers() -> dict[str, str]:
    """The name of a supplemental qualifier to the column it holds."""
    return {place.name: column for column, place in qualifiers().items()}


@cache
def codes_by_test() -> dict[tuple[str, str], tuple[str, ...]]:
    """(domain, test code) to the codes of the dictionary that it may stand for."""
    found: dict[tuple[str, str], tuple[str, ...]] = {}
    for name, code in dictionary.codes().items():
        found[code.domain, code.cdisc] = (*found.get((code.domain, code.cdisc), ()), name)
    for test, name in _raw()["test_aliases"].items():
        domain, _, short = test.partition(".")
        found[domain, short] = (name,)
    return found


def binding_agents() -> Mapping[str, str]:
    """Code of an antibody to what it binds, as the variable ISBDAGNT says it."""
    agents: dict[str, str] = _raw()["binding_agents"]
    return agents


def cdisc_units() -> Mapping[str, str]:
    """UCUM unit to the spelling of CDISC, where the two differ."""
    units: dict[str, str] = _raw()["units"]
    return units


def milestones() -> Mapping[str, Mapping[str, str]]:
    """Milestone of a study to its CDISC term and category."""
    found: dict[str, dict[str, str]] = _raw()["milestones"]
    return found


@cache
def item_codes() -> dict[tuple[str, str], str]:
    """(instrument, item) to its test code, such as SLED01."""
    declared = _raw()["instruments"]
    return {
        (name, item): f"{declared[name]['prefix']}{number:02d}"
        for name, instrument in instruments.instruments().items()
        for number, item in enumerate(instrument.items, 1)
    }


def instrument_domain(instrument: str) -> str:
    """The domain of an instrument: QS where the patient answers, else RS."""
    domain: str = _raw()["instruments"][instrument]["domain"]
    return domain


def study_day(day: pl.Expr, reference: pl.Expr) -> pl.Expr:
    """Study day of SDTM from two dates: the day of the reference is 1, the day before it -1; there is no day 0."""
    days = (day - reference).dt.total_days()
    return pl.when(days >= 0).then(days + 1).otherwise(days).cast(pl.Float64)


def text_columns(table: str) -> frozenset[str]:
    """The columns of a study table that hold no number."""
    return frozenset(c.name for c in schema.tables()[table].columns if c.type not in ("int", "float"))
