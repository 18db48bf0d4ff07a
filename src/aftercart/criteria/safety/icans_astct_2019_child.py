"""Immune effector cell-associated neurotoxicity syndrome graded by the ASTCT consensus, children under 12."""

from __future__ import annotations

from typing import Any

import polars as pl

from aftercart.criteria import registry
from aftercart.criteria.calling import criterion
from aftercart.criteria.logic import Interval, is_true, lt, worst
from aftercart.criteria.safety.ctcae_neutrophils import either
from aftercart.criteria.safety.icans_astct_2019_adult import cognition, graded, other_domains


def _delirium(rules: dict[str, Any]) -> Interval:
    """Grade of the CAPD domain; a missing score spans 0 to 3, and a child who cannot be tested is 4."""
    score = pl.col("capd_score")
    grade = pl.when(score >= rules["capd_high"]).then(3).when(score >= 1).then(1).when(score >= 0).then(0)
    tested = Interval(grade.cast(pl.Int32).fill_null(0), grade.cast(pl.Int32).fill_null(3))
    unable = Interval.flag(pl.col("unable_to_perform_capd"), 4)
    return worst(tested, unable).unless(pl.col("cognition_other_cause"))


@criterion
def icans_astct_2019_child(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Grade neurotoxicity 0 to 5 with the paediatric delirium score (CAPD) in place of ICE; other domains as in adults.

    Source: Lee DW et al., Biol Blood Marrow Transplant 2019;25:625-638, table 5.

    >>> import polars as pl
    >>> from aftercart import criteria
    >>> day = pl.DataFrame({"age_years": [6, 6], "capd_score": [8, 9]})
    >>> criteria.icans_astct_2019_child(day)["grade"].to_list()
    [1, 3]
    """
    rules = dict(registry.get("icans_astct_2019_child").rules)
    common = dict(registry.get("icans_astct_2019_adult").rules)
    by_age = pl.col("baseline_developmental_delay") | lt(pl.col("age_years"), pl.col("ice_from_age_years"))
    capd = pl.coalesce(pl.col("instrument") == "CAPD", by_age)
    chosen = pl.when(capd).then(pl.lit("CAPD")).when(~capd).then(pl.lit("ICE"))
    domains = {"cognition": either(capd, _delirium(rules), cognition()), **other_domains(common)}
    named = pl.col("clause") == "ice"
    unable = is_true(pl.col("unable_to_perform_capd"))
    result = graded(rows.with_columns(instrument=chosen), domains, cognition_input="instrument")
    is_capd = pl.col("instrument") == "CAPD"
    return result.with_columns(
        clause=pl.when(named & is_capd)
        .then(pl.when(unable).then(pl.lit("unable")).otherwise(pl.lit("capd")))
        .otherwise(pl.col("clause")),
        missing=pl.when(pl.col("grade").is_null()).then(
            pl.concat_str(
                pl.when(is_capd & pl.col("capd_score").is_null() & ~unable).then(pl.lit("capd_score")),
                pl.when(is_capd & pl.col("unable_to_perform_capd").is_null()).then(pl.lit("unable_to_perform_capd")),
                pl.when(~is_capd & pl.col("ice_score").is_null()).then(pl.lit("ice_score")),
                pl.when(pl.col("instrument").is_null() & pl.col("age_years").is_null()).then(pl.lit("age_years")),
                pl.col("missing"),
                separator="; ",
                ignore_nulls=True,
            ).replace("", None)
        ),
    )
