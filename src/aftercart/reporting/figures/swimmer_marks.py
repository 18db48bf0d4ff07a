"""The marks of the swimmer plot, read from the assessments, medicines, events and last contacts of a cohort."""

from __future__ import annotations

from typing import Any

import polars as pl

from aftercart.analysis import efficacy, safety
from aftercart.analysis.cohort import Cohort
from aftercart.analysis.courses import RESPONSE
from aftercart.analysis.outcomes import flag
from aftercart.reporting.figures import spans

MARKS: dict[str, Any] = {
    "patient": pl.String,
    "kind": pl.String,
    "start": pl.Int64,
    "end": pl.Int64,
    "label": pl.String,
    "detail": pl.String,
    "criterion": pl.String,
}

DRUGS_FROM_DAY = -90
"""Medicines are followed from this day before the infusion."""

SEVERE_CYTOPENIA = 3
"""Cytopenia of lower grades follows every lymphodepletion and would hide what matters."""

COUNT_GAP = 3
"""Two counts of one grade up to this many days apart are one stretch of cytopenia."""

GLUCOCORTICOID, DISEASE_DRUG = "Glucocorticoid", "Immunosuppressant or biologic"
DRUGS = ((GLUCOCORTICOID, ("glucocorticoid",)), (DISEASE_DRUG, ("immunosuppressant", "biologic")))


def all_marks(cohort: Cohort) -> pl.DataFrame:
    """Every mark: `patient, kind, start, end (null for a point), label, detail, criterion`, days since infusion.

    `end` is the day after the last one.
    """
    parts = [
        _grades(cohort),
        _medicines(cohort),
        _anticytokines(cohort),
        _infections(cohort),
        _responses(cohort),
        _remissions(cohort),
        _glucocorticoid_free(cohort),
        _ends(cohort),
    ]
    order = cohort.patients.select(patient="subject_id").with_row_index("_order")
    found = pl.concat([pl.DataFrame(schema=MARKS), *(p.select(list(MARKS)) for p in parts)], how="vertical_relaxed")
    return found.join(order, on="patient", how="inner").sort("_order", "start", "kind", "end", "detail").drop("_order")


def _grades(cohort: Cohort) -> pl.DataFrame:
    """CRS and ICANS of grade 1 and more, cytopenia of grade 3 and more."""
    days = spans.daily(cohort).filter(pl.col("day") >= 0)
    cells = pl.col("what") == "Cytopenia"
    found = pl.concat(
        [spans.spans(days.filter(~cells)), spans.spans(days.filter(cells), lowest=SEVERE_CYTOPENIA, gap=COUNT_GAP)]
    )
    return found.select(
        "patient",
        "start",
        "end",
        "criterion",
        kind=pl.format("{} grade {}", "what", "grade"),
        label=spans.label(),
        detail=pl.when("open").then(pl.lit("at least this grade")),
    )


def _medicines(cohort: Cohort) -> pl.DataFrame:
    """Glucocorticoids and drugs of the disease while they were surely taken; lymphodepletion is none of them."""
    last = cohort.patients.select("_s", patient="subject_id", last="last_day")
    given = cohort.timeline.exposures.filter(
        (pl.col("purpose") != "lymphodepletion").fill_null(value=True)
        & (pl.col("dose").is_null() | (pl.col("dose") > 0))
        & ~pl.col("classes").list.contains("anticytokine")
    ).join(last, on="_s", how="inner")
    parts = [
        given.filter(pl.col("classes").list.eval(pl.element().is_in(list(classes))).list.any()).select(
            "patient",
            kind=pl.lit(kind),
            start=pl.max_horizontal("start_max", pl.lit(DRUGS_FROM_DAY)),
            end=pl.min_horizontal("end_min", "last") + 1,
            label=pl.lit(None, dtype=pl.String),
            detail=pl.concat_str(
                pl.col("drug"),
                pl.when(pl.col("end_min") < pl.col("end_max")).then(pl.lit(", end not known")).otherwise(pl.lit("")),
            ),
            criterion=pl.lit(None, dtype=pl.String),
        )
        for kind, classes in DRUGS
    ]
    return pl.concat(parts).filter(pl.col("end") > pl.col("start"))


def _anticytokines(cohort: Cohort) -> pl.DataFrame:
    """Treatment of a toxicity with an antagonist of a cytokine."""
    given = cohort.timeline.exposures.filter(pl.col("classes").list.contains("anticytokine")).join(
        cohort.patients.select("_s", "subject_id"), on="_s", how="inner"
    )
    after = given.filter((pl.col("start_min") == pl.col("start_max")) & (pl.col("start_max") >= 0))
    return _points(after, "Anticytokine", day="start_max", detail="drug")


def _points(
    frame: pl.DataFrame,
    kind: pl.Expr | str,
    day: str = "day",
    detail: str | None = None,
    criterion: str | None = None,
) -> pl.DataFrame:
    return frame.filter(pl.col(day).is_not_null()).select(
        patient="subject_id",
        kind=pl.lit(kind) if isinstance(kind, str) else kind,
        start=pl.col(day).cast(pl.Int64),
        end=pl.lit(None, dtype=pl.Int64),
        label=pl.lit(None, dtype=pl.String),
        detail=pl.lit(None, dtype=pl.String) if detail is None else pl.col(detail),
        criterion=pl.lit(criterion, dtype=pl.String),
    )


def _infections(cohort: Cohort) -> pl.DataFrame:
    found = safety.infections(cohort).with_columns(
        _kind=pl.when(safety.serious_infection()).then(pl.lit("Serious infection")).otherwise(pl.lit("Infection")),
        _what=pl.coalesce("term_text", "term"),
    )
    return _points(found, pl.col("_kind"), detail="_what")


def _responses(cohort: Cohort) -> pl.DataFrame:
    questions = {q.id: q for q in efficacy.QUESTIONS}
    parts = []
    for question in dict.fromkeys(RESPONSE.values()):
        asked = questions[question]
        diseases = tuple(d for d, q in RESPONSE.items() if q == question)
        subjects = cohort.of_diseases(diseases)["subject_id"].implode()
        rows = cohort.rows(asked.criterion).filter(
            pl.col("visit").is_not_null() & (pl.col("day") > 0) & pl.col("subject_id").is_in(subjects)
        )
        answered = rows.with_columns(_met=asked.met, _what=pl.format(f"{asked.label}, {{}}", "visit")).filter(
            pl.col("_met").is_not_null()
        )
        kind = pl.when("_met").then(pl.lit("Response criterion met")).otherwise(pl.lit("Response criterion not met"))
        parts.append(_points(answered, kind, detail="_what", criterion=asked.criterion))
    return pl.concat(parts)


def _remissions(cohort: Cohort) -> pl.DataFrame:
    """The first remission and the relapse after it."""
    found = efficacy.remission(cohort)
    return pl.concat(
        [
            _points(found, "Remission", day="first_day", criterion="remission_course"),
            _points(found, "Relapse", day="relapse_day", criterion="remission_course"),
        ]
    )


def _glucocorticoid_free(cohort: Cohort) -> pl.DataFrame:
    """The first visit from which on no visit shows a glucocorticoid any more."""
    rows = (
        cohort.rows("drug_free_status")
        .filter(pl.col("visit").is_not_null())
        .with_columns(_free=flag("glucocorticoid_free"))
        .filter(pl.col("_free").is_not_null())
        .sort("subject_id", "day")
    )
    taking = pl.col("day").filter(~pl.col("_free")).max()
    since = rows.group_by("subject_id", maintain_order=True).agg(
        day=pl.col("day")
        .filter(pl.col("_free") & (pl.col("day") > taking.fill_null(-1_000_000)))
        .min()
        .clip(lower_bound=0)
    )
    return _points(since, "Glucocorticoid-free from here", criterion="drug_free_status")


def _ends(cohort: Cohort) -> pl.DataFrame:
    kind = pl.when(pl.col("died")).then(pl.lit("Death")).otherwise(pl.lit("Last contact"))
    return _points(cohort.patients, kind, day="last_day")
