"""Replace what points at a person while a study is imported: keyed pseudonyms, shifted dates, no free text.

The key stays outside the study: without it a pseudonym cannot be computed from a record number, and with it a later
import gives the same pseudonyms and the same shift. Shifted dates are not the Safe Harbor method of HIPAA, which
removes all parts of a date but the year; say so where the data go.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from aftercart.errors import UsageError
from aftercart.study import problems, schema
from aftercart.study.dates import PATTERN

KEY_VARIABLE = "AFTERCART_PSEUDONYM_KEY"
SHORTEST_KEY = 16
FURTHEST_WEEKS = 52
OLDEST = 89
"""Ages above this are pooled: a person of 97 can be recognised by the age alone."""

TEXTS = {
    "infusions": ("lot", "coi_id"),
    "exposures": ("drug_text",),
    "observations": ("reason",),
    "events": ("term_text", "action", "death_cause"),
    "assessments": ("reason",),
    "visits": ("reason_missed",),
    "disposition": ("reason",),
}
"""Columns that hold free text or numbers of a person's product: left out unless asked for."""

REFERENCES = ("row_id", "indication_row", "suspect_row", "administration_id")


@dataclass(frozen=True, repr=False)
class Pseudonyms:
    """How an import hides who a patient is.

    key: at least 16 bytes, kept outside the study. shift_dates: move all dates of a patient by one number of whole
    weeks, up to a year either way, never zero. keep_text: keep free texts, lot and chain-of-identity numbers.
    """

    key: bytes
    shift_dates: bool = False
    keep_text: bool = False

    def __post_init__(self) -> None:
        if len(self.key) < SHORTEST_KEY:
            raise UsageError(
                f"The key for pseudonyms has {len(self.key)} bytes, expected at least {SHORTEST_KEY}.",
                hint="make one with: python -c 'import secrets; print(secrets.token_hex(32))'",
            )

    @classmethod
    def from_environment(
        cls, key_file: Path | None = None, *, shift_dates: bool = False, keep_text: bool = False
    ) -> Pseudonyms:
        """Take the key from a file, or from the environment variable AFTERCART_PSEUDONYM_KEY.

        Raises `UsageError` where there is no key or it is too short; the key itself is never printed.
        """
        if key_file is not None:
            try:
                key = key_file.read_bytes().strip()
            except OSError as error:
                raise UsageError(f"The key file {key_file} cannot be read: {error.strerror}.") from error
        else:
            key = os.environ.get(KEY_VARIABLE, "").encode()
        if not key:
            raise UsageError(
                "There is no key for pseudonyms.",
                hint=f"set {KEY_VARIABLE}, or name a file with --key-file; keep it outside the study.",
            )
        return cls(key, shift_dates, keep_text)

    def pseudonym(self, text: str, kind: str = "subject") -> str:
        """The pseudonym of an identifier: the same for the same key, and not to be guessed without it."""
        digest = hmac.new(self.key, f"{kind}\x00{text}".encode(), hashlib.sha256).digest()
        return ("P-" if kind == "subject" else "R-") + base64.b32encode(digest)[:16].decode()

    def days(self, subject: str) -> int:
        """Days by which the dates of a subject are moved: whole weeks, so that weekdays stay, and never none."""
        digest = hmac.new(self.key, f"shift\x00{subject}".encode(), hashlib.sha256).digest()
        weeks = int.from_bytes(digest[:8], "big") % (2 * FURTHEST_WEEKS) - FURTHEST_WEEKS
        return 7 * (weeks if weeks < 0 else weeks + 1)

    def apply(self, tables: Mapping[str, pl.DataFrame]) -> tuple[dict[str, pl.DataFrame], list[pl.DataFrame]]:
        """Return the tables without what points at a person, and a line for each column of text that was left out."""
        subjects = sorted({s for t in tables.values() if "subject_id" in t.columns for s in _texts(t["subject_id"])})
        names = {s: self.pseudonym(s) for s in subjects}
        shift = {s: self.days(s) for s in subjects} if self.shift_dates else {}
        done: dict[str, pl.DataFrame] = {}
        listed: list[pl.DataFrame] = []
        for name, table in tables.items():
            hidden, dropped = self._hidden(name, table, names, shift)
            done[name] = hidden
            listed += [
                problems.one(
                    "text_left_out",
                    name,
                    f"{table[column].drop_nulls().len()} texts",
                    "no free text in a study with pseudonyms",
                    "keep it with --keep-text only when nobody is named in it.",
                    severity="warning",
                    column=column,
                )
                for column in dropped
            ]
        return done, listed

    def apply_to_problems(self, listed: pl.DataFrame) -> pl.DataFrame:
        """A problem list with the pseudonyms of its subjects."""
        subjects = {s: self.pseudonym(s) for s in _texts(listed["subject_id"])}
        rows = {r: self.pseudonym(r, "row") for r in _texts(listed["row_id"])}
        return listed.with_columns(
            subject_id=pl.col("subject_id").replace(subjects), row_id=pl.col("row_id").replace(rows)
        )

    def _hidden(
        self, name: str, table: pl.DataFrame, names: Mapping[str, str], shift: Mapping[str, int]
    ) -> tuple[pl.DataFrame, list[str]]:
        dropped = [c for c in TEXTS.get(name, ()) if c in table.columns and not self.keep_text]
        dropped = [c for c in dropped if table[c].null_count() < table.height]
        table = table.drop(dropped)
        if shift and "subject_id" in table.columns:
            columns = [c.name for c in schema.tables()[name].columns if c.type in ("date", "datetime")]
            days = pl.col("subject_id").cast(pl.String).replace_strict(shift, default=None, return_dtype=pl.Int64)
            present = [c for c in columns if c in table.columns]
            table = table.with_columns(shifted(pl.col(c).cast(pl.String), days).alias(c) for c in present)
        if "subject_id" in table.columns:
            table = table.with_columns(pl.col("subject_id").cast(pl.String).replace(dict(names)))
        for column in REFERENCES:
            if column in table.columns:
                keys = {k: self.pseudonym(k, "row") for k in _texts(table[column])}
                table = table.with_columns(pl.col(column).cast(pl.String).replace(keys))
        table = table.drop("source_ref", strict=False)
        if name == "subjects" and "age_at_infusion" in table.columns:
            age = pl.col("age_at_infusion").cast(pl.Int64, strict=False)
            pooled = {"age_at_infusion": pl.when(age > OLDEST).then(OLDEST + 1).otherwise(age)}
            if "birth_year" in table.columns:
                pooled["birth_year"] = pl.when(age <= OLDEST).then("birth_year")
            table = table.with_columns(**pooled)
        return table, dropped


def _texts(column: pl.Series) -> list[str]:
    found: list[str] = column.cast(pl.String).unique().drop_nulls().sort().to_list()
    return found


def shifted(text: pl.Expr, days: pl.Expr) -> pl.Expr:
    """A date or time as text, moved by whole days; a time of day stays, and so does how much of a date is known.

    A month without a day is moved from its middle, a year alone from its middle, and cut again to the same parts. What
    is not a date is emptied, so that nothing unshifted gets through.
    """
    year, month, day = (text.str.extract(PATTERN, i) for i in (1, 2, 3))
    whole = pl.concat_str(year, month.fill_null("07"), day.fill_null("15"), separator="-")
    moved = whole.str.to_date("%Y-%m-%d", strict=False).dt.offset_by(pl.concat_str(days.cast(pl.String), pl.lit("d")))
    out = moved.dt.to_string("%Y-%m-%d")
    rest = text.str.slice(10)
    return (
        pl.when(month.is_null())
        .then(out.str.slice(0, 4))
        .when(day.is_null())
        .then(out.str.slice(0, 7))
        .otherwise(pl.concat_str(out, rest))
    )


def identifier_refused(table: str, column: str, rows: int) -> pl.DataFrame:
    """The line that says a column of direct identifiers was not read."""
    return problems.one(
        "direct_identifier",
        table,
        f"{rows} values of a direct identifier",
        "no names, addresses, full dates of birth or record numbers",
        "nothing to do: the column is not read into the study.",
        severity="warning",
        column=column,
    )
