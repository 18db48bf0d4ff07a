"""The RTF document: whole groups, plain ASCII, titles and rows that repeat, and texts that arrive as they are."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from tests.reporting.documents import hostile
from tests.reporting.documents.made import Made
from tests.reporting.documents.test_word import PIXELS

from aftercart.reporting.documents import NumberedFigure
from aftercart.reporting.documents.model import clean
from aftercart.reporting.documents.rtf import encoded, rtf


@pytest.fixture(scope="module")
def document(reference: Made) -> str:
    return rtf(reference.tables, reference.origin).decode("ascii")


TOKEN = re.compile(r"\\u(-?\d+)\?|\\(line|tab) |\\([\\{}])|(.)", flags=re.DOTALL)


def decoded(text: str) -> str:
    """What a reader shows for an encoded text."""

    def shown(token: re.Match[str]) -> str:
        unit, word, escaped, plain = token.groups()
        return chr(int(unit) % 65536) if unit else {"line": "\n", "tab": "\t"}[word] if word else escaped or plain

    return TOKEN.sub(shown, text).encode("utf-16-le", "surrogatepass").decode("utf-16-le")


def sections(document: str) -> list[str]:
    return document.split("\\sect\n")


def rows(section: str) -> list[list[str]]:
    """The texts of the cells of each row."""
    found = re.findall(r"\\trowd.*?\\row\\pard", section, flags=re.DOTALL)
    return [
        [decoded(c) for c in re.findall(r"\{\\f\d(?:\\b)? (.*)\}\\cell$", row, flags=re.MULTILINE)] for row in found
    ]


@pytest.mark.parametrize(
    "text", ["a\\b{c}d", "é µ ≥ \u2013", hostile.JAPANESE, hostile.CYRILLIC, hostile.EMOJI, "a\nb\tc", hostile.RTF]
)
def test_a_text_is_encoded_in_ascii_and_can_be_read_back(text: str) -> None:
    assert encoded(text).isascii()
    assert decoded(encoded(text)) == text


def test_the_groups_of_the_document_are_whole(document: str) -> None:
    depth = 0
    for brace in re.findall(r"(?<!\\)(?:\\\\)*([{}])", document):
        depth += 1 if brace == "{" else -1
        assert depth >= 0
    assert depth == 0
    assert document.startswith("{\\rtf1")


def test_every_table_has_the_cells_of_the_model(reference: Made, document: str) -> None:
    parts = sections(document)
    assert len(parts) == len(reference.tables) + 1
    for item, part in zip(reference.tables, parts[1:], strict=True):
        _, head, *others = rows(part)  # the first stands in the head of the pages that follow
        assert head == [c.label for c in item.table.columns]
        assert others == [[r.header] if r.heading else [r.header, *r.cells] for r in item.table.rows]


def test_titles_and_column_headings_stand_on_every_page_and_no_row_is_split(reference: Made, document: str) -> None:
    for item, part in zip(reference.tables, sections(document)[1:], strict=True):
        assert part.count("\\trkeep") == part.count("\\trowd") == len(item.table.rows) + 2
        assert "\\titlepg" in part
        more = re.search(r"\{\\header (.*?)\}\{\\footerf", part, flags=re.DOTALL)
        assert more is not None
        number, _, title = item.heading.partition(": ")
        assert encoded(f"{number} (continued)") in more.group(1)
        assert encoded(title) in more.group(1)
        assert rows(more.group(1)) == [[c.label for c in item.table.columns]]
        for foot in ("footerf", "footer"):
            said = re.search(rf"\{{\\{foot} (.*?\\par\}}\n)\}}", part, flags=re.DOTALL)
            assert said is not None
            assert all(encoded(note) in said.group(1) for note in item.table.notes)
            assert "{\\*\\fldinst PAGE}" in said.group(1)
            assert "{\\*\\fldinst NUMPAGES}" in said.group(1)
            assert reference.study.content_hash in said.group(1)
        assert part.count("Simulated data") == 2


def test_rows_keep_the_rules_of_a_submission_table(document: str) -> None:
    part = sections(document)[1].partition("\\footerf")[2]
    found = re.findall(r"\\trowd.*?\\row\\pard", part, flags=re.DOTALL)
    assert found[0].count("\\clbrdrt\\brdrs") == found[0].count("\\clbrdrb\\brdrs") == 5
    assert found[-1].count("\\clbrdrb\\brdrs") == 5
    assert not any("\\brdrs" in row for row in found[1:-1])
    assert "\\li180" in found[2]
    assert "\\keepn" in found[1]


@pytest.mark.parametrize(("paper", "size"), [("letter", (15840, 12240)), ("a4", (16834, 11909))])
def test_the_paper_is_the_one_asked_for(reference: Made, paper: str, size: tuple[int, int]) -> None:
    text = rtf(reference.tables[:1], reference.origin, paper=paper).decode("ascii")
    assert f"\\paperw{size[0]}\\paperh{size[1]}\\landscape" in text
    edges = [int(x) for x in re.findall(r"\\cellx(\d+)", text)]
    assert max(edges) == pytest.approx(size[0] - 2 * 1080, abs=2)


def test_a_figure_is_an_image_with_words_for_those_who_cannot_see_it(reference: Made) -> None:
    figure = NumberedFigure("14.2.1", "Course", "It fell in 8 of 8 {≥}.", png=PIXELS)
    text = rtf([figure], reference.origin).decode("ascii")
    assert "\\sn wzDescription}{\\sv It fell in 8 of 8 \\{\\u8805?\\}.}" in text
    picture = re.search(r"\\pngblip\\picw2\\pich1.*? ([0-9a-f\n]+)\}", text)
    assert picture is not None
    assert bytes.fromhex(picture.group(1).replace("\n", "")) == PIXELS


def test_the_same_input_gives_the_same_bytes(reference: Made, document: str) -> None:
    assert rtf(reference.tables, reference.origin) == document.encode("ascii")
    assert "{\\creatim\\yr2024\\mo2\\dy29}" in document


def test_every_text_arrives_whatever_it_holds(make: Callable[..., Made]) -> None:
    found = make(**hostile.tables())
    origin = replace(found.origin, title=hostile.JAPANESE, scope=(hostile.RTF,))
    text = rtf(found.tables, origin).decode("ascii")
    cells = {cell for part in sections(text) for row in rows(part) for cell in row}
    for wanted in (hostile.MARKUP, hostile.RTF, hostile.DASHES, hostile.LONG, hostile.EMOJI, clean(hostile.CONTROL)):
        assert wanted in cells, wanted
    assert hostile.JAPANESE in cells
    assert text.count(encoded(hostile.RTF)) >= 2 * len(found.tables)


def test_a_table_without_rows_says_why(make: Callable[..., Made]) -> None:
    found = make()
    index = next(i for i, t in enumerate(found.tables) if t.number == "14.3.7")
    part = sections(rtf(found.tables, found.origin).decode("ascii"))[index + 1]
    assert rows(part)[2:] == [["No data to report. No adverse event is recorded after infusion."]]
