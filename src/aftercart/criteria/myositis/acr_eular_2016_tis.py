"""ACR/EULAR 2016 total improvement score for myositis (Aggarwal 2017, Rider 2017)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from aftercart.criteria import registry
from aftercart.criteria.calling import criterion
from aftercart.criteria.logic import first_true, ge, gt, missing_names

COLUMNS = {
    "md_global": "md_global_0_10_cm",
    "patient_global": "patient_global_0_10_cm",
    "mmt": "mmt8",
    "haq": "haq_di_0_3",
    "enzyme": "enzyme_u_per_l",
    "extramuscular": "extramuscular_0_10_cm",
}
LEVELS = ("major", "moderate", "minimal")


def _at(visit: str, measure: str) -> pl.Expr:
    """Value of a measure at one visit; missing outside its scale or where another cause explains it."""
    value = pl.col(f"{visit}.{COLUMNS[measure]}")
    if measure == "mmt":
        return pl.when(value <= pl.col("mmt_max")).then(value)
    if measure == "enzyme":
        return pl.when(~pl.col("enzyme_other_cause")).then(value)
    return value


def _range(measure: str, scale: Mapping[str, float]) -> pl.Expr:
    if measure == "mmt":
        return pl.col("mmt_max")
    if measure == "enzyme":
        product = pl.col("enzyme_uln_u_per_l") * pl.col("enzyme_range_uln_multiple")
        return pl.when(product > 0).then(product)
    return pl.lit(float(scale[measure]))


def _points(percent: pl.Expr, band: Mapping[str, Any]) -> pl.Expr:
    """Points of the band that holds an improvement; 0 for less than the first band, missing for missing."""
    edges = list(zip(band["above"], band["points"], strict=True))
    result = pl.when(percent.is_not_null()).then(0.0)
    points: pl.Expr = result.otherwise(None)
    for above, value in edges:
        points = pl.when(gt(percent, above)).then(float(value)).otherwise(points)
    return points


def _category(score: pl.Expr, thresholds: Mapping[str, Mapping[str, float]]) -> pl.Expr:
    result: pl.Expr = pl.lit(None, dtype=pl.String)
    for population, limits in thresholds.items():
        level: pl.Expr = pl.lit("none")
        for name in reversed(LEVELS):
            level = pl.when(ge(score, limits[name])).then(pl.lit(name)).otherwise(level)
        result = pl.when((pl.col("population") == population) & score.is_not_null()).then(level).otherwise(result)
    return result


@criterion
def acr_eular_2016_tis(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Score the improvement of myositis between two visits 0 to 100, with its response category.

    Source: Aggarwal 2017, DOI 10.1136/annrheumdis-2017-211400; Rider 2017, DOI 10.1136/annrheumdis-2017-211401,
    table 3.

    >>> import polars as pl
    >>> from aftercart import criteria
    >>> pair = pl.DataFrame({"baseline.md_global_0_10_cm": [6.0], "followup.md_global_0_10_cm": [1.0],
    ...     "baseline.mmt8": [100], "followup.mmt8": [140]})
    >>> criteria.acr_eular_2016_tis(pair)["tis_lower_bound"].to_list()
    [47.5]
    """
    rules = registry.get("acr_eular_2016_tis").rules
    bands, thresholds = rules["bands"], rules["thresholds"]
    change: dict[str, pl.Expr] = {}
    reachable: dict[str, pl.Expr] = {}
    for measure in COLUMNS:
        baseline, followup, scale = (
            _at("baseline", measure),
            _at("followup", measure),
            _range(measure, rules["scale_range"]),
        )
        better = followup - baseline if measure == "mmt" else baseline - followup
        most = scale - baseline if measure == "mmt" else baseline
        change[measure] = (better / scale * 100).round(9)
        reachable[measure] = _points((most / scale * 100).round(9), bands[measure])
    ceiling = {m: float(max(bands[m]["points"])) for m in COLUMNS}
    points = [f"points.{m}" for m in COLUMNS]
    tis = pl.col("tis")
    category, proven = pl.col("category"), pl.col("category_lower_bound")
    return (
        rows.with_columns(change[m].alias(f"abs_pct_change.{m}") for m in COLUMNS)
        .with_columns(_points(pl.col(f"abs_pct_change.{m}"), bands[m]).alias(f"points.{m}") for m in COLUMNS)
        .with_columns(
            tis=pl.sum_horizontal(points, ignore_nulls=False),
            tis_lower_bound=pl.sum_horizontal(pl.col(p).fill_null(0.0) for p in points),
            tis_upper_bound=pl.sum_horizontal(
                pl.coalesce(pl.col(f"points.{m}"), reachable[m], pl.lit(ceiling[m])) for m in COLUMNS
            ),
            reachable_maximum=pl.sum_horizontal(reachable.values(), ignore_nulls=False),
        )
        .with_columns(
            category=_category(tis, thresholds),
            category_lower_bound=_category(pl.col("tis_lower_bound"), thresholds),
        )
        .with_columns(
            clause=first_true(
                *((category == level, level) for level in LEVELS),
                (category == "none", "no_response"),
                (tis.is_null() & (proven != "none"), "at_least"),
            ),
            missing=missing_names(
                *(
                    (f"{visit}.{COLUMNS[m]}", _at(visit, m).is_null())
                    for visit in ("baseline", "followup")
                    for m in COLUMNS
                ),
                ("enzyme_uln_u_per_l", _range("enzyme", {}).is_null()),
                "population",
            ),
        )
    )
