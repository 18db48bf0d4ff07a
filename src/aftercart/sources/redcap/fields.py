"""The data dictionary of a REDCap project: its fields in order, from either of the two spellings of its header."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import polars as pl

from aftercart.errors import SourceError
from aftercart.study import problems

LONG = {
    "field_name": "Variable / Field Name",
    "form_name": "Form Name",
    "field_type": "Field Type",
    "field_label": "Field Label",
    "select_choices_or_calculations": "Choices, Calculations, OR Slider Labels",
    "field_note": "Field Note",
    "text_validation_type_or_show_slider_number": "Text Validation Type OR Show Slider Number",
    "text_validation_min": "Text Validation Min",
    "text_validation_max": "Text Validation Max",
    "identifier": "Identifier?",
    "branching_logic": "Branching Logic (Show field only if...)",
}
"""Header of the API, and the same of the file that is downloaded by hand."""

TYPES = (
    "text",
    "notes",
    "calc",
    "dropdown",
    "radio",
    "checkbox",
    "yesno",
    "truefalse",
    "slider",
    "file",
    "descriptive",
    "sql",
)
SAME = {"select": "dropdown", "textarea": "notes", "signature": "file", "advcheckbox": "checkbox"}
"""Names of types in the project file, and in old exports, for those of the dictionary."""
FIXED = {"yesno": {"1": "Yes", "0": "No"}, "truefalse": {"1": "True", "0": "False"}}
CHOICE = ("dropdown", "radio", "checkbox", "yesno", "truefalse")
NO_DATA = ("descriptive", "file")


@dataclass(frozen=True)
class Field:
    """One field: where it stands, what it asks and which answers it admits."""

    name: str
    form: str
    type: str
    label: str = ""
    choices: Mapping[str, str] = field(default_factory=dict)
    note: str = ""
    validation: str = ""
    minimum: str = ""
    maximum: str = ""
    identifier: bool = False
    branching: str = ""
    calculation: str = ""

    @property
    def columns(self) -> dict[str, str]:
        """Column of an export to the code it stands for: one of each choice for a checkbox, else the field itself."""
        if self.type == "checkbox":
            return {checkbox_column(self.name, code): code for code in self.choices}
        return {self.name: ""}

    @property
    def is_date(self) -> bool:
        """Whether answers are dates, with or without a time."""
        return self.validation.startswith(("date_", "datetime_"))

    @property
    def is_number(self) -> bool:
        """Whether answers are numbers."""
        return self.type in ("calc", "slider") or self.validation.startswith(("number", "integer"))


def checkbox_column(name: str, code: str) -> str:
    """The column of one choice of a checkbox; REDCap writes the code in lower case and its signs as underscores."""
    return f"{name}___{re.sub(r'[^a-z0-9_]', '_', code.lower())}"


def column_name(header: str) -> str:
    """A column of an export in one spelling: `f___-99`, as other tools write it, is `f____99`."""
    name, mark, code = header.strip().partition("___")
    return checkbox_column(name, code) if mark else name


def choices_of(text: str) -> dict[str, str]:
    """`1, one | -99, not known, or lost` as code to label; only the first comma of a choice splits it."""
    found: dict[str, str] = {}
    for part in re.split(r"[|\n]", text):
        code, comma, label = part.strip().partition(",")
        if code.strip():
            found[code.strip()] = label.strip() if comma else code.strip()
    return found


def is_dictionary(names: Iterable[str]) -> bool:
    """Whether a header is that of a data dictionary."""
    have = set(names)
    return any({key(n) for n in ("field_name", "form_name", "field_type")} <= have for key in (str, LONG.__getitem__))


def read_fields(rows: Iterable[Mapping[str, str | None]], file: str) -> dict[str, Field]:
    """The fields of a data dictionary by name, in their order.

    Raises `SourceError` with a line for every row that cannot be a field.
    """
    fields: dict[str, Field] = {}
    wrong: list[pl.DataFrame] = []
    for number, raw in enumerate(rows, start=2):
        row = {k: (raw.get(k) or raw.get(LONG[k]) or "").strip() for k in LONG}
        kind = SAME.get(row["field_type"], row["field_type"])
        about: dict[str, object] = {"row": number, "column": row["field_name"] or None}
        if not row["field_name"] or not row["form_name"]:
            wrong.append(_wrong(file, "a field without name or form", "a name and a form for every field", **about))
        elif row["field_name"] in fields:
            wrong.append(_wrong(file, f"the field {row['field_name']} twice", "each field once", **about))
        elif kind not in TYPES:
            wrong.append(_wrong(file, f"the field type {kind!r}", f"one of {', '.join(TYPES)}", **about))
        else:
            fields[row["field_name"]] = made(row, kind)
            if kind in ("dropdown", "radio", "checkbox") and not fields[row["field_name"]].choices:
                wrong.append(_wrong(file, f"a {kind} without choices", "choices such as 1, yes | 0, no", **about))
    if wrong or not fields:
        wrong = wrong or [_wrong(file, "no field", "a row for every field")]
        raise SourceError(f"The data dictionary {file} cannot be used.", problems.gather(wrong))
    return fields


def made(row: Mapping[str, str], kind: str) -> Field:
    """A field from a row of the dictionary under the names of the API."""
    choices = row["select_choices_or_calculations"]
    listed = choices_of(choices) if kind in ("dropdown", "radio", "checkbox") else {}
    return Field(
        name=row["field_name"],
        form=row["form_name"],
        type=kind,
        label=_plain(row["field_label"]),
        choices=FIXED.get(kind, listed),
        note=_plain(row["field_note"]),
        validation=row["text_validation_type_or_show_slider_number"] if kind == "text" else "",
        minimum=row["text_validation_min"],
        maximum=row["text_validation_max"],
        identifier=row["identifier"].lower() in ("y", "yes", "1", "true"),
        branching=row["branching_logic"],
        calculation=choices if kind == "calc" else "",
    )


def _plain(text: str) -> str:
    """A label without the markup that REDCap admits in it."""
    return re.sub(r"\s+", " ", re.sub(r"<[^<>]{0,200}>", " ", text)).strip()


def _wrong(file: str, found: str, expected: str, **about: object) -> pl.DataFrame:
    return problems.one("data_dictionary", file, found, expected, "download the dictionary again.", **about)  # type: ignore[arg-type]
