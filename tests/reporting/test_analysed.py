"""Tables of an analysis: counts before percentages, no percentage of few patients, denominators side by side."""

from __future__ import annotations

import re

import polars as pl
import pytest

import aftercart as ac
from aftercart.reporting import analysed
from aftercart.reporting.tables import Row, Table


@pytest.fixture(scope="module")
def found(reference_analysis: ac.Analysis) -> ac.Analysis:
    return reference_analysis


def row(table: Table, header: str, after: str | None = None) -> Row:
    """The row of that name, below the heading `after`."""
    rows = list(table.rows)
    start = next(i for i, r in enumerate(rows) if r.heading and r.header == after) if after else 0
    return next(r for r in rows[start:] if r.header == header and not r.heading)


def test_patients_at_entry(found: ac.Analysis) -> None:
    table = analysed.described(found.baseline)
    assert [c.label for c in table.columns] == ["Characteristic", "all", "SLE", "IIM", "SSc"]
    assert row(table, "F", "Sex").cells == ("10/15 (67%)", "7/8 (88%)", "2/3", "1/4")
    assert row(table, "Age at infusion, years").cells[0].startswith("36 (")
    # Asked of patients with lupus only.
    assert row(table, "SLEDAI-2K at baseline").cells[2:] == ("\u2013", "\u2013")
    assert row(table, "rituximab", "Treatment before infusion").cells[0] == "8/15 (53%)"
    assert row(table, "CAR-positive cells given").cells[0] == "not recorded"


def test_laboratory_grades_before_and_after(found: ac.Analysis) -> None:
    table = analysed.shifts(found.shifts)
    tests = [r.header for r in table.rows if r.heading]
    assert "neutrophils (v5)" in tests
    start = next(i for i, r in enumerate(table.rows) if r.header == "neutrophils (v5)")
    counts = []
    for r in table.rows[start + 1 :]:
        if r.heading:
            break
        counts += [int(c) for c in r.cells if c]
    assert sum(counts) == 15


def test_responses_side_by_side() -> None:
    frame = pl.DataFrame(
        {
            "id": ["doris_month_6", "doris_month_12"],
            "label": ["DORIS remission, month 6", "DORIS remission, month 12"],
            "stratum": ["SLE", "all"],
            "responders": [3, 7],
            "observed_n": [4, 7],
            "observed_low": [0.194, 0.590],
            "observed_high": [0.994, 1.0],
            "imputed_n": [5, 8],
            "imputed_low": [0.147, 0.473],
            "imputed_high": [0.947, 0.997],
            "ci_method": ["Clopper-Pearson exact"] * 2,
            "ci_level": [0.95] * 2,
        }
    )
    table = analysed.responders(frame)
    # No percentage of four patients.
    assert table.rows[0].cells == ("SLE", "3/4", "", "0.19 to 0.994", "3/5", "60%", "15 to 95%")
    assert table.rows[1].cells == ("all", "7/7", "100%", "59 to 100%", "7/8", "88%", "47 to 99.7%")
    assert "Clopper-Pearson exact, 95%" in table.notes[1]


def test_no_percentage_without_its_count_or_of_fewer_than_five(found: ac.Analysis) -> None:
    """Each percentage stands in a cell with its count or in those after it, and never after one of few patients."""
    seen = {True: 0, False: 0}
    for r in analysed.described(found.baseline).rows:
        for cell in (c for c in r.cells if "/" in c):
            few = int(re.fullmatch(r"\d+/(\d+)( \(\S+%\))?(, \d+ unknown)?", cell)[1]) < 5
            seen[few] += 1
            assert not few or "%" not in cell
    for table in analysed.every_estimate(found.estimates, found.responders):
        labels = [c.label for c in table.columns]
        parts = [slice(2, 5)] if "Method" in labels else [slice(1, 4), slice(4, 7)]
        for r in table.rows:
            for count, *after in (r.cells[part] for part in parts):
                few = float(count.split("/")[1]) < 5
                seen[few] += 1
                assert not few or "%" not in "".join(after), r
    assert min(seen.values()) > 100


def test_every_estimate_names_its_method(found: ac.Analysis) -> None:
    for table in analysed.every_estimate(found.estimates, found.responders):
        labels = [c.label for c in table.columns]
        if "Method" in labels:
            assert all(r.cells[labels.index("Method") - 1] for r in table.rows)
        else:
            assert any(note.startswith("Interval: ") for note in table.notes)
