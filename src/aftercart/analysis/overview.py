"""Adverse events of each patient at a glance: any, severe, related, fatal, as they were reported."""

from __future__ import annotations

import polars as pl

from aftercart.analysis.adverse import event_outcomes
from aftercart.analysis.cohort import Cohort, once
from aftercart.analysis.counts import ADVERSE
from aftercart.analysis.outcomes import Outcome

RELATED = ("possible", "probable", "related")
"""Relations to the cell product that count as related."""

_ADVERSE = pl.col("category").is_in(list(ADVERSE))

ASKED = (
    ("adverse_event_any", "Any adverse event", _ADVERSE),
    (
        "adverse_event_grade_3_or_more",
        "Adverse event reported with grade 3 or more",
        _ADVERSE & (pl.col("grade") >= 3).fill_null(value=False),
    ),
    (
        "adverse_event_related",
        "Adverse event at least possibly related to the cells",
        _ADVERSE & pl.col("related").is_in(list(RELATED)).fill_null(value=False),
    ),
    (
        "adverse_event_fatal",
        "Adverse event with fatal outcome",
        _ADVERSE & ((pl.col("outcome") == "FATAL") | (pl.col("grade") == 5)).fill_null(value=False),
    ),
)


@once
def outcomes(cohort: Cohort) -> list[Outcome]:
    """Whether each infused patient had such an event, from infusion to the end of observation.

    Grades, relation and outcome are those reported; an event without a reported grade counts in `any` alone. Derived
    grades (CRS, ICANS, laboratory tests) are outcomes of their own and are not events here unless they were reported.
    """
    return list(event_outcomes(cohort, ASKED))
