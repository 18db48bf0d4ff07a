"""A CDISC dataset: a table with named, labelled and typed variables, whatever file it is kept in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import polars as pl

NUMERIC = ("integer", "decimal", "float", "double", "boolean")
TYPES = ("string", *NUMERIC, "datetime", "date", "time", "URI")
"""Data types of Dataset-JSON 1.1; a transport file knows text and numbers only."""


@dataclass(frozen=True)
class Variable:
    """One variable: name, label, type, and length in bytes where it is text."""

    name: str
    label: str = ""
    type: str = "string"
    length: int | None = None
    key: int | None = None
    """Place in the key of the dataset, from 1."""
    target: str | None = None
    """`integer` for a date that is kept as days since 1 January 1960, as ADaM does."""
    format: str | None = None
    origin: str = "Collected"
    """Where its values come from: `Collected`, `Derived`, `Assigned` or `Protocol`."""
    method: str = ""
    """How a derived variable is computed, in a sentence."""
    codes: Mapping[str, str] = field(default_factory=dict)
    """The code list: admissible value to what it means; empty when any value will do."""

    @property
    def is_text(self) -> bool:
        """Whether values are texts (dates are, in SDTM)."""
        return self.type not in NUMERIC and self.target != "integer"


@dataclass(frozen=True)
class Dataset:
    """A dataset: `rows` holds a column for every variable, in their order, texts as text and numbers as numbers."""

    name: str
    label: str
    variables: tuple[Variable, ...]
    rows: pl.DataFrame
    structure: str = ""
    """What one record is, in words."""
    about: Mapping[str, Any] = field(default_factory=dict)
    """What else the file said of itself (study, version, ...)."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "about", MappingProxyType(dict(self.about)))

    def __getitem__(self, name: str) -> Variable:
        return next(v for v in self.variables if v.name == name)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the variables in order."""
        return tuple(v.name for v in self.variables)
