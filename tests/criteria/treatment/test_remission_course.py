from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aftercart import criteria

OUTPUTS = ("first_remission_day", "relapse_day", "remission_duration_days", "censored")
Visit = tuple[int | None, bool | None, bool]


def visits_of(text: str) -> list[Visit]:
    """Visits in one line: day and state (+ in remission, - out of remission, ? unknown), r for a restart."""
    states = {"+": True, "-": False, "?": None}
    return [(int(v.rstrip("r")[:-1]), states[v.rstrip("r")[-1]], v.endswith("r")) for v in text.split()]


def follow(visits: list[Visit]) -> dict[str, Any]:
    listed = [{"day": d, "in_remission": s, "treatment_restarted": r} for d, s, r in visits]
    schema = {
        "visits": pl.List(pl.Struct({"day": pl.Int64, "in_remission": pl.Boolean, "treatment_restarted": pl.Boolean}))
    }
    return criteria.remission_course(pl.DataFrame({"visits": [listed]}, schema=schema)).row(0, named=True)


# visits -> first day in remission, day of relapse, duration, censored, clause
@pytest.mark.parametrize(
    ("visits", "first", "relapse", "duration", "censored", "clause"),
    [
        ("", None, None, None, None, "never"),
        ("30- 90-", None, None, None, None, "never"),
        ("90+r", None, None, None, None, "never"),
        ("90+r 180-", None, None, None, None, "never"),
        ("90+", 90, None, 0, True, "lasting"),
        ("30- 90+ 180+ 360+", 90, None, 270, True, "lasting"),
        ("0+ 30+", 0, None, 30, True, "lasting"),
        ("90+ 180+ 270-", 90, 270, 180, False, "relapsed"),
        ("90+ 91-", 90, 91, 1, False, "relapsed"),
        ("90+ 180+r", 90, 180, 90, False, "relapsed"),
        ("90+ 180-r", 90, 180, 90, False, "relapsed"),
        ("90+ 180?r", 90, 180, 90, False, "relapsed"),
        ("90+r 180+ 270+", 180, None, 90, True, "lasting"),
        ("60-r 90+ 180+", 90, None, 90, True, "lasting"),
        ("30? 90+ 180+", 90, None, 90, True, "lasting"),
        ("90+ 180? 270+", 90, None, 180, True, "lasting"),
        ("90+ 180+ 270?", 90, None, 90, True, "lasting"),
        ("90+ 180?", 90, None, 0, True, "lasting"),
        ("90+ 180? 270-", 90, 270, 180, False, "relapsed"),
        ("90+ 180- 270+ 360+", 90, 180, 90, False, "relapsed"),
        ("90+ 180- 270+ 360-", 90, 180, 90, False, "relapsed"),
        ("90+ 180- 270+r", 90, 180, 90, False, "relapsed"),
    ],
)
def test_course_of_the_first_remission(
    visits: str, first: int | None, relapse: int | None, duration: int | None, censored: bool | None, clause: str
) -> None:
    listed = visits_of(visits)
    for ordered in (listed, listed[::-1], listed[1:] + listed[:1]):
        found = follow(ordered)
        assert tuple(found[name] for name in OUTPUTS) == (first, relapse, duration, censored)
        assert (found["clause"], found["missing"]) == (clause, None)


# several visits on one day: out of remission and a restart win
@pytest.mark.parametrize(
    ("visits", "expected"),
    [
        ("90+ 90- 180+", (180, None, 0, True)),
        ("90+ 180+ 180-", (90, 180, 90, False)),
        ("90+ 180+ 180+r", (90, 180, 90, False)),
        ("90+ 90+r 180+", (180, None, 0, True)),
        ("90+ 180+ 180?", (90, None, 90, True)),
    ],
)
def test_several_visits_on_a_day(visits: str, expected: tuple[Any, ...]) -> None:
    found = follow(visits_of(visits))
    assert tuple(found[name] for name in OUTPUTS) == expected


def test_only_unknown_visits_give_nothing() -> None:
    found = follow(visits_of("30? 90? 180?"))
    assert [found[name] for name in OUTPUTS] == [None] * 4


def test_a_visit_without_a_day_is_left_out() -> None:
    found = follow([(90, True, False), (None, False, False), (180, True, False)])
    assert tuple(found[name] for name in OUTPUTS) == (90, None, 90, True)


def test_a_list_that_was_not_given_is_missing() -> None:
    found = criteria.remission_course(pl.DataFrame({"visits": [None]})).row(0, named=True)
    assert [found[name] for name in OUTPUTS] == [None] * 4
    assert found["missing"] == "visits"


def test_restart_is_no_unless_stated() -> None:
    visits = pl.DataFrame({"day": [90, 180], "in_remission": [True, True]})
    found = criteria.remission_course(visits)
    assert found.select(OUTPUTS).row(0) == (90, None, 90, True)


def test_long_frames_are_followed_by_subject() -> None:
    visits = pl.DataFrame(
        {
            "subject_id": ["P2", "P1", "P2", "P1", "P3"],
            "day": [180, 90, 90, 180, 90],
            "in_remission": [False, True, True, True, False],
        }
    )
    found = criteria.remission_course(visits)
    assert found["subject_id"].to_list() == ["P2", "P1", "P3"]
    assert found.select(OUTPUTS).rows() == [(90, 180, 90, False), (90, None, 90, True), (None, None, None, None)]
    assert found["clause"].to_list() == ["relapsed", "lasting", "never"]


def test_other_columns_can_name_the_subject() -> None:
    visits = pl.DataFrame({"arm": ["a", "b"], "day": [90, 30], "in_remission": [True, True]})
    assert criteria.remission_course(visits, by="arm")["first_remission_day"].to_list() == [90, 30]


days = st.lists(st.tuples(st.integers(0, 400), st.sampled_from([True, False, None]), st.booleans()), max_size=8)


@settings(max_examples=60, deadline=None)
@given(visits=days.map(lambda v: list({d: (d, s, r) for d, s, r in v}.values())), later=st.integers(401, 500))
def test_unknown_visits_change_nothing_and_a_relapse_stays(visits: list[Visit], later: int) -> None:
    found = follow(visits)
    unknown = follow([*visits, (later, None, False)])
    assert [unknown[name] for name in OUTPUTS] == [found[name] for name in OUTPUTS]
    out = follow([*visits, (later, False, False)])
    assert out["first_remission_day"] == found["first_remission_day"]
    if found["first_remission_day"] is None:
        assert out["relapse_day"] is None
    else:
        assert out["relapse_day"] == (found["relapse_day"] if found["relapse_day"] is not None else later)
        assert out["remission_duration_days"] == out["relapse_day"] - out["first_remission_day"]
