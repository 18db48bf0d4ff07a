"""What the timelines of patients are drawn from, read once for the whole cohort and handed out by patient."""

from __future__ import annotations

from dataclasses import dataclass, replace

import polars as pl

from aftercart.analysis.cohort import Cohort
from aftercart.assessment import medicines
from aftercart.reporting.figures import spans
from aftercart.reporting.figures.courses import course_points
from aftercart.reporting.figures.measures import B_CELLS, LABORATORY, NEUTROPHILS, SCORES, Course
from aftercart.reporting.figures.swimmer_marks import COUNT_GAP, DRUGS_FROM_DAY, all_marks

Frames = dict[str, pl.DataFrame]

COURSES: tuple[Course, ...] = (*SCORES, NEUTROPHILS, B_CELLS, *LABORATORY)


@dataclass(frozen=True)
class Gathered:
    """Frames of the whole cohort by patient; a patient of whom nothing is known is absent from a frame."""

    grades: Frames
    """`patient, what, criterion, grade, open, start, end, text`: end the day after the last, text as it is shown."""
    medicines: Frames
    """`patient, drug, start, end, known_end, purpose`."""
    doses: Frames
    """`patient, day, dose`: prednisone equivalent per day from this day on; null where it is not known."""
    events: Frames
    """`patient, day, end, category, text, serious`."""
    marks: Frames
    """The marks of the swimmer plot."""
    courses: dict[str, Frames]
    """The points of each course by its id."""

    @staticmethod
    def of(cohort: Cohort) -> Gathered:
        """Read a cohort, or hand out what was read before: a report draws the timeline of every patient."""
        memo = cohort.timeline.memo
        if "patient timelines" not in memo:
            memo["patient timelines"] = Gathered(
                grades=_by_patient(_grades(cohort)),
                medicines=_by_patient(_medicines(cohort)),
                doses=_by_patient(_doses(cohort)),
                events=_by_patient(_events(cohort)),
                marks=_by_patient(all_marks(cohort)),
                courses={c.id: _by_patient(_course(cohort, c)) for c in COURSES},
            )
        found: Gathered = memo["patient timelines"]
        return found


def _by_patient(frame: pl.DataFrame) -> Frames:
    parts = frame.partition_by("patient", as_dict=True)
    return {str(patient): part for (patient,), part in parts.items()}


def _grades(cohort: Cohort) -> pl.DataFrame:
    days = spans.daily(cohort).filter(pl.col("day") >= 0)
    cells = pl.col("what") == "Cytopenia"
    return pl.concat(
        [
            spans.spans(days.filter(~cells), lowest=0, unknown=True),
            spans.spans(days.filter(cells), lowest=0, gap=COUNT_GAP, unknown=True),
        ]
    ).with_columns(text=spans.label())


def _course(cohort: Cohort, course: Course) -> pl.DataFrame:
    whole = course if course.days is None else replace(course, days=None)
    return course_points(whole, cohort).filter(pl.col("day") >= DRUGS_FROM_DAY)


def _medicines(cohort: Cohort) -> pl.DataFrame:
    """Courses that reach into the time drawn; those of one drug that touch or overlap are one bar."""
    last = cohort.patients.select("_s", patient="subject_id", last=pl.col("last_day").clip(lower_bound=0))
    given = (
        cohort.timeline.exposures.filter(pl.col("dose").is_null() | (pl.col("dose") > 0))
        .join(last, on="_s", how="inner")
        .with_columns(
            start=pl.max_horizontal("start_max", pl.lit(DRUGS_FROM_DAY)),
            end=pl.min_horizontal("end_min", "last") + 1,
            known_end=pl.col("end_min") == pl.col("end_max"),
        )
        .filter(pl.col("end") > pl.col("start"))
        .sort("patient", "drug", "start", "end")
    )
    same = (pl.col("patient") == pl.col("patient").shift(1)) & (pl.col("drug") == pl.col("drug").shift(1))
    reached = pl.col("end").cum_max().over("patient", "drug").shift(1)
    apart = ~same | (pl.col("start") > reached)
    return (
        given.with_columns(_bar=apart.fill_null(value=True).cum_sum())
        .group_by("_bar", maintain_order=True)
        .agg(
            pl.col("patient", "drug", "purpose", "classes").first(),
            pl.col("start").min(),
            pl.col("end").max(),
            pl.col("known_end").all(),
        )
        .drop("_bar")
    )


def _doses(cohort: Cohort) -> pl.DataFrame:
    """The dose on every day on which it can change, from the first day drawn to the last contact."""
    last = cohort.patients.select("_s", patient="subject_id", last="last_day").filter(pl.col("last") >= 0)
    given = cohort.timeline.exposures.filter(pl.col("classes").list.contains("glucocorticoid")).join(
        last, on="_s", how="inner"
    )
    turns = [
        given.select("_s", "patient", "last", day=day)
        for day in (pl.col("start_min"), pl.col("start_max"), pl.col("end_min") + 1, pl.col("end_max") + 1)
    ]
    ends = [last.with_columns(day=pl.lit(DRUGS_FROM_DAY)), last.with_columns(day="last")]
    days = (
        pl.concat([*turns, *(e.select("_s", "patient", "last", pl.col("day").cast(pl.Int64)) for e in ends)])
        .filter(pl.col("day").is_between(DRUGS_FROM_DAY, pl.col("last")))
        .unique(["_s", "day"])
        .sort("_s", "day")
        .with_row_index("_k")
    )
    binding = {"drug": "glucocorticoid", "measure": "pred_eq"}
    dose, _ = medicines.at(days.select("_k", "_s", "day"), cohort.timeline, binding)
    return days.select("patient", "day", dose=dose.cast(pl.Float64).round_sig_figs(6))


def _events(cohort: Cohort) -> pl.DataFrame:
    last = cohort.patients.select("subject_id", "last_day")
    return (
        cohort.timeline.events.join(last, on="subject_id", how="inner")
        .filter(pl.col("day").is_between(0, pl.col("last_day")))
        .sort("subject_id", "day", "category", "row_id")
        .select(
            "day",
            "category",
            patient="subject_id",
            end=pl.coalesce("end_day", "day") + 1,
            text=pl.coalesce("term_text", "term", "category"),
            serious=pl.col("serious").fill_null(value=False),
        )
    )
