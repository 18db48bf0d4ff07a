"""What stands on the pages of a document, whatever its format: titles, head, foot, and the size of a figure."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from aftercart.reporting.documents.model import NumberedFigure, NumberedTable, Origin
from aftercart.reporting.figures.base import SIMULATED

TITLE = "Tables, figures and listings"
CONTENTS = "Contents"

CELL, FOOT, LINE, COVER = "Table text", "Foot of page", "Page line", "Cover title"
"""Names of the paragraph styles."""


def titles(item: NumberedTable | NumberedFigure) -> tuple[str, ...]:
    """Number, title and, for a table, the population, each on a line of its own."""
    number, _, title = item.heading.partition(": ")
    if isinstance(item, NumberedFigure):
        return number, title
    return number, title, f"Population: {item.population}"


def continued(title: Sequence[str]) -> tuple[str, ...]:
    """The titles from the second page on."""
    return (f"{title[0]} (continued)", *title[1:]) if title else ()


def notes(item: NumberedTable | NumberedFigure) -> tuple[str, ...]:
    """The footnotes, on every page of a table."""
    if isinstance(item, NumberedFigure):
        return (item.note,) if item.note else ()
    return item.table.notes


def left_head(origin: Origin) -> str:
    """The study, at the head of every page."""
    return f"{origin.title} ({origin.study_id})"


def mark(origin: Origin) -> str:
    """The mark of studies that hold simulated or reconstructed values."""
    return SIMULATED if origin.simulated else ""


def about(origin: Origin) -> tuple[str, ...]:
    """What the document is about, for its first page."""
    return (
        f"{TITLE} of study {origin.study_id}.",
        *((f"{SIMULATED}.",) if origin.simulated else ()),
        *origin.scope,
        *((origin.note,) if origin.note else ()),
        origin.programme,
        origin.content,
    )


def bookmark(i: int) -> str:
    """The name by which the list of contents finds an item."""
    return f"item_{i + 1}"


def fitted(png: bytes, width: float, height: float) -> tuple[float, float]:
    """Width and height in inches of an image that fits into a box and keeps its shape."""
    across, down = struct.unpack(">II", png[16:24])
    scale = min(width / across, height / down)
    return across * scale, down * scale
