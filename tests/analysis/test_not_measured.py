"""What was never measured is not evaluable: no B-cell count is no absence of aplasia, no answered visit no failure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import aftercart as ac
from aftercart.criteria import registry
from aftercart.study.model import Study

MONTH_3 = "2022-05-30"


def item(instrument: str, name: str, value: float) -> dict[str, Any]:
    return {"subject_id": "P1", "instrument": instrument, "item": name, "datetime": MONTH_3, "value": value}


def counts(study: Study, id_: str) -> tuple[float, float]:
    found = ac.analyze(study).estimate(id_)
    return found["numerator"], found["denominator"]


def test_b_cells_that_were_never_counted(make_study: Callable[..., Study]) -> None:
    count = {"subject_id": "P1", "code": "CD19", "value": 90, "unit": "/uL", "datetime": MONTH_3}
    assert counts(make_study(name="a"), "b_cell_aplasia") == (0, 0)
    assert counts(make_study(name="b", observations=[count]), "b_cell_aplasia") == (0, 1)
    assert counts(make_study(name="c", observations=[{**count, "value": 0}]), "b_cell_aplasia") == (1, 1)


def test_remission_that_no_visit_could_answer(make_study: Callable[..., Study]) -> None:
    findings = [item("SLEDAI-2K", name, 0) for name in registry.get("sledai_2k").rules["weights"]]
    assert counts(make_study(name="a", assessments=findings), "remission_reached") == (0, 0)
    active = [*findings, item("PGA", "phga_0_3", 2.5)]
    assert counts(make_study(name="b", assessments=active), "remission_reached") == (0, 1)
    calm = [*findings, item("PGA", "phga_0_3", 0.2)]
    assert counts(make_study(name="c", assessments=calm), "remission_reached") == (1, 1)
