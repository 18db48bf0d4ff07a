"""Write CDISC datasets as transport files (XPT v5) and as Dataset-JSON 1.1, after a check that nothing must be cut."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import polars as pl

from aftercart.errors import ExportError, MissingExtraError
from aftercart.outputs import write_atomically
from aftercart.standards.dataset import Dataset, Variable

LONGEST_NAME, LONGEST_LABEL, LONGEST_TEXT = 8, 40, 200
"""Characters of a name, bytes of a label and of a text, as version 5 of the transport format holds them."""
LARGEST = 7.2e75
"""Beyond this a number has no place in a transport file."""


def check_fits(dataset: Dataset) -> None:
    """Raise `ExportError` for the first name, label, text or number that a transport file could not hold whole."""
    _name(dataset.name, "dataset")
    _label(dataset.name, dataset.label)
    for variable in dataset.variables:
        _name(variable.name, f"variable of {dataset.name}")
        _label(f"{dataset.name}.{variable.name}", variable.label)
        column = dataset.rows[variable.name]
        if column.dtype == pl.String:
            _texts(dataset.name, variable, column)
        else:
            _numbers(dataset.name, variable, column)


def _name(name: str, what: str) -> None:
    good = name.isascii() and name.replace("_", "A").isalnum() and not name[:1].isdigit() and name.isupper()
    if not good or len(name) > LONGEST_NAME:
        raise ExportError(
            f"The {what} is named {name!r}, {len(name)} characters.",
            hint=f"names have at most {LONGEST_NAME} capital letters, digits and underscores, and begin with a letter.",
        )


def _label(name: str, label: str) -> None:
    if len(label.encode()) > LONGEST_LABEL or not label.isascii():
        raise ExportError(
            f"The label of {name} has {len(label.encode())} bytes: {label!r}.",
            hint=f"labels have at most {LONGEST_LABEL} bytes of ASCII; give a shorter one.",
        )


def _texts(dataset: str, variable: Variable, column: pl.Series) -> None:
    long = column.str.len_bytes() > LONGEST_TEXT
    if long.any():
        row = int(long.fill_null(value=False).arg_max() or 0)
        text = str(column[row])
        raise ExportError(
            f"{dataset}.{variable.name}, row {row + 1}: a text of {len(text.encode())} bytes ({text[:60]!r} ...).",
            hint=f"a transport file holds at most {LONGEST_TEXT} bytes; shorten the text in the study. Nothing is cut.",
        )
    foreign = ~column.str.contains(r"^[\x20-\x7e]*$")
    if foreign.any():
        row = int(foreign.fill_null(value=False).arg_max() or 0)
        raise ExportError(
            f"{dataset}.{variable.name}, row {row + 1}: {str(column[row])[:60]!r} holds characters beyond ASCII.",
            hint="a transport file holds ASCII; write it in ASCII in the study, or export with --option formats=json.",
        )


def _numbers(dataset: str, variable: Variable, column: pl.Series) -> None:
    bad = (column.abs() > LARGEST) | column.cast(pl.Float64).is_nan() | column.cast(pl.Float64).is_infinite()
    if bad.any():
        row = int(bad.fill_null(value=False).arg_max() or 0)
        raise ExportError(
            f"{dataset}.{variable.name}, row {row + 1}: the number {column[row]}.",
            hint=f"a transport file holds numbers up to {LARGEST:g}; correct the value in the study.",
        )


def write_xpt(dataset: Dataset, folder: Path) -> str:
    """Write a dataset as a transport file of version 5; return its name. Raises `ExportError` for what does not fit."""
    try:
        import pyreadstat
    except ImportError as error:
        raise MissingExtraError("pyreadstat", "exchange", "writing a transport file") from error
    check_fits(dataset)
    target = folder / f"{dataset.name.lower()}.xpt"
    fresh = folder / f".{target.name}.new"
    frame = dataset.rows.select(
        pl.col(v.name).fill_null("") if dataset.rows[v.name].dtype == pl.String else pl.col(v.name).cast(pl.Float64)
        for v in dataset.variables
    )
    try:
        pyreadstat.write_xport(
            frame,
            fresh,
            file_label=dataset.label,
            column_labels=[v.label for v in dataset.variables],
            table_name=dataset.name,
            file_format_version=5,
        )
        fresh.replace(target)
    finally:
        fresh.unlink(missing_ok=True)
    return target.name


def write_dataset_json(dataset: Dataset, folder: Path, *, about: dict[str, Any], kind: str = "json") -> str:
    """Write a dataset as Dataset-JSON 1.1 and return the file's name.

    kind: `json` (one document), `ndjson` (a line for each row) or `dsjc` (those lines as a zlib stream). about:
    `creation` (date and time as text) and what else stands in the head (`studyOID`, `originator`, ...).
    """
    head = _head(dataset, about)
    rows: Iterable[list[Any]] = (list(row) for row in _with_dates(dataset).iter_rows())
    if kind == "json":
        data = _dumps({**head, "rows": list(rows)}).encode()
    else:
        data = ("\n".join([_dumps(head), *(_dumps(row) for row in rows)]) + "\n").encode()
        if kind == "dsjc":
            data = zlib.compress(data, 9)
    path = folder / f"{dataset.name.lower()}.{kind}"
    write_atomically(path, data)
    return path.name


def _with_dates(dataset: Dataset) -> pl.DataFrame:
    """The rows with dates that are kept as numbers as ISO text, as Dataset-JSON carries them."""
    start = pl.lit("1960-01-01").str.to_date()
    return dataset.rows.select(
        start.dt.offset_by(pl.format("{}d", pl.col(v.name).cast(pl.Int64))).dt.to_string("%Y-%m-%d").alias(v.name)
        if v.target == "integer" and v.type == "date"
        else pl.col(v.name)
        for v in dataset.variables
    )


def _dumps(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _head(dataset: Dataset, about: dict[str, Any]) -> dict[str, Any]:
    given = ("fileOID", "dbLastModifiedDateTime", "originator", "sourceSystem")
    study = ("studyOID", "metaDataVersionOID", "metaDataRef")
    first: dict[str, Any] = {
        "datasetJSONCreationDateTime": about["creation"],
        "datasetJSONVersion": "1.1.0",
    }
    first |= {k: about[k] for k in (*given, *study) if k in about}
    first |= {
        "itemGroupOID": f"IG.{dataset.name}",
        "records": dataset.rows.height,
        "name": dataset.name,
        "label": dataset.label,
    }
    return {**first, "columns": [_column(dataset, v) for v in dataset.variables]}


def _column(dataset: Dataset, variable: Variable) -> dict[str, Any]:
    given = {
        "itemOID": f"IT.{dataset.name}.{variable.name}",
        "name": variable.name,
        "label": variable.label,
        "dataType": variable.type,
        "targetDataType": variable.target,
        "length": variable.length,
        "displayFormat": variable.format,
        "keySequence": variable.key,
    }
    return {k: v for k, v in given.items() if v is not None}
