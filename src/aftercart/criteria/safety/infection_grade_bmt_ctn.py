"""Severity of an infection by the BMT CTN scale."""

from __future__ import annotations

import polars as pl

from aftercart.criteria import registry
from aftercart.criteria.calling import criterion
from aftercart.criteria.logic import Interval, first_true, from_map, gt, held, is_true, missing_names, with_grade, worst


@criterion
def infection_grade_bmt_ctn(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Grade an infection 1 to 3 by its type and its worst feature.

    Source: BMT CTN Technical Manual of Procedures v3.0, Appendix 4-A (bacterial and fungal rows).

    >>> import polars as pl
    >>> from aftercart import criteria
    >>> infections = pl.DataFrame({"infection_type": ["bacterial_pneumonia"] * 2, "intubation": [False, True]})
    >>> criteria.infection_grade_bmt_ctn(infections)["grade"].to_list()
    [2, 3]
    """
    rules = registry.get("infection_grade_bmt_ctn").rules
    kind = pl.col("infection_type")
    base = from_map(kind, rules["base_grade"], low=1, high=3)

    def raises(name: str, flag: pl.Expr, grade: int, *kinds: str) -> tuple[str, Interval, pl.Expr]:
        applies = is_true(kind.is_in(kinds))
        return name, Interval.flag(flag, grade).unless(~applies), applies & is_true(flag)

    col = pl.col
    features = [
        raises(
            "severe_bacteremia",
            col("severe_sepsis") | col("deep_organ_involvement"),
            3,
            "bacteremia",
            "coagulase_negative_staph_bacteremia",
        ),
        raises("intubation", col("intubation"), 3, "bacterial_pneumonia"),
        raises("c_difficile_severe", col("toxic_dilatation") | col("renal_insufficiency"), 3, "c_difficile"),
        raises("fasciitis", col("fasciitis_debridement"), 3, "cellulitis"),
        raises(
            "c_difficile_moderate",
            gt(col("diarrhea_ml_per_day"), rules["large_diarrhea_ml_per_day"]) | col("abdominal_pain"),
            2,
            "c_difficile",
        ),
        raises("cellulitis_progressed", col("therapy_changed_for_progression"), 2, "cellulitis"),
        raises("long_treatment", gt(col("treatment_days"), rules["long_treatment_days"]), 2, "bacterial_focus_nos"),
    ]
    frame, of = held(rows, base=base, **{name: interval for name, interval, _ in features})
    asked = {
        "treatment_days": ("bacterial_focus_nos",),
        "intubation": ("bacterial_pneumonia",),
        "severe_sepsis": ("bacteremia", "coagulase_negative_staph_bacteremia"),
        "deep_organ_involvement": ("bacteremia", "coagulase_negative_staph_bacteremia"),
        "diarrhea_ml_per_day": ("c_difficile",),
        "abdominal_pain": ("c_difficile",),
        "toxic_dilatation": ("c_difficile",),
        "renal_insufficiency": ("c_difficile",),
        "therapy_changed_for_progression": ("cellulitis",),
        "fasciitis_debridement": ("cellulitis",),
    }
    grade, type_alone = col("grade"), of["base"].low
    return with_grade(frame, worst(*of.values())).with_columns(
        clause=pl.when(grade.is_not_null()).then(
            pl.coalesce(first_true(*((hit & (type_alone < grade), name) for name, _, hit in features)), pl.lit("type"))
        ),
        missing=pl.when(grade.is_null()).then(
            missing_names(
                "infection_type", *((n, col(n).is_null() & is_true(kind.is_in(kinds))) for n, kinds in asked.items())
            )
        ),
    )
