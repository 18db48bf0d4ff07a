"""Grades over days: neighbouring days of one grade as one span, and the worst cytopenia of each day."""

from __future__ import annotations

import polars as pl

from aftercart.analysis import safety
from aftercart.analysis.cohort import Cohort

CYTOPENIA = (
    ("ctcae_neutrophils", "v5", "neutrophils"),
    ("ctcae_platelets_hemoglobin", "platelet_count_decreased v5", "platelets"),
    ("ctcae_platelets_hemoglobin", "anemia v5", "haemoglobin"),
)
"""The criteria and variants whose worst grade of a day is the cytopenia of that day, and the cells they count."""

DAILY = ("patient", "day", "grade", "open", "criterion", "what")


def daily(cohort: Cohort) -> pl.DataFrame:
    """Grades of each day: `patient, day, grade, open, criterion, what` (`CRS`, `ICANS` or `Cytopenia`).

    open: missing values leave a higher grade possible, `grade` is then the lowest. A day on which nothing is known
    (no value and a lowest grade of 0) has a null grade. Sorted by kind, patient and day.
    """
    rows = [
        cohort.rows(safety.CRS).with_columns(_what=pl.lit("CRS")),
        safety.icans_rows(cohort).with_columns(_what=pl.lit("ICANS")),
        *(cohort.rows(c, variant).with_columns(_what=pl.lit("Cytopenia")) for c, variant, _ in CYTOPENIA),
    ]
    return (
        pl.concat(rows)
        .filter(pl.col("day").is_not_null())
        .with_columns(
            low=pl.coalesce("value", "value_min", pl.lit(0.0)),
            high=pl.coalesce("value", "value_max", pl.lit(5.0)),
        )
        .sort("_what", "subject_id", "day", "low", "row")
        .group_by("_what", "subject_id", "day", maintain_order=True)
        .agg(
            grade=pl.col("low").last().cast(pl.Int64),
            high=pl.col("high").max(),
            criterion=pl.col("criterion").last(),
        )
        .with_columns(open=pl.col("high") > pl.col("grade"))
        .with_columns(grade=pl.when(~(pl.col("open") & (pl.col("grade") == 0))).then("grade"))
        .select("day", "grade", "open", "criterion", patient="subject_id", what="_what")
        .select(DAILY)
    )


def spans(days: pl.DataFrame, *, lowest: int = 1, gap: int = 1, unknown: bool = False) -> pl.DataFrame:
    """Neighbouring days of one grade as one span: `patient, what, criterion, grade, open, start, end`.

    lowest: grades below it are left out. gap: days between two values that still belong together. unknown: keep days
    whose grade is left open. end: the day after the last one.
    """
    asked = (pl.col("grade") >= lowest).fill_null(value=unknown)
    kept = days.filter(asked).sort("what", "patient", "day")
    same = pl.struct("what", "patient")
    state = pl.struct("what", "patient", pl.col("grade").fill_null(-1), "open")
    apart = (pl.col("day") - pl.col("day").shift(1) > gap) | (same != same.shift(1)) | (state != state.shift(1))
    return (
        kept.with_columns(_span=apart.fill_null(value=True).cum_sum())
        .group_by("_span", maintain_order=True)
        .agg(
            pl.col("what", "patient", "criterion", "grade", "open").first(),
            start=pl.col("day").min(),
            end=pl.col("day").max() + 1,
        )
        .drop("_span")
    )


def label(grade: str = "grade", open_: str = "open") -> pl.Expr:
    """The grade as text; `1+` is at least grade 1, `?` a grade that is not known."""
    text = pl.concat_str(pl.col(grade), pl.when(open_).then(pl.lit("+")).otherwise(pl.lit("")))
    return pl.when(pl.col(grade).is_null()).then(pl.lit("?")).otherwise(text)
