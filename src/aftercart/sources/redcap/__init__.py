"""A REDCap project as a study: exported files, the project file, or the live server through its interface."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from aftercart.errors import SourceError, UsageError
from aftercart.sources import declarations
from aftercart.sources.assembly import Imported, assemble
from aftercart.sources.mapping import Proposal, SourceMapping
from aftercart.sources.pseudonyms import Pseudonyms
from aftercart.sources.redcap import api, files, placing, proposal, records
from aftercart.sources.redcap.plan import Plan, read_plan
from aftercart.sources.redcap.project import Project
from aftercart.study import problems

OPTIONS = ("encoding", "records_per_request", "timeout")


def read(
    src: str | Path,
    *,
    mapping: SourceMapping | None = None,
    pseudonyms: Pseudonyms | None = None,
    **options: str,
) -> Imported:
    """Read a REDCap project by its mapping.

    src: a folder of exports (records as raw CSV or JSON, the data dictionary, and for a longitudinal project events,
    arms and their forms), the project's XML file, or the address of the server's interface (`https://.../api/`), whose
    token is taken from AFTERCART_REDCAP_TOKEN. mapping: the section `[redcap]` says which fields fill which rows of the
    study (see `aftercart.sources.redcap.plan`); `propose` writes a first one. options: `encoding` of CSV files;
    `records_per_request` and `timeout` (seconds) of the server.

    Every row is kept or listed; fields flagged as identifiers are refused and listed. Raises `SourceError` when the
    export, the dictionary and the mapping do not fit together, or when the name of the record is itself flagged as an
    identifier and there are no pseudonyms; `UsageError` without a mapping.
    """
    mapping = mapping or SourceMapping()
    if "rows" not in mapping.own:
        raise UsageError(
            "A REDCap project cannot be read without a mapping: every project has its own forms.",
            hint=f"propose one with: aftercart map redcap {src} --out map.toml, and import with --map map.toml.",
        )
    project = load(src, **options)
    plan = read_plan(mapping, project)
    _refuse_names(project, plan, pseudonyms)
    found = records.arrange(project, missing=plan.missing, mapped=plan.fields, allowed=plan.allowed | _years(plan))
    placed = placing.place(plan, found, project, mapping)
    meta, said = declarations.of_import(src, mapping, project.name)
    listed = [*project.listed, *found.listed, *placed.listed, *said]
    if pseudonyms is not None:
        listed = [_without_answers(part) for part in listed]
    return assemble(
        "REDCap", placed.tables, meta, read=project.read, listed=listed, used=placed.used, pseudonyms=pseudonyms
    )


def propose(src: str | Path, **options: str) -> Proposal:
    """Look at a project and propose its mapping: what is recognised by names, labels, notes and choices."""
    return proposal.of(load(src, **options))


def load(src: str | Path, **options: str) -> Project:
    """A project from files or from the server; raises as `read`."""
    if str(src).lower().startswith(("http://", "https://")):
        return api.read_project(str(src), **{k: v for k, v in options.items() if k != "encoding"})
    return files.read_folder(Path(src), options.get("encoding", "utf-8"))


ANSWERS = ("validation", "outside_choices", "outside_limits", "not_translated", "calculated_differs")
"""Problems that show an answer."""


def _without_answers(listed: pl.DataFrame) -> pl.DataFrame:
    """A problem list without answers: a date in it would undo the shift of dates."""
    shows = pl.col("rule").is_in(ANSWERS)
    return listed.with_columns(found=pl.when(shows).then(pl.lit("an answer")).otherwise("found"))


def _refuse_names(project: Project, plan: Plan, pseudonyms: Pseudonyms | None) -> None:
    first = project.record_id
    if plan.subject != first.name or not records.identifies(first) or pseudonyms is not None:
        return
    rows = int(project.records[first.name].n_unique()) if first.name in project.records.columns else 0
    line: pl.DataFrame = problems.one(
        "direct_identifier",
        next(iter(project.read), project.name),
        f"{rows} names of records, which the dictionary flags as identifiers",
        "pseudonyms, or another field that names the person",
        "import with --pseudonymise, or name a field without identifiers: [redcap] subject.",
        column=first.name,
    )
    raise SourceError(
        f"The records are named by {first.name}, which is flagged as an identifier.",
        line,
        hint="import with --pseudonymise, which replaces the names by keyed pseudonyms.",
    )


def _years(plan: Plan) -> frozenset[str]:
    """Dates of birth of which the year is read."""
    return frozenset(c.field for b in plan.blocks for c in b.cells if c.year)


__all__ = ["OPTIONS", "load", "propose", "read"]
