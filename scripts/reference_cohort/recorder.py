"""Collects rows of the eight tables together with the provenance of every cell, and writes both."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from reference_cohort.plan import STUDY_ID

LEADING = ("study_id", "subject_id", "row_id", "source", "source_ref", "status")
CODES = ("published", "constrained", "simulated")
PREFIX = {
    "subjects": "SUB",
    "infusions": "INF",
    "exposures": "EXP",
    "observations": "OBS",
    "events": "EVT",
    "assessments": "ASM",
    "visits": "VIS",
    "disposition": "DIS",
}


class Recorder:
    """Rows in the order in which they were added; every cell that is not leading carries a code."""

    def __init__(self, columns: Mapping[str, list[str]]) -> None:
        self.columns = columns
        self.rows: dict[str, list[dict[str, Any]]] = {name: [] for name in columns}
        self.marks: dict[str, list[dict[str, str]]] = {name: [] for name in columns}

    def add(self, table: str, subject: str, cells: Mapping[str, Any], *, code: str = "simulated", **marks: str) -> str:
        """Add a row; `code` marks its cells, `marks` those that differ. Returns the row id."""
        unknown = set(cells) - set(self.columns[table])
        if unknown or not {code, *marks.values()} <= set(CODES):
            raise ValueError(f"{table}: unknown {unknown or (code, marks)}")
        number = 1 + sum(r["subject_id"] == subject for r in self.rows[table])
        row_id = f"{PREFIX[table]}-{subject}-{number:04d}"
        known = {k: v for k, v in cells.items() if v is not None}
        leading = {
            "study_id": STUDY_ID,
            "subject_id": subject,
            "row_id": row_id,
            "source": "reconstruction",
            "status": "final",
        }
        self.rows[table].append({**leading, **known})
        self.marks[table].append(
            {"row_id": row_id, "subject_id": subject, **{k: marks.get(k, code) for k in known if k not in LEADING}}
        )
        return row_id

    def files(self) -> dict[str, bytes]:
        """The tables and their provenance as CSV bytes, by path; columns that are empty throughout are left out."""
        found: dict[str, bytes] = {}
        for name, rows in self.rows.items():
            used = [c for c in self.columns[name] if any(c in r for r in rows)]
            found[f"{name}.csv"] = _csv(used, rows)
            marked = ["row_id", *(c for c in used if c not in LEADING)]
            found[f"provenance/{name}.csv"] = _csv(marked, self.marks[name])
        return found

    def write(self, folder: Path) -> None:
        """Write every file below the folder."""
        for path, content in self.files().items():
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)


def _csv(columns: list[str], rows: list[dict[str, Any]]) -> bytes:
    stream = io.StringIO(newline="")
    writer = csv.DictWriter(stream, columns, lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    writer.writerows({k: _text(v) for k, v in row.items()} for row in rows)
    return stream.getvalue().encode()


def _text(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.6g}"
    return value


def on(start: date, day: int, clock: str | None = None) -> str:
    """The date of a day after infusion (with the time of day where one is given)."""
    text = (start + timedelta(days=day)).isoformat()
    return f"{text}T{clock}" if clock else text
