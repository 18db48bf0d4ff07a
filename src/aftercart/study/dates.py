"""Dates kept as given, possibly partial: the earliest and latest day that a text can mean, and whether it is one."""

from __future__ import annotations

import polars as pl

PATTERN = (
    r"^([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2})"
    r"(?:[T ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\.[0-9]+)?)?(?:Z|[+-][0-9]{2}:?[0-9]{2})?)?)?)?$"
)
"""ISO 8601 date or time: year, then month, then day, then time with or without an offset; each part may stop there."""


def _part(column: str | pl.Expr, group: int) -> pl.Expr:
    text = pl.col(column) if isinstance(column, str) else column
    return text.str.extract(PATTERN, group).cast(pl.Int32)


def earliest(column: str | pl.Expr) -> pl.Expr:
    """Return the first day that the text can mean (`2024-03` is 1 March); null when it is not a date."""
    month, day = _part(column, 2).fill_null(1), _part(column, 3).fill_null(1)
    return _date(_part(column, 1), month, day)


def latest(column: str | pl.Expr) -> pl.Expr:
    """Return the last day that the text can mean (`2024-03` is 31 March); null when it is not a date."""
    year, month, day = _part(column, 1), _part(column, 2), _part(column, 3)
    last_month = month.fill_null(12)
    month_end = _date(year, last_month, pl.lit(1, dtype=pl.Int32)).dt.month_end()
    return pl.when(day.is_null()).then(month_end).otherwise(_date(year, last_month, day))


def exact(texts: pl.Series) -> pl.Series:
    """Return the day of each text; null where the text is a partial date or none. Distinct texts are read once."""
    distinct = pl.DataFrame({"text": texts.unique().drop_nulls()})
    first, last = earliest("text"), latest("text")
    day = distinct.select(pl.when(first == last).then(first)).to_series()
    return texts.replace_strict(distinct["text"], day, default=None, return_dtype=pl.Date)


def is_valid(column: str | pl.Expr) -> pl.Expr:
    """Whether a text is a date that exists, with a time that exists where it has one; null for null."""
    hour, minute, second = _part(column, 4), _part(column, 5), _part(column, 6)
    time_ok = (hour.fill_null(0) <= 23) & (minute.fill_null(0) <= 59) & (second.fill_null(0) <= 59)
    text = pl.col(column) if isinstance(column, str) else column
    return pl.when(text.is_not_null()).then(latest(column).is_not_null() & time_ok)


def _date(year: pl.Expr, month: pl.Expr, day: pl.Expr) -> pl.Expr:
    """A date from parts; null when the day does not exist (31 February)."""
    text = pl.format(
        "{}-{}-{}",
        year.cast(pl.String).str.zfill(4),
        month.cast(pl.String).str.zfill(2),
        day.cast(pl.String).str.zfill(2),
    )
    return text.str.to_date("%Y-%m-%d", strict=False)
