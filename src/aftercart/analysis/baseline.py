"""Who: the patients at entry, how many are left at each step, and laboratory grades against their baseline."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import polars as pl

from aftercart.analysis.cohort import Cohort, rounded
from aftercart.analysis.efficacy import landmarks
from aftercart.analysis.records import ALL
from aftercart.analysis.strata import by_disease
from aftercart.criteria import registry

TABLE_ONE: dict[str, Any] = {
    "variable": pl.String,
    "level": pl.String,
    "unit": pl.String,
    "stratum": pl.String,
    "n": pl.Int64,
    "known": pl.Int64,
    "missing": pl.Int64,
    "count": pl.Int64,
    "median": pl.Float64,
    "quartile_1": pl.Float64,
    "quartile_3": pl.Float64,
    "minimum": pl.Float64,
    "maximum": pl.Float64,
}
"""One row per variable (per level of a named one) and stratum; `count` is of `known`; quartiles are interpolated."""

SCORES = (
    ("sledai_2k", "SLEDAI-2K at baseline"),
    ("mmt8", "MMT-8 at baseline"),
    ("mrss", "Modified Rodnan skin score at baseline"),
    ("eustar_ai_2017", "EUSTAR activity index at baseline"),
    ("glucocorticoid_prednisone_equivalent", "Prednisone equivalent at baseline"),
)


def table_one(cohort: Cohort) -> pl.DataFrame:
    """The patients at entry by disease and together (columns: `TABLE_ONE`)."""
    patients = cohort.patients.join(_beside(cohort), on="subject_id", how="left", maintain_order="left")
    numbers = [
        ("Age at infusion", "a", "age_years"),
        ("Disease duration at infusion", "a", "disease_duration_years"),
        ("Medicines before infusion", "1", "prior_medicines"),
        ("CAR-positive cells given", "{cells}", "dose_cells"),
        ("CAR-positive cells given per kilogram", "10*6/kg", "dose_per_kg"),
        ("Follow-up", "mo", "follow_up_months"),
    ]
    named = [("Sex", "sex"), ("Product", "product"), ("Lymphodepletion", "lymphodepletion"), ("Died", "died")]
    named.append(("End of follow-up", "follow_up_ends"))
    rows = []
    for stratum, mine in by_disease(cohort, patients):
        rows += [described(mine, stratum, *n) for n in numbers]
        for key, label in SCORES:
            meant = registry.get(key).indications
            asked = mine.filter(pl.col("indication").is_in(list(meant))) if meant else mine
            if key in mine.columns and asked.height:
                rows.append(described(asked, stratum, label, None, key))
        for label, column in named:
            rows += list(_levels(mine, patients, stratum, label, column))
    return pl.DataFrame(rows, schema=TABLE_ONE)


def _beside(cohort: Cohort) -> pl.DataFrame:
    """What else is known of each patient at entry: medicines, product and dose, lymphodepletion, scores."""
    subjects = cohort.timeline.subjects.select("_s", "subject_id")
    exposures = cohort.timeline.exposures
    prior = exposures.filter((pl.col("start_max") < 0) & (pl.col("purpose") == "background"))
    conditioning = exposures.filter((pl.col("purpose") == "lymphodepletion") & (pl.col("start_max") <= 0))
    drugs = conditioning.group_by("_s").agg(lymphodepletion=pl.col("drug").unique().sort().str.join(" + "))
    infusions = cohort.study.tables["infusions"].filter(
        (pl.col("infusion_seq") == cohort.study.meta.reference_infusion)
        & (pl.col("status").fill_null("final") != "entered_in_error")
    )
    given = infusions.unique("subject_id", keep="first", maintain_order=True).select(
        "subject_id", "product", "dose_cells", "dose_per_kg"
    )
    found = (
        subjects.join(prior.group_by("_s").agg(prior_medicines=pl.col("drug").n_unique()), on="_s", how="left")
        .join(drugs, on="_s", how="left")
        .join(given, on="subject_id", how="left")
        .drop("_s")
    )
    for key, _ in SCORES:
        rows = cohort.rows(key).filter(pl.col("visit") == "baseline").select("subject_id", pl.col("value").alias(key))
        if rows["subject_id"].is_unique().all() and rows.height:
            found = found.join(rows, on="subject_id", how="left")
    return found


def described(mine: pl.DataFrame, stratum: str, label: str, unit: str | None, column: str) -> dict[str, Any]:
    """One variable of some patients as a row of `TABLE_ONE`: how many are known, median, quartiles, range."""
    values = mine[column].cast(pl.Float64).drop_nulls()
    return {
        "variable": label,
        "unit": unit,
        "stratum": stratum,
        "n": mine.height,
        "known": len(values),
        "missing": mine.height - len(values),
        "median": rounded(values.median()),
        "quartile_1": rounded(values.quantile(0.25, "linear")),
        "quartile_3": rounded(values.quantile(0.75, "linear")),
        "minimum": rounded(values.min()),
        "maximum": rounded(values.max()),
    }


def _levels(
    mine: pl.DataFrame, everyone: pl.DataFrame, stratum: str, label: str, column: str
) -> Iterator[dict[str, Any]]:
    known = mine[column].cast(pl.String).drop_nulls()
    for level in everyone[column].cast(pl.String).drop_nulls().unique().sort():
        yield {
            "variable": label,
            "level": {"true": "yes", "false": "no"}.get(level, level),
            "stratum": stratum,
            "n": mine.height,
            "known": len(known),
            "missing": mine.height - len(known),
            "count": int((known == level).sum()),
        }


FLOW: dict[str, Any] = {
    "step": pl.String,
    "stratum": pl.String,
    "n": pl.Int64,
    "lost": pl.Int64,
    "reasons": pl.String,
}


def flow(cohort: Cohort) -> pl.DataFrame:
    """How many patients there are from enrolment to each landmark visit, and why others are not (columns: `FLOW`)."""
    enrolled = cohort.study.tables["subjects"].filter(pl.col("status").fill_null("final") != "entered_in_error")
    first = [
        {"step": "enrolled", "stratum": ALL, "n": enrolled.height, "lost": 0},
        {
            "step": "infused",
            "stratum": ALL,
            "n": cohort.n,
            "lost": enrolled.height - cohort.n,
            "reasons": "no reference infusion with a complete date" if enrolled.height > cohort.n else None,
        },
    ]
    return pl.DataFrame([*first, *_visits(cohort)], schema=FLOW)


def _visits(cohort: Cohort) -> Iterator[dict[str, Any]]:
    contacts = cohort.timeline.contacts.select("_s", seen="day")
    for mark in landmarks(cohort):
        if mark.visit is None:
            continue
        window = cohort.timeline.visits.filter(pl.col("visit") == mark.visit).select("_s", "lo", "hi")
        inside = contacts.join(window, on="_s").filter(pl.col("seen").is_between(pl.col("lo"), pl.col("hi")))
        state = (
            pl.when(pl.col("_s").is_in(inside["_s"].unique().implode()))
            .then(None)
            .when(pl.col("died") & (pl.col("last_day") < mark.opens))
            .then(pl.lit("died before"))
            .when(pl.col("last_day") < mark.opens)
            .then(pl.lit("visit not yet reached or follow-up ended"))
            .otherwise(pl.lit("not seen in the window"))
        )
        patients = cohort.patients.with_columns(_why=state)
        for stratum, mine in by_disease(cohort, patients):
            why = mine["_why"].drop_nulls()
            reasons = "; ".join(f"{int((why == r).sum())} {r}" for r in why.unique().sort())
            yield {
                "step": f"seen at {mark.label}",
                "stratum": stratum,
                "n": mine.height - len(why),
                "lost": len(why),
                "reasons": reasons or None,
            }


SHIFTS: dict[str, Any] = {
    "criterion": pl.String,
    "variant": pl.String,
    "baseline_grade": pl.Int64,
    "worst_grade": pl.Int64,
    "patients": pl.Int64,
}


def shifts(cohort: Cohort) -> pl.DataFrame:
    """Patients by last CTCAE grade up to infusion and worst grade after it (null: not graded); columns: `SHIFTS`."""
    rows = cohort.table.filter(pl.col("criterion").str.starts_with("ctcae_") & pl.col("day").is_not_null())
    keys = ["criterion", "variant", "subject_id"]
    before = rows.filter((pl.col("day") <= 0) & pl.col("value").is_not_null()).sort(*keys, "day", "row")
    last = before.group_by(keys, maintain_order=True).agg(baseline_grade=pl.col("value").last().cast(pl.Int64))
    after = rows.filter(pl.col("day") > 0).group_by(keys).agg(worst_grade=pl.col("value").max().cast(pl.Int64))
    both = last.join(after, on=keys, how="full", coalesce=True)
    counted = both.group_by("criterion", "variant", "baseline_grade", "worst_grade").agg(
        patients=pl.len().cast(pl.Int64)
    )
    return counted.sort(pl.all(), nulls_last=False).select(list(SHIFTS))
