from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from aftercart import criteria


def flag(event: str | None, **more: Any) -> dict[str, Any]:
    row = {"event": event, **more}
    frame = pl.DataFrame({k: [v] for k, v in row.items()}, schema_overrides={"event": pl.String})
    return criteria.safety_event_flags(frame).row(0, named=True)


# event -> report at once, test for the transgene, clause
@pytest.mark.parametrize(
    ("event", "more", "report", "transgene", "clause"),
    [
        ("new_malignancy", {}, True, True, "new_malignancy"),
        ("new_malignancy", {"serious_outcome": False}, True, True, "new_malignancy"),
        ("new_malignancy", {"serious_outcome": True}, True, True, "new_malignancy"),
        ("new_malignancy", {"serious_outcome": None}, True, True, "new_malignancy"),
        ("new_malignancy", {"malignancy_lineage": "T_cell"}, True, True, "new_malignancy"),
        ("new_malignancy", {"malignancy_lineage": "skin"}, True, True, "new_malignancy"),
        ("new_malignancy", {"malignancy_lineage": None}, True, True, "new_malignancy"),
        ("new_malignancy", {"years_since_infusion": 0.1}, True, True, "new_malignancy"),
        ("new_malignancy", {"years_since_infusion": 15}, True, True, "new_malignancy"),
        ("new_malignancy", {"years_since_infusion": 25}, True, True, "new_malignancy"),
        ("new_malignancy", {"years_since_infusion": None}, True, True, "new_malignancy"),
        ("relapse_of_known_malignancy", {}, False, False, "not_expedited"),
        ("relapse_of_known_malignancy", {"serious_outcome": True}, True, False, "serious"),
        ("rcl_test", {"rcl_result": "positive"}, True, False, "rcl_positive"),
        ("rcl_test", {"rcl_result": "positive", "serious_outcome": None}, True, False, "rcl_positive"),
        ("rcl_test", {"rcl_result": "negative"}, False, False, "not_expedited"),
        ("rcl_test", {"rcl_result": "indeterminate"}, False, False, "not_expedited"),
        ("rcl_test", {"rcl_result": "negative", "serious_outcome": True}, False, False, "not_expedited"),
        ("rcl_test", {"rcl_result": "inconclusive"}, False, False, "not_expedited"),
        ("rcl_test", {"rcl_result": "invalid"}, False, False, "not_expedited"),
        ("rcl_test", {"rcl_result": "pending"}, False, False, "not_expedited"),
        ("rcl_test", {"rcl_result": "not_done"}, False, False, "not_expedited"),
        ("death", {}, True, False, "death"),
        ("death", {"serious_outcome": False}, True, False, "death"),
        ("death", {"serious_outcome": None}, True, False, "death"),
        ("death", {"cause": "infection"}, True, False, "death"),
        ("pregnancy", {}, False, False, "not_expedited"),
        ("pregnancy", {"serious_outcome": True}, True, False, "serious"),
        ("new_autoimmune_disease", {}, False, False, "not_expedited"),
        ("new_autoimmune_disease", {"serious_outcome": True}, True, False, "serious"),
        ("pneumonia", {"serious_outcome": False}, False, False, "not_expedited"),
        ("pneumonia", {"serious_outcome": True}, True, False, "serious"),
        ("pregnancy", {"rcl_result": "positive"}, False, False, "not_expedited"),
    ],
)
def test_every_event(event: str, more: dict[str, Any], report: bool, transgene: bool, clause: str) -> None:
    found = flag(event, **more)
    assert (found["report_expedited"], found["request_transgene_testing"]) == (report, transgene)
    assert (found["clause"], found["missing"], found["invalid"]) == (clause, None, None)


@pytest.mark.parametrize(
    ("event", "more", "transgene", "missing"),
    [
        (None, {}, None, "event"),
        (None, {"serious_outcome": True}, None, "event"),
        ("rcl_test", {}, False, "rcl_result"),
        ("rcl_test", {"rcl_result": None, "serious_outcome": True}, False, "rcl_result"),
        ("pregnancy", {"serious_outcome": None}, False, "serious_outcome"),
        ("relapse_of_known_malignancy", {"serious_outcome": None}, False, "serious_outcome"),
    ],
)
def test_what_is_not_known_leaves_the_report_open(
    event: str | None, more: dict[str, Any], transgene: bool | None, missing: str
) -> None:
    found = flag(event, **more)
    assert (found["report_expedited"], found["request_transgene_testing"]) == (None, transgene)
    assert (found["clause"], found["missing"]) == (None, missing)


def test_a_test_result_that_does_not_exist_is_refused() -> None:
    found = flag("rcl_test", rcl_result="weak")
    assert (found["report_expedited"], found["missing"]) == (None, "rcl_result")
    assert found["invalid"] == (
        "rcl_result: found weak, expected one of positive, negative, indeterminate, inconclusive, invalid, pending, "
        "not_done"
    )


def test_years_that_do_not_exist_are_refused_without_changing_the_duty() -> None:
    found = flag("new_malignancy", years_since_infusion=-1)
    assert (found["report_expedited"], found["clause"]) == (True, "new_malignancy")
    assert found["invalid"] == "years_since_infusion: found -1.0, expected 0 to 100"
