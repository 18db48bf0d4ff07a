"""A large study for the benchmarks: the patients of the reference cohort again and again, each copy a little different.

`python benchmarks/generated_study.py SUBJECTS FOLDER` writes Parquet tables sorted by subject. Every copy has its own
subject and row identifiers, its own calendar and its own laboratory values (each within 5 % of the template's), so
that nothing compresses away as it would with exact copies. The same arguments give the same study.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import polars as pl

import aftercart as ac
from aftercart.study.model import meta_toml

TEMPLATES = 15
CHUNK = 150
DATES = ("birth_date", "consent_date", "death_date", "last_contact_date", "start", "end", "datetime", "date")


def write(subjects: int, folder: Path) -> Path:
    """Write a study of at least so many subjects (whole copies of the cohort); returns the folder."""
    study = ac.reference_cohort()
    folder.mkdir(parents=True, exist_ok=True)
    copies = -(-subjects // TEMPLATES)
    meta = replace(study.meta, title="Generated for benchmarks", study_id="GENERATED")
    (folder / "study.toml").write_text(meta_toml(meta), "utf-8")
    for name, table in study.tables.items():
        chunks = [_chunk(table.lazy(), low, min(copies, low + CHUNK)) for low in range(0, copies, CHUNK)]
        pl.concat(chunks).sink_parquet(folder / f"{name}.parquet", maintain_order=True, row_group_size=250_000)
    return folder


def _chunk(table: pl.LazyFrame, low: int, high: int) -> pl.LazyFrame:
    """The copies `low` to `high` of one table, sorted by subject and row."""
    columns = table.collect_schema().names()
    number = pl.col("_copy").cast(pl.String).str.zfill(6)
    keys = [c for c in columns if c in ("subject_id", "row_id") or c.endswith("_row")]
    changed = [pl.concat_str(number, pl.lit("-"), pl.col(c)).alias(c) for c in keys]
    changed += [_moved(c).alias(c) for c in columns if c in DATES]
    if "code" in columns:
        noise = pl.concat_str("row_id", "_copy").hash(seed=7) % 1001 / 10_000 - 0.05
        mild = pl.col("unit").is_not_null() & ~pl.col("code").is_in(["TEMP", "SPO2", "FIO2"])
        changed.append(pl.when(mild).then((pl.col("value") * (1 + noise)).round_sig_figs(4)).otherwise("value"))
    made = pl.LazyFrame({"_copy": range(low, high)}, schema={"_copy": pl.Int64}).join(table, how="cross")
    return made.with_columns(*changed, study_id=pl.lit("GENERATED")).drop("_copy").sort("subject_id", "row_id")


def _moved(column: str) -> pl.Expr:
    """Whole dates move back by up to a year with their copy; the time of day, and partial dates, stay as they are."""
    day = pl.col(column).str.slice(0, 10).str.to_date("%Y-%m-%d", strict=False)
    moved = (day - pl.duration(days=(pl.col("_copy") * 37) % 365)).dt.strftime("%Y-%m-%d")
    return pl.when(day.is_null()).then(column).otherwise(pl.concat_str(moved, pl.col(column).str.slice(10)))


if __name__ == "__main__":
    write(int(sys.argv[1]), Path(sys.argv[2]))
