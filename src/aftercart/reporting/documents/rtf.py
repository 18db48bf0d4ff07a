"""Tables, listings and figures as one RTF document, written without an office suite.

rtflite draws one row of each form; the other rows have the same form with their own text, so that a listing of
thousands of rows takes no longer per row than a short table. Every table is a section of its own: its titles, its row
of column headings (on the pages after the first) and its footnotes stand in the head and foot of the section, so that
every program repeats them. Not all programs repeat a row that is marked as a heading (LibreOffice 7 does not).
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from aftercart.errors import MissingExtraError
from aftercart.reporting.documents import pages
from aftercart.reporting.documents.model import AROUND, MARGIN, PAPERS, NumberedFigure, NumberedTable, Origin, clean
from aftercart.reporting.tables import Column, Row

TWIPS = 1440
ARIAL = 4
"""Number of the font in rtflite's table."""

CELL_SIZE = 8
HEAD_SIZE, TITLE_SIZE, FOOT_SIZE = 17, 20, 15
"""Sizes of text in half points."""

INDENT = 180


def rtf(
    items: Sequence[NumberedTable | NumberedFigure], origin: Origin, *, paper: str = "letter", contents: bool = True
) -> bytes:
    """The document as bytes (ASCII). Arguments as for `word`; raises `MissingExtraError` without rtflite."""
    sections = []
    if contents:
        sections.append(_section(origin, paper, None, _cover(items, origin)))
    for i, item in enumerate(items):
        body, columns = _titles(item, i), ""
        if isinstance(item, NumberedTable):
            columns = _headings(item.table.columns, paper)
            body += columns + _table(item, paper)
        else:
            body += _figure(item, paper)
        sections.append(_section(origin, paper, item, body, columns))
    return (_start(origin, paper) + "\\sect\n".join(sections) + "}\n").encode("ascii")


def encoded(text: str) -> str:
    """A text as RTF: braces and backslashes escaped, everything beyond ASCII by its UTF-16 code."""
    parts = []
    for character in clean(text):
        if character in "\\{}":
            parts.append(f"\\{character}")
        elif character == "\n":
            parts.append("\\line ")
        elif character == "\t":
            parts.append("\\tab ")
        elif ord(character) < 128:
            parts.append(character)
        else:
            units = character.encode("utf-16-le")
            for i in range(0, len(units), 2):
                unit = int.from_bytes(units[i : i + 2], "little")
                parts.append(f"\\u{unit - 65536 if unit >= 32768 else unit}?")
    return "".join(parts)


def _library() -> Any:
    try:
        import rtflite
    except ImportError as error:
        raise MissingExtraError("rtflite", "documents", "an RTF document") from error
    return rtflite


def _page(paper: str) -> Any:
    width, height = PAPERS[paper]
    margins = [MARGIN, MARGIN, MARGIN, MARGIN, 0.4, 0.4]
    return _library().RTFPage(
        orientation="landscape",
        width=width,
        height=height,
        margin=margins,
        col_width=width - 2 * MARGIN,
        nrow=10**6,
        border_first="",
        border_last="",
    )


@cache
def _drawn(widths: tuple[float, ...], right: tuple[bool, ...], paper: str) -> tuple[str, ...]:
    """Rows of a table as rtflite draws them, with `@0@`, `@1@`, ... for the text of its cells.

    Returns the header row, a row, an indented row, and both of these as the last of the table. With one column the rows
    are bold: they are headings over the whole width.
    """
    library = _library()
    import polars as pl

    marks = [f"@{i}@" for i in range(len(widths))]
    sides = ["c" if r else "l" for r in right]
    bold = "b" if len(widths) == 1 else ""
    none = [[""] * len(widths)] * 4
    shared = {"text_font": [[ARIAL]], "text_font_size": [[CELL_SIZE]], "text_convert": [[False]]}
    document = library.RTFDocument(
        df=pl.DataFrame([marks] * 4, schema=[f"c{i}" for i in range(len(widths))], orient="row"),
        rtf_page=_page(paper),
        rtf_title=None,
        rtf_column_header=[
            library.RTFColumnHeader(
                text=marks,
                text_justification=sides,
                text_format=["b"] * len(widths),
                text_font=[ARIAL],
                text_font_size=[CELL_SIZE],
                text_convert=[False],
                border_left=[""],
                border_right=[""],
                border_top=["single"],
                border_bottom=["single"],
            )
        ],
        rtf_body=library.RTFBody(
            col_rel_width=list(widths),
            text_justification=[sides] * 4,
            text_format=[[bold] * len(widths)] * 4,
            text_indent_left=[[INDENT * (i % 2)] + [0] * (len(widths) - 1) for i in range(4)],
            text_hyphenation=[[False]],
            border_left=none,
            border_right=none,
            border_top=none,
            border_bottom=[[""] * len(widths)] * 2 + [["single"] * len(widths)] * 2,
            border_first="",
            border_last="",
            **shared,
        ),
    )
    rows = re.findall(r"\\trowd.*?\\row\\pard", document.rtf_encode(), flags=re.DOTALL)
    return tuple(row.replace("\\trowd", "\\trowd\\trkeep", 1) for row in rows)


def _filled(form: str, texts: Sequence[str]) -> str:
    return re.sub(r"@(\d+)@", lambda m: encoded(texts[int(m.group(1))]), form)


def _forms(columns: Sequence[Column], paper: str) -> tuple[str, ...]:
    return _drawn(tuple(c.width for c in columns), tuple(c.numeric for c in columns), paper)


def _headings(columns: Sequence[Column], paper: str) -> str:
    """The row of column headings."""
    return _filled(_forms(columns, paper)[0], [c.label for c in columns]) + "\n"


def _table(item: NumberedTable, paper: str) -> str:
    """The rows below the column headings."""
    _, *forms = _forms(item.table.columns, paper)
    _, over, _, over_last, _ = _drawn((1.0,), (False,), paper)
    rows = item.table.rows or (Row(f"No data to report. {item.empty}".strip(), heading=True),)
    parts: list[str] = []
    below = False
    for i, row in enumerate(rows):
        last = i == len(rows) - 1
        if row.heading:
            form = over_last if last else over.replace("\\pard", "\\pard\\keepn", 1)
            parts.append(_filled(form, [row.header]))
        else:
            parts.append(_filled(forms[below + 2 * last], [row.header, *row.cells]))
        below = below or row.heading
    return "\n".join(parts) + "\n"


def _figure(item: NumberedFigure, paper: str) -> str:
    said = _paragraph(item.alt, "\\qc")
    if not item.png:
        return said
    library = _library()
    width, height = pages.fitted(item.png, PAPERS[paper][0] - 2 * MARGIN, PAPERS[paper][1] - AROUND)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "figure.png"
        path.write_bytes(item.png)
        figure = library.RTFFigure(figures=[str(path)], fig_width=width, fig_height=height)
        text: str = library.RTFDocument(rtf_figure=figure, rtf_page=_page(paper), rtf_title=None).rtf_encode()
    picture = re.search(r"\{\\pict.*?\}", text, flags=re.DOTALL)
    words = f"{{\\*\\picprop{{\\sp{{\\sn wzDescription}}{{\\sv {encoded(item.alt)}}}}}}}"
    drawn = picture.group(0).replace("{\\pict", f"{{\\pict{words}", 1) if picture else ""
    return f"{said}{{\\pard\\qc {drawn}\\par}}\n"


def _paragraph(text: str, form: str = "", *, size: int = HEAD_SIZE) -> str:
    return f"{{\\pard{form} \\f{ARIAL - 1}\\fs{size} {encoded(text)}\\par}}\n"


def _titles(item: NumberedTable | NumberedFigure, i: int) -> str:
    number, title, *rest = pages.titles(item)
    name = pages.bookmark(i)
    mark = f"{{\\*\\bkmkstart {name}}}{{\\*\\bkmkend {name}}}"
    heading = f"{{\\pard\\outlinelevel0\\qc\\sb40\\sa20 \\f{ARIAL - 1}\\fs{TITLE_SIZE}\\b {mark}"
    heading += encoded(f"{number}\n{title}") + "\\par}\n"
    return heading + "".join(_paragraph(line, "\\qc\\sa80") for line in rest)


def _cover(items: Sequence[NumberedTable | NumberedFigure], origin: Origin) -> str:
    text = _paragraph(origin.title, "\\sb1200\\sa240\\b", size=32)
    text += "".join(_paragraph(sentence, "\\sa40") for sentence in pages.about(origin))
    text += _paragraph(pages.CONTENTS, "\\sb80\\sa40\\b")
    for i, item in enumerate(items):
        goal = f'HYPERLINK \\\\l "{pages.bookmark(i)}"'
        link = f"{{\\field{{\\*\\fldinst {goal}}}{{\\fldrslt {encoded(item.heading)}}}}}"
        text += f"{{\\pard\\sa30 \\f{ARIAL - 1}\\fs{HEAD_SIZE} {link}\\par}}\n"
    return text


def _section(
    origin: Origin, paper: str, item: NumberedTable | NumberedFigure | None, body: str, columns: str = ""
) -> str:
    """One section: head and foot for its first page and for those that follow, then its body.

    columns: the row of column headings, for the head of the pages that follow.
    """
    title, notes = (pages.titles(item), pages.notes(item)) if item else ((), ())
    width, height = (round(side * TWIPS) for side in PAPERS[paper])
    margin = round(MARGIN * TWIPS)
    right = f"\\tqr\\tx{width - 2 * margin}"
    form = f"\\sectd\\sbkpage\\lndscpsxn\\pgwsxn{width}\\pghsxn{height}"
    form += (
        f"\\marglsxn{margin}\\margrsxn{margin}\\margtsxn{margin}\\margbsxn{margin}\\headery576\\footery576\\titlepg\n"
    )
    font = f"\\f{ARIAL - 1}"
    top = f"{{\\pard{right} {font}\\fs{HEAD_SIZE} {encoded(pages.left_head(origin))}"
    top += f"\\tab {{\\b {encoded(pages.mark(origin))}}}\\par}}\n"
    top += "".join(_paragraph(sentence, "\\i") for sentence in origin.scope)
    more = "".join(
        _paragraph(line, "\\qc\\b" if i < 2 else "\\qc\\sa80") for i, line in enumerate(pages.continued(title))
    )
    if columns:
        more += f"{columns}{{\\pard\\sl-20\\slmult0\\fs2\\par}}\n"
    foot = ""
    for i, note in enumerate((*notes, origin.programme)):
        foot += _paragraph(note, "\\brdrt\\brdrs\\brdrw10\\brsp20" if i == 0 else "", size=FOOT_SIZE)
    count = "Page {\\field{\\*\\fldinst PAGE}{\\fldrslt 1}} of {\\field{\\*\\fldinst NUMPAGES}{\\fldrslt 1}}"
    foot += f"{{\\pard{right} {font}\\fs{FOOT_SIZE} {encoded(origin.content)}\\tab {count}\\par}}\n"
    return f"{form}{{\\headerf {top}}}{{\\header {top}{more}}}{{\\footerf {foot}}}{{\\footer {foot}}}\n{body}"


def _start(origin: Origin, paper: str) -> str:
    """The start of the document as rtflite writes it, up to the first row, with what the file is about."""
    import polars as pl

    library = _library()
    text: str = library.RTFDocument(
        df=pl.DataFrame({"c": ["x"]}), rtf_page=_page(paper), rtf_title=None, rtf_body=library.RTFBody()
    ).rtf_encode()
    start = text[: text.index("\\trowd")].replace("\\deflang1033", "\\deflang1033\\uc1")
    day = origin.moment
    about = f"{{\\info{{\\title {encoded(f'{pages.TITLE}: {origin.title}')}}}{{\\author aftercart}}"
    about += f"{{\\creatim\\yr{day.year}\\mo{day.month}\\dy{day.day}}}}}\n"
    return start.rstrip() + "\n" + about
