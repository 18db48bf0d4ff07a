"""A small study as the tidy folder that a user would have."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

STUDY_TOML = """
title = "Test study"
study_id = "TEST"
data_cut_off = 2024-12-31
reference_infusion = 1
simulated = true
note = "Made for a test."

[baseline]
rule = "last_before_lymphodepletion"
lookback_days = 90

[[visits]]
name = "month 3"
target_day = 90
before = 30
after = 30

[[visits]]
name = "month 6"
target_day = 183
before = 45
after = 45

[records]
complete_drug_classes = {classes}
"""

Rows = Sequence[Mapping[str, Any]]

ALL_CLASSES = [
    "glucocorticoid",
    "immunosuppressant",
    "biologic",
    "antimalarial",
    "antifibrotic",
    "vasopressor",
    "vasopressin",
    "antipyretic",
    "anticytokine",
]


def write_study(folder: Path, *, classes: Sequence[str] = ALL_CLASSES, **tables: Rows) -> Path:
    """Write a study folder; every row gets `study_id`, `row_id`, `source` and `status` unless it has them."""
    folder.mkdir(parents=True, exist_ok=True)
    quoted = ", ".join(f'"{c}"' for c in classes)
    (folder / "study.toml").write_text(STUDY_TOML.replace("{classes}", f"[{quoted}]"), "utf-8")
    tables = {**minimal(), **tables}
    for name, rows in tables.items():
        common = [
            {
                "study_id": "TEST",
                "row_id": f"{name[:3].upper()}-{i + 1}",
                "source": "test",
                "source_ref": f"line {i + 1}",
                "status": "final",
                **row,
            }
            for i, row in enumerate(rows)
        ]
        columns = list(dict.fromkeys(c for row in common for c in row))
        with (folder / f"{name}.csv").open("w", newline="", encoding="utf-8") as stream:
            writer = csv.DictWriter(stream, columns)
            writer.writeheader()
            writer.writerows(common)
    return folder


def minimal() -> dict[str, Rows]:
    """One patient with lupus, infused on 1 March 2022."""
    return {
        "subjects": [
            {"subject_id": "P1", "indication": "SLE", "sex": "F", "age_at_infusion": 30, "diagnosis_date": "2018-05"}
        ],
        "infusions": [
            {
                "subject_id": "P1",
                "infusion_seq": 1,
                "start": "2022-03-01",
                "product": "MB-CART19.1",
                "product_class": "CAR_T",
            }
        ],
    }


def copied(tables: Mapping[str, pl.DataFrame], times: int) -> dict[str, pl.DataFrame]:
    """So many copies of the tables of a study under each other, the names of patients and rows with a number before."""
    names = ("subject_id", "row_id")
    return {
        table: pl.concat(
            [rows.with_columns(pl.concat_str(pl.lit(f"{i}-"), c).alias(c) for c in names) for i in range(times)]
        )
        for table, rows in tables.items()
    }
