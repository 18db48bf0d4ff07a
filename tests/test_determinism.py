"""Same study, same bytes: whatever the order of rows, the file format, or the number of threads."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

import aftercart as ac
from aftercart.demo import reference_cohort_folder

SUMMARIZE = """
import sys
import aftercart as ac
from aftercart.analysis import summarize
from aftercart.reporting.page import summary_json
study = ac.read(sys.argv[1])
done = ac.assess(study)
text = summary_json(summarize(study, done))
sys.stdout.buffer.write(text.encode())
sys.stdout.buffer.write(done.table.with_columns(done.table["source_rows"].list.join(";")).write_csv().encode())
"""


def summary_bytes(folder: Path, threads: int) -> bytes:
    env = {**os.environ, "POLARS_MAX_THREADS": str(threads)}
    return subprocess.run(
        [sys.executable, "-c", SUMMARIZE, str(folder)], env=env, capture_output=True, check=True
    ).stdout


@pytest.fixture(scope="module")
def expected() -> bytes:
    return summary_bytes(reference_cohort_folder(), 2)


@pytest.mark.slow
@pytest.mark.parametrize("threads", [1, 2])
def test_shuffled_rows_give_the_same_bytes(tmp_path: Path, expected: bytes, threads: int) -> None:
    shutil.copytree(reference_cohort_folder(), tmp_path / "study")
    for path in [*(tmp_path / "study").glob("*.csv"), *(tmp_path / "study" / "provenance").glob("*.csv")]:
        frame = pl.read_csv(path, infer_schema=False)
        frame.sample(fraction=1, shuffle=True, seed=7).write_csv(path)
    assert summary_bytes(tmp_path / "study", threads) == expected


@pytest.mark.slow
@pytest.mark.parametrize("file_format", ["csv", "parquet"])
def test_csv_and_parquet_give_the_same_bytes(tmp_path: Path, expected: bytes, file_format: str) -> None:
    ac.reference_cohort().write(tmp_path / "study", format=file_format)
    assert summary_bytes(tmp_path / "study", 2) == expected


def test_a_partition_by_subject_gives_the_same_assessments() -> None:
    study = ac.reference_cohort().select(subjects=["SLE-7", "SSc-1", "IIM-2"])
    whole = ac.assess(study).table
    parts = pl.concat([ac.assess(study.select(subjects=[s])).table for s in ("IIM-2", "SLE-7", "SSc-1")])
    key = ["subject_id", "criterion", "variant", "day", "datetime", "visit", "components"]
    assert whole.sort(key).equals(parts.sort(key))


@pytest.mark.parametrize(
    ("code", "unit", "factor"),
    [("ANC", "/uL", 1000), ("HGB", "g/dL", 0.1), ("CRP", "mg/dL", 0.1), ("C3", "mg/dL", 100)],
)
def test_another_unit_gives_the_same_grades(tmp_path: Path, code: str, unit: str, factor: float) -> None:
    shutil.copytree(reference_cohort_folder(), tmp_path / "study")
    path = tmp_path / "study" / "observations.csv"
    frame = pl.read_csv(path, schema_overrides={"value_text": pl.String})
    mine = pl.col("code") == code
    columns = [
        pl.when(mine).then(pl.col(c) * factor).otherwise(pl.col(c)).alias(c) for c in ("value", "ref_low", "ref_high")
    ]
    frame.with_columns(*columns, unit=pl.when(mine).then(pl.lit(unit)).otherwise("unit")).write_csv(path)
    chosen = ["SLE-7", "SSc-1"]
    keys = ["ctcae_neutrophils", "ctcae_platelets_hemoglobin", "icaht_late_2023", "eustar_ai_2017", "sledai_2k"]
    mine_, plain = ac.read(tmp_path / "study"), ac.reference_cohort()
    assert ac.check(mine_).is_empty()
    columns_ = ["subject_id", "criterion", "variant", "day", "value", "level", "value_min", "value_max", "clause"]
    found = [ac.assess(s.select(subjects=chosen), keys).table.select(columns_) for s in (mine_, plain)]
    assert found[0].equals(found[1])
