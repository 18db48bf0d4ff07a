"""Commands about one study: check, assess, analyze, explain."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from aftercart.cli.common import (
    JSON,
    OUT,
    STUDY,
    counted,
    exit_code,
    print_json,
    print_problems,
    progress_shown,
    reports_errors,
)


@click.command()
@STUDY
@JSON
@reports_errors
def check(study: Path, as_json: bool) -> None:
    """List every problem in the data of STUDY: file, row, column, what was found, what was expected, how to fix it."""
    from aftercart.sources import read
    from aftercart.study import check as find_problems

    loaded = read(study)
    problems = find_problems(loaded)
    if as_json:
        print_json({"problems": problems.to_dicts(), "rows": loaded.row_counts})
    else:
        print_problems(problems)
        click.echo(f"{counted(problems)}." if problems.height else "No problems found.")
        for name, counts in loaded.row_counts.items():
            click.echo(f"{name}: {counts['read']} rows read, {counts['kept']} kept, {counts['listed']} listed")
    sys.exit(exit_code(problems))


@click.command()
@STUDY
@OUT
@click.option("--criterion", "criteria", multiple=True, help="Only this criterion and those it needs (repeatable).")
@click.option(
    "--subjects-at-once",
    type=click.IntRange(min=1),
    default=1000,
    show_default=True,
    help="Subjects of a Parquet study in memory at a time; the result is the same for any number.",
)
@JSON
@reports_errors
def assess(study: Path, out: Path, criteria: tuple[str, ...], subjects_at_once: int, as_json: bool) -> None:
    """Grade and score STUDY by every criterion that applies; writes assessments.parquet and assessments.csv.

    A study of Parquet tables is read, assessed and written in parts, so that its size is no matter; `aftercart check`
    lists what is wrong across its rows.
    """
    import polars as pl

    from aftercart.assessment.partitions import assess_folder
    from aftercart.outputs import replacing_folder

    with replacing_folder(out) as folder:
        with progress_shown() as progress:
            problems = assess_folder(
                study,
                folder,
                criteria or None,
                subjects=subjects_at_once,
                progress=lambda done: progress(f"{done} subjects", 0, 0),
            )
        keys = pl.scan_parquet(folder / "assessments.parquet").group_by("criterion").len().sort("criterion").collect()
    counts = dict(keys.iter_rows())
    if as_json:
        print_json({"assessments": sum(counts.values()), "criteria": counts})
    else:
        for key, number in counts.items():
            click.echo(f"{key}: {number}")
        click.echo(f"{sum(counts.values())} assessments written to {out}")
    sys.exit(exit_code(problems))


@click.command()
@STUDY
@OUT
@click.option("--confidence", type=float, default=0.95, show_default=True, help="Level of every interval.")
@JSON
@reports_errors
def analyze(study: Path, out: Path, confidence: float, as_json: bool) -> None:
    """Estimate safety, B cells, efficacy and durability of STUDY, by disease and together.

    Writes estimates, the patients behind each (answers), responders, curves, baseline, flow and shifts as Parquet, CSV
    and JSON. Every interval is named by its method; one that does not exist is empty, and its note says why.
    """
    from aftercart.analysis import analyze as run
    from aftercart.outputs import replacing_folder
    from aftercart.sources import read
    from aftercart.study import check as find_problems

    loaded = read(study)
    with progress_shown() as progress:
        done = run(loaded, confidence=confidence, progress=progress)
    with replacing_folder(out) as folder:
        done.write(folder)
    if as_json:
        print_json({"estimates": done.estimates.height, **done.about})
    else:
        click.echo(f"{done.estimates.height} estimates and {done.curves['id'].n_unique()} curves written to {out}")
    sys.exit(exit_code(find_problems(loaded)))


@click.command()
@STUDY
@click.argument("subject", help="Identifier of the patient, as in the tables.")
@click.argument("criterion", help="Key of the criterion; `aftercart criteria` lists them.")
@click.option("--day", type=int, help="Only the result of this day after infusion (infusion is day 0).")
@click.option("--html", type=click.Path(path_type=Path), help="Write a page to this file instead.")
@JSON
@reports_errors
def explain(study: Path, subject: str, criterion: str, day: int | None, html: Path | None, as_json: bool) -> None:
    """Say why SUBJECT has the result it has by CRITERION.

    The clause that decided, the values with their dates and source rows, what was missing, and what would have
    changed the result.
    """
    from aftercart.assessment.explain import explain as reasons
    from aftercart.sources import read

    loaded = read(study)
    found = reasons(loaded, subject, criterion, day=day)
    if html is not None:
        from aftercart.outputs import write_atomically
        from aftercart.reporting import explanation_page

        write_atomically(html, explanation_page(loaded, found).encode())
        click.echo(f"Written to {html}")
    elif as_json:
        print_json([e.as_dict() for e in found])
    else:
        click.echo("\n\n".join(str(e) for e in found))
