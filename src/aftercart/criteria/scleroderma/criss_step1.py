"""Step 1 of both CRISS indices: new organ failure that rules out improvement."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from operator import or_

import polars as pl

from aftercart.criteria.logic import ge, gt, le, lt

RENAL_CRISIS = "step1.new_scleroderma_renal_crisis"
FVC = "step1.fvc"
LVF = "step1.new_left_ventricular_failure"
PAH = "step1.new_pah_on_rhc"

INPUTS = {
    "renal_crisis": [RENAL_CRISIS],
    "fvc_decline": [
        f"{FVC}.baseline_percent_predicted",
        f"{FVC}.followup_percent_predicted",
        f"{FVC}.confirmed_within_1_month",
        f"{FVC}.ild_on_hrct",
        f"{FVC}.attributable_to_ssc",
    ],
    "left_ventricular_failure": [f"{LVF}.lvef_percent", f"{LVF}.requires_treatment", f"{LVF}.attributable_to_ssc"],
    "pulmonary_arterial_hypertension": [
        f"{PAH}.mpap_mmhg",
        f"{PAH}.pcwp_mmhg",
        f"{PAH}.pvr_wood_units",
        f"{PAH}.requires_treatment",
        f"{PAH}.attributable_to_ssc",
    ],
    "gi_dysmotility": ["step1.gi_dysmotility_requiring_tpn"],
    "digital_gangrene": ["step1.digital_gangrene_or_amputation"],
}
"""The inputs that each event rests on."""


def _unless_unlisted(happened: pl.Expr, fields: list[str]) -> pl.Expr:
    """An event of which no field is given did not happen; one given in part follows three-valued logic."""
    return (
        pl.when(pl.any_horizontal(pl.col(f).is_not_null() for f in fields))
        .then(happened)
        .otherwise(pl.lit(value=False))
    )


def events(limits: Mapping[str, float]) -> dict[str, pl.Expr]:
    """Return the four step 1 events of ACR CRISS as true, false or missing.

    limits: the `step1` thresholds of the registry entry. Source: Khanna 2016, table 11 of PMC4818571.
    """
    baseline, followup = pl.col(f"{FVC}.baseline_percent_predicted"), pl.col(f"{FVC}.followup_percent_predicted")
    fall = ((baseline - followup) / baseline * 100).round(9)
    # A baseline FVC alone is no report of an event, so it does not make the event "listed".
    told = [f"{FVC}.{f}" for f in ("followup_percent_predicted", "confirmed_within_1_month", "ild_on_hrct")]
    fvc_decline = (
        ge(fall, limits["fvc_fall_from_percent"])
        & lt(followup, limits["fvc_below"])
        & pl.col(f"{FVC}.confirmed_within_1_month")
        & pl.col(f"{FVC}.ild_on_hrct")
        & pl.col(f"{FVC}.attributable_to_ssc")
    )
    ventricular = (
        le(pl.col(f"{LVF}.lvef_percent"), limits["lvef_up_to"])
        & pl.col(f"{LVF}.requires_treatment")
        & pl.col(f"{LVF}.attributable_to_ssc")
    )
    hypertension = (
        ge(pl.col(f"{PAH}.mpap_mmhg"), limits["mpap_from"])
        & le(pl.col(f"{PAH}.pcwp_mmhg"), limits["pcwp_up_to"])
        & gt(pl.col(f"{PAH}.pvr_wood_units"), limits["pvr_above"])
        & pl.col(f"{PAH}.requires_treatment")
        & pl.col(f"{PAH}.attributable_to_ssc")
    )
    return {
        "renal_crisis": pl.col(RENAL_CRISIS),
        "fvc_decline": _unless_unlisted(fvc_decline, [*told, f"{FVC}.attributable_to_ssc"]),
        "left_ventricular_failure": _unless_unlisted(ventricular, [f"{LVF}.lvef_percent", f"{LVF}.requires_treatment"]),
        "pulmonary_arterial_hypertension": _unless_unlisted(
            hypertension,
            [f"{PAH}.{f}" for f in ("mpap_mmhg", "pcwp_mmhg", "pvr_wood_units", "requires_treatment")],
        ),
    }


def extended_events(limits: Mapping[str, float]) -> dict[str, pl.Expr]:
    """Return the step 1 events of the revised CRISS: those of `events` and two more.

    limits: as for `events`. Source: Khanna 2021, DOI 10.1136/annrheumdis-2020-219100; the two more from memory.
    """
    return events(limits) | {
        name: pl.col(column) for name in ("gi_dysmotility", "digital_gangrene") for column in INPUTS[name]
    }


def any_event(names: list[str]) -> pl.Expr:
    """True when one of the computed `events.` columns is true, missing when one could be."""
    return reduce(or_, (pl.col(f"events.{name}") for name in names))


def missing_inputs(names: list[str]) -> list[tuple[str, pl.Expr]]:
    """Name and condition of every input without a value that leaves an event open, for `missing_names`."""
    return [(c, pl.col(f"events.{name}").is_null() & pl.col(c).is_null()) for name in names for c in INPUTS[name]]
