"""Platelet count and haemoglobin, CTCAE v5 and v6."""

from __future__ import annotations

import polars as pl

from aftercart.criteria import registry
from aftercart.criteria.calling import criterion
from aftercart.criteria.logic import Interval, first_true, held, is_true, missing_names, with_grade, worst
from aftercart.criteria.safety.ctcae_neutrophils import below, either


@criterion
def ctcae_platelets_hemoglobin(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Grade one platelet count or haemoglobin by CTCAE version 5 or 6; the term says which.

    Source: CTCAE v5.0 (2017) and v6.0 (2025), terms platelet count decreased, thrombocytopenia and anemia.

    >>> import polars as pl
    >>> from aftercart import criteria
    >>> counts = pl.DataFrame({"ctcae_version": [5, 6], "platelets_10e9_per_l": [24, 24]})
    >>> criteria.ctcae_platelets_hemoglobin(counts, ctcae_term="platelet_count_decreased")["grade"].to_list()
    [4, 3]
    """
    rules = registry.get("ctcae_platelets_hemoglobin").rules
    platelets, platelets_lln = pl.col("platelets_10e9_per_l"), pl.col("platelets_lln_10e9_per_l")
    haemoglobin, haemoglobin_lln = pl.col("hemoglobin_g_per_dl"), pl.col("hemoglobin_lln_g_per_dl")
    transfusion = Interval.flag(pl.col("transfusion_indicated"), 3)
    urgent = Interval.flag(pl.col("life_threatening_urgent_intervention"), 4)
    frame, by = held(
        rows,
        v5=below(platelets, rules["platelets_v5_below_10e9_per_l"], platelets_lln, highest=4),
        v6=below(platelets, rules["platelets_v6_below_10e9_per_l"], platelets_lln, highest=4),
        anemia=below(haemoglobin, rules["hemoglobin_below_g_per_dl"], haemoglobin_lln, highest=3),
    )
    is_anemia, is_v5 = pl.col("ctcae_term") == "anemia", pl.col("ctcae_version") == 5
    v6, anemia = (worst(by[name], transfusion, urgent) for name in ("v6", "anemia"))
    found = either(is_anemia, anemia, either(is_v5, by["v5"], v6))
    grade = pl.col("grade")
    by_count = (
        pl.when(is_anemia).then(by["anemia"].low).otherwise(pl.when(is_v5).then(by["v5"].low).otherwise(by["v6"].low))
    )
    return with_grade(frame, found).with_columns(
        clause=first_true(
            ((grade == 4) & (by_count < 4), "life_threatening"),
            ((grade == 3) & (by_count < 3), "transfusion"),
            (is_true(grade > 1), "absolute"),
            (grade == 1, "below_range"),
            (grade == 0, "normal"),
        ),
        missing=pl.when(grade.is_null()).then(
            missing_names(
                "ctcae_term",
                ("ctcae_version", pl.col("ctcae_version").is_null() & ~is_true(is_anemia)),
                *(
                    (c, pl.col(c).is_null() & ~is_true(is_anemia))
                    for c in ("platelets_10e9_per_l", "platelets_lln_10e9_per_l")
                ),
                *(
                    (c, pl.col(c).is_null() & is_true(is_anemia))
                    for c in ("hemoglobin_g_per_dl", "hemoglobin_lln_g_per_dl")
                ),
                "transfusion_indicated",
                "life_threatening_urgent_intervention",
            )
        ),
    )
