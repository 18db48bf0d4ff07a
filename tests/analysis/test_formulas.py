"""Formulas of worked cases: every notation of one model gives its numbers, and what is not fitted is said so."""

from __future__ import annotations

import pytest

from aftercart.analysis.datasets import NotShippedError
from aftercart.analysis.formulas import fit

GROWTH = "nlme::Orthodont"


@pytest.mark.parametrize(
    "formula",
    [
        "distance ~ age*Sex + (1|Subject)",
        "distance ~ age + Sex + age:Sex + (1 | Subject)",
        "lmer(distance ~ Sex * age + (1 | Subject))",
    ],
)
def test_a_random_intercept(formula: str) -> None:
    found = fit({"dataset": GROWTH, "formula": formula, "reml": True, "reference": "Male"})
    assert (found["age"], found["female"]) == pytest.approx((0.784375, 1.032102272727), abs=1e-8)
    assert (found["age_female"], found["se_age_female"]) == pytest.approx((-0.304829545455, 0.1214208957), abs=1e-6)
    assert found["loglik"] == pytest.approx(-216.878624601, abs=1e-7)


@pytest.mark.parametrize(
    "formula",
    [
        "distance ~ factor(age)*Sex, unstructured covariance within Subject",
        "distance ~ factor(age) * Sex + us(age | Subject)",
        "gls(distance ~ Sex*factor(age), correlation=corSymm(form=~1|Subject), weights=varIdent(form=~1|age))",
        "distance ~ factor(age)*Sex",
    ],
)
def test_an_unstructured_covariance(formula: str) -> None:
    found = fit({"dataset": GROWTH, "formula": formula})
    assert (found["age14"], found["age14_female"]) == pytest.approx((4.59375, -1.68465909091), abs=1e-8)
    assert (found["se_age14"], found["se_age14_female"]) == pytest.approx((0.5579390, 0.8741224), abs=1e-6)


@pytest.mark.parametrize(
    "inputs",
    [
        {"formula": "distance ~ age + (1|Subject) + (1|Sex)"},
        {"formula": "distance ~ age + Sex"},
        {"formula": "distance ~ age + (0 + age|Subject)"},
        {"formula": "distance ~ age + (age + Sex|Subject)"},
        {"formula": "distance ~ weight + (1|Subject)"},
        {"formula": "length ~ age + (1|Subject)"},
        {"formula": "distance ~ Subject + (1|Subject)"},
        {"formula": "distance ~ age + (1|Subject)", "reml": False},
        {"formula": "anything"},
    ],
)
def test_other_models_are_not_implemented(inputs: dict[str, object]) -> None:
    with pytest.raises(NotShippedError):
        fit({"dataset": GROWTH, **inputs})
