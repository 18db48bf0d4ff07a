"""From the variables of a domain to the columns of a study table: what is the same for every domain."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import polars as pl

from aftercart.sources.sdtm.supplemental import MARK, USED
from aftercart.standards import sdtm
from aftercart.study import problems, schema

HOUSEKEEPING = ("STUDYID", "DOMAIN", "USUBJID", "SUBJID", "_table", "_row")
"""Variables that say nothing of their own; study days, sequence numbers and epochs are worked out anew."""
DERIVED = ("SEQ", "DY", "STDY", "ENDY", "BLFL", "LOBXFL", "TEST", "ENTPT", "AGEU", "EPOCH")

FOREIGN = {
    "related": {
        "not_related": "unrelated",
        "none": "unrelated",
        "remote": "unlikely",
        "unlikely_related": "unlikely",
        "possibly_related": "possible",
        "probably_related": "probable",
        "definite": "related",
    },
    "sex": {"undifferentiated": "INTERSEX", "male": "M", "female": "F", "unknown": "U"},
    "mode": {"in_person": "onsite", "telephone_call": "remote_phone", "video_conference": "video"},
    "rater": {"study_subject": "patient", "clinical_study_sponsor": "central", "independent_assessor": "central"},
    "frequency": {"1_time_per_week": "QW", "every_week": "QW", "daily": "QD", "every_month": "QM"},
    "purpose": {"prior": "background", "concomitant": "background"},
    "product_class": {"car_t_cells": "CAR_T"},
}
"""Spellings of code lists for the values that a study admits."""


@dataclass(frozen=True)
class Placed:
    """Rows for the study tables, which source rows served others, and what has no place."""

    tables: dict[str, pl.DataFrame]
    used: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=USED))
    listed: list[pl.DataFrame] = field(default_factory=list)


def columns(rows: pl.DataFrame, domain: str) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    """The columns of the study table that a domain holds, each from its qualifier or else its variable.

    Values of a code list are matched whatever their case and spelling of gaps; one that matches nothing is listed and
    left empty. Variables without a place are named once.
    """
    table = schema.tables()[sdtm.domains()[domain].table]
    variables = {p.column: p.name for p in sdtm.places(domain)}
    qualifiers = {column: f"{MARK}{p.name}" for column, p in sdtm.qualifiers().items()}
    taken: dict[str, pl.Expr] = {}
    for column in table.names:
        found = [n for n in (qualifiers.get(column), variables.get(column)) if n is not None and n in rows.columns]
        if found:
            taken[column] = pl.coalesce(pl.col(n).cast(pl.String) if len(found) > 1 else pl.col(n) for n in found)
    out = rows.with_columns(**{f"={name}": expr for name, expr in taken.items()})
    out = out.select("_table", "_row", "USUBJID", *(pl.col(f"={name}").alias(name) for name in taken))
    listed: list[pl.DataFrame] = []
    for declared in table.columns:
        name = declared.name
        if name not in taken or declared.type not in ("enum", "bool"):
            continue
        if declared.type == "bool":
            out = out.with_columns(truth(pl.col(name)).alias(name))
            continue
        known = matches(declared.allowed, FOREIGN.get(name, {}))
        matched = normal(pl.col(name)).replace_strict(known, default=None, return_dtype=pl.String)
        strange = out.filter(pl.col(name).is_not_null() & matched.is_null())
        if strange.height and name not in OPEN:
            listed.append(strange_values(strange, name, variables.get(name) or name, declared.expectation))
        out = out.with_columns(matched.alias(name))
    listed += _without_place(rows, domain, set(variables.values()) | set(qualifiers.values()))
    return out.rename({"USUBJID": "subject_id"}), listed


OPEN = ("category", "purpose", "product_class")
"""Columns whose variable holds a category that every sponsor names as it likes: no match is no problem."""


def qualified(rows: pl.DataFrame, column: str) -> pl.Series:
    """Whether a qualifier says the value of a column exactly, so that nothing is to be read between the lines."""
    name = f"{MARK}{sdtm.qualifiers()[column].name}"
    return rows[name].is_not_null() if name in rows.columns else pl.Series([False] * rows.height, dtype=pl.Boolean)


def normal(text: pl.Expr) -> pl.Expr:
    """A code-list value in lower case, with one underscore for any gap."""
    return text.cast(pl.String).str.to_lowercase().str.replace_all(r"[^a-z0-9]+", "_").str.strip_chars("_")


def matches(allowed: tuple[str, ...], more: Mapping[str, str]) -> dict[str, str]:
    """Normal spelling to admissible value."""
    plain = pl.DataFrame({"value": list(allowed)}).with_columns(normal(pl.col("value")).alias("key"))
    return {**dict(zip(plain["key"], plain["value"], strict=True)), **more}


def truth(flag: pl.Expr) -> pl.Expr:
    """Y and N (and ONGOING, NOT DONE, which stand for yes where they stand at all) as words that a study reads."""
    known = {"y": "true", "n": "false", "ongoing": "true", "not_done": "true", "yes": "true", "no": "false"}
    return normal(flag).replace_strict(known, default=None, return_dtype=pl.String)


def strange_values(rows: pl.DataFrame, column: str, variable: str, expected: str) -> pl.DataFrame:
    """A line for every value that matches nothing."""
    return pl.concat(
        problems.of_rows(
            part.rename({"USUBJID": "subject_id"}) if "USUBJID" in part.columns else part,
            rule="code_list",
            file=str(table),
            column=variable,
            found=pl.col(column),
            expected=expected,
            remedy="correct it in the source if it is needed. The cell is left empty.",
            severity="warning",
        )
        for (table,), part in rows.group_by("_table", maintain_order=True)
    )


def _without_place(rows: pl.DataFrame, domain: str, known: set[str]) -> list[pl.DataFrame]:
    derived = {f"{domain}{suffix}" for suffix in DERIVED} | set(DERIVED)
    special = SPECIAL.get(domain, ()) + SPECIAL.get(sdtm.domains()[domain].cls, ())
    read = {name.replace("--", domain) for name in special}
    left = [
        c
        for c in rows.columns
        if c not in known | derived | read
        and c not in HOUSEKEEPING
        and not c.startswith(MARK)
        and rows[c].null_count() < rows.height
    ]
    if not left or not rows.height:
        return []
    return [
        problems.one(
            "variables_not_placed",
            str(rows["_table"][0]),
            ", ".join(left),
            "variables that have a place in a study",
            "nothing to do unless a criterion needs them. They are not read.",
            severity="warning",
        )
    ]


SPECIAL: dict[str, tuple[str, ...]] = {
    "DM": (
        "RFSTDTC",
        "RFENDTC",
        "RFXSTDTC",
        "RFXENDTC",
        "RFPENDTC",
        "DTHFL",
        "ARM",
        "ARMCD",
        "ACTARM",
        "ACTARMCD",
        "DMDTC",
    ),
    "EX": ("EXDOSE", "EXDOSU"),
    "IS": ("ISBDAGNT",),
    "SV": ("SVPRESP",),
    "DS": ("DSDECOD", "DSCAT"),
    "CM": ("CMENRF",),
    "FINDINGS": ("--ORRES", "--ORNRLO", "--ORNRHI", "--LOINC", "--NRIND", "VISITNUM", "VISITDY"),
    "EVENTS": ("--ENRF",),
}
"""Variables that are read by hand beside those that hold a column alone."""
