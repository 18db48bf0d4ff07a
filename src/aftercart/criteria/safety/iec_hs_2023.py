"""Screen for the HLH-like syndrome of immune effector cells (IEC-HS)."""

from __future__ import annotations

from typing import Any

import polars as pl

from aftercart.criteria import registry
from aftercart.criteria.calling import criterion
from aftercart.criteria.logic import first_true, ge, gt, is_true, lt, may_be_true, missing_names


def _transaminase(enzyme: str, multiple: float) -> pl.Expr:
    """Above the multiple of the upper limit, or of an abnormal baseline; open where only that could excuse it."""
    value, limit, baseline = (pl.col(f"{enzyme}{part}_u_per_l") for part in ("", "_uln", "_baseline"))
    usual = gt(value, multiple * limit)
    return (
        pl.when(gt(baseline, limit))
        .then(gt(value, multiple * baseline))
        .otherwise(usual & pl.when(baseline.is_not_null()).then(pl.lit(value=True)))
    )


def _features(rules: dict[str, Any]) -> dict[str, pl.Expr]:
    alt, ast = (_transaminase(e, rules["transaminase_multiple"]) for e in ("alt", "ast"))
    fibrinogen = pl.col("fibrinogen_mg_per_dl")
    return {
        # One measured enzyme is enough to judge; the feature is open only when neither can be.
        "transaminases": pl.when(is_true(alt) | is_true(ast)).then(pl.lit(value=True)).otherwise(pl.coalesce(alt, ast)),
        "fibrinogen": lt(fibrinogen, rules["fibrinogen_mg_per_dl"])
        | lt(fibrinogen, pl.col("fibrinogen_lln_mg_per_dl")),
        "hemophagocytosis": pl.col("hemophagocytosis"),
        "cytopenia": pl.col("new_or_worsening_cytopenia")
        & ge(pl.col("max_cytopenia_ctcae_grade"), rules["cytopenia_grade"]),
    }


@criterion
def iec_hs_2023(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Screen for IEC-HS: raised or rapidly rising ferritin with a common feature, and no other cause.

    Source: Hines MR et al., Transplant Cell Ther 2023;29:438.e1-438.e16 (criteria from memory; the count of features
    is a house rule).

    >>> import polars as pl
    >>> from aftercart import criteria
    >>> day = pl.DataFrame({"ferritin_ng_per_ml": [12000], "ferritin_uln_ng_per_ml": [300],
    ...                     "fibrinogen_mg_per_dl": [110]})
    >>> criteria.iec_hs_2023(day)["iec_hs_screen"].to_list()
    [True]
    """
    rules = dict(registry.get("iec_hs_2023").rules)
    ferritin, multiple = pl.col("ferritin_ng_per_ml"), rules["ferritin_multiple"]
    raised = gt(ferritin, multiple * pl.col("ferritin_uln_ng_per_ml")) | gt(
        ferritin, multiple * pl.col("ferritin_baseline_ng_per_ml")
    )
    features = _features(rules)
    proven, possible = pl.col("n_common_features"), pl.col("n_common_features_max")
    needed = pl.col("n_common_required")
    enough = pl.when(proven >= needed).then(pl.lit(value=True)).when(possible < needed).then(pl.lit(value=False))
    criterion_met, other_cause = pl.col("ferritin_criterion"), pl.col("attributable_to_other_cause")
    screen = pl.col("iec_hs_screen")
    return (
        rows.with_columns(
            ferritin_criterion=raised | pl.col("ferritin_rapidly_rising"),
            n_common_features=pl.sum_horizontal(is_true(f).cast(pl.Int64) for f in features.values()),
            n_common_features_max=pl.sum_horizontal(may_be_true(f).cast(pl.Int64) for f in features.values()),
            **{f"feature_{name}": found for name, found in features.items()},
        )
        .with_columns(
            iec_hs_screen=pl.when(ferritin.is_not_null() | criterion_met.is_not_null()).then(
                criterion_met & enough & ~other_cause
            )
        )
        .with_columns(
            clause=first_true(
                (screen, "met"),
                (~screen & ~criterion_met, "ferritin_not_raised"),
                (~screen & other_cause, "other_cause"),
                (~screen, "too_few_features"),
            ),
            missing=pl.when(screen.is_null()).then(missing_names(*_asked(features, criterion_met))),
        )
    )


def _asked(features: dict[str, pl.Expr], ferritin: pl.Expr) -> list[str | tuple[str, pl.Expr]]:
    """Inputs that could settle what is open: ferritin, the features, or whether another cause explains it."""
    needs = {
        "transaminases": [f"{e}{p}_u_per_l" for e in ("alt", "ast") for p in ("", "_uln", "_baseline")],
        "fibrinogen": ["fibrinogen_mg_per_dl", "fibrinogen_lln_mg_per_dl"],
        "hemophagocytosis": ["hemophagocytosis"],
        "cytopenia": ["new_or_worsening_cytopenia", "max_cytopenia_ctcae_grade"],
    }
    of_ferritin = ("ferritin_ng_per_ml", "ferritin_uln_ng_per_ml", "ferritin_baseline_ng_per_ml")
    return [
        *((n, pl.col(n).is_null() & ferritin.is_null()) for n in (*of_ferritin, "ferritin_rapidly_rising")),
        *((n, pl.col(n).is_null() & features[f].is_null()) for f, names in needs.items() for n in names),
        "attributable_to_other_cause",
    ]
