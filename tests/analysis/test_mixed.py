"""The mixed model against R lme4 and lmerTest, closed forms, and data that cannot carry it."""

from __future__ import annotations

import numpy as np
import pytest

from aftercart.analysis.datasets import load
from aftercart.analysis.mixed import mixed_model
from aftercart.errors import UsageError


def test_sleep_study_as_lme4_and_lmertest() -> None:
    rows = load("lme4::sleepstudy")
    found = mixed_model(rows["Reaction"], rows["Subject"], {"days": rows["Days"]}, slope="days")
    assert found.estimates == pytest.approx((251.4051048485, 10.4672859596), abs=1e-7)
    assert found.std_errors == pytest.approx((6.82459669495, 1.54578964391), rel=1e-4)
    assert found.degrees_of_freedom == pytest.approx((17, 17), abs=1e-3)
    deviations = (found.sd_intercept, found.sd_slope, found.correlation, found.sd_residual)
    assert deviations == pytest.approx((24.7406579949841, 5.9221376588981, 0.0655512382381, 25.5917957216753), rel=1e-4)
    assert found.log_likelihood == pytest.approx(-871.81413598, abs=1e-6)
    limits = found.interval("days")
    assert (limits.low, limits.high) == pytest.approx((7.206, 13.729), abs=2e-3)  # 17 degrees, not 1.96


def test_growth_as_lme4_and_lmertest() -> None:
    rows = load("nlme::Orthodont")
    female = (rows["Sex"] == "Female").cast(int)
    fixed = {"age": rows["age"], "female": female, "age_female": rows["age"] * female}
    found = mixed_model(rows["distance"], rows["Subject"], fixed)
    assert found.estimates == pytest.approx((16.340625, 0.784375, 1.032102272727, -0.304829545455), abs=1e-8)
    expected = (0.9813122367406, 0.0775011046786, 1.5374208053943, 0.1214208957278)
    assert found.std_errors == pytest.approx(expected, rel=1e-6)
    assert found.degrees_of_freedom == pytest.approx((103.98636, 79, 103.98636, 79), rel=1e-4)
    assert (found.sd_intercept, found.sd_residual) == pytest.approx((1.81621422284, 1.38638190714), rel=1e-6)
    assert (found.sd_slope, found.correlation) == (None, None)
    assert found.log_likelihood == pytest.approx(-216.878624601, abs=1e-8)


def test_balanced_rows_have_a_closed_form() -> None:
    """Between subjects the mean, within them the change: exact t limits with 5 and 11 degrees of freedom."""
    rng = np.random.default_rng(4)
    y = (rng.normal(0, 3, 6)[:, None] + rng.normal(0, 1, (6, 3)) + [0, 1, 2]).ravel()
    days, who = np.tile([-1.0, 0, 1], 6), np.repeat(np.arange(6), 3)
    found = mixed_model(y, who, {"day": days})
    means = y.reshape(6, 3).mean(axis=1)
    assert found.estimates[0] == pytest.approx(means.mean())
    assert found.std_errors[0] == pytest.approx(means.std(ddof=1) / np.sqrt(6), rel=1e-5)
    assert found.degrees_of_freedom == pytest.approx((5, 11), abs=1e-2)


def test_order_of_rows_and_names_of_subjects_do_not_matter() -> None:
    rows = load("lme4::sleepstudy")
    mixed = rows.sample(fraction=1, shuffle=True, seed=1)
    one, other = (mixed_model(r["Reaction"], r["Subject"].cast(str), {"days": r["Days"]}) for r in (rows, mixed))
    assert one.estimates == pytest.approx(other.estimates, rel=1e-9)
    assert one.log_likelihood == pytest.approx(other.log_likelihood, abs=1e-8)


def test_a_variance_at_its_edge_leaves_no_limits_and_says_so() -> None:
    y = [1, 2, 3, 3, 1, 2, 2, 3, 1, 1, 3, 2, 3, 2, 1]
    found = mixed_model(y, np.repeat(np.arange(5), 3), {"day": [0, 1, 2] * 5})
    assert found.sd_intercept < 1e-3
    limits = found.interval("day")
    assert limits.low is None
    assert limits.reason == "a variance is estimated at the edge of what it can be"


@pytest.mark.parametrize(
    ("y", "who", "fixed", "slope", "words"),
    [
        ([1, 2, 3], [1, 2, 3], {}, None, "cannot carry"),
        ([1, 2, 4, 3, 5, 4], [1, 1, 2, 2, 3, 3], {"day": [0, 1] * 3}, None, "cannot carry"),
        ([1, 2, 4, 3, 5, 4, 2, 2], [1, 1, 2, 2, 3, 3, 4, 4], {"day": [1] * 8}, None, "cannot carry"),
        ([0, 1, 0, 1, 0, 1, 0, 1], [1, 1, 2, 2, 3, 3, 4, 4], {"day": [0, 1] * 4}, None, "no residual"),
        ([1, 2], [1, 1], {"day": [0, 1]}, "week", "slope"),
        ([1, 2], [1], {}, None, "one entry per row"),
    ],
)
def test_data_that_cannot_carry_it_are_refused(y, who, fixed, slope, words) -> None:
    with pytest.raises(UsageError, match=words):
        mixed_model(y, who, fixed, slope=slope)


def test_an_unknown_effect_is_refused() -> None:
    rows = load("lme4::sleepstudy")
    with pytest.raises(UsageError, match="intercept, days"):
        mixed_model(rows["Reaction"], rows["Subject"], {"days": rows["Days"]}).interval("week")
