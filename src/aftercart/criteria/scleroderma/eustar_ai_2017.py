"""Revised EUSTAR activity index for systemic sclerosis (Valentini 2017)."""

from __future__ import annotations

import polars as pl

from aftercart.criteria import registry
from aftercart.criteria.calling import criterion
from aftercart.criteria.logic import first_true, ge, gt, lt, missing_names


@criterion
def eustar_ai_2017(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Score the activity of systemic sclerosis 0 to 10; active from 2.5.

    Source: Valentini 2017, DOI 10.1136/annrheumdis-2016-209768.

    >>> import polars as pl
    >>> from aftercart import criteria
    >>> visit = pl.DataFrame({"delta_skin_worse_last_month": [True], "digital_ulcers": [False], "mrss": [25],
    ...     "tendon_friction_rubs": [False], "crp_mg_per_l": [15.0], "dlco_percent_predicted": [55]})
    >>> criteria.eustar_ai_2017(visit)["eustar_ai_2017"].to_list()
    [6.25]
    """
    rules = registry.get("eustar_ai_2017").rules
    # Each unit is compared with the limit in that unit: dividing first could move a value across the edge.
    crp_raised = pl.coalesce(
        gt(pl.col("crp_mg_per_dl"), rules["crp_mg_per_dl_above"]),
        gt(pl.col("crp_mg_per_l"), rules["crp_mg_per_l_above"]),
    )
    present = {
        "delta_skin": pl.col("delta_skin_worse_last_month"),
        "digital_ulcers": pl.col("digital_ulcers"),
        "mrss": gt(pl.col("mrss"), rules["mrss_above"]),
        "tendon_friction_rubs": pl.col("tendon_friction_rubs"),
        "crp": crp_raised,
        "dlco": lt(pl.col("dlco_percent_predicted"), rules["dlco_below"]),
    }
    weights = {name: float(rules["points"][name]) for name in present}
    points = [
        pl.when(flag).then(weights[name]).when(~flag).then(0.0).alias(f"points.{name}")
        for name, flag in present.items()
    ]
    names = [f"points.{name}" for name in present]
    total, active = pl.col("eustar_ai_2017"), pl.col("active")
    low, high = pl.col("lower_bound"), pl.col("upper_bound")
    cut = rules["active_from"]
    return (
        rows.with_columns(points)
        .with_columns(
            eustar_ai_2017=pl.sum_horizontal(names, ignore_nulls=False),
            without_dlco=pl.sum_horizontal([n for n in names if n != "points.dlco"], ignore_nulls=False),
            lower_bound=pl.sum_horizontal(pl.col(n).fill_null(0.0) for n in names),
            upper_bound=pl.sum_horizontal(pl.col(f"points.{n}").fill_null(weights[n]) for n in present),
        )
        .with_columns(
            active=pl.when(ge(low, cut)).then(pl.lit(value=True)).when(lt(high, cut)).then(pl.lit(value=False))
        )
        .with_columns(
            clause=first_true(
                (total.is_not_null() & active, "active"),
                (total.is_not_null() & ~active, "not_active"),
                (active, "active_though_incomplete"),
                (~active, "not_active_though_incomplete"),
            ),
            missing=missing_names(
                "delta_skin_worse_last_month",
                "digital_ulcers",
                "mrss",
                "tendon_friction_rubs",
                ("crp_mg_per_dl", crp_raised.is_null()),
                "dlco_percent_predicted",
            ),
        )
    )
