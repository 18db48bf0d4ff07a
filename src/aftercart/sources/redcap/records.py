"""The records of an export under the names of the dictionary: what each column is, and which form each row repeats."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import polars as pl

from aftercart.errors import SourceError
from aftercart.sources.pseudonyms import identifier_refused
from aftercart.sources.redcap.answers import checked
from aftercart.sources.redcap.fields import CHOICE, NO_DATA, Field, checkbox_column, column_name
from aftercart.sources.redcap.project import EVENT, INSTANCE, INSTRUMENT, KEYS, SURVEY, Project
from aftercart.study import problems

RECORD, REASON = "_record", "?"
"""Column of the record's name; before the name of a column, that of the missing-data code it held."""
CONTACT = ("email", "phone", "zipcode", "postalcode", "ssn", "mrn", "vmrn")
"""How validations begin that only direct identifiers have."""
STATUS = {"0": "Incomplete", "1": "Unverified", "2": "Complete"}
COMPLETE = "2"


@dataclass(frozen=True)
class Records:
    """Records in one spelling of their columns, with blanks and missing-data codes taken out, and what was odd."""

    frame: pl.DataFrame
    listed: list[pl.DataFrame]
    filled: Mapping[str, int]
    """Field to the number of rows that answer it."""


def identifies(field: Field) -> bool:
    """Whether a field holds a direct identifier: by its flag, or by a validation that nothing else has."""
    return field.identifier or field.validation.startswith(CONTACT)


def arrange(
    project: Project, *, missing: Mapping[str, str], mapped: Collection[str], allowed: Collection[str]
) -> Records:
    """Bring an export into one form.

    missing: missing-data codes with their meaning. mapped: fields that the mapping reads (a bad answer of another is
    only a warning). allowed: flagged fields that may be read.

    Raises `SourceError` for an export with labels in place of codes, or one that does not fit the dictionary.
    """
    raw = project.records
    names, listed = _named(project, missing)
    _refuse_labels(project, names)
    refused = [
        f for f in project.fields.values() if identifies(f) and f.name not in allowed and f is not project.record_id
    ]
    for field in refused:
        columns = [h for h, c in names.items() if c in field.columns]
        rows = sum(len(raw[h].drop_nulls()) for h in columns)
        if columns and rows:
            listed.append(identifier_refused(str(raw["_table"][0]), field.name, rows))
        names = {h: c for h, c in names.items() if h not in columns}
    frame = raw.select("_table", "_row", *(pl.col(h).alias(c) for h, c in names.items()))
    absent = [k for k in (*KEYS, project.record_id.name) if k not in frame.columns]
    frame = frame.with_columns(pl.lit(None, dtype=pl.String).alias(k) for k in absent)
    frame = frame.with_columns(pl.col(project.record_id.name).alias(RECORD))
    listed += _keys(frame, project)
    frame, filled, odd = _answers(frame, project, missing, mapped)
    return Records(frame, [*listed, *odd], filled)


def _named(project: Project, missing: Mapping[str, str]) -> tuple[dict[str, str], list[pl.DataFrame]]:
    """Column of the export to its name, and a line for every column that the dictionary does not know."""
    fields = project.fields
    known = {c for f in fields.values() for c in f.columns} | set(KEYS) | {f"{form}_complete" for form in project.forms}
    known |= {checkbox_column(f.name, code) for f in fields.values() if f.type == "checkbox" for code in missing}
    passed = {SURVEY} | {f"{form}_{end}" for form in project.forms for end in ("timestamp", "return_code")}
    names: dict[str, str] = {}
    strange: list[str] = []
    listed: list[pl.DataFrame] = []
    for header in project.records.columns:
        name = column_name(header)
        if header in ("_table", "_row"):
            continue
        if header in passed:
            listed += _of_survey(project, header)
            continue
        if name in known and name not in names.values():
            names[header] = name
        else:
            strange.append(header)
    listed += [_unknown_column(project, header) for header in strange]
    own = {c for f in fields.values() if f is not project.record_id for c in f.columns}
    absent = project.record_id.name not in names.values()
    if absent or not own & set(names.values()):
        _refuse_headers(project, strange)
        what = f"no column {project.record_id.name}" if absent else "no field of the dictionary"
        line = problems.one(
            "dictionary_mismatch",
            _table(project),
            what,
            "an export of the project whose dictionary this is",
            "export records and dictionary of the same project.",
        )
        raise SourceError("Records and data dictionary do not belong together.", problems.gather([line, *listed]))
    for field in fields.values():
        if not identifies(field) and field.type not in ("descriptive", "file") and not _present(field, names):
            listed.append(
                problems.one(
                    "field_absent",
                    _table(project),
                    "no column of this field",
                    "every field of the dictionary",
                    "export all fields if it is needed.",
                    severity="warning",
                    column=field.name,
                )
            )
    return names, listed


def _present(field: Field, names: Mapping[str, str]) -> bool:
    return bool(set(field.columns) & set(names.values()))


def _table(project: Project) -> str:
    return next(iter(project.read), project.name)


def _of_survey(project: Project, header: str) -> list[pl.DataFrame]:
    """The line of a column that surveys add: who answered is an identifier, when is not needed."""
    rows = len(project.records[header].drop_nulls())
    if not rows:
        return []
    if header == SURVEY:
        return [identifier_refused(_table(project), header, rows)]
    return [
        problems.one(
            "field_not_placed",
            _table(project),
            f"{rows} answers of a survey's own column",
            "fields of the data dictionary",
            "nothing to do: the column is not read.",
            severity="warning",
            column=header,
        )
    ]


def _unknown_column(project: Project, header: str) -> pl.DataFrame:
    field = project.fields.get(header)
    collapsed = field is not None and field.type == "checkbox"
    rows = len(project.records[header].drop_nulls())
    return problems.one(
        "checkbox_in_one_column" if collapsed else "unknown_field",
        _table(project),
        f"a column with {rows} answers" + (" that joins the choices of a checkbox" if collapsed else ""),
        "a column for each choice" if collapsed else "fields of the data dictionary",
        "export without combining checkboxes."
        if collapsed
        else "export records and dictionary together. The column is not read.",
        severity="error" if collapsed else "warning",
        column=header,
        row=1,
    )


def _refuse_headers(project: Project, strange: Collection[str]) -> None:
    labels = {f.label for f in project.fields.values() if f.label != f.name} | {"Event Name", "Repeat Instrument"}
    if labels & set(strange):
        raise _label_export(project, f"the column {min(labels & set(strange))!r}")


def _refuse_labels(project: Project, names: Mapping[str, str]) -> None:
    """Refuse an export with labels: where they can be told apart from codes, none is a code and some are labels."""
    raw, by_name = project.records, {c: h for h, c in names.items()}
    codes, example = 0, None
    for column, known in _coded_columns(project):
        if column not in by_name:
            continue
        values = set(raw[by_name[column]].drop_nulls().unique().to_list())
        told = {label: code for code, label in known.items() if label not in known}
        codes += len([v for v in values if v in known and v not in known.values()])
        labels = sorted(v for v in values if v in told)
        if labels and example is None:
            example = f"{labels[0]!r} in {column}"
    if example is not None and not codes:
        raise _label_export(project, example)


def _coded_columns(project: Project) -> list[tuple[str, Mapping[str, str]]]:
    found: list[tuple[str, Mapping[str, str]]] = [(f"{form}_complete", STATUS) for form in project.forms]
    for field in project.fields.values():
        if field.type == "checkbox":
            found += [(c, {"0": "Unchecked", "1": "Checked"}) for c in field.columns]
        elif field.type in CHOICE:
            found.append((field.name, field.choices))
    events = {e.name: e.label for e in project.events.values()}
    return [*found, (EVENT, events)] if events else found


def _label_export(project: Project, example: str) -> SourceError:
    line = problems.one(
        "labels",
        _table(project),
        example,
        "raw codes, and field names as headers",
        "export again as CSV / raw data; labels cannot be told apart safely.",
    )
    return SourceError("The records were exported with labels in place of codes.", line)


def _keys(frame: pl.DataFrame, project: Project) -> list[pl.DataFrame]:
    """Lines for rows without a record, of an unknown event, or of an unknown form."""
    listed: list[pl.DataFrame] = []

    def line(bad: pl.Expr, rule: str, column: str, found: pl.Expr, expected: str, remedy: str, **more: str) -> None:
        for (table,), part in frame.filter(bad).group_by("_table", maintain_order=True):
            listed.append(
                problems.of_rows(
                    part,
                    rule=rule,
                    file=str(table),
                    column=column,
                    found=found,
                    expected=expected,
                    remedy=remedy,
                    severity=more.get("severity", "error"),
                )
            )

    record = project.record_id.name
    line(
        pl.col(RECORD).is_null(),
        "no_record",
        record,
        pl.lit("no record"),
        "the name of the record",
        "export again. The row is not used.",
    )
    has_event = pl.col(EVENT).is_not_null()
    if project.events:
        unknown = has_event & ~pl.col(EVENT).is_in(list(project.events))
        words = ("an event of the event table", "export events and records together. The name is used as it is.")
        line(unknown, "unknown_event", EVENT, pl.col(EVENT), *words, severity="warning")
    elif not frame.select(has_event.any()).item():
        pass
    else:
        listed.append(
            problems.one(
                "no_events",
                _table(project),
                "events, but no table of events",
                "the event table, which names them in full",
                "add the export of events. Unique names are used as they are.",
                severity="warning",
            )
        )
    strange = pl.col(INSTRUMENT).is_not_null() & ~pl.col(INSTRUMENT).is_in(list(project.forms))
    words = ("a form of the dictionary", "export records and dictionary together. The row is not used.")
    line(strange, "unknown_form", INSTRUMENT, pl.col(INSTRUMENT), *words)
    return listed


def _answers(
    frame: pl.DataFrame, project: Project, missing: Mapping[str, str], mapped: Collection[str]
) -> tuple[pl.DataFrame, dict[str, int], list[pl.DataFrame]]:
    """Judge every answer by its field; a bad one is listed and taken out, and so is one in a row of another form."""
    filled: dict[str, int] = {}
    listed: list[pl.DataFrame] = []
    done: list[pl.Series] = []
    marks: dict[str, Field] = {c: f for f in project.fields.values() for c in f.columns}
    own = pl.col(INSTRUMENT)
    for column in frame.columns:
        field = marks.get(column)
        if field is None or field is project.record_id:
            continue
        if field.type in NO_DATA:
            filled[field.name] = len(frame[column].drop_nulls())
            continue
        severity = "error" if field.name in mapped else "warning"
        elsewhere = frame.select(
            own.is_not_null() & (own != field.form) & pl.col(column).is_not_null() & (pl.col(column) != "0")
        ).to_series()
        if elsewhere.any():
            listed += _lines(frame.filter(elsewhere), column, f"an answer of the form {field.form}", severity)
        value, reason, odd = checked(
            frame.select("_table", "_row", value=pl.when(own.is_null() | (own == field.form)).then(column)),
            field,
            column,
            missing,
            severity,
        )
        listed += odd
        done.append(value.alias(column))
        if reason is not None:
            done.append(reason.alias(f"{REASON}{column}"))
        answered = (value != "0") if field.type == "checkbox" else value.is_not_null()
        filled[field.name] = filled.get(field.name, 0) + int(answered.sum())
    return _boxes_missing(frame.with_columns(done), project, missing), filled, listed


def _boxes_missing(frame: pl.DataFrame, project: Project, missing: Mapping[str, str]) -> pl.DataFrame:
    """Take out the boxes of a checkbox in rows where its own box of a missing-data code is ticked."""
    for field in project.fields.values():
        if field.type != "checkbox":
            continue
        codes = {checkbox_column(field.name, c): m for c, m in missing.items() if c not in field.choices}
        for column, meaning in codes.items():
            if column not in frame.columns:
                continue
            ticked = (pl.col(column) == "1").fill_null(value=False)
            boxes = [c for c in field.columns if c in frame.columns]
            earlier = [pl.col(f"{REASON}{c}") if f"{REASON}{c}" in frame.columns else pl.lit(None) for c in boxes]
            frame = frame.with_columns(
                *(pl.when(~ticked).then(c).alias(c) for c in boxes),
                *(
                    pl.when(ticked).then(pl.lit(meaning)).otherwise(was).cast(pl.String).alias(f"{REASON}{c}")
                    for c, was in zip(boxes, earlier, strict=True)
                ),
            )
    return frame


def _lines(rows: pl.DataFrame, column: str, expected: str, severity: str) -> list[pl.DataFrame]:
    return [
        problems.of_rows(
            part,
            rule="other_form",
            file=str(table),
            column=column,
            found=pl.format("an answer in a row that repeats {}", INSTRUMENT),
            expected=expected,
            remedy="export again. The answer is not used.",
            severity=severity,
        )
        for (table,), part in rows.group_by("_table", maintain_order=True)
    ]


def opened(form: str, project: Project, frame: pl.DataFrame) -> pl.Expr:
    """Whether a row fills in a form: it repeats it, the status is beyond incomplete, or there is an answer."""
    signs = [pl.col(INSTRUMENT) == form]
    if f"{form}_complete" in frame.columns:
        signs.append(pl.col(f"{form}_complete").is_in(["1", COMPLETE]))
    for field in project.of_form(form):
        for column in field.columns:
            if column not in frame.columns:
                continue
            if field.type == "checkbox":
                signs.append(pl.col(column) == "1")
            elif field.type != "calc":
                signs.append(pl.col(column).is_not_null())
            if f"{REASON}{column}" in frame.columns:
                signs.append(pl.col(f"{REASON}{column}").is_not_null())
    here = pl.col(INSTRUMENT).is_null() | (pl.col(INSTRUMENT) == form)
    return pl.any_horizontal(s.fill_null(value=False) for s in signs) & here


__all__ = ["COMPLETE", "EVENT", "INSTANCE", "REASON", "RECORD", "Records", "arrange", "identifies", "opened"]
