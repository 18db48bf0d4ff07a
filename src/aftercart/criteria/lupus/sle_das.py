"""SLE-DAS, the lupus disease activity score on a continuous scale."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from aftercart.criteria import registry
from aftercart.criteria.calling import criterion
from aftercart.criteria.logic import eq, first_true, gt, is_true, le, lt, may_be_true, missing_names

Ends = tuple[pl.Expr, pl.Expr]
"""The lowest and highest points of one item; the same when everything it rests on is known."""


def _flag(name: str, weight: float) -> Ends:
    nothing, full = pl.lit(0.0), pl.lit(weight)
    return (
        pl.when(is_true(pl.col(name))).then(full).otherwise(nothing),
        pl.when(may_be_true(pl.col(name))).then(full).otherwise(nothing),
    )


def _rash(local: float, general: float) -> Ends:
    """Generalised rash supersedes localised rash."""
    low, high = _flag("generalized_rash", general), _flag("localized_rash", local)
    return pl.max_horizontal(low[0], high[0]), pl.max_horizontal(low[1], high[1])


def _joints(rule: Mapping[str, float]) -> Ends:
    count = pl.col("swollen_joint_count_28")
    points = pl.when(gt(count, 0)).then(rule["any"] + rule["each"] * count).when(eq(count, 0)).then(0.0)
    return points.fill_null(0.0), points.fill_null(rule["any"] + rule["each"] * rule["most"])


def _laboratory(name: str, rule: Mapping[str, float], other_cause: str) -> Ends:
    """Points of a laboratory value beyond its limit, by its logarithm; none when another cause explains it."""
    value, limit, excluded = pl.col(name), rule["limit"], pl.col(other_cause)
    beyond = gt(value, limit) if rule["log"] > 0 else lt(value, limit)
    points = pl.when(beyond).then(rule["constant"] + rule["log"] * value.log()).when(~beyond).then(0.0)
    most = rule["constant"] + rule["log"] * pl.lit(rule["extreme"]).log()
    return (
        pl.when(may_be_true(excluded)).then(0.0).otherwise(points.fill_null(0.0)),
        pl.when(is_true(excluded)).then(0.0).otherwise(points.fill_null(most)),
    )


def _half_up(score: pl.Expr) -> pl.Expr:
    """Two decimals, with a third decimal of 5 rounded up whatever its binary noise."""
    return ((score * 100).round(6) + 0.5).floor() / 100


def _at_most(low: pl.Expr, high: pl.Expr, limit: float) -> pl.Expr:
    """Whether a score is at most `limit`; missing while its bounds lie on both sides."""
    return pl.when(le(high, limit)).then(pl.lit(value=True)).when(gt(low, limit)).then(pl.lit(value=False))


@criterion
def sle_das(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Score lupus activity on a continuous scale from 0.37 up, with its category.

    Source: Jesus D et al., Ann Rheum Dis 2019, DOI 10.1136/annrheumdis-2018-214502; categories: Jesus D et al.,
    Ann Rheum Dis 2021, DOI 10.1136/annrheumdis-2021-220363.

    >>> import polars as pl
    >>> from aftercart import criteria
    >>> visit = pl.DataFrame({"swollen_joint_count_28": [2], "alopecia": [True]})
    >>> criteria.sle_das(visit).select("sle_das", "category").row(0)
    (5.38, 'mild')
    """
    rules = registry.get("sle_das").rules
    limits = rules["limits"]
    items: dict[str, tuple[Ends, tuple[str, ...]]] = {
        "joints": (_joints(rules["joints"]), ("swollen_joint_count_28",)),
        "rash": (_rash(**rules["rash"]), ("localized_rash", "generalized_rash")),
        **{name: (_flag(name, weight), (name,)) for name, weight in rules["weights"].items()},
        **{
            name: (_laboratory(name, rule, rules["other_cause"][name]), (name, rules["other_cause"][name]))
            for name, rule in rules["laboratory"].items()
        },
    }
    low, high, score = pl.col("sle_das_lower_bound"), pl.col("sle_das_upper_bound"), pl.col("sle_das")
    is_open = {item: pl.col(f"points.{item}").is_null() for item in items}
    remission, mild = (_at_most(low, high, limits[name]) for name in ("remission_range", "mild"))
    dose = pl.col("prednisone_mg_per_day")

    def state(name: str) -> pl.Expr:
        rule = rules["states"][name]
        return _at_most(low, high, rule["sle_das"]) & le(dose, rule["prednisone_mg"])

    return (
        rows.with_columns(
            *(ends[0].alias(f"_low.{item}") for item, (ends, _) in items.items()),
            *(ends[1].alias(f"_high.{item}") for item, (ends, _) in items.items()),
        )
        .with_columns(
            pl.when(pl.col(f"_low.{item}") == pl.col(f"_high.{item}"))
            .then(pl.col(f"_low.{item}"))
            .alias(f"points.{item}")
            for item in items
        )
        .with_columns(
            sle_das_lower_bound=_half_up(rules["constant"] + pl.sum_horizontal(f"_low.{item}" for item in items)),
            sle_das_upper_bound=_half_up(rules["constant"] + pl.sum_horizontal(f"_high.{item}" for item in items)),
        )
        .with_columns(sle_das=pl.when(~pl.any_horizontal(is_open.values())).then(low))
        .with_columns(
            category=first_true(
                (remission, "remission_range"), (~remission & mild, "mild"), (~mild, "moderate_severe")
            ),
            severe_gt_9_90=~_at_most(low, high, limits["severe_above"]),
            sle_das_remission=state("remission"),
            sle_das_low_disease_activity=state("low_disease_activity"),
        )
        .with_columns(
            clause=pl.col("category"),
            missing=pl.when(score.is_null()).then(
                missing_names(
                    *(
                        (
                            name,
                            pl.col(name).is_null()
                            & pl.any_horizontal(is_open[i] for i in items if name in items[i][1]),
                        )
                        for name in dict.fromkeys(n for _, names in items.values() for n in names)
                    )
                )
            ),
        )
    )
