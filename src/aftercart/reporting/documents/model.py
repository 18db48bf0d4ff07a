"""What a submission document is made of: numbered tables and figures, and what every page says of their origin."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aftercart.reporting.tables import Table

LETTER, A4 = "letter", "a4"
PAPERS = {LETTER: (11.0, 8.5), A4: (11.69, 8.27)}
"""Width and height of a page in inches, landscape."""

MARGIN = 0.75
"""Margin on every side in inches."""

AROUND = 3.2
"""Height in inches that titles, head and foot take at most on the page of a figure."""


@dataclass(frozen=True)
class NumberedTable:
    """A table of a submission: its number, whom it is about, and why it is empty where it has no rows."""

    number: str
    population: str
    table: Table
    empty: str = ""

    @property
    def heading(self) -> str:
        """`Table 14.1.1: Disposition`, or `Listing ...` from chapter 16 on."""
        kind = "Listing" if self.number.startswith("16.") else "Table"
        return f"{kind} {self.number}: {self.table.caption}"


@dataclass(frozen=True)
class NumberedFigure:
    """A figure of a submission as an image, with its finding in words; without an image it says why there is none."""

    number: str
    title: str
    alt: str
    note: str = ""
    png: bytes = b""

    @property
    def heading(self) -> str:
        """`Figure 14.2.1: ...`."""
        return f"Figure {self.number}: {self.title}"


@dataclass(frozen=True)
class Origin:
    """What stands on every page: the study, what it is restricted to, its data cut-off, versions and hash."""

    title: str
    study_id: str
    data_cut_off: str | None
    content_hash: str
    software_version: str
    simulated: bool
    note: str = ""
    scope: tuple[str, ...] = ()
    """Restrictions of the report, each as a sentence."""

    @staticmethod
    def of(about: dict[str, Any], *, note: str = "", scope: tuple[str, ...] = ()) -> Origin:
        """From what an analysis is about."""
        names = ("title", "study_id", "data_cut_off", "content_hash", "software_version", "simulated")
        return Origin(**{name: about[name] for name in names}, note=note, scope=scope)

    @property
    def programme(self) -> str:
        """Programme, version and data cut-off, for the foot of a page."""
        cut = self.data_cut_off or "not stated"
        return f"Programme: aftercart report, version {self.software_version}. Data cut-off: {cut}."

    @property
    def content(self) -> str:
        """The hash of the data, for the foot of a page."""
        return f"Data (SHA-256): {self.content_hash}"

    @property
    def moment(self) -> datetime:
        """The time that files bear, so that the same data give the same bytes: the start of the data cut-off."""
        return datetime.fromisoformat(self.data_cut_off or "1980-01-01")


_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def clean(text: str) -> str:
    """A text as documents can hold it: control characters, which no document admits, become the replacement mark."""
    return _CONTROL.sub("\ufffd", text.replace("\r\n", "\n"))
