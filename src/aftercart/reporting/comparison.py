"""What changed, as a section of the report and as a page of its own beside its tables."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

from aftercart.analysis.comparison import Difference
from aftercart.analysis.comparison.words import Told, told
from aftercart.outputs import replacing_folder, write_atomically
from aftercart.reporting.rendering import render

MOST_ON_PAGE = 200
"""Rows of a table, assessments and estimates written out on a page; the tables beside it hold them all."""


def comparison_section(difference: Difference) -> Told:
    """What `_compare.html.j2` shows, under the name `comparison`."""
    return told(difference, most=MOST_ON_PAGE)


def comparison_page(difference: Difference) -> str:
    """A comparison as a self-contained page that loads nothing.

    Raises `MissingExtraError` without the packages of reports.
    """
    return render(
        "compare.html.j2",
        comparison=comparison_section(difference),
        before=difference.before,
        after=difference.after,
        software_version=version("aftercart"),
    )


def write_comparison(difference: Difference, out: str | Path) -> Path:
    """Write `comparison.html`, `comparison.json` and every table of a comparison into a folder, as one replacement.

    Raises `UsageError` when the folder holds files that aftercart did not write.
    """
    page = comparison_page(difference)
    with replacing_folder(out) as folder:
        write_atomically(folder / "comparison.html", page.encode())
        difference.write(folder)
    return Path(out)
