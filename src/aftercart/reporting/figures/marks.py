"""The parts that figures are drawn from: layers of marks that name their patient, rows of patients, and the time axis.

Encodings and marks are those of Vega-Lite, written as dictionaries.
"""

from __future__ import annotations

import json
import math
import unicodedata
from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import polars as pl

from aftercart.analysis.cohort import DAYS_PER_MONTH, DAYS_PER_YEAR, Cohort
from aftercart.assessment import Assessments
from aftercart.reporting.figures.base import WIDTH
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
    parts = [value.alias(name) for name, value in said.items()]
    return pl.struct(parts).struct.json_encode().alias("about")


def about_one(subject: str, *, criterion: str | None = None, day: int | None = None) -> str:
    """The same for a single mark; without a criterion or a day it says nothing of them."""
    said = {"subject": subject, "criterion": criterion, "day": day}
    kept = {name: value for name, value in said.items() if value is not None}
    return json.dumps(kept, ensure_ascii=False, separators=(",", ":"))


def about_question(question: pl.Expr) -> pl.Expr:
    """The column `about` of marks that stand for an estimate: as `data-why`, the question asked of its patients."""
    return pl.struct(question.alias("why")).struct.json_encode().alias("about")


def hundredths(value: float) -> float:
    """A place in pixels to two decimals, halves upwards, as the data-frame library rounds whole columns."""
    return math.floor(value * 100 + 0.5) / 100


def layer(rows: pl.DataFrame | list[dict[str, Any]], mark: dict[str, Any], encoding: Encoding) -> dict[str, Any]:
    """One layer of marks, one for each row; with `about` in the rows every mark says whose it is."""
    values = rows.to_dicts() if isinstance(rows, pl.DataFrame) else rows
    described = "about" in values[0]
    return {
        "data": {"values": values},
        "mark": {**mark, "aria": True} if described and mark["type"] != "text" else mark,
        "encoding": {**encoding, "description": {"field": "about"}} if described else encoding,
    }


def short_name(column: str = "patient") -> pl.Expr:
    """A patient's name as it stands beside a row."""
    name = pl.col(column)
    long = name.str.len_chars() > LONGEST_NAME
    return pl.when(long).then(name.str.slice(0, LONGEST_NAME - 1) + "\u2026").otherwise(name)


def wide(text: str, size: float) -> float:
    """About how many pixels a text takes; letters of East Asian scripts are as wide as they are high."""
    return sum(1.0 if unicodedata.east_asian_width(c) in "WF" else 0.58 for c in text) * size


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

    def place(self, frame: pl.DataFrame, *, top: float, at: float = 0.0) -> pl.DataFrame:
        """The rows of a frame (with `patient`) that are drawn, with `y` in pixels from the top of the drawing.

        top: where the first row begins. at: place within the row, 0 its middle and 0.5 its foot.
        """
        rows = self.patients.lazy().select("patient", "row")
        placed = frame.lazy().join(rows, on="patient", how="inner", maintain_order="left")
        y = (top + (pl.col("row") + 0.5 + at) * self.height).round(2)
        return placed.with_columns(y=y).drop("row").collect()

    def names(self, top: float, right: float) -> pl.DataFrame:
        """The name of each patient beside its row: `x, y, text, about`."""
        mixed = self.patients["indication"].n_unique() > 1
        code = pl.col("indication").replace_strict(
            {d: indication(d) for d in self.patients["indication"].unique()}, return_dtype=pl.String
        )
        told = pl.col("patient").str.to_uppercase().str.starts_with(code.str.to_uppercase())
        bare = short_name()
        text = pl.when(told).then(bare).otherwise(pl.format("{} \u00b7 {}", bare, code)) if mixed else bare
        return self.place(self.patients.drop("row"), top=top).select("y", about(), x=pl.lit(right), text=text)

    @property
    def letters(self) -> int:
        """Size of the names, in pixels."""
        return 12 if self.height >= 14 else 10 if self.height >= 11 else 8

    @cached_property
    def left(self) -> float:
        """Room for the names, in pixels."""
        return max(16 + max(wide(text, self.letters) for text in self.names(0, 0)["text"]), 48.0)

    def separators(self, top: float, left: float, right: float) -> pl.DataFrame:
        """Lines between the rows: `x, y, x2, y2`."""
        y = pl.Series("y", [top + i * self.height for i in range(1, self.n)], dtype=pl.Float64)
        return y.to_frame().select("y", x=pl.lit(left), x2=pl.lit(right), y2="y")

    def said(self) -> str:
        """The sentence that tells of patients without a row; empty when every patient has one."""
        if self.left_out.is_empty():
            return ""
        total = self.n + self.left_out.height
        others = f"{self.left_out.height:,}"
        return (
            f"Of {total:,} patients, {self.n} have a row: {self.chosen}; the other {others} are only counted in words."
        )


ACUTE_DAYS = 30
"""The time axis gives the first days after infusion more room than their share."""


@dataclass(frozen=True)
class TimeAxis:
    """Days after infusion on one axis in three stretches: before, the first 30 days enlarged, and all after."""

    start: int
    end: int
    width: float = WIDTH - 110

    @staticmethod
    def to(last: int, *, start: int = 0, width: float = WIDTH - 110) -> TimeAxis:
        """An axis from `start` (0 or before) to the last day."""
        return TimeAxis(min(start, 0), max(last, 5), width)

    @property
    def long(self) -> bool:
        """Whether the axis goes beyond the first days."""
        return self.end > ACUTE_DAYS + 5

    @cached_property
    def stretches(self) -> tuple[list[int], list[float]]:
        """Days, and the pixels from the left edge at which they stand; in between the axis is linear."""
        before = round(self.width * 0.1) if self.start < -3 else 0
        days: list[int] = [self.start] if before else []
        places: list[float] = [0] if before else []
        days.append(0 if before else min(self.start, 0))
        places.append(before)
        if self.long:
            days += [ACUTE_DAYS, self.end]
            places += [before + round((self.width - before) * 0.4), self.width]
        else:
            days.append(self.end)
            places.append(self.width)
        return days, places

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

    def title(self) -> str:
        """What the axis shows, in words."""
        unit = "months" if self.end / DAYS_PER_MONTH <= 60 else "years"
        if not self.long:
            return "days after infusion"
        return f"days after infusion to day {ACUTE_DAYS} (enlarged), then {unit}"

    def at(self, day: float) -> float:
        """Where one day stands, in pixels from the left edge; a day before the axis stands at its start."""
        days, places = self.stretches
        i = min(max(bisect_right(days, day), 1), len(days) - 1)
        share = min(max((day - days[i - 1]) / (days[i] - days[i - 1]), 0.0), 1.0)
        return hundredths(places[i - 1] + share * (places[i] - places[i - 1]))

    def pixel(self, day: pl.Expr) -> pl.Expr:
        """The same for a column of days."""
        days, places = self.stretches
        day, found = day.cast(pl.Float64).clip(lower_bound=float(days[0])), pl.lit(float(places[-1]))
        for i in range(len(days) - 1, 0, -1):
            share = (day - days[i - 1]) / (days[i] - days[i - 1])
            here = places[i - 1] + share * (places[i] - places[i - 1])
            found = pl.when(day < days[i]).then(here).otherwise(found)
        return found.round(2)
