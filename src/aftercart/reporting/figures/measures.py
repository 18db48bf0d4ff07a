"""What is followed over time, disease by disease, with the limits that criteria publish for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from aftercart.criteria import registry
from aftercart.reporting.figures.panels import Limit
from aftercart.reporting.numbers import number


@dataclass(frozen=True)
class Published:
    """A limit that a criterion publishes: the path of its rule (or an input with a default), and its name."""

    criterion: str
    path: str
    label: str
    factor: float = 1.0

    def limit(self) -> Limit:
        """The limit to draw, in the unit of the figure."""
        entry = registry.get(self.criterion)
        value: Any = entry.rules
        if self.path not in {i.name for i in entry.inputs}:
            for part in self.path.split("."):
                value = value[part]
        else:
            value = next(i.default for i in entry.inputs if i.name == self.path)
        drawn = float(value) * self.factor
        return Limit(drawn, f"{self.label} {number(drawn, 2)}")


@dataclass(frozen=True)
class Course:
    """What one figure of a course needs: where its values are, how they are named, and its published limits."""

    id: str
    title: str
    name: str
    """The quantity as it stands in a sentence."""
    short: str = ""
    """The quantity beside a narrow panel."""
    unit: str = ""
    limits: tuple[Published, ...] = ()
    indications: tuple[str, ...] = ()
    """The diseases it is drawn for; of every disease where none is named."""
    criterion: str | None = None
    fact: str | None = None
    days: tuple[int, int] | None = None
    """Draw these days after infusion on an axis in days; otherwise the whole course in months."""
    floor: float | None = None
    """Logarithmic axis from here on; what is smaller stands below it."""
    ticks: tuple[float, ...] = ()
    top: float = 0.0
    highest: bool = False
    """Of several values on a day the highest counts; otherwise the lowest."""
    leading: bool = False
    """The measure of its diseases: where it is missing the report says so."""


def _cut_offs(criterion: str, *names: tuple[str, str]) -> tuple[Published, ...]:
    return tuple(Published(criterion, f"cut_offs.{path}", label) for path, label in names)


_ARTHRITIS = (("remission_up_to", "remission up to"), ("low_up_to", "low up to"), ("moderate_up_to", "moderate up to"))

SCORES = (
    Course(
        "sledai-2k",
        "SLEDAI-2K of each patient with lupus (points)",
        "SLEDAI-2K",
        "SLEDAI-2K",
        limits=(Published("lldas", "sledai_max", "low disease activity up to"),),
        indications=("SLE", "LN"),
        criterion="sledai_2k",
        top=12,
        leading=True,
    ),
    Course(
        "sle-das",
        "SLE-DAS of each patient with lupus (points)",
        "SLE-DAS",
        "SLE-DAS",
        limits=(
            Published("sle_das", "limits.remission_range", "remission range up to"),
            Published("sle_das", "limits.mild", "mild up to"),
        ),
        indications=("SLE", "LN"),
        criterion="sle_das",
        top=10,
    ),
    Course(
        "upcr",
        "Urine protein to creatinine ratio of each patient with lupus (g/g)",
        "The urine protein to creatinine ratio",
        "Urine protein, g/g",
        "g/g",
        limits=(Published("lupus_nephritis_response", "kdigo_2024.ratio_below", "complete renal response below"),),
        indications=("SLE", "LN"),
        fact="obs:UPCR",
        highest=True,
        top=1,
    ),
    Course(
        "tis",
        "Total improvement score of each patient with myositis (0 to 100)",
        "The total improvement score",
        "TIS",
        limits=tuple(
            Published("acr_eular_2016_tis", f"thresholds.adult.{name}", f"{name} from")
            for name in ("minimal", "moderate", "major")
        ),
        indications=("IIM",),
        criterion="acr_eular_2016_tis",
        top=100,
        leading=True,
    ),
    Course(
        "mmt8",
        "Muscle strength of each patient with myositis (MMT-8, 0 to 150)",
        "MMT-8",
        "MMT-8",
        indications=("IIM",),
        criterion="mmt8",
        top=150,
    ),
    Course(
        "ck",
        "Creatine kinase of each patient with myositis (U/L, logarithmic)",
        "Creatine kinase",
        "CK, U/L",
        "U/L",
        indications=("IIM",),
        fact="obs:CK",
        highest=True,
        floor=10,
        ticks=(10, 100, 1000, 10_000),
        top=1000,
    ),
    Course(
        "eustar-ai",
        "EUSTAR activity index of each patient with systemic sclerosis (0 to 10)",
        "The EUSTAR activity index",
        "EUSTAR AI",
        limits=(Published("eustar_ai_2017", "active_from", "active from"),),
        indications=("SSC",),
        criterion="eustar_ai_2017",
        top=10,
        leading=True,
    ),
    Course(
        "mrss",
        "Skin score of each patient with systemic sclerosis (mRSS, 0 to 51)",
        "The mRSS",
        "mRSS",
        indications=("SSC",),
        criterion="mrss",
        top=20,
    ),
    Course(
        "fvc",
        "Forced vital capacity of each patient with systemic sclerosis (% of predicted)",
        "Forced vital capacity",
        "FVC, %",
        "% of predicted",
        indications=("SSC",),
        fact="obs:FVCPP",
        top=100,
    ),
    Course(
        "haq-di",
        "Disability of each patient (HAQ-DI, 0 to 3)",
        "HAQ-DI",
        "HAQ-DI",
        criterion="haq_di",
        top=3,
    ),
    Course(
        "cdai",
        "Clinical disease activity index of each patient with arthritis (CDAI, 0 to 76)",
        "CDAI",
        "CDAI",
        limits=_cut_offs("cdai", *_ARTHRITIS),
        criterion="cdai",
        top=30,
    ),
    Course(
        "sdai",
        "Simplified disease activity index of each patient with arthritis (SDAI)",
        "SDAI",
        "SDAI",
        limits=_cut_offs("sdai", *_ARTHRITIS),
        criterion="sdai",
        top=30,
    ),
    Course(
        "das28-crp",
        "DAS28-CRP of each patient with arthritis",
        "DAS28-CRP",
        "DAS28-CRP",
        limits=_cut_offs(
            "das28_crp",
            ("crp.remission_below", "remission below"),
            ("crp.low_up_to", "low up to"),
            ("crp.moderate_up_to", "moderate up to"),
        ),
        criterion="das28_crp",
        top=7,
    ),
    Course(
        "das28-esr",
        "DAS28-ESR of each patient with arthritis",
        "DAS28-ESR",
        "DAS28-ESR",
        limits=_cut_offs(
            "das28_esr",
            ("remission_below", "remission below"),
            ("low_up_to", "low up to"),
            ("moderate_up_to", "moderate up to"),
        ),
        criterion="das28_esr",
        top=7,
    ),
    Course(
        "mg-adl",
        "Activities of daily living of each patient with myasthenia gravis (MG-ADL, 0 to 24)",
        "MG-ADL",
        "MG-ADL",
        limits=(Published("mg_adl", "minimal_symptoms_up_to", "minimal symptoms up to"),),
        criterion="mg_adl",
        top=12,
    ),
)
"""The scores of every disease; those of a disease that a study does not hold are not drawn."""

NEUTROPHILS = Course(
    "neutrophils",
    "Neutrophils of each patient in the first 100 days (10\u2079/L, logarithmic)",
    "The neutrophil count",
    "Neutrophils, G/L",
    "\u00d7 10\u2079/L",
    limits=(
        Published("icaht_early_2023", "severe_max_per_ul", "severe up to", factor=0.001),
        Published("icaht_early_2023", "profound_max_per_ul", "profound up to", factor=0.001),
    ),
    fact="obs:ANC",
    days=(-7, 100),
    floor=0.1,
    ticks=(0.1, 0.5, 1, 2, 5, 10),
    top=10,
)

B_CELLS = Course(
    "b-cells",
    "B cells of each patient (CD19-positive cells per \u00b5L, logarithmic)",
    "The B-cell count",
    "B cells/\u00b5L",
    "cells/\u00b5L",
    limits=(Published("b_cell_aplasia", "aplasia_threshold_cells_per_ul", "absent up to"),),
    fact="obs:CD19",
    floor=1,
    ticks=(1, 10, 100, 1000),
    top=100,
)

LABORATORY = (
    Course(
        "crp", "", "C-reactive protein", "CRP, mg/L", fact="obs:CRP", highest=True, floor=1, ticks=(1, 10, 100), top=10
    ),
    Course(
        "ferritin",
        "",
        "Ferritin",
        "Ferritin, \u00b5g/L",
        fact="obs:FERRITIN",
        highest=True,
        floor=10,
        ticks=(10, 100, 1000, 10_000),
        top=1000,
    ),
    Course("platelets", "", "Platelets", "Platelets, G/L", fact="obs:PLT", top=200),
    Course("igg", "", "IgG", "IgG, g/L", fact="obs:IGG", top=10),
    Course("c3", "", "C3", "C3, g/L", indications=("SLE", "LN"), fact="obs:C3", top=1),
    Course(
        "dsdna",
        "",
        "Anti-dsDNA antibodies",
        "Anti-dsDNA",
        indications=("SLE", "LN"),
        fact="obs:DSDNA",
        highest=True,
        top=20,
    ),
    Course(
        "creatinine",
        "",
        "Creatinine",
        "Creatinine, \u00b5mol/L",
        indications=("LN",),
        fact="obs:CREAT",
        highest=True,
        top=100,
    ),
)
"""Further laboratory values of the timeline of one patient."""
