"""Instruments and their items: which answers each item admits."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True)
class Item:
    """One item: a number between limits (in steps, where stated), or one of the allowed texts."""

    name: str
    minimum: float | None = None
    maximum: float | None = None
    step: float | None = None
    allowed: tuple[str, ...] = ()

    @property
    def expectation(self) -> str:
        """What an answer must look like, in words."""
        if self.allowed:
            return f"value_text one of {', '.join(self.allowed)}"
        whole = "a whole number" if self.step == 1 else "a number"
        return f"value {whole} from {self.minimum:g} to {self.maximum:g}"


@dataclass(frozen=True)
class Instrument:
    """One instrument and its items by name."""

    name: str
    title: str
    items: dict[str, Item]


@cache
def instruments() -> dict[str, Instrument]:
    """Return every instrument by name."""
    raw = tomllib.loads((files("aftercart.study") / "instruments.toml").read_text("utf-8"))["instruments"]
    return {
        name: Instrument(
            name=name,
            title=entry["title"],
            items={
                i["name"]: Item(
                    name=i["name"],
                    minimum=i.get("minimum"),
                    maximum=i.get("maximum"),
                    step=i.get("step"),
                    allowed=tuple(i.get("allowed", ())),
                )
                for i in entry["items"]
            },
        )
        for name, entry in raw.items()
    }
