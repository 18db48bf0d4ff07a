from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from aftercart import criteria

DESCRIPTORS = (
    "proteinuria",
    "thrombocytopenia",
    "leukopenia",
    "hematuria",
    "pyuria",
    "fever",
    "low_complement",
    "increased_dna_binding",
    "arthritis",
)


def judge(**visit: Any) -> dict[str, Any]:
    return criteria.sledai_2k_lab_descriptors(pl.DataFrame({k: [v] for k, v in visit.items()})).row(0, named=True)


# one value beside the limit -> its descriptor
@pytest.mark.parametrize(
    ("visit", "descriptor", "present"),
    [
        ({"urine_protein_g_per_24h": 0.49}, "proteinuria", False),
        ({"urine_protein_g_per_24h": 0.5}, "proteinuria", False),
        ({"urine_protein_g_per_24h": 0.501}, "proteinuria", True),
        ({"upcr_g_per_g": 0.5}, "proteinuria", False),
        ({"upcr_g_per_g": 0.51}, "proteinuria", True),
        ({"platelets_10e9_per_l": 99.9}, "thrombocytopenia", True),
        ({"platelets_10e9_per_l": 100}, "thrombocytopenia", False),
        ({"platelets_10e9_per_l": 101}, "thrombocytopenia", False),
        ({"platelets_10e9_per_l": 0}, "thrombocytopenia", True),
        ({"wbc_10e9_per_l": 2.99}, "leukopenia", True),
        ({"wbc_10e9_per_l": 3}, "leukopenia", False),
        ({"wbc_10e9_per_l": 3.01}, "leukopenia", False),
        ({"urine_rbc_per_hpf": 4}, "hematuria", False),
        ({"urine_rbc_per_hpf": 5}, "hematuria", False),
        ({"urine_rbc_per_hpf": 6}, "hematuria", True),
        ({"urine_wbc_per_hpf": 4}, "pyuria", False),
        ({"urine_wbc_per_hpf": 5}, "pyuria", False),
        ({"urine_wbc_per_hpf": 6}, "pyuria", True),
        ({"temperature_c": 37.9}, "fever", False),
        ({"temperature_c": 38.0}, "fever", False),
        ({"temperature_c": 38.1}, "fever", True),
        ({"c3_g_per_l": 0.89, "c3_lln_g_per_l": 0.9}, "low_complement", True),
        ({"c3_g_per_l": 0.9, "c3_lln_g_per_l": 0.9}, "low_complement", False),
        ({"c3_g_per_l": 3 * 0.3, "c3_lln_g_per_l": 0.9}, "low_complement", False),
        ({"c4_g_per_l": 0.09, "c4_lln_g_per_l": 0.1}, "low_complement", True),
        ({"c4_g_per_l": 0.1, "c4_lln_g_per_l": 0.1}, "low_complement", False),
        ({"ch50_u_per_ml": 41, "ch50_lln_u_per_ml": 42}, "low_complement", True),
        ({"ch50_u_per_ml": 42, "ch50_lln_u_per_ml": 42}, "low_complement", False),
        ({"anti_dsdna_iu_per_ml": 29.9, "anti_dsdna_uln_iu_per_ml": 30}, "increased_dna_binding", False),
        ({"anti_dsdna_iu_per_ml": 30, "anti_dsdna_uln_iu_per_ml": 30}, "increased_dna_binding", False),
        ({"anti_dsdna_iu_per_ml": 30.1, "anti_dsdna_uln_iu_per_ml": 30}, "increased_dna_binding", True),
        ({"anti_dsdna_iu_per_ml": 0.1 + 0.2, "anti_dsdna_uln_iu_per_ml": 0.3}, "increased_dna_binding", False),
        ({"inflamed_joint_count": 1}, "arthritis", False),
        ({"inflamed_joint_count": 2}, "arthritis", True),
        ({"inflamed_joint_count": 3}, "arthritis", True),
        ({"inflamed_joint_count": 2, "arthritis_rule": "ge2"}, "arthritis", True),
        ({"inflamed_joint_count": 2, "arthritis_rule": "gt2"}, "arthritis", False),
        ({"inflamed_joint_count": 3, "arthritis_rule": "gt2"}, "arthritis", True),
    ],
)
def test_strict_limit_of_every_descriptor(visit: dict[str, Any], descriptor: str, present: bool) -> None:
    found = judge(**visit)
    expected: dict[str, bool | None] = dict.fromkeys(DESCRIPTORS)
    expected[descriptor] = present
    assert {name: found[name] for name in DESCRIPTORS} == expected
    assert found["n_present"] == int(present)
    assert found["clause"] == ("some_present" if present else "none_proven")
    assert found["invalid"] is None


# 0.5 g/g is 56.56 mg/mmol by the exact factor, 50 mg/mmol by the rounded one
@pytest.mark.parametrize(
    ("mg_per_mmol", "conversion", "proteinuria"),
    [
        (56.5, None, False),
        (56.6, None, True),
        (0.5 / 0.00884, "exact_8.84", False),
        (56.6, "exact_8.84", True),
        (50.1, "exact_8.84", False),
        (50, "rounded_10", False),
        (50.1, "rounded_10", True),
    ],
)
def test_ratio_in_mg_per_mmol(mg_per_mmol: float, conversion: str | None, proteinuria: bool) -> None:
    chosen = {"upcr_conversion": conversion} if conversion else {}
    assert judge(upcr_mg_per_mmol=mg_per_mmol, **chosen)["proteinuria"] is proteinuria


@pytest.mark.parametrize(
    ("per_24h", "g_per_g", "mg_per_mmol", "proteinuria"),
    [
        (0.4, 0.9, 90, False),
        (0.6, 0.1, 10, True),
        (None, 0.9, None, True),
        (None, 0.1, None, False),
        (None, None, 90, True),
        (None, None, 10, False),
        (None, None, None, None),
    ],
)
def test_protein_in_24_hours_wins_over_a_ratio(
    per_24h: float | None, g_per_g: float | None, mg_per_mmol: float | None, proteinuria: bool | None
) -> None:
    found = judge(urine_protein_g_per_24h=per_24h, upcr_g_per_g=g_per_g, upcr_mg_per_mmol=mg_per_mmol)
    assert found["proteinuria"] is proteinuria


# value on either side of the limit, flag of another cause -> descriptor
@pytest.mark.parametrize(
    ("value", "flag", "descriptor"),
    [
        ({"platelets_10e9_per_l": (50, 150)}, "drug_induced_cytopenia", "thrombocytopenia"),
        ({"wbc_10e9_per_l": (1, 5)}, "drug_induced_cytopenia", "leukopenia"),
        ({"urine_rbc_per_hpf": (20, 0)}, "stone_infection_or_other_cause", "hematuria"),
        ({"urine_wbc_per_hpf": (20, 0)}, "urinary_tract_infection", "pyuria"),
        ({"temperature_c": (39, 37)}, "infection", "fever"),
    ],
)
def test_findings_with_another_cause_do_not_count(
    value: dict[str, tuple[float, float]], flag: str, descriptor: str
) -> None:
    ((name, (beyond, within)),) = value.items()
    for amount, cause, expected in (
        (beyond, False, True),
        (beyond, True, False),
        (beyond, None, None),
        (within, False, False),
        (within, True, False),
        (within, None, False),
        (None, False, None),
        (None, True, False),
        (None, None, None),
    ):
        found = judge(**{name: amount, flag: cause})
        assert found[descriptor] is expected, (amount, cause)
        assert found["n_present"] == int(expected is True)
    assert judge(**{name: beyond})[descriptor] is True


@pytest.mark.parametrize(
    "flag", ["drug_induced_cytopenia", "stone_infection_or_other_cause", "urinary_tract_infection", "infection"]
)
def test_a_cause_excludes_its_own_findings_only(flag: str) -> None:
    own = {
        "drug_induced_cytopenia": {"thrombocytopenia", "leukopenia"},
        "stone_infection_or_other_cause": {"hematuria"},
        "urinary_tract_infection": {"pyuria"},
        "infection": {"fever"},
    }[flag]
    found = judge(
        urine_protein_g_per_24h=2,
        platelets_10e9_per_l=50,
        wbc_10e9_per_l=1,
        urine_rbc_per_hpf=20,
        urine_wbc_per_hpf=20,
        temperature_c=39,
        c3_g_per_l=0.3,
        c3_lln_g_per_l=0.9,
        anti_dsdna_iu_per_ml=200,
        anti_dsdna_uln_iu_per_ml=30,
        inflamed_joint_count=6,
        **{flag: True},
    )
    assert {name for name in DESCRIPTORS if found[name]} == set(DESCRIPTORS) - own
    assert found["n_present"] == 9 - len(own)
    assert found["clause"] == "some_present"


LOW, NORMAL, UNKNOWN, NO_LIMIT = (0.5, 0.9), (1.2, 0.9), (None, 0.9), (0.5, None)


# C3 and C4 as (value, lower limit), absent when not asked for -> low complement
@pytest.mark.parametrize(
    ("c3", "c4", "low"),
    [
        (LOW, LOW, True),
        (LOW, NORMAL, True),
        (NORMAL, LOW, True),
        (NORMAL, NORMAL, False),
        (LOW, UNKNOWN, True),
        (NORMAL, UNKNOWN, None),
        (UNKNOWN, UNKNOWN, None),
        (LOW, NO_LIMIT, True),
        (NORMAL, NO_LIMIT, None),
        (NO_LIMIT, None, None),
        (UNKNOWN, None, None),
        (LOW, None, True),
        (NORMAL, None, False),
        (None, LOW, True),
        (None, NORMAL, False),
        (None, None, None),
    ],
)
def test_complement_of_several_components(
    c3: tuple[float | None, float | None] | None, c4: tuple[float | None, float | None] | None, low: bool | None
) -> None:
    visit: dict[str, float | None] = {"temperature_c": 37.0}
    for name, pair in (("c3", c3), ("c4", c4)):
        if pair:
            visit[f"{name}_g_per_l"], visit[f"{name}_lln_g_per_l"] = pair
    assert judge(**visit)["low_complement"] is low


def test_three_low_components_are_one_descriptor() -> None:
    found = judge(
        c3_g_per_l=0.2,
        c3_lln_g_per_l=0.9,
        c4_g_per_l=0.02,
        c4_lln_g_per_l=0.1,
        ch50_u_per_ml=10,
        ch50_lln_u_per_ml=42,
    )
    assert (found["low_complement"], found["n_present"]) == (True, 1)


@pytest.mark.parametrize(
    ("value", "limit"), [(None, 30.0), (100.0, None), (None, None)], ids=["no value", "no limit", "neither"]
)
def test_dna_binding_needs_value_and_limit(value: float | None, limit: float | None) -> None:
    found = judge(anti_dsdna_iu_per_ml=value, anti_dsdna_uln_iu_per_ml=limit)
    assert found["increased_dna_binding"] is None
    assert found["clause"] == "none_proven"


@pytest.mark.parametrize(
    ("name", "descriptor", "text"),
    [
        ("urine_protein_g_per_24h", "proteinuria", "-1.0"),
        ("upcr_g_per_g", "proteinuria", "-1.0"),
        ("upcr_mg_per_mmol", "proteinuria", "-1.0"),
        ("platelets_10e9_per_l", "thrombocytopenia", "-1.0"),
        ("wbc_10e9_per_l", "leukopenia", "-1.0"),
        ("urine_rbc_per_hpf", "hematuria", "-1.0"),
        ("urine_wbc_per_hpf", "pyuria", "-1.0"),
        ("inflamed_joint_count", "arthritis", "-1"),
    ],
)
def test_negative_values_are_refused(name: str, descriptor: str, text: str) -> None:
    found = judge(**{name: -1})
    assert found[descriptor] is None
    assert found["invalid"] == f"{name}: found {text}, expected at least 0"


def test_negative_anti_dsdna_is_refused() -> None:
    found = judge(anti_dsdna_iu_per_ml=-1, anti_dsdna_uln_iu_per_ml=30)
    assert found["increased_dna_binding"] is None
    assert found["invalid"] == "anti_dsdna_iu_per_ml: found -1.0, expected at least 0"


def test_descriptors_feed_the_score() -> None:
    visit = pl.DataFrame({"urine_protein_g_per_24h": [1.2], "c3_g_per_l": [0.4], "c3_lln_g_per_l": [0.9]})
    found = criteria.sledai_2k_lab_descriptors(visit).select("proteinuria", "low_complement")
    scored = criteria.sledai_2k(found.rename(lambda c: f"descriptors.{c}"), unlisted_descriptors="absent")
    assert scored.select("sledai_2k", "csledai_2k").row(0) == (6, 4)
