"""The code dictionary: what each observation code means, its standard unit, accepted spellings and conversions."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from aftercart.errors import UsageError

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class Code:
    """One observation code."""

    name: str
    meaning: str
    cdisc: str
    domain: str
    unit: str | None = None
    loinc: str | None = None
    loinc_alternatives: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    text: bool = False
    allowed: tuple[str, ...] = ()
    specimen: str | None = None


def _load(name: str) -> dict[str, Any]:
    return tomllib.loads((files("aftercart.study") / name).read_text("utf-8"))


@cache
def codes() -> dict[str, Code]:
    """Return every code of the dictionary by its short name."""
    return {
        name: _code(name, {k: tuple(v) if isinstance(v, list) else v for k, v in raw.items()})
        for name, raw in _load("codes.toml")["codes"].items()
    }


def _code(name: str, fields: dict[str, Any]) -> Code:
    return Code(name=name, **fields)


@cache
def _synonyms() -> dict[str, str]:
    return {spelling: unit for unit, spellings in _load("units.toml")["synonyms"].items() for spelling in spellings}


def canonical_unit(unit: str) -> str:
    """Return the spelling of a unit that the dictionary uses (`K/uL` is `10*3/uL`); unknown units stay as they are."""
    plain = unit.strip().replace("\u00b5", "u").replace("\u03bc", "u")
    return _synonyms().get(plain, plain)


@cache
def conversions() -> Mapping[tuple[str, str], tuple[float, float]]:
    """Return (code, unit) to (factor, offset) such that `standard = value * factor + offset`."""
    raw = _load("units.toml")
    table: dict[tuple[str, str], tuple[float, float]] = {}
    for name, code in codes().items():
        if code.unit is not None:
            table[name, code.unit] = (1.0, 0.0)
    for target, factors in raw["factors"].items():
        for name in raw["groups"].get(target, [target]):
            for unit, factor in factors.items():
                table[name, unit] = (float(factor), 0.0)
    for name, entries in raw["offsets"].items():
        for unit, both in entries.items():
            table[name, unit] = (float(both["factor"]), float(both["offset"]))
    return table


def to_standard(code: str, unit: str) -> tuple[float, float] | None:
    """Return (factor, offset) from `unit` to the standard unit of `code`, or None when the unit is not accepted."""
    return conversions().get((code, canonical_unit(unit)))


def from_standard(code: str, unit: str) -> tuple[float, float]:
    """Return (factor, offset) from the standard unit of `code` to `unit`.

    Raises `UsageError` for a unit that the dictionary does not know for this code.
    """
    found = to_standard(code, unit)
    if found is None:
        accepted = ", ".join(u for c, u in conversions() if c == code)
        raise UsageError(f"{code} has no unit {unit!r}.", hint=f"accepted units: {accepted}.")
    factor, offset = found
    inverse = 1 / factor
    # 1/0.001 must be exactly 1000, or a count at a printed edge would move.
    return (float(f"{inverse:.12g}"), -offset / factor)


def accepted_units(code: str) -> tuple[str, ...]:
    """Return the units in which a code may be given, standard unit first."""
    return tuple(u for c, u in conversions() if c == code)


def conversion_table() -> pl.DataFrame:
    """Return all conversions as a table: `code`, `_unit`, `_factor`, `_offset`, every accepted spelling a row."""
    import polars as pl

    spellings: dict[str, list[str]] = {}
    for spelling, unit in _synonyms().items():
        spellings.setdefault(unit, []).append(spelling)
    rows = [
        (code, spelling, factor, offset)
        for (code, unit), (factor, offset) in conversions().items()
        for spelling in (unit, *spellings.get(unit, []))
    ]
    return pl.DataFrame(
        rows,
        schema={"code": pl.String, "_unit": pl.String, "_factor": pl.Float64, "_offset": pl.Float64},
        orient="row",
    ).unique(["code", "_unit"], keep="first", maintain_order=True)


def loinc_is_valid(code: str) -> bool:
    """Whether a LOINC code has the form `12345-6` and the right check digit (modulus 10, Luhn)."""
    number, dash, check = code.partition("-")
    if not code.isascii() or not dash or not number.isdigit() or not check.isdigit() or len(check) != 1:
        return False
    total = 0
    for position, digit in enumerate(reversed(number)):
        value = int(digit) * (2 if position % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return (10 - total % 10) % 10 == int(check)
