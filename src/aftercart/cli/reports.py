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
@JSON
@reports_errors
def report(study: Path, out: Path, as_json: bool) -> None:
    """Write the report of STUDY: report.html, summary.json and the assessments.

    Problems in the data are shown in the report and make the exit code 1; the report is written all the same.
    """
    from aftercart.sources import read

    _report(read(study), out, as_json, with_study=False)


def _report(study: Any, out: Path, as_json: bool, *, with_study: bool) -> None:
    from aftercart.reporting import report as write
    from aftercart.study import check as find_problems

    with progress_shown() as progress:
        done = write(study, out, with_study=with_study, progress=progress)
    problems = find_problems(study)
    if as_json:
        print_json(done.summary.as_dict())
    else:
        click.echo(done.abstract)
        click.echo(f"\nWritten to {done.folder}: report.html, summary.json, assessments.parquet, assessments.csv")
        if problems.height:
            click.echo(f"The data have {counted(problems)}: see the report, or `aftercart check`.", err=True)
    sys.exit(exit_code(problems))
