"""Infection density: infections by time at risk, over a group of patients."""

from __future__ import annotations

import polars as pl

from aftercart.criteria import registry
from aftercart.criteria.calling import criterion


def _time_at_risk(people: pl.LazyFrame) -> pl.LazyFrame:
    """Days of the window that each patient was at risk; without a last day, anything from none to all of them."""
    until = pl.min_horizontal("window_end_day", "last_day_at_risk")
    days = pl.max_horizontal(until - pl.col("window_start_day") + 1, pl.lit(0))
    return people.with_columns(
        until=until, days_max=days, days_min=pl.when(pl.col("last_day_at_risk").is_not_null()).then(days).otherwise(0)
    )


def _onsets(people: pl.LazyFrame) -> pl.LazyFrame:
    """Infections per unit: those surely at risk and in the window, and those that may be."""
    onset, open_end = pl.col("infection_onset_days"), pl.col("last_day_at_risk").is_null()
    inside = (onset >= pl.col("window_start_day")) & (onset <= pl.col("until"))
    possible = inside | (onset.is_null() & (pl.col("days_max") > 0))
    return (
        people.filter(pl.col("infection_onset_days").list.len() > 0)
        .explode("infection_onset_days")
        .group_by("_unit")
        .agg(n_min=(inside & ~open_end).sum().cast(pl.Int64), n_max=possible.sum().cast(pl.Int64))
    )


@criterion
def infection_density(units: pl.LazyFrame, rows: pl.LazyFrame) -> pl.LazyFrame:
    """Count infections in a window by the patient-days at risk in it, pooled over all patients of a group.

    Source: Hill JA et al., Blood 2018;131:121-130.

    >>> import polars as pl
    >>> from aftercart import criteria
    >>> patients = pl.DataFrame({"last_day_at_risk": [28, 9], "infection_onset_days": [[5, 20], []]})
    >>> criteria.infection_density(patients, window_start_day=0, window_end_day=28)["density"].to_list()
    [5.1282]
    """
    rules = registry.get("infection_density").rules
    windows = units.select("_unit", "window_start_day", "window_end_day")
    people = _time_at_risk(rows.join(windows, on="_unit", how="inner"))
    unlisted = pl.col("infection_onset_days").is_null() & (pl.col("days_max") > 0)
    sums = people.group_by("_unit").agg(
        pl.col("days_min").sum(), pl.col("days_max").sum(), n_unlisted=unlisted.sum().cast(pl.Int64)
    )
    factor = pl.col("per").replace_strict(dict(rules["factor"]), default=None, return_dtype=pl.Float64)
    n_min, n_max, days_min, days_max = (pl.col(c) for c in ("n_min", "n_max", "days_min", "days_max"))
    listed = pl.col("n_unlisted") == 0
    asked = pl.col("_given") & pl.col("window_start_day").is_not_null() & pl.col("window_end_day").is_not_null()
    counted = ("n_min", "n_max", "days_min", "days_max", "n_unlisted")
    result = (
        units.join(sums, on="_unit", how="left")
        .join(_onsets(people), on="_unit", how="left")
        .with_columns(pl.when(asked).then(pl.col(c).fill_null(0)).alias(c) for c in counted)
        .with_columns(
            n_infections=pl.when((n_min == n_max) & listed).then(n_min),
            patient_days_at_risk=pl.when(days_min == days_max).then(days_min),
            density_min=pl.when(days_max > 0).then((factor * n_min / days_max).round(rules["decimals"])),
            density_max=pl.when((days_min > 0) & listed).then((factor * n_max / days_min).round(rules["decimals"])),
        )
    )
    infections, days = pl.col("n_infections"), pl.col("patient_days_at_risk")
    settled = infections.is_not_null() & (days > 0)
    return result.with_columns(
        density=pl.when(settled).then((factor * infections / days).round(rules["decimals"])),
    ).with_columns(
        clause=pl.when(pl.col("density").is_not_null())
        .then(pl.lit("pooled"))
        .when(days == 0)
        .then(pl.lit("no_time_at_risk"))
        .when(days_max.is_not_null() & factor.is_not_null())
        .then(pl.lit("open")),
        missing=pl.when(~settled.fill_null(value=False) | factor.is_null()).then(
            pl.concat_str(
                pl.when(~pl.col("_given")).then(pl.lit("patients")),
                *(pl.when(pl.col(c).is_null()).then(pl.lit(c)) for c in ("window_start_day", "window_end_day", "per")),
                pl.when(days_min < days_max).then(pl.lit("patients.last_day_at_risk")),
                pl.when(infections.is_null() & asked & (days_min == days_max)).then(
                    pl.lit("patients.infection_onset_days")
                ),
                separator="; ",
                ignore_nulls=True,
            ).replace("", None)
        ),
    )
