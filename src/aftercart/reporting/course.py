"""The course of one patient in a few plain sentences, made from the assessments and the record."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl

from aftercart.analysis import efficacy, safety
from aftercart.analysis.cohort import Cohort
from aftercart.reporting.evidence import Toxicity
from aftercart.reporting.numbers import listed, number, of

BASELINE = (("sledai_2k", "SLEDAI-2K"), ("mmt8", "MMT-8"), ("eustar_ai_2017", "EUSTAR AI"), ("mrss", "mRSS"))

LEADING = ("doris", "tis_major", "tis_moderate", "eustar_ai_improved")
"""The responses told in a course, for the patients they are meant for."""


def at_baseline(cohort: Cohort) -> dict[str, str]:
    """The scores of each patient at baseline in one line."""
    said: dict[str, list[str]] = {}
    for criterion, label in BASELINE:
        rows = cohort.rows(criterion).filter((pl.col("visit") == "baseline") & pl.col("value").is_not_null())
        for subject, value in rows.select("subject_id", "value").iter_rows():
            said.setdefault(subject, []).append(f"{label} {number(value, 2)}")
    return {subject: ", ".join(parts) for subject, parts in said.items()}


def courses(cohort: Cohort, patients: pl.DataFrame, toxicity: Mapping[str, Toxicity]) -> dict[str, list[str]]:
    """The sentences of each of these patients (rows of `cohort.patients`)."""
    told: dict[str, list[str]] = {s: [] for s in patients["subject_id"]}
    baseline = at_baseline(cohort)
    for p in patients.iter_rows(named=True):
        told[p["subject_id"]].append(_infused(p, baseline.get(p["subject_id"])))
    parts = (
        _graded(cohort, toxicity),
        _neutropenia(cohort),
        _infections(cohort),
        _b_cells(cohort),
        _responses(cohort),
        _relapse(cohort),
        _drug_free(cohort),
    )
    for part in parts:
        for subject, sentence in part:
            if subject in told:
                told[subject].append(sentence)
    for p in patients.iter_rows(named=True):
        told[p["subject_id"]].append(_end(p))
    return told


def _infused(patient: Mapping[str, Any], baseline: str | None) -> str:
    years = patient["disease_duration_years"]
    since = "" if years is None else f" after {number(years)} years of disease"
    return f"Infused on {patient['infusion']}{since}{f'; at baseline {baseline}' if baseline else ''}."


def _graded(cohort: Cohort, toxicity: Mapping[str, Toxicity]) -> Iterator[tuple[str, str]]:
    """The worst CRS, ICANS and early ICAHT, with the days on which CRS and ICANS were present."""
    days = {"CRS": _days(cohort.rows(safety.CRS)), "ICANS": _days(safety.icans_rows(cohort)), "ICAHT": {}}
    names = {"CRS": "CRS", "ICANS": "ICANS", "ICAHT": "early ICAHT"}
    for subject, found in toxicity.items():
        had, not_had, unknown = [], [], []
        for (key, name), grade in zip(names.items(), found.grades, strict=True):
            if grade == "0":
                not_had.append(name)
            elif grade[0].isdigit():
                had.append(f"{name} grade {grade}{days[key].get(subject, '')}")
            else:
                unknown.append(name)
        if had:
            yield subject, f"{'; '.join(had)}.".replace("early", "Early", 1 if had[0].startswith("early") else 0)
        if not_had:
            yield subject, f"No {listed(not_had).replace(' and ', ' and no ').replace(', ', ', no ')}."
        if unknown:
            yield subject, f"No record from which {listed(unknown)} could be graded."


def _days(rows: pl.DataFrame) -> dict[str, str]:
    present = rows.filter(pl.coalesce("value", "value_min") >= 1)
    spans = present.group_by("subject_id").agg(first=pl.col("day").min(), last=pl.col("day").max())
    return {s: f" (day {a})" if a == b else f" (day {a} to {b})" for s, a, b in spans.iter_rows()}


def _neutropenia(cohort: Cohort) -> Iterator[tuple[str, str]]:
    for r in safety.late_neutropenia(cohort).filter(pl.col("grade_4")).iter_rows(named=True):
        end = f"resolved by day {r['resolved_day']}" if r["resolved"] else "not resolved at the last count"
        yield r["subject_id"], f"Grade 4 neutropenia after day 30, first on day {r['first_day']}, {end}."


def _infections(cohort: Cohort) -> Iterator[tuple[str, str]]:
    found = safety.infections(cohort).with_columns(
        _what=pl.coalesce("term_text", "term").fill_null("infection"), _serious=safety.serious_infection()
    )
    told = found.group_by("subject_id", maintain_order=True).agg("_what", "_serious", "day")
    for subject, whats, serious, days in told.iter_rows():
        said = [
            f"{what} ({'serious, ' if bad else ''}{'day unknown' if day is None else f'day {day}'})"
            for what, bad, day in zip(whats, serious, days, strict=True)
        ]
        yield subject, f"Infections: {'; '.join(said)}."


def _b_cells(cohort: Cohort) -> Iterator[tuple[str, str]]:
    for r in safety.b_cells(cohort).iter_rows(named=True):
        onset, back = r["onset_day"], r["return_day"]
        if onset is None:
            yield r["subject_id"], "B-cell aplasia is not recorded."
        else:
            after = "have not returned" if back is None else f"were back on day {number(back, 0)}"
            yield r["subject_id"], f"B cells were gone on day {number(onset, 0)} and {after}."


def _responses(cohort: Cohort) -> Iterator[tuple[str, str]]:
    """How often a response was met after the infusion, and when first."""
    questions = {q.id: q for q in efficacy.QUESTIONS}
    for id_ in LEADING:
        asked = questions[id_]
        meant_for = efficacy.population(cohort, asked.criterion)["subject_id"].implode()
        rows = (
            cohort.rows(asked.criterion)
            .filter(pl.col("visit").is_not_null() & (pl.col("day") > 0) & pl.col("subject_id").is_in(meant_for))
            .sort("subject_id", "day", "row")
            .with_columns(_met=asked.met)
        )
        told = rows.group_by("subject_id", maintain_order=True).agg(
            n=pl.col("_met").is_not_null().sum(), met=pl.col("_met").sum(), first=pl.col("visit").filter("_met").first()
        )
        for subject, n, met, first in told.iter_rows():
            if n:
                when = f", first at {first}" if first else ""
                yield subject, f"{asked.label}: met at {of(met, n)} visits{when}."


def _relapse(cohort: Cohort) -> Iterator[tuple[str, str]]:
    for r in efficacy.remission(cohort).iter_rows(named=True):
        if r["first_day"] is not None:
            end = "with no relapse since" if r["relapse_day"] is None else f"with a relapse on day {r['relapse_day']}"
            yield r["subject_id"], f"Remission from day {r['first_day']}, {end}."


def _drug_free(cohort: Cohort) -> Iterator[tuple[str, str]]:
    """What was still taken at the last visit after the infusion."""
    asked = next(q for q in efficacy.QUESTIONS if q.id == "drug_free_antimalarial_allowed")
    rows = cohort.rows(asked.criterion).filter(pl.col("visit").is_not_null() & (pl.col("day") > 0))
    last = rows.sort("day", "row").unique("subject_id", keep="last", maintain_order=True).with_columns(_met=asked.met)
    for subject, visit, met in last.select("subject_id", "visit", "_met").iter_rows():
        if met is not None:
            what = "glucocorticoid, immunosuppressant or biologic"
            said = f"no {what} was taken" if met else f"a {what} was still taken"
            yield subject, f"At the last visit ({visit}) {said}."


def _end(patient: Mapping[str, Any]) -> str:
    if patient["died"]:
        return f"Died on day {patient['death_day']}."
    if patient["last_day"] is None:
        return "The end of follow-up is not recorded."
    return f"Followed to day {patient['last_day']} ({patient['follow_up_ends']})."
