"""Pseudonyms and shifted dates: the same for the same key, of no use without it, intervals kept."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftercart.errors import UsageError
from aftercart.sources.importing import pseudonyms as of_import
from aftercart.sources.pseudonyms import FURTHEST_WEEKS, KEY_VARIABLE, Pseudonyms, shifted

KEY = b"0123456789abcdef"
HIDE = Pseudonyms(KEY, shift_dates=True)


def test_a_pseudonym_depends_on_the_key_and_on_nothing_else() -> None:
    assert HIDE.pseudonym("4711") == Pseudonyms(KEY).pseudonym("4711")
    assert HIDE.pseudonym("4711") != Pseudonyms(b"another key here").pseudonym("4711")
    assert HIDE.pseudonym("4711") != HIDE.pseudonym("4712")
    assert len({HIDE.pseudonym(str(n)) for n in range(5000)}) == 5000


@given(st.text())
def test_dates_move_by_whole_weeks_and_never_stay(subject: str) -> None:
    days = HIDE.days(subject)
    assert days % 7 == 0
    assert 7 <= abs(days) <= 7 * FURTHEST_WEEKS


def moved(text: str | None, days: int) -> str | None:
    frame = pl.DataFrame({"t": [text], "d": [days]}, schema={"t": pl.String, "d": pl.Int64})
    found: str | None = frame.select(shifted(pl.col("t"), pl.col("d"))).item()
    return found


@pytest.mark.parametrize(
    ("text", "days", "expected"),
    [
        ("2024-02-28", 7, "2024-03-06"),
        ("2024-02-28T14:20:05+01:00", -14, "2024-02-14T14:20:05+01:00"),
        ("2024-02", 28, "2024-03"),
        ("2024", 364, "2025"),
        ("2024", 7, "2024"),
        ("last spring", 7, None),
        ("2024-02-31", 7, None),
        (None, 7, None),
    ],
)
def test_how_a_date_moves(text: str | None, days: int, expected: str | None) -> None:
    assert moved(text, days) == expected


@given(st.dates(date(1930, 1, 1), date(2040, 1, 1)), st.dates(date(1930, 1, 1), date(2040, 1, 1)), st.text())
def test_intervals_stay_as_they_are(one: date, other: date, subject: str) -> None:
    days = HIDE.days(subject)
    first, second = (date.fromisoformat(str(moved(d.isoformat(), days))) for d in (one, other))
    assert second - first == other - one


def test_references_still_point_at_their_row() -> None:
    events = pl.DataFrame({"subject_id": ["A"], "row_id": ["EVT-A-1"], "start": ["2024-01-01"]})
    exposures = pl.DataFrame({"subject_id": ["A"], "row_id": ["EXP-A-1"], "indication_row": ["EVT-A-1"]})
    done, _ = HIDE.apply({"events": events, "exposures": exposures})
    assert done["exposures"]["indication_row"].to_list() == done["events"]["row_id"].to_list() != ["EVT-A-1"]


def test_texts_and_lots_are_left_out_and_said() -> None:
    events = pl.DataFrame({"subject_id": ["A"], "term_text": ["fell at Mrs Smith's"], "term": ["Fall"]})
    done, listed = HIDE.apply({"events": events})
    assert done["events"].columns == ["subject_id", "term"]
    assert [part.select("rule", "file", "column").row(0) for part in listed] == [
        ("text_left_out", "events", "term_text")
    ]
    kept, said = Pseudonyms(KEY, keep_text=True).apply({"events": events})
    assert "term_text" in kept["events"].columns
    assert said == []


def test_great_ages_are_pooled() -> None:
    subjects = pl.DataFrame({"subject_id": ["A", "B"], "age_at_infusion": ["89", "97"], "birth_year": [1930, 1922]})
    done, _ = HIDE.apply({"subjects": subjects})
    assert done["subjects"].select("age_at_infusion", "birth_year").rows() == [(89, 1930), (90, None)]


def test_the_key_comes_from_a_file_or_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    with pytest.raises(UsageError, match="no key"):
        Pseudonyms.from_environment()
    monkeypatch.setenv(KEY_VARIABLE, "short")
    with pytest.raises(UsageError, match="5 bytes, expected at least 16"):
        Pseudonyms.from_environment()
    monkeypatch.setenv(KEY_VARIABLE, KEY.decode())
    assert Pseudonyms.from_environment().pseudonym("A") == HIDE.pseudonym("A")
    file = tmp_path / "key"
    file.write_bytes(KEY + b"\n")
    assert Pseudonyms.from_environment(file).pseudonym("A") == HIDE.pseudonym("A")
    with pytest.raises(UsageError, match="cannot be read"):
        Pseudonyms.from_environment(tmp_path / "absent")


def test_the_key_must_not_lie_in_the_study(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="lies in the folder of the study"):
        of_import(tmp_path / "study" / "key", out=tmp_path / "study", shift_dates=False, keep_text=False)


def test_a_key_is_never_printed() -> None:
    assert KEY.decode() not in repr(HIDE)
