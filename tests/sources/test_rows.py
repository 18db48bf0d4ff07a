"""What becomes of good rows: values in standard units with the original beside them, and nothing made up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from aftercart.study import Study

AT = {"subject_id": "P1", "datetime": "2022-03-02"}
Make = Callable[..., Study]


@pytest.mark.parametrize(
    ("given", "value", "unit", "original"),
    [
        ({"code": "CRP", "value": "1.2", "unit": "mg/dL"}, 12.0, "mg/L", ("1.2", "mg/dL")),
        ({"code": "CRP", "value": "12", "unit": "mg/L"}, 12.0, "mg/L", (None, None)),  # nothing was changed
        ({"code": "IL6", "value": "35", "unit": "pg/mL"}, 35.0, "ng/L", ("35", "pg/mL")),  # only the name of the unit
        ({"code": "ANC", "value": "499", "unit": "/uL"}, 0.499, "10*9/L", ("499", "/uL")),
        ({"code": "TEMP", "value": "100.4", "unit": "degF"}, 38.0, "Cel", ("100.4", "degF")),
        ({"code": "CREAT", "value": "1.00", "unit": "mg/dl"}, 88.42, "umol/L", ("1.00", "mg/dl")),
        ({"code": "CREAT", "value": "8e1", "unit": "\u00b5mol/l"}, 80.0, "umol/L", ("8e1", "\u00b5mol/l")),
        ({"code": "FIO2", "value": "40", "unit": "%"}, 0.4, "1", ("40", "%")),
        (
            {"code": "CRP", "value": "1.2", "unit": "mg/dL", "value_original": "1.20", "unit_original": "mg/100 mL"},
            12.0,
            "mg/L",
            ("1.20", "mg/100 mL"),
        ),
    ],
)
def test_values_are_in_the_standard_unit_and_the_original_is_kept(
    make_study: Make, given: dict[str, Any], value: float, unit: str, original: tuple[str | None, str | None]
) -> None:
    study = make_study(observations=[{**AT, **given}])
    assert study.problems.to_dicts() == []
    (row,) = study.observations.to_dicts()
    assert (row["value"], row["unit"]) == (value, unit)
    assert (row["value_original"], row["unit_original"]) == original


def test_limits_are_converted_with_the_value(make_study: Make) -> None:
    row = {**AT, "code": "HGB", "value": 8.1, "unit": "g/dL", "ref_low": 12, "ref_high": 15.5, "lloq": 0.5}
    study = make_study(observations=[row])
    assert study.observations.select("value", "ref_low", "ref_high", "lloq").row(0) == (81.0, 120.0, 155.0, 5.0)


@pytest.mark.parametrize(("given", "comparator"), [("", "="), ("<", "<"), (">=", ">=")])
def test_a_limit_keeps_its_sign(make_study: Make, given: str, comparator: str) -> None:
    row = {**AT, "code": "IL6", "value": 1.5, "unit": "ng/L", "comparator": given}
    assert make_study(observations=[row]).observations.select("value", "comparator").row(0) == (1.5, comparator)


@pytest.mark.parametrize(
    ("edge", "inside"), [("0", True), ("1500", True), ("-0.1", False), ("1500.1", False)]
)  # hard limits of C-reactive protein in mg/L
def test_hard_limits_are_inside(make_study: Make, edge: str, inside: bool) -> None:
    study = make_study(observations=[{**AT, "code": "CRP", "value": edge, "unit": "mg/L"}])
    assert study.row_counts["observations"] == {"read": 1, "kept": int(inside), "listed": int(not inside)}
    assert study.problems["rule"].to_list() == ([] if inside else ["implausible"])


@pytest.mark.parametrize(
    "given",
    [
        {"code": "CRP", "not_done": "true", "reason": "haemolysed"},
        {"code": "CRP", "not_done": "yes"},
        {"code": "HCG", "not_done": "1"},
        {"code": "HCG", "not_done": "1", "value_text": "sample lost"},
        {"code": "HCG", "value_text": "negative"},
        {"code": "O2DEVICE", "value_text": "room_air"},
    ],
)
def test_not_done_and_text_results_need_no_number_and_no_unit(make_study: Make, given: dict[str, Any]) -> None:
    study = make_study(observations=[{**AT, **given}])
    assert study.problems.to_dicts() == []
    assert study.observations["value"].to_list() == [None]


@pytest.mark.parametrize(
    "given",
    [
        {"code": "CRP"},
        {"code": "CRP", "unit": "mg/L", "value_text": "high"},
        {"code": "CRP", "not_done": "false"},
        {"code": "HCG", "value": 1},
    ],
)
def test_no_result_is_neither_zero_nor_not_done(make_study: Make, given: dict[str, Any]) -> None:
    study = make_study(observations=[{**AT, **given}])
    assert study.problems["rule"].to_list() == ["no_result"]
    assert study.observations.height == 0


@pytest.mark.parametrize(
    ("instrument", "item", "answer", "good"),
    [
        ("ICE", "objects_named_of_3", {"value": 0}, True),
        ("ICE", "objects_named_of_3", {"value": 3}, True),
        ("ICE", "objects_named_of_3", {"value": 1.5}, False),
        ("ICE", "objects_named_of_3", {"value": -1}, False),
        ("ICE", "objects_named_of_3", {}, False),
        ("ICE", "objects_named_of_3", {"value_text": "three"}, False),
        ("ICE", "objects_named_of_3", {"not_done": "true"}, True),
        ("ASTCT-ICANS", "consciousness", {"value_text": "alert"}, True),
        ("ASTCT-ICANS", "consciousness", {"value_text": "Alert"}, False),
        ("ASTCT-ICANS", "consciousness", {"value": 1}, False),
        ("ASTCT-ICANS", "seizure_duration_min", {"value": 2.5}, True),
        ("ASTCT-ICANS", "objects_named_of_3", {"value": 3}, False),  # an item of another instrument
    ],
)
def test_answers_belong_to_their_item(
    make_study: Make, instrument: str, item: str, answer: dict[str, Any], good: bool
) -> None:
    study = make_study(assessments=[{**AT, "instrument": instrument, "item": item, **answer}])
    assert study.row_counts["assessments"] == {"read": 1, "kept": int(good), "listed": int(not good)}
    assert study.problems.height == int(not good)


@pytest.mark.parametrize(
    ("words", "value"),
    [
        ("true", True),
        ("Yes", True),
        ("Y", True),
        ("1", True),
        ("FALSE", False),
        ("no", False),
        ("0", False),
        ("", None),
    ],
)
def test_yes_and_no(make_study: Make, words: str, value: bool | None) -> None:
    study = make_study(events=[{"subject_id": "P1", "category": "ae", "start": "2022-03-02", "serious": words}])
    assert study.problems.to_dicts() == []
    assert study.events["serious"].to_list() == [value]


def test_several_values_in_one_cell(make_study: Make) -> None:
    row = {"subject_id": "P1", "infusion_seq": 1, "start": "2022-03-01", "target": "CD19 ;  BCMA"}
    assert make_study(infusions=[row]).infusions["target"].to_list() == ["CD19;BCMA"]


@pytest.mark.parametrize("text", ["2022", "2022-03", "2022-03-05", "2022-03-05T14:20", "2022-03-05T14:20+02:00"])
def test_dates_stay_as_given(make_study: Make, text: str) -> None:
    study = make_study(events=[{"subject_id": "P1", "category": "ae", "start": text}])
    assert study.problems.to_dicts() == []
    assert study.events["start"].to_list() == [text]


def test_rows_entered_in_error_are_kept(make_study: Make) -> None:
    rows = [
        {**AT, "code": "CRP", "value": v, "unit": "mg/L", "status": s} for v, s in ((3, "entered_in_error"), (4, ""))
    ]
    study = make_study(observations=rows)
    assert study.observations.select("value", "status").rows() == [(3.0, "entered_in_error"), (4.0, None)]


def test_rows_are_in_the_order_of_subject_and_row_id(make_study: Make) -> None:
    people = [{"subject_id": s, "indication": "SLE", "sex": "F"} for s in ("P2", "P1")]
    rows = [{**AT, "subject_id": s, "row_id": r, "code": "CRP", "value": 3, "unit": "mg/L"} for s, r in
            (("P2", "b"), ("P1", "z"), ("P2", "a"), ("P1", "10"), ("P1", "9"))]  # fmt: skip
    study = make_study(subjects=people, observations=rows)
    assert study.observations.select("subject_id", "row_id").rows() == [
        ("P1", "10"), ("P1", "9"), ("P1", "z"), ("P2", "a"), ("P2", "b"),
    ]  # fmt: skip
    assert study.subjects["subject_id"].to_list() == ["P1", "P2"]


def test_study_and_row_ids_come_from_the_place_of_the_file(study_folder: Callable[..., Any]) -> None:
    from aftercart.sources import read

    folder = study_folder()
    (folder / "visits.csv").write_text("subject_id,visit\nP1,month 3\n\nP1,month 6\n", "utf-8")
    study = read(folder)
    assert study.visits.select("study_id", "row_id", "visit").rows() == [
        ("TEST", "visits-2", "month 3"),
        ("TEST", "visits-4", "month 6"),
    ]
    assert study.problems.select("rule", "severity").rows() == [("no_row_id", "warning")]
