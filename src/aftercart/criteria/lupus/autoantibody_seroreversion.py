"""Seroreversion: an autoantibody that was positive before treatment and is negative after it."""

from __future__ import annotations

import polars as pl

from aftercart.criteria import registry
from aftercart.criteria.calling import criterion
from aftercart.criteria.logic import eq, first_true, ge, gt, is_true, le, lt, missing_names

WORDS = {"positive": True, "negative": False}


def _number(value: pl.Expr) -> pl.Expr:
    """A level, written as text; missing when it is no number of 0 or more."""
    number = value.cast(pl.Float64, strict=False)
    return pl.when((number >= 0) & number.is_finite()).then(number)


def _word(value: pl.Expr) -> pl.Expr:
    """True for positive, false for negative, missing for anything else."""
    return value.str.strip_chars().str.to_lowercase().replace_strict(WORDS, default=None, return_dtype=pl.Boolean)


def _of_kind(**by_kind: pl.Expr) -> pl.Expr:
    return pl.coalesce(*(pl.when(pl.col("kind") == kind).then(value) for kind, value in by_kind.items()))


@criterion
def autoantibody_seroreversion(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Decide whether an autoantibody that was positive became negative, by level, by HEp-2 titre or by word.

    Source: house rule; limits are those of the assay. The word for this change is seroreversion.

    >>> import polars as pl
    >>> from aftercart import criteria
    >>> patient = pl.DataFrame({"baseline": [120], "followup": [[80, 25]], "upper_limit_normal": [30]})
    >>> found = criteria.autoantibody_seroreversion(patient, kind="quantitative")
    >>> found.select("seroreversion", "sustained_seroreversion").row(0)
    (True, False)
    """
    fold = registry.get("autoantibody_seroreversion").rules["fourfold"]
    limit, cut = pl.col("upper_limit_normal"), pl.col("positive_from_reciprocal_titre")
    baseline, observed = pl.col("baseline"), pl.col("followup").list.drop_nulls()
    last, before_last = (observed.list.get(i, null_on_oob=True) for i in (-1, -2))
    titre = {visit: pl.col(f"{visit}_reciprocal_titre") for visit in ("baseline", "followup")}
    was_positive, reverted = pl.col("baseline_positive"), pl.col("seroreversion")
    sustained = pl.col("sustained_seroreversion")
    fell = eq(titre["followup"], 0) | ge(titre["baseline"] / titre["followup"], fold)

    def if_was_positive(answer: pl.Expr) -> pl.Expr:
        """What cannot revert did not; without a baseline nothing is known."""
        return pl.when(was_positive).then(answer).when(~was_positive).then(pl.lit(value=False))

    def negative(value: pl.Expr) -> pl.Expr:
        return _of_kind(quantitative=le(_number(value), limit), qualitative=~_word(value))

    by_level, by_titre, by_word = (
        is_true(pl.col("kind") == kind) for kind in ("quantitative", "hep2_titre", "qualitative")
    )
    return (
        rows.with_columns(
            baseline_positive=_of_kind(
                quantitative=gt(_number(baseline), limit),
                qualitative=_word(baseline),
                hep2_titre=ge(titre["baseline"], cut),
            ),
            n_observed=_of_kind(
                quantitative=observed.list.len().cast(pl.Int64),
                qualitative=observed.list.len().cast(pl.Int64),
                hep2_titre=titre["followup"].is_not_null().cast(pl.Int64),
            ),
            _last=pl.coalesce(negative(last), _of_kind(hep2_titre=lt(titre["followup"], cut))),
            _before_last=negative(before_last),
        )
        .with_columns(
            seroreversion=if_was_positive(pl.col("_last")),
            sustained_seroreversion=if_was_positive(
                pl.when(pl.col("n_observed") >= 2).then(pl.col("_last") & pl.col("_before_last"))
            ),
            fourfold_fall=_of_kind(
                hep2_titre=pl.when(titre["baseline"] > 0)
                .then(fell)
                .when(titre["baseline"] == 0)
                .then(pl.lit(value=False))
            ),
        )
        .with_columns(
            clause=first_true(
                (sustained, "sustained"),
                (reverted, "reverted"),
                (~was_positive, "not_positive_before"),
                (~reverted, "still_positive"),
            ),
            missing=pl.when(reverted.is_null()).then(
                missing_names(
                    "kind",
                    ("baseline", (by_level & _number(baseline).is_null()) | (by_word & _word(baseline).is_null())),
                    ("followup", ((by_level & limit.is_not_null()) | by_word) & pl.col("_last").is_null()),
                    ("upper_limit_normal", by_level & limit.is_null()),
                    ("baseline_reciprocal_titre", by_titre & titre["baseline"].is_null()),
                    ("followup_reciprocal_titre", by_titre & titre["followup"].is_null()),
                    ("positive_from_reciprocal_titre", by_titre & cut.is_null()),
                )
            ),
        )
    )
