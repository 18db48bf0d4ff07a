"""Glucocorticoid-free and drug-free status."""

from __future__ import annotations

import polars as pl

from aftercart.criteria import registry
from aftercart.criteria.calling import criterion
from aftercart.criteria.logic import eq, first_true, gt, le


@criterion
def drug_free_status(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Decide whether glucocorticoids, and all drugs for the disease, are stopped.

    Source: house rule on published usage (efficacy of CAR-T in autoimmune disease); both senses of drug-free.

    >>> import polars as pl
    >>> from aftercart import criteria
    >>> visit = pl.DataFrame({"prednisone_mg_per_day": [0.0], "immunosuppressants": [[]], "biologics": [[]],
    ...                       "antimalarial": [True]})
    >>> criteria.drug_free_status(visit).select("drug_free_antimalarial_allowed", "drug_free_strict").row(0)
    (True, False)
    """
    rules = registry.get("drug_free_status").rules
    none_immuno = pl.col("immunosuppressants").list.len() == 0
    none_biologic = pl.col("biologics").list.len() == 0
    replacement = pl.col("hydrocortisone_replacement_mg_per_day")
    replaced = gt(replacement, 0)
    steroid_free = eq(pl.col("prednisone_mg_per_day"), 0)
    free = pl.col("drug_free_antimalarial_allowed")
    return (
        rows.with_columns(
            glucocorticoid_free=steroid_free,
            drug_free_antimalarial_allowed=steroid_free & none_immuno & none_biologic,
            adrenal_replacement_flag=pl.when(replaced).then(le(replacement, rules["replacement_max_mg"])),
        )
        .with_columns(drug_free_strict=free & ~pl.col("antimalarial") & ~replaced)
        .with_columns(
            clause=first_true(
                (free, "free"),
                (~steroid_free, "glucocorticoid"),
                (~none_immuno, "immunosuppressant"),
                (~none_biologic, "biologic"),
            ),
            missing=pl.when(free.is_null()).then(
                pl.concat_str(
                    [
                        pl.when(pl.col(name).is_null()).then(pl.lit(name))
                        for name in ("prednisone_mg_per_day", "immunosuppressants", "biologics")
                    ],
                    separator="; ",
                    ignore_nulls=True,
                )
            ),
        )
    )
