"""What would have changed a result: the nearest value on each side, found by asking the rule itself."""

from __future__ import annotations

import polars as pl
import pytest

from aftercart.assessment.changes import nearest
from aftercart.criteria import registry
from aftercart.criteria.calling import prepare


def changes(key: str, **inputs: object) -> list[str]:
    entry = registry.get(key)
    typed, _ = prepare(pl.DataFrame({k: [v] for k, v in inputs.items()}), entry.inputs)
    return [str(c) for c in nearest(entry, typed)]


@pytest.mark.parametrize(
    ("anc", "version", "expected"),
    [
        (700, 5, ["anc_per_ul below 500 /uL would give 4", "anc_per_ul from 1000 /uL would give 2"]),
        (500, 5, ["anc_per_ul below 500 /uL would give 4", "anc_per_ul from 1000 /uL would give 2"]),
        (50, 6, ["anc_per_ul from 100 /uL would give 3"]),
        (1700, 5, ["anc_per_ul below 1500 /uL would give 2", "anc_per_ul from 1800 /uL would give 0"]),
    ],
)
def test_the_printed_cut_offs_are_found_with_their_comparators(anc: float, version: int, expected: list[str]) -> None:
    found = changes("ctcae_neutrophils", anc_per_ul=float(anc), anc_lln_per_ul=1800.0, ctcae_version=version)
    assert [c for c in found if c.startswith("anc_per_ul")] == expected


def test_fever_is_inclusive_and_flow_is_not() -> None:
    day = {"temperature_c": 38.5, "oxygen_device": "nasal_cannula", "oxygen_flow_l_per_min": 4.0}
    found = changes("crs_astct_2019", **day)
    assert "temperature_c below 38 Cel would give 0" in found
    assert "oxygen_flow_l_per_min above 6 L/min would give 3" in found
    assert "vasopressin yes would give 3" in found


def test_an_open_result_and_a_score_without_levels_have_no_changes() -> None:
    assert changes("crs_astct_2019", temperature_c=None) == []
    assert changes("acr_criss_2016", **{"changes.mrss": -5.0}) == []


def test_a_series_has_no_such_list() -> None:
    assert nearest(registry.get("icaht_early_2023"), pl.DataFrame({"last_follow_up_day": [30]})) == []
