"""What an export returns: the files written, and what of the study the standard has no place for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import polars as pl

NOT_HELD: dict[str, Any] = {"table": pl.String, "column": pl.String, "values": pl.Int64, "why": pl.String}


def nothing_lost() -> pl.DataFrame:
    """An empty list of what could not be held."""
    return pl.DataFrame(schema=NOT_HELD)


@dataclass(frozen=True)
class Exported:
    """files: names in the folder, in order. not_held: table and column of the study, how many values, and why."""

    files: tuple[str, ...]
    not_held: pl.DataFrame = field(default_factory=nothing_lost)
