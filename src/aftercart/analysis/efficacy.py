"""Efficacy and treatment outcomes of each patient, by disease and visit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from aftercart.analysis.cohort import DAYS_PER_MONTH, Cohort, once, once_each
from aftercart.analysis.outcomes import (
    Outcome,
    at_last_visit,
    at_visits,
    component,
    flag,
    per_subject,
    primary_flag,
)
from aftercart.criteria import registry

LANDMARK_MONTHS = (3, 6, 12)
"""Visits that are reported where a study plans one within half a month of them."""

LAST = "last_visit"


@dataclass(frozen=True)
class Question:
    """One yes-or-no reading of a criterion's result, asked at each landmark visit."""

    id: str
    label: str
    criterion: str
    met: pl.Expr
    domain: str = "efficacy"
    variant: str | None = None
    """The variant of the criterion that is meant, where it has several."""
    among: pl.Expr | None = None
    """Of whom it is asked: patients with a result for which this holds (for example: positive at baseline)."""
    whom: str | None = None
    """The same in words."""


def _category_in(wanted: tuple[str, ...]) -> pl.Expr:
    """TIS category, proven by the total or already by its lower bound (points are never negative)."""
    named = list(wanted)
    category, at_least = component("category"), component("category_lower_bound")
    return (
        pl.when(category.is_in(named) | at_least.is_in(named).fill_null(value=False))
        .then(pl.lit(value=True))
        .when(category.is_not_null())
        .then(pl.lit(value=False))
    )


def _zero() -> pl.Expr:
    """A score of 0: proven by the value, excluded by the value or by its lower bound."""
    low = pl.coalesce("value", "value_min")
    return pl.when(pl.col("value") == 0).then(pl.lit(value=True)).when(low > 0).then(pl.lit(value=False))


QUESTIONS = (
    Question("doris", "DORIS remission", "doris_2021", primary_flag()),
    Question("lldas", "Lupus low disease activity state", "lldas", primary_flag()),
    Question("sledai_2k_zero", "SLEDAI-2K of 0", "sledai_2k", _zero()),
    Question(
        "tis_moderate", "Moderate or major response (TIS)", "acr_eular_2016_tis", _category_in(("moderate", "major"))
    ),
    Question("tis_major", "Major response (TIS)", "acr_eular_2016_tis", _category_in(("major",))),
    Question("eustar_ai_improved", "EUSTAR activity index decreased", "eustar_ai_change", flag("improved")),
    Question(
        "glucocorticoid_free", "Free of glucocorticoids", "drug_free_status", flag("glucocorticoid_free"), "treatment"
    ),
    Question(
        "drug_free_antimalarial_allowed",
        "Free of glucocorticoids, immunosuppressants and biologics (antimalarial allowed)",
        "drug_free_status",
        flag("drug_free_antimalarial_allowed"),
        "treatment",
    ),
    Question(
        "drug_free_strict",
        "Free of all of these and of antimalarials",
        "drug_free_status",
        flag("drug_free_strict"),
        "treatment",
    ),
)


@dataclass(frozen=True)
class Landmark:
    """A visit at which results are reported."""

    id: str
    label: str
    visit: str | None
    """Name of the study's visit window; null for the last visit of each patient."""
    opens: int = 0


def landmarks(cohort: Cohort) -> list[Landmark]:
    """The landmark visits the study plans, and each patient's last visit."""
    found = []
    for months in LANDMARK_MONTHS:
        target = months * DAYS_PER_MONTH
        near = [v for v in cohort.study.meta.visits if abs(v.target_day - target) <= DAYS_PER_MONTH / 2]
        if near:
            visit = min(near, key=lambda v: (abs(v.target_day - target), v.name))
            found.append(Landmark(f"month_{months}", f"month {months}", visit.name, visit.target_day - visit.before))
    return [*found, Landmark(LAST, "last visit", None)]


def visits(cohort: Cohort) -> list[Landmark]:
    """Every planned visit after the infusion and each patient's last visit; landmarks keep their names."""
    named = {mark.visit: mark for mark in landmarks(cohort)}
    taken, found = {mark.id for mark in named.values()}, []
    for visit in sorted(cohort.study.meta.visits, key=lambda v: (v.target_day, v.name)):
        if visit.target_day <= 0:
            continue
        mark = named.get(visit.name)
        if mark is None:
            months = round(visit.target_day / DAYS_PER_MONTH)
            id_ = f"month_{months}" if months and f"month_{months}" not in taken else f"day_{visit.target_day}"
            mark = Landmark(id_, id_.replace("_", " "), visit.name, visit.target_day - visit.before)
            taken.add(id_)
        found.append(mark)
    return [*found, named[None]]


def outcomes(cohort: Cohort) -> list[Outcome]:
    """Every efficacy and treatment outcome, in the order in which a report shows them."""
    chief = {mark.id for mark in landmarks(cohort)}
    return [*_refractory(cohort), *(o for o in _planned(cohort) if o.visit in chief), *_remission(cohort)]


def every_outcome(cohort: Cohort, more: tuple[Question, ...]) -> list[Outcome]:
    """The same at every planned visit, with further questions."""
    others = _at_visits(cohort, more, visits(cohort))
    return [*_refractory(cohort), *_planned(cohort), *others, *_remission(cohort)]


@once_each
def _planned(cohort: Cohort) -> Iterator[Outcome]:
    """The chief questions at every planned visit."""
    yield from _at_visits(cohort, QUESTIONS, visits(cohort))


def _at_visits(cohort: Cohort, questions: tuple[Question, ...], marks: list[Landmark]) -> Iterator[Outcome]:
    for question in questions:
        rows = cohort.rows(question.criterion, question.variant)
        if rows.is_empty():
            continue
        subjects = _asked(cohort, question, rows)
        if subjects.is_empty():
            continue
        words = ", ".join(w for w in (population_words(cohort, subjects), question.whom) if w)
        planned = [(mark.visit, mark.opens) for mark in marks if mark.visit is not None]
        at_planned = iter(at_visits(rows, subjects, question.met, planned))
        for mark in marks:
            answers = at_last_visit(rows, subjects, question.met) if mark.visit is None else next(at_planned)
            yield Outcome(
                f"{question.id}_{mark.id}",
                f"{question.label}, {mark.label}",
                question.domain,
                words,
                answers,
                criterion=question.criterion,
                visit=mark.id,
            )


def _asked(cohort: Cohort, question: Question, rows: pl.DataFrame) -> pl.DataFrame:
    """Whom a question is asked of: the criterion's diseases, and where it names none the patients with a result."""
    subjects = population(cohort, question.criterion)
    if question.among is not None:
        return subjects.join(rows.filter(question.among).select("subject_id").unique(), on="subject_id", how="semi")
    if question.domain == "efficacy" and not registry.get(question.criterion).indications:
        return subjects.join(rows.select("subject_id").unique(), on="subject_id", how="semi")
    return subjects


def population(cohort: Cohort, criterion: str) -> pl.DataFrame:
    """The patients a criterion is meant for: those of its diseases, or all where it names none."""
    return cohort.of_diseases(registry.get(criterion).indications)


def population_words(cohort: Cohort, subjects: pl.DataFrame) -> str:
    """The population in words: `all infused patients`, or the codes of its diseases."""
    if subjects.height == cohort.n:
        return "all infused patients"
    codes = [d for d in cohort.diseases() if d in set(subjects["indication"])]
    return " and ".join(codes)


@once_each
def _refractory(cohort: Cohort) -> Iterator[Outcome]:
    rows = cohort.rows("refractory")
    variants = rows["variant"].unique(maintain_order=True).sort().to_list()
    for variant in variants:
        mine = rows.filter(pl.col("variant").eq_missing(pl.lit(variant)))
        subjects = cohort.patients.filter(pl.col("subject_id").is_in(mine["subject_id"].implode()))
        if subjects.is_empty():
            continue
        said = registry.get("refractory").variant(variant)
        yield Outcome(
            "refractory" if variant is None else f"refractory_{variant}",
            f"Refractory disease at entry ({said})" if said else "Refractory disease at entry",
            "eligibility",
            population_words(cohort, subjects),
            per_subject(mine, subjects, primary_flag()),
            criterion="refractory",
        )


@once
def remission(cohort: Cohort) -> pl.DataFrame:
    """First remission and relapse of each patient whose course was assessed.

    Returns `subject_id, row, missing, first_day, relapse_day, duration_days`. Where no visit was assessed, a remission
    cannot be excluded: `missing` then names the visits.
    """
    return (
        cohort.rows("remission_course")
        .select(
            "subject_id",
            "row",
            missing=pl.when(pl.col("source_rows").list.len() == 0)
            .then(pl.coalesce("missing", pl.lit("visits")))
            .otherwise("missing"),
            first_day=component("first_remission_day").cast(pl.Float64).cast(pl.Int64),
            relapse_day=component("relapse_day").cast(pl.Float64).cast(pl.Int64),
            duration_days=component("remission_duration_days").cast(pl.Float64).cast(pl.Int64),
        )
        .unique("subject_id", keep="first", maintain_order=True)
    )


@once_each
def _remission(cohort: Cohort) -> Iterator[Outcome]:
    courses = remission(cohort)
    if courses.is_empty():
        return
    subjects = cohort.patients.filter(pl.col("subject_id").is_in(courses["subject_id"].implode()))
    reached = courses.filter(pl.col("first_day").is_not_null())
    in_remission = subjects.filter(pl.col("subject_id").is_in(reached["subject_id"].implode()))
    words = population_words(cohort, subjects)
    ever = pl.col("first_day").is_not_null()
    met = pl.when(ever | pl.col("missing").is_null()).then(ever)
    yield Outcome(
        "remission_reached",
        "Remission reached at any visit",
        "efficacy",
        words,
        per_subject(courses.with_columns(day=pl.col("first_day")), subjects, met),
        criterion="remission_course",
    )
    yield Outcome(
        "remission_sustained",
        "Remission sustained to the last visit",
        "efficacy",
        f"{words}, patients who reached remission",
        per_subject(reached.with_columns(day=pl.col("first_day")), in_remission, pl.col("relapse_day").is_null()),
        criterion="remission_course",
    )
    yield Outcome(
        "relapse",
        "Relapse after remission",
        "efficacy",
        f"{words}, patients who reached remission",
        per_subject(reached.with_columns(day=pl.col("relapse_day")), in_remission, pl.col("relapse_day").is_not_null()),
        criterion="remission_course",
    )
