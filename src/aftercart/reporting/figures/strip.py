"""The toxicity strip: patient by day for the first 30 days, each day coloured and labelled by its grade."""

from __future__ import annotations

from typing import Any

import polars as pl

from aftercart.analysis.cohort import Cohort
from aftercart.assessment import Assessments
from aftercart.reporting.figures import spans
from aftercart.reporting.figures.base import FAINT, INK, MUTED, WIDTH, Absent, Figure
from aftercart.reporting.figures.marks import Rows, about, cohort_of, layer
from aftercart.reporting.numbers import listed

ID, TITLE = "toxicity-strip", "Toxicity of each patient, day by day, in the first 30 days"
LAST_DAY = 30
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
    drawn = rows.place(days).sort("what", "y", "day", maintain_order=True)
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
    panels = [
        _panel(rows, days.filter(pl.col("what") == what), title, last=what == present[-1][0]) for what, title in present
    ]
    return {"vconcat": [*panels, _legend()], "spacing": 10}


def _panel(rows: Rows, days: pl.DataFrame, title: str, *, last: bool) -> dict[str, Any]:
    axis = {
        "values": list(range(0, LAST_DAY + 1, 5)),
        "grid": False,
        "domain": False,
        "title": "days after infusion" if last else None,
        "labels": last,
        "ticks": last,
    }
    scale = {"domain": [-0.5, LAST_DAY + 0.5], "nice": False, "zero": False}
    x = {"field": "day", "type": "quantitative", "scale": scale, "axis": axis}
    y = rows.y()
    told = days.with_columns(about(criterion=pl.col("criterion"), day="day"))
    lanes = rows.patients.select(y=pl.col("row").cast(pl.Float64), day=pl.lit(-0.5), x2=pl.lit(LAST_DAY + 0.5))
    layers = [
        layer(lanes, {"type": "rule", "stroke": FAINT, "strokeDash": [1, 4]}, {"x": x, "x2": {"field": "x2"}, "y": y})
    ]
    cell = {"type": "bar", "height": round(rows.height - 1.5, 1), "stroke": "white", "strokeWidth": 0.8}
    for grade, fill in enumerate(FILLS):
        mine = told.filter(pl.col("grade") == grade).with_columns(x2=pl.col("day") + 0.5, day=pl.col("day") - 0.5)
        if grade == 0:
            mine = _runs(mine)
        if mine.height:
            mine = mine.select("y", "about", "day", "x2")
            layers.append(layer(mine, {**cell, "fill": fill}, {"x": x, "x2": {"field": "x2"}, "y": y}))
    if rows.height >= 9:
        layers += _labels(told, x, y)
    return {
        "title": {"text": title, "fontSize": 12, "offset": 4},
        "width": WIDTH - 110,
        "height": rows.pixels,
        "layer": layers,
    }


def _runs(cells: pl.DataFrame) -> pl.DataFrame:
    """Neighbouring days as one cell: a month without toxicity need not be thirty marks."""
    apart = (pl.col("y") != pl.col("y").shift(1)) | (pl.col("day") != pl.col("x2").shift(1))
    return (
        cells.with_columns(_run=apart.fill_null(value=True).cum_sum())
        .group_by("_run", maintain_order=True)
        .agg(pl.col("y", "about", "day").first(), pl.col("x2").last())
    )


def _labels(told: pl.DataFrame, x: dict[str, Any], y: dict[str, Any]) -> list[dict[str, Any]]:
    """The grade in each cell; of neighbouring days without toxicity only the first says 0."""
    before = (pl.col("patient") == pl.col("patient").shift(1)) & (pl.col("day") == pl.col("day").shift(1) + 1)
    again = before & (pl.col("grade") == 0) & (pl.col("grade").shift(1) == 0)
    words = told.with_columns(
        label=pl.when(pl.col("grade").is_null()).then(pl.lit("?")).otherwise(spans.label()),
        _again=again.fill_null(value=False),
    ).filter(~pl.col("_again"))
    subject = words.with_columns(about())
    text = {"type": "text", "fontSize": 9}
    layers = []
    for fill, mine in (
        (MUTED, subject.filter(pl.col("grade").fill_null(0) == 0)),
        (INK, subject.filter(pl.col("grade").is_between(1, DARK_FROM - 1))),
        ("white", subject.filter(pl.col("grade") >= DARK_FROM)),
    ):
        if mine.height:
            frame = mine.select("y", "about", "day", "label")
            layers.append(layer(frame, {**text, "fill": fill}, {"x": x, "y": y, "text": {"field": "label"}}))
    return layers


def _legend() -> dict[str, Any]:
    names = ["not assessed", "grade 0", "1", "2", "3", "4", "5", "? open"]
    at = [0, 110, 190, 230, 270, 310, 350, 400]
    x = {"field": "x", "type": "quantitative", "scale": {"domain": [0, 700], "nice": False}, "axis": None}
    y = {"value": 8}
    layers = [
        layer(
            pl.DataFrame({"x": [at[0] - 2], "x2": [at[0] + 14]}),
            {"type": "rule", "stroke": FAINT, "strokeDash": [1, 4]},
            {"x": x, "x2": {"field": "x2"}, "y": y},
        )
    ]
    for grade, fill in enumerate(FILLS):
        mine = pl.DataFrame({"x": [at[grade + 1]]})
        point = {"type": "point", "shape": "square", "size": 150, "filled": True, "opacity": 1, "fill": fill}
        layers.append(layer(mine, point, {"x": x, "y": y}))
    words = pl.DataFrame({"name": names, "x": [at[0] + 16, *(a + 10 for a in at[1:7]), at[7]]})
    text = {"type": "text", "align": "left", "fontSize": 11, "fill": INK}
    layers.append(layer(words, text, {"x": x, "y": y, "text": {"field": "name"}}))
    return {"width": 700, "height": 16, "layer": layers}


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
