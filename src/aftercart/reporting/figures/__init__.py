"""Figures: each is a function from a cohort to a `Figure` with its finding in words and its data beside it."""

from __future__ import annotations

import polars as pl

from aftercart.analysis.cohort import Cohort
from aftercart.reporting.figures import courses, event_free, timelines
from aftercart.reporting.figures.base import Figure, drawing

SAFETY = ("neutrophils", "b-cells")
"""Courses shown with safety; the others are shown with efficacy."""


def draw_all(cohort: Cohort, curves: pl.DataFrame) -> dict[str, list[Figure]]:
    """Every figure that the data allow, by section of the report: `patients`, `safety`, `efficacy`, `estimates`.

    curves: those of the analysis of the study.
    """
    with drawing():
        event_free_ = event_free.draw(curves, simulated=cohort.study.meta.simulated)
        swimmer = timelines.draw(cohort)
        drawn = [figure for course in courses.COURSES if (figure := courses.draw(course, cohort)) is not None]
    return {
        "patients": [] if swimmer is None else [swimmer],
        "safety": [f for f in drawn if f.id in SAFETY],
        "efficacy": [f for f in drawn if f.id not in SAFETY],
        "estimates": [] if event_free_ is None else [event_free_],
    }


__all__ = ["Figure", "draw_all"]
