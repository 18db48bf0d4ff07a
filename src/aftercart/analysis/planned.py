"""Planned visits: which were held, which are overdue at the data cut-off, and what was not recorded at those held."""

from __future__ import annotations

import polars as pl

from aftercart.analysis import efficacy
from aftercart.analysis.cohort import Cohort

HELD, OVERDUE, OPEN, LATER, ENDED = "held", "overdue", "open", "later", "ended"

LEFT = ("completed_ltfu", "discontinued", "lost", "withdrew_consent", "died")
"""Milestones after which no further visit of the study is expected."""

SCORES = ("sledai_2k", "mmt8", "acr_eular_2016_tis", "eustar_ai_2017", "mrss", "haq_di", "mg_adl", "edss")
"""Scores that are expected at a visit beside the criteria that a report asks about."""


def planned_visits(cohort: Cohort) -> pl.DataFrame:
    """Every planned visit of every patient, by its state at the data cut-off.

    Returns `subject_id, visit, target_day, opens_day, closes_day, closes (date), last_seen (date), state, reason`,
    days after the infusion. The state is `held` (the patient was seen in the window), `overdue` (the window closed
    before the cut-off and nothing was recorded in it), `open` (the window is open at the cut-off, not seen yet),
    `later`, or `ended` (died or left the study before the window closed; `reason` says which). Without a data cut-off
    a visit that was not held is `later`.
    """
    meta, timeline = cohort.study.meta, cohort.timeline
    windows = pl.DataFrame(
        {
            "visit": [v.name for v in meta.visits],
            "target_day": [v.target_day for v in meta.visits],
            "opens_day": [v.target_day - v.before for v in meta.visits],
            "closes_day": [v.target_day + v.after for v in meta.visits],
        },
        schema={"visit": pl.String, "target_day": pl.Int64, "opens_day": pl.Int64, "closes_day": pl.Int64},
    )
    people = timeline.subjects.select("_s", "subject_id", "infusion_date", "cut_off_day").join(
        _left(cohort), on="subject_id", how="left"
    )
    seen = _seen(cohort)
    asked = people.join(windows, how="cross")
    held = (
        asked.select("_s", "visit", "opens_day", "closes_day")
        .join(seen, on="_s", how="inner")
        .filter(pl.col("day").is_between("opens_day", "closes_day"))
        .select("_s", "visit", held=pl.lit(value=True))
        .unique()
    )
    known = seen.filter((pl.col("day") <= pl.col("cut_off_day")).fill_null(value=True))
    last = known.group_by("_s").agg(last_seen_day=pl.col("day").max())
    closed = (pl.col("closes_day") < pl.col("cut_off_day")).fill_null(value=False)
    begun = (pl.col("opens_day") <= pl.col("cut_off_day")).fill_null(value=False)
    state = (
        pl.when("held")
        .then(pl.lit(HELD))
        .when((pl.col("left_day") <= pl.col("closes_day")).fill_null(value=False))
        .then(pl.lit(ENDED))
        .when(closed)
        .then(pl.lit(OVERDUE))
        .when(begun)
        .then(pl.lit(OPEN))
        .otherwise(pl.lit(LATER))
    )
    order = cohort.patients.select("subject_id").with_row_index("_order")
    return (
        asked.join(held, on=["_s", "visit"], how="left")
        .join(last, on="_s", how="left")
        .with_columns(state=state)
        .join(order, on="subject_id", how="inner")
        .sort("_order", "target_day", "visit")
        .select(
            "subject_id",
            "visit",
            "target_day",
            "opens_day",
            "closes_day",
            closes=_date("closes_day"),
            last_seen=_date("last_seen_day"),
            state="state",
            reason=pl.when(pl.col("state") == ENDED).then("left_reason"),
        )
    )


def _date(day: str) -> pl.Expr:
    return (pl.col("infusion_date") + pl.duration(days=pl.col(day))).dt.strftime("%Y-%m-%d")


def _seen(cohort: Cohort) -> pl.DataFrame:
    """Days on which anything was recorded of a patient: visits, answered items, laboratory values."""
    timeline = cohort.timeline
    days = pl.concat([timeline.contacts.select("_s", "day"), timeline.facts.select("_s", "day")])
    cut = timeline.subjects.select("_s", "cut_off_day")
    return days.drop_nulls().unique().join(cut, on="_s", how="inner")


def _left(cohort: Cohort) -> pl.DataFrame:
    """The first day from which no visit is expected any more, and why."""
    disposition = cohort.study.tables["disposition"]
    infused = cohort.timeline.subjects.select("subject_id", "infusion_date")
    milestones = (
        disposition.filter(
            pl.col("milestone").is_in(list(LEFT)) & (pl.col("status") != "entered_in_error").fill_null(value=True)
        )
        .join(infused, on="subject_id", how="inner")
        .select(
            "subject_id",
            left_day=(pl.col("date").str.to_date("%Y-%m-%d", strict=False) - pl.col("infusion_date")).dt.total_days(),
            left_reason=pl.col("milestone").str.replace_all("_", " ").replace({"completed ltfu": "study completed"}),
        )
    )
    deaths = cohort.patients.filter("died").select(
        "subject_id", left_day=pl.col("death_day").cast(pl.Int64), left_reason=pl.lit("died")
    )
    both = pl.concat([milestones.drop_nulls("left_day"), deaths])
    return both.sort("left_day", "left_reason").unique("subject_id", keep="first", maintain_order=True)


def missing_items(cohort: Cohort) -> pl.DataFrame:
    """What was not recorded at a visit that was held although a result there needs it.

    Returns `subject_id, visit, day, row, criterion, missing` (names of the inputs, joined by semicolons), only where
    the missing values leave the result open, for the scores and responses that a report asks about.
    """
    asked = list(dict.fromkeys([*SCORES, *(q.criterion for q in efficacy.QUESTIONS)]))
    order = cohort.patients.select("subject_id").with_row_index("_order")
    return (
        cohort.table.filter(
            pl.col("criterion").is_in(asked)
            & pl.col("visit").is_not_null()
            & pl.col("missing").is_not_null()
            & pl.col("value").is_null()
        )
        .join(order, on="subject_id", how="inner")
        .sort("_order", "day", "criterion", "row")
        .select("subject_id", "visit", "day", "row", "criterion", "missing")
    )
