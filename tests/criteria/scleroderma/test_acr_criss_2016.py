from __future__ import annotations

from math import exp, log
from typing import Any

import polars as pl
import pytest

from aftercart import criteria

NAMES = ["mrss", "fvc_percent_predicted", "patient_global_0_10", "physician_global_0_10", "haq_di"]


def predict(*changes: float | None, **more: Any) -> dict[str, Any]:
    record = {f"changes.{n}": [c] for n, c in zip(NAMES, changes, strict=True)}
    record |= {k: [v] for k, v in more.items()}
    return criteria.acr_criss_2016(pl.DataFrame(record)).row(0, named=True)


@pytest.mark.parametrize(
    ("changes", "linear"),
    [
        ((0, 0, 0, 0, 0), -5.54),
        ((-1, 0, 0, 0, 0), -4.73),
        ((0, 1, 0, 0, 0), -5.33),
        ((0, 0, -1, 0, 0), -5.14),
        ((0, 0, 0, -1, 0), -5.10),
        ((0, 0, 0, 0, -1), -2.13),
        ((-10, 5, -3, -4, -0.5), 8.275),
    ],
)
def test_linear_predictor_and_probability(changes: tuple[float, ...], linear: float) -> None:
    found = predict(*changes)
    assert found["linear_predictor"] == pytest.approx(linear, abs=1e-12)
    probability = exp(linear) / (1 + exp(linear))
    for name in ("criss_probability", "criss_probability_lower_bound", "criss_probability_upper_bound"):
        assert found[name] == pytest.approx(probability, abs=1e-12)
    assert found["step1_not_improved"] is False
    assert found["improved_ge_0_60"] is (probability >= 0.6)
    assert found["clause"] == ("improved" if probability >= 0.6 else "not_improved")
    assert found["missing"] is None


def test_no_change_is_far_from_improved() -> None:
    assert predict(0, 0, 0, 0, 0)["criss_probability"] == pytest.approx(0.003911, abs=1e-6)


@pytest.mark.parametrize(("offset", "improved"), [(0.0, True), (1e-6, True), (-1e-6, False)])
def test_improved_from_a_probability_of_0_60(offset: float, improved: bool) -> None:
    # the change of mRSS at which p is exactly 0.60
    edge = -(log(1.5) + 5.54) / 0.81
    found = predict(edge - offset, 0, 0, 0, 0)
    assert found["criss_probability"] == pytest.approx(0.60, abs=1e-6)
    assert found["improved_ge_0_60"] is improved


@pytest.mark.parametrize(("change", "probability"), [(-5000, 1.0), (5000, 0.0)])
def test_extreme_changes_do_not_overflow(change: float, probability: float) -> None:
    assert predict(change, 0, 0, 0, 0)["criss_probability"] == probability


@pytest.mark.parametrize("gap", range(5))
def test_all_five_changes_are_needed(gap: int) -> None:
    changes = [-10, 5, -3, -4, -0.5]
    changes[gap] = None  # type: ignore[call-overload]
    found = predict(*changes)
    names = ("linear_predictor", "criss_probability", "improved_ge_0_60", "clause")
    assert all(found[n] is None for n in names)
    assert (found["criss_probability_lower_bound"], found["criss_probability_upper_bound"]) == (0, 1)
    assert found["missing"] == f"changes.{NAMES[gap]}"


def test_an_event_decides_without_the_changes() -> None:
    found = predict(*[None] * 5, **{"step1.new_scleroderma_renal_crisis": True})
    assert (found["criss_probability"], found["improved_ge_0_60"], found["clause"]) == (0, False, "renal_crisis")
    assert (found["criss_probability_lower_bound"], found["criss_probability_upper_bound"]) == (0, 0)


def test_an_open_event_leaves_an_improved_patient_open_and_no_other() -> None:
    open_event = {"step1.new_scleroderma_renal_crisis": None}
    found = predict(-10, 5, -3, -4, -0.5, **open_event)
    assert (found["criss_probability"], found["improved_ge_0_60"]) == (None, None)
    assert found["criss_probability_lower_bound"] == 0
    assert found["criss_probability_upper_bound"] == pytest.approx(0.999745, abs=1e-6)
    assert found["missing"] == "step1.new_scleroderma_renal_crisis"
    assert predict(0, 0, 0, 0, 0, **open_event)["improved_ge_0_60"] is False


def test_changes_from_the_values_of_both_visits() -> None:
    values = {
        "mrss": (30, 22),
        "fvc_percent_predicted": (80, 85),
        "patient_global_0_10": (6, 4),
        "physician_global_0_10": (7, 3),
        "haq_di_0_3": (1.5, 1.0),
    }
    record: dict[str, Any] = {}
    for name, (before, after) in values.items():
        record |= {f"baseline.{name}": [before], f"followup.{name}": [after]}
    found = criteria.acr_criss_2016(pl.DataFrame(record)).row(0, named=True)
    assert [found[f"change_used.{n}"] for n in NAMES] == [-8, 5, -2, -4, -0.5]
    given = criteria.acr_criss_2016(pl.DataFrame(record), **{"changes.mrss": -1}).row(0, named=True)
    assert given["change_used.mrss"] == -1
    refused = criteria.acr_criss_2016(pl.DataFrame(record | {"followup.mrss": [52]})).row(0, named=True)
    assert refused["criss_probability"] is None
