"""A study assessed in parts is the study assessed whole, also where rows are broken, repeated or of nobody."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest

import aftercart as ac
from aftercart.assessment.partitions import assess_folder, assess_partition, write_parquet
from aftercart.assessment.run import columns
from aftercart.criteria import registry
from aftercart.errors import UsageError
from aftercart.sources import from_frames, parts
from aftercart.study import Study

Change = Callable[[dict[str, pl.DataFrame]], None]
KEYS = ["ctcae_neutrophils", "drug_free_status", "infection_grade_bmt_ctn", "sledai_2k", "crs_astct_2019"]


def as_they_are(tables: dict[str, pl.DataFrame]) -> None:
    del tables


def shuffled(tables: dict[str, pl.DataFrame]) -> None:
    for name, table in tables.items():
        tables[name] = table.sample(fraction=1, shuffle=True, seed=3)


def a_key_twice_in_two_patients(tables: dict[str, pl.DataFrame]) -> None:
    rows = tables["observations"]
    counts = rows.filter(pl.col("code") == "ANC")
    first = counts.filter(pl.col("subject_id") == "IIM-1")["row_id"][0]
    last = counts.filter(pl.col("subject_id") == "SSc-4")["row_id"][3]
    tables["observations"] = rows.with_columns(pl.col("row_id").replace(last, first))


def rows_of_nobody(tables: dict[str, pl.DataFrame]) -> None:
    tables["observations"] = tables["observations"].with_columns(pl.col("subject_id").replace("SLE-2", "SLE-99"))


def a_medicine_of_nobody(tables: dict[str, pl.DataFrame]) -> None:
    lost = pl.col("row_id") == tables["exposures"]["row_id"][5]
    tables["exposures"] = tables["exposures"].with_columns(subject_id=pl.when(~lost).then("subject_id"))


def a_medicine_of_one_patient_without_start(tables: dict[str, pl.DataFrame]) -> None:
    lost = pl.col("row_id") == tables["exposures"]["row_id"][5]
    tables["exposures"] = tables["exposures"].with_columns(start=pl.when(~lost).then("start"))


def wrong_units(tables: dict[str, pl.DataFrame]) -> None:
    tables["observations"] = tables["observations"].with_columns(pl.col("unit").replace("10*9/L", "furlong"))


def no_events(tables: dict[str, pl.DataFrame]) -> None:
    tables["events"] = tables["events"].clear()


def events_of_one_patient(tables: dict[str, pl.DataFrame]) -> None:
    only = tables["events"]["subject_id"][0]
    tables["events"] = tables["events"].filter(pl.col("subject_id") == only)


CHANGES = [
    as_they_are,
    shuffled,
    a_key_twice_in_two_patients,
    rows_of_nobody,
    a_medicine_of_nobody,
    a_medicine_of_one_patient_without_start,
    wrong_units,
    no_events,
    events_of_one_patient,
]


def written(folder: Path, change: Change = as_they_are) -> Path:
    study = ac.reference_cohort()
    tables = dict(study.tables)
    change(tables)
    Study(study.meta, study.tables).write(folder, format="parquet")
    for name, table in tables.items():
        table.write_parquet(folder / f"{name}.parquet")
    return folder


@pytest.mark.parametrize("change", CHANGES, ids=lambda c: c.__name__)
def test_parts_give_what_the_whole_gives(tmp_path: Path, change: Change) -> None:
    folder = written(tmp_path / "study", change)
    study = ac.read(folder)
    whole = ac.assess(study, KEYS).table
    in_parts = list(parts(folder, subjects=4))
    assert [p.subjects.height for p in in_parts] == [4, 4, 4, 3]
    assert pl.concat([ac.assess(p, KEYS).table for p in in_parts]).equals(whole)
    listed = pl.concat([p.problems for p in in_parts]).unique().sort(pl.all())
    assert listed.equals(study.problems.sort(pl.all()))


def test_the_changes_matter(tmp_path: Path) -> None:
    tables = {c.__name__: ac.assess(ac.read(written(tmp_path / c.__name__, c)), KEYS).table for c in CHANGES}
    plain = tables.pop("as_they_are")
    assert plain.equals(tables.pop("shuffled"))
    assert not [name for name, table in tables.items() if table.equals(plain) and name != "events_of_one_patient"]


def test_a_folder_is_assessed_in_parts_into_files(tmp_path: Path) -> None:
    folder = written(tmp_path / "study")
    seen: list[int] = []
    (tmp_path / "out").mkdir()
    problems = assess_folder(folder, tmp_path / "out", subjects=6, progress=seen.append)
    assert problems.is_empty()
    assert seen == [6, 12, 15]
    whole = ac.assess(ac.reference_cohort()).table
    assert pl.read_parquet(tmp_path / "out" / "assessments.parquet").equals(whole)
    assert pl.read_csv(tmp_path / "out" / "assessments.csv").height == whole.height


def test_a_part_that_fails_leaves_no_file(tmp_path: Path) -> None:
    folder = written(tmp_path / "study")

    def failing() -> Iterator[Study]:
        whole = parts(folder, subjects=6)
        yield next(whole)
        yield replace(next(whole), tables={})

    with pytest.raises(Exception, match="subjects"):
        write_parquet(failing(), tmp_path / "out.parquet", KEYS)
    assert not (tmp_path / "out.parquet").exists()


def test_a_study_in_csv_comes_whole(tmp_path: Path) -> None:
    ac.reference_cohort().write(tmp_path / "study")
    assert [p.subjects.height for p in parts(tmp_path / "study", subjects=4)] == [15]


@pytest.mark.parametrize("bad", [" SLE-1", "", "SLE\x001"])
def test_identifiers_that_must_be_mended_first_are_read_whole(tmp_path: Path, bad: str) -> None:
    def mend(tables: dict[str, pl.DataFrame]) -> None:
        tables["visits"] = tables["visits"].with_columns(pl.col("subject_id").replace("SLE-1", bad))

    folder = written(tmp_path / "study", mend)
    assert [p.content_hash for p in parts(folder, subjects=4)] == [ac.read(folder).content_hash]


def test_a_few_subjects_make_no_part_of_their_own(tmp_path: Path) -> None:
    folder = written(tmp_path / "study")
    assert [p.subjects.height for p in parts(folder, subjects=14)] == [15]
    assert [p.subjects.height for p in parts(folder, subjects=13)] == [13, 2]


def test_a_part_cannot_be_empty(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="at least 1 subject"):
        next(parts(written(tmp_path / "study"), subjects=0))


def test_only_the_columns_that_are_needed_are_read(tmp_path: Path) -> None:
    folder = written(tmp_path / "study")
    laboratory = [k for k in registry.names() if k.startswith("ctcae_")]
    assert columns(laboratory)["assessments"] == ()
    assert columns(["crs_astct_2019"])["assessments"] != ()
    chosen = pl.concat([ac.assess(p, laboratory).table for p in parts(folder, subjects=4, columns=columns(laboratory))])
    assert chosen.equals(ac.assess(ac.reference_cohort(), laboratory).table)


def test_a_partition_takes_and_returns_arrow() -> None:
    study = ac.reference_cohort()
    some = ["SLE-3", "SSc-1"]
    tables = {n: t.filter(pl.col("subject_id").is_in(some)).to_arrow() for n, t in study.tables.items()}
    found = assess_partition(tables, study.meta, ["crs_astct_2019", "doris_2021"], records_events=True)
    whole = ac.assess(study, ["crs_astct_2019", "doris_2021"]).table.filter(pl.col("subject_id").is_in(some))
    assert pl.DataFrame(pa.table(found)).equals(whole)


def test_a_part_without_events_does_not_deny_that_the_study_records_them() -> None:
    study = ac.reference_cohort()
    quiet = next(s for s in study.subjects["subject_id"] if s not in study.events["subject_id"].to_list())
    alone = study.select(subjects=[quiet])
    assert alone.events.is_empty()
    assert ac.assess(alone, KEYS).timeline.lost_events == frozenset()
    tables = dict(alone.tables)
    assert ac.assess(from_frames(tables, study.meta, records_events=True), KEYS).timeline.lost_events == frozenset()
    assert ac.assess(from_frames(tables, study.meta), KEYS).timeline.lost_events == {0}


def test_frames_are_judged_as_files_are() -> None:
    study = ac.reference_cohort()
    wrong = {**study.tables, "observations": study.observations.with_columns(unit=pl.lit("furlong"))}
    assert set(from_frames(wrong, study.meta).problems["rule"]) == {"unit"}
    assert from_frames(study.tables, study.meta) == Study(study.meta, study.tables)
    with pytest.raises(UsageError, match="no table 'labs'"):
        from_frames({"labs": study.observations}, study.meta)
    with pytest.raises(UsageError, match="cannot be read as a data frame"):
        from_frames({"events": 3}, study.meta)


def test_a_file_that_was_not_finished_is_removed(tmp_path: Path) -> None:
    def broken() -> object:
        yield ac.reference_cohort()
        raise KeyboardInterrupt

    with pytest.raises(BaseException):  # noqa: B017 - polars may wrap what its source raises
        write_parquet(broken(), tmp_path / "a.parquet", ["crs_astct_2019"])  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []
