"""Answers of a field judged by its choices or its validation, as REDCap would have judged them at entry."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from aftercart.sources.redcap.fields import Field
from aftercart.study import problems

NUMBER = r"^[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]{1,3})?$"
COMMA = r"^[-+]?[0-9]*[.,]?[0-9]+$"
PATTERNS = (
    ("datetime_seconds_", r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}:[0-9]{2}$", "YYYY-MM-DD hh:mm:ss"),
    ("datetime_", r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}(?::[0-9]{2})?$", "YYYY-MM-DD hh:mm"),
    ("date_", r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$", "YYYY-MM-DD"),
    ("time", r"^[0-9]{1,2}:[0-9]{2}(?::[0-9]{2})?$", "a time"),
    ("integer", r"^[-+]?[0-9]+$", "a whole number"),
    ("number", NUMBER, "a number with a decimal point"),
)
"""Validation types by how they begin; dates are ISO in every export, however the screen shows them."""


def checked(
    rows: pl.DataFrame, field: Field, column: str, missing: Mapping[str, str], severity: str
) -> tuple[pl.Series, pl.Series | None, list[pl.DataFrame]]:
    """Return (answers without bad ones, meaning of missing-data codes or None, problems) of one column.

    rows: `_table`, `_row` and `value`, all as text. A decimal comma is read only in a field whose validation asks for
    one. A value outside the limits of the field, which REDCap only warns of, is listed and kept.
    """
    text = rows["value"]
    reason = None
    if missing and text.is_in(list(missing)).any():
        reason = text.replace_strict(dict(missing), default=None, return_dtype=pl.String)
        text = text.set(reason.is_not_null(), None)
    listed: list[pl.DataFrame] = []
    pattern, words = _admitted(field)
    if field.type in ("dropdown", "radio", "checkbox", "yesno", "truefalse"):
        codes = ["0", "1"] if field.type == "checkbox" else list(field.choices)
        bad = ~text.is_in(codes)
        words = f"one of {', '.join(codes)}"
    elif pattern:
        bad = ~text.str.contains(pattern)
        if field.is_date:
            bad = bad | text.str.slice(0, 10).str.to_date("%Y-%m-%d", strict=False).is_null()
    else:
        bad = pl.Series([False] * len(text), dtype=pl.Boolean)
    bad = bad.fill_null(value=False) & text.is_not_null()
    if bad.any():
        rule = "validation" if pattern else "outside_choices"
        listed += _lines(rows.filter(bad), column, rule, words, "correct it in the source. It is not used.", severity)
        text = text.set(bad, None)
    if _comma(field):
        text = text.str.replace(",", ".", literal=True)
    if field.validation.startswith("datetime_"):
        text = text.str.replace(" ", "T", literal=True)
    outside = _outside(text, field)
    if outside is not None and outside.any():
        limits = f"{field.minimum or '...'} to {field.maximum or '...'}"
        remedy = "check it in the source. It is used as it is."
        listed += _lines(rows.filter(outside), column, "outside_limits", limits, remedy, "warning")
    return text, reason, listed


def _comma(field: Field) -> bool:
    return field.validation.startswith("number") and field.validation.endswith("comma_decimal")


def _admitted(field: Field) -> tuple[str, str]:
    if _comma(field):
        return COMMA, "a number with a decimal comma"
    if field.type == "slider":
        return NUMBER, "a number"
    return next(((p, words) for start, p, words in PATTERNS if field.validation.startswith(start)), ("", ""))


def _outside(text: pl.Series, field: Field) -> pl.Series | None:
    """Which answers lie outside the limits; limits that name another field or today are not judged."""
    low: float | str | None = None
    high: float | str | None = None
    value = text
    if field.is_number:
        low, high = _number(field.minimum), _number(field.maximum)
        value = text.cast(pl.Float64, strict=False)
    elif field.is_date:
        low, high = (limit if limit[:4].isdigit() else None for limit in (field.minimum, field.maximum))
    if low is None and high is None:
        return None
    below = pl.lit(value) < pl.lit(low) if low is not None else pl.lit(value=False)
    above = pl.lit(value) > pl.lit(high) if high is not None else pl.lit(value=False)
    return pl.select((below | above).fill_null(value=False)).to_series()


def _number(limit: str) -> float | None:
    try:
        return float(limit.replace(",", "."))
    except ValueError:
        return None


def _lines(rows: pl.DataFrame, column: str, rule: str, expected: str, remedy: str, severity: str) -> list[pl.DataFrame]:
    return [
        problems.of_rows(
            part,
            rule=rule,
            file=str(table),
            column=column,
            found=pl.col("value"),
            expected=expected,
            remedy=remedy,
            severity=severity,
        )
        for (table,), part in rows.group_by("_table", maintain_order=True)
    ]
