"""One call from a study to a folder with the report, its numbers, the assessments and the study itself."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aftercart.errors import MissingExtraError, UsageError
from aftercart.outputs import replacing_folder
from aftercart.reporting.scope import Scope, restricted

if TYPE_CHECKING:
    from aftercart.analysis import Analysis
    from aftercart.analysis.comparison import Difference, Side
    from aftercart.assessment import Assessments
    from aftercart.study.model import Study

Progress = Callable[[str, int, int], None]

FORMATS = ("html", "docx", "rtf", "json")
PAPERS = ("letter", "a4")

NEEDED = {"docx": ("docx", "python-docx", "a Word document"), "rtf": ("rtflite", "rtflite", "an RTF document")}
"""Module, package and purpose of what a format needs."""


@dataclass(frozen=True)
class Report:
    """Where a report was written, and the summary that it shows."""

    folder: Path
    summary: Any
    abstract: str
    files: tuple[str, ...] = ()
    """The names of the files that a reader opens, beside the assessments."""


def report(  # noqa: PLR0913 - one keyword for each thing that a reader can choose
    study: Study,
    out: str | Path,
    *,
    formats: Sequence[str] = ("html",),
    subjects: Sequence[str] | None = None,
    as_of: date | str | None = None,
    paper: str = "letter",
    compare: Study | Side | None = None,
    with_study: bool = False,
    progress: Progress | None = None,
) -> Report:
    """Assess a study and write its report and the assessments into a folder, as one replacement.

    formats: `html` (`report.html`, `summary.json`, `figures/`, `analysis/`, and the texts for a paper in `journal/`),
    `json` (`summary.json` and every submission table in `tables.json`), `docx` and `rtf` (those tables, listings and
    figures as `report.docx` and `report.rtf`, on landscape `paper`: `letter` or `a4`). subjects: report these patients
    only. as_of: report what was known on that day (a date or `2024-03-31`). Both are said on every page. compare: an
    earlier study, or what an earlier run wrote (`aftercart.analysis.comparison.of_folder`), for the section on what
    changed and the tables in `changed/`. with_study: also write the tables of the study, under `study/`.

    Raises `UsageError` for an unknown format, paper or patient, for a text that is not a date, and when the folder
    holds files that aftercart did not write; `MissingExtraError` when a package that a format needs is not installed.
    Then nothing is written.
    """
    _check(formats, paper)
    scope = restricted(study, subjects=subjects, as_of=as_of)
    if subjects is not None and compare is not None:
        compare = _of_patients(compare, subjects)
    from aftercart.assessment import assess

    assessments = assess(scope.study, progress=progress)
    if progress is not None:
        progress("report", 0, 1)
    with replacing_folder(out) as folder:
        summary, files = _write(assessments, scope, folder, formats, paper, compare)
        write_assessments(assessments, folder)
        if with_study:
            scope.study.write(folder / "study")
    from aftercart.reporting.words import abstract

    return Report(folder=Path(out), summary=summary, abstract=abstract(summary), files=files)


def _check(formats: Sequence[str], paper: str) -> None:
    unknown = [f for f in formats if f not in FORMATS]
    if unknown or not formats:
        found = f"There is no format {unknown[0]!r}." if unknown else "No format is named."
        raise UsageError(found, hint=f"choose from {', '.join(FORMATS)}.")
    if paper not in PAPERS:
        raise UsageError(f"There is no paper {paper!r}.", hint=f"choose {' or '.join(PAPERS)}.")
    for name in formats:
        if name in NEEDED and importlib.util.find_spec(NEEDED[name][0]) is None:
            raise MissingExtraError(NEEDED[name][1], "documents", NEEDED[name][2])


def _write(
    assessments: Assessments,
    scope: Scope,
    folder: Path,
    formats: Sequence[str],
    paper: str,
    compare: Study | Side | None,
) -> tuple[Any, tuple[str, ...]]:
    """Write what each format consists of from one analysis; returns the summary and the names of the files."""
    from aftercart.analysis import analyze, summarize
    from aftercart.analysis.cohort import Cohort

    cohort = Cohort.of(scope.study, assessments)
    summary, analysis = summarize(scope.study, assessments), analyze(scope.study, assessments)
    drawn: Any = {}
    files: list[str] = []
    if set(formats) & {"html", "docx", "rtf"}:
        from aftercart.reporting.figures import draw_all

        drawn = draw_all(cohort, analysis)
    if "html" in formats:
        from aftercart.reporting.comparison import comparison_section
        from aftercart.reporting.journal import of_results
        from aftercart.reporting.page import write_report

        journal = of_results(cohort, summary, analysis)
        changed = None if compare is None else _changed(compare, scope, assessments, analysis)
        for name, part in (("journal", journal), ("changed", changed)):
            if part is not None:
                (folder / name).mkdir()
                part.write(folder / name)
        write_report(
            assessments,
            folder,
            summary=summary,
            analysis=analysis,
            figures=drawn,
            comparison=None if changed is None else comparison_section(changed),
            journal=journal,
        )
        files += ["report.html", "summary.json"]
    if set(formats) & {"docx", "rtf", "json"}:
        from aftercart.reporting import documents

        origin = documents.Origin.of(analysis.about, note=scope.study.meta.note, scope=scope.sentences)
        tables = documents.submission_tables(cohort, analysis)
        if "json" in formats:
            from aftercart.reporting.page import summary_json

            (folder / "summary.json").write_text(summary_json(summary), "utf-8")
            (folder / "tables.json").write_text(documents.tables_json(tables, origin), "utf-8")
            files += ["summary.json", "tables.json"]
        if set(formats) & {"docx", "rtf"}:
            images = documents.numbered_figures(drawn)
            files += documents.write_documents(folder, tables, images, origin, formats, paper=paper)
    return summary, tuple(dict.fromkeys(files))


def _of_patients(compare: Study | Side, subjects: Sequence[str]) -> Study:
    """An earlier study of some patients, those whom it has."""
    from aftercart.analysis.comparison import Side

    if isinstance(compare, Side):
        raise UsageError(
            "What an earlier run wrote is about all of its patients, and this report about some.",
            hint="compare with the earlier study instead, or report all patients.",
        )
    known = set(compare.tables["subjects"]["subject_id"])
    return compare.select(subjects=[s for s in subjects if s in known])


def _changed(compare: Study | Side, scope: Scope, assessments: Assessments, analysis: Analysis) -> Difference:
    """What changed since an earlier study, of the same patients, or since an earlier run."""
    from aftercart.analysis.comparison import Side, of_study
    from aftercart.analysis.comparison import compare as compared

    now = of_study(scope.study, assessments, analysis)
    if isinstance(compare, Side):
        return compared(compare, now)
    return compared(of_study(compare), now)


def write_assessments(assessments: Assessments, folder: Path) -> None:
    """Write the tidy table of assessments as Parquet and CSV (source rows joined by semicolons)."""
    import polars as pl

    table = assessments.table
    table.write_parquet(folder / "assessments.parquet")
    table.with_columns(pl.col("source_rows").list.join("; ")).write_csv(folder / "assessments.csv")
