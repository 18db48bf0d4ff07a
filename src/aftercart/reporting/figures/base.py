"""What every figure is: a title, a finding in words, the data drawn, and a drawing that needs no network.

A drawing is a Vega-Lite specification with every place in pixels, written as the dictionary that Vega-Lite documents.
It is not built from Altair's classes, because checking them takes longer than drawing; `Figure.chart` gives the Altair
chart to whoever wants to change one.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from aftercart.errors import MissingExtraError, UsageError
from aftercart.reporting.figures import svg
from aftercart.reporting.figures.svg import Sheet

INK = "#1b1f24"
MUTED = "#59616b"
RULE = "#aab2bc"
GRID = "#e3e7eb"
FAINT = "#c3cad2"

BLUE, VERMILION, GREEN, ORANGE = "#0072b2", "#d55e00", "#009e73", "#e69f00"
SKY, PURPLE, YELLOW = "#56b4e9", "#cc79a7", "#f0e442"
"""The palette of Okabe and Ito, which people with any common colour vision can tell apart."""

FONT = "Arial, Helvetica, Liberation Sans, sans-serif"
WIDTH = 860
"""Width of a figure in CSS pixels; pages scale it down, phones scroll it."""

SIMULATED = "Simulated data"
"""Stands on every figure, in every form, of a study that holds simulated or reconstructed values."""

SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"
"""Names the language of a specification; nothing is read from there."""


def _converter() -> Any:
    try:
        import vl_convert
    except ImportError as error:
        raise MissingExtraError("vl-convert-python", "report", "a figure") from error
    return vl_convert


THEME: dict[str, Any] = {
    "background": "transparent",
    "font": FONT,
    "padding": 4,
    "view": {"stroke": None},
    "title": {"color": INK, "fontSize": 11, "anchor": "end", "fontWeight": "bold"},
}


@dataclass(frozen=True)
class Absent:
    """A figure that has nothing to show, and why, in one sentence."""

    id: str
    title: str
    reason: str


@dataclass(frozen=True)
class Figure:
    """One figure: `alt` states the finding in words, `data` is the table of what is drawn."""

    id: str
    title: str
    alt: str
    data: pl.DataFrame
    drawing: dict[str, Any]
    """The Vega-Lite specification without title and theme."""
    simulated: bool = False
    note: str = ""

    def spec(self) -> dict[str, Any]:
        """The Vega-Lite specification, with the data inside."""
        found = {"$schema": SCHEMA, **self.drawing, "config": THEME}
        return {**found, "title": {"text": SIMULATED, "color": VERMILION}} if self.simulated else found

    @property
    def chart(self) -> Any:
        """The figure as an Altair chart, to look at or to change; raises `MissingExtraError` without Altair."""
        try:
            import altair as alt
        except ImportError as error:
            raise MissingExtraError("altair", "report", "a chart that can be changed") from error
        return alt.Chart.from_dict(self.spec())

    def svg(self) -> str:
        """The figure as one inline SVG element: real text, a title and description, no outside reference.

        Every mark of one patient carries `data-subject`, a mark that shows the result of a criterion also
        `data-criterion`, and a mark of one day (days after infusion) also `data-day`.
        """
        return self._svg

    @property
    def _heading(self) -> tuple[str, str] | None:
        return (SIMULATED, VERMILION) if self.simulated else None

    @cached_property
    def _svg(self) -> str:
        return svg.write(
            self.drawing,
            id_=self.id,
            title=self.title,
            description=self.alt,
            font=FONT,
            heading=self._heading,
        )

    def sheets(self) -> list[Sheet]:
        """The same for a page, where it is long: parts to be put under each other, drawn as they come into view."""
        return svg.sheets(self.drawing, id_=self.id, font=FONT, heading=self._heading)

    def png(self, scale: float = 2) -> bytes:
        """The figure as a PNG image on white, `scale` times its size in CSS pixels."""
        image: bytes = _converter().svg_to_png(svg.on_white(self.svg()), scale=scale)
        return image

    def html(self) -> str:
        """The figure as a page of its own, with its data table."""
        from aftercart.reporting.rendering import render

        return render("figure.html.j2", figure=self)

    def save(self, path: str | Path) -> Path:
        """Write the figure in the form its suffix names: `.svg`, `.png`, `.html`, or `.csv` for the data.

        Raises `UsageError` for another suffix.
        """
        target = Path(path)
        if target.suffix == ".svg":
            target.write_text(self.svg(), "utf-8")
        elif target.suffix == ".png":
            target.write_bytes(self.png())
        elif target.suffix == ".html":
            target.write_text(self.html(), "utf-8")
        elif target.suffix == ".csv":
            marked = self.data.with_columns(simulated=pl.lit(value=True)) if self.simulated else self.data
            marked.write_csv(target)
        else:
            raise UsageError(
                f"A figure cannot be saved as {target.suffix or 'a file without suffix'!r}.",
                hint="name a file that ends in .svg, .png, .html or .csv.",
            )
        return target
