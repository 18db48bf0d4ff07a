"""Figures of what was measured over time: scores of each disease, neutrophils and B cells, one panel per patient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import polars as pl

from aftercart.analysis.cohort import DAYS_PER_MONTH, Cohort
from aftercart.criteria import registry
from aftercart.reporting.figures.base import Figure
from aftercart.reporting.figures.panels import Axes, Limit, small_multiples
from aftercart.reporting.numbers import number

POINTS = {
    "patient": pl.String,
    "day": pl.Int64,
    "x": pl.Float64,
    "y": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
}


@dataclass(frozen=True)
class Published:
    """A limit that a criterion publishes: the path of its rule, and how it is named in a figure."""

    criterion: str
    path: str
    label: str
    factor: float = 1.0

    def limit(self) -> Limit:
        """The limit to draw, in the unit of the figure."""
        value: Any = registry.get(self.criterion).rules
        for part in self.path.split("."):
            value = value[part]
        drawn = float(value) * self.factor
        return Limit(drawn, f"{self.label} {number(drawn, 2)}")


@dataclass(frozen=True)
class Course:
    """What one figure of a course needs: where its values are, how they are named, and its published limits."""

    id: str
    title: str
    name: str
    """The quantity as it stands in a sentence."""
    unit: str = ""
    limits: tuple[Published, ...] = ()
    indications: tuple[str, ...] = ()
    criterion: str | None = None
    fact: str | None = None
    days: tuple[int, int] | None = None
    """Draw these days after infusion on an axis in days; otherwise the whole course in months."""
    symlog: float | None = None
    ticks: tuple[float, ...] = ()
    top: float = 0.0


COURSES = (
    Course(
        "sledai-2k",
        "SLEDAI-2K of each patient with lupus (points)",
        "SLEDAI-2K",
        limits=(Published("lldas", "sledai_max", "low disease activity up to"),),
        indications=("SLE", "LN"),
        criterion="sledai_2k",
        top=12,
    ),
    Course(
        "tis",
        "Total improvement score of each patient with myositis (0 to 100)",
        "The total improvement score",
        limits=tuple(
            Published("acr_eular_2016_tis", f"thresholds.adult.{name}", f"{name} from")
            for name in ("minimal", "moderate", "major")
        ),
        indications=("IIM",),
        criterion="acr_eular_2016_tis",
        top=100,
    ),
    Course(
        "mmt8",
        "Muscle strength of each patient with myositis (MMT-8, 0 to 150)",
        "MMT-8",
        indications=("IIM",),
        criterion="mmt8",
        top=150,
    ),
    Course(
        "ck",
        "Creatine kinase of each patient with myositis (U/L, logarithmic)",
        "Creatine kinase",
        "U/L",
        indications=("IIM",),
        fact="obs:CK",
        symlog=50,
        ticks=(0, 100, 1000, 10_000),
        top=1000,
    ),
    Course(
        "eustar-ai",
        "EUSTAR activity index of each patient with systemic sclerosis (0 to 10)",
        "The EUSTAR activity index",
        limits=(Published("eustar_ai_2017", "active_from", "active from"),),
        indications=("SSC",),
        criterion="eustar_ai_2017",
        top=10,
    ),
    Course(
        "mrss",
        "Skin score of each patient with systemic sclerosis (mRSS, 0 to 51)",
        "The mRSS",
        indications=("SSC",),
        criterion="mrss",
        top=20,
    ),
    Course(
        "neutrophils",
        "Neutrophils of each patient in the first 100 days (10\u2079/L, logarithmic)",
        "The neutrophil count",
        "\u00d7 10\u2079/L",
        limits=(Published("icaht_early_2023", "severe_max_per_ul", "severe up to", factor=0.001),),
        fact="obs:ANC",
        days=(-7, 100),
        symlog=0.2,
        ticks=(0, 0.5, 1, 2, 5, 10),
        top=10,
    ),
    Course(
        "b-cells",
        "B cells of each patient (CD19-positive cells per \u00b5L, logarithmic)",
        "The B-cell count",
        "cells/\u00b5L",
        fact="obs:CD19",
        symlog=1,
        ticks=(0, 1, 10, 100, 1000),
        top=100,
    ),
)
"""Every course a report can show; limits come from the criteria that publish them."""


def draw(course: Course, cohort: Cohort) -> Figure | None:
    """The figure of one course; None when nothing was measured."""
    points = _points(course, cohort)
    if points.is_empty():
        return None
    return Figure(
        id=course.id,
        title=course.title,
        alt=finding(course, points),
        data=_table(points),
        drawing=small_multiples(
            points.with_columns(
                about=pl.struct(
                    subject="patient", criterion=pl.lit(course.criterion, dtype=pl.String), day="day"
                ).struct.json_encode(),
                line_about=pl.struct(
                    subject="patient", criterion=pl.lit(course.criterion, dtype=pl.String)
                ).struct.json_encode(),
            ).drop("day"),
            _axes(course, points),
            columns=3 if _panels(points) <= 3 else 4 if _panels(points) <= 12 else 5,
        ).to_dict(),
        simulated=cohort.study.meta.simulated,
        note=_note(course, points),
    )


def _panels(points: pl.DataFrame) -> int:
    return points["patient"].n_unique()


def _points(course: Course, cohort: Cohort) -> pl.DataFrame:
    patients = cohort.of_diseases(course.indications)
    if course.criterion is not None:
        found = cohort.rows(course.criterion).filter(pl.col("visit").is_not_null())
        points = found.select(
            "subject_id",
            "day",
            y="value",
            low=pl.coalesce("value", "value_min"),
            high=pl.coalesce("value", "value_max"),
        )
        # The baseline value stands at day 0, whatever day before the infusion it was taken on.
        points = points.with_columns(day=pl.col("day").clip(lower_bound=0))
    else:
        assert course.fact is not None
        value = pl.col("value")
        points = (
            cohort.timeline.fact(course.fact)
            .join(cohort.timeline.subjects.select("_s", "subject_id"), on="_s", how="inner")
            .filter(pl.col("day").is_not_null() & pl.col("value").is_not_null())
            .select("subject_id", "day", y=value, low=value, high=value)
            .group_by("subject_id", "day")
            .agg(pl.col("y").min(), pl.col("low").min(), pl.col("high").min())
        )
    low, high = course.days or (-60, 1_000_000)
    points = points.filter(pl.col("day").is_between(low, high))
    scale = 1.0 if course.days else DAYS_PER_MONTH
    return (
        patients.select("subject_id")
        .with_row_index("_order")
        .join(points, on="subject_id", how="inner")
        .sort("_order", "day")
        .select(
            patient="subject_id",
            day="day",
            x=(pl.col("day") / scale).round_sig_figs(6),
            y=pl.col("y").round_sig_figs(10),
            low=pl.col("low").round_sig_figs(10),
            high=pl.col("high").round_sig_figs(10),
        )
    )


def _axes(course: Course, points: pl.DataFrame) -> Axes:
    most = max(float(points[c].max() or 0) for c in ("y", "high"))  # type: ignore[arg-type]
    top = max(course.top, most * 1.05)
    if course.days:
        x_domain: tuple[float, float] = course.days
        x_ticks: tuple[float, ...] = (0, 30, 60, 90)
        x_title = "days after infusion"
    else:
        end = max(float(points["x"].max() or 0), 3.0)  # type: ignore[arg-type]
        start = min(float(points["x"].min() or 0), 0.0)  # type: ignore[arg-type]
        step = 3 if end <= 12 else 6 if end <= 24 else 12
        x_domain, x_ticks, x_title = (start, end), tuple(range(0, int(end) + 1, step)), "months after infusion"
    ticks = tuple(t for t in course.ticks if t <= top * 1.001)
    return Axes(x_title, x_domain, (0, top), course.symlog, x_ticks, ticks, tuple(p.limit() for p in course.limits))


def finding(course: Course, points: pl.DataFrame) -> str:
    """What the figure shows, in one or two sentences with counts."""
    known = points.filter(pl.col("y").is_not_null())
    if known.is_empty():
        return f"{course.name} could not be decided at any visit of {_patients(_panels(points))}."
    if course.days:
        return _nadir(course, known)
    first = known.group_by("patient", maintain_order=True).first()
    last = known.group_by("patient", maintain_order=True).last()
    both = first.join(last, on="patient", suffix="_last").filter(pl.col("x") < pl.col("x_last"))
    n = known["patient"].n_unique()
    if both.is_empty():
        return f"{course.name} was {_spread(first['y'])}{_unit(course)} in {_patients(n)}, measured once."
    fell = int((both["y_last"] < both["y"]).sum())
    rose = int((both["y_last"] > both["y"]).sum())
    said = [f"fell in {fell}" if fell else "", f"rose in {rose}" if rose else ""]
    same = both.height - fell - rose
    said.append(f"did not change in {same}" if same else "")
    return (
        f"{course.name} was {_spread(both['y'])}{_unit(course)} at first and {_spread(both['y_last'])}{_unit(course)}"
        f" at the last measurement; between the two it {', '.join(s for s in said if s)} of {_patients(both.height)}."
    )


def _nadir(course: Course, known: pl.DataFrame) -> str:
    after = known.filter(pl.col("x") >= 0)
    lowest = after.group_by("patient", maintain_order=True).agg(pl.col("y").min())
    counts = [
        f"it was at or below {number(limit.value, 2)} in {int((lowest['y'] <= limit.value).sum())}"
        for limit in (p.limit() for p in course.limits)
    ]
    said = f"; {', '.join(counts)} of {_patients(lowest.height)}" if counts else ""
    return f"The lowest count after infusion was {_spread(lowest['y'])}{_unit(course)}{said}."


def _patients(n: int) -> str:
    return f"{n} patient{'' if n == 1 else 's'}"


def _spread(values: pl.Series) -> str:
    middle, low, high = (float(v) for v in (values.median(), values.min(), values.max()))  # type: ignore[arg-type]
    if len(values) == 1:
        return number(middle, 2)
    return f"a median of {number(middle, 2)} (range {number(low, 2)} to {number(high, 2)})"


def _unit(course: Course) -> str:
    return f" {course.unit}" if course.unit else ""


def _note(course: Course, points: pl.DataFrame) -> str:
    open_values = points.filter(pl.col("y").is_null() & pl.col("high").is_not_null()).height
    parts = ["One panel per patient, the others in grey."]
    if open_values:
        parts.append("A dotted bar spans what a value with missing parts can be.")
    if course.criterion is not None and not course.days:
        parts.append("Baseline is drawn at month 0.")
    return " ".join(parts)


def _table(points: pl.DataFrame) -> pl.DataFrame:
    """One row per measurement, with the bounds where a value is open."""
    shown = points.select("patient", "day", pl.col("y").alias("value"), lowest="low", highest="high")
    return shown if points["y"].null_count() else shown.drop("lowest", "highest")
