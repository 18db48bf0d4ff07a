"""The swimmer plot: every patient as one row from before the infusion to the last contact."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import polars as pl

from aftercart.analysis import efficacy
from aftercart.analysis.cohort import Cohort
from aftercart.assessment import Assessments
from aftercart.reporting.figures.base import (
    BLUE,
    FAINT,
    GREEN,
    INK,
    MUTED,
    ORANGE,
    PURPLE,
    SKY,
    VERMILION,
    Absent,
    Figure,
)
from aftercart.analysis.courses import RESPONSE
from aftercart.reporting.figures.marks import Rows, TimeAxis, about, cohort_of, layer
from aftercart.reporting.figures.swimmer_marks import DISEASE_DRUG, DRUGS_FROM_DAY, GLUCOCORTICOID, all_marks
from aftercart.reporting.numbers import indication, listed

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
    >>> drawn.alt[:47]
    'Of 15 patients: CRS in 9, ICANS in 0, cytopenia'
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
    drawn = rows.place(marks).drop("y")
    last = known.select("last_day", patient="subject_id")
    return Figure(
        id=ID,
        title=TITLE,
        alt=_finding(known.height, marks),
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
    drugs = marks.filter(pl.col("kind").is_in(list(DRUG_LINES)))
    axis = TimeAxis.to(round(max(ends) * 1.02), start=DRUGS_FROM_DAY if drugs.height else -2)
    x, y = axis.x(), rows.y()
    inside = rows.height / TALL
    lane = rows.place(last.with_columns(x=pl.lit(0), x2="last_day")).with_columns(about())
    layers = [
        rows.separators(),
        layer(lane, {"type": "rule", "stroke": FAINT, "strokeWidth": 3}, {"x": x, "x2": {"field": "x2"}, "y": y}),
    ]
    for kind, (colour, dashes, at) in DRUG_LINES.items():
        mine = rows.place(drugs.filter(pl.col("kind") == kind), at=at).with_columns(about(day="start"))
        mine = mine.select("y", "about", x=pl.max_horizontal("start", pl.lit(axis.start)), x2="end")
        rule = {"type": "rule", "stroke": colour, "strokeWidth": max(1.0, 3 * inside), "strokeDash": dashes}
        layers.append(layer(mine, rule, {"x": x, "x2": {"field": "x2"}, "y": y}))
    present = [k for k in KINDS if k.name in set(marks["kind"])]
    for kind in present:
        mine = rows.place(marks.filter(pl.col("kind") == kind.name), at=kind.at)
        told = mine.with_columns(about(criterion=pl.col("criterion"), day="start"))
        layers += _bars(kind, told, axis, y, inside) if kind.bar else [_points(kind, told, x, y, inside)]
    layers += axis.landmarks(x)
    legend = _legend(present, [k for k in DRUG_LINES if k in set(drugs["kind"])], axis.width)
    return {
        "vconcat": [{"width": axis.width, "height": rows.pixels, "layer": layers}, legend],
        "spacing": 4,
    }


def _bars(kind: Kind, mine: pl.DataFrame, axis: TimeAxis, y: Any, inside: float) -> list[dict[str, Any]]:
    height, x = max(3.0, 11 * inside), axis.x()
    wide = axis.pixel(pl.col("end")) - axis.pixel(pl.col("start")) >= NARROWEST
    placed = mine.select("y", "about", "label", x="start", x2="end", wide=wide)
    bar = {"type": "bar", "height": round(height, 1), "fill": kind.colour, "stroke": kind.colour, "strokeWidth": 0.8}
    drawn = [layer(placed.drop("label", "wide"), bar, {"x": x, "x2": {"field": "x2"}, "y": y})]
    if height >= 7:
        ink = "white" if kind.colour in DARK else INK
        words = {"type": "text", "align": "left", "dx": 2, "fontSize": 9, "fontWeight": "bold", "fill": ink}
        drawn.append(layer(placed.filter("wide").drop("wide"), words, {"x": x, "y": y, "text": {"field": "label"}}))
    return drawn


def _points(kind: Kind, mine: pl.DataFrame, x: Any, y: Any, inside: float) -> dict[str, Any]:
    size = max(14.0, 58 * inside)
    point = {"type": "point", "shape": kind.shape, "size": size, "filled": True, "opacity": 1, "fill": kind.colour}
    return layer(
        mine.select("y", "about", x="start"), {**point, "stroke": "white", "strokeWidth": 0.5}, {"x": x, "y": y}
    )


LEGEND_COLUMNS, LEGEND_LINE = 4, 18


def _legend(present: list[Kind], drugs: list[str], width: int) -> dict[str, Any]:
    """Our own legend: the one of the library cannot show bars, points and lines in one grid."""
    names = [*(k.name for k in present), *drugs]
    lines = -(-len(names) // LEGEND_COLUMNS)
    column = width / LEGEND_COLUMNS
    entries = pl.DataFrame(
        {
            "name": names,
            "x": [(i // lines) * column + 10 for i in range(len(names))],
            "y": [(i % lines) * LEGEND_LINE + 9 for i in range(len(names))],
        },
        schema={"name": pl.String, "x": pl.Float64, "y": pl.Float64},
    )
    x = {"field": "x", "type": "quantitative", "scale": {"domain": [0, width], "nice": False}, "axis": None}
    y = {
        "field": "y",
        "type": "quantitative",
        "scale": {"domain": [0, lines * LEGEND_LINE], "reverse": True, "nice": False},
        "axis": None,
    }
    layers = []
    for kind in present:
        mine = entries.filter(pl.col("name") == kind.name)
        point = {"type": "point", "shape": kind.shape, "size": 70, "filled": True, "opacity": 1, "fill": kind.colour}
        layers.append(layer(mine, point, {"x": x, "y": y}))
    for name in drugs:
        colour, dashes, _ = DRUG_LINES[name]
        mine = entries.filter(pl.col("name") == name).with_columns(x=pl.col("x") - 8, x2=pl.col("x") + 8)
        rule = {"type": "rule", "stroke": colour, "strokeWidth": 3, "strokeDash": dashes}
        layers.append(layer(mine, rule, {"x": x, "x2": {"field": "x2"}, "y": y}))
    words = {"type": "text", "align": "left", "dx": 12, "fontSize": 11, "fill": INK}
    layers.append(layer(entries, words, {"x": x, "y": y, "text": {"field": "name"}}))
    return {"width": width, "height": lines * LEGEND_LINE, "layer": layers}


def _finding(n: int, marks: pl.DataFrame) -> str:
    def having(prefix: str) -> int:
        return int(marks.filter(pl.col("kind").str.starts_with(prefix))["patient"].n_unique())

    after = marks.filter(pl.col("kind").is_in(list(DRUG_LINES)) & (pl.col("end") > 1))
    said = [
        f"CRS in {having('CRS')}",
        f"ICANS in {having('ICANS')}",
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
