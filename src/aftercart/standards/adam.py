"""Short codes of ADaM parameters, from `adam.toml`."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from aftercart.errors import ExportError


@cache
def _raw() -> dict[str, Any]:
    return tomllib.loads((files("aftercart.standards") / "adam.toml").read_text("utf-8"))


def parameter(criterion: str) -> str:
    """The parameter code of a criterion; raises `ExportError` for one that has none yet."""
    codes: dict[str, str] = _raw()["parameters"]
    if criterion not in codes:
        raise ExportError(
            f"The criterion {criterion} has no parameter code for ADaM.",
            hint="add one of at most 8 characters to standards/adam.toml.",
        )
    return codes[criterion]


def times() -> Mapping[str, Mapping[str, str]]:
    """Time to an event to its parameter code and the event in words."""
    found: dict[str, dict[str, str]] = _raw()["times"]
    return found
