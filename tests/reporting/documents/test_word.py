"""The Word document read back: tables cell by cell, titles, fields, marks, alt text, and the same bytes again."""

from __future__ import annotations

import io
import time
import zipfile
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC
from typing import Any

import docx
import pytest
from docx.oxml.ns import qn
from tests.reporting.documents import hostile
from tests.reporting.documents.made import Made

from aftercart.reporting.documents import NumberedFigure
from aftercart.reporting.documents.model import clean
from aftercart.reporting.documents.word import word

PIXELS = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000020000000108020000007b40e8dd0000000c4944415478da63f8ffff3f0005fe02fe"
    "a135819e0000000049454e44ae426082"
)


def opened(data: bytes) -> Any:
    return docx.Document(io.BytesIO(data))


@pytest.fixture(scope="module")
def document(reference: Made) -> Any:
    return opened(word(reference.tables, reference.origin))


def _rows(table: Any) -> list[list[str]]:
    """The texts of a table, each cell that spans columns once."""
    return [
        ["".join(_text(part) for part in cell.iter(qn("w:t"), qn("w:br"))) for cell in row.iter(qn("w:tc"))]
        for row in table._tbl.iter(qn("w:tr"))
    ]


def _text(part: Any) -> str:
    return "\n" if part.tag == qn("w:br") else part.text or ""


def test_every_table_has_the_cells_of_the_model(reference: Made, document: Any) -> None:
    assert len(document.tables) == len(reference.tables)
    for item, table in zip(reference.tables, document.tables, strict=True):
        head, *rows = _rows(table)
        assert head == [c.label for c in item.table.columns]
        assert rows == [[r.header] if r.heading else [r.header, *r.cells] for r in item.table.rows]


def test_the_header_row_repeats_and_no_row_is_split(document: Any) -> None:
    for table in document.tables:
        rows = list(table._tbl.iter(qn("w:tr")))
        assert all(row.find(f".//{qn('w:cantSplit')}") is not None for row in rows)
        assert [row.find(f".//{qn('w:tblHeader')}") is not None for row in rows] == [True] + [False] * (len(rows) - 1)
        assert table._tbl.find(f".//{qn('w:tblCaption')}").get(qn("w:val")).startswith(("Table ", "Listing "))


def test_every_page_has_title_mark_page_of_pages_cut_off_version_and_hash(reference: Made, document: Any) -> None:
    sections = list(document.sections)
    assert len(sections) == len(reference.tables) + 1
    for item, section in zip((None, *reference.tables), sections, strict=True):
        for head, foot in ((section.header, section.footer), (section.first_page_header, section.first_page_footer)):
            assert "Simulated data" in head.paragraphs[0].text
            said = "\n".join(p.text for p in foot.paragraphs)
            assert f"Data cut-off: {reference.origin.data_cut_off}." in said
            assert reference.study.content_hash in said
            assert f"version {reference.origin.software_version}" in said
            fields = [i.text.strip() for i in foot._element.iter(qn("w:instrText"))]
            assert fields == ["PAGE", "NUMPAGES"]
            if item is not None:
                assert all(note in said for note in item.table.notes)
        if item is not None:
            again = "\n".join(p.text for p in section.header.paragraphs)
            number, _, title = item.heading.partition(": ")
            assert f"{number} (continued)" in again
            assert title in again
            assert f"Population: {item.population}" in again
    headings = [p.text for p in document.paragraphs if p.style.name == "Heading 1"]
    assert headings == [t.heading.replace(": ", "\n", 1) for t in reference.tables]


@pytest.mark.parametrize(("paper", "size"), [("letter", (11.0, 8.5)), ("a4", (11.69, 8.27))])
def test_pages_are_landscape_on_the_paper_asked_for(reference: Made, paper: str, size: tuple[float, float]) -> None:
    found = opened(word(reference.tables[:2], reference.origin, paper=paper))
    for section in found.sections:
        assert (section.page_width.inches, section.page_height.inches) == pytest.approx(size, abs=0.01)
        text_width = section.page_width - section.left_margin - section.right_margin
        for table in found.tables:
            widths = [int(c.get(qn("w:w"))) * 635 for c in table._tbl.iter(qn("w:gridCol"))]
            assert sum(widths) == pytest.approx(text_width, rel=0.001)


def test_the_contents_lead_to_every_table(reference: Made, document: Any) -> None:
    links = {link.get(qn("w:anchor")): link for link in document.element.body.iter(qn("w:hyperlink"))}
    marks = {mark.get(qn("w:name")) for mark in document.element.body.iter(qn("w:bookmarkStart"))}
    assert set(links) == marks
    assert len(links) == len(reference.tables)


def test_a_figure_is_an_image_with_words_for_those_who_cannot_see_it(reference: Made) -> None:
    drawn = NumberedFigure("14.2.1", "Course", "It fell in 8 of 8.", note="Each line a patient.", png=PIXELS)
    absent = NumberedFigure("14.2.2", "Other course", "There is no figure. Nobody was measured.")
    found = opened(word([drawn, absent], reference.origin))
    (shape,) = found.inline_shapes
    assert shape._inline.docPr.get("descr") == "It fell in 8 of 8."
    assert shape.width.inches / shape.height.inches == pytest.approx(2)
    text = "\n".join(p.text for p in found.paragraphs)
    assert "Figure 14.2.2\nOther course" in text
    assert "Nobody was measured." in text
    assert "Each line a patient." in found.sections[1].footer.paragraphs[0].text


def test_the_same_input_gives_the_same_bytes_at_any_time(reference: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    first = word(reference.tables, reference.origin)
    later = time.time() + 400_000
    monkeypatch.setattr(time, "time", lambda: later)
    assert word(reference.tables, reference.origin) == first
    names = zipfile.ZipFile(io.BytesIO(first)).infolist()
    assert {i.date_time for i in names} == {(2024, 2, 29, 0, 0, 0)}
    facts = opened(first).core_properties
    assert facts.created == facts.modified == reference.origin.moment.replace(tzinfo=UTC)
    assert (facts.author, facts.last_modified_by, facts.comments) == ("aftercart", "aftercart", "")


def test_every_text_arrives_whatever_it_holds(make: Callable[..., Made]) -> None:
    found = make(**hostile.tables())
    origin = replace(found.origin, title=f"{hostile.MARKUP} {hostile.JAPANESE}", scope=(hostile.RTF,))
    document = opened(word(found.tables, origin))
    cells = {cell for table in document.tables for row in _rows(table) for cell in row}
    for text in (hostile.MARKUP, hostile.RTF, hostile.DASHES, hostile.LONG, hostile.EMOJI, clean(hostile.CONTROL)):
        assert text in cells, text
    assert any(cell.startswith(f"{hostile.CYRILLIC}, SLE") for cell in cells)
    assert hostile.JAPANESE in cells
    for section in document.sections:
        for head in (section.first_page_header, section.header):
            assert hostile.JAPANESE in head.paragraphs[0].text
            assert head.paragraphs[1].text == hostile.RTF


def test_a_table_without_rows_says_why(make: Callable[..., Made]) -> None:
    found = make()
    index = next(i for i, t in enumerate(found.tables) if t.number == "14.3.7")
    rows = _rows(opened(word(found.tables, found.origin)).tables[index])
    assert rows[1:] == [["No data to report. No adverse event is recorded after infusion."]]
