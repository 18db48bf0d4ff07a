"""The section `[redcap]` of a mapping file, checked against the data dictionary before any record is looked at.

[redcap]
missing = { "-99" = "not known" }        # missing-data codes beside those that the project declares
identifying_dates = ["infusion_date"]    # dates flagged as identifiers that are read all the same

[[redcap.rows]]                          # one block for each kind of row
table = "observations"
form = "labs"
columns.datetime = "lab_date"
values.ANC = { field = "anc", unit = "10*9/L", ref_low = "anc_lln" }
values.O2DEVICE = { field = "oxygen", choices = { "0" = "room_air", "1" = "nasal_cannula" } }

[[redcap.rows]]
table = "assessments"
form = "sledai"
instrument = "SLEDAI-2K"
columns.datetime = "sledai_date"
columns.rater = { constant = "investigator" }
items.seizure = "sledai_items___1"
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from aftercart.errors import SourceError
from aftercart.sources.mapping import SourceMapping
from aftercart.sources.redcap import cells
from aftercart.sources.redcap.cells import Cell
from aftercart.sources.redcap.formula import Formula, FormulaError
from aftercart.sources.redcap.project import EVENT, Project
from aftercart.study import dictionary, instruments, problems, schema

TOP = ("rows", "subject", "missing", "identifying_dates", "unticked", "compare")
BLOCK = ("table", "form", "events", "columns", "values", "items", "instrument", "when", "skip_if_blank", "unticked")
UNTICKED = ("complete", "ticked", "opened")
"""When an empty box means no: the form is complete, another box of the field is ticked, or the form was opened.

`complete` takes the second for granted, `opened` both.
"""
FILLED_IN = {
    "subjects": ("subject_id",),
    "infusions": ("infusion_seq",),
    "observations": ("code",),
    "assessments": ("instrument", "item"),
}
"""Required columns that the reader can fill in itself."""


@dataclass(frozen=True)
class Value:
    """One result of a form: a code of the dictionary or an item, where it stands, and the columns beside it."""

    name: str
    cell: Cell
    beside: tuple[Cell, ...] = ()


@dataclass(frozen=True)
class Block:
    """One kind of row of the study, and the form it comes from."""

    number: int
    table: str
    form: str
    columns: tuple[Cell, ...] = ()
    values: tuple[Value, ...] = ()
    events: tuple[str, ...] = ()
    when: tuple[tuple[Cell, tuple[str, ...]], ...] = ()
    skip_if_blank: tuple[Cell, ...] = ()
    unticked: str = "complete"

    @property
    def cells(self) -> tuple[Cell, ...]:
        """Every cell that the block reads."""
        parts = [c for v in self.values for c in (v.cell, *v.beside)]
        return (*self.columns, *parts, *self.skip_if_blank, *(c for c, _ in self.when))


@dataclass(frozen=True)
class Plan:
    """What becomes of a project: checked, every name in it exists."""

    blocks: tuple[Block, ...]
    subject: str
    missing: Mapping[str, str]
    allowed: frozenset[str] = frozenset()
    compare: Mapping[str, Formula] = field(default_factory=dict)

    @property
    def fields(self) -> frozenset[str]:
        """The fields that are read."""
        read = {c.field for b in self.blocks for c in b.cells} | {c.time for b in self.blocks for c in b.cells}
        return frozenset(read | {self.subject} - {""})


Refuse = Callable[..., None]


def read_plan(mapping: SourceMapping, project: Project) -> Plan:
    """Check the section of a mapping against the project; raises `SourceError` with a line for every wrong entry."""
    wrong: list[pl.DataFrame] = []

    def refuse(where: str, found: object, expected: str) -> None:
        place = f"[redcap] {where}"
        wrong.append(problems.one("mapping", mapping.file, str(found), expected, "correct the entry.", column=place))

    own = mapping.own
    for name in own:
        if name not in TOP:
            refuse(str(name), f"the entry {name}", f"one of {', '.join(TOP)}")
    allowed = _dates(own.get("identifying_dates", []), project, refuse)
    context = cells.Context(project, frozenset(allowed), mapping)
    unticked = _unticked(own.get("unticked", "complete"), "unticked", refuse)
    rows = own.get("rows", [])
    if not isinstance(rows, list) or not all(isinstance(r, Mapping) for r in rows):
        refuse("rows", f"rows = {rows!r}", "blocks, each under [[redcap.rows]]")
        rows = []
    blocks = [_block(i, raw, context, unticked, refuse) for i, raw in enumerate(rows, start=1)]
    subject = own.get("subject", project.record_id.name)
    if subject != project.record_id.name:
        cells.subject(subject, context, refuse)
    missing = {**project.missing, **_missing(own.get("missing", {}), refuse)}
    compare = _compare(own.get("compare", []), project, refuse)
    _need_subjects([r for r in rows if r.get("table") == "subjects"], refuse)
    if wrong:
        raise SourceError(f"The mapping {mapping.file} does not fit the data dictionary.", problems.gather(wrong))
    good = tuple(b for b in blocks if b is not None)
    return Plan(good, str(subject), missing, frozenset(allowed), compare)


def _block(number: int, raw: Mapping[str, Any], context: cells.Context, unticked: str, refuse: Refuse) -> Block | None:
    where = f"rows {number}"
    for name in raw:
        if name not in BLOCK:
            refuse(where, f"the entry {name}", f"one of {', '.join(BLOCK)}")
    table, form = raw.get("table"), raw.get("form")
    if not isinstance(table, str) or table not in schema.tables():
        refuse(where, f"table = {table!r}", f"one of {', '.join(schema.tables())}")
        return None
    if form not in context.project.forms:
        refuse(where, f"form = {form!r}", f"a form of the dictionary{cells.near(form, context.project.forms)}")
        return None
    where = f"rows {number} ({table} from {form})"
    events = _events(raw.get("events", []), context.project, where, refuse)
    columns = _columns(raw.get("columns", {}), str(table), str(form), context, where, refuse)
    values: list[Value] = []
    if table == "observations":
        values = _values(raw.get("values", {}), str(form), context, where, refuse)
    elif "values" in raw:
        refuse(where, "values", "values only for observations")
    if table == "assessments":
        found = _items(raw, str(form), context, where, refuse)
        values, columns = found[0], columns + found[1]
    elif "items" in raw or "instrument" in raw:
        refuse(where, "items", "instrument and items only for assessments")
    _required(table, _names(raw), bool(values), context.project, where, refuse)
    return Block(
        number,
        str(table),
        str(form),
        tuple(columns),
        tuple(values),
        events,
        _when(raw.get("when", {}), context, where, refuse),
        _blank(raw.get("skip_if_blank", []), context, where, refuse),
        _unticked(raw.get("unticked", unticked), where, refuse),
    )


def _columns(raw: Any, table: str, form: str, context: cells.Context, where: str, refuse: Refuse) -> list[Cell]:
    if not isinstance(raw, Mapping):
        refuse(where, f"columns = {raw!r}", "entries such as columns.start = a field")
        return []
    found = []
    # Where one row gives several, or several give one, the key is made from where they stand.
    kept = ("row_id",) if table in ("subjects", "observations", "assessments") else ()
    names = [n for n in schema.tables()[table].names if n not in ("study_id", "source", "source_ref", *kept)]
    for name, spec in raw.items():
        if name not in names:
            refuse(where, f"columns.{name}", f"a column of {table}{cells.near(name, names)}")
            continue
        cell = cells.of_column(schema.tables()[table][name], spec, form, context, where, refuse)
        if cell is not None:
            found.append(cell)
    return found


def _values(raw: Any, form: str, context: cells.Context, where: str, refuse: Refuse) -> list[Value]:
    if not isinstance(raw, Mapping):
        refuse(where, f"values = {raw!r}", "entries such as values.ANC = { field = ..., unit = ... }")
        return []
    table, found = schema.tables()["observations"], []
    for name, spec in raw.items():
        code = dictionary.codes().get(name)
        if code is None:
            refuse(where, f"values.{name}", f"a code of the dictionary{cells.near(name, dictionary.codes())}")
            continue
        main, more = cells.apart(spec, table)
        place = f"{where}, values.{name}"
        cell = cells.of_result(code, main, form, context, place, refuse)
        beside = [cells.of_column(table[c], s, form, context, place, refuse) for c, s in more.items()]
        good = tuple(c for c in beside if c is not None)
        unit = next((c for c in good if c.column == "unit"), None)
        if unit is None and code.unit is not None and not code.text:
            refuse(place, "no unit", f"unit = one of {', '.join(dictionary.accepted_units(name))}")
        elif unit is not None and unit.constant is not None:
            named = context.mapping.units.get(unit.constant, unit.constant)
            if code.unit is not None and dictionary.to_standard(name, named) is None:
                accepted = ", ".join(dictionary.accepted_units(name))
                refuse(place, f"unit = {unit.constant!r}", f"one of {accepted}")
        if cell is not None:
            found.append(Value(str(name), cell, good))
    return found


def _items(
    raw: Mapping[str, Any], form: str, context: cells.Context, where: str, refuse: Refuse
) -> tuple[list[Value], list[Cell]]:
    known = instruments.instruments()
    instrument = known.get(str(raw.get("instrument")))
    if instrument is None:
        refuse(where, f"instrument = {raw.get('instrument')!r}", f"one of {', '.join(known)}")
        return [], []
    answers = raw.get("items", {})
    if not isinstance(answers, Mapping) or not answers:
        refuse(where, f"items = {answers!r}", "entries such as items.seizure = a field")
        return [], []
    table, found = schema.tables()["assessments"], []
    for name, spec in answers.items():
        item = instrument.items.get(name)
        if item is None:
            refuse(where, f"items.{name}", f"an item of {instrument.name}{cells.near(name, instrument.items)}")
            continue
        main, more = cells.apart(spec, table)
        place = f"{where}, items.{name}"
        cell = cells.of_answer(item, main, form, context, place, refuse)
        beside = [cells.of_column(table[c], s, form, context, place, refuse) for c, s in more.items()]
        if cell is not None:
            found.append(Value(str(name), cell, tuple(c for c in beside if c is not None)))
    return found, [Cell("instrument", constant=instrument.name)]


def _names(raw: Mapping[str, Any]) -> set[str]:
    """The columns that a block names, whether or not each can be used."""
    columns = raw.get("columns", {})
    return set(columns) if isinstance(columns, Mapping) else set()


def _required(table: str, columns: set[str], has_values: bool, project: Project, where: str, refuse: Refuse) -> None:
    """Refuse a block that leaves out a column without which no row is kept."""
    have = columns | {"study_id", "subject_id", "row_id", *FILLED_IN.get(table, ())}
    if table == "visits" and project.events:
        have.add("visit")
    if table == "observations" and not has_values:
        have -= {"code"} - columns
        if not {"value", "value_text"} & have:
            refuse(where, "no values", "values.CODE for each result, or columns.code with columns.value")
    for column in schema.tables()[table].columns if table != "subjects" else ():
        if column.required and column.name not in have:
            refuse(where, f"no columns.{column.name}", f"{column.name}: {column.description}")


def _need_subjects(people: list[Mapping[str, Any]], refuse: Refuse) -> None:
    if not people:
        refuse("rows", 'no block with table = "subjects"', "one for the persons of the study")
        return
    have = {c for raw in people for c in _names(raw)}
    for name in ("sex", "indication"):
        if name not in have:
            refuse("rows (subjects)", f"no columns.{name}", f"{name}: {schema.tables()['subjects'][name].description}")


def _events(raw: Any, project: Project, where: str, refuse: Refuse) -> tuple[str, ...]:
    names = [raw] if isinstance(raw, str) else raw
    if not isinstance(names, list) or not all(isinstance(n, str) for n in names):
        refuse(where, f"events = {raw!r}", "a list of unique event names")
        return ()
    for name in names:
        if project.events and name not in project.events:
            refuse(where, f"the event {name!r}", f"a unique event name{cells.near(name, project.events)}")
    return tuple(names)


def _when(raw: Any, context: cells.Context, where: str, refuse: Refuse) -> tuple[tuple[Cell, tuple[str, ...]], ...]:
    if not isinstance(raw, Mapping):
        refuse(where, f"when = {raw!r}", 'conditions such as when.ae_yn = "1"')
        return ()
    found = []
    for name, wanted in raw.items():
        cell = cells.plain(str(name), context, f"{where}, when", refuse)
        values = tuple(str(w) for w in (wanted if isinstance(wanted, list) else [wanted]))
        known = cells.codes_of(cell, context) if cell is not None else None
        for value in values:
            if known is not None and value not in known:
                refuse(f"{where}, when", f"{name} = {value!r}", f"one of {', '.join(known)}")
        if cell is not None:
            found.append((cell, values))
    return tuple(found)


def _blank(raw: Any, context: cells.Context, where: str, refuse: Refuse) -> tuple[Cell, ...]:
    names = [raw] if isinstance(raw, str) else raw
    if not isinstance(names, list):
        refuse(where, f"skip_if_blank = {raw!r}", "a list of fields")
        return ()
    found = [cells.plain(str(name), context, f"{where}, skip_if_blank", refuse) for name in names]
    return tuple(c for c in found if c is not None)


def _unticked(raw: Any, where: str, refuse: Refuse) -> str:
    if raw not in UNTICKED:
        refuse(where, f"unticked = {raw!r}", f"one of {', '.join(UNTICKED)}")
        return "complete"
    return str(raw)


def _missing(raw: Any, refuse: Refuse) -> dict[str, str]:
    if isinstance(raw, list):
        return {str(code): str(code) for code in raw}
    if isinstance(raw, Mapping):
        return {str(code): str(meaning) for code, meaning in raw.items()}
    refuse("missing", f"missing = {raw!r}", 'codes with their meaning, as in { "-99" = "not known" }')
    return {}


def _dates(raw: Any, project: Project, refuse: Refuse) -> list[str]:
    names = raw if isinstance(raw, list) else [raw]
    for name in names:
        known = project.fields.get(name) if isinstance(name, str) else None
        if known is None or not known.is_date:
            refuse("identifying_dates", f"{name!r}", "date fields of the dictionary, and nothing else")
    return [str(n) for n in names]


def _compare(raw: Any, project: Project, refuse: Refuse) -> dict[str, Formula]:
    found = {}
    for name in raw if isinstance(raw, list) else [raw]:
        known = project.fields.get(name) if isinstance(name, str) else None
        if known is None or known.type != "calc":
            refuse("compare", f"{name!r}", "calculated fields of the dictionary")
            continue
        try:
            found[known.name] = Formula.of(known.calculation, project.fields)
        except FormulaError as error:
            refuse("compare", f"{name}: {error}", "a formula of fields of the same form, with numbers and + - * / ^")
    return found


__all__ = ["EVENT", "Block", "Plan", "Value", "read_plan"]
