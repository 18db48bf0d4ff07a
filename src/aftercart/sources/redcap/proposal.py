"""A mapping file for a project: a block for each kind of row that is recognised, and what nobody could place."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from aftercart.sources.mapping import Proposal
from aftercart.sources.redcap import guessing
from aftercart.sources.redcap.fields import CHOICE, Field, checkbox_column
from aftercart.sources.redcap.formula import Formula, FormulaError
from aftercart.sources.redcap.project import GROUP, INSTANCE, Project
from aftercart.sources.redcap.records import identifies
from aftercart.sources.sdtm.proposal import UNPLACED
from aftercart.study import dictionary, drugs, schema

Line = tuple[str, str]
"""A line of the file, and a comment after it."""
LEADING = ("study_id", "subject_id", "row_id", "source", "source_ref", "status")
CONSTANTS = {"events": {"category": "ae"}}
"""What a block says of every row where no field does."""


@dataclass
class _Draft:
    project: Project
    blocks: list[list[str]] = field(default_factory=list)
    placed: set[str] = field(default_factory=set)
    unplaced: list[tuple[str, str, str, str]] = field(default_factory=list)
    medicines: list[str] = field(default_factory=list)

    def block(self, table: str, form: str, lines: Sequence[Line], *, lacks: str = "", head: Sequence[str] = ()) -> None:
        """Add a block; one that lacks what no row can be without is written as a comment."""
        text = ["[[redcap.rows]]", f"table = {quoted(table)}", f"form = {quoted(form)}", *head]
        text += [f"{line}   # {_comment(note)}" if note else line for line, note in lines]
        if lacks:
            text = [f"# {lacks}", *(f"# {line}" for line in text)]
            self.unplaced.append((form, table, "", lacks))
        self.blocks.append(text)

    def note(self, item: Field, reason: str) -> None:
        """Say that a field was recognised and still cannot be placed."""
        self.placed.add(item.name)
        self.unplaced.append((item.form, item.name, _comment(item.label), reason))


def of(project: Project) -> Proposal:
    """The proposal; it loads as it is, and what it leaves to a person is a comment and in `unplaced`."""
    draft = _Draft(project)
    forms = {form: [f for f in project.of_form(form) if f.type != "descriptive"] for form in project.forms}
    first = project.record_id.form
    _subjects(draft, {f: fields for f, fields in forms.items() if f not in project.repeating}, first)
    for form, fields in forms.items():
        for table in ("infusions", "exposures", "events", "visits", "disposition"):
            _rows(draft, table, form, fields)
        _milestones(draft, form, fields)
        _results(draft, form, fields, forms)
        _instrument(draft, form, fields, forms)
    for item in project.fields.values():
        if item.name in draft.placed or item is project.record_id or item.type == "descriptive":
            continue
        draft.unplaced.append((item.form, item.name, _comment(item.label), _why_not(item)))
    return Proposal(_text(draft), pl.DataFrame(draft.unplaced, schema=UNPLACED, orient="row"))


def quoted(text: object) -> str:
    """A text of a TOML file."""
    return json.dumps(str(text), ensure_ascii=False).replace("\x7f", "\\u007f")


def _comment(text: str) -> str:
    return re.sub(r"[\x00-\x1f\x7f]+", " ", text)[:120].strip()


def _table_of(entries: Mapping[str, str]) -> str:
    return "{ " + ", ".join(f"{k} = {v}" for k, v in entries.items()) + " }"


def _choices(choices: Mapping[str, str]) -> str:
    return _table_of({quoted(k): quoted(v) for k, v in choices.items()})


def _shown(item: Field) -> str:
    return f"shown only if {item.branching}" if item.branching else ""


def _why_not(item: Field) -> str:
    if identifies(item):
        return "flagged as an identifier"
    if item.type in ("calc", "file"):
        return "calculated: checked with compare" if item.type == "calc" else "a file"
    return _shown(item) or "not recognised"


def _column(draft: _Draft, table: str, name: str, item: Field) -> Line | None:
    """The line that fills a column from a field, or none where its answers do not fit."""
    column = schema.tables()[table][name]
    year = name == "birth_year" and item.is_date
    if identifies(item) and not year:
        if item.is_date:
            draft.note(item, "a date flagged as identifier: list it in identifying_dates to read it")
        return None
    if item.type in ("calc", "file") or (item.type == "checkbox" and column.type != "list"):
        return None
    if column.type in ("date", "datetime") and (item.type in CHOICE or item.is_number):
        return None
    if column.type in ("int", "float") and not year and (item.is_date or item.type in CHOICE):
        return None
    text = quoted(item.name)
    if item.type in CHOICE and column.type in ("enum", "bool", "list") and item.type not in ("yesno", "truefalse"):
        found, left = guessing.choices_for(column, item)
        if not found:
            draft.note(item, f"no choice is a {name}")
            return None
        text = _table_of({"field": quoted(item.name), "choices": _choices(found)})
        for label in left:
            draft.unplaced.append((item.form, item.name, _comment(label), f"no {name} for this choice"))
    draft.placed.add(item.name)
    return f"columns.{name} = {text}", _shown(item)


def _found(draft: _Draft, table: str, fields: Sequence[Field], skip: Sequence[str] = ()) -> dict[str, Line]:
    lines: dict[str, Line] = {}
    taken: set[str] = set()
    for name, names in _names(table).items():
        if name in skip:
            continue
        item = guessing.best([f for f in fields if f.name not in taken], names)
        line = _column(draft, table, name, item) if item is not None else None
        if item is not None and line is not None:
            lines[name] = line
            taken.add(item.name)
    return lines


def _names(table: str) -> dict[str, list[str]]:
    """The words for every column of a table, its own name among them."""
    words = guessing.words()["tables"][table]
    own = [n for n in schema.tables()[table].names if n not in LEADING]
    order = [*words, *(n for n in own if n not in words)]
    return {name: [name, *words.get(name, ())] for name in order}


def _subjects(draft: _Draft, forms: Mapping[str, Sequence[Field]], first: str) -> None:
    """Blocks of the persons: every form that says something of them, with what is required said in the first."""
    found: dict[str, dict[str, Line]] = {}
    done: set[str] = set()
    for form, fields in forms.items():
        lines = _found(draft, "subjects", fields, tuple(done))
        if lines:
            found[form] = lines
            done |= set(lines)
    home = next((f for f, lines in found.items() if "sex" in lines), next(iter(found), first))
    lines = found.setdefault(home, {})
    if GROUP in draft.project.records.columns and "site_id" not in done:
        lines["site_id"] = (f"columns.site_id = {quoted(GROUP)}", "the data access group")
    for name, fallback in (("sex", "U"), ("indication", "OTHER")):
        if name not in done:
            lines[name] = (f"columns.{name} = {{ constant = {quoted(fallback)} }}", "not found: state it")
            draft.unplaced.append((home, name, "", f"no field of {name} was found; {fallback} stands in"))
    for form, own in found.items():
        draft.block("subjects", form, list(own.values()))


def _rows(draft: _Draft, table: str, form: str, fields: Sequence[Field]) -> None:
    """A block of a form that holds one fact a row: medicines, events, infusions, visits."""
    keys = guessing.words()["keys"][table]
    names = guessing.words()["tables"][table]
    free = [f for f in fields if table in ("infusions", "visits") or f.name not in draft.placed]
    if any(guessing.best(free, names[key]) is None for key in keys):
        return
    if table == "visits" and (not draft.project.events or form in draft.project.repeating):
        return
    lines = _found(draft, table, free)
    if not set(keys) <= set(lines):
        return
    for name, value in CONSTANTS.get(table, {}).items():
        if name not in lines:
            lines[name] = (f"columns.{name} = {{ constant = {quoted(value)} }}", "")
    if table == "infusions" and form in draft.project.repeating:
        lines["infusion_seq"] = (f"columns.infusion_seq = {quoted(INSTANCE)}", "")
    if table == "exposures":
        _name_medicines(draft, guessing.best(free, names["drug"]))
    draft.block(table, form, list(lines.values()))


def _name_medicines(draft: _Draft, item: Field | None) -> None:
    if item is None or item.name not in draft.project.records.columns:
        return
    written = draft.project.records[item.name].drop_nulls().unique().sort().to_list()
    texts = list(item.choices.values()) if item.choices else written
    draft.medicines += [t for t in texts if drugs.ingredient(t) is None]
    draft.unplaced += [
        (item.form, item.name, t, "no ingredient of the drug dictionary") for t in texts if drugs.ingredient(t) is None
    ]


def _milestones(draft: _Draft, form: str, fields: Sequence[Field]) -> None:
    for milestone, names in guessing.words()["milestones"].items():
        item = guessing.best([f for f in fields if f.is_date and not identifies(f)], names)
        if item is not None:
            draft.placed.add(item.name)
            what = (f"columns.milestone = {{ constant = {quoted(milestone)} }}", "")
            draft.block("disposition", form, [what, (f"columns.date = {quoted(item.name)}", _shown(item))])


def _when(draft: _Draft, fields: Sequence[Field], forms: Mapping[str, Sequence[Field]]) -> tuple[str, str]:
    """The entry of the date of a form, or why there is none."""
    own = guessing.date_of(fields)
    flagged = own if own is not None and identifies(own) else None
    others = [f for other, many in forms.items() if other not in draft.project.repeating for f in many]
    visit = guessing.best([f for f in others if f.is_date], guessing.words()["tables"]["visits"]["start"])
    if flagged is not None:
        return "", f"the date {flagged.name} is flagged as an identifier: list it in identifying_dates"
    item = own or (visit if visit is not None and not identifies(visit) else None)
    if item is None:
        return "", "no date in the form, nor a date of the visit"
    draft.placed.add(item.name)
    time = guessing.time_of(item, fields) if own is not None else None
    if time is not None:
        draft.placed.add(time.name)
        return _table_of({"field": quoted(item.name), "time": quoted(time.name)}), ""
    return quoted(item.name), ""


def _results(draft: _Draft, form: str, fields: Sequence[Field], forms: Mapping[str, Sequence[Field]]) -> None:
    lines: list[Line] = []
    left: list[str] = []
    codes: set[str] = set()
    for item in fields:
        code = guessing.code_of(item) if item.name not in draft.placed else None
        if code is None or code in codes:
            continue
        known = dictionary.codes()[code]
        entries = {"field": quoted(item.name)}
        if known.text:
            found = {c: t for c, label in item.choices.items() if (t := guessing.plain(label)) in known.allowed}
            entries["choices"] = _choices(found)
            if not found:
                continue
        elif known.unit is not None:
            unit = guessing.unit_of(item, code)
            if unit is None:
                left.append(f'# values.{code} = {{ field = {quoted(item.name)}, unit = "" }}')
                draft.note(item, f"{code}, but neither label nor note states a unit")
                continue
            entries["unit"] = quoted(unit)
        more = guessing.beside(item, fields)
        entries |= {column: quoted(name) for column, name in more.items()}
        draft.placed |= {item.name, *more.values()}
        codes.add(code)
        lines.append((f"values.{code} = {_table_of(entries)}", _shown(item)))
    if not lines and not left:
        return
    when, lacks = _when(draft, fields, forms)
    head = [f"columns.datetime = {when or quoted('')}"]
    lacks = lacks or ("" if lines else "no result with a unit")
    draft.block("observations", form, [*lines, *((line, "") for line in left)], lacks=lacks, head=head)


def _instrument(draft: _Draft, form: str, fields: Sequence[Field], forms: Mapping[str, Sequence[Field]]) -> None:
    found = guessing.items_of([f for f in fields if f.name not in draft.placed])
    if found is None:
        return
    instrument, places = found
    lines: list[Line] = []
    for name, (item, box) in places.items():
        choices = {} if box else guessing.answer_choices(instrument.items[name], item)
        if choices is None:
            draft.note(item, f"{instrument.name}.{name}, but its answers are not {instrument.items[name].expectation}")
            continue
        source = quoted(checkbox_column(item.name, box) if box else item.name)
        entry = _table_of({"field": source, "choices": _choices(choices)}) if choices else source
        draft.placed.add(item.name)
        lines.append((f"items.{name} = {entry}", _shown(item)))
    if not lines:
        return
    rater = guessing.best([f for f in fields if f.name not in draft.placed], ["rater", "completed_by", "answered_by"])
    said = _column(draft, "assessments", "rater", rater) if rater is not None else None
    lines = [said, *lines] if said is not None else lines
    when, lacks = _when(draft, fields, forms)
    head = [f"instrument = {quoted(instrument.name)}", f"columns.datetime = {when or quoted('')}"]
    draft.block("assessments", form, lines, lacks=lacks, head=head)


def _text(draft: _Draft) -> str:
    project = draft.project
    name = _comment(project.name)
    lines = ["# Proposed by aftercart map redcap: check every line, and edit what is not right.", "", "[study]"]
    lines += [f"study_id = {quoted(guessing.plain(name).upper()[:40] or 'STUDY')}", f"title = {quoted(name)}"]
    lines += ["# data_cut_off = 2024-12-31", "", "[drugs]"]
    lines += [f'# {quoted(_comment(m))} = ""' for m in dict.fromkeys(draft.medicines)]
    lines += ["", "[visits]"]
    labels = dict.fromkeys(_comment(e.label) for e in project.events.values())
    lines += [f"# {quoted(label)} = {quoted(label.lower())}" for label in labels]
    lines += ["", "[redcap]", *_settings(project), ""]
    for block in draft.blocks:
        lines += [*block, ""]
    lines += ["# Not placed:"]
    for form, column, example, why in draft.unplaced:
        lines.append(f"#   {_comment(form)}: {_comment(column)}: {_comment(example)} ({_comment(why)})")
    return "\n".join(lines) + "\n"


def _settings(project: Project) -> list[str]:
    lines = []
    if project.missing:
        lines.append(f"# The project declares missing-data codes: {_comment(', '.join(project.missing))}.")
    words = guessing.words()["missing"]["words"]
    every = [pair for f in project.fields.values() for pair in f.choices.items()]
    maybe = {code: label for code, label in every if label.lower().strip() in words}
    if maybe:
        lines.append(f"# missing = {_comment(_choices(maybe))}")
    readable = []
    for item in project.fields.values():
        try:
            if item.type == "calc" and Formula.of(item.calculation, project.fields):
                readable.append(item.name)
        except FormulaError:
            continue
    if readable:
        lines.append(f"# compare = [{', '.join(quoted(n) for n in readable)}]")
    return lines
