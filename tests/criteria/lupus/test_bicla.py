from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from aftercart import criteria


def respond(
    bilag: dict[str, tuple[Any, Any]] | None = None,
    sledai: tuple[Any, Any] = (10, 10),
    pga: tuple[Any, Any] = (1.0, 1.0),
    **more: Any,
) -> dict[str, Any]:
    """Assess one pair of visits; by default every part is met."""
    record: dict[str, Any] = {}
    for i, visit in enumerate(("baseline", "followup")):
        record |= {f"{visit}.sledai": sledai[i], f"{visit}.phga_0_3": pga[i]}
        record |= {f"{visit}.bilag.{s}": g[i] for s, g in (bilag or {"renal": ("A", "B")}).items()}
    record |= more
    return criteria.bicla(pl.DataFrame({k: pl.Series(k, [v], strict=False) for k, v in record.items()})).row(
        0, named=True
    )


@pytest.mark.parametrize(
    ("given", "response", "clause"),
    [
        ({}, True, "response"),
        ({"bilag": {"renal": ("A", "D")}}, True, "response"),
        ({"bilag": {"renal": ("A", "A")}}, False, "bilag_not_improved"),
        ({"bilag": {"renal": ("B", "C")}}, True, "response"),
        ({"bilag": {"renal": ("B", "B")}}, False, "bilag_not_improved"),
        ({"bilag": {"renal": ("B", "A")}}, False, "bilag_not_improved"),
        ({"bilag": {"renal": ("A", "C"), "ophthalmic": ("B", "B")}}, False, "bilag_not_improved"),
        ({"bilag": {"renal": ("A", "B"), "ophthalmic": ("C", "B")}}, True, "response"),
        (
            {"bilag": {"renal": ("A", "B"), "ophthalmic": ("C", "B"), "haematological": ("E", "B")}},
            False,
            "bilag_new",
        ),
        ({"bilag": {"renal": ("A", "B"), "ophthalmic": ("C", "A")}}, False, "bilag_not_improved"),
        ({"sledai": (10, 10.1)}, False, "sledai"),
        ({"sledai": (10, 0)}, True, "response"),
        ({"pga": (1.0, 1.29)}, True, "response"),
        ({"pga": (0.1, 0.4)}, False, "physician_global"),  # 0.3, with binary noise
        ({"treatment_failure": True}, False, "treatment_failure"),
    ],
)
def test_each_part_and_its_edge(given: dict[str, Any], response: bool, clause: str) -> None:
    found = respond(**given)
    assert (found["bicla"], found["bicla_nri"], found["evaluable"]) == (response, response, True)
    assert (found["clause"], found["missing"]) == (clause, None)


@pytest.mark.parametrize("grade", ["C", "D", "E"])
def test_without_an_a_or_b_at_baseline_there_is_nothing_to_improve(grade: str) -> None:
    found = respond({"renal": (grade, "E")}, treatment_failure=True)
    assert (found["evaluable"], found["bicla"], found["bicla_nri"]) == (False, None, None)
    assert (found["clause"], found["missing"]) == ("not_evaluable", None)


@pytest.mark.parametrize(
    ("given", "evaluable", "missing"),
    [
        ({"bilag": {"renal": ("A", None)}}, True, "followup.bilag.renal"),
        ({"bilag": {"renal": ("A", "B"), "ophthalmic": (None, "B")}}, True, "baseline.bilag.ophthalmic"),
        ({"bilag": {"renal": (None, "B")}}, None, "baseline.bilag.renal"),
        ({"bilag": {"renal": ("C", "C"), "ophthalmic": (None, "C")}}, None, "baseline.bilag.ophthalmic"),
        ({"sledai": (None, 10)}, True, "baseline.sledai"),
        ({"pga": (1.0, None)}, True, "followup.phga_0_3"),
        ({"treatment_failure": None}, True, "treatment_failure"),
    ],
)
def test_what_is_missing_leaves_the_answer_open(given: dict[str, Any], evaluable: bool | None, missing: str) -> None:
    found = respond(**given)
    assert (found["bicla"], found["bicla_nri"], found["evaluable"]) == (None, False, evaluable)
    assert (found["clause"], found["missing"]) == (None, missing)


@pytest.mark.parametrize(
    ("given", "clause"),
    [
        ({"bilag": {"renal": ("A", "C"), "ophthalmic": (None, "A")}}, "bilag_not_improved"),
        ({"bilag": {"renal": ("A", None)}, "treatment_failure": True}, "treatment_failure"),
        ({"bilag": {"renal": ("B", None)}, "sledai": (4, 5)}, "sledai"),
        ({"pga": (None, 1.0), "sledai": (4, 5)}, "sledai"),
    ],
)
def test_one_part_not_met_decides(given: dict[str, Any], clause: str) -> None:
    found = respond(**given)
    assert (found["bicla"], found["clause"], found["missing"]) == (False, clause, None)


def test_without_any_grade_nothing_is_known() -> None:
    found = criteria.bicla(pl.DataFrame({"baseline.sledai": [4], "followup.sledai": [5]})).row(0, named=True)
    assert (found["evaluable"], found["bicla"], found["bicla_nri"]) == (None, None, False)
