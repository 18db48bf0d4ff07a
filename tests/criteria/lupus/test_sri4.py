from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from aftercart import criteria

SYSTEMS = [
    "constitutional", "mucocutaneous", "neuropsychiatric", "musculoskeletal", "cardiorespiratory",
    "gastrointestinal", "ophthalmic", "renal", "haematological",
]  # fmt: skip


def respond(
    sledai: tuple[Any, Any] = (10, 6),
    pga: tuple[Any, Any] = (2.0, 1.0),
    bilag: dict[str, tuple[Any, Any]] | None = None,
    **more: Any,
) -> dict[str, Any]:
    """Assess one pair of visits; by default every part is met."""
    record: dict[str, Any] = {}
    for i, visit in enumerate(("baseline", "followup")):
        record |= {f"{visit}.sledai": sledai[i], f"{visit}.phga_0_3": pga[i]}
        record |= {f"{visit}.bilag.{s}": g[i] for s, g in (bilag or {"mucocutaneous": ("B", "C")}).items()}
    record |= more
    return criteria.sri4(pl.DataFrame({k: pl.Series(k, [v], strict=False) for k, v in record.items()})).row(
        0, named=True
    )


@pytest.mark.parametrize(
    ("given", "response", "clause"),
    [
        ({}, True, "response"),
        ({"sledai": (10, 6.1)}, False, "sledai"),
        ({"sledai": (10, 7)}, False, "sledai"),
        ({"sledai": (4, 0)}, True, "response"),
        ({"sledai": (3, 0)}, False, "sledai"),
        ({"sledai": (10, 5), "sledai_points": 5}, True, "response"),
        ({"sledai": (10, 6), "sledai_points": 5}, False, "sledai"),
        ({"pga": (2.0, 2.2)}, True, "response"),
        ({"pga": (2.0, 2.3)}, False, "physician_global"),
        ({"pga": (0.1, 0.4)}, False, "physician_global"),  # binary noise at the edge
        ({"pga": (0.1, 0.39)}, True, "response"),
        ({"prohibited_medication": True}, False, "prohibited_medication"),
        ({"bilag": {"renal": ("D", "B")}}, True, "response"),
        ({"bilag": {"renal": ("D", "B"), "ophthalmic": ("E", "B")}}, False, "bilag"),
        ({"bilag": {"renal": ("D", "B"), "ophthalmic": ("B", "B")}}, True, "response"),
        ({"bilag": {"renal": ("A", "B"), "ophthalmic": ("C", "B")}}, True, "response"),
        ({"bilag": {"renal": ("A", "A")}}, True, "response"),
        ({"bilag": {"renal": ("B", "A")}}, False, "bilag"),
        ({"bilag": {"renal": ("E", "A")}}, False, "bilag"),
    ],
)
def test_each_part_and_its_edge(given: dict[str, Any], response: bool, clause: str) -> None:
    found = respond(**given)
    assert (found["sri4"], found["sri4_nri"], found["clause"]) == (response, response, clause)
    assert found["missing"] is None


@pytest.mark.parametrize("system", SYSTEMS)
def test_every_system_counts(system: str) -> None:
    found = respond(bilag={"constitutional": ("B", "C"), system: ("C", "A")})
    assert (found["bilag_ok"], found["n_new_a"]) == (False, 1)
    others = {s: ("D", "B") for s in SYSTEMS if s != system}
    assert respond(bilag={**others, system: ("D", "D")})["n_new_b"] == 8


def test_other_scales_of_the_physician_global() -> None:
    found = respond(pga=(None, None), **{"baseline.phga_0_10_cm": 4, "followup.phga_0_100_mm": 50})
    assert found["pga_ok"] is False
    assert respond(pga=(1.2, None), **{"followup.phga_0_100_mm": 49})["pga_ok"] is True


@pytest.mark.parametrize(
    ("given", "part", "missing"),
    [
        ({"sledai": (None, 6)}, "sledai_ok", "baseline.sledai"),
        ({"sledai": (10, 106)}, "sledai_ok", "followup.sledai"),
        ({"pga": (2.0, None)}, "pga_ok", "followup.phga_0_3"),
        ({"pga": (2.0, 3.1)}, "pga_ok", "followup.phga_0_3"),
        ({"bilag": {"renal": ("B", None)}}, "bilag_ok", "followup.bilag.renal"),
        ({"bilag": {"renal": (None, "A")}}, "bilag_ok", "baseline.bilag.renal"),
        ({"bilag": {"renal": ("C", "B"), "ophthalmic": (None, "B")}}, "bilag_ok", "baseline.bilag.ophthalmic"),
        ({"bilag": {"renal": ("B", "F")}}, "bilag_ok", "followup.bilag.renal"),
    ],
)
def test_a_missing_part_leaves_the_answer_open(given: dict[str, Any], part: str, missing: str) -> None:
    found = respond(**given)
    assert (found["sri4"], found["sri4_nri"], found["clause"], found[part]) == (None, False, None, None)
    assert found["missing"] == missing
    beaten = respond(**({"sledai": (10, 9)} | given | {"prohibited_medication": True}))
    assert (beaten["sri4"], beaten["clause"], beaten["missing"]) == (False, "prohibited_medication", None)


@pytest.mark.parametrize(
    "bilag",
    [
        {"renal": (None, "C")},  # C now is not new activity whatever it was
        {"renal": ("C", "B"), "ophthalmic": ("A", "B")},
        {"renal": (None, "B")},  # at most one new B
        {"renal": ("C", "D"), "ophthalmic": ("not_listed", "not_listed")},
    ],
)
def test_a_missing_grade_matters_only_where_it_could_decide(bilag: dict[str, tuple[Any, Any]]) -> None:
    assert respond(bilag=bilag)["sri4"] is True


def test_a_system_listed_at_one_visit_only_is_missing_at_the_other() -> None:
    found = respond(**{"followup.bilag.renal": "A"})
    assert (found["bilag_ok"], found["missing"]) == (None, "baseline.bilag.renal")
    found = respond(**{"baseline.bilag.renal": "C"})
    assert (found["bilag_ok"], found["missing"]) == (None, "followup.bilag.renal")


def test_without_any_grade_bilag_is_missing() -> None:
    pair = pl.DataFrame(
        {"baseline.sledai": [10], "followup.sledai": [2], "baseline.phga_0_3": [1.0], "followup.phga_0_3": [0.5]}
    )
    found = criteria.sri4(pair).row(0, named=True)
    assert (found["sri4"], found["bilag_ok"]) == (None, None)
    assert found["missing"].count("bilag") == 18


def test_prohibited_medication_unknown() -> None:
    found = respond(prohibited_medication=None)
    assert (found["sri4"], found["missing"]) == (None, "prohibited_medication")
