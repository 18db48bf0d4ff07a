from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from aftercart import criteria

START = {
    "mrss": 20.0,
    "haq_di_0_3": 1.0,
    "patient_global_0_10": 6.0,
    "physician_global_0_10": 6.0,
    "fvc_percent_predicted": 80.0,
}


def decide(record: dict[str, Any] | None = None, **followup: float | None) -> dict[str, Any]:
    """Both visits unchanged except for the follow-up values given."""
    pair: dict[str, Any] = {f"baseline.{k}": v for k, v in START.items()}
    pair |= {f"followup.{k}": followup.get(k, v) for k, v in START.items()} | (record or {})
    return criteria.revised_criss(pl.DataFrame({k: [v] for k, v in pair.items()})).row(0, named=True)


@pytest.mark.parametrize(
    ("measure", "just", "short"),
    [
        ("mrss", 16.0, 16.1),
        ("haq_di_0_3", 0.8, 0.81),
        ("patient_global_0_10", 4.8, 4.9),
        ("physician_global_0_10", 4.8, 4.9),
        ("fvc_percent_predicted", 84.0, 83.9),
    ],
)
def test_limit_of_every_measure(measure: str, just: float, short: float) -> None:
    assert decide(**{measure: just})["n_improved_20"] == 1
    assert decide(**{measure: short})["n_improved_20"] == 0


LEVELS = [
    ((16.0, 0.8, 4.8, 6.0, 80.0), (True, False, False), "criss20"),
    ((15.2, 0.75, 4.5, 6.0, 80.0), (True, False, False), "criss20"),  # mRSS 24%
    ((15.0, 0.75, 4.5, 6.0, 80.0), (True, True, False), "criss25"),
    ((10.2, 0.5, 3.0, 6.0, 80.0), (True, True, False), "criss25"),  # mRSS 49%
    ((10.0, 0.5, 3.0, 6.0, 80.0), (True, True, True), "criss50"),
    ((10.0, 0.5, 6.0, 6.0, 84.0), (True, True, True), "criss50"),  # FVC counts by its own limit at every level
    ((10.0, 0.5, 6.0, 6.0, 83.9), (False, False, False), "fewer_than_three"),
    ((51.0, 3.0, 1.0, 1.0, 90.0), (True, True, True), "criss50"),  # worsening of others does not cancel
]


@pytest.mark.parametrize(("followup", "reached", "clause"), LEVELS)
def test_levels(followup: tuple[float, ...], reached: tuple[bool, ...], clause: str) -> None:
    found = decide(**dict(zip(START, followup, strict=True)))
    assert (found["criss20"], found["criss25"], found["criss50"]) == reached
    assert (found["clause"], found["missing"]) == (clause, None)


def test_improvement_in_percent_is_reported() -> None:
    found = decide(
        mrss=25.0, haq_di_0_3=0.5, patient_global_0_10=3.0, physician_global_0_10=9.0, fvc_percent_predicted=72.0
    )
    names = ("mrss", "haq_di", "patient_global", "physician_global", "fvc")
    assert [found[f"improvement_pct.{n}"] for n in names] == [-25, 50, 50, -50, -10]


@pytest.mark.parametrize("measure", list(START))
def test_a_baseline_of_zero_cannot_improve(measure: str) -> None:
    better = {"mrss": 10.0, "haq_di_0_3": 0.5, "patient_global_0_10": 3.0} | {measure: 0.0}
    if measure in ("physician_global_0_10", "fvc_percent_predicted"):
        better.pop("mrss")
    found = decide({f"baseline.{measure}": 0.0}, **better)
    assert (found["n_improved_20"], found["criss20"]) == (2, False)
    unknown = decide({f"baseline.{measure}": 0.0, f"followup.{measure}": None}, **better)
    assert unknown["criss20"] is False


@pytest.mark.parametrize(
    ("followup", "criss20", "n", "missing"),
    [
        ({"mrss": 16.0, "haq_di_0_3": 0.8, "patient_global_0_10": 4.8, "physician_global_0_10": None}, True, 3, None),
        ({"mrss": 16.0, "haq_di_0_3": 0.8, "patient_global_0_10": None}, None, 2, "followup.patient_global_0_10"),
        ({"mrss": 16.0, "patient_global_0_10": None}, False, 1, None),
        ({"mrss": 16.0, "haq_di_0_3": 0.8, "fvc_percent_predicted": None}, None, 2, "followup.fvc_percent_predicted"),
        ({"mrss": 16.0, "haq_di_0_3": 0.8, "physician_global_0_10": 11.0}, None, 2, "followup.physician_global_0_10"),
    ],
)
def test_missing_measures(followup: dict[str, float | None], criss20: bool | None, n: int, missing: str | None) -> None:
    found = decide(**followup)
    assert (found["criss20"], found["n_improved_20"], found["missing"]) == (criss20, n, missing)


def test_higher_levels_may_stay_open_when_the_first_is_decided() -> None:
    found = decide(mrss=16.0, haq_di_0_3=0.5, patient_global_0_10=3.0, physician_global_0_10=None)
    assert (found["criss20"], found["criss25"], found["criss50"]) == (True, None, None)


def test_baseline_gaps_are_named() -> None:
    found = decide({"baseline.mrss": None}, haq_di_0_3=0.5, patient_global_0_10=3.0)
    assert (found["criss20"], found["missing"]) == (None, "baseline.mrss")


@pytest.mark.parametrize(("limit", "criss20"), [(10, False), (4, True), (5, True), (None, None)])
def test_the_fvc_limit_is_an_input(limit: float | None, criss20: bool | None) -> None:
    record = {"fvc_relative_improvement_pct": limit}
    found = decide(record, mrss=16.0, haq_di_0_3=0.8, fvc_percent_predicted=84.0)
    assert found["criss20"] is criss20


def test_an_event_decides_even_when_measures_are_missing() -> None:
    record = {"step1.new_scleroderma_renal_crisis": True} | {f"followup.{k}": None for k in START}
    found = decide(record)
    assert (found["criss20"], found["criss25"], found["criss50"]) == (False, False, False)
    assert found["clause"] == "renal_crisis"
    open_event = decide({"step1.new_scleroderma_renal_crisis": None}, mrss=10.0)
    assert (open_event["criss20"], open_event["step1_not_improved"]) == (False, None)
