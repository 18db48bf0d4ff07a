"""ADTTE: times to events; ADEFF: scores and responses at visits."""

from __future__ import annotations

import polars as pl

from aftercart.analysis import courses
from aftercart.analysis.cohort import Cohort
from aftercart.criteria import registry
from aftercart.exchange.adam_columns import as_number, dataset, flag, identity, relative_day
from aftercart.exchange.dataset_files import LONGEST_TEXT
from aftercart.standards import adam
from aftercart.standards.dataset import Dataset
from aftercart.study.model import Study


def adtte(study: Study, cohort: Cohort) -> Dataset:
    """One record per subject and time to an event that the analysis estimates."""
    parts = []
    for asked in courses.asked(cohort):
        code, event = adam.times()[asked.id]["code"], adam.times()[asked.id]["event"]
        happened = pl.col("event").cast(pl.Boolean)
        parts.append(
            asked.patients.filter(pl.col("days").is_not_null()).select(
                "subject_id",
                PARAMCD=pl.lit(code),
                PARAM=pl.lit(f"Time to {event} (days)"),
                AVAL=pl.col("days").cast(pl.Float64),
                CNSR=pl.when(happened).then(0.0).otherwise(1.0),
                EVNTDESC=pl.when(happened)
                .then(pl.lit(event[:1].upper() + event[1:]))
                .otherwise(pl.lit("No event by the last observation")),
                CNSDTDSC=pl.when(~happened).then(pl.lit("Last observation for this event")),
            )
        )
    subjects = cohort.timeline.subjects.select("subject_id", "infusion_date")
    rows = (
        pl.concat(parts)
        .join(subjects, on="subject_id", how="left", maintain_order="left")
        .sort("subject_id", "PARAMCD")
    )
    origin = ~pl.col("PARAMCD").is_in([adam.times()[i]["code"] for i in FROM_EVENT])
    day = pl.col("infusion_date").dt.offset_by(pl.format("{}d", pl.col("AVAL").cast(pl.Int64)))
    out = rows.select(
        *identity(study),
        PARAMCD="PARAMCD",
        PARAM="PARAM",
        AVAL="AVAL",
        CNSR="CNSR",
        EVNTDESC="EVNTDESC",
        CNSDTDSC="CNSDTDSC",
        STARTDT=pl.when(origin).then(as_number(pl.col("infusion_date"))),
        ADT=pl.when(origin).then(as_number(day)),
        SRCDOM=pl.lit("ADSL"),
    )
    methods = {
        "AVAL": "Days from STARTDT to the event or to the end of observation for it; where STARTDT is empty, from the"
        " event that began the state (remission, response, B-cell aplasia).",
        "CNSR": "0 where the event happened, 1 where observation ended before.",
    }
    keys = ("STUDYID", "USUBJID", "PARAMCD")
    return dataset(
        "ADTTE",
        "Time-to-Event Analysis Dataset",
        "One record per parameter per subject",
        out,
        keys=keys,
        methods=methods,
    )


FROM_EVENT = ("in_remission", "in_response", "b_cell_aplasia_lasting", "before_b_cell_return")
"""Times that count from another event than the infusion."""


def _missing() -> pl.Expr:
    """The inputs that were missing, or how many where their names are longer than a transport file holds."""
    names = pl.col("missing")
    many = pl.format("{} inputs, named in the assessments", names.str.count_matches(",", literal=True) + 1)
    return pl.when(names.str.len_bytes() > LONGEST_TEXT).then(many).otherwise(names)


def adeff(study: Study, cohort: Cohort) -> Dataset:
    """One record per criterion and visit: the score or response with its bounds, clause and version."""
    rows = cohort.table.filter(pl.col("visit").is_not_null())
    titles = {k: registry.get(k).title for k in rows["criterion"].unique()}
    codes = {k: adam.parameter(k) for k in titles}
    order = cohort.timeline.visits.select(visit="visit", number="_order").unique("visit").sort("number")
    subjects = cohort.timeline.subjects.select("subject_id", "infusion_date")
    rows = rows.join(order, on="visit", how="left", maintain_order="left").join(
        subjects, on="subject_id", how="left", maintain_order="left"
    )
    base = rows.filter(pl.col("visit") == "baseline").select("subject_id", "criterion", "variant", _base="value")
    base = base.unique(["subject_id", "criterion", "variant"], keep="first", maintain_order=True)
    rows = rows.join(
        base, on=["subject_id", "criterion", "variant"], how="left", nulls_equal=True, maintain_order="left"
    ).sort("subject_id", "criterion", "variant", "number", "day", nulls_last=True)
    yes_no = pl.col("level").is_in(["true", "false"])
    later = (pl.col("visit") != "baseline") & ~yes_no.fill_null(value=False)
    day = pl.col("infusion_date").dt.offset_by(pl.format("{}d", "day"))
    out = rows.select(
        *identity(study),
        PARAMCD=pl.col("criterion").replace_strict(codes, return_dtype=pl.String),
        PARAM=pl.col("criterion").replace_strict(titles, return_dtype=pl.String),
        PARCAT1="variant",
        AVISIT="visit",
        AVISITN=pl.col("number").cast(pl.Float64),
        ADT=as_number(pl.when(pl.col("day").is_not_null()).then(day)),
        ADY=relative_day(pl.col("day")),
        AVAL="value",
        AVALC=pl.when(yes_no).then(pl.col("level").replace({"true": "Y", "false": "N"})).otherwise("level"),
        AVALLO="value_min",
        AVALHI="value_max",
        ABLFL=flag(pl.col("visit") == "baseline"),
        BASE=pl.when(~yes_no.fill_null(value=False)).then("_base"),
        CHG=pl.when(later).then(pl.col("value") - pl.col("_base")),
        CLAUSE="clause",
        MISSING=_missing(),
        CRITVER="criterion_version",
        SRCROWS=pl.col("source_rows").list.len().cast(pl.Float64),
    )
    methods = {
        "AVAL": "Score or response by the criterion and version in CRITVER; 1 and 0 for yes and no; empty where missing"
        " inputs leave it open.",
        "AVALLO": "The lowest value that the missing inputs allow.",
        "AVALHI": "The highest value that the missing inputs allow.",
        "CHG": "AVAL - BASE at visits after baseline.",
    }
    keys = ("STUDYID", "USUBJID", "PARAMCD", "AVISITN")
    structure = "One record per criterion per visit per subject"
    return dataset("ADEFF", "Efficacy Analysis Dataset", structure, out, keys=keys, methods=methods)
