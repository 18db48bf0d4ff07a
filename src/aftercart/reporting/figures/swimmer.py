"""The swimmer plot: every patient as one row, the first month enlarged beside the whole follow-up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import polars as pl

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
    altair,
)

ACUTE_DAYS = 30
DAYS_PER_MONTH = 30.4375
ROW_HEIGHT = 28
ACUTE_WIDTH, LATER_WIDTH = 320, 410


@dataclass(frozen=True)
class Kind:
    """How one kind of mark is drawn; bars carry their grade as text, points differ in shape as well as colour."""

    name: str
    colour: str
    shape: str
    bar: bool = False


KINDS = (
    *(
        Kind(f"CRS grade {g}", c, "square", bar=True)
        for g, c in zip(range(1, 6), (SKY, ORANGE, VERMILION, "#8c2d04", INK), strict=True)
    ),
    *(
        Kind(f"ICANS grade {g}", c, "square", bar=True)
        for g, c in zip(range(1, 6), ("#e3b5d0", PURPLE, "#9c4f7d", "#6d2c55", INK), strict=True)
    ),
    Kind("Glucocorticoid-free from here", BLUE, "triangle-right"),
    Kind("Infection", MUTED, "triangle-up"),
    Kind("Serious infection", VERMILION, "triangle-down"),
    Kind("Late grade 4 neutropenia", PURPLE, "diamond"),
    Kind("Response criterion met", GREEN, "circle"),
    Kind("Response criterion not met", ORANGE, "cross"),
    Kind("Relapse", VERMILION, "M-1,-1L1,1M-1,1L1,-1"),
    Kind("Last contact", MUTED, "M-0.25,-1L0.25,-1L0.25,1L-0.25,1Z"),
    Kind("Death", INK, "M-1,-1L1,-1L1,1L-1,1Z"),
)


BELOW = ("Infection", "Serious infection", "Late grade 4 neutropenia")
"""Safety marks stand below the row, so that they do not cover a response of the same visit."""


def chart(rows: pl.DataFrame, marks: pl.DataFrame) -> Any:
    """Draw the plot.

    rows: `patient, last_day` in display order. marks: `patient, kind, start, end (null for a point), label`, days.
    """
    alt = altair()
    patients = rows["patient"].to_list()
    longest = float(rows["last_day"].max() or ACUTE_DAYS) / DAYS_PER_MONTH  # type: ignore[arg-type]
    height = ROW_HEIGHT * len(patients)
    present = [k for k in KINDS if k.name in set(marks["kind"])]
    early = marks.filter(pl.col("start") <= ACUTE_DAYS).with_columns(
        x=pl.col("start").cast(pl.Float64), x2=pl.min_horizontal("end", pl.lit(ACUTE_DAYS)).cast(pl.Float64)
    )
    late = marks.filter(pl.max_horizontal("start", "end") > ACUTE_DAYS).with_columns(
        x=pl.max_horizontal("start", pl.lit(ACUTE_DAYS)) / DAYS_PER_MONTH, x2=pl.col("end") / DAYS_PER_MONTH
    )
    first = rows.with_columns(x=pl.lit(0.0), x2=pl.min_horizontal("last_day", pl.lit(ACUTE_DAYS)).cast(pl.Float64))
    later = rows.filter(pl.col("last_day") > ACUTE_DAYS).with_columns(
        x=pl.lit(ACUTE_DAYS / DAYS_PER_MONTH), x2=pl.col("last_day") / DAYS_PER_MONTH
    )
    left = _Panel(patients, present, "days after infusion", [-2, ACUTE_DAYS], list(range(0, ACUTE_DAYS + 1, 5)))
    step = 3 if longest <= 18 else 6 if longest <= 48 else 12
    ticks = [1, *range(step, int(longest) + 1, step)]
    right = _Panel(patients, present, "months after infusion", [ACUTE_DAYS / DAYS_PER_MONTH, longest * 1.04], ticks)
    panels = [left.draw(first, early, labels=True).properties(width=ACUTE_WIDTH, height=height, title="First 30 days")]
    if later.height:
        panels.append(
            right.draw(later, late, labels=False).properties(width=LATER_WIDTH, height=height, title="After day 30")
        )
    return alt.hconcat(*panels, spacing=14).resolve_scale(color="shared", shape="shared")


@dataclass(frozen=True)
class _Panel:
    patients: list[str]
    present: list[Kind]
    x_title: str
    domain: list[float]
    ticks: list[int]

    def draw(self, rows: pl.DataFrame, marks: pl.DataFrame, *, labels: bool) -> Any:
        alt = altair()
        points = [k.name for k in self.present if not k.bar]
        spans = marks.filter(~pl.col("kind").is_in(points))
        singles = marks.filter(pl.col("kind").is_in(points))
        x, y = self._x(), self._y(labels=labels)
        colour = alt.Color("kind:N", title=None, scale=self._scale("colour"), legend=self._legend())
        shape = alt.Shape("kind:N", title=None, scale=self._scale("shape"), legend=self._legend())
        upper = spans.filter(pl.col("kind").str.starts_with("CRS"))
        lower = spans.filter(~pl.col("kind").str.starts_with("CRS"))
        layers = [
            _data(rows).mark_rule(stroke=FAINT, strokeWidth=4, strokeCap="butt").encode(x=x, x2="x2:Q", y=y),
        ]
        for frame, offset in ((upper, -8), (lower, 8)):
            base = _data(frame)
            layers += [
                base.mark_bar(height=11, yOffset=offset, stroke="white", strokeWidth=0.5, aria=True).encode(
                    x=x, x2="x2:Q", y=y, color=colour, description="about:N"
                ),
                base.mark_text(align="left", dx=2, dy=offset, fontSize=9, fontWeight="bold", fill=INK).encode(
                    x=x, y=y, text="label:N"
                ),
            ]
        below = pl.col("kind").is_in(BELOW)
        for frame, offset in ((singles.filter(~below), 0), (singles.filter(below), 9)):
            layers.append(
                _data(frame)
                .mark_point(size=62, filled=True, opacity=1, stroke="white", strokeWidth=0.6, yOffset=offset, aria=True)
                .encode(x=x, y=y, color=colour, shape=shape, description="about:N")
            )
        if labels:
            layers.append(
                alt.Chart(alt.InlineData(values=[{"x": 0}])).mark_rule(stroke=INK, strokeWidth=1.2).encode(x=x)
            )
        return alt.layer(*layers)

    def _x(self) -> Any:
        alt = altair()
        return alt.X(
            "x:Q",
            title=self.x_title,
            scale=alt.Scale(domain=self.domain, nice=False),
            axis=alt.Axis(grid=True, values=self.ticks),
        )

    def _y(self, *, labels: bool) -> Any:
        alt = altair()
        axis = alt.Axis(domain=False, ticks=False, labelPadding=8, labelColor=INK, labelFontSize=12) if labels else None
        return alt.Y("patient:N", sort=self.patients, title=None, axis=axis, scale=alt.Scale(domain=self.patients))

    def _scale(self, what: str) -> Any:
        names = [k.name for k in self.present]
        return altair().Scale(domain=names, range=[getattr(k, what) for k in self.present])

    def _legend(self) -> Any:
        return altair().Legend(
            orient="bottom", columns=3, columnPadding=24, symbolSize=90, symbolStrokeWidth=0.6, labelLimit=260
        )


def _data(frame: pl.DataFrame) -> Any:
    alt = altair()
    return alt.Chart(alt.InlineData(values=frame.to_dicts()))
