"""Courses of scores, neutrophils and B cells."""

from __future__ import annotations

import re

import polars as pl
import pytest
from tests.reporting.figures import clinic

from aftercart.reporting.figures import Absent, Figure, b_cell_course, courses, neutrophil_course, score_courses
from aftercart.reporting.figures.measures import B_CELLS, LABORATORY, NEUTROPHILS, SCORES
from aftercart.study import dictionary


def figure(found: Figure | Absent) -> Figure:
    assert isinstance(found, Figure)
    return found


def test_the_points_are_those_of_the_visits_and_the_baseline_stands_at_day_0() -> None:
    sledai = figure(score_courses(clinic.cohort())[0])
    assert sledai.data.rows() == [
        ("SLE-1", 0, 10.0, 10.0, 10.0),
        ("SLE-1", 90, 4.0, 4.0, 4.0),
        ("SLE-1", 183, 0.0, 0.0, 0.0),
        ("SLE-2", 0, 8.0, 8.0, 8.0),
        ("SLE-2", 91, 9.0, 9.0, 9.0),
        ("SLE-3", 0, None, 2.0, 6.0),
    ]
    assert sledai.alt == (
        "SLEDAI-2K was a median of 9 (range 8 to 10) at first and a median of 4.5 (range 0 to 9) at the last"
        " measurement; between the two it fell in 1, rose in 1 of 2 patients."
    )


def test_points_name_patient_criterion_and_day_and_the_limit_is_named() -> None:
    svg = figure(score_courses(clinic.cohort())[0]).svg()
    assert 'data-subject="SLE-1" data-criterion="sledai_2k" data-day="183"' in svg
    assert len(re.findall(r"<circle", svg)) == 5
    assert "low disease activity up to 4" in svg


def test_the_leading_measure_of_a_disease_without_values_gives_a_reason() -> None:
    absent = [f for f in score_courses(clinic.cohort()) if isinstance(f, Absent)]
    assert [a.id for a in absent] == ["tis", "eustar-ai"]
    assert absent[0].reason == (
        "The total improvement score was not measured in any of the patients with idiopathic inflammatory myopathy."
    )


def test_diseases_that_a_study_does_not_hold_are_not_named() -> None:
    found = score_courses(clinic.cohort(("IIM-1",)))
    assert [f.id for f in found] == ["tis"]


def test_neutrophils_are_shown_to_day_100_with_the_limits_of_icaht() -> None:
    found = figure(neutrophil_course(clinic.cohort()))
    assert found.data.select("patient", "day", "value").rows() == [
        ("SLE-1", -3, 4.0),
        ("SLE-1", 6, 0.05),
        ("SLE-1", 20, 2.0),
        ("IIM-1", 8, 0.4),
    ]
    assert "at or below 0.5 in 2, it was at or below 0.1 in 1 of 2 patients" in found.alt
    assert {"severe up to 0.5", "profound up to 0.1"} <= set(re.findall(r">([^<]+)</text>", found.svg()))


def test_b_cells_of_zero_or_below_quantification_are_told_apart() -> None:
    found = figure(b_cell_course(clinic.cohort()))
    assert found.data.rows() == [
        ("SLE-1", -3, 120.0, False),
        ("SLE-1", 10, 0.0, True),
        ("SLE-1", 40, 2.0, True),
        ("SLE-1", 180, 30.0, False),
    ]
    triangles = re.search(r'<g fill="white" stroke="#0072b2"[^>]*>(.*?)</g>', found.svg())
    assert triangles is not None
    assert re.findall(r'data-day="(\d+)"', triangles.group(1)) == ["10", "40"]
    assert "0 stands below the scale" in found.note


def test_a_logarithmic_axis_has_a_place_for_zero_only_when_there_is_one() -> None:
    points = courses.course_points(B_CELLS, clinic.cohort())
    (low, _), labels, _ = courses.vertical(B_CELLS, points)
    assert labels[low] == "0"
    (low, _), labels, _ = courses.vertical(B_CELLS, points.filter(pl.col("y") > 0))
    assert "0" not in labels.values()
    assert low > 0


def test_the_highest_of_a_day_counts_where_high_is_bad() -> None:
    twice = [clinic.lab("SLE-1", "CD19", 5, v, "10*6/L") for v in (3.0, 7.0)]
    cohort = clinic.cohort(("SLE-1",), observations=twice)
    assert courses.facts(cohort, "obs:CD19")["y"].to_list() == [3.0]
    assert courses.facts(cohort, "obs:CD19", highest=True)["y"].to_list() == [7.0]


@pytest.mark.parametrize("course", [*SCORES, NEUTROPHILS, B_CELLS, *LABORATORY], ids=lambda c: c.id)
def test_every_course_reads_a_known_source_and_its_limits_are_published(course: object) -> None:
    from aftercart.criteria import registry

    assert isinstance(course, type(B_CELLS))
    assert (course.criterion is None) != (course.fact is None)
    if course.criterion is not None:
        assert registry.get(course.criterion).indications in ((), course.indications)
    else:
        assert str(course.fact).removeprefix("obs:") in dictionary.codes()
    values = [p.limit().value for p in course.limits]
    assert all(v > 0 for v in values)
    assert course.short


def many(n: int) -> pl.DataFrame:
    rows = [(f"P{i}", day, day / 30.0, float(i % 7), day) for i in range(n) for day in (0, 90, 180)]
    frame = pl.DataFrame(rows, schema=["patient", "day", "x", "y", "d"], orient="row")
    return frame.with_columns(low="y", high="y", below=pl.lit(value=False)).drop("d")


def test_of_thousands_of_patients_a_hundred_are_drawn_and_the_rest_is_summarised() -> None:
    shown, band, said = courses._selected(many(3000))
    assert shown["patient"].n_unique() == 100
    assert set(shown["y"]) == {6.0}
    assert band is not None
    assert band.select("low", "middle", "high").rows() == [(0.0, 3.0, 6.0)] * 3
    assert said.startswith("Lines: the 100 of 3,000 patients with the highest last value.")
    assert courses._selected(many(400))[1] is None
    fallen, _, said = courses._selected(many(3000), lowest=True)
    assert set(fallen["y"]) == {0.0}
    assert "with the lowest value" in said
