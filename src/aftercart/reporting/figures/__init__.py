"""Figures: each is a function from assessments to a `Figure` with its finding in words and its data beside it."""

from __future__ import annotations

from aftercart.analysis import Analysis
from aftercart.analysis.cohort import Cohort
from aftercart.reporting.figures import event_free
from aftercart.reporting.figures.base import Absent, Figure
from aftercart.reporting.figures.courses import b_cell_course, neutrophil_course, score_courses
from aftercart.reporting.figures.strip import toxicity_strip
from aftercart.reporting.figures.swimmer import swimmer_plot
SECTIONS = ("safety", "efficacy", "durability", "patients")


def draw_all(cohort: Cohort, analysis: Analysis) -> dict[str, list[Figure | Absent]]:
    """Every figure of a study by section of the report: `safety`, `efficacy`, `durability`, `patients`.

    analysis: the estimates and curves of the same study. In the place of a figure that has nothing to show stands an
    `Absent` with the reason.
    """
    simulated = cohort.study.meta.simulated
    event_free_ = event_free.draw(analysis.curves, simulated=simulated)
    return {
        "safety": [toxicity_strip(cohort), neutrophil_course(cohort), b_cell_course(cohort)],
        "efficacy": [*score_courses(cohort)],
        "durability": [
            Absent("event-free", "Time to each event", "No patient has a known time to any event.")
            if event_free_ is None
            else event_free_
        ],
        "patients": [swimmer_plot(cohort)],
    }


def patient_timeline(cohort: Cohort, subject_id: str) -> Figure | Absent:
    """The course of one patient on one time axis: disease, medicines, laboratory values, toxicities and events."""
    place = cohort.patients["subject_id"].to_list().index(subject_id) + 1
    rows = cohort.patients.filter(pl.col("subject_id") == subject_id)
    return Absent(f"timeline-{place}", f"Course of {rows['subject_id'].item()}", "Nothing was recorded after infusion.")


__all__ = ["SECTIONS", "Absent", "Figure", "draw_all", "patient_timeline"]
