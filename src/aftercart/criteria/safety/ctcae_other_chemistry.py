"""Creatine kinase, lipase, LDH, triglycerides and creatinine clearance, CTCAE v5 and v6."""

from __future__ import annotations

import polars as pl

from aftercart.criteria import registry
from aftercart.criteria.calling import criterion
from aftercart.criteria.logic import first_true, held, is_true, lt, may_be_true, with_grade
from aftercart.criteria.safety.ctcae_liver import above
from aftercart.criteria.safety.ctcae_neutrophils import below, either
from aftercart.criteria.safety.ctcae_white_cells import by_term, missing_by_term

INPUTS = {
    "ck_increased": ("ck_u_per_l", "ck_uln_u_per_l"),
    "lipase_increased": ("lipase_u_per_l", "lipase_uln_u_per_l"),
    "ldh_increased": ("ldh_u_per_l", "ldh_uln_u_per_l"),
    "hypertriglyceridemia": ("triglycerides_mg_per_dl",),
    "creatinine_clearance_decreased": ("creatinine_clearance_ml_per_min",),
}


@criterion
def ctcae_other_chemistry(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Grade one creatine kinase, lipase, LDH, triglyceride or creatinine clearance by CTCAE; the term says which.

    Source: CTCAE v5.0 (2017) and v6.0 (2025), terms CPK increased (v5 only), lipase increased, blood lactate
    dehydrogenase increased, hypertriglyceridemia and creatinine clearance decreased (v6 only).

    >>> import polars as pl
    >>> from aftercart import criteria
    >>> labs = pl.DataFrame({"ctcae_version": [5, 6], "lipase_u_per_l": [150, 150], "lipase_uln_u_per_l": [60, 60],
    ...                      "signs_or_symptoms": [True, True]})
    >>> criteria.ctcae_other_chemistry(labs, ctcae_term="lipase_increased")["grade"].to_list()
    [3, 2]
    """
    rules = registry.get("ctcae_other_chemistry").rules
    version, symptoms = pl.col("ctcae_version"), pl.col("signs_or_symptoms")
    is_ck, is_lipase, is_clearance = (
        pl.col("ctcae_term") == t for t in ("ck_increased", "lipase_increased", "creatinine_clearance_decreased")
    )
    ck, lipase, ldh = ((pl.col(f"{n}_u_per_l"), pl.col(f"{n}_uln_u_per_l")) for n in ("ck", "lipase", "ldh"))
    clearance = pl.col("creatinine_clearance_ml_per_min")
    frame, by = held(
        rows,
        ck=above(*ck, rules["ck_above_uln"]),
        ldh=above(*ldh, rules["ldh_above_uln"]),
        triglycerides=above(
            pl.col("triglycerides_mg_per_dl"), 1.0, rules["triglycerides"], first_included=pl.lit(value=True)
        ),
        clearance=below(clearance, rules["clearance_below"], None, highest=3),
        without=above(*lipase, rules["lipase_without_symptoms"]),
        with_v5=above(*lipase, rules["lipase_with_symptoms_v5"]),
        with_v6=above(*lipase, rules["lipase_with_symptoms_v6"]),
    )
    frame, of = held(frame, symptomatic=either(version == 5, by["with_v5"], by["with_v6"]))
    frame, of_lipase = held(frame, lipase=either(symptoms, of["symptomatic"], by["without"]))
    found = by_term(
        {
            "ck_increased": by["ck"],
            "lipase_increased": of_lipase["lipase"],
            "ldh_increased": by["ldh"],
            "hypertriglyceridemia": by["triglycerides"],
            "creatinine_clearance_decreased": by["clearance"],
        }
    )
    absent = (is_ck & (version == 6)) | (is_clearance & (version == 5))
    elsewhere = is_clearance & lt(clearance, rules["clearance_other_term_below"])
    assumed = is_lipase & symptoms.is_null() & (pl.col("symptoms_unknown_policy") == "worst_case")
    grade = pl.col("grade")
    return (
        with_grade(frame, found, gradable=~(absent | elsewhere))
        .with_columns(grade=pl.when(assumed).then(of["symptomatic"].value().cast(pl.Int64)).otherwise(grade))
        .with_columns(
            clause=first_true(
                (absent, "no_term"),
                (elsewhere, "other_term"),
                (grade == 0, "normal"),
                (assumed & (by["without"].low < grade), "symptoms_assumed"),
                (is_lipase & symptoms & (by["without"].low < grade), "symptoms"),
                (is_clearance & (grade > 0), "clearance"),
                ((pl.col("ctcae_term") == "hypertriglyceridemia") & (grade > 0), "absolute"),
                (grade > 0, "range"),
            ),
            missing=pl.when(grade.is_null() & ~is_true(absent | elsewhere)).then(
                missing_by_term(
                    INPUTS,
                    ("ctcae_version", version.is_null() & may_be_true(is_ck | is_lipase | is_clearance)),
                    ("signs_or_symptoms", symptoms.is_null() & may_be_true(is_lipase)),
                )
            ),
        )
    )
