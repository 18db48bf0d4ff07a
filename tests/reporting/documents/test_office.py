"""The documents as another program shows them: an office suite lays them out and the pages are read."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tests.reporting.documents import hostile
from tests.reporting.documents.made import Made
from tests.reporting.documents.test_word import PIXELS

from aftercart.reporting.documents import NumberedFigure
from aftercart.reporting.documents.rtf import rtf
from aftercart.reporting.documents.word import word

pytestmark = [pytest.mark.office, pytest.mark.slow]

Office = Callable[[Path], Path]

WRITERS = {"docx": word, "rtf": rtf}


def pages(pdf: Path) -> list[str]:
    """The text of each page."""
    command = ["pdftotext", "-layout", str(pdf), "-"]
    text = subprocess.run(command, check=True, capture_output=True, timeout=120).stdout.decode("utf-8")
    return text.removesuffix("\f").split("\f")


def laid_out(office: Office, folder: Path, name: str, data: bytes) -> list[str]:
    path = folder / name
    path.write_bytes(data)
    return pages(office(path))


@pytest.mark.parametrize("kind", ["docx", "rtf"])
def test_the_pages_of_the_reference_report(reference: Made, office: Office, tmp_path: Path, kind: str) -> None:
    origin = replace(reference.origin, scope=("Restricted to 15 of 15 patients.",))
    figure = NumberedFigure("14.3.1", "Course", "It fell in 8 of 8.", png=PIXELS)
    data = WRITERS[kind]([*reference.tables, figure], origin)
    found = laid_out(office, tmp_path, f"reference.{kind}", data)
    for i, page in enumerate(found, start=1):
        assert re.search(rf"Page {i} of {len(found)}\b", page), i
        assert "Simulated data" in page
        assert "Restricted to 15 of 15 patients." in page
        assert reference.study.content_hash in page
        assert "Data cut-off: 2024-02-29." in page
    for item in reference.tables:
        number = item.heading.partition(":")[0]
        mine = [p for p in found[1:] if re.search(rf"^\s*{number}( \(continued\))?\s*$", p, flags=re.MULTILINE)]
        assert mine, number
        for page in mine:
            assert f"Population: {item.population}" in page
            last = re.sub(r"\s+", " ", page)
            assert all(re.sub(r"\s+", " ", note)[:60] in last for note in item.table.notes)
            heads = [c.label.partition("\n")[2] for c in item.table.columns if "(N = " in c.label]
            assert all(head in page for head in heads), number
    crs = next(p for p in found[1:] if re.search(r"^\s*Table 14\.3\.2\s*$", p, flags=re.MULTILINE))
    assert re.search(r"Any grade +5/8 \(62%\) +3/3 +1/4 +9/15 \(60%\)", crs)
    assert any("Figure 14.3.1" in p and "It fell in 8 of 8." in p for p in found[1:])


@pytest.mark.parametrize("kind", ["docx", "rtf"])
def test_hostile_texts_are_shown_as_they_are(
    make: Callable[..., Made], office: Office, tmp_path: Path, kind: str
) -> None:
    found = make(**hostile.tables())
    origin = replace(found.origin, title=f"{hostile.MARKUP} {hostile.JAPANESE}")
    whole = laid_out(office, tmp_path, f"hostile.{kind}", WRITERS[kind](found.tables, origin))
    text = re.sub(r"\s+", " ", " ".join(whole))
    for wanted in ("<script>alert(1)</script>", "\\par {\\b bold}", hostile.DASHES, hostile.JAPANESE, hostile.CYRILLIC):
        assert wanted in text, wanted
    tight = text.replace(" ", "")
    assert "verylongword" * 3 in tight
    assert all(re.search(rf"Page {i} of {len(whole)}\b", page) for i, page in enumerate(whole, start=1))


@pytest.mark.parametrize("kind", ["docx", "rtf"])
def test_one_patient_without_findings(make: Callable[..., Made], office: Office, tmp_path: Path, kind: str) -> None:
    found = make()
    whole = laid_out(office, tmp_path, f"thin.{kind}", WRITERS[kind](found.tables, found.origin))
    assert len(whole) <= len(found.tables) + 3
    for page in whole[1:]:
        lines = [line for line in page.splitlines() if line.strip()]
        assert len(lines) > 8, page  # head, titles, column headings, at least one row, foot
    assert sum("No data to report." in page for page in whole) == sum(not t.table.rows for t in found.tables)
