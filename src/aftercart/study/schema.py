"""The eight tables of a study, declared once in `tables.toml`; everything that needs their shape asks here."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class Column:
    """One column: its type, unit, admissible values or range, and what it means."""

    name: str
    type: str
    """`str`, `int`, `float`, `bool`, `enum`, `list` (several values, separated by semicolons), `date` or `datetime`.

    Dates stay text as given, possibly partial (`2024`, `2024-03`), in ISO 8601.
    """
    description: str
    unit: str | None = None
    allowed: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    required: bool = False
    unique: bool = False

    @property
    def expectation(self) -> str:
        """What a cell of this column must look like, in words."""
        if self.allowed:
            joined = ", ".join(self.allowed)
            return f"one of {joined}" if self.type == "enum" else f"one or more of {joined}, separated by semicolons"
        words = {
            "int": "a whole number",
            "float": "a number",
            "bool": "true or false",
            "date": "a date such as 2024-03-05, 2024-03 or 2024",
            "datetime": "a date or time such as 2024-03-05T14:20, 2024-03-05 or 2024-03",
        }.get(self.type, "text")
        if self.minimum is not None and self.maximum is not None:
            words += f" from {self.minimum:g} to {self.maximum:g}"
        return f"{words} in {self.unit}" if self.unit else words


@dataclass(frozen=True)
class Table:
    """One table: its columns in order, and whether a study can be without it."""

    name: str
    description: str
    required: bool
    columns: tuple[Column, ...]

    def __getitem__(self, name: str) -> Column:
        return next(c for c in self.columns if c.name == name)

    @property
    def names(self) -> tuple[str, ...]:
        """The column names in order."""
        return tuple(c.name for c in self.columns)


def _column(raw: Mapping[str, Any]) -> Column:
    return Column(**{**raw, "allowed": tuple(raw.get("allowed", ()))})


@cache
def tables() -> dict[str, Table]:
    """Return the declared tables by name, in their order."""
    raw = tomllib.loads((files("aftercart.study") / "tables.toml").read_text("utf-8"))
    leading = tuple(_column(c) for c in raw["leading"])
    return {
        name: Table(name, t["description"], t["required"], leading + tuple(_column(c) for c in t["columns"]))
        for name, t in raw["tables"].items()
    }


@cache
def polars_schema(table: str) -> dict[str, pl.DataType]:
    """Return column name to polars type of one table; dates and enums are text."""
    import polars as pl

    kinds: dict[str, pl.DataType] = {"int": pl.Int64(), "float": pl.Float64(), "bool": pl.Boolean()}
    return {c.name: kinds.get(c.type, pl.String()) for c in tables()[table].columns}


def empty(table: str) -> pl.DataFrame:
    """Return an empty table with all its columns."""
    import polars as pl

    return pl.DataFrame(schema=polars_schema(table))


def describe() -> dict[str, Any]:
    """Return the whole schema as plain data, for documentation and other programs."""
    return {
        t.name: {
            "description": t.description,
            "required": t.required,
            "columns": [
                {
                    "name": c.name,
                    "type": c.type,
                    "unit": c.unit,
                    "required": c.required,
                    "unique": c.unique,
                    "expectation": c.expectation,
                    "description": c.description,
                }
                for c in t.columns
            ],
        }
        for t in tables().values()
    }
