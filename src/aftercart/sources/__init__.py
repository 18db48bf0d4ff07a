"""Where studies come from: one module per kind of source, each returning a `Study` with its problem list."""

from __future__ import annotations

import importlib
from types import ModuleType

from aftercart.sources.frames import from_frames
from aftercart.sources.mapping import SOURCES
from aftercart.sources.parts import parts
from aftercart.sources.tidy import read

__all__ = ["from_frames", "parts", "read"]


def __getattr__(name: str) -> ModuleType:
    """Import the reader of a foreign source on first use: `aftercart.sources.sdtm.read(...)`."""
    if name not in SOURCES:
        raise AttributeError(f"module 'aftercart.sources' has no attribute {name!r}")
    return importlib.import_module(f"aftercart.sources.{name}")
