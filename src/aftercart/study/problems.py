"""Problems found in the data: one row each, naming the place, what was found, what was expected and the remedy."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import polars as pl

SCHEMA: dict[str, Any] = {
    "severity": pl.String,
    "rule": pl.String,
    "file": pl.String,
    "row": pl.Int64,
    "column": pl.String,
    "row_id": pl.String,
    "subject_id": pl.String,
    "found": pl.String,
    "expected": pl.String,
    "remedy": pl.String,
}
"""`severity` is `error` or `warning`; `row` counts as a spreadsheet does (the header is row 1)."""

LONGEST = 80
"""Found values are cut to this many characters, so that a list of problems stays a list."""


def none() -> pl.DataFrame:
    """Return an empty problem list."""
    return pl.DataFrame(schema=SCHEMA)


def one(
    rule: str, file: str, found: str, expected: str, remedy: str, *, severity: str = "error", **place: Any
) -> pl.DataFrame:
    """Return a list of one problem that is not about single rows."""
    found, place = _cut(found), {k: _cut(v) if isinstance(v, str) else v for k, v in place.items()}
    record = {"severity": severity, "rule": rule, "file": file, "found": found, "expected": expected, "remedy": remedy}
    return pl.DataFrame([{**record, **place}], schema=SCHEMA)


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}... ({len(text)} characters)"


def of_rows(
    rows: pl.DataFrame,
    *,
    rule: str,
    file: str,
    found: pl.Expr,
    expected: pl.Expr | str,
    remedy: pl.Expr | str,
    column: str | None = None,
    severity: str = "error",
) -> pl.DataFrame:
    """Return one problem for each of the given rows (`_row`, `row_id` and `subject_id` are used where present)."""

    def given(name: str, source: str, dtype: Any) -> pl.Expr:
        value = pl.col(source).cast(dtype) if source in rows.columns else pl.lit(None, dtype=dtype)
        return (shortened(value) if dtype == pl.String else value).alias(name)

    def shortened(text: pl.Expr) -> pl.Expr:
        cut = pl.format("{}... ({} characters)", text.str.slice(0, LONGEST), text.str.len_chars())
        return pl.when(text.str.len_chars() > LONGEST).then(cut).otherwise(text)

    return rows.select(
        severity=pl.lit(severity),
        rule=pl.lit(rule),
        file=pl.lit(file),
        row=given("row", "_row", pl.Int64),
        column=pl.lit(column, dtype=pl.String),
        row_id=given("row_id", "row_id", pl.String),
        subject_id=given("subject_id", "subject_id", pl.String),
        found=shortened(found.cast(pl.String).fill_null("nothing")),
        expected=pl.lit(expected) if isinstance(expected, str) else expected,
        remedy=pl.lit(remedy) if isinstance(remedy, str) else remedy,
    )


def gather(parts: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """Join problem lists into one, in a fixed order."""
    whole = pl.concat([none(), *parts], how="vertical_relaxed")
    return whole.unique(maintain_order=True).sort("file", "row", "column", "rule", "row_id", nulls_last=False)
