"""The writer of drawings: the same marks in the same places as the library draws, in fewer bytes."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Iterator

import polars as pl
import pytest
import vl_convert
from tests.reporting.figures import clinic

from aftercart import figures
from aftercart.reporting.figures import Figure
from aftercart.reporting.figures.plane import Plane
from aftercart.reporting.figures.svg import sheets, write

Point = tuple[float, float]


def local(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2]


def moved(element: ET.Element) -> Point:
    found = re.match(r"translate\((-?[\d.e-]+),\s*(-?[\d.e-]+)\)", element.attrib.get("transform", ""))
    return (float(found.group(1)), float(found.group(2))) if found else (0.0, 0.0)


def corners(d: str, x: float = 0, y: float = 0) -> Iterator[list[Point]]:
    """The corners of each outline of a path without curves."""
    here: list[Point] = []
    for command, rest in re.findall(r"([MmLHVhvlZA])([^MmLHVhvlZA]*)", d):
        values = [float(v) for v in re.findall(r"-?[\d.]+(?:e-?\d+)?", rest)]
        last = here[-1] if here else (x, y)
        if command in "Mm":
            base = here[0] if command == "m" else (x, y)
            if here:
                yield here
            here = [(base[0] + values[0], base[1] + values[1])]
        elif command == "A":
            here.append((x + values[5], y + values[6]))
        elif command in "Ll":
            for to in zip(values[::2], values[1::2], strict=True):
                base = (x, y) if command == "L" else here[-1]
                here.append((base[0] + to[0], base[1] + to[1]))
        elif command in "Hh":
            here.append(((x if command == "H" else last[0]) + values[0], last[1]))
        elif command in "Vv":
            here.append((last[0], (y if command == "V" else last[1]) + values[0]))
    if here:
        yield here


def box(points: list[Point]) -> tuple[int, ...]:
    xs, ys = [p[0] for p in points], [p[1] for p in points]
    return tuple(round(v) for v in (min(xs), min(ys), max(xs), max(ys)))


def by_library(figure: Figure) -> tuple[set[tuple[str, int]], set[tuple[int, ...]]]:
    """Words with the place across, and the boxes of all other marks, in pixels of the plot."""
    root = ET.fromstring(vl_convert.vegalite_to_svg(json.dumps(figure.spec())))
    words: set[tuple[str, int]] = set()
    boxes: set[tuple[int, ...]] = set()

    def walk(element: ET.Element, x: float, y: float, *, inside: bool) -> None:
        dx, dy = moved(element)
        name, role = local(element), element.attrib.get("class", "")
        inside = inside or "role-mark" in role
        if name == "text" and inside:
            words.add((element.text or "", round(x + dx)))
        elif name == "path" and inside:
            for outline in corners(element.attrib["d"], x + dx, y + dy):
                boxes.add(box(outline))
        elif name == "line" and inside:
            end = (float(element.attrib.get("x2", 0)), float(element.attrib.get("y2", 0)))
            boxes.add(box([(x + dx, y + dy), (x + dx + end[0], y + dy + end[1])]))
        if "background" in role or "foreground" in role:
            return
        for child in element:
            step = (0.0, 0.0) if name == "svg" else (dx, dy)
            walk(child, x + step[0], y + step[1], inside=inside)

    plot = next(e for e in root.iter() if "role-frame" in e.attrib.get("class", ""))
    walk(plot, 0, 0, inside=False)
    return words, boxes


def by_us(figure: Figure) -> tuple[set[tuple[str, int]], set[tuple[int, ...]]]:
    root = ET.fromstring(figure.svg())
    words: set[tuple[str, int]] = set()
    boxes: set[tuple[int, ...]] = set()
    for element in root.iter():
        name, at = local(element), element.attrib
        if name == "text" and element.text != "Simulated data":
            words.add((element.text or "", round(float(at["x"]))))
        elif name == "path":
            boxes |= {box(outline) for outline in corners(at["d"])}
        elif name == "circle":
            x, y, r = (float(at[k]) for k in ("cx", "cy", "r"))
            boxes.add(box([(x - r, y), (x + r, y)]))
    return words, boxes


def near(one: tuple[int, ...], others: set[tuple[int, ...]]) -> bool:
    return one in others or any(all(abs(a - b) <= 1 for a, b in zip(one, o, strict=True)) for o in others)


@pytest.mark.parametrize(
    "draw",
    [figures.toxicity_strip, figures.prior_drugs, figures.response_map, figures.b_cell_course, figures.swimmer_plot],
)
def test_marks_stand_where_the_library_draws_them(draw: object) -> None:
    figure = draw(clinic.cohort())  # type: ignore[operator]
    assert isinstance(figure, Figure)
    (words, boxes), (our_words, our_boxes) = by_library(figure), by_us(figure)
    assert {w for w, _ in words} == {w for w, _ in our_words}
    assert len(words) >= 9
    assert [w for w in words if not any(o[0] == w[0] and abs(o[1] - w[1]) <= 1 for o in our_words)] == []
    assert [b for b in boxes if not near(b, our_boxes)] == []
    assert [b for b in our_boxes if not near(b, boxes)] == []


def plane(**frames: list[float | None]) -> pl.DataFrame:
    return pl.DataFrame(frames, schema=dict.fromkeys(frames, pl.Float64))


def written(drawing: Plane) -> str:
    return write(drawing.drawing(), id_="f", title="T", description="D", font="Arial", heading=None)


def test_straight_lines_of_nobody_are_one_path() -> None:
    drawing = Plane(10, 10)
    drawing.rules(plane(x=[0, 5], y=[1, 0], x2=[9, 5], y2=[1, 8]), stroke="red", strokeDash=[2, 1])
    assert '<g stroke="red" stroke-dasharray="2,1"><path d="M0,1H9M5,0V8"/></g>' in written(drawing)


def test_a_missing_value_breaks_a_line_and_a_band() -> None:
    drawing = Plane(10, 10)
    drawing.lines(plane(x=[0, 1, 2, 3, 4], y=[0, 1, None, 3, 4]), stroke="red")
    drawing.areas(plane(x=[0, 2], y=[4, 2], y2=[9, 9]), fill="blue", interpolate="step-after")
    svg = written(drawing)
    assert 'd="M0,0L1,1M3,3L4,4"' in svg
    assert 'd="M0,4H2V2L2,9V9H0Z"' in svg


def test_marks_say_whose_they_are_and_are_not_merged() -> None:
    said = '{"subject":"A&B","criterion":null,"day":3}'
    drawing = Plane(10, 10)
    frame = plane(x=[0, 5], y=[1, 1], x2=[2, 7], y2=[1, 1]).with_columns(about=pl.lit(said))
    drawing.rules(frame, stroke="red")
    assert written(drawing).count('data-subject="A&amp;B" data-day="3"') == 2
    assert "data-criterion" not in written(drawing)


def test_a_shape_steps_from_its_first_corner_without_drifting() -> None:
    drawing = Plane(10, 10)
    drawing.points(plane(x=[1.04, 5], y=[1, 5]), shape="diamond", fill="red", size=7.4)
    svg = written(drawing)
    assert '<path d="M-0.3,1l1.3-1.4 1.4,1.4-1.4,1.4z"/>' in svg
    assert svg.count("<path ") == 2


def rows_of(n: int) -> Plane:
    """One mark and its name in each of so many rows, a line down the side, and a course from top to foot."""
    drawing = Plane(100, 10 * n)
    places = [10.0 * i + 5 for i in range(n)]
    drawing.rules(plane(x=[20], y=[0], x2=[20], y2=[10 * n]), stroke="grey")
    frame = plane(x=[50] * n, y=places).with_columns(text=pl.Series([f"row {i}" for i in range(n)]))
    drawing.points(frame.select("x", "y"), shape="square", fill="red", size=16)
    drawing.texts(frame, fontSize=6)
    drawing.lines(plane(x=[0, 90], y=[0, 10 * n]), stroke="blue")
    return drawing


def test_a_long_drawing_is_cut_between_its_rows() -> None:
    drawing = rows_of(100).drawing()
    parts = sheets(drawing, id_="f", font="Arial", heading=("Simulated data", "red"), most=40)
    assert len(parts) == 5
    assert sum(float(part.height) for part in parts) == 100 * 10 + 2 * 4 + 16
    shown = [part.svg.count("<text") for part in parts]
    assert sum(shown) == 100 + 1
    assert max(shown) <= 24
    assert [part.svg.count("Simulated data") for part in parts] == [1, 0, 0, 0, 0]
    for part in parts:
        assert 'd="M20,0V1000"' in part.svg
        assert 'd="M0,0L90,1000"' in part.svg
    feet = [ET.fromstring(part.svg).attrib["viewBox"].split(" ") for part in parts]
    assert [float(b[1]) for b in feet[1:]] == [float(a[1]) + float(a[3]) for a in feet[:-1]]


def test_a_short_drawing_stays_whole() -> None:
    assert sheets(rows_of(10).drawing(), id_="f", font="Arial", heading=None, most=40) == []


def test_the_parts_hold_the_marks_of_the_whole() -> None:
    figure = figures.swimmer_plot(clinic.cohort())
    assert isinstance(figure, Figure)
    parts = sheets(figure.drawing, id_="f", font="Arial", heading=None, most=20)
    assert len(parts) >= 3
    told = [Counter(re.findall(r"data-subject[^/>]*", svg)) for svg in (figure.svg(), "".join(p.svg for p in parts))]
    assert told[0].keys() == told[1].keys()
    assert told[0].total() <= told[1].total() <= 1.2 * told[0].total()


def test_numbers_have_one_decimal() -> None:
    drawing = Plane(10, 10)
    drawing.texts(pl.DataFrame({"x": [1.23456], "y": [2.0], "text": ["5 > 3"]}), baseline="alphabetic")
    assert '<text x="1.2" y="2">5 &gt; 3</text>' in written(drawing)
