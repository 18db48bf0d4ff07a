"""Assess a study of any size: one partition of subjects after another, or anywhere that a partition can be sent."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from aftercart.assessment import assess, chosen, tables
from aftercart.assessment.run import columns, run
from aftercart.assessment.timeline import build
from aftercart.sources import from_frames, parts
from aftercart.sources.parts import SUBJECTS

if TYPE_CHECKING:
    from aftercart.study.model import Study, StudyMeta

Progress = Callable[[int], None]


def assess_partition(
    partition: Mapping[str, Any],
    meta: StudyMeta,
    criteria: Sequence[str] | None = None,
    *,
    records_events: bool | None = None,
) -> pl.DataFrame:
    """Assess the rows of some subjects: the unit of work that a distributed engine runs, with Arrow in and out.

    partition: tables by name, each anything that speaks Arrow, with all rows of its subjects. meta: what the study
    declares. records_events: whether the study as a whole records events (default: whether the partition does; a
    partition without events then cannot say that there was no infection).

    Returns the tidy table of assessments (it speaks Arrow by `__arrow_c_stream__`), the same rows in the same order as
    these subjects have when the study is assessed whole. Raises `UsageError` as `assess` and `from_frames` do.
    """
    return assess(from_frames(partition, meta, records_events=records_events), criteria).table


def assess_folder(
    study: str | Path,
    out: Path,
    criteria: Sequence[str] | None = None,
    *,
    subjects: int = SUBJECTS,
    progress: Progress | None = None,
) -> pl.DataFrame:
    """Assess a study folder into `assessments.parquet` and `assessments.csv`, a part of its subjects at a time.

    study: folder as for `aftercart.read`; in memory is one part of it, where its tables are Parquet. out: existing
    folder to write to. subjects: how many make a part. progress: called with the number of subjects done.

    Returns the problems of the rows (of a study in one part: all that `check` finds). Raises as `read` and `assess`.
    """
    keys = chosen(criteria)
    path = out / "assessments.parquet"
    problems = write_parquet(parts(study, subjects=subjects, columns=columns(keys)), path, keys, progress=progress)
    joined = pl.scan_parquet(path).with_columns(pl.col("source_rows").list.join("; "))
    joined.sink_csv(out / "assessments.csv")
    return problems


def write_parquet(
    studies: Iterator[Study], path: Path, criteria: Sequence[str] | None = None, *, progress: Progress | None = None
) -> pl.DataFrame:
    """Assess parts of a study, as `aftercart.sources.parts` yields them, into one Parquet file.

    Memory holds one part at a time. progress: called with the number of subjects done. Returns the problems in the rows
    of all parts; a study that comes whole is checked across its rows as well. An unfinished file is removed.
    """
    from polars.io.plugins import register_io_source

    from aftercart.study import check, problems

    keys = chosen(criteria)
    listed: list[pl.DataFrame] = []

    def batches(
        columns: list[str] | None, where: pl.Expr | None, rows: int | None, size: int | None
    ) -> Iterator[pl.DataFrame]:
        del columns, where, rows, size
        done = 0
        for part in studies:
            listed.append(check(part) if part.recorded is None else part.problems)
            timeline = build(part)
            done += part.tables["subjects"].height
            del part  # its tables are half of the memory, and the timeline holds all that is still needed
            yield tables.tidied(run(timeline, keys), timeline)
            if progress is not None:
                progress(done)

    source = register_io_source(batches, schema=tables.TIDY, validate_schema=True)
    try:
        source.sink_parquet(path, maintain_order=True)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return problems.gather(listed)
