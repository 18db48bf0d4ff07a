from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aftercart import criteria

MEASURES = ["md_global", "patient_global", "mmt", "haq", "enzyme", "extramuscular"]
COLUMNS = dict(
    zip(
        MEASURES,
        [
            "md_global_0_10_cm",
            "patient_global_0_10_cm",
            "mmt8",
            "haq_di_0_3",
            "enzyme_u_per_l",
            "extramuscular_0_10_cm",
        ],
        strict=True,
    )
)


def decide(**record: Any) -> dict[str, Any]:
    frame = pl.DataFrame({k: pl.Series(k, [v], strict=False) for k, v in record.items()})
    return criteria.imacs_doi(frame).row(0, named=True)


def by_percent(*percents: float | None, **more: Any) -> dict[str, Any]:
    """Percent improvement of the six measures in the order of `MEASURES`."""
    return decide(**{f"improvement_pct.{m}": p for m, p in zip(MEASURES, percents, strict=True)}, **more)


# md_global, patient_global, mmt, haq, enzyme, extramuscular -> improved, clause
PERCENTS = [
    ((20, 20, 20, 0, 0, 0), True, "improved"),
    ((20, 20, 19.9, 0, 0, 0), False, "too_few_improved"),
    ((60, 60, 0, 0, 0, 0), False, "too_few_improved"),
    ((20, 20, 20, 20, 20, 20), True, "improved"),
    ((30, 30, 25, 0, -25, -25), True, "improved"),
    ((30, 30, 25, -25, -25, -25), False, "too_many_worse"),
    ((30, 30, 25, -24.9, -25, -25), True, "improved"),
    ((30, 30, -25, 30, 0, 0), False, "strength_worse"),
    ((30, 30, -24.9, 30, 0, 0), True, "improved"),
    ((0, 0, -30, -30, -30, 0), False, "strength_worse"),
]


@pytest.mark.parametrize(("percents", "improved", "clause"), PERCENTS)
def test_three_of_six_better_and_at_most_two_worse(percents: tuple[float, ...], improved: bool, clause: str) -> None:
    found = by_percent(*percents)
    assert found["imacs_doi"] is improved
    assert found["clause"] == clause
    assert found["missing"] is None
    assert found["n_improved_ge20"] == sum(p >= 20 for p in percents)
    assert found["n_worse_ge25"] == sum(p <= -25 for p in percents)
    assert found["mmt_worse_ge25"] is (percents[2] <= -25)


@pytest.mark.parametrize(
    ("percents", "worse"),
    [
        ((-30, -30, -30, 0, 0, 0), True),
        ((-30, -30, -29.9, 0, 0, 0), False),
        ((-30, -30, 0, 0, 0, 0), False),
        ((None, None, None, -30, -30, -30), True),
        ((None, None, None, None, -30, -30), False),
        ((None, None, None, None, None, 10), False),
        ((None,) * 6, None),
    ],
)
def test_three_of_six_worse_by_30_percent_among_the_measures_present(
    percents: tuple[float | None, ...], worse: bool | None
) -> None:
    assert by_percent(*percents)["worse_3_of_6_ge30"] is worse


@pytest.mark.parametrize(
    ("percents", "improved", "missing"),
    [
        ((20, 20, 20, None, None, None), True, None),
        ((20, 20, None, 0, 0, 0), None, "improvement_pct.mmt"),
        ((20, 0, None, 0, 0, 0), False, None),
        ((20, None, None, 0, 0, 0), None, "improvement_pct.patient_global; improvement_pct.mmt"),
        ((None, None, -25, None, None, None), False, None),
    ],
)
def test_missing_measures_decide_only_when_they_cannot_change_the_result(
    percents: tuple[float | None, ...], improved: bool | None, missing: str | None
) -> None:
    found = by_percent(*percents)
    assert found["imacs_doi"] is improved
    assert found["missing"] == missing
    if improved is None:
        assert found["clause"] is None


@pytest.mark.parametrize(
    ("lists", "improved", "worse"),
    [
        ({"improved_ge20pct": ["md_global", "patient_global", "haq"], "worsened_ge25pct": []}, True, False),
        ({"improved_ge20pct": ["md_global", "patient_global", "haq"]}, True, False),
        ({"improved_ge20pct": ["md_global", "haq"], "worsened_ge25pct": []}, False, False),
        ({"improved_ge20pct": [], "worsened_ge25pct": []}, False, False),
        ({"improved_ge20pct": ["md_global", "patient_global", "haq"], "worsened_ge25pct": ["mmt"]}, False, False),
        (
            {
                "improved_ge20pct": ["md_global", "patient_global", "haq"],
                "worsened_ge25pct": ["enzyme", "extramuscular"],
            },
            True,
            False,
        ),
        (
            {"improved_ge20pct": ["mmt", "haq", "enzyme"], "worsened_ge30pct": ["md_global", "patient_global"]},
            True,
            False,
        ),
        ({"improved_ge20pct": [], "worsened_ge30pct": ["md_global", "patient_global", "haq"]}, False, True),
        ({"improved_ge20pct": ["md_global", "patient_global", "CK"], "worsened_ge25pct": []}, None, False),
        ({"improved_ge20pct": None, "worsened_ge25pct": ["mmt"]}, False, False),
        ({"improved_ge20pct": ["md_global", "patient_global", "haq"], "worsened_ge30pct": ["mmt"]}, False, False),
    ],
)
def test_lists_of_names(lists: dict[str, Any], improved: bool | None, worse: bool | None) -> None:
    found = decide(**lists)
    assert found["imacs_doi"] is improved
    assert found["worse_3_of_6_ge30"] is worse


def visits(**changes: float | None) -> dict[str, Any]:
    """Values of both visits, unchanged except for the follow-up values given by measure."""
    start = {"md_global": 5.0, "patient_global": 5.0, "mmt": 100.0, "haq": 1.5, "enzyme": 2000.0, "extramuscular": 4.0}
    record: dict[str, Any] = {f"baseline.{COLUMNS[m]}": v for m, v in start.items()}
    return record | {f"followup.{COLUMNS[m]}": changes.get(m, v) for m, v in start.items()}


@pytest.mark.parametrize(
    ("measure", "better", "worse", "severely"),
    [
        ("md_global", 4.0, 6.25, 6.5),
        ("patient_global", 4.0, 6.25, 6.5),
        ("mmt", 120.0, 75.0, 70.0),
        ("haq", 1.2, 1.875, 1.95),
        ("enzyme", 1600.0, 2500.0, 2600.0),
        ("extramuscular", 3.2, 5.0, 5.2),
    ],
)
def test_change_from_the_values_of_both_visits(measure: str, better: float, worse: float, severely: float) -> None:
    found = decide(**visits(**{measure: better}))
    assert (found["n_improved_ge20"], found[f"pct.{measure}"]) == (1, 20)
    found = decide(**visits(**{measure: worse}))
    assert (found["n_worse_ge25"], found[f"pct.{measure}"]) == (1, -25)
    assert decide(**visits(**{measure: severely}))[f"pct.{measure}"] == -30


def test_change_is_relative_to_the_baseline_value() -> None:
    found = decide(**visits(md_global=4.0, haq=1.2, enzyme=1600.0))
    assert (found["imacs_doi"], found["clause"]) == (True, "improved")


def test_a_baseline_of_zero_neither_improves_nor_worsens() -> None:
    record = visits(md_global=4.0, patient_global=4.0) | {
        "baseline.extramuscular_0_10_cm": 0.0,
        "baseline.haq_di_0_3": 0.0,
        "baseline.mmt8": 0.0,
        "followup.haq_di_0_3": None,
        "baseline.enzyme_u_per_l": 0.0,
    }
    found = decide(**record)
    assert (found["imacs_doi"], found["n_improved_ge20"], found["n_worse_ge25"]) == (False, 2, 0)
    assert found["pct.extramuscular"] is None


def test_the_given_percentage_wins_over_the_values_and_the_values_over_the_names() -> None:
    record = visits(md_global=4.0, haq=1.2, enzyme=1600.0)
    assert decide(**record, **{"improvement_pct.haq": 10.0})["imacs_doi"] is False
    assert decide(**record, improved_ge20pct=["mmt"])["n_improved_ge20"] == 3


@pytest.mark.parametrize("cause", [True, None])
def test_an_enzyme_with_another_cause_is_left_out(cause: bool | None) -> None:
    found = decide(**visits(md_global=4.0, haq=1.2, enzyme=1600.0), enzyme_other_cause=cause)
    assert (found["imacs_doi"], found["missing"]) == (None, "improvement_pct.enzyme")


percent = st.integers(-60, 60).map(float)


@settings(max_examples=50, deadline=None)
@given(percents=st.lists(percent, min_size=6, max_size=6), gap=st.integers(0, 5))
def test_a_gap_never_turns_an_improved_count_around(percents: list[float], gap: int) -> None:
    full = by_percent(*percents)
    gapped = by_percent(*(None if i == gap else p for i, p in enumerate(percents)))
    worse_there = percents[gap] <= -25
    if gapped["imacs_doi"] is not None and not worse_there:
        assert gapped["imacs_doi"] is full["imacs_doi"]
