"""A study as ADaM datasets (ADaMIG 1.3): ADSL, ADAE, ADLB, ADVS, ADTTE and ADEFF, traceable to record and criterion."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from aftercart.analysis.cohort import Cohort
from aftercart.assessment import assess
from aftercart.exchange import adam_efficacy, adam_events, adam_findings, adam_subjects
from aftercart.exchange.exported import NOT_HELD, Exported
from aftercart.exchange.sdtm import chosen_formats, write_datasets
from aftercart.exchange.sdtm_records import records
from aftercart.study.model import Study

OPTIONS = ("formats",)


def write(study: Study, folder: Path, *, formats: str = "xpt,json") -> Exported:
    """Write the analysis datasets of a study into an existing folder, with `define.xml` and `study.toml`.

    Every derived record says where it comes from: domain, variable and sequence number of the SDTM record (SRCDOM,
    SRCVAR, SRCSEQ) or the criterion with its version (CRITVER). Derived grades stand beside the reported ones. formats:
    as of the SDTM export, whose sequence numbers these datasets point to.

    Raises `ExportError` for what does not fit, before any file is written.
    """
    wanted = chosen_formats(formats)
    assessments = assess(study)
    cohort = Cohort.of(study, assessments)
    sources, _ = records(study)
    sequence = sequences({d.name: d.rows for d in sources})
    subjects = adam_subjects.adsl(study, cohort)
    datasets = [
        subjects,
        adam_events.adae(study, cohort, sequence),
        adam_findings.findings(study, cohort, sequence, "ADLB"),
        adam_findings.findings(study, cohort, sequence, "ADVS"),
        adam_efficacy.adtte(study, cohort),
        adam_efficacy.adeff(study, cohort),
    ]
    left = study.subjects.height - cohort.n
    lost = [("subjects", "row", left, "patients without a fully dated infusion have no time axis and are in ADSL only")]
    not_held = pl.DataFrame(lost if left else [], schema=NOT_HELD, orient="row")
    return write_datasets(study, [d for d in datasets if d.rows.height], folder, wanted, not_held, "ADaM")


def sequences(datasets: dict[str, pl.DataFrame]) -> pl.DataFrame:
    """The SDTM record of every row of a study: `row_id, SRCDOM, SRCSEQ`."""
    parts = [
        rows.select(
            row_id=pl.col(f"{name}SPID"), SRCDOM=pl.lit(name), SRCSEQ=pl.col(f"{name}SEQ").cast(pl.Float64)
        ).drop_nulls("row_id")
        for name, rows in datasets.items()
        if {f"{name}SPID", f"{name}SEQ"} <= set(rows.columns)
    ]
    empty = pl.DataFrame(schema={"row_id": pl.String, "SRCDOM": pl.String, "SRCSEQ": pl.Float64})
    return pl.concat([empty, *parts])
