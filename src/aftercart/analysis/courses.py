"""When: onset and duration, time to an event with its curve, and events that compete."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from aftercart.analysis import efficacy, safety
from aftercart.analysis.cohort import DAYS_PER_MONTH, Cohort, once, once_each, rounded
from aftercart.analysis.competing import CumulativeIncidence, cumulative_incidence
from aftercart.analysis.intervals import Interval
from aftercart.analysis.outcomes import Outcome, answers, flag
from aftercart.analysis.records import About, Record, joined, number, of_interval, zero_note
from aftercart.analysis.repeats import AT_MONTHS
from aftercart.analysis.risk_sets import not_nan
from aftercart.analysis.strata import by_disease
from aftercart.analysis.survival import kaplan_meier

CURVES: dict[str, type[pl.DataType]] = {
    "id": pl.String,
    "label": pl.String,
    "stratum": pl.String,
    "time": pl.Float64,
    "at_risk": pl.Int64,
    "events": pl.Int64,
    "value": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "method": pl.String,
}
"""Columns of the table of curves: time in days after the start, value the probability of still being event-free."""

RESPONSE = {"SLE": "doris", "LN": "doris", "IIM": "tis_moderate", "SSC": "eustar_ai_improved"}
"""What counts as a response in each disease when diseases are looked at together."""


@dataclass(frozen=True)
class Curve:
    """One curve with the estimates read from it."""

    frame: pl.DataFrame
    records: tuple[Record, ...]


@dataclass(frozen=True)
class TimeToEvent:
    """Patients with the time until an event or until they were no longer observed."""

    id: str
    label: str
    """What being event-free means."""
    population: str
    patients: pl.DataFrame
    """`subject_id, days, event`; rows without a time are counted and left out."""


def onsets(cohort: Cohort) -> Iterator[Record]:
    """Day of onset and duration of CRS and ICANS among the patients who had them: medians with ranges."""
    for name, label, spans_ in spans(cohort):
        for what, column in (("onset", "first"), ("duration", "duration")):
            values = spans_[column].cast(pl.Float64)
            words = f"Range {number(values.min())} to {number(values.max())}." if len(values) else "Nobody had it."
            words = f"{len(values)} of {cohort.n} infused patients. {words}"
            yield Record(
                id=f"{name}_{what}_day" if what == "onset" else f"{name}_{what}_days",
                label=f"{label}, median day of onset" if what == "onset" else f"{label}, median duration",
                population=f"patients with {label} of any grade",
                stratum="all",
                time=None,
                numerator=float(len(values)),
                denominator=float(len(values)),
                estimate=rounded(values.median()),
                ci_low=None,
                ci_high=None,
                ci_level=None,
                ci_method="median and range of those affected",
                unit="days",
                note=f"{words} Descriptive: no interval is given among those affected.",
            )


@once_each
def spans(cohort: Cohort) -> Iterator[tuple[str, str, pl.DataFrame]]:
    """CRS and ICANS of the patients who had them: `subject_id`, `first` and `last` day of any grade, `duration`."""
    rows = {"crs": ("CRS", cohort.rows(safety.CRS)), "icans": ("ICANS", safety.icans_rows(cohort))}
    for name, (label, found) in rows.items():
        had = found.filter(pl.coalesce("value", "value_min", pl.lit(0.0)) >= 1)
        days = had.group_by("subject_id").agg(first=pl.col("day").min(), last=pl.col("day").max())
        yield name, label, days.with_columns(duration=pl.col("last") - pl.col("first") + 1).sort("subject_id")


def curves(cohort: Cohort, confidence: float) -> Iterator[Curve]:
    """Every time to an event: the curve with its limits, the median, and the curve at 3, 6, 12 and 24 months."""
    for question in asked(cohort):
        patients = cohort.patients.select("subject_id", "indication").join(
            question.patients, on="subject_id", how="inner", maintain_order="left"
        )
        for stratum, mine in by_disease(cohort, patients):
            known = mine.filter(pl.col("days").is_not_null())
            if known.height:
                yield _curve(question, stratum, known, mine.height - known.height, confidence)


def _curve(asked: TimeToEvent, stratum: str, known: pl.DataFrame, unknown: int, confidence: float) -> Curve:
    times = known["days"].cast(pl.Float64)
    curve = kaplan_meier(times, known["event"].cast(pl.Int64), limits="small-sample", confidence=confidence)
    steps = (curve.risk.time > 0) | (curve.risk.events > 0)
    frame = pl.DataFrame(
        {
            "id": asked.id,
            "label": asked.label,
            "stratum": stratum,
            "time": np.append(0.0, curve.risk.time[steps]),
            "at_risk": np.append(known.height, curve.risk.at_risk[steps]),
            "events": np.append(0, curve.risk.events[steps]),
            "value": np.append(1.0, curve.survival[steps]),
            "low": not_nan(np.append(curve.before[0], curve.lower[steps])),
            "high": not_nan(np.append(curve.before[1], curve.upper[steps])),
            "method": curve.method,
        },
        schema=CURVES,
    )
    lost = f"{unknown} without a known time are left out." if unknown else None
    median = curve.median()
    reached = median.low is not None and median.high is not None
    records = [
        Record(
            id=f"{asked.id}_median",
            label=f"{asked.label}, median time",
            population=asked.population,
            stratum=stratum,
            time=None,
            numerator=float(median.n_events),
            denominator=float(known.height),
            estimate=rounded(median.value),
            ci_low=rounded(median.low) if reached else None,
            ci_high=rounded(median.high) if reached else None,
            ci_level=confidence if reached else None,
            ci_method=curve.method,
            unit="days",
            note=joined(
                None if median.value is not None else "The event came in fewer than half.",
                None if reached else f"No interval: a limit of the curve never reaches one half (low {median.low}).",
                lost,
            ),
        )
    ]
    for months in AT_MONTHS:
        day = months * DAYS_PER_MONTH
        found = curve.interval(day)
        if found.estimate is not None:
            before = int(((times <= day) & known["event"]).sum())
            records.append(
                of_interval(
                    found,
                    About(asked.id, asked.label, asked.population, stratum, f"month {months}", "probability"),
                    counts=(before, known.height),
                    level=confidence,
                    note=joined(
                        "Numerator: events so far.", None if before else still_possible(found, confidence), lost
                    ),
                )
            )
    return Curve(frame, tuple(records))


def still_possible(found: Interval, confidence: float) -> str | None:
    """What a curve without any event so far is still compatible with, from its own limits."""
    if found.low is None:
        return None
    return f"No event so far: a risk of up to {1 - found.low:.2f} is still possible (two-sided {confidence:.0%} limit)."


@once_each
def asked(cohort: Cohort) -> Iterator[TimeToEvent]:
    """Every time to an event that is estimated, with the time of each patient."""
    patients = cohort.patients
    died = patients.select("subject_id", days="last_day", event="died")
    yield TimeToEvent("survival", "Alive", safety.ALL, died)
    yield _first_infection(cohort)
    every = safety.b_cells(cohort)
    seen = (
        cohort.timeline.fact("obs:CD19").filter(pl.col("value").is_not_null()).group_by("_s").agg(pl.col("day").max())
    )
    counted = every.join(cohort.patients.select("_s", "subject_id"), on="subject_id").join(seen, on="_s", how="left")
    onset = counted.select(
        "subject_id", days=pl.coalesce("onset_day", "day"), event=pl.col("onset_day").is_not_null()
    ).filter(pl.col("days") >= 0)
    if onset.height:
        yield TimeToEvent("before_b_cell_aplasia", "B cells not yet gone", "patients with B-cell counts", onset)
    found = every.filter(pl.col("onset_day").is_not_null())
    if found.height:
        end = pl.coalesce("return_day", "last_aplastic_day") - pl.col("onset_day")
        aplasia = found.select("subject_id", days=end, event=pl.col("return_day").is_not_null())
        yield TimeToEvent("b_cell_aplasia_lasting", "B-cell aplasia lasting", "patients with B-cell aplasia", aplasia)
        back = found.select(
            "subject_id",
            days=pl.coalesce("return_day", "last_aplastic_day"),
            event=pl.col("return_day").is_not_null(),
        )
        yield TimeToEvent("before_b_cell_return", "B cells not yet back", "patients with B-cell aplasia", back)
    courses = efficacy.remission(cohort)
    if courses.height:
        yield from _remission(cohort, courses)
    yield from _response(cohort)
    yield from _drug_free(cohort)


def _first_infection(cohort: Cohort) -> TimeToEvent:
    silent = safety.without_record_of_events(cohort)["subject_id"].implode()
    recorded = cohort.patients.filter(~pl.col("subject_id").is_in(silent))
    first = safety.infections(cohort).group_by("subject_id").agg(day=pl.col("day").min())
    joined_ = recorded.join(first, on="subject_id", how="left", maintain_order="left")
    times = joined_.select("subject_id", days=pl.coalesce("day", "last_day"), event=pl.col("day").is_not_null())
    return TimeToEvent("infection_free", "Free of infection", "infused patients whose events are recorded", times)


def _remission(cohort: Cohort, courses: pl.DataFrame) -> Iterator[TimeToEvent]:
    """Time to the first remission since infusion, and time in remission to relapse or the last assessed visit."""
    assessed = (
        cohort.rows("doris_2021")
        .filter(pl.col("value").is_not_null() & (pl.col("day") > 0))
        .group_by("subject_id")
        .agg(last_assessed=pl.col("day").max())
    )
    known = courses.join(assessed, on="subject_id", how="inner")
    words = "patients whose remission was assessed"
    yield TimeToEvent(
        "before_remission",
        "Not yet in remission",
        words,
        known.select(
            "subject_id", days=pl.coalesce("first_day", "last_assessed"), event=pl.col("first_day").is_not_null()
        ),
    )
    reached = known.filter(pl.col("first_day").is_not_null())
    if reached.height:
        until = pl.coalesce("relapse_day", "last_assessed") - pl.col("first_day")
        yield TimeToEvent(
            "in_remission",
            "Still in remission",
            f"{words} and was reached",
            reached.select("subject_id", days=until, event=pl.col("relapse_day").is_not_null()),
        )


@once
def responding(cohort: Cohort) -> pl.DataFrame:
    """First response of each patient by the criterion of the own disease, and its loss at a later visit.

    Returns `subject_id, first, lost, last`: days of the first visit with a response, of the first one after it
    without, and of the last one that could be evaluated.
    """
    parts = []
    for disease, id_ in RESPONSE.items():
        question = next(q for q in efficacy.QUESTIONS if q.id == id_)
        mine = cohort.patients.filter(pl.col("indication") == disease).select("subject_id")
        rows = cohort.rows(question.criterion).join(mine, on="subject_id", how="semi").filter(pl.col("day") > 0)
        answered = rows.with_columns(_met=question.met).filter(pl.col("_met").is_not_null())
        first = pl.col("day").filter(pl.col("_met")).min()
        parts.append(
            answered.group_by("subject_id").agg(
                first=first,
                lost=pl.col("day").filter(~pl.col("_met") & (pl.col("day") > first)).min(),
                last=pl.col("day").max(),
            )
        )
    return pl.concat(parts).sort("subject_id")


EVALUABLE = "patients with lupus, myositis or systemic sclerosis, evaluable after infusion"


def _response(cohort: Cohort) -> Iterator[TimeToEvent]:
    """Time from infusion to the first visit with a response, and from there to the first one without."""
    found = responding(cohort)
    if found.height:
        times = found.select("subject_id", days=pl.coalesce("first", "last"), event=pl.col("first").is_not_null())
        yield TimeToEvent("before_response", "No response of the own disease yet", EVALUABLE, times)
    reached = found.filter(pl.col("first").is_not_null())
    if reached.height:
        until = pl.coalesce("lost", "last") - pl.col("first")
        times = reached.select("subject_id", days=until, event=pl.col("lost").is_not_null())
        yield TimeToEvent("in_response", "Still in response", "patients who responded", times)


def sustained(cohort: Cohort) -> list[Outcome]:
    """Whether a response, once reached, was still there at every later visit."""
    reached = responding(cohort).filter(pl.col("first").is_not_null())
    patients = cohort.patients.join(reached.select("subject_id"), on="subject_id", how="semi")
    if patients.is_empty():
        return []
    met = dict(reached.select("subject_id", pl.col("lost").is_null()).iter_rows())
    words = "Response of the own disease sustained to the last visit"
    note = "Sustained: a response at every evaluable visit after the first."
    return [
        Outcome("response_sustained", words, "efficacy", "patients who responded", answers(patients, met), note=note)
    ]


@once_each
def lost(cohort: Cohort) -> Iterator[tuple[str, str, str, pl.DataFrame]]:
    """Relapse after remission, and loss of response, with death as a competing event, where any of them occurred.

    Gives id, label, population, and the patients: `subject_id`, `days` since it was reached, `cause` (0: none yet; 1:
    lost; 2: died before).
    """
    remission = efficacy.remission(cohort).select("subject_id", first=pl.col("first_day"), lost=pl.col("relapse_day"))
    for id_, label, population, courses in (
        ("relapse_incidence", "Relapsed (death competes)", "patients who reached remission", remission),
        ("response_loss_incidence", "Response lost (death competes)", "patients who responded", responding(cohort)),
    ):
        ends = cohort.patients.select("subject_id", "last_day", "died")
        reached = courses.filter(pl.col("first").is_not_null())
        known = reached.join(ends, on="subject_id", how="inner").filter(pl.col("last_day") > pl.col("first"))
        cause = pl.when(pl.col("lost").is_not_null()).then(1).when(pl.col("died")).then(2).otherwise(0)
        days = (pl.coalesce("lost", "last_day") - pl.col("first")).cast(pl.Float64)
        times = known.select("subject_id", days=days, cause=cause)
        if (times["cause"] > 0).any():
            yield id_, label, population, times


def losses(cohort: Cohort, confidence: float) -> Iterator[Curve]:
    """The cumulative incidence of what `lost` finds."""
    for id_, label, population, times in lost(cohort):
        found = cumulative_incidence(times["days"], times["cause"], n_causes=2, confidence=confidence)
        about = About(id_, label, population, "all", None, "probability")
        yield Curve(_incidence_frame(found, about), tuple(_incidence_records(found, times, about, confidence)))


def _incidence_frame(found: CumulativeIncidence, about: About) -> pl.DataFrame:
    return (
        found.frame()
        .filter(pl.col("cause") == 1)
        .select(
            id=pl.lit(about.id),
            label=pl.lit(about.label),
            stratum=pl.lit(about.stratum),
            time="time",
            at_risk=pl.col("at_risk").cast(pl.Int64),
            events=pl.col("events").cast(pl.Int64),
            value="incidence",
            low="lower",
            high="upper",
            method=pl.lit(found.method),
        )
    )


def _incidence_records(
    found: CumulativeIncidence, times: pl.DataFrame, about: About, confidence: float
) -> Iterator[Record]:
    for months in AT_MONTHS:
        day = months * DAYS_PER_MONTH
        interval = found.interval(day, 1)
        if interval.estimate is None:
            continue
        so_far = times.filter((pl.col("cause") == 1) & (pl.col("days") <= day)).height
        watched = int(found.risk.at_risk_at(np.array([day]))[0])
        yield of_interval(
            interval,
            replace(about, time=f"month {months}"),
            counts=(so_far, times.height),
            level=confidence,
            note=joined("Numerator: events so far.", zero_note(so_far, watched, confidence)),
        )


def _drug_free(cohort: Cohort) -> Iterator[TimeToEvent]:
    """Time from infusion to the first visit after it on which a drug of the disease was taken again or still."""
    rows = cohort.rows("drug_free_status").filter(pl.col("day") > 0)
    taken = rows.with_columns(_free=flag("drug_free_antimalarial_allowed")).filter(pl.col("_free").is_not_null())
    if taken.is_empty():
        return
    spans = taken.group_by("subject_id").agg(
        first=pl.col("day").filter(~pl.col("_free")).min(), last=pl.col("day").max()
    )
    yield TimeToEvent(
        "drug_free",
        "Free of drugs for the disease",
        "patients whose glucocorticoids, immunosuppressants and biologics were assessed after infusion",
        spans.select("subject_id", days=pl.coalesce("first", "last"), event=pl.col("first").is_not_null()),
    )
