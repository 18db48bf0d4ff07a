from __future__ import annotations

import polars as pl
import pytest

from aftercart import criteria

TARGETS = {"day_28": (28, 7), "day_100": (100, 14), "month_6": (183, 30)} | {
    f"year_{n}": (day, 60)
    for n, day in enumerate(
        [365, 730, 1096, 1461, 1826, 2192, 2557, 2922, 3287, 3652, 4018, 4383, 4748, 5114, 5479], start=1
    )
}


def assigned(*days: int | None) -> pl.DataFrame:
    return criteria.ltfu_visit_assignment(pl.DataFrame({"days_since_infusion": pl.Series(days, dtype=pl.Int64)}))


@pytest.mark.parametrize("visit", list(TARGETS))
def test_windows_include_both_ends(visit: str) -> None:
    target, half = TARGETS[visit]
    found = assigned(target - half - 1, target - half, target, target + half, target + half + 1)
    assert found["visit"].to_list() == [None, visit, visit, visit, None]
    assert found["target_day"].to_list() == [None, target, target, target, None]
    assert found["days_from_target"].to_list() == [None, -half, 0, half, None]
    assert found["clause"].to_list() == ["outside", *["in_window"] * 3, "outside"]


@pytest.mark.parametrize("day", [-30, -1, 0, 20, 60, 120, 250, 5540, 9000])
def test_other_days_belong_to_no_visit(day: int) -> None:
    assert assigned(day).select("visit", "clause", "missing").row(0) == (None, "outside", None)


def test_a_missing_day_is_named() -> None:
    found = assigned(None)
    assert found.select("visit", "clause", "missing").row(0) == (None, None, "days_since_infusion")
