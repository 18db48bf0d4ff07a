"""How many patients by disease: milestones, earlier medicines, reported events, worst laboratory grades."""

from __future__ import annotations

from collections.abc import Iterator
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
    parts = []
    for (criterion, variant), mine in worst.group_by("criterion", "variant", maintain_order=True):
        who = cohort.patients.join(mine.select("subject_id"), on="subject_id", how="semi")
        name = f"{criterion} {variant}" if variant else str(criterion)
        rows = mine.select("subject_id", group=pl.lit(name), label=pl.col("grade").cast(pl.String))
        parts.append(_counted(WORST, who, rows.sort("label", "subject_id")))
    return pl.concat([pl.DataFrame(schema=COUNTS), *parts])


def _counted(table: str, known: pl.DataFrame, rows: pl.DataFrame, *, groups: bool = False) -> pl.DataFrame:
    """Count the rows (`subject_id, group, label`) of the known patients by label, in the order in which labels come.

    groups: also count each group as a whole, before its labels.
    """
    of = known.select("subject_id", "indication")
    rows = rows.select("subject_id", "group", "label").join(of, on="subject_id", maintain_order="left")
    order = rows.select("group", "label").unique(maintain_order=True).with_row_index("_place")
    labels = ["group", "label"]
    if groups:
        whole = rows.with_columns(label=pl.lit(None, dtype=pl.String))
        heads = order.group_by("group", maintain_order=True).agg(_place=pl.col("_place").min())
        heads = heads.select("group", pl.lit(None, dtype=pl.String).alias("label"), "_place")
        order = pl.concat([heads, order.select(heads.columns)]).sort("_place", "label", nulls_last=False)
        rows = pl.concat([whole, rows])
    found = []
    for stratum, mine, n in _strata(known, rows):
        counted = mine.group_by(labels).agg(patients=pl.col("subject_id").n_unique(), events=pl.len())
        beside = order.select(labels).join(counted, on=labels, how="left", nulls_equal=True, maintain_order="left")
        found.append(
            beside.select(
                pl.lit(table).alias("table"),
                *labels,
                pl.lit(stratum).alias("stratum"),
                pl.lit(n, dtype=pl.Int64).alias("n"),
                pl.col("patients").fill_null(0).cast(pl.Int64),
                pl.col("events").fill_null(0).cast(pl.Int64),
            )
        )
    return pl.concat(found)


def _strata(known: pl.DataFrame, rows: pl.DataFrame) -> Iterator[tuple[str, pl.DataFrame, int]]:
    yield ALL, rows, known.height
    for disease in known["indication"].unique().sort():
        yield disease, rows.filter(pl.col("indication") == disease), int((known["indication"] == disease).sum())
