"""The command line: parse, call one function of the library, print. Exit codes: 0 fine, 1 problems, 2 usage."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aftercart.errors import AftercartError

if TYPE_CHECKING:
    import polars as pl

OK, PROBLEMS, USAGE = 0, 1, 2

STUDY = click.argument(
    "study", type=click.Path(path_type=Path), help="Folder of CSV or Parquet tables with a study.toml."
)
OUT = click.option(
    "--out", type=click.Path(path_type=Path), required=True, help="Folder to write; replaced as a whole."
)
JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON for a program to read.")


def _errors(command: Callable[..., Any]) -> Callable[..., Any]:
    """Print an expected error as facts and a hint, and leave with its exit code."""

    @wraps(command)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        try:
            return command(*args, **kwargs)
        except AftercartError as error:
            click.echo(f"Error: {error.message}", err=True)
            if error.hint:
                click.echo(f"Hint: {error.hint}", err=True)
            sys.exit(error.exit_code)

    return wrapped


@contextmanager
def _progress() -> Iterator[Callable[[str, int, int], None]]:
    """Say on standard error what is being done, once the work has taken longer than a second."""
    start = time.monotonic()
    shown = False

    def show(step: str, index: int, total: int) -> None:
        nonlocal shown
        if time.monotonic() - start > 1:
            shown = True
            ending = "\r" if sys.stderr.isatty() else "\n"
            place = f" ({index + 1} of {total})" if total else ""
            click.echo(f"{step}{place}{' ' * 20}{ending}", nl=False, err=True)

    yield show
    if shown and sys.stderr.isatty():
        click.echo(" " * 60 + "\r", nl=False, err=True)


def _print_json(value: Any) -> None:
    click.echo(json.dumps(value, indent=2, ensure_ascii=False, default=str))


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="aftercart")
def main() -> None:
    """Graded safety, scored efficacy and honest estimates after CAR-T therapy in autoimmune disease.

    STUDY is a folder of CSV or Parquet tables with a study.toml. Exit codes: 0 fine, 1 problems found in the data
    or cases failing, 2 the call could not be answered.

    \b
    Examples:
      aftercart demo --out build/demo
      aftercart check my-study
      aftercart report my-study --out report
      aftercart explain my-study SLE-1 doris_2021
    """


@main.command()
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("aftercart-demo"),
    show_default=True,
    help="Folder to write; replaced as a whole.",
)
@JSON
@_errors
def demo(out: Path, as_json: bool) -> None:
    """Report the reference cohort of 15 patients (reconstructed, not patient data).

    Writes report.html, summary.json, the assessments and the study itself as a folder of tables.
    """
    from aftercart.demo import reference_cohort

    _report(reference_cohort(), out, as_json, with_study=True)


@main.command()
@STUDY
@OUT
@JSON
@_errors
def report(study: Path, out: Path, as_json: bool) -> None:
    """Write the report of STUDY: report.html, summary.json and the assessments.

    Problems in the data are shown in the report and make the exit code 1; the report is written all the same.
    """
    from aftercart.sources import read

    _report(read(study), out, as_json, with_study=False)


def _report(study: Any, out: Path, as_json: bool, *, with_study: bool) -> None:
    from aftercart.reporting import report as write
    from aftercart.study import check as find_problems

    with _progress() as progress:
        done = write(study, out, with_study=with_study, progress=progress)
    problems = find_problems(study)
    if as_json:
        _print_json(done.summary.as_dict())
    else:
        click.echo(done.abstract)
        click.echo(f"\nWritten to {done.folder}: report.html, summary.json, assessments.parquet, assessments.csv")
        if problems.height:
            click.echo(f"The data have {_counted(problems)}: see the report, or `aftercart check`.", err=True)
    sys.exit(_code(problems))


@main.command()
@STUDY
@JSON
@_errors
def check(study: Path, as_json: bool) -> None:
    """List every problem in the data of STUDY: file, row, column, what was found, what was expected, how to fix it."""
    from aftercart.sources import read
    from aftercart.study import check as find_problems

    loaded = read(study)
    problems = find_problems(loaded)
    if as_json:
        _print_json({"problems": problems.to_dicts(), "rows": loaded.row_counts})
    else:
        for row in problems.iter_rows(named=True):
            place = ", ".join(
                f"{name} {row[name]}" for name in ("row", "column", "row_id", "subject_id") if row.get(name) is not None
            )
            click.echo(f"{row['severity']}: {row['file']}: {place}" if place else f"{row['severity']}: {row['file']}")
            click.echo(f"  found: {row['found']}\n  expected: {row['expected']}\n  remedy: {row['remedy']}")
        click.echo(f"{_counted(problems)}." if problems.height else "No problems found.")
        for name, counts in loaded.row_counts.items():
            click.echo(f"{name}: {counts['read']} rows read, {counts['kept']} kept, {counts['listed']} listed")
    sys.exit(_code(problems))


def _counted(problems: pl.DataFrame) -> str:
    errors = int((problems["severity"] == "error").sum())
    warnings = problems.height - errors
    return f"{errors} error{'s' * (errors != 1)} and {warnings} warning{'s' * (warnings != 1)}"


def _code(problems: pl.DataFrame) -> int:
    return PROBLEMS if (problems["severity"] == "error").any() else OK


@main.command()
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
@_errors
def assess(study: Path, out: Path, criteria: tuple[str, ...], subjects_at_once: int, as_json: bool) -> None:
    """Grade and score STUDY by every criterion that applies; writes assessments.parquet and assessments.csv.

    A study of Parquet tables is read, assessed and written in parts, so that its size is no matter; `aftercart check`
    lists what is wrong across its rows.
    """
    import polars as pl

    from aftercart.assessment.partitions import assess_folder
    from aftercart.outputs import replacing_folder

    with replacing_folder(out) as folder:
        with _progress() as progress:
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
        _print_json({"assessments": sum(counts.values()), "criteria": counts})
    else:
        for key, number in counts.items():
            click.echo(f"{key}: {number}")
        click.echo(f"{sum(counts.values())} assessments written to {out}")
    sys.exit(_code(problems))


@main.command()
@STUDY
@OUT
@click.option("--confidence", type=float, default=0.95, show_default=True, help="Level of every interval.")
@JSON
@_errors
def analyze(study: Path, out: Path, confidence: float, as_json: bool) -> None:
    """Estimate safety, B cells, efficacy and durability of STUDY, by disease and together.

    Writes estimates, responders, curves, baseline, flow and shifts as Parquet, CSV and JSON. Every interval is named by
    its method; one that does not exist is empty, and its note says why.
    """
    from aftercart.analysis import analyze as run
    from aftercart.outputs import replacing_folder
    from aftercart.sources import read
    from aftercart.study import check as find_problems

    loaded = read(study)
    with _progress() as progress:
        done = run(loaded, confidence=confidence, progress=progress)
    with replacing_folder(out) as folder:
        done.write(folder)
    if as_json:
        _print_json({"estimates": done.estimates.height, **done.about})
    else:
        click.echo(f"{done.estimates.height} estimates and {done.curves['id'].n_unique()} curves written to {out}")
    sys.exit(_code(find_problems(loaded)))


@main.command()
@STUDY
@click.argument("subject", help="Identifier of the patient, as in the tables.")
@click.argument("criterion", help="Key of the criterion; `aftercart criteria` lists them.")
@click.option("--day", type=int, help="Only the result of this day after infusion (infusion is day 0).")
@click.option("--html", type=click.Path(path_type=Path), help="Write a page to this file instead.")
@JSON
@_errors
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
        _print_json([e.as_dict() for e in found])
    else:
        click.echo("\n\n".join(str(e) for e in found))


@main.command()
@click.argument("key", required=False, help="Key of one criterion.")
@JSON
@_errors
def criteria(key: str | None, as_json: bool) -> None:
    """List all criteria, or show everything the registry knows about the one called KEY."""
    from dataclasses import asdict

    from aftercart.criteria import registry

    if key is None:
        entries = registry.all_criteria()
        if as_json:
            _print_json(
                [{"key": e.key, "title": e.title, "group": e.group, "source_status": e.source_status} for e in entries]
            )
        else:
            for e in entries:
                click.echo(f"{e.key:38} {e.title}  [{e.source_status}]")
        return
    entry = registry.get(key)
    click.echo(json.dumps(asdict(entry), indent=2, ensure_ascii=False) if as_json else _page(entry))


def _page(entry: Any) -> str:
    lines = [f"{entry.key}: {entry.title}", "", entry.measures, "", "Inputs:"]
    for spec in (*entry.inputs, *entry.row_inputs):
        unit = f" [{spec.unit}]" if spec.unit else ""
        default = f" (default {spec.default})" if spec.has_default else ""
        lines.append(f"  {spec.name}: {spec.type}{unit}{default}. {spec.description}")
    lines += ["", "Outputs:", *(f"  {o.name}: {o.type}. {o.description}" for o in entry.outputs)]
    lines += ["", "Clauses:", *(f"  {c.id}: {c.text}" for c in entry.clauses)]
    lines += [
        "",
        f"Missing data: {entry.missing_policy}",
        "",
        f"Source status: {entry.source_status}. {entry.source_note}",
    ]
    lines += [f"  {c.text}{f' doi:{c.doi}' if c.doi else ''}" for c in entry.citations]
    return "\n".join(lines)


@main.command()
@click.argument("cases", nargs=-1, type=click.Path(path_type=Path), help="JSON files of worked cases.")
@JSON
@_errors
def verify(cases: tuple[Path, ...], as_json: bool) -> None:
    """Run worked-case files (CASES.json ...; default: those shipped) through the public functions."""
    from aftercart import verify as cases_module

    result = cases_module.run(cases or None)
    if as_json:
        _print_json(result.as_dict())
    else:
        click.echo(f"{'criterion or method':40} passed failed not implemented")
        for key, tally in sorted(result.criteria.items()):
            click.echo(f"{key:40} {tally.passed:6} {tally.failed:6} {tally.not_implemented:15}")
        for failure in result.failures:
            click.echo(
                f"\nFAILED {failure.criterion}: {failure.case}" + (f" ({failure.error})" if failure.error else "")
            )
            for name, (expected, found) in failure.differences.items():
                click.echo(f"  {name}: expected {expected!r}, found {found!r}")
        click.echo(f"\n{result.passed} passed, {result.failed} failed, {result.not_implemented} not implemented")
    sys.exit(PROBLEMS if result.failed else OK)


@main.command()
@OUT
@JSON
@_errors
def qualify(out: Path, as_json: bool) -> None:
    """Write the evidence that this installation computes what it claims: qualification.html (to print) and .json.

    Environment, versions, every criterion with its worked cases and result, and checks, with a content hash.
    """
    from aftercart.qualify import qualify as run

    with _progress() as progress:
        result = run(out, progress=progress)
    if as_json:
        _print_json(result.as_dict())
    else:
        criteria, methods = result.evidence["criteria"], result.evidence["methods"]
        counted = [*criteria.values(), *methods.values()]
        click.echo(f"{len(criteria)} criteria and {len(methods)} methods, ", nl=False)
        click.echo(f"{sum(c['passed'] for c in counted)} cases passed,", nl=False)
        click.echo(f" {sum(c['failed'] for c in counted)} failed; written to {out}")
        click.echo(f"content hash {result.content_hash}")
    sys.exit(OK if result.passed else PROBLEMS)


if __name__ == "__main__":
    main()
