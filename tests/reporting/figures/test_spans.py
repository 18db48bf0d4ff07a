"""Grades over days."""

from __future__ import annotations

import polars as pl
import pytest
from tests.reporting.figures import clinic

from aftercart.reporting.figures import spans

ORDER = ("patient", "what", "day", "grade", "open")


def test_the_worst_cell_line_of_a_day_is_its_cytopenia() -> None:
    days = spans.daily(clinic.cohort()).filter(pl.col("what") == "Cytopenia")
    assert days.select("patient", "day", "grade", "open", "criterion").rows() == [
        ("IIM-1", 6, 1, True, "ctcae_platelets_hemoglobin"),
        ("SLE-1", 5, 4, False, "ctcae_platelets_hemoglobin"),
        ("SLE-1", 7, 3, False, "ctcae_neutrophils"),
    ]


def test_a_day_that_may_be_grade_0_or_1_has_no_grade() -> None:
    days = spans.daily(clinic.cohort()).filter((pl.col("what") == "CRS") & (pl.col("patient") == "SLE-2"))
    assert days.select("day", "grade", "open").rows() == [(0, 0, False), (1, None, True)]


def test_the_higher_of_two_grades_of_a_day_counts_and_stays_open_when_the_other_may_be_higher() -> None:
    rows = [
        clinic.grade("SLE-1", "ctcae_neutrophils", 3, 2.0, variant="v5"),
        clinic.grade("SLE-1", "ctcae_platelets_hemoglobin", 3, None, value_min=0.0, value_max=4.0, variant="anemia v5"),
    ]
    days = spans.daily(clinic.cohort(rows=rows))
    assert days.select("grade", "open").rows() == [(2, True)]


def frame(*days: tuple[str, int, int | None]) -> pl.DataFrame:
    return pl.DataFrame(
        [(p, d, g, False, "crs_astct_2019", "CRS") for p, d, g in days],
        schema=["patient", "day", "grade", "open", "criterion", "what"],
        orient="row",
    ).with_columns(pl.col("grade").cast(pl.Int64))


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [("A", 1, 1, 3), ("A", 2, 3, 4), ("A", 2, 6, 7), ("B", 2, 6, 7)]),
        ({"lowest": 2}, [("A", 2, 3, 4), ("A", 2, 6, 7), ("B", 2, 6, 7)]),
        ({"gap": 3}, [("A", 1, 1, 3), ("A", 2, 3, 7), ("B", 2, 6, 7)]),
        ({"lowest": 0}, [("A", 0, 0, 1), ("A", 1, 1, 3), ("A", 2, 3, 4), ("A", 2, 6, 7), ("B", 2, 6, 7)]),
        ({"lowest": 2, "unknown": True}, [("A", 2, 3, 4), ("A", 2, 6, 7), ("A", None, 7, 9), ("B", 2, 6, 7)]),
    ],
)
def test_neighbouring_days_of_one_grade_are_one_span(
    options: dict[str, int], expected: list[tuple[object, ...]]
) -> None:
    days = frame(
        ("A", 0, 0), ("A", 1, 1), ("A", 2, 1), ("A", 3, 2), ("A", 6, 2), ("A", 7, None), ("A", 8, None), ("B", 6, 2)
    )
    assert spans.spans(days, **options).select("patient", "grade", "start", "end").rows() == expected


def test_labels_say_at_least_and_not_known() -> None:
    grades = pl.DataFrame({"grade": [1, 2, None], "open": [False, True, True]})
    assert grades.select(spans.label()).to_series().to_list() == ["1", "2+", "?"]
