"""Where studies come from: one module per kind of source, each returning a `Study` with its problem list."""

from aftercart.sources.tidy import read

__all__ = ["read"]
