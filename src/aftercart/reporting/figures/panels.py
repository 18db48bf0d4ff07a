"""Small multiples: one panel per patient, the others behind it in grey, published limits as labelled lines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import polars as pl

from aftercart.reporting.figures.base import BLUE, FAINT, MUTED, VERMILION, WIDTH, altair

MANY = 24
"""With more patients than this one panel holds them all: small multiples would no longer be read."""

WIDEST = 380
"""A panel of a study with one or two patients is not drawn wider than this."""


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
    symlog: float | None = None
    x_ticks: tuple[float, ...] = ()
    y_ticks: tuple[float, ...] = ()
    limits: tuple[Limit, ...] = ()
    height: int = 120


def small_multiples(points: pl.DataFrame, axes: Axes, *, columns: int) -> Any:
    """Draw courses; points: `patient, x, y (null where open), low, high` in display order of the patients."""
    patients = points["patient"].unique(maintain_order=True).to_list()
    many = len(patients) > MANY
    panels = ["All patients"] if many else patients
    columns = min(columns, len(panels))
    alt = altair()
    chart = alt.layer(*_layers(axes, many=many), data=alt.InlineData(values=_rows(points, panels, axes, many=many)))
    # What a column needs beside its panel: the labels of the y axis on the left, and the gap.
    width = WIDTH - 60 if many else min(WIDEST, (WIDTH - 50) // columns - 16)
    height = axes.height * 2 if many else axes.height if columns > 3 else 160
    facet = alt.Facet(
        "panel:N",
        sort=panels,
        title=None,
        header=alt.Header(labelAnchor="start", labelPadding=3, labelFontSize=12),
    )
    return chart.properties(width=width, height=height).facet(
        facet=facet, columns=columns, spacing={"row": 10, "column": 16}
    )


def _rows(points: pl.DataFrame, panels: list[str], axes: Axes, *, many: bool) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for panel in panels:
        for point in points.iter_rows(named=True):
            mine = many or point["patient"] == panel
            part = "open" if point["y"] is None else "own" if mine else "other"
            if point["y"] is not None or (mine and point["high"] is not None):
                rows.append({**point, "panel": panel, "part": part})
        rows += [
            {"panel": panel, "part": "limit", "y": limit.value, "label": limit.label if panel == panels[0] else ""}
            for limit in axes.limits
        ]
    return rows


def _ticks(values: tuple[float, ...], otherwise: int) -> dict[str, Any]:
    """Ticks at given values; without their number beside them every second one would be dropped in low panels."""
    if not values:
        return {"tickCount": otherwise}
    return {"values": list(values), "tickCount": len(values), "format": ",~f"}


def _layers(axes: Axes, *, many: bool) -> list[Any]:
    alt = altair()
    x = alt.X(
        "x:Q",
        title=axes.x_title,
        scale=alt.Scale(domain=list(axes.x_domain), nice=False),
        axis=alt.Axis(
            grid=False,
            titleFontSize=11,
            titleColor=MUTED,
            titlePadding=4,
            **_ticks(axes.x_ticks, 5),
        ),
    )
    scale: dict[str, Any] = {"type": "symlog", "constant": axes.symlog} if axes.symlog else {"zero": True}
    y = alt.Y(
        "y:Q",
        title=None,
        scale=alt.Scale(domain=list(axes.y_domain), nice=False, **scale),
        axis=alt.Axis(**_ticks(axes.y_ticks, 4)),
    )
    whole = alt.Chart()

    def part(name: str) -> Any:
        return whole.transform_filter(f"datum.part == '{name}'")

    return [
        part("other").mark_line(stroke=FAINT, strokeWidth=1, clip=True).encode(x=x, y=y, detail="patient:N"),
        part("limit").mark_rule(stroke=MUTED, strokeDash=[4, 3], strokeWidth=1).encode(y=y),
        part("limit")
        .mark_text(align="right", dy=-5, fontSize=10, fill=MUTED)
        .encode(x=alt.value("width"), y=y, text="label:N"),
        part("open")
        .mark_rule(stroke=VERMILION, strokeWidth=2, strokeDash=[2, 2])
        .encode(x=x, y=alt.Y("low:Q"), y2="high:Q"),
        part("own")
        .mark_line(stroke=BLUE, strokeWidth=1 if many else 2, opacity=0.6 if many else 1, clip=True, aria=True)
        .encode(x=x, y=y, detail="patient:N", description="line_about:N"),
        part("own")
        .mark_point(shape="circle", size=22, filled=True, fill=BLUE, opacity=1, aria=True)
        .encode(x=x, y=y, description="about:N"),
    ]
