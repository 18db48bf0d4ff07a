"""Time to each event: the probability with its limits, one panel per question, and under it how many were at risk."""

from __future__ import annotations

from typing import Any

import polars as pl

from aftercart.analysis import Analysis, analyze
from aftercart.analysis.cohort import DAYS_PER_MONTH, Cohort
from aftercart.assessment import Assessments
from aftercart.reporting.figures.base import BLUE, MUTED, PURPLE, SKY, WIDTH, Absent, Figure
from aftercart.reporting.figures.marks import about_question, cohort_of
from aftercart.reporting.figures.plane import Box, Plane, ticks
from aftercart.reporting.numbers import listed, two_decimals

ID, TITLE = "event-free", "Time to each event, with pointwise 95% limits and the number at risk"
COLUMNS = 3
LEFT, HEAD, HEIGHT, FOOT, GAP = 34, 22, 120, 64, 18
"""Pixels left of a panel, over it, of it, below it (ticks, title, numbers at risk), and between two."""

SHORT = 2
"""Curves that end within so many months have an axis in days."""

SAID_AT = 12
"""The month whose probability the finding names."""


def event_free_curves(found: Assessments | Cohort, analysis: Analysis | None = None) -> Figure | Absent:
    """Kaplan-Meier curves of every time to an event, and the cumulative incidence of relapse where death competes.

    analysis: that of the same study, so that it is not computed again. `data` holds the steps of every curve: `id,
    label, time (days), probability, low, high, at_risk, events, method`. `Absent` when no time is known.

    >>> import aftercart as ac
    >>> assessed = ac.assess(ac.reference_cohort())
    >>> ac.figures.event_free_curves(assessed, ac.analyze(assessed.study, assessed)).alt[:32]
    'Alive: 0 of 15 had the event, at'
    """
    cohort = cohort_of(found)
    analysis = analysis or analyze(cohort.study, cohort.assessments)
    drawn = draw(analysis.curves, simulated=cohort.study.meta.simulated)
    return drawn or Absent(ID, TITLE, "No patient has a known time to any event.")


def draw(curves: pl.DataFrame, *, simulated: bool) -> Figure | None:
    """The curves of all patients together; None for a study without any."""
    mine = curves.filter(pl.col("stratum") == "all")
    if mine.is_empty():
        return None
    order = mine.select("id").unique(maintain_order=True).with_row_index("_order")
    steps = (
        mine.join(order, on="id", how="inner")
        .sort("_order", "time")
        .select("id", "label", "time", "value", "low", "high", "at_risk", "events", "method")
    )
    return Figure(
        ID,
        TITLE,
        _finding(steps),
        steps.rename({"value": "probability"}),
        _drawing(steps),
        simulated,
        "Band: pointwise 95% limits by the method named in the data"
        f" ({', '.join(steps['method'].unique().sort())}). Ticks on a curve: observation ended without the event."
        " Under each panel: patients at risk.",
    )


def _drawing(steps: pl.DataFrame) -> dict[str, Any]:
    ids = steps["id"].unique(maintain_order=True).to_list()
    width = (WIDTH - COLUMNS * LEFT - 8) / COLUMNS
    plane = Plane(WIDTH, -(-len(ids) // COLUMNS) * (HEAD + HEIGHT + FOOT + GAP) - GAP)
    for i, id_ in enumerate(ids):
        curve = steps.filter(pl.col("id") == id_)
        # An event that comes within weeks is told in days.
        unit = "days" if float(curve["time"].max() or 0) < SHORT * DAYS_PER_MONTH else "months"  # type: ignore[arg-type]
        curve = curve.with_columns(at=pl.col("time") / (DAYS_PER_MONTH if unit == "months" else 1.0))
        left = LEFT + (i % COLUMNS) * (width + LEFT)
        top = HEAD + (i // COLUMNS) * (HEAD + HEIGHT + FOOT + GAP)
        end = max(float(curve["at"].max() or 0), 1.0)  # type: ignore[arg-type]
        _panel(
            plane,
            Box(left, top, width - 6, HEIGHT, (0, end), (0, 1)),
            curve,
            unit=unit,
            competes="competes" in curve["label"][0],
        )
    return plane.drawing()


def _panel(plane: Plane, box: Box, curve: pl.DataFrame, *, unit: str, competes: bool) -> None:
    end = box.x[1]
    step = next(s for s in (1, 2, 3, 6, 12, 24, 36, 60, 120) if end / s <= 6 or s == 120)
    marks = ticks([k * step for k in range(int(end / step + 1e-9) + 1)])
    title = curve.head(1).select(about_question(pl.col("id")), text="label", x=pl.lit(box.left), y=pl.lit(box.top - 12))
    plane.texts(title, align="left", fontSize=11, fontWeight="bold")
    plane.y_axis(box, ticks([0, 0.5, 1]), labels=True)
    plane.x_axis(box, marks, labels=True, title=unit)
    ink = PURPLE if competes else BLUE
    placed = curve.select(
        "at_risk", "events", about_question(pl.col("id")), x=box.across(pl.col("at")), y=box.down(pl.col("value"))
    )
    band = curve.filter(pl.col("low").is_not_null() & pl.col("high").is_not_null()).select(
        about_question(pl.col("id")), x=box.across(pl.col("at")), y=box.down(pl.col("low")), y2=box.down(pl.col("high"))
    )
    plane.areas(band, fill=SKY, opacity=0.35, interpolate="step-after")
    dashes = [6, 2] if competes else [1, 0]
    plane.lines(
        placed.select("x", "y", "about"), stroke=ink, strokeWidth=2, interpolate="step-after", strokeDash=dashes
    )
    if not competes:
        left_after = pl.col("at_risk") - pl.col("events") - pl.col("at_risk").shift(-1).fill_null(0)
        ended = placed.filter((left_after > 0) & (pl.col("x") > box.left))
        plane.rules(ended.select("x", "about", x2="x", y=pl.col("y") - 4, y2=pl.col("y") + 4), stroke=ink)
    at_risk = [_at_risk(curve, at) for at in marks]
    numbers = pl.DataFrame(
        {"v": list(marks), "text": [str(n) for n in at_risk]}, schema={"v": pl.Float64, "text": pl.String}
    )
    plane.words("at risk", box.left - 8, box.foot + 42, align="left", fill=MUTED, fontSize=9)
    plane.texts(numbers.select("text", x=box.across(pl.col("v")), y=pl.lit(box.foot + 55.0)))


def _at_risk(curve: pl.DataFrame, at: float) -> int:
    """Patients still observed without an event just before a time of the axis."""
    later = curve.filter(pl.col("at") >= at - 1e-9)
    return int(later["at_risk"][0]) if later.height else 0


def _finding(steps: pl.DataFrame) -> str:
    said = []
    for (_, label), curve in steps.group_by("id", "label", maintain_order=True):
        n, events = int(curve["at_risk"][0]), int(curve["events"].sum())
        text = f"{label}: {events} of {n} had the event"
        until = curve.filter(pl.col("time") <= SAID_AT * DAYS_PER_MONTH).tail(1).row(0, named=True)
        observed = float(curve["time"].max() or 0) >= SAID_AT * DAYS_PER_MONTH  # type: ignore[arg-type]
        if observed and until["low"] is not None and until["high"] is not None:
            limits = f"{two_decimals(until['low'])} to {two_decimals(until['high'])}"
            text += f", at month {SAID_AT} {two_decimals(until['value'])} ({limits})"
        said.append(text)
    return f"{listed(said)}."
