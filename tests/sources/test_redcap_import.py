"""REDCap to study: published projects, a CAR-T project that gives its study back, every trap, and broken input."""

from __future__ import annotations

import csv
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import redcap_project
from click.testing import CliRunner
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

import aftercart
from aftercart.cli import main
from aftercart.errors import AftercartError, SourceError, UsageError
from aftercart.sources import importing, redcap
from aftercart.sources.assembly import Imported
from aftercart.sources.mapping import mapping_of
from aftercart.sources.pseudonyms import Pseudonyms
from aftercart.sources.redcap.fields import LONG

DATA = Path(__file__).parents[1] / "data" / "redcap"
PATIENTS = ["IIM-1", "SLE-1", "SSc-1"]
PEOPLE = {
    "table": "subjects",
    "form": "person",
    "columns": {"sex": {"field": "sex", "choices": {"1": "F", "2": "M"}}, "indication": {"constant": "SLE"}},
}
LABS = {
    "table": "observations",
    "form": "labs",
    "columns": {"datetime": "lab_date"},
    "values": {"ANC": {"field": "anc", "unit": "10*9/L"}, "CRP": {"field": "crp", "unit": "mg/L"}},
}
ITEMS = {
    "table": "assessments",
    "form": "sledai",
    "instrument": "SLEDAI-2K",
    "columns": {"datetime": "sledai_date"},
    "items": {"seizure": "signs___1", "psychosis": "signs___-99", "rash": "signs___b"},
}
FIELDS = [
    ("record_id", "person", "text", "Record", "", {}),
    ("sex", "person", "radio", "Sex", "1, Female | 2, Male, or boy", {}),
    ("born", "person", "text", "Born", "", {"valid": "date_mdy", "identifier": "y"}),
    ("mail", "person", "text", "Mail", "", {"valid": "email"}),
    ("lab_date", "labs", "text", "Sampled", "", {"valid": "date_dmy"}),
    ("anc", "labs", "text", "Neutrophils", "", {"valid": "number_2dp_comma_decimal", "low": "0,1", "high": "20"}),
    ("crp", "labs", "text", "CRP", "", {"valid": "number"}),
    ("total", "labs", "calc", "Total", "round(sum([anc], [crp]), 1)", {}),
    ("sledai_date", "sledai", "text", "Date", "", {"valid": "date_ymd"}),
    ("signs", "sledai", "checkbox", "Signs", "1, seizure | -99, psychosis | B, rash", {}),
    ("doctor", "sledai", "text", "Doctor", "", {}),
]


def dictionary(fields: Any = FIELDS, *, long: bool = True) -> list[dict[str, str]]:
    rows = []
    for name, form, kind, label, choices, more in fields:
        row = dict.fromkeys(LONG, "") | {"field_name": name, "form_name": form, "field_type": kind}
        row |= {
            "field_label": label,
            "select_choices_or_calculations": choices,
            "identifier": more.get("identifier", ""),
        }
        row["text_validation_type_or_show_slider_number"] = more.get("valid", "")
        row |= {"text_validation_min": more.get("low", ""), "text_validation_max": more.get("high", "")}
        rows.append({LONG[k] if long else k: v for k, v in row.items()})
    return rows


def csv_file(path: Path, rows: list[dict[str, Any]], *, separator: str = ",", bom: bool = False) -> None:
    columns = list(dict.fromkeys(c for row in rows for c in row))
    with path.open("w", newline="", encoding="utf-8-sig" if bom else "utf-8") as stream:
        writer = csv.DictWriter(stream, columns, restval="", delimiter=separator)
        writer.writeheader()
        writer.writerows(rows)


def project(folder: Path, *records: dict[str, Any], fields: Any = FIELDS, **more: Any) -> Path:
    """A folder with a dictionary and records; every record starts as a woman whose forms are complete."""
    folder.mkdir(exist_ok=True)
    csv_file(folder / "fields.csv", dictionary(fields))
    rows = [{"record_id": "1", "sex": "1", "person_complete": "2", **r} for r in records]
    csv_file(folder / "data.csv", rows, **more)
    return folder


def read(folder: Path, *rows: dict[str, Any], pseudonyms: Pseudonyms | None = None, **own: Any) -> Imported:
    raw = {"study": {"study_id": "T", "data_cut_off": None}, "redcap": {"rows": [PEOPLE, *rows], **own}}
    return redcap.read(folder, mapping=mapping_of(raw, "redcap"), pseudonyms=pseudonyms)


def lines(done: Imported, rule: str) -> list[tuple[Any, ...]]:
    return done.study.problems.filter(pl.col("rule") == rule).select("row", "column", "found").rows()


def balanced(done: Imported) -> bool:
    """Every row read is kept or listed, and every row that is not kept has a line of its own or its table's."""
    rows = done.reconciliation
    return bool((rows["rows_read"] == rows["rows_kept"] + rows["rows_listed"]).all())


# A whole project


@pytest.fixture(scope="module")
def cohort() -> Any:
    """One patient of each disease; ICE is asked a second time on every evening, with one object fewer named."""
    study = aftercart.reference_cohort().select(subjects=PATIENTS)
    evening = study.assessments.filter(pl.col("instrument") == "ICE").with_columns(
        row_id=pl.col("row_id") + "-evening",
        datetime=pl.col("datetime") + "T20:00:00",
        value=pl.when(pl.col("item") == "objects_named_of_3").then(2.0).otherwise("value"),
    )
    answers = pl.concat([study.assessments, evening]).sort("subject_id", "row_id")
    return replace(study, tables={**study.tables, "assessments": answers})


@pytest.fixture(scope="module")
def exported(cohort: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("castle")
    return folder, redcap_project.write(cohort, folder)


def test_a_project_gives_back_the_study_it_was_made_from(cohort: Any, exported: tuple[Path, Path]) -> None:
    folder, mapping = exported
    done = importing.read("redcap", folder, mapping=mapping)
    assert done.study.problems.rows() == []
    assert done.reconciliation.rows() == [("records.csv", 603, 603, 0, 3268)]
    places = ("row_id", "source", "source_ref", "administration_id", "code_original", "visit")
    for name, table in cohort.tables.items():
        columns = [c for c in table.columns if c not in places or (name == "visits" and c == "visit")]
        assert done.study.tables[name].select(columns).sort(columns).equals(table.select(columns).sort(columns)), name
    assert done.study.meta == cohort.meta


def test_assessments_of_a_project_are_those_of_the_study(cohort: Any, exported: tuple[Path, Path]) -> None:
    folder, mapping = exported
    again = importing.read("redcap", folder, mapping=mapping).study

    def graded(study: Any) -> pl.DataFrame:
        table = aftercart.assess(study).table
        kept = [c for c in table.columns if c not in ("source_rows", "components") and not table[c].dtype.is_nested()]
        return table.select(kept).sort(kept)

    assert graded(cohort).height > 1900
    assert graded(again).equals(graded(cohort))


def test_several_ice_screens_a_day_stay_apart(cohort: Any, exported: tuple[Path, Path]) -> None:
    folder, mapping = exported
    ice = importing.read("redcap", folder, mapping=mapping).study.assessments.filter(pl.col("instrument") == "ICE")
    original = cohort.assessments.filter(pl.col("instrument") == "ICE")
    day = pl.col("datetime").str.slice(0, 10).alias("day")
    sittings = (
        original.group_by("subject_id", day).agg(pl.col("datetime").n_unique().alias("n")).sort("subject_id", "day")
    )
    assert sittings["n"].unique().to_list() == [2]
    ours = (
        ice.group_by("subject_id", day).agg(pl.col("administration_id").n_unique().alias("n")).sort("subject_id", "day")
    )
    assert ours.equals(sittings)
    assert ice.group_by("administration_id").len()["len"].unique().to_list() == [8]


# Published projects


def test_a_longitudinal_project_keeps_arms_events_and_partial_answers() -> None:
    people = {
        "table": "subjects",
        "form": "demographics",
        "columns": {
            "sex": {"field": "sex", "choices": {"0": "F", "1": "M"}},
            "indication": {"constant": "OTHER"},
            "birth_year": "dob",
            "race": "race",
            "cohort": "redcap_arm",
        },
    }
    sizes = {
        "table": "observations",
        "form": "baseline_data",
        "columns": {"datetime": "date_enrolled"},
        "values": {"HT": {"field": "height2", "unit": "cm"}, "CREAT": {"field": "creat_b", "unit": "mg/dL"}},
    }
    raw = {"redcap": {"rows": [people, sizes], "compare": ["bmi"]}}
    done = redcap.read(DATA / "longitudinal", mapping=mapping_of(raw, "redcap"))
    assert done.study.subjects.select("subject_id", "sex", "birth_year", "cohort", "race").rows() == [
        ("100", "M", 1983, "Drug A", "White"),
        ("220", "F", 2011, "Drug A", "Asian"),
        ("304", "F", 2005, "Drug B", "White"),
    ]
    assert done.reconciliation["rows_read"].to_list() == [18]
    assert balanced(done)
    assert done.study.observations["visit"].unique().to_list() == ["Enrollment"]
    assert lines(done, "implausible") == [(2, "creat_b", "31389.1 umol/L"), (8, "height2", "332.0 cm")]
    assert ("dob", "3 values of a direct identifier") in [r[1:] for r in lines(done, "direct_identifier")]
    assert lines(done, "calculated_differs") == []


def test_repeating_forms_give_a_row_for_each_instance() -> None:
    people = {
        "table": "subjects",
        "form": "intake",
        "columns": {"sex": {"constant": "U"}, "indication": {"constant": "SLE"}},
    }
    pressure = {
        "table": "observations",
        "form": "blood_pressure",
        "columns": {"datetime": {"constant": "2020-01-01"}},
        "values": {"SBP": {"field": "sbp", "unit": "mmHg"}, "DBP": {"field": "dbp", "unit": "mmHg"}},
    }
    raw = {"redcap": {"rows": [people, pressure]}}
    done = redcap.read(DATA / "repeating", mapping=mapping_of(raw, "redcap"))
    assert done.reconciliation.select("rows_read", "rows_kept", "rows_listed", "study_rows").rows() == [(17, 8, 9, 8)]
    assert done.study.observations.select("subject_id", "code", "value").rows() == [
        (subject, "DBP", float(subject) * 11 + i / 10) for subject in ("1", "2") for i in (1, 2, 3)
    ]
    assert {r[0] for r in lines(done, "implausible")} == {3, 4, 5, 11, 12, 13}
    assert {r[0] for r in lines(done, "not_placed")} == {6, 7, 8, 9, 14, 15, 16, 17, 18}


def test_a_repeating_visit_of_a_classic_project() -> None:
    people = {
        "table": "subjects",
        "form": "patient",
        "columns": {
            "sex": {"field": "gender_id", "choices": {"1": "M", "2": "F", "255": "U"}},
            "race": "race",
            "indication": {"constant": "OTHER"},
        },
    }
    visits = {
        "table": "visits",
        "form": "appointment",
        "columns": {"visit": "redcap_repeat_instance", "start": "date_at_visit"},
    }
    raw = {"redcap": {"rows": [people, visits]}}
    done = redcap.read(DATA / "multilevel", mapping=mapping_of(raw, "redcap"))
    assert done.reconciliation.select("rows_read", "rows_kept", "rows_listed", "study_rows").rows() == [
        (220, 220, 0, 220)
    ]
    assert done.study.visits["visit"].n_unique() == 10


def test_a_project_file_holds_metadata_and_records() -> None:
    people = {
        "table": "subjects",
        "form": "demographics",
        "columns": {"sex": {"field": "sex", "choices": {"0": "F", "1": "M"}}, "indication": {"constant": "SLE"}},
    }
    pressure = {
        "table": "observations",
        "form": "bp",
        "columns": {"datetime": "date_bp"},
        "values": {"SBP": {"field": "bp_systolic", "unit": "mmHg"}},
    }
    mapping = mapping_of({"redcap": {"rows": [people, pressure]}}, "redcap")
    for place in (DATA / "odm_xml", DATA / "odm_xml" / "project.xml"):
        done = redcap.read(place, mapping=mapping)
        assert done.reconciliation.rows() == [("project.xml", 6, 6, 0, 6)]
        assert done.study.observations.select("subject_id", "value", "datetime").rows() == [
            ("1", 110.0, "2019-10-14"),
            ("1", 111.0, "2019-10-14"),
            ("1", 112.0, "2019-10-14"),
            ("2", 114.0, "2004-04-04"),
        ]
        assert [r[1] for r in lines(done, "direct_identifier")] == ["dob", "first_name"]
    assert done.study.meta.title == "REDCapR: repeating-instruments"


CHECKED = [
    ("complete", {"1": [1, 0, 0, 0], "3": [1, 1, 1, 1]}),
    ("ticked", {"1": [1, 0, 0, 0], "3": [1, 1, 1, 1]}),
    ("opened", {"1": [1, 0, 0, 0], "2": [0, 0, 0, 0], "3": [1, 1, 1, 1]}),
]


@pytest.mark.parametrize(("rule", "expected"), CHECKED)
def test_an_empty_box_is_no_only_where_the_form_says_so(rule: str, expected: dict[str, list[int]]) -> None:
    people = {
        "table": "subjects",
        "form": "form_1",
        "columns": {"sex": {"constant": "U"}, "indication": {"constant": "SLE"}},
    }
    names = ["seizure", "psychosis", "cva", "rash"]
    boxes = {
        "table": "assessments",
        "form": "form_2",
        "instrument": "SLEDAI-2K",
        "columns": {"datetime": {"constant": "2020-01-01"}},
        "items": {name: f"check_one___{i}" for i, name in enumerate(names, start=1)},
        "unticked": rule,
    }
    done = redcap.read(DATA / "checkboxes", mapping=mapping_of({"redcap": {"rows": [people, boxes]}}, "redcap"))
    wide = done.study.assessments.pivot(on="item", index="subject_id", values="value").sort("subject_id")
    assert {row[0]: list(row[1:]) for row in wide.select("subject_id", *names).rows()} == expected
    assert done.study.subjects["subject_id"].to_list() == ["1", "2", "3", "4"]
    unanswered = [] if rule == "opened" else [(3, "check_one", "no box ticked in a form that is not complete")]
    assert lines(done, "checkbox_unanswered") == unanswered


# Traps


def test_a_decimal_comma_is_read_only_where_the_field_asks_for_it(tmp_path: Path) -> None:
    done = read(
        project(tmp_path, {"lab_date": "2022-03-01", "anc": "1,25", "crp": "3,5"}, separator=";", bom=True), LABS
    )
    assert done.study.observations.select("code", "value").rows() == [("ANC", 1.25)]
    assert lines(done, "validation") == [(2, "crp", "3,5")]
    done = read(project(tmp_path / "point", {"lab_date": "2022-03-01", "anc": "1.25"}, separator="\t"), LABS)
    assert done.study.observations["value"].to_list() == [1.25]


@pytest.mark.parametrize("header", ["signs____99", "signs___-99"])
def test_negative_codes_of_a_checkbox_come_in_two_spellings(header: str, tmp_path: Path) -> None:
    row = {"sledai_date": "2022-03-01", "signs___1": "0", header: "1", "signs___b": "0", "sledai_complete": "0"}
    done = read(project(tmp_path, row), ITEMS)
    assert done.study.assessments.select("item", "value").sort("item").rows() == [
        ("psychosis", 1.0),
        ("rash", 0.0),
        ("seizure", 0.0),
    ]


def test_boxes_of_a_form_never_opened_say_nothing(tmp_path: Path) -> None:
    row = {"sledai_date": "", "signs___1": "0", "signs____99": "0", "signs___b": "0", "sledai_complete": "0"}
    done = read(project(tmp_path, row), ITEMS)
    assert done.study.assessments.height == 0
    assert lines(done, "checkbox_unanswered") == []


def test_missing_data_codes_come_from_the_mapping_and_are_no_values(tmp_path: Path) -> None:
    source = project(tmp_path, {"lab_date": "2022-03-01", "anc": "-99", "crp": "ND"})
    done = read(source, LABS)
    assert done.study.observations.height == 0
    assert lines(done, "validation") == [(2, "crp", "ND")]
    done = read(source, LABS, missing={"-99": "not known", "ND": "clotted"})
    assert done.study.observations.select("code", "value", "not_done", "reason").rows() == [
        ("ANC", None, True, "not known"),
        ("CRP", None, True, "clotted"),
    ]


def test_missing_data_codes_of_the_project_and_of_checkboxes(tmp_path: Path) -> None:
    row = {"sledai_date": "2022-03-01", "signs___1": "0", "signs____99": "0", "signs___b": "0", "signs___ni": "1"}
    source = project(tmp_path, {**row, "sledai_complete": "2"})
    (source / "info.json").write_text(
        json.dumps(
            {"project_id": 1, "project_title": "Castle", "missing_data_codes": "NI, no information | UNK, unknown"}
        )
    )
    done = read(source, ITEMS)
    assert done.study.assessments.select("item", "value", "not_done", "reason").rows() == [
        (item, None, True, "no information") for item in ("psychosis", "rash", "seizure")
    ]
    assert lines(done, "unknown_field") == []


def test_values_outside_choices_and_validation_are_listed_row_by_row(tmp_path: Path) -> None:
    source = project(
        tmp_path,
        {"sex": "3"},
        {"record_id": "2", "lab_date": "05/03/2022", "anc": "1"},
        {"record_id": "3", "lab_date": "2022-02-30", "anc": "1"},
        {"record_id": "4", "lab_date": "2022-02-28", "anc": "25"},
    )
    done = read(source, LABS)
    assert lines(done, "outside_choices") == [(2, "sex", "3")]
    assert lines(done, "validation") == [(3, "lab_date", "05/03/2022"), (4, "lab_date", "2022-02-30")]
    assert lines(done, "outside_limits") == [(5, "anc", "25")]
    assert done.study.observations["value"].to_list() == [25.0]
    assert balanced(done)


def test_a_limit_keeps_its_comparator(tmp_path: Path) -> None:
    fields = [(n, f, k, lab, c, {} if n == "crp" else m) for n, f, k, lab, c, m in FIELDS]
    done = read(project(tmp_path, {"lab_date": "2022-03-01", "crp": "<0.5"}, fields=fields), LABS)
    assert done.study.observations.select("value", "comparator").rows() == [(0.5, "<")]


def test_calculated_fields_are_compared_and_never_read(tmp_path: Path) -> None:
    rows = [
        {"lab_date": "2022-03-01", "anc": "1", "crp": "2.5", "total": "3.5"},
        {"record_id": "2", "lab_date": "2022-03-01", "anc": "1", "crp": "2.5", "total": "9"},
        {"record_id": "3", "lab_date": "2022-03-01", "anc": "1", "crp": "2.5", "total": ""},
        {"record_id": "4", "lab_date": "2022-03-01", "total": "4"},
    ]
    done = read(project(tmp_path, *rows), LABS, compare=["total"])
    assert lines(done, "calculated_differs") == [(3, "total", "9"), (4, "total", "nothing")]
    assert set(done.study.observations["code"]) == {"ANC", "CRP"}


def test_every_column_that_the_dictionary_does_not_know_is_listed(tmp_path: Path) -> None:
    odd = {f"extra_{i}": str(i) for i in range(200)}
    done = read(project(tmp_path, {"lab_date": "2022-03-01", "anc": "1", **odd, "signs": "1,2"}), LABS)
    assert {r[1] for r in lines(done, "unknown_field")} == set(odd)
    assert [r[1] for r in lines(done, "checkbox_in_one_column")] == ["signs"]
    assert done.study.observations.height == 1


def test_fields_without_a_place_are_named(tmp_path: Path) -> None:
    done = read(project(tmp_path, {"lab_date": "2022-03-01", "anc": "1", "doctor": "x"}), LABS)
    assert lines(done, "field_not_placed") == [(None, "doctor", "1 answers of the form sledai")]
    assert {r[1] for r in lines(done, "field_absent")} == {"crp", "total", "sledai_date", "signs"}


def test_a_date_from_the_visit_or_another_event_serves_a_row(tmp_path: Path) -> None:
    fields = [*FIELDS, ("visit_date", "visit", "text", "Visit", "", {"valid": "date_ymd"})]
    event = "redcap_event_name"
    source = project(
        tmp_path,
        {event: "day_0_arm_1", "visit_date": "2022-03-01"},
        {event: "month_1_arm_1", "visit_date": "2022-04-01", "sex": "", "crp": "3", "redcap_repeat_instrument": ""},
        {
            event: "month_1_arm_1",
            "sex": "",
            "anc": "1",
            "redcap_repeat_instrument": "labs",
            "redcap_repeat_instance": "1",
        },
        fields=fields,
    )
    events = [("Day 0", "day_0_arm_1"), ("Month 1", "month_1_arm_1")]
    csv_file(source / "e.csv", [{"event_name": n, "arm_num": "1", "unique_event_name": u} for n, u in events])
    here = {**LABS, "columns": {"datetime": "visit_date"}}
    done = read(source, here)
    assert done.study.observations.select("code", "datetime", "visit").rows() == [
        ("ANC", "2022-04-01", "Month 1"),
        ("CRP", "2022-04-01", "Month 1"),
    ]
    assert done.reconciliation["rows_kept"].to_list() == [3]
    there = {**LABS, "columns": {"datetime": {"field": "visit_date", "event": "day_0_arm_1"}}}
    raw = {"visits": {"Month 1": "month 1"}, "redcap": {"rows": [PEOPLE, there]}}
    study = redcap.read(source, mapping=mapping_of(raw, "redcap")).study
    assert study.observations.select("datetime", "visit").unique().rows() == [("2022-03-01", "month 1")]


def test_several_answers_of_other_rows_are_not_chosen_from(tmp_path: Path) -> None:
    fields = [*FIELDS, ("visit_date", "visit", "text", "Visit", "", {"valid": "date_ymd"})]
    keys = {"redcap_event_name": "extra_arm_1", "redcap_repeat_instrument": ""}
    rows = [{**keys, "redcap_repeat_instance": str(i), "visit_date": f"2022-03-0{i}"} for i in (1, 2)]
    lab = {"redcap_event_name": "day_0_arm_1", "anc": "1"}
    source = project(tmp_path, *rows, lab, fields=fields)
    csv_file(
        source / "e.csv",
        [{"event_name": u, "arm_num": "1", "unique_event_name": u} for u in ("extra_arm_1", "day_0_arm_1")],
    )
    done = read(source, {**LABS, "columns": {"datetime": {"field": "visit_date", "event": "extra_arm_1"}}})
    assert done.study.observations.height == 0
    assert [r[:2] for r in lines(done, "ambiguous")] == [(4, "visit_date")]


def test_columns_of_surveys_and_files_are_named(tmp_path: Path) -> None:
    fields = [*FIELDS, ("scan", "labs", "file", "Scan", "", {})]
    row = {"redcap_survey_identifier": "ann@example.org", "labs_timestamp": "2022-03-01 10:00:00", "scan": "[document]"}
    done = read(project(tmp_path, row, fields=fields), LABS)
    assert [r[1] for r in lines(done, "field_not_placed")] == ["labs_timestamp", "scan"]
    assert [r[1] for r in lines(done, "direct_identifier")] == ["redcap_survey_identifier"]
    assert "ann@" not in done.study.problems.write_csv()


def test_events_are_named_by_their_table_and_never_by_slicing(tmp_path: Path) -> None:
    row = {"redcap_event_name": "deadline_to_opt_ou_arm_2", "lab_date": "2022-03-01", "anc": "1"}
    source = project(tmp_path, row)
    done = read(source, LABS)
    assert done.study.observations["visit"].to_list() == [None]
    assert len(lines(done, "no_events")) == 1
    table = {
        "event_name": "Deadline to opt out of study",
        "arm_num": "2",
        "unique_event_name": row["redcap_event_name"],
    }
    csv_file(source / "events.csv", [table])
    assert read(source, LABS).study.observations["visit"].to_list() == ["Deadline to opt out of study"]
    csv_file(source / "events.csv", [{**table, "unique_event_name": "other_arm_1"}])
    assert lines(read(source, LABS), "unknown_event") == [(2, "redcap_event_name", "deadline_to_opt_ou_arm_2")]


def test_instances_of_a_repeating_event_stay_apart(tmp_path: Path) -> None:
    keys = {"redcap_event_name": "unscheduled_arm_1", "redcap_repeat_instrument": ""}
    rows = [{**keys, "redcap_repeat_instance": str(i), "lab_date": f"2022-03-0{i}", "anc": str(i)} for i in (1, 2)]
    done = read(project(tmp_path, *rows), LABS)
    assert done.study.observations.select("value", "datetime").rows() == [(1.0, "2022-03-01"), (2.0, "2022-03-02")]
    assert lines(read(project(tmp_path, rows[0], rows[0]), LABS), "duplicate_row_id") != []


def test_an_answer_in_a_row_of_another_form_is_listed(tmp_path: Path) -> None:
    keys = {"redcap_repeat_instrument": "labs", "redcap_repeat_instance": "1", "sex": "", "person_complete": ""}
    done = read(project(tmp_path, {}, {**keys, "lab_date": "2022-03-01", "anc": "1", "doctor": "x"}), LABS)
    assert [r[:2] for r in lines(done, "other_form")] == [(3, "doctor")]
    strange = project(tmp_path, {}, {**keys, "redcap_repeat_instrument": "labz"})
    assert lines(read(strange, LABS), "unknown_form") == [(3, "redcap_repeat_instrument", "labz")]


def test_rows_without_a_record_and_persons_who_contradict_themselves(tmp_path: Path) -> None:
    done = read(project(tmp_path, {"sex": "1"}, {"sex": "2"}, {"record_id": ""}))
    assert done.study.subjects["sex"].to_list() == ["F"]
    assert [r[0] for r in lines(done, "no_record")] == [4]
    assert [r[:2] for r in lines(done, "conflict")] == [(3, "sex")]


def test_conditions_and_blanks_leave_rows_out_and_say_so(tmp_path: Path) -> None:
    rows = [
        {"record_id": str(i), "lab_date": "2022-03-01", "anc": "1", "doctor": d} for i, d in enumerate(["a", "b", ""])
    ]
    source = project(tmp_path, *rows)
    done = read(source, {**LABS, "when": {"doctor": ["a"]}})
    assert done.study.observations["subject_id"].to_list() == ["0"]
    assert [r[2] for r in lines(done, "left_out")] == ["2 rows of labs that give no row of observations"]
    assert read(source, {**LABS, "skip_if_blank": ["doctor"]}).study.observations.height == 2


def test_a_form_with_one_result_a_row(tmp_path: Path) -> None:
    fields = [
        *FIELDS[:2],
        ("test", "labs", "dropdown", "Test", "1, Neutro | 2, Weird | 3, Hand", {}),
        ("result", "labs", "text", "Result", "", {}),
        ("unit", "labs", "text", "Unit", "", {}),
        ("at", "labs", "text", "At", "", {"valid": "datetime_dmy"}),
    ]
    block = {
        "table": "observations",
        "form": "labs",
        "columns": {"code": "test", "value": "result", "unit": "unit", "datetime": "at"},
    }
    keys = {"redcap_repeat_instrument": "labs", "sex": "", "at": "2022-03-01 08:15"}
    rows = [
        {**keys, "redcap_repeat_instance": "1", "test": "1", "result": "<0.5", "unit": "Gpt/l"},
        {**keys, "redcap_repeat_instance": "2", "test": "2", "result": "7", "unit": "x"},
        {**keys, "redcap_repeat_instance": "3", "test": "3", "result": "5", "unit": ""},
    ]
    raw = {
        "codes": {"Neutro": "ANC", "Weird": False, "Hand": {"code": "CRP", "unit": "mg/dL"}},
        "units": {"Gpt/l": "10*9/L"},
        "redcap": {"rows": [PEOPLE, block]},
    }
    done = redcap.read(project(tmp_path, {}, *rows, fields=fields), mapping=mapping_of(raw, "redcap"))
    assert done.study.observations.select("code", "value", "comparator", "unit", "datetime").rows() == [
        ("ANC", 0.5, "<", "10*9/L", "2022-03-01T08:15"),
        ("CRP", 50.0, "=", "mg/L", "2022-03-01T08:15"),
    ]
    assert [r[0] for r in lines(done, "left_out")] == [4]


def test_medicines_infusions_and_lists(tmp_path: Path) -> None:
    fields = [
        *FIELDS[:2],
        ("given", "infusion", "text", "Given", "", {"valid": "date_ymd"}),
        ("targets", "infusion", "checkbox", "Targets", "1, CD19 | 2, BCMA", {}),
        ("med", "meds", "text", "Medicine", "", {}),
        ("med_start", "meds", "text", "Start", "", {}),
    ]
    blocks = [
        {
            "table": "infusions",
            "form": "infusion",
            "columns": {"start": "given", "target": {"field": "targets", "choices": {"1": "CD19", "2": "BCMA"}}},
        },
        {"table": "exposures", "form": "meds", "columns": {"drug": "med", "start": "med_start"}},
    ]
    again = {"redcap_repeat_instance": "1", "sex": ""}
    rows = [
        {
            "redcap_repeat_instrument": "infusion",
            **again,
            "given": "2023-03-01",
            "targets___1": "1",
            "targets___2": "1",
        },
        {"redcap_repeat_instrument": "infusion", **again, "given": "2022-03-01", "redcap_repeat_instance": "2"},
        {"redcap_repeat_instrument": "meds", **again, "med": "Quensyl", "med_start": "2021-05"},
        {"redcap_repeat_instrument": "meds", **again, "med": "MMF", "med_start": "2021", "redcap_repeat_instance": "2"},
    ]
    raw = {"drugs": {"Quensyl": "hydroxychloroquine"}, "redcap": {"rows": [PEOPLE, *blocks]}}
    study = redcap.read(project(tmp_path, {}, *rows, fields=fields), mapping=mapping_of(raw, "redcap")).study
    assert study.infusions.select("infusion_seq", "start", "target").sort("start").rows() == [
        (1, "2022-03-01", None),
        (2, "2023-03-01", "CD19;BCMA"),
    ]
    assert study.exposures.select("drug", "drug_text", "start").rows() == [
        ("hydroxychloroquine", "Quensyl", "2021-05"),
        ("mycophenolate", "MMF", "2021"),
    ]


# Identifiers


def test_flagged_fields_are_refused_and_listed(tmp_path: Path) -> None:
    done = read(project(tmp_path, {"born": "1980-05-17", "mail": "ann@example.org"}))
    assert lines(done, "direct_identifier") == [
        (None, "born", "1 values of a direct identifier"),
        (None, "mail", "1 values of a direct identifier"),
    ]
    written = done.study.problems.write_csv() + "".join(t.write_csv() for t in done.study.tables.values())
    assert "1980" not in written
    assert "ann@" not in written


def test_of_a_date_of_birth_only_the_year_is_read(tmp_path: Path) -> None:
    people = {**PEOPLE, "columns": {**PEOPLE["columns"], "birth_year": "born"}}
    raw = {"redcap": {"rows": [people]}}
    done = redcap.read(project(tmp_path, {"born": "1980-05-17"}), mapping=mapping_of(raw, "redcap"))
    assert done.study.subjects["birth_year"].to_list() == [1980]
    assert lines(done, "direct_identifier") == [(None, "born", "1 values of a direct identifier")]


def test_dates_flagged_as_identifiers_are_read_only_by_name(tmp_path: Path) -> None:
    fields = [(*f[:5], {**f[5], "identifier": "y"}) if f[0] == "lab_date" else f for f in FIELDS]
    source = project(tmp_path, {"lab_date": "2022-03-01", "anc": "1"}, fields=fields)
    with pytest.raises(SourceError) as refused:
        read(source, LABS)
    assert "identifying_dates" in "".join(refused.value.problems["expected"])
    assert read(source, LABS, identifying_dates=["lab_date"]).study.observations.height == 1
    with pytest.raises(SourceError, match="does not fit"):
        read(source, LABS, identifying_dates=["mail"])


def test_records_named_by_an_identifier_need_pseudonyms(tmp_path: Path) -> None:
    fields = [(*FIELDS[0][:5], {"identifier": "y"}), *FIELDS[1:]]
    row = {"record_id": "MRN-4711", "lab_date": "2022-03-05", "anc": "1", "crp": "on 2022-03-05"}
    source = project(tmp_path, row, fields=fields)
    with pytest.raises(SourceError, match="flagged as an identifier") as refused:
        read(source, LABS)
    assert "--pseudonymise" in str(refused.value)
    assert "4711" not in str(refused.value) + refused.value.problems.write_csv()
    hidden = Pseudonyms(b"0123456789abcdef", shift_dates=True)
    done = read(source, LABS, pseudonyms=hidden)
    text = done.study.problems.write_csv() + "".join(t.write_csv() for t in done.study.tables.values())
    assert "4711" not in text
    assert "2022-03-05" not in text
    assert done.study.subjects["subject_id"][0].startswith("P-")


def test_another_field_can_name_the_person(tmp_path: Path) -> None:
    fields = [(*FIELDS[0][:5], {"identifier": "y"}), *FIELDS[1:], ("code", "person", "text", "Code", "", {})]
    row = {"redcap_repeat_instrument": "labs", "redcap_repeat_instance": "1", "sex": "", "person_complete": ""}
    source = project(
        tmp_path,
        {"record_id": "MRN-4711", "code": "A-7"},
        {"record_id": "MRN-4711", **row, "lab_date": "2022-03-05", "anc": "1"},
        fields=fields,
    )
    done = read(source, LABS, subject="code")
    assert done.study.observations["subject_id"].to_list() == ["A-7"]
    assert "4711" not in "".join(t.write_csv() for t in done.study.tables.values())


# Broken and foreign input


def test_labels_in_place_of_codes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="labels in place of codes"):
        read(project(tmp_path, {"sex": "Female", "person_complete": "Complete"}))
    source = project(tmp_path)
    csv_file(source / "data.csv", [{"Record": "1", "Sex": "Female", "Complete?": "Complete"}])
    with pytest.raises(SourceError, match="labels in place of codes"):
        read(source)


def test_a_dictionary_of_another_project_is_refused(tmp_path: Path) -> None:
    source = project(tmp_path)
    csv_file(source / "data.csv", [{"patient": "1", "a": "2", "b": "3"}])
    with pytest.raises(SourceError, match="do not belong together") as refused:
        read(source)
    assert refused.value.problems["column"].drop_nulls().to_list() == ["a", "b", "patient"]


BROKEN: list[tuple[str, Any, str]] = [
    ("fields.csv", b"", "cannot be read"),
    ("data.csv", b"\xff\xfe\x00a", "cannot be read"),
    ("data.csv", b'record_id,sex\n"1,2\n', "cannot be read"),
    ("more.json", b'[{"record_id": 1', "cannot be read"),
    ("more.json", b"[1, 2]", "no export of REDCap"),
    ("more.json", b'{"error": "You do not have permissions"}', "no export of REDCap"),
    ("more.json", b"[" * 100_000, "cannot be read"),
    ("more.csv", b"record,field_name,value\n1,sex,1\n", "not a flat export"),
    (
        "more.csv",
        "\ufeffVariable / Field Name,Form Name,Field Type\na,b,text\n".encode(),
        "two exports of the same kind",
    ),
    ("fields.csv", b"field_name,form_name,field_type\na,b,thing\n,b,text\n", "cannot be used"),
    ("fields.csv", b"field_name,form_name,field_type\na,b,text\na,b,text\nc,b,radio\n", "cannot be used"),
    ("p.xml", b'<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>', "entities"),
    ("p.xml", b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/hostname">]><x>&a;</x>', "entities"),
    ("p.xml", b"<ODM", "cannot be read"),
    ("p.xml", b"<html/>", "the element html"),
    ("p.xml", b'<ODM xmlns="http://www.cdisc.org/ns/odm/v1.3"/>', "no MetaDataVersion"),
]


@pytest.mark.parametrize(("name", "content", "words"), BROKEN)
def test_broken_files_are_named(name: str, content: bytes, words: str, tmp_path: Path) -> None:
    source = project(tmp_path / "in", {})
    (source / name).write_bytes(content)
    with pytest.raises(SourceError, match=words) as refused:
        read(source)
    assert refused.value.problems.height
    mapping = tmp_path / "map.toml"
    mapping.write_text(MAP, "utf-8")
    done = run("import", "redcap", str(source), "--map", str(mapping), "--out", str(tmp_path / "out"))
    assert done.exit_code == 1, done.output
    assert "Traceback" not in done.output
    assert not (tmp_path / "out").exists()


def test_without_records_or_dictionary_there_is_no_project(tmp_path: Path) -> None:
    source = project(tmp_path, {})
    (source / "data.csv").unlink()
    with pytest.raises(SourceError, match="holds no records"):
        read(source)
    (source / "fields.csv").unlink()
    with pytest.raises(SourceError, match="no data dictionary"):
        read(source)
    with pytest.raises(UsageError, match="no folder or file"):
        read(tmp_path / "nowhere")
    (source / "data.csv").write_text("record_id\n1\n")
    with pytest.raises(UsageError, match="alone is no project"):
        read(source / "data.csv")


def test_json_exports_read_like_csv(tmp_path: Path) -> None:
    row = {"record_id": 1, "sex": 1, "lab_date": "2022-03-01", "anc": "1,5", "crp": 2, "person_complete": "2"}
    (tmp_path / "a.json").write_text(json.dumps(dictionary(long=False)), "utf-8")
    (tmp_path / "b.json").write_text(json.dumps([row]), "utf-8-sig")
    done = read(tmp_path, LABS)
    assert done.study.observations.select("code", "value").rows() == [("ANC", 1.5), ("CRP", 2.0)]
    assert done.reconciliation["source_table"].to_list() == ["b.json"]


def test_ragged_rows_are_counted_and_listed(tmp_path: Path) -> None:
    source = project(tmp_path, {}, {"record_id": "2"})
    with (source / "data.csv").open("a", encoding="utf-8") as stream:
        stream.write("3,1\n")
    done = read(source)
    assert done.reconciliation.select("rows_read", "rows_kept", "rows_listed").rows() == [(3, 2, 1)]
    assert [r[0] for r in lines(done, "ragged_row")] == [4]


# The command line

MAP = """
[study]
study_id = "T"
title = "T"
data_cut_off = 2024-12-31

[redcap]
[[redcap.rows]]
table = "subjects"
form = "person"
columns.sex = { field = "sex", choices = { "1" = "F", "2" = "M" } }
columns.indication = { constant = "SLE" }
"""


def run(*words: str) -> Any:
    return CliRunner().invoke(main, list(words))


def test_exit_codes_of_the_command_line(tmp_path: Path) -> None:
    source = project(tmp_path / "in", {})
    mapping = tmp_path / "map.toml"
    mapping.write_text(MAP, "utf-8")
    out = str(tmp_path / "out")
    done = run("import", "redcap", str(source), "--map", str(mapping), "--out", out)
    assert done.exit_code == 0, done.output
    assert "data.csv: 1 rows read, 1 kept, 0 listed; 1 rows of the study" in done.output
    assert pl.read_csv(tmp_path / "out" / "import" / "reconciliation.csv")["rows_read"].to_list() == [1]
    no_map = run("import", "redcap", str(source), "--out", out)
    assert no_map.exit_code == 2
    assert "aftercart map redcap" in no_map.output
    wrong = run("import", "redcap", str(source), "--map", str(mapping), "--out", out, "--option", "colour=red")
    assert wrong.exit_code == 2
    odd = run("import", "redcap", str(source), "--map", str(mapping), "--out", out, "--option", "encoding=klingon")
    assert odd.exit_code == 2
    mapping.write_text(MAP.replace('"sex"', '"sexx"'), "utf-8")
    before = sorted(p.name for p in (tmp_path / "out").iterdir())
    refused = run("import", "redcap", str(source), "--map", str(mapping), "--out", out)
    assert refused.exit_code == 1
    assert "did you mean sex?" in refused.output
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == before


# Properties

CELL = st.sampled_from(["", "0", "1", "2", "-99", "1,5", "3.5", "2022-03-01", "2022-13-01", "x", "Complete", "ND"])
FORM = st.sampled_from(["", "labs", "sledai", "person", "nonsense"])
EVENT = st.sampled_from(["", "day_0_arm_1", "month_1_arm_1", "other_arm_1"])
COLUMNS = [
    "sex",
    "born",
    "lab_date",
    "anc",
    "crp",
    "total",
    "sledai_date",
    "signs___1",
    "signs____99",
    "signs___b",
    "doctor",
]
RECORD = st.fixed_dictionaries(
    {
        "record_id": st.sampled_from(["", "1", "2", "3"]),
        "redcap_event_name": EVENT,
        "redcap_repeat_instrument": FORM,
        "redcap_repeat_instance": st.sampled_from(["", "1", "2"]),
        "person_complete": CELL,
        "sledai_complete": st.sampled_from(["", "0", "1", "2"]),
        **dict.fromkeys(COLUMNS, CELL),
    }
)


@settings(max_examples=150, deadline=None, phases=[Phase.generate])
@given(records=st.lists(RECORD, min_size=1, max_size=8), unticked=st.sampled_from(["complete", "ticked", "opened"]))
def test_every_row_of_any_structure_is_kept_or_listed(
    records: list[dict[str, str]], unticked: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = project(tmp_path_factory.mktemp("p"), *records)
    try:
        done = read(folder, LABS, ITEMS, missing={"-99": "not known"}, unticked=unticked)
    except SourceError as refused:
        if "labels" not in str(refused):
            raise
        return
    assert done.reconciliation["rows_read"].sum() == len(records)
    assert balanced(done)
    said = set(done.study.problems.filter(pl.col("file") == "data.csv")["row"].drop_nulls())
    kept = {int(r.split(":")[1]) for t in done.study.tables.values() for r in t["source_ref"]}
    served = len(records) - len(said | kept)
    assert served <= done.reconciliation["rows_kept"].sum() - len(kept)
    assert done.study.assessments["value"].drop_nulls().is_in([0.0, 1.0]).all()


MUTATED = [p for p in sorted(DATA.rglob("*")) if p.suffix in (".csv", ".xml")]


@settings(max_examples=150, deadline=None, phases=[Phase.generate])
@given(data=st.data())
def test_damaged_files_give_a_study_or_a_clear_error(data: Any, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = data.draw(st.sampled_from(MUTATED))
    folder = tmp_path_factory.mktemp("m") / "in"
    shutil.copytree(path.parent, folder)
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.integers(0, len(content) - 1))
        kind = data.draw(st.sampled_from(["set", "cut", "copy", "drop"]))
        if kind == "set":
            content[place] = data.draw(st.integers(0, 255))
        elif kind == "cut":
            content = content[: max(place, 1)]
        elif kind == "copy":
            content[place:place] = content[place : place + 40]
        elif len(content) > 1:
            del content[place]
    (folder / path.name).write_bytes(bytes(content))
    try:
        proposal = redcap.propose(folder)
        (folder / "map.toml").write_text(proposal.toml, "utf-8")
        done = importing.read("redcap", folder, mapping=folder / "map.toml")
    except AftercartError:
        return
    assert balanced(done)
