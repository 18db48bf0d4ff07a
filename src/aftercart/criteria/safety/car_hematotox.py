"""CAR-HEMATOTOX score before lymphodepletion."""

from __future__ import annotations

import polars as pl

from aftercart.criteria import registry
from aftercart.criteria.calling import criterion
from aftercart.criteria.logic import Interval, ge, gt, le, lt, missing_names


def _points(value: str, one: pl.Expr, two: pl.Expr | None = None) -> Interval:
    """Points of one item: 2 or 1 when the condition holds, else 0; a missing value spans 0 to the most it can earn."""
    scored = pl.when(one).then(1).otherwise(0) if two is None else pl.when(two).then(2).when(one).then(1).otherwise(0)
    known = pl.when(pl.col(value).is_not_null()).then(scored).cast(pl.Int32)
    return Interval(known.fill_null(0), known.fill_null(1 if two is None else 2))


@criterion
def car_hematotox(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Add up the five items that foretell long cytopenia, and call the risk low or high.

    Source: Rejeski K et al., Blood 2021;138:2499-2513.

    >>> import polars as pl
    >>> from aftercart import criteria
    >>> labs = pl.DataFrame({"platelets_10e9_per_l": [120], "anc_per_ul": [900], "hemoglobin_g_per_dl": [12.0],
    ...                      "crp_mg_per_dl": [0.5], "ferritin_ng_per_ml": [150]})
    >>> criteria.car_hematotox(labs).select("score", "risk").row(0)
    (2, 'high')
    """
    rules = registry.get("car_hematotox").rules
    platelets, ferritin = pl.col("platelets_10e9_per_l"), pl.col("ferritin_ng_per_ml")
    items = {
        "platelets_10e9_per_l": _points(
            "platelets_10e9_per_l",
            le(platelets, rules["platelets_one_at_most"]),
            lt(platelets, rules["platelets_two_below"]),
        ),
        "anc_per_ul": _points("anc_per_ul", lt(pl.col("anc_per_ul"), rules["anc_below"])),
        "hemoglobin_g_per_dl": _points(
            "hemoglobin_g_per_dl", lt(pl.col("hemoglobin_g_per_dl"), rules["hemoglobin_below"])
        ),
        "crp_mg_per_dl": _points("crp_mg_per_dl", ge(pl.col("crp_mg_per_dl"), rules["crp_at_least"])),
        "ferritin_ng_per_ml": _points(
            "ferritin_ng_per_ml",
            ge(ferritin, rules["ferritin_one_at_least"]),
            gt(ferritin, rules["ferritin_two_above"]),
        ),
    }
    low, high = pl.col("score_min"), pl.col("score_max")
    risk = (
        pl.when(low >= rules["high_risk_at_least"])
        .then(pl.lit("high"))
        .when(high < rules["high_risk_at_least"])
        .then(pl.lit("low"))
    )
    return (
        rows.with_columns(
            score_min=pl.sum_horizontal(i.low for i in items.values()).cast(pl.Int64),
            score_max=pl.sum_horizontal(i.high for i in items.values()).cast(pl.Int64),
            **{f"points.{name}": i.value().cast(pl.Int64) for name, i in items.items()},
        )
        .with_columns(score=pl.when(low == high).then(low), risk=risk)
        .with_columns(clause=pl.col("risk"), missing=missing_names(*items))
    )
