"""The parts of a Word document: paragraphs with fields and links, and tables whose header row repeats on each page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from aftercart.reporting.documents import pages
from aftercart.reporting.documents.model import NumberedTable, clean
from aftercart.reporting.tables import Column, Row

TWIPS = 1440
HEADING = "Heading 1"

INDENT = 180
"""Indent of rows under a heading, in twentieths of a point."""

RULE = {"val": "single", "sz": "6", "space": "0", "color": "000000"}


def _w(name: str) -> str:
    return f"{{http://schemas.openxmlformats.org/wordprocessingml/2006/main}}{name}"


def _add(parent: Any, tag: str, /, **attributes: str) -> Any:
    element = parent.makeelement(_w(tag), {_w(k): v for k, v in attributes.items()})
    parent.append(element)
    return element


def _run(parent: Any, text: str, *, bold: bool = False, italic: bool = False) -> Any:
    """A run of text; a line break where the text has one."""
    run = _add(parent, "r")
    if bold or italic:
        shape = _add(run, "rPr")
        if bold:
            _add(shape, "b")
        if italic:
            _add(shape, "i")
    for i, line in enumerate(clean(text).split("\n")):
        if i:
            _add(run, "br")
        part = _add(run, "t")
        part.text = line
        part.set("{http://www.w3.org/XML/1998/namespace}space", "preserve")
    return run


def _field(parent: Any, code: str) -> None:
    """A field that Word computes: `PAGE`, `NUMPAGES`."""
    for kind in ("begin", "", "separate", "shown", "end"):
        run = _add(parent, "r")
        if kind == "shown":
            _add(run, "t").text = "1"
        elif kind:
            _add(run, "fldChar", fldCharType=kind)
        else:
            _add(run, "instrText").text = f" {code} "


class Paragraphs:
    """Adds paragraphs to the body, a head or a foot (an element); `width`: of its lines, in inches."""

    def __init__(self, holder: Any, width: float) -> None:
        self.holder, self.width = holder, width
        for empty in holder.findall(_w("p")) if holder.tag != _w("body") else ():
            holder.remove(empty)  # a new head or foot begins with an empty paragraph

    def _paragraph(self, style: str) -> tuple[Any, Any]:
        """A new last paragraph, and the element of its properties."""
        paragraph = self.holder.makeelement(_w("p"), {})
        form = _add(paragraph, "pPr")
        _add(form, "pStyle", val=style.replace(" ", ""))
        end = self.holder.find(_w("sectPr"))
        if end is None:
            self.holder.append(paragraph)
        else:
            end.addprevious(paragraph)
        return paragraph, form

    def add(
        self,
        text: str,
        style: str,
        *,
        bold: bool = False,
        italic: bool = False,
        centred: bool = False,
        rule_above: bool = False,
    ) -> Any:
        """One paragraph."""
        paragraph, form = self._paragraph(style)
        if rule_above:
            _add(_add(form, "pBdr"), "top", **RULE)
        if centred:
            _add(form, "jc", val="center")
        _run(paragraph, text, bold=bold, italic=italic)
        return paragraph

    def two_sided(self, left: str, right: str, style: str, *, bold_right: bool = False) -> Any:
        """Text at the left and text at the right margin; returns the paragraph."""
        paragraph, form = self._paragraph(style)
        _add(_add(form, "tabs"), "tab", val="right", pos=str(round(self.width * TWIPS)))
        _run(paragraph, left)
        _add(_add(paragraph, "r"), "tab")
        if right:
            _run(paragraph, right, bold=bold_right)
        return paragraph

    def numbered(self, left: str, style: str) -> None:
        """Text at the left and `Page x of y` at the right margin."""
        paragraph = self.two_sided(left, "Page ", style)
        _field(paragraph, "PAGE")
        _run(paragraph, " of ")
        _field(paragraph, "NUMPAGES")

    def heading(self, text: str, bookmark: str, id_: int) -> None:
        """A heading that the list of contents can find."""
        paragraph, _ = self._paragraph(HEADING)
        _add(paragraph, "bookmarkStart", id=str(id_), name=bookmark)
        _run(paragraph, text)
        _add(paragraph, "bookmarkEnd", id=str(id_))

    def link(self, text: str, bookmark: str, style: str) -> None:
        """A line that leads to a heading."""
        paragraph, _ = self._paragraph(style)
        _run(_add(paragraph, "hyperlink", anchor=bookmark, history="1"), text)

    def space(self, *, after: int = 0, line: int | None = None) -> None:
        """Set the space after the last paragraph and the height of its line, in twentieths of a point."""
        paragraph = self.holder.findall(_w("p"))[-1]
        form = paragraph.find(_w("pPr"))
        height = {} if line is None else {"line": str(line), "lineRule": "exact"}
        spacing = form.makeelement(_w("spacing"), {_w(k): v for k, v in {"after": str(after), **height}.items()})
        behind = next((e for e in form if e.tag in (_w("jc"), _w("sectPr"))), None)
        if behind is None:
            form.append(spacing)
        else:
            behind.addprevious(spacing)


def table_element(item: NumberedTable, width: float) -> Any:
    """The table as an element: header row on every page, no row split between pages, rules above and below."""
    from docx.oxml import OxmlElement

    columns = item.table.columns
    whole = sum(c.width for c in columns)
    widths = [round(width * TWIPS * c.width / whole) for c in columns]
    table = OxmlElement("w:tbl")
    shape = _add(table, "tblPr")
    _add(shape, "tblW", w=str(sum(widths)), type="dxa")
    _add(shape, "tblLayout", type="fixed")
    margins = _add(shape, "tblCellMar")
    for side in ("left", "right"):
        _add(margins, side, w="60", type="dxa")
    _add(shape, "tblCaption", val=clean(item.heading))
    grid = _add(table, "tblGrid")
    for w in widths:
        _add(grid, "gridCol", w=str(w))
    _header(table, columns, widths)
    rows = item.table.rows or (Row(f"No data to report. {item.empty}".strip(), heading=True),)
    below = False
    for i, row in enumerate(rows):
        _row(table, row, columns, widths, indented=below and not row.heading, last=i == len(rows) - 1)
        below = below or row.heading
    return table


@dataclass(frozen=True)
class Look:
    """How a cell looks: over how many columns, where its text stands, and which rules and pages it keeps to."""

    span: int = 1
    centred: bool = False
    bold: bool = False
    indent: int = 0
    edges: tuple[str, ...] = ()
    keep: bool = False
    """Keep the row on the page of the next one."""
    low: bool = False


def _header(table: Any, columns: Sequence[Column], widths: Sequence[int]) -> None:
    row = _add(table, "tr")
    rule = _add(row, "trPr")
    _add(rule, "cantSplit")
    _add(rule, "tblHeader")
    for column, width in zip(columns, widths, strict=True):
        look = Look(centred=column.numeric, bold=True, edges=("top", "bottom"), keep=True, low=True)
        _cell(row, column.label, width, look)


def _row(table: Any, row: Row, columns: Sequence[Column], widths: Sequence[int], *, indented: bool, last: bool) -> None:
    element = _add(table, "tr")
    _add(_add(element, "trPr"), "cantSplit")
    edges = ("bottom",) if last else ()
    if row.heading:
        _cell(element, row.header, sum(widths), Look(span=len(widths), bold=not last, edges=edges, keep=not last))
        return
    _cell(element, row.header, widths[0], Look(indent=INDENT if indented else 0, edges=edges))
    for text, column, width in zip(row.cells, columns[1:], widths[1:], strict=True):
        _cell(element, text, width, Look(centred=column.numeric, edges=edges))


def _cell(row: Any, text: str, width: int, look: Look) -> None:
    cell = _add(row, "tc")
    shape = _add(cell, "tcPr")
    _add(shape, "tcW", w=str(width), type="dxa")
    if look.span > 1:
        _add(shape, "gridSpan", val=str(look.span))
    if look.edges:
        borders = _add(shape, "tcBorders")
        for edge in look.edges:
            _add(borders, edge, **RULE)
    if look.low:
        _add(shape, "vAlign", val="bottom")
    paragraph = _add(cell, "p")
    form = _add(paragraph, "pPr")
    _add(form, "pStyle", val=pages.CELL.replace(" ", ""))
    if look.keep:
        _add(form, "keepNext")
    if look.indent:
        _add(form, "ind", left=str(look.indent))
    if look.centred:
        _add(form, "jc", val="center")
    _run(paragraph, text, bold=look.bold)
