"""A paragraph of a paper."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Paragraph:
    """A heading that a journal may drop, and the text."""

    heading: str
    text: str
