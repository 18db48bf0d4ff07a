"""From rows of a foreign source to a study, with a reconciliation: every row that was read is kept or listed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import polars as pl

from aftercart.sources.textfile import cells_of
from aftercart.sources.tidy import rows_of, study_of
from aftercart.study import problems, schema
from aftercart.study.model import Study, StudyMeta

if TYPE_CHECKING:
    from aftercart.sources.pseudonyms import Pseudonyms

TABLE, ROW, FIELD = "_table", "_row", "_field"
"""Where a study row came from: table (file, form, resource type) and row of the source, and the field of its value."""

RECONCILIATION = {
    "source_table": pl.String,
    "rows_read": pl.Int64,
    "rows_kept": pl.Int64,
    "rows_listed": pl.Int64,
    "study_rows": pl.Int64,
}
"""By table of the source: rows read = rows kept + rows listed; `study_rows` are the rows of the study they became."""

VALUE_COLUMNS = ("value", "value_text", "unit", "comparator", "value_original", "code", "item")


class Imported(NamedTuple):
    """What an import returns: the study, and what became of every row of the source."""

    study: Study
    reconciliation: pl.DataFrame


def assemble(
    source: str,
    tables: Mapping[str, pl.DataFrame],
    meta: StudyMeta,
    *,
    read: Mapping[str, pl.Series],
    listed: Sequence[pl.DataFrame] = (),
    used: pl.DataFrame | None = None,
    pseudonyms: Pseudonyms | None = None,
) -> Imported:
    """Judge rows of a source by the rules of the study tables and count what became of each source row.

    source: short name of the system, for the column `source`. tables: by study table, cells as the source gives them
    under the column names of the schema, with `_table` and `_row` (the source's own table and row) and, where a row
    holds one value of a wide source row, `_field`. `row_id`, `source_ref`, `source` and `status` are filled in where
    absent. read: by source table, the numbers of all its rows. listed: problems the reader itself found, with the
    source's table as `file` and its row as `row`; a row that gives no study row should be among them. used: source rows
    that gave no study row of their own but cells of another's (`source_table`, `source_row`, `parent_table`,
    `parent_row`); they count as kept where that other row is kept.

    Problems name the table, row and field of the source. A row that neither gave a row nor was listed gets a line.
    """
    if pseudonyms is not None:
        tables, more = pseudonyms.apply(tables)
        listed = [*(pseudonyms.apply_to_problems(part) for part in listed), *more]
    typed: dict[str, pl.DataFrame] = {}
    counts: dict[str, dict[str, int]] = {}
    found: list[pl.DataFrame] = []
    origins: list[pl.DataFrame] = []
    for name in schema.tables():
        frame = _complete(name, tables.get(name), source)
        origins.append(_origin(name, frame))
        cells, more = cells_of(frame.drop(TABLE, ROW, FIELD, strict=False), name)
        typed[name], more_rows = rows_of(name, cells, name, meta.study_id)
        found += [*more, *more_rows]
        counts[name] = {"read": frame.height}
    study = study_of(meta, typed, counts, found)
    origin = pl.concat(origins)
    named = _by_source(study.problems, origin)
    kept = _kept(study, origin)
    if used is not None:
        parents = kept.unique().rename({"source_table": "parent_table", "source_row": "parent_row"})
        through = used.join(parents, on=["parent_table", "parent_row"], how="semi").select("source_table", "source_row")
        helping = through.unique()
    else:
        helping = kept.clear()
    rows = _all_rows(read)
    known = problems.gather([*listed, named])
    silent = _silent(rows, pl.concat([kept, helping]), known)
    study = replace(study, problems=problems.gather([known, silent]))
    return Imported(study, _reconciled(rows, kept, helping))


def _complete(name: str, frame: pl.DataFrame | None, source: str) -> pl.DataFrame:
    """A table with its leading columns; a row without a key of its own is named by its place in the source."""
    if frame is None:
        frame = schema.empty(name).with_columns(
            pl.lit(None, dtype=pl.String).alias(TABLE), pl.lit(None, dtype=pl.Int64).alias(ROW)
        )
    place = pl.format("{}:{}", TABLE, ROW)
    nth = pl.int_range(pl.len()).over(TABLE, ROW)
    key = pl.when(nth == 0).then(place).otherwise(pl.format("{}:{}", place, nth + 1))
    defaults = {"row_id": key, "source": pl.lit(source), "source_ref": place, "status": pl.lit("final")}
    given = [c for c in defaults if c in frame.columns]
    return frame.with_columns(pl.col(c).cast(pl.String) for c in given).with_columns(
        (pl.coalesce(c, value) if c in given else value).alias(c) for c, value in defaults.items()
    )


def _origin(name: str, frame: pl.DataFrame) -> pl.DataFrame:
    """The place in the source of every row of a study table, by its number there (as problems count)."""
    field = pl.col(FIELD).cast(pl.String) if FIELD in frame.columns else pl.lit(None, dtype=pl.String)
    return frame.select(
        study_table=pl.lit(name),
        number=pl.int_range(2, pl.len() + 2, dtype=pl.Int64),
        row_id=pl.col("row_id").cast(pl.String).str.strip_chars(),
        source_table=pl.col(TABLE).cast(pl.String),
        source_row=pl.col(ROW).cast(pl.Int64),
        field=field,
    )


def _by_source(found: pl.DataFrame, origin: pl.DataFrame) -> pl.DataFrame:
    """Problems with the table, row and field of the source in place of those of the study."""
    placed = found.join(
        origin.select("study_table", "number", "source_table", "source_row", "field"),
        left_on=["file", "row"],
        right_on=["study_table", "number"],
        how="left",
        maintain_order="left",
    )
    is_value = pl.col("column").is_in(VALUE_COLUMNS) & pl.col("field").is_not_null()
    return placed.select(
        "severity",
        "rule",
        file=pl.coalesce("source_table", "file"),
        row=pl.coalesce("source_row", "row"),
        column=pl.when(is_value).then("field").otherwise("column"),
        row_id="row_id",
        subject_id="subject_id",
        found="found",
        expected="expected",
        remedy="remedy",
    )


def _kept(study: Study, origin: pl.DataFrame) -> pl.DataFrame:
    """The source rows of the study's rows, one row for each row of the study."""
    rows = [t.select(study_table=pl.lit(name), row_id="row_id") for name, t in study.tables.items()]
    first = origin.unique(["study_table", "row_id"], keep="first", maintain_order=True)
    return pl.concat(rows).join(first, on=["study_table", "row_id"]).select("source_table", "source_row")


def _all_rows(read: Mapping[str, pl.Series]) -> pl.DataFrame:
    parts = [
        pl.DataFrame({"source_row": rows.cast(pl.Int64)}).with_columns(source_table=pl.lit(t))
        for t, rows in read.items()
    ]
    empty = pl.DataFrame(schema={"source_row": pl.Int64, "source_table": pl.String})
    return pl.concat([empty, *parts]).select("source_table", "source_row")


def _silent(rows: pl.DataFrame, kept: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """A line for every source row that is neither in the study nor in the problems."""
    said = known.select(source_table="file", source_row="row")
    both = ["source_table", "source_row"]
    left = rows.join(kept, on=both, how="anti").join(said, on=both, how="anti").sort(both)
    return (
        pl.concat(
            problems.of_rows(
                part.select(_row="source_row"),
                rule="not_placed",
                file=str(table),
                found=pl.lit("a row that gives no row of the study"),
                expected="a row that the mapping places",
                remedy="add it to the mapping if it is needed. The row is not used.",
                severity="warning",
            )
            for (table,), part in left.group_by("source_table", maintain_order=True)
        )
        if left.height
        else problems.none()
    )


def _reconciled(rows: pl.DataFrame, kept: pl.DataFrame, helping: pl.DataFrame) -> pl.DataFrame:
    both = ["source_table", "source_row"]
    made = kept.group_by("source_table").agg(study_rows=pl.len())
    used = (
        rows.join(pl.concat([kept, helping]).unique(), on=both, how="semi")
        .group_by("source_table")
        .agg(rows_kept=pl.len())
    )
    counted = rows.group_by("source_table").agg(rows_read=pl.len())
    return (
        counted.join(used, on="source_table", how="left")
        .join(made, on="source_table", how="left")
        .with_columns(pl.col("rows_kept", "study_rows").fill_null(0))
        .with_columns(rows_listed=pl.col("rows_read") - pl.col("rows_kept"))
        .select(pl.col(name).cast(dtype) for name, dtype in RECONCILIATION.items())
        .sort("source_table")
    )
