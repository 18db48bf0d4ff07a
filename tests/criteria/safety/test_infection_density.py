from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from aftercart import criteria

ROW = pl.Struct({"last_day_at_risk": pl.Int64(), "infection_onset_days": pl.List(pl.Float64())})
Patients = list[tuple[int | None, list[float | None] | None]]


def density(patients: Patients | None, start: int | None = 0, end: int | None = 28, **given: Any) -> dict[str, Any]:
    rows = (
        None
        if patients is None
        else [{"last_day_at_risk": last, "infection_onset_days": days} for last, days in patients]
    )
    frame = pl.DataFrame({"patients": pl.Series([rows], dtype=pl.List(ROW))})
    frame = frame.with_columns(
        window_start_day=pl.lit(start, dtype=pl.Int64), window_end_day=pl.lit(end, dtype=pl.Int64)
    )
    return criteria.infection_density(frame, **given).row(0, named=True)


@pytest.mark.parametrize(
    ("patients", "window", "n", "days", "expected"),
    [
        ([(28, [5])], (0, 28), 1, 29, 3.4483),
        ([(28, [0, 28])], (0, 28), 2, 29, 6.8966),
        ([(60, [-1, 29])], (0, 28), 0, 29, 0.0),
        ([(9, [9])], (0, 28), 1, 10, 10.0),
        ([(9, [10])], (0, 28), 0, 10, 0.0),
        ([(0, [0])], (0, 28), 1, 1, 100.0),
        ([(90, [40]), (60, [])], (29, 90), 1, 94, 1.0638),
        ([(90, [29, 90]), (28, [20])], (29, 90), 2, 62, 3.2258),
        ([(29, []), (28, [])], (29, 90), 0, 1, 0.0),
    ],
)
def test_days_and_infections_within_window_and_time_at_risk(
    patients: Patients, window: tuple[int, int], n: int, days: int, expected: float
) -> None:
    found = density(patients, *window)
    assert (found["n_infections"], found["patient_days_at_risk"], found["density"]) == (n, days, expected)
    assert (found["density_min"], found["density_max"]) == (expected, expected)
    assert (found["clause"], found["missing"]) == ("pooled", None)


def test_per_patient_years() -> None:
    assert density([(99, [10])], 0, 99, per="100_patient_years")["density"] == 365.25


@pytest.mark.parametrize("patients", [[], [(28, [])], [(10, [5]), (20, [])]])
def test_no_time_at_risk_is_null_not_zero(patients: Patients) -> None:
    found = density(patients, 29, 90)
    assert (found["n_infections"], found["patient_days_at_risk"], found["density"]) == (0, 0, None)
    assert (found["density_min"], found["density_max"], found["clause"]) == (None, None, "no_time_at_risk")


@pytest.mark.parametrize(
    ("patients", "n", "days", "low", "high", "missing"),
    [
        ([(28, [5]), (None, [])], 1, None, 1.7241, 3.4483, "patients.last_day_at_risk"),
        ([(28, [5]), (None, [3])], None, None, 1.7241, 6.8966, "patients.last_day_at_risk"),
        ([(None, [3])], None, None, 0.0, None, "patients.last_day_at_risk"),
        ([(28, [5, None])], None, 29, 3.4483, 6.8966, "patients.infection_onset_days"),
        ([(28, [5]), (28, None)], None, 58, 1.7241, None, "patients.infection_onset_days"),
    ],
)
def test_what_is_not_known_leaves_bounds(
    patients: Patients, n: int | None, days: int | None, low: float, high: float | None, missing: str
) -> None:
    found = density(patients)
    assert (found["density"], found["density_min"], found["density_max"]) == (None, low, high)
    assert (found["n_infections"], found["patient_days_at_risk"]) == (n, days)
    assert (found["clause"], found["missing"]) == ("open", missing)


def test_a_patient_not_at_risk_needs_no_list_of_infections() -> None:
    assert density([(90, [40]), (10, None)], 29, 90)["n_infections"] == 1


@pytest.mark.parametrize(
    ("patients", "start", "end", "missing"),
    [(None, 0, 28, "patients"), ([(28, [])], None, 28, "window_start_day"), ([(28, [])], 0, None, "window_end_day")],
)
def test_without_patients_or_window_nothing_is_given(
    patients: Patients | None, start: int | None, end: int | None, missing: str
) -> None:
    found = density(patients, start, end)
    assert (found["n_infections"], found["patient_days_at_risk"], found["density"]) == (None, None, None)
    assert (found["clause"], found["missing"]) == (None, missing)


def test_an_unknown_reference_leaves_the_counts() -> None:
    found = density([(28, [5])], per=None)
    assert (found["n_infections"], found["density"], found["clause"], found["missing"]) == (1, None, None, "per")
