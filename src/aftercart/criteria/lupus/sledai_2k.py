"""SLEDAI-2K from its 24 descriptors."""

from __future__ import annotations

import polars as pl

from aftercart.criteria import registry
from aftercart.criteria.calling import criterion
from aftercart.criteria.logic import Interval, first_true


@criterion
def sledai_2k(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Score lupus activity 0 to 105, and 0 to 101 without serology, from descriptors due to lupus.

    Source: Gladman DD, Ibanez D, Urowitz MB, J Rheumatol 2002;29:288-291.

    >>> import polars as pl
    >>> from aftercart import criteria
    >>> visit = pl.DataFrame({"descriptors.arthritis": [True], "descriptors.increased_dna_binding": [True]})
    >>> criteria.sledai_2k(visit, unlisted_descriptors="absent").select("sledai_2k", "csledai_2k").row(0)
    (6, 4)
    """
    rules = registry.get("sledai_2k").rules
    points = {name: Interval.flag(pl.col(f"descriptors.{name}"), weight) for name, weight in rules["weights"].items()}
    clinical = [name for name in points if name not in rules["serology"]]

    def total(names: list[str], end: str) -> pl.Expr:
        return pl.sum_horizontal(getattr(points[name], end) for name in names).cast(pl.Int64)

    low, high = pl.col("sledai_2k_lower_bound"), pl.col("sledai_2k_upper_bound")
    clinical_low, clinical_high = pl.col("csledai_2k_lower_bound"), pl.col("csledai_2k_upper_bound")
    return (
        rows.with_columns(
            sledai_2k_lower_bound=total(list(points), "low"),
            sledai_2k_upper_bound=total(list(points), "high"),
            csledai_2k_lower_bound=total(clinical, "low"),
            csledai_2k_upper_bound=total(clinical, "high"),
            **{f"points.{name}": interval.value().cast(pl.Int64) for name, interval in points.items()},
        )
        .with_columns(
            sledai_2k=pl.when(low == high).then(low),
            csledai_2k=pl.when(clinical_low == clinical_high).then(clinical_low),
        )
        .with_columns(
            clause=first_true((pl.col("sledai_2k") == 0, "no_descriptor"), (pl.col("sledai_2k") > 0, "sum_of_weights"))
        )
    )
