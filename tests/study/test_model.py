"""A study: immutable, the same content gives the same hash, cut at a date it holds what was known then."""

from __future__ import annotations

import copy
import csv
import pickle
import random
from collections.abc import Callable
from dataclasses import FrozenInstanceError, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from tests.small_study import write_study

from aftercart.errors import UsageError
from aftercart.sources import read
from aftercart.study import Study, StudyMeta, VisitWindow
from aftercart.study.model import empty_tables

SUBJECTS = [
    {"subject_id": "P1", "indication": "SLE", "sex": "F", "age_at_infusion": 30, "consent_date": "2022-01-15"},
    {"subject_id": "P2", "indication": "SSC", "sex": "M", "last_contact_date": "2022-12-01", "cohort": '"2", late'},
    {"subject_id": "P3", "indication": "IIM", "sex": "F", "last_contact_date": "2022-08", "death_date": "2022-08-20"},
]
INFUSIONS = [
    {"subject_id": "P1", "infusion_seq": 1, "start": "2022-03-01T10:15", "target": "CD19;BCMA", "dose_cells": 1.2e8},
    {"subject_id": "P2", "infusion_seq": 1, "start": "2022-04-01", "planned_dose_met": "yes"},
    {"subject_id": "P3", "infusion_seq": 1, "start": "2022-05-01", "weight_kg": 61.3},
]
OBSERVATIONS = [
    {"subject_id": "P1", "code": "CRP", "value": 0.7, "unit": "mg/dL", "datetime": "2022-03-04T06:00"},
    {"subject_id": "P1", "code": "CRP", "value": 0.1, "comparator": "<", "unit": "mg/dL", "datetime": "2022-07"},
    {"subject_id": "P1", "code": "HCG", "value_text": "negative", "datetime": "2022-01-20"},
    {"subject_id": "P2", "code": "TEMP", "value": 101.3, "unit": "[degF]", "datetime": "2022-04-03"},
    {"subject_id": "P2", "code": "CREAT", "value": 1 / 3, "unit": "mg/dL", "datetime": "2022-04-03", "ref_high": 1.1},
    {"subject_id": "P3", "code": "CK", "not_done": "true", "reason": "haemolysed\nsecond line", "datetime": "2022-06"},
]
EXPOSURES = [
    {"subject_id": "P1", "drug": "prednisone", "dose": 10, "start": "2021", "end": "2022-06-30", "ongoing": "false"},
    {"subject_id": "P1", "drug": "hydroxychloroquine", "start": "2019-05", "ongoing": "true"},
    {"subject_id": "P2", "drug": "rituximab", "start": "2022-09-01", "end": "2022-09-01"},
]
EVENTS = [
    {"subject_id": "P1", "category": "aesi", "aesi": "CRS", "start": "2022-03-03", "end": "2022-03-06", "grade": 1,
     "outcome": "RECOVERED/RESOLVED", "suspect_row": "INF-1"},
    {"subject_id": "P1", "category": "infection", "start": "2022-05-28", "end": "2022-06-20", "grade": 2,
     "outcome": "RECOVERED/RESOLVED", "ongoing": "false"},
    {"subject_id": "P3", "category": "infection", "start": "2022-07-20", "grade": 5, "outcome": "FATAL",
     "serious": "true", "serious_death": "true", "serious_hospitalisation": "true", "death_cause": "sepsis"},
    {"subject_id": "P3", "category": "death", "start": "2022-08-20", "outcome": "FATAL", "death_cause": "sepsis"},
]  # fmt: skip
ASSESSMENTS = [
    {"subject_id": "P1", "instrument": "SLEDAI-2K", "item": "arthritis", "value": 1, "datetime": "2022-02-20"},
    {"subject_id": "P1", "instrument": "SLEDAI-2K", "item": "arthritis", "value": 0, "datetime": "2022-06-01"},
]
VISITS = [
    {"subject_id": "P1", "visit": "month 3", "start": "2022-05-30", "planned_day": 90, "occurred": "true"},
    {"subject_id": "P2", "visit": "month 3", "planned_day": 90, "occurred": "false", "reason_missed": "illness"},
]
DISPOSITION = [
    {"subject_id": "P1", "milestone": "entered_ltfu", "date": "2023-03-01"},
    {"subject_id": "P3", "milestone": "died", "date": "2022-08-20"},
]
TABLES: dict[str, Any] = {
    "subjects": SUBJECTS,
    "infusions": INFUSIONS,
    "exposures": EXPOSURES,
    "observations": OBSERVATIONS,
    "events": EVENTS,
    "assessments": ASSESSMENTS,
    "visits": VISITS,
    "disposition": DISPOSITION,
}
MARKS = """row_id,subject_id,value,unit
OBS-1,P1,published,simulated
OBS-2,P1,constrained,simulated
OBS-9,P1,published,
"""


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    found = read(write_study(tmp_path_factory.mktemp("model") / "study", **TABLES))
    assert found.problems.to_dicts() == []
    return found


@pytest.fixture(scope="module")
def marked(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """The study with provenance marks on its first two observations."""
    folder = write_study(tmp_path_factory.mktemp("model") / "marked", **TABLES)
    (folder / "provenance").mkdir()
    (folder / "provenance" / "observations.csv").write_text(MARKS, "utf-8")
    return read(folder)


def ids(study: Study, table: str) -> list[str]:
    return study.tables[table]["row_id"].to_list()


def cells(study: Study, table: str, row_id: str, *columns: str) -> tuple[Any, ...]:
    return study.tables[table].filter(pl.col("row_id") == row_id).select(columns).row(0)


# Immutable


def test_a_study_cannot_be_changed(study: Study) -> None:
    with pytest.raises(FrozenInstanceError):
        study.meta = StudyMeta("other", "X")  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        study.meta.title = "other"  # type: ignore[misc]
    with pytest.raises(TypeError):
        study.tables["subjects"] = study.tables["visits"]  # type: ignore[index]
    with pytest.raises(TypeError):
        study.provenance["subjects"] = study.tables["visits"]  # type: ignore[index]


def test_the_mapping_it_was_made_from_can_change_without_it() -> None:
    tables = empty_tables()
    study = Study(StudyMeta("t", "T"), tables)
    tables.clear()
    assert len(study.tables) == 8


def test_tables_are_attributes_and_others_are_named(study: Study) -> None:
    assert study.observations is study.tables["observations"]
    assert repr(study) == "<Study TEST: 3 subjects>"
    with pytest.raises(AttributeError, match="a study has no 'labs'; its tables are subjects, infusions"):
        study.labs  # noqa: B018


def test_a_study_can_be_copied_and_sent_to_another_process(marked: Study) -> None:
    for twin in (pickle.loads(pickle.dumps(marked)), copy.deepcopy(marked)):
        assert twin == marked
        assert twin.problems.equals(marked.problems)
        assert twin.row_counts == marked.row_counts


# The same content gives the same hash


def test_written_and_read_back_the_study_is_equal(marked: Study, tmp_path: Path) -> None:
    current = marked
    for step, file_format in enumerate(("csv", "parquet", "csv")):
        current = read(current.write(tmp_path / f"copy{step}", format=file_format))  # type: ignore[arg-type]
        assert current.problems.to_dicts() == []
        assert current == marked
        assert current.content_hash == marked.content_hash
        assert current.meta == marked.meta
        for name, table in marked.tables.items():
            assert current.tables[name].equals(table), name


def test_declarations_survive_whatever_their_text(study: Study, tmp_path: Path) -> None:
    meta = StudyMeta(
        title='A "quoted" \\ title\n\twith µ, \u2028 and \x7f \x01',
        study_id="T-1",
        data_cut_off=date(2023, 1, 2),
        reference_infusion=2,
        simulated=True,
        note="# no comment = [x]",
        baseline_rule="last_before_infusion",
        baseline_lookback_days=30,
        visits=(VisitWindow("month 3", 90, 30, 29), VisitWindow("jour '1'", -1, 0, 0)),
        complete_drug_classes=("antifibrotic", "glucocorticoid"),
    )
    back = read(replace(study, meta=meta).write(tmp_path / "copy"))
    assert back.meta == meta


@pytest.mark.parametrize("seed", range(2))
def test_the_order_of_rows_and_columns_does_not_matter(study: Study, tmp_path: Path, seed: int) -> None:
    folder = study.write(tmp_path / "shuffled")
    shuffle = random.Random(seed).shuffle
    for path in sorted(folder.glob("*.csv")):
        with path.open(newline="", encoding="utf-8") as stream:
            rows = list(csv.DictReader(stream))
        if not rows:
            continue
        columns = list(rows[0])
        shuffle(rows)
        shuffle(columns)
        with path.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.DictWriter(stream, columns)
            writer.writeheader()
            writer.writerows(rows)
    back = read(folder)
    assert back.content_hash == study.content_hash
    assert ids(back, "observations") == ids(study, "observations")


def test_tables_made_in_another_order_give_the_same_hash(marked: Study) -> None:
    turned = {name: table.reverse() for name, table in marked.tables.items()}
    marks = {name: table.reverse() for name, table in marked.provenance.items()}
    assert not turned["events"].equals(marked.events)
    assert replace(marked, tables=turned, provenance=marks) == marked


def test_an_absent_table_is_an_empty_one(make_study: Callable[..., Study]) -> None:
    without = make_study(name="without", subjects=SUBJECTS, infusions=INFUSIONS)
    empty = make_study(name="empty", subjects=SUBJECTS, infusions=INFUSIONS, visits=[])
    assert without == empty


@pytest.mark.parametrize(
    ("table", "row", "change"),
    [
        ("subjects", 0, {"cohort": "A"}),
        ("infusions", 0, {"start": "2022-03-01T10:16"}),
        ("observations", 0, {"value": 0.7000001}),
        ("observations", 1, {"comparator": "<="}),
        ("exposures", 1, {"ongoing": ""}),
        ("visits", 1, {"source": "other"}),
    ],
)
def test_any_other_cell_gives_another_hash(
    make_study: Callable[..., Study], study: Study, table: str, row: int, change: dict[str, Any]
) -> None:
    changed = {**TABLES, table: [{**r, **change} if i == row else r for i, r in enumerate(TABLES[table])]}
    other = make_study(**changed)
    assert other != study
    assert [n for n in study.tables if study.table_hashes[n] != other.table_hashes[n]] == [table]


def test_declarations_and_provenance_are_part_of_the_hash(marked: Study, study: Study) -> None:
    assert marked.table_hashes == study.table_hashes
    assert marked != study
    assert replace(study, meta=replace(study.meta, baseline_lookback_days=91)) != study
    assert len({marked, study, replace(study)}) == 2


def test_another_kind_of_thing_is_not_equal(study: Study) -> None:
    assert study != study.content_hash


# Provenance


def test_provenance_holds_the_codes_of_known_rows(marked: Study) -> None:
    assert marked.provenance["observations"].to_dicts() == [
        {"row_id": "OBS-1", "subject_id": "P1", "value": "published", "unit": "simulated"},
        {"row_id": "OBS-2", "subject_id": "P1", "value": "constrained", "unit": "simulated"},
    ]


@pytest.mark.parametrize("file_format", ["csv", "parquet"])
def test_provenance_survives_writing_selecting_and_cutting(marked: Study, tmp_path: Path, file_format: Any) -> None:
    back = read(marked.write(tmp_path / "copy", format=file_format))
    assert back.provenance["observations"].equals(marked.provenance["observations"])
    assert marked.select(subjects=["P1"]).provenance["observations"]["row_id"].to_list() == ["OBS-1", "OBS-2"]
    assert marked.select(subjects=["P2"]).provenance["observations"].height == 0
    cut = marked.as_of(date(2022, 4, 1)).provenance["observations"]
    assert cut["row_id"].to_list() == ["OBS-1"]


# Writing


@pytest.mark.parametrize(("first", "second", "in_the_way"), [("csv", "parquet", "csv"), ("parquet", "csv", "parquet")])
def test_a_folder_with_the_same_tables_in_another_format_is_refused(
    study: Study, tmp_path: Path, first: Any, second: Any, in_the_way: str
) -> None:
    folder = study.write(tmp_path / "out", format=first)
    changed = study.select(subjects=["P1"])
    with pytest.raises(UsageError, match=rf"already holds subjects\.{in_the_way}"):
        changed.write(folder, format=second)
    assert read(folder) == study
    assert read(changed.write(folder, format=first)) == changed


def test_old_provenance_marks_are_not_mixed_in(marked: Study, study: Study, tmp_path: Path) -> None:
    folder = marked.write(tmp_path / "out")
    with pytest.raises(UsageError, match=r"already holds provenance/observations\.csv"):
        study.write(folder)
    assert read(folder) == marked


# A choice of subjects


def test_select_keeps_the_rows_of_the_chosen_subjects(study: Study) -> None:
    part = study.select(subjects=["P3", "P1"])
    assert part.subjects["subject_id"].to_list() == ["P1", "P3"]
    assert {s for t in part.tables.values() for s in t["subject_id"]} == {"P1", "P3"}
    assert {n: t.height for n, t in part.tables.items()} == {
        "subjects": 2, "infusions": 2, "exposures": 2, "observations": 4, "events": 4, "assessments": 2, "visits": 1,
        "disposition": 2,
    }  # fmt: skip
    assert part.meta == study.meta
    assert part.select(subjects=["P1"]) == study.select(subjects=["P1"])
    assert study.select(subjects=["P1", "P2", "P3"]) == study


def test_select_of_an_unknown_subject_names_it_and_the_known_ones(study: Study) -> None:
    with pytest.raises(UsageError) as caught:
        study.select(subjects=["P1", "P9"])
    assert caught.value.message == "There is no subject 'P9'."
    assert caught.value.hint == "the study has P1, P2, P3."


# What was known at a cut-off


def test_rows_after_the_cut_off_are_not_known(study: Study) -> None:
    then = study.as_of(date(2022, 6, 1))
    assert ids(then, "observations") == ["OBS-1", "OBS-3", "OBS-4", "OBS-5", "OBS-6"]  # 2022-06 may be 1 June
    assert ids(then, "infusions") == ["INF-1", "INF-2", "INF-3"]
    assert ids(then, "exposures") == ["EXP-1", "EXP-2"]
    assert ids(then, "events") == ["EVE-1", "EVE-2"]
    assert ids(then, "assessments") == ["ASS-1", "ASS-2"]  # of the day itself
    assert ids(then, "visits") == ["VIS-1", "VIS-2"]  # a missed visit has no date
    assert ids(then, "disposition") == []
    assert then.meta.data_cut_off == date(2022, 6, 1)


def test_an_end_after_the_cut_off_is_not_known_and_what_had_begun_goes_on(study: Study) -> None:
    then = study.as_of(date(2022, 6, 19))
    assert cells(then, "exposures", "EXP-1", "end", "ongoing") == (None, True)
    assert cells(then, "exposures", "EXP-2", "end", "ongoing") == (None, True)
    assert cells(then, "events", "EVE-2", "end", "ongoing", "outcome") == (None, True, None)
    assert cells(then, "events", "EVE-1", "end", "ongoing", "outcome") == ("2022-03-06", None, "RECOVERED/RESOLVED")
    day_later = study.as_of(date(2022, 6, 20))
    assert cells(day_later, "events", "EVE-2", "end", "ongoing", "outcome") == (
        "2022-06-20",
        False,
        "RECOVERED/RESOLVED",
    )


def test_a_death_after_the_cut_off_is_not_known_in_any_table(study: Study) -> None:
    fatal = ("grade", "outcome", "serious", "serious_death", "serious_hospitalisation", "death_cause")
    before, after = study.as_of(date(2022, 8, 19)), study.as_of(date(2022, 8, 20))
    assert cells(before, "subjects", "SUB-3", "death_date", "last_contact_date") == (None, "2022-08")
    assert cells(before, "events", "EVE-3", *fatal) == (None, None, True, None, True, None)
    assert ids(before, "events") == ["EVE-1", "EVE-2", "EVE-3"]
    assert ids(before, "disposition") == []
    assert cells(after, "subjects", "SUB-3", "death_date", "last_contact_date") == ("2022-08-20", "2022-08")
    assert cells(after, "events", "EVE-3", *fatal) == (5, "FATAL", True, True, True, "sepsis")
    assert ids(after, "events") == ["EVE-1", "EVE-2", "EVE-3", "EVE-4"]
    assert ids(after, "disposition") == ["DIS-2"]


def test_a_last_contact_after_the_cut_off_is_the_cut_off(study: Study) -> None:
    then = study.as_of(date(2022, 11, 30))
    assert then.subjects["last_contact_date"].to_list() == [None, "2022-11-30", "2022-08"]


def test_a_cut_off_after_everything_changes_the_declaration_only(study: Study) -> None:
    then = study.as_of(date(2024, 12, 31))  # the declared cut-off
    assert then == study
    assert study.as_of(date(2030, 1, 1)) == study  # the declared cut-off stays
    open_end = replace(study, meta=replace(study.meta, data_cut_off=None))
    assert open_end.as_of(date(2030, 1, 1)).meta.data_cut_off == date(2030, 1, 1)
    assert open_end.as_of(date(2030, 1, 1)).table_hashes == study.table_hashes


def test_a_cut_off_before_everything_leaves_the_subjects(study: Study) -> None:
    then = study.as_of(date(2000, 1, 1))
    assert {n: t.height for n, t in then.tables.items() if t.height} == {"subjects": 3, "visits": 1}


def test_cutting_twice_is_cutting_at_the_earlier_date(study: Study) -> None:
    days = [date(2022, 2, 1) + timedelta(days=20 * i) for i in (0, 6, 11)]
    for one in days:
        for other in days:
            assert study.as_of(one).as_of(other) == study.as_of(min(one, other))


def test_cutting_leaves_the_study_itself_and_the_subjects_apart(study: Study) -> None:
    before = study.content_hash
    day = date(2022, 6, 10)
    assert study.as_of(day).select(subjects=["P1"]) == study.select(subjects=["P1"]).as_of(day)
    assert Study(study.meta, study.tables).content_hash == before
