"""Why a result is what it is: the clause, the values and their rows, what is missing, what was refused."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl
import pytest

import aftercart as ac
from aftercart.errors import UsageError
from aftercart.study.model import Study


def fever(day: str, value: float = 38.6, **more: object) -> dict[str, object]:
    return {"subject_id": "P1", "code": "TEMP", "value": value, "unit": "Cel", "datetime": day, **more}


def device(day: str, text: str) -> dict[str, object]:
    return {"subject_id": "P1", "code": "O2DEVICE", "value_text": text, "datetime": day}


def low(day: str, value: int = 0) -> dict[str, object]:
    return {
        "subject_id": "P1",
        "instrument": "ASTCT-CRS",
        "item": "hypotension_present",
        "value": value,
        "datetime": day,
    }


def test_a_grade_is_explained_by_its_clause_and_rows(make_study: Callable[..., Study]) -> None:
    day = "2022-03-06"
    study = make_study(observations=[fever(day), device(day, "room_air")], assessments=[low(day, 1)])
    (found,) = ac.explain(study, "P1", "crs_astct_2019", day=5)
    assert (found.value, found.clause) == (2, "hypotension_without_vasopressor")
    rows = {f.input: (f.row, f.date, f.recorded) for f in found.facts}
    assert rows["temperature_c"] == ("observations:OBS-1", day, "TEMP 38.6 Cel")
    assert rows["hypotension_present"] == ("assessments:ASS-1", day, "hypotension_present 1")
    assert "declared complete" in (rows["vasopressin"][2] or "")
    assert "Because: Grade 2" in str(found)


def test_an_open_grade_names_what_is_missing_and_what_it_could_be(make_study: Callable[..., Study]) -> None:
    day = "2022-03-06"
    study = make_study(observations=[fever(day), device(day, "nasal_cannula")], assessments=[low(day)])
    (found,) = ac.explain(study, "P1", "crs_astct_2019")
    assert (found.value, found.value_min, found.value_max) == (None, 2, 3)
    assert found.missing == ("oxygen_flow_l_per_min",)
    assert "between 2 and 3" in str(found)


def test_without_a_complete_record_no_row_is_not_an_absence(make_study: Callable[..., Study]) -> None:
    day = "2022-03-06"
    study = make_study(observations=[fever(day), device(day, "room_air")], assessments=[low(day)], classes=["biologic"])
    (found,) = ac.explain(study, "P1", "crs_astct_2019")
    assert (found.value, found.value_min, found.value_max) == (None, 1, 4)
    assert "n_vasopressors_excl_vasopressin" in found.missing


@pytest.mark.parametrize(
    ("subject", "criterion", "words"),
    [
        ("P2", "crs_astct_2019", "the study has P1"),
        ("P1", "crs_astct", "did you mean"),
        ("P1", "mrss", "applies to SSC"),
        ("P1", "crs_astct_2019", "nothing was recorded"),
    ],
)
def test_nothing_to_explain_says_why(
    make_study: Callable[..., Study], subject: str, criterion: str, words: str
) -> None:
    with pytest.raises(UsageError) as caught:
        ac.explain(make_study(), subject, criterion)
    assert words in caught.value.hint


def test_what_would_have_changed_it_and_its_parts() -> None:
    (found,) = ac.explain(ac.reference_cohort(), "SLE-1", "sledai_2k", day=91)
    assert {k: v for k, v in found.decompose().items() if v} == {"points.increased_dna_binding": 2}
    assert "descriptors.increased_dna_binding no would give 0" in found.changes
    dna = [f for f in found.facts if f.input == "descriptors.increased_dna_binding"]
    assert [f.recorded for f in dna] == ["DSDNA 23.2 [IU]/mL"]


def test_rows_that_are_left_out_are_counted_and_simulated_data_are_named() -> None:
    study = ac.reference_cohort()
    found = next(e for e in ac.explain(study, "SLE-1", "doris_2021") if e.visit == "baseline")
    score = [f for f in found.facts if f.input == "csledai_2k"]
    results = ac.assess(study, ["sledai_2k"]).results("sledai_2k")
    baseline = results.filter((pl.col("subject_id") == "SLE-1") & (pl.col("visit") == "baseline"))
    rows = {p["ref"] for p in baseline["evidence"][0]}
    assert [f.more_rows for f in score[:-1]] == [0] * (len(score) - 1)
    assert 0 < score[-1].more_rows < len(rows)
    assert f"and {score[-1].more_rows} more rows" in str(found)
    assert str(found).endswith("Simulated or reconstructed data.")
    assert "clinical_ok = no" in str(found)
