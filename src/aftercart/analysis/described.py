"""Described without an interval: days of CRS and ICANS among those affected, expansion of the cells."""

from __future__ import annotations

import polars as pl

from aftercart.analysis import baseline
from aftercart.analysis.adverse import KINETICS
from aftercart.analysis.cohort import Cohort
from aftercart.analysis.courses import spans
from aftercart.analysis.outcomes import component
from aftercart.analysis.strata import by_disease


def described(cohort: Cohort) -> pl.DataFrame:
    """Median, quartiles and range by disease and together (columns: `baseline.TABLE_ONE`); known: those affected."""
    patients, asked = cohort.patients, []
    for name, label, days in spans(cohort):
        named = days.select("subject_id", pl.col("first", "duration").name.prefix(f"{name}_"))
        patients = patients.join(named, on="subject_id", how="left", maintain_order="left")
        asked += [(f"{label}, day of onset", "d", f"{name}_first"), (f"{label}, duration", "d", f"{name}_duration")]
    rows = cohort.rows("car_t_kinetics").unique("subject_id", keep="first", maintain_order=True)
    parts = [component(name).cast(pl.Float64).alias(name) for name, _, _ in KINETICS]
    patients = patients.join(rows.select("subject_id", *parts), on="subject_id", how="left", maintain_order="left")
    asked += [(label, unit, name) for name, label, unit in KINETICS]
    found = [
        baseline.described(mine, stratum, *question)
        for stratum, mine in by_disease(cohort, patients)
        for question in asked
    ]
    return pl.DataFrame(found, schema=baseline.TABLE_ONE)
