"""Where studies come from: one module per kind of source, each returning a `Study` with its problem list."""

from aftercart.sources.frames import from_frames
from aftercart.sources.parts import parts
from aftercart.sources.tidy import read

__all__ = ["from_frames", "parts", "read"]
