"""Small multiples: one panel per patient, the others behind it in grey, published limits as labelled lines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import polars as pl

from aftercart.reporting.figures.base import BLUE, FAINT, INK, MUTED, SKY, VERMILION, WIDTH
from aftercart.reporting.figures.marks import about, short_name
from aftercart.reporting.figures.plane import Box, Plane

MANY = 24
"""With more patients than this one panel holds them all: small multiples would no longer be read."""

WIDEST = 380
"""A panel of a study with one or two patients is not drawn wider than this."""

LEFT, TITLE, GAP, FOOT = 34, 17, 14, 34
"""Pixels for the labels of y, the name over a panel, between panels, and for the labels of x below them."""


@dataclass(frozen=True)
class Limit:
    """A published limit drawn as a dashed line with its name."""

    value: float
    label: str


@dataclass(frozen=True)
class Axes:
    """What the two axes show; the quantity and unit of y stand in the title of the figure, once."""

    x_title: str
    x_domain: tuple[float, float]
    y_domain: tuple[float, float]
    x_ticks: dict[float, str]
    y_ticks: dict[float, str]
    log: bool = False
    limits: tuple[Limit, ...] = ()
    dots: bool = True
    """Mark every value; without, only those below the limit of quantification."""


def small_multiples(
    points: pl.DataFrame, axes: Axes, criterion: str | None, band: pl.DataFrame | None = None
) -> dict[str, Any]:
    """Draw courses.

    points: `patient, day, x, y (null where open), low, high, below` in display order of the patients; band: `x, low,
    middle, high` of all patients, where not every one is drawn.
    """
    patients = points["patient"].unique(maintain_order=True).to_list()
    if len(patients) > MANY:
        return _together(points, axes, criterion, band)
    columns = min(len(patients), 3 if len(patients) <= 3 else 4 if len(patients) <= 12 else 5)
    lines = -(-len(patients) // columns)
    width = min(WIDEST, (WIDTH - LEFT - GAP * (columns - 1)) / columns)
    height = 120.0 if columns > 3 else 160.0
    boxes = [
        Box(
            LEFT + (i % columns) * (width + GAP),
            TITLE + (i // columns) * (height + TITLE + GAP),
            width,
            height,
            axes.x_domain,
            axes.y_domain,
            axes.log,
        )
        for i in range(len(patients))
    ]
    plane = Plane(LEFT + columns * (width + GAP) - GAP + 4, lines * (height + TITLE + GAP) - GAP + FOOT)
    _axes(plane, boxes, axes, columns)
    _others(plane, points, boxes)
    placed = _placed(points, patients, boxes).with_columns(about(criterion=criterion, day="day"))
    _own(plane, placed, axes, criterion, thin=False)
    _names(plane, patients, boxes)
    return plane.drawing()


def _axes(plane: Plane, boxes: list[Box], axes: Axes, columns: int) -> None:
    for i, box in enumerate(boxes):
        plane.y_axis(box, axes.y_ticks, labels=i % columns == 0)
        lowest = i + columns >= len(boxes)
        middle = i % columns == (min(columns, len(boxes)) - 1) // 2
        plane.x_axis(box, axes.x_ticks, labels=lowest, title=axes.x_title if middle else "")
        for limit in axes.limits:
            y = box.at_y(limit.value)
            ends = pl.DataFrame({"x": [box.left], "x2": [box.right], "y": [y], "y2": [y]}, strict=False)
            plane.rules(ends, stroke=MUTED, strokeDash=[4, 3])
            if i == 0:
                plane.words(limit.label, box.right - 2, y - 6, align="right", fill=MUTED)


def _others(plane: Plane, points: pl.DataFrame, boxes: list[Box]) -> None:
    """All courses in grey, drawn in the first panel and repeated in the others."""
    if len(boxes) < 2:
        return
    known = points.filter(pl.col("y").is_not_null())
    first = boxes[0]
    ends = pl.lit(None, dtype=pl.Float64)
    # A row without a value after each patient breaks the one line between two patients.
    drawn = known.select("patient", x=first.across(pl.col("x")), y=first.down(pl.col("y")))
    breaks = drawn.group_by("patient", maintain_order=True).agg(pl.col("x").last()).with_columns(y=ends)
    order = points.select("patient").unique(maintain_order=True).with_row_index("_order")
    line = (
        pl.concat([drawn, breaks.select(drawn.columns)])
        .join(order, on="patient", maintain_order="left")
        .sort("_order", maintain_order=True)
        .select("x", "y")
    )
    moves = [(box.left - first.left, box.top - first.top) for box in boxes[1:]]
    plane.copies(line, moves, stroke=FAINT, strokeWidth=1)


def _placed(points: pl.DataFrame, patients: list[str], boxes: list[Box]) -> pl.DataFrame:
    """The points of each patient in the patient's own panel: every panel differs from the first by its place only."""
    first = boxes[0]
    place = pl.DataFrame(
        {
            "patient": patients,
            "_dx": [float(b.left - first.left) for b in boxes],
            "_dy": [float(b.top - first.top) for b in boxes],
        }
    )
    return (
        points.join(place, on="patient", how="inner", maintain_order="left")
        .with_columns(
            x=first.across(pl.col("x")) + pl.col("_dx"),
            **{c: first.down(pl.col(c)) + pl.col("_dy") for c in ("y", "low", "high")},
        )
        .drop("_dx", "_dy")
    )


def _own(plane: Plane, placed: pl.DataFrame, axes: Axes, criterion: str | None, *, thin: bool) -> None:
    known = placed.filter(pl.col("y").is_not_null())
    unknown = placed.filter(pl.col("y").is_null() & pl.col("high").is_not_null())
    plane.rules(
        unknown.select("x", "about", x2="x", y="low", y2="high"), stroke=VERMILION, strokeWidth=2, strokeDash=[2, 2]
    )
    line = known.with_columns(about(criterion=criterion)).select("patient", "x", "y", "about")
    plane.lines(line, series="patient", stroke=BLUE, strokeWidth=1 if thin else 2, opacity=0.55 if thin else 1)
    if thin:
        return
    below = known.filter("below").select("x", "y", "about")
    plane.points(below, shape="triangle-down", fill="white", size=26, stroke=BLUE, strokeWidth=1.2)
    if axes.dots:
        plane.points(known.filter(~pl.col("below")).select("x", "y", "about"), shape="circle", fill=BLUE)


def _names(plane: Plane, patients: list[str], boxes: list[Box]) -> None:
    frame = pl.DataFrame({"patient": patients, "x": [b.left + 0.0 for b in boxes], "y": [b.top - 8.0 for b in boxes]})
    named = frame.select("x", "y", about(), text=short_name())
    plane.texts(named, align="left", fontSize=12, fontWeight="bold")


def _together(points: pl.DataFrame, axes: Axes, criterion: str | None, band: pl.DataFrame | None) -> dict[str, Any]:
    """All patients in one panel, with the spread of all of them behind those that are drawn."""
    box = Box(LEFT, TITLE, WIDTH - LEFT - 10, 300, axes.x_domain, axes.y_domain, axes.log)
    plane = Plane(WIDTH, TITLE + 300 + FOOT)
    _axes(plane, [box], axes, 1)
    if band is not None and band.height:
        shown = band.select(x=box.across(pl.col("x")), y=box.down(pl.col("low")), y2=box.down(pl.col("high")))
        plane.areas(shown, fill=SKY, opacity=0.35)
    patients = points["patient"].unique(maintain_order=True).to_list()
    placed = _placed(points, patients, [box] * len(patients)).with_columns(about(criterion=criterion, day="day"))
    _own(plane, placed, axes, criterion, thin=True)
    if band is not None and band.height:
        middle = band.select(x=box.across(pl.col("x")), y=box.down(pl.col("middle")))
        plane.lines(middle, stroke=INK, strokeWidth=2)
    return plane.drawing()
