"""What every figure is: a title, a finding in words, the data drawn, and a chart that needs no network to draw."""

from __future__ import annotations

import itertools
import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from aftercart.errors import MissingExtraError, UsageError

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

_SVG = "http://www.w3.org/2000/svg"
_XLINK = "http://www.w3.org/1999/xlink"


def altair() -> Any:
    """The drawing library; raises `MissingExtraError` where it is not installed."""
    try:
        import altair as alt
    except ImportError as error:
        raise MissingExtraError("altair", "report", "a figure") from error
    return alt


@contextmanager
def drawing() -> Iterator[None]:
    """Leave out the library's check of every part of a chart against its schema: the tests check whole charts."""
    altair()
    from altair.utils.schemapi import debug_mode

    with debug_mode(False):
        yield


def _converter() -> Any:
    try:
        import vl_convert
    except ImportError as error:
        raise MissingExtraError("vl-convert-python", "report", "a figure") from error
    return vl_convert


THEME: dict[str, Any] = {
    "background": None,
    "font": FONT,
    "padding": 4,
    "view": {"stroke": None},
    "axis": {
        "labelColor": MUTED,
        "labelFontSize": 11,
        "titleColor": INK,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "titlePadding": 8,
        "gridColor": GRID,
        "domainColor": RULE,
        "tickColor": RULE,
        "tickSize": 4,
        "labelLimit": 260,
    },
    "header": {"labelColor": INK, "labelFontSize": 12, "labelFontWeight": "bold", "titleColor": INK},
    "legend": {"labelColor": INK, "labelFontSize": 12, "titleColor": INK, "titleFontSize": 12, "orient": "top"},
    "title": {"color": INK, "fontSize": 13, "anchor": "start", "fontWeight": "bold"},
    "text": {"color": INK, "fontSize": 11},
}


@dataclass(frozen=True)
class Figure:
    """One figure: `alt` states the finding, `data` is the table beside it, `chart` the Altair chart."""

    id: str
    title: str
    alt: str
    data: pl.DataFrame
    chart: Any
    simulated: bool = False
    note: str = ""

    def spec(self) -> dict[str, Any]:
        """The Vega-Lite specification, with the data inside."""
        with drawing():
            chart = self.chart.properties(usermeta={"embedOptions": {"ast": True}})
            found: dict[str, Any] = chart.to_dict(validate=False)
        if self.simulated:
            found["title"] = {"text": SIMULATED, "color": VERMILION, "fontSize": 11, "anchor": "end", "offset": 2}
        return {**found, "config": THEME}

    def svg(self) -> str:
        """The figure as one inline SVG element: real text, a title and description, no outside reference."""
        return self._svg

    @cached_property
    def _svg(self) -> str:
        return _tidy_svg(_converter().vegalite_to_svg(json.dumps(self.spec())), self)

    def png(self, scale: float = 2) -> bytes:
        """The figure as a PNG image on white."""
        spec = {**self.spec(), "config": {**THEME, "background": "white"}}
        image: bytes = _converter().vegalite_to_png(json.dumps(spec), scale=scale)
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


def _tidy_svg(text: str, figure: Figure) -> str:
    """Make a drawn SVG fit a page: own ids, fluid width, one label for all, no label on every mark.

    The converter numbers clip paths by a counter of the process; numbering them anew per figure keeps two figures
    of a page apart and the bytes of a figure the same.
    """
    ET.register_namespace("", _SVG)
    ET.register_namespace("xlink", _XLINK)
    root = ET.fromstring(text)  # noqa: S314 - drawn by our own converter a moment ago
    counter = itertools.count(1)
    renamed = {e.attrib["id"]: f"{figure.id}-{next(counter)}" for e in root.iter() if "id" in e.attrib}
    for element in root.iter():
        for name in [a for a in element.attrib if a.startswith("aria-") or a in ("role", "pointer-events")]:
            del element.attrib[name]
        for name, value in element.attrib.items():
            element.attrib[name] = _renamed(value, renamed) if "#" in value or name == "id" else value
    width, height = root.attrib.pop("width"), root.attrib.pop("height")
    root.attrib.pop("class", None)
    root.attrib.pop("version", None)
    root.attrib.update(
        {
            "class": "chart",
            "role": "img",
            "aria-labelledby": f"{figure.id}-title {figure.id}-desc",
            "viewBox": f"0 0 {width} {height}",
            "style": f"max-width:{width}px",
        }
    )
    for name, words in (("desc", figure.alt), ("title", figure.title)):
        label = ET.Element(f"{{{_SVG}}}{name}", {"id": f"{figure.id}-{name}"})
        label.text = words
        root.insert(0, label)
    return ET.tostring(root, encoding="unicode")


def _renamed(value: str, renamed: dict[str, str]) -> str:
    if value in renamed:
        return renamed[value]
    return re.sub(r"#([\w-]+)", lambda m: f"#{renamed.get(m.group(1), m.group(1))}", value)
