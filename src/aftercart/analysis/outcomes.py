"""Questions that are answered yes, no or not evaluable for each patient, from the assessments that decide them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from aftercart.analysis.cohort import Cohort

NO_RECORD = "no record"
VALUES_MISSING = "values missing"
NOT_REACHED = "visit not yet reached"
NO_VISIT = "no visit in the window"


@dataclass(frozen=True)
class Outcome:
    """One yes-or-no question asked of every patient of a population."""

    id: str
    label: str
    domain: str
    """`eligibility`, `safety`, `efficacy` or `treatment`."""
    population: str
    """Whom it is asked of, in words."""
    answers: pl.DataFrame
    """`subject_id, met (null: not evaluable), day, row (deciding assessment), reason (why not evaluable)`."""
    criterion: str | None = None
    visit: str | None = None
    note: str | None = None

    def unanswered(self) -> dict[str, int]:
        """Why patients are not evaluable, and how many for each reason."""
        answers = self.answers.select("met", "reason").rows()
        return dict(sorted(Counter(reason or VALUES_MISSING for met, reason in answers if met is None).items()))


ANSWER_SCHEMA: dict[str, Any] = {
    "subject_id": pl.String,
    "met": pl.Boolean,
    "day": pl.Int64,
    "row": pl.Int64,
    "reason": pl.String,
}


def component(name: str) -> pl.Expr:
    """The text of one output in the components of an assessment; null when it is null or absent."""
    return pl.col("components").str.json_path_match(f"$['{name}']")


def flag(name: str) -> pl.Expr:
    """A boolean output of the components."""
    text = component(name)
    return pl.when(text == "true").then(pl.lit(value=True)).when(text == "false").then(pl.lit(value=False))


def primary_flag() -> pl.Expr:
    """The primary result of a yes-or-no criterion."""
    return pl.when(pl.col("value").is_not_null()).then(pl.col("value") >= 0.5)


def worst_bounds(rows: pl.DataFrame, subjects: pl.DataFrame) -> pl.DataFrame:
    """Lowest and highest possible worst grade of each patient, and the row that decides it.

    Returns `subject_id, low, high, day, row, reason`; a patient without rows has all null, and an upper bound that
    nothing limits is null.
    """
    bounds = rows.lazy().with_columns(
        _low=pl.coalesce("value", "value_min", pl.lit(0.0)), _high=pl.coalesce("value", "value_max")
    )
    worst = bounds.sort("_low", "day", "row", descending=[True, False, False], nulls_last=True)
    per_patient = worst.group_by("subject_id", maintain_order=True).agg(
        low=pl.col("_low").first(),
        high=pl.when(pl.col("_high").is_not_null().all()).then(pl.col("_high").max()),
        day=pl.col("day").first(),
        row=pl.col("row").first(),
    )
    asked = subjects.lazy().select("subject_id")
    joined = asked.join(per_patient, on="subject_id", how="left", maintain_order="left")
    return joined.with_columns(reason=pl.when(pl.col("row").is_null()).then(pl.lit(NO_RECORD))).collect()


def reaches(bounds: pl.DataFrame, grade: int) -> pl.DataFrame:
    """Whether the worst grade is at least `grade`: proven, excluded, or open (null) when missing values decide."""
    met = (
        pl.when(pl.col("low") >= grade).then(pl.lit(value=True)).when(pl.col("high") < grade).then(pl.lit(value=False))
    )
    return _answers(bounds.lazy().with_columns(met=met))


def is_grade(bounds: pl.DataFrame, grade: int) -> pl.DataFrame:
    """Whether the worst grade is exactly `grade`."""
    low, high = pl.col("low"), pl.col("high")
    met = (
        pl.when((low == grade) & (high == grade))
        .then(pl.lit(value=True))
        .when((low > grade) | (high < grade))
        .then(pl.lit(value=False))
    )
    return _answers(bounds.lazy().with_columns(met=met))


def by_max_grade(bounds: pl.DataFrame, grades: range) -> dict[str, int]:
    """Count patients by worst grade; those whose worst grade is open are counted as not evaluable."""
    known = bounds.filter((pl.col("low") == pl.col("high")).fill_null(value=False))
    counts = {str(g): int((known["low"] == g).sum()) for g in grades}
    return {**counts, "not_evaluable": bounds.height - known.height}


def per_subject(rows: pl.DataFrame, subjects: pl.DataFrame, met: pl.Expr) -> pl.DataFrame:
    """Answers from a criterion with one result per patient."""
    return _of_patients(subjects, reversed(_asked(rows, ["subject_id"], met, order=["row"])))


def at_visits(
    rows: pl.DataFrame, subjects: pl.DataFrame, met: pl.Expr, windows: Sequence[tuple[str, int]]
) -> list[pl.DataFrame]:
    """Answers at each of some visits, all from one query.

    windows: name of each visit and the first day of its window, which tells a missed visit from one still to come.
    """
    asked = _asked(rows, ["visit", "subject_id"], met, order=["row"])
    first = {(visit, subject): answer for visit, subject, *answer in reversed(asked)}
    whom = subjects.select("subject_id", "last_day").rows()
    return [
        _frame((s, *_answer(first.get((visit, s)), _not_seen(last_day, opens))) for s, last_day in whom)
        for visit, opens in windows
    ]


def _not_seen(last_day: int | None, opens: int) -> str:
    return NOT_REACHED if last_day is not None and last_day < opens else NO_VISIT


def _asked(rows: pl.DataFrame, keys: list[str], met: pl.Expr, *, order: list[str]) -> list[tuple[Any, ...]]:
    """Keys, `met`, `day`, `row` and why it would not be evaluable of every result."""
    named = pl.concat_str(pl.lit(f"{VALUES_MISSING}: "), pl.col("missing"))
    reason = pl.coalesce(named, pl.lit(VALUES_MISSING))
    return rows.lazy().sort(order).select(*keys, met.alias("met"), "day", "row", reason=reason).collect().rows()


def _answer(answer: list[Any] | None, without: str) -> tuple[Any, ...]:
    """`met, day, row, reason` of one patient; without: the reason where there is no result."""
    if answer is None:
        return None, None, None, without
    met, day, row, reason = answer
    return met, day, row, reason if met is None else None


def _of_patients(subjects: pl.DataFrame, asked: Iterable[tuple[Any, ...]]) -> pl.DataFrame:
    """The last answer of each patient among these."""
    last = {subject: answer for subject, *answer in asked}
    return _frame((s, *_answer(last.get(s), NO_RECORD)) for s in subjects["subject_id"])


def _frame(answers: Iterable[tuple[Any, ...]]) -> pl.DataFrame:
    return pl.DataFrame(list(answers), schema=ANSWER_SCHEMA, orient="row")


def at_last_visit(rows: pl.DataFrame, subjects: pl.DataFrame, met: pl.Expr) -> pl.DataFrame:
    """Answers at each patient's last assessed visit after the infusion, whether or not it could be decided."""
    later = rows.filter(pl.col("visit").is_not_null() & (pl.col("visit") != "baseline") & (pl.col("day") > 0))
    return _of_patients(subjects, _asked(later, ["subject_id"], met, order=["day", "row"]))


def _answers(frame: pl.LazyFrame) -> pl.DataFrame:
    reason = pl.when(pl.col("met").is_null()).then(pl.coalesce("reason", pl.lit(VALUES_MISSING)))
    return frame.with_columns(reason=reason).select(*ANSWER_SCHEMA).collect()


def answers(subjects: pl.DataFrame, met: dict[str, bool | None], **columns: Any) -> pl.DataFrame:
    """Answers given directly, by subject (for facts that no criterion decides, such as a death)."""
    frame = (
        subjects.lazy()
        .select("subject_id")
        .with_columns(
            met=pl.col("subject_id").replace_strict(met, default=None, return_dtype=pl.Boolean),
            day=pl.lit(None, dtype=pl.Int64),
            row=pl.lit(None, dtype=pl.Int64),
            reason=pl.lit(None, dtype=pl.String),
        )
    )
    return _answers(frame.with_columns(**columns))


__all__ = [
    "Cohort",
    "Outcome",
    "answers",
    "at_last_visit",
    "at_visits",
    "by_max_grade",
    "component",
    "flag",
    "is_grade",
    "per_subject",
    "primary_flag",
    "reaches",
    "worst_bounds",
]
