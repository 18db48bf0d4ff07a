from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from aftercart import criteria

QUIET: dict[str, Any] = {
    "ferritin_ng_per_ml": 200.0,
    "ferritin_uln_ng_per_ml": 300.0,
    "ferritin_baseline_ng_per_ml": 250.0,
    "alt_u_per_l": 30.0,
    "alt_uln_u_per_l": 40.0,
    "alt_baseline_u_per_l": 30.0,
    "fibrinogen_mg_per_dl": 300.0,
    "fibrinogen_lln_mg_per_dl": 200.0,
}
FERRITIN: dict[str, Any] = {"ferritin_ng_per_ml": 900.0}


def screen(**changes: Any) -> dict[str, Any]:
    row = QUIET | changes
    return criteria.iec_hs_2023(pl.DataFrame({k: [v] for k, v in row.items()})).row(0, named=True)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"ferritin_ng_per_ml": 500}, False),
        ({"ferritin_ng_per_ml": 500.1}, True),
        ({"ferritin_ng_per_ml": 600, "ferritin_baseline_ng_per_ml": 300}, False),
        ({"ferritin_ng_per_ml": 600.1, "ferritin_baseline_ng_per_ml": 400}, True),
        ({"ferritin_ng_per_ml": 100, "ferritin_rapidly_rising": True}, True),
        ({"ferritin_ng_per_ml": None, "ferritin_rapidly_rising": True}, True),
        ({"ferritin_ng_per_ml": 700, "ferritin_baseline_ng_per_ml": None}, True),
        ({"ferritin_ng_per_ml": 550, "ferritin_baseline_ng_per_ml": None}, None),
        ({"ferritin_ng_per_ml": 450, "ferritin_uln_ng_per_ml": None}, None),
        ({"ferritin_ng_per_ml": 510, "ferritin_uln_ng_per_ml": None}, True),
        ({"ferritin_ng_per_ml": None}, None),
    ],
)
def test_ferritin_criterion(changes: dict[str, Any], expected: bool | None) -> None:
    assert screen(**changes)["ferritin_criterion"] is expected


@pytest.mark.parametrize(
    ("feature", "changes", "expected"),
    [
        ("transaminases", {"alt_u_per_l": 200}, False),
        ("transaminases", {"alt_u_per_l": 200.1}, True),
        ("transaminases", {"alt_u_per_l": 250, "alt_baseline_u_per_l": 50}, False),
        ("transaminases", {"alt_u_per_l": 250.1, "alt_baseline_u_per_l": 50}, True),
        ("transaminases", {"alt_u_per_l": 300, "alt_baseline_u_per_l": None}, None),
        ("transaminases", {"alt_u_per_l": 150, "alt_baseline_u_per_l": None}, False),
        ("transaminases", {"alt_u_per_l": None}, None),
        (
            "transaminases",
            {"alt_u_per_l": None, "ast_u_per_l": 201, "ast_uln_u_per_l": 40, "ast_baseline_u_per_l": 20},
            True,
        ),
        (
            "transaminases",
            {"alt_u_per_l": None, "ast_u_per_l": 50, "ast_uln_u_per_l": 40, "ast_baseline_u_per_l": 20},
            False,
        ),
        ("fibrinogen", {"fibrinogen_mg_per_dl": 200}, False),
        ("fibrinogen", {"fibrinogen_mg_per_dl": 199.9}, True),
        ("fibrinogen", {"fibrinogen_mg_per_dl": 150, "fibrinogen_lln_mg_per_dl": 140}, False),
        ("fibrinogen", {"fibrinogen_mg_per_dl": 149, "fibrinogen_lln_mg_per_dl": 140}, True),
        ("fibrinogen", {"fibrinogen_mg_per_dl": 149, "fibrinogen_lln_mg_per_dl": None}, True),
        ("fibrinogen", {"fibrinogen_mg_per_dl": 180, "fibrinogen_lln_mg_per_dl": None}, None),
        ("fibrinogen", {"fibrinogen_mg_per_dl": None}, None),
        ("hemophagocytosis", {"hemophagocytosis": True}, True),
        ("hemophagocytosis", {}, False),
        ("cytopenia", {"new_or_worsening_cytopenia": True, "max_cytopenia_ctcae_grade": 4}, True),
        ("cytopenia", {"new_or_worsening_cytopenia": True, "max_cytopenia_ctcae_grade": 3}, False),
        ("cytopenia", {"new_or_worsening_cytopenia": False, "max_cytopenia_ctcae_grade": 4}, False),
        ("cytopenia", {"new_or_worsening_cytopenia": True}, None),
    ],
)
def test_common_features(feature: str, changes: dict[str, Any], expected: bool | None) -> None:
    found = screen(**changes)
    assert found[f"feature_{feature}"] is expected
    assert found["n_common_features"] == (expected is True)
    assert found["n_common_features_max"] == (expected is not False)


@pytest.mark.parametrize(
    ("changes", "expected", "clause"),
    [
        (FERRITIN | {"hemophagocytosis": True}, True, "met"),
        (FERRITIN, False, "too_few_features"),
        (FERRITIN | {"n_common_required": 0}, True, "met"),
        (FERRITIN | {"hemophagocytosis": True, "n_common_required": 2}, False, "too_few_features"),
        ({"hemophagocytosis": True}, False, "ferritin_not_raised"),
        (FERRITIN | {"hemophagocytosis": True, "attributable_to_other_cause": True}, False, "other_cause"),
        (FERRITIN | {"alt_u_per_l": None, "attributable_to_other_cause": True}, False, "other_cause"),
        ({"alt_u_per_l": None}, False, "ferritin_not_raised"),
        (FERRITIN | {"alt_u_per_l": None, "hemophagocytosis": True}, True, "met"),
    ],
)
def test_screen(changes: dict[str, Any], expected: bool, clause: str) -> None:
    found = screen(**changes)
    assert (found["iec_hs_screen"], found["clause"], found["missing"]) == (expected, clause, None)


AST = "ast_u_per_l; ast_uln_u_per_l; ast_baseline_u_per_l"


@pytest.mark.parametrize(
    ("changes", "missing"),
    [
        ({"ferritin_ng_per_ml": None, "hemophagocytosis": True}, "ferritin_ng_per_ml"),
        ({"ferritin_ng_per_ml": None, "attributable_to_other_cause": True}, "ferritin_ng_per_ml"),
        (FERRITIN | {"alt_u_per_l": None}, f"alt_u_per_l; {AST}"),
        (FERRITIN | {"fibrinogen_mg_per_dl": None}, "fibrinogen_mg_per_dl"),
        (FERRITIN | {"new_or_worsening_cytopenia": True}, "max_cytopenia_ctcae_grade"),
        (FERRITIN | {"hemophagocytosis": True, "attributable_to_other_cause": None}, "attributable_to_other_cause"),
        (
            {"ferritin_ng_per_ml": 450, "ferritin_uln_ng_per_ml": None, "hemophagocytosis": True},
            "ferritin_uln_ng_per_ml",
        ),
    ],
)
def test_what_is_open_is_null_and_named(changes: dict[str, Any], missing: str) -> None:
    found = screen(**changes)
    assert (found["iec_hs_screen"], found["clause"], found["missing"]) == (None, None, missing)


def test_in_a_study_values_of_one_day_and_the_baseline_are_used(make_study: Any) -> None:
    from aftercart.assessment import assess

    def lab(code: str, value: float, unit: str, date: str, **more: Any) -> dict[str, Any]:
        return {"subject_id": "P1", "code": code, "value": value, "unit": unit, "datetime": date, **more}

    study = make_study(
        observations=[
            lab("FERRITIN", 250, "ug/L", "2022-02-27T08:00", ref_high=300),
            lab("FERRITIN", 520, "ug/L", "2022-03-09T08:00", ref_high=300),
            lab("FIB", 1.2, "g/L", "2022-03-09T08:00", ref_low=2.0),
        ]
    )
    found = assess(study, ["iec_hs_2023"]).results("iec_hs_2023")
    assert found.select("day", "iec_hs_screen", "n_common_features", "in.ferritin_baseline_ng_per_ml").rows() == [
        (8, True, 1, 250.0)
    ]
