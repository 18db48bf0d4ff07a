"""Conversion of laboratory units."""

from __future__ import annotations

import polars as pl

from aftercart.criteria import registry
from aftercart.criteria.calling import criterion
from aftercart.criteria.logic import missing_names


@criterion
def lab_unit_conversion(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Convert a laboratory value between units of its analyte; an unknown unit gives a missing value.

    Source: house table of conversion factors (see the registry entry).

    >>> import polars as pl
    >>> from aftercart import criteria
    >>> lab = pl.DataFrame({"analyte": ["anc"], "value": [0.5], "from_unit": ["10^9/L"], "to_unit": ["per_ul"]})
    >>> criteria.lab_unit_conversion(lab)["value"].item()
    500.0
    """
    rules = registry.get("lab_unit_conversion").rules
    factors = {k: float(v) for k, v in rules["factor"].items()} | {k: 1 / float(v) for k, v in rules["divisor"].items()}

    def factor(unit: str) -> pl.Expr:
        key = pl.concat_str(pl.col("analyte"), pl.lit("|"), pl.col(unit))
        return key.replace_strict(factors, default=None, return_dtype=pl.Float64)

    value, start, end = pl.col("value"), pl.col("from_unit"), pl.col("to_unit")
    celsius = ["c", "Cel", "degC"]
    known = [*celsius, "degF"]
    temperature = pl.col("analyte") == "temperature"
    converted = (
        pl.when(temperature & (start == "degF") & end.is_in(celsius))
        .then((value - 32) * 5 / 9)
        .when(temperature & start.is_in(celsius) & (end == "degF"))
        .then(value * 9 / 5 + 32)
        .when(temperature & start.is_in(known) & end.is_in(known))
        .then(value)
        .otherwise(value * factor("from_unit") / factor("to_unit"))
    )
    rounded = (
        pl.when(pl.col("analyte") == "triglycerides")
        .then(converted.round(rules["decimals_triglycerides"]))
        .otherwise(converted.round(rules["decimals"]))
    )
    return rows.with_columns(_converted=rounded).with_columns(
        clause=pl.when(pl.col("_converted").is_not_null())
        .then(pl.lit("converted"))
        .when(pl.all_horizontal(pl.col("value", "analyte", "from_unit", "to_unit").is_not_null()))
        .then(pl.lit("unknown_unit")),
        missing=missing_names("value", "analyte", "from_unit", "to_unit"),
        value=pl.col("_converted"),
    )
