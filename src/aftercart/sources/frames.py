"""A study from data frames in memory: what a notebook holds, or one partition of a distributed engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import polars as pl

from aftercart.errors import UsageError
from aftercart.sources.textfile import cells_of
from aftercart.sources.tidy import rows_of, study_of
from aftercart.study import schema
from aftercart.study.model import Study, StudyMeta


def from_frames(tables: Mapping[str, Any], meta: StudyMeta, *, records_events: bool | None = None) -> Study:
    """Build a study from tables in memory, judged cell by cell and row by row as `aftercart.read` judges files.

    tables: any of the eight tables by name, each anything that speaks Arrow (polars, pandas, pyarrow, DuckDB ...), with
    the columns of the schema. meta: the declarations that `study.toml` would hold. records_events: for a partition,
    whether the whole study records events (default: whether this one does).

    Returns the study; what is wrong is in `study.problems`, with the name of the table in place of a file.
    Raises `UsageError` for a table that does not exist or cannot be read as one.

    >>> from datetime import date
    >>> meta = StudyMeta("Example", "EX", data_cut_off=date(2024, 1, 1))
    >>> subject = {"subject_id": "P1", "row_id": "S1", "source": "clinic", "status": "final", "indication": "SLE"}
    >>> from_frames({"subjects": pl.DataFrame([subject])}, meta)
    <Study EX: 1 subjects>
    """
    unknown = [name for name in tables if name not in schema.tables()]
    if unknown:
        raise UsageError(
            f"There is no table {unknown[0]!r} in a study.", hint=f"the tables are {', '.join(schema.tables())}."
        )
    typed: dict[str, pl.DataFrame] = {}
    counts: dict[str, dict[str, int]] = {}
    listed: list[pl.DataFrame] = []
    for name in schema.tables():
        frame = _frame(name, tables[name]) if name in tables else schema.empty(name)
        cells, more = cells_of(frame, name)
        listed += more
        typed[name], more = rows_of(name, cells, name, meta.study_id)
        listed += more
        counts[name] = {"read": frame.height}
    study = study_of(meta, typed, counts, listed)
    if records_events is None:
        return study
    return replace(study, recorded=frozenset({"events"}) if records_events else frozenset[str]())


def _frame(name: str, table: Any) -> pl.DataFrame:
    try:
        return pl.DataFrame(table)
    except (TypeError, ValueError, pl.exceptions.PolarsError) as error:
        found = f"{type(table).__name__}: {str(error).splitlines()[0]}"
        raise UsageError(
            f"The table {name} cannot be read as a data frame ({found}).",
            hint="give a data frame of polars, pandas or pyarrow, or anything else that speaks Arrow.",
        ) from error
