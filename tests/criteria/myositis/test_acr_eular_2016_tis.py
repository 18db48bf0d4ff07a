from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aftercart import criteria

RANGE = {
    "md_global_0_10_cm": 10.0,
    "patient_global_0_10_cm": 10.0,
    "mmt8": 150.0,
    "haq_di_0_3": 3.0,
    "enzyme_u_per_l": 3000.0,
    "extramuscular_0_10_cm": 10.0,
}
POINTS = {
    "md_global_0_10_cm": "md_global",
    "patient_global_0_10_cm": "patient_global",
    "mmt8": "mmt",
    "haq_di_0_3": "haq",
    "enzyme_u_per_l": "enzyme",
    "extramuscular_0_10_cm": "extramuscular",
}


def unchanged(**changes: Any) -> dict[str, Any]:
    """A pair of visits without change; every measure is in the middle of its scale, the enzyme limit is 200 U/L."""
    middle = {name: scale / 2 for name, scale in RANGE.items()}
    pair: dict[str, Any] = {f"baseline.{k}": v for k, v in middle.items()}
    pair |= {f"followup.{k}": v for k, v in middle.items()}
    pair["enzyme_uln_u_per_l"] = 200.0
    return pair | {k.replace("__", "."): v for k, v in changes.items()}


def score(**pair: Any) -> dict[str, Any]:
    return criteria.acr_eular_2016_tis(pl.DataFrame({k: [v] for k, v in pair.items()})).row(0, named=True)


@pytest.mark.parametrize(
    ("measure", "percent", "points"),
    [
        ("md_global_0_10_cm", 5, 0),
        ("md_global_0_10_cm", 5.1, 7.5),
        ("md_global_0_10_cm", 15, 7.5),
        ("md_global_0_10_cm", 15.1, 15),
        ("md_global_0_10_cm", 25, 15),
        ("md_global_0_10_cm", 25.1, 17.5),
        ("md_global_0_10_cm", 40, 17.5),
        ("md_global_0_10_cm", 40.1, 20),
        ("patient_global_0_10_cm", 5, 0),
        ("patient_global_0_10_cm", 5.1, 2.5),
        ("patient_global_0_10_cm", 15, 2.5),
        ("patient_global_0_10_cm", 15.1, 5),
        ("patient_global_0_10_cm", 25, 5),
        ("patient_global_0_10_cm", 25.1, 7.5),
        ("patient_global_0_10_cm", 40, 7.5),
        ("patient_global_0_10_cm", 40.1, 10),
        ("mmt8", 2, 0),
        ("mmt8", 2.1, 10),
        ("mmt8", 10, 10),
        ("mmt8", 10.1, 20),
        ("mmt8", 20, 20),
        ("mmt8", 20.1, 27.5),
        ("mmt8", 30, 27.5),
        ("mmt8", 30.1, 32.5),
        ("haq_di_0_3", 5, 0),
        ("haq_di_0_3", 5.1, 5),
        ("haq_di_0_3", 15, 5),
        ("haq_di_0_3", 15.1, 7.5),
        ("haq_di_0_3", 25, 7.5),
        ("haq_di_0_3", 25.1, 7.5),
        ("haq_di_0_3", 40, 7.5),
        ("haq_di_0_3", 40.1, 10),
        ("enzyme_u_per_l", 5, 0),
        ("enzyme_u_per_l", 5.1, 2.5),
        ("enzyme_u_per_l", 15, 2.5),
        ("enzyme_u_per_l", 15.1, 5),
        ("enzyme_u_per_l", 25, 5),
        ("enzyme_u_per_l", 25.1, 7.5),
        ("enzyme_u_per_l", 40, 7.5),
        ("enzyme_u_per_l", 40.1, 7.5),
        ("extramuscular_0_10_cm", 5, 0),
        ("extramuscular_0_10_cm", 5.1, 7.5),
        ("extramuscular_0_10_cm", 15, 7.5),
        ("extramuscular_0_10_cm", 15.1, 12.5),
        ("extramuscular_0_10_cm", 25, 12.5),
        ("extramuscular_0_10_cm", 25.1, 15),
        ("extramuscular_0_10_cm", 40, 15),
        ("extramuscular_0_10_cm", 40.1, 20),
    ],
)
def test_points_of_every_band(measure: str, percent: float, points: float) -> None:
    sign = 1 if measure == "mmt8" else -1
    start = 0.5 * RANGE[measure]
    pair = unchanged() | {f"followup.{measure}": start + sign * percent / 100 * RANGE[measure]}
    found = score(**pair)
    name = POINTS[measure]
    assert found[f"points.{name}"] == points
    assert found[f"abs_pct_change.{name}"] == pytest.approx(percent, abs=1e-9)
    assert found["tis"] == points


@pytest.mark.parametrize("measure", list(RANGE))
def test_worsening_earns_nothing_and_takes_nothing_away(measure: str) -> None:
    sign = -1 if measure == "mmt8" else 1
    worse = 0.5 * RANGE[measure] + sign * 0.45 * RANGE[measure]
    found = score(**(unchanged() | {f"followup.{measure}": worse}))
    assert found[f"points.{POINTS[measure]}"] == 0
    assert found[f"abs_pct_change.{POINTS[measure]}"] == pytest.approx(-45)
    assert found["tis"] == 0


# md_global, patient_global, mmt, haq, enzyme, extramuscular in percent of the range -> score and category
CATEGORIES = [
    ((5.1, 5.1, 2.1, 0, 0, 0), 20, "minimal", "none"),
    ((5.1, 15.1, 0, 0, 0, 0), 12.5, "none", "none"),
    ((5.1, 0, 2.1, 0, 0, 0), 17.5, "none", "none"),
    ((0, 0, 20.1, 0, 2.5, 0), 27.5, "minimal", "none"),
    ((0, 5.1, 20.1, 0, 0, 0), 30, "minimal", "minimal"),
    ((15.1, 5.1, 10.1, 0, 0, 0), 37.5, "minimal", "minimal"),
    ((40.1, 0, 10.1, 0, 0, 0), 40, "moderate", "minimal"),
    ((40.1, 5.1, 10.1, 0, 0, 0), 42.5, "moderate", "minimal"),
    ((40.1, 15.1, 10.1, 0, 0, 0), 45, "moderate", "moderate"),
    ((40.1, 0, 20.1, 40.1, 0, 0), 57.5, "moderate", "moderate"),
    ((40.1, 0, 10.1, 40.1, 40.1, 5.1), 65, "major", "moderate"),
    ((40.1, 0, 10.1, 40.1, 5.1, 5.1), 60, "major", "moderate"),
    ((40.1, 0, 20.1, 40.1, 5.1, 5.1), 67.5, "major", "moderate"),
    ((40.1, 40.1, 10.1, 0, 0, 40.1), 70, "major", "major"),
]


@pytest.mark.parametrize(("percents", "tis", "adult", "juvenile"), CATEGORIES)
def test_thresholds_of_the_categories(percents: tuple[float, ...], tis: float, adult: str, juvenile: str) -> None:
    pair = unchanged()
    for (measure, scale), percent in zip(RANGE.items(), percents, strict=True):
        sign = 1 if measure == "mmt8" else -1
        pair[f"followup.{measure}"] = scale * (0.5 + sign * percent / 100)
    for population, expected in (("adult", adult), ("juvenile", juvenile)):
        found = score(**pair, population=population)
        assert (found["tis"], found["category"]) == (tis, expected)
        assert found["category_lower_bound"] == expected
        assert found["tis_lower_bound"] == found["tis_upper_bound"] == tis
        assert found["clause"] == ("no_response" if expected == "none" else expected)
        assert found["missing"] is None


def test_population_is_adult_unless_stated() -> None:
    pair = unchanged(followup__mmt8=75 + 15.1)
    assert score(**pair)["category"] == "minimal"
    assert score(**pair, population="juvenile")["category"] == "none"
    unknown = score(**pair, population=None)
    assert (unknown["tis"], unknown["category"], unknown["category_lower_bound"]) == (20, None, None)
    assert unknown["missing"] == "population"


# what is missing -> lower bound of the score, lower bound of the category, upper bound
MISSING = [
    ({"followup__enzyme_u_per_l": None}, "followup.enzyme_u_per_l"),
    ({"baseline__enzyme_u_per_l": None}, "baseline.enzyme_u_per_l"),
    ({"enzyme_uln_u_per_l": None}, "enzyme_uln_u_per_l"),
    ({"enzyme_uln_u_per_l": 0}, "enzyme_uln_u_per_l"),
    ({"enzyme_range_uln_multiple": None}, "enzyme_uln_u_per_l"),
    ({"enzyme_other_cause": True}, "baseline.enzyme_u_per_l; followup.enzyme_u_per_l"),
    ({"enzyme_other_cause": None}, "baseline.enzyme_u_per_l; followup.enzyme_u_per_l"),
    ({"followup__enzyme_u_per_l": -1}, "followup.enzyme_u_per_l"),
]


@pytest.mark.parametrize(("change", "missing"), MISSING)
def test_without_the_enzyme_the_other_points_are_a_lower_bound(change: dict[str, Any], missing: str) -> None:
    pair = unchanged(followup__md_global_0_10_cm=0.9, followup__mmt8=75 + 15.1)
    found = score(**(pair | {k.replace("__", "."): v for k, v in change.items()}))
    assert found["tis"] is None
    assert found["category"] is None
    assert found["points.enzyme"] is None
    assert found["tis_lower_bound"] == 40
    assert found["category_lower_bound"] == "moderate"
    assert found["tis_upper_bound"] == 47.5
    assert found["clause"] == "at_least"
    assert found["missing"] == missing


@pytest.mark.parametrize("measure", list(RANGE))
@pytest.mark.parametrize("visit", ["baseline", "followup"])
def test_every_measure_is_needed_at_both_visits(measure: str, visit: str) -> None:
    found = score(**(unchanged() | {f"{visit}.{measure}": None}))
    assert found["tis"] is None
    assert found["tis_lower_bound"] == 0
    assert found["category_lower_bound"] == "none"
    assert found["clause"] is None
    assert found["missing"] == f"{visit}.{measure}"


def test_upper_bound_uses_what_the_baseline_still_allows() -> None:
    pair = unchanged(baseline__mmt8=141, followup__mmt8=None)
    found = score(**pair)
    assert found["tis_upper_bound"] == 10  # 9 of 150 points is 6%: at most 10 points
    assert score(**(pair | {"baseline.mmt8": None}))["tis_upper_bound"] == 32.5


@pytest.mark.parametrize(
    ("mmt_max", "baseline", "followup", "points"),
    [
        (80, 40, 41.6, 0),
        (80, 40, 42, 10),
        (52, 26, 27.04, 0),
        (52, 26, 28, 10),
        (52, 26, 51, 32.5),
        (80, 40, 80, 32.5),
        (80, 40, 81, None),
        (80, 81, 80, None),
        (None, 40, 60, None),
        (0, 40, 60, None),
    ],
)
def test_strength_is_measured_on_its_own_scale(
    mmt_max: float | None, baseline: float, followup: float, points: float | None
) -> None:
    found = score(**unchanged(baseline__mmt8=baseline, followup__mmt8=followup, mmt_max=mmt_max))
    assert found["points.mmt"] == points
    assert found["tis"] == points


@pytest.mark.parametrize(("multiple", "points"), [(15, 0), (6, 2.5), (3, 5)])
def test_the_range_of_the_enzyme_is_a_multiple_of_its_limit(multiple: float, points: float) -> None:
    pair = unchanged(baseline__enzyme_u_per_l=400, followup__enzyme_u_per_l=250, enzyme_range_uln_multiple=multiple)
    assert score(**pair)["points.enzyme"] == points


def test_a_measure_normal_at_baseline_lowers_the_reachable_maximum() -> None:
    top = dict.fromkeys((f"baseline.{m}" for m in RANGE), None) | unchanged(baseline__mmt8=100)
    assert score(**top)["reachable_maximum"] == 100
    full = score(**(top | {"baseline.mmt8": 150.0, "followup.mmt8": 150.0}))
    assert full["reachable_maximum"] == 67.5
    assert score(**(top | {"baseline.mmt8": None}))["reachable_maximum"] is None


def test_remission_at_baseline_scores_nothing() -> None:
    normal = dict.fromkeys(RANGE, 0.0) | {"mmt8": 150.0}
    pair = {f"{visit}.{m}": v for visit in ("baseline", "followup") for m, v in normal.items()}
    found = score(**pair, enzyme_uln_u_per_l=200)
    assert (found["tis"], found["category"], found["reachable_maximum"]) == (0, "none", 0)


def test_a_fall_inside_the_normal_range_of_the_enzyme_earns_nothing() -> None:
    found = score(**unchanged(baseline__enzyme_u_per_l=190, followup__enzyme_u_per_l=60))
    assert found["points.enzyme"] == 0


def test_out_of_scale_values_are_refused_with_the_reason() -> None:
    found = score(**unchanged(followup__md_global_0_10_cm=12))
    assert found["points.md_global"] is None
    assert found["invalid"] == "followup.md_global_0_10_cm: found 12.0, expected 0 to 10"
    assert score(**unchanged(baseline__haq_di_0_3=3.2))["tis"] is None


complete = st.fixed_dictionaries(
    {
        f"{v}.{m}": st.integers(0, 20).map(lambda i, s=s: i / 20 * s)
        for v in ("baseline", "followup")
        for m, s in RANGE.items()
    }
)


@settings(max_examples=60, deadline=None)
@given(pair=complete, gap=st.sampled_from([f"{v}.{m}" for v in ("baseline", "followup") for m in RANGE]))
def test_a_missing_value_widens_the_bounds_around_the_score(pair: dict[str, float], gap: str) -> None:
    full = score(**pair, enzyme_uln_u_per_l=200.0)
    gapped = score(**(pair | {gap: None}), enzyme_uln_u_per_l=200.0)
    assert full["tis_lower_bound"] == full["tis"] == full["tis_upper_bound"]
    assert gapped["tis"] is None
    assert gapped["tis_lower_bound"] <= full["tis"] <= gapped["tis_upper_bound"]
    assert full["tis"] <= full["reachable_maximum"]
