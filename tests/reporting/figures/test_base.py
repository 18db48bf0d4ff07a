"""What every figure can do: save in four forms, mark simulated data, be drawn the same again, change nothing."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import altair as alt
import polars as pl
import pytest
from polars.testing import assert_frame_equal
from tests.reporting.figures import clinic

from aftercart import figures
from aftercart.analysis.cohort import Cohort
from aftercart.errors import UsageError
from aftercart.reporting.figures import Absent, Figure
from aftercart.reporting.figures.base import SIMULATED

DRAWERS = (
    figures.swimmer_plot,
    figures.toxicity_strip,
    figures.response_map,
    figures.neutrophil_course,
    figures.b_cell_course,
    figures.prior_drugs,
)


@pytest.fixture(scope="module")
def cohort() -> Cohort:
    return clinic.cohort()


def drawn(cohort: Cohort) -> Iterator[Figure]:
    found = [*(draw(cohort) for draw in DRAWERS), *figures.score_courses(cohort)]
    found.append(figures.patient_timeline(cohort, "SLE-1"))
    return (f for f in found if isinstance(f, Figure))


def test_a_figure_is_saved_in_the_form_its_suffix_names(cohort: Cohort, tmp_path: Path) -> None:
    figure = figures.toxicity_strip(cohort)
    assert isinstance(figure, Figure)
    assert figure.save(tmp_path / "f.svg").read_text("utf-8") == figure.svg()
    assert figure.save(tmp_path / "f.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    page = figure.save(tmp_path / "f.html").read_text("utf-8")
    assert figure.alt in page
    assert "<svg" in page
    table = pl.read_csv(figure.save(tmp_path / "f.csv"))
    assert table.columns == [*figure.data.columns, "simulated"]
    assert table.height == figure.data.height
    assert table["simulated"].all()


def test_another_form_is_refused(cohort: Cohort, tmp_path: Path) -> None:
    figure = figures.toxicity_strip(cohort)
    assert isinstance(figure, Figure)
    with pytest.raises(UsageError, match=r"'\.gif'"):
        figure.save(tmp_path / "f.gif")


def test_every_figure_of_simulated_data_says_so_and_no_other(cohort: Cohort) -> None:
    for figure in drawn(cohort):
        assert f">{SIMULATED}</text>" in figure.svg()
        real = replace(figure, simulated=False)
        assert SIMULATED not in real.svg()
        assert "simulated" not in real.data.columns


def test_every_figure_has_a_finding_data_and_the_names_a_screen_reader_needs(cohort: Cohort) -> None:
    for figure in drawn(cohort):
        assert figure.alt.endswith(".")
        assert re.search(r"\d", figure.alt)
        assert figure.data.height
        svg = figure.svg()
        assert f'aria-labelledby="{figure.id}-title {figure.id}-desc"' in svg
        assert f'<title id="{figure.id}-title">' in svg


def test_the_same_assessments_give_the_same_bytes() -> None:
    def digest() -> str:
        parts = [f.svg() + f.data.write_csv() for f in drawn(clinic.cohort())]
        return hashlib.sha256("".join(parts).encode()).hexdigest()

    assert digest() == digest()


def test_drawing_changes_nothing(cohort: Cohort) -> None:
    before = [t.clone() for t in (cohort.table, cohort.patients, cohort.timeline.facts, cohort.timeline.exposures)]
    assert len(list(drawn(cohort))) >= 8
    after = (cohort.table, cohort.patients, cohort.timeline.facts, cohort.timeline.exposures)
    for one, other in zip(before, after, strict=True):
        assert_frame_equal(one, other)


def test_a_figure_becomes_a_chart_that_can_be_changed(cohort: Cohort) -> None:
    figure = figures.toxicity_strip(cohort)
    assert isinstance(figure, Figure)
    chart = figure.chart.properties(title="Mine")
    assert isinstance(chart, alt.LayerChart)
    assert chart.to_dict()["title"] == "Mine"


def test_functions_take_assessments_as_well_as_a_cohort(cohort: Cohort) -> None:
    for draw in DRAWERS:
        one, other = draw(cohort), draw(cohort.assessments)
        assert isinstance(one, Figure)
        assert isinstance(other, Figure)
        assert one.svg() == other.svg()


def test_every_mark_of_a_patient_names_one_of_the_cohort(cohort: Cohort) -> None:
    names = set(cohort.patients["subject_id"])
    for figure in drawn(cohort):
        said = re.findall(r'data-subject="([^"]*)"', figure.svg())
        assert said
        assert set(said) <= names
        if not figure.id.startswith("timeline"):
            assert set(figure.data["patient"]) <= set(said)


HOSTILE = {
    "SLE-1": '"><script>alert(1)</script>',
    "SLE-2": "\u0418\u0432\u0430\u043d\u043e\u0432\u0430",
    "IIM-1": "\u65e5\u672c\u306e\u60a3\u8005",
}


def test_names_in_any_script_and_hostile_ones_stay_text() -> None:
    import xml.etree.ElementTree as ET

    cohort = clinic.renamed(HOSTILE)
    shown: set[str] = set()
    for figure in _renamed(cohort):
        svg = figure.svg()
        assert "<script" not in svg
        assert not re.search(r"\son\w+=", svg)
        root = ET.fromstring(svg)
        shown |= {e.attrib["data-subject"] for e in root.iter() if "data-subject" in e.attrib}
        assert figure.png(0.5)[:4] == b"\x89PNG"
    assert set(HOSTILE.values()) <= shown


def _renamed(cohort: Cohort) -> Iterator[Figure]:
    found = [*(draw(cohort) for draw in DRAWERS), figures.patient_timeline(cohort, HOSTILE["SLE-1"])]
    return (f for f in found if isinstance(f, Figure))


def test_a_patient_without_any_record_gets_reasons_instead_of_figures() -> None:
    cohort = clinic.bare()
    for draw in (*DRAWERS[1:5], DRAWERS[5]):
        absent = draw(cohort)
        assert isinstance(absent, Absent)
        assert absent.reason.endswith(".")
        assert absent.title
    assert isinstance(figures.swimmer_plot(cohort), Figure)
    timeline = figures.patient_timeline(cohort, "SLE-1")
    assert isinstance(timeline, Figure)
    assert "CRS: not assessed" in timeline.alt
    assert "no event recorded" in timeline.alt
