"""Commands that bring a study in from other systems and write it for them: import, map, export."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aftercart.cli.common import JSON, OUT, STUDY, counted, exit_code, print_json, print_problems, reports_errors

if TYPE_CHECKING:
    from aftercart.sources.assembly import Imported

SOURCES = ("redcap", "sdtm", "fhir", "omop")
TARGETS = ("sdtm", "adam", "fhir", "omop")

SOURCE = click.argument("source", type=click.Choice(SOURCES), help="Kind of source.")
SRC = click.argument("src", help="Folder, file or address of the source.")
MAP = click.option("--map", "mapping", type=click.Path(path_type=Path), help="Mapping file (TOML).")
OPTION = click.option(
    "--option", "options", multiple=True, help="NAME=VALUE for this kind of source; its how-to lists them (repeatable)."
)


@click.command(name="import")
@SOURCE
@SRC
@OUT
@MAP
@OPTION
@click.option("--pseudonymise", is_flag=True, help="Replace identifiers of patients and rows by keyed pseudonyms.")
@click.option("--key-file", type=click.Path(path_type=Path), help="Key (default: AFTERCART_PSEUDONYM_KEY).")
@click.option("--shift-dates", is_flag=True, help="Move all dates of a patient alike; needs --pseudonymise.")
@click.option("--keep-text", is_flag=True, help="With --pseudonymise: keep free texts and lot numbers.")
@click.option("--parquet", is_flag=True, help="Write Parquet instead of CSV.")
@JSON
@reports_errors
def import_(
    source: str,
    src: str,
    *,
    out: Path,
    mapping: Path | None,
    options: tuple[str, ...],
    parquet: bool,
    as_json: bool,
    **hiding: Any,
) -> None:
    """Read SRC, a REDCap project, SDTM datasets, FHIR resources or OMOP tables, and write it as a study folder.

    Says for every table of the source how many rows were read, kept and listed, and why each listed row was not used;
    the same stands in import/ of the folder. A source that cannot be read leaves the folder as it was.

    \b
    Examples:
      aftercart import redcap export/ --map castle.toml --out study
      aftercart import sdtm transport/ --out study
      aftercart import fhir bundles/ --out study --pseudonymise --shift-dates
    """
    from aftercart.errors import UsageError
    from aftercart.outputs import replacing_folder
    from aftercart.sources import importing

    pseudonymise = hiding.pop("pseudonymise")
    if any(hiding.values()) and not pseudonymise:
        raise UsageError("--shift-dates, --keep-text and --key-file need --pseudonymise.", hint="add --pseudonymise.")
    hidden = importing.pseudonyms(out=out, **hiding) if pseudonymise else None
    done = importing.read(source, src, mapping=mapping, pseudonyms=hidden, **importing.parsed(options))
    with replacing_folder(out) as folder:
        importing.write(done, folder, parquet=parquet)
    _say_imported(done, out, as_json)
    sys.exit(exit_code(done.study.problems))


def _say_imported(done: Imported, out: Path, as_json: bool) -> None:
    if as_json:
        print_json({"reconciliation": done.reconciliation.to_dicts(), "problems": done.study.problems.to_dicts()})
        return
    print_problems(done.study.problems.head(MOST_SHOWN))
    if done.study.problems.height > MOST_SHOWN:
        click.echo(f"... all {done.study.problems.height} are in {out / 'import' / 'problems.csv'}")
    for row in done.reconciliation.iter_rows(named=True):
        click.echo(
            f"{row['source_table']}: {row['rows_read']} rows read, {row['rows_kept']} kept,"
            f" {row['rows_listed']} listed; {row['study_rows']} rows of the study"
        )
    click.echo(f"{counted(done.study.problems)}; written to {out}")


MOST_SHOWN = 50


@click.command(name="map")
@SOURCE
@SRC
@click.option("--out", type=click.Path(path_type=Path), help="Mapping file to write (default: print it).")
@OPTION
@JSON
@reports_errors
def map_(source: str, src: str, out: Path | None, options: tuple[str, ...], as_json: bool) -> None:
    """Look at SRC and propose its mapping file: codes, units, medicines, visits and forms, and what has no place yet.

    \b
    Example:
      aftercart map redcap export/ --out castle.toml
    """
    from aftercart.outputs import write_atomically
    from aftercart.sources import importing

    proposal = importing.propose(source, src, **importing.parsed(options))
    if out is not None:
        write_atomically(out, proposal.toml.encode())
    if as_json:
        print_json({"mapping": proposal.toml, "unplaced": proposal.unplaced.to_dicts()})
        return
    click.echo(proposal.toml if out is None else f"Written to {out}")
    for row in proposal.unplaced.iter_rows(named=True):
        click.echo(f"not placed: {row['table']}: {row['column']}: {row['example']} ({row['reason']})", err=True)


@click.command()
@click.argument("target", type=click.Choice(TARGETS), help="Standard to write.")
@STUDY
@OUT
@OPTION
@JSON
@reports_errors
def export(target: str, study: Path, out: Path, options: tuple[str, ...], as_json: bool) -> None:
    """Write STUDY as SDTM or ADaM datasets, a FHIR bundle or OMOP tables, and say what the standard cannot hold.

    \b
    Example:
      aftercart export sdtm my-study --out sdtm
    """
    from aftercart import exchange
    from aftercart.sources import importing, read

    done: Any = exchange.export(target, read(study), out, **importing.parsed(options))
    if as_json:
        print_json({"files": done.files, "not_held": done.not_held.to_dicts()})
        return
    for name in done.files:
        click.echo(name)
    for row in done.not_held.iter_rows(named=True):
        click.echo(f"not held: {row['table']}.{row['column']}: {row['values']} values ({row['why']})", err=True)
    click.echo(f"Written to {out}")
