"""Rows of patients and the time axis."""

from __future__ import annotations

import polars as pl
import pytest

from aftercart.reporting.figures.marks import Rows, TimeAxis


def patients(n: int) -> pl.DataFrame:
    return pl.DataFrame({"indication": ["SLE"] * n, "patient": [f"P{i:04}" for i in range(n)]})


def rows(n: int, weights: dict[str, float] | None = None) -> Rows:
    first = pl.DataFrame(
        {"patient": list(weights or {}), "weight": list((weights or {}).values())},
        schema={"patient": pl.String, "weight": pl.Float64},
    )
    return Rows.of(patients(n), tall=40, least=9, first=first, chosen="those with the highest grades")


@pytest.mark.parametrize(("n", "height"), [(1, 40), (30, 40), (60, 20), (200, 9), (400, 9)])
def test_rows_become_lower_but_stay_legible(n: int, height: float) -> None:
    found = rows(n)
    assert (found.n, found.height) == (n, height)
    assert found.said() == ""


def test_of_thousands_those_with_most_to_show_have_a_row_in_display_order() -> None:
    found = rows(3000, {"P2999": 5.0, "P0007": 4.0})
    kept = found.patients["patient"].to_list()
    assert found.n == 100
    assert kept[-1] == "P2999"
    assert kept == sorted(kept)
    assert "P0007" in kept
    assert found.said() == (
        "Of 3,000 patients, 100 have a row: those with the highest grades; the other 2,900 are only counted in words."
    )


def test_a_row_has_its_place_in_pixels() -> None:
    placed = rows(3).place(pl.DataFrame({"patient": ["P0002", "P0000", "elsewhere"]}), top=10, at=0.25)
    assert placed.rows() == [("P0002", 10 + 2.75 * 40), ("P0000", 10 + 0.75 * 40)]


def test_names_say_the_disease_where_several_are_mixed_and_are_cut_when_long() -> None:
    mixed = pl.DataFrame({"indication": ["SLE", "IIM", "IIM"], "patient": ["P1", "IIM-1", "a very long name indeed"]})
    found = Rows.of(
        mixed, tall=40, least=9, first=pl.DataFrame(schema={"patient": pl.String, "weight": pl.Float64}), chosen=""
    )
    assert found.names(0, 50)["text"].to_list() == ["P1 \u00b7 SLE", "IIM-1", "a very long name \u2026 \u00b7 IIM"]


@pytest.mark.parametrize(
    ("axis", "ticks"),
    [
        (TimeAxis.to(20), ["0", "10", "20"]),
        (TimeAxis.to(365, start=-90), ["\u221290", "0", "10", "20", "30", "3 mo", "6 mo", "9 mo"]),
        (TimeAxis.to(1100), ["0", "10", "20", "30", "6 mo", "12 mo", "18 mo", "24 mo", "30 mo", "36 mo"]),
        (TimeAxis.to(5500), ["0", "10", "20", "30", "2 y", "4 y", "6 y", "8 y", "10 y", "12 y", "14 y"]),
    ],
)
def test_ticks_suit_the_length_of_follow_up(axis: TimeAxis, ticks: list[str]) -> None:
    assert list(axis.ticks().values()) == ticks


def test_the_axis_is_linear_in_each_stretch() -> None:
    axis = TimeAxis.to(1030, start=-100, width=1000)
    days = pl.DataFrame({"d": [-200, -100, -50, 0, 15, 30, 530, 1030]})
    assert days.select(axis.pixel(pl.col("d"))).to_series().to_list() == [0, 0, 50, 100, 280, 460, 730, 1000]


@pytest.mark.parametrize(("start", "last"), [(0, 20), (-90, 20), (0, 700), (-90, 1100)])
def test_one_day_stands_where_a_column_of_days_puts_it(start: int, last: int) -> None:
    axis = TimeAxis.to(last, start=start, width=613)
    days = list(range(start - 5, last + 10))
    placed = pl.select(axis.pixel(pl.lit(pl.Series(days)))).to_series()
    assert [axis.at(day) for day in days] == placed.to_list()
