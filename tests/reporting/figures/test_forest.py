"""The forest plot."""

from __future__ import annotations

import re

import polars as pl
import pytest
from tests.reporting.figures import clinic

import aftercart as ac
from aftercart.reporting.figures import Absent, Figure, forest_plot


@pytest.fixture(scope="module")
def forest() -> Figure:
    cohort = clinic.cohort()
    found = forest_plot(cohort, ac.analyze(cohort.study, cohort.assessments))
    assert isinstance(found, Figure)
    return found


def test_rows_are_the_estimates_by_disease(forest: Figure) -> None:
    doris = forest.data.filter(pl.col("criterion") == "DORIS remission")
    assert doris.select("disease", "visit", "responders", "evaluable", "share").rows() == [
        ("SLE", "month_3", 1, 2, 0.5),
        ("SLE", "month_6", 1, 1, 1.0),
        ("SLE", "last_visit", 1, 1, 1.0),
    ]
    # Clopper-Pearson limits of 1 of 2 and of 1 of 1.
    assert doris["low"].round(4).to_list() == [0.0126, 0.025, 0.025]
    assert doris["high"].round(4).to_list() == [0.9874, 1.0, 1.0]
    assert set(forest.data["method"]) == {"Clopper-Pearson exact"}


def test_counts_stand_beside_the_marks(forest: Figure) -> None:
    words = re.findall(r">([^<]+)</text>", forest.svg())
    assert "1/2" in words
    assert words.count("1/1") >= 2
    assert "Systemic lupus erythematosus" in words


def test_the_finding_gives_the_leading_criterion_with_its_interval(forest: Figure) -> None:
    assert forest.alt == "DORIS remission in SLE (last visit) 1 of 1 (95% CI 0.03 to 1.00)."


def test_a_study_without_responses_says_why() -> None:
    cohort = clinic.cohort(("SSC-1",), rows=[])
    found = forest_plot(cohort, ac.analyze(cohort.study, cohort.assessments))
    assert isinstance(found, Absent)
    assert found.reason == "No response criterion could be evaluated at month 3, month 6 or the last visit."
