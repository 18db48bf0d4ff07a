"""Bindings written by hand: the flag of the baseline, the limit of quantification, who was ventilated."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import aftercart as ac
from aftercart.study.model import Study


def lab(code: str, day: str, value: float, unit: str, **more: Any) -> dict[str, Any]:
    return {"subject_id": "P1", "code": code, "value": value, "unit": unit, "datetime": day, **more}


@pytest.mark.parametrize(
    ("baseline", "limit", "flag", "grade"),
    [(30, 40, "normal", 3), (90, 40, "high", 1), (90, 100, "normal", 3), (None, 40, None, 3)],
)
def test_a_raised_baseline_is_judged_by_its_own_range(
    make_study: Callable[..., Study], baseline: float | None, limit: float, flag: str | None, grade: int
) -> None:
    rows = [lab("ALT", "2022-03-10", 210, "U/L", ref_high=40)]
    if baseline is not None:
        rows.append(lab("ALT", "2022-02-20", baseline, "U/L", ref_high=limit))
    done = ac.assess(make_study(observations=rows), ["ctcae_liver"]).results("ctcae_liver")
    found = next(r for r in done.iter_rows(named=True) if r["variant"] == "alt_increased v5" and r["day"] == 9)
    assert (found["in.baseline_range_flag"], found["grade"]) == (flag, grade)


def test_expansion_needs_the_limit_of_quantification(make_study: Callable[..., Study]) -> None:
    days = (("2022-03-04", 50), ("2022-03-10", 900), ("2022-04-10", 20))
    with_limit = [lab("CARCOPY", d, v, "{copies}/ug", lloq=25) for d, v in days]
    without = [lab("CARCOPY", d, v, "{copies}/ug") for d, v in days]
    found = [
        ac.assess(make_study(name=str(i), observations=rows), ["car_t_kinetics"])
        .results("car_t_kinetics")
        .row(0, named=True)
        for i, rows in enumerate((with_limit, without))
    ]
    assert (found[0]["cmax"], found[0]["tmax_day"], found[0]["tlast_day"]) == (900, 9, 9)
    assert (found[1]["cmax"], found[1]["missing"]) == (None, "lloq_copies_per_ug")


@pytest.mark.parametrize(
    ("care", "device", "bounds"),
    [("ward", None, (2, 2)), (None, None, (2, 3)), ("ICU", None, (2, 3)), ("ICU", "invasive_ventilation", (3, 3))],
)
def test_pneumonia_is_graded_by_what_is_known_of_ventilation(
    make_study: Callable[..., Study], care: str | None, device: str | None, bounds: tuple[int, int]
) -> None:
    event = {
        "subject_id": "P1",
        "category": "infection",
        "term": "bacterial_pneumonia",
        "term_system": "BMT-CTN",
        "start": "2022-05-01",
        "end": "2022-05-09",
        "level_of_care": care,
    }
    oxygen = (
        [{"subject_id": "P1", "code": "O2DEVICE", "value_text": device, "datetime": "2022-05-03"}] if device else []
    )
    study = make_study(events=[event], observations=oxygen)
    found = ac.assess(study, ["infection_grade_bmt_ctn"]).results("infection_grade_bmt_ctn").row(0, named=True)
    assert (found["grade_min"], found["grade_max"]) == bounds


def lupus_visit(day: str) -> list[dict[str, Any]]:
    common = {"subject_id": "P1", "instrument": "PGA", "item": "phga_0_3", "value": 0, "datetime": day}
    return [common]


def test_seroreversion_reads_the_levels_since_infusion_in_order(make_study: Callable[..., Study]) -> None:
    levels = (("2022-02-20", 120), ("2022-05-30", 40), ("2022-08-30", 12))
    rows = [lab("DSDNA", d, v, "[IU]/mL", ref_high=20) for d, v in levels]
    study = make_study(observations=rows, assessments=lupus_visit("2022-05-30") + lupus_visit("2022-08-30"))
    done = ac.assess(study, ["autoantibody_seroreversion"]).results("autoantibody_seroreversion")
    found = {r["visit"]: r["seroreversion"] for r in done.iter_rows(named=True) if r["variant"] == "anti_dsdna"}
    assert found == {"month 3": False, "month 6": True}


def infused(*later: dict[str, Any]) -> list[dict[str, Any]]:
    first = {"subject_id": "P1", "infusion_seq": 1, "start": "2022-03-01", "product_class": "CAR_T"}
    return [first, *({"subject_id": "P1", "product_class": "CAR_T", **more} for more in later)]


# later infusions -> what late ICAHT and late T-ICAHT of the first one still see
@pytest.mark.parametrize(
    ("later", "late", "platelets"),
    [
        ((), 4, 3),
        (({"infusion_seq": 2, "start": "2022-04-20", "retreatment": True},), 2, 1),
        (({"infusion_seq": 2, "start": "2022-04-25", "retreatment": True},), 4, 1),
        (({"infusion_seq": 2, "start": "2022-04-20", "retreatment": False},), 4, 3),
        (({"infusion_seq": 2, "start": "2022-04-20"},), 4, 3),
        (({"infusion_seq": 2, "start": "2022-02-01", "retreatment": True},), 4, 3),
        (({"infusion_seq": 2, "start": "2022-04-20", "retreatment": True, "status": "entered_in_error"},), 4, 3),
        (
            (
                {"infusion_seq": 3, "start": "2022-08-01", "retreatment": True},
                {"infusion_seq": 2, "start": "2022-04-20", "retreatment": True},
            ),
            2,
            1,
        ),
    ],
)
def test_late_counts_after_a_retreatment_belong_to_it(
    make_study: Callable[..., Study], later: tuple[dict[str, Any], ...], late: int, platelets: int
) -> None:
    counts = (("2022-04-05", 900, 90), ("2022-04-10", 1200, 80), ("2022-04-25", 60, 15), ("2022-05-05", 400, 18))
    rows = [lab("ANC", day, anc, "/uL") for day, anc, _ in counts]
    rows += [lab("PLT", day, count, "10*9/L") for day, _, count in counts]
    study = make_study(infusions=infused(*later), observations=rows)
    done = ac.assess(study, ["icaht_late_2023", "t_icaht_late_2025"])
    neutrophils = next(r for r in done.results("icaht_late_2023").to_dicts() if r["variant"] == "to day 100")
    found = done.results("t_icaht_late_2025").row(0, named=True)
    assert (neutrophils["grade"], found["grade"]) == (late, platelets)


def test_the_row_of_a_retreatment_is_named_as_evidence(make_study: Callable[..., Study]) -> None:
    later = infused({"infusion_seq": 2, "start": "2022-04-20", "retreatment": True})
    rows = [lab("ANC", day, 900, "/uL") for day in ("2022-04-05", "2022-04-10")]
    table = ac.assess(make_study(infusions=later, observations=rows), ["icaht_late_2023"]).table
    assert all("infusions:INF-2" in sources for sources in table["source_rows"].to_list())


@pytest.mark.parametrize(("age", "variant", "worst"), [(9, "ICANS, children's rule", 3), (9, "ICANS", None)])
def test_episodes_of_neurotoxicity_in_a_child_follow_the_rule_for_children(
    make_study: Callable[..., Study], age: int, variant: str, worst: int | None
) -> None:
    def answer(instrument: str, name: str, value: float | None, text: str | None = None) -> dict[str, Any]:
        common = {"subject_id": "P1", "instrument": instrument, "item": name, "datetime": "2022-03-06"}
        return {**common, "value": value, "value_text": text}

    child = [{"subject_id": "P1", "indication": "SLE", "sex": "F", "age_at_infusion": age, "diagnosis_date": "2018"}]
    given = [
        answer("CAPD", "capd_score", 12),
        answer("ASTCT-ICANS", "consciousness", None, "alert"),
        answer("ASTCT-ICANS", "seizure", None, "none"),
        answer("ASTCT-ICANS", "icp_finding", None, "none"),
        answer("ASTCT-ICANS", "deep_focal_motor_weakness", 0),
    ]
    done = ac.assess(make_study(subjects=child, assessments=given), ["grade_episodes"]).results("grade_episodes")
    found = next(r for r in done.to_dicts() if r["variant"] == variant)
    assert found["patient_max_grade"] == worst
