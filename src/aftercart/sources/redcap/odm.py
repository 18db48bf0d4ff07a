"""The project file of REDCap: CDISC ODM 1.3.1 with REDCap's own attributes, metadata and records in one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from aftercart.errors import MissingExtraError, SourceError
from aftercart.sources.redcap.fields import SAME, TYPES, Field, choices_of, column_name, made
from aftercart.sources.redcap.project import EVENT, INSTANCE, INSTRUMENT, Event, Project, as_text, text_frame
from aftercart.study import problems

ODM = "{http://www.cdisc.org/ns/odm/v1.3}"
OWN = "{https://projectredcap.org}"

ATTRIBUTES = {
    "field_note": "FieldNote",
    "text_validation_type_or_show_slider_number": "TextValidationType",
    "identifier": "Identifier",
    "branching_logic": "BranchingLogic",
}


def read_project(path: Path) -> Project:
    """Read a project file.

    Raises `SourceError` for XML that is not whole, that declares entities or a document type, or that is no project.
    """
    root = _root(path)
    metadata = root.find(f"{ODM}Study/{ODM}MetaDataVersion")
    if metadata is None:
        raise _refused(path, "no MetaDataVersion", "the metadata of a project", "export the project again.")
    fields = _fields(metadata, path)
    first = metadata.get(f"{OWN}RecordIdField")
    if first in fields:
        fields = {first: fields[first], **fields}
    settings = root.find(f"{ODM}Study/{ODM}GlobalVariables")
    declared = {} if settings is None else {e.tag: (e.text or "").strip() for e in settings.iter()}
    repeats = {e.get(f"{OWN}RepeatInstrument") for e in root.iter(f"{OWN}RepeatingInstrument")}
    repeating = frozenset(str(r) for r in repeats if r)
    rows = list(_rows(root, next(iter(fields)), repeating, len(_events(metadata)) > 0))
    records = text_frame(rows)
    numbers = pl.int_range(1, records.height + 1, eager=True)
    return Project(
        name=declared.get(f"{ODM}StudyName") or path.stem,
        fields=fields,
        records=records.with_columns(_row=numbers, _table=pl.lit(path.name)),
        read={path.name: numbers},
        events=_events(metadata),
        arms={
            str(e.get(f"{OWN}ArmNum")): str(e.get(f"{OWN}ArmName") or e.get(f"{OWN}ArmNum"))
            for e in metadata.iter(f"{ODM}StudyEventDef")
            if e.get(f"{OWN}ArmNum")
        },
        repeating=repeating,
        missing=choices_of(declared.get(f"{OWN}MissingDataCodes", "")),
    )


def _root(path: Path) -> Any:
    try:
        from defusedxml import DefusedXmlException
        from defusedxml.ElementTree import ParseError, parse
    except ImportError as error:
        raise MissingExtraError("defusedxml", "exchange", "reading a project file") from error
    try:
        root = parse(path, forbid_dtd=True).getroot()
    except DefusedXmlException as error:
        found = f"{type(error).__name__}: entities or a document type"
        raise _refused(path, found, "XML without entities", "export the project again.") from error
    except (ParseError, OSError, ValueError, LookupError) as error:
        raise _refused(path, str(error), "well-formed XML", "export the project again.") from error
    if root is None or root.tag != f"{ODM}ODM":
        raise _refused(path, f"the element {root.tag if root is not None else 'none'}", "a project file", "check it.")
    return root


def _fields(metadata: Any, path: Path) -> dict[str, Field]:
    """Fields in the order of the forms; a checkbox, which has an item for each choice, becomes one field again."""
    groups = {
        ref.get("ItemGroupOID"): str(form.get(f"{OWN}FormName") or str(form.get("OID")).removeprefix("Form."))
        for form in metadata.iter(f"{ODM}FormDef")
        for ref in form.iter(f"{ODM}ItemGroupRef")
    }
    of_form = {
        ref.get("ItemOID"): groups[group.get("OID")]
        for group in metadata.iter(f"{ODM}ItemGroupDef")
        for ref in group.iter(f"{ODM}ItemRef")
        if group.get("OID") in groups
    }
    lists = {c.get("OID"): c for c in metadata.iter(f"{ODM}CodeList")}
    items = {i.get("OID"): i for i in metadata.iter(f"{ODM}ItemDef")}
    fields: dict[str, Field] = {}
    wrong: list[pl.DataFrame] = []
    for oid, form in of_form.items():
        item = items.get(oid)
        name = None if item is None else item.get(f"{OWN}Variable") or item.get("Name")
        if item is None or not name or name in fields or name == f"{form}_complete":
            continue
        kind = SAME.get(str(item.get(f"{OWN}FieldType")), item.get(f"{OWN}FieldType"))
        if kind not in TYPES:
            wrong.append(
                problems.one(
                    "data_dictionary", path.name, f"type {kind!r}", "a type of REDCap", "export again.", column=name
                )
            )
            continue
        fields[name] = made(_row(item, str(name), form, lists), kind)
    if wrong or not fields:
        wrong = wrong or [problems.one("data_dictionary", path.name, "no field", "fields", "export it again.")]
        raise SourceError(f"The fields of {path.name} cannot be used.", problems.gather(wrong))
    return fields


def _row(item: Any, name: str, form: str, lists: Mapping[Any, Any]) -> dict[str, str]:
    """The row of a data dictionary that an item stands for."""
    row = {key: str(item.get(f"{OWN}{attribute}") or "") for key, attribute in ATTRIBUTES.items()}
    choices = str(item.get(f"{OWN}Calculation") or "")
    reference = item.find(f"{ODM}CodeListRef")
    codes = lists.get(reference.get("CodeListOID")) if reference is not None else None
    if codes is not None:
        pairs = [
            f"{c.get('CodedValue')}, {_text(c.find(f'{ODM}Decode'))}".replace("|", "/").replace("\n", " ")
            for c in codes.iter(f"{ODM}CodeListItem")
        ]
        choices = codes.get(f"{OWN}CheckboxChoices") or "|".join(pairs)
    limits = {c.get("Comparator"): _text(c, f"{ODM}CheckValue") for c in item.iter(f"{ODM}RangeCheck")}
    return {
        **row,
        "field_name": name,
        "form_name": form,
        "field_label": _text(item.find(f"{ODM}Question")),
        "select_choices_or_calculations": choices,
        "text_validation_min": limits.get("GE", ""),
        "text_validation_max": limits.get("LE", ""),
    }


def _text(element: Any, tag: str = f"{ODM}TranslatedText") -> str:
    found = None if element is None else element.find(tag)
    return "" if found is None else "".join(found.itertext()).strip()


def _events(metadata: Any) -> dict[str, Event]:
    found = {}
    for event in metadata.iter(f"{ODM}StudyEventDef"):
        name = event.get(f"{OWN}UniqueEventName") or str(event.get("OID")).removeprefix("Event.")
        forms = {str(r.get(f"{OWN}FormName") or str(r.get("FormOID")).removeprefix("Form.")) for r in event}
        label = event.get(f"{OWN}EventName") or event.get("Name") or name
        found[name] = Event(name, str(label), str(event.get(f"{OWN}ArmNum") or ""), frozenset(forms))
    return found


def _rows(root: Any, first: str, repeating: frozenset[str], longitudinal: bool) -> Iterator[dict[str, object]]:
    """The flat rows that REDCap would export: one for each record and event, one more for each repeat of a form."""
    for subject in root.iter(f"{ODM}SubjectData"):
        places = subject.findall(f"{ODM}StudyEventData") or [subject]
        for place in places:
            event = place.get(f"{OWN}UniqueEventName") or (place.get("StudyEventOID") or "").removeprefix("Event.")
            times = place.get("StudyEventRepeatKey")
            rows: dict[tuple[str, str], dict[str, object]] = {}
            for form in place.findall(f"{ODM}FormData"):
                name = str(form.get("FormOID")).removeprefix("Form.")
                again = name in repeating or form.get("FormRepeatKey") not in (None, "1")
                key = (name, str(form.get("FormRepeatKey"))) if again else ("", "")
                row = rows.setdefault(key, _keys(subject, first, event if longitudinal else "", key, times))
                for item in form.iter(f"{ODM}ItemData"):
                    row[column_name(str(item.get("ItemOID")))] = as_text(item.get("Value"))
            yield from rows.values()


def _keys(subject: Any, first: str, event: str, key: tuple[str, str], times: str | None) -> dict[str, object]:
    form, instance = key
    keys: dict[str, object] = {first: subject.get("SubjectKey")}
    if event:
        keys[EVENT] = event
    keys[INSTRUMENT] = form
    keys[INSTANCE] = instance or (times if times not in (None, "1") else "")
    return keys


def _refused(path: Path, found: str, expected: str, remedy: str) -> SourceError:
    listed = problems.one("unreadable", path.name, found, expected, remedy)
    return SourceError(f"{path.name} cannot be read: {found}.", listed)
