"""The small published data sets that worked cases name, and columns of a case's inputs."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from importlib.resources import files
from pathlib import Path

import polars as pl

from aftercart.errors import UsageError

_OTHER_NAMES = {"rmst2": "pbc"}


class NotShippedError(UsageError):
    """A worked case asks for a data set or a variant of a method that does not come with the package."""


def load(name: str) -> pl.DataFrame:
    """A data set as a worked case names it (`R survival::lung (NCCTG), event=status==2`); raises `NotShippedError`."""
    folder = Path(str(files("aftercart.analysis") / "cases" / "data"))
    key = next(iter(re.findall(r"::(\w+)", name)), name).lower()
    path = folder / f"{_OTHER_NAMES.get(key, key)}.csv"
    if not re.fullmatch(r"\w+", key) or not path.is_file():
        raise NotShippedError(
            f"The data set {name!r} does not come with the package.", hint="give the values themselves."
        )
    found = pl.read_csv(path)
    return _PREPARE[key](found) if key in _PREPARE else found


def _status_2(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.with_columns(event=(pl.col("status") == 2).cast(pl.Int64))


def _veteran(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.with_columns(event="status")


def _mgus2(frame: pl.DataFrame) -> pl.DataFrame:
    """Progression (1) competing with death (2), whichever comes first."""
    return frame.with_columns(
        time=pl.when(pl.col("pstat") == 1).then("ptime").otherwise("futime"),
        event=pl.when(pl.col("pstat") == 1).then(1).when(pl.col("death") == 1).then(2).otherwise(0),
    )


def _pbc(frame: pl.DataFrame) -> pl.DataFrame:
    """Years; arm 1 is D-penicillamine, arm 0 placebo."""
    return frame.with_columns(
        time=pl.col("time") / 365.25,
        event=(pl.col("status") == 2).cast(pl.Int64),
        arm=(pl.col("trt") == 1).cast(pl.Int64),
    )


_PREPARE: Mapping[str, Callable[[pl.DataFrame], pl.DataFrame]] = {
    "lung": _status_2,
    "veteran": _veteran,
    "mgus2": _mgus2,
    "rmst2": _pbc,
    "pbc": _pbc,
}
