"""Which rows, cells, patients and declarations differ between two data cuts: joins by table and row, never by order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import polars as pl

from aftercart.assessment.timeline import COLUMNS
from aftercart.study import schema

if TYPE_CHECKING:
    from aftercart.study.model import Study, StudyMeta

ROWS: dict[str, Any] = {
    "table": pl.String,
    "row_id": pl.String,
    "subject_id": pl.String,
    "label": pl.String,
    "date": pl.String,
    "change": pl.String,
    "reason": pl.String,
    "counts": pl.Boolean,
}
"""`label` is what the row is about (code, item, medicine, term); `change` is added, changed or retracted; `counts`:
whether a grade could rest on it (false for a row that is in error on both sides, and for a change only in where the row
came from)."""

CELLS: dict[str, Any] = {
    "table": pl.String,
    "row_id": pl.String,
    "subject_id": pl.String,
    "column": pl.String,
    "old": pl.String,
    "new": pl.String,
}

SUBJECTS = {"subject_id": pl.String, "change": pl.String}
DECLARATIONS = {"name": pl.String, "old": pl.String, "new": pl.String}

LABELS = {
    "observations": ("code",),
    "assessments": ("instrument", "item"),
    "exposures": ("drug",),
    "events": ("category", "term"),
    "infusions": ("product",),
    "visits": ("visit",),
    "disposition": ("milestone",),
}
"""Columns that say what a row is about."""

NEVER_READ = frozenset({"study_id", "source", "source_ref", "status"})
"""Columns that no criterion reads; a row entered in error is told from its status before columns are compared."""

ERROR = "entered_in_error"


def changed_rows(a: Study, b: Study) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The rows added, changed and retracted, and every changed cell with what stood in it before and after."""
    rows, cells = [pl.DataFrame(schema=ROWS)], [pl.DataFrame(schema=CELLS)]
    for name in schema.tables():
        found, altered = _of_table(name, a.tables[name], b.tables[name])
        rows.append(found)
        cells.append(altered)
    return pl.concat(rows).sort("table", "subject_id", "row_id"), pl.concat(cells).sort(
        "table", "subject_id", "row_id", "column"
    )


def _of_table(name: str, a: pl.DataFrame, b: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    columns = [c for c in a.columns if c != "row_id" and c in b.columns]
    both = a.select("row_id", pl.struct(columns).alias("a")).join(
        b.select("row_id", pl.struct(columns).alias("b")), on="row_id", how="full", coalesce=True
    )
    both = both.filter(pl.col("a").is_null() | pl.col("b").is_null() | pl.col("a").ne_missing(pl.col("b")))
    old = {c: pl.col("a").struct.field(c) for c in columns}
    new = {c: pl.col("b").struct.field(c) for c in columns}
    here, there = pl.col("a").is_not_null(), pl.col("b").is_not_null()
    wrong_before = (old["status"] == ERROR).fill_null(value=False)
    wrong_after = (new["status"] == ERROR).fill_null(value=False)
    valid_before, valid_after = here & ~wrong_before, there & ~wrong_after
    read = [c for c in COLUMNS.get(name, columns) if c != "row_id" and c not in NEVER_READ]
    dated = next((c for c in ("datetime", "start", "date") if c in columns), None)
    altered = pl.any_horizontal(old[c].ne_missing(new[c]) for c in read)
    retracted = (valid_before & ~valid_after) | (here & ~there)
    added = (valid_after & ~valid_before) | (there & ~here)
    rows = both.select(
        table=pl.lit(name),
        row_id="row_id",
        subject_id=pl.coalesce(new["subject_id"], old["subject_id"]),
        label=pl.coalesce(_label(name, new), _label(name, old)),
        date=pl.coalesce(new[dated], old[dated]) if dated else pl.lit(None, dtype=pl.String),
        change=pl.when(retracted)
        .then(pl.lit("retracted"))
        .when(added)
        .then(pl.lit("added"))
        .otherwise(pl.lit("changed")),
        reason=pl.when(~there)
        .then(pl.lit("gone"))
        .when(~here)
        .then(pl.lit("new"))
        .when(wrong_after & ~wrong_before)
        .then(pl.lit("entered in error"))
        .when(wrong_before & ~wrong_after)
        .then(pl.lit("no longer in error")),
        counts=(valid_before ^ valid_after) | (valid_before & valid_after & altered),
    )
    kept = both.filter(here & there)
    cells = [
        kept.filter(old[c].ne_missing(new[c])).select(
            table=pl.lit(name),
            row_id="row_id",
            subject_id=pl.coalesce(new["subject_id"], old["subject_id"]),
            column=pl.lit(c),
            old=old[c].cast(pl.String),
            new=new[c].cast(pl.String),
        )
        for c in columns
    ]
    return shaped(rows, ROWS), pl.concat([pl.DataFrame(schema=CELLS), *cells])


def _label(name: str, of: Mapping[str, pl.Expr]) -> pl.Expr:
    parts = [of[c] for c in LABELS.get(name, ()) if c in of]
    return pl.concat_str(*parts, separator=" ", ignore_nulls=True).replace("", None) if parts else pl.lit(None)


def shaped(frame: pl.DataFrame, schema: Mapping[str, Any]) -> pl.DataFrame:
    """The columns of a schema, in its order and types."""
    return frame.select(pl.col(name).cast(kind) for name, kind in schema.items())


def changed_subjects(a: Study, b: Study) -> pl.DataFrame:
    """Patients added and removed; one whose only row is entered in error is not in a study."""
    before, after = _subjects(a), _subjects(b)
    parts = [
        after.join(before, on="subject_id", how="anti").with_columns(change=pl.lit("added")),
        before.join(after, on="subject_id", how="anti").with_columns(change=pl.lit("removed")),
    ]
    return pl.concat(parts).sort("subject_id")


def _subjects(study: Study) -> pl.DataFrame:
    valid = pl.col("status").is_null() | (pl.col("status") != ERROR)
    return study.tables["subjects"].filter(valid).select("subject_id").unique()


def changed_declarations(a: Study, b: Study) -> pl.DataFrame:
    """What `study.toml` declares differently, one visit window at a time, and marks of provenance that differ."""
    before, after = declared(a.meta), declared(b.meta)
    names = [n for n in {**before, **after} if before.get(n) != after.get(n)]
    found = [(n, before.get(n), after.get(n)) for n in names]
    for name in sorted({*a.provenance, *b.provenance}):
        one, other = a.provenance.get(name), b.provenance.get(name)
        if one is None or other is None or _marked(one, b.tables[name]) != _marked(other, a.tables[name]):
            words = ["none" if frame is None else f"marks of {frame.height} rows" for frame in (one, other)]
            found.append((f"provenance of {name}", words[0], words[1]))
    return pl.DataFrame(sorted(found), schema=DECLARATIONS, orient="row")


def _marked(marks: pl.DataFrame, other: pl.DataFrame) -> str:
    """The marks of the rows that the other side has too: those of other rows come and go with their rows."""
    return marks.join(other.select("row_id"), on="row_id", how="semi").sort("row_id").write_csv()


def declared(meta: StudyMeta) -> Mapping[str, str]:
    """Every declaration as a name and a text."""
    plain = {
        f.name.replace("_", " ").replace("cut off", "cut-off"): _text(getattr(meta, f.name))
        for f in fields(meta)
        if f.name != "visits"
    }
    windows = {
        window(v.name): f"day {v.target_day}, from {v.target_day - v.before} to {v.target_day + v.after}"
        for v in meta.visits
    }
    return {**plain, **windows}


def window(visit: str) -> str:
    """The name of the declaration of a visit window."""
    return f"visit window {visit}"


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return ", ".join(value) or "none"
    return "not given" if value is None or value == "" else str(value)
