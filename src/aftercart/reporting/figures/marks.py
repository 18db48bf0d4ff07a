"""The parts that figures are drawn from: layers of marks that name their patient, rows of patients, and the time axis.

Encodings and marks are those of Vega-Lite, written as dictionaries.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import polars as pl

from aftercart.analysis.cohort import DAYS_PER_MONTH, DAYS_PER_YEAR, Cohort
from aftercart.assessment import Assessments
from aftercart.reporting.figures.base import GRID, INK, MUTED, WIDTH
from aftercart.reporting.numbers import indication

Encoding = dict[str, Any]

MOST_ROWS = 400
"""With more patients than this not every one gets a row: the figure says which are drawn, and counts the others."""

ROWS_OF_MANY = 100
"""How many patients get a row then."""

LONGEST_NAME = 18
"""Characters of a patient's name beside a row; the data hold the whole name."""


def cohort_of(found: Assessments | Cohort) -> Cohort:
    """The cohort of assessments, or the cohort itself."""
    return found if isinstance(found, Cohort) else Cohort.of(found.study, found)


def about(subject: str = "patient", *, criterion: str | pl.Expr | None = None, day: str | None = None) -> pl.Expr:
    """The column `about`: what the marks of a layer say of themselves as `data-subject`, `-criterion`, `-day`.

    subject, day: names of columns; criterion: its key, or a column of keys.
    """
    said = {"subject": pl.col(subject)}
    if criterion is not None:
        said["criterion"] = pl.lit(criterion) if isinstance(criterion, str) else criterion
    if day is not None:
        said["day"] = pl.col(day).cast(pl.Int64)
    return pl.struct(**said).struct.json_encode().alias("about")


def layer(frame: pl.DataFrame, mark: dict[str, Any], encoding: Encoding) -> dict[str, Any]:
    """One layer of marks of the rows of a frame; with a column `about` every mark says whose it is."""
    described = "about" in frame.columns
    return {
        "data": {"values": frame.to_dicts()},
        "mark": {**mark, "aria": True} if described and mark["type"] != "text" else mark,
        "encoding": {**encoding, "description": {"field": "about"}} if described else encoding,
    }


def lines_at(values: list[float], channel: str, axis: Encoding, mark: dict[str, Any]) -> dict[str, Any]:
    """Straight lines across the whole plot at some values of x or y, on the axis of the other layers.

    Layers share one axis, and one layer that asks for none takes it away from all: so each names the same.
    """
    return layer(pl.DataFrame({"at": values}), {"type": "rule", **mark}, {channel: {**axis, "field": "at"}})


def colours(names: list[str], fills: list[str]) -> dict[str, Any]:
    """The scale of a channel with one fill (or shape) for each name."""
    return {"domain": names, "range": fills}


@dataclass(frozen=True)
class Rows:
    """The patients that get a row, in display order, and how high a row is."""

    patients: pl.DataFrame
    """`patient, indication, row` (0 at the top)."""
    height: float
    """CSS pixels of one row."""
    left_out: pl.DataFrame
    """`patient, indication` of those without a row."""
    chosen: str = ""
    """How the patients with a row were chosen, in words."""

    @staticmethod
    def of(patients: pl.DataFrame, *, tall: float, least: float, first: pl.DataFrame, chosen: str) -> Rows:
        """Rows for patients (`patient, indication`), `tall` pixels high while there are few, never below `least`.

        first: `patient, weight`; of very many patients those with the largest weight are drawn, which `chosen` says
        in words.
        """
        kept = patients
        if patients.height > MOST_ROWS:
            ranked = patients.with_row_index("_order").join(first, on="patient", how="left", maintain_order="left")
            best = ranked.sort(pl.col("weight").fill_null(-1.0), "_order", descending=[True, False]).head(ROWS_OF_MANY)
            kept = patients.filter(pl.col("patient").is_in(best["patient"].implode()))
        n = kept.height
        height = tall if n <= 30 else max(least, tall * 30 / n)
        return Rows(
            kept.with_row_index("row").with_columns(pl.col("row").cast(pl.Int64)),
            height,
            patients.filter(~pl.col("patient").is_in(kept["patient"].implode())),
            chosen if kept.height < patients.height else "",
        )

    @property
    def n(self) -> int:
        """How many patients have a row."""
        return self.patients.height

    @property
    def pixels(self) -> float:
        """Height of the plot."""
        return round(self.height * self.n, 1)

    def y(self, *, labels: bool = True, field: str = "y") -> Encoding:
        """The vertical axis: one row per patient, the name beside it."""
        names = self.patients["patient"].to_list()
        mixed = self.patients["indication"].n_unique() > 1
        shown = [_name(p, d if mixed else "") for p, d in self.patients.select("patient", "indication").iter_rows()]
        axis = {
            "values": list(range(len(names))),
            "labelExpr": f"{json.dumps(shown)}[datum.value]",
            "labelOverlap": False,
            "domain": False,
            "ticks": False,
            "grid": False,
            "title": None,
            "labelPadding": 6,
            "labelColor": INK,
            "labelFontSize": 12 if self.height >= 14 else 8,
        }
        return {
            "field": field,
            "type": "quantitative",
            "scale": self.scale(),
            "axis": axis if labels else None,
        }

    def scale(self) -> dict[str, Any]:
        """The scale of the vertical axis."""
        return {"domain": [-0.5, self.n - 0.5], "reverse": True, "nice": False, "zero": False}

    def place(self, frame: pl.DataFrame, *, at: float | pl.Expr = 0.0) -> pl.DataFrame:
        """The rows of a frame (with `patient`) that are drawn, with `y`; `at` shifts within the row, 0.5 its foot."""
        rows = self.patients.select("patient", "row")
        placed = frame.join(rows, on="patient", how="inner", maintain_order="left")
        return placed.with_columns(y=(pl.col("row") + at).round(3)).drop("row")

    def separators(self, *, labels: bool = True) -> dict[str, Any]:
        """Fine lines between the rows."""
        at = [i - 0.5 for i in range(1, self.n)]
        return lines_at(at, "y", self.y(labels=labels), {"stroke": GRID, "strokeWidth": 1})

    def said(self) -> str:
        """The sentence that tells of patients without a row; empty when every patient has one."""
        if self.left_out.is_empty():
            return ""
        total = self.n + self.left_out.height
        return f"Of {total:,} patients, {self.n} have a row: {self.chosen}; the other {self.left_out.height:,} are not drawn."


def _name(patient: str, disease: str) -> str:
    short = patient if len(patient) <= LONGEST_NAME else f"{patient[: LONGEST_NAME - 1]}\u2026"
    code = indication(disease) if disease else ""
    return short if not code or patient.upper().startswith(code.upper()) else f"{short} \u00b7 {code}"


ACUTE_DAYS = 30
"""The time axis gives the first days after infusion more room than their share."""


@dataclass(frozen=True)
class TimeAxis:
    """Days after infusion on one axis in three stretches: before, the first 30 days enlarged, and all after."""

    start: int
    end: int
    width: int = WIDTH - 110

    @staticmethod
    def to(last: int, *, start: int = 0, width: int = WIDTH - 110) -> TimeAxis:
        """An axis from `start` (0 or before) to the last day."""
        return TimeAxis(min(start, 0), max(last, 5), width)

    @property
    def long(self) -> bool:
        """Whether the axis goes beyond the first days."""
        return self.end > ACUTE_DAYS + 5

    def scale(self) -> dict[str, Any]:
        """The scale, linear within each stretch."""
        before = round(self.width * 0.1) if self.start < -3 else 0
        days, places = ([self.start], [0]) if before else ([], [])
        days.append(0 if before else min(self.start, 0))
        places.append(before)
        if self.long:
            days += [ACUTE_DAYS, self.end]
            places += [before + round((self.width - before) * 0.4), self.width]
        else:
            days.append(self.end)
            places.append(self.width)
        return {"domain": days, "range": places, "nice": False, "zero": False, "clamp": True}

    def ticks(self) -> dict[int, str]:
        """Days with a tick, and what stands at it."""
        found = {self.start: f"\u2212{-self.start}"} if self.start < -3 else {}
        found |= {day: str(day) for day in range(0, min(self.end, ACUTE_DAYS) + 1, 10)}
        if self.long:
            months = self.end / DAYS_PER_MONTH
            if months <= 60:
                step = 3 if months <= 18 else 6 if months <= 42 else 12
                later = {round(m * DAYS_PER_MONTH): f"{m} mo" for m in range(step, int(months) + 1, step)}
            else:
                years = months / 12
                step = 1 if years <= 8 else 2 if years <= 16 else 5
                later = {round(y * DAYS_PER_YEAR): f"{y} y" for y in range(step, int(years) + 1, step)}
            found |= {day: text for day, text in later.items() if day >= ACUTE_DAYS + 0.06 * self.end}
        return found

    def x(self, *, labels: bool = True, field: str = "x", title: bool = True) -> Encoding:
        """The horizontal axis, with or without its labels."""
        ticks = self.ticks()
        axis: dict[str, Any] = {
            "values": list(ticks),
            "labelExpr": f"({json.dumps({str(k): v for k, v in ticks.items()})})[datum.value]",
            "labelOverlap": False,
            "grid": True,
            "title": self.title() if title else None,
            "titleColor": MUTED,
            "titleFontSize": 11,
        }
        if not labels:
            axis = {"values": list(ticks), "grid": True, "labels": False, "ticks": False, "domain": False, "title": None}
        return {"field": field, "type": "quantitative", "scale": self.scale(), "axis": axis}

    def title(self) -> str:
        """What the axis shows, in words."""
        unit = "months" if self.end / DAYS_PER_MONTH <= 60 else "years"
        if not self.long:
            return "days after infusion"
        return f"days after infusion to day {ACUTE_DAYS} (enlarged), then {unit}"

    def landmarks(self, x: Encoding) -> list[dict[str, Any]]:
        """The line of the infusion, and the line at which the scale changes; x: the axis as the other layers have it."""
        drawn = [lines_at([0], "x", x, {"stroke": INK, "strokeWidth": 1.2})]
        if self.long:
            drawn.append(lines_at([ACUTE_DAYS], "x", x, {"stroke": MUTED, "strokeDash": [2, 3]}))
        return drawn

    def pixel(self, day: pl.Expr) -> pl.Expr:
        """Where a day stands, in CSS pixels from the left edge."""
        scale = self.scale()
        days, places = scale["domain"], scale["range"]
        found = pl.lit(float(places[-1]))
        for i in range(len(days) - 1, 0, -1):
            share = (day - days[i - 1]) / (days[i] - days[i - 1])
            here = places[i - 1] + share * (places[i] - places[i - 1])
            found = pl.when(day < days[i]).then(here).otherwise(found)
        return found
