"""Infections by what they were: site from the wording, organism, severity, and time at risk by period."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl
import pytest

import aftercart as ac
from aftercart.analysis.infections import site
from aftercart.study.model import Study

WORDS = {
    ("bacterial_pneumonia", "pneumonia"): "lung or lower airway",
    (None, "upper airway infection"): "upper airway",
    (None, "Bronchitis, treated out of hospital"): "lung or lower airway",
    (None, "cystitis"): "urinary tract",
    ("coagulase_negative_staph_bacteremia", None): "bloodstream",
    (None, "bacteraemia with pneumonia"): "bloodstream",
    ("fungemia", None): "bloodstream",
    ("c_difficile", None): "gut",
    ("candida_esophagitis_biopsy_proven", None): "mouth or oesophagus",
    ("brain_abscess_or_meningitis", None): "nervous system",
    ("cellulitis", None): "skin or soft tissue",
    (None, "herpes zoster"): "skin or soft tissue",
    (None, "osteomyelitis"): "bone or joint",
    (None, "catheter infection"): "catheter",
    (None, "fever"): None,
    (None, None): None,
}


@pytest.mark.parametrize(("words", "expected"), WORDS.items())
def test_site(words: tuple[str | None, str | None], expected: str | None) -> None:
    row = pl.DataFrame([words], schema={"term": pl.String, "term_text": pl.String}, orient="row")
    assert row.select(site()).item() == expected


PEOPLE: dict[str, Any] = {
    "subjects": [
        {"subject_id": s, "indication": "SLE", "sex": "F", "age_at_infusion": 30, "last_contact_date": "2022-12-31"}
        for s in ("P1", "P2")
    ],
    "infusions": [{"subject_id": s, "infusion_seq": 1, "start": "2022-01-01"} for s in ("P1", "P2")],
}


def infection(start: str, **more: Any) -> dict[str, Any]:
    return {"subject_id": "P1", "category": "infection", "start": start, **more}


@pytest.fixture
def found(make_study: Callable[..., Study]) -> ac.Analysis:
    events = [
        infection("2022-01-31", term_text="cystitis", site="Escherichia coli", grade=2, grade_scale="CTCAE5"),
        infection("2022-02-01", term_text="cystitis", site="Escherichia coli", grade=3, grade_scale="CTCAE5"),
        infection("2022-06-01", term_text="pneumonia", serious=True),
        infection("2022-07", term_text="fever"),
    ]
    return ac.analyze(make_study(**PEOPLE, events=events))


# id of the rate -> events over 2 patients of 365 days each
@pytest.mark.parametrize(
    ("name", "events"),
    [
        ("infection", 4),
        ("infection_site_urinary_tract", 2),
        ("infection_site_lung_or_lower_airway", 1),
        ("infection_site_unknown", 1),
        ("infection_organism_escherichia_coli", 2),
        ("infection_organism_unknown", 2),
        ("infection_reported_grade_2", 1),
        ("infection_reported_grade_3", 1),
        ("infection_reported_grade_unknown", 2),
        ("infection_serious", 1),
        ("infection_not_serious", 3),
    ],
)
def test_rates_by_kind(found: ac.Analysis, name: str, events: int) -> None:
    days = found.estimate(f"{name}_rate_patient_days")
    years = found.estimate(f"{name}_rate_patient_year")
    assert (days["numerator"], days["denominator"]) == (events, pytest.approx(2 * 365 / 100))
    assert (years["numerator"], years["denominator"]) == (events, pytest.approx(2 * 365 / 365.25))
    assert days["estimate"] == pytest.approx(events / 7.3)
    assert years["ci_method"] == "Garwood exact"


def test_the_edges_of_periods(found: ac.Analysis) -> None:
    counts = {
        period: found.estimate("infection_rate_patient_year", "all", period)["numerator"]
        for period in ("day 0-30", "day 31-90", "day 91-365", "after day 365")
    }
    # The infection dated to a month only is in no period, but in the follow-up as a whole.
    assert counts == {"day 0-30": 1, "day 31-90": 1, "day 91-365": 1, "after day 365": 0}
    later = found.estimate("infection_rate_patient_year", "all", "after day 365")
    assert (later["denominator"], later["estimate"]) == (0, None)
    assert "no time at risk" in later["note"]
    assert "1 without a complete date" in later["note"]


def test_first_infections_count_time_until_they_come(found: ac.Analysis) -> None:
    first = found.estimate("infection_any_first_event_rate")
    assert (first["numerator"], first["denominator"]) == (1, pytest.approx((31 + 365) / 365.25))


def test_mean_number_with_a_death(make_study: Callable[..., Study]) -> None:
    """Dead patients stay in the denominator and have no further infections."""
    people = {**PEOPLE, "subjects": [dict(s) for s in PEOPLE["subjects"]]}
    people["subjects"][1] |= {"death_date": "2022-02-01", "last_contact_date": None}
    events = [infection("2022-01-20"), infection("2022-05-01"), infection("2022-06-01")]
    found = ac.analyze(make_study(**people, events=events))
    mean = found.estimate("infections_per_patient", "all", "month 6")
    assert mean["ci_method"].startswith("Ghosh-Lin")
    # One of two at day 19; then the survivor's two infections count for the half that is alive.
    assert (mean["numerator"], mean["estimate"]) == (3, pytest.approx(0.5 + 0.5 + 0.5))


def test_flares_recur(make_study: Callable[..., Study]) -> None:
    flares = [{"subject_id": "P1", "category": "flare", "start": d} for d in ("2022-03-01", "2022-06-01")]
    found = ac.analyze(make_study(**PEOPLE, events=flares))
    mean = found.estimate("flares_per_patient", "all", "month 6")
    assert (mean["numerator"], mean["denominator"], mean["estimate"]) == (2, 2, 1)
    assert found.estimate("malignancy_rate")["numerator"] == 0
