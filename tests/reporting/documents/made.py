"""A study with everything that its documents are made of."""

from __future__ import annotations

from dataclasses import dataclass

import aftercart as ac
from aftercart.analysis.cohort import Cohort
from aftercart.reporting.documents import NumberedTable, Origin, submission_tables
from aftercart.study.model import Study


@dataclass(frozen=True, eq=False)
class Made:
    """The parts, made from one assessment."""

    study: Study
    cohort: Cohort
    analysis: ac.Analysis
    tables: tuple[NumberedTable, ...]
    origin: Origin

    def table(self, number: str) -> NumberedTable:
        return next(t for t in self.tables if t.number == number)


def made(study: Study) -> Made:
    assessments = ac.assess(study)
    cohort = Cohort.of(study, assessments)
    analysis = ac.analyze(study, assessments)
    origin = Origin.of(analysis.about, note=study.meta.note)
    return Made(study, cohort, analysis, submission_tables(cohort, analysis), origin)
