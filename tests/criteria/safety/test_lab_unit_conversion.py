from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aftercart import criteria

TEXT = {"analyte": pl.String, "value": pl.Float64, "from_unit": pl.String, "to_unit": pl.String}


def convert(analyte: str | None, value: float | None, from_unit: str | None, to_unit: str | None) -> dict[str, Any]:
    row = {"analyte": [analyte], "value": [value], "from_unit": [from_unit], "to_unit": [to_unit]}
    return criteria.lab_unit_conversion(pl.DataFrame(row, schema=TEXT)).row(0, named=True)


CELLS = [
    (analyte, value, unit, "per_ul", expected)
    for analyte in ("anc", "neutrophils", "lymphocytes", "cd4", "b_cells")
    for value, unit, expected in [
        (0.5, "10^9/L", 500),
        (1.5, "10^3/uL", 1500),
        (500, "10^3/mL", 500),
        (20, "10^6/L", 20),
        (750, "/uL", 750),
        (750, "per_ul", 750),
    ]
]
COUNTS = [
    (analyte, value, unit, "10e9_per_l", expected)
    for analyte in ("platelets", "wbc")
    for value, unit, expected in [
        (75000, "per_ul", 75),
        (75000, "/uL", 75),
        (75, "10^3/uL", 75),
        (75, "10^9/L", 75),
        (4321, "per_ul", 4.321),
    ]
]
ENZYMES = [
    (analyte, value, unit, "u_per_l", expected)
    for analyte in ("alt", "ast", "alp", "ggt", "ck", "ldh", "lipase")
    for value, unit, expected in [(0.5, "ukat/L", 30), (2.75, "ukat/L", 165), (40, "U/L", 40)]
]
OTHERS = [
    ("hemoglobin", 80, "g/L", "g_per_dl", 8.0),
    ("hemoglobin", 5, "mmol/L", "g_per_dl", 8.055),
    ("hemoglobin", 9.9, "g/dL", "g_per_dl", 9.9),
    ("bilirubin", 17.1, "umol/L", "mg_per_dl", 1.0),
    ("bilirubin", 34.2, "umol/L", "mg_per_dl", 2.0),
    ("bilirubin", 10, "umol/L", "mg_per_dl", 0.5848),
    ("creatinine", 88.4, "umol/L", "mg_per_dl", 1.0),
    ("creatinine", 132.6, "umol/L", "mg_per_dl", 1.5),
    ("creatinine", 100, "umol/L", "mg_per_dl", 1.1312),
    ("crp", 30, "mg/L", "mg_per_dl", 3.0),
    ("igg", 4.0, "g/L", "mg_per_dl", 400.0),
    ("fibrinogen", 1.5, "g/L", "mg_per_dl", 150.0),
    ("ferritin", 650, "ug/L", "ng_per_ml", 650.0),
    ("fibrinogen", 150, "mg/dL", "mg_per_dl", 150.0),
    ("ferritin", 650, "ng/mL", "ng_per_ml", 650.0),
    ("triglycerides", 3.0, "mmol/L", "mg_per_dl", 265.7),
    ("triglycerides", 1.7, "mmol/L", "mg_per_dl", 150.6),
    ("triglycerides", 150, "mg/dL", "mg_per_dl", 150.0),
]


@pytest.mark.parametrize(("analyte", "value", "from_unit", "to_unit", "expected"), CELLS + COUNTS + ENZYMES + OTHERS)
def test_published_factors(analyte: str, value: float, from_unit: str, to_unit: str, expected: float) -> None:
    found = convert(analyte, value, from_unit, to_unit)
    assert found["value"] == expected
    assert (found["clause"], found["missing"], found["invalid"]) == ("converted", None, None)


@pytest.mark.parametrize(
    ("analyte", "value", "from_unit", "to_unit", "expected"),
    [
        ("anc", 500, "per_ul", "10^9/L", 0.5),
        ("platelets", 75, "10^9/L", "per_ul", 75000),
        ("hemoglobin", 8, "g/dL", "g/L", 80),
        ("hemoglobin", 80.55, "g/L", "mmol/L", 5),
        ("alt", 30, "U/L", "ukat/L", 0.5),
        ("bilirubin", 2, "mg/dL", "umol/L", 34.2),
        ("creatinine", 1.5, "mg/dL", "umol/L", 132.6),
        ("crp", 3, "mg/dL", "mg/L", 30),
        ("igg", 400, "mg/dL", "g/L", 4),
        ("triglycerides", 265.71, "mg/dL", "mmol/L", 3.0),
        ("anc", 0, "10^9/L", "per_ul", 0),
    ],
)
def test_other_directions(analyte: str, value: float, from_unit: str, to_unit: str, expected: float) -> None:
    assert convert(analyte, value, from_unit, to_unit)["value"] == expected


@pytest.mark.parametrize(
    ("fahrenheit", "celsius"),
    [(100.4, 38.0), (98.6, 37.0), (32, 0.0), (-40, -40.0), (100.3, 37.9444), (101.0, 38.3333), (100.94, 38.3)],
)
def test_temperature(fahrenheit: float, celsius: float) -> None:
    for unit in ("c", "Cel", "degC"):
        assert convert("temperature", fahrenheit, "degF", unit)["value"] == celsius
        assert convert("temperature", celsius, unit, "degF")["value"] == pytest.approx(fahrenheit, abs=2e-4)
        assert convert("temperature", celsius, unit, "Cel")["value"] == celsius
    assert convert("temperature", fahrenheit, "degF", "degF")["value"] == fahrenheit
    assert convert("temperature", fahrenheit, "degF", "degC")["clause"] == "converted"


@pytest.mark.parametrize(
    ("analyte", "value", "from_unit", "to_unit", "expected"),
    [
        ("creatinine", 1, "umol/L", "mg_per_dl", 0.0113),
        ("hemoglobin", 4.2, "mmol/L", "g_per_dl", 6.7662),
        ("wbc", 1234.56, "per_ul", "10e9_per_l", 1.2346),
        ("triglycerides", 1.0, "mmol/L", "mg_per_dl", 88.6),
    ],
)
def test_four_decimals_and_one_for_triglycerides(
    analyte: str, value: float, from_unit: str, to_unit: str, expected: float
) -> None:
    assert convert(analyte, value, from_unit, to_unit)["value"] == expected


@pytest.mark.parametrize(
    ("analyte", "from_unit", "to_unit"),
    [
        ("anc", "cells", "per_ul"),
        ("anc", "10^9/L", "cells"),
        ("anc", "g/L", "per_ul"),
        ("hemoglobin", "10^9/L", "g_per_dl"),
        ("hemoglobin", "g/L", "per_ul"),
        ("creatinine", "ukat/L", "mg_per_dl"),
        ("troponin", "ng/L", "ng/mL"),
        ("troponin", "ng/L", "ng/L"),
        ("temperature", "K", "degC"),
        ("temperature", "degF", "K"),
        ("crp", "degF", "degC"),
        ("bilirubin", "UMOL/L", "mg_per_dl"),
    ],
)
def test_an_unknown_unit_gives_a_missing_value(analyte: str, from_unit: str, to_unit: str) -> None:
    found = convert(analyte, 5.0, from_unit, to_unit)
    assert (found["value"], found["clause"], found["missing"]) == (None, "unknown_unit", None)


@pytest.mark.parametrize("missing", ["from_unit", "to_unit", "analyte"])
def test_a_unit_that_is_not_stated_gives_a_missing_value(missing: str) -> None:
    row = {"analyte": "anc", "value": 0.5, "from_unit": "10^9/L", "to_unit": "per_ul"} | {missing: None}
    assert convert(**row)["value"] is None


@pytest.mark.parametrize(
    ("analyte", "from_unit", "to_unit"),
    [("anc", "10^9/L", "per_ul"), ("temperature", "degF", "degC"), ("anc", "cells", "per_ul")],
)
def test_a_missing_value_stays_missing(analyte: str, from_unit: str, to_unit: str) -> None:
    found = convert(analyte, None, from_unit, to_unit)
    assert (found["value"], found["clause"], found["missing"]) == (None, None, "value")


def test_rows_of_different_analytes_in_one_frame() -> None:
    frame = pl.DataFrame(
        {
            "analyte": ["anc", "hemoglobin", "temperature", "anc"],
            "value": [0.5, 80, 100.4, 3],
            "from_unit": ["10^9/L", "g/L", "degF", "?"],
            "to_unit": ["per_ul", "g_per_dl", "degC", "per_ul"],
        }
    )
    found = criteria.lab_unit_conversion(frame)
    assert found["value"].to_list() == [500, 8, 38, None]
    assert found["analyte"].to_list() == ["anc", "hemoglobin", "temperature", "anc"]


PAIRS = [
    ("anc", "10^9/L", "per_ul"),
    ("platelets", "per_ul", "10^9/L"),
    ("hemoglobin", "g/L", "mmol/L"),
    ("alt", "ukat/L", "U/L"),
    ("bilirubin", "umol/L", "mg/dL"),
    ("creatinine", "umol/L", "mg/dL"),
    ("crp", "mg/L", "mg/dL"),
    ("temperature", "degF", "degC"),
]


@settings(max_examples=40, deadline=None)
@given(pair=st.sampled_from(PAIRS), value=st.floats(1, 1000))
def test_there_and_back_is_the_same_value(pair: tuple[str, str, str], value: float) -> None:
    analyte, one, other = pair
    there = convert(analyte, value, one, other)["value"]
    back = convert(analyte, there, other, one)["value"]
    assert back == pytest.approx(value, abs=0.06)


def test_triglycerides_convert_by_the_factor_to_its_last_digit() -> None:
    assert convert("triglycerides", 10, "mmol/L", "mg_per_dl")["value"] == 885.7
