"""A flat drawing as SVG: small, with real text, each mark naming its patient.

The figures are Vega-Lite specifications in which every place is already given in pixels (see `plane`), so little is
left to draw: straight lines, rectangles, courses, bands, symbols and words. Writing them here takes a few milliseconds
a figure; starting the library's drawing engine takes longer than all figures of a report. That both draw the same is
tested against the library.
"""

from __future__ import annotations

import json
import math
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

SVG = "http://www.w3.org/2000/svg"

Row = Mapping[str, Any]
Mark = Mapping[str, Any]

PADDING, HEADING = 4, 16
"""Pixels around a drawing, and over it for the mark of simulated data."""

_SIDES = {"left": "start", "center": "middle", "right": "end"}
_BELOW = {"middle": 0.35, "top": 0.8, "bottom": -0.2}
"""How far below its place the foot of a text stands, in heights of its letters."""

_OFTEN, _LONG = 6, 28
"""A shape is drawn once where it stands in so many places and its course has so many characters."""

_SHARED = {
    "fill": "fill",
    "stroke": "stroke",
    "strokeWidth": "stroke-width",
    "opacity": "opacity",
    "fontWeight": "font-weight",
}


def write(
    drawing: Mapping[str, Any], *, id_: str, title: str, description: str, font: str, heading: tuple[str, str] | None
) -> str:
    """Write a flat drawing as one SVG element.

    id_: begins every id inside, so that two figures of a page keep apart. title, description: what a screen reader
    says. heading: words over the drawing on the right, and their colour.
    """
    width, height = float(drawing["width"]), float(drawing["height"])
    above = HEADING if heading else 0
    box = [-PADDING, -PADDING - above, width + 2 * PADDING, height + 2 * PADDING + above]
    root = ET.Element(
        "svg",
        {
            "xmlns": SVG,
            "class": "chart",
            "role": "img",
            "aria-labelledby": f"{id_}-title {id_}-desc",
            "viewBox": " ".join(_number(v) for v in box),
            "style": f"max-width:{_number(box[2])}px",
            "font-family": font,
        },
    )
    ET.SubElement(root, "title", {"id": f"{id_}-title"}).text = title
    ET.SubElement(root, "desc", {"id": f"{id_}-desc"}).text = description
    if heading:
        words, colour = heading
        place = {"x": _number(width), "y": "-6", "text-anchor": "end", "font-size": "11", "font-weight": "bold"}
        ET.SubElement(root, "text", {**place, "fill": colour}).text = words
    shapes = _Shapes(id_, drawing["layer"])
    root.append(shapes.known)
    for part in drawing["layer"]:
        if part["data"]["values"]:
            root.append(_layer(part, shapes))
    if not len(shapes.known):
        root.remove(shapes.known)
    # Within text and values `>` is written as an entity, so this space stands only before the end of a tag.
    return ET.tostring(root, encoding="unicode").replace(" />", "/>")


def on_white(text: str) -> str:
    """The same SVG on a white ground, with the size that a picture of it needs."""
    opened, rest = text.split(">", 1)
    left, top, width, height = opened.split('viewBox="')[1].split('"')[0].split(" ")
    ground = f'<rect x="{left}" y="{top}" width="{width}" height="{height}" fill="white"/>'
    return f'{opened} width="{width}" height="{height}">{ground}{rest}'


def _layer(part: Mapping[str, Any], shapes: _Shapes) -> ET.Element:
    mark, rows, encoding = part["mark"], part["data"]["values"], part["encoding"]
    group = ET.Element("g", _look(mark))
    if mark["type"] in ("line", "area"):
        elements = _courses(mark, rows, encoding, shapes)
    elif mark["type"] == "text":
        elements = (_told(_text(mark, row), row) for row in rows)
    elif mark["type"] == "point":
        elements = (_told(shapes.placed(mark, row), row) for row in rows)
    else:
        straight = _rule if mark["type"] == "rule" else _rectangle
        elements = _straight(straight, rows)
    group.extend(elements)
    return group


def _look(mark: Mark) -> dict[str, str]:
    """What all marks of a layer share."""
    look = {name: _text_of(mark[key]) for key, name in _SHARED.items() if key in mark}
    if "strokeDash" in mark and mark["strokeDash"] != [1, 0]:
        look["stroke-dasharray"] = ",".join(str(v) for v in mark["strokeDash"])
    if mark["type"] == "text":
        look["font-size"] = _text_of(mark.get("fontSize", 11))
        if (side := _SIDES[mark.get("align", "center")]) != "start":
            look["text-anchor"] = side
    if mark["type"] == "line":
        look["fill"] = "none"
    if mark.get("aria") is False:
        # Words that only repeat what the mark under them says let a pointer through to it.
        look["pointer-events"] = "none"
    return {k: v for k, v in look.items() if not (k in ("opacity", "stroke-width") and v == "1")}


def _text_of(value: object) -> str:
    return _number(float(value)) if isinstance(value, int | float) else str(value)


def _number(value: float) -> str:
    """One decimal: a tenth of a pixel is finer than any screen."""
    text = f"{value:.1f}".removesuffix(".0")
    return "0" if text == "-0" else text


def _told(element: ET.Element, row: Row) -> ET.Element:
    """The mark with the patient it belongs to, and with the criterion and the day where it has them."""
    if (said := row.get("about")) is not None:
        found = json.loads(said)
        element.attrib.update({f"data-{k}": str(v) for k, v in found.items() if v is not None and k != "copies"})
    return element


def _straight(course: Callable[[Row], str], rows: list[Row]) -> Iterator[ET.Element]:
    """Straight marks; those that belong to nobody become one path."""
    nobody = [course(row) for row in rows if row.get("about") is None]
    if nobody:
        yield ET.Element("path", {"d": "".join(nobody)})
    for row in rows:
        if row.get("about") is not None:
            yield _told(ET.Element("path", {"d": course(row)}), row)


def _rule(row: Row) -> str:
    x, y, x2, y2 = (_number(row[c]) for c in ("x", "y", "x2", "y2"))
    return f"M{x},{y}H{x2}" if y == y2 else f"M{x},{y}V{y2}" if x == x2 else f"M{x},{y}L{x2},{y2}"


def _rectangle(row: Row) -> str:
    x, y, x2, y2 = (_number(row[c]) for c in ("x", "y", "x2", "y2"))
    return f"M{x},{y}H{x2}V{y2}H{x}Z"


def _courses(mark: Mark, rows: list[Row], encoding: Mapping[str, Any], shapes: _Shapes) -> Iterator[ET.Element]:
    """One path for each value of the channel `detail`."""
    key = encoding["detail"]["field"] if "detail" in encoding else None
    series: dict[Any, list[Row]] = {}
    for row in rows:
        series.setdefault(row[key] if key else None, []).append(row)
    step = mark.get("interpolate") == "step-after"
    for mine in series.values():
        stretches = list(_stretches(mine))
        if mark["type"] == "line":
            d = "".join(f"M{_through(part, 'y', step=step)}" for part in stretches)
        else:
            d = "".join(_band(part, step=step) for part in stretches)
        first = next((r for r in mine if r.get("about") is not None), mine[0])
        element = _told(ET.Element("path", {"d": d}), first)
        moves = json.loads(first["about"]).get("copies") if first.get("about") else None
        yield shapes.repeated(element, moves) if moves else element


def _stretches(rows: list[Row]) -> Iterator[list[Row]]:
    """The rows between two without a value."""
    part: list[Row] = []
    for row in rows:
        if row["y"] is None:
            if part:
                yield part
            part = []
        else:
            part.append(row)
    if part:
        yield part


def _through(rows: list[Row], column: str, *, step: bool) -> str:
    points = [f"{_number(rows[0]['x'])},{_number(rows[0][column])}"]
    for row in rows[1:]:
        x, y = _number(row["x"]), _number(row[column])
        points.append(f"H{x}V{y}" if step else f"L{x},{y}")
    return "".join(points)


def _band(rows: list[Row], *, step: bool) -> str:
    """There along `y` and back along `y2`; back, a step comes before its place instead of after."""
    back = [f"L{_number(rows[-1]['x'])},{_number(rows[-1]['y2'])}"]
    for row in rows[-2::-1]:
        x, y = _number(row["x"]), _number(row["y2"])
        back.append(f"V{y}H{x}" if step else f"L{x},{y}")
    return f"M{_through(rows, 'y', step=step)}{''.join(back)}Z"


def _text(mark: Mark, row: Row) -> ET.Element:
    below = mark.get("dy", 0) + _BELOW.get(mark.get("baseline", "middle"), 0) * mark.get("fontSize", 11)
    text = ET.Element("text", {"x": _number(row["x"] + mark.get("dx", 0)), "y": _number(row["y"] + below)})
    text.text = str(row["text"])
    return text


_HALF_ROOT_3 = math.sqrt(3) / 2
_CORNERS: dict[str, tuple[tuple[float, float], ...]] = {
    "square": ((-1, -1), (1, -1), (1, 1), (-1, 1)),
    "diamond": ((-1, 0), (0, -1), (1, 0), (0, 1)),
    "triangle-up": ((0, -_HALF_ROOT_3), (-1, _HALF_ROOT_3), (1, _HALF_ROOT_3)),
    "triangle-down": ((0, _HALF_ROOT_3), (-1, -_HALF_ROOT_3), (1, -_HALF_ROOT_3)),
    "triangle-right": ((_HALF_ROOT_3, 0), (-_HALF_ROOT_3, -1), (-_HALF_ROOT_3, 1)),
    "cross": (
        *((-1, -0.4), (-1, 0.4), (-0.4, 0.4), (-0.4, 1), (0.4, 1), (0.4, 0.4)),
        *((1, 0.4), (1, -0.4), (0.4, -0.4), (0.4, -1), (-0.4, -1), (-0.4, -0.4)),
    ),
}
"""The symbols of Vega by their corners, half a side from the middle being 1."""


class _Shapes:
    """Symbols; one that stands in many places is drawn once and referred to."""

    def __init__(self, id_: str, layers: list[Mapping[str, Any]]) -> None:
        self.id = id_
        self.known = ET.Element("defs")
        points = [p for p in layers if p["mark"]["type"] == "point" and p["mark"]["shape"] != "circle"]
        counts = Counter[str]()
        for part in points:
            counts[_symbol(part["mark"], 0, 0)] += len(part["data"]["values"])
        self.often: dict[str, str] = {}
        for course, n in counts.items():
            if n >= _OFTEN and len(course) >= _LONG:
                self.often[course] = f"{id_}-s{len(self.often) + 1}"
                ET.SubElement(self.known, "path", {"id": self.often[course], "d": course})

    def placed(self, mark: Mark, row: Row) -> ET.Element:
        """One symbol in its place."""
        x, y = float(row["x"]), float(row["y"])
        if mark["shape"] == "circle":
            return ET.Element("circle", {"cx": _number(x), "cy": _number(y), "r": _number(math.sqrt(mark["size"]) / 2)})
        if (name := self.often.get(_symbol(mark, 0, 0))) is not None:
            return ET.Element("use", {"href": f"#{name}", "x": _number(x), "y": _number(y)})
        return ET.Element("path", {"d": _symbol(mark, x, y)})

    def repeated(self, element: ET.Element, moves: str) -> ET.Element:
        """A course and its copies at the given distances."""
        name = f"{self.id}-again"
        element.attrib["id"] = name
        group = ET.Element("g")
        group.append(element)
        for move in moves.split(" "):
            x, y = (_number(float(v)) for v in move.split(","))
            ET.SubElement(group, "use", {"href": f"#{name}", "x": x, "y": y})
        return group


def _symbol(mark: Mark, x: float, y: float) -> str:
    """The course of a symbol around a place; a shape of its own is a list of stretches of corners."""
    half = math.sqrt(mark["size"]) / 2
    shape = str(mark["shape"])
    outlines = [_CORNERS[shape]] if shape in _CORNERS else list(_outlines(shape))
    return "".join(
        f"M{'L'.join(f'{_number(x + a * half)},{_number(y + b * half)}' for a, b in outline)}Z" for outline in outlines
    )


def _outlines(shape: str) -> Iterator[tuple[tuple[float, float], ...]]:
    """The corners of a shape written as an SVG path of straight lines (`M..L..Z`), one list for each outline."""
    for outline in shape.replace("Z", "").split("M")[1:]:
        corners = [corner.split(",") for corner in outline.split("L")]
        yield tuple((float(a), float(b)) for a, b in corners)
