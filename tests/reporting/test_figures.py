"""Figures of the report."""

from __future__ import annotations

import aftercart as ac
from aftercart.analysis.cohort import Cohort
from aftercart.reporting.figures import Figure, draw_all


def test_every_chart_keeps_to_the_schema_of_its_library() -> None:
    study = ac.reference_cohort()
    cohort = Cohort.of(study, ac.assess(study))
    figures = [f for section in draw_all(cohort, ac.analyze(study)).values() for f in section if isinstance(f, Figure)]
    assert len(figures) > 5
    for figure in figures:
        assert figure.chart.to_dict(validate=True)["$schema"].endswith(".json")
        assert figure.svg() is figure.svg()
