"""What the page of the reference cohort says, word for word: headline, abstract, estimates, one patient."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion


@pytest.fixture(scope="module")
def text(reference_report: Path) -> str:
    return (reference_report / "report.html").read_text("utf-8")


def said(part: str) -> list[str]:
    """The words of a part of the page, one line per cell, item or paragraph group."""
    bare = re.sub(r"<(svg|script|style)\b.*?</\1>|</?a\b[^>]*>", "", part, flags=re.DOTALL)
    rows = re.split(r"</?(?:tr|li|p|h[1-6]|details|ul|div|caption)\b[^>]*>", bare)
    lines = (re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", row)).strip() for row in rows)
    return [unescape(line) for line in lines if line]


def between(text: str, start: str, end: str) -> str:
    return text[text.index(start) : text.index(end, text.index(start) + len(start))]


def test_headline(text: str, snapshot: SnapshotAssertion) -> None:
    assert said(between(text, '<ul class="headline">', "</ul>")) == snapshot


def test_abstract(text: str, snapshot: SnapshotAssertion) -> None:
    assert said(between(text, '<div class="abstract">', "</section>")) == snapshot


@pytest.mark.parametrize("caption", ["Safety outcomes", "Efficacy, systemic lupus erythematosus"])
def test_estimates(text: str, snapshot: SnapshotAssertion, caption: str) -> None:
    start = f'aria-label="{caption}"'
    assert said(between(text, start, "</table>")[len(start) + 1 :]) == snapshot


def test_the_part_of_one_patient(text: str, snapshot: SnapshotAssertion) -> None:
    own = between(text, '<details class="patient" data-subject="IIM-2"', "<h4>Why each result")
    assert said(own) == snapshot


def test_the_reason_of_a_grade(text: str, snapshot: SnapshotAssertion) -> None:
    own = between(
        text, '<details class="patient" data-subject="IIM-2"', '<details class="patient" data-subject="IIM-3"'
    )
    start = '<details class="decision" data-criterion="crs_astct_2019" data-day="7"'
    assert said(between(own, start, "</details>")) == snapshot
