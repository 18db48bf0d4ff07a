"""The tables of a submission: every number is one of the analysis, and small numbers stay counts."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import polars as pl
import pytest
from tests.reporting.documents.made import Made, made

import aftercart as ac
from aftercart.analysis.records import ALL
from aftercart.reporting.documents import Origin, tables_json
from aftercart.reporting.documents.model import NumberedTable, clean
from aftercart.reporting.numbers import interval, percentage

NUMBERS = [
    *(f"14.1.{i}" for i in range(1, 5)),
    *(f"14.2.1.{i}" for i in range(1, 4)),
    *(f"14.2.{i}" for i in range(2, 6)),
    *(f"14.3.{i}" for i in range(1, 10)),
    *(f"16.2.{i}" for i in range(1, 4)),
]


def text(item: NumberedTable) -> str:
    """A table as text: heading, population, columns, rows and notes."""
    lines = [item.heading, f"Population: {item.population}"]
    lines.append(" | ".join(c.label.replace("\n", " ") for c in item.table.columns))
    for row in item.table.rows:
        cells = (cell.replace("\n", " / ") for cell in (row.header, *row.cells))
        lines.append(f"* {row.header}" if row.heading else " | ".join(cells))
    return "\n".join([*lines, *(f"- {note}" for note in item.table.notes)])


def test_the_tables_are_numbered_in_the_order_of_a_submission(reference: Made) -> None:
    assert [t.number for t in reference.tables] == NUMBERS
    assert reference.table("14.1.2").heading == "Table 14.1.2: Demographic and Baseline Characteristics"
    assert reference.table("16.2.1").heading.startswith("Listing 16.2.1: ")


@pytest.mark.parametrize("number", [n for n in NUMBERS if n != "16.2.2"])
def test_the_text_of_each_table(reference: Made, snapshot: Any, number: str) -> None:
    assert text(reference.table(number)) == snapshot


def test_the_columns_are_each_disease_and_the_total_with_their_numbers(reference: Made) -> None:
    labels = [c.label for c in reference.table("14.3.2").table.columns]
    assert labels == ["Toxicity", "SLE\n(N = 8)", "IIM\n(N = 3)", "SSc\n(N = 4)", "Total\n(N = 15)"]


def test_every_estimate_is_that_of_the_analysis(reference: Made) -> None:
    """Cell by cell: the counts, the percentage and the limits of the record of the same id, stratum and time."""
    records = {(r["id"], r["stratum"], r["time"]): r for r in reference.analysis.estimates.iter_rows(named=True)}
    compared = 0
    for item in reference.tables:
        if item.number.startswith("14.2.1."):
            continue
        for row in item.table.rows:
            id_, _, time = row.estimate.partition("@")
            for column, cell in zip(item.table.columns[1:], row.cells, strict=False):
                record = records.get((id_, column.stratum, time or None))
                if record is None or record["unit"] != "proportion" or not record["denominator"]:
                    continue
                if row.header.startswith("Upper limit"):
                    continue
                events, n = int(record["numerator"]), int(record["denominator"])
                share = percentage(events, n)
                counted = f"{events}/{n} ({share})" if share else f"{events}/{n}"
                limits = f"[{interval(record['ci_low'], record['ci_high'], n)}]"
                assert cell in (f"{counted}\n{limits}", counted), (item.number, row.header)
                compared += 1
    assert compared > 250


def test_known_counts_of_the_reference_cohort(reference: Made) -> None:
    crs = {r.header: r.cells for r in reference.table("14.3.2").table.rows[:12]}
    assert crs["Any grade"] == (
        "5/8 (62%)\n[24 to 91%]",
        "3/3\n[0.29 to 1.00]",
        "1/4\n[0.006 to 0.81]",
        "9/15 (60%)\n[32 to 84%]",
    )
    assert crs["Day of onset"][-1] == "n = 9; 6 (5 to 6)\n5 to 7"
    zero = reference.table("14.3.8").table.rows
    assert [r.cells[-1] for r in zero if r.header == "Upper limit where none occurred"][1] == "0/15: up to 18.1%"
    shifts = {r.header: r.cells for r in reference.table("14.3.5").table.rows[7:9]}
    assert shifts["Baseline grade 0"] == ("0", "0", "6", "8", "1", "0", "15")


def test_a_disease_of_its_own_criterion_stands_in_its_column_and_the_total(reference: Made) -> None:
    rows = {r.header: r.cells for r in reference.table("14.2.5").table.rows}
    assert rows["Remission reached at any visit"] == (
        "8/8 (100%)\n[63 to 100%]",
        "\u2013",
        "\u2013",
        "8/8 (100%)\n[63 to 100%]",
    )


def test_no_percentage_of_fewer_than_five_and_none_without_its_count(reference: Made) -> None:
    seen = 0
    for item in reference.tables:
        for row in item.table.rows:
            for before, cell in zip(("", *row.cells), row.cells, strict=False):
                if "%" not in cell or item.number.startswith("16.") or item.number == "14.2.3":
                    continue  # listings have no percentages; the change of scores gives levels of intervals
                counted = re.search(r"\d+/(\d+)", before if cell.startswith("[") else cell)
                assert counted, (item.number, row.header, cell)
                assert int(counted.group(1)) >= 5, (item.number, row.header, cell)
                seen += 1
    assert seen > 200


def test_every_table_names_the_method_of_its_intervals_or_has_none(reference: Made) -> None:
    for item in reference.tables:
        notes = " ".join(item.table.notes)
        shown = any("[" in cell for row in item.table.rows for cell in row.cells) and item.number[:2] == "14"
        assert ("method:" in notes) == shown, item.number
        assert shown or "o interval is estimated" in notes, item.number


def test_non_responder_imputation_stands_beside_what_was_observed(reference: Made) -> None:
    item = reference.table("14.2.1.2")
    assert [c.label for c in item.table.columns[1:5]] == [
        "Observed\nn/N (%)",
        "Interval",
        "Imputed\nn/N (%)",
        "Interval",
    ]
    row = next(r for r in item.table.rows if r.header == "Month 12")
    assert row.cells == ("2/2", "[0.16 to 1.00]", "2/2", "[0.16 to 1.00]", "1 visit not yet reached")
    assert not any("dsDNA" in r.header for r in item.table.rows)  # assessed in no patient with myositis


def test_the_listing_of_grades_names_clause_and_rows(reference: Made) -> None:
    rows = reference.table("16.2.2").table.rows
    crs = next(r for r in rows if r.header == "IIM-2" and r.cells[0] == "Cytokine release syndrome")
    assert crs.cells[1:3] == ("7", "2")
    assert "hypotension" in crs.cells[3]
    assert crs.cells[4].startswith("assessments:ASM-IIM-2-")
    graded = reference.cohort.table.filter((pl.col("criterion") == "crs_astct_2019") & (pl.col("value") >= 1))
    listed = [r for r in rows if not r.heading and r.cells[0] == "Cytokine release syndrome"]
    assert len(listed) == graded["subject_id"].n_unique() == 9


def test_json_holds_every_table_under_its_number_with_the_same_texts(reference: Made) -> None:
    found = json.loads(tables_json(reference.tables, reference.origin))
    assert list(found["tables"]) == NUMBERS
    assert found["about"]["content_hash"] == reference.study.content_hash
    assert found["about"]["simulated"] is True
    for item in reference.tables:
        plain = found["tables"][item.number]
        rows = [r for r in item.table.rows if not r.heading]
        assert [r["cells"] for r in plain["rows"]] == [list(r.cells) for r in rows]
        assert plain["notes"] == list(item.table.notes)
    any_ = next(r for r in found["tables"]["14.3.2"]["rows"] if r.get("estimate") == "crs_any")
    assert any_["group"] == "Cytokine release syndrome (CRS)"
    assert [c["stratum"] for c in found["tables"]["14.3.2"]["columns"]] == [None, "SLE", "IIM", "SSC", ALL]


def test_one_patient_without_findings_has_every_table_with_a_reason_or_a_row(make: Callable[..., Made]) -> None:
    found = make()
    assert [t.number for t in found.tables][:6] == [*(f"14.1.{i}" for i in range(1, 5)), "14.2.1.1", "14.2.2"]
    for item in found.tables:
        assert item.table.rows or item.empty.endswith("."), item.number
        assert all(len(r.cells) == len(item.table.columns) - 1 for r in item.table.rows if not r.heading)
    assert found.table("14.3.7").empty == "No adverse event is recorded after infusion."
    assert not found.table("14.3.7").table.rows
    assert [c.label for c in found.table("14.1.2").table.columns] == ["Characteristic", "SLE\n(N = 1)"]
    cells = [c for t in found.tables for r in t.table.rows for c in r.cells if not r.heading]
    assert not any("%" in c for c in cells)
    for item in found.tables:
        headings = [r.heading for r in item.table.rows]
        assert not any(a and b for a, b in zip(headings, [*headings[1:], True], strict=False)), item.number


def test_nobody_infused_still_gives_tables(make: Callable[..., Made]) -> None:
    subject = {"subject_id": "P1", "indication": "SLE", "sex": "F", "age_at_infusion": 30}
    found = make(subjects=[subject], infusions=[])
    assert found.cohort.n == 0
    assert all(t.table.rows or t.empty for t in found.tables)


def test_events_without_a_record_are_not_evaluable_and_said_so(make: Callable[..., Made]) -> None:
    bad = [{"subject_id": "P1", "category": "infection", "start": "not a date"}]
    found = make(events=bad)
    row = next(r for r in found.table("14.3.1").table.rows if r.header == "Any adverse event")
    assert row.cells == ("not evaluable",)
    assert any(n.startswith("Not evaluable: Any adverse event: 1") for n in found.table("14.3.1").table.notes)


def test_a_text_is_cleaned_of_what_no_document_can_hold() -> None:
    assert clean("a\u0007b\r\nc\td\ufffe") == "a\ufffdb\nc\td\ufffd"
    assert clean("≥ 1\u20132 患者 😀") == "≥ 1\u20132 患者 😀"


def test_an_origin_without_a_cut_off_has_a_fixed_time() -> None:
    about = {
        "title": "T",
        "study_id": "S",
        "data_cut_off": None,
        "content_hash": "0",
        "software_version": "1",
        "simulated": False,
    }
    origin = Origin.of(about)
    assert origin.moment.year == 1980
    assert "not stated" in origin.programme


def test_the_order_of_rows_of_the_study_changes_no_table(reference: Made) -> None:
    study = ac.reference_cohort()
    from dataclasses import replace

    turned = replace(study, tables={n: t.sample(fraction=1, shuffle=True, seed=3) for n, t in study.tables.items()})
    again = made(turned)
    assert [text(t) for t in again.tables] == [text(t) for t in reference.tables]
