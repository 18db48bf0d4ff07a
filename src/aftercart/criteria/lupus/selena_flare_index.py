"""SELENA-SLEDAI flare index."""

from __future__ import annotations

from functools import reduce
from operator import or_

import polars as pl

from aftercart.criteria import registry
from aftercart.criteria.calling import criterion
from aftercart.criteria.logic import first_true, ge, gt, is_true, may_be_true, missing_names
from aftercart.criteria.lupus._lists import names_any, names_unknown
from aftercart.criteria.lupus._pga import phga_0_3


def _level(severe: pl.Expr, mild: pl.Expr) -> pl.Expr:
    return pl.when(severe).then(pl.lit("severe")).when(mild).then(pl.lit("mild_moderate")).otherwise(pl.lit("none"))


@criterion
def selena_flare_index(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Grade a lupus flare between two visits as none, mild or moderate, or severe; any one criterion is enough.

    Source: Buyon JP et al., Ann Intern Med 2005;142:953; Petri M et al., N Engl J Med 2005;353:2550.

    >>> import polars as pl
    >>> from aftercart import criteria
    >>> visits = pl.DataFrame({
    ...     "previous.selena_sledai": [4, 6], "current.selena_sledai": [7, 13],
    ...     "previous.phga_0_3": [0.5, 0.5], "current.phga_0_3": [0.5, 0.5],
    ...     "previous.prednisone_mg_per_day": [5, 5], "current.prednisone_mg_per_day": [5, 5],
    ... })
    >>> criteria.selena_flare_index(visits)["flare"].to_list()
    ['mild_moderate', 'severe']
    """
    rules = registry.get("selena_flare_index").rules
    organs, drugs = rules["organs"], rules["treatments"]
    known_organs, known_drugs = [*organs["mild"], *organs["severe"]], [*drugs["mild"], *drugs["severe"]]
    score, dose = (
        {visit: pl.col(f"{visit}.{name}") for visit in ("previous", "current")}
        for name in ("selena_sledai", "prednisone_mg_per_day")
    )
    pga = {visit: phga_0_3(f"{visit}.") for visit in ("previous", "current")}
    weight, admitted = pl.col("body_weight_kg"), pl.col("hospitalised_for_sle")
    # Without a weight a dose is not claimed to be high; without an earlier score one above 12 counts as a rise.
    high_dose = (
        pl.when(weight.is_null())
        .then(pl.lit(value=False))
        .otherwise(gt(dose["current"], rules["high_dose_mg_per_kg"] * weight))
    )
    risen = gt(score["current"], score["previous"]) | score["previous"].is_null()
    more = gt(dose["current"], dose["previous"])
    doubled = gt(dose["previous"], 0) & ge(dose["current"], 2 * dose["previous"])
    intensified = doubled | high_dose | admitted
    severe = {
        "severe_score": (pl.col("variant") == "classic") & gt(score["current"], rules["score_above"]) & risen,
        "severe_organ": names_any("new_or_worse", organs["severe"], known_organs) & intensified,
        "severe_dose": (more & high_dose) | pl.col("iv_methylprednisolone_pulse"),
        "severe_treatment": names_any("new_treatments", drugs["severe"], known_drugs),
        "severe_pga": gt(pga["current"], rules["pga_above"]) & gt(pga["current"], pga["previous"]),
        "severe_admission": admitted,
    }
    mild = {
        "mild_score": ge(score["current"] - score["previous"], rules["score_rise_from"]),
        "mild_organ": names_any("new_or_worse", organs["mild"], known_organs),
        "mild_dose": more,
        "mild_treatment": names_any("new_treatments", drugs["mild"], known_drugs),
        "mild_pga": ge(pga["current"] - pga["previous"], rules["pga_rise_from"]),
    }
    any_severe, any_mild = (reduce(or_, (pl.col(f"met.{name}") for name in part)) for part in (severe, mild))
    low, high, flare = pl.col("flare_at_least"), pl.col("flare_at_most"), pl.col("flare")
    return (
        rows.with_columns(flag.alias(f"met.{name}") for name, flag in (severe | mild).items())
        .with_columns(
            flare_at_least=_level(is_true(any_severe), is_true(any_mild)),
            flare_at_most=_level(may_be_true(any_severe), may_be_true(any_mild)),
        )
        .with_columns(flare=pl.when(low == high).then(low))
        .with_columns(
            clause=pl.when(flare.is_not_null()).then(
                first_true(*((pl.col(f"met.{name}"), name) for name in severe | mild), (flare == "none", "no_flare"))
            ),
            missing=pl.when(flare.is_null()).then(
                missing_names(
                    *(
                        (f"{visit}.{name}", value[visit].is_null())
                        for name, value in (
                            ("selena_sledai", score),
                            ("phga_0_3", pga),
                            ("prednisone_mg_per_day", dose),
                        )
                        for visit in ("previous", "current")
                    ),
                    *(
                        (name, pl.col(name).is_null() | names_unknown(name, known))
                        for name, known in (("new_or_worse", known_organs), ("new_treatments", known_drugs))
                    ),
                    "hospitalised_for_sle",
                    "iv_methylprednisolone_pulse",
                    "variant",
                )
            ),
        )
    )
