"""Further responses and laboratory markers that the analysis counts beside the outcomes of a report."""

from __future__ import annotations

import polars as pl

from aftercart.analysis.efficacy import Question
from aftercart.analysis.outcomes import component, flag, primary_flag

_SEROLOGY = "autoantibody_seroreversion"
_NEPHRITIS = "lupus_nephritis_response"


def _in(name: str, wanted: tuple[str, ...]) -> pl.Expr:
    value = component(name)
    return pl.when(value.is_not_null()).then(value.is_in(list(wanted)))


def _positive(variant: str, words: str) -> Question:
    name = "seroreversion" if variant == "anti_dsdna" else f"{variant}_seroreversion"
    return Question(
        name,
        f"{words} no longer found",
        _SEROLOGY,
        primary_flag(),
        variant=variant,
        among=flag("baseline_positive"),
        whom="positive at baseline",
    )


def _low(which: str) -> Question:
    among = flag(f"{which}_low_at_baseline")
    return Question(
        f"{which}_normalised",
        f"{which.upper()} back in range",
        "complement_normalisation",
        flag(f"{which}_normalised"),
        among=among,
        whom=f"{which.upper()} low at baseline",
    )


def _nephritis(variant: str, words: str) -> Question:
    met = flag("definition_met")
    return Question(f"renal_response_{variant}", f"Renal response ({words})", _NEPHRITIS, met, variant=variant)


def _eular(variant: str) -> Question:
    label = f"EULAR response by {variant.upper()}, at least moderate"
    met = _in("response", ("moderate", "good"))
    return Question(f"eular_response_{variant}", label, "eular_ra_response", met, variant=variant)


MARKERS = (
    _positive("anti_dsdna", "Anti-dsDNA antibodies"),
    _positive("ana", "Antinuclear antibodies"),
    _low("c3"),
    _low("c4"),
    Question("sri4", "SRI-4 response", "sri4", primary_flag()),
    Question("bicla", "BICLA response", "bicla", primary_flag()),
    Question("sle_das_remission", "SLE-DAS remission", "sle_das", flag("sle_das_remission")),
    Question("sle_das_low", "SLE-DAS low disease activity", "sle_das", flag("sle_das_low_disease_activity")),
    _nephritis("kdigo_2024", "KDIGO 2024"),
    _nephritis("aurora", "AURORA"),
    _nephritis("bliss_ln_perr", "BLISS-LN primary efficacy"),
    _nephritis("bliss_ln_crr", "BLISS-LN complete"),
    _nephritis("eular_era_2019_target", "EULAR/ERA-EDTA 2019 target"),
    Question("imacs_doi", "IMACS definition of improvement", "imacs_doi", primary_flag()),
    Question("cdasi_4", "CDASI improved by 4 or more", "cdasi", flag("mcid_4")),
    Question("acr_criss", "ACR CRISS of at least 0.6", "acr_criss_2016", flag("improved_ge_0_60")),
    Question("revised_criss_20", "Revised CRISS-20", "revised_criss", flag("criss20")),
    Question("revised_criss_25", "Revised CRISS-25", "revised_criss", flag("criss25")),
    Question("revised_criss_50", "Revised CRISS-50", "revised_criss", flag("criss50")),
    Question(
        "mrss_improved",
        "Skin score improved by more than 5 points and at least a quarter",
        "mrss_change",
        flag("improved_gt5_and_ge25pct"),
    ),
    Question("mg_adl_responder", "MG-ADL improved by 2 or more", "mg_adl", flag("responder_ge2")),
    Question("mg_adl_minimal", "MG-ADL minimal symptom expression", "mg_adl", flag("minimal_symptom_expression")),
    _eular("crp"),
    _eular("esr"),
    Question("cdai_remission", "CDAI remission", "cdai", _in("category", ("remission",))),
    Question("sdai_remission", "SDAI remission", "sdai", _in("category", ("remission",))),
    Question("das28_esr_remission", "DAS28-ESR remission", "das28_esr", _in("category", ("remission",))),
    Question("das28_crp_remission", "DAS28-CRP remission", "das28_crp", _in("category_crp_cutoffs", ("remission",))),
)
"""Asked at every planned visit."""
