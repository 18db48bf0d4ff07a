"""A study as FHIR R4 resources: one transaction Bundle, or NDJSON files as a bulk export has them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO

import polars as pl

from aftercart.errors import UsageError
from aftercart.exchange import fhir_answers, fhir_records
from aftercart.exchange.exported import NOT_HELD, Exported, nothing_lost
from aftercart.exchange.fhir_parts import Cells, Context
from aftercart.outputs import write_atomically
from aftercart.standards import fhir
from aftercart.standards.fhir import Resource
from aftercart.study.model import Study, meta_toml

OPTIONS = ("formats",)
FORMATS = ("bundle", "ndjson")
WITHOUT_ERROR = {"subjects": "Patient", "disposition": "ResearchSubject", "AdverseEvent": "AdverseEvent"}
"""Tables, and types for events, whose resources cannot say that they were entered in error."""


def write(study: Study, folder: Path, *, formats: str = "bundle") -> Exported:
    """Write a study into an existing folder: `bundle.json`, NDJSON files by type, or both, and `study.toml`.

    formats: any of `bundle` and `ndjson`, separated by commas. The same study gives the same ids and bytes. What R4 has
    no element for stands in extensions under one address, so that reading the files gives the same study. Resources of
    a simulated study are labelled HTEST. Times without a zone stand as dates, with the time in an extension.
    """
    wanted = tuple(dict.fromkeys(f.strip() for f in formats.split(",") if f.strip()))
    unknown = [f for f in wanted if f not in FORMATS]
    if unknown or not wanted:
        raise UsageError(
            f"There is no format {unknown[0] if unknown else formats!r}.", hint=f"formats are {', '.join(FORMATS)}."
        )
    tables, not_held = _valid(study)
    files: list[str] = []
    if "bundle" in wanted:
        _write_bundle(resources(study, tables, as_urn=True), folder / "bundle.json")
        files.append("bundle.json")
    if "ndjson" in wanted:
        files += _write_lines(resources(study, tables, as_urn=False), folder)
    write_atomically(folder / "study.toml", meta_toml(study.meta).encode())
    return Exported((*files, "study.toml"), not_held)


def _valid(study: Study) -> tuple[dict[str, pl.DataFrame], pl.DataFrame]:
    """The tables without rows entered in error that R4 cannot mark as such, and the list of what is not held."""
    kept, lost = {}, []
    events = [c for c, kind in fhir.event_resource().items() if kind in WITHOUT_ERROR]
    for name, table in study.tables.items():
        wrong = (pl.col("status") == "entered_in_error").fill_null(value=False)
        if name == "events":
            wrong = wrong & pl.col("category").is_in(events)
        kept[name] = table.filter(~wrong) if name in (*WITHOUT_ERROR, "events") else table
        gone = table.height - kept[name].height
        if gone:
            kind = WITHOUT_ERROR.get(name, "AdverseEvent")
            lost.append((name, "row", gone, f"{kind} has no status that says entered in error"))
    lost += [
        (
            name,
            "provenance",
            marks.height,
            "FHIR has no mark for a single reconstructed cell; HTEST marks every resource",
        )
        for name, marks in study.provenance.items()
    ]
    return kept, pl.DataFrame(lost, schema=NOT_HELD, orient="row") if lost else nothing_lost()


def resources(study: Study, tables: dict[str, pl.DataFrame], *, as_urn: bool) -> Iterator[Resource]:
    """Every resource of a study, subjects first, in a fixed order."""
    visits = tables["visits"].filter(pl.col("status").fill_null("final") != "entered_in_error")
    suspects = {
        **dict.fromkeys(tables["exposures"]["row_id"], "MedicationStatement"),
        **dict.fromkeys(tables["infusions"]["row_id"], "MedicationAdministration"),
    }
    named = {(s, v): r for s, v, r in reversed(visits.select("subject_id", "visit", "row_id").rows())}
    context = Context(study.meta.study_id, study.meta.simulated, as_urn, suspects, named)
    yield fhir_records.study_resource(context, study.meta.title)
    for name, make in MAKERS.items():
        for row in tables[name].iter_rows(named=True):
            yield from make(row, context)
    yield from fhir_answers.questionnaires(tables["assessments"], context)
    yield from fhir_answers.responses(tables["assessments"], context)


MAKERS: dict[str, Callable[[Cells, Context], Iterator[Resource]]] = {
    "subjects": fhir_records.subject,
    "visits": fhir_records.visit,
    "infusions": fhir_records.infusion,
    "exposures": fhir_records.exposure,
    "observations": fhir_records.observation,
    "events": fhir_records.event,
    "disposition": fhir_records.milestone,
}


def _text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _write_bundle(found: Iterator[Resource], path: Path) -> None:
    """A transaction that creates each resource under its id, or replaces it; an entry a line."""
    with path.open("w", encoding="utf-8", newline="\n") as stream:
        stream.write('{"resourceType":"Bundle","type":"transaction","entry":[')
        sign = "\n"
        for resource in found:
            number = resource["id"]
            request = {"method": "PUT", "url": f"{resource['resourceType']}/{number}"}
            entry = {"fullUrl": f"urn:uuid:{number}", "resource": resource, "request": request}
            stream.write(f"{sign}{_text(entry)}")
            sign = ",\n"
        stream.write("\n]}\n")


def _write_lines(found: Iterator[Resource], folder: Path) -> list[str]:
    """A file for each type, a resource a line."""
    streams: dict[str, IO[str]] = {}
    with ExitStack() as stack:
        for resource in found:
            name = f"{resource['resourceType']}.000.ndjson"
            if name not in streams:
                opened = (folder / name).open("w", encoding="utf-8", newline="\n")
                streams[name] = stack.enter_context(opened)
            streams[name].write(_text(resource) + "\n")
    return sorted(streams)
