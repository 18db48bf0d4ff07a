"""The response map."""

from __future__ import annotations

import re

import polars as pl
from tests.reporting.figures import clinic

from aftercart.reporting.figures import Absent, Figure, response_map


def mapped(**more: object) -> Figure:
    found = response_map(clinic.cohort(**more))  # type: ignore[arg-type]
    assert isinstance(found, Figure)
    return found


def test_data_hold_every_answer_after_the_infusion() -> None:
    doris = mapped().data.filter(pl.col("criterion") == "doris_2021")
    assert doris.select("patient", "visit", "day", "answer", "missing").rows() == [
        ("SLE-1", "month_3", 90, "not met", None),
        ("SLE-1", "month_6", 183, "met", None),
        ("SLE-2", "month_3", 91, "met", None),
        ("SLE-2", "month_6", 183, "not evaluable", "phga"),
    ]
    assert "baseline" not in set(mapped().data["visit"])


def test_answers_differ_in_shape_and_colour_and_name_what_they_answer() -> None:
    svg = mapped(rows=[r for r in clinic.ROWS if r["criterion"] == "doris_2021"]).svg()
    marks = re.findall(r'<g fill="([^"]+)"[^>]*>((?:<(?:path|use)[^>]*data-criterion[^>]*/>)+)</g>', svg)
    assert {fill: body.count("data-day") for fill, body in marks} == {"#009e73": 2, "#d55e00": 1, "white": 1}
    shapes = [re.sub(r"-?\d+(\.\d+)?", "", re.findall(r' d="([^"]+)"', body)[0]) for _, body in marks]
    assert len(set(shapes)) == 3
    assert 'data-subject="SLE-2" data-criterion="doris_2021" data-day="183"' in dict(marks)["white"]
    assert ">?</text>" in svg


def test_the_finding_counts_the_last_visit_and_the_open_answers() -> None:
    assert "DORIS remission in 1 of 1 (1 not evaluable)" in mapped().alt
    assert "SLEDAI-2K of 0 in 1 of 2" in mapped().alt


def test_a_criterion_that_could_be_evaluated_in_nobody_is_left_out() -> None:
    rows = [clinic.grade("SLE-1", "doris_2021", 90, None, visit="month_3", missing="phga")]
    assert isinstance(response_map(clinic.cohort(rows=rows)), Absent)


def test_a_study_without_efficacy_says_why() -> None:
    found = response_map(clinic.cohort(rows=clinic.crs("SLE-1", 1)))
    assert found == Absent(
        "responses",
        "Response of each patient at each visit",
        "No response criterion was assessed at any visit after the infusion.",
    )
