"""Criteria that rest on items, earlier results or the visit before: from the tables of a study to the result."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import aftercart as ac
from aftercart.criteria import registry
from aftercart.study.model import Study

Make = Callable[..., Study]
DAY_2, BEFORE, MONTH_3, MONTH_6 = "2022-03-03", "2022-02-20", "2022-05-30", "2022-08-31"


def lab(code: str, day: str, value: float | None, unit: str | None, **more: Any) -> dict[str, Any]:
    return {"subject_id": "P1", "code": code, "value": value, "unit": unit, "datetime": day, **more}


def item(instrument: str, name: str, day: str, value: float | None, **more: Any) -> dict[str, Any]:
    return {"subject_id": "P1", "instrument": instrument, "item": name, "datetime": day, "value": value, **more}


def results(study: Study, key: str) -> list[dict[str, Any]]:
    return ac.assess(study, [key]).results(key).to_dicts()


SCALES = {
    "fever_or_constitutional": 1,
    "hospitalised_for_crs": 1,
    "iv_fluids_for_hypotension": 0,
    "organ_toxicity_grade": 0,
    "coagulopathy_requiring_products": 0,
}
FEVER = [
    lab("TEMP", DAY_2, 39.0, "Cel"),
    lab("O2DEVICE", DAY_2, None, None, value_text="room_air"),
    lab("ALT", DAY_2, 20, "U/L", ref_high=40),
    lab("AST", DAY_2, 20, "U/L", ref_high=40),
    lab("ALT", BEFORE, 20, "U/L", ref_high=40),
    lab("AST", BEFORE, 20, "U/L", ref_high=40),
    lab("CREAT", DAY_2, 60, "umol/L", ref_high=100),
    lab("CREAT", BEFORE, 60, "umol/L", ref_high=100),
]


def on_scales(make_study: Make, hypotension: int, drugs: list[str], **answers: Any) -> tuple[Any, ...]:
    given = [item("CRS-SCALES", n, DAY_2, v) for n, v in {**SCALES, **answers}.items() if isinstance(v, int)]
    given += [item("CRS-SCALES", n, DAY_2, None, value_text=v) for n, v in answers.items() if isinstance(v, str)]
    given.append(item("ASTCT-CRS", "hypotension_present", DAY_2, hypotension))
    taken = [
        {"subject_id": "P1", "drug": d, "start": DAY_2, "end": DAY_2, "purpose": "crs_icans_treatment"} for d in drugs
    ]
    tables = {"exposures": taken} if taken else {}
    study = make_study(observations=FEVER, assessments=given, **tables)
    (found,) = results(study, "crs_scale_comparison")
    return found["astct_2019"], found["lee_2014"], found["penn"]


@pytest.mark.parametrize(
    ("hypotension", "drugs", "answers", "expected"),
    [
        (0, [], {}, (1, 1, 2)),
        (0, [], {"hospitalised_for_crs": 0}, (1, 1, 1)),
        (0, [], {"organ_toxicity_grade": 3}, (1, 3, 2)),
        (1, [], {"iv_fluids_for_hypotension": 1}, (2, 2, 3)),
        # one vasopressor: grade 3 to the consensus at any dose, 2 or 3 in Lee and 3 or 4 in Penn by its dose
        (1, ["norepinephrine"], {"vasopressor": "low_dose_single", "high_dose_vasopressor": 0}, (3, 2, 3)),
        (1, ["norepinephrine"], {"vasopressor": "high_dose_single", "high_dose_vasopressor": 1}, (3, 3, 4)),
        (1, ["norepinephrine"], {"high_dose_vasopressor": 0}, (3, None, None)),
    ],
)
def test_three_scales_of_crs_side_by_side(
    make_study: Make, hypotension: int, drugs: list[str], answers: dict[str, Any], expected: tuple[Any, ...]
) -> None:
    assert on_scales(make_study, hypotension, drugs, **answers) == expected


def test_older_scales_stay_open_while_their_findings_are_not_recorded(make_study: Make) -> None:
    study = make_study(observations=FEVER, assessments=[item("ASTCT-CRS", "hypotension_present", DAY_2, 0)])
    (found,) = results(study, "crs_scale_comparison")
    assert (found["astct_2019"], found["lee_2014"], found["penn"]) == (1, None, None)
    assert "max_organ_toxicity_grade_excl_transaminase" in found["missing"]


@pytest.mark.parametrize(
    ("day", "level", "infection", "vaccine", "tier", "consider"),
    [
        # in the first 90 days a severe level is enough, later it takes infections as well
        (MONTH_3, 3.9, None, None, "severe", True),
        (MONTH_6, 3.9, None, 0, "severe", None),
        (MONTH_6, 3.9, 1, 0, "severe", True),
        (MONTH_6, 5.5, 0, 0, "moderate", False),
        (MONTH_6, 5.5, None, None, "moderate", None),
    ],
)
def test_immunoglobulin_replacement(
    make_study: Make,
    day: str,
    level: float,
    infection: int | None,
    vaccine: int | None,
    tier: str,
    consider: bool | None,
) -> None:
    answers = {"serious_or_recurrent_bacterial_infection": infection, "impaired_vaccine_response": vaccine}
    given = [item("IGG-REPLACEMENT", n, day, v) for n, v in answers.items() if v is not None]
    study = make_study(observations=[lab("IGG", day, level, "g/L")], assessments=given)
    (found,) = results(study, "igg_replacement_consideration")
    assert (found["tier"], found["consider_igrt"]) == (tier, consider)


@pytest.mark.parametrize(
    ("infused", "death", "phase"),
    [
        ("2022-03-01", None, "annual_visit"),
        ("2016-03-01", None, "annual_query"),
        ("2022-03-01", "2023-01-01", "closed_death"),
    ],
)
def test_phase_of_follow_up_at_the_cut_off(make_study: Make, infused: str, death: str | None, phase: str) -> None:
    subject = {"subject_id": "P1", "indication": "SLE", "sex": "F", "age_at_infusion": 30, "death_date": death}
    study = make_study(subjects=[subject], infusions=[{"subject_id": "P1", "infusion_seq": 1, "start": infused}])
    assert [r["phase"] for r in results(study, "ltfu_phase")] == [phase]


def test_infections_in_the_categories_of_the_registry(make_study: Make) -> None:
    common = {"subject_id": "P1", "category": "infection", "term_system": "CIBMTR", "start": MONTH_3}
    study = make_study(
        events=[
            {**common, "row_id": "E1", "term": "bacterial_pneumonia"},
            {**common, "row_id": "E2", "term": "surveillance_culture"},
            {**common, "row_id": "E3", "term": "bacterial_pneumonia"},
            {**common, "row_id": "E4", "term": "pneumonia", "term_system": "MedDRA"},
        ],
        exposures=[
            {"subject_id": "P1", "drug": "amoxicillin", "start": MONTH_3, "purpose": "other", "indication_row": "E1"}
        ],
    )
    found = {r["source_rows"][0]: r["clinically_significant"] for r in results(study, "infection_reportable_cibmtr")}
    assert found == {"events:E1": True, "events:E2": False, "events:E3": None}


FINDINGS = [n for kind in registry.get("selena_flare_index").rules["organs"].values() for n in kind]
DRUGS = [n for kind in registry.get("selena_flare_index").rules["treatments"].values() for n in kind]


def selena(day: str, total: int, **present: int) -> list[dict[str, Any]]:
    answers = {**dict.fromkeys([*FINDINGS, *(f"new_{d}" for d in DRUGS)], 0), "hospitalised_for_sle": 0}
    answers |= {"iv_methylprednisolone_pulse": 0, "selena_sledai": total, **present}
    rows = [item("SELENA-FLARE", n, day, v) for n, v in answers.items()]
    return [*rows, item("PGA", "phga_0_3", day, 0.5)]


def test_a_flare_is_judged_against_the_visit_before(make_study: Make) -> None:
    rows = [*selena(BEFORE, 10), *selena(MONTH_3, 2), *selena(MONTH_6, 5)]
    found = {r["visit"]: r for r in results(make_study(assessments=rows), "selena_flare_index")}
    # From 10 to 2 is no rise; from 2 to 5 is one of 3 points, although 5 is below the baseline.
    assert {v: r["flare"] for v, r in found.items()} == {"month 3": "none", "month 6": "mild_moderate"}
    assert [found[v]["in.previous.selena_sledai"] for v in ("month 3", "month 6")] == [10, 2]


def test_a_flare_by_a_finding_and_by_a_drug(make_study: Make) -> None:
    rows = [*selena(BEFORE, 2), *selena(MONTH_3, 2, pericarditis=1), *selena(MONTH_6, 2, new_azathioprine=1)]
    found = {r["visit"]: r["flare"] for r in results(make_study(assessments=rows), "selena_flare_index")}
    assert found == {"month 3": "mild_moderate", "month 6": "severe"}


def test_a_finding_that_was_not_asked_for_leaves_the_flare_open(make_study: Make) -> None:
    rows = [*selena(BEFORE, 2), *(r for r in selena(MONTH_3, 2) if r["item"] != "nephritis")]
    (found,) = results(make_study(assessments=rows), "selena_flare_index")
    assert (found["flare"], found["in.new_or_worse"]) == (None, None)


def test_half_improvement_counts_against_baseline(make_study: Make) -> None:
    descriptors = list(registry.get("sledai_2k").rules["weights"])
    chemistry = [
        lab(code, day, value, unit)
        for day in (BEFORE, MONTH_3)
        for code, value, unit in [("UPCR", 0.1, "g/g"), ("PLT", 200, "10*9/L"), ("WBC", 6, "10*9/L")]
    ]
    before = {**dict.fromkeys(descriptors, 0), "arthritis": 1, "rash": 1}
    after = {**dict.fromkeys(descriptors, 0), "arthritis": 1, "alopecia": 1}
    rows = [item("SLEDAI-2K", n, BEFORE, v) for n, v in before.items()]
    rows += [item("SLEDAI-2K", n, MONTH_3, v) for n, v in after.items()]
    rows += [
        item("S2K-RI50", "arthritis", MONTH_3, None, value_text="improved_ge50"),
        item("S2K-RI50", "rash", MONTH_3, None, value_text="resolved"),
    ]
    study = make_study(assessments=rows, observations=chemistry)
    found = next(r for r in results(study, "s2k_ri50") if r["visit"] == "month 3")
    assert sorted(found["in.baseline_descriptors"]) == ["arthritis", "rash"]
    assert found["in.new_descriptors"] == ["alopecia"]
    # Half of 4 for the arthritis, nothing for the rash, 2 for the new alopecia.
    assert found["s2k_ri50"] == 4


@pytest.mark.parametrize(("taken", "grade"), [([], 2), (["warfarin"], 1)])
def test_the_ratio_under_anticoagulation_is_judged_against_baseline(
    make_study: Make, taken: list[str], grade: int
) -> None:
    medicines = [{"subject_id": "P1", "drug": d, "start": BEFORE, "ongoing": True} for d in taken]
    study = make_study(
        classes=["anticoagulant"],
        observations=[lab("INR", BEFORE, 1.8, "1"), lab("INR", MONTH_3, 2.0, "1")],
        **({"exposures": medicines} if medicines else {}),
    )
    found = [r for r in results(study, "ctcae_coagulation") if r["variant"] == "inr_increased v5" and r["day"] == 90]
    assert [r["grade"] for r in found] == [grade]
