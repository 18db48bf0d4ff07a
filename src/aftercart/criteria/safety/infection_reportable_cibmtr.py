"""Which infections the CIBMTR follow-up forms ask for."""

from __future__ import annotations

import polars as pl

from aftercart.criteria import registry
from aftercart.criteria.calling import criterion
from aftercart.criteria.logic import first_true, is_true


@criterion
def infection_reportable_cibmtr(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Say whether an infection is clinically significant in the sense of the CIBMTR forms, and so reported.

    Source: CIBMTR Forms Instruction Manual, form 2100, questions 224-247.

    >>> import polars as pl
    >>> from aftercart import criteria
    >>> infections = pl.DataFrame({"category": ["bacteremia", "oral_or_stool_candida"],
    ...                            "infection_required_treatment": [True, True]})
    >>> criteria.infection_reportable_cibmtr(infections)["clinically_significant"].to_list()
    [True, False]
    """
    rules = registry.get("infection_reportable_cibmtr").rules
    category, positive = pl.col("category"), pl.col("diagnostic_test_positive")
    treated = pl.col("infection_required_treatment")
    excluded, by_test = category.is_in(rules["excluded"]), category == rules["by_test"]
    significant = (
        pl.when(excluded)
        .then(pl.lit(value=False))
        .when(by_test)
        .then(positive)
        .when(category.is_not_null())
        .then(treated)
    )
    return rows.with_columns(clinically_significant=significant).with_columns(
        clause=first_true(
            (excluded, "excluded"),
            (by_test & positive, "test_positive"),
            (by_test & ~positive, "test_negative"),
            (~by_test & treated, "treated"),
            (~by_test & ~treated, "untreated"),
        ),
        missing=pl.when(significant.is_null()).then(
            pl.when(category.is_null())
            .then(pl.lit("category"))
            .when(is_true(by_test))
            .then(pl.lit("diagnostic_test_positive"))
            .otherwise(pl.lit("infection_required_treatment"))
        ),
    )
