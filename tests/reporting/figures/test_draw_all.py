"""Every figure of a report together: the reference cohort, and a study with next to nothing in it."""

from __future__ import annotations

import re
from itertools import chain

import pytest
from tests.reporting.figures import clinic

import aftercart as ac
from aftercart.analysis.cohort import Cohort
from aftercart.reporting.figures import SECTIONS, Absent, Figure, draw_all, patient_timeline


@pytest.fixture(scope="module")
def reference() -> tuple[Cohort, ac.Analysis]:
    study = ac.reference_cohort()
    assessments = ac.assess(study)
    return Cohort.of(study, assessments), ac.analyze(study, assessments)


@pytest.fixture(scope="module")
def sections(reference: tuple[Cohort, ac.Analysis]) -> dict[str, list[Figure | Absent]]:
    return draw_all(*reference)


def test_the_reference_cohort_has_every_figure(sections: dict[str, list[Figure | Absent]]) -> None:
    assert tuple(sections) == SECTIONS
    assert [f.id for f in chain(*sections.values()) if isinstance(f, Absent)] == []
    assert {k: [f.id for f in v] for k, v in sections.items()} == {
        "safety": ["toxicity-strip", "neutrophils", "b-cells"],
        "efficacy": [
            *("responses", "forest", "sledai-2k", "upcr", "tis", "mmt8", "ck", "eustar-ai", "mrss", "fvc", "haq-di"),
        ],
        "durability": ["event-free", "prior-drugs"],
        "patients": ["swimmer"],
    }


def test_the_figures_state_the_published_totals(sections: dict[str, list[Figure | Absent]]) -> None:
    said = {f.id: f.alt for f in chain(*sections.values()) if isinstance(f, Figure)}
    assert "CRS occurred in 9 of 15 assessed, at worst grade 2 (in 1)" in said["toxicity-strip"]
    assert "ICANS occurred in 1 of 15 assessed" in said["toxicity-strip"]
    assert "a serious infection in 1" in said["swimmer"]
    assert "DORIS remission in SLE (last visit) 8 of 8" in said["forest"]
    assert "immunosuppressant in 0 of 15" in said["prior-drugs"]
    assert "Alive: 0 of 15 had the event" in said["event-free"]


def test_ids_are_unique_and_figures_small(
    reference: tuple[Cohort, ac.Analysis], sections: dict[str, list[Figure | Absent]]
) -> None:
    cohort, _ = reference
    patients = cohort.patients["subject_id"].to_list()
    timelines = [patient_timeline(cohort, p) for p in patients]
    drawn = [f for f in chain(*sections.values(), timelines) if isinstance(f, Figure)]
    ids = [i for f in drawn for i in re.findall(r' id="([^"]+)"', f.svg())]
    assert len(ids) == len(set(ids))
    assert len(timelines) == 15
    sizes = {f.id: len(f.svg()) for f in drawn}
    assert {i: n for i, n in sizes.items() if n > (40_000 if i.startswith("timeline") else 70_000)} == {}
    assert sum(sizes.values()) < 700_000


def test_a_study_with_one_patient_and_no_record_gives_reasons() -> None:
    cohort = clinic.bare()
    sections = draw_all(cohort, ac.analyze(cohort.study, cohort.assessments))
    absent = {f.id: f.reason for f in chain(*sections.values()) if isinstance(f, Absent)}
    assert absent == {
        "toxicity-strip": "No toxicity was assessed on any of the first 30 days after an infusion.",
        "neutrophils": "The neutrophil count was not measured in any of the patients.",
        "b-cells": "The B-cell count was not measured in any of the patients.",
        "responses": "No response criterion was assessed at any visit after the infusion.",
        "forest": "No response criterion could be evaluated at month 3, month 6 or the last visit.",
        "sledai-2k": "SLEDAI-2K was not measured in any of the patients with systemic lupus erythematosus.",
        "prior-drugs": "No glucocorticoid, immunosuppressant or other drug for the disease is recorded.",
    }
    assert [f.id for f in chain(*sections.values()) if isinstance(f, Figure)] == ["event-free", "swimmer"]
