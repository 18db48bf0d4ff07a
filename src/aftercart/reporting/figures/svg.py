"""From what the converter draws to an SVG that fits a page: small, with own ids, each mark naming its patient.

The converter measures every text in the chart through its font library, which costs more than all other marks
together. Texts inside the plot need no room made for them, so they are drawn as points that carry their words
(`without_texts`), and written as text once everything has its place (`tidy`). Texts of axes, legends and titles stay
with the converter, which makes room for them.
"""

from __future__ import annotations

import itertools
import json
import re
import xml.etree.ElementTree as ET
from collections import Counter
from typing import Any

SVG = "http://www.w3.org/2000/svg"
XLINK = "http://www.w3.org/1999/xlink"

Texts = list[dict[str, Any]]
"""The properties of the text marks of a chart, in the order of their numbers."""

_MARK = "\u2063"
"""Separates the parts of a description (an invisible separator, which no name of a patient holds)."""

_SIDES = {"left": "start", "center": "middle", "right": "end"}
_BELOW = {"middle": 0.35, "top": 0.8, "bottom": -0.2}
"""How far below its place the foot of a text stands, in heights of its letters."""

_DEFAULTS = {
    "opacity": "1",
    "stroke-width": "1",
    "fill-opacity": "1",
    "stroke-opacity": "1",
    "stroke-miterlimit": "10",
    "x2": "0",
    "y2": "0",
    "font-weight": "normal",
}
_SHARED = ("fill", "stroke", "stroke-width", "stroke-dasharray", "font-size", "font-weight", "text-anchor")
"""What a group can say once for all its marks."""

_OFTEN, _LONG = 6, 28
"""A shape is drawn once where it stands in so many places and its course has so many characters."""

_NUMBER = re.compile(r"-?\d+\.\d+(?:e-?\d+)?")
_CIRCLE = re.compile(r"^M([\d.]+),0A\1,\1,0,1,1,-\1,0A\1,\1,0,1,1,\1,0Z?$")
_PLACE = re.compile(r"translate\((-?[\d.e-]+),\s*(-?[\d.e-]+)\)")


def without_texts(spec: dict[str, Any]) -> tuple[dict[str, Any], Texts]:
    """The same chart with a point for every text inside the plot, and how these texts are to be written."""
    texts: Texts = []
    return _without_texts(spec, texts), texts


def _without_texts(spec: dict[str, Any], texts: Texts) -> dict[str, Any]:
    found = dict(spec)
    for nested in ("layer", "hconcat", "vconcat", "concat"):
        if nested in found:
            found[nested] = [_without_texts(part, texts) for part in found[nested]]
    if "spec" in found:
        found["spec"] = _without_texts(found["spec"], texts)
    mark = found.get("mark")
    if isinstance(mark, dict) and mark.get("type") == "text" and not mark.get("measured"):
        encoding = dict(found["encoding"])
        words = encoding.pop("text")
        about = encoding.pop("description", None)
        said = [
            str(len(texts)),
            f"datum[{json.dumps(about['field'])}]" if about else "''",
            f"datum[{json.dumps(words['field'])}]" if "field" in words else json.dumps(words["value"]),
        ]
        texts.append(mark)
        found["encoding"] = encoding
        found["mark"] = {
            "type": "point",
            "shape": "square",
            "size": 1,
            "filled": True,
            "opacity": mark.get("opacity", 1),
            "fill": mark.get("fill", "#1b1f24"),
            "aria": True,
            "description": {"expr": f"{said[0]} + '{_MARK}' + {said[1]} + '{_MARK}' + {said[2]}"},
            **({"clip": mark["clip"]} if "clip" in mark else {}),
        }
    return found


def tidy(drawn: str, texts: Texts, *, id_: str, title: str, description: str, font: str) -> str:
    """Make a drawn SVG fit a page.

    The converter numbers clip paths by a counter of the process; numbering them anew per figure keeps two figures
    of a page apart and the bytes of a figure the same.
    """
    ET.register_namespace("", SVG)
    ET.register_namespace("xlink", XLINK)
    root = ET.fromstring(drawn)  # noqa: S314 - drawn by our own converter a moment ago
    counter = itertools.count(1)
    renamed = {e.attrib["id"]: f"{id_}-{next(counter)}" for e in root.iter() if "id" in e.attrib}
    width, height = (_rounded(root.attrib.pop(side)) for side in ("width", "height"))
    _simplify(root, texts, renamed)
    _repeat(root, id_)
    _refer(root, id_)
    root.attrib.clear()
    root.attrib.update(
        {
            "class": "chart",
            "role": "img",
            "aria-labelledby": f"{id_}-title {id_}-desc",
            "viewBox": f"0 0 {width} {height}",
            "style": f"max-width:{width}px",
            "font-family": font,
        }
    )
    for name, words in (("desc", description), ("title", title)):
        label = ET.Element(f"{{{SVG}}}{name}", {"id": f"{id_}-{name}"})
        label.text = words
        root.insert(0, label)
    # Within text and values the library writes `>` as an entity, so this space stands only before the end of a tag.
    return ET.tostring(root, encoding="unicode").replace(" />", "/>")


def on_white(text: str) -> str:
    """The same SVG on a white ground, with the size that a picture of it needs."""
    width, height = re.findall(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', text)[0]
    opened, rest = text.split(">", 1)
    ground = f'<rect width="{width}" height="{height}" fill="white"/>'
    return f'{opened} width="{width}" height="{height}">{ground}{rest}'


def _simplify(element: ET.Element, texts: Texts, renamed: dict[str, str]) -> None:
    """Drop what draws nothing, write the texts and the patients, round, and say once what a group shares."""
    kept: list[ET.Element] = []
    for child in list(element):
        part = _written(child, texts)
        _attributes(part, renamed)
        _simplify(part, texts, renamed)
        if _empty(part):
            continue
        # A group that says nothing of its own is only another pair of brackets.
        if _name(part) == "g" and not part.attrib:
            kept += list(part)
        else:
            kept.append(part)
    for child in list(element):
        element.remove(child)
    element.extend(_merged(kept))
    if _name(element) == "g":
        _share(element)


def _repeat(root: ET.Element, id_: str) -> None:
    """Draw a mark that stands in several panels once, and refer to it from the others."""
    for parent in list(root.iter()):
        for place, child in enumerate(list(parent)):
            moves = child.attrib.pop("data-copies", None)
            if moves is None:
                continue
            child.attrib["id"] = f"{id_}-again"
            group = ET.Element(f"{{{SVG}}}g")
            group.append(child)
            for move in moves.split(" "):
                x, y = move.split(",")
                ET.SubElement(group, f"{{{SVG}}}use", {"href": f"#{id_}-again", "x": x, "y": y})
            parent[place] = group


def _refer(root: ET.Element, id_: str) -> None:
    """Draw a shape that stands in many places once, and refer to it from there."""
    marks = [e for e in root.iter() if _name(e) == "path" and _PLACE.fullmatch(e.attrib.get("transform", ""))]
    shapes = Counter(e.attrib["d"] for e in marks)
    often = [d for d, n in shapes.items() if n >= _OFTEN and len(d) >= _LONG]
    if not often:
        return
    known = ET.Element(f"{{{SVG}}}defs")
    for number, d in enumerate(often, 1):
        ET.SubElement(known, f"{{{SVG}}}path", {"id": f"{id_}-s{number}", "d": d})
    numbers = {d: f"#{id_}-s{number}" for number, d in enumerate(often, 1)}
    for mark in marks:
        if (shape := numbers.get(mark.attrib["d"])) is not None:
            x, y = _place(mark)
            kept = {k: v for k, v in mark.attrib.items() if k not in ("d", "transform")}
            mark.tag = f"{{{SVG}}}use"
            mark.attrib.clear()
            mark.attrib.update({"href": shape, "x": x, "y": y, **kept})
    root.insert(0, known)


def _name(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2]


def _empty(element: ET.Element) -> bool:
    name = _name(element)
    if element.attrib.pop("display", None) == "none":
        return True
    if name == "g":
        return len(element) == 0
    if name == "path":
        d = element.attrib.get("d", "")
        unseen = "background" in element.attrib.pop("class", "") and not {"fill", "stroke"} & set(element.attrib)
        return unseen or not d or d.startswith("M0,0h0v0")
    return name == "text" and not (element.text or len(element))


def _written(element: ET.Element, texts: Texts) -> ET.Element:
    """The mark with the patient it belongs to; a text where the mark stands for one; a circle where it is one."""
    said = element.attrib.pop("aria-label", None)
    part = element
    if said is not None and said.count(_MARK) == 2:
        number, said, words = said.split(_MARK)
        part = _text(element, texts[int(number)], words)
    elif _name(element) == "path" and (circle := _CIRCLE.match(element.attrib.get("d", ""))):
        x, y = _place(element)
        part = ET.Element(f"{{{SVG}}}circle", {"cx": x, "cy": y, "r": circle.group(1)})
        part.attrib.update({k: v for k, v in element.attrib.items() if k not in ("transform", "d")})
    elif _name(element) == "text" and (place := _PLACE.fullmatch(element.attrib.get("transform", ""))):
        del element.attrib["transform"]
        element.attrib.update(x=place.group(1), y=place.group(2))
    elif _name(element) == "line":
        x, y = _place(element)
        ends = [element.attrib.get(k, "0") for k in ("x2", "y2")]
        part = ET.Element(f"{{{SVG}}}path", {"d": f"M{x},{y}l{ends[0]},{ends[1]}"})
        part.attrib.update({k: v for k, v in element.attrib.items() if k not in ("transform", "x2", "y2")})
    if said and said.startswith("{"):
        about = json.loads(said)
        part.attrib.update({f"data-{k}": str(v) for k, v in about.items() if v is not None})
    return part


def _place(element: ET.Element) -> tuple[str, str]:
    found = _PLACE.search(element.attrib.get("transform", ""))
    return (found.group(1), found.group(2)) if found else ("0", "0")


def _text(element: ET.Element, mark: dict[str, Any], words: str) -> ET.Element:
    size = mark.get("fontSize", 11)
    x, y = (float(v) for v in _place(element))
    x += mark.get("dx", 0) + mark.get("xOffset", 0)
    y += mark.get("dy", 0) + mark.get("yOffset", 0) + _BELOW.get(mark.get("baseline", "middle"), 0) * size
    attributes = {"x": str(x), "y": str(y), "font-size": f"{size}px"}
    anchor = _SIDES[mark.get("align", "center")]
    if anchor != "start":
        attributes["text-anchor"] = anchor
    if "fontWeight" in mark:
        attributes["font-weight"] = str(mark["fontWeight"])
    for name in ("fill", "opacity", "clip-path"):
        if name in element.attrib:
            attributes[name] = element.attrib[name]
    text = ET.Element(f"{{{SVG}}}text", attributes)
    text.text = words
    return text


def _attributes(element: ET.Element, renamed: dict[str, str]) -> None:
    attributes = element.attrib
    for name in [a for a in attributes if a.startswith("aria-") or a in ("role", "pointer-events", "font-family")]:
        del attributes[name]
    if _name(element) != "path":
        attributes.pop("class", None)
    for name, value in list(attributes.items()):
        if name.startswith("data-"):
            continue
        if value == _DEFAULTS.get(name):
            del attributes[name]
        elif name == "id" or "#" in value:
            attributes[name] = _renamed(value, renamed)
        else:
            attributes[name] = _rounded(value)
    if attributes.get("transform") == "translate(0,0)":
        del attributes["transform"]


def _renamed(value: str, renamed: dict[str, str]) -> str:
    if value in renamed:
        return renamed[value]
    return re.sub(r"#([\w-]+)", lambda m: f"#{renamed.get(m.group(1), m.group(1))}", value)


def _rounded(text: str) -> str:
    """Numbers with one decimal: a tenth of a pixel is finer than any screen."""
    return _NUMBER.sub(_tenth, text)


def _tenth(found: re.Match[str]) -> str:
    text = f"{float(found.group()):.1f}".removesuffix(".0")
    return "0" if text == "-0" else text


def _merged(parts: list[ET.Element]) -> list[ET.Element]:
    """Neighbouring paths that differ in nothing but their course become one path."""
    merged: list[ET.Element] = []
    for part in parts:
        last = merged[-1] if merged else None
        if last is not None and _name(part) == _name(last) == "path" and _looks(part) == _looks(last):
            last.attrib["d"] += part.attrib["d"]
        else:
            merged.append(part)
    return merged


def _looks(element: ET.Element) -> dict[str, str]:
    return {k: v for k, v in element.attrib.items() if k != "d"}


def _share(group: ET.Element) -> None:
    children = list(group)
    if len(children) < 2:
        return
    for name in _SHARED:
        values = {child.attrib.get(name) for child in children}
        if len(values) == 1 and (value := values.pop()) is not None and name not in group.attrib:
            group.attrib[name] = value
            for child in children:
                del child.attrib[name]
