from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from aftercart import criteria


def considered(**row: Any) -> tuple[Any, ...]:
    found = criteria.igg_replacement_consideration(pl.DataFrame({k: [v] for k, v in row.items()}))
    return found.select("tier", "consider_igrt", "clause", "missing").row(0)


# IgG, day, infection, failed vaccine -> tier, consideration, clause
@pytest.mark.parametrize(
    ("igg", "day", "infection", "vaccine", "tier", "consider", "clause"),
    [
        (0, 10, False, False, "severe", True, "severe_early"),
        (400, 90, False, False, "severe", True, "severe_early"),
        (400, 91, False, False, "severe", False, "not_considered"),
        (400, 91, True, False, "severe", True, "infection"),
        (400.1, 10, False, False, "moderate", False, "not_considered"),
        (600, 10, False, True, "moderate", False, "not_considered"),
        (600, 500, True, False, "moderate", True, "infection"),
        (600.1, 10, True, False, "mild_or_none", False, "not_considered"),
        (600.1, 10, False, True, "mild_or_none", False, "not_considered"),
        (900, 10, True, True, "mild_or_none", True, "infection_and_vaccine"),
    ],
)
def test_tiers_and_considerations(
    igg: float, day: int, infection: bool, vaccine: bool, tier: str, consider: bool, clause: str
) -> None:
    flags = {"serious_or_recurrent_bacterial_infection": infection, "impaired_vaccine_response": vaccine}
    expected = (tier, consider, clause, None)
    assert considered(igg_mg_per_dl=igg, days_since_infusion=day, **flags) == expected
    assert considered(igg_g_per_l=igg / 100, days_since_infusion=day, **flags) == expected


INFECTION = "serious_or_recurrent_bacterial_infection"


@pytest.mark.parametrize(
    ("row", "tier", "consider", "missing"),
    [
        ({"igg_mg_per_dl": None, "days_since_infusion": 10, INFECTION: True}, None, None, "igg_mg_per_dl"),
        ({"igg_mg_per_dl": 300, "days_since_infusion": None}, "severe", None, "days_since_infusion"),
        ({"igg_mg_per_dl": 300, "days_since_infusion": None, INFECTION: True}, "severe", True, None),
        ({"igg_mg_per_dl": 300, "days_since_infusion": 200, INFECTION: None}, "severe", None, INFECTION),
        ({"igg_mg_per_dl": 300, "days_since_infusion": 20, INFECTION: None}, "severe", True, None),
        ({"igg_mg_per_dl": 500, "days_since_infusion": None, INFECTION: None}, "moderate", None, INFECTION),
        ({"igg_mg_per_dl": 500, "days_since_infusion": None}, "moderate", False, None),
        ({"igg_mg_per_dl": 900, INFECTION: None}, "mild_or_none", False, None),
        (
            {"igg_mg_per_dl": 900, INFECTION: True, "impaired_vaccine_response": None},
            "mild_or_none",
            None,
            "impaired_vaccine_response",
        ),
        ({"igg_mg_per_dl": -1, "days_since_infusion": 10}, None, None, "igg_mg_per_dl"),
    ],
)
def test_missing_values_matter_only_where_they_decide(
    row: dict[str, Any], tier: str | None, consider: bool | None, missing: str | None
) -> None:
    found = considered(**row)
    assert (found[0], found[1], found[3]) == (tier, consider, missing)


def test_mg_per_dl_goes_before_g_per_l() -> None:
    assert considered(igg_mg_per_dl=500, igg_g_per_l=9.0, days_since_infusion=10)[0] == "moderate"
