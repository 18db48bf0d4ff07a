"""Step 1 through both indices that use it."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from aftercart import criteria

FVC = {
    "baseline_percent_predicted": 80,
    "followup_percent_predicted": 68,
    "confirmed_within_1_month": True,
    "ild_on_hrct": True,
    "attributable_to_ssc": True,
}
LVF = {"lvef_percent": 45, "requires_treatment": True}
PAH = {"mpap_mmhg": 25, "pcwp_mmhg": 15, "pvr_wood_units": 3.1, "requires_treatment": True}


FIELDS = {
    "fvc": set(FVC),
    "new_left_ventricular_failure": set(LVF),
    "new_pah_on_rhc": set(PAH),
}


def unknown_inputs(step1: dict[str, Any]) -> set[str]:
    """Inputs of the listed events without a value: left out (but for what is assumed), null, or refused (FVC of 0)."""
    found = set()
    for name, value in step1.items():
        stated = {f"{name}.{f}": v for f, v in value.items()} if isinstance(value, dict) else {name: value}
        asked = {f"{name}.{f}" for f in FIELDS[name]} | set(stated) if isinstance(value, dict) else {name}
        found |= {f"step1.{f}" for f in asked if stated.get(f) in (None, 0) and stated.get(f) is not False}
    return found


def judge(step1: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """ACR CRISS and revised CRISS of one pair of visits with the given step 1 record."""
    record: dict[str, list[Any]] = {"changes.mrss": [-8], "baseline.mrss": [20]}
    for name, value in step1.items():
        if isinstance(value, dict):
            record |= {f"step1.{name}.{field}": [v] for field, v in value.items()}
        else:
            record[f"step1.{name}"] = [value]
    frame = pl.DataFrame(record)
    return criteria.acr_criss_2016(frame).row(0, named=True), criteria.revised_criss(frame).row(0, named=True)


EVENTS = [
    ({}, False, None),
    ({"new_scleroderma_renal_crisis": True}, True, "renal_crisis"),
    ({"new_scleroderma_renal_crisis": False}, False, None),
    ({"new_scleroderma_renal_crisis": None}, None, "renal_crisis"),
    ({"fvc": FVC}, True, "fvc_decline"),
    ({"fvc": FVC | {"followup_percent_predicted": 68.1}}, False, None),  # 14.9%
    (
        {"fvc": FVC | {"baseline_percent_predicted": 100, "followup_percent_predicted": 80}},
        False,
        None,
    ),  # not below 80
    (
        {"fvc": FVC | {"baseline_percent_predicted": 100, "followup_percent_predicted": 79.9}},
        True,
        "fvc_decline",
    ),
    ({"fvc": FVC | {"confirmed_within_1_month": False}}, False, None),
    ({"fvc": FVC | {"ild_on_hrct": False}}, False, None),
    ({"fvc": FVC | {"attributable_to_ssc": False}}, False, None),
    ({"fvc": FVC | {"confirmed_within_1_month": None}}, None, "fvc_decline"),
    ({"fvc": FVC | {"ild_on_hrct": None}}, None, "fvc_decline"),
    ({"fvc": FVC | {"attributable_to_ssc": None}}, None, "fvc_decline"),
    ({"fvc": FVC | {"followup_percent_predicted": None}}, None, "fvc_decline"),
    ({"fvc": FVC | {"followup_percent_predicted": 0}}, None, "fvc_decline"),
    ({"fvc": {"baseline_percent_predicted": 80}}, False, None),
    ({"fvc": {"baseline_percent_predicted": 80, "followup_percent_predicted": 78}}, False, None),
    ({"fvc": {"baseline_percent_predicted": 80, "followup_percent_predicted": 60}}, None, "fvc_decline"),
    ({"fvc": {"confirmed_within_1_month": True}}, None, "fvc_decline"),
    ({"fvc": {"ild_on_hrct": True}}, None, "fvc_decline"),
    ({"fvc": {"attributable_to_ssc": True}}, None, "fvc_decline"),
    ({"new_left_ventricular_failure": LVF}, True, "left_ventricular_failure"),
    ({"new_left_ventricular_failure": LVF | {"lvef_percent": 45.1}}, False, None),
    ({"new_left_ventricular_failure": LVF | {"requires_treatment": False}}, False, None),
    ({"new_left_ventricular_failure": LVF | {"attributable_to_ssc": False}}, False, None),
    ({"new_left_ventricular_failure": LVF | {"attributable_to_ssc": None}}, None, "left_ventricular_failure"),
    ({"new_left_ventricular_failure": LVF | {"lvef_percent": None}}, None, "left_ventricular_failure"),
    ({"new_left_ventricular_failure": {"lvef_percent": 40}}, None, "left_ventricular_failure"),
    ({"new_left_ventricular_failure": {"lvef_percent": 60}}, False, None),
    ({"new_pah_on_rhc": PAH}, True, "pulmonary_arterial_hypertension"),
    ({"new_pah_on_rhc": PAH | {"mpap_mmhg": 24.9}}, False, None),
    ({"new_pah_on_rhc": PAH | {"pcwp_mmhg": 15.1}}, False, None),
    ({"new_pah_on_rhc": PAH | {"pvr_wood_units": 3.0}}, False, None),
    ({"new_pah_on_rhc": PAH | {"requires_treatment": False}}, False, None),
    ({"new_pah_on_rhc": PAH | {"attributable_to_ssc": False}}, False, None),
    ({"new_pah_on_rhc": PAH | {"attributable_to_ssc": None}}, None, "pulmonary_arterial_hypertension"),
    ({"new_pah_on_rhc": PAH | {"mpap_mmhg": None}}, None, "pulmonary_arterial_hypertension"),
    ({"new_pah_on_rhc": PAH | {"pcwp_mmhg": None}}, None, "pulmonary_arterial_hypertension"),
    ({"new_pah_on_rhc": PAH | {"pvr_wood_units": None}}, None, "pulmonary_arterial_hypertension"),
    ({"new_pah_on_rhc": PAH | {"requires_treatment": None}}, None, "pulmonary_arterial_hypertension"),
    ({"new_pah_on_rhc": {"mpap_mmhg": 30}}, None, "pulmonary_arterial_hypertension"),
    ({"new_pah_on_rhc": {"pcwp_mmhg": 10}}, None, "pulmonary_arterial_hypertension"),
    ({"new_pah_on_rhc": {"pvr_wood_units": 5}}, None, "pulmonary_arterial_hypertension"),
    ({"new_pah_on_rhc": {"requires_treatment": True}}, None, "pulmonary_arterial_hypertension"),
    ({"new_scleroderma_renal_crisis": True, "new_pah_on_rhc": {"mpap_mmhg": 30}}, True, "renal_crisis"),
]


@pytest.mark.parametrize(("step1", "not_improved", "event"), EVENTS)
def test_step_1_events(step1: dict[str, Any], not_improved: bool | None, event: str | None) -> None:
    for found in judge(step1):
        assert found["step1_not_improved"] is not_improved
        if event is not None:
            assert found[f"events.{event}"] is not_improved
        if not_improved:
            assert found["clause"] == event
            assert found["missing"] is None
        if not_improved is None:
            named = {name for name in found["missing"].split("; ") if name.startswith("step1.")}
            assert named == unknown_inputs(step1)


@pytest.mark.parametrize(
    ("key", "event"),
    [("gi_dysmotility_requiring_tpn", "gi_dysmotility"), ("digital_gangrene_or_amputation", "digital_gangrene")],
)
def test_the_revised_index_adds_two_events(key: str, event: str) -> None:
    classic, revised = judge({key: True})
    assert classic["step1_not_improved"] is False
    assert (revised["step1_not_improved"], revised["clause"], revised["criss20"]) == (True, event, False)
    assert judge({key: None})[1]["step1_not_improved"] is None
    assert judge({key: False})[1]["step1_not_improved"] is False
