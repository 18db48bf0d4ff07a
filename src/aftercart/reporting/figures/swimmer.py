"""The swimmer plot: every patient as one row from before the infusion to the last contact."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import polars as pl

from aftercart.analysis import efficacy, safety
from aftercart.analysis.cohort import Cohort
from aftercart.analysis.courses import RESPONSE
from aftercart.assessment import Assessments
from aftercart.reporting.figures.base import (
    BLUE,
    FAINT,
    GREEN,
    GRID,
    INK,
    MUTED,
    ORANGE,
    PURPLE,
    SKY,
    VERMILION,
    WIDTH,
    Absent,
    Figure,
)
from aftercart.reporting.figures.marks import Rows, TimeAxis, about, cohort_of
from aftercart.reporting.figures.plane import Plane
from aftercart.reporting.figures.swimmer_marks import DISEASE_DRUG, DRUGS_FROM_DAY, GLUCOCORTICOID, all_marks
from aftercart.reporting.numbers import indication, listed

TOP, AXIS = 4, 44
"""Pixels over the rows, and for the time axis below them."""

LEGEND_COLUMNS, LEGEND_LINE = 4, 18

TALL = 42
"""CSS pixels of a row while there are few."""

ID, TITLE = "swimmer", "Course of each patient after infusion"


@dataclass(frozen=True)
class Kind:
    """How one kind of mark is drawn; bars carry their grade as text, points differ in shape as well as colour."""

    name: str
    colour: str
    shape: str
    at: float
    """Where in the row it stands: 0 in the middle, -0.5 at the top, 0.5 at the foot."""
    bar: bool = False


_PLAY = "triangle-right"
_X = "M-1,-0.7L-0.7,-1L0,-0.3L0.7,-1L1,-0.7L0.3,0L1,0.7L0.7,1L0,0.3L-0.7,1L-1,0.7L-0.3,0Z"
_STROKE = "M-0.2,-1.8L0.2,-1.8L0.2,1.8L-0.2,1.8Z"
_STAR = "M0,-1.2L0.3,-0.4L1.1,-0.4L0.5,0.1L0.7,1L0,0.5L-0.7,1L-0.5,0.1L-1.1,-0.4L-0.3,-0.4Z"
_ARROW = "M-0.35,-1L0.35,-1L0.35,0.1L0.9,0.1L0,1.1L-0.9,0.1L-0.35,0.1Z"

KINDS = (
    *(
        Kind(f"CRS grade {g}", c, "square", -0.28, bar=True)
        for g, c in zip(range(1, 6), (SKY, ORANGE, VERMILION, "#8c2d04", INK), strict=True)
    ),
    *(
        Kind(f"ICANS grade {g}", c, "square", 0.0, bar=True)
        for g, c in zip(range(1, 6), ("#e3b5d0", PURPLE, "#9c4f7d", "#6d2c55", INK), strict=True)
    ),
    *(
        Kind(f"Cytopenia grade {g}", c, "square", 0.2, bar=True)
        for g, c in zip(range(3, 6), ("#d5d9de", "#8b949e", INK), strict=True)
    ),
    Kind("Last contact", INK, _STROKE, 0.0),
    Kind("Anticytokine", BLUE, _ARROW, -0.28),
    Kind("Infection", MUTED, "triangle-up", -0.28),
    Kind("Serious infection", VERMILION, "triangle-down", -0.28),
    Kind("Remission", GREEN, _STAR, -0.28),
    Kind("Relapse", VERMILION, _X, -0.28),
    Kind("Response criterion met", GREEN, "circle", 0.0),
    Kind("Response criterion not met", ORANGE, "cross", 0.0),
    Kind("Glucocorticoid-free from here", BLUE, _PLAY, 0.2),
    Kind("Death", INK, "M-1,-1L1,-1L1,1L-1,1Z", 0.0),
)

DRUG_LINES = {GLUCOCORTICOID: (ORANGE, [1, 0], 0.34), DISEASE_DRUG: (BLUE, [4, 2], 0.43)}
"""Colour, dashes and place in the row of the lines of medicines."""

NARROWEST = 8
"""Pixels that a bar needs for its grade to be written in it."""

DARK = (INK, "#8c2d04", VERMILION, "#9c4f7d", "#6d2c55", BLUE)
"""Fills on which the grade is written in white."""


def swimmer_plot(found: Assessments | Cohort) -> Figure | Absent:
    """The course of every patient as a row: toxicity by grade, medicines, infections, responses, relapse, last contact.

    The first 30 days are enlarged. `data` holds one row per mark: `patient, kind, from day, to day, detail,
    criterion`. `Absent` when no patient has a day of follow-up.

    >>> import aftercart as ac
    >>> drawn = ac.figures.swimmer_plot(ac.assess(ac.reference_cohort()))
    >>> drawn.alt[:37]
    'Of 15 patients: CRS in 9, ICANS in 1,'
    """
    cohort = cohort_of(found)
    known = cohort.patients.filter(pl.col("last_day") >= 0)
    if known.is_empty():
        return Absent(ID, TITLE, "No patient has a day of follow-up after the infusion.")
    marks = all_marks(cohort).filter(pl.col("patient").is_in(known["subject_id"].implode()))
    rows = Rows.of(
        known.select("indication", patient="subject_id"),
        tall=TALL,
        least=9,
        first=_weights(marks),
        chosen="those with a death, a relapse, a serious infection or the highest grades first",
    )
    drawn = marks.filter(pl.col("patient").is_in(rows.patients["patient"].implode()))
    last = known.select("last_day", patient="subject_id")
    return Figure(
        id=ID,
        title=TITLE,
        alt=_finding(cohort, known.height, marks),
        data=_table(drawn),
        drawing=_drawing(rows, last, drawn),
        simulated=cohort.study.meta.simulated,
        note=_note(cohort, rows),
    )


def _weights(marks: pl.DataFrame) -> pl.DataFrame:
    worth = {"Death": 100.0, "Relapse": 60.0, "Serious infection": 30.0}
    grade = pl.col("kind").str.extract(r"grade (\d)").cast(pl.Float64)
    weight = pl.col("kind").replace_strict(worth, default=None, return_dtype=pl.Float64)
    return marks.group_by("patient").agg(weight=pl.coalesce(weight, grade, pl.lit(0.0)).sum())


def _drawing(rows: Rows, last: pl.DataFrame, marks: pl.DataFrame) -> dict[str, Any]:
    ends = [int(v) for v in (last["last_day"].max(), marks["start"].max()) if v is not None]  # type: ignore[arg-type]
    left = rows.left
    drugs = [k for k in DRUG_LINES if k in set(marks["kind"])]
    axis = TimeAxis.to(round(max(ends) * 1.02), start=DRUGS_FROM_DAY if drugs else 0, width=WIDTH - left - 6)
    present = [k for k in KINDS if k.name in set(marks["kind"])]
    foot = TOP + rows.pixels
    lines = -(-(len(present) + len(drugs)) // LEGEND_COLUMNS)
    plane = Plane(WIDTH, foot + AXIS + lines * LEGEND_LINE)
    inside = rows.height / TALL
    plane.rules(rows.separators(TOP, left, WIDTH - 6), stroke=GRID)
    plane.time_axis(axis, left=left, top=TOP, foot=foot)

    def across(day: pl.Expr | str) -> pl.Expr:
        return left + axis.pixel(pl.col(day) if isinstance(day, str) else day)

    lane = rows.place(last, top=TOP).select("y", about(), y2="y", x=across(pl.lit(0)), x2=across("last_day"))
    plane.rules(lane, stroke=FAINT, strokeWidth=max(1.5, 3 * inside))
    for name in drugs:
        colour, dashes, at = DRUG_LINES[name]
        mine = rows.place(marks.filter(pl.col("kind") == name), top=TOP, at=at)
        placed = mine.select("y", about(day="start"), y2="y", x=across("start"), x2=across("end"))
        plane.rules(placed, stroke=colour, strokeWidth=max(1.0, 3 * inside), strokeDash=dashes)
    for kind in present:
        mine = rows.place(marks.filter(pl.col("kind") == kind.name), top=TOP, at=kind.at)
        told = mine.with_columns(about(criterion=pl.col("criterion"), day="start"), x=across("start"), x2=across("end"))
        if kind.bar:
            _bars(plane, kind, told, inside)
        else:
            size = max(14.0, 58 * inside)
            points = told.select("x", "y", "about")
            plane.points(points, shape=kind.shape, fill=kind.colour, size=size, stroke="white", strokeWidth=0.5)
    plane.texts(rows.names(TOP, left - 6.0), align="right", fontSize=rows.letters)
    _legend(plane, present, drugs, left, foot + AXIS)
    return plane.drawing()


def _bars(plane: Plane, kind: Kind, told: pl.DataFrame, inside: float) -> None:
    half = max(1.5, 5.5 * inside)
    # A single day among years would be thinner than a hair.
    x2 = pl.max_horizontal("x2", pl.col("x") + 2)
    plane.bars(told.select("x", "about", x2=x2, y=pl.col("y") - half, y2=pl.col("y") + half), fill=kind.colour)
    wide = told.filter(pl.col("x2") - pl.col("x") >= NARROWEST)
    if half >= 4:
        words = wide.select("y", about(), x=pl.col("x") + 2, text="label")
        ink = "white" if kind.colour in DARK else INK
        plane.texts(words, align="left", fontSize=9, fontWeight="bold", fill=ink, aria=False)


def _legend(plane: Plane, present: list[Kind], drugs: list[str], left: float, top: float) -> None:
    names = [*(k.name for k in present), *drugs]
    lines = -(-len(names) // LEGEND_COLUMNS)
    places = {
        name: (left + (i // lines) * (WIDTH - left) / LEGEND_COLUMNS + 10, top + (i % lines) * LEGEND_LINE + 9)
        for i, name in enumerate(names)
    }
    for kind in present:
        x, y = places[kind.name]
        plane.points(pl.DataFrame({"x": [x], "y": [y]}), shape=kind.shape, fill=kind.colour, size=70)
    for name in drugs:
        x, y = places[name]
        colour, dashes, _ = DRUG_LINES[name]
        ends = pl.DataFrame({"x": [x - 8], "x2": [x + 8], "y": [y], "y2": [y]})
        plane.rules(ends, stroke=colour, strokeWidth=3, strokeDash=dashes)
    frame = pl.DataFrame(
        {"x": [places[n][0] + 12 for n in names], "y": [places[n][1] for n in names], "text": names},
        schema={"x": pl.Float64, "y": pl.Float64, "text": pl.String},
    )
    plane.texts(frame, align="left", fontSize=11)


def _finding(cohort: Cohort, n: int, marks: pl.DataFrame) -> str:
    def having(prefix: str) -> int:
        return int(marks.filter(pl.col("kind").str.starts_with(prefix))["patient"].n_unique())

    def graded(prefix: str, rows: pl.DataFrame) -> str:
        assessed = rows["subject_id"].n_unique()
        return str(having(prefix)) if assessed >= n else f"{having(prefix)} of {assessed} assessed"

    after = marks.filter(pl.col("kind").is_in(list(DRUG_LINES)) & (pl.col("end") > 1))
    said = [
        f"CRS in {graded('CRS', cohort.rows(safety.CRS))}",
        f"ICANS in {graded('ICANS', safety.icans_rows(cohort))}",
        f"cytopenia of grade 3 or more in {having('Cytopenia')}",
        f"a serious infection in {having('Serious infection')}",
        f"a glucocorticoid, immunosuppressant or biologic after the infusion in {after['patient'].n_unique()}",
        f"a response criterion met at some visit in {having('Response criterion met')}",
        f"relapse in {having('Relapse')}",
        f"death in {having('Death')}",
    ]
    return f"Of {n} patient{'' if n == 1 else 's'}: {listed(said)}."


def _note(cohort: Cohort, rows: Rows) -> str:
    labels = {q.id: q.label for q in efficacy.QUESTIONS}
    said = dict.fromkeys(f"{labels[RESPONSE[d]]} in {indication(d)}" for d in cohort.diseases() if d in RESPONSE)
    parts = [
        "One row per patient; the first 30 days are enlarged.",
        f"Response criterion: {'; '.join(said)}." if said else "",
        "Figures in the bars are grades (1+: at least grade 1); cytopenia is the worst of neutrophils, platelets and"
        " haemoglobin (CTCAE v5).",
        "Lines of medicines cover the days on which they were surely taken.",
        rows.said(),
    ]
    return " ".join(p for p in parts if p)


def _table(marks: pl.DataFrame) -> pl.DataFrame:
    return marks.select(
        "patient",
        "kind",
        pl.col("start").alias("from day"),
        (pl.col("end") - 1).alias("to day"),
        "detail",
        "criterion",
    )
