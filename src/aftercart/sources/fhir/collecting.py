"""Collect what resources say as typed columns, a few thousand rows at a time, and count what was read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import polars as pl

from aftercart.sources.fhir import files
from aftercart.standards import fhir
from aftercart.standards.fhir import Meanings, Row, people
from aftercart.standards.fhir.elements import is_test_data, own_row
from aftercart.standards.fhir.rows import READERS, key_of, rows_of
from aftercart.study import problems

CHUNK = 20_000
POINTED_AT = ("subjects", "visits", "medications", "infusions", "exposures", "administrations", "events", "diagnoses")
"""Frames whose rows other resources point at."""


class Collected:
    """Rows by frame, counts by type of resource, and lines about what is no resource."""

    def __init__(self, meanings: Meanings, subject_system: str | None = None, *, with_names: bool = False) -> None:
        self.counts: Counter[str] = Counter()
        self.odd: dict[str, int] = {}
        """By file, how many of its places hold no resource."""
        self._wrong: dict[tuple[str, str], None] = {}
        self._said: list[tuple[str, str, str, int | None, str]] = []
        self.is_test = False
        self._meanings = meanings
        self._not_kept = () if with_names else ("_name",)
        self._subject_system = subject_system
        self._rows: dict[str, list[Row]] = {}
        self._parts: dict[str, list[pl.DataFrame]] = {}
        self._waiting = 0

    def read(self, paths: Iterable[Path]) -> None:
        """Read every resource of the files; raises `SourceError` as `files.read`."""
        for path in paths:
            if path.name in files.NO_RESOURCES:
                self._say(path.name, "no_resources", "a file that holds no resource", row=None)
                continue
            for found in files.read(path):
                if found.note is not None:
                    self._odd(path.name, found.note)
                else:
                    self._add(found, path.name)
        self._flush()
        for file, kind in self._wrong:
            self._say(file, "wrong_type", f"resources {kind}", row=None, severity="error")

    def frames(self) -> dict[str, pl.DataFrame]:
        """Every frame as one table; the parts are given up."""
        out = {}
        for name in list(self._parts):
            out[name] = pl.concat(self._parts.pop(name), how="diagonal")
        return out

    def _add(self, found: files.Found, file: str) -> None:
        resource: dict[str, Any] = found.value
        kind = resource.get("resourceType")
        if type(kind) is not str or kind not in fhir.resource_types():
            self._odd(file, f"resourceType {kind}" if kind is not None else "an object without resourceType", "error")
            return
        self.counts[kind] += 1
        named = file.split(".", 1)[0]
        if named != kind and named in fhir.resource_types():
            self._wrong.setdefault((file, kind), None)
        if not self.is_test:
            self.is_test = is_test_data(resource)
        if kind not in READERS:
            return
        number = self.counts[kind]
        key = key_of(resource, found.url)
        urn = found.url if found.url is not None and found.url.startswith("urn:") else None
        own = own_row(resource)[0] is not None
        said = (
            people.patient(resource, self._meanings, self._subject_system)
            if kind == "Patient" and self._subject_system is not None and not own
            else rows_of(resource, self._meanings)
        )
        nth: Counter[str] = Counter()
        for frame, row in said:
            nth[frame] += 1
            if row.get("row_id") is None and (key or urn):
                row["row_id"] = f"{key or urn}" if nth[frame] == 1 else f"{key or urn}#{nth[frame]}"
            row["_table"], row["_row"] = kind, number  # type: ignore[assignment]
            for name in self._not_kept:
                row.pop(name, None)
            if frame in POINTED_AT:
                row["_key"], row["_url"] = key, urn
                row["_own"] = "true" if own else None
            self._rows.setdefault(frame, []).append(row)
            self._waiting += 1
        if self._waiting >= CHUNK:
            self._flush()

    def _flush(self) -> None:
        for name, rows in self._rows.items():
            self._parts.setdefault(name, []).append(table_of(rows))
        self._rows, self._waiting = {}, 0

    def _odd(self, file: str, what: str, severity: str = "warning") -> None:
        self.odd[file] = self.odd.get(file, 0) + 1
        severity = "error" if "in place of" in what else severity
        rule = "more_pages" if "more pages" in what else "no_resource"
        self._say(file, rule, what, row=self.odd[file], severity=severity)

    def _say(self, file: str, rule: str, what: str, *, row: int | None, severity: str = "warning") -> None:
        self._said.append((file, rule, what, row, severity))

    def lines(self) -> pl.DataFrame:
        """What was odd about the files, as a list of problems."""
        columns = ["file", "rule", "found", "row", "severity"]
        said = pl.DataFrame(self._said, schema={c: problems.SCHEMA[c] for c in columns}, orient="row")
        whole = said.with_columns(
            found=pl.col("found").str.slice(0, problems.LONGEST),
            expected=pl.lit("a resource of FHIR R4"),
            remedy=pl.col("rule").replace_strict(REMEDIES, default="correct it at the source. It is not used."),
        )
        return whole.select(
            pl.col(c) if c in whole.columns else pl.lit(None, dtype=t).alias(c) for c, t in problems.SCHEMA.items()
        )


REMEDIES = {
    "more_pages": "fetch every page, so that nothing is missing.",
    "wrong_type": "check the export: the file is named after another type. They are used as what they say they are.",
    "no_resources": "nothing to do: it is not read.",
}


def table_of(rows: list[Row]) -> pl.DataFrame:
    """Rows as a table of texts, without the columns that none of them fills."""
    names = dict.fromkeys(name for row in rows for name in row)
    columns = []
    for name in names:
        values: list[Any] = [row.get(name) for row in rows]
        if name == "_row":
            columns.append(pl.Series(name, values, dtype=pl.Int64))
            continue
        seen: dict[str | None, int] = {}
        places = [seen.setdefault(v, len(seen)) for v in values]
        if len(seen) > 1 or None not in seen:
            # A text that repeats is kept once: a million references to a hundred patients stay small.
            columns.append(pl.Series(name, list(seen), dtype=pl.String).gather(places))
    return pl.DataFrame(columns)
