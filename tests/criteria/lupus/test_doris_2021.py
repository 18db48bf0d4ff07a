from __future__ import annotations

from itertools import product
from typing import Any

import polars as pl
import pytest

from aftercart import criteria

QUIET: dict[str, Any] = {"csledai_2k": 0, "phga_0_3": 0.2, "prednisone_mg_per_day": 2.5}
OFF_DRUGS: dict[str, Any] = {
    "prednisone_mg_per_day": 0,
    "immunosuppressants": [],
    "biologics": [],
    "antimalarial": False,
}
PARTS = ("clinical_ok", "phga_ok", "prednisone_ok")


def decide(**changes: Any) -> dict[str, Any]:
    visit = {k: v for k, v in (QUIET | changes).items() if v != "not listed"}
    return criteria.doris_2021(pl.DataFrame({k: [v] for k, v in visit.items()})).row(0, named=True)


@pytest.mark.parametrize(
    ("changes", "remission", "clause", "failed"),
    [
        ({}, True, "remission", None),
        ({"csledai_2k": 1}, False, "clinical_activity", "clinical_ok"),
        ({"csledai_2k": 2}, False, "clinical_activity", "clinical_ok"),
        ({"csledai_2k": 101}, False, "clinical_activity", "clinical_ok"),
        ({"sledai_2k": 4}, True, "remission", None),
        ({"sledai_2k": None}, True, "remission", None),
        ({"phga_0_3": 0}, True, "remission", None),
        ({"phga_0_3": 0.49}, True, "remission", None),
        ({"phga_0_3": 0.5}, False, "physician_global", "phga_ok"),
        ({"phga_0_3": 0.1 + 0.4}, False, "physician_global", "phga_ok"),
        ({"phga_0_3": 0.51}, False, "physician_global", "phga_ok"),
        ({"prednisone_mg_per_day": 0}, True, "remission", None),
        ({"prednisone_mg_per_day": 4.9}, True, "remission", None),
        ({"prednisone_mg_per_day": 5}, True, "remission", None),
        ({"prednisone_mg_per_day": 50 * 0.1}, True, "remission", None),
        ({"prednisone_mg_per_day": 5.1}, False, "prednisone", "prednisone_ok"),
        ({"prednisone_mg_per_day": 5, "prednisone_rule": "le5"}, True, "remission", None),
        ({"prednisone_mg_per_day": 4.9, "prednisone_rule": "lt5"}, True, "remission", None),
        ({"prednisone_mg_per_day": 5, "prednisone_rule": "lt5"}, False, "prednisone", "prednisone_ok"),
        ({"immunosuppressants": ["mycophenolate"], "biologics": ["belimumab"]}, True, "remission", None),
        ({"antimalarial": True}, True, "remission", None),
        ({"immunosuppressants_and_biologics_stable": True}, True, "remission", None),
        ({"immunosuppressants_and_biologics_stable": False}, False, "unstable_therapy", None),
    ],
)
def test_each_part_on_both_sides_of_its_limit(
    changes: dict[str, Any], remission: bool, clause: str, failed: str | None
) -> None:
    found = decide(**changes)
    assert (found["doris_2021"], found["clause"]) == (remission, clause)
    assert {name: found[name] for name in PARTS} == {name: name != failed for name in PARTS}
    assert (found["missing"], found["invalid"]) == (None, None)


# the physician global on another scale: times 3/10 or 3/100
@pytest.mark.parametrize(
    ("scale", "value", "below"),
    [
        ("phga_0_10_cm", 0, True),
        ("phga_0_10_cm", 1.6, True),
        ("phga_0_10_cm", 1.666, True),
        ("phga_0_10_cm", 1.667, False),
        ("phga_0_10_cm", 5 / 3, False),
        ("phga_0_100_mm", 16, True),
        ("phga_0_100_mm", 50 / 3, False),
        ("phga_0_100_mm", 17, False),
    ],
)
def test_physician_global_of_other_scales(scale: str, value: float, below: bool) -> None:
    found = decide(**{"phga_0_3": "not listed", scale: value})
    assert (found["phga_ok"], found["doris_2021"]) == (below, below)


def test_the_0_3_scale_goes_before_the_others() -> None:
    assert decide(phga_0_3=0.2, phga_0_10_cm=9, phga_0_100_mm=90)["phga_ok"] is True
    assert decide(phga_0_3=None, phga_0_10_cm=9)["phga_ok"] is False


# glucocorticoids (drug, dose, route) instead of the dose -> within the limit when 5 mg itself is allowed, and when not
@pytest.mark.parametrize(
    ("taken", "le5", "lt5"),
    [
        ([], True, True),
        ([("prednisone", 5)], True, False),
        ([("methylprednisolone", 4)], True, False),
        ([("methylprednisolone", 4.1)], False, False),
        ([("hydrocortisone", 20)], True, False),
        ([("dexamethasone", 0.7)], True, True),
        ([("prednisone", 2.5), ("deflazacort", 3)], True, False),
        ([("prednisone", 2.5), ("deflazacort", 6)], False, False),
        ([("prednisone", 40, "topical")], True, True),
        ([("prednisone", 4), ("prednisone", 40, "inhaled")], True, True),
        ([("prednisone", 4), ("triamcinolone", None, "intra_articular")], True, True),
        ([("prednisone", None)], None, None),
        ([("soterocort", 5)], None, None),
        (None, None, None),
    ],
)
def test_glucocorticoids_may_stand_for_the_dose(
    taken: list[tuple[Any, ...]] | None, le5: bool | None, lt5: bool | None
) -> None:
    courses = taken and [
        {"drug": c[0], "dose_mg_per_day": c[1] and float(c[1]), "route": c[2] if len(c) > 2 else "oral"} for c in taken
    ]
    for rule, expected in (("le5", le5), ("lt5", lt5)):
        found = decide(prednisone_mg_per_day="not listed", glucocorticoids=courses, prednisone_rule=rule)
        assert (found["prednisone_ok"], found["doris_2021"]) == (expected, expected)
        assert found["missing"] == ("prednisone_mg_per_day" if expected is None else None)


@pytest.mark.parametrize(
    ("changes", "clause"),
    [
        ({"csledai_2k": 4, "phga_0_3": 2, "prednisone_mg_per_day": 20}, "clinical_activity"),
        ({"phga_0_3": 2, "prednisone_mg_per_day": 20}, "physician_global"),
        ({"prednisone_mg_per_day": 20, "immunosuppressants_and_biologics_stable": False}, "prednisone"),
        ({"csledai_2k": None, "phga_0_3": 2, "prednisone_mg_per_day": 20}, "physician_global"),
    ],
)
def test_the_first_failed_part_decides(changes: dict[str, Any], clause: str) -> None:
    found = decide(**changes)
    assert (found["doris_2021"], found["clause"], found["missing"]) == (False, clause, None)


GAPS = [
    ("csledai_2k", "clinical_ok"),
    ("phga_0_3", "phga_ok"),
    ("prednisone_mg_per_day", "prednisone_ok"),
    ("immunosuppressants_and_biologics_stable", None),
]


@pytest.mark.parametrize(("name", "part"), GAPS)
def test_a_missing_part_makes_remission_missing(name: str, part: str | None) -> None:
    found = decide(**{name: None})
    assert (found["doris_2021"], found["clause"], found["missing"]) == (None, None, name)
    assert part is None or found[part] is None


def test_several_missing_parts_are_named() -> None:
    found = decide(csledai_2k=None, phga_0_3=None, prednisone_mg_per_day=None)
    assert found["missing"] == "csledai_2k; phga_0_3; prednisone_mg_per_day"


FAILS = {
    "csledai_2k": (4, "clinical_activity"),
    "phga_0_3": (1, "physician_global"),
    "prednisone_mg_per_day": (10, "prednisone"),
    "immunosuppressants_and_biologics_stable": (False, "unstable_therapy"),
}


@pytest.mark.parametrize(("gap", "fail"), [(g, f) for g, f in product(FAILS, FAILS) if g != f])
def test_one_failed_part_is_enough_whatever_is_missing(gap: str, fail: str) -> None:
    value, clause = FAILS[fail]
    found = decide(**{gap: None, fail: value})
    assert (found["doris_2021"], found["clause"], found["missing"]) == (False, clause, None)
    assert found["doris_drug_free_antimalarial_allowed"] is False
    assert found["doris_drug_free_strict"] is False


# changes to a patient in remission off all drugs -> drug-free with antimalarial allowed, and strict
@pytest.mark.parametrize(
    ("changes", "allowed", "strict"),
    [
        ({}, True, True),
        ({"antimalarial": True}, True, False),
        ({"antimalarial": None}, True, None),
        ({"prednisone_mg_per_day": 0.1}, False, False),
        ({"prednisone_mg_per_day": 5}, False, False),
        ({"immunosuppressants": ["azathioprine"]}, False, False),
        ({"biologics": ["anifrolumab"]}, False, False),
        ({"immunosuppressants": None}, None, None),
        ({"biologics": None}, None, None),
        ({"immunosuppressants": None, "biologics": ["anifrolumab"]}, False, False),
        ({"immunosuppressants": None, "antimalarial": True}, None, False),
        ({"immunosuppressants": ["azathioprine"], "antimalarial": None}, False, False),
        ({"immunosuppressants": "not listed"}, None, None),
        ({"antimalarial": "not listed"}, True, None),
        ({"prednisone_mg_per_day": "not listed", "glucocorticoids": []}, True, True),
    ],
)
def test_drug_free_in_both_senses(changes: dict[str, Any], allowed: bool | None, strict: bool | None) -> None:
    found = decide(**(OFF_DRUGS | changes))
    assert found["doris_2021"] is True
    assert found["doris_drug_free_antimalarial_allowed"] is allowed
    assert found["doris_drug_free_strict"] is strict


@pytest.mark.parametrize(
    ("changes", "remission", "allowed", "strict"),
    [
        ({"csledai_2k": 1}, False, False, False),
        ({"phga_0_3": 0.5}, False, False, False),
        ({"phga_0_3": None}, None, None, None),
        ({"phga_0_3": None, "antimalarial": True}, None, None, False),
        ({"phga_0_3": None, "biologics": ["belimumab"]}, None, False, False),
        ({"prednisone_mg_per_day": None}, None, None, None),
    ],
)
def test_drug_free_needs_remission(
    changes: dict[str, Any], remission: bool | None, allowed: bool | None, strict: bool | None
) -> None:
    found = decide(**(OFF_DRUGS | changes))
    assert found["doris_2021"] is remission
    assert found["doris_drug_free_antimalarial_allowed"] is allowed
    assert found["doris_drug_free_strict"] is strict


@pytest.mark.parametrize(
    ("name", "value", "missing", "expected"),
    [
        ("csledai_2k", 102, "csledai_2k", "0 to 101"),
        ("csledai_2k", -1, "csledai_2k", "0 to 101"),
        ("phga_0_3", 3.1, "phga_0_3", "0 to 3"),
        ("phga_0_3", -0.1, "phga_0_3", "0 to 3"),
        ("prednisone_mg_per_day", -2.5, "prednisone_mg_per_day", "at least 0"),
    ],
)
def test_values_out_of_range_are_refused(name: str, value: float, missing: str, expected: str) -> None:
    found = decide(**{name: value})
    assert (found["doris_2021"], found["clause"], found["missing"]) == (None, None, missing)
    assert found["invalid"] == f"{name}: found {float(value)}, expected {expected}"


@pytest.mark.parametrize(
    ("scale", "value", "expected"), [("phga_0_10_cm", 10.1, "0 to 10"), ("phga_0_100_mm", 101.0, "0 to 100")]
)
def test_other_scales_have_their_own_range(scale: str, value: float, expected: str) -> None:
    found = decide(**{"phga_0_3": "not listed", scale: value})
    assert (found["doris_2021"], found["missing"]) == (None, "phga_0_3")
    assert found["invalid"] == f"{scale}: found {value}, expected {expected}"


@pytest.mark.parametrize(("mg_per_day", "ok"), [(0.75, True), (0.754, False)])
def test_betamethasone_counts_by_its_equivalence(mg_per_day: float, ok: bool) -> None:
    course = {"drug": "betamethasone", "dose_mg_per_day": mg_per_day, "route": "systemic"}
    found = decide(prednisone_mg_per_day=None, glucocorticoids=[course])
    assert found["prednisone_ok"] is ok
