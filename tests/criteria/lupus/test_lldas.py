from __future__ import annotations

from itertools import product
from typing import Any

import polars as pl
import pytest

from aftercart import criteria

QUIET: dict[str, Any] = {
    "present_descriptors": [],
    "new_activity_vs_previous": False,
    "phga_0_3": 0.5,
    "prednisone_mg_per_day": 5,
}
ITEMS = ("item1_activity", "item2_no_new_activity", "item3_pga", "item4_prednisone", "item5_standard_therapy")


def decide(**changes: Any) -> dict[str, Any]:
    visit = {k.replace("__", "."): v for k, v in (QUIET | changes).items() if v != "not listed"}
    return criteria.lldas(pl.DataFrame({k: [v] for k, v in visit.items()})).row(0, named=True)


# descriptors that are present -> item 1; those of major organs block at any score
@pytest.mark.parametrize(
    ("present", "item1"),
    [
        ([], True),
        (["arthritis"], True),
        (["arthritis", "leukopenia"], False),
        (["arthritis", "low_complement"], False),
        (["myositis"], True),
        (["myositis", "thrombocytopenia"], False),
        (["rash"], True),
        (["alopecia"], True),
        (["mucosal_ulcers"], True),
        (["rash", "alopecia"], True),
        (["rash", "mucosal_ulcers", "leukopenia"], False),
        (["low_complement", "increased_dna_binding"], True),
        (["low_complement", "increased_dna_binding", "leukopenia"], False),
        (["thrombocytopenia", "leukopenia", "rash"], True),
        (["arthritis", "arthritis"], True),
        (["seizure"], False),
        (["psychosis"], False),
        (["organic_brain_syndrome"], False),
        (["visual_disturbance"], False),
        (["cranial_nerve_disorder"], False),
        (["lupus_headache"], False),
        (["cva"], False),
        (["vasculitis"], False),
        (["urinary_casts"], False),
        (["hematuria"], False),
        (["proteinuria"], False),
        (["pyuria"], False),
        (["pleurisy"], False),
        (["pericarditis"], False),
        (["fever"], False),
    ],
)
def test_item_1_total_and_major_organs(present: list[str], item1: bool) -> None:
    found = decide(present_descriptors=present)
    assert {name: found[name] for name in ITEMS} == dict.fromkeys(ITEMS, True) | {"item1_activity": item1}
    assert (found["lldas"], found["clause"]) == (item1, "lldas" if item1 else "item1")
    assert (found["missing"], found["invalid"]) == (None, None)


@pytest.mark.parametrize(
    ("changes", "failed", "clause"),
    [
        ({"hemolytic_anemia": False}, None, "lldas"),
        ({"hemolytic_anemia": True}, "item1_activity", "item1"),
        ({"gastrointestinal_activity": False}, None, "lldas"),
        ({"gastrointestinal_activity": True}, "item1_activity", "item1"),
        ({"new_activity_vs_previous": True}, "item2_no_new_activity", "item2"),
        ({"phga_0_3": 0}, None, "lldas"),
        ({"phga_0_3": 0.9}, None, "lldas"),
        ({"phga_0_3": 1.0}, None, "lldas"),
        ({"phga_0_3": 0.1 * 3 + 0.7}, None, "lldas"),
        ({"phga_0_3": 1.1}, "item3_pga", "item3"),
        ({"phga_0_3": "not listed", "phga_0_10_cm": 3.33}, None, "lldas"),
        ({"phga_0_3": "not listed", "phga_0_10_cm": 10 / 3}, None, "lldas"),
        ({"phga_0_3": "not listed", "phga_0_10_cm": 3.34}, "item3_pga", "item3"),
        ({"phga_0_3": "not listed", "phga_0_100_mm": 33}, None, "lldas"),
        ({"phga_0_3": "not listed", "phga_0_100_mm": 34}, "item3_pga", "item3"),
        ({"prednisone_mg_per_day": 0}, None, "lldas"),
        ({"prednisone_mg_per_day": 7.4}, None, "lldas"),
        ({"prednisone_mg_per_day": 7.5}, None, "lldas"),
        ({"prednisone_mg_per_day": 7.6}, "item4_prednisone", "item4"),
        ({"well_tolerated": True}, None, "lldas"),
        ({"well_tolerated": False}, "item5_standard_therapy", "item5"),
        ({"investigational_drug_ongoing": False}, None, "lldas"),
        ({"investigational_drug_ongoing": True}, "item5_standard_therapy", "item5"),
        ({"car_t_infused": True}, None, "lldas"),
        ({"car_t_infused": None}, None, "lldas"),
    ],
)
def test_each_item_on_both_sides_of_its_limit(changes: dict[str, Any], failed: str | None, clause: str) -> None:
    found = decide(**changes)
    assert {name: found[name] for name in ITEMS} == {name: name != failed for name in ITEMS}
    assert (found["lldas"], found["clause"], found["missing"]) == (failed is None, clause, None)


@pytest.mark.parametrize(
    ("drug", "limit"),
    [
        ("hydroxychloroquine_mg_per_day", 400),
        ("methotrexate_mg_per_week", 30),
        ("azathioprine_mg_per_day", 200),
        ("mycophenolate_mofetil_mg_per_day", 3000),
        ("mycophenolic_acid_mg_per_day", 2160),
        ("leflunomide_mg_per_day", 20),
    ],
)
def test_standard_maximum_of_every_drug(drug: str, limit: float) -> None:
    for dose, standard in ((0, True), (limit - 0.5, True), (limit, True), (limit + 0.5, False)):
        found = decide(**{f"doses.{drug}": dose})
        assert (found["item5_standard_therapy"], found["lldas"]) == (standard, standard)
        assert found["clause"] == ("lldas" if standard else "item5")
    unknown = decide(**{f"doses.{drug}": None})
    assert (unknown["item5_standard_therapy"], unknown["lldas"], unknown["missing"]) == (None, None, f"doses.{drug}")
    refused = decide(**{f"doses.{drug}": -1})
    assert (refused["lldas"], refused["invalid"]) == (None, f"doses.{drug}: found -1.0, expected at least 0")


def test_one_dose_above_its_maximum_is_enough() -> None:
    doses = {"doses.azathioprine_mg_per_day": None, "doses.leflunomide_mg_per_day": 40}
    assert decide(**doses)["item5_standard_therapy"] is False
    assert decide(**{"doses.azathioprine_mg_per_day": None, "well_tolerated": False})["item5_standard_therapy"] is False
    assert decide(**{"doses.azathioprine_mg_per_day": 150, "doses.leflunomide_mg_per_day": 20})["lldas"] is True


# what is missing -> the item it leaves open and the name it is reported by
GAPS = [
    ("present_descriptors", "item1_activity", "present_descriptors"),
    ("new_activity_vs_previous", "item2_no_new_activity", "new_activity_vs_previous"),
    ("phga_0_3", "item3_pga", "phga_0_3"),
    ("prednisone_mg_per_day", "item4_prednisone", "prednisone_mg_per_day"),
    ("doses.methotrexate_mg_per_week", "item5_standard_therapy", "doses.methotrexate_mg_per_week"),
]


@pytest.mark.parametrize(("name", "item", "missing"), GAPS)
def test_a_missing_item_makes_the_state_missing(name: str, item: str, missing: str) -> None:
    found = decide(**{name: None})
    expected = dict.fromkeys(ITEMS, True) | {item: None}
    assert {name: found[name] for name in ITEMS} == expected
    assert (found["lldas"], found["clause"], found["missing"]) == (None, None, missing)


@pytest.mark.parametrize(
    ("flag", "item"),
    [
        ("hemolytic_anemia", "item1_activity"),
        ("gastrointestinal_activity", "item1_activity"),
        ("well_tolerated", "item5_standard_therapy"),
        ("investigational_drug_ongoing", "item5_standard_therapy"),
    ],
)
def test_a_flag_given_as_unknown_leaves_its_item_open(flag: str, item: str) -> None:
    found = decide(**{flag: None})
    assert {name: found[name] for name in ITEMS} == dict.fromkeys(ITEMS, True) | {item: None}
    assert (found["lldas"], found["clause"]) == (None, None)


FAILS = {
    "present_descriptors": (["fever"], "item1"),
    "new_activity_vs_previous": (True, "item2"),
    "phga_0_3": (2, "item3"),
    "prednisone_mg_per_day": (20, "item4"),
    "doses.methotrexate_mg_per_week": (40, "item5"),
}


@pytest.mark.parametrize(("gap", "fail"), [(g, f) for g, f in product(FAILS, FAILS) if g != f])
def test_one_failed_item_is_enough_whatever_is_missing(gap: str, fail: str) -> None:
    value, clause = FAILS[fail]
    found = decide(**{gap: None, fail: value})
    assert (found["lldas"], found["clause"], found["missing"]) == (False, clause, None)


def test_the_first_failed_item_decides() -> None:
    everything = {name: value for name, (value, _) in FAILS.items()}
    for name, (_, clause) in FAILS.items():
        assert decide(**everything)["clause"] == clause
        everything[name] = None


def test_all_missing_items_are_named() -> None:
    found = decide(**dict.fromkeys(FAILS))
    assert found["missing"] == (
        "present_descriptors; new_activity_vs_previous; phga_0_3; prednisone_mg_per_day; doses.methotrexate_mg_per_week"
    )
    assert [found[name] for name in ITEMS] == [None] * 5


def test_a_first_visit_is_never_in_the_state() -> None:
    assert decide(new_activity_vs_previous=None)["lldas"] is None
    assert decide(new_activity_vs_previous="not listed")["lldas"] is None


@pytest.mark.parametrize(
    ("present", "changes", "item1"),
    [
        (None, {"hemolytic_anemia": True}, False),
        (None, {"gastrointestinal_activity": True}, False),
        (["rash"], {"hemolytic_anemia": None, "gastrointestinal_activity": True}, False),
        (["proteinuria"], {"hemolytic_anemia": None}, False),
        (["arthritis", "leukopenia"], {"gastrointestinal_activity": None}, False),
        (["not_a_descriptor"], {}, None),
        (["not_a_descriptor", "rash"], {}, None),
        (["not_a_descriptor", "pleurisy"], {}, False),
        ([None], {}, None),
    ],
)
def test_item_1_with_something_unknown(present: list[str] | None, changes: dict[str, Any], item1: bool | None) -> None:
    assert decide(present_descriptors=present, **changes)["item1_activity"] is item1


@pytest.mark.parametrize(
    ("name", "value", "item", "expected"),
    [
        ("phga_0_3", 3.1, "item3_pga", "0 to 3"),
        ("phga_0_3", -0.1, "item3_pga", "0 to 3"),
        ("prednisone_mg_per_day", -5.0, "item4_prednisone", "at least 0"),
    ],
)
def test_values_out_of_range_are_refused(name: str, value: float, item: str, expected: str) -> None:
    found = decide(**{name: value})
    assert (found[item], found["lldas"], found["missing"]) == (None, None, name)
    assert found["invalid"] == f"{name}: found {value}, expected {expected}"


@pytest.mark.parametrize(
    ("present", "clinical", "doris"),
    [
        ([], 0, True),
        (["low_complement", "increased_dna_binding"], 0, True),
        (["rash"], 2, False),
    ],
)
def test_remission_by_doris_implies_items_1_3_and_4(present: list[str], clinical: int, doris: bool) -> None:
    visit = pl.DataFrame({"csledai_2k": [clinical], "phga_0_3": [0.4], "prednisone_mg_per_day": [5.0]})
    found = decide(present_descriptors=present, phga_0_3=0.4, prednisone_mg_per_day=5)
    assert criteria.doris_2021(visit)["doris_2021"].item() is doris
    assert (found["item1_activity"], found["item3_pga"], found["item4_prednisone"]) == (True, True, True)
