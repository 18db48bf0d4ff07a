"""The description of a cohort on a study made by hand."""

from __future__ import annotations

import pytest
from mini_study import INFUSIONS, assessed, on, study, subjects

from aftercart.analysis.cohort import Cohort, describe, person_years


def cohort(**changes: object) -> Cohort:
    of = study(**changes)  # type: ignore[arg-type]
    return Cohort.of(of, assessed(of, []))


def test_counts_by_disease_and_sex_in_display_order() -> None:
    figures = describe(cohort())
    assert figures["n"] == 5
    assert list(figures["n_by_disease"].items()) == [("SLE", 3), ("IIM", 1), ("SSC", 1)]
    assert figures["sex"] == {"F": 3, "M": 2}
    assert cohort().patients["subject_id"].to_list() == ["SLE-1", "SLE-2", "SLE-3", "IIM-1", "SSC-1"]


def test_ages_and_disease_duration() -> None:
    figures = describe(cohort())
    assert (figures["age_years_median"], figures["age_years_range"]) == (30, [18, 60])
    assert (figures["age_years_known"], figures["disease_duration_years_known"]) == (5, 4)
    # full date: 2018-01-10 to 2023-01-10 is 1826 days; "2019" is taken at its midpoint, "2021-04" too
    years = dict(cohort().patients.select("subject_id", "disease_duration_years").iter_rows())
    assert years["SLE-1"] == pytest.approx(1826 / 365.25, abs=0.005)
    assert years["IIM-1"] == pytest.approx((1520 + 1156) / 2 / 365.25, abs=0.005)
    assert years["SSC-1"] == pytest.approx((730 + 701) / 2 / 365.25, abs=0.005)
    assert years["SLE-3"] is None
    assert figures["disease_duration_from_partial_dates"] == 2


def test_follow_up_and_person_time() -> None:
    figures = describe(cohort())
    assert figures["follow_up_months_median"] == pytest.approx(300 / 30.4375, abs=0.005)
    assert figures["follow_up_months_range"] == pytest.approx([100 / 30.4375, 400 / 30.4375], abs=0.005)
    assert figures["follow_up_ends"] == {"last contact": 5}
    assert figures["person_years"] == pytest.approx((400 + 380 + 100 + 300 + 270 + 5) / 365.25, abs=0.005)
    assert person_years(cohort().patients, to_day=30) == pytest.approx(5 * 31 / 365.25)


def test_first_and_last_infusion() -> None:
    figures = describe(cohort())
    assert (figures["first_infusion"], figures["last_infusion"]) == ("2023-01-10", "2023-09-01")


def test_a_death_ends_follow_up_and_censors_its_median() -> None:
    rows = [{**r, "death_date": on("SSC-1", 50)} if r["subject_id"] == "SSC-1" else r for r in subjects()]
    figures = describe(cohort(subjects=rows))
    assert figures["deaths"] == 1
    assert figures["follow_up_ends"] == {"death": 1, "last contact": 4}
    # reverse Kaplan-Meier of 50 (death), 100, 300, 380, 400: steps 3/4, 1/2 (300), 1/4 (380): midpoint of 300 and 380
    assert figures["follow_up_months_median"] == pytest.approx(340 / 30.4375, abs=0.005)


def test_without_last_contact_the_cut_off_ends_follow_up_and_is_named() -> None:
    rows = [{**r, "last_contact_date": None} for r in subjects() if r["subject_id"] == "SLE-1"]
    figures = describe(cohort(only=("SLE-1",), subjects=rows))
    assert figures["follow_up_ends"] == {"data cut-off": 1}
    assert figures["follow_up_months_median"] == pytest.approx(508 / 30.4375, abs=0.005)


def test_a_patient_without_dated_infusion_is_counted_apart() -> None:
    of = study()
    tables = {**of.tables, "infusions": of.tables["infusions"].head(len(INFUSIONS) - 1)}
    thinner = type(of)(meta=of.meta, tables=tables)
    figures = describe(Cohort.of(thinner, assessed(thinner, [])))
    assert (figures["n"], figures["n_not_infused"]) == (4, 1)


def test_nobody() -> None:
    figures = describe(cohort(only=()))
    assert figures["n"] == 0
    assert figures["follow_up_months_median"] is None
    assert figures["first_infusion"] is None
