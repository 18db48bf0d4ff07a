"""What a subject was taking on a day: drug classes, counts, names and doses, with three-valued honesty.

A row that surely covers the day is evidence of use; one that may cover it (partial dates, an end never recorded)
makes the answer missing. No row means "not given" only for classes whose record the study declares complete, or
when a row with dose 0 covers the day.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from aftercart.assessment.timeline import Timeline
from aftercart.criteria.calling import evaluate_series
from aftercart.criteria.registry import get

APART_FROM_DAILY_DOSE = ("crs_icans_treatment", "lymphodepletion", "replacement")
"""Glucocorticoid given for these purposes is kept out of the daily dose used for response (efficacy of the disease)."""

Found = tuple[pl.Series, pl.DataFrame]


def at(units: pl.DataFrame, timeline: Timeline, binding: Mapping[str, Any]) -> Found:
    """Return one value per unit (`_k`, `_s`, `day`) for a drug binding, and the source rows behind it."""
    rows, complete = _selected(timeline, binding)
    measure = binding["measure"]
    day_column = "target" if "target" in units.columns else "day"
    days = units.select("_k", "_s", day=pl.col(day_column))
    cover = days.join(rows, on="_s", how="inner").with_columns(
        sure=(pl.col("start_max") <= pl.col("day")) & (pl.col("day") <= pl.col("end_min")),
        maybe=(pl.col("start_min") <= pl.col("day")) & (pl.col("day") <= pl.col("end_max")),
    )
    if measure == "any_since_infusion":
        cover = cover.with_columns(
            sure=pl.col("start_max").is_between(0, pl.col("day")),
            maybe=(pl.col("start_min") <= pl.col("day")) & (pl.col("start_max") >= 0),
        )
    cover = cover.filter(pl.col("maybe"))
    given = cover.filter(pl.col("dose").is_null() | (pl.col("dose") > 0))
    evidence = cover.select("_k", "ref").sort("_k", "ref")
    open_question = given.filter(~pl.col("sure")).select("_k").unique().with_columns(unsure=pl.lit(value=True))
    stated = cover.filter(pl.col("sure")).select("_k").unique().with_columns(stated=pl.lit(value=True))
    value = _MEASURES[measure](given.filter(pl.col("sure")))
    joined = (
        units.select("_k")
        .join(value, on="_k", how="left", maintain_order="left")
        .join(open_question, on="_k", how="left", maintain_order="left")
        .join(stated, on="_k", how="left", maintain_order="left")
    )
    nothing = _NOTHING[measure]
    kept = ~units["_s"].is_in(list(timeline.lost_medicines))
    known_absent = (pl.lit(complete) & pl.lit(kept)) | pl.col("stated").fill_null(value=False)
    unsure = pl.col("unsure").fill_null(value=False)
    settled = unsure & (pl.col("value") if measure in ("any", "any_since_infusion") else pl.lit(value=False)).fill_null(
        value=False
    )
    has_row = pl.col("known").fill_null(value=False)
    result = (
        pl.when(unsure & ~settled)
        .then(None)
        .when(has_row)
        .then(pl.col("value"))
        .when(known_absent)
        .then(pl.lit(nothing, dtype=joined.schema["value"]))
    )
    return joined.select(result.alias("value")).to_series(), evidence


def courses(units: pl.DataFrame, timeline: Timeline, drug_class: str) -> pl.DataFrame:
    """Medicines of a class that cover the day of each unit: `_k`, `ref`, `day`, `drug`, `dose_mg_per_day`, `route`.

    The dose of a course that only may cover the day is missing.
    """
    rows, _ = _selected(timeline, {"drug": drug_class})
    days = units.select("_k", "_s", day=pl.col("target" if "target" in units.columns else "day"))
    sure = (pl.col("start_max") <= pl.col("day")) & (pl.col("day") <= pl.col("end_min"))
    maybe = (pl.col("start_min") <= pl.col("day")) & (pl.col("day") <= pl.col("end_max"))
    return (
        days.join(rows, on="_s", how="inner")
        .filter(maybe)
        .select(
            "_k",
            "ref",
            "day",
            "drug",
            dose_mg_per_day=pl.when(sure).then("mg_per_day"),
            route=route_name(pl.col("route")),
        )
    )


def _selected(timeline: Timeline, binding: Mapping[str, Any]) -> tuple[pl.DataFrame, bool]:
    rows = timeline.exposures
    if "drug_name" in binding:
        names = [binding["drug_name"]] if isinstance(binding["drug_name"], str) else list(binding["drug_name"])
        known = rows.filter(pl.col("drug").is_in(names))["classes"].explode().drop_nulls().unique().to_list()
        from aftercart.study import drugs

        classes = set(known) or {c for n in names for c in drugs.classes(n)}
        rows = rows.filter(pl.col("drug").is_in(names))
        complete = bool(classes) and bool(classes & timeline.complete_classes)
    else:
        wanted = [binding["drug"]] if isinstance(binding["drug"], str) else list(binding["drug"])
        rows = rows.filter(pl.col("classes").list.eval(pl.element().is_in(wanted)).list.any())
        complete = set(wanted) <= timeline.complete_classes
    if "purpose" in binding:
        rows = rows.filter(pl.col("purpose").is_in(binding["purpose"]))
    else:
        rows = rows.filter(~pl.col("purpose").is_in(APART_FROM_DAILY_DOSE).fill_null(value=False) | _toxicity(binding))
    return rows, complete


def _toxicity(binding: Mapping[str, Any]) -> pl.Expr:
    """Vasopressors and the like are given for toxicity; only disease drugs leave toxicity courses out."""
    return pl.lit(value=binding.get("drug") in ("vasopressor", "vasopressin", "anticytokine", "antipyretic"))


ROUTES = {
    "topical": "topical",
    "respiratory (inhalation)": "inhaled",
    "inhalation": "inhaled",
    "inhaled": "inhaled",
    "intra-articular": "intra_articular",
    "intra_articular": "intra_articular",
}


def route_name(route: pl.Expr) -> pl.Expr:
    """The route as criteria name it; a route that was not recorded is taken as systemic."""
    return route.str.to_lowercase().replace_strict(ROUTES, default="systemic")


def _any(sure: pl.DataFrame) -> pl.DataFrame:
    return sure.select("_k").unique().with_columns(value=pl.lit(value=True), known=pl.lit(value=True))


def _count(sure: pl.DataFrame) -> pl.DataFrame:
    return sure.group_by("_k").agg(value=pl.col("drug").n_unique().cast(pl.Int64), known=pl.lit(value=True))


def _names(sure: pl.DataFrame) -> pl.DataFrame:
    return sure.group_by("_k").agg(value=pl.col("drug").unique().sort(), known=pl.lit(value=True))


def _mg_per_day(sure: pl.DataFrame) -> pl.DataFrame:
    whole = pl.when(pl.col("mg_per_day").is_null().any()).then(None).otherwise(pl.col("mg_per_day").sum())
    return sure.group_by("_k").agg(value=whole, known=pl.lit(value=True))


def _mg_per_week(sure: pl.DataFrame) -> pl.DataFrame:
    return _mg_per_day(sure).with_columns(value=pl.col("value") * 7)


def _prednisone(sure: pl.DataFrame) -> pl.DataFrame:
    """Prednisone equivalent by the criterion of that name, so that both can never disagree."""
    units = sure.select(_unit="_k").unique().sort("_unit").with_columns(_given=pl.lit(value=True))
    entry = get("glucocorticoid_prednisone_equivalent")
    for spec in entry.inputs:
        units = units.with_columns(pl.lit(spec.default, dtype=pl.Float64).alias(spec.name))
    rows = sure.select(_unit="_k", drug="drug", dose_mg_per_day="mg_per_day", route=route_name(pl.col("route")))
    computed = evaluate_series(entry.function.rule, units, rows)
    return computed.select(_k="_unit", value=pl.col("prednisone_mg_per_day"), known=pl.lit(value=True))


_MEASURES = {
    "any": _any,
    "any_since_infusion": _any,
    "count": _count,
    "names": _names,
    "mg_per_day": _mg_per_day,
    "mg_per_week": _mg_per_week,
    "pred_eq": _prednisone,
}
_NOTHING: dict[str, Any] = {
    "any": False,
    "any_since_infusion": False,
    "count": 0,
    "names": [],
    "mg_per_day": 0.0,
    "mg_per_week": 0.0,
    "pred_eq": 0.0,
}
