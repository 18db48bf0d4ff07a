"""Progression of interstitial lung disease in systemic sclerosis, by four published definitions."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from operator import or_

import polars as pl

from aftercart.criteria import registry
from aftercart.criteria.calling import criterion
from aftercart.criteria.logic import first_true, ge, gt, is_true, k_of_n, le, missing_names

Limits = Mapping[str, float]

FVC_PERCENT, FVC_POINTS = pl.col("fvc_fall_percent"), pl.col("fvc_fall_points")
SYMPTOMS, IMAGING = pl.col("worse_respiratory_symptoms"), pl.col("radiological_progression")


def _is(definition: str) -> pl.Expr:
    return pl.col("definition") == definition


def _omeract(limits: Limits) -> pl.Expr:
    smaller = ge(FVC_PERCENT, limits["fvc_percent_with_dlco_from"])
    dlco = ge(pl.col("dlco_fall_percent"), limits["dlco_percent_from"])
    return ge(FVC_PERCENT, limits["fvc_percent_from"]) | (smaller & dlco)


def _eustar_category(limits: Limits) -> pl.Expr:
    fall = (
        pl.when(pl.col("change_type") == "absolute")
        .then(FVC_POINTS)
        .when(pl.col("change_type") == "relative")
        .then(FVC_PERCENT)
    )
    return first_true(
        (gt(fall, limits["major_above"]), "major"),
        (gt(fall, limits["significant_above"]), "significant"),
        (ge(fall, limits["moderate_from"]), "moderate"),
        (ge(-fall, limits["improved_from"]), "improved"),
        (fall.is_not_null(), "stable"),
    )


def _ppf_criteria(limits: Limits) -> list[pl.Expr]:
    physiology = ge(FVC_POINTS, limits["fvc_points_from"]) | ge(pl.col("dlco_fall_points"), limits["dlco_points_from"])
    return [SYMPTOMS, physiology, IMAGING]


def _inbuild(limits: Limits) -> dict[str, pl.Expr]:
    smaller = ge(FVC_PERCENT, limits["fvc_percent_with_other_from"])
    return {
        "inbuild_fvc": ge(FVC_PERCENT, limits["fvc_percent_from"]),
        "inbuild_fvc_with_other": smaller & (SYMPTOMS | IMAGING),
        "inbuild_symptoms_and_imaging": SYMPTOMS & IMAGING,
    }


def _in_time(limits: Limits) -> pl.Expr:
    return le(pl.col("months_between"), limits["months_up_to"])


def _missing() -> pl.Expr:
    """The inputs without a value that the chosen definition reads."""
    omeract, ppf, inbuild = (is_true(_is(d)) for d in ("omeract_2015", "ppf_2022", "inbuild"))
    reads = {
        "change_type": is_true(_is("eustar_2021")),
        "baseline_fvc_percent_predicted": pl.lit(value=True),
        "followup_fvc_percent_predicted": pl.lit(value=True),
        "baseline_dlco_percent_predicted": omeract | ppf,
        "followup_dlco_percent_predicted": omeract | ppf,
        "worse_respiratory_symptoms": ppf | inbuild,
        "radiological_progression": ppf | inbuild,
        "months_between": ppf | inbuild,
    }
    return missing_names("definition", *((name, read & pl.col(name).is_null()) for name, read in reads.items()))


@criterion
def ssc_ild_progression(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Decide whether interstitial lung disease progressed, by the named definition.

    Source: OMERACT 2015, DOI 10.3899/jrheum.141182; Hoffmann-Vold 2021 (EUSTAR); PPF guideline 2022, DOI
    10.1164/rccm.202202-0399ST; Flaherty 2019 (INBUILD).

    >>> import polars as pl
    >>> from aftercart import criteria
    >>> pair = pl.DataFrame({"baseline_fvc_percent_predicted": [80], "followup_fvc_percent_predicted": [72]})
    >>> criteria.ssc_ild_progression(pair, definition="omeract_2015")["progression"].to_list()
    [True]
    """
    rules = registry.get("ssc_ild_progression").rules
    ppf, inbuild = rules["ppf_2022"], rules["inbuild"]
    criteria_met = _ppf_criteria(ppf)
    combinations = _inbuild(inbuild)
    any_combination = reduce(or_, combinations.values())
    progression, category = pl.col("progression"), pl.col("category")
    falls = []
    for name in ("fvc", "dlco"):
        baseline, followup = pl.col(f"baseline_{name}_percent_predicted"), pl.col(f"followup_{name}_percent_predicted")
        falls += [
            (baseline - followup).round(9).alias(f"{name}_fall_points"),
            ((baseline - followup) / baseline * 100).round(9).alias(f"{name}_fall_percent"),
        ]
    return (
        rows.with_columns(falls)
        .with_columns(
            category=pl.when(_is("eustar_2021")).then(_eustar_category(rules["eustar_2021"])),
            criteria_met=pl.when(_is("ppf_2022")).then(
                pl.sum_horizontal(is_true(c).cast(pl.Int64) for c in criteria_met)
            ),
        )
        .with_columns(
            progression=pl.when(_is("omeract_2015"))
            .then(_omeract(rules["omeract_2015"]))
            .when(_is("eustar_2021"))
            .then(category.is_in(["moderate", "significant", "major"]))
            .when(_is("ppf_2022"))
            .then(_in_time(ppf) & k_of_n(criteria_met, ppf["criteria"]))
            .when(_is("inbuild"))
            .then(_in_time(inbuild) & any_combination)
        )
        .with_columns(
            clause=pl.when(_is("omeract_2015"))
            .then(
                first_true(
                    (ge(FVC_PERCENT, rules["omeract_2015"]["fvc_percent_from"]), "omeract_fvc"),
                    (progression, "omeract_fvc_with_dlco"),
                    (~progression, "omeract_none"),
                )
            )
            .when(_is("eustar_2021"))
            .then(pl.concat_str(pl.lit("eustar_"), category))
            .when(_is("ppf_2022"))
            .then(
                first_true(
                    (progression, "ppf_two_of_three"), (~_in_time(ppf), "ppf_too_late"), (~progression, "ppf_fewer")
                )
            )
            .when(_is("inbuild"))
            .then(
                first_true(
                    (~_in_time(inbuild), "inbuild_too_late"),
                    *((progression & met, name) for name, met in combinations.items()),
                    (~progression, "inbuild_none"),
                )
            ),
            missing=pl.when(progression.is_null()).then(_missing()),
        )
    )
