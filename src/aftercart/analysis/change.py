"""How much: change of a score from baseline at each visit, and its course over all visits where the data carry one."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from aftercart.analysis import efficacy
from aftercart.analysis.cohort import DAYS_PER_MONTH, Cohort, once_each, rounded
from aftercart.analysis.intervals import Interval, proportion
from aftercart.analysis.mixed import mixed_model
from aftercart.analysis.paired import hodges_lehmann
from aftercart.analysis.records import About, Record, joined, number, of_interval, zero_note
from aftercart.analysis.strata import by_disease
from aftercart.errors import UsageError

CHANGES = (
    ("sledai_2k", "SLEDAI-2K", "points"),
    ("sle_das", "SLE-DAS", "points"),
    ("mmt8", "MMT-8", "points"),
    ("haq_di", "HAQ-DI", "points"),
    ("mrss", "Modified Rodnan skin score", "points"),
    ("eustar_ai_2017", "EUSTAR activity index", "points"),
    ("mg_adl", "MG-ADL", "points"),
    ("facit_fatigue", "FACIT-Fatigue", "points"),
    ("glucocorticoid_prednisone_equivalent", "Glucocorticoid dose, prednisone equivalent", "mg/d"),
)


LABELS = {key: (label, unit) for key, label, unit in CHANGES}


def changes(cohort: Cohort, confidence: float) -> Iterator[Record]:
    """Change from baseline at every planned visit: Hodges-Lehmann estimate with exact limits that honour ties."""
    for key, mark, both in pairs(cohort):
        label, unit = LABELS[key]
        for stratum, mine in by_disease(cohort, both):
            differences = mine["after"] - mine["before"]
            found = hodges_lehmann(differences, confidence=confidence, limits="inversion")
            same = found.low is not None and found.low == found.high
            whole = found.low is not None and not same
            yield Record(
                id=f"{key}_change_{mark.id}",
                label=f"{label}, change from baseline, {mark.label}",
                population="patients with a value at both visits",
                stratum=stratum,
                time=mark.id,
                numerator=float(mine.height),
                denominator=float(mine.height),
                estimate=rounded(found.estimate),
                ci_low=rounded(found.low) if whole else None,
                ci_high=rounded(found.high) if whole else None,
                ci_level=rounded(found.achieved_confidence) if whole else None,
                ci_method=found.method,
                unit=unit,
                note=joined(
                    f"Median {number(differences.median())},"
                    f" range {number(differences.min())} to {number(differences.max())}.",
                    "No interval: the limits fall on one value." if same else None,
                    found.reason and f"No interval: {found.reason}.",
                ),
            )


@once_each
def pairs(cohort: Cohort) -> Iterator[tuple[str, efficacy.Landmark, pl.DataFrame]]:
    """Score, visit and the patients with a value `before` (baseline) and `after`, where there are any."""
    marks = [m for m in efficacy.visits(cohort) if m.visit is not None]
    for key, _, _ in CHANGES:
        rows = cohort.rows(key).filter(pl.col("value").is_not_null())
        if rows["variant"].n_unique() > 1:
            continue
        before = rows.filter(pl.col("visit") == "baseline").select("subject_id", before="value")
        known = cohort.patients.select("subject_id", "indication").join(before, on="subject_id", maintain_order="left")
        after = rows.select("subject_id", "visit", after="value")
        seen = known.join(after, on="subject_id", maintain_order="left").partition_by("visit", as_dict=True)
        for mark in marks:
            both = seen.get((mark.visit,))
            if both is not None:
                yield key, mark, both.drop("visit")


FEWEST_SUBJECTS, FEWEST_VISITS = 6, 3


@once_each
def repeated(cohort: Cohort) -> Iterator[tuple[str, pl.DataFrame]]:
    """Score and its values after infusion of the patients who were often seen: `subject_id, value, months`."""
    for key, _, _ in CHANGES:
        rows = cohort.rows(key).filter(pl.col("value").is_not_null() & (pl.col("day") > 0))
        if rows["variant"].n_unique() > 1 or rows.is_empty():
            continue
        known = rows.select("subject_id", "value", months=pl.col("day") / DAYS_PER_MONTH)
        yield key, known.filter(pl.len().over("subject_id") >= FEWEST_VISITS)


def slopes(cohort: Cohort, confidence: float) -> Iterator[Record]:
    """Mean change per month over all visits after infusion by a mixed model, only where the data can carry one."""
    for key, often in repeated(cohort):
        label, unit = LABELS[key]
        who = often["subject_id"].n_unique()
        method, reason, interval = "random-intercept mixed model by REML", None, None
        if who < FEWEST_SUBJECTS:
            reason = f"{who} patients with {FEWEST_VISITS} or more visits cannot carry a mixed model"
        elif often["value"].n_unique() == 1:
            reason = "the score is the same at every visit"
        else:
            try:
                model = mixed_model(often["value"], often["subject_id"], {"months": often["months"]})
                interval = model.interval("months", confidence=confidence)
            except UsageError as error:
                reason = error.message.rstrip(".")
        found = interval or Interval(None, None, None, method, reason)
        about = About(
            f"{key}_per_month",
            f"{label}, mean change per month after infusion",
            f"patients with {FEWEST_VISITS} or more visits after infusion",
            "all",
            None,
            f"{unit} per month",
        )
        yield of_interval(found, about, counts=(often.height, who), level=confidence, note="Values and patients.")


DOSE = "glucocorticoid_prednisone_equivalent"
LOW_DOSE = 5.0


@once_each
def dosed(cohort: Cohort) -> Iterator[tuple[str, str, pl.DataFrame]]:
    """Baseline and every planned visit, each with the patients whose glucocorticoid dose is known there."""
    rows = cohort.rows(DOSE).filter(pl.col("value").is_not_null())
    marks = [("baseline", "baseline", "baseline")]
    marks += [(m.id, m.label, m.visit) for m in efficacy.visits(cohort) if m.visit is not None]
    for id_, label, visit in marks:
        seen = rows.filter(pl.col("visit") == visit).unique("subject_id", keep="first", maintain_order=True)
        known = cohort.patients.select("subject_id", "indication").join(
            seen.select("subject_id", "value"), on="subject_id", how="inner", maintain_order="left"
        )
        if known.height:
            yield id_, label, known


def doses(cohort: Cohort, confidence: float) -> Iterator[Record]:
    """Glucocorticoid dose at baseline and every planned visit: median, quartiles, and how many take at most 5 mg/d."""
    for id_, label, known in dosed(cohort):
        whom = "patients whose dose is known at the visit"
        for stratum, mine in by_disease(cohort, known):
            dose = mine["value"]
            low, high = (dose.quantile(q, "linear") for q in (0.25, 0.75))
            yield Record(
                id=f"glucocorticoid_dose_{id_}",
                label=f"Glucocorticoid dose, prednisone equivalent, {label}, median",
                population=whom,
                stratum=stratum,
                time=id_,
                numerator=float(mine.height),
                denominator=float(mine.height),
                estimate=rounded(dose.median()),
                ci_low=None,
                ci_high=None,
                ci_level=None,
                ci_method="median, quartiles and range",
                unit="mg/d",
                note=joined(
                    f"Quartiles {number(low)} and {number(high)}, range {number(dose.min())} to {number(dose.max())}.",
                    "Descriptive: no interval is given.",
                ),
            )
            few = int((dose <= LOW_DOSE + 1e-9).sum())
            yield of_interval(
                proportion(few, mine.height, confidence=confidence),
                About(
                    f"glucocorticoid_at_most_5_mg_{id_}",
                    f"Glucocorticoid dose of at most {LOW_DOSE:g} mg/d, {label}",
                    whom,
                    stratum,
                    id_,
                    "proportion",
                ),
                counts=(few, mine.height),
                level=confidence,
                note=zero_note(few, mine.height, confidence),
            )
