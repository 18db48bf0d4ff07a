"""Cytokine release syndrome graded by the ASTCT consensus (Lee 2019)."""

from __future__ import annotations

import polars as pl

from aftercart.criteria import registry
from aftercart.criteria.calling import criterion
from aftercart.criteria.logic import (
    Interval,
    first_true,
    from_map,
    ge,
    held,
    is_true,
    le,
    may_be_true,
    with_grade,
    worst,
)


def _hypotension() -> Interval:
    pressors = pl.col("n_vasopressors_excl_vasopressin")
    needed = Interval(
        low=pl.when(pressors >= 2).then(4).when(pressors == 1).then(3).otherwise(0).cast(pl.Int32),
        high=pl.when(pressors.is_null() | (pressors >= 2))
        .then(4)
        .when(pressors == 1)
        .then(3)
        .otherwise(0)
        .cast(pl.Int32),
    )
    present = Interval.flag(pl.col("hypotension_present"), 2)
    vasopressin = Interval.flag(pl.col("vasopressin"), 3)
    return worst(needed, present, vasopressin).unless(pl.col("hypotension_other_cause"))


def _hypoxia(rules: dict[str, object]) -> Interval:
    device, flow = pl.col("oxygen_device"), pl.col("oxygen_flow_l_per_min")
    limit = rules["low_flow_max_l_per_min"]
    assert isinstance(limit, int)
    grades = rules["device_grade"]
    assert isinstance(grades, dict)
    other = from_map(device, grades, low=0, high=4)
    low_flow = le(flow, limit)
    cannula = is_true(device == "nasal_cannula")
    return Interval(
        low=pl.when(cannula)
        .then(pl.when(may_be_true(low_flow)).then(2).otherwise(3))
        .otherwise(other.low)
        .cast(pl.Int32),
        high=pl.when(cannula)
        .then(pl.when(is_true(low_flow)).then(2).otherwise(3))
        .otherwise(other.high)
        .cast(pl.Int32),
    ).unless(pl.col("hypoxia_other_cause"))


@criterion
def crs_astct_2019(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Grade cytokine release syndrome 0 to 5, one grade per row.

    Source: Lee DW et al., Biol Blood Marrow Transplant 2019;25:625-638, table 2 and its footnotes.

    >>> import polars as pl
    >>> from aftercart import criteria
    >>> day = pl.DataFrame({"temperature_c": [38.9], "n_vasopressors_excl_vasopressin": [1]})
    >>> criteria.crs_astct_2019(day)["grade"].to_list()
    [3]
    """
    rules = dict(registry.get("crs_astct_2019").rules)
    fever = ge(pl.col("temperature_c"), rules["fever_c"]) & ~pl.col("fever_other_cause")
    waived = pl.col("crs_already_diagnosed") & pl.col("antipyretic_or_anticytokine_given")
    counts = fever | waived
    frame, of = held(rows, pressure=_hypotension(), oxygen=_hypoxia(rules))
    domains = worst(Interval.flag(fever, 1), *of.values())
    death = pl.col("death_due_to_crs")
    low = pl.when(is_true(death)).then(5).when(is_true(counts)).then(domains.low).otherwise(0)
    high = pl.when(may_be_true(death)).then(5).when(may_be_true(counts)).then(domains.high).otherwise(0)
    grade = pl.col("grade")
    oxygen_gap = pl.when((pl.col("oxygen_device") == "nasal_cannula") & pl.col("oxygen_flow_l_per_min").is_null())
    gaps = [
        pl.when(pl.col(name).is_null()).then(pl.lit(name))
        for name in (
            "temperature_c",
            "hypotension_present",
            "n_vasopressors_excl_vasopressin",
            "vasopressin",
            "oxygen_device",
            "crs_already_diagnosed",
            "antipyretic_or_anticytokine_given",
            "fever_other_cause",
            "hypotension_other_cause",
            "hypoxia_other_cause",
            "death_due_to_crs",
        )
    ]
    parts = frame.with_columns(
        fever_counts=fever,
        hypotension_grade=of["pressure"].value().cast(pl.Int64),
        hypoxia_grade=of["oxygen"].value().cast(pl.Int64),
    )
    return with_grade(parts, Interval(low, high)).with_columns(
        clause=first_true(
            (grade == 5, "death"),
            ((grade == 4) & (pl.col("hypoxia_grade") == 4), "positive_pressure"),
            (grade == 4, "several_vasopressors"),
            ((grade == 3) & (pl.col("hypotension_grade") == 3), "one_vasopressor"),
            (grade == 3, "high_flow_oxygen"),
            ((grade == 2) & (pl.col("hypotension_grade") == 2), "hypotension_without_vasopressor"),
            (grade == 2, "low_flow_oxygen"),
            (grade == 1, "fever"),
            ((grade == 0) & waived, "masked_fever"),
            (grade == 0, "no_fever"),
        ),
        missing=pl.when(grade.is_null()).then(
            pl.concat_str([*gaps, oxygen_gap.then(pl.lit("oxygen_flow_l_per_min"))], separator="; ", ignore_nulls=True)
        ),
    )
