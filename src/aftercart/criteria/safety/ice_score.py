"""Immune effector cell encephalopathy score."""

from __future__ import annotations

import polars as pl

from aftercart.criteria import registry
from aftercart.criteria.calling import criterion
from aftercart.criteria.logic import is_true, may_be_true, missing_names


@criterion
def ice_score(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Add up the ten points of the encephalopathy test, with bounds when an item was not tested.

    Source: Lee DW et al., Biol Blood Marrow Transplant 2019;25:625-638, table 3.

    >>> import polars as pl
    >>> from aftercart import criteria
    >>> names = [i.name for i in criteria.ice_score.entry.inputs]
    >>> day = pl.DataFrame({n: [3 if n == "objects_named_of_3" else 1] for n in names if n != "unarousable"})
    >>> criteria.ice_score(day)["ice_score"].item()
    10
    """
    items = [i for i in registry.get("ice_score").inputs if i.type == "int"]
    unable = pl.col("unarousable")
    low = pl.sum_horizontal(pl.col(i.name).fill_null(0) for i in items)
    high = pl.sum_horizontal(pl.col(i.name).fill_null(int(i.maximum or 0)) for i in items)
    return rows.with_columns(
        ice_min=pl.when(may_be_true(unable)).then(0).otherwise(low).cast(pl.Int64),
        ice_max=pl.when(is_true(unable)).then(0).otherwise(high).cast(pl.Int64),
        unable_to_perform=unable,
    ).with_columns(
        ice_score=pl.when(pl.col("ice_min") == pl.col("ice_max")).then(pl.col("ice_min")),
        clause=pl.when(is_true(unable)).then(pl.lit("unable")).otherwise(pl.lit("scored")),
        missing=pl.when(pl.col("ice_min") != pl.col("ice_max")).then(
            missing_names(*(i.name for i in items), "unarousable")
        ),
    )
