"""How many: proportions by disease and together, non-responder imputation, pooling across diseases, and rates."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import polars as pl

from aftercart.analysis import safety
from aftercart.analysis.cohort import DAYS_PER_YEAR, Cohort, person_years, rounded
from aftercart.analysis.courses import RESPONSE
from aftercart.analysis.efficacy import landmarks, visits
from aftercart.analysis.hierarchical import Hierarchical, hierarchical
from aftercart.analysis.intervals import proportion, rate
from aftercart.analysis.outcomes import NOT_REACHED, Outcome
from aftercart.analysis.records import (
    ALL,
    About,
    Record,
    joined,
    number,
    of_interval,
    unanswered_note,
    zero_note,
    zero_rate_note,
)
from aftercart.analysis.strata import by_disease
from aftercart.analysis.survival import kaplan_meier

PRIOR = "centre of the logits normal(0, 2), spread between diseases half-normal(1)"
THRESHOLD = 0.5
TAU_SCALE = 1.0
PER_YEAR = "per patient-year"


def proportions(cohort: Cohort, asked: Iterable[Outcome], confidence: float) -> Iterator[Record]:
    """The share of the evaluable patients that met each outcome, by disease and together."""
    for outcome in asked:
        for stratum, found in _tallies(cohort, outcome):
            events, known = found.met, found.answered
            yield of_interval(
                proportion(events, known, confidence=confidence),
                About(
                    outcome.id, outcome.label, f"{outcome.population}, evaluable", stratum, outcome.visit, "proportion"
                ),
                counts=(events, known),
                level=confidence,
                note=joined(zero_note(events, known, confidence), unanswered_note(found.reasons), outcome.note),
            )


@dataclass
class _Tally:
    """How often a question was answered, and how often with yes."""

    asked: int = 0
    answered: int = 0
    met: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    """Why it was not answered."""


def _tallies(cohort: Cohort, outcome: Outcome, *, due: bool = False) -> list[tuple[str, _Tally]]:
    """Answers of all patients, then of each disease where there are several; due: of those whose visit was due."""
    found: defaultdict[str, _Tally] = defaultdict(_Tally)
    answers = outcome.answers
    for subject, met, reason in zip(answers["subject_id"], answers["met"], answers["reason"], strict=True):
        disease = cohort.disease_of.get(subject)
        if disease is None or (due and reason == NOT_REACHED):
            continue
        for tally in (found[ALL], found[disease]):
            tally.asked += 1
            if met is None:
                tally.reasons[reason] += 1
            else:
                tally.answered += 1
                tally.met += met
    present = [d for d in cohort.diseases() if d in found]
    return [(ALL, found[ALL]), *((d, found[d]) for d in present if len(present) > 1)]


def non_responder(cohort: Cohort, asked: Iterable[Outcome], confidence: float) -> Iterator[Record]:
    """The same at planned visits with patients who are not evaluable counted as not responding.

    Patients whose visit was still to come at the data cut-off had no chance to respond and are not in the denominator.
    """
    for outcome in asked:
        if outcome.domain not in ("efficacy", "treatment") or outcome.visit is None:
            continue
        for stratum, found in _tallies(cohort, outcome, due=True):
            events, n, imputed = found.met, found.asked, found.asked - found.answered
            yield of_interval(
                proportion(events, n, confidence=confidence),
                About(
                    f"{outcome.id}_nri",
                    f"{outcome.label} (non-responder imputation)",
                    f"{outcome.population}, visit due by the data cut-off",
                    stratum,
                    outcome.visit,
                    "proportion",
                ),
                counts=(events, n),
                level=confidence,
                note=joined(
                    f"{imputed} not evaluable counted as not responding." if imputed else None,
                    zero_note(events, n, confidence),
                ),
            )


def own_responses(cohort: Cohort, asked: Iterable[Outcome]) -> Iterator[Outcome]:
    """Response by the criterion of each patient's own disease, at every visit.

    asked: the outcomes of efficacy, from which those of `RESPONSE` are taken.
    """
    found = {o.id: o.answers for o in asked}
    disease = cohort.patients.select("subject_id", "indication")
    for mark in visits(cohort):
        parts = []
        for code, question in RESPONSE.items():
            answers = found.get(f"{question}_{mark.id}")
            if answers is not None:
                mine = answers.join(disease, on="subject_id", maintain_order="left")
                parts.append(mine.filter(pl.col("indication") == code).drop("indication"))
        if parts:
            yield Outcome(
                f"response_{mark.id}",
                f"Response of the own disease, {mark.label}",
                "efficacy",
                "patients with lupus, myositis or systemic sclerosis",
                pl.concat(parts),
                visit=mark.id,
                note="Lupus: DORIS remission; myositis: at least moderate TIS; systemic sclerosis: lower EUSTAR index.",
            )


def responses(cohort: Cohort, own: Iterable[Outcome], confidence: float) -> Iterator[Record]:
    """Those of `own_responses`: per disease, pooled, and partially pooled."""
    chief = {mark.id for mark in landmarks(cohort)}
    for outcome in own:
        unpooled = list(proportions(cohort, [outcome], confidence))
        yield from unpooled
        yield from non_responder(cohort, [outcome], confidence)
        if outcome.visit in chief:
            yield from _partially_pooled(
                outcome, [r for r in unpooled if r.stratum != ALL and r.denominator], confidence
            )


def _partially_pooled(outcome: Outcome, records: list[Record], confidence: float) -> Iterator[Record]:
    """What each disease borrows from the others; always to be read beside its own exact interval."""
    if len(records) < 2:
        return
    counts = tuple(int(r.numerator) for r in records), tuple(int(r.denominator) for r in records)
    model, tighter = (_model(*counts, scale, confidence) for scale in (TAU_SCALE, TAU_SCALE / 2))
    for i, record in enumerate(records):
        yield Record(
            id=f"{outcome.id}_partially_pooled",
            label=f"{outcome.label} (partially pooled across diseases)",
            population=record.population,
            stratum=record.stratum,
            time=record.time,
            numerator=record.numerator,
            denominator=record.denominator,
            estimate=rounded(model.mean[i]),
            ci_low=rounded(model.low[i]),
            ci_high=rounded(model.high[i]),
            ci_level=confidence,
            ci_method=f"posterior mean and equal-tailed interval of a hierarchical model; prior: {PRIOR}",
            unit="proportion",
            note=joined(
                f"Posterior probability of a proportion above {THRESHOLD:g}: {model.above[i]:.4f}.",
                f"With half the prior spread the mean is {tighter.mean[i]:.3f} instead of {model.mean[i]:.3f}.",
                f"Read it beside the exact interval of {outcome.id!r} in this disease: the rest is borrowed.",
            ),
        )


@lru_cache(maxsize=64)
def _model(events: tuple[int, ...], n: tuple[int, ...], tau_scale: float, confidence: float) -> Hierarchical:
    """The same counts come back at several visits."""
    return hierarchical(events, n, threshold=THRESHOLD, tau_scale=tau_scale, confidence=confidence)


RESPONDERS: dict[str, Any] = {
    "id": pl.String,
    "label": pl.String,
    "population": pl.String,
    "stratum": pl.String,
    "time": pl.String,
    "responders": pl.Int64,
    "observed_n": pl.Int64,
    "observed": pl.Float64,
    "observed_low": pl.Float64,
    "observed_high": pl.Float64,
    "imputed_n": pl.Int64,
    "imputed": pl.Float64,
    "imputed_low": pl.Float64,
    "imputed_high": pl.Float64,
    "ci_level": pl.Float64,
    "ci_method": pl.String,
    "note": pl.String,
}
"""Responders of the patients seen and of all whose visit was due (`imputed`: not evaluable is not responding)."""


def side_by_side(estimates: pl.DataFrame) -> pl.DataFrame:
    """Every response with its observed and its non-responder-imputed denominator in one row (`RESPONDERS`)."""
    imputed = estimates.filter(pl.col("id").str.ends_with("_nri")).select(
        "stratum",
        id=pl.col("id").str.strip_suffix("_nri"),
        imputed_n=pl.col("denominator").cast(pl.Int64),
        imputed="estimate",
        imputed_low="ci_low",
        imputed_high="ci_high",
    )
    observed = estimates.with_columns(
        responders=pl.col("numerator").cast(pl.Int64, strict=False),
        observed_n=pl.col("denominator").cast(pl.Int64, strict=False),
        observed=pl.col("estimate"),
        observed_low=pl.col("ci_low"),
        observed_high=pl.col("ci_high"),
    )
    joined_ = observed.join(imputed, on=["id", "stratum"], how="inner", maintain_order="left")
    return joined_.select(pl.col(name).cast(kind) for name, kind in RESPONDERS.items())


AT_RISK = (
    "infection_any",
    "infection_serious",
    "pneumonia_hospitalised",
    "igg_severely_low",
    "serious_event",
    "malignancy",
    "death",
)
"""Outcomes for which patients with a first event are set against the time until it."""


def exposure_adjusted(cohort: Cohort, asked: Iterable[Outcome], confidence: float) -> Iterator[Record]:
    """Patients with a first event per patient-year until that event or the end of observation."""
    ends = cohort.patients.select("subject_id", "indication", "last_day")
    for outcome in asked:
        if outcome.id not in AT_RISK:
            continue
        known = outcome.answers.join(ends, on="subject_id", maintain_order="left").filter(
            pl.col("met").is_not_null() & (pl.col("last_day") >= 0)
        )
        dated = known.filter(~pl.col("met") | pl.col("day").is_not_null())
        for stratum, mine in by_disease(cohort, dated):
            events = int(mine["met"].sum() or 0)
            until = pl.when(pl.col("met")).then(pl.min_horizontal("day", "last_day")).otherwise("last_day")
            days = float(mine.select((until + 1).clip(lower_bound=0).sum()).item() or 0)
            about = About(
                f"{outcome.id}_first_event_rate",
                f"{outcome.label}: patients with a first event, per patient-year at risk",
                f"{outcome.population}, evaluable and with a known time",
                stratum,
                None,
                PER_YEAR,
            )
            yield of_interval(
                rate(events, days / DAYS_PER_YEAR, confidence=confidence),
                about,
                counts=(events, days / DAYS_PER_YEAR),
                level=confidence,
                note=joined(
                    "Numerator: patients; denominator: patient-years until the first event.",
                    zero_rate_note(events, days / DAYS_PER_YEAR, PER_YEAR, confidence),
                    f"{known.height - dated.height} with an undated event are left out."
                    if known.height > dated.height
                    else None,
                ),
            )


def follow_up_time(cohort: Cohort, confidence: float) -> Iterator[Record]:
    """Median follow-up by the reverse Kaplan-Meier method with its range, and the time observed in all."""
    for stratum, patients in by_disease(cohort, cohort.patients):
        known = patients.filter(pl.col("follow_up_months").is_not_null())
        if known.is_empty():
            continue
        months = known["follow_up_months"]
        middle = kaplan_meier(months, ~known["died"], confidence=confidence).median()
        whole = middle.low is not None and middle.high is not None
        for id_, label, value, low, high, method, unit in (
            (
                "follow_up",
                "Median follow-up",
                middle.value,
                middle.low if whole else None,
                middle.high if whole else None,
                "reverse Kaplan-Meier median, log-log limits",
                "months",
            ),
            ("person_years", "Time under observation", person_years(known), None, None, "sum", "patient-years"),
        ):
            yield Record(
                id=id_,
                label=label,
                population=safety.ALL,
                stratum=stratum,
                time=None,
                numerator=float(known.height),
                denominator=float(patients.height),
                estimate=rounded(value),
                ci_low=rounded(low),
                ci_high=rounded(high),
                ci_level=confidence if low is not None else None,
                ci_method=method,
                unit=unit,
                note=joined(
                    f"Range {number(months.min())} to {number(months.max())} months.",
                    None if low is not None else "No interval: a sum, or a limit that the curve does not reach.",
                ),
            )
