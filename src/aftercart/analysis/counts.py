"""How many patients by disease: milestones, earlier medicines, reported events, worst laboratory grades."""

from __future__ import annotations

from typing import Any

import polars as pl

from aftercart.analysis import safety
from aftercart.analysis.cohort import Cohort
from aftercart.analysis.records import ALL
from aftercart.study import schema

COUNTS: dict[str, Any] = {
    "table": pl.String,
    "group": pl.String,
    "label": pl.String,
    "stratum": pl.String,
    "n": pl.Int64,
    "patients": pl.Int64,
    "events": pl.Int64,
}
"""One row per label and stratum: `patients` of `n` with at least one of the `events` (rows); n leaves out patients
whose record cannot say no. `table` is one of `TABLES`; a null label stands for the whole group."""

MILESTONES, PRIOR, EVENTS, WORST = TABLES = ("milestones", "prior medicines", "reported events", "worst grades")

ADVERSE = ("ae", "aesi", "infection", "malignancy", "death")
"""Categories of events that are adverse; stays, procedures, pregnancies and flares are recorded beside them."""


def counts(cohort: Cohort) -> pl.DataFrame:
    """Every count (columns: `COUNTS`)."""
    return pl.concat([milestones(cohort), prior_medicines(cohort), reported_events(cohort), worst_grades(cohort)])


def milestones(cohort: Cohort) -> pl.DataFrame:
    """Patients who reached each milestone of the study, among all who are enrolled."""
    valid = pl.col("status").fill_null("final") != "entered_in_error"
    enrolled = (
        cohort.study.tables["subjects"].filter(valid).select("subject_id", pl.col("indication").fill_null("OTHER"))
    )
    reached = cohort.study.tables["disposition"].filter(valid).select("subject_id", label="milestone")
    given = cohort.patients.select("subject_id", label=pl.lit("reference infusion"))
    order = {m: i for i, m in enumerate(schema.tables()["disposition"]["milestone"].allowed)}
    rows = pl.concat([reached, given]).with_columns(group=pl.lit(None, dtype=pl.String))
    place = pl.col("label").replace_strict(order, default=len(order), return_dtype=pl.Int64)
    return _counted(MILESTONES, enrolled, rows.sort(place, "subject_id"))


def prior_medicines(cohort: Cohort) -> pl.DataFrame:
    """Patients treated before infusion with each class and each medicine (those of Table 1: given for the disease)."""
    lost = list(cohort.timeline.lost_medicines)
    known = cohort.patients.filter(~pl.col("_s").is_in(lost))
    before = (pl.col("start_max") < 0) & (pl.col("purpose") == "background")
    rows = cohort.timeline.exposures.filter(before).join(known.select("_s", "subject_id"), on="_s")
    named = rows.select("subject_id", group=pl.col("classes").list.first().fill_null("other"), label="drug").sort(
        "group", "label", "subject_id"
    )
    return _counted(PRIOR, known, named, groups=True)


def reported_events(cohort: Cohort) -> pl.DataFrame:
    """Patients with each adverse event and how often it was reported, from infusion to the end of observation."""
    silent = safety.without_record_of_events(cohort)["subject_id"].implode()
    known = cohort.patients.filter(~pl.col("subject_id").is_in(silent))
    seen = pl.col("day").is_null() | pl.col("day").is_between(0, pl.col("last_day"))
    last = known.select("_s", "subject_id", "last_day")
    rows = cohort.timeline.events.drop("subject_id").join(last, on="_s").filter(seen)
    words = pl.coalesce("term", "term_text", pl.lit("not stated")).str.replace_all("_", " ")
    named = rows.filter(pl.col("category").is_in(list(ADVERSE))).select("subject_id", group="category", label=words)
    place = pl.col("group").replace_strict({c: i for i, c in enumerate(ADVERSE)}, return_dtype=pl.Int64)
    return _counted(EVENTS, known, named.sort(place, "label", "subject_id"), groups=True)


def worst_grades(cohort: Cohort) -> pl.DataFrame:
    """Patients by worst CTCAE grade of each laboratory test after infusion; n: those with any graded value after it.

    A value that could not be graded does not count; `group` is the criterion and its variant.
    """
    graded = cohort.table.filter(
        pl.col("criterion").str.starts_with("ctcae_") & (pl.col("day") > 0) & pl.col("value").is_not_null()
    )
    keys = ["criterion", "variant", "subject_id"]
    worst = graded.group_by(keys).agg(grade=pl.col("value").max().cast(pl.Int64)).sort(*keys)
    name = pl.concat_str("criterion", "variant", separator=" ", ignore_nulls=True)
    rows = worst.select("subject_id", group=name, label=pl.col("grade").cast(pl.String))
    of = rows.select("subject_id", "group").join(cohort.patients.select("subject_id", "indication"), on="subject_id")
    rows = rows.with_columns(_turn=pl.col("group").rle_id()).sort("_turn", "label", "subject_id")
    counted = _counted(WORST, of, rows)
    return pl.concat([counted.clear(), *counted.partition_by("group", maintain_order=True)])


def _counted(table: str, known: pl.DataFrame, rows: pl.DataFrame, *, groups: bool = False) -> pl.DataFrame:
    """Count the rows (`subject_id, group, label`) of the known patients by label, in the order in which labels come.

    known: `subject_id, indication` of the patients whom it is known of, and `group` where that differs by group.
    groups: also count each group as a whole, before its labels.
    """
    labels = ["group", "label"]
    apart = ["group"] if "group" in known.columns else []
    of = known.select("subject_id", *apart, "indication")
    rows = rows.select("subject_id", *labels).join(of, on=["subject_id", *apart], maintain_order="left")
    order = rows.select(labels).unique(maintain_order=True).with_row_index("_place")
    if groups:
        whole = rows.with_columns(label=pl.lit(None, dtype=pl.String))
        heads = order.group_by("group", maintain_order=True).agg(_place=pl.col("_place").min())
        heads = heads.select("group", pl.lit(None, dtype=pl.String).alias("label"), "_place")
        order = pl.concat([heads, order.select(heads.columns)]).sort("_place", "label", nulls_last=False)
        rows = pl.concat([whole, rows])
    counted = (
        _by_stratum(rows).group_by("stratum", *labels).agg(patients=pl.col("subject_id").n_unique(), events=pl.len())
    )
    asked = _by_stratum(of).group_by("stratum", *apart).agg(n=pl.len())
    every = asked.select("stratum").unique().sort(pl.col("stratum") != ALL, "stratum").join(order, how="cross")
    found = every.join(asked, on=["stratum", *apart], maintain_order="left")
    found = found.join(counted, on=["stratum", *labels], how="left", nulls_equal=True, maintain_order="left")
    found = found.with_columns(pl.col("patients", "events").fill_null(0), table=pl.lit(table))
    return found.select(pl.col(name).cast(kind) for name, kind in COUNTS.items())


def _by_stratum(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows all together and once more by disease."""
    return pl.concat([rows.with_columns(stratum=pl.lit(ALL)), rows.with_columns(stratum="indication")])
