"""What a subject was taking on a day: drug classes, counts, names and doses, with three-valued honesty.

A row that surely covers the day is evidence of use; one that may cover it (partial dates, an end never recorded)
makes the answer missing. No row means "not given" only for classes whose record the study declares complete, or
when a row with dose 0 covers the day.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import polars as pl

from aftercart.assessment.timeline import Timeline
from aftercart.criteria.calling import evaluate_series
from aftercart.criteria.registry import get

APART_FROM_DAILY_DOSE = ("crs_icans_treatment", "lymphodepletion", "replacement")
"""Glucocorticoid given for these purposes is kept out of the daily dose used for response (efficacy of the disease)."""

GIVEN_FOR_TOXICITY = ("vasopressor", "vasopressin", "anticytokine", "antipyretic")
"""Classes of which courses for any purpose count; only disease drugs leave out those given for toxicity."""

Found = tuple[pl.Series, pl.DataFrame]

_DAY = pl.col("day")
_ON_THE_DAY = (
    (pl.col("start_max") <= _DAY) & (pl.col("end_min") >= _DAY),
    (pl.col("start_min") <= _DAY) & (pl.col("end_max") >= _DAY),
)
"""Surely and maybe on that day."""
_SINCE_INFUSION = (
    pl.col("start_max").is_between(0, _DAY),
    (pl.col("start_min") <= _DAY) & (pl.col("start_max") >= 0),
)
"""Surely and maybe begun between the infusion and that day."""
_GIVEN = pl.col("dose").is_null() | (pl.col("dose") > 0)


def at(units: pl.DataFrame, timeline: Timeline, binding: Mapping[str, Any]) -> Found:
    """Return one value per unit (`_k`, `_s`, `day`) for a drug binding, and the source rows behind it."""
    rows, complete = _selected(timeline, binding)
    measure = binding["measure"]
    sure, maybe = _SINCE_INFUSION if measure == "any_since_infusion" else _ON_THE_DAY
    days = units.lazy().select("_k", "_s", day="target" if "target" in units.columns else "day")
    cover = days.join(rows.lazy(), on="_s").filter(maybe).with_columns(sure=sure, given=_GIVEN).collect()
    evidence = cover.select("_k", "ref").sort("_k", "ref")
    taken = pl.col("given") & pl.col("sure")
    said = {} if measure == "pred_eq" else {"value": _MEASURES[measure](taken)}
    found = cover.group_by("_k").agg(
        unsure=(pl.col("given") & ~pl.col("sure")).any(), stated=pl.col("sure").any(), known=taken.any(), **said
    )
    if measure == "pred_eq":
        found = found.join(_prednisone(cover.filter(taken)), on="_k", how="left")
    on_record = pl.lit(complete) & ~pl.col("_s").is_in(list(timeline.lost_medicines))
    settled = pl.col("known") if measure in ("any", "any_since_infusion") else pl.lit(value=False)
    result = (
        pl.when(pl.col("unsure") & ~settled)
        .then(None)
        .when("known")
        .then("value")
        .when(on_record | pl.col("stated"))
        .then(pl.lit(_NOTHING[measure], dtype=found.schema["value"]))
    )
    joined = units.lazy().select("_k", "_s").join(found.lazy(), on="_k", how="left", maintain_order="left")
    return joined.select(value=result).collect().to_series(), evidence


def courses(units: pl.DataFrame, timeline: Timeline, drug_class: str) -> pl.DataFrame:
    """Medicines of a class that cover the day of each unit: `_k`, `ref`, `day`, `drug`, `dose_mg_per_day`, `route`.

    The dose of a course that only may cover the day is missing.
    """
    rows, _ = _selected(timeline, {"drug": drug_class})
    days = units.select("_k", "_s", day=pl.col("target" if "target" in units.columns else "day"))
    sure, maybe = _ON_THE_DAY
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
        rows = rows.filter(pl.col("drug").is_in(names) & _for_the_purpose(binding))
        known = timeline.exposures.filter(pl.col("drug").is_in(names))["classes"].explode().drop_nulls().unique()
        from aftercart.study import drugs

        classes = set(known.to_list()) or {c for n in names for c in drugs.classes(n)}
        return rows, bool(classes) and bool(classes & timeline.complete_classes)
    wanted = [binding["drug"]] if isinstance(binding["drug"], str) else list(binding["drug"])
    named = pl.any_horizontal(pl.col("classes").list.contains(drug_class) for drug_class in wanted)
    return rows.filter(named & _for_the_purpose(binding)), set(wanted) <= timeline.complete_classes


def _for_the_purpose(binding: Mapping[str, Any]) -> pl.Expr:
    if "purpose" in binding:
        return pl.col("purpose").is_in(binding["purpose"])
    if binding.get("drug") in GIVEN_FOR_TOXICITY:
        return pl.lit(value=True)
    return ~pl.col("purpose").is_in(APART_FROM_DAILY_DOSE).fill_null(value=False)


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


def _count(taken: pl.Expr) -> pl.Expr:
    return pl.col("drug").filter(taken).n_unique().cast(pl.Int64)


def _names(taken: pl.Expr) -> pl.Expr:
    return pl.col("drug").filter(taken).unique().sort()


def _mg_per_day(taken: pl.Expr) -> pl.Expr:
    doses = pl.col("mg_per_day").filter(taken)
    return pl.when(~doses.is_null().any()).then(doses.sum())


def _prednisone(sure: pl.DataFrame) -> pl.DataFrame:
    """Prednisone equivalent by the criterion of that name, so that both can never disagree."""
    units = sure.select(_unit="_k").unique().sort("_unit").with_columns(_given=pl.lit(value=True))
    entry = get("glucocorticoid_prednisone_equivalent")
    for spec in entry.inputs:
        units = units.with_columns(pl.lit(spec.default, dtype=pl.Float64).alias(spec.name))
    rows = sure.select(_unit="_k", drug="drug", dose_mg_per_day="mg_per_day", route=route_name(pl.col("route")))
    computed = evaluate_series(entry.function.rule, units, rows)
    return computed.select(_k="_unit", value="prednisone_mg_per_day")


_MEASURES: dict[str, Callable[[pl.Expr], pl.Expr]] = {
    "any": pl.Expr.any,
    "any_since_infusion": pl.Expr.any,
    "count": _count,
    "names": _names,
    "mg_per_day": _mg_per_day,
    "mg_per_week": lambda taken: _mg_per_day(taken) * 7,
}
"""What is said of the rows of a subject and day that are surely taken; beside it the prednisone equivalent."""
_NOTHING: dict[str, Any] = {
    "any": False,
    "any_since_infusion": False,
    "count": 0,
    "names": [],
    "mg_per_day": 0.0,
    "mg_per_week": 0.0,
    "pred_eq": 0.0,
}
