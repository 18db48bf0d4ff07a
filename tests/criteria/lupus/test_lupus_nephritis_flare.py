from __future__ import annotations

import polars as pl
import pytest

from aftercart import criteria


@pytest.mark.parametrize(
    ("nadir", "ratio", "flare", "clause"),
    [
        (0.1, 1.1, True, "flare_from_low_nadir"),
        (0.1, 1.0, False, "no_flare"),
        (0.0, 1.01, True, "flare_from_low_nadir"),
        (0.19, 1.5, True, "flare_from_low_nadir"),
        (0.2, 1.5, False, "no_flare"),
        (0.2, 2.01, True, "flare"),
        (0.5, 2.0, False, "no_flare"),
        (1.0, 2.1, True, "flare"),
        (1.0, 0.9, False, "no_flare"),
        (1.01, 5.0, None, "no_response_before"),
        (1.01, None, None, "no_response_before"),
    ],
)
def test_limits_by_nadir(nadir: float, ratio: float | None, flare: bool | None, clause: str) -> None:
    visit = pl.DataFrame({"upcr_nadir_g_per_g": [nadir], "upcr_g_per_g": pl.Series([ratio], dtype=pl.Float64)})
    found = criteria.lupus_nephritis_flare(visit).row(0, named=True)
    assert (found["proteinuric_flare"], found["clause"]) == (flare, clause)


@pytest.mark.parametrize(
    ("nadir", "ratio", "missing"),
    [(None, 3.0, "upcr_nadir_g_per_g"), (0.1, None, "upcr_g_per_g"), (-0.1, 3.0, "upcr_nadir_g_per_g")],
)
def test_both_ratios_are_needed(nadir: float | None, ratio: float | None, missing: str) -> None:
    found = criteria.lupus_nephritis_flare(pl.DataFrame({"upcr_nadir_g_per_g": [nadir], "upcr_g_per_g": [ratio]}))
    assert found.select("proteinuric_flare", "clause", "missing").row(0) == (None, None, missing)
