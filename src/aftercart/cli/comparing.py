"""The command that compares two data cuts or two runs."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from aftercart.cli.common import JSON, OK, PROBLEMS, print_json, progress_shown, reports_errors


@click.command()
@click.argument("before", type=click.Path(path_type=Path), help="Study folder, or what assess or report wrote.")
@click.argument("after", type=click.Path(path_type=Path), help="The same, of the later data cut or run.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for the page and the tables; replaced as a whole.")
@click.option("--no-estimates", is_flag=True, help="Compare rows and assessments only, which is quicker.")
@JSON
@reports_errors
def diff(before: Path, after: Path, out: Path | None, no_estimates: bool, as_json: bool) -> None:
    """Say what changed from BEFORE to AFTER, and because of which row.

    Rows added, changed and retracted; grades, scores and responses that moved, each with its causes; estimates that
    moved, each with the patients who moved them. Each side is a study folder, or a folder that `aftercart assess` or
    `aftercart report` wrote: the same data then show what other rules change.

    Exit codes: 0 nothing changed, 1 something changed, 2 the call could not be answered.

    \b
    Examples:
      aftercart diff cut-2024-06 cut-2024-12
      aftercart diff report-of-last-year my-study --out changes
    """
    from aftercart.differences import diff as compare

    with progress_shown() as progress:
        found = compare(before, after, estimates=not no_estimates, progress=progress)
        if out is not None:
            from aftercart.reporting.comparison import write_comparison

            write_comparison(found, out)
    if as_json:
        print_json(found.as_dict())
    else:
        click.echo(str(found))
        if out is not None:
            click.echo(f"\nWritten to {out}: comparison.html, comparison.json and every table as Parquet and CSV")
    sys.exit(OK if found.nothing_changed else PROBLEMS)
