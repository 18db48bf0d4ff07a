"""One call from a study to every estimate: tidy records, the curves behind them, and who was lost on the way."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from aftercart.analysis import (
    adverse,
    baseline,
    behind,
    change,
    courses,
    efficacy,
    incidence,
    infections,
    overview,
    safety,
)
from aftercart.analysis.cohort import Cohort
from aftercart.analysis.counts import counts
from aftercart.analysis.described import described
from aftercart.analysis.markers import MARKERS
from aftercart.analysis.records import Record, table
from aftercart.assessment import assess
from aftercart.outputs import write_atomically
from aftercart.side_by_side import for_each

if TYPE_CHECKING:
    from aftercart.assessment import Assessments
    from aftercart.study.model import Study

TABLES = ("estimates", "responders", "curves", "baseline", "described", "flow", "shifts", "counts", "answers")


@dataclass(frozen=True, eq=False)
class Analysis:
    """What the data of a study are estimated to say."""

    estimates: pl.DataFrame
    """One row per estimate (columns: `aftercart.analysis.records.SCHEMA`)."""
    responders: pl.DataFrame
    """One row per response: of the patients seen, and with patients who are not evaluable as not responding."""
    curves: pl.DataFrame
    """One row per curve, stratum and time: `id, label, stratum, time, at_risk, events, value, low, high, method`."""
    baseline: pl.DataFrame
    """The patients at entry, by disease and together: counts with denominators, median, quartiles and range."""
    described: pl.DataFrame
    """Onset and duration of CRS and ICANS, and expansion of the cells, in the columns of `baseline`."""
    flow: pl.DataFrame
    """How many patients there are at each step, and how many were lost before it, with the reason."""
    shifts: pl.DataFrame
    """Patients by laboratory grade at baseline and worst grade after infusion."""
    counts: pl.DataFrame
    """Milestones, earlier medicines, reported events, worst grades (columns: `aftercart.analysis.counts.COUNTS`)."""
    answers: pl.DataFrame
    """The patients behind every estimate and every row of `baseline`, each with answer or value (columns:
    `aftercart.analysis.behind.ANSWERS`)."""
    about: dict[str, Any]
    """Study, data cut-off, hash of the content, whether simulated, versions."""

    def estimate(self, id_: str, stratum: str = "all", time: str | None = None) -> dict[str, Any]:
        """One estimate as a record; raises `KeyError` when there is none of that id, stratum and time."""
        same = (pl.col("id") == id_) & (pl.col("stratum") == stratum) & pl.col("time").eq_missing(pl.lit(time))
        found = self.estimates.filter(same)
        if found.is_empty():
            raise KeyError(f"no estimate {id_!r} for {stratum!r} at {time!r}")
        return found.row(0, named=True)

    def write(self, folder: Path) -> None:
        """Write every table as Parquet and CSV, all but the long `answers` as JSON, and `about.json`."""
        for name in TABLES:
            frame: pl.DataFrame = getattr(self, name)
            frame.write_parquet(folder / f"{name}.parquet")
            write_atomically(folder / f"{name}.csv", frame.write_csv().encode())
            if name != "answers":
                rows = ",\n ".join(json.dumps(row, ensure_ascii=False) for row in frame.iter_rows(named=True))
                write_atomically(folder / f"{name}.json", f"[{rows}]\n".encode())
        about = json.dumps(self.about, indent=1, ensure_ascii=False)
        write_atomically(folder / "about.json", f"{about}\n".encode())


def analyze(
    study: Study,
    assessments: Assessments | None = None,
    *,
    confidence: float = 0.95,
    progress: Callable[[str, int, int], None] | None = None,
) -> Analysis:
    """Estimate what a study says about safety, B cells, efficacy and durability, by disease and together.

    assessments: results already computed (default: the study is assessed by all criteria). confidence: level of every
    interval. progress: called with the criterion that is run, its number and how many there are. Nothing is random:
    the same study gives the same numbers. An interval that does not exist is null with a reason, and beside every
    proportion without an event stands the risk it is still compatible with.

    Raises `UsageError` for a confidence level that cannot be, `MissingExtraError` without scipy.

    >>> import aftercart as ac
    >>> severe = ac.analyze(ac.reference_cohort()).estimate("crs_grade_3_or_more")
    >>> severe["numerator"], severe["denominator"], round(severe["ci_high"], 3)
    (0.0, 15.0, 0.218)
    """
    done = assessments or assess(study, progress=progress)
    cohort = Cohort.of(study, done)
    harms = [*safety.outcomes(cohort), *adverse.outcomes(cohort)]
    benefits = efficacy.every_outcome(cohort, MARKERS)
    own = list(incidence.own_responses(cohort, benefits))
    reported, kept = overview.outcomes(cohort), [*benefits, *courses.sustained(cohort)]
    steps: list[Callable[[], Iterable[Record]]] = [
        lambda: incidence.follow_up_time(cohort, confidence),
        lambda: incidence.proportions(cohort, harms, confidence),
        lambda: incidence.proportions(cohort, reported, confidence),
        lambda: incidence.exposure_adjusted(cohort, harms, confidence),
        lambda: infections.rates(cohort, confidence),
        lambda: infections.repeated(cohort, confidence),
        lambda: adverse.event_rates(cohort, confidence),
        lambda: adverse.flares(cohort, confidence),
        lambda: adverse.kinetics(cohort),
        lambda: incidence.proportions(cohort, kept, confidence),
        lambda: incidence.non_responder(cohort, benefits, confidence),
        lambda: incidence.responses(cohort, own, confidence),
        lambda: courses.onsets(cohort),
        lambda: change.changes(cohort, confidence),
        lambda: change.doses(cohort, confidence),
        lambda: change.slopes(cohort, confidence),
    ]
    records = [record for found in for_each(lambda step: list(step()), steps) for record in found]
    curves = [*courses.curves(cohort, confidence), *courses.losses(cohort, confidence)]
    for curve in curves:
        records += curve.records
    estimates = table(records)
    meta = study.meta
    return Analysis(
        estimates=estimates,
        responders=incidence.side_by_side(estimates),
        curves=pl.concat([pl.DataFrame(schema=courses.CURVES), *(c.frame for c in curves)]),
        baseline=baseline.table_one(cohort),
        described=described(cohort),
        flow=baseline.flow(cohort),
        shifts=baseline.shifts(cohort),
        counts=counts(cohort),
        answers=behind.answers(cohort, [*harms, *reported, *kept, *own]),
        about={
            "title": meta.title,
            "study_id": meta.study_id,
            "data_cut_off": None if meta.data_cut_off is None else meta.data_cut_off.isoformat(),
            "simulated": meta.simulated,
            "content_hash": study.content_hash,
            "confidence": confidence,
            "software_version": version("aftercart"),
        },
    )
