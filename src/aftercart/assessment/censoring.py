"""Results reported as `<x` or `>x`: graded at both ends of what they can be; a grade is given when both ends agree.

The value stored with a comparator is the limit, so the true value lies just beyond it or anywhere further.
"""

from __future__ import annotations

import polars as pl

from aftercart.assessment.binding import Bound
from aftercart.criteria.calling import CriterionFunction
from aftercart.criteria.registry import Criterion, Input


def ends(value: pl.Series, comparator: pl.Series, spec: Input) -> tuple[pl.Series, pl.Series]:
    """Return the value at the reported limit and at the far end of what it can be, row by row."""
    below = comparator.is_in(["<", "<="]).fill_null(value=False)
    above = comparator.is_in([">", ">="]).fill_null(value=False)
    step = value.abs() * 1e-6 + 1e-9
    floor = spec.minimum if spec.minimum is not None else 0.0
    ceiling = value.abs() * 1e6 + 1.0 if spec.maximum is None else pl.Series([spec.maximum], dtype=pl.Float64)
    strictly_below = comparator.eq("<").fill_null(value=False)
    strictly_above = comparator.eq(">").fill_null(value=False)
    near = (value - step).zip_with(strictly_below, value)
    near = (value + step).zip_with(strictly_above, near)
    far = pl.Series([floor], dtype=pl.Float64).new_from_index(0, len(value)).zip_with(below, value)
    top = ceiling if len(ceiling) == len(value) else ceiling.new_from_index(0, len(value))
    return near, top.zip_with(above, far)


def merge(entry: Criterion, near: pl.DataFrame, far: pl.DataFrame, reason: pl.Series) -> pl.DataFrame:
    """Keep the outputs where both ends give the same primary result; elsewhere widen the bounds and say why."""
    same = near[entry.primary].eq_missing(far[entry.primary])
    low, high = entry.bounds or (None, None)
    columns = []
    for name in near.columns:
        one, two = near[name], far[name]
        if name == low:
            column = pl.select(pl.min_horizontal(one, two)).to_series()
        elif name == high:
            column = pl.select(pl.max_horizontal(one, two)).to_series()
        elif name == "missing":
            column = one.zip_with(same, reason)
        elif name == "invalid":
            column = one
        else:
            column = one.zip_with(same, one.clear(len(one)))
        columns.append(column.alias(name))
    return pl.DataFrame(columns)


def graded_at_both_ends(
    fn: CriterionFunction, outputs: pl.DataFrame, prepared: pl.DataFrame, bound: Bound
) -> pl.DataFrame:
    """Re-grade the units with a censored input at both ends and put the merged rows in their place."""
    entry = fn.entry
    marks = bound.censored.unique(["_k", "input"], keep="first", maintain_order=True)
    touched = bound.units.select("_k").with_row_index("_i").join(marks.select("_k").unique(), on="_k", how="semi")
    touched = touched.sort("_i")
    index = touched["_i"]
    near = far = prepared[index]
    for spec in entry.inputs:
        mine = marks.filter(pl.col("input") == spec.name).select("_k", "comparator")
        if spec.type != "float" or mine.is_empty():
            continue
        sign = touched.join(mine, on="_k", how="left", maintain_order="left")["comparator"]
        at_limit, beyond = ends(prepared[spec.name][index], sign, spec)
        near, far = near.with_columns(at_limit.alias(spec.name)), far.with_columns(beyond.alias(spec.name))
    invalid = outputs["invalid"][index]
    reason = touched.join(reasons(marks), on="_k", how="left", maintain_order="left")["reason"]
    merged = merge(entry, fn.outputs(near, invalid), fn.outputs(far, invalid), reason)
    position = pl.DataFrame({"_i": index}).with_row_index("_from")
    all_rows = outputs.select("invalid").with_row_index("_i").join(position, on="_i", how="left", maintain_order="left")
    pick = all_rows.select(pl.coalesce(pl.col("_from") + outputs.height, pl.col("_i"))).to_series()
    return pl.concat([outputs, merged], how="vertical_relaxed")[pick]


def reasons(marks: pl.DataFrame) -> pl.DataFrame:
    """Say for every unit which inputs were reported only as a limit."""
    text = pl.concat_str(pl.col("input"), pl.lit(" (reported only as a limit, "), pl.col("comparator"), pl.lit(")"))
    return marks.group_by("_k").agg(reason=text.sort().str.join("; "))
