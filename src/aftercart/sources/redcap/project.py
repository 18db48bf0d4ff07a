"""A REDCap project as it was exported, from files, from the project file or from the server: all cells are text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from aftercart.sources.redcap.fields import Field

EVENT, INSTRUMENT, INSTANCE = "redcap_event_name", "redcap_repeat_instrument", "redcap_repeat_instance"
GROUP, SURVEY = "redcap_data_access_group", "redcap_survey_identifier"
KEYS = (EVENT, INSTRUMENT, INSTANCE, GROUP)


@dataclass(frozen=True)
class Event:
    """One event of a longitudinal project, by the unique name that the export uses."""

    name: str
    label: str
    arm: str = ""
    forms: frozenset[str] = frozenset()
    """Forms designated for the event; empty where the export does not say."""


@dataclass(frozen=True)
class Project:
    """Fields, events and records of a project.

    records: the columns of the export as text, with `_table` and `_row`, which say where a row stands. read: by table,
    the numbers of all its rows. missing: missing-data codes that the project itself declares, with their labels.
    """

    name: str
    fields: Mapping[str, Field]
    records: pl.DataFrame
    read: Mapping[str, pl.Series]
    events: Mapping[str, Event] = field(default_factory=dict)
    arms: Mapping[str, str] = field(default_factory=dict)
    repeating: frozenset[str] = frozenset()
    """Forms that repeat."""
    missing: Mapping[str, str] = field(default_factory=dict)
    listed: tuple[pl.DataFrame, ...] = ()

    @property
    def record_id(self) -> Field:
        """The field that names the record: the first one of the project."""
        return next(iter(self.fields.values()))

    @property
    def forms(self) -> tuple[str, ...]:
        """The forms in their order."""
        return tuple(dict.fromkeys(f.form for f in self.fields.values()))

    def of_form(self, form: str) -> tuple[Field, ...]:
        """The fields of a form that hold data, without the record's name."""
        first = self.record_id.name
        return tuple(
            f for f in self.fields.values() if f.form == form and f.name != first and f.type not in ("descriptive",)
        )


def text_frame(rows: Sequence[Mapping[str, object]]) -> pl.DataFrame:
    """Rows of JSON as text cells; a cell that a row lacks is empty."""
    names = list(dict.fromkeys(str(k) for row in rows for k in row))
    return pl.DataFrame([pl.Series(n, [as_text(row.get(n)) for row in rows], dtype=pl.String) for n in names])


def as_text(value: object) -> str | None:
    """A cell of JSON as text; an empty text is no value."""
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return "1" if value else "0"
    # Half of a surrogate pair is no text; JSON can hold one.
    return str(value).encode("utf-8", "replace").decode().strip() or None
