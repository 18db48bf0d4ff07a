"""Figures: each is a function from assessments to a `Figure` with its finding in words and its data beside it.

Every function takes `Assessments` or a `Cohort` and returns a `Figure`, which saves to SVG, PNG, HTML and CSV, or an
`Absent`, which says in one sentence why there is nothing to show.
"""

from __future__ import annotations

from aftercart.analysis import Analysis
from aftercart.analysis.cohort import Cohort
from aftercart.reporting.figures.base import Absent, Figure
from aftercart.reporting.figures.courses import b_cell_course, neutrophil_course, score_courses
from aftercart.reporting.figures.drugs import prior_drugs
from aftercart.reporting.figures.event_free import event_free_curves
from aftercart.reporting.figures.forest import forest_plot
from aftercart.reporting.figures.responses import response_map
from aftercart.reporting.figures.strip import toxicity_strip
from aftercart.reporting.figures.swimmer import swimmer_plot
from aftercart.reporting.figures.timeline import patient_timeline

SECTIONS = ("safety", "efficacy", "durability", "patients")


def draw_all(cohort: Cohort, analysis: Analysis) -> dict[str, list[Figure | Absent]]:
    """Every figure of a study by section of the report: `safety`, `efficacy`, `durability`, `patients`.

    analysis: the estimates and curves of the same study. In the place of a figure that has nothing to show stands an
    `Absent` with the reason. The timelines of patients are drawn one by one (`patient_timeline`).
    """
    return {
        "safety": [toxicity_strip(cohort), neutrophil_course(cohort), b_cell_course(cohort)],
        "efficacy": [response_map(cohort), forest_plot(cohort, analysis), *score_courses(cohort)],
        "durability": [event_free_curves(cohort, analysis), prior_drugs(cohort)],
        "patients": [swimmer_plot(cohort)],
    }


__all__ = [
    "SECTIONS",
    "Absent",
    "Figure",
    "b_cell_course",
    "draw_all",
    "event_free_curves",
    "forest_plot",
    "neutrophil_course",
    "patient_timeline",
    "prior_drugs",
    "response_map",
    "score_courses",
    "swimmer_plot",
    "toxicity_strip",
]
