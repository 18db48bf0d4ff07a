from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from aftercart import criteria

FAILED, INTOLERANT, RESPONSE, UNKNOWN = "inadequate_response", "intolerance", "response", "unknown"
STEROID = "glucocorticoid"
DEFINITIONS = ("breakfree1_sle", "nct06298019_dm", "nct06916806_sle", "erlangen_ge2", "nct06434363_ssc")
OPEN = "drug, outcome, duration_days or ended_days_before_screening"
TYPE = pl.List(
    pl.Struct(
        {
            "drug": pl.String,
            "outcome": pl.String,
            "duration_days": pl.Float64,
            "ended_days_before_screening": pl.Float64,
        }
    )
)
# drug, outcome, days taken, days from its end to screening; what is left out is a failure of 180 days, still running
Course = str | tuple[Any, ...]


def decide(definition: str | None, *courses: Course) -> dict[str, Any]:
    rows = []
    for course in courses:
        given = (course,) if isinstance(course, str) else course
        values = (*given, *(None, FAILED, 180.0, 0.0)[len(given) :])
        rows.append(dict(zip(TYPE.inner.to_schema(), values, strict=True)))  # type: ignore[union-attr]
    frame = pl.DataFrame({"prior_treatments": [rows]}, schema={"prior_treatments": TYPE}, strict=False)
    return criteria.refractory(frame, definition=definition).row(0, named=True)


def clause_of(refractory: bool | None, steroid_ok: bool | None) -> str | None:
    if refractory is None:
        return None
    return "met" if refractory else "too_few" if steroid_ok else "no_steroid"


# courses -> refractory, distinct drugs counted, glucocorticoid as the rule asks
@pytest.mark.parametrize(
    ("definition", "courses", "refractory", "counted", "steroid_ok"),
    [
        ("breakfree1_sle", [STEROID, "mycophenolate", "belimumab"], True, 2, True),
        ("breakfree1_sle", [STEROID, "mycophenolate", "belimumab", "rituximab"], True, 3, True),
        ("breakfree1_sle", [STEROID, "mycophenolate"], False, 1, True),
        ("breakfree1_sle", ["mycophenolate", "rituximab"], False, 2, False),
        ("breakfree1_sle", [STEROID, "methotrexate", "azathioprine"], False, 1, True),
        ("breakfree1_sle", [STEROID, "methotrexate", "azathioprine", "rituximab"], True, 2, True),
        ("breakfree1_sle", [STEROID, "mycophenolate", "hydroxychloroquine"], False, 1, True),
        ("breakfree1_sle", [STEROID, "mycophenolate", ("cyclophosphamide", INTOLERANT)], False, 1, True),
        ("breakfree1_sle", [(STEROID, INTOLERANT), "mycophenolate", "rituximab"], False, 2, False),
        ("breakfree1_sle", [(STEROID, RESPONSE), "mycophenolate", "rituximab"], False, 2, False),
        ("nct06298019_dm", [STEROID, "ivig", "rituximab"], True, 2, True),
        ("nct06298019_dm", [STEROID, "ivig", ("rituximab", INTOLERANT)], True, 2, True),
        ("nct06298019_dm", [(STEROID, INTOLERANT), "ivig", "rituximab"], True, 2, True),
        ("nct06298019_dm", [STEROID, "methotrexate", "azathioprine"], True, 2, True),
        ("nct06298019_dm", [STEROID, "ivig"], False, 1, True),
        ("nct06298019_dm", ["ivig", "rituximab"], False, 2, False),
        ("nct06298019_dm", [STEROID, "ivig", "belimumab"], False, 1, True),
        ("nct06298019_dm", [STEROID, "calcineurin_inhibitor", "jak_inhibitor"], True, 2, True),
        ("nct06298019_dm", [STEROID, "tacrolimus", "baricitinib"], True, 2, True),
        ("nct06298019_dm", [STEROID, "ciclosporin", "tofacitinib"], True, 2, True),
        ("nct06916806_sle", ["mycophenolate", "belimumab", ("cyclophosphamide", INTOLERANT)], True, 3, True),
        ("nct06916806_sle", ["mycophenolate", "belimumab", STEROID], True, 3, True),
        ("nct06916806_sle", ["mycophenolate", "hydroxychloroquine", "leflunomide"], True, 3, True),
        ("nct06916806_sle", ["mycophenolate", "belimumab"], False, 2, True),
        ("nct06916806_sle", ["mycophenolate", "belimumab", ("rituximab", RESPONSE)], False, 2, True),
        ("erlangen_ge2", ["mycophenolate", "rituximab"], True, 2, True),
        ("erlangen_ge2", [STEROID, "mycophenolate", "rituximab"], True, 2, True),
        ("erlangen_ge2", [STEROID, "mycophenolate"], False, 1, True),
        ("erlangen_ge2", ["leflunomide", "hydroxychloroquine"], True, 2, True),
        ("erlangen_ge2", ["mycophenolate", ("rituximab", RESPONSE)], False, 1, True),
        ("nct06434363_ssc", ["mycophenolate"], True, 1, True),
        ("nct06434363_ssc", ["cyclophosphamide"], True, 1, True),
        ("nct06434363_ssc", ["rituximab"], True, 1, True),
        ("nct06434363_ssc", ["tocilizumab"], True, 1, True),
        ("nct06434363_ssc", ["methotrexate"], False, 0, True),
        ("nct06434363_ssc", [STEROID], False, 0, True),
        ("nct06434363_ssc", [("rituximab", RESPONSE)], False, 0, True),
    ],
)
def test_entry_rules(definition: str, courses: list[Course], refractory: bool, counted: int, steroid_ok: bool) -> None:
    for ordered in (courses, courses[::-1]):
        found = decide(definition, *ordered)
        assert (found["refractory"], found["n_counted"], found["n_possible"]) == (refractory, counted, counted)
        assert found["steroid_ok"] is steroid_ok
        assert found["clause"] == clause_of(refractory, steroid_ok)
        assert (found["missing"], found["invalid"]) == (None, None)


LISTS = {
    "breakfree1_sle": (
        "cyclophosphamide mycophenolate belimumab azathioprine anifrolumab methotrexate rituximab obinutuzumab "
        "ciclosporin tacrolimus voclosporin"
    ),
    "nct06298019_dm": (
        "mycophenolate cyclophosphamide azathioprine methotrexate calcineurin_inhibitor jak_inhibitor rituximab ivig"
    ),
    "nct06434363_ssc": "mycophenolate cyclophosphamide rituximab tocilizumab",
}


@pytest.mark.parametrize(("definition", "drug"), [(d, drug) for d, names in LISTS.items() for drug in names.split()])
def test_every_drug_of_a_list_counts(definition: str, drug: str) -> None:
    assert decide(definition, drug)["n_counted"] == 1
    assert decide(definition, drug, "nintedanib")["n_counted"] == 1


@pytest.mark.parametrize("definition", ["breakfree1_sle", "nct06298019_dm"])
def test_too_few_drugs_are_named_before_the_glucocorticoid(definition: str) -> None:
    found = decide(definition, "rituximab")
    assert (found["refractory"], found["steroid_ok"], found["clause"]) == (False, False, "too_few")


# the last drug is taken this long: the edge itself counts
@pytest.mark.parametrize(
    ("definition", "others", "days", "counts"),
    [
        ("breakfree1_sle", [STEROID, "belimumab"], 89, False),
        ("breakfree1_sle", [STEROID, "belimumab"], 90, True),
        ("breakfree1_sle", [STEROID, "belimumab"], 91, True),
        ("nct06298019_dm", [STEROID, "ivig"], 83, False),
        ("nct06298019_dm", [STEROID, "ivig"], 84, True),
        ("nct06298019_dm", [STEROID, "ivig"], 85, True),
        ("nct06916806_sle", ["belimumab", "rituximab"], 89, False),
        ("nct06916806_sle", ["belimumab", "rituximab"], 90, True),
        ("nct06434363_ssc", [], 89, False),
        ("nct06434363_ssc", [], 90, True),
        ("erlangen_ge2", ["rituximab"], 1, True),
        ("erlangen_ge2", ["rituximab"], None, True),
    ],
)
def test_least_duration(definition: str, others: list[Course], days: float | None, counts: bool) -> None:
    found = decide(definition, *others, ("mycophenolate", FAILED, days))
    assert (found["refractory"], found["clause"]) == (counts, "met" if counts else "too_few")


@pytest.mark.parametrize(("definition", "days"), [("breakfree1_sle", 90), ("nct06298019_dm", 84)])
def test_the_duration_is_asked_of_the_glucocorticoid_too(definition: str, days: float) -> None:
    for taken, refractory in ((days, True), (days - 1, False)):
        found = decide(definition, (STEROID, FAILED, taken), "mycophenolate", "rituximab")
        assert (found["refractory"], found["steroid_ok"]) == (refractory, refractory)
        assert found["clause"] == ("met" if refractory else "no_steroid")


@pytest.mark.parametrize("definition", DEFINITIONS)
@pytest.mark.parametrize(("ended", "within"), [(0, True), (729, True), (730, True), (731, False), (4000, False)])
def test_only_the_myositis_rule_looks_back_24_months(definition: str, ended: float, within: bool) -> None:
    found = decide(definition, STEROID, "rituximab", "cyclophosphamide", ("mycophenolate", FAILED, 180, ended))
    everything = {"nct06916806_sle": 4}.get(definition, 3)
    assert found["n_counted"] == (everything if within or definition != "nct06298019_dm" else 2)


# distinct drugs, not courses
@pytest.mark.parametrize(
    ("courses", "counted"),
    [
        (["mycophenolate", "mycophenolate"], 1),
        (["mycophenolate", ("mycophenolate", FAILED, 60), ("mycophenolate", RESPONSE)], 1),
        (["Mycophenolate ", "mycophenolate"], 1),
        (["cyclosporin", "ciclosporin", "cyclosporine"], 1),
        (["tacrolimus", "voclosporin"], 2),
        ([("mycophenolate", FAILED, 60), ("mycophenolate", FAILED, 60)], 0),
    ],
)
def test_distinct_drugs_are_counted(courses: list[Course], counted: int) -> None:
    found = decide("breakfree1_sle", STEROID, *courses)
    assert (found["n_counted"], found["refractory"]) == (counted, counted >= 2)


# what is unknown -> refractory, counted and possible drugs, steroid, what is named as missing
@pytest.mark.parametrize(
    ("definition", "courses", "refractory", "counted", "possible", "steroid_ok", "missing"),
    [
        ("erlangen_ge2", ["rituximab", ("mycophenolate", UNKNOWN)], None, 1, 2, True, OPEN),
        ("erlangen_ge2", ["rituximab", ("mycophenolate", None)], None, 1, 2, True, OPEN),
        ("erlangen_ge2", ["rituximab", "belimumab", ("mycophenolate", UNKNOWN)], True, 2, 3, True, None),
        ("erlangen_ge2", [("mycophenolate", UNKNOWN)], False, 0, 1, True, None),
        ("erlangen_ge2", ["mycophenolate", ("mycophenolate", UNKNOWN)], False, 1, 1, True, None),
        ("erlangen_ge2", ["mycophenolate", (STEROID, UNKNOWN)], False, 1, 1, True, None),
        ("nct06434363_ssc", [("mycophenolate", FAILED, None)], None, 0, 1, True, OPEN),
        ("nct06434363_ssc", [("mycophenolate", UNKNOWN, 60)], False, 0, 0, True, None),
        ("nct06434363_ssc", [("mycophenolate", RESPONSE, None)], False, 0, 0, True, None),
        ("nct06434363_ssc", [("methotrexate", FAILED, None)], False, 0, 0, True, None),
        ("nct06916806_sle", ["rituximab", "ivig", ("mycophenolate", INTOLERANT, None)], None, 2, 3, True, OPEN),
        ("nct06298019_dm", [STEROID, "ivig", ("rituximab", FAILED, 180, None)], None, 1, 2, True, OPEN),
        ("nct06298019_dm", [STEROID, "ivig", ("rituximab", FAILED, 60, None)], False, 1, 1, True, None),
        ("breakfree1_sle", [STEROID, "ivig", ("rituximab", FAILED, 180, None)], False, 1, 1, True, None),
        ("breakfree1_sle", [STEROID, "belimumab", ("rituximab", FAILED, 180, None)], True, 2, 2, True, None),
        ("breakfree1_sle", [(STEROID, UNKNOWN), "belimumab", "rituximab"], None, 2, 2, None, OPEN),
        ("breakfree1_sle", [(STEROID, FAILED, None), "belimumab", "rituximab"], None, 2, 2, None, OPEN),
        ("breakfree1_sle", [(STEROID, UNKNOWN), "belimumab"], False, 1, 1, None, None),
        ("breakfree1_sle", [STEROID, (STEROID, UNKNOWN), "belimumab", "rituximab"], True, 2, 2, True, None),
    ],
)
def test_what_is_unknown_decides_only_where_it_can(
    definition: str,
    courses: list[Course],
    refractory: bool | None,
    counted: int,
    possible: int,
    steroid_ok: bool | None,
    missing: str | None,
) -> None:
    found = decide(definition, *courses)
    assert (found["refractory"], found["steroid_ok"], found["missing"]) == (refractory, steroid_ok, missing)
    assert (found["n_counted"], found["n_possible"]) == (counted, possible)
    assert found["clause"] == {True: "met", False: "too_few", None: None}[refractory]


def test_no_glucocorticoid_decides_though_a_drug_is_unknown() -> None:
    found = decide("breakfree1_sle", "belimumab", ("rituximab", UNKNOWN))
    assert (found["refractory"], found["clause"], found["missing"]) == (False, "no_steroid", None)


@pytest.mark.parametrize("definition", DEFINITIONS)
def test_no_earlier_treatment_and_an_unknown_list(definition: str) -> None:
    none = decide(definition)
    assert (none["refractory"], none["n_counted"], none["clause"]) == (False, 0, "too_few")
    unknown = criteria.refractory(pl.DataFrame({"prior_treatments": [None]}), definition=definition).row(0, named=True)
    assert [unknown[name] for name in ("refractory", "n_counted", "n_possible", "steroid_ok", "clause")] == [None] * 5
    assert unknown["missing"] == "prior_treatments"


@pytest.mark.parametrize(
    ("definition", "invalid"),
    [
        (None, None),
        ("ten_drugs", f"definition: found ten_drugs, expected one of {', '.join(DEFINITIONS)}"),
    ],
)
def test_the_definition_must_be_named(definition: str | None, invalid: str | None) -> None:
    found = decide(definition, STEROID, "mycophenolate", "rituximab")
    assert [found[name] for name in ("refractory", "n_counted", "n_possible", "steroid_ok", "clause")] == [None] * 5
    assert (found["missing"], found["invalid"]) == ("definition", invalid)


@pytest.mark.parametrize(
    "course", [("mycophenolate", "failed"), ("mycophenolate", FAILED, -1)], ids=["outcome", "duration"]
)
def test_values_out_of_range_count_as_unknown(course: Course) -> None:
    found = decide("nct06434363_ssc", course)
    assert (found["refractory"], found["n_counted"], found["n_possible"]) == (None, 0, 1)
    assert found["missing"] == OPEN


def test_long_frames_are_judged_by_subject_with_its_own_rule() -> None:
    earlier = pl.DataFrame(
        {
            "subject_id": ["P1", "P2", "P1", "P2"],
            "definition": ["erlangen_ge2", "nct06916806_sle"] * 2,
            "drug": ["mycophenolate", "mycophenolate", "rituximab", "rituximab"],
            "outcome": [FAILED] * 4,
            "duration_days": [180] * 4,
        }
    )
    found = criteria.refractory(earlier)
    assert found["subject_id"].to_list() == ["P1", "P2"]
    assert found["refractory"].to_list() == [True, False]
    assert found["n_counted"].to_list() == [2, 2]
