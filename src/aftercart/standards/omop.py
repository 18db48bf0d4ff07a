"""How a study stands in the OMOP CDM 5.4: concepts and columns from `omop.toml`, and words that keep attributes."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import polars as pl

VERSION = "5.4"
PRIMARY, UNDATED = "primary diagnosis", "primary diagnosis, date not known"
"""Status of the condition that is the disease treated, in what aftercart writes."""

MARK = "aftercart "
"""How the field cdm_etl_reference begins in tables that aftercart wrote."""

INFUSION = "infusion of cells"
"""What aftercart writes as the source value of the procedure and the episode of an infusion."""

NO_PRODUCT = "cell product"
"""Stands for a product without a name."""

SIMULATED = "SIMULATED DATA"
"""How the description of the source begins where values are simulated or reconstructed."""

ATTRIBUTES = {
    "exposures": ("purpose", "frequency", "daily_dose_mg", "outcome"),
    "infusions": ("product_class", "target", "source_cell", "vector", "planned_dose_met", "bridging", "retreatment"),
}
"""Columns of a study that a drug exposure keeps in `sig`, as `purpose=background | frequency=QD`."""

KINDS: dict[str, Any] = {"i": pl.Int64, "f": pl.Float64, "s": pl.String, "d": pl.Date, "t": pl.Datetime("us")}

DOSES = {"10*6/kg": "dose_per_kg", "{cells}": "dose_cells"}
"""Unit of the quantity of an infusion to the column of a study that holds it."""


@dataclass(frozen=True)
class Field:
    """One column of a CDM table."""

    name: str
    kind: Any
    required: bool


@cache
def _raw() -> dict[str, Any]:
    return tomllib.loads((files("aftercart.standards") / "omop.toml").read_text("utf-8"))


@cache
def fields(table: str) -> tuple[Field, ...]:
    """The columns of a table in the order of the CDM."""
    found = (re.fullmatch(r"(\w+)([!:])(\w)", word) for word in _raw()["tables"][table].split())
    return tuple(Field(m[1], KINDS[m[3]], m[2] == "!") for m in found if m)


def tables() -> tuple[str, ...]:
    """Names of the tables that are read and written."""
    return tuple(_raw()["tables"])


@cache
def codes_by_concept() -> dict[int, str]:
    """Concept to the code of the dictionary, by the shipped map."""
    return {concept: code for code, concepts in _raw()["codes"].items() for concept in concepts}


@cache
def units_by_concept() -> dict[int, str]:
    """Concept to the UCUM unit, by the shipped map."""
    return {concept: unit for unit, concepts in _raw()["units"].items() for concept in concepts}


def concept_of_code(code: str) -> int:
    """The concept of a code of the dictionary; 0 where the shipped map has none."""
    return int(_raw()["codes"].get(code, [0])[0])


def concept_of_unit(unit: str) -> int:
    """The concept of a UCUM unit; 0 where the shipped map has none."""
    return int(_raw()["units"].get(unit, [0])[0])


def ids(section: str) -> Mapping[str, int]:
    """Name to concept id in one of `genders`, `operators`, `types`, `values`, `visits`, `fields`."""
    found: dict[str, int] = _raw()[section]
    return found


@cache
def levels_of_care() -> dict[int, str]:
    """Concept of a visit to the level of care of a stay."""
    return {int(k): v for k, v in _raw()["level_of_care"].items()}


def routes() -> Mapping[str, str]:
    """Words of a dose form (a pattern) to the route they mean."""
    found: dict[str, str] = _raw()["routes"]
    return found


def attributes(rows: pl.DataFrame, table: str) -> pl.Expr:
    """The text of `sig` for rows of a study table; null where no attribute is given."""
    parts = [
        pl.when(pl.col(c).is_not_null()).then(pl.format("{}={}", pl.lit(c), pl.col(c).cast(pl.String)))
        for c in ATTRIBUTES[table]
        if c in rows.columns
    ]
    return pl.concat_str(parts, separator=" | ", ignore_nulls=True).replace("", None)


def attribute(sig: pl.Expr, column: str) -> pl.Expr:
    """One attribute out of `sig`; null where it does not say it."""
    return sig.str.extract(rf"(?:^|\| ){column}=([^|]*?)(?: \||$)", 1)
