"""Published criteria, each a function on a data frame: `aftercart.criteria.crs_astct_2019(frame)`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aftercart.criteria import registry

if TYPE_CHECKING:
    from aftercart.criteria.calling import CriterionFunction


def __getattr__(name: str) -> CriterionFunction:
    if name.startswith("_") or name not in registry.names():
        raise AttributeError(f"module 'aftercart.criteria' has no criterion {name!r}")
    return registry.get(name).function


def __dir__() -> list[str]:
    return [*registry.names(), "registry"]
