"""One entry of a mapping: the field, choice or constant that fills a column, checked against dictionary and schema."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from aftercart.sources.mapping import SourceMapping
from aftercart.sources.redcap.fields import CHOICE, NO_DATA, Field, checkbox_column
from aftercart.sources.redcap.project import EVENT, GROUP, INSTANCE, INSTRUMENT, Project
from aftercart.sources.redcap.records import identifies
from aftercart.study.dictionary import Code
from aftercart.study.instruments import Item
from aftercart.study.schema import Column, Table

ARM = "redcap_arm"
SPECIAL = (EVENT, INSTRUMENT, INSTANCE, GROUP, ARM)
"""What can be named beside the fields; the arm is that of the event."""
OWN = ("field", "constant", "choices", "event", "time")
Refuse = Callable[..., None]


@dataclass(frozen=True)
class Cell:
    """Where the cells of a column come from: a field (or one box of a checkbox), or a constant."""

    column: str
    field: str = ""
    box: str = ""
    """Column of one choice of a checkbox."""
    constant: str | None = None
    choices: Mapping[str, str] | None = None
    event: str | None = None
    """Event from whose row the field is taken, where it is not that of the row itself."""
    time: str = ""
    """Field that holds the time of day of a date."""
    year: bool = False
    """Only the year is taken."""


@dataclass(frozen=True)
class Context:
    """What entries are checked against."""

    project: Project
    allowed: frozenset[str]
    mapping: SourceMapping


def near(name: object, known: Iterable[str]) -> str:
    """A guess at what was meant, for the end of a sentence."""
    names = list(known)
    close = difflib.get_close_matches(str(name), names, n=1, cutoff=0.6)
    return f" (did you mean {close[0]}?)" if close else f": {', '.join(names[:20])}{' ...' if len(names) > 20 else ''}"


def apart(spec: Any, table: Table) -> tuple[Any, dict[str, Any]]:
    """The entry of a result itself, and the entries of the columns beside it."""
    if not isinstance(spec, Mapping):
        return spec, {}
    beside = {str(k): v for k, v in spec.items() if k not in OWN and k in table.names}
    # A unit is a text that stands for itself; a field that holds units is named as { field = ... }.
    if isinstance(beside.get("unit"), str):
        beside["unit"] = {"constant": beside["unit"]}
    return {k: v for k, v in spec.items() if k not in beside}, beside


def of_column(column: Column, spec: Any, form: str, context: Context, where: str, refuse: Refuse) -> Cell | None:
    """The cell of a column of a study table."""
    place = f"{where}, {column.name}"
    cell = _cell(column.name, spec, form, context, place, refuse)
    if cell is None:
        return None
    if cell.constant is not None:
        return cell if _good(column, cell.constant) else _no(refuse, place, cell.constant, column.expectation)
    if cell.time and column.type != "datetime":
        return _no(refuse, place, f"time = {cell.time!r}", "a time only beside a date and time")
    for code, target in (cell.choices or {}).items():
        if target and not _good(column, target):
            return _no(refuse, place, f"{code} = {target!r}", column.expectation)
    field = context.project.fields.get(cell.field)
    if field is None:
        return cell
    return cell if _fits(column, cell, field, context, place, refuse) else None


def _fits(column: Column, cell: Cell, field: Field, context: Context, place: str, refuse: Refuse) -> bool:
    codes = codes_of(cell, context) or []
    whole = field.type == "checkbox" and not cell.box
    if whole and column.type not in ("list", "str"):
        boxes = ", ".join(list(field.columns)[:4])
        return bool(_no(refuse, place, f"the checkbox {field.name}", f"one of its boxes: {boxes}"))
    if column.type in ("date", "datetime") and (codes or field.is_number):
        return bool(_no(refuse, place, f"{field.name}, a {field.validation or field.type}", "a field of dates"))
    if column.type in ("int", "float") and field.is_date and not cell.year:
        return bool(_no(refuse, place, f"{field.name}, a date", column.expectation))
    if cell.choices is None and codes and column.type in ("enum", "bool", "int", "float", "list"):
        bad = [c for c in codes if not _good(column, c)]
        if bad:
            return bool(
                _no(
                    refuse,
                    place,
                    f"{field.name} with the codes {', '.join(codes)}",
                    f"choices = {{ code = value, ... }}, each value {column.expectation}",
                )
            )
    return True


def of_result(code: Code, spec: Any, form: str, context: Context, where: str, refuse: Refuse) -> Cell | None:
    """The cell of a result, whose texts are those that the code admits."""
    cell = _cell("value_text" if code.text else "value", spec, form, context, where, refuse)
    if cell is None or cell.constant is not None:
        return cell if cell is None else _no(refuse, where, "a constant", "a field that holds the result")
    targets = _targets(cell, context)
    if targets is not None and code.allowed:
        bad = [t for t in targets if t not in code.allowed]
        if bad:
            return _no(refuse, where, f"the result {bad[0]!r}", f"choices with one of {', '.join(code.allowed)}")
    if targets is not None and not code.text and (bad := [t for t in targets if not _number(t)]):
        return _no(refuse, where, f"the result {bad[0]!r}", "choices with numbers")
    return cell


def of_answer(item: Item, spec: Any, form: str, context: Context, where: str, refuse: Refuse) -> Cell | None:
    """The cell of an answered item, whose values are those that the item admits."""
    cell = _cell("value_text" if item.allowed else "value", spec, form, context, where, refuse)
    if cell is None or cell.constant is not None:
        return cell if cell is None else _no(refuse, where, "a constant", "a field that holds the answer")
    targets = _targets(cell, context)
    bad = [t for t in targets or () if not _answers(item, t)]
    if bad:
        return _no(refuse, where, f"the answer {bad[0]!r}", f"choices with a {item.expectation}")
    return cell


def _answers(item: Item, target: str) -> bool:
    if item.allowed:
        return target in item.allowed
    return _number(target) and (item.minimum or 0) <= float(target) <= (item.maximum or 0)


def _targets(cell: Cell, context: Context) -> list[str] | None:
    """Every value that the cell can give, where choices fix them."""
    if cell.choices is not None:
        return [t for t in cell.choices.values() if t]
    codes = codes_of(cell, context)
    return None if codes is None else list(codes)


def codes_of(cell: Cell, context: Context) -> list[str] | None:
    """The codes that a field admits; none where it has no choices."""
    field = context.project.fields.get(cell.field)
    if cell.box:
        return ["0", "1"]
    given = context.mapping.own.get("missing", {})
    missing = {*context.project.missing, *(str(m) for m in (given if isinstance(given, (list, Mapping)) else ()))}
    if field is None or field.type not in CHOICE:
        return list(context.project.events) or None if cell.field == EVENT else None
    return [c for c in field.choices if c not in missing]


def plain(name: str, context: Context, where: str, refuse: Refuse) -> Cell | None:
    """A field or box named alone, as in a condition."""
    return _cell("", name, "", context, where, refuse, needs_form=False)


def subject(name: Any, context: Context, refuse: Refuse) -> None:
    """Check the field that names the person in place of the record."""
    field = context.project.fields.get(name) if isinstance(name, str) else None
    if field is None or field.type != "text" or identifies(field):
        refuse("subject", f"subject = {name!r}", "a text field of the dictionary that is no identifier")


def _cell(
    column: str, spec: Any, form: str, context: Context, where: str, refuse: Refuse, *, needs_form: bool = True
) -> Cell | None:
    entry = {"field": spec} if isinstance(spec, str) else spec
    if isinstance(spec, (bool, int, float)):
        entry = {"constant": spec}
    if not isinstance(entry, Mapping) or set(entry) - set(OWN) or ("field" in entry) == ("constant" in entry):
        return _no(refuse, where, f"{spec!r}", 'a field, { field = "..." } or { constant = "..." }')
    if "constant" in entry:
        value = entry["constant"]
        text = str(value).lower() if isinstance(value, bool) else str(value)
        return Cell(column, constant=text)
    name, box = _reference(entry["field"], context)
    field = context.project.fields.get(name)
    if field is None and name not in SPECIAL and not _status(name, context):
        known = [*context.project.fields, *SPECIAL]
        return _no(refuse, where, f"the field {entry['field']!r}", f"a field of the dictionary{near(name, known)}")
    reason = _unreadable(field, box, column, form, context, needs_form=needs_form) if field is not None else None
    if reason is not None:
        return _no(refuse, where, f"the field {name}, {reason[0]}", reason[1])
    if not _details(entry, Cell(column, name, box), context, where, refuse):
        return None
    choices: Any = entry.get("choices")
    texts = None if choices is None else {str(k): _as_text(v) for k, v in choices.items()}
    year = column == "birth_year" and field is not None and field.is_date
    return Cell(column, name, box, None, texts, entry.get("event"), str(entry.get("time", "")), year)


def _details(entry: Mapping[str, Any], cell: Cell, context: Context, where: str, refuse: Refuse) -> bool:
    """Whether the choices, the event and the time of an entry exist."""
    choices, event, time = entry.get("choices"), entry.get("event"), entry.get("time", "")
    if not isinstance(event, (str, type(None))) or not isinstance(time, str):
        return bool(_no(refuse, where, f"event = {event!r}, time = {time!r}", "the name of an event, of a field"))
    codes = codes_of(cell, context)
    if choices is not None and not isinstance(choices, Mapping):
        return bool(_no(refuse, where, f"choices = {choices!r}", "codes with their values"))
    stray = [c for c in choices or () if codes is not None and str(c) not in codes]
    if stray:
        return bool(_no(refuse, where, f"the code {stray[0]!r}", f"a code of {cell.field}: {', '.join(codes or ())}"))
    if event is not None and event not in context.project.events:
        known = near(event, context.project.events)
        return bool(_no(refuse, where, f"event = {event!r}", f"a unique event name{known}"))
    if time and time not in context.project.fields:
        return bool(_no(refuse, where, f"time = {time!r}", f"a field{near(time, context.project.fields)}"))
    return True


def _as_text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _status(name: str, context: Context) -> bool:
    return name.endswith("_complete") and name.removesuffix("_complete") in context.project.forms


def _reference(text: Any, context: Context) -> tuple[str, str]:
    """A field, and the column of one of its boxes where the text names one (`field___code`)."""
    name, mark, code = str(text).partition("___")
    field = context.project.fields.get(name)
    if mark and field is not None and field.type == "checkbox" and checkbox_column(name, code) in field.columns:
        return name, checkbox_column(name, code)
    return str(text), ""


def _unreadable(
    field: Field, box: str, column: str, form: str, context: Context, *, needs_form: bool
) -> tuple[str, str] | None:
    """Why a field cannot be read, and what could be instead."""
    year = column == "birth_year" and field.is_date
    if identifies(field) and field.name not in context.allowed and not year:
        more = "; a date can be listed in identifying_dates" if field.is_date else ""
        return "a direct identifier", f"a field that is not flagged as identifier{more}"
    if field.type == "calc":
        return "which is calculated", "the fields it is calculated from; [redcap] compare checks calculated fields"
    if field.type in NO_DATA:
        return f"a {field.type}", "a field that holds answers"
    if not needs_form and field.type == "checkbox" and not box:
        return "a checkbox", f"one of its boxes: {', '.join(list(field.columns)[:4])}"
    if needs_form and field.form != form and field.form in context.project.repeating:
        return f"of the repeating form {field.form}", f"a field of {form}, or of a form that does not repeat"
    return None


def _good(column: Column, text: str) -> bool:
    """Whether a text is a cell that the column admits; dates are judged when they are read."""
    if column.type == "enum":
        return text in column.allowed
    if column.type == "list":
        return all(part in column.allowed for part in text.split(";"))
    if column.type == "bool":
        return text.lower() in ("true", "false", "yes", "no", "0", "1")
    if column.type in ("int", "float"):
        low = column.minimum if column.minimum is not None else float("-inf")
        high = column.maximum if column.maximum is not None else float("inf")
        return _number(text) and low <= float(text) <= high
    return True


def _number(text: str) -> bool:
    try:
        return float(text) == float(text)
    except ValueError:
        return False


def _no(refuse: Refuse, where: str, found: str, expected: str) -> Cell | None:
    """Refuse an entry; there is no cell."""
    refuse(where, found, expected)
    return None
