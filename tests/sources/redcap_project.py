"""A CAR-T project as a centre would keep it in REDCap, made from any study: its exports, and their mapping.

Events for screening, infusion and each visit; repeating forms for laboratory rows, medicines, events, milestones and
every instrument (ICE several times a day); SLEDAI as one checkbox.
"""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import polars as pl

from aftercart.sources.redcap.fields import LONG
from aftercart.study import dictionary, instruments, schema
from aftercart.study.model import Study, meta_toml

LEADING = {"study_id", "subject_id", "source", "source_ref", "status"}
SCREENING, DAY_0, FOLLOW_UP = "screening_arm_1", "day_0_arm_1", "follow_up_arm_1"
ONCE = {"subjects": ("demographics", SCREENING), "infusions": ("infusion", DAY_0)}
AGAIN = {"exposures": "medicines", "events": "adverse_events", "disposition": "milestones"}
PREFIX = {
    "demographics": "demo",
    "infusion": "infusion",
    "medicines": "med",
    "adverse_events": "ae",
    "milestones": "ms",
}
CHECKBOX = "SLEDAI-2K"


class Writer:
    """Collects fields, rows and blocks of the mapping."""

    def __init__(self, study: Study) -> None:
        self.study = study
        self.fields: list[dict[str, str]] = [field("record_id", "demographics", "text", "Record ID")]
        self.rows: dict[tuple[str, ...], dict[str, str]] = {}
        self.blocks: list[str] = []
        self.events: dict[str, str] = {SCREENING: "Screening", DAY_0: "Day 0", FOLLOW_UP: "Follow-up"}

    def row(self, subject: str, event: str, form: str = "", instance: int = 0) -> dict[str, str]:
        key = (subject, event, form, str(instance or ""))
        keys = {"redcap_event_name": event, "redcap_repeat_instrument": form}
        return self.rows.setdefault(key, {"record_id": subject, **keys, "redcap_repeat_instance": str(instance or "")})

    def column(self, table: str, name: str, form: str, prefix: str) -> tuple[str, dict[str, str]]:
        """Add the field of a column; returns the line of the mapping and the codes of its values."""
        column, values = schema.tables()[table][name], self.study.tables[table][name].drop_nulls()
        variable = f"{prefix}_{name}"
        if column.type == "enum":
            codes = {value: str(i) for i, value in enumerate(column.allowed, start=1)}
            choices = " | ".join(f"{code}, {value}" for value, code in codes.items())
            self.fields.append(field(variable, form, "radio", name.replace("_", " "), choices))
            back = ", ".join(f'"{code}" = "{value}"' for value, code in codes.items())
            return f'columns.{name} = {{ field = "{variable}", choices = {{ {back} }} }}', codes
        if column.type == "bool":
            self.fields.append(field(variable, form, "yesno", name.replace("_", " ")))
            return f'columns.{name} = "{variable}"', {"true": "1", "false": "0"}
        validation = {"int": "integer", "float": "number"}.get(column.type, "")
        if column.type in ("date", "datetime") and (values.str.len_chars() == 10).all():
            validation = "date_dmy"
        elif column.type == "datetime" and (values.str.len_chars() == 19).all():
            validation = "datetime_seconds_dmy"
        self.fields.append(field(variable, form, "text", name.replace("_", " "), validation=validation))
        return f'columns.{name} = "{variable}"', {}

    def table(self, table: str, form: str, prefix: str) -> dict[str, dict[str, str]]:
        frame = self.study.tables[table]
        skipped = LEADING | ({"row_id"} if table in ("subjects", "observations", "assessments") else set())
        names = [c for c in frame.columns if c not in skipped and frame[c].null_count() < frame.height]
        lines, codes = [], {}
        for name in names:
            line, codes[name] = self.column(table, name, form, prefix)
            lines.append(line)
        self.blocks.append("\n".join(["[[redcap.rows]]", f'table = "{table}"', f'form = "{form}"', *lines]))
        return codes


def field(name: str, form: str, kind: str, label: str, choices: str = "", **more: str) -> dict[str, str]:
    return {
        **dict.fromkeys(LONG, ""),
        "field_name": name,
        "form_name": form,
        "field_type": kind,
        "field_label": label,
        "select_choices_or_calculations": choices,
        "text_validation_type_or_show_slider_number": more.get("validation", ""),
        "field_note": more.get("note", ""),
    }


def write(study: Study, folder: Path) -> Path:
    """Write the exports of a project (records, dictionary, events, arms, forms, repeats); returns the mapping file."""
    out = Writer(study)
    for table, (form, event) in ONCE.items():
        prefix = PREFIX[form]
        codes = out.table(table, form, prefix)
        for row in study.tables[table].iter_rows(named=True):
            fill(out.row(row["subject_id"], event), row, codes, prefix, form)
    for table, form in AGAIN.items():
        prefix = PREFIX[form]
        codes = out.table(table, form, prefix)
        count: Counter[str] = Counter()
        for row in study.tables[table].iter_rows(named=True):
            count[row["subject_id"]] += 1
            there = out.row(row["subject_id"], FOLLOW_UP, form, count[row["subject_id"]])
            fill(there, row, codes, prefix, form)
    visits(out)
    results(out)
    for name in study.assessments["instrument"].unique().sort():
        answers(out, name)
    files(out, folder)
    mapping = folder / "map.toml"
    mapping.write_text("\n\n".join(["[redcap]", *out.blocks]) + "\n", "utf-8")
    (folder / "study.toml").write_text(meta_toml(study.meta), "utf-8")
    return mapping


def fill(there: dict[str, str], row: dict[str, Any], codes: dict[str, dict[str, str]], prefix: str, form: str) -> None:
    for name, known in codes.items():
        value = row[name]
        if value is not None:
            text = str(value).lower() if isinstance(value, bool) else str(value)
            text = text.replace("T", " ") if re.match(r"\d{4}-\d\d-\d\dT", text) else text
            there[f"{prefix}_{name}"] = known.get(text, text)
    there[f"{form}_complete"] = "2"


def visits(out: Writer) -> None:
    codes = out.table("visits", "visit", "visit")
    names = out.study.visits["visit"].unique(maintain_order=True).to_list()
    unique = {name: f"{re.sub(r'[^a-z0-9]+', '_', name.lower())[:18]}_arm_1" for name in names}
    out.events |= {event: name for name, event in unique.items()}
    out.blocks[-1] = "\n".join(line for line in out.blocks[-1].splitlines() if "columns.visit =" not in line)
    out.fields = [f for f in out.fields if f["field_name"] != "visit_visit"]
    codes.pop("visit")
    for row in out.study.visits.iter_rows(named=True):
        fill(out.row(row["subject_id"], unique[row["visit"]]), row, codes, "visit", "visit")


def results(out: Writer) -> None:
    frame = out.study.observations
    lines = []
    for code in frame["code"].unique().sort():
        known, name = dictionary.codes()[code], f"lab_{code.lower()}"
        if known.text:
            choices = " | ".join(f"{i}, {t.replace('_', ' ')}" for i, t in enumerate(known.allowed))
            out.fields.append(field(name, "labs", "dropdown", known.meaning, choices))
            back = ", ".join(f'"{i}" = "{t}"' for i, t in enumerate(known.allowed))
            lines.append(f'values.{code} = {{ field = "{name}", choices = {{ {back} }} }}')
            continue
        out.fields.append(field(name, "labs", "text", f"{known.meaning} ({known.unit})"))
        entry = [f'field = "{name}"', f'unit = "{known.unit}"']
        for column in ("ref_low", "ref_high", "lloq"):
            if frame.filter(pl.col("code") == code)[column].null_count() < frame.filter(pl.col("code") == code).height:
                out.fields.append(field(f"{name}_{column}", "labs", "text", f"{column} of {code}", validation="number"))
                entry.append(f'{column} = "{name}_{column}"')
        lines.append(f"values.{code} = {{ {', '.join(entry)} }}")
    head = ["[[redcap.rows]]", 'table = "observations"', 'form = "labs"', moment(out, "lab", "labs")]
    out.blocks.append("\n".join([*head, *lines]))
    for (subject,), rows in frame.group_by("subject_id", maintain_order=True):
        taken: dict[tuple[str, str, int], int] = {}
        seen: Counter[tuple[str, str]] = Counter()
        for row in rows.iter_rows(named=True):
            seen[row["datetime"], row["code"]] += 1
            key = (row["datetime"], "", seen[row["datetime"], row["code"]])
            there = out.row(str(subject), FOLLOW_UP, "labs", taken.setdefault(key, len(taken) + 1))
            name, known = f"lab_{row['code'].lower()}", dictionary.codes()[row["code"]]
            there |= {**when("lab", row["datetime"]), "labs_complete": "2"}
            sign = "" if row["comparator"] == "=" else row["comparator"]
            there[name] = str(known.allowed.index(row["value_text"])) if known.text else f"{sign}{row['value']}"
            there |= {f"{name}_{c}": str(row[c]) for c in ("ref_low", "ref_high", "lloq") if row[c] is not None}


def moment(out: Writer, prefix: str, form: str) -> str:
    """Add the fields of a day and a time of day; returns the line of the mapping."""
    out.fields.append(field(f"{prefix}_date", form, "text", "Date", validation="date_dmy"))
    out.fields.append(field(f"{prefix}_time", form, "text", "Time", validation="time_hh_mm_ss"))
    return f'columns.datetime = {{ field = "{prefix}_date", time = "{prefix}_time" }}'


def when(prefix: str, text: str) -> dict[str, str]:
    day, _, time = text.partition("T")
    return {f"{prefix}_date": day, f"{prefix}_time": time}


def answers(out: Writer, name: str) -> None:
    """One repeating form for an instrument; an item is a field, or a box of the one checkbox."""
    rows = out.study.assessments.filter(pl.col("instrument") == name)
    form = re.sub(r"[^a-z0-9]+", "_", name.lower())
    items = [i for i in instruments.instruments()[name].items.values() if i.name in set(rows["item"])]
    lines, codes = [], {}
    if name == CHECKBOX:
        choices = " | ".join(f"{n}, {i.name.replace('_', ' ')}" for n, i in enumerate(items, start=1))
        out.fields.append(field(f"{form}_items", form, "checkbox", "present in the last ten days", choices))
        lines = [f'items.{i.name} = "{form}_items___{n}"' for n, i in enumerate(items, start=1)]
        codes = {i.name: {"": f"{form}_items___{n}"} for n, i in enumerate(items, start=1)}
    for item in items if name != CHECKBOX else ():
        variable = f"{form}_{item.name.lower()}"
        if item.allowed:
            codes[item.name] = {value: str(n) for n, value in enumerate(item.allowed)}
            choices = " | ".join(f"{code}, {value}" for value, code in codes[item.name].items())
            out.fields.append(field(variable, form, "dropdown", item.name, choices))
            back = ", ".join(f'"{code}" = "{value}"' for value, code in codes[item.name].items())
            lines.append(f'items.{item.name} = {{ field = "{variable}", choices = {{ {back} }} }}')
        else:
            out.fields.append(field(variable, form, "text", item.name, validation="number"))
            lines.append(f'items.{item.name} = "{variable}"')
    raters = schema.tables()["assessments"]["rater"].allowed
    choices = " | ".join(f"{n}, {r}" for n, r in enumerate(raters))
    out.fields.append(field(f"{form}_rater", form, "radio", "rater", choices))
    back = ", ".join(f'"{n}" = "{r}"' for n, r in enumerate(raters))
    head = ["[[redcap.rows]]", 'table = "assessments"', f'form = "{form}"', f'instrument = "{name}"']
    head += [moment(out, form, form), f'columns.rater = {{ field = "{form}_rater", choices = {{ {back} }} }}']
    out.blocks.append("\n".join([*head, *lines]))
    for (subject,), own in rows.group_by("subject_id", maintain_order=True):
        sittings: dict[tuple[str, str], int] = {}
        for row in own.iter_rows(named=True):
            instance = sittings.setdefault((row["datetime"], row["rater"]), len(sittings) + 1)
            there = out.row(str(subject), FOLLOW_UP, form, instance)
            there |= {**when(form, row["datetime"]), f"{form}_complete": "2"}
            there[f"{form}_rater"] = str(raters.index(row["rater"]))
            if name == CHECKBOX:
                there[codes[row["item"]][""]] = f"{row['value']:g}"
            else:
                value = row["value_text"] if row["value_text"] is not None else f"{row['value']!r}"
                there[f"{form}_{row['item'].lower()}"] = codes.get(row["item"], {}).get(value, value)


def files(out: Writer, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    forms = dict.fromkeys(f["form_name"] for f in out.fields)
    ordered = [f for form in forms for f in out.fields if f["form_name"] == form]
    with (folder / "dictionary.csv").open("w", newline="", encoding="utf-8-sig") as stream:
        plain = csv.writer(stream)
        plain.writerow(LONG.values())
        plain.writerows([f[key] for key in LONG] for f in ordered)
    columns = ["record_id", "redcap_event_name", "redcap_repeat_instrument", "redcap_repeat_instance"]
    for form in forms:
        for f in ordered:
            if f["form_name"] == form and f["field_type"] == "checkbox":
                codes = [c.split(",")[0].strip() for c in f["select_choices_or_calculations"].split("|")]
                columns += [f"{f['field_name']}___{code}" for code in codes]
            elif f["form_name"] == form and f["field_name"] != "record_id":
                columns.append(f["field_name"])
        columns.append(f"{form}_complete")
    with (folder / "records.csv").open("w", newline="", encoding="utf-8-sig") as stream:
        rows = csv.DictWriter(stream, columns, restval="")
        rows.writeheader()
        rows.writerows(sorted(out.rows.values(), key=lambda r: r["record_id"]))
    events = [{"event_name": n, "arm_num": "1", "unique_event_name": e} for e, n in out.events.items()]
    (folder / "events.json").write_text(json.dumps(events), "utf-8")
    (folder / "arms.json").write_text(json.dumps([{"arm_num": "1", "name": "Arm 1"}]), "utf-8")
    again = {r["redcap_repeat_instrument"] for r in out.rows.values()} - {""}
    repeats = [{"event_name": FOLLOW_UP, "form_name": f, "custom_form_label": ""} for f in sorted(again)]
    (folder / "repeating.json").write_text(json.dumps(repeats), "utf-8")
    once = {"demographics": SCREENING, "infusion": DAY_0}
    places = [(once[f], f) for f in forms if f in once] + [(FOLLOW_UP, f) for f in sorted(again)]
    places += [(e, "visit") for e in out.events if e not in (SCREENING, DAY_0, FOLLOW_UP)]
    linked = [{"arm_num": "1", "unique_event_name": e, "form": f} for e, f in places]
    (folder / "event_forms.json").write_text(json.dumps(linked), "utf-8")
