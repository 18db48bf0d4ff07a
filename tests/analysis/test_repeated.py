"""Repeated measures with an unstructured covariance against R nlme, closed forms, and data that cannot carry it."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from aftercart.analysis import repeated_measures
from aftercart.analysis.datasets import load
from aftercart.errors import UsageError


def growth(rows: pl.DataFrame) -> tuple[pl.Series, pl.Series, pl.Series, dict[str, pl.Series]]:
    female = (rows["Sex"] == "Female").cast(int)
    ages = {f"age{a}": (rows["age"] == a).cast(int) for a in (10, 12, 14)}
    fixed = {**ages, "female": female, **{f"{n}_female": v * female for n, v in ages.items()}}
    return rows["distance"], rows["Subject"], rows["age"], fixed


def test_growth_as_nlme_with_every_visit() -> None:
    """R nlme 3.1, gls(distance ~ factor(age) * Sex, corSymm within Subject, varIdent by age)."""
    found = repeated_measures(*growth(load("nlme::Orthodont")))
    expected = (22.875, 0.9375, 2.84375, 4.59375, -1.69318181818, 0.10795454546, -0.93465909091, -1.68465909091)
    assert found.estimates == pytest.approx(expected, abs=1e-9)
    errors = (0.5817784, 0.5103055, 0.5031617, 0.5579390, 0.9114715, 0.7994951, 0.7883028, 0.8741224)
    assert found.std_errors == pytest.approx(errors, abs=1e-6)
    assert found.log_likelihood == pytest.approx(-207.01740049846, abs=1e-7)


def test_with_every_visit_the_covariance_is_that_within_groups() -> None:
    """The closed form: pooled covariance, and as many degrees of freedom as subjects less groups."""
    rows = load("nlme::Orthodont")
    found = repeated_measures(*growth(rows))
    wide = rows.pivot("age", index=["Subject", "Sex"], values="distance")
    parts = [p.drop("Subject", "Sex").to_numpy() for _, p in wide.group_by("Sex")]
    pooled = sum(np.cov(p.T) * (len(p) - 1) for p in parts) / (27 - 2)
    assert found.covariance == pytest.approx(pooled, abs=1e-6)
    assert found.degrees_of_freedom == pytest.approx((25,) * 8, abs=1e-3)


def test_growth_as_nlme_with_missing_visits() -> None:
    rows = load("nlme::Orthodont").with_row_index().filter(~pl.col("index").is_in([3, 10, 11, 50, 77]))
    found = repeated_measures(*growth(rows))
    expected = (22.875, 0.937500, 2.671534, 4.373428, -1.693182, 0.088527, -0.762443, -1.464337)
    assert found.estimates == pytest.approx(expected, abs=2e-6)
    errors = (0.581777, 0.514399, 0.436211, 0.591081, 0.911470, 0.814979, 0.660857, 0.912398)
    assert found.std_errors == pytest.approx(errors, abs=3e-6)
    assert found.log_likelihood == pytest.approx(-196.45855501, abs=1e-7)
    assert all(19 < df < 26 for df in found.degrees_of_freedom)
    limits = found.interval("age10")
    assert limits.low < found.estimates[1] < limits.high
    assert found.interval("age10", confidence=0.99).low < limits.low


def test_two_visits_are_the_paired_t_interval() -> None:
    rng = np.random.default_rng(8)
    before = rng.normal(10, 3, 9)
    after = before - rng.normal(4, 2, 9)
    who, visit = np.tile(np.arange(9), 2), np.repeat([0, 1], 9)
    found = repeated_measures(np.concatenate((before, after)), who, visit, {"later": visit})
    change = after - before
    assert found.estimates[1] == pytest.approx(change.mean(), abs=1e-8)
    assert found.std_errors[1] == pytest.approx(change.std(ddof=1) / 3, rel=1e-6)
    assert found.degrees_of_freedom[1] == pytest.approx(8, abs=1e-3)


def test_the_order_of_rows_does_not_matter() -> None:
    rows = load("nlme::Orthodont")
    one, other = (repeated_measures(*growth(r)) for r in (rows, rows.sample(fraction=1, shuffle=True, seed=2)))
    assert one.estimates == pytest.approx(other.estimates, abs=1e-8)
    assert one.std_errors == pytest.approx(other.std_errors, rel=1e-6)


@pytest.mark.parametrize(
    ("y", "who", "visit", "words"),
    [
        ([1, 2, 3, 4], [1, 1, 2, 2], [0, 1, 0, 1], "cannot carry"),
        ([1, 2, 3, 4, 5], [1, 2, 3, 4, 5], [0, 0, 0, 1, 1], "cannot carry"),
        ([1, 2, 3, 4, 5, 6], [1, 2, 3, 4, 5, 6], [0] * 6, "cannot carry"),
        ([1, 2], [1, 1], [0, 0], "two rows at one visit"),
        ([1, 2], [1], [0, 1], "must match"),
        ([3] * 12, [1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6], [0, 1] * 6, "no residual"),
    ],
)
def test_data_that_cannot_carry_it_are_refused(y, who, visit, words) -> None:
    with pytest.raises(UsageError, match=words):
        repeated_measures(y, who, visit, {})


def test_an_unknown_effect_is_refused() -> None:
    with pytest.raises(UsageError, match="intercept, age10"):
        repeated_measures(*growth(load("nlme::Orthodont"))).interval("week")


def test_a_covariance_at_its_edge_is_refused() -> None:
    """The second visit repeats the first but for a constant: the correlation is 1."""
    first = [3.0, 5, 4, 8, 6, 7]
    values, visit = [*first, *(v + 2 for v in first)], [0] * 6 + [1] * 6
    with pytest.raises(UsageError, match="edge"):
        repeated_measures(values, [*range(6)] * 2, visit, {"later": visit})
