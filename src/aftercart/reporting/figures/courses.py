"""Figures of what was measured over time: scores of each disease, neutrophils and B cells, one panel per patient."""

from __future__ import annotations

import math

import polars as pl

from aftercart.analysis.cohort import DAYS_PER_MONTH, Cohort
from aftercart.assessment import Assessments
from aftercart.reporting.figures.base import Absent, Figure
from aftercart.reporting.figures.marks import MOST_ROWS, ROWS_OF_MANY, cohort_of
from aftercart.reporting.figures.measures import B_CELLS, NEUTROPHILS, SCORES, Course
from aftercart.reporting.figures.panels import MANY, Axes, Limit, small_multiples
from aftercart.reporting.figures.plane import nice_ticks, ticks
from aftercart.reporting.numbers import indication, listed, number

BEFORE = -60
"""Values more than this many days before the infusion belong to another time."""


def score_courses(found: Assessments | Cohort) -> list[Figure | Absent]:
    """The scores and leading measures of every disease of the study over time, with the published limits.

    One figure per score, one panel per patient. Where the leading measure of a disease was never assessed stands an
    `Absent`; other scores without data are left out.

    >>> import aftercart as ac
    >>> drawn = ac.figures.score_courses(ac.assess(ac.reference_cohort().select(subjects=["IIM-1"])))
    >>> [figure.id for figure in drawn]
    ['tis', 'mmt8', 'ck', 'haq-di']
    """
    cohort = cohort_of(found)
    present = set(cohort.diseases())
    drawn: list[Figure | Absent] = []
    for course in SCORES:
        if course.indications and not present & set(course.indications):
            continue
        figure = draw(course, cohort)
        if isinstance(figure, Figure) or course.leading:
            drawn.append(figure)
    return drawn


def neutrophil_course(found: Assessments | Cohort) -> Figure | Absent:
    """Neutrophil counts of every patient to day 100 on a logarithmic scale, with the limits of ICAHT."""
    return draw(NEUTROPHILS, cohort_of(found))


def b_cell_course(found: Assessments | Cohort) -> Figure | Absent:
    """B-cell counts of every patient on a logarithmic scale; counts of 0 stand below it."""
    return draw(B_CELLS, cohort_of(found))


def draw(course: Course, cohort: Cohort) -> Figure | Absent:
    """The figure of one course; `Absent` when nothing was measured."""
    points = course_points(course, cohort)
    if points.is_empty():
        whom = listed(f"patients with {indication(d, long=True)}" for d in course.indications if d in cohort.diseases())
        return Absent(course.id, course.title, f"{course.name} was not measured in any of the {whom or 'patients'}.")
    shown, band, said = _selected(points, lowest=course.days is not None)
    return Figure(
        id=course.id,
        title=course.title,
        alt=finding(course, points),
        data=_table(course, shown),
        drawing=small_multiples(shown, _axes(course, points), course.criterion, band),
        simulated=cohort.study.meta.simulated,
        note=_note(course, points, said),
    )


def _count(points: pl.DataFrame) -> int:
    return points["patient"].n_unique()


def course_points(course: Course, cohort: Cohort) -> pl.DataFrame:
    """The values of a course: `patient, day, x, y, low, high, below`, in display order of the patients.

    x: days or months after infusion; y: the value, null where missing parts leave it open between `low` and `high`;
    below: the value is zero or below the limit of quantification.
    """
    patients = cohort.of_diseases(course.indications)
    if course.criterion is not None:
        points = cohort.rows(course.criterion).lazy().filter(pl.col("visit").is_not_null())
        points = points.select(
            "subject_id",
            "day",
            y="value",
            low=pl.coalesce("value", "value_min"),
            high=pl.coalesce("value", "value_max"),
            below=pl.lit(value=False),
        )
        # The baseline value stands at day 0, whatever day before the infusion it was taken on.
        points = points.with_columns(day=pl.col("day").clip(lower_bound=0))
    else:
        points = facts(cohort, str(course.fact), highest=course.highest).lazy()
    low, high = course.days or (BEFORE, 1_000_000)
    points = points.filter(
        pl.col("day").is_between(low, high) & pl.any_horizontal(pl.col("y", "low", "high").is_not_null())
    )
    scale = 1.0 if course.days else DAYS_PER_MONTH
    return (
        patients.lazy()
        .select("subject_id")
        .with_row_index("_order")
        .join(points, on="subject_id", how="inner")
        .sort("_order", "day")
        .select(
            "day",
            "below",
            patient="subject_id",
            x=(pl.col("day") / scale).round_sig_figs(6),
            y=pl.col("y").round_sig_figs(10),
            low=pl.col("low").round_sig_figs(10),
            high=pl.col("high").round_sig_figs(10),
        )
        .collect()
    )


def facts(cohort: Cohort, code: str, *, highest: bool = False) -> pl.DataFrame:
    """Measured values of one code: `subject_id, day, y, low, high, below`, the lowest (or highest) of each day."""
    fewer = pl.col("comparator").is_in(["<", "<="]).fill_null(value=False)
    under = (pl.col("value") < pl.col("lloq")).fill_null(value=False)
    return (
        cohort.timeline.fact(code)
        .lazy()
        .join(cohort.timeline.subjects.lazy().select("_s", "subject_id"), on="_s", how="inner")
        .filter(pl.col("day").is_not_null() & pl.col("value").is_not_null())
        .with_columns(below=fewer | under | (pl.col("value") <= 0))
        .sort("subject_id", "day", "value", descending=[False, False, highest])
        .group_by("subject_id", "day", maintain_order=True)
        .agg(pl.col("below").first(), y=pl.col("value").first())
        .with_columns(low="y", high="y")
        .collect()
    )


def _selected(points: pl.DataFrame, *, lowest: bool = False) -> tuple[pl.DataFrame, pl.DataFrame | None, str]:
    """The points that are drawn, and of very many patients the spread of all.

    Of very many patients those with the highest last value are drawn; with `lowest` those who fell lowest.
    """
    n = _count(points)
    if n <= MOST_ROWS:
        return points, None, ""
    known = points.filter(pl.col("y").is_not_null())
    value = pl.col("y").min() if lowest else pl.col("y").drop_nulls().last()
    ranked = points.group_by("patient", maintain_order=True).agg(value)
    kept = ranked.sort("y", "patient", descending=[not lowest, False], nulls_last=True).head(ROWS_OF_MANY)["patient"]
    drawn = points.filter(pl.col("patient").is_in(kept.implode()))
    if known.is_empty():
        return drawn, None, f"Lines: {ROWS_OF_MANY} of {n:,} patients; what was recorded leaves every value open."
    months = (pl.col("day") / DAYS_PER_MONTH).round(0)
    band = (
        known.with_columns(_at=months)
        .group_by("_at")
        .agg(
            x=pl.col("x").median(),
            low=pl.col("y").quantile(0.05),
            middle=pl.col("y").median(),
            high=pl.col("y").quantile(0.95),
            n=pl.len(),
        )
        .filter(pl.col("n") >= 10)
        .sort("x")
        .drop("_at", "n")
    )
    chosen = "lowest value" if lowest else "highest last value"
    said = (
        f"Lines: the {ROWS_OF_MANY} of {n:,} patients with the {chosen}. Of all of them the band holds nine in ten"
        " values and the dark line is the median, month by month."
    )
    return drawn, band, said


def _axes(course: Course, points: pl.DataFrame) -> Axes:
    if course.days:
        x_domain: tuple[float, float] = course.days
        x_ticks, x_title = ticks([0, 30, 60, 90]), "days after infusion"
    else:
        end = max(float(points["x"].max() or 0), 3.0)  # type: ignore[arg-type]
        start = min(float(points["x"].min() or 0), 0.0)  # type: ignore[arg-type]
        step = 3 if end <= 12 else 6 if end <= 24 else 12 if end <= 72 else 36
        x_domain, x_ticks, x_title = (start, end), ticks(range(0, int(end) + 1, step)), "months after infusion"
    span, labels, limits = vertical(course, points)
    log = course.floor is not None
    return Axes(x_title, x_domain, span, x_ticks, labels, log=log, limits=limits, dots=not log)


def vertical(
    course: Course, points: pl.DataFrame, *, few: bool = False
) -> tuple[tuple[float, float], dict[float, str], tuple[Limit, ...]]:
    """What the vertical axis of a course spans, its labels, and the limits that are drawn.

    few: for a low panel, which has room for two or three labels only.
    """
    most = max(float(points[c].max() or 0) for c in ("y", "high"))  # type: ignore[arg-type]
    top = max(course.top, most * 1.05)
    limits = tuple(p.limit() for p in course.limits)
    if course.floor is None:
        bottom = min(0.0, float(points["low"].min() or 0))  # type: ignore[arg-type]
        return (bottom, top), nice_ticks(bottom, top, 2 if few else 4), limits
    positive = points.filter(pl.col("y") > 0)["y"]
    lowest = min(course.floor, float(positive.min() or course.floor))  # type: ignore[arg-type]
    power = 10.0 ** math.floor(math.log10(lowest) + 1e-9)
    zeros = positive.len() < points.filter(pl.col("y").is_not_null()).height
    # Room below the lowest power of ten, so that a limit there is not taken for the axis, and for counts of 0.
    floor = power / 3 if zeros else power / 1.5
    values = sorted({*(t for t in course.ticks if t <= top * 1.001), power})
    labels = ticks([v for v in values if math.log10(v) % 1 < 1e-9] if few else values)
    if zeros:
        labels = {floor: "0", **labels}
    return (floor, top), labels, tuple(limit for limit in limits if floor <= limit.value)


def finding(course: Course, points: pl.DataFrame) -> str:
    """What the figure shows, in one or two sentences with counts."""
    known = points.filter(pl.col("y").is_not_null())
    if known.is_empty():
        return f"{course.name} could not be decided at any visit of {_patients(_count(points))}."
    if course.days:
        return _nadir(course, known)
    first = known.group_by("patient", maintain_order=True).first()
    last = known.group_by("patient", maintain_order=True).last()
    both = first.join(last, on="patient", suffix="_last", maintain_order="left").filter(pl.col("x") < pl.col("x_last"))
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
        f"{_absent(course, known)}"
    )


def _nadir(course: Course, known: pl.DataFrame) -> str:
    after = known.filter(pl.col("x") >= 0)
    if after.is_empty():
        return f"{course.name} was not measured after the infusion."
    lowest = after.group_by("patient", maintain_order=True).agg(pl.col("y").min())
    counts = [
        f"it was at or below {number(limit.value, 2)} in {int((lowest['y'] <= limit.value).sum())}"
        for limit in (p.limit() for p in course.limits)
    ]
    said = f"; {', '.join(counts)} of {_patients(lowest.height)}" if counts else ""
    return f"The lowest count after infusion was {_spread(lowest['y'])}{_unit(course)}{said}."


def _absent(course: Course, known: pl.DataFrame) -> str:
    """How many had a count of zero or below the limit of quantification at some time after infusion."""
    if course.floor is None:
        return ""
    after = known.filter(pl.col("day") >= 0)
    gone = after.filter("below")["patient"].n_unique()
    return f" It was 0 or below quantification at some time after infusion in {gone} of {_patients(_count(after))}."


def _patients(n: int) -> str:
    return f"{n} patient{'' if n == 1 else 's'}"


def _spread(values: pl.Series) -> str:
    middle, low, high = (float(v) for v in (values.median(), values.min(), values.max()))  # type: ignore[arg-type]
    if len(values) == 1:
        return number(middle, 2)
    return f"a median of {number(middle, 2)} (range {number(low, 2)} to {number(high, 2)})"


def _unit(course: Course) -> str:
    return f" {course.unit}" if course.unit else ""


def _note(course: Course, points: pl.DataFrame, said: str) -> str:
    open_values = points.filter(pl.col("y").is_null() & pl.col("high").is_not_null()).height
    many = _count(points) > MANY
    parts = ["All patients in one panel." if many else "One panel per patient, the others in grey."]
    if open_values:
        parts.append("A dotted bar spans what a value with missing parts can be.")
    if points["below"].any():
        mark = "" if many else "An open triangle is a value of 0 or below the limit of quantification; "
        parts.append(f"{mark}{'0' if mark else 'Values of 0'} stand{'s' if mark else ''} below the scale.")
    if course.criterion is not None and not course.days:
        parts.append("Baseline is drawn at month 0.")
    return " ".join([*parts, said]).strip()


def _table(course: Course, points: pl.DataFrame) -> pl.DataFrame:
    """One row per measurement, with the bounds where a value is open."""
    shown = points.select("patient", "day", pl.col("y").alias("value"), lowest="low", highest="high", below="below")
    if not points["y"].null_count():
        shown = shown.drop("lowest", "highest")
    if course.floor is None:
        return shown.drop("below")
    return shown.rename({"below": "zero or below quantification"})
