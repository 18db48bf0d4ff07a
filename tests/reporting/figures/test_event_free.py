"""Curves of the time to an event."""

from __future__ import annotations

import re

import polars as pl

from aftercart.analysis.courses import CURVES
from aftercart.reporting.figures import Figure, event_free

STEPS = [
    # time in days, at risk, events, value, low, high
    (0.0, 4, 0, 1.0, 0.4, 1.0),
    (100.0, 4, 1, 0.75, 0.2, 0.95),
    (400.0, 3, 0, 0.75, 0.2, 0.95),
    (500.0, 2, 2, 0.0, None, None),
]


def curves(id_: str = "survival", label: str = "Alive", stratum: str = "all") -> pl.DataFrame:
    rows = [(id_, label, stratum, *step, "by hand") for step in STEPS]
    return pl.DataFrame(rows, schema=CURVES, orient="row")


def drawn(frame: pl.DataFrame) -> Figure:
    found = event_free.draw(frame, simulated=False)
    assert found is not None
    return found


def test_data_are_the_steps_of_the_curves_of_all_patients() -> None:
    figure = drawn(pl.concat([curves(), curves(stratum="SLE")]))
    assert figure.data["time"].to_list() == [0.0, 100.0, 400.0, 500.0]
    assert figure.data["probability"].to_list() == [1.0, 0.75, 0.75, 0.0]


def test_the_finding_names_the_events_and_the_probability_at_a_year() -> None:
    assert drawn(curves()).alt == "Alive: 3 of 4 had the event, at month 12 0.75 (0.20 to 0.95)."


def test_the_number_at_risk_stands_under_every_tick() -> None:
    words = re.findall(r'<text x="[\d.]+" y="([\d.]+)"[^>]*>(\d+)</text>', drawn(curves()).svg())
    lowest = max(float(y) for y, _ in words)
    assert [text for y, text in words if float(y) == lowest] == ["4", "4", "3", "3", "3", "2"]


def test_observation_that_ended_without_the_event_is_marked_once() -> None:
    # One of three at risk at day 400 left; at day 100 and 500 everyone who left had the event.
    svg = drawn(curves()).svg()
    ticks = re.findall(r'<g stroke="#0072b2"><path d="([^"]+)"', svg)
    assert len(ticks) == 1
    assert ticks[0].count("M") == 1


def test_a_curve_of_weeks_is_told_in_days() -> None:
    short = curves().with_columns(pl.col("time") / 50)
    words = re.findall(r">([^<]+)</text>", drawn(short).svg())
    assert "days" in words
    assert "months" not in words


def test_an_incidence_with_a_competing_event_is_drawn_apart() -> None:
    figure = drawn(pl.concat([curves(), curves("relapse_incidence", "Relapsed (death competes)")]))
    assert 'stroke-dasharray="6,2"' in figure.svg()
    assert "Relapsed (death competes): 3 of 4" in figure.alt
