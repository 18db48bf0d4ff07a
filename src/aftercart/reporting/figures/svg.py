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
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import accumulate, pairwise
from typing import Any

SVG = "http://www.w3.org/2000/svg"

Row = Mapping[str, Any]
Mark = Mapping[str, Any]

PADDING, HEADING = 4, 16
"""Pixels around a drawing, and over it for the mark of simulated data."""

LEAST_HEIGHT = 40
"""Pixels; lower sheets are not worth their own."""

_SIDES = {"left": "start", "center": "middle", "right": "end"}
_BELOW = {"middle": 0.35, "top": 0.8, "bottom": -0.2}
"""How far below its place the foot of a text stands, in heights of its letters."""

MOST_MARKS = 300
"""About how many marks a sheet of a drawing has: a browser lays these out within a frame."""

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
    root = _root(_box(drawing, heading), font)
    root.attrib |= {"role": "img", "aria-labelledby": f"{id_}-title {id_}-desc"}
    ET.SubElement(root, "title", {"id": f"{id_}-title"}).text = title
    ET.SubElement(root, "desc", {"id": f"{id_}-desc"}).text = description
    _draw(root, drawing, id_, heading)
    return _text_of_element(root)


@dataclass(frozen=True)
class Sheet:
    """A horizontal part of a drawing; said of as a whole by whoever puts the parts together."""

    svg: str
    width: str
    height: str


def sheets(
    drawing: Mapping[str, Any], *, id_: str, font: str, heading: tuple[str, str] | None, most: int = MOST_MARKS
) -> list[Sheet]:
    """Write a long flat drawing as SVG elements to be put under each other, of about `most` marks each; else none.

    A browser that is shown the whole at once is busy for half a second with a long one; these it lays out as they come
    into view. A mark that reaches over a cut stands in both parts.
    """
    left, top, width, height = _box(drawing, heading)
    layers = [(part, list(_units(part))) for part in drawing["layer"]]
    cuts = _cuts([(u.above, u.below) for _, units in layers for u in units], top, top + height, most)
    found = []
    for i, (above, below) in enumerate(pairwise([top, *cuts, top + height]) if cuts else ()):
        inside = []
        for part, units in layers:
            rows = [row for u in units if u.above < below and u.below > above for row in u.rows]
            inside.append({**part, "data": {"values": rows}})
        root = _root((left, above, width, below - above), font)
        root.attrib["aria-hidden"] = "true"
        _draw(root, {**drawing, "layer": inside}, f"{id_}-{i + 1}", heading if i == 0 else None)
        found.append(Sheet(_text_of_element(root), _number(width), _number(below - above)))
    return found


def _box(drawing: Mapping[str, Any], heading: tuple[str, str] | None) -> tuple[float, float, float, float]:
    above = PADDING + (HEADING if heading else 0)
    width, height = float(drawing["width"]), float(drawing["height"])
    return -PADDING, -above, width + 2 * PADDING, height + PADDING + above


def _root(box: tuple[float, float, float, float], font: str) -> ET.Element:
    look = {"viewBox": " ".join(_number(v) for v in box), "style": f"max-width:{_number(box[2])}px"}
    return ET.Element("svg", {"xmlns": SVG, "class": "chart", **look, "font-family": font})


def _draw(root: ET.Element, drawing: Mapping[str, Any], id_: str, heading: tuple[str, str] | None) -> None:
    if heading:
        words, colour = heading
        at = {"x": _number(float(drawing["width"])), "y": "-6", "text-anchor": "end"}
        ET.SubElement(root, "text", {**at, "font-size": "11", "font-weight": "bold", "fill": colour}).text = words
    root.extend(_layer(part, f"{id_}-again") for part in drawing["layer"] if part["data"]["values"])


def _text_of_element(root: ET.Element) -> str:
    # Within text and values `>` is written as an entity, so this space stands only before the end of a tag.
    return ET.tostring(root, encoding="unicode").replace(" />", "/>")


@dataclass(frozen=True, slots=True)
class _Unit:
    """What is kept together, a mark or a whole course, and from where to where it reaches downwards."""

    above: float
    below: float
    rows: list[Row]


def _units(part: Mapping[str, Any]) -> Iterator[_Unit]:
    mark, rows = part["mark"], part["data"]["values"]
    together = _series(part).values() if mark["type"] in ("line", "area") else ([row] for row in rows)
    around = 0.0
    if mark["type"] == "text":
        around = 0.75 * float(mark.get("fontSize", 11)) + abs(mark.get("dy", 0))
    elif mark["type"] == "point":
        around = math.sqrt(mark["size"]) / 2 + 1
    for mine in together:
        places = [row[c] for row in mine for c in ("y", "y2") if row.get(c) is not None]
        if places:
            yield _Unit(min(places) - around, max(places) + around, mine)


def _series(part: Mapping[str, Any]) -> dict[Any, list[Row]]:
    """The rows of each course: those with the same value of the channel `detail`."""
    key = part["encoding"]["detail"]["field"] if "detail" in part["encoding"] else None
    found: dict[Any, list[Row]] = {}
    for row in part["data"]["values"]:
        found.setdefault(row[key] if key else None, []).append(row)
    return found


def _cuts(extents: list[tuple[float, float]], top: float, foot: float, most: int) -> list[float]:
    """Where to cut, at whole pixels: where few marks reach over, and about as many lie between two cuts."""
    n = len(extents) // most
    if n < 2:
        return []
    size = int(foot - top) + 2
    begun, over = [0] * size, [0] * size
    for low, high in extents:
        first, last = max(math.floor(low - top), 0), min(math.ceil(high - top), size - 1)
        begun[first] += 1
        if last > first + 1:
            over[first + 1] += 1
            over[last] -= 1
    reaching, before = list(accumulate(over)), list(accumulate(begun))
    cuts: list[int] = []
    for k in range(1, n):
        ideal = next(y for y, count in enumerate(before) if count >= k * len(extents) / n)
        near = range(max(ideal - 20, 1), min(ideal + 21, size - 2))
        cuts.append(min(near, key=lambda y: (reaching[y], abs(y - ideal)), default=ideal))
    kept: list[float] = []
    for cut in sorted(top + y for y in cuts):
        if cut - (kept[-1] if kept else top) >= LEAST_HEIGHT and foot - cut >= LEAST_HEIGHT:
            kept.append(cut)
    return kept


def on_white(text: str) -> str:
    """The same SVG on a white ground, with the size that a picture of it needs."""
    opened, rest = text.split(">", 1)
    left, top, width, height = opened.split('viewBox="')[1].split('"')[0].split(" ")
    ground = f'<rect x="{left}" y="{top}" width="{width}" height="{height}" fill="white"/>'
    return f'{opened} width="{width}" height="{height}">{ground}{rest}'


def _layer(part: Mapping[str, Any], again: str) -> ET.Element:
    mark, rows = part["mark"], part["data"]["values"]
    group = ET.Element("g", _look(mark))
    if mark["type"] in ("line", "area"):
        elements = _courses(part, again)
    elif mark["type"] == "text":
        elements = (_told(_text(mark, row), row) for row in rows)
    elif mark["type"] == "point":
        elements = (_told(_placed(mark, row), row) for row in rows)
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


def _courses(part: Mapping[str, Any], again: str) -> Iterator[ET.Element]:
    """One path for each course."""
    mark = part["mark"]
    step = mark.get("interpolate") == "step-after"
    for mine in _series(part).values():
        stretches = list(_stretches(mine))
        if mark["type"] == "line":
            d = "".join(f"M{_through(part, 'y', step=step)}" for part in stretches)
        else:
            d = "".join(_band(part, step=step) for part in stretches)
        first = next((r for r in mine if r.get("about") is not None), mine[0])
        element = _told(ET.Element("path", {"d": d}), first)
        moves = json.loads(first["about"]).get("copies") if first.get("about") else None
        yield _repeated(element, moves, again) if moves else element


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


def _placed(mark: Mark, row: Row) -> ET.Element:
    """One symbol in its place.

    Each is a path of its own: a browser needs twice as long for a reference to one that is drawn once.
    """
    x, y = float(row["x"]), float(row["y"])
    if mark["shape"] == "circle":
        return ET.Element("circle", {"cx": _number(x), "cy": _number(y), "r": _number(math.sqrt(mark["size"]) / 2)})
    return ET.Element("path", {"d": _symbol(mark, x, y)})


def _repeated(element: ET.Element, moves: str, name: str) -> ET.Element:
    """A course and its copies at the given distances."""
    element.attrib["id"] = name
    group = ET.Element("g")
    group.append(element)
    for move in moves.split(" "):
        x, y = (_number(float(v)) for v in move.split(","))
        ET.SubElement(group, "use", {"href": f"#{name}", "x": x, "y": y})
    return group


def _symbol(mark: Mark, x: float, y: float) -> str:
    """The course of a symbol around a place; a shape of its own is a list of stretches of corners.

    Each stretch begins as far from the one before as it lies, and goes on in steps: all in tenths of a pixel, so that
    nothing adds up.
    """
    half = math.sqrt(mark["size"]) / 2
    shape = str(mark["shape"])
    outlines = [_CORNERS[shape]] if shape in _CORNERS else _outlines(shape)
    course, begun = "", (0, 0)
    for outline in outlines:
        first, *others = [(round((x + a * half) * 10), round((y + b * half) * 10)) for a, b in outline]
        course += (
            f"{'m' if course else 'M'}{_pair(first[0] - begun[0], first[1] - begun[1])}{_steps([first, *others])}z"
        )
        begun = first
    return course


def _steps(corners: list[tuple[int, int]]) -> str:
    course = ""
    before = ""
    for (x, y), (x2, y2) in pairwise(corners):
        dx, dy = x2 - x, y2 - y
        command = "v" if dx == 0 else "h" if dy == 0 else "l"
        step = _number(dy / 10) if dx == 0 else _number(dx / 10) if dy == 0 else _pair(dx, dy)
        again = command == before == "l"
        course += f"{'' if again and dx < 0 else ' ' if again else command}{step}"
        before = command
    return course


def _pair(dx: int, dy: int) -> str:
    return f"{_number(dx / 10)}{'' if dy < 0 else ','}{_number(dy / 10)}"


@cache
def _outlines(shape: str) -> list[tuple[tuple[float, float], ...]]:
    """The corners of a shape written as an SVG path of straight lines (`M..L..Z`), one list for each outline."""
    found = []
    for outline in shape.replace("Z", "").split("M")[1:]:
        corners = [corner.split(",") for corner in outline.split("L")]
        found.append(tuple((float(a), float(b)) for a, b in corners))
    return found
