"""The parts of the timeline of one patient, one below the other on one time axis."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from aftercart.reporting.figures.base import (
    BLUE,
    FAINT,
    GREEN,
    INK,
    MUTED,
    ORANGE,
    SKY,
    VERMILION,
    WIDTH,
)
from aftercart.reporting.figures.courses import vertical
from aftercart.reporting.figures.gathered import Frames, Gathered
from aftercart.reporting.figures.marks import TimeAxis, about_one
from aftercart.reporting.figures.measures import Course
from aftercart.reporting.figures.plane import Box, Plane, nice_ticks
from aftercart.reporting.figures.strip import DARK_FROM, FILLS
from aftercart.reporting.figures.swimmer_marks import DRUGS_FROM_DAY

LEFT, RIGHT = 168, 8
"""Pixels for names and figures left of the plot, and to its right."""

ROW, GAP = 14, 9
"""Pixels of a row of grades or of a medicine, and between two parts of the figure."""

MOST_MEDICINES = 14
"""More medicines than these would push the rest of the figure off the page."""

DATA = {
    "part": pl.String,
    "what": pl.String,
    "from day": pl.Int64,
    "to day": pl.Int64,
    "value": pl.Float64,
    "detail": pl.String,
    "criterion": pl.String,
}


@dataclass
class Tracks:
    """The parts of the figure from the top to the foot."""

    subject: str
    last: int
    gathered: Gathered
    axis: TimeAxis
    plane: Plane
    y: float = 6.0
    rows: list[tuple[Any, ...]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @staticmethod
    def of(subject: str, last: int, gathered: Gathered) -> Tracks:
        """An empty drawing with the time axis of a patient observed to day `last`."""
        axis = TimeAxis.to(max(last, 1), start=DRUGS_FROM_DAY, width=WIDTH - LEFT - RIGHT)
        return Tracks(subject, last, gathered, axis, Plane(WIDTH, 0))

    def across(self, day: int) -> float:
        """Pixels from the left of the drawing, never left of the plot."""
        return LEFT + self.axis.at(day)

    def about(self, *, criterion: str | None = None, day: int | None = None) -> str:
        """What a mark of this patient says of itself."""
        return about_one(self.subject, criterion=criterion, day=day)

    def name(self, text: str, y: float) -> None:
        """The name of a part, on the left."""
        self.plane.words(text if len(text) <= 30 else f"{text[:29]}\u2026", 0, y, align="left", fontSize=10)

    def keep(
        self,
        part: str,
        what: str,
        start: int,
        end: int | None = None,
        *,
        value: float | None = None,
        detail: str | None = None,
        criterion: str | None = None,
    ) -> None:
        """Take over what is drawn into the data of the figure; end: the day after the last."""
        self.rows.append((part, what, start, None if end is None else end - 1, value, detail, criterion))

    def _mine(self, frames: Frames) -> list[dict[str, Any]]:
        found = frames.get(self.subject)
        return [] if found is None else found.to_dicts()

    def _bar(self, start: int, end: int, middle: float, half: float) -> dict[str, float]:
        """The place of a bar from one day to another, wide enough to be seen."""
        x = self.across(start)
        return {"x": x, "x2": max(self.across(end), x + 2), "y": middle - half, "y2": middle + half}

    def grades(self) -> None:
        """CRS, ICANS and cytopenia by grade, a row each."""
        found = self._mine(self.gathered.grades)
        for what in ("CRS", "ICANS", "Cytopenia"):
            middle = self.y + ROW / 2
            self.name(f"{what}, grade", middle)
            self.plane.rule(LEFT, WIDTH - RIGHT, middle, middle, stroke=FAINT, strokeDash=[1, 4])
            mine = [row for row in found if row["what"] == what]
            self._grade_bars(mine, middle)
            for row in mine:
                value = None if row["grade"] is None else float(row["grade"])
                self.keep("toxicity", what, row["start"], row["end"], value=value, criterion=row["criterion"])
            self.y += ROW
        self.y += GAP

    def _grade_bars(self, mine: list[dict[str, Any]], middle: float) -> None:
        bars: dict[int, list[dict[str, Any]]] = {}
        words: dict[bool, list[dict[str, Any]]] = {False: [], True: []}
        for row in mine:
            grade, bar = row["grade"], self._bar(row["start"], row["end"], middle, 5.5)
            if grade is not None:
                said = self.about(criterion=row["criterion"], day=row["start"])
                bars.setdefault(grade, []).append({**bar, "about": said})
            if grade != 0 and bar["x2"] - bar["x"] >= 8:
                place = {"x": (bar["x"] + bar["x2"]) / 2, "y": middle, "text": row["text"]}
                words[grade is not None and grade >= DARK_FROM].append(place)
        for grade, fill in enumerate(FILLS):
            self.plane.bars(bars.get(grade, []), fill=fill, stroke="white", strokeWidth=0.5)
        for dark, placed in words.items():
            self.plane.texts(placed, fontSize=9, fill="white" if dark else INK, aria=False)

    def events(self) -> None:
        """Events, remission, relapse and death, with their words."""
        said: list[Said] = []
        for row in self._mine(self.gathered.events):
            infection = row["category"] == "infection"
            shape = "triangle-down" if row["serious"] else "triangle-up" if infection else "square"
            said.append(Said(row["category"], row["day"], row["text"], shape, None, serious=row["serious"]))
        shapes = {"Remission": "circle", "Relapse": "cross", "Death": "diamond"}
        for row in self._mine(self.gathered.marks):
            if (kind := row["kind"]) in shapes:
                said.append(Said(kind.lower(), row["start"], kind.lower(), shapes[kind], row["criterion"] or None))
        said.sort(key=lambda e: (e.day, e.text))
        self.name("Events", self.y + ROW / 2)
        self.y += _placed_events(self, said) * ROW + GAP

    def medicines(self) -> None:
        """A row for each medicine."""
        found = self._mine(self.gathered.medicines)
        if not found:
            return
        by_drug: dict[str, list[dict[str, Any]]] = {}
        for row in found:
            by_drug.setdefault(row["drug"], []).append(row)
        order = sorted(by_drug, key=lambda d: (min(r["start"] for r in by_drug[d]), d))
        if len(order) > MOST_MEDICINES:
            self.notes.append(f"The first {MOST_MEDICINES} of {len(order)} medicines are drawn.")
        for drug in order[:MOST_MEDICINES]:
            middle, mine = self.y + ROW / 2, by_drug[drug]
            self.name(drug.replace("_", " "), middle)
            bars: list[dict[str, Any]] = [
                {**self._bar(row["start"], row["end"], middle, 3.5), "about": self.about(day=row["start"])}
                for row in mine
            ]
            self.plane.bars(bars, fill=_drug_fill(mine[0]["classes"]))
            unknown = [
                {"about": bar["about"], "x": bar["x2"] + 6, "y": middle, "text": "?"}
                for bar, row in zip(bars, mine, strict=True)
                if row["known_end"] is False
            ]
            self.plane.texts(unknown, fontSize=9)
            for row in mine:
                self.keep("medicine", drug, row["start"], row["end"], detail=row["purpose"])
            self.y += ROW
        self.y += GAP

    def doses(self) -> None:
        """The glucocorticoid dose as prednisone equivalent."""
        found = self._mine(self.gathered.doses)
        if not found:
            return
        top = max(10.0, max(row["dose"] or 0.0 for row in found) * 1.05)
        box = self._box(36, (0, top))
        self._frame("Prednisone eq., mg/day", box, nice_ticks(0, top, 2), ())
        said = self.about()
        area, unknown = [], []
        for row in found:
            x, dose = self.across(row["day"]), row["dose"]
            area.append({"x": x, "y": None if dose is None else box.at_y(dose), "y2": box.foot, "about": said})
            if dose is None:
                unknown.append({"x": x, "y": box.foot - 8, "text": "?"})
            what = "prednisone equivalent, mg per day"
            self.keep("dose", what, row["day"], row["day"] + 1, value=dose)
        self.plane.areas(area, fill=ORANGE, opacity=0.5, interpolate="step-after")
        line = [{k: v for k, v in row.items() if k != "y2"} for row in area]
        self.plane.lines(line, stroke=ORANGE, strokeWidth=1, interpolate="step-after")
        self.plane.texts(unknown, fontSize=10)

    def courses(self, courses: tuple[Course, ...], most: int, height: float) -> list[Course]:
        """Draw the first courses of which this patient has values; returns them."""
        mine = [c for c in courses if self.subject in self.gathered.courses[c.id]][:most]
        for course in mine:
            self._course(course, self.gathered.courses[course.id][self.subject], height)
        return mine

    def _course(self, course: Course, points: pl.DataFrame, height: float) -> None:
        span, labels, limits = vertical(course, points, few=True)
        box = self._box(height, span, log=course.floor is not None)
        self._frame(course.short, box, labels, limits)
        known: list[dict[str, Any]] = []
        unknown: list[dict[str, Any]] = []
        for row in points.to_dicts():
            mark = {
                "x": self.across(row["day"]),
                "about": self.about(criterion=course.criterion, day=row["day"]),
                "row": row,
            }
            if row["y"] is None:
                low, high = (None if row[c] is None else box.at_y(row[c]) for c in ("low", "high"))
                unknown.append({**mark, "x2": mark["x"], "y": low, "y2": high})
            else:
                known.append({**mark, "y": box.at_y(row["y"])})
        rules = [{k: mark[k] for k in ("x", "about", "x2", "y", "y2")} for mark in unknown]
        self.plane.rules(rules, stroke=VERMILION, strokeWidth=2, strokeDash=[2, 2])
        known = _thinned(known)
        drawn = [{k: mark[k] for k in ("x", "y", "about")} for mark in known]
        whole = self.about(criterion=course.criterion)
        self.plane.lines([{**mark, "about": whole} for mark in drawn], stroke=BLUE, strokeWidth=1.6)
        if course.criterion is not None or len(drawn) <= 12:
            self.plane.points(drawn, shape="circle", fill=BLUE, size=18)
        below = [place for place, mark in zip(drawn, known, strict=True) if mark["row"]["below"]]
        self.plane.points(below, shape="triangle-down", fill="white", size=18, stroke=BLUE, strokeWidth=1)
        for row in sorted((mark["row"] for mark in (*known, *unknown)), key=lambda row: row["day"]):
            self._keep_value(course, row)

    def _keep_value(self, course: Course, row: dict[str, Any]) -> None:
        detail = "zero or below quantification" if row["below"] else None
        if row["y"] is None:
            bounds = row["low"], row["high"]
            detail = None if None in bounds else f"between {bounds[0]} and {bounds[1]}"
        what, day = course.name.removeprefix("The "), row["day"]
        self.keep("course", what, day, day + 1, value=row["y"], detail=detail, criterion=course.criterion)

    def _box(self, height: float, y: tuple[float, float], *, log: bool = False) -> Box:
        box = Box(LEFT, self.y, WIDTH - LEFT - RIGHT, height, (0, 1), y, log)
        self.y += height + GAP + 4
        return box

    def _frame(self, title: str, box: Box, labels: dict[float, str], limits: tuple[Any, ...]) -> None:
        self.name(title, box.top + box.height / 2)
        self.plane.y_axis(box, labels, labels=True)
        for limit in limits:
            if box.y[0] <= limit.value <= box.y[1]:
                y = box.at_y(limit.value)
                self.plane.rule(LEFT, WIDTH - RIGHT, y, y, stroke=MUTED, strokeDash=[4, 3])
                self.plane.words(limit.label, WIDTH - RIGHT - 2, y - 5, align="right", fill=MUTED, fontSize=9)

    def finished(self) -> dict[str, Any]:
        """The whole drawing, with the time axis behind everything."""
        ground = Plane(WIDTH, self.y + 34)
        ground.time_axis(self.axis, left=LEFT, top=0, foot=self.y)
        end = self.across(self.last)
        if end < WIDTH - RIGHT - 1:
            ground.rule(end, end, 0, self.y, stroke=FAINT, strokeWidth=2)
        return {**ground.drawing(), "layer": [*ground.layers, *self.plane.layers]}

    def note(self) -> str:
        """How to read the figure."""
        parts = [
            "The first 30 days are enlarged; the black line is the infusion. Pale bar: grade 0; dotted: not assessed."
            " Cytopenia: worst of neutrophils, platelets and haemoglobin (CTCAE v5).",
            "Open triangle: zero or below quantification. ? : not known. G/L: 10\u2079 per litre.",
            *self.notes,
        ]
        return " ".join(parts)


@dataclass(frozen=True)
class Said:
    """One event with its words and its mark."""

    category: str
    day: int
    text: str
    shape: str
    criterion: str | None
    serious: bool = False


def _placed_events(drawing: Tracks, said: list[Said]) -> int:
    """Draw events with their words, each on the first line with room for them; returns the number of lines."""
    if not said:
        drawing.plane.words("none recorded", LEFT + 4, drawing.y + ROW / 2, align="left", fill=MUTED)
        return 1
    ends: list[float] = []
    for event in said:
        x = drawing.across(event.day)
        words = event.text if len(event.text) <= 34 else f"{event.text[:33]}\u2026"
        width = 12 + 5.4 * len(words)
        right = x + width > WIDTH - RIGHT
        start, end = (x - width, x + 6) if right else (x - 6, x + width)
        line = next((i for i, e in enumerate(ends) if e < start), len(ends))
        ends[line:] = [end, *ends[line + 1 :]]
        mark = {
            "x": x,
            "y": drawing.y + line * ROW + ROW / 2,
            "about": drawing.about(criterion=event.criterion, day=event.day),
        }
        grave = event.serious or event.category in ("relapse", "death")
        fill = VERMILION if grave else GREEN if event.category == "remission" else MUTED
        drawing.plane.points([mark], shape=event.shape, fill=fill, size=48)
        label = [{**mark, "x": x - 7 if right else x + 7, "text": words}]
        drawing.plane.texts(label, align="right" if right else "left", fontSize=10)
        drawing.rows.append(("event", event.category, event.day, None, None, event.text, event.criterion))
    return len(ends)


def _drug_fill(classes: list[str]) -> str:
    if "glucocorticoid" in classes:
        return ORANGE
    if "lymphodepletion" in classes:
        return MUTED
    return BLUE if {"immunosuppressant", "biologic", "anticytokine"} & set(classes) else SKY


def _thinned(points: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Of the values that fall on one pixel the lowest and the highest: the line looks the same with fewer of them."""
    if len(points) <= 60:
        return points
    on_pixel: dict[int, list[float]] = {}
    for row in points:
        on_pixel.setdefault(math.floor(row["x"] + 0.5), []).append(row["y"])
    extremes = {pixel: (min(found), max(found)) for pixel, found in on_pixel.items()}
    kept: dict[tuple[float, float], dict[str, Any]] = {}
    for row in points:
        if row["y"] in extremes[math.floor(row["x"] + 0.5)]:
            kept.setdefault((row["x"], row["y"]), row)
    return list(kept.values())
