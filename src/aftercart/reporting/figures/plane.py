"""A drawing in pixels: panels placed by hand, each with its own scales, in one view.

A grid of panels drawn by the library costs far more than what is in them, because every panel brings its own axes and
measures their labels. Here the place of each mark is computed in whole columns and the library draws one flat view.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import polars as pl

from aftercart.reporting.figures.base import GRID, INK, MUTED, RULE
from aftercart.reporting.figures.marks import ACUTE_DAYS, TimeAxis, hundredths, layer

Marks = pl.DataFrame | list[dict[str, Any]]
"""Rows of marks: a frame where there are many, a list where there are few, which is then quicker."""

Place = TypeVar("Place", float, pl.Expr)

LABEL = 10
"""Size of the figures at an axis, in CSS pixels."""


@dataclass(frozen=True)
class Box:
    """One panel: its place in the drawing (pixels from the top left) and what its two axes span."""

    left: float
    top: float
    width: float
    height: float
    x: tuple[float, float]
    y: tuple[float, float]
    log: bool = False
    """Logarithmic y axis; `y` then starts above 0, and smaller values stand at its foot."""

    def across(self, value: pl.Expr) -> pl.Expr:
        """Pixels from the left of the drawing."""
        return self._across(value).round(2)

    def down(self, value: pl.Expr) -> pl.Expr:
        """Pixels from the top of the drawing."""
        return self._down(value.clip(lower_bound=self.y[0]).log() if self.log else value).round(2)

    def at_x(self, value: float) -> float:
        """The same as `across` for one value."""
        return hundredths(self._across(value))

    def at_y(self, value: float) -> float:
        """The same as `down` for one value."""
        return hundredths(self._down(math.log(max(value, self.y[0])) if self.log else value))

    def _across(self, value: Place) -> Place:
        low, high = self.x
        return self.left + (value - low) / (high - low) * self.width

    def _down(self, value: Place) -> Place:
        """From a value, of a logarithmic axis its logarithm."""
        low, high = (math.log(end) for end in self.y) if self.log else self.y
        return self.top + self.height - (value - low) / (high - low) * self.height

    @property
    def right(self) -> float:
        """Pixels from the left of the drawing to the right edge."""
        return self.left + self.width

    @property
    def foot(self) -> float:
        """Pixels from the top of the drawing to the lower edge."""
        return self.top + self.height


@dataclass
class Plane:
    """Collects layers in pixels; rows have `x`, `y` (and `x2`, `y2`, `text`), and `about` where one has it."""

    width: float
    height: float
    layers: list[dict[str, Any]] = field(default_factory=list)

    def _x(self, name: str = "x") -> dict[str, Any]:
        scale = {"domain": [0, self.width], "nice": False, "zero": False}
        return {"field": name, "type": "quantitative", "scale": scale, "axis": None}

    def _y(self, name: str = "y") -> dict[str, Any]:
        scale = {"domain": [0, self.height], "reverse": True, "nice": False, "zero": False}
        return {"field": name, "type": "quantitative", "scale": scale, "axis": None}

    def _add(self, rows: Marks, mark: dict[str, Any], encoding: dict[str, Any]) -> None:
        if len(rows):
            self.layers.append(layer(rows, mark, encoding))

    def rules(self, rows: Marks, **mark: Any) -> None:
        """Straight lines from (x, y) to (x2, y2)."""
        self._add(
            rows,
            {"type": "rule", **mark},
            {"x": self._x(), "y": self._y(), "x2": {"field": "x2"}, "y2": {"field": "y2"}},
        )

    def bars(self, rows: Marks, **mark: Any) -> None:
        """Filled rectangles between (x, y) and (x2, y2)."""
        self._add(
            rows,
            {"type": "rect", **mark},
            {"x": self._x(), "y": self._y(), "x2": {"field": "x2"}, "y2": {"field": "y2"}},
        )

    def lines(self, rows: Marks, *, series: str | None = None, **mark: Any) -> None:
        """Lines through the points in the order of the rows, one for each value of `series`; a null y breaks a line."""
        numbered = rows.to_dicts() if isinstance(rows, pl.DataFrame) else rows
        ordered = [{"_at": i, **row} for i, row in enumerate(numbered)]
        order = {"field": "_at", "type": "quantitative"}
        encoding = {"x": self._x(), "y": self._y(), "order": order}
        if series is not None:
            encoding["detail"] = {"field": series}
        self._add(ordered, {"type": "line", **mark}, encoding)

    def areas(self, rows: Marks, *, series: str | None = None, **mark: Any) -> None:
        """Filled bands between y and y2, one for each value of `series`."""
        encoding = {"x": self._x(), "y": self._y(), "y2": {"field": "y2"}}
        if series is not None:
            encoding["detail"] = {"field": series}
        self._add(rows, {"type": "area", **mark}, encoding)

    def points(self, rows: Marks, *, shape: str, fill: str, size: float = 22, **mark: Any) -> None:
        """Marks of one shape and fill."""
        point = {"type": "point", "shape": shape, "size": size, "filled": True, "opacity": 1, "fill": fill}
        self._add(rows, {**point, **mark}, {"x": self._x(), "y": self._y()})

    def texts(self, rows: Marks, **mark: Any) -> None:
        """The words of the column `text`."""
        words = {"fill": INK, "fontSize": LABEL, **mark}
        self._add(rows, {"type": "text", **words}, {"x": self._x(), "y": self._y(), "text": {"field": "text"}})

    def words(self, text: str, x: float, y: float, **mark: Any) -> None:
        """A single text."""
        self.texts([{"x": float(x), "y": float(y), "text": text}], **mark)

    def rule(self, x: float, x2: float, y: float, y2: float, **mark: Any) -> None:
        """A single straight line."""
        self.rules([{"x": float(x), "x2": float(x2), "y": float(y), "y2": float(y2)}], **mark)

    def y_axis(self, box: Box, ticks: Mapping[float, str], *, labels: bool) -> None:
        """Grid lines across a panel at the ticks, with their labels on the left."""
        places = [(box.at_y(value), text) for value, text in ticks.items()]
        across = {"x": float(box.left), "x2": float(box.right)}
        self.rules([{"y": y, "y2": y, **across} for y, _ in places], stroke=GRID, strokeWidth=1)
        if labels:
            names = [{"y": y, "text": text, "x": box.left - 5.0} for y, text in places]
            self.texts(names, align="right", fill=MUTED)

    def x_axis(self, box: Box, ticks: Mapping[float, str], *, labels: bool, title: str = "") -> None:
        """The line at the foot of a panel with ticks, their labels below, and a title below these."""
        places = [(box.at_x(value), text) for value, text in ticks.items()]
        self.rule(box.left, box.right, box.foot, box.foot, stroke=RULE)
        self.rules([{"x": x, "y": box.foot, "x2": x, "y2": box.foot + 4} for x, _ in places], stroke=RULE)
        if labels:
            self.texts([{"x": x, "text": text, "y": box.foot + 12} for x, text in places], fill=MUTED)
            if title:
                self.words(title, box.left + box.width / 2, box.foot + 27, fill=MUTED, fontSize=11)

    def time_axis(self, axis: TimeAxis, *, left: float, top: float, foot: float) -> None:
        """The lines of a time axis from `top` to `foot`, of the infusion, of the end of the first days; its labels."""
        places = [(left + axis.at(day), text) for day, text in axis.ticks().items()]
        self.rules([{"x": x, "x2": x, "y": top, "y2": foot} for x, _ in places], stroke=GRID)
        infused, acute = (left + axis.at(day) for day in (0, ACUTE_DAYS))
        self.rule(infused, infused, top, foot, stroke=INK, strokeWidth=1.2)
        if axis.long:
            self.rule(acute, acute, top, foot, stroke=MUTED, strokeDash=[2, 3])
        self.rule(left, left + axis.width, foot, foot, stroke=RULE)
        self.rules([{"x": x, "x2": x, "y": foot, "y2": foot + 4.0} for x, _ in places], stroke=RULE)
        self.texts([{"x": x, "text": text, "y": foot + 12.0} for x, text in places], fill=MUTED)
        self.words(axis.title(), left + axis.width / 2, foot + 27, fill=MUTED, fontSize=11)

    def copies(self, frame: pl.DataFrame, moves: Sequence[tuple[float, float]], **mark: Any) -> None:
        """One line (broken where y is null) drawn again at each of the given distances."""
        said = {"copies": " ".join(f"{dx:g},{dy:g}" for dx, dy in moves)}
        self.lines(frame.with_columns(about=pl.lit(json.dumps(said))), **mark)

    def drawing(self) -> dict[str, Any]:
        """The specification of all layers together."""
        return {"width": self.width, "height": self.height, "layer": self.layers}


def ticks(values: Sequence[float]) -> dict[float, str]:
    """Values as ticks that print themselves."""
    return {float(v): f"{v:,g}" for v in values}


def nice_ticks(low: float, high: float, about: int = 4) -> dict[float, str]:
    """Round values from low to high, about as many as asked for."""
    rough = (high - low) / max(about, 1)
    power = 10.0 ** math.floor(math.log10(rough)) if rough > 0 else 1.0
    step = next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= rough or m == 10)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return ticks([round(i * step, 10) for i in range(first, last + 1)])
