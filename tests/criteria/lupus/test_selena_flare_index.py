from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from aftercart import criteria
from aftercart.criteria import registry

QUIET = {
    "previous.selena_sledai": 4,
    "current.selena_sledai": 4,
    "previous.phga_0_3": 0.5,
    "current.phga_0_3": 0.5,
    "previous.prednisone_mg_per_day": 5,
    "current.prednisone_mg_per_day": 5,
    "body_weight_kg": 60,
}
RULES = registry.get("selena_flare_index").rules


def visit(**changes: Any) -> dict[str, Any]:
    """Grade a pair of visits without change, except for `previous__x` and `current__x` (or other inputs) given."""
    record = QUIET | {k.replace("__", "."): v for k, v in changes.items()}
    frame = pl.DataFrame({k: pl.Series(k, [v], strict=False) for k, v in record.items()})
    return criteria.selena_flare_index(frame).row(0, named=True)


@pytest.mark.parametrize(
    ("changes", "flare", "clause"),
    [
        ({}, "none", "no_flare"),
        # score
        ({"current__selena_sledai": 7}, "mild_moderate", "mild_score"),
        ({"current__selena_sledai": 6}, "none", "no_flare"),
        ({"current__selena_sledai": 12}, "mild_moderate", "mild_score"),
        ({"current__selena_sledai": 13}, "severe", "severe_score"),
        ({"previous__selena_sledai": 12, "current__selena_sledai": 13}, "severe", "severe_score"),
        ({"previous__selena_sledai": 14, "current__selena_sledai": 14}, "none", "no_flare"),
        ({"previous__selena_sledai": 20, "current__selena_sledai": 14}, "none", "no_flare"),
        ({"previous__selena_sledai": None, "current__selena_sledai": 13}, "severe", "severe_score"),
        ({"current__selena_sledai": 13, "variant": "modified"}, "mild_moderate", "mild_score"),
        (
            {"previous__selena_sledai": 12, "current__selena_sledai": 13, "variant": "modified"},
            "none",
            "no_flare",
        ),
        # physician global
        ({"current__phga_0_3": 1.5}, "mild_moderate", "mild_pga"),
        ({"current__phga_0_3": 1.4}, "none", "no_flare"),
        ({"previous__phga_0_3": 0.4, "current__phga_0_3": 1.4}, "mild_moderate", "mild_pga"),  # binary noise
        ({"previous__phga_0_3": 2.0, "current__phga_0_3": 2.5}, "none", "no_flare"),
        ({"previous__phga_0_3": 2.0, "current__phga_0_3": 2.6}, "severe", "severe_pga"),
        ({"previous__phga_0_3": 2.6, "current__phga_0_3": 2.6}, "none", "no_flare"),
        ({"previous__phga_0_3": 2.8, "current__phga_0_3": 2.6}, "none", "no_flare"),
        ({"current__phga_0_3": None, "current__phga_0_10_cm": 5}, "mild_moderate", "mild_pga"),
        # prednisone
        ({"current__prednisone_mg_per_day": 5.1}, "mild_moderate", "mild_dose"),
        ({"current__prednisone_mg_per_day": 4.9}, "none", "no_flare"),
        ({"current__prednisone_mg_per_day": 30}, "mild_moderate", "mild_dose"),
        ({"current__prednisone_mg_per_day": 30.1}, "severe", "severe_dose"),
        ({"current__prednisone_mg_per_day": 40, "body_weight_kg": None}, "mild_moderate", "mild_dose"),
        (
            {"previous__prednisone_mg_per_day": 40, "current__prednisone_mg_per_day": 40},
            "none",
            "no_flare",
        ),
        (
            {"previous__prednisone_mg_per_day": 50, "current__prednisone_mg_per_day": 40},
            "none",
            "no_flare",
        ),
        ({"iv_methylprednisolone_pulse": True}, "severe", "severe_dose"),
        # drugs and admission
        ({"new_treatments": []}, "none", "no_flare"),
        ({"new_treatments": ["nsaid"]}, "mild_moderate", "mild_treatment"),
        ({"new_treatments": ["hydroxychloroquine", "mycophenolate"]}, "severe", "severe_treatment"),
        ({"hospitalised_for_sle": True}, "severe", "severe_admission"),
        # organ findings
        ({"new_or_worse": ["nephritis"]}, "none", "no_flare"),
        (
            {"new_or_worse": ["nephritis"], "current__prednisone_mg_per_day": 9.9},
            "mild_moderate",
            "mild_dose",
        ),
        ({"new_or_worse": ["nephritis"], "current__prednisone_mg_per_day": 10}, "severe", "severe_organ"),
        ({"new_or_worse": ["arthritis"], "current__prednisone_mg_per_day": 10}, "mild_moderate", "mild_organ"),
        (
            {
                "new_or_worse": ["cns_sle"],
                "previous__prednisone_mg_per_day": 0,
                "current__prednisone_mg_per_day": 10,
            },
            "mild_moderate",
            "mild_dose",
        ),  # from 0 there is no doubling
        (
            {
                "new_or_worse": ["cns_sle"],
                "previous__prednisone_mg_per_day": 31,
                "current__prednisone_mg_per_day": 31,
            },
            "severe",
            "severe_organ",
        ),
        ({"new_or_worse": ["myositis"], "hospitalised_for_sle": True}, "severe", "severe_organ"),
    ],
)
def test_each_criterion_and_its_edge(changes: dict[str, Any], flare: str, clause: str) -> None:
    found = visit(**changes)
    assert (found["flare"], found["clause"], found["missing"]) == (flare, clause, None)
    assert found["flare_at_least"] == found["flare_at_most"] == flare


@pytest.mark.parametrize("name", RULES["organs"]["mild"])
def test_mild_findings(name: str) -> None:
    assert visit(new_or_worse=[name])["flare"] == "mild_moderate"


@pytest.mark.parametrize("name", RULES["organs"]["severe"])
def test_severe_findings_need_more_than_themselves(name: str) -> None:
    assert visit(new_or_worse=[name])["flare"] == "none"
    assert visit(new_or_worse=[name], current__prednisone_mg_per_day=10)["clause"] == "severe_organ"


@pytest.mark.parametrize("name", RULES["treatments"]["severe"])
def test_new_immunosuppressants(name: str) -> None:
    assert visit(new_treatments=[name])["flare"] == "severe"


@pytest.mark.parametrize(
    ("changes", "low", "high", "missing"),
    [
        ({"current__selena_sledai": None}, "none", "severe", "current.selena_sledai"),
        ({"previous__selena_sledai": None}, "none", "mild_moderate", "previous.selena_sledai"),
        ({"current__phga_0_3": None}, "none", "severe", "current.phga_0_3"),
        ({"previous__phga_0_3": None}, "none", "mild_moderate", "previous.phga_0_3"),
        ({"previous__phga_0_3": None, "current__phga_0_3": 2.6}, "none", "severe", "previous.phga_0_3"),
        ({"current__phga_0_3": 3.1}, "none", "severe", "current.phga_0_3"),
        ({"current__prednisone_mg_per_day": None}, "none", "severe", "current.prednisone_mg_per_day"),
        ({"previous__prednisone_mg_per_day": None}, "none", "mild_moderate", "previous.prednisone_mg_per_day"),
        ({"new_or_worse": None}, "none", "mild_moderate", "new_or_worse"),
        ({"new_or_worse": None, "current__prednisone_mg_per_day": 10}, "mild_moderate", "severe", "new_or_worse"),
        ({"new_or_worse": ["nefritis"]}, "none", "mild_moderate", "new_or_worse"),
        ({"new_or_worse": [None]}, "none", "mild_moderate", "new_or_worse"),
        ({"new_treatments": None}, "none", "severe", "new_treatments"),
        ({"new_treatments": ["mycofenolate"]}, "none", "severe", "new_treatments"),
        ({"hospitalised_for_sle": None}, "none", "severe", "hospitalised_for_sle"),
        ({"iv_methylprednisolone_pulse": None}, "none", "severe", "iv_methylprednisolone_pulse"),
        ({"current__selena_sledai": 13, "variant": None}, "mild_moderate", "severe", "variant"),
    ],
)
def test_what_is_missing_opens_the_grade(changes: dict[str, Any], low: str, high: str, missing: str) -> None:
    found = visit(**changes)
    assert (found["flare"], found["clause"]) == (None, None)
    assert (found["flare_at_least"], found["flare_at_most"], found["missing"]) == (low, high, missing)


@pytest.mark.parametrize(
    "changes",
    [
        {"current__selena_sledai": None, "current__phga_0_3": None, "hospitalised_for_sle": True},
        {"new_or_worse": None, "new_treatments": ["azathioprine", "else"]},
    ],
)
def test_one_proven_severe_criterion_is_enough(changes: dict[str, Any]) -> None:
    found = visit(**changes)
    assert (found["flare"], found["missing"]) == ("severe", None)
