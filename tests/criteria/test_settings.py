"""A setting that is null or refused gives no result: it never falls back to another rule in silence."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from aftercart import criteria

CELLS = [{"days_since_infusion": d, "b_cells_per_ul": v} for d, v in ((0, 90), (7, 0), (60, 30))]
GRADES = [{"days_since_infusion": d, "grade": g} for d, g in enumerate((0, 2, 0, 2))]
COUNTS = [{"days_since_infusion": d, "anc_per_ul": v} for d, v in ((5, 300), (40, 1200), (50, 1200), (300, 50))]


@pytest.mark.parametrize(
    ("key", "rows", "data", "setting", "value"),
    [
        ("b_cell_aplasia", "b_cells", CELLS, "aplasia_threshold_cells_per_ul", None),
        ("b_cell_aplasia", "b_cells", CELLS, "confirmation_n", 0),
        ("b_cell_aplasia", "b_cells", CELLS, "origin", "x"),
        ("grade_episodes", "observations", GRADES, "min_grade", 9),
        ("grade_episodes", "observations", GRADES, "merge_gap_days", None),
        ("icaht_late_2023", "anc", COUNTS, "late_window_end_day", None),
        ("icaht_late_2023", "anc", COUNTS, "late_rule", "any"),
        ("icaht_early_2023", "anc", COUNTS, "duration_rule", "mean"),
        ("icaht_early_2023", "anc", COUNTS, "max_unstable_recovery_days", -1),
    ],
)
def test_a_series_without_its_setting_has_no_result(
    key: str, rows: str, data: list[dict[str, Any]], setting: str, value: Any
) -> None:
    function = getattr(criteria, key)
    assert function({rows: [data]})["clause"] != [None]
    found = function({rows: [data], setting: [value]})
    assert [found[o.name] for o in function.entry.outputs] == [[None]] * len(function.entry.outputs)
    assert (found["clause"], found["missing"]) == ([None], [setting])


def test_a_refused_term_is_not_graded() -> None:
    found = criteria.ctcae_neutrophils(pl.DataFrame({"anc_per_ul": [400.0]}), ctcae_version=5, ctcae_term="anemia")
    assert found.select("grade", "grade_min", "grade_max", "missing").row(0) == (
        None,
        0,
        4,
        "ctcae_term; anc_lln_per_ul",
    )


@pytest.mark.parametrize(
    ("analyte", "start", "end", "clause", "missing"),
    [
        ("temperature", "K", "K", "unknown_unit", None),
        ("temperature", "Cel", "c", "converted", None),
        ("anc", None, "per_ul", None, "from_unit"),
        ("anc", "10^9/L", "furlong", "unknown_unit", None),
    ],
)
def test_a_unit_that_is_not_known_is_not_converted(
    analyte: str, start: str | None, end: str, clause: str | None, missing: str | None
) -> None:
    lab = pl.DataFrame({"analyte": [analyte], "value": [38.0], "from_unit": [start], "to_unit": [end]})
    found = criteria.lab_unit_conversion(lab)
    assert found.select("clause", "missing").row(0) == (clause, missing)
    assert (found["value"].item() is None) == (clause != "converted")
