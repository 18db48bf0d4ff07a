"""ADSL: one record per subject."""

from __future__ import annotations

import polars as pl

from aftercart.analysis.cohort import Cohort
from aftercart.exchange.adam_columns import as_number, dataset, flag, identity
from aftercart.standards.dataset import Dataset
from aftercart.study import dates
from aftercart.study.model import Study


def adsl(study: Study, cohort: Cohort) -> Dataset:
    """The subjects, enrolled or infused, with the dates that everything is counted from."""
    people = study.subjects.filter(pl.col("status").fill_null("final") != "entered_in_error").drop("indication_subtype")
    rows = (
        people.join(_infusions(study), on="subject_id", how="left", maintain_order="left")
        .join(_milestones(study), on="subject_id", how="left", maintain_order="left")
        .join(_lymphodepletion(study), on="subject_id", how="left", maintain_order="left")
        .join(
            cohort.patients.select(
                "subject_id", "indication_subtype", "disease_duration_years", "last_day", "follow_up_ends", "died"
            ),
            on="subject_id",
            how="left",
            maintain_order="left",
        )
        .join(_assessed(cohort), on="subject_id", how="left", maintain_order="left")
        .sort("subject_id")
    )
    infused = pl.col("_start").is_not_null()
    out = rows.select(
        *identity(study),
        SUBJID="subject_id",
        SITEID="site_id",
        AGE=pl.col("age_at_infusion").cast(pl.Float64),
        AGEU=pl.when(pl.col("age_at_infusion").is_not_null()).then(pl.lit("YEARS")),
        SEX="sex",
        RACE="race",
        ETHNIC="ethnicity",
        COUNTRY="country",
        DISEASE="indication",
        DISSUB="indication_subtype",
        DISDUR="disease_duration_years",
        TRT01P="product",
        TRT01A="product",
        TRTSDT=as_number(pl.col("_start")),
        TRTEDT=as_number(pl.col("_last")),
        DOSECELL=pl.col("dose_cells") / 1e6,
        DOSEKG="dose_per_kg",
        APHDT=as_number(pl.col("apheresis")),
        LDSDT=as_number(pl.col("_ld_first")),
        LDEDT=as_number(pl.col("_ld_last")),
        RFICDT=as_number(_whole("consent_date")),
        LSTALVDT=as_number(_whole("last_contact_date")),
        DTHDT=as_number(_whole("death_date")),
        DTHFL=flag(pl.col("death_date").is_not_null()),
        FUDAYS=pl.col("last_day").cast(pl.Float64),
        FUEND="follow_up_ends",
        ENRLFL=pl.lit("Y"),
        SAFFL=pl.when(infused).then(pl.lit("Y")).otherwise(pl.lit("N")),
        EFFFL=pl.when(pl.col("_assessed")).then(pl.lit("Y")).otherwise(pl.lit("N")),
    )
    methods = {
        "DISDUR": "Years from diagnosis to infusion; a partly known date of diagnosis counts at its midpoint.",
        "SAFFL": "Y for a subject with a fully dated reference infusion.",
        "EFFFL": "Y for an infused subject with an efficacy criterion evaluable at a visit after infusion.",
        "FUDAYS": "Days from infusion to death, last contact or data cut-off, whichever is first.",
    }
    return dataset(
        "ADSL",
        "Subject-Level Analysis Dataset",
        "One record per subject",
        out,
        keys=("STUDYID", "USUBJID"),
        methods=methods,
    )


def _whole(column: str) -> pl.Expr:
    """The day of a date that is known to the day."""
    first = dates.earliest(column)
    return pl.when(first == dates.latest(column)).then(first)


def _infusions(study: Study) -> pl.DataFrame:
    rows = study.infusions.filter(pl.col("status").fill_null("final") != "entered_in_error")
    rows = rows.with_columns(_day=_whole("start"))
    reference = rows.filter(pl.col("infusion_seq") == study.meta.reference_infusion).unique("subject_id", keep="first")
    last = rows.group_by("subject_id").agg(_last=pl.col("_day").max())
    first = reference.select("subject_id", "product", "dose_cells", "dose_per_kg", _start="_day")
    return first.join(last, on="subject_id", how="left")


def _milestones(study: Study) -> pl.DataFrame:
    rows = study.disposition.filter(
        (pl.col("status").fill_null("final") != "entered_in_error") & (pl.col("milestone") == "apheresis")
    )
    return rows.group_by("subject_id").agg(apheresis=_whole("date").min())


def _lymphodepletion(study: Study) -> pl.DataFrame:
    rows = study.exposures.filter(
        (pl.col("status").fill_null("final") != "entered_in_error") & (pl.col("purpose") == "lymphodepletion")
    )
    return rows.group_by("subject_id").agg(_ld_first=_whole("start").min(), _ld_last=_whole("end").max())


def _assessed(cohort: Cohort) -> pl.DataFrame:
    """Infused subjects with any criterion evaluable at a visit after infusion."""
    rows = cohort.table.filter(pl.col("visit").is_not_null() & (pl.col("day") > 0) & pl.col("value").is_not_null())
    return rows.select("subject_id").unique().with_columns(_assessed=pl.lit(value=True))
