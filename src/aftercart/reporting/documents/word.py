"""Tables, listings and figures as one Word document, written without an office suite."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from aftercart.errors import MissingExtraError
from aftercart.reporting.documents import pages
from aftercart.reporting.documents.model import AROUND, MARGIN, PAPERS, NumberedFigure, NumberedTable, Origin, clean
from aftercart.reporting.documents.word_tables import Paragraphs, table_element
from aftercart.reporting.figures.base import SIMULATED

FONT = "Arial"
BODY, SMALL = 8.5, 7.5
"""Sizes of text in points: tables and head, foot."""

TINY = 20
"""Height of the paragraph that ends a section, in twentieths of a point."""


def word(
    items: Sequence[NumberedTable | NumberedFigure], origin: Origin, *, paper: str = "letter", contents: bool = True
) -> bytes:
    """The document as bytes: each table or figure in a section of its own, with its title on every page of it.

    contents: begin with a page that says what the document is about and lists what it holds. The same input gives the
    same bytes. Raises `MissingExtraError` without python-docx.
    """
    try:
        import docx
    except ImportError as error:
        raise MissingExtraError("python-docx", "documents", "a Word document") from error
    document = docx.Document()
    _styles(document)
    _properties(document, origin)
    first = True
    if contents:
        _page(document.sections[-1], paper)
        _head_and_foot(document.sections[-1], origin, paper, title=(), notes=())
        _cover(document, items, origin)
        first = False
    for i, item in enumerate(items):
        section = document.sections[-1] if first else _new_section(document)
        first = False
        _page(section, paper)
        _head_and_foot(section, origin, paper, title=pages.titles(item), notes=pages.notes(item))
        _item(document, item, i, paper)
    stream = io.BytesIO()
    document.save(stream)
    return _same_bytes(stream.getvalue(), origin.moment)


def _styles(document: Any) -> None:
    from docx.enum.style import WD_STYLE_TYPE
    from docx.enum.text import WD_ALIGN_PARAGRAPH
    from docx.oxml.ns import qn
    from docx.shared import Pt, RGBColor

    def shape(style: Any, size: float, *, bold: bool = False, before: float = 0, after: float = 0) -> Any:
        style.font.name, style.font.size, style.font.bold = FONT, Pt(size), bold
        style.element.get_or_add_rPr().get_or_add_rFonts().set(qn("w:cs"), FONT)
        style.paragraph_format.space_before, style.paragraph_format.space_after = Pt(before), Pt(after)
        style.paragraph_format.line_spacing = 1
        return style

    styles = document.styles
    shape(styles["Normal"], BODY)
    heading = shape(styles["Heading 1"], 10, bold=True, before=2, after=1)
    heading.font.color.rgb = RGBColor(0, 0, 0)
    heading.element.rPr.rFonts.attrib.clear()
    heading.font.name = FONT
    heading.paragraph_format.alignment = WD_ALIGN_PARAGRAPH.CENTER
    for name, size, before in ((pages.CELL, BODY, 1.5), (pages.FOOT, SMALL, 0.5), (pages.LINE, BODY, 0)):
        shape(styles.add_style(name, WD_STYLE_TYPE.PARAGRAPH), size, before=before, after=before)
    shape(styles.add_style(pages.COVER, WD_STYLE_TYPE.PARAGRAPH), 16, bold=True, before=60, after=12)


def _properties(document: Any, origin: Origin) -> None:
    facts = document.core_properties
    facts.author = facts.last_modified_by = "aftercart"
    facts.title = clean(f"{pages.TITLE}: {origin.title}")[:250]
    facts.subject, facts.comments = clean(origin.study_id)[:250], ""
    facts.keywords = SIMULATED if origin.simulated else ""
    facts.language = "en"
    facts.created = facts.modified = origin.moment
    facts.revision = 1


def _new_section(document: Any) -> Any:
    from docx.enum.section import WD_SECTION

    section = document.add_section(WD_SECTION.NEW_PAGE)
    # The paragraph that holds the break is tiny, so that a full page is not followed by an empty one.
    Paragraphs(document.element.body, 0).space(line=TINY)
    return section


def _page(section: Any, paper: str) -> None:
    from docx.enum.section import WD_ORIENT
    from docx.shared import Inches

    width, height = PAPERS[paper]
    section.orientation = WD_ORIENT.LANDSCAPE
    section.page_width, section.page_height = Inches(width), Inches(height)
    section.left_margin = section.right_margin = Inches(MARGIN)
    section.top_margin = section.bottom_margin = Inches(MARGIN)
    section.header_distance = section.footer_distance = Inches(0.4)
    section.different_first_page_header_footer = True


def _head_and_foot(section: Any, origin: Origin, paper: str, *, title: Sequence[str], notes: Sequence[str]) -> None:
    width = PAPERS[paper][0] - 2 * MARGIN
    for head, continued in ((section.first_page_header, False), (section.header, True)):
        head.is_linked_to_previous = False
        lines = Paragraphs(head._element, width)
        lines.two_sided(pages.left_head(origin), pages.mark(origin), pages.LINE, bold_right=True)
        for sentence in origin.scope:
            lines.add(sentence, pages.LINE, italic=True)
        if continued:
            for i, line in enumerate(pages.continued(title)):
                lines.add(line, pages.LINE, bold=i < 2, centred=True)
    for foot in (section.first_page_footer, section.footer):
        foot.is_linked_to_previous = False
        lines = Paragraphs(foot._element, width)
        for i, note in enumerate((*notes, origin.programme)):
            lines.add(note, pages.FOOT, rule_above=i == 0)
        lines.numbered(origin.content, pages.FOOT)


def _cover(document: Any, items: Sequence[NumberedTable | NumberedFigure], origin: Origin) -> None:
    lines = Paragraphs(document.element.body, 0)
    lines.add(origin.title, pages.COVER)
    for sentence in pages.about(origin):
        lines.add(sentence, pages.CELL)
    lines.add(pages.CONTENTS, pages.CELL, bold=True)
    for i, item in enumerate(items):
        lines.link(item.heading, pages.bookmark(i), pages.CELL)


def _item(document: Any, item: NumberedTable | NumberedFigure, i: int, paper: str) -> None:
    from docx.shared import Inches
    from docx.text.paragraph import Paragraph

    lines = Paragraphs(document.element.body, 0)
    number, title, *rest = pages.titles(item)
    lines.heading(f"{number}\n{title}", pages.bookmark(i), i + 1)
    for line in rest:
        lines.add(line, pages.LINE, centred=True)
    width, height = PAPERS[paper][0] - 2 * MARGIN, PAPERS[paper][1] - AROUND
    if isinstance(item, NumberedTable):
        lines.space(after=80)
        document.element.body.insert(len(document.element.body) - 1, table_element(item, width))
        return
    lines.add(item.alt, pages.LINE, centred=True)
    if not item.png:
        return
    paragraph = Paragraph(lines.add("", pages.LINE, centred=True), document._body)
    drawn_width, drawn_height = pages.fitted(item.png, width, height)
    shape = paragraph.add_run().add_picture(
        io.BytesIO(item.png), width=Inches(drawn_width), height=Inches(drawn_height)
    )
    shape._inline.docPr.set("descr", clean(item.alt))
    shape._inline.docPr.set("title", clean(item.heading))


def _same_bytes(package: bytes, moment: datetime) -> bytes:
    """The package with the time of its parts fixed: files of a zip otherwise bear the time of writing."""
    stamp = (max(moment.year, 1980), moment.month, moment.day, 0, 0, 0)
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(package)) as source, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as out:
        for name in source.namelist():
            info = zipfile.ZipInfo(name, stamp)
            info.compress_type = zipfile.ZIP_STORED if name.endswith(".png") else zipfile.ZIP_DEFLATED
            info.create_system, info.external_attr = 3, 0o600 << 16
            out.writestr(info, source.read(name))
    return target.getvalue()
