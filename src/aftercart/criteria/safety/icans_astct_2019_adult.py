"""Immune effector cell-associated neurotoxicity syndrome graded by the ASTCT consensus, 12 years and older."""

from __future__ import annotations

from typing import Any

import polars as pl

from aftercart.criteria import registry
from aftercart.criteria.calling import criterion
from aftercart.criteria.logic import (
    Interval,
    first_true,
    from_map,
    gt,
    held,
    is_true,
    le,
    may_be_true,
    missing_names,
    with_grade,
    worst,
)

ICE_WORST_AWAKE = 3


def cognition() -> Interval:
    """Grade of the ICE domain; a missing score spans 0 to 3 (4 needs a person who cannot be roused)."""
    score = pl.col("ice_score")
    grade = pl.when(score >= 10).then(0).when(score >= 7).then(1).when(score >= 3).then(2).when(score >= 0).then(3)
    return Interval(grade.cast(pl.Int32).fill_null(0), grade.cast(pl.Int32).fill_null(ICE_WORST_AWAKE)).unless(
        pl.col("cognition_other_cause")
    )


def other_domains(rules: dict[str, Any]) -> dict[str, Interval]:
    """Consciousness, seizure, motor and raised pressure: the domains shared by adults and children."""
    consciousness = from_map(pl.col("consciousness"), rules["consciousness"], low=0, high=4)
    seizure = pl.col("seizure")
    minutes, quick = pl.col("seizure_duration_min"), pl.col("seizure_resolved_rapidly")
    long = gt(minutes, rules["seizure_long_min"])
    short = le(minutes, rules["seizure_long_min"]) | (minutes.is_null() & is_true(quick))
    clinical = seizure == "clinical"
    known = (
        pl.when(seizure == "none")
        .then(0)
        .when(seizure == "nonconvulsive_eeg")
        .then(3)
        .when(seizure == "repetitive_without_return_to_baseline")
        .then(4)
        .when(clinical & is_true(long))
        .then(4)
        .when(clinical & is_true(short))
        .then(3)
        .cast(pl.Int32)
    )
    return {
        "consciousness": consciousness.unless(pl.col("consciousness_other_cause")),
        "seizure": Interval(
            known.fill_null(pl.when(is_true(clinical)).then(3).otherwise(0).cast(pl.Int32)), known.fill_null(4)
        ).unless(pl.col("seizure_other_cause")),
        "motor": Interval.flag(pl.col("deep_focal_motor_weakness"), 4),
        "icp": from_map(pl.col("icp_finding"), rules["icp_finding"], low=0, high=4),
    }


@criterion
def icans_astct_2019_adult(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Grade neurotoxicity 0 to 5 from the ICE score, consciousness, seizures, motor findings and raised pressure.

    Source: Lee DW et al., Biol Blood Marrow Transplant 2019;25:625-638, table 4.

    >>> import polars as pl
    >>> from aftercart import criteria
    >>> day = pl.DataFrame({"ice_score": [0, 0], "consciousness": ["alert", "coma"]})
    >>> criteria.icans_astct_2019_adult(day)["grade"].to_list()
    [3, 4]
    """
    rules = dict(registry.get("icans_astct_2019_adult").rules)
    return graded(rows, {"cognition": cognition(), **other_domains(rules)}, cognition_input="ice_score")


def graded(rows: pl.LazyFrame, domains: dict[str, Interval], *, cognition_input: str) -> pl.LazyFrame:
    """Take the worst domain, name the one that decided, and name what is missing when the grade stays open."""
    death = pl.col("death_due_to_icans")
    frame, of = held(rows, **domains)
    combined = worst(*of.values())
    found = Interval(
        pl.when(is_true(death)).then(5).otherwise(combined.low),
        pl.when(may_be_true(death)).then(5).otherwise(combined.high),
    )
    grade = pl.col("grade")
    decided = {"consciousness": "consciousness", "seizure": "seizure", "motor": "motor", "icp": "icp"}
    unknown_length = (
        (pl.col("seizure") == "clinical")
        & pl.col("seizure_duration_min").is_null()
        & ~is_true(pl.col("seizure_resolved_rapidly"))
    )
    parts = frame.with_columns(**{f"{name}_grade": d.value().cast(pl.Int64) for name, d in of.items()})
    return with_grade(parts, found).with_columns(
        clause=first_true(
            (grade == 5, "death"),
            *(((grade > 0) & (pl.col(f"{name}_grade") == grade), label) for name, label in decided.items()),
            (grade > 0, "ice"),
            (grade == 0, "none"),
        ),
        missing=pl.when(grade.is_null()).then(
            missing_names(
                cognition_input,
                "consciousness",
                "seizure",
                ("seizure_duration_min", unknown_length),
                "icp_finding",
                "deep_focal_motor_weakness",
                "consciousness_other_cause",
                "seizure_other_cause",
                "cognition_other_cause",
                "death_due_to_icans",
            )
        ),
    )
