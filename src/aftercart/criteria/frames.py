"""Data frames in and out: polars, pandas or anything that exports Arrow; the same kind comes back.

The one convention for nested input, used for worked cases and for users' own frames alike:

* a field of a nested record is a column with a dotted name: `baseline.mmt8` (struct columns are flattened so);
* a list of plain values is a list column: `immunosuppressants` (text such as `a; b` is split at semicolons);
* a list of rows is either a list-of-struct column (`anc`), or a long frame with one row per entry and a
  `subject_id` column (or the columns named by `by`) that says which rows belong together. Only the nested form
  can say "an empty list".
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import polars as pl

from aftercart.criteria.registry import Input
from aftercart.errors import FrameError

TYPES: dict[str, pl.DataType] = {
    "float": pl.Float64(),
    "int": pl.Int64(),
    "bool": pl.Boolean(),
    "str": pl.String(),
    "number_or_word": pl.String(),
    "list[str]": pl.List(pl.String()),
    "list[float]": pl.List(pl.Float64()),
}


def to_polars(data: Any) -> pl.DataFrame:
    """Convert any supported data frame to polars, NaN to null, struct columns to dotted columns."""
    if isinstance(data, pl.DataFrame):
        frame = data
    elif isinstance(data, pl.LazyFrame):
        frame = data.collect()
    elif isinstance(data, Mapping):
        frame = pl.DataFrame(data, strict=False)
    elif _is_pandas(data):
        frame = pl.DataFrame({str(c): _pandas_column(data[c]) for c in data.columns}, strict=False)
    elif hasattr(data, "__arrow_c_stream__"):
        frame = pl.DataFrame(data)
    else:
        raise FrameError(
            f"A data frame is expected, but this is a {type(data).__name__}.",
            hint="pass a polars or pandas data frame, an Arrow table, or a dict of columns.",
        )
    floats = [c for c, t in frame.schema.items() if t in (pl.Float32, pl.Float64)]
    if floats:
        frame = frame.with_columns(pl.col(floats).fill_nan(None))
    while structs := [c for c, t in frame.schema.items() if isinstance(t, pl.Struct)]:
        frame = frame.unnest(structs, separator=".")
    return frame


def like(data: Any, result: pl.DataFrame) -> Any:
    """Convert `result` to the kind of frame that `data` is."""
    if isinstance(data, pl.DataFrame):
        return result
    if isinstance(data, pl.LazyFrame):
        return result.lazy()
    if isinstance(data, Mapping):
        return result.to_dict(as_series=False)
    if _is_pandas(data):
        import pandas as pd

        return pd.DataFrame({c: _to_pandas_column(result[c]) for c in result.columns})
    import pyarrow as pa

    return pa.table(result)


def _is_pandas(data: Any) -> bool:
    return type(data).__module__.split(".")[0] == "pandas" and hasattr(data, "columns")


def _pandas_column(column: Any) -> Any:
    if column.dtype.kind in "biuf" and hasattr(column.dtype, "itemsize"):
        return column.to_numpy()
    return [None if _is_missing(v) else v for v in column.tolist()]


def _is_missing(value: Any) -> bool:
    """None, NaN, and the missing values of pandas (which cannot be compared)."""
    if isinstance(value, float):
        return math.isnan(value)
    return value is None or type(value).__name__ in ("NAType", "NaTType")


def _to_pandas_column(column: pl.Series) -> Any:
    if column.null_count() == 0 and column.dtype.is_numeric():
        return column.to_numpy()
    if column.dtype.is_numeric() and column.dtype.is_float():
        return column.to_numpy()
    return column.to_list()


def typed(frame: pl.DataFrame, spec: Input, column: str, *, label: str = "") -> pl.Series:
    """Return one column as the type the registry declares.

    Raises `FrameError` naming the first row whose value cannot be read as that type.
    """
    series = frame[column]
    if spec.type == "rows":
        return _typed_rows(series, spec)
    wanted = TYPES[spec.type]
    if series.dtype == wanted:
        return series
    if spec.type.startswith("list") and series.dtype == pl.String:
        series = series.str.split(";").list.eval(pl.element().str.strip_chars())
        series = pl.Series(column, [[v for v in row if v] if row is not None else None for row in series])
    elif spec.type.startswith("list") and series.dtype.is_numeric():
        # One number is a list of one.
        series = series.to_frame().select(pl.when(series.is_not_null()).then(pl.concat_list(column))).to_series()
    if spec.type == "bool":
        return _typed_bool(series, spec, label)
    if spec.type == "int" and series.dtype.is_float():
        _refuse(series, (series != series.round(0)).fill_null(value=False), spec, label)
    if spec.type == "number_or_word" and series.dtype.is_numeric():
        return series.cast(pl.String)
    if spec.type == "str" and series.dtype.is_numeric():
        _refuse(series, series.is_not_null(), spec, label)
    try:
        return series.cast(wanted, strict=True)
    except pl.exceptions.PolarsError:
        loose = series.cast(wanted, strict=False)
        _refuse(series, series.is_not_null() & loose.is_null(), spec, label)
        raise


def _typed_bool(series: pl.Series, spec: Input, label: str) -> pl.Series:
    if series.dtype == pl.Null:
        return series.cast(pl.Boolean)
    if series.dtype == pl.String:
        lowered = series.str.to_lowercase().str.strip_chars()
        result = lowered.replace_strict(
            {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False},
            default=None,
            return_dtype=pl.Boolean,
        )
    elif series.dtype.is_numeric():
        result = series.cast(pl.Float64).replace_strict({1.0: True, 0.0: False}, default=None, return_dtype=pl.Boolean)
    else:
        result = pl.Series(series.name, [None] * len(series), dtype=pl.Boolean)
    _refuse(series, series.is_not_null() & result.is_null(), spec, label)
    return result


def _refuse(series: pl.Series, bad: pl.Series, spec: Input, label: str) -> None:
    if bad.any():
        row = int(bad.arg_true()[0])
        unit = f" in {spec.unit}" if spec.unit else ""
        raise FrameError(
            f"Column {label or series.name!r}, row {row}: found {series[row]!r}, expected {spec.type}{unit}.",
            hint=f"{spec.description} Give the value as {spec.type}, or null when it is not known.",
        )


def _typed_rows(series: pl.Series, spec: Input) -> pl.Series:
    """A list-of-struct column with exactly the declared fields; null list stays null, empty stays empty."""
    length = len(series)
    dtype = pl.List(pl.Struct({f.name: TYPES[f.type] for f in spec.fields}))
    if series.dtype in (pl.Null, pl.List(pl.Null)):
        return pl.Series(series.name, [None if v is None else [] for v in series.to_list()], dtype=dtype)
    ids, rows = explode_rows(pl.DataFrame({"_unit": range(length), series.name: series}), series.name, spec.fields)
    del ids
    lists = rows.group_by("_unit", maintain_order=True).agg(pl.struct(f.name for f in spec.fields).alias("_list"))
    joined = pl.DataFrame({"_unit": range(length)}).join(lists, on="_unit", how="left", maintain_order="left")
    empty = pl.Series([[]], dtype=dtype)
    result = joined.select(pl.when(series.is_not_null()).then(pl.col("_list").fill_null(empty.first())))
    return result.to_series().cast(dtype).alias(series.name)


def explode_rows(frame: pl.DataFrame, column: str, fields: tuple[Input, ...]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Split a list-of-struct column into (units without it, long rows with `_unit`), fields typed."""
    units = frame.drop(column)
    kind = frame.schema[column]
    if kind in (pl.Null, pl.List(pl.Null)) or not isinstance(kind, pl.List):
        if kind not in (pl.Null, pl.List(pl.Null)):
            raise FrameError(
                f"Column {column!r} must hold a list of rows, found {kind}.",
                hint=f"each entry needs the fields {', '.join(f.name for f in fields)}; or pass a long frame.",
            )
        empty: dict[str, Any] = {"_unit": pl.Int64(), **{f.name: TYPES[f.type] for f in fields}}
        return units, pl.DataFrame(schema=empty)
    long = frame.select(pl.col("_unit").cast(pl.Int64), column).filter(pl.col(column).list.len() > 0).explode(column)
    long = long.unnest(column)
    columns = [long["_unit"]]
    for spec in fields:
        if spec.name in long.columns:
            columns.append(typed(long, spec, spec.name, label=f"{column}.{spec.name}"))
        else:
            default = spec.default if spec.has_default else None
            columns.append(pl.Series(spec.name, [default] * long.height, dtype=TYPES[spec.type]))
    return units, pl.DataFrame(columns)
