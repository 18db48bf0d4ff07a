"""Guesses at what a field of a project holds, by its name, label, note and choices; a person checks them."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from aftercart.sources.redcap.fields import Field
from aftercart.sources.redcap.records import identifies
from aftercart.sources.sdtm.cells import FOREIGN
from aftercart.study import dictionary
from aftercart.study.instruments import Instrument, Item, instruments
from aftercart.study.schema import Column


@cache
def words() -> dict[str, Any]:
    """The words by which fields are recognised."""
    return tomllib.loads((files("aftercart.sources.redcap") / "words.toml").read_text("utf-8"))


def plain(text: str) -> str:
    """A text in lower case, with one underscore for any gap."""
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")


def _bare(label: str) -> str:
    """A label without what stands in brackets."""
    return plain(re.sub(r"[(\[][^)\]]*[)\]]", " ", label))


def rank(field: Field, names: Sequence[str]) -> int:
    """How well a field goes by some names: 3 by its own name, 2 by its label, 1 by the end of its name, else 0."""
    if field.name in names:
        return 3
    if _bare(field.label) in names:
        return 2
    return 1 if any(field.name.endswith(f"_{n}") for n in names) else 0


def best(fields: Sequence[Field], names: Sequence[str]) -> Field | None:
    """The field that goes best by some names; the first of several."""
    ranked = [(rank(f, names), -i, f) for i, f in enumerate(fields)]
    found = max(ranked, key=lambda r: r[:2], default=(0, 0, None))
    return found[2] if found[0] else None


def code_of(field: Field) -> str | None:
    """The code of the dictionary that a field holds results of."""
    ranked = [(rank(field, names), code) for code, names in words()["codes"].items()]
    top = max(ranked, default=(0, ""), key=lambda r: r[0])
    if not top[0] or field.type not in ("text", "radio", "dropdown") or field.is_date or identifies(field):
        return None
    if (field.type != "text") != dictionary.codes()[top[1]].text or field.validation.startswith("time"):
        return None
    return str(top[1])


def unit_of(field: Field, code: str) -> str | None:
    """The unit that a label or note states, where the dictionary accepts it for the code."""
    accepted = {
        row["_unit"].lower(): row["_unit"]
        for row in dictionary.conversion_table().iter_rows(named=True)
        if row["code"] == code
    }
    for text in (field.label, field.note):
        chunks = re.findall(r"\(([^()]*)\)|\[([^\[\]]*)\]", text)
        found = [c for pair in chunks for c in pair if c]
        found += [text, text.rpartition(",")[2], text.rpartition(" ")[2], text.rpartition(" in ")[2]]
        for chunk in found:
            unit = chunk.strip().replace("\u00b5", "u").replace("\u03bc", "u").lower()
            unit = words()["units"].get(unit, unit)
            if unit in accepted:
                return str(accepted[unit])
    only = dictionary.accepted_units(code)
    return only[0] if only == ("1",) else None


def beside(field: Field, others: Sequence[Field]) -> dict[str, str]:
    """Fields named after another that hold its limits, by column: `anc_uln` beside `anc`."""
    by_name = {f.name: f for f in others if f.type == "text"}
    found = {}
    for column, ends in words()["beside"].items():
        for end in ends:
            if f"{field.name}_{end}" in by_name and column not in found:
                found[column] = f"{field.name}_{end}"
    return found


def date_of(fields: Sequence[Field]) -> Field | None:
    """The field that says when a form was answered."""
    good, bad = words()["dates"]["good"], words()["dates"]["bad"]
    dates = [f for f in fields if f.is_date and not set(plain(f.name).split("_")) & set(bad)]
    named = [f for f in dates if set(plain(f.name).split("_")) & set(good)]
    return next(iter(named or dates), None)


def time_of(date: Field, fields: Sequence[Field]) -> Field | None:
    """The field that holds the time of day of a date."""
    if not date.validation.startswith("date_"):
        return None
    return next((f for f in fields if f.validation.startswith("time") and "time" in f.name), None)


def choices_for(column: Column, field: Field) -> tuple[dict[str, str], list[str]]:
    """Codes of a field with the values that a column admits for their labels, and the labels that match none."""
    allowed = {plain(a): a for a in column.allowed}
    if column.type == "bool":
        allowed = {"true": "true", "false": "false", "yes": "true", "no": "false"}
    foreign = {k: v for k, v in FOREIGN.get(column.name, {}).items() if v in column.allowed}
    more = {k: v for k, v in words()["synonyms"].items() if v in allowed.values()}
    known = {**more, **foreign, **allowed}
    found, left = {}, []
    for code, label in field.choices.items():
        target = known.get(plain(label)) or known.get(plain(code))
        if target is None and not label.strip().isdigit():
            target = next((known[k] for k in known if k == _bare(label)), None)
        if target is None:
            left.append(label)
        else:
            found[code] = target
    return found, left


def items_of(fields: Sequence[Field]) -> tuple[Instrument, dict[str, tuple[Field, str]]] | None:
    """The instrument of which a form holds most items, each with its field and, for a checkbox, the code of its box."""
    best_: tuple[int, Instrument, dict[str, tuple[Field, str]]] | None = None
    for instrument in instruments().values():
        found = {item: at for item in instrument.items if (at := _item(item, fields)) is not None}
        name, form = plain(instrument.name), fields[0].form if fields else ""
        called = name == form or (len(form) > 3 and name.startswith(form))
        score = 2 * len(found) + 3 * called
        enough = len(found) >= (1 if called else min(3, max(2, len(instrument.items))))
        if enough and (best_ is None or score > best_[0]):
            best_ = (score, instrument, found)
    return None if best_ is None else best_[1:]


def _item(name: str, fields: Sequence[Field]) -> tuple[Field, str] | None:
    key = plain(name)
    for field in fields:
        if identifies(field) or field.type in ("calc", "file", "descriptive", "notes"):
            continue
        if field.type == "checkbox":
            code = next((c for c, label in field.choices.items() if key in (plain(c), plain(label))), None)
            if code is not None:
                return field, code
        elif key == field.name or field.name.endswith(f"_{key}") or plain(field.label) == key:
            return field, ""
    return None


def answer_choices(item: Item, field: Field) -> Mapping[str, str] | None:
    """Choices by which the codes of a field answer an item: empty where they do as they are, none where they cannot."""
    if not field.choices:
        return {} if not item.allowed else None
    if item.allowed:
        by_label = {c: plain(label) for c, label in field.choices.items() if plain(label) in item.allowed}
        if set(field.choices) <= set(item.allowed):
            return {}
        return by_label if len(by_label) == len(field.choices) else None
    numbers = [c for c in field.choices if re.fullmatch(r"-?[0-9.]+", c)]
    low, high = item.minimum or 0, item.maximum or 0
    fits = len(numbers) == len(field.choices) and all(low <= float(c) <= high for c in numbers)
    return {} if fits else None
