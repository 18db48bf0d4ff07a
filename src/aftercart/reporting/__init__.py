"""Reports: a page for people, a summary for machines, and the figures and tables they are made of."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aftercart.reporting.explanation import explanation_page
    from aftercart.reporting.folder import Report, report, write_assessments
    from aftercart.reporting.page import write_report
    from aftercart.reporting.words import abstract

__all__ = ["Report", "abstract", "explanation_page", "report", "write_assessments", "write_report"]

_HOMES = {
    "Report": "folder",
    "abstract": "words",
    "explanation_page": "explanation",
    "report": "folder",
    "write_assessments": "folder",
    "write_report": "page",
}


def __getattr__(name: str) -> object:
    """Import the parts on first use: the abstract must not wait for the drawing library."""
    if name not in _HOMES:
        raise AttributeError(name)
    return getattr(importlib.import_module(f"aftercart.reporting.{_HOMES[name]}"), name)
