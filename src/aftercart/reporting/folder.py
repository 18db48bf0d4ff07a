"""One call from a study to a folder with the report, its numbers, the assessments and the study itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aftercart.outputs import replacing_folder

if TYPE_CHECKING:
    from aftercart.assessment import Assessments
    from aftercart.study.model import Study

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Report:
    """Where a report was written, and the summary that it shows."""

    folder: Path
    summary: Any
    abstract: str


def report(study: Study, out: str | Path, *, with_study: bool = False, progress: Progress | None = None) -> Report:
    """Assess a study and write `report.html`, `summary.json` and the assessments into a folder, as one replacement.

    with_study: also write the tables of the study, under `study/`.

    Raises `UsageError` when the folder holds files that aftercart did not write, `MissingExtraError` when the
    packages for drawing are not installed.
    """
    from aftercart.assessment import assess
    from aftercart.reporting.page import write_report

    assessments = assess(study, progress=progress)
    if progress is not None:
        progress("report", 0, 1)
    with replacing_folder(out) as folder:
        summary = write_report(assessments, folder)
        write_assessments(assessments, folder)
        if with_study:
            study.write(folder / "study")
    from aftercart.reporting.words import abstract

    return Report(folder=Path(out), summary=summary, abstract=abstract(summary))


def write_assessments(assessments: Assessments, folder: Path) -> None:
    """Write the tidy table of assessments as Parquet and CSV (source rows joined by semicolons)."""
    import polars as pl

    table = assessments.table
    table.write_parquet(folder / "assessments.parquet")
    table.with_columns(pl.col("source_rows").list.join("; ")).write_csv(folder / "assessments.csv")
