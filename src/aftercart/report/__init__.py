"""Reports: a page for people, a summary for machines, and the figures and tables they are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aftercart.report.page import write_report
    from aftercart.report.words import abstract

__all__ = ["abstract", "write_report"]


def __getattr__(name: str) -> object:
    """Import the parts on first use: the abstract must not wait for the drawing library."""
    if name == "write_report":
        from aftercart.report.page import write_report

        return write_report
    if name == "abstract":
        from aftercart.report.words import abstract

        return abstract
    raise AttributeError(name)
