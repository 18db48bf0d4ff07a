"""What would have changed a result: the nearest value on each side, found by asking the rule itself."""

from __future__ import annotations

import polars as pl
import pytest

from aftercart.assessment.changes import can_be_told, nearest, nearest_in_series
from aftercart.criteria import registry
from aftercart.criteria.calling import prepare
from aftercart.criteria.frames import TYPES


def changes(key: str, **inputs: object) -> list[str]:
    entry = registry.get(key)
    typed, _ = prepare(pl.DataFrame({k: [v] for k, v in inputs.items()}), entry.inputs)
    (found,) = nearest(entry, typed)
    return [str(c) for c in found]


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


def test_many_results_are_asked_at_once() -> None:
    entry = registry.get("ctcae_neutrophils")
    typed, _ = prepare(
        pl.DataFrame(
            {"anc_per_ul": [700.0, None, 1200.0, 700.0], "anc_lln_per_ul": [1800.0] * 4, "ctcae_version": [5] * 4}
        ),
        entry.inputs,
    )
    found = [[str(c) for c in changes if c.input == "anc_per_ul"] for changes in nearest(entry, typed)]
    grade_3 = ["anc_per_ul below 500 /uL would give 4", "anc_per_ul from 1000 /uL would give 2"]
    grade_2 = ["anc_per_ul below 1000 /uL would give 3", "anc_per_ul from 1500 /uL would give 1"]
    assert found == [grade_3, [], grade_2, grade_3]


def in_series(key: str, days: list[int], **columns: list[float]) -> list[str]:
    entry = registry.get(key)
    scalars, _ = prepare(pl.DataFrame({"_": [1]}), entry.inputs)
    units = scalars.with_columns(_unit=pl.lit(0, dtype=pl.Int64), _given=pl.lit(value=True))
    rows = pl.DataFrame({"_unit": [0] * len(days), "day": days, **columns}, schema_overrides={"day": pl.Int64})
    rows = rows.with_columns(days_since_infusion=pl.col("day").cast(pl.Float64))
    typed = rows.select("_unit", *(pl.col(i.name).cast(TYPES[i.type]) for i in entry.row_inputs))
    (found,) = nearest_in_series(entry, units, typed, rows["day"], None)
    return [str(c) for c in found]


def test_a_series_names_the_row_that_is_nearest_to_another_grade() -> None:
    days = list(range(31))
    # Seven days at most 500/uL from day 5 on: early ICAHT grade 2; six days would be grade 1.
    counts = [400.0 if 5 <= d <= 11 else 2000.0 for d in days]
    found = in_series("icaht_early_2023", days, anc_per_ul=counts)
    assert "anc_per_ul above 500 /uL on day 5 would give 1" in found


def test_a_series_that_no_single_value_changes_has_no_change() -> None:
    days = list(range(31))
    assert in_series("icaht_early_2023", days, anc_per_ul=[50.0] * 31) == []


def test_what_is_moved_is_a_finding_and_never_the_day() -> None:
    found = in_series("b_cell_aplasia", [7, 28, 84], b_cells_per_ul=[0.0, 0.0, 5.0])
    assert found
    assert not [c for c in found if c.startswith("days_since_infusion")]


def test_continuous_scores_cannot_be_told() -> None:
    assert can_be_told(registry.get("crs_astct_2019"))
    assert not can_be_told(registry.get("acr_criss_2016"))
