"""Who stands behind each number: the patients it asks, each with the answer or value and the result that decided."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Any

import polars as pl

from aftercart.analysis import adverse, baseline, change, courses, efficacy, infections, overview, safety
from aftercart.analysis.cohort import Cohort
from aftercart.analysis.markers import MARKERS
from aftercart.analysis.outcomes import ANSWER_SCHEMA, Outcome

YES, NO, OPEN = "yes", "no", "not evaluable"

ANSWERS: dict[str, Any] = {
    "id": pl.String,
    "label": pl.String,
    "subject_id": pl.String,
    "indication": pl.String,
    "answer": pl.String,
    "value": pl.Float64,
    "unit": pl.String,
    "day": pl.Int64,
    "row": pl.Int64,
    "reason": pl.String,
}
"""One row per question and patient: `answer` (`yes`, `no`, `not evaluable`; null where a value is asked), `value` in
`unit` (of a time to an event: days, with the event as answer), `row` of the deciding assessment, `reason` why not."""

ENDINGS = (
    *("_nri", "_partially_pooled", "_median", "_first_event_rate"),
    *("_rate_patient_days", "_rate_patient_year", "_rate"),
)
"""How estimates of the same patients end: with non-responders imputed, pooled, the median of a time, per time."""

SAME = {
    "glucocorticoid_at_most_5_mg": "glucocorticoid_dose",
    "infections_per_patient": "infection",
    "person_years": "follow_up",
    "follow_up_months": "follow_up",
    "b_cell_return_day": "before_b_cell_return",
}
"""Estimates that rest on the values of another, by how they begin."""


def every_outcome(cohort: Cohort) -> list[Outcome]:
    """Every outcome whose proportion `analyze` estimates, with the answer of each patient."""
    return [
        *safety.outcomes(cohort),
        *adverse.outcomes(cohort),
        *overview.outcomes(cohort),
        *efficacy.every_outcome(cohort, MARKERS),
        *courses.sustained(cohort),
    ]


def question(estimate: str, asked: Collection[str]) -> str | None:
    """The question (`id` of `answers`) behind an estimate, of those asked; None when nothing tells its patients."""
    for begins, other in SAME.items():
        if estimate.startswith(begins):
            estimate = other + estimate.removeprefix(begins)
    for ending in ("", *ENDINGS):
        base = estimate.removesuffix(ending)
        if base in asked:
            return base
    return None


def answers(cohort: Cohort, outcomes: Iterable[Outcome]) -> pl.DataFrame:
    """Every patient behind every estimate and every row at entry (columns: `ANSWERS`).

    outcomes: those of `every_outcome`.
    """
    told = [o for o in outcomes if o.answers.height]
    often = [o.answers.height for o in told]
    named = pl.DataFrame({"id": [o.id for o in told], "label": [o.label for o in told], "_n": often})
    rows = pl.concat([pl.DataFrame(schema=ANSWER_SCHEMA), *(o.answers for o in told)]).with_columns(answer=MET)
    rows = rows.hstack(named.select(pl.col("id", "label").repeat_by("_n").explode()))
    who = cohort.patients.select("subject_id", "indication").with_row_index("_place")
    found = pl.concat([rows, *_times(cohort), *_values(cohort), *_at_entry(cohort)], how="diagonal_relaxed")
    found = found.with_columns(_turn=pl.col("id").rle_id()).join(who, on="subject_id", how="inner")
    found = found.sort("_turn", "_place")
    empty = [pl.lit(None, kind).alias(name) for name, kind in ANSWERS.items() if name not in found.columns]
    return found.with_columns(empty).select(pl.col(name).cast(kind) for name, kind in ANSWERS.items())


MET = pl.when("met").then(pl.lit(YES)).when(~pl.col("met")).then(pl.lit(NO)).otherwise(pl.lit(OPEN))


def _at_entry(cohort: Cohort) -> Iterator[pl.DataFrame]:
    """The rows of the table of patients at entry: numbers with the value of each patient, levels with the answer."""
    for variable, level, unit, known in baseline.at_entry(cohort):
        id_ = baseline.row_id(variable, level)
        if level is None:
            yield _valued(id_, variable, str(unit), known, pl.col("value"))
        else:
            yield known.select("subject_id", answer=MET, **_named(id_, f"{variable}: {level}"))


def _times(cohort: Cohort) -> Iterator[pl.DataFrame]:
    """Times to an event: the days, and whether the event came."""
    for asked in courses.asked(cohort):
        yield _timed(asked.id, asked.label, asked.patients.drop_nulls("days"), pl.col("event"))
    for id_, label, _, known in courses.lost(cohort):
        yield _timed(id_, label, known, pl.col("cause") == 1)


def _timed(id_: str, label: str, known: pl.DataFrame, event: pl.Expr) -> pl.DataFrame:
    answer = pl.when(event).then(pl.lit(YES)).otherwise(pl.lit(NO))
    days = pl.col("days").cast(pl.Float64)
    return known.select("subject_id", answer=answer, value=days, unit=pl.lit("days"), **_named(id_, label))


def _values(cohort: Cohort) -> Iterator[pl.DataFrame]:
    """Estimates of a number: that of each patient."""
    for key, mark, both in change.pairs(cohort):
        label, unit = change.LABELS[key]
        yield _valued(f"{key}_change_{mark.id}", f"{label}, change from baseline, {mark.label}", unit, both, AFTER)
    for id_, label, known in change.dosed(cohort):
        yield _valued(f"glucocorticoid_dose_{id_}", f"Glucocorticoid dose, {label}", "mg/d", known, pl.col("value"))
    for key, often in change.repeated(cohort):
        visits = often.group_by("subject_id", maintain_order=True).len("value")
        label, _ = change.LABELS[key]
        yield _valued(f"{key}_per_month", f"{label}, after infusion", "visits", visits, pl.col("value"))
    for name, label, spans in courses.spans(cohort):
        yield _valued(f"{name}_onset_day", f"Day of onset of {label}", "days", spans, pl.col("first"))
        yield _valued(f"{name}_duration_days", f"Duration of {label}", "days", spans, pl.col("duration"))
    for name, label, unit, known in adverse.measured(cohort):
        yield _valued(f"kinetics_{name}", label, unit, known, pl.col("value"))
    flares = ("flares_per_patient", "Flares", adverse.flared(cohort))
    for name, label, events in (*infections.kinds(cohort), flares):
        counted = events.group_by("subject_id", maintain_order=True).len("value")
        yield _valued(name, label, "events", counted, pl.col("value"))
    seen = cohort.patients.filter(pl.col("last_day").is_not_null())
    yield _valued("follow_up", "Follow-up", "days", seen, pl.col("last_day"))


AFTER = pl.col("after") - pl.col("before")


def _valued(id_: str, label: str, unit: str, known: pl.DataFrame, value: pl.Expr) -> pl.DataFrame:
    return known.select("subject_id", value=value.cast(pl.Float64), unit=pl.lit(unit), **_named(id_, label))


def _named(id_: str, label: str) -> dict[str, pl.Expr]:
    return {"id": pl.lit(id_), "label": pl.lit(label)}


def diseases(answers: pl.DataFrame, estimates: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """The diseases of the patients behind each estimate: one of one disease alone has no stratum of its own."""
    among = answers.group_by("id", maintain_order=True).agg(pl.col("indication").unique().sort())
    found = {id_: tuple(codes) for id_, codes in among.iter_rows()}
    asked = {id_: question(id_, found) for id_ in dict.fromkeys(estimates)}
    return found | {id_: found[base] for id_, base in asked.items() if base is not None}
