"""Assess a study of any size: one partition of subjects after another, or anywhere that a partition can be sent."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import polars as pl

from aftercart.assessment import assess, chosen, tables
from aftercart.assessment.run import columns, each
from aftercart.assessment.timeline import Timeline, build
from aftercart.sources import from_frames, parts
from aftercart.sources.parts import SUBJECTS

if TYPE_CHECKING:
    from aftercart.study.model import Study, StudyMeta

Progress = Callable[[int], None]

ROW_GROUP = 600_000
"""Rows of results written at once: about those of one part, which is quickest to write."""

Given = TypeVar("Given")
Made = TypeVar("Made")


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

    A part is read while the one before it is assessed and the one before that is written, so memory holds a few parts.
    progress: called with the number of subjects done. Returns the problems in the rows of all parts; a study that comes
    whole is checked across its rows as well. An unfinished file is removed.
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
        for subjects, table in _one_ahead(placed(), assessed):
            done += subjects
            yield table
            if progress is not None:
                progress(done)

    def placed() -> Iterator[tuple[int, Timeline]]:
        for part in studies:
            listed.append(check(part) if part.recorded is None else part.problems)
            subjects, timeline = part.tables["subjects"].height, build(part)
            del part  # its tables are half of the memory, and the timeline holds all that is still needed
            yield subjects, timeline

    def assessed(part: tuple[int, Timeline]) -> tuple[int, pl.DataFrame]:
        subjects, timeline = part
        return subjects, tables.tidied(each(timeline, keys), timeline)

    source = register_io_source(batches, schema=tables.TIDY, validate_schema=True)
    try:
        source.sink_parquet(path, maintain_order=True, row_group_size=ROW_GROUP)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return problems.gather(listed)


def _one_ahead(items: Iterator[Given], work: Callable[[Given], Made]) -> Iterator[Made]:
    """Yield what a thread of its own makes of each item, in order; the next item comes while it is at work."""
    with ThreadPoolExecutor(1) as worker:
        before: Future[Made] | None = None
        for item in items:
            following = worker.submit(work, item)
            del item
            if before is not None:
                yield before.result()
            before = following
            del following
        if before is not None:
            yield before.result()
