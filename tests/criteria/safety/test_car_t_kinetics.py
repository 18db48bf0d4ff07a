from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from aftercart import criteria

ROW = pl.Struct({"days_since_infusion": pl.Int64(), "copies_per_ug": pl.Float64()})
METRICS = ("cmax", "tmax_day", "clast", "tlast_day", "auc_0_28d")
Samples = dict[int, Any] | list[tuple[int | None, Any]]


def course(samples: Samples | None, lloq: float | None = 10) -> dict[str, Any]:
    pairs = samples.items() if isinstance(samples, dict) else samples
    rows = None if pairs is None else [{"days_since_infusion": d, "copies_per_ug": v} for d, v in pairs]
    frame = pl.DataFrame({"samples": pl.Series([rows], dtype=pl.List(ROW))})
    frame = frame.with_columns(lloq_copies_per_ug=pl.lit(lloq, dtype=pl.Float64))
    return criteria.car_t_kinetics(frame).row(0, named=True)


@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        ({0: 0, 10: 1000, 28: 100}, (1000, 10, 100, 28, 14900)),
        ({10: 1000, 28: 100}, (1000, 10, 100, 28, 14900)),
        ({0: 100, 28: 100}, (100, 0, 100, 28, 2800)),
        ({7: 500, 10: 500, 28: 0}, (500, 7, 500, 10, 1750 + 1500 + 4500)),
        ({14: 1400, 42: 0}, (1400, 14, 1400, 14, 9800 + 14700)),
        ({14: 1400, 28: 700, 42: 900}, (1400, 14, 900, 42, 9800 + 14700)),
        ({42: 4200}, (4200, 42, 4200, 42, 39200)),
        ({7: 700, 14: 5, 28: 70}, (700, 7, 70, 28, 2450 + 2450 + 490)),
        ({7: 10, 28: 9.9}, (10, 7, 10, 7, 35 + 105)),
        ({7: 9.9, 28: 2}, (None, None, None, None, 0)),
        ({10: 1000, 27: 100}, (1000, 10, 100, 27, None)),
        ([(7, 100), (7, 700), (28, 0), (-3, 9999), (None, 5000), (9, None)], (700, 7, 700, 7, 2450 + 7350)),
    ],
)
def test_metrics(samples: Samples, expected: tuple[float | None, ...]) -> None:
    found = course(samples)
    assert tuple(found[m] for m in METRICS) == pytest.approx(expected)
    assert found["clause"] == ("never_quantifiable" if expected[0] is None else "quantifiable")
    assert found["missing"] == ("samples" if expected[4] is None else None)


@pytest.mark.parametrize(
    ("samples", "lloq", "missing"),
    [
        (None, 10, "samples"),
        ([], 10, "samples"),
        ({-1: 50}, 10, "samples"),
        ({7: 700, 28: 7}, None, "lloq_copies_per_ug"),
    ],
)
def test_without_samples_or_limit_nothing_is_given(samples: Any, lloq: float | None, missing: str) -> None:
    found = course(samples, lloq)
    assert all(found[m] is None for m in METRICS)
    assert (found["clause"], found["missing"]) == (None, missing)


def test_subjects_do_not_run_into_each_other() -> None:
    long = pl.DataFrame(
        {
            "subject_id": ["a", "b", "a", "b"],
            "days_since_infusion": [10, 14, 28, 28],
            "copies_per_ug": [1000.0, 2800.0, 0.0, 0.0],
        }
    )
    found = criteria.car_t_kinetics(long, lloq_copies_per_ug=10)
    assert found.select("subject_id", "cmax", "auc_0_28d").rows() == [("a", 1000, 14000), ("b", 2800, 39200)]
