"""The tables of an analysis: who the patients were, responses side by side, shifts of grades, and every estimate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from aftercart.analysis.adverse import laboratory_test
from aftercart.analysis.baseline import row_id
from aftercart.reporting.numbers import (
    NONE,
    SMALLEST_PERCENT_DENOMINATOR,
    indication,
    interval,
    number,
    percent,
    percentage,
    unit_words,
)
from aftercart.reporting.tables import Column, Row, Table


def _whom(stratum: str) -> str:
    return "all" if stratum == "all" else indication(stratum)


def described(baseline: pl.DataFrame) -> Table:
    """The patients at entry, one column per disease: median, quartiles and range, or counts of those known."""
    strata = baseline["stratum"].unique(maintain_order=True).to_list()
    rows: list[Row] = []
    heading = ""
    for (variable, level), part in baseline.group_by(["variable", "level"], maintain_order=True):
        cells = {r["stratum"]: r for r in part.iter_rows(named=True)}
        made = tuple(_described_cell(cells[s], level is not None) if s in cells else NONE for s in strata)
        if level is None:
            unit = part["unit"][0]
            words = unit_words(unit or "")
            named = str(variable) if not words or words in str(variable) else f"{variable}, {words}"
            rows.append(Row(named, made, estimate=row_id(str(variable))))
            continue
        if variable != heading:
            rows.append(Row(str(variable), heading=True))
            heading = str(variable)
        rows.append(Row(str(level), made, estimate=row_id(str(variable), str(level))))
    notes = (
        "Numbers: median (quartiles; range). Counts: patients of those for whom it is known.",
        f"With fewer than {SMALLEST_PERCENT_DENOMINATOR} patients no percentage is given.",
    )
    columns = (Column("Characteristic"), *(Column(_whom(s), numeric=True) for s in strata))
    return Table("Patients at entry, in full", columns, tuple(rows), notes)


def _described_cell(row: Mapping[str, Any], counted: bool) -> str:
    absent = f", {row['missing']} unknown" if row["missing"] else ""
    if counted:
        share = percentage(row["count"], row["known"]) if row["known"] else ""
        return f"{row['count']}/{row['known']}{f' ({share})' if share else ''}{absent}"
    if not row["known"]:
        return "not recorded"
    middle, low, high, least, most = (
        number(row[k], 2) for k in ("median", "quartile_1", "quartile_3", "minimum", "maximum")
    )
    return f"{middle} ({low} to {high}; {least} to {most}){absent}"


def shifts(frame: pl.DataFrame) -> Table:
    """Laboratory grades: patients by grade at baseline (rows) and worst grade after infusion (columns)."""
    rows = []
    for (criterion, variant), part in frame.group_by(["criterion", "variant"], maintain_order=True):
        rows.append(Row(laboratory_test(str(criterion), variant), heading=True))
        counts = {(r["baseline_grade"], r["worst_grade"]): r["patients"] for r in part.iter_rows(named=True)}
        for before in sorted({b for b, _ in counts}, key=lambda b: (b is None, b)):
            cells = tuple(str(counts.get((before, after), "")) for after in (*range(6), None))
            rows.append(Row("not graded" if before is None else f"Grade {before}", cells))
    worst = (*(Column(f"Worst {g}", numeric=True) for g in range(6)), Column("Not graded", numeric=True))
    note = "Grade at baseline: the last one up to the infusion. Worst: the highest one after it. Numbers are patients."
    return Table(
        "Laboratory grades (CTCAE) before and after infusion", (Column("At baseline"), *worst), tuple(rows), (note,)
    )


RESPONDER_COLUMNS = (
    Column("Response"),
    Column("Patients of", nowrap=True),
    Column("Observed", numeric=True),
    Column("", numeric=True),
    Column("Interval", numeric=True),
    Column("Imputed", numeric=True),
    Column("", numeric=True),
    Column("Interval", numeric=True),
)


def responders(frame: pl.DataFrame) -> Table:
    """Responders of the patients seen beside responders of all whose visit was due."""
    rows = []
    for r in frame.filter(pl.col("imputed_n") > 0).iter_rows(named=True):
        cells = [_whom(r["stratum"])]
        for name in ("observed", "imputed"):
            events, n = r["responders"], r[f"{name}_n"]
            shown = interval(r[f"{name}_low"], r[f"{name}_high"], n) if n else "not evaluable"
            cells += [f"{events}/{n}", percentage(events, n) if n else "", shown]
        rows.append(Row(r["label"], tuple(cells), estimate=r["id"]))
    method = ", ".join(frame["ci_method"].unique().sort())
    level = ", ".join(f"{v:.0%}" for v in frame["ci_level"].drop_nulls().unique().sort())
    notes = (
        "Observed: of the patients who could be evaluated. Imputed: of all whose visit was due by the data cut-off; a"
        " patient who could not be evaluated counts as not responding.",
        f"Interval: {method}, {level}. With fewer than {SMALLEST_PERCENT_DENOMINATOR} patients no percentage is given.",
    )
    return Table("With non-responder imputation beside the patients seen", RESPONDER_COLUMNS, tuple(rows), notes)


ESTIMATE_COLUMNS = (
    Column("Estimate"),
    Column("Patients of", nowrap=True),
    Column("Time", nowrap=True),
    Column("Count", numeric=True),
    Column("Value", numeric=True),
    Column("Interval", numeric=True),
    Column("Method"),
    Column("Note"),
)

KINDS = (
    ("Proportions of evaluable patients", "proportion", ""),
    ("Partially pooled across diseases", "proportion", "_partially_pooled"),
    ("Rates and numbers of infections", "rate", ""),
    ("Time to an event", "time", ""),
    ("Change and course of scores", "score", ""),
    ("Described, without an interval", "described", ""),
)
"""Groups of estimates: heading, kind, and how the identifier ends."""


def every_estimate(estimates: pl.DataFrame, paired: pl.DataFrame) -> list[Table]:
    """All estimates of an analysis that rest on any patient, by kind; those of `paired` stand side by side."""
    shown = {*paired["id"], *(f"{id_}_nri" for id_ in paired["id"])}
    made = [(_kind(e), e) for e in estimates.iter_rows(named=True) if e["denominator"] and e["id"] not in shown]
    endings = tuple(end for _, _, end in KINDS if end)
    found = []
    for heading, kind, end in KINDS:
        mine = [e for k, e in made if k == kind and (e["id"].endswith(end) if end else not e["id"].endswith(endings))]
        if mine:
            rows = tuple(Row(e["label"], _estimate_cells(e), estimate=e["id"]) for e in mine)
            found.append(Table(heading, ESTIMATE_COLUMNS, rows))
        if kind == "proportion" and not end and paired.height:
            found.append(responders(paired))
    return found


def _kind(estimate: Mapping[str, Any]) -> str:
    unit = str(estimate["unit"])
    if estimate["ci_method"].startswith("median"):
        return "described"
    if unit == "proportion":
        return unit
    if unit.startswith("per ") or unit == "infections":
        return "rate"
    return "time" if unit in ("days", "probability") else "score"


def _estimate_cells(estimate: Mapping[str, Any]) -> tuple[str, ...]:
    value, low, high, n = (estimate[k] for k in ("estimate", "ci_low", "ci_high", "denominator"))
    counted = estimate["unit"] in ("proportion", "probability")
    if counted and value is not None:
        shown_value = f"{percent(value)}%" if n >= SMALLEST_PERCENT_DENOMINATOR else ""
        limits = interval(low, high, n) if low is not None else NONE
    else:
        shown_value = NONE if value is None else f"{value:.4g} {estimate['unit']}"
        limits = NONE if low is None else f"{low:.4g} to {high:.4g}"
    count_ = f"{estimate['numerator']:g}/{n:.6g}"
    when = (estimate["time"] or "").replace("_", " ")
    return _whom(estimate["stratum"]), when, count_, shown_value, limits, estimate["ci_method"], estimate["note"] or ""
