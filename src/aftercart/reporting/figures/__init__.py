"""Figures: each is a function from assessments to a `Figure` with its finding in words and its data beside it.

Every function takes `Assessments` or a `Cohort` and returns a `Figure`, which saves to SVG, PNG, HTML and CSV, or an
`Absent`, which says in one sentence why there is nothing to show.
"""

from __future__ import annotations

from collections.abc import Callable

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
from aftercart.side_by_side import for_each

Drawn = Figure | Absent

SECTIONS = ("safety", "efficacy", "durability", "patients")


def draw_all(cohort: Cohort, analysis: Analysis) -> dict[str, list[Drawn]]:
    """Every figure of a study by section of the report: `safety`, `efficacy`, `durability`, `patients`.

    analysis: the estimates and curves of the same study. In the place of a figure that has nothing to show stands an
    `Absent` with the reason. The timelines of patients are drawn one by one (`patient_timeline`).
    """
    steps: list[tuple[str, Callable[[], list[Drawn]]]] = [
        ("safety", lambda: [toxicity_strip(cohort)]),
        ("safety", lambda: [neutrophil_course(cohort)]),
        ("safety", lambda: [b_cell_course(cohort)]),
        ("efficacy", lambda: [response_map(cohort)]),
        ("efficacy", lambda: [forest_plot(cohort, analysis)]),
        ("efficacy", lambda: score_courses(cohort)),
        ("durability", lambda: [event_free_curves(cohort, analysis)]),
        ("durability", lambda: [prior_drugs(cohort)]),
        ("patients", lambda: [swimmer_plot(cohort)]),
    ]
    drawn: dict[str, list[Drawn]] = {section: [] for section in SECTIONS}
    made = for_each(lambda step: step[1](), steps)
    for (section, _), figures in zip(steps, made, strict=True):
        drawn[section] += figures
    return drawn


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
