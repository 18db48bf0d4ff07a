from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from aftercart import criteria

Course = tuple[str | None, float | None] | tuple[str | None, float | None, str | None]


def add_up(*courses: Course, **given: Any) -> dict[str, Any]:
    """The result for a list of courses: drug, dose per day and (where it matters) route."""
    named = [
        {
            "drug": c[0],
            "dose_mg_per_day": None if c[1] is None else float(c[1]),
            "route": c[2] if len(c) > 2 else "oral",
        }
        for c in courses
    ]
    frame = pl.DataFrame({"glucocorticoids": [named]})
    return criteria.glucocorticoid_prednisone_equivalent(frame, **given).row(0, named=True)


@pytest.mark.parametrize(
    ("drug", "equal_to_5"),
    [
        ("prednisone", 5),
        ("prednisolone", 5),
        ("methylprednisolone", 4),
        ("triamcinolone", 4),
        ("hydrocortisone", 20),
        ("cortisone", 25),
        ("dexamethasone", 0.75),
        ("betamethasone", 0.75),
        ("deflazacort", 6),
    ],
)
def test_every_drug_of_the_table(drug: str, equal_to_5: float) -> None:
    for multiple in (1, 2, 0.5, 0):
        found = add_up((drug, equal_to_5 * multiple))
        assert found["prednisone_mg_per_day"] == pytest.approx(5 * multiple, abs=1e-12)
        assert (found["clause"], found["n_systemic"], found["missing"]) == ("sum", 1, None)


@pytest.mark.parametrize(
    ("courses", "total", "counted"),
    [
        ([("prednisone", 5), ("methylprednisolone", 4)], 10, 2),
        ([("prednisone", 5), ("prednisone", 2.5)], 7.5, 2),
        ([("hydrocortisone", 10), ("hydrocortisone", 5), ("deflazacort", 12)], 13.75, 3),
        ([("dexamethasone", 1.5), ("cortisone", 50), ("triamcinolone", 8)], 30, 3),
        ([("methylprednisolone", 500, "intravenous")], 625, 1),
        ([("prednisone", 5), ("methylprednisolone", 1000, "intravenous")], 1255, 2),
    ],
)
def test_courses_add_up(courses: list[Course], total: float, counted: int) -> None:
    for ordered in (courses, courses[::-1]):
        found = add_up(*ordered)
        assert found["prednisone_mg_per_day"] == pytest.approx(total, abs=1e-9)
        assert (found["n_systemic"], found["clause"]) == (counted, "sum")


@pytest.mark.parametrize(
    ("route", "systemic"),
    [
        ("oral", True),
        ("intravenous", True),
        ("intramuscular", True),
        ("subcutaneous", True),
        (None, True),
        ("topical", False),
        ("inhaled", False),
        ("intra_articular", False),
    ],
)
def test_local_routes_are_left_out(route: str | None, systemic: bool) -> None:
    alone = add_up(("triamcinolone", 40, route))
    assert (alone["prednisone_mg_per_day"], alone["n_systemic"]) == ((50, 1) if systemic else (0, 0))
    assert alone["clause"] == ("sum" if systemic else "none")
    beside = add_up(("prednisone", 5), ("triamcinolone", 40, route))
    assert (beside["prednisone_mg_per_day"], beside["n_systemic"]) == ((55, 2) if systemic else (5, 1))


def test_a_route_that_is_not_given_is_oral() -> None:
    taken = pl.DataFrame({"drug": ["prednisone"], "dose_mg_per_day": [7.5]})
    assert criteria.glucocorticoid_prednisone_equivalent(taken)["prednisone_mg_per_day"].to_list() == [7.5]


# an unknown systemic drug or dose makes the sum missing, a local one does not
@pytest.mark.parametrize(
    ("courses", "total", "counted"),
    [
        ([("soterocort", 5)], None, 1),
        ([(None, 5)], None, 1),
        ([("prednisone", None)], None, 1),
        ([("prednisone", 5), ("soterocort", 5)], None, 2),
        ([("prednisone", 5), ("prednisone", None)], None, 2),
        ([("prednisone", 5), ("soterocort", 5, "topical")], 5, 1),
        ([("prednisone", 5), ("triamcinolone", None, "intra_articular")], 5, 1),
        ([(None, None, "inhaled")], 0, 0),
        ([("prednisone", 5), ("prednisone", None, None)], None, 2),
    ],
)
def test_unknown_drugs_and_doses(courses: list[Course], total: float | None, counted: int) -> None:
    found = add_up(*courses)
    assert (found["prednisone_mg_per_day"], found["n_systemic"]) == (total, counted)
    if total is None:
        assert (found["clause"], found["missing"]) == (None, "drug or dose_mg_per_day")
    else:
        assert (found["clause"], found["missing"]) == ("sum" if counted else "none", None)


def test_an_empty_list_is_no_glucocorticoid_and_a_null_list_is_unknown() -> None:
    course = {"drug": "prednisone", "dose_mg_per_day": 5.0}
    found = criteria.glucocorticoid_prednisone_equivalent(
        pl.DataFrame({"visit": ["a", "b", "c"], "glucocorticoids": [[], None, [course]]})
    )
    assert found["visit"].to_list() == ["a", "b", "c"]
    assert found["prednisone_mg_per_day"].to_list() == [0.0, None, 5.0]
    assert found["n_systemic"].to_list() == [0, None, 1]
    assert found["clause"].to_list() == ["none", None, "sum"]
    assert found["missing"].to_list() == [None, "glucocorticoids", None]


@pytest.mark.parametrize("courses", [[[]], [None]], ids=["empty", "null"])
def test_a_column_without_any_course(courses: list[Any]) -> None:
    found = criteria.glucocorticoid_prednisone_equivalent(pl.DataFrame({"glucocorticoids": courses}))
    assert found["prednisone_mg_per_day"].to_list() == [None if courses == [None] else 0.0]


# betamethasone has one value in some tables and another in others
@pytest.mark.parametrize(
    ("equal_to_5", "courses", "total"),
    [
        (0.6, [("betamethasone", 0.6)], 5),
        (0.6, [("betamethasone", 0.75)], 6.25),
        (0.75, [("betamethasone", 0.75)], 5),
        (0.6, [("dexamethasone", 0.75)], 5),
        (0.6, [("betamethasone", 0.6), ("prednisone", 5)], 10),
        (None, [("betamethasone", 0.75)], None),
        (None, [("prednisone", 5)], 5),
    ],
)
def test_betamethasone_can_be_set(equal_to_5: float | None, courses: list[Course], total: float | None) -> None:
    found = add_up(*courses, betamethasone_mg_equal_to_prednisone_5_mg=equal_to_5)
    assert found["prednisone_mg_per_day"] == (None if total is None else pytest.approx(total, abs=1e-9))


@pytest.mark.parametrize("value", [0.0, 5.1])
def test_betamethasone_outside_its_range_is_refused(value: float) -> None:
    found = add_up(("betamethasone", 0.75), betamethasone_mg_equal_to_prednisone_5_mg=value)
    assert found["prednisone_mg_per_day"] is None
    assert found["invalid"] == f"betamethasone_mg_equal_to_prednisone_5_mg: found {value}, expected 0.1 to 5"


def test_a_negative_dose_makes_the_sum_missing() -> None:
    found = add_up(("prednisone", 5), ("prednisone", -5))
    assert (found["prednisone_mg_per_day"], found["clause"]) == (None, None)
    assert found["missing"] == "drug or dose_mg_per_day"


def test_long_frames_are_added_up_by_subject() -> None:
    taken = pl.DataFrame(
        {
            "subject_id": ["P2", "P1", "P2", "P3"],
            "drug": ["Prednisone", " methylprednisolone ", "dexamethasone", "hydrocortisone"],
            "dose_mg_per_day": [2.5, 8.0, 0.75, None],
        }
    )
    found = criteria.glucocorticoid_prednisone_equivalent(taken)
    assert found["subject_id"].to_list() == ["P2", "P1", "P3"]
    assert found["prednisone_mg_per_day"].to_list() == [7.5, 10.0, None]
