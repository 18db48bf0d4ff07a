"""The reference cohort: rebuilt to the byte, every cell marked, plausible, and graded to the published result."""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import polars as pl
import pytest

import aftercart as ac
from aftercart.analysis import summarize
from aftercart.assessment import Assessments
from aftercart.demo import reference_cohort_folder
from aftercart.study.model import Study

ROOT = Path(__file__).parents[1]
LEADING = {"study_id", "subject_id", "row_id", "source", "source_ref", "status"}


@pytest.fixture(scope="module")
def study() -> Study:
    return ac.reference_cohort()


@pytest.fixture(scope="module")
def done(study: Study) -> Assessments:
    return ac.assess(study)


def test_the_script_rebuilds_the_packaged_data_to_the_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    import build_reference_cohort

    build_reference_cohort.build(tmp_path)
    packaged = reference_cohort_folder()
    names = sorted(str(p.relative_to(packaged)) for p in packaged.rglob("*") if p.is_file() and p.name != "README.md")
    assert names == sorted(str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file())
    for name in names:
        assert (tmp_path / name).read_bytes() == (packaged / name).read_bytes(), name
    sys.modules.pop("build_reference_cohort")


def test_every_cell_says_whether_it_is_published_constrained_or_simulated() -> None:
    folder = reference_cohort_folder()
    codes = set()
    for path in folder.glob("*.csv"):
        with path.open(newline="") as cells, (folder / "provenance" / path.name).open(newline="") as marks:
            for row, mark in zip(csv.DictReader(cells), csv.DictReader(marks), strict=True):
                assert row["row_id"] == mark["row_id"]
                filled = {c for c, v in row.items() if v and c not in LEADING}
                assert filled == {c for c, v in mark.items() if v and c != "row_id"}, row["row_id"]
                codes |= {v for c, v in mark.items() if v and c != "row_id"}
    assert codes == {"published", "constrained", "simulated"}


def test_published_cells_agree_with_the_published_table() -> None:
    with (ROOT / "scripts/reference_cohort/published/cohort15.csv").open(newline="", encoding="utf-8") as stream:
        published = {row["patient_label"]: row for row in csv.DictReader(stream)}
    assert {"height_cm", "weight_kg"}.isdisjoint(next(iter(published.values())))
    subjects = {r["subject_id"]: r for r in _rows("subjects")}
    marks = {r["row_id"]: r for r in _rows("provenance/subjects")}
    for label, row in published.items():
        subject = subjects[label]
        mark = marks[subject["row_id"]]
        for column, text in (("sex", row["sex"]), ("age_at_infusion", row["age_years"])):
            assert (mark[column] == "published") == bool(text), (label, column)
            assert not text or subject[column] == text


def _rows(name: str) -> list[dict[str, str]]:
    with (reference_cohort_folder() / f"{name}.csv").open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_no_grade_and_no_body_size_is_typed_in() -> None:
    for row in _rows("events"):
        assert not row.get("grade")
        assert not row.get("aesi")
    assert {"HT", "WT", "BSA"}.isdisjoint({r["code"] for r in _rows("observations")})
    assert all("weight_kg" not in r for r in _rows("infusions"))


def test_there_is_no_problem_in_the_data(study: Study) -> None:
    assert ac.check(study).is_empty()
    assert study.meta.simulated
    assert "not patient data" in study.meta.note
    assert "never averaged" in study.meta.note


def test_the_published_cohort_comes_out_of_the_raw_data(done: Assessments) -> None:
    cohort = summarize(done.study, done).cohort
    assert cohort["n"] == 15
    assert cohort["n_by_disease"] == {"SLE": 8, "IIM": 3, "SSC": 4}
    assert cohort["sex"] == {"F": 10, "M": 5}
    assert cohort["age_years_median"] == 36
    assert cohort["disease_duration_years_median"] == 3
    assert cohort["follow_up_months_median"] == 18
    assert cohort["follow_up_months_range"][1] > 24
    assert (cohort["first_infusion"][:7], cohort["last_infusion"][:7]) == ("2021-02", "2023-05")
    assert cohort["crs_by_max_grade"] == {"0": 6, "1": 8, "2": 1, "3": 0, "4": 0, "5": 0, "not_evaluable": 0}
    assert cohort["icans_by_max_grade"] == {"0": 14, "1": 1, "2": 0, "3": 0, "4": 0, "5": 0, "not_evaluable": 0}


@pytest.mark.parametrize(
    ("id_", "numerator", "denominator"),
    [
        ("refractory_erlangen_ge2", 15, 15),
        ("crs_any", 9, 15),
        ("crs_grade_3_or_more", 0, 15),
        ("icans_any", 1, 15),
        ("early_icaht_grade_3_or_more", 0, 15),
        ("late_neutropenia_grade_4", 1, 15),
        ("late_neutropenia_grade_4_resolved", 1, 1),
        ("pneumonia_hospitalised", 1, 15),
        ("b_cell_aplasia", 15, 15),
        ("doris_month_3", 8, 8),
        ("doris_last_visit", 8, 8),
        ("sledai_2k_zero_month_6", 8, 8),
        ("tis_major_month_6", 3, 3),
        ("eustar_ai_improved_month_6", 4, 4),
        ("drug_free_strict_last_visit", 15, 15),
        ("relapse", 0, 8),
    ],
)
def test_a_published_count(done: Assessments, id_: str, numerator: int, denominator: int) -> None:
    found = summarize(done.study, done).get(id_)
    assert (found.numerator, found.denominator, found.not_evaluable) == (numerator, denominator, 0)


def test_baseline_scores_of_single_patients_are_those_published(done: Assessments) -> None:
    baseline = done.table.filter(pl.col("visit") == "baseline")
    sledai = dict(baseline.filter(pl.col("criterion") == "sledai_2k").select("subject_id", "value").iter_rows())
    assert [sledai[f"SLE-{i}"] for i in range(1, 6)] == [16, 16, 10, 8, 9]
    mrss = dict(baseline.filter(pl.col("criterion") == "mrss").select("subject_id", "value").iter_rows())
    assert [mrss[f"SSc-{i}"] for i in range(1, 4)] == [24, 27, 32]


def _values(study: Study, code: str) -> pl.DataFrame:
    from aftercart.assessment.timeline import build

    timeline = build(study)
    return timeline.fact(f"obs:{code}").join(timeline.subjects.select("_s", "subject_id"), on="_s")


def test_courses_look_right_to_a_clinician(study: Study) -> None:
    fever = _values(study, "TEMP").filter(pl.col("value") >= 38)["day"]
    assert fever.is_between(5, 9).all()

    anc = _values(study, "ANC").filter(pl.col("day").is_between(0, 30))
    nadir = anc.sort("value").group_by("subject_id", maintain_order=True).first()
    assert nadir["day"].is_between(5, 12).all()
    assert (nadir["value"] < 2).all()

    cells = _values(study, "CD19").filter(pl.col("day") >= 0)
    assert cells.filter(pl.col("day") == 7)["value"].to_list() == [0.0] * 15
    back = cells.filter((pl.col("day") > 7) & (pl.col("value") > 0)).group_by("subject_id").agg(pl.col("day").min())
    assert 90 <= back["day"].mean() <= 130

    for code, later, share in (("DSDNA", 183, 0.1), ("CK", 183, 0.1)):
        found = _values(study, code).filter(pl.col("day") >= -30)
        first = found.filter(pl.col("day") < -5).group_by("subject_id").agg(start=pl.col("value").max())
        last = found.filter((pl.col("day") - later).abs() < 20).group_by("subject_id").agg(end=pl.col("value").max())
        both = first.join(last, on="subject_id")
        assert both.height == found["subject_id"].n_unique()
        assert (both["end"] < share * both["start"]).all()

    expansion = _values(study, "CARCOPY").sort("value").group_by("subject_id").last()
    assert expansion["day"].is_between(7, 11).all()
