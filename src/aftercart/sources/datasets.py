"""Read a CDISC dataset from a transport file (XPT v5, v8) or from Dataset-JSON 1.1 (plain, NDJSON, compressed)."""

from __future__ import annotations

import io
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl

from aftercart.errors import MissingExtraError, SourceError
from aftercart.standards.dataset import NUMERIC, TYPES, Dataset, Variable
from aftercart.study import problems

SUFFIXES = (".xpt", ".json", ".ndjson", ".dsjc")
RECORD = 80
"""A transport file is made of records of 80 bytes."""

LARGEST_RATIO, SMALL = 200, 64 * 2**20
"""A compressed file that grows beyond this ratio (and beyond what is small) is refused: text never does."""


def read_dataset(path: str | Path, *, encoding: str | None = None) -> tuple[Dataset, list[pl.DataFrame]]:
    """Read one file; return the dataset and what is odd but does not hinder.

    Texts without characters are missing. encoding: of the texts of a transport file; without it UTF-8 is tried, then
    cp1252, and the latter is said. Raises `SourceError` for a file that cannot be read whole: truncated, of another
    kind, growing without end when it is unpacked.
    """
    path = Path(path)
    if path.suffix.lower() == ".xpt":
        return _xpt(path, encoding)
    return _dataset_json(path), []


def dataset_files(folder: str | Path) -> list[Path]:
    """The dataset files of a folder, one for each dataset: where there are several forms, the first of `SUFFIXES`."""
    found: dict[str, Path] = {}
    for suffix in SUFFIXES:
        for path in sorted(Path(folder).iterdir()):
            if path.suffix.lower() == suffix and path.is_file():
                found.setdefault(path.stem.lower(), path)
    return [found[name] for name in sorted(found)]


def refused(path: Path, found: str, expected: str, remedy: str, **place: Any) -> SourceError:
    """The error of a file that cannot be read whole."""
    listed = problems.one("unreadable", path.name, found, expected, remedy, **place)
    return SourceError(f"{path.name} cannot be read: {found}.", listed)


def _xpt(path: Path, encoding: str | None) -> tuple[Dataset, list[pl.DataFrame]]:
    try:
        import pyreadstat
    except ImportError as error:
        raise MissingExtraError("pyreadstat", "exchange", "reading a transport file") from error
    data = _bytes(path)
    if not data.startswith((b"HEADER RECORD*******LIBRARY", b"HEADER RECORD*******LIBV8")):
        raise refused(path, "no header of a transport file", "a SAS transport file, version 5 or 8", "export it again.")
    if len(data) % RECORD:
        what = f"{len(data)} bytes, which is no multiple of {RECORD}"
        raise refused(path, what, "whole records", "the file is cut short: copy it again in binary mode.")
    listed: list[pl.DataFrame] = []
    try:
        frame, meta = _pyreadstat(pyreadstat, data, encoding or "UTF-8")
    except Exception as error:
        if encoding is not None or not _is_encoding_error(error):
            remedy = "export the file again, or state its encoding with --option encoding=cp1252."
            raise refused(path, str(error) or type(error).__name__, "a whole transport file", remedy) from error
        try:
            frame, meta = _pyreadstat(pyreadstat, data, "CP1252")
        except Exception as again:
            remedy = "state the encoding of its texts with --option encoding=NAME."
            raise refused(path, "texts that are neither UTF-8 nor cp1252", "texts in one encoding", remedy) from again
        found, remedy = "texts that are not UTF-8; read as cp1252", "state the encoding: --option encoding=cp1252."
        listed.append(problems.one("encoding", path.name, found, "texts in UTF-8", remedy, severity="warning"))
    _refuse_cut(path, data, frame.height, meta)
    labels = dict(zip(meta.column_names, meta.column_labels, strict=True))
    width = meta.variable_storage_width
    variables = tuple(
        Variable(
            name=name,
            label=labels[name] or "",
            type="string" if dtype == pl.String else "float",
            length=int(width[name]) if dtype == pl.String else None,
        )
        for name, dtype in frame.schema.items()
    )
    return Dataset((meta.table_name or path.stem).upper(), meta.file_label or "", variables, _plain(frame)), listed


def _pyreadstat(pyreadstat: Any, data: bytes, encoding: str) -> tuple[pl.DataFrame, Any]:
    frame, meta = pyreadstat.read_xport(
        io.BytesIO(data), output_format="polars", disable_datetime_conversion=True, encoding=encoding
    )
    return frame, meta


def _is_encoding_error(error: Exception) -> bool:
    words = f"{type(error).__name__} {error}".lower()
    return "convert" in words or "unicode" in words or "decode" in words or "encoding" in words


def _refuse_cut(path: Path, data: bytes, rows: int, meta: Any) -> None:
    """Refuse a file whose last observation is not whole: readers leave it out without a word."""
    marker = data.find(b"HEADER RECORD*******OBS")
    if marker < 0:
        raise refused(
            path, "no header of observations", "a whole transport file", "the file is cut short: copy it again."
        )
    size = sum(int(meta.variable_storage_width[name]) for name in meta.column_names)
    rest = data[marker + RECORD + rows * size :]
    if rest.strip(b" "):
        found = f"{rows} whole observations and {len(rest)} bytes of another"
        raise refused(path, found, "whole observations", "the file is cut short: copy it again in binary mode.")


def _plain(frame: pl.DataFrame) -> pl.DataFrame:
    """Texts without characters and numbers that are none as missing."""
    return frame.with_columns(
        pl.when(pl.col(name).str.len_bytes() > 0).then(name).alias(name)
        if dtype == pl.String
        else pl.col(name).cast(pl.Float64).fill_nan(None).alias(name)
        for name, dtype in frame.schema.items()
    )


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise refused(path, error.strerror or "no readable file", "a readable file", "check the file.") from error


def unpacked(path: Path, data: bytes) -> bytes:
    """Bytes of a compressed file: a zlib stream as the standard says, or gzip as published files are.

    Raises `SourceError` for another kind of file, one that is cut short, and one that grows without end.
    """
    unpacker = zlib.decompressobj(47)
    limit = max(SMALL, LARGEST_RATIO * len(data))
    try:
        out = unpacker.decompress(data, limit)
    except zlib.error as error:
        raise refused(path, str(error), "a zlib or gzip stream", "export the file again.") from error
    if unpacker.unconsumed_tail:
        found = f"more than {limit} bytes from {len(data)} compressed ones"
        raise refused(path, found, "a dataset of ordinary size", "the file is not what it seems; do not open it.")
    if not unpacker.eof:
        raise refused(path, "a compressed stream that ends too early", "a whole stream", "copy the file again.")
    return out


def _dataset_json(path: Path) -> Dataset:
    data = _bytes(path)
    if path.suffix.lower() == ".dsjc" or data[:2] in (b"\x1f\x8b", b"\x78\x9c", b"\x78\xda", b"\x78\x01"):
        data = unpacked(path, data)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise refused(path, f"byte 0x{data[error.start]:02x} that is not UTF-8", "UTF-8", "export it again.") from error
    meta, rows = _parsed(path, text)
    variables = _variables(path, meta)
    width = len(variables)
    for number, row in enumerate(rows, 1):
        if not isinstance(row, list) or len(row) != width:
            found = f"{len(row)} values" if isinstance(row, list) else type(row).__name__
            raise refused(path, found, f"{width} values, one for each column", "export the file again.", row=number)
    said = meta.get("records")
    if said != len(rows):
        found = f"{len(rows)} rows, while the file says {said}"
        raise refused(path, found, "as many rows as the file says", "the file is cut short: copy it again.")
    about = {k: v for k, v in meta.items() if k not in ("columns", "rows")}
    return Dataset(
        str(meta["name"]).upper(), str(meta.get("label", "")), variables, _frame(path, variables, rows), about=about
    )


def _parsed(path: Path, text: str) -> tuple[dict[str, Any], list[Any]]:
    """The metadata object and the rows, of one document or of lines."""
    try:
        first, end = json.JSONDecoder().raw_decode(text.lstrip())
        rest = text.lstrip()[end:]
        lines = list(_lines(rest)) if rest.strip() else None
    except (ValueError, RecursionError) as error:
        raise refused(path, f"no JSON: {error}", "Dataset-JSON 1.1", "export the file again.") from error
    if not isinstance(first, dict):
        raise refused(path, f"JSON that is a {type(first).__name__}", "a Dataset-JSON object", "export the file again.")
    kind = first.get("resourceType")
    if kind is not None:
        raise refused(path, f"a FHIR resource ({kind})", "Dataset-JSON 1.1", "import it with: aftercart import fhir")
    version = str(first.get("datasetJSONVersion", "none"))
    if version != "1.1" and not version.startswith("1.1."):
        raise refused(path, f"datasetJSONVersion {version}", "Dataset-JSON 1.1", "export the file in version 1.1.")
    rows = first.get("rows") if lines is None else lines
    return first, rows if isinstance(rows, list) else []


def _lines(text: str) -> Iterator[Any]:
    for line in text.splitlines():
        if line.strip():
            yield json.loads(line)


def _variables(path: Path, meta: dict[str, Any]) -> tuple[Variable, ...]:
    columns = meta.get("columns")
    if not isinstance(meta.get("name"), str) or not isinstance(columns, list) or not columns:
        raise refused(path, "no name or no columns", "a name and columns", "export the file again.")
    found = []
    for column in columns:
        if (
            not isinstance(column, dict)
            or not isinstance(column.get("name"), str)
            or column.get("dataType") not in TYPES
        ):
            shown = json.dumps(column)[:80]
            raise refused(path, f"the column {shown}", "name, label and dataType", "export the file again.")
        length = column.get("length")
        found.append(
            Variable(
                name=column["name"],
                label=str(column.get("label", "")),
                type=column["dataType"],
                length=length if isinstance(length, int) else None,
                key=column.get("keySequence") if isinstance(column.get("keySequence"), int) else None,
                target=column.get("targetDataType"),
                format=column.get("displayFormat"),
            )
        )
    names = [v.name for v in found]
    if len(set(names)) < len(names):
        raise refused(path, "two columns of the same name", "each column once", "export the file again.")
    return tuple(found)


def _frame(path: Path, variables: tuple[Variable, ...], rows: list[list[Any]]) -> pl.DataFrame:
    columns = list(zip(*rows, strict=True)) if rows else [() for _ in variables]
    frame = []
    for variable, values in zip(variables, columns, strict=True):
        if variable.type in NUMERIC:
            try:
                numbers = [None if v is None or v == "" else float(v) for v in values]
            except (TypeError, ValueError) as error:
                raise refused(
                    path, str(error), f"numbers in {variable.name}", "export the file again.", column=variable.name
                ) from error
            frame.append(pl.Series(variable.name, numbers, dtype=pl.Float64).fill_nan(None))
        else:
            texts = [None if v is None or v == "" else v if isinstance(v, str) else json.dumps(v) for v in values]
            frame.append(pl.Series(variable.name, texts, dtype=pl.String))
    return pl.DataFrame(frame)
