"""Counts by disease: milestones, earlier medicines, reported events and worst grades, against the rows of the study."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl
import pytest

import aftercart as ac
from aftercart.analysis.behind import answers, diseases, every_outcome
from aftercart.analysis.cohort import Cohort
from aftercart.analysis.counts import COUNTS, counts
from aftercart.analysis.described import described
from aftercart.study.model import Study


def counted(study: Study) -> dict[tuple[str, str | None, str | None, str], tuple[int, int, int]]:
    found = counts(Cohort.of(study, ac.assess(study)))
    assert dict(found.schema) == COUNTS
    return {
        (r["table"], r["group"], r["label"], r["stratum"]): (r["patients"], r["n"], r["events"])
        for r in found.iter_rows(named=True)
    }


def two_diseases(**tables: Any) -> dict[str, Any]:
    return {
        "subjects": [
            {
                "subject_id": "P1",
                "indication": "SLE",
                "sex": "F",
                "age_at_infusion": 30,
                "last_contact_date": "2023-03-01",
            },
            {
                "subject_id": "P2",
                "indication": "SSC",
                "sex": "M",
                "age_at_infusion": 40,
                "last_contact_date": "2023-03-01",
            },
        ],
        "infusions": [{"subject_id": p, "infusion_seq": 1, "start": "2022-03-01"} for p in ("P1", "P2")],
        **tables,
    }


def test_milestones_are_of_the_enrolled(make_study: Callable[..., Study]) -> None:
    reached = [
        {"subject_id": "P1", "milestone": "infused", "date": "2022-03-01"},
        {"subject_id": "P1", "milestone": "consented", "date": "2022-01-01"},
        {"subject_id": "P2", "milestone": "consented", "date": "2022-01-01"},
        {"subject_id": "P2", "milestone": "withdrew_consent", "date": "2022-01-02", "status": "entered_in_error"},
    ]
    tables = two_diseases(disposition=reached)
    tables["infusions"] = tables["infusions"][:1]
    found = counted(make_study(**tables))
    assert found["milestones", None, "consented", "all"] == (2, 2, 2)
    assert found["milestones", None, "infused", "all"] == (1, 2, 1)
    assert found["milestones", None, "infused", "SSC"] == (0, 1, 0)
    assert found["milestones", None, "reference infusion", "SLE"] == (1, 1, 1)
    assert not any(key[2] == "withdrew_consent" for key in found)
    assert [k[2] for k in found if k[3] == "all"][:2] == ["consented", "infused"]  # in the order of a study


def test_a_medicine_given_twice_is_one_patient_and_a_later_one_is_not_prior(
    make_study: Callable[..., Study],
) -> None:
    def given(drug: str, start: str, purpose: str = "background", subject: str = "P1") -> dict[str, str]:
        return {"subject_id": subject, "drug": drug, "start": start, "end": start, "purpose": purpose}

    exposures = [
        given("rituximab", "2021-01-01"),
        given("rituximab", "2021-06-01"),
        given("belimumab", "2021-06-01", subject="P2"),
        given("belimumab", "2022-05-01"),
        given("fludarabine", "2022-02-25", "lymphodepletion"),
    ]
    found = counted(make_study(**two_diseases(exposures=exposures)))
    assert found["prior medicines", "biologic", None, "all"] == (2, 2, 3)
    assert found["prior medicines", "biologic", "rituximab", "SLE"] == (1, 1, 2)
    assert found["prior medicines", "biologic", "rituximab", "SSC"] == (0, 1, 0)
    assert found["prior medicines", "biologic", "belimumab", "SLE"] == (0, 1, 0)
    assert not any(key[2] == "fludarabine" for key in found)


def test_events_before_the_infusion_and_stays_are_not_adverse_events(make_study: Callable[..., Study]) -> None:
    events = [
        {"subject_id": "P1", "category": "ae", "term_text": "rash", "start": "2022-03-05"},
        {"subject_id": "P1", "category": "ae", "term_text": "rash", "start": "2022-04-05"},
        {"subject_id": "P1", "category": "ae", "term_text": "old", "start": "2022-02-05"},
        {"subject_id": "P1", "category": "ae", "term_text": "later", "start": "2024-02-05"},
        {"subject_id": "P2", "category": "hospitalisation", "term_text": "stay", "start": "2022-03-05"},
        {"subject_id": "P2", "category": "infection", "term": "bacterial_pneumonia", "start": "2022-03-05"},
    ]
    found = counted(make_study(**two_diseases(events=events)))
    assert found["reported events", "ae", None, "all"] == (1, 2, 2)
    assert found["reported events", "ae", "rash", "SLE"] == (1, 1, 2)
    assert found["reported events", "infection", "bacterial pneumonia", "SSC"] == (1, 1, 1)
    assert {k[2] for k in found if k[0] == "reported events"} == {None, "rash", "bacterial pneumonia"}


def test_patients_whose_events_were_refused_are_in_no_denominator(make_study: Callable[..., Study]) -> None:
    events = [
        {"subject_id": "P1", "category": "ae", "term_text": "rash", "start": "2022-03-05"},
        {"subject_id": "P2", "category": "ae", "term_text": "rash", "start": "nonsense"},
    ]
    found = counted(make_study(**two_diseases(events=events)))
    assert found["reported events", "ae", "rash", "all"] == (1, 1, 1)
    assert ("reported events", "ae", "rash", "SSC") not in found


def test_the_worst_grade_is_of_the_values_after_infusion(make_study: Callable[..., Study]) -> None:
    def anc(value: float, day: str, subject: str = "P1") -> dict[str, Any]:
        return {"subject_id": subject, "code": "ANC", "value": value, "unit": "10*9/L", "datetime": day, "ref_low": 2.0}

    rows = [anc(0.1, "2022-02-25"), anc(1.2, "2022-03-05"), anc(0.7, "2022-03-09"), anc(3.0, "2022-03-09", "P2")]
    found = counted(make_study(**two_diseases(observations=rows)))
    assert found["worst grades", "ctcae_neutrophils v5", "3", "all"] == (1, 2, 1)
    assert found["worst grades", "ctcae_neutrophils v5", "0", "SSC"] == (1, 1, 1)
    assert ("worst grades", "ctcae_neutrophils v5", "4", "all") not in found


@pytest.fixture(scope="module")
def reference() -> Cohort:
    study = ac.reference_cohort()
    return Cohort.of(study, ac.assess(study))


def test_worst_grades_of_the_reference_cohort_agree_with_the_shifts(reference: Cohort) -> None:
    from aftercart.analysis.baseline import shifts

    grades = counts(reference).filter((pl.col("table") == "worst grades") & (pl.col("stratum") == "all"))
    named = pl.concat_str("criterion", pl.lit(" "), "variant")
    moved = shifts(reference).filter(pl.col("worst_grade").is_not_null()).with_columns(group=named)
    summed = moved.group_by("group", label=pl.col("worst_grade").cast(pl.String)).agg(pl.col("patients").sum())
    both = grades.join(summed, on=["group", "label"], how="full")
    assert both["patients"].to_list() == both["patients_right"].to_list()


def test_onset_and_duration_are_of_those_affected(reference: Cohort) -> None:
    found = {(r["variable"], r["stratum"]): r for r in described(reference).iter_rows(named=True)}
    crs = found["CRS, day of onset", "all"]
    assert (crs["n"], crs["known"], crs["median"], crs["minimum"], crs["maximum"]) == (15, 9, 6.0, 5.0, 7.0)
    icans = found["ICANS, duration", "IIM"]
    assert (icans["n"], icans["known"], icans["median"]) == (3, 1, 2.0)
    assert found["ICANS, duration", "SLE"]["median"] is None
    assert found["Peak of the CAR transgene", "all"]["known"] == 15


def test_the_diseases_behind_an_estimate(reference: Cohort) -> None:
    records = ac.analyze(reference.study, reference.assessments).estimates
    found = diseases(answers(reference, every_outcome(reference)), records["id"])
    assert found["doris_month_6"] == found["doris_month_6_nri"] == found["in_remission"] == ("SLE",)
    assert found["haq_di_change_month_3"] == ("IIM", "SSC")
    assert found["crs_any"] == ("IIM", "SLE", "SSC")
    counted_ = records.filter(pl.col("unit").is_in(["proportion", "probability"]))
    known = {i for i in counted_["id"].unique() if not i.startswith("response_")}
    assert known <= set(found)


def test_the_overview_counts_patients_by_what_was_reported(make_study: Callable[..., Study]) -> None:
    def event(subject: str, **more: Any) -> dict[str, Any]:
        return {"subject_id": subject, "category": "ae", "term_text": "rash", "start": "2022-03-05", **more}

    events = [event("P1", grade=3, related="unlikely"), event("P1", grade=2, related="possible"), event("P2")]
    found = ac.analyze(make_study(**two_diseases(events=events)))
    met = {
        id_: found.estimate(id_)["numerator"]
        for id_ in (
            "adverse_event_any",
            "adverse_event_grade_3_or_more",
            "adverse_event_related",
            "adverse_event_fatal",
        )
    }
    assert list(met.values()) == [2, 1, 1, 0]
    assert found.estimate("adverse_event_related", "SSC")["numerator"] == 0
    fatal = ac.analyze(make_study(**two_diseases(events=[event("P1", outcome="FATAL")])))
    assert fatal.estimate("adverse_event_fatal")["numerator"] == 1
