"""Local immune effector cell-associated toxicity syndrome (LICATS)."""

from __future__ import annotations

import polars as pl

from aftercart.criteria import registry
from aftercart.criteria.calling import criterion
from aftercart.criteria.logic import Interval, first_true, ge, is_true, may_be_true, missing_names, with_grade, worst

TREATMENTS = {
    "death_due_to_licats": ("death", 5),
    "intensive_care_treatment": ("intensive_care", 4),
    "hospitalisation_new_or_prolonged": ("hospital_stay", 3),
    "glucocorticoid_treatment": ("glucocorticoid", 2),
}


@criterion
def licats_2025(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Say whether a sign is a local toxicity of the cells, and grade it 1 to 5 by the treatment it needed.

    Source: Hagen M et al., Lancet Rheumatol 2025 (definition and grades as reported in its abstract).

    >>> import polars as pl
    >>> from aftercart import criteria
    >>> signs = pl.DataFrame({"organ": ["skin"] * 2, "organ_involved_before_cart": [True, False],
    ...                       "days_since_infusion": [10, 10], "finding": ["new_or_worse_rash"] * 2})
    >>> criteria.licats_2025(signs)["grade"].to_list()
    [1, 0]
    """
    rules = registry.get("licats_2025").rules
    finding, day = pl.col("finding"), pl.col("days_since_infusion")
    creatinine, baseline = pl.col("creatinine_mg_per_dl"), pl.col("creatinine_baseline_mg_per_dl")
    risen = ge(creatinine, rules["creatinine_multiple"] * baseline)
    sign = pl.when(finding == "creatinine_rise").then(risen).otherwise(finding != "none")
    excluded = {
        "before_infusion": day < 0,
        "organ_not_involved": ~pl.col("organ_involved_before_cart"),
        "outside_aplasia": ~pl.col("b_cell_aplasia"),
        "other_cause": pl.col("explained_by_other_cause"),
        "no_sign": ~sign,
    }
    severity = worst(Interval.of(1), *(Interval.flag(pl.col(c), g) for c, (_, g) in TREATMENTS.items()))
    licats, grade = pl.col("licats"), pl.col("grade")
    found = Interval(
        pl.when(is_true(licats)).then(severity.low).otherwise(0),
        pl.when(may_be_true(licats)).then(severity.high).otherwise(0),
    )
    rising = is_true(finding == "creatinine_rise")
    return with_grade(rows.with_columns(licats=~pl.any_horizontal(excluded.values())), found).with_columns(
        clause=first_true(
            *((~licats & flag, name) for name, flag in excluded.items()),
            *((grade == level, name) for name, level in TREATMENTS.values()),
            (grade == 1, "self_limited"),
        ),
        missing=pl.when(grade.is_null()).then(
            missing_names(
                "organ_involved_before_cart",
                "days_since_infusion",
                "b_cell_aplasia",
                "finding",
                "explained_by_other_cause",
                *TREATMENTS,
                ("creatinine_mg_per_dl", creatinine.is_null() & rising),
                ("creatinine_baseline_mg_per_dl", baseline.is_null() & rising),
            )
        ),
    )
