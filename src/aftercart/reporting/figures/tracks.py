"""The parts of the timeline of one patient, one below the other on one time axis."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import polars as pl

from aftercart.reporting.figures import spans
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
from aftercart.reporting.figures.gathered import Gathered
from aftercart.reporting.figures.marks import TimeAxis, about
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

    def across(self, day: pl.Expr) -> pl.Expr:
        """Pixels from the left of the drawing, never left of the plot."""
        return LEFT + self.axis.pixel(day)

    def about(self, *, criterion: str | pl.Expr | None = None, day: str | None = None) -> pl.Expr:
        """What the marks of this patient say of themselves."""
        return about("patient", criterion=criterion, day=day)

    def name(self, text: str, y: float) -> None:
        """The name of a part, on the left."""
        self.plane.words(text if len(text) <= 30 else f"{text[:29]}\u2026", 0, y, align="left", fontSize=10)

    def keep(self, part: str, frame: pl.DataFrame) -> None:
        """Take over rows of `what, start, end, value, detail, criterion` into the data of the figure."""
        missing = {c: pl.lit(None) for c in ("end", "value", "detail", "criterion") if c not in frame.columns}
        shown = frame.with_columns(**missing).select(
            pl.lit(part).alias("part"),
            "what",
            "start",
            pl.col("end").cast(pl.Int64) - 1,
            "value",
            "detail",
            "criterion",
        )
        self.rows += shown.rows()

    def grades(self) -> None:
        """CRS, ICANS and cytopenia by grade, a row each."""
        found = self.gathered.grades.get(self.subject)
        for what in ("CRS", "ICANS", "Cytopenia"):
            middle = self.y + ROW / 2
            self.name(f"{what}, grade", middle)
            self._lane(middle)
            mine = None if found is None else found.filter(pl.col("what") == what)
            if mine is not None and mine.height:
                self._grade_bars(mine, middle)
                self.keep("toxicity", mine.with_columns(value=pl.col("grade").cast(pl.Float64)))
            self.y += ROW
        self.y += GAP

    def _lane(self, middle: float) -> None:
        ends = {"x": [float(LEFT)], "x2": [float(WIDTH - RIGHT)], "y": [middle], "y2": [middle]}
        self.plane.rules(pl.DataFrame(ends), stroke=FAINT, strokeDash=[1, 4])

    def _grade_bars(self, mine: pl.DataFrame, middle: float) -> None:
        placed = mine.with_columns(
            self.about(criterion=pl.col("criterion"), day="start"),
            x=self.across(pl.col("start")),
            x2=self.across(pl.col("end")),
            y=pl.lit(middle - 5.5),
            y2=pl.lit(middle + 5.5),
        ).with_columns(x2=pl.max_horizontal("x2", pl.col("x") + 2))
        for grade, fill in enumerate(FILLS):
            bars = placed.filter(pl.col("grade") == grade)
            self.plane.bars(bars.select("x", "x2", "y", "y2", "about"), fill=fill, stroke="white", strokeWidth=0.5)
        wide = placed.filter((pl.col("grade").fill_null(1) > 0) & (pl.col("x2") - pl.col("x") >= 8))
        words = wide.select("grade", y=pl.lit(middle), x=(pl.col("x") + pl.col("x2")) / 2, text=spans.label())
        for light, frame in (
            (False, words.filter(pl.col("grade").fill_null(0) < DARK_FROM)),
            (True, words.filter(pl.col("grade") >= DARK_FROM)),
        ):
            self.plane.texts(frame.select("x", "y", "text"), fontSize=9, fill="white" if light else INK, aria=False)

    def events(self) -> None:
        """Events, remission, relapse and death, with their words."""
        found = self.gathered.events.get(self.subject)
        marks = self.gathered.marks.get(self.subject)
        said: list[tuple[str, int, str, str, str, bool]] = []
        if found is not None:
            for row in found.iter_rows(named=True):
                infection = row["category"] == "infection"
                shape = "triangle-down" if row["serious"] else "triangle-up" if infection else "square"
                said.append((row["category"], row["day"], row["text"], shape, "", row["serious"]))
        if marks is not None:
            wanted = {"Remission": "circle", "Relapse": "cross", "Death": "diamond"}
            for row in marks.filter(pl.col("kind").is_in(list(wanted))).iter_rows(named=True):
                said.append(
                    (
                        row["kind"].lower(),
                        row["start"],
                        row["kind"].lower(),
                        wanted[row["kind"]],
                        row["criterion"] or "",
                        False,
                    )
                )
        said.sort(key=lambda e: (e[1], e[2]))
        self.name("Events", self.y + ROW / 2)
        self.y += _placed_events(self, said) * ROW + GAP

    def medicines(self) -> None:
        """A row for each medicine."""
        found = self.gathered.medicines.get(self.subject)
        if found is None:
            return
        order = found.group_by("drug").agg(pl.col("start").min(), pl.col("end").max()).sort("start", "drug")
        kept = order.head(MOST_MEDICINES)
        if order.height > kept.height:
            self.notes.append(f"The first {kept.height} of {order.height} medicines are drawn.")
        for drug in kept["drug"]:
            middle = self.y + ROW / 2
            self.name(str(drug).replace("_", " "), middle)
            mine = found.filter(pl.col("drug") == drug)
            placed = mine.with_columns(
                self.about(day="start"),
                x=self.across(pl.col("start")),
                x2=self.across(pl.col("end")),
                y=pl.lit(middle - 3.5),
                y2=pl.lit(middle + 3.5),
            ).with_columns(x2=pl.max_horizontal("x2", pl.col("x") + 2))
            drawn = placed.select("x", "x2", "y", "y2", "about")
            self.plane.bars(drawn, fill=_drug_fill(mine["classes"][0].to_list()))
            unknown = placed.filter(~pl.col("known_end"))
            self.plane.texts(
                unknown.select("about", x=pl.col("x2") + 6, y=pl.lit(middle), text=pl.lit("?")), fontSize=9
            )
            self.keep("medicine", mine.select("start", "end", what="drug", detail="purpose"))
            self.y += ROW
        self.y += GAP

    def doses(self) -> None:
        """The glucocorticoid dose as prednisone equivalent."""
        found = self.gathered.doses.get(self.subject)
        if found is None:
            return
        top = max(10.0, float(found["dose"].max() or 0) * 1.05)  # type: ignore[arg-type]
        box = self._box(36, (0, top))
        self._frame("Prednisone eq., mg/day", box, nice_ticks(0, top, 2), ())
        placed = found.select("patient", "day", "dose", x=self.across(pl.col("day")), y=box.down(pl.col("dose")))
        area = placed.with_columns(self.about(), y2=pl.lit(box.foot)).select("x", "y", "y2", "about")
        self.plane.areas(area, fill=ORANGE, opacity=0.5, interpolate="step-after")
        self.plane.lines(area.drop("y2"), stroke=ORANGE, strokeWidth=1, interpolate="step-after")
        unknown = placed.filter(pl.col("dose").is_null())
        self.plane.texts(unknown.select("x", y=pl.lit(box.foot - 8), text=pl.lit("?")), fontSize=10)
        self.keep(
            "dose",
            found.select(
                what=pl.lit("prednisone equivalent, mg per day"), start="day", end=pl.col("day") + 1, value="dose"
            ),
        )

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
        placed = points.with_columns(
            self.about(criterion=course.criterion, day="day"),
            x=self.across(pl.col("day")),
            y=box.down(pl.col("y")),
            low=box.down(pl.col("low")),
            high=box.down(pl.col("high")),
            value="y",
        )
        unknown = placed.filter(pl.col("value").is_null())
        self.plane.rules(
            unknown.select("x", "about", x2="x", y="low", y2="high"), stroke=VERMILION, strokeWidth=2, strokeDash=[2, 2]
        )
        known = _thinned(placed.filter(pl.col("value").is_not_null()))
        line = known.with_columns(self.about(criterion=course.criterion)).select("x", "y", "about")
        self.plane.lines(line, stroke=BLUE, strokeWidth=1.6)
        if course.criterion is not None or known.height <= 12:
            self.plane.points(known.select("x", "y", "about"), shape="circle", fill=BLUE, size=18)
        below = known.filter("below").select("x", "y", "about")
        self.plane.points(below, shape="triangle-down", fill="white", size=18, stroke=BLUE, strokeWidth=1)
        drawn = pl.concat([known, unknown]).sort("day")
        open_ = pl.format("between {} and {}", "_low", "_high")
        told = drawn.with_columns(_low=pl.col("low"), _high=pl.col("high"))
        bounds = points.select("day", _l=pl.col("low"), _h=pl.col("high"))
        told = told.join(bounds, on="day", how="left", maintain_order="left").with_columns(_low="_l", _high="_h")
        detail = (
            pl.when(pl.col("value").is_null()).then(open_).when("below").then(pl.lit("zero or below quantification"))
        )
        self.keep(
            "course",
            told.select(
                "value",
                what=pl.lit(course.name.removeprefix("The ")),
                start="day",
                end=pl.col("day") + 1,
                detail=detail,
                criterion=pl.lit(course.criterion, dtype=pl.String),
            ),
        )

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
                ends = {"x": [float(LEFT)], "x2": [float(WIDTH - RIGHT)], "y": [y], "y2": [y]}
                self.plane.rules(pl.DataFrame(ends), stroke=MUTED, strokeDash=[4, 3])
                self.plane.words(limit.label, WIDTH - RIGHT - 2, y - 5, align="right", fill=MUTED, fontSize=9)

    def finished(self) -> dict[str, Any]:
        """The whole drawing, with the time axis behind everything."""
        ground = Plane(WIDTH, self.y + 34)
        ground.time_axis(self.axis, left=LEFT, top=0, foot=self.y)
        end = float(pl.select(self.across(pl.lit(self.last))).item())
        if end < WIDTH - RIGHT - 1:
            last = pl.DataFrame({"x": [end], "x2": [end], "y": [0.0], "y2": [self.y]})
            ground.rules(last, stroke=FAINT, strokeWidth=2)
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


def _placed_events(drawing: Tracks, said: list[tuple[str, int, str, str, str, bool]]) -> int:
    """Draw events with their words, each on the first line with room for them; returns the number of lines."""
    if not said:
        drawing.plane.words("none recorded", LEFT + 4, drawing.y + ROW / 2, align="left", fill=MUTED)
        return 1
    days = pl.DataFrame({"day": [e[1] for e in said]})
    places = days.select(x=drawing.across(pl.col("day")))["x"].to_list()
    ends: list[float] = []
    for (category, day, text, shape, criterion, serious), x in zip(said, places, strict=True):
        words = text if len(text) <= 34 else f"{text[:33]}\u2026"
        width = 12 + 5.4 * len(words)
        right = x + width > WIDTH - RIGHT
        start, end = (x - width, x + 6) if right else (x - 6, x + width)
        line = next((i for i, e in enumerate(ends) if e < start), len(ends))
        ends[line:] = [end, *ends[line + 1 :]]
        y = drawing.y + line * ROW + ROW / 2
        frame = pl.DataFrame({"patient": [drawing.subject], "day": [day], "x": [x], "y": [y]}).with_columns(
            drawing.about(criterion=criterion or None, day="day")
        )
        fill = VERMILION if serious or category in ("relapse", "death") else GREEN if category == "remission" else MUTED
        drawing.plane.points(frame.select("x", "y", "about"), shape=shape, fill=fill, size=48)
        label = frame.select("about", y="y", x=pl.lit(x - 7 if right else x + 7), text=pl.lit(words))
        drawing.plane.texts(label, align="right" if right else "left", fontSize=10)
        drawing.rows.append(("event", category, day, None, None, text, criterion or None))
    return len(ends)


def _drug_fill(classes: list[str]) -> str:
    if "glucocorticoid" in classes:
        return ORANGE
    if "lymphodepletion" in classes:
        return MUTED
    return BLUE if {"immunosuppressant", "biologic", "anticytokine"} & set(classes) else SKY


def _thinned(points: pl.DataFrame) -> pl.DataFrame:
    """Of the values that fall on one pixel the lowest and the highest: the line looks the same with fewer of them."""
    if points.height <= 60:
        return points
    pixel = pl.col("x").round(0)
    lowest, highest = (pl.col("y") == bound.over(pixel) for bound in (pl.col("y").min(), pl.col("y").max()))
    return points.filter(lowest | highest).unique([c for c in points.columns if c in ("x", "y")], maintain_order=True)
