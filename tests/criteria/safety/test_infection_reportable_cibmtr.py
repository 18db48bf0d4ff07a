from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from aftercart import criteria

EXCLUDED = [
    "surveillance_culture",
    "culture_negative_neutropenic_fever",
    "uri_presumed_viral_no_virus_identified",
    "oral_or_stool_candida",
    "toenail_fungus",
]


def reported(category: str | None, treated: bool | None = None, positive: bool | None = None) -> tuple[Any, ...]:
    row = {"category": category, "infection_required_treatment": treated, "diagnostic_test_positive": positive}
    found = criteria.infection_reportable_cibmtr(pl.DataFrame({k: [v] for k, v in row.items()}))
    return found.select("clinically_significant", "clause", "missing").row(0)


@pytest.mark.parametrize("category", EXCLUDED)
@pytest.mark.parametrize("treated", [True, False, None])
@pytest.mark.parametrize("positive", [True, None])
def test_excluded_kinds_are_never_reported(category: str, treated: bool | None, positive: bool | None) -> None:
    assert reported(category, treated, positive) == (False, "excluded", None)


@pytest.mark.parametrize("category", ["bacteremia", "herpes_zoster", "invasive_mould", "some_other_kind"])
def test_every_other_kind_follows_the_treatment(category: str) -> None:
    assert reported(category, True) == (True, "treated", None)
    assert reported(category, False) == (False, "untreated", None)
    assert reported(category, None, True) == (None, None, "infection_required_treatment")


@pytest.mark.parametrize("treated", [True, False, None])
def test_covid_follows_the_test(treated: bool | None) -> None:
    assert reported("covid19", treated, True) == (True, "test_positive", None)
    assert reported("covid19", treated, False) == (False, "test_negative", None)
    assert reported("covid19", treated, None) == (None, None, "diagnostic_test_positive")


def test_an_unknown_kind_is_null() -> None:
    assert reported(None, True, True) == (None, None, "category")
