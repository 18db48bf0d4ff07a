"""Commands that write a report."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from aftercart.cli.common import JSON, OUT, STUDY, counted, exit_code, print_json, progress_shown, reports_errors


@click.command()
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("aftercart-demo"),
    show_default=True,
    help="Folder to write; replaced as a whole.",
)
@JSON
@reports_errors
def demo(out: Path, as_json: bool) -> None:
    """Report the reference cohort of 15 patients (reconstructed, not patient data).

    Writes report.html, summary.json, the assessments and the study itself as a folder of tables.
    """
    from aftercart.demo import reference_cohort

    _report(reference_cohort(), out, as_json, with_study=True)


@click.command()
@STUDY
@OUT
@click.option(
    "--format",
    "formats",
    multiple=True,
    default=("html",),
    show_default="html",
    help="What to write: html, docx, rtf, json; several with commas.",
)
@click.option("--subjects", multiple=True, help="Report these patients only; several with commas.")
@click.option("--as-of", metavar="DATE", help="Report what was known on this day, such as 2024-03-31.")
@click.option(
    "--compare",
    type=click.Path(path_type=Path),
    metavar="OTHER",
    help="Also report what changed since this study, or since what assess or report wrote of it.",
)
@click.option(
    "--paper", type=click.Choice(["letter", "a4"]), default="letter", show_default=True, help="Paper of docx and rtf."
)
@JSON
@reports_errors
def report(
    study: Path,
    out: Path,
    formats: tuple[str, ...],
    subjects: tuple[str, ...],
    as_of: str | None,
    compare: Path | None,
    paper: str,
    as_json: bool,
) -> None:
    """Write the report of STUDY: a page, documents for a submission, the numbers and the assessments.

    \b
    aftercart report my-study --out report
    aftercart report my-study --out report --format html,docx,rtf,json
    aftercart report my-study --out report --subjects P1,P2 --as-of 2024-03-31
    aftercart report my-study --out report --compare last-cut

    Problems in the data are shown in the report and make the exit code 1; the report is written all the same.
    """
    from aftercart.differences import earlier
    from aftercart.sources import read

    found = read(study)
    known = set(found.tables["subjects"]["subject_id"])
    chosen = [s for given in subjects for s in ([given] if given in known else _listed(given))]
    _report(
        found,
        out,
        as_json,
        formats=[f.lower() for given in formats for f in _listed(given)],
        subjects=chosen if subjects else None,
        as_of=as_of,
        compare=None if compare is None else earlier(compare, found),
        paper=paper,
    )


def _listed(given: str) -> list[str]:
    return [part.strip() for part in given.split(",") if part.strip()]


def _report(study: Any, out: Path, as_json: bool, **chosen: Any) -> None:
    from aftercart.reporting import report as write
    from aftercart.study import check as find_problems

    with progress_shown() as progress:
        done = write(study, out, progress=progress, **chosen)
    problems = find_problems(study)
    if as_json:
        print_json(done.summary.as_dict())
    else:
        click.echo(done.abstract)
        names = ", ".join((*done.files, "assessments.parquet", "assessments.csv"))
        click.echo(f"\nWritten to {done.folder}: {names}")
        if problems.height:
            click.echo(f"The data have {counted(problems)}: see the report, or `aftercart check`.", err=True)
    sys.exit(exit_code(problems))
