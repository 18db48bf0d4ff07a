"""The drug dictionary: ingredient names, the other names they go by, and the classes that rules ask about."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class Drug:
    """One ingredient."""

    name: str
    classes: tuple[str, ...]
    atc: str | None
    rxnorm: str | None
    aliases: tuple[str, ...]


@cache
def drugs() -> dict[str, Drug]:
    """Return every ingredient of the dictionary by its name."""
    text = (files("aftercart.study") / "drugs.csv").read_text("utf-8")
    return {
        row["drug"]: Drug(
            name=row["drug"],
            classes=tuple(row["classes"].split(";")),
            atc=row["atc"] or None,
            rxnorm=row["rxnorm"] or None,
            aliases=tuple(a for a in row["aliases"].split(";") if a),
        )
        for row in csv.DictReader(text.splitlines())
    }


@cache
def _names() -> dict[str, str]:
    return {alias: d.name for d in drugs().values() for alias in (d.name, *d.aliases)}


def ingredient(name: str) -> str | None:
    """Return the ingredient a name stands for, or None when the dictionary does not hold it."""
    return _names().get(name.strip().lower())


def classes(name: str) -> tuple[str, ...]:
    """Return the classes of a medicine; empty for one that the dictionary does not hold."""
    found = ingredient(name)
    return drugs()[found].classes if found else ()


def all_classes() -> tuple[str, ...]:
    """Return every class that a medicine of the dictionary can have."""
    return tuple(sorted({c for d in drugs().values() for c in d.classes}))


def ingredient_expr(name: pl.Expr) -> pl.Expr:
    """The ingredient of a name column; a name that the dictionary does not hold stays as it is, in lower case."""
    plain = name.str.strip_chars().str.to_lowercase()
    return plain.replace(_names())


def classes_expr(name: pl.Expr) -> pl.Expr:
    """The list of classes of a name column; an empty list for one that the dictionary does not hold."""
    joined = {alias: ";".join(drugs()[n].classes) for alias, n in _names().items()}
    found = name.str.strip_chars().str.to_lowercase().replace_strict(joined, default="")
    return found.str.split(";")
