"""Broken study folders: every problem is named with place and remedy, no row vanishes unlisted, no traceback."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from click.testing import CliRunner
from tests.small_study import write_study

from aftercart.cli import main
from aftercart.errors import StudyError, UsageError
from aftercart.sources import read
from aftercart.study import Study

P1 = {"subject_id": "P1", "indication": "SLE", "sex": "F", "cohort": "A"}
P2 = {"subject_id": "P2", "indication": "SSC", "sex": "M", "cohort": "B"}
INFUSIONS = [{"subject_id": s, "infusion_seq": 1, "start": "2022-03-01"} for s in ("P1", "P2")]
CRP = {"subject_id": "P1", "code": "CRP", "value": 3, "unit": "mg/L", "datetime": "2022-03-02"}
CREAT = {"subject_id": "P1", "code": "CREAT", "value": 70, "unit": "umol/L", "datetime": "2022-03-02"}
AE = {"subject_id": "P2", "category": "ae", "start": "2022-03-04", "grade": 2, "grade_scale": "CTCAE5"}
ITEM = {"subject_id": "P1", "instrument": "ICE", "item": "objects_named_of_3", "value": 3, "datetime": "2022-03-02"}
GOOD: dict[str, Sequence[Mapping[str, Any]]] = {
    "subjects": [P1, P2],
    "infusions": INFUSIONS,
    "observations": [CRP, CREAT],
    "events": [AE],
}
ALL = {"subjects": (2, 2), "infusions": (2, 2), "observations": (2, 2), "events": (1, 1)}
NOT_USED = "The row is not used until it is mended."
NO_P1 = [
    ("infusions.csv", 2, "subject_id", "P1", "a subject_id of the table subjects", NOT_USED),
    ("observations.csv", 2, "subject_id", "P1", "a subject_id of the table subjects", NOT_USED),
    ("observations.csv", 3, "subject_id", "P1", "a subject_id of the table subjects", NOT_USED),
]
NO_P2 = [
    ("infusions.csv", 3, "subject_id", "P2", "a subject_id of the table subjects", NOT_USED),
    ("events.csv", 2, "subject_id", "P2", "a subject_id of the table subjects", NOT_USED),
]
NOBODY = {"infusions": (2, 0), "observations": (2, 0), "events": (1, 0)}
NOT_INFUSED = ("subjects", None, None, "no reference infusion", "an infusion with infusion_seq 1", "add the infusion")

Problem = tuple[str, int | None, str | None, str, str, str]
"""File, row, column, what was found; and how the expectation and the remedy go, in part."""


@dataclass(frozen=True)
class Case:
    """Tables other than the good ones, what is done to the folder then, and what must come of it."""

    problems: Sequence[Problem]
    rows: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """Rows read and kept, of the tables where it is not what it is in the good study."""
    tables: Mapping[str, Any] = field(default_factory=dict)
    edit: Callable[[Path], object] = lambda folder: None
    code: int = 1
    """Exit code of `aftercart check`: 1 with an error, 0 with warnings only."""


def text(file: str, content: str, encoding: str = "utf-8") -> Callable[[Path], object]:
    return lambda folder: (folder / file).write_bytes(content.encode(encoding))


def replaced(file: str, old: str, new: str) -> Callable[[Path], object]:
    def edit(folder: Path) -> None:
        content = (folder / file).read_bytes()
        assert content.count(old.encode()) == 1, content
        (folder / file).write_bytes(content.replace(old.encode(), new.encode()))

    return edit


def declared(file: str, content: str, encoding: str) -> Callable[[Path], object]:
    """Write a file in an encoding and declare it."""

    def edit(folder: Path) -> None:
        (folder / file).write_bytes(content.encode(encoding))
        toml = (folder / "study.toml").read_text("utf-8")
        (folder / "study.toml").write_text(f'encoding = "{encoding}"\n{toml}', "utf-8")

    return edit


def parquet(name: str, frame: pl.DataFrame) -> Callable[[Path], object]:
    def edit(folder: Path) -> None:
        (folder / f"{name}.csv").unlink()
        frame.write_parquet(folder / f"{name}.parquet")

    return edit


def both_formats(folder: Path) -> None:
    pl.read_csv(folder / "subjects.csv").head(1).write_parquet(folder / "subjects.parquet")


def folder_in_place_of_file(folder: Path) -> None:
    (folder / "events.csv").unlink()
    (folder / "events.csv").mkdir()


MISSING_TOML = (
    "study.toml", None, "data_cut_off", "data_cut_off = None", "a date such as 2024-02-29", "state the data cut-off",
)  # fmt: skip
SUBJECTS_CSV = "row_id,subject_id,sex,indication,cohort\nS1,P1,F,SLE,A\nS2,P2,M,SSC,B\n"
LATIN = SUBJECTS_CSV.replace("B\n", "Düsseldorf\n")
LONG = 10 * 1024 * 1024

CASES: dict[str, Case] = {
    # Cells
    "wrong unit": Case(
        [("observations.csv", 3, "unit", "mg/L", "CREAT in one of umol/L, mg/dL", NOT_USED)],
        {"observations": (2, 1)},
        tables={"observations": [CRP, {**CREAT, "unit": "mg/L"}]},
    ),
    "no unit": Case(
        [("observations.csv", 3, "unit", "no unit", "CREAT in one of umol/L, mg/dL", NOT_USED)],
        {"observations": (2, 1)},
        tables={"observations": [CRP, {**CREAT, "unit": ""}]},
    ),
    "31 February, where a date is required": Case(
        [
            ("infusions.csv", 2, "start", "2021-02-31", "a date or time such as 2024-03-05T14:20", NOT_USED),
            NOT_INFUSED,
        ],
        {"infusions": (2, 1)},
        tables={"infusions": [{**INFUSIONS[0], "start": "2021-02-31"}, INFUSIONS[1]]},
    ),
    "31 February, where a date may be absent": Case(
        [("subjects.csv", 2, "diagnosis_date", "2021-02-31", "a date such as 2024-03-05", "The cell is left empty.")],
        tables={"subjects": [{**P1, "diagnosis_date": "2021-02-31"}, P2]},
    ),
    "a date in digits of another script": Case(
        [("subjects.csv", 2, "diagnosis_date", "\uff12\uff10\uff12\uff11-03", "a date such as", "cell is left empty.")],
        tables={"subjects": [{**P1, "diagnosis_date": "\uff12\uff10\uff12\uff11-03"}, P2]},
    ),
    "grade in words": Case(
        [("events.csv", 2, "grade", "mild", "a whole number from 1 to 5", "The cell is left empty.")],
        tables={"events": [{**AE, "grade": "mild"}]},
    ),
    "grade with a fraction": Case(
        [("events.csv", 2, "grade", "2.5", "a whole number from 1 to 5", "The cell is left empty.")],
        tables={"events": [{**AE, "grade": "2.5"}]},
    ),
    "a whole number too large for the computer": Case(
        [("events.csv", 2, "grade", "1e30", "a whole number from 1 to 5", "The cell is left empty.")],
        tables={"events": [{**AE, "grade": "1e30"}]},
    ),
    "a number that is none": Case(
        [
            ("observations.csv", 2, "value", "nan", "a number", "correct the cell. The cell is left empty."),
            ("observations.csv", 2, "value", "no result", "a result, or not_done with a reason", NOT_USED),
            ("observations.csv", 3, "value", "inf", "a number", "correct the cell. The cell is left empty."),
            ("observations.csv", 3, "value", "no result", "a result, or not_done with a reason", NOT_USED),
        ],
        {"observations": (2, 0)},
        tables={"observations": [{**CRP, "value": "nan"}, {**CREAT, "value": "inf"}]},
    ),
    "decimal comma": Case(
        [
            ("observations.csv", 2, "value", "3,5", "a number", "write numbers with a decimal point."),
            ("observations.csv", 2, "value", "no result", "a result, or not_done with a reason", NOT_USED),
        ],
        {"observations": (2, 1)},
        tables={"observations": [{**CRP, "value": "3,5"}, CREAT]},
    ),
    "a word where only some are allowed": Case(
        [("subjects.csv", 2, "sex", "female", "one of F, M, U, INTERSEX", NOT_USED), *NO_P1],
        {"subjects": (2, 1), "infusions": (2, 1), "observations": (2, 0)},
        tables={"subjects": [{**P1, "sex": "female"}, P2]},
    ),
    "yes and no in other words": Case(
        [("events.csv", 2, "serious", "maybe", "true or false", "The cell is left empty.")],
        tables={"events": [{**AE, "serious": "maybe"}]},
    ),
    "one wrong word of several": Case(
        [("infusions.csv", 2, "target", "CD19; CD7", "one or more of CD19, BCMA, CD20", "cell is left empty.")],
        tables={"infusions": [{**INFUSIONS[0], "target": "CD19; CD7"}, INFUSIONS[1]]},
    ),
    "a required cell is blank": Case(
        [("events.csv", 2, "category", "nothing", "one of ae, aesi,", NOT_USED)],
        {"events": (1, 0)},
        tables={"events": [{**AE, "category": " "}]},
    ),
    "10 MB cell": Case(
        [
            (
                "subjects.csv",
                2,
                "cohort",
                f"{'x' * 80}... ({LONG} characters)",
                "text",
                "keep texts under 10000 characters.",
            )
        ],
        tables={"subjects": [{**P1, "cohort": "x" * LONG}, P2]},
    ),
    "1 MB subject": Case(
        [
            ("subjects.csv", 2, "subject_id", f"{'x' * 80}... ({LONG // 10} characters)", "text", NOT_USED),
            *NO_P1,
        ],
        {"subjects": (2, 1), "infusions": (2, 1), "observations": (2, 0)},
        tables={"subjects": [{**P1, "subject_id": "x" * (LONG // 10)}, P2]},
    ),
    "1 MB column name": Case(
        [
            (
                "subjects.csv",
                1,
                f"{'x' * 80}... ({LONG // 10} characters)",
                f"a column '{'x' * 70}... ({LONG // 10 + 11} characters)",
                "columns of the table subjects",
                "it is not read",
            )
        ],
        tables={"subjects": [{**P1, "x" * (LONG // 10): "1"}, P2]},
        code=0,
    ),
    "NUL in a text": Case(
        [("subjects.csv", 2, "cohort", "a NUL character", "text", "The character reads as \ufffd.")],
        tables={"subjects": [{**P1, "cohort": "a\0b"}, P2]},
    ),
    "NUL in a number": Case(
        [
            ("events.csv", 2, "grade", "a NUL character", "text", "The character reads as \ufffd."),
            ("events.csv", 2, "grade", "2\ufffd", "a whole number from 1 to 5", "The cell is left empty."),
        ],
        tables={"events": [{**AE, "grade": "2\0"}]},
    ),
    # Rows
    "row id given twice": Case(
        [("observations.csv", 3, "row_id", "O1", "each row_id once in a table", "The first row is used.")],
        {"observations": (2, 1)},
        tables={"observations": [{**CRP, "row_id": "O1"}, {**CREAT, "row_id": "O1"}]},
    ),
    "person given twice": Case(
        [("subjects.csv", 3, "subject_id", "P1", "one row per person", "The first row is used."), *NO_P2],
        {"subjects": (2, 1), "infusions": (2, 1), "events": (1, 0)},
        tables={"subjects": [P1, {**P2, "subject_id": "P1"}]},
    ),
    "subject missing from subjects": Case(
        [("events.csv", 2, "subject_id", "P9", "a subject_id of the table subjects", NOT_USED)],
        {"events": (1, 0)},
        tables={"events": [{**AE, "subject_id": "P9"}]},
    ),
    "row with too many cells": Case(
        [("subjects.csv", 2, None, "6 cells", "5 cells, as in the header", "a comma inside a text"), *NO_P1],
        {"subjects": (2, 1), "infusions": (2, 1), "observations": (2, 0)},
        edit=text("subjects.csv", SUBJECTS_CSV.replace("A\n", "A,late\n")),
    ),
    "row with too few cells": Case(
        [("subjects.csv", 3, None, "2 cells", "5 cells, as in the header", "check for missing cells"), *NO_P2],
        {"subjects": (2, 1), "infusions": (2, 1), "events": (1, 0)},
        edit=text("subjects.csv", SUBJECTS_CSV.replace(",M,SSC,B", "")),
    ),
    "unknown code": Case(
        [("observations.csv", 2, "code", "HBA1C", "a code of the dictionary", "The row is not used.")],
        {"observations": (2, 1)},
        tables={"observations": [{**CRP, "code": "HBA1C"}, CREAT]},
        code=0,
    ),
    "implausible value": Case(
        [("observations.csv", 2, "value", "1501.0 mg/L", "CRP from 0.0 to 1500.0", NOT_USED)],
        {"observations": (2, 1)},
        tables={"observations": [{**CRP, "value": 1501}, CREAT]},
    ),
    "value implausible in the standard unit": Case(
        [("observations.csv", 2, "value", "2000.0 mg/L", "CRP from 0.0 to 1500.0", NOT_USED)],
        {"observations": (2, 1)},
        tables={"observations": [{**CRP, "value": 200, "unit": "mg/dL"}, CREAT]},
    ),
    "text result in other words": Case(
        [("observations.csv", 2, "value_text", "neg", "one of positive, negative, indeterminate", NOT_USED)],
        {"observations": (1, 0)},
        tables={"observations": [{"subject_id": "P1", "code": "HCG", "value_text": "neg", "datetime": "2022-01-20"}]},
    ),
    "answer out of range": Case(
        [
            (
                "assessments.csv",
                2,
                "value",
                "ICE.objects_named_of_3 = 4.0",
                "value a whole number from 0 to 3",
                "correct the answer, or set not_done.",
            )
        ],
        {"assessments": (1, 0)},
        tables={"assessments": [{**ITEM, "value": 4}]},
    ),
    "unknown item": Case(
        [("assessments.csv", 2, "item", "ICE.mood", "an item of ICE", NOT_USED)],
        {"assessments": (1, 0)},
        tables={"assessments": [{**ITEM, "item": "mood"}]},
    ),
    "unknown instrument": Case(
        [("assessments.csv", 2, "item", "XYZ.objects_named_of_3", "an instrument of the dictionary", NOT_USED)],
        {"assessments": (1, 0)},
        tables={"assessments": [{**ITEM, "instrument": "XYZ"}]},
    ),
    "unknown medicine": Case(
        [("exposures.csv", 2, "drug", "snake oil", "an ingredient of the drug dictionary", "use the ingredient name")],
        {"exposures": (1, 1)},
        tables={"exposures": [{"subject_id": "P1", "drug": "snake oil", "start": "2022"}]},
        code=0,
    ),
    # Columns
    "unknown column": Case(
        [("subjects.csv", 1, "Cohort", "a column 'Cohort'", "columns of the table subjects", "it is not read")],
        edit=replaced("subjects.csv", "cohort", "Cohort"),
        code=0,
    ),
    "a column named as the reader names its own": Case(
        [("subjects.csv", 1, "_row", "a column '_row'", "columns of the table", "it is not read")],
        edit=replaced("subjects.csv", "cohort", "_row"),
        code=0,
    ),
    "missing required column": Case(
        [("events.csv", 1, "start", "no column 'start'", "the column start: Onset", "no row of the table can be used")],
        {"events": (1, 0)},
        tables={"events": [{"subject_id": "P2", "category": "ae"}]},
    ),
    "a column twice": Case(
        [("events.csv", 1, None, "the column 'grade' more than once", "each column once", "rename or remove one.")],
        {"events": (1, 0)},
        edit=replaced("events.csv", "grade_scale", "grade"),
    ),
    "no row ids": Case(
        [("subjects.csv", 1, "row_id", "no column row_id", "a stable key for every row", "row numbers are used")],
        edit=text("subjects.csv", "subject_id,sex,indication\nP1,F,SLE\nP2,M,SSC\n"),
        code=0,
    ),
    # Files
    "empty file": Case(
        [("observations.csv", None, None, "an empty file", "a header line", "remove the file or give it a header.")],
        {"observations": (0, 0)},
        edit=text("observations.csv", ""),
    ),
    "empty file of subjects": Case(
        [("subjects.csv", None, None, "an empty file", "a header line", "give it a header"), *NO_P1, *NO_P2],
        {"subjects": (0, 0), **NOBODY},
        edit=text("subjects.csv", ""),
    ),
    "file of blank lines": Case(
        [("observations.csv", None, None, "an empty file", "a header line", "remove the file or give it a header.")],
        {"observations": (0, 0)},
        edit=text("observations.csv", "\r\n \r\n\n"),
    ),
    "file of a byte order mark": Case(
        [("observations.csv", None, None, "an empty file", "a header line", "remove the file or give it a header.")],
        {"observations": (0, 0)},
        edit=text("observations.csv", "", "utf-8-sig"),
    ),
    "header only": Case(
        [],
        {"observations": (0, 0)},
        edit=text("observations.csv", "row_id,subject_id,code,value,unit,datetime\n"),
        code=0,
    ),
    "header only, of subjects": Case(
        [("subjects.csv", None, None, "no rows", "One row per person.", "fill in the table."), *NO_P1, *NO_P2],
        {"subjects": (0, 0), **NOBODY},
        edit=text("subjects.csv", SUBJECTS_CSV.splitlines()[0]),
    ),
    "Latin-1 where UTF-8 is declared": Case(
        [
            (
                "subjects.csv", 3, None, "byte 0xfc at position 67, which is not utf-8", "text in utf-8",
                "state its encoding in study.toml: encoding = 'cp1252'",
            ),
            *NO_P1,
            *NO_P2,
        ],
        {"subjects": (2, 0), **NOBODY},
        edit=text("subjects.csv", LATIN, "latin-1"),
    ),
    "Latin-1 where it is declared": Case([], edit=declared("subjects.csv", LATIN, "latin-1"), code=0),
    "Windows text where it is declared": Case([], edit=declared("subjects.csv", LATIN, "cp1252"), code=0),
    "an encoding that is not one of those known": Case(
        [("study.toml", None, "encoding", "encoding = 'utf-16'", "one of utf-8, cp1252, latin-1", "default is used")],
        edit=replaced("study.toml", "[baseline]", 'encoding = "utf-16"\n[baseline]'),
    ),
    "UTF-16": Case(
        [("events.csv", 1, None, "byte 0xff at position 0, which is not utf-8", "text in utf-8", "save the file as")],
        {"events": (1, 0)},
        edit=text("events.csv", "row_id,subject_id\nE1,P1\n", "utf-16"),
    ),
    "a quote that is not closed": Case(
        [("subjects.csv", 2, None, "unexpected end of data", "a CSV file", "one that is not closed"), *NO_P1, *NO_P2],
        {"subjects": (2, 0), **NOBODY},
        edit=text("subjects.csv", SUBJECTS_CSV.replace("A\n", '"A\n')),
    ),
    "semicolons": Case(
        [("events.csv", 1, None, "columns separated by ;", "commas", "comma-separated CSV with a decimal point")],
        {"events": (2, 0)},
        edit=text("events.csv", "row_id;subject_id;category\nE1;P1;ae\nE2;P2;ae\n"),
    ),
    "tabs": Case(
        [("events.csv", 1, None, "columns separated by a tab", "commas", "comma-separated CSV with a decimal point")],
        {"events": (1, 0)},
        edit=text("events.csv", "row_id\tsubject_id\tcategory\n\nE1\tP1\tae\n"),
    ),
    "both CSV and Parquet": Case(
        [("subjects.csv", None, None, "both subjects.csv and subjects.parquet", "one file for a table", "csv is read")],
        edit=both_formats,
    ),
    "Parquet that is none": Case(
        [("events.parquet", None, None, "parquet: File out of specification: ", "a Parquet file", "write the file")],
        {"events": (0, 0)},
        edit=lambda folder: (folder / "events.csv").rename(folder / "events.parquet"),
    ),
    "Parquet with lists": Case(
        [
            ("events.parquet", None, "grade", "a column of type List(Int64)", "plain cells", "flatten it."),
            ("events.parquet", 2, "start", "2021-02-31", "a date or time such as", NOT_USED),
        ],
        {"events": (1, 0)},
        edit=parquet(
            "events",
            pl.DataFrame(
                {"row_id": ["E"], "subject_id": ["P2"], "category": ["ae"], "start": ["2021-02-31"], "grade": [[1, 2]]}
            ),
        ),
    ),
    "a folder in place of a file": Case(
        [("events.csv", None, None, "[Errno ", "a readable file", "check the file.")],
        {"events": (0, 0)},
        edit=folder_in_place_of_file,
    ),
    "no table of infusions": Case(
        [
            ("infusions.csv", None, None, "no file infusions.csv or infusions.parquet", "One row", "add the table."),
            NOT_INFUSED,
            NOT_INFUSED,
        ],
        {"infusions": (0, 0)},
        edit=lambda folder: (folder / "infusions.csv").unlink(),
    ),
    # Declarations
    "no study.toml": Case(
        [
            ("study.toml", None, None, "no study.toml", "a file study.toml", "add it: title, study_id, data_cut_off"),
            MISSING_TOML,
        ],
        edit=lambda folder: (folder / "study.toml").unlink(),
    ),
    "study.toml that is no TOML": Case(
        [
            ("study.toml", None, None, "Invalid value (at line 1, column 9)", "a TOML file in UTF-8", "correct the"),
            MISSING_TOML,
        ],
        edit=text("study.toml", "title = Test study"),
    ),
    "study.toml in Latin-1": Case(
        [
            ("study.toml", None, None, "'utf-8' codec can't decode byte 0xfc", "a TOML file in UTF-8", "correct the"),
            MISSING_TOML,
        ],
        edit=text("study.toml", 'title = "Düsseldorf"', "latin-1"),
    ),
    "study.toml nested without end": Case(  # "exceeded" or "nested", by the version of Python
        [
            ("study.toml", None, None, "ed", "a TOML file in UTF-8", "correct the file"),
            MISSING_TOML,
        ],
        edit=text("study.toml", "title = " + "[" * 20_000),
    ),
}  # fmt: skip

BAD_ENTRIES: list[tuple[str, str, str, str, str]] = [
    # what stands in study.toml, what is put in its place, and the column, finding and expectation of the problem
    ("2024-12-31", '"2024-12-31"', "data_cut_off", "= '2024-12-31'", "a date such as 2024-02-29"),
    ("2024-12-31", "2024-12-31T10:00:00", "data_cut_off", "= datetime.datetime(2024,", "a date without a time"),
    ("simulated = true", 'simulated = "yes"', "simulated", "= 'yes'", "true or false"),
    ("reference_infusion = 1", "reference_infusion = true", "reference_infusion", "= True", "a whole number"),
    ("reference_infusion = 1", "reference_infusion = 0", "reference_infusion", "= 0", "a whole number from 1 to 99"),
    ('title = "Test study"', "title = 1", "title", "= 1", "a text"),
    ("title", "titel", "titel", "= 'Test study'", "one of title, study_id"),
    ("last_before_lymphodepletion", "first", "baseline.rule", "= 'first'", "one of last_before_lymphodepletion, last_"),
    ("lookback_days = 90", "lookback_days = -1", "baseline.lookback_days", "= -1", "a whole number of days"),
    ("lookback_days = 90", f"lookback_days = {10**20}", "baseline.lookback_days", "= 1000", "at most 36525"),
    ("lookback_days = 90", "back = 90", "baseline.back", "= 90", "rule or lookback_days"),
    ("before = 30", "before = -30", "visits", "{'name': 'month 3'", "before and after of 0 or more days"),
    ("before = 30", f"before = {10**20}", "visits", "{'name': 'month 3'", "at most 36525"),
    ("before = 30", "before = true", "visits", "{'name': 'month 3'", "name, target_day, before and after (days"),
    ("target_day = 90", "", "visits", "{'name': 'month 3'", "name, target_day, before and after (days"),
    ('"month 6"', '"month 3"', "visits", "{'name': 'month 3'", "a name of its own"),
    ('"month 6"', '"baseline"', "visits", "{'name': 'baseline'", "baseline is set by the baseline rule"),
    ('"antimalarial"', '"vitamin"', "records.complete_drug_classes", "= 'vitamin'", "one of anti"),
    ("complete_drug_classes", "classes", "records.classes", "= ['glucocorticoid'", "complete_drug_classes"),
]


def build(case: Case, folder: Path) -> Path:
    write_study(folder, **{**GOOD, **case.tables})
    case.edit(folder)
    return folder


def ordered(listed: Sequence[Problem]) -> list[Problem]:
    return sorted(listed, key=lambda p: (p[0], p[1] or 0, p[2] or "", p[3]))


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_problems_rows_and_command_line(case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = build(case, tmp_path / "study")
    studies: list[Study] = []
    monkeypatch.setattr("aftercart.sources.read", lambda path: studies.append(read(path)) or studies[-1])

    as_json = CliRunner().invoke(main, ["check", str(folder), "--json"])
    assert as_json.exit_code == case.code
    assert isinstance(as_json.exception, SystemExit | None)
    assert as_json.stderr == ""
    problems, rows = json.loads(as_json.stdout).values()
    assert_problems(problems, case.problems)
    assert_rows(problems, rows, {**ALL, **case.rows}, studies[0])

    plain = CliRunner().invoke(main, ["check", str(folder)])
    assert plain.exit_code == case.code
    assert isinstance(plain.exception, SystemExit | None)
    assert plain.stderr == ""
    assert len(plain.stdout) < 20_000
    for p in problems:
        assert f"{p['severity']}: {p['file']}" in plain.stdout
        assert f"  found: {p['found']}\n  expected: {p['expected']}\n  remedy: {p['remedy']}\n" in plain.stdout
    for name, counts in rows.items():
        assert f"{name}: {counts['read']} rows read, {counts['kept']} kept, {counts['listed']} listed\n" in plain.stdout


def assert_problems(problems: Sequence[Mapping[str, Any]], meant: Sequence[Problem]) -> None:
    """These problems and no others: place as it is, the words in part."""
    found = [(p["file"], p["row"], p["column"], p["found"], p["expected"], p["remedy"]) for p in problems]
    assert len(found) == len(meant), found
    for got, expected in zip(ordered(found), ordered(meant), strict=True):
        assert got[:3] == expected[:3]
        assert [part in given for given, part in zip(got[3:], expected[3:], strict=True)] == [True] * 3, (got, expected)
        assert got[5].endswith(".")


def assert_rows(
    problems: Sequence[Mapping[str, Any]],
    rows: Mapping[str, Mapping[str, int]],
    meant: Mapping[str, tuple[int, int]],
    study: Study,
) -> None:
    """Every row of every table is kept, or a line of the list tells of it (or of its whole file)."""
    assert list(rows) == list(study.tables)
    for name, counts in rows.items():
        assert (counts["read"], counts["kept"]) == meant.get(name, (0, 0)), name
        assert counts["read"] == counts["kept"] + counts["listed"]
        assert counts["kept"] == study.tables[name].height
        of_file = [p for p in problems if p["file"].startswith(f"{name}.")]
        lines = {p["row"] for p in of_file if (p["row"] or 1) > 1}
        whole_file = {"empty_file", "encoding", "unreadable", "separator", "duplicate_column", "missing_column"}
        assert counts["listed"] <= len(lines) or whole_file & {p["rule"] for p in of_file}, name


@pytest.mark.parametrize(("old", "new", "column", "found", "expected"), BAD_ENTRIES)
def test_bad_entries_of_study_toml(tmp_path: Path, old: str, new: str, column: str, found: str, expected: str) -> None:
    folder = build(Case([], edit=replaced("study.toml", old, new)), tmp_path / "study")
    (problem,) = read(folder).problems.to_dicts()
    assert (problem["file"], problem["column"], problem["rule"]) == ("study.toml", column, "study_toml")
    assert found in problem["found"]
    assert expected in problem["expected"]


def test_the_good_study_has_no_problems(tmp_path: Path) -> None:
    folder = build(Case([]), tmp_path / "study")
    result = CliRunner().invoke(main, ["check", str(folder)])
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.output.splitlines()[:3] == [
        "No problems found.",
        "subjects: 2 rows read, 2 kept, 0 listed",
        "infusions: 2 rows read, 2 kept, 0 listed",
    ]


def test_what_is_declared_as_latin_1_is_read_so(tmp_path: Path) -> None:
    folder = build(CASES["Latin-1 where it is declared"], tmp_path / "study")
    assert read(folder).subjects["cohort"].to_list() == ["A", "Düsseldorf"]


def test_of_two_formats_the_csv_is_read(tmp_path: Path) -> None:
    folder = build(CASES["both CSV and Parquet"], tmp_path / "study")
    assert read(folder).subjects["subject_id"].to_list() == ["P1", "P2"]


def test_a_bad_cell_is_left_empty_and_the_others_of_its_row_stay(tmp_path: Path) -> None:
    folder = build(CASES["grade in words"], tmp_path / "study")
    assert read(folder).events.select("category", "grade", "grade_scale").rows() == [("ae", None, "CTCAE5")]


def test_of_a_person_given_twice_the_row_entered_in_error_does_not_count(tmp_path: Path) -> None:
    twice = [{**P1, "sex": "M", "status": "entered_in_error"}, P1, P2]
    study = read(build(Case([], tables={"subjects": twice}), tmp_path / "study"))
    assert study.problems.to_dicts() == []
    assert study.subjects.select("subject_id", "sex", "status").rows() == [
        ("P1", "M", "entered_in_error"),
        ("P1", "F", "final"),
        ("P2", "M", "final"),
    ]


def test_an_empty_cell_of_parquet_is_as_empty_as_one_of_csv(tmp_path: Path) -> None:
    columns = {
        "row_id": ["S1", "S2", "S3"], "subject_id": ["P1 ", "P2", " "], "sex": ["F", "M", "F"],
        "indication": ["SLE", "SSC", "SLE"], "cohort": ["", "B", ""], "death_date": ["", None, " "],
    }  # fmt: skip
    folder = build(Case([], edit=parquet("subjects", pl.DataFrame(columns))), tmp_path / "study")
    study = read(folder)
    assert study.subjects.select("subject_id", "cohort", "death_date").rows() == [("P1", None, None), ("P2", "B", None)]
    assert study.problems.select("file", "row", "column", "found").rows() == [
        ("subjects.parquet", 4, "subject_id", "nothing")
    ]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: None, "There is no folder "),
        (lambda path: path.write_text("a file"), "There is no folder "),
        (lambda path: path.mkdir(), "holds no study: neither study.toml nor any table."),
        (lambda path: (path / "sub").mkdir(parents=True), "holds no study: neither study.toml nor any table."),
    ],
    ids=["nothing there", "a file", "an empty folder", "a folder of folders"],
)
def test_what_is_no_study_folder(tmp_path: Path, make: Callable[[Path], object], message: str) -> None:
    path = tmp_path / "study"
    make(path)
    error, code = (StudyError, 1) if path.is_dir() else (UsageError, 2)
    with pytest.raises(error) as caught:
        read(path)
    assert message in caught.value.message
    assert caught.value.hint.endswith((".", "disposition."))
    for options in ([], ["--json"]):
        result = CliRunner().invoke(main, ["check", str(path), *options])
        assert result.exit_code == code
        assert isinstance(result.exception, SystemExit)
        assert result.stdout == ""
        assert result.stderr == f"Error: {caught.value.message}\nHint: {caught.value.hint}\n"


@pytest.mark.parametrize("arguments", [[], ["a", "b"], ["a", "--jsn"]])
def test_a_call_that_is_wrong_ends_with_2(arguments: list[str]) -> None:
    result = CliRunner().invoke(main, ["check", *arguments])
    assert result.exit_code == 2
    assert isinstance(result.exception, SystemExit)
    assert "Usage: " in result.stderr
