"""Documents for a submission: numbered tables, listings and figures as Word, RTF and JSON, without an office suite."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aftercart.reporting.documents.model import NumberedFigure, NumberedTable, Origin, clean

if TYPE_CHECKING:
    from aftercart.analysis import Analysis
    from aftercart.analysis.cohort import Cohort
    from aftercart.reporting.figures import Absent, Figure

__all__ = [
    "NumberedFigure",
    "NumberedTable",
    "Origin",
    "numbered_figures",
    "submission_tables",
    "tables_json",
    "write_documents",
]

CHAPTERS = {"patients": "14.1", "efficacy": "14.2", "durability": "14.2", "safety": "14.3"}
"""Chapter of the figures of each section of a report."""

FIGURE_SCALE = 2
"""Pixels of an image per CSS pixel of a figure: about 180 per inch on the page."""


def submission_tables(cohort: Cohort, analysis: Analysis) -> tuple[NumberedTable, ...]:
    """Every table (14.1 to 14.3) and listing (16.2) of a study, in order; a table without rows says why.

    cohort, analysis: of the same assessments (`Cohort.of`, `aftercart.analyze`). Every number is one of the analysis.
    """
    from aftercart.reporting.documents import efficacy, listings, patients, safety
    from aftercart.reporting.documents.source import Source

    source = Source.of(cohort, analysis)
    return tuple(_tidied(table) for part in (patients, efficacy, safety, listings) for table in part.tables(source))


def _tidied(item: NumberedTable) -> NumberedTable:
    """The table without headings that no row follows."""
    rows = item.table.rows
    after = (*(row.heading for row in rows[1:]), True)
    kept = tuple(row for row, ends in zip(rows, after, strict=False) if not (row.heading and ends))
    return replace(item, table=replace(item.table, rows=kept))


def numbered_figures(figures: Mapping[str, Sequence[Figure | Absent]]) -> tuple[NumberedFigure, ...]:
    """The figures of a report (as `figures.draw_all` returns them) as images with numbers of their chapters."""
    counts: dict[str, int] = {}
    made = []
    for section, chapter in CHAPTERS.items():
        for figure in figures.get(section, ()):
            counts[chapter] = counts.get(chapter, 0) + 1
            made.append(_numbered(f"{chapter}.{counts[chapter]}", figure))
    return tuple(sorted(made, key=lambda f: [int(part) for part in f.number.split(".")]))


def _numbered(number: str, figure: Figure | Absent) -> NumberedFigure:
    from aftercart.reporting.figures import Absent

    if isinstance(figure, Absent):
        return NumberedFigure(number, figure.title, f"There is no figure. {figure.reason}")
    return NumberedFigure(number, figure.title, figure.alt, figure.note, figure.png(FIGURE_SCALE))


def write_documents(
    folder: Path,
    tables: Sequence[NumberedTable],
    figures: Sequence[NumberedFigure],
    origin: Origin,
    formats: Sequence[str],
    *,
    paper: str = "letter",
) -> list[str]:
    """Write `report.docx` and `report.rtf`, as far as `formats` names them, and return the names of what was written.

    paper: `letter` or `a4`, landscape. The same input gives the same bytes.
    """
    items = list(_in_order(tables, figures))
    written = []
    if "docx" in formats:
        from aftercart.reporting.documents.word import word

        (folder / "report.docx").write_bytes(word(items, origin, paper=paper))
        written.append("report.docx")
    if "rtf" in formats:
        from aftercart.reporting.documents.rtf import rtf

        (folder / "report.rtf").write_bytes(rtf(items, origin, paper=paper))
        written.append("report.rtf")
    return written


def _in_order(
    tables: Sequence[NumberedTable], figures: Sequence[NumberedFigure]
) -> Iterator[NumberedTable | NumberedFigure]:
    """The tables of each chapter, then its figures; listings last."""
    for chapter in dict.fromkeys(".".join(t.number.split(".")[:2]) for t in tables):
        yield from (t for t in tables if t.number.startswith(f"{chapter}."))
        yield from (f for f in figures if f.number.startswith(f"{chapter}."))


def tables_json(tables: Sequence[NumberedTable], origin: Origin) -> str:
    """The tables and listings as JSON text, each under its number, with the texts of the documents.

    A row names the estimate that its cells show (`id`, and `time` where it has one) and a column its stratum, so that a
    cell can be found in `analysis/estimates`.
    """
    about = {
        "title": origin.title,
        "study_id": origin.study_id,
        "simulated": origin.simulated,
        "scope": list(origin.scope),
        "data_cut_off": origin.data_cut_off,
        "content_hash": origin.content_hash,
        "software": "aftercart",
        "software_version": origin.software_version,
    }
    whole = {"schema_version": "1", "about": about, "tables": {t.number: _plain(t) for t in tables}}
    return json.dumps(whole, indent=1, ensure_ascii=False) + "\n"


def _plain(item: NumberedTable) -> dict[str, Any]:
    rows, group = [], None
    for row in item.table.rows:
        if row.heading:
            group = row.header
            continue
        id_, _, time = row.estimate.partition("@")
        found: dict[str, Any] = {"group": None if group is None else clean(group), "label": clean(row.header)}
        if id_:
            found |= {"estimate": id_, "time": time or None}
        rows.append({**found, "cells": [clean(cell) for cell in row.cells]})
    return {
        "heading": clean(item.heading),
        "population": clean(item.population),
        "columns": [{"label": clean(c.label), "stratum": c.stratum or None} for c in item.table.columns],
        "rows": rows,
        "notes": [clean(note) for note in item.table.notes],
        "empty": None if item.table.rows else item.empty,
    }
