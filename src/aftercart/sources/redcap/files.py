"""The exports of a REDCap project in a folder, CSV or JSON, told apart by what they hold and not by their names."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from aftercart.errors import SourceError, UsageError
from aftercart.sources.redcap import odm
from aftercart.sources.redcap.fields import is_dictionary, read_fields
from aftercart.sources.redcap.project import EVENT, INSTRUMENT, Event, Project, text_frame
from aftercart.sources.textfile import read_text
from aftercart.study import problems

SUFFIXES = (".csv", ".json", ".tsv", ".xml")
SEPARATORS = (",", ";", "\t", "|", "^")
"""Those that an export of REDCap can be asked for."""

KINDS: tuple[tuple[str, Callable[[set[str]], bool]], ...] = (
    ("dictionary", is_dictionary),
    ("events", lambda n: {"event_name", "unique_event_name"} <= n),
    ("event_forms", lambda n: {"unique_event_name", "form"} <= n),
    ("repeating", lambda n: {"form_name", "custom_form_label"} <= n),
    ("eav", lambda n: {"record", "field_name", "value"} <= n),
    ("info", lambda n: {"project_id", "project_title"} <= n),
    ("arms", lambda n: {"arm_num", "name"} <= n),
    ("other", lambda n: bool({"original_field_name", "instrument_name", "username", "data_access_group_id"} & n)),
)
"""Kinds of export by their columns, the first that fits; whatever fits none is taken for records."""

METADATA = ("dictionary", "events", "event_forms", "repeating", "info", "arms")


def read_folder(path: Path, encoding: str = "utf-8") -> Project:
    """Read the exports of a folder, or one project file.

    Raises `SourceError` where the data dictionary or the records are absent or a file cannot be read whole.
    """
    if not path.exists():
        raise UsageError(f"There is no folder or file {path}.", hint="give the folder that holds the exports.")
    _check_encoding(encoding)
    if path.is_file():
        if path.suffix.lower() != ".xml":
            raise UsageError(
                f"{path.name} alone is no project.",
                hint="give the folder that holds records and data dictionary, or the project's XML file.",
            )
        return odm.read_project(path)
    files = sorted(f for f in path.iterdir() if f.is_file() and f.suffix.lower() in SUFFIXES and f.name[0] != ".")
    sorted_, listed = _told_apart([f for f in files if f.suffix.lower() != ".xml"], encoding)
    whole = [f for f in files if f.suffix.lower() == ".xml"]
    return _joined(path, sorted_, whole, listed)


Found = dict[str, list[tuple[str, pl.DataFrame, pl.Series]]]
"""Kind of export to its files: name, cells with `_row`, and the numbers of all rows read."""


def _told_apart(files: Collection[Path], encoding: str) -> tuple[Found, list[pl.DataFrame]]:
    found: Found = {}
    listed: list[pl.DataFrame] = []
    for file in files:
        frame, rows, odd = _json(file) if file.suffix.lower() == ".json" else _csv(file, encoding)
        listed += odd
        names = set(frame.columns) - {"_row"}
        kind = next((k for k, fits in KINDS if fits(names)), "records" if names else "other")
        if kind == "eav":
            line = problems.one(
                "eav",
                file.name,
                "an export of one row for each value",
                "one row for each record, event and repeat",
                "export the records again as type flat.",
            )
            raise SourceError(f"{file.name} is not a flat export.", line)
        found.setdefault(kind, []).append((file.name, frame, rows))
    for kind in METADATA:
        if len(found.get(kind, ())) > 1:
            both = " and ".join(name for name, _, _ in found[kind])
            line = problems.one("two_files", both, f"two exports of the kind {kind}", "one", "remove one of them.")
            raise SourceError(f"The folder holds two exports of the same kind: {both}.", line)
    return found, listed


def _joined(path: Path, found: Found, whole: list[Path], listed: list[pl.DataFrame]) -> Project:
    """One project of all files; the project file stands in for whatever the others do not hold."""
    if len(whole) > 1 or (not whole and "dictionary" not in found):
        what = "several project files" if whole else "no data dictionary"
        line = problems.one("no_dictionary", path.name, what, "the data dictionary, as CSV or JSON", "add it.")
        raise SourceError(f"{path} holds {what}.", line)
    base = odm.read_project(whole[0]) if whole else None
    if "records" not in found and (base is None or not base.records.height):
        line = problems.one("no_records", path.name, "no export of records", "the records, as CSV or JSON", "add it.")
        raise SourceError(f"{path} holds no records.", line)
    frames, read = _records(found["records"]) if "records" in found else (None, None)

    def rows(kind: str) -> list[dict[str, Any]]:
        return found[kind][0][1].drop("_row").to_dicts() if kind in found else []

    fields = read_fields(rows("dictionary"), found["dictionary"][0][0]) if "dictionary" in found else None
    info = next(iter(rows("info")), {})
    return project_of(
        name=info.get("project_title") or (base.name if base else path.name),
        fields=fields or (base.fields if base else {}),
        records=frames if frames is not None else (base.records if base else pl.DataFrame()),
        read=read if read is not None else (base.read if base else {}),
        events=rows("events"),
        event_forms=rows("event_forms"),
        arms=rows("arms"),
        repeating=rows("repeating"),
        missing=str(info.get("missing_data_codes") or ""),
        base=base,
        listed=listed,
    )


def project_of(
    *,
    events: list[dict[str, Any]],
    event_forms: list[dict[str, Any]],
    arms: list[dict[str, Any]],
    repeating: list[dict[str, Any]],
    missing: str,
    base: Project | None = None,
    listed: list[pl.DataFrame],
    **rest: Any,
) -> Project:
    """A project from the rows of its exports, as files and the server give them alike."""
    from aftercart.sources.redcap.fields import choices_of

    forms: dict[str, set[str]] = {}
    for row in event_forms:
        forms.setdefault(str(row["unique_event_name"]), set()).add(str(row["form"]))
    named = {
        str(e["unique_event_name"]): Event(
            str(e["unique_event_name"]),
            str(e.get("event_name") or e["unique_event_name"]),
            str(e.get("arm_num") or ""),
            frozenset(forms.get(str(e["unique_event_name"]), ())),
        )
        for e in events
        if e.get("unique_event_name")
    }
    return Project(
        events=named or (base.events if base else {}),
        arms={str(a["arm_num"]): str(a.get("name") or a["arm_num"]) for a in arms if a.get("arm_num")}
        or (base.arms if base else {}),
        repeating=frozenset(str(r["form_name"]) for r in repeating if r.get("form_name"))
        or (base.repeating if base else frozenset()),
        missing=choices_of(missing) or (base.missing if base else {}),
        listed=tuple(listed),
        **rest,
    )


def _records(parts: list[tuple[str, pl.DataFrame, pl.Series]]) -> tuple[pl.DataFrame, Mapping[str, pl.Series]]:
    frames = [
        frame.drop(c for c in frame.columns if c.startswith("_") and c != "_row").with_columns(
            pl.col("_row").cast(pl.Int64), _table=pl.lit(name)
        )
        for name, frame, _ in parts
    ]
    return pl.concat(frames, how="diagonal_relaxed"), {name: rows for name, _, rows in parts}


def _csv(file: Path, encoding: str) -> tuple[pl.DataFrame, pl.Series, list[pl.DataFrame]]:
    """The cells of a CSV file, the numbers of its rows, and what is odd about them."""
    cells, listed, read = read_text(file, encoding=encoding, separator=separator_of(file, encoding))
    if cells is None:
        raise SourceError(f"{file.name} cannot be read.", problems.gather(listed))
    ragged = [r for part in listed for r in part.filter(pl.col("rule") == "ragged_row")["row"].to_list()]
    numbers = pl.concat([cells["_row"].cast(pl.Int64), pl.Series(ragged, dtype=pl.Int64)]).sort()
    if len(numbers) != read:
        numbers = pl.int_range(2, read + 2, eager=True)
    return cells, numbers, listed


def separator_of(file: Path, encoding: str = "utf-8") -> str:
    """The sign between the cells of the header: the one that stands there most often outside quotes."""
    with file.open("rb") as stream:
        head = stream.readline(1 << 20).decode(encoding, "replace")
    bare = re.sub(r'"[^"]*"', "", head)
    return max(SEPARATORS, key=lambda sign: (bare.count(sign), -SEPARATORS.index(sign)))


def _json(file: Path) -> tuple[pl.DataFrame, pl.Series, list[pl.DataFrame]]:
    try:
        rows = json.loads(file.read_text("utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        line = problems.one("unreadable", file.name, str(error), "a JSON file in UTF-8", "export it again.")
        raise SourceError(f"{file.name} cannot be read.", line) from error
    rows = [rows] if isinstance(rows, dict) and "error" not in rows else rows
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        found = "an error message" if isinstance(rows, dict) else "no list of rows"
        line = problems.one("unreadable", file.name, found, "a list with an object for each row", "export it again.")
        raise SourceError(f"{file.name} is no export of REDCap.", line)
    return frame_of(rows)


def frame_of(rows: list[dict[str, Any]]) -> tuple[pl.DataFrame, pl.Series, list[pl.DataFrame]]:
    """Rows of JSON as text cells with `_row`, counted from 1."""
    numbers = pl.int_range(1, len(rows) + 1, eager=True)
    frame = text_frame(rows)
    return frame.drop("_row", strict=False).with_columns(_row=numbers), numbers, []


def _check_encoding(encoding: str) -> None:
    try:
        codecs.lookup(encoding)
    except (LookupError, ValueError) as error:
        raise UsageError(f"There is no encoding {encoding!r}.", hint="for example: encoding=cp1252.") from error


__all__ = ["EVENT", "INSTRUMENT", "frame_of", "project_of", "read_folder"]
