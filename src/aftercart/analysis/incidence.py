"""How many: proportions by disease and together, non-responder imputation, pooling across diseases, and rates."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache

import polars as pl

from aftercart.analysis import safety
from aftercart.analysis.cohort import DAYS_PER_YEAR, Cohort, person_years, rounded
from aftercart.analysis.courses import RESPONSE
from aftercart.analysis.efficacy import landmarks
from aftercart.analysis.hierarchical import Hierarchical, hierarchical
from aftercart.analysis.intervals import proportion, rate
from aftercart.analysis.outcomes import NOT_REACHED, Outcome
from aftercart.analysis.records import ALL, About, Record, joined, number, of_interval, unanswered_note, zero_note
from aftercart.analysis.strata import by_disease
from aftercart.analysis.survival import kaplan_meier

PERIODS = (("day 0-30", 0, 30), ("day 31-90", 31, 90), ("day 91-365", 91, 365), ("after day 365", 366, None))
"""Periods in which infections are counted."""

PRIOR = "centre of the logits normal(0, 2), spread between diseases half-normal(1)"
THRESHOLD = 0.5


def proportions(cohort: Cohort, asked: Iterable[Outcome], confidence: float) -> Iterator[Record]:
    """The share of the evaluable patients that met each outcome, by disease and together."""
    for outcome in asked:
        for stratum, answers in _strata(cohort, outcome.answers):
            yield _proportion(outcome, stratum, answers, confidence)


def _proportion(outcome: Outcome, stratum: str, answers: pl.DataFrame, confidence: float) -> Record:
    met = answers["met"]
    known, events = int(met.is_not_null().sum()), int(met.sum() or 0)
    reasons = answers.filter(pl.col("met").is_null()).group_by("reason").len().sort("reason")
    return of_interval(
        proportion(events, known, confidence=confidence),
        About(outcome.id, outcome.label, f"{outcome.population}, evaluable", stratum, outcome.visit, "proportion"),
        counts=(events, known),
        level=confidence,
        note=joined(zero_note(events, known, confidence), unanswered_note(dict(reasons.iter_rows())), outcome.note),
    )


def _strata(cohort: Cohort, answers: pl.DataFrame) -> Iterator[tuple[str, pl.DataFrame]]:
    patients = cohort.patients.filter(pl.col("subject_id").is_in(answers["subject_id"].implode()))
    for stratum, of in by_disease(cohort, patients):
        yield stratum, answers.filter(pl.col("subject_id").is_in(of["subject_id"].implode()))


def non_responder(cohort: Cohort, asked: Iterable[Outcome], confidence: float) -> Iterator[Record]:
    """The same at planned visits with patients who are not evaluable counted as not responding.

    Patients whose visit was still to come at the data cut-off had no chance to respond and are not in the denominator.
    """
    for outcome in asked:
        if outcome.domain not in ("efficacy", "treatment") or outcome.visit is None:
            continue
        due = outcome.answers.filter((pl.col("reason") != NOT_REACHED).fill_null(value=True))
        for stratum, answers in _strata(cohort, due):
            events, n = int(answers["met"].sum() or 0), answers.height
            imputed = int(answers["met"].null_count())
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


def responses(cohort: Cohort, confidence: float) -> Iterator[Record]:
    """Response by the criterion of each patient's own disease: per disease, pooled, and partially pooled."""
    from aftercart.analysis.efficacy import outcomes

    found = {o.id: o.answers for o in outcomes(cohort)}
    disease = cohort.patients.select("subject_id", "indication")
    for mark in landmarks(cohort):
        parts = []
        for code, question in RESPONSE.items():
            answers = found.get(f"{question}_{mark.id}")
            if answers is not None:
                mine = answers.join(disease, on="subject_id", maintain_order="left")
                parts.append(mine.filter(pl.col("indication") == code).drop("indication"))
        if not parts:
            continue
        outcome = Outcome(
            f"response_{mark.id}",
            f"Response of the own disease, {mark.label}",
            "efficacy",
            "patients with lupus, myositis or systemic sclerosis",
            pl.concat(parts),
            visit=mark.id,
            note="Lupus: DORIS remission; myositis: at least moderate TIS; systemic sclerosis: lower EUSTAR index.",
        )
        unpooled = list(proportions(cohort, [outcome], confidence))
        yield from unpooled
        yield from _partially_pooled(outcome, [r for r in unpooled if r.stratum != ALL and r.denominator])


def _partially_pooled(outcome: Outcome, records: list[Record]) -> Iterator[Record]:
    """What each disease borrows from the others; always to be read beside its own exact interval."""
    if len(records) < 2:
        return
    model = _pooled(tuple((int(r.numerator), int(r.denominator)) for r in records))
    for record, mean, above in zip(records, model.mean, model.above, strict=True):
        yield Record(
            id=f"{outcome.id}_partially_pooled",
            label=f"{outcome.label} (partially pooled across diseases)",
            population=record.population,
            stratum=record.stratum,
            time=record.time,
            numerator=record.numerator,
            denominator=record.denominator,
            estimate=mean,
            ci_low=None,
            ci_high=None,
            ci_level=None,
            ci_method=f"posterior mean of a hierarchical model; prior: {PRIOR}",
            unit="proportion",
            note=joined(
                f"Posterior probability above {THRESHOLD:.0%}: {above:.4f}.",
                f"No interval: read it beside the exact interval of {outcome.id!r} in this disease.",
            ),
        )


@cache
def _pooled(counts: tuple[tuple[int, int], ...]) -> Hierarchical:
    """Responders and patients of each disease pooled; visits often have the same counts."""
    return hierarchical([k for k, _ in counts], [n for _, n in counts], threshold=THRESHOLD)


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


def infection_rates(cohort: Cohort, confidence: float) -> Iterator[Record]:
    """Infections per time at risk by period, all and serious, in the patients whose events are recorded."""
    silent = safety.without_record_of_events(cohort)["subject_id"].implode()
    recorded = cohort.patients.filter(~pl.col("subject_id").is_in(silent) & pl.col("last_day").is_not_null())
    events = safety.infections(cohort).join(recorded.select("subject_id"), on="subject_id", how="semi")
    asked = (("infection", "Infections", events), ("infection_serious", "Serious infections", _serious(events)))
    whole = (("whole follow-up", 0, None),)
    for stratum, patients in by_disease(cohort, recorded):
        for name, label, found in asked:
            mine = found.join(patients.select("subject_id"), on="subject_id", how="semi")
            for period, low, high in (*whole, *PERIODS):
                last = pl.col("last_day") if high is None else pl.min_horizontal("last_day", pl.lit(high))
                days = float(patients.select((last - low + 1).clip(lower_bound=0).sum()).item() or 0)
                inside = pl.col("day") >= low if high is None else pl.col("day").is_between(low, high)
                count = mine.filter(inside).height
                dateless = mine["day"].null_count()
                for unit, factor in (("per 100 patient-days", 100.0), ("per patient-year", DAYS_PER_YEAR)):
                    yield of_interval(
                        rate(count, days / factor, confidence=confidence),
                        About(
                            f"{name}_rate_{unit.rsplit(' ', 1)[1].replace('-', '_')}",
                            f"{label} {unit}",
                            "infused patients whose events are recorded",
                            stratum,
                            None if period == "whole follow-up" else period,
                            unit,
                        ),
                        counts=(count, days / factor),
                        level=confidence,
                        note=joined(
                            "Numerator: events; denominator: time at risk.",
                            f"{dateless} without a complete date are in no period." if dateless else None,
                        ),
                    )


def _serious(events: pl.DataFrame) -> pl.DataFrame:
    return events.filter(safety.serious_infection())
