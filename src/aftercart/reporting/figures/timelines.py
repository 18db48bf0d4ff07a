"""The marks of the swimmer plot, read from the assessments, events and last contacts of a cohort."""

from __future__ import annotations

from typing import Any

import polars as pl

from aftercart.analysis import efficacy, safety
from aftercart.analysis.cohort import Cohort
from aftercart.analysis.outcomes import flag
from aftercart.reporting.figures import swimmer
from aftercart.reporting.figures.base import Figure
from aftercart.reporting.numbers import indication, listed

MARKS: dict[str, Any] = {
    "patient": pl.String,
    "kind": pl.String,
    "start": pl.Int64,
    "end": pl.Int64,
    "label": pl.String,
    "detail": pl.String,
}

RESPONSE = {"SLE": "doris", "LN": "doris", "IIM": "tis_moderate", "SSC": "eustar_ai_improved"}
"""The response criterion marked on the row of each disease."""


def draw(cohort: Cohort) -> Figure | None:
    """The swimmer plot of a cohort; None when no patient has a day of follow-up."""
    rows = cohort.patients.filter(pl.col("last_day") >= 0).select(patient="subject_id", last_day="last_day")
    if rows.is_empty():
        return None
    about = pl.struct(subject="patient", day="start").struct.json_encode()
    marks = all_marks(cohort).filter(pl.col("patient").is_in(rows["patient"].implode())).with_columns(about=about)
    return Figure(
        id="swimmer",
        title="Course of each patient after infusion",
        alt=_finding(rows, marks),
        data=_table(marks),
        drawing=swimmer.chart(rows, marks).to_dict(),
        simulated=cohort.study.meta.simulated,
        note=_response_note(cohort),
    )


def all_marks(cohort: Cohort) -> pl.DataFrame:
    """Every mark: `patient, kind, start, end (null for a point), label, detail`, days since infusion."""
    parts = [
        _spans(cohort.rows(safety.CRS), "CRS"),
        _spans(safety.icans_rows(cohort), "ICANS"),
        _infections(cohort),
        _late_neutropenia(cohort),
        _responses(cohort),
        _relapses(cohort),
        _glucocorticoid_free(cohort),
        _ends(cohort),
    ]
    order = cohort.patients.select(patient="subject_id").with_row_index("_order")
    found = pl.concat([pl.DataFrame(schema=MARKS), *(p.select(list(MARKS)) for p in parts)], how="vertical_relaxed")
    return found.join(order, on="patient", how="inner").sort("_order", "start", "kind", "end").drop("_order")


def _spans(rows: pl.DataFrame, name: str) -> pl.DataFrame:
    """Neighbouring days of one grade (1 or more) as one span, ending with the last day; `1+` is at least grade 1."""
    days = (
        rows.with_columns(_low=pl.coalesce("value", "value_min"))
        .filter(pl.col("_low") >= 1)
        .sort("subject_id", "day", "_low", "row")
        .group_by("subject_id", "day", maintain_order=True)
        .agg(grade=pl.col("_low").last().cast(pl.Int64), open=pl.col("value").last().is_null())
    )
    before = pl.col("day").shift(1).over("subject_id")
    changed = pl.struct("grade", "open") != pl.struct("grade", "open").shift(1).over("subject_id")
    new = (pl.col("day") != before + 1).fill_null(value=True) | changed
    spans = (
        days.with_columns(_span=new.cum_sum())
        .group_by("subject_id", "_span", "grade", "open", maintain_order=True)
        .agg(start=pl.col("day").min(), end=pl.col("day").max() + 1)
    )
    return spans.select(
        patient="subject_id",
        kind=pl.format(f"{name} grade {{}}", "grade"),
        start=pl.col("start").cast(pl.Int64),
        end=pl.col("end").cast(pl.Int64),
        label=pl.format("{}{}", "grade", pl.when("open").then(pl.lit("+")).otherwise(pl.lit(""))),
        detail=pl.when("open").then(pl.lit("at least this grade")),
    )


def _points(frame: pl.DataFrame, kind: pl.Expr | str, day: str = "day", detail: str | None = None) -> pl.DataFrame:
    return frame.filter(pl.col(day).is_not_null()).select(
        patient="subject_id",
        kind=pl.lit(kind) if isinstance(kind, str) else kind,
        start=pl.col(day).cast(pl.Int64),
        end=pl.lit(None, dtype=pl.Int64),
        label=pl.lit(None, dtype=pl.String),
        detail=pl.lit(None, dtype=pl.String) if detail is None else pl.col(detail),
    )


def _infections(cohort: Cohort) -> pl.DataFrame:
    found = safety.infections(cohort).with_columns(
        _kind=pl.when(safety.serious_infection()).then(pl.lit("Serious infection")).otherwise(pl.lit("Infection")),
        _what=pl.coalesce("term_text", "term"),
    )
    return _points(found, pl.col("_kind"), detail="_what")


def _late_neutropenia(cohort: Cohort) -> pl.DataFrame:
    found = safety.late_neutropenia(cohort).filter(pl.col("grade_4"))
    said = found.with_columns(
        _what=pl.when(pl.col("resolved"))
        .then(pl.format("resolved by day {}", "resolved_day"))
        .otherwise(pl.lit("not resolved at the last count"))
    )
    return _points(said, "Late grade 4 neutropenia", day="first_day", detail="_what")


def _responses(cohort: Cohort) -> pl.DataFrame:
    questions = {q.id: q for q in efficacy.QUESTIONS}
    parts = []
    for question in dict.fromkeys(RESPONSE.values()):
        asked = questions[question]
        diseases = tuple(d for d, q in RESPONSE.items() if q == question)
        subjects = cohort.of_diseases(diseases)["subject_id"].implode()
        rows = cohort.rows(asked.criterion).filter(
            pl.col("visit").is_not_null() & (pl.col("day") > 0) & pl.col("subject_id").is_in(subjects)
        )
        answered = rows.with_columns(_met=asked.met, _what=pl.format(f"{asked.label}, {{}}", "visit")).filter(
            pl.col("_met").is_not_null()
        )
        kind = pl.when("_met").then(pl.lit("Response criterion met")).otherwise(pl.lit("Response criterion not met"))
        parts.append(_points(answered, kind, detail="_what"))
    return pl.concat(parts)


def _relapses(cohort: Cohort) -> pl.DataFrame:
    return _points(efficacy.remission(cohort), "Relapse", day="relapse_day")


def _glucocorticoid_free(cohort: Cohort) -> pl.DataFrame:
    """The first visit from which on no visit shows a glucocorticoid any more."""
    rows = (
        cohort.rows("drug_free_status")
        .filter(pl.col("visit").is_not_null())
        .with_columns(_free=flag("glucocorticoid_free"))
        .filter(pl.col("_free").is_not_null())
        .sort("subject_id", "day")
    )
    taking = pl.col("day").filter(~pl.col("_free")).max()
    since = rows.group_by("subject_id", maintain_order=True).agg(
        day=pl.col("day")
        .filter(pl.col("_free") & (pl.col("day") > taking.fill_null(-1_000_000)))
        .min()
        .clip(lower_bound=0)
    )
    return _points(since, "Glucocorticoid-free from here")


def _ends(cohort: Cohort) -> pl.DataFrame:
    kind = pl.when(pl.col("died")).then(pl.lit("Death")).otherwise(pl.lit("Last contact"))
    return _points(cohort.patients, kind, day="last_day")


def _finding(rows: pl.DataFrame, marks: pl.DataFrame) -> str:
    n = rows.height

    def having(prefix: str) -> int:
        return int(marks.filter(pl.col("kind").str.starts_with(prefix))["patient"].n_unique())

    said = [
        f"CRS in {having('CRS')}",
        f"ICANS in {having('ICANS')}",
        f"a serious infection in {having('Serious infection')}",
        f"late grade 4 neutropenia in {having('Late grade 4')}",
        f"a response criterion met at some visit in {having('Response criterion met')}",
        f"relapse in {having('Relapse')}",
        f"death in {having('Death')}",
    ]
    return f"Of {n} patient{'' if n == 1 else 's'}: {listed(said)}."


def _response_note(cohort: Cohort) -> str:
    labels = {q.id: q.label for q in efficacy.QUESTIONS}
    said = dict.fromkeys(f"{labels[RESPONSE[d]]} in {indication(d)}" for d in cohort.diseases() if d in RESPONSE)
    response = f"Response criterion: {'; '.join(said)}. " if said else ""
    return (
        f"One row per patient; the left panel enlarges the first 30 days. {response}"
        "Figures in the bars are grades (1+: at least grade 1)."
    )


def _table(marks: pl.DataFrame) -> pl.DataFrame:
    return marks.select(
        "patient",
        "kind",
        pl.col("start").alias("from day"),
        (pl.col("end") - 1).alias("to day"),
        "detail",
    )
