"""The toxicity strip: patient by day for the first 30 days, each day coloured and labelled by its grade."""

from __future__ import annotations

from typing import Any

import polars as pl

from aftercart.analysis.cohort import Cohort
from aftercart.assessment import Assessments
from aftercart.reporting.figures import spans
from aftercart.reporting.figures.base import FAINT, INK, MUTED, WIDTH, Absent, Figure
from aftercart.reporting.figures.marks import Rows, about, cohort_of
from aftercart.reporting.figures.plane import Box, Plane, ticks
from aftercart.reporting.numbers import listed

ID, TITLE = "toxicity-strip", "Toxicity of each patient, day by day, in the first 30 days"
LAST_DAY = 30

HEAD, GAP, AXIS = 24, 8, 44
"""Pixels over a panel, below it, and for the axis at the foot."""

PANELS = (
    ("CRS", "Cytokine release syndrome (ASTCT grade)"),
    ("ICANS", "Neurotoxicity, ICANS (ASTCT grade)"),
    ("Cytopenia", "Cytopenia: worst of neutrophils, platelets and haemoglobin (CTCAE v5 grade)"),
)

FILLS = ("#e8edf2", "#fbdc9e", "#f2a64f", "#d9622b", "#96330f", "#3d0f05")
"""Fill of grade 0 to 5: one colour that darkens, so that the order is seen without telling hues apart."""

DARK_FROM = 3
"""From this grade on the label is written in white."""


def toxicity_strip(found: Assessments | Cohort) -> Figure | Absent:
    """CRS, ICANS and the worst cytopenia of every patient on each of the first 30 days after infusion.

    A day on which nothing was assessed is empty; grade 0 is a filled cell; `?` is a day whose missing values leave the
    grade open. `data` holds one row per day drawn: `patient, toxicity, day, grade, at least, criterion`. `Absent` when
    nothing was assessed in these days.

    >>> import aftercart as ac
    >>> drawn = ac.figures.toxicity_strip(ac.assess(ac.reference_cohort()))
    >>> drawn.data["toxicity"].unique().sort().to_list()
    ['CRS', 'Cytopenia', 'ICANS']
    """
    cohort = cohort_of(found)
    patients = cohort.patients.select("indication", patient="subject_id")
    days = spans.daily(cohort).filter(
        pl.col("day").is_between(0, LAST_DAY) & pl.col("patient").is_in(patients["patient"].implode())
    )
    if days.is_empty():
        return Absent(ID, TITLE, "No toxicity was assessed on any of the first 30 days after an infusion.")
    worst = days.group_by("patient").agg(weight=pl.col("grade").max().cast(pl.Float64))
    rows = Rows.of(patients, tall=14, least=7, first=worst, chosen="those with the highest grades")
    order = rows.patients.select("patient", "row")
    drawn = days.join(order, on="patient", how="inner").sort("what", "row", "day").drop("row")
    return Figure(
        id=ID,
        title=TITLE,
        alt=_finding(patients.height, days),
        data=_table(drawn),
        drawing=_drawing(rows, drawn),
        simulated=cohort.study.meta.simulated,
        note=_note(rows),
    )


def _drawing(rows: Rows, days: pl.DataFrame) -> dict[str, Any]:
    present = [p for p in PANELS if p[0] in set(days["what"])]
    left = rows.left
    step = (WIDTH - left - 4) / (LAST_DAY + 1)
    plane = Plane(WIDTH, len(present) * (HEAD + rows.pixels + GAP) + AXIS + 20)
    top = 0.0
    for what, title in present:
        top += HEAD
        plane.words(title, 0, top - 10, align="left", fontSize=12, fontWeight="bold")
        _panel(plane, rows, days.filter(pl.col("what") == what), (left, top), step)
        top += rows.pixels + GAP
    box = Box(left, top - GAP, step * (LAST_DAY + 1), 0, (-0.5, LAST_DAY + 0.5), (0, 1))
    plane.x_axis(box, ticks(range(0, LAST_DAY + 1, 5)), labels=True, title="days after infusion")
    _legend(plane, left, top - GAP + AXIS + 8)
    return plane.drawing()


def _panel(plane: Plane, rows: Rows, days: pl.DataFrame, corner: tuple[float, float], step: float) -> None:
    left, top = corner
    lanes = rows.place(rows.patients.drop("row"), top=top)
    ends = lanes.select("y", y2="y", x=pl.lit(left), x2=pl.lit(left + step * (LAST_DAY + 1)))
    plane.rules(ends, stroke=FAINT, strokeDash=[1, 4])
    half = rows.height / 2 - 0.8
    placed = rows.place(days, top=top).with_columns(
        about(criterion=pl.col("criterion"), day="day"),
        x=left + pl.col("day") * step + 0.4,
        x2=left + (pl.col("day") + 1) * step - 0.4,
    )
    cells = placed.select("day", "grade", "about", "x", "x2", foot=pl.col("y") + half, y=pl.col("y") - half).rename(
        {"foot": "y2"}
    )
    for grade, fill in enumerate(FILLS):
        mine = cells.filter(pl.col("grade") == grade)
        plane.bars((_runs(mine) if grade == 0 else mine).select("x", "x2", "y", "y2", "about"), fill=fill)
    if rows.height >= 9:
        _labels(plane, placed)
    plane.texts(rows.names(top, left - 6.0), align="right", fontSize=rows.letters)


def _runs(cells: pl.DataFrame) -> pl.DataFrame:
    """Neighbouring days as one cell: a month without toxicity need not be thirty marks."""
    apart = (pl.col("y") != pl.col("y").shift(1)) | (pl.col("day") != pl.col("day").shift(1) + 1)
    return (
        cells.with_columns(_run=apart.fill_null(value=True).cum_sum())
        .group_by("_run", maintain_order=True)
        .agg(pl.col("y", "y2", "about", "x").first(), pl.col("x2").last())
    )


def _labels(plane: Plane, placed: pl.DataFrame) -> None:
    """The grade in each cell; of neighbouring days without toxicity only the first says 0."""
    before = (pl.col("patient") == pl.col("patient").shift(1)) & (pl.col("day") == pl.col("day").shift(1) + 1)
    again = before & (pl.col("grade") == 0) & (pl.col("grade").shift(1) == 0)
    words = placed.filter(~again.fill_null(value=False)).select(
        "grade",
        "y",
        about(),
        x=(pl.col("x") + pl.col("x2")) / 2,
        text=spans.label(),
    )
    grade = pl.col("grade")
    for fill, mine in (
        (MUTED, grade.fill_null(0) == 0),
        (INK, grade.is_between(1, DARK_FROM - 1)),
        ("white", grade >= DARK_FROM),
    ):
        plane.texts(words.filter(mine).drop("grade"), fontSize=9, fill=fill, aria=False)


def _legend(plane: Plane, left: float, y: float) -> None:
    lane = pl.DataFrame({"x": [float(left)], "x2": [left + 16.0], "y": [y], "y2": [y]})
    plane.rules(lane, stroke=FAINT, strokeDash=[1, 4])
    plane.words("not assessed", left + 20, y, align="left", fontSize=11)
    x = left + 120.0
    for grade, fill in enumerate(FILLS):
        plane.points(pl.DataFrame({"x": [x], "y": [y]}), shape="square", fill=fill, size=150)
        plane.words(str(grade) if grade else "grade 0", x + 11, y, align="left", fontSize=11)
        x += 40 if grade else 84
    plane.words("? grade left open by missing values", x, y, align="left", fontSize=11)


def _finding(n: int, days: pl.DataFrame) -> str:
    said = []
    for what, name in (("CRS", "CRS"), ("ICANS", "ICANS"), ("Cytopenia", "cytopenia")):
        mine = days.filter(pl.col("what") == what)
        if mine.is_empty():
            said.append(f"{name} was not assessed in any patient")
            continue
        worst = mine.group_by("patient").agg(pl.col("grade").max().fill_null(0))["grade"]
        had = worst.filter(worst >= 1)
        assessed = f"{name} occurred in {len(had)} of {len(worst)} assessed"
        said.append(f"{assessed}, {_up_to(had)}" if len(had) else assessed)
    text = listed(said)
    return f"Days 0 to {LAST_DAY} of {n} patient{'' if n == 1 else 's'}: {text}."


def _up_to(worst: pl.Series) -> str:
    top = int(worst.max())  # type: ignore[arg-type]
    return f"at worst grade {top} (in {int((worst == top).sum())})"


def _note(rows: Rows) -> str:
    parts = [
        "One row per patient, one cell per day. A dotted line: not assessed on that day.",
        "? : assessed, but missing values leave the grade open; 1+: at least grade 1.",
        "Of neighbouring days of grade 0 the first is labelled." if rows.height >= 9 else "Grades are told by shade.",
        rows.said(),
    ]
    return " ".join(p for p in parts if p)


def _table(days: pl.DataFrame) -> pl.DataFrame:
    return days.select(
        "patient",
        pl.col("what").alias("toxicity"),
        "day",
        "grade",
        pl.col("open").alias("at least"),
        "criterion",
    )
