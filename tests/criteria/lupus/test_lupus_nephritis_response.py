from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from aftercart import criteria

STABLE = {
    "upcr_g_per_g": 0.3,
    "egfr_ml_min_1_73m2": 90,
    "baseline_upcr_g_per_g": 4.0,
    "baseline_egfr_ml_min_1_73m2": 100,
    "preflare_egfr_ml_min_1_73m2": 100,
    "prednisone_mg_per_day_max_recent": 5,
}
SHORT = {
    "ratio": "upcr_g_per_g",
    "egfr": "egfr_ml_min_1_73m2",
    "base_ratio": "baseline_upcr_g_per_g",
    "base_egfr": "baseline_egfr_ml_min_1_73m2",
    "preflare": "preflare_egfr_ml_min_1_73m2",
    "prednisone": "prednisone_mg_per_day_max_recent",
    "months": "months_since_start",
    "tolerance": "egfr_tolerance_fraction",
    "rescue": "rescue_therapy",
}


def respond(definition: str | None, **given: Any) -> dict[str, Any]:
    record = STABLE | {"definition": definition} | {SHORT[k]: v for k, v in given.items()}
    frame = pl.DataFrame({k: pl.Series(k, [v], strict=False) for k, v in record.items()})
    return criteria.lupus_nephritis_response(frame).row(0, named=True)


@pytest.mark.parametrize(
    ("given", "response", "clause"),
    [
        ({}, "complete", "kdigo_complete"),
        ({"ratio": 0.49}, "complete", "kdigo_complete"),
        ({"ratio": 0.5}, "partial", "kdigo_partial"),
        ({"ratio": 2.0}, "partial", "kdigo_partial"),
        ({"ratio": 2.01}, "no_response", "proteinuria"),
        ({"ratio": 2.99, "base_ratio": 7}, "partial", "kdigo_partial"),
        ({"ratio": 3.0, "base_ratio": 7}, "no_response", "proteinuria"),
        ({"ratio": 0.6, "base_ratio": 0}, "no_response", "proteinuria"),
        ({"ratio": 0.3, "base_ratio": 0}, "complete", "kdigo_complete"),
        ({"egfr": 85}, "complete", "kdigo_complete"),
        ({"egfr": 84.9}, "no_response", "function_lost"),
        ({"egfr": 76.5, "base_egfr": 90}, "complete", "kdigo_complete"),
        ({"egfr": 140}, "complete", "kdigo_complete"),
        ({"egfr": 89.9, "tolerance": 0.1}, "no_response", "function_lost"),
        ({"rescue": True}, "no_response", "rescue"),
        # missing, but decided
        ({"base_ratio": None}, "complete", "kdigo_complete"),
        ({"base_ratio": None, "ratio": 3.0}, "no_response", "proteinuria"),
        ({"base_ratio": None, "egfr": 70}, "no_response", "function_lost"),
        ({"ratio": None, "rescue": True}, "no_response", "rescue"),
        ({"egfr": None, "ratio": 3.0}, "no_response", "proteinuria"),
        # missing
        ({"ratio": None}, None, "upcr_g_per_g"),
        ({"egfr": None}, None, "egfr_ml_min_1_73m2"),
        ({"base_egfr": None}, None, "baseline_egfr_ml_min_1_73m2"),
        ({"rescue": None}, None, "rescue_therapy"),
        ({"tolerance": None}, None, "egfr_tolerance_fraction"),
        ({"ratio": -0.1}, None, "upcr_g_per_g"),
    ],
)
def test_kdigo(given: dict[str, Any], response: str | None, clause: str) -> None:
    found = respond("kdigo_2024", **given)
    assert found["response"] == response
    assert found["on_target"] is None
    assert (found["clause"] if response else found["missing"]) == clause
    assert (found["missing"] if response else found["clause"]) is None
    assert found["definition_met"] is (response == "complete" if response else None)


def test_without_the_baseline_ratio_a_partial_response_stays_open() -> None:
    found = respond("kdigo_2024", base_ratio=None, ratio=1.0)
    assert (found["response"], found["definition_met"], found["partial"]) == (None, False, None)
    assert (found["clause"], found["missing"]) == ("kdigo_not_complete", "baseline_upcr_g_per_g")


TRIALS = [
    ("aurora", {"ratio": 0.5, "egfr": 80}, True, "trial_response"),
    ("aurora", {"ratio": 0.51}, False, "proteinuria"),
    ("aurora", {"egfr": 60, "base_egfr": 120}, True, "trial_response"),
    ("aurora", {"egfr": 59, "base_egfr": 73.75}, True, "trial_response"),  # exactly 80%
    ("aurora", {"egfr": 59, "base_egfr": 74}, False, "function_lost"),
    ("aurora", {"egfr": 60, "base_egfr": None}, True, "trial_response"),
    ("aurora", {"egfr": 59, "base_egfr": None}, None, "baseline_egfr_ml_min_1_73m2"),
    ("aurora", {"prednisone": 10}, True, "trial_response"),
    ("aurora", {"prednisone": 10.1}, False, "aurora_prednisone"),
    ("aurora", {"prednisone": None}, None, "prednisone_mg_per_day_max_recent"),
    ("aurora", {"prednisone": None, "ratio": 0.6}, False, "proteinuria"),
    ("aurora", {"rescue": True}, False, "rescue"),
    ("bliss_ln_perr", {"ratio": 0.7}, True, "trial_response"),
    ("bliss_ln_perr", {"ratio": 0.71}, False, "proteinuria"),
    ("bliss_ln_perr", {"egfr": 60, "preflare": None}, True, "trial_response"),
    ("bliss_ln_perr", {"egfr": 48, "preflare": 60}, True, "trial_response"),
    ("bliss_ln_perr", {"egfr": 47.9, "preflare": 60}, False, "function_lost"),
    ("bliss_ln_perr", {"egfr": 59, "preflare": None}, None, "preflare_egfr_ml_min_1_73m2"),
    ("bliss_ln_perr", {"prednisone": 50}, True, "trial_response"),
    ("bliss_ln_perr", {"rescue": True}, False, "rescue"),
    ("bliss_ln_crr", {"ratio": 0.49}, True, "trial_response"),
    ("bliss_ln_crr", {"ratio": 0.5}, False, "proteinuria"),
    ("bliss_ln_crr", {"egfr": 90, "preflare": 130}, True, "trial_response"),
    ("bliss_ln_crr", {"egfr": 81, "preflare": 90}, True, "trial_response"),
    ("bliss_ln_crr", {"egfr": 80.9, "preflare": 90}, False, "function_lost"),
    ("bliss_ln_crr", {"base_egfr": None, "base_ratio": None}, True, "trial_response"),
]


@pytest.mark.parametrize(("definition", "given", "response", "clause"), TRIALS)
def test_trials(definition: str, given: dict[str, Any], response: bool | None, clause: str) -> None:
    found = respond(definition, **given)
    assert found["response"] is response
    assert found["definition_met"] is response
    assert (found["missing"] if response is None else found["clause"]) == clause


@pytest.mark.parametrize(
    ("given", "on_target"),
    [
        ({"months": 3, "ratio": 3.0}, True),
        ({"months": 3, "ratio": 3.01}, False),
        ({"months": 3.1, "ratio": 2.0}, True),
        ({"months": 6, "ratio": 2.0}, True),
        ({"months": 6, "ratio": 2.01}, False),
        ({"months": 6.1, "ratio": 0.69}, True),
        ({"months": 12, "ratio": 0.7}, False),
        ({"months": 12, "ratio": 0.65, "base_ratio": None}, True),
        ({"months": 3, "ratio": 0, "base_ratio": 0}, False),
        ({"months": 12, "ratio": 0.6, "egfr": None, "rescue": True}, True),
    ],
)
def test_eular_targets(given: dict[str, Any], on_target: bool) -> None:
    found = respond("eular_era_2019_target", **given)
    assert (found["on_target"], found["definition_met"], found["response"]) == (on_target, on_target, None)
    assert found["clause"] == ("eular_on_target" if on_target else "eular_off_target")
    assert found["missing"] is None


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ({"months": None}, "months_since_start"),
        ({"months": 6, "base_ratio": None}, "baseline_upcr_g_per_g"),
        ({"months": 12, "ratio": None}, "upcr_g_per_g"),
    ],
)
def test_eular_with_something_missing(given: dict[str, Any], missing: str) -> None:
    found = respond("eular_era_2019_target", **given)
    assert (found["on_target"], found["clause"], found["missing"]) == (None, None, missing)


def test_an_unknown_definition_gives_nothing() -> None:
    found = respond("other")
    assert (found["response"], found["on_target"], found["definition_met"]) == (None, None, None)
    assert found["missing"] == "definition"
    assert "expected one of kdigo_2024" in found["invalid"]


def test_yes_and_no_become_text_beside_the_words_of_kdigo() -> None:
    rows = pl.DataFrame({**{k: [v, v, v] for k, v in STABLE.items()}, "rescue_therapy": [False, True, False]})
    mixed = rows.with_columns(definition=pl.Series(["kdigo_2024", "aurora", "bliss_ln_crr"]))
    assert criteria.lupus_nephritis_response(mixed)["response"].to_list() == ["complete", "false", "true"]
    alone = criteria.lupus_nephritis_response(rows, definition="aurora")["response"]
    assert alone.to_list() == [True, False, True]
    assert criteria.lupus_nephritis_response(mixed.clear())["response"].dtype == pl.String


# Up to month 3 a fall of a quarter is on target, up to month 6 a fall of half, later a ratio below 0.7.
@pytest.mark.parametrize(
    ("months", "ratio", "on_target"),
    [(3, 2.1, True), (4, 2.1, False), (6, 1.2, True), (7, 1.2, False), (7, 0.6, True)],
)
def test_the_target_of_eular_hardens_with_the_months(months: int, ratio: float, on_target: bool) -> None:
    found = respond("eular_era_2019_target", months=months, base_ratio=3.0, ratio=ratio)
    assert found["on_target"] is on_target
