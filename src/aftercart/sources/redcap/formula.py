"""Formulas of calculated fields, recomputed from the fields of their row to find those that REDCap did not update.

Numbers, `+ - * / ^`, brackets, comparisons, `and`, `or`, and the functions round, roundup, rounddown, sqrt, abs, sum,
mean, min, max and if. As in REDCap an empty field makes a sum by `+` empty, while sum, mean, min and max leave it out.
"""

from __future__ import annotations

import functools
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import polars as pl

from aftercart.sources.redcap.fields import Field, checkbox_column

TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+\.?\d*|\.\d+)|\[(?P<field>[a-z][a-z0-9_]*)(?:\((?P<box>-?[\w.]+)\))?\]"
    r"|(?P<text>\"[^\"]*\"|'[^']*')|(?P<name>[a-zA-Z]+)|(?P<sign><>|!=|<=|>=|[-+*/^(),=<>]))"
)
DEEPEST = 60
"""Levels of brackets beyond which a formula is not read."""

COMPARE: dict[str, Callable[[pl.Expr, pl.Expr], pl.Expr]] = {
    "=": operator.eq,
    "<>": operator.ne,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
MANY: dict[str, Callable[..., pl.Expr]] = {
    "sum": pl.sum_horizontal,
    "mean": pl.mean_horizontal,
    "min": pl.min_horizontal,
    "max": pl.max_horizontal,
}


class FormulaError(ValueError):
    """The formula holds what is not understood here."""


@dataclass(frozen=True)
class Formula:
    """A formula and the columns it reads."""

    text: str
    value: pl.Expr
    columns: frozenset[str]

    @classmethod
    def of(cls, text: str, fields: Mapping[str, Field]) -> Formula:
        """Read a formula; raises `FormulaError` for what is not understood."""
        reader = _Reader(_tokens(text), fields)
        value = reader.either(0)
        if reader.tokens:
            raise FormulaError(f"what follows {reader.tokens[0][1]!r} is not understood")
        return cls(text, value, frozenset(reader.columns))


def _tokens(text: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    position, text = 0, text.strip()
    while position < len(text):
        match = TOKEN.match(text, position)
        if match is None:
            raise FormulaError(f"{text[position : position + 20]!r} is not understood")
        if match["field"]:
            found.append(("field", match["field"] + (f"({match['box']})" if match["box"] else "")))
        else:
            kind = str(match.lastgroup)
            found.append((kind, match[kind]))
        position = match.end()
    return found


class _Reader:
    """Reads a formula from the left, one method for each rank of operators."""

    def __init__(self, tokens: list[tuple[str, str]], fields: Mapping[str, Field]) -> None:
        self.tokens = tokens
        self.fields = fields
        self.columns: set[str] = set()

    def either(self, depth: int) -> pl.Expr:
        value = self._both(depth)
        while self._takes("or"):
            value = value | self._both(depth)
        return value

    def _both(self, depth: int) -> pl.Expr:
        value = self._compared(depth)
        while self._takes("and"):
            value = value & self._compared(depth)
        return value

    def _compared(self, depth: int) -> pl.Expr:
        value = self._added(depth)
        for sign, compare in COMPARE.items():
            if self._takes(sign):
                return compare(value, self._added(depth))
        return value

    def _added(self, depth: int) -> pl.Expr:
        value = self._multiplied(depth)
        while True:
            if self._takes("+"):
                value = value + self._multiplied(depth)
            elif self._takes("-"):
                value = value - self._multiplied(depth)
            else:
                return value

    def _multiplied(self, depth: int) -> pl.Expr:
        value = self._signed(depth)
        while True:
            if self._takes("*"):
                value = value * self._signed(depth)
            elif self._takes("/"):
                value = value / self._signed(depth)
            else:
                return value

    def _signed(self, depth: int) -> pl.Expr:
        if self._takes("-"):
            return -self._signed(self._deeper(depth))
        value = self._single(depth)
        return value.pow(self._signed(self._deeper(depth))) if self._takes("^") else value

    def _single(self, depth: int) -> pl.Expr:
        if not self.tokens:
            raise FormulaError("it ends too early")
        kind, text = self.tokens.pop(0)
        if kind == "number":
            return pl.lit(float(text))
        if kind == "text":
            try:
                return pl.lit(float(text[1:-1]))
            except ValueError as error:
                raise FormulaError(f"the text {text} is not understood") from error
        if kind == "field":
            return self._field(text)
        if kind == "sign" and text == "(":
            value = self.either(self._deeper(depth))
            self._need(")")
            return value
        if kind == "name":
            return self._function(text.lower(), depth)
        raise FormulaError(f"{text!r} is not understood")

    def _field(self, text: str) -> pl.Expr:
        name, _, box = text.rstrip(")").partition("(")
        field = self.fields.get(name)
        if field is None:
            raise FormulaError(f"there is no field {name}")
        column = checkbox_column(name, box) if box else name
        if column not in field.columns:
            raise FormulaError(f"{text} is no field or box")
        self.columns.add(column)
        return pl.col(column).cast(pl.Float64, strict=False)

    def _function(self, name: str, depth: int) -> pl.Expr:
        self._need("(")
        given = [self.either(self._deeper(depth))]
        while self._takes(","):
            given.append(self.either(self._deeper(depth)))
        self._need(")")
        if name in MANY:
            known = functools.reduce(operator.or_, (g.is_not_null() for g in given))
            return pl.when(known).then(MANY[name](*given))
        if name == "if" and len(given) == 3:
            return pl.when(given[0]).then(given[1]).when(~given[0]).then(given[2])
        if name in ("sqrt", "abs") and len(given) == 1:
            return given[0].sqrt() if name == "sqrt" else given[0].abs()
        if name in ("round", "roundup", "rounddown") and len(given) <= 2:
            scale = pl.lit(10.0).pow(given[1] if len(given) == 2 else pl.lit(0.0))
            scaled = given[0] * scale
            whole = {"round": (scaled + (0.5 + 1e-9)).floor(), "roundup": scaled.ceil(), "rounddown": scaled.floor()}
            return whole[name] / scale
        raise FormulaError(f"the function {name} with {len(given)} values is not understood")

    def _deeper(self, depth: int) -> int:
        if depth >= DEEPEST:
            raise FormulaError("it is nested too deeply")
        return depth + 1

    def _takes(self, text: str) -> bool:
        if self.tokens and self.tokens[0][0] in ("sign", "name") and self.tokens[0][1].lower() == text:
            self.tokens.pop(0)
            return True
        return False

    def _need(self, text: str) -> None:
        if not self._takes(text):
            raise FormulaError(f"{text!r} is missing")
