from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from aftercart import criteria

VALUES: dict[str, float | None] = {
    "ldh_u_per_l": 467,
    "creatinine_mg_per_dl": 1.0,
    "crp_mg_per_dl": 2.0,
    "platelets_10e9_per_l": 100,
}


def indices(**changes: float | None) -> dict[str, Any]:
    row = VALUES | changes
    return criteria.easix(pl.DataFrame({k: [v] for k, v in row.items()})).row(0, named=True)


@pytest.mark.parametrize(
    ("changes", "easix", "modified", "simple"),
    [
        ({}, 4.67, 9.34, 4.67),
        ({"creatinine_mg_per_dl": 2.0}, 9.34, 9.34, 4.67),
        ({"crp_mg_per_dl": 0}, 4.67, 0, 4.67),
        ({"ldh_u_per_l": 100, "platelets_10e9_per_l": 300}, 0.3333, 0.6667, 0.3333),
        ({"creatinine_mg_per_dl": None}, None, 9.34, 4.67),
        ({"crp_mg_per_dl": None}, 4.67, None, 4.67),
        ({"ldh_u_per_l": None}, None, None, None),
        ({"platelets_10e9_per_l": None}, None, None, None),
        ({"platelets_10e9_per_l": 0}, None, None, None),
        ({"platelets_10e9_per_l": -5}, None, None, None),
    ],
)
def test_each_index_needs_only_its_own_values(
    changes: dict[str, float | None], easix: float | None, modified: float | None, simple: float | None
) -> None:
    found = indices(**changes)
    assert (found["easix"], found["m_easix"], found["s_easix"]) == (easix, modified, simple)
    absent = [k for k, v in changes.items() if v is None or (k == "platelets_10e9_per_l" and v <= 0)]
    assert found["missing"] == ("; ".join(absent) or None)


@pytest.mark.parametrize(
    ("creatinine", "above", "clause"),
    [(1.0, False, "not_above_cutoff"), (1.001, True, "above_cutoff"), (None, None, None)],
)
def test_the_cutoff_must_be_exceeded(creatinine: float | None, above: bool | None, clause: str | None) -> None:
    found = indices(creatinine_mg_per_dl=creatinine)
    assert (found["above_cutoff"], found["clause"]) == (above, clause)


def test_a_negative_count_is_refused_with_the_reason() -> None:
    assert indices(platelets_10e9_per_l=-5)["invalid"] == "platelets_10e9_per_l: found -5.0, expected 0 to 10000"
