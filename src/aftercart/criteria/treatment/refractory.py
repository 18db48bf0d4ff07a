"""Refractory disease by published entry rules."""

from __future__ import annotations

from typing import Any

import polars as pl

from aftercart.criteria import registry
from aftercart.criteria.calling import criterion
from aftercart.criteria.logic import ge, is_true, le, may_be_true

STEROID = "glucocorticoid"


def _counted_name(rules: Any) -> pl.Expr:
    """The entry of the rule that a drug stands for: spelling, then class where the rule lists the class."""
    name = pl.col("drug").str.strip_chars().str.to_lowercase()
    name = name.replace(dict(rules["same_as"]))
    as_class = name.replace(dict(rules["class_of"]))
    listed = pl.col("drugs")
    name = pl.when(listed.list.contains(as_class)).then(as_class).otherwise(name)
    merged = name.replace(dict(rules["merged"]))
    return pl.when(pl.col("merge")).then(merged).otherwise(name)


@criterion
def refractory(units: pl.LazyFrame, rows: pl.LazyFrame) -> pl.LazyFrame:
    """Decide whether enough earlier treatments failed, by the named entry rule.

    Source: registry entries NCT05869955, NCT06298019, NCT06916806, NCT06434363; Mueller F et al., 2024.

    >>> import polars as pl
    >>> from aftercart import criteria
    >>> earlier = pl.DataFrame({"drug": ["mycophenolate", "rituximab"], "outcome": ["inadequate_response"] * 2,
    ...                         "duration_days": [180, 180]})
    >>> criteria.refractory(earlier, definition="erlangen_ge2").select("refractory", "n_counted").row(0)
    (True, 2)
    """
    rules = registry.get("refractory").rules
    table = pl.LazyFrame([{"definition": k, **v} for k, v in rules["definitions"].items()], infer_schema_length=None)
    ruled = units.select("_unit", "_given", "definition").join(table, on="definition", how="left")
    courses = rows.join(ruled, on="_unit", how="inner").with_columns(entry=_counted_name(rules))
    failed = (pl.col("outcome") == "inadequate_response") | (
        (pl.col("outcome") == "intolerance") & pl.col("intolerance")
    )
    failed = pl.when(pl.col("outcome") != "unknown").then(failed)
    long_enough = (pl.col("min_days") == 0) | ge(pl.col("duration_days"), pl.col("min_days"))
    recent = (pl.col("within_days") < 0) | le(pl.col("ended_days_before_screening"), pl.col("within_days"))
    steroid = pl.col("entry") == STEROID
    known = pl.col("entry").is_not_null()
    listed = pl.col("any_drug") | pl.when(known).then(pl.col("drugs").list.contains(pl.col("entry")))
    judged = courses.with_columns(
        valid=failed & long_enough & recent,
        steroid=steroid,
        listed=(listed & ~steroid) | (steroid & pl.col("steroid_counts")),
    )

    # A course without a drug name could be a drug of its own, one already counted, or the steroid.
    entry = pl.col("entry")
    valid, counts, is_steroid = pl.col("valid"), pl.col("listed"), pl.col("steroid")
    sure = (
        judged.filter(is_true(valid) & is_true(counts))
        .group_by("_unit")
        .agg(n_counted=entry.drop_nulls().n_unique().cast(pl.Int64))
    )
    possible = (
        judged.filter(may_be_true(valid) & may_be_true(counts))
        .group_by("_unit")
        .agg(n_possible=(entry.drop_nulls().n_unique() + entry.null_count()).cast(pl.Int64))
    )
    steroids = judged.group_by("_unit").agg(
        sure_steroid=(is_true(is_steroid) & is_true(valid)).any(),
        possible_steroid=(may_be_true(is_steroid) & may_be_true(valid)).any(),
    )
    counted = (
        ruled.join(sure, on="_unit", how="left")
        .join(possible, on="_unit", how="left")
        .join(steroids, on="_unit", how="left")
        .with_columns(
            pl.col("n_counted", "n_possible").fill_null(0),
            pl.col("sure_steroid", "possible_steroid").fill_null(value=False),
        )
    )
    needed = pl.col("steroid_needed")
    steroid_ok = (
        pl.when(~needed | pl.col("sure_steroid"))
        .then(pl.lit(value=True))
        .when(~pl.col("possible_steroid"))
        .then(pl.lit(value=False))
    )
    enough = (
        pl.when(pl.col("n_counted") >= pl.col("need"))
        .then(pl.lit(value=True))
        .when(pl.col("n_possible") < pl.col("need"))
        .then(pl.lit(value=False))
    )
    asked = pl.col("_given") & pl.col("need").is_not_null()
    return (
        counted.with_columns(steroid_ok=pl.when(asked).then(steroid_ok), _enough=pl.when(asked).then(enough))
        .with_columns(refractory=pl.col("_enough") & pl.col("steroid_ok"))
        .select(
            "_unit",
            "refractory",
            "steroid_ok",
            n_counted=pl.when(asked).then("n_counted"),
            n_possible=pl.when(asked).then("n_possible"),
            clause=pl.when(pl.col("refractory"))
            .then(pl.lit("met"))
            .when(~pl.col("_enough"))
            .then(pl.lit("too_few"))
            .when(~pl.col("steroid_ok"))
            .then(pl.lit("no_steroid")),
            missing=pl.when(pl.col("refractory").is_null()).then(
                pl.when(pl.col("need").is_null())
                .then(pl.lit("definition"))
                .when(~pl.col("_given"))
                .then(pl.lit("prior_treatments"))
                .otherwise(pl.lit("drug, outcome, duration_days or ended_days_before_screening"))
            ),
        )
    )
