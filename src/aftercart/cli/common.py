"""What every command shares: arguments, exit codes, and how errors, progress and JSON are printed."""

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

from aftercart.errors import AftercartError, SourceError

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


def reports_errors(command: Callable[..., Any]) -> Callable[..., Any]:
    """Print an expected error as facts and a hint, and leave with its exit code."""

    @wraps(command)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        try:
            return command(*args, **kwargs)
        except AftercartError as error:
            click.echo(f"Error: {error.message}", err=True)
            if isinstance(error, SourceError):
                print_problems(error.problems, err=True)
            if error.hint:
                click.echo(f"Hint: {error.hint}", err=True)
            sys.exit(error.exit_code)

    return wrapped


@contextmanager
def progress_shown() -> Iterator[Callable[[str, int, int], None]]:
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


def print_json(value: Any) -> None:
    """Print a value as JSON; what JSON does not know is printed as text."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def print_problems(problems: pl.DataFrame, *, err: bool = False) -> None:
    """Print problems: the place, what was found, what was expected and the remedy."""
    for row in problems.iter_rows(named=True):
        fields = ("row", "column", "row_id", "subject_id")
        place = "".join(f", {name} {row[name]}" for name in fields if row.get(name) is not None)
        click.echo(f"{row['severity']}: {row['file']}{place.replace(',', ':', 1)}", err=err)
        click.echo(f"  found: {row['found']}\n  expected: {row['expected']}\n  remedy: {row['remedy']}", err=err)


def counted(problems: pl.DataFrame) -> str:
    """The number of errors and warnings in words."""
    errors = int((problems["severity"] == "error").sum())
    warnings = problems.height - errors
    return f"{errors} error{'s' * (errors != 1)} and {warnings} warning{'s' * (warnings != 1)}"


def exit_code(problems: pl.DataFrame) -> int:
    """The exit code that a list of problems calls for: only errors count."""
    return PROBLEMS if (problems["severity"] == "error").any() else OK
