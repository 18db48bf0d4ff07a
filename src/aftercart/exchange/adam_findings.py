"""ADLB and ADVS: results with baseline, change, visit, range and derived CTCAE grades."""

from __future__ import annotations

import polars as pl

from aftercart.analysis.cohort import Cohort
from aftercart.exchange.adam_columns import as_number, dataset, flag, identity, relative_day
from aftercart.standards.dataset import Dataset
from aftercart.study import dates, dictionary
from aftercart.study.model import Study

DOMAINS = {"ADLB": ("LB", "CP", "IS", "MB", "PC"), "ADVS": ("VS", "RE", "CV")}
NAMES = {"ADLB": "Laboratory Results Analysis Dataset", "ADVS": "Vital Signs and Function Analysis"}


def findings(study: Study, cohort: Cohort, sequence: pl.DataFrame, name: str) -> Dataset:
    """One record per result of the domains of a dataset; rows entered in error and tests not done are not in it."""
    codes = {n: c for n, c in dictionary.codes().items() if c.domain in DOMAINS[name]}
    rows = study.observations.filter(
        pl.col("code").is_in(list(codes))
        & (pl.col("status").fill_null("final") != "entered_in_error")
        & ~pl.col("not_done").fill_null(value=False)
    )
    subjects = cohort.timeline.subjects.select("_s", "subject_id", "infusion_date")
    first = dates.earliest("datetime")
    rows = (
        rows.join(subjects, on="subject_id", how="inner", maintain_order="left")
        .with_columns(_date=pl.when(first == dates.latest("datetime")).then(first))
        .with_columns(_day=(pl.col("_date") - pl.col("infusion_date")).dt.total_days())
        .join(sequence, on="row_id", how="left", maintain_order="left")
        .join(_grades(cohort), on="row_id", how="left", maintain_order="left")
    )
    rows = _with_baseline(_with_visits(rows, cohort)).sort("subject_id", "code", "datetime", "row_id")
    base, value = pl.col("_base"), pl.col("value")
    sign = pl.col("comparator").fill_null("=")
    out = rows.select(
        *identity(study),
        PARAMCD="code",
        PARAM=pl.col("code").replace_strict({n: c.meaning for n, c in codes.items()}, return_dtype=pl.String),
        PARCAT1=pl.col("code").replace_strict({n: c.domain for n, c in codes.items()}, return_dtype=pl.String),
        AVAL="value",
        AVALC=pl.coalesce("value_text", pl.when(sign != "=").then(pl.format("{}{}", sign, value))),
        AVALU="unit",
        ADT=as_number(pl.col("_date")),
        ADTC="datetime",
        ADY=relative_day(pl.col("_day")),
        AVISIT="_visit",
        AVISITN="_visit_number",
        ABLFL=flag(pl.col("_is_base")),
        BASE=base,
        CHG=pl.when(pl.col("_day") > 0).then(value - base),
        PCHG=pl.when((pl.col("_day") > 0) & (base != 0)).then((value - base) / base * 100),
        ANRLO="ref_low",
        ANRHI="ref_high",
        ANRIND=pl.when(value < pl.col("ref_low"))
        .then(pl.lit("LOW"))
        .when(value > pl.col("ref_high"))
        .then(pl.lit("HIGH"))
        .when(pl.col("ref_low").is_not_null() | pl.col("ref_high").is_not_null())
        .then(pl.lit("NORMAL")),
        ATOXGR="_v5",
        ATOXGR6="_v6",
        CRITVER="_version",
        SRCDOM="SRCDOM",
        SRCVAR=pl.format("{}STRESN", "SRCDOM"),
        SRCSEQ="SRCSEQ",
    )
    methods = {
        "ABLFL": "Y for the last result in the baseline window of the study, by its baseline rule.",
        "CHG": "AVAL - BASE, for results after the day of infusion.",
        "ATOXGR": "Grade by the criterion in CRITVER, version 5 of CTCAE; empty where missing values leave it open.",
        "ATOXGR6": "The same by version 6 of CTCAE.",
        "AVISIT": "The planned visit in whose window the result lies.",
    }
    keys = ("STUDYID", "USUBJID", "PARAMCD", "ADTC", "SRCSEQ")
    structure = "One record per result per parameter per subject"
    return dataset(name, NAMES[name], structure, out, keys=keys, methods=methods)


def _grades(cohort: Cohort) -> pl.DataFrame:
    """CTCAE grades of single results, both versions: `row_id, _v5, _v6, _version`."""
    rows = cohort.table.filter(
        pl.col("criterion").str.starts_with("ctcae_")
        & (pl.col("source_rows").list.len() > 0)
        & pl.col("level").is_not_null()
    )
    graded = rows.select("criterion_version", "variant", "level", "value", row=pl.col("source_rows").list.first())
    graded = graded.filter(pl.col("row").str.starts_with("observations:")).with_columns(
        row_id=pl.col("row").str.strip_prefix("observations:"),
        _which=pl.when(pl.col("variant").fill_null("v5").str.contains("v6"))
        .then(pl.lit("_v6"))
        .otherwise(pl.lit("_v5")),
    )
    worst = graded.sort("value", descending=True, nulls_last=True).unique(
        ["row_id", "_which"], keep="first", maintain_order=True
    )
    empty = {"row_id": pl.String, "_v5": pl.String, "_v6": pl.String, "_version": pl.String}
    if not worst.height:
        return pl.DataFrame(schema=empty)
    wide = worst.pivot("_which", index="row_id", values="level", aggregate_function="first")
    versions = worst.unique("row_id", keep="first", maintain_order=True).select("row_id", _version="criterion_version")
    absent = [pl.lit(None, dtype=pl.String).alias(c) for c in ("_v5", "_v6") if c not in wide.columns]
    return wide.with_columns(absent).join(versions, on="row_id").select(*empty)


def _with_visits(rows: pl.DataFrame, cohort: Cohort) -> pl.DataFrame:
    """The planned visit in whose window a result lies; between two, the one whose target is nearer."""
    windows = cohort.timeline.visits.select("_s", "visit", "target", "lo", "hi", number="_order")
    inside = (
        rows.select("row_id", "_s", "_day")
        .join(windows, on="_s")
        .filter(pl.col("_day").is_between(pl.col("lo"), pl.col("hi")))
        .with_columns(_far=(pl.col("_day") - pl.col("target")).abs())
        .sort("row_id", "_far", "number")
        .unique("row_id", keep="first", maintain_order=True)
        .select("row_id", _visit="visit", _visit_number=pl.col("number").cast(pl.Float64))
    )
    return rows.join(inside, on="row_id", how="left", maintain_order="left")


def _with_baseline(rows: pl.DataFrame) -> pl.DataFrame:
    """The last result in the baseline window of each subject and code."""
    candidates = rows.filter((pl.col("_visit") == "baseline") & pl.col("value").is_not_null())
    last = candidates.sort("subject_id", "code", "datetime", "row_id").unique(
        ["subject_id", "code"], keep="last", maintain_order=True
    )
    bases = last.select("subject_id", "code", _base="value", _base_row="row_id")
    joined = rows.join(bases, on=["subject_id", "code"], how="left", maintain_order="left")
    return joined.with_columns(_is_base=(pl.col("row_id") == pl.col("_base_row")).fill_null(value=False))
