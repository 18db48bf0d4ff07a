"""Figures: each is a function from a cohort to a `Figure` with its finding in words and its data beside it."""

from __future__ import annotations

from aftercart.analysis.cohort import Cohort
from aftercart.reporting.figures import courses, timelines
from aftercart.reporting.figures.base import Figure

SAFETY = ("neutrophils", "b-cells")
"""Courses shown with safety; the others are shown with efficacy."""


def draw_all(cohort: Cohort) -> dict[str, list[Figure]]:
    """Every figure that the data allow, by section of the report: `patients`, `safety`, `efficacy`."""
    swimmer = timelines.draw(cohort)
    drawn = [figure for course in courses.COURSES if (figure := courses.draw(course, cohort)) is not None]
    return {
        "patients": [] if swimmer is None else [swimmer],
        "safety": [f for f in drawn if f.id in SAFETY],
        "efficacy": [f for f in drawn if f.id not in SAFETY],
    }


__all__ = ["Figure", "draw_all"]
