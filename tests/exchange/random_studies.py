"""Studies at random for round trips: every table, every column, values that the schema admits."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl
from hypothesis import strategies as st

from aftercart.sources import from_frames
from aftercart.study import dictionary, drugs, instruments, schema
from aftercart.study.model import Study, StudyMeta, VisitWindow

META = StudyMeta(
    "Round trips",
    "RT",
    data_cut_off=date(2024, 6, 30),
    simulated=True,
    visits=(VisitWindow("month 3", 90, 30, 30),),
    complete_drug_classes=("glucocorticoid",),
)
TEXT = st.text(st.sampled_from("abcXYZ 019-.,:/()"), min_size=1, max_size=30).map(str.strip).filter(bool)
DAYS = st.dates(date(2020, 1, 1), date(2024, 6, 1))


def dated(time: bool) -> st.SearchStrategy[str]:
    """Dates as they come: whole, without day, without month, with a time."""
    forms = ["%Y-%m-%d", "%Y-%m", "%Y"] + (["%Y-%m-%dT14:20", "%Y-%m-%dT04:05:06"] if time else [])
    return st.tuples(DAYS, st.sampled_from(forms)).map(lambda x: x[0].strftime(x[1]))


def cell(column: schema.Column) -> st.SearchStrategy[Any]:
    if column.type == "enum":
        return st.sampled_from(column.allowed)
    if column.type == "list":
        return st.lists(st.sampled_from(column.allowed), min_size=1, unique=True).map(";".join)
    if column.type == "bool":
        return st.booleans()
    low = column.minimum if column.minimum is not None else 0
    high = column.maximum if column.maximum is not None else 1000
    if column.type == "int":
        return st.integers(int(low), int(high))
    if column.type == "float":
        return st.integers(0, 1000).map(lambda n: round(float(low) + (min(high, low + 1000) - low) * n / 1000, 3))
    return dated(column.type == "datetime") if column.type in ("date", "datetime") else TEXT


@st.composite
def observation(draw: st.DrawFn) -> dict[str, Any]:
    code = draw(st.sampled_from(sorted(dictionary.codes())))
    entry = dictionary.codes()[code]
    row: dict[str, Any] = {"code": code, "unit": entry.unit}
    if entry.text:
        row |= {"value_text": draw(st.sampled_from(entry.allowed) if entry.allowed else TEXT), "unit": None}
    else:
        low, high = entry.minimum or 0, entry.maximum or 1000
        row["value"] = round(low + (high - low) * draw(st.integers(0, 1000)) / 1000, 4)
        row["comparator"] = draw(st.sampled_from(["=", "<", "<=", ">", ">="]))
    if draw(st.integers(0, 9)) == 0:
        row = {"code": code, "not_done": True, "reason": draw(TEXT)}
    return row


@st.composite
def answer(draw: st.DrawFn) -> dict[str, Any]:
    name = draw(st.sampled_from(sorted(instruments.instruments())))
    item = draw(st.sampled_from(sorted(instruments.instruments()[name].items)))
    entry = instruments.instruments()[name].items[item]
    if entry.allowed:
        return {"instrument": name, "item": item, "value_text": draw(st.sampled_from(entry.allowed))}
    low, high = entry.minimum or 0, entry.maximum or 0
    value = draw(st.integers(int(low), int(high))) if entry.step == 1 else low + (high - low) / 4
    return {"instrument": name, "item": item, "value": float(value)}


SPECIAL = {"observations": observation(), "assessments": answer()}
LEFT = ("study_id", "subject_id", "row_id", "code", "unit", "value", "value_text", "comparator", "instrument", "item")


@st.composite
def row(draw: st.DrawFn, table: schema.Table, subject: str, number: int) -> dict[str, Any]:
    out: dict[str, Any] = {"subject_id": subject, "row_id": f"{table.name[:3].upper()}-{subject}-{number}"}
    if table.name in SPECIAL:
        out |= draw(SPECIAL[table.name])
    for column in table.columns:
        if column.name in out or column.name in LEFT or column.name in ("not_done", "value_original", "unit_original"):
            continue
        if column.name == "drug":
            out["drug"] = draw(st.sampled_from(sorted(drugs.drugs())))
        elif column.name == "infusion_seq":
            out["infusion_seq"] = number
        elif column.name == "status":
            out["status"] = draw(st.sampled_from(["final", "amended"]))
        elif column.name == "source":
            out["source"] = "clinic"
        elif column.required or draw(st.booleans()):
            out[column.name] = draw(cell(column))
    return out


@st.composite
def studies(draw: st.DrawFn) -> Study:
    """Any study of one to three subjects, up to four rows of each table for each of them."""
    subjects = [f"P{n}" for n in range(1, draw(st.integers(1, 3)) + 1)]
    tables: dict[str, pl.DataFrame] = {}
    for name, table in schema.tables().items():
        most = 1 if name == "subjects" else 4
        rows = [
            draw(row(table, subject, n))
            for subject in subjects
            for n in range(1, (1 if name == "subjects" else draw(st.integers(0, most))) + 1)
        ]
        if rows:
            known = schema.polars_schema(name)
            tables[name] = pl.DataFrame(
                rows, schema={c: known[c] for c in table.names if c in {k for r in rows for k in r}}
            )
    study = from_frames(tables, META)
    assert study.problems.filter(pl.col("severity") == "error").is_empty(), study.problems
    return study


def differences(one: Study, other: Study, but: tuple[str, ...] = ()) -> list[tuple[Any, ...]]:
    """Every cell in which two studies differ, but for some columns (`table.column` or `column`)."""
    found: list[tuple[Any, ...]] = []
    for name, table in one.tables.items():
        theirs = other.tables[name]
        if table.height != theirs.height:
            found.append((name, "rows", table.height, theirs.height))
            continue
        for column in table.columns:
            if column in but or f"{name}.{column}" in but:
                continue
            both = zip(table["row_id"], table[column], theirs[column], strict=True)
            found += [(name, column, key, x, y) for key, x, y in both if x != y]
    return found
