"""Time to each event: the probability of still being event-free, with its limits, one panel per question."""

from __future__ import annotations

import polars as pl

from aftercart.analysis.cohort import DAYS_PER_MONTH
from aftercart.reporting.figures.base import BLUE, Figure, altair
from aftercart.reporting.numbers import listed

PANEL = {"width": 235, "height": 130}
COLUMNS = 3


def draw(curves: pl.DataFrame, *, simulated: bool) -> Figure | None:
    """Kaplan-Meier curves of all patients together; None for a study without any."""
    mine = curves.filter(pl.col("stratum") == "all")
    if mine.is_empty():
        return None
    alt = altair()
    known = mine.select("label", "time", "value", "low", "high", "at_risk", "events", "method").filter(
        ~pl.col("label").str.contains("competes")
    )
    drawn = known.with_columns(months=(pl.col("time") / DAYS_PER_MONTH).round(3)).sort("label", "time")
    axis = alt.X("months:Q", title="Months", axis=alt.Axis(tickMinStep=3, tickCount=6))
    scale = alt.Scale(domain=[0, 1])
    base = alt.Chart(alt.Data(values=drawn.to_dicts()))
    band = base.mark_area(opacity=0.18, color=BLUE, interpolate="step-after").encode(
        x=axis, y=alt.Y("low:Q", title="Probability", scale=scale), y2="high:Q"
    )
    line = base.mark_line(color=BLUE, strokeWidth=2, interpolate="step-after").encode(
        x=axis, y=alt.Y("value:Q", title="Probability", scale=scale)
    )
    facet = alt.Facet("label:N", title=None, header=alt.Header(labelLimit=PANEL["width"], labelAnchor="start"))
    chart = alt.layer(band, line).properties(**PANEL).facet(facet, columns=COLUMNS)
    ends = drawn.group_by("label", maintain_order=True).agg(
        last=pl.col("value").last(), n=pl.col("at_risk").first(), events=pl.col("events").sum()
    )
    said = [f"{r['label']}: {r['events']} of {r['n']} had the event" for r in ends.iter_rows(named=True)]
    return Figure(
        "event-free",
        "Probability of still being event-free, with pointwise 95% limits",
        f"{listed(said)}.",
        drawn.drop("months").rename({"value": "probability"}),
        chart.to_dict(),
        simulated,
        f"Shaded: limits by the method named in the data ({', '.join(known['method'].unique().sort())}).",
    )
