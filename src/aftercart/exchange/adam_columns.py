"""What every ADaM dataset is made of: the identity of a subject, dates as numbers, flags, and described variables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

import polars as pl

from aftercart.standards.dataset import Dataset, Variable
from aftercart.study.model import Study

EPOCH = date(1960, 1, 1)
"""Day 0 of a date kept as a number."""

LABELS = {
    "STUDYID": "Study Identifier",
    "USUBJID": "Unique Subject Identifier",
    "SUBJID": "Subject Identifier for the Study",
    "SITEID": "Study Site Identifier",
    "AGE": "Age",
    "AGEU": "Age Units",
    "SEX": "Sex",
    "RACE": "Race",
    "ETHNIC": "Ethnicity",
    "COUNTRY": "Country",
    "DISEASE": "Disease Treated",
    "DISSUB": "Subtype of the Disease",
    "DISDUR": "Disease Duration at Infusion (Years)",
    "TRT01P": "Planned Treatment for Period 01",
    "TRT01A": "Actual Treatment for Period 01",
    "TRTSDT": "Date of Infusion",
    "TRTEDT": "Date of Last Infusion",
    "DOSECELL": "CAR-positive Cells Given (10^6)",
    "DOSEKG": "CAR-positive Cells per Kilogram (10^6)",
    "APHDT": "Date of Apheresis",
    "LDSDT": "First Day of Lymphodepletion",
    "LDEDT": "Last Day of Lymphodepletion",
    "RFICDT": "Date of Informed Consent",
    "LSTALVDT": "Date Last Known Alive",
    "DTHDT": "Date of Death",
    "DTHFL": "Subject Death Flag",
    "FUDAYS": "Days under Observation after Infusion",
    "FUEND": "What Ended the Observation",
    "ENRLFL": "Enrolled Population Flag",
    "SAFFL": "Safety (Infused) Population Flag",
    "EFFFL": "Efficacy Population Flag",
    "PARAM": "Parameter",
    "PARAMCD": "Parameter Code",
    "PARCAT1": "Parameter Category 1",
    "AVAL": "Analysis Value",
    "AVALC": "Analysis Value (C)",
    "AVALU": "Unit of the Analysis Value",
    "ADT": "Analysis Date",
    "ADTC": "Analysis Date as Recorded",
    "ADY": "Analysis Relative Day",
    "AVISIT": "Analysis Visit",
    "AVISITN": "Analysis Visit (N)",
    "ABLFL": "Baseline Record Flag",
    "BASE": "Baseline Value",
    "CHG": "Change from Baseline",
    "PCHG": "Percent Change from Baseline",
    "ANRLO": "Analysis Normal Range Lower Limit",
    "ANRHI": "Analysis Normal Range Upper Limit",
    "ANRIND": "Analysis Reference Range Indicator",
    "ATOXGR": "Analysis Toxicity Grade (CTCAE v5)",
    "ATOXGR6": "Analysis Toxicity Grade (CTCAE v6)",
    "ANL01FL": "Analysis Flag 01",
    "DTYPE": "Derivation Type",
    "AVALLO": "Lowest Possible Value",
    "AVALHI": "Highest Possible Value",
    "CLAUSE": "Clause That Decided",
    "MISSING": "Inputs That Were Missing",
    "CRITVER": "Criterion and Version",
    "SRCDOM": "Source Data",
    "SRCVAR": "Source Variable",
    "SRCSEQ": "Source Sequence Number",
    "SRCROWS": "Number of Source Rows",
    "STARTDT": "Time-to-Event Origin Date",
    "CNSR": "Censor",
    "EVNTDESC": "Event or Censoring Description",
    "CNSDTDSC": "Censor Date Description",
    "AESEQ": "Sequence Number",
    "AETERM": "Reported Term for the Adverse Event",
    "AEDECOD": "Dictionary-Derived Term",
    "AECAT": "Category for Adverse Event",
    "AESI": "Event of Special Interest",
    "ASTDT": "Analysis Start Date",
    "ASTDY": "Analysis Start Relative Day",
    "AENDT": "Analysis End Date",
    "AENDY": "Analysis End Relative Day",
    "ADURN": "Analysis Duration (N)",
    "ADURU": "Analysis Duration Units",
    "TRTEMFL": "Treatment Emergent Analysis Flag",
    "AETOXGR": "Reported Toxicity Grade",
    "GRSCALE": "Scale of the Reported Grade",
    "AESER": "Serious Event",
    "AEREL": "Causality",
    "AEOUT": "Outcome of Adverse Event",
    "DERGR": "Grade Derived from the Data",
}
DATES = (
    "TRTSDT",
    "TRTEDT",
    "APHDT",
    "LDSDT",
    "LDEDT",
    "RFICDT",
    "LSTALVDT",
    "DTHDT",
    "ADT",
    "STARTDT",
    "ASTDT",
    "AENDT",
)
COLLECTED = ("SUBJID", "SITEID", "AGE", "SEX", "RACE", "ETHNIC", "COUNTRY", "AETERM", "AEDECOD", "AETOXGR", "AESER")


def as_number(day: pl.Expr) -> pl.Expr:
    """A date as days since 1 January 1960."""
    return (day - pl.lit(EPOCH)).dt.total_days().cast(pl.Float64)


def relative_day(day: pl.Expr) -> pl.Expr:
    """A day of the study (infusion is 0) as a relative day of ADaM (infusion is 1, the day before it is -1)."""
    return pl.when(day >= 0).then(day + 1).otherwise(day).cast(pl.Float64)


def flag(condition: pl.Expr) -> pl.Expr:
    """Y where it holds, else nothing."""
    return pl.when(condition).then(pl.lit("Y"))


def identity(study: Study) -> list[pl.Expr]:
    """Study and subject as SDTM names them."""
    study_id = pl.lit(study.meta.study_id)
    return [study_id.alias("STUDYID"), pl.format("{}-{}", study_id, "subject_id").alias("USUBJID")]


def dataset(
    name: str,
    label: str,
    structure: str,
    rows: pl.DataFrame,
    *,
    keys: Sequence[str],
    methods: Mapping[str, str] | None = None,
) -> Dataset:
    """A dataset of the columns of `rows`, described; an empty column stays out unless it is a key or AVAL."""
    methods = methods or {}
    kept = [c for c in rows.columns if c in (*keys, "AVAL") or rows[c].null_count() < rows.height]
    variables = tuple(
        Variable(
            name=c,
            label=LABELS[c],
            type="date" if c in DATES else "string" if rows.schema[c] == pl.String else "float",
            length=_longest(rows[c]) if rows.schema[c] == pl.String else None,
            key=keys.index(c) + 1 if c in keys else None,
            target="integer" if c in DATES else None,
            format="E8601DA." if c in DATES else None,
            origin="Collected" if c in COLLECTED else "Derived",
            method=methods.get(c, ""),
        )
        for c in kept
    )
    return Dataset(name, label, variables, rows.select(kept), structure)


def _longest(column: pl.Series) -> int:
    longest: list[int] = column.drop_nulls().str.len_bytes().to_list()
    return max([1, *longest])
