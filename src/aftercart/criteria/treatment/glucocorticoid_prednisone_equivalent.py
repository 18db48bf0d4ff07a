"""Glucocorticoids added up as prednisone."""

from __future__ import annotations

import polars as pl

from aftercart.criteria import registry
from aftercart.criteria.calling import criterion

KEY = "glucocorticoid_prednisone_equivalent"


def _equivalent(drug: pl.Expr, dose: pl.Expr, betamethasone: pl.Expr | None = None) -> pl.Expr:
    """Milligrams of prednisone; missing for an unknown drug or dose."""
    table = {name: float(mg) for name, mg in registry.get(KEY).rules["mg_equal_to_prednisone_5_mg"].items()}
    name = drug.str.strip_chars().str.to_lowercase()
    equal = name.replace_strict(table, default=None, return_dtype=pl.Float64)
    if betamethasone is not None:
        equal = pl.when(name == "betamethasone").then(betamethasone).otherwise(equal)
    return dose * 5 / equal


def sum_of_list(courses: pl.Expr) -> pl.Expr:
    """The daily dose as prednisone of a list column of courses (`drug`, `dose_mg_per_day`, `route`).

    An empty list is 0; a null list, an unknown systemic drug or a missing dose is missing.
    """
    local = list(registry.get(KEY).rules["local_routes"])
    drug = pl.element().struct.field("drug")
    dose = pl.element().struct.field("dose_mg_per_day")
    route = pl.element().struct.field("route")
    each = pl.when(route.is_in(local).fill_null(value=False)).then(0.0).otherwise(_equivalent(drug, dose))
    values = courses.list.eval(each)
    return pl.when(values.list.eval(pl.element().is_not_null()).list.all()).then(values.list.sum())


@criterion
def glucocorticoid_prednisone_equivalent(units: pl.LazyFrame, rows: pl.LazyFrame) -> pl.LazyFrame:
    """Add up the systemic glucocorticoids of a day in milligrams of prednisone.

    Source: equivalence table as repeated by secondary sources (5 mg prednisone equals 4 mg methylprednisolone,
    20 mg hydrocortisone, 0.75 mg dexamethasone, ...).

    >>> import polars as pl
    >>> from aftercart import criteria
    >>> taken = pl.DataFrame({"drug": ["methylprednisolone"], "dose_mg_per_day": [4.0]})
    >>> criteria.glucocorticoid_prednisone_equivalent(taken)["prednisone_mg_per_day"].to_list()
    [5.0]
    """
    local = list(registry.get(KEY).rules["local_routes"])
    systemic = rows.join(
        units.select("_unit", "betamethasone_mg_equal_to_prednisone_5_mg"), on="_unit", how="left"
    ).filter(~pl.col("route").is_in(local).fill_null(value=False))
    each = _equivalent(pl.col("drug"), pl.col("dose_mg_per_day"), pl.col("betamethasone_mg_equal_to_prednisone_5_mg"))
    sums = (
        systemic.with_columns(_mg=each)
        .group_by("_unit")
        .agg(
            total=pl.col("_mg").sort().sum(),
            known=pl.col("_mg").is_not_null().all(),
            n_systemic=pl.len().cast(pl.Int64),
        )
    )
    known = pl.col("known").fill_null(value=True) & pl.col("_given")
    dose = pl.when(known).then(pl.col("total").fill_null(0.0))
    return (
        units.join(sums, on="_unit", how="left")
        .with_columns(n_systemic=pl.when(pl.col("_given")).then(pl.col("n_systemic").fill_null(0)))
        .select(
            "_unit",
            "n_systemic",
            prednisone_mg_per_day=dose,
            clause=pl.when(dose.is_null())
            .then(None)
            .when(pl.col("n_systemic") == 0)
            .then(pl.lit("none"))
            .otherwise(pl.lit("sum")),
            missing=pl.when(dose.is_null()).then(
                pl.when(pl.col("_given")).then(pl.lit("drug or dose_mg_per_day")).otherwise(pl.lit("glucocorticoids"))
            ),
        )
    )
