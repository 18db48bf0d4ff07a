"""Who: the patients at entry, how many are left at each step, and laboratory grades against their baseline."""

from __future__ import annotations

import re
import zlib
from collections import Counter
from collections.abc import Iterator
from typing import Any

import polars as pl

from aftercart.analysis.cohort import Cohort, once, rounded
from aftercart.analysis.efficacy import visits
from aftercart.analysis.records import ALL
from aftercart.analysis.strata import by_disease
from aftercart.criteria import registry

TABLE_ONE: dict[str, Any] = {
    "variable": pl.String,
    "level": pl.String,
    "unit": pl.String,
    "stratum": pl.String,
    "n": pl.Int64,
    "known": pl.Int64,
    "missing": pl.Int64,
    "count": pl.Int64,
    "median": pl.Float64,
    "quartile_1": pl.Float64,
    "quartile_3": pl.Float64,
    "minimum": pl.Float64,
    "maximum": pl.Float64,
}
"""One row per variable (per level of a named one) and stratum; `count` is of `known`; quartiles are interpolated."""

SCORES = (
    ("sledai_2k", "SLEDAI-2K at baseline"),
    ("sle_das", "SLE-DAS at baseline"),
    ("mmt8", "MMT-8 at baseline"),
    ("mrss", "Modified Rodnan skin score at baseline"),
    ("eustar_ai_2017", "EUSTAR activity index at baseline"),
    ("haq_di", "HAQ-DI at baseline"),
    ("mg_adl", "MG-ADL at baseline"),
    ("cdai", "CDAI at baseline"),
    ("das28_crp", "DAS28-CRP at baseline"),
    ("glucocorticoid_prednisone_equivalent", "Prednisone equivalent at baseline"),
)


NUMBERS = (
    ("Age at infusion", "a", "age_years"),
    ("Disease duration at infusion", "a", "disease_duration_years"),
    ("Medicines before infusion", "1", "prior_medicines"),
    ("CAR-positive cells given", "{cells}", "dose_cells"),
    ("CAR-positive cells given per kilogram", "10*6/kg", "dose_per_kg"),
    ("Follow-up", "mo", "follow_up_months"),
)
NAMED = (
    ("Sex", "sex"),
    ("Subtype of the disease", "indication_subtype"),
    ("Product", "product"),
    ("Origin of the cells", "source_cell"),
    ("Lymphodepletion", "lymphodepletion"),
    ("Died", "died"),
    ("End of follow-up", "follow_up_ends"),
    ("Left the study", "left_study"),
)


def table_one(cohort: Cohort) -> pl.DataFrame:
    """The patients at entry by disease and together (columns: `TABLE_ONE`)."""
    patients, rows = _patients(cohort), []
    for stratum, mine in by_disease(cohort, patients):
        rows += [described(mine, stratum, *n) for n in NUMBERS]
        rows += [described(asked, stratum, label, None, key) for key, label, asked in _scored(mine)]
        for label, column in NAMED:
            rows += list(_levels(mine, patients, stratum, label, column))
        for label, answers in _answered(cohort):
            rows += list(_shares(mine, answers, stratum, label))
    return pl.DataFrame(rows, schema=TABLE_ONE)


def at_entry(cohort: Cohort) -> Iterator[tuple[str, str | None, str | None, pl.DataFrame]]:
    """Variable, level and unit of each row of `table_one`, and whom it is asked of.

    Of a number `subject_id, value` of those of whom it is known, of a level `subject_id, met` of all.
    """
    patients = _patients(cohort)
    measured = [(label, unit, column, patients) for label, unit, column in NUMBERS]
    measured += [(label, "points", key, asked) for key, label, asked in _scored(patients)]
    for label, unit, column, asked in measured:
        value = pl.col(column).cast(pl.Float64)
        yield label, None, unit, asked.select("subject_id", value=value).drop_nulls("value")
    for label, column in NAMED:
        text = pl.col(column).cast(pl.String)
        for level in _levels_of(patients, column):
            yield label, _shown(level), None, patients.select("subject_id", met=text == level)
    for label, answers in _answered(cohort):
        for (level,), mine in answers.sort("level").partition_by("level", as_dict=True, maintain_order=True).items():
            yield label, str(level), None, mine.select("subject_id", "met")


def row_id(variable: str, level: str | None = None) -> str:
    """The name of a row of `table_one`, by which `Analysis.answers` says who stands behind it.

    A level of which letters and digits do not tell the whole (`CAR-T 1` and `CAR T 1`, other scripts) has a checksum.
    """
    name = f"at_entry_{variable.lower().replace(' ', '_').replace('-', '_')}"
    if level is None:
        return name
    plain = re.sub("[^A-Za-z0-9]+", "_", level).strip("_")
    whole = plain == level.replace(" ", "_") and "_" not in level
    return "_".join(part for part in (name, plain, "" if whole else f"{zlib.crc32(level.encode()):08x}") if part)


@once
def _patients(cohort: Cohort) -> pl.DataFrame:
    return cohort.patients.join(_beside(cohort), on="subject_id", how="left", maintain_order="left")


@once
def _answered(cohort: Cohort) -> list[tuple[str, pl.DataFrame]]:
    return [("Treatment before infusion", _treatments(cohort)), ("Refractory disease", _refractory(cohort))]


def _scored(mine: pl.DataFrame) -> Iterator[tuple[str, str, pl.DataFrame]]:
    """The scores at baseline that are described of some patients: key, label, and those whom it is asked of."""
    for key, label in SCORES:
        if key not in mine.columns:
            continue
        meant = registry.get(key).indications
        asked = mine.filter(pl.col("indication").is_in(list(meant))) if meant else mine
        # An instrument of no disease in particular is described where anybody of the group has it.
        if asked.height and (meant or asked[key].null_count() < asked.height):
            yield key, label, asked


def _beside(cohort: Cohort) -> pl.DataFrame:
    """What else is known of each patient at entry: medicines, product and dose, lymphodepletion, scores."""
    subjects = cohort.timeline.subjects.select("_s", "subject_id")
    exposures = cohort.timeline.exposures
    prior = exposures.filter((pl.col("start_max") < 0) & (pl.col("purpose") == "background"))
    conditioning = exposures.filter((pl.col("purpose") == "lymphodepletion") & (pl.col("start_max") <= 0))
    drugs = conditioning.group_by("_s").agg(lymphodepletion=pl.col("drug").unique().sort().str.join(" + "))
    infusions = cohort.study.tables["infusions"].filter(
        (pl.col("infusion_seq") == cohort.study.meta.reference_infusion)
        & (pl.col("status").fill_null("final") != "entered_in_error")
    )
    given = infusions.unique("subject_id", keep="first", maintain_order=True).select(
        "subject_id", "product", "source_cell", "dose_cells", "dose_per_kg"
    )
    found = (
        subjects.join(prior.group_by("_s").agg(prior_medicines=pl.col("drug").n_unique()), on="_s", how="left")
        .join(drugs, on="_s", how="left")
        .join(given, on="subject_id", how="left")
        .join(_left(cohort), on="subject_id", how="left")
        .drop("_s")
    )
    for key, _ in SCORES:
        rows = cohort.rows(key).filter(pl.col("visit") == "baseline").select("subject_id", pl.col("value").alias(key))
        if rows["subject_id"].is_unique().all() and rows.height:
            found = found.join(rows, on="subject_id", how="left")
    return found


LEAVING = ("discontinued", "lost", "withdrew_consent")
"""Milestones by which a patient leaves a study alive."""


def _left(cohort: Cohort) -> pl.DataFrame:
    """By which milestone a patient left the study, with the reason where one is given; null: did not."""
    rows = _milestones(cohort).filter(pl.col("milestone").is_in(list(LEAVING))).sort("subject_id", "date", "row_id")
    words = pl.concat_str(_words("milestone"), "reason", separator=": ", ignore_nulls=True)
    return rows.group_by("subject_id", maintain_order=True).agg(left_study=words.last())


def _milestones(cohort: Cohort) -> pl.DataFrame:
    rows = cohort.study.tables["disposition"]
    return rows.filter(pl.col("status").fill_null("final") != "entered_in_error")


OF_PROCEDURES = ("lymphodepletion", "antipyretic", "vasopressor", "vasopressin")
"""Classes that are not treatment of the disease, whatever else a drug of theirs is given for."""


def _words(column: str) -> pl.Expr:
    return pl.col(column).str.replace_all("_", " ", literal=True)


def _treatments(cohort: Cohort) -> pl.DataFrame:
    """Medicines and their classes before infusion: `subject_id, level, met`; false only where the record is whole."""
    names = cohort.timeline.subjects.select("_s", "subject_id")
    before = cohort.timeline.exposures.filter((pl.col("start_max") < 0) & (pl.col("purpose") == "background"))
    given = before.join(names, on="_s", how="inner").select("subject_id", "classes", drug=pl.col("drug"))
    by_drug = given.select("subject_id", "classes", level=_words("drug"))
    classes = given.explode("classes").filter(~pl.col("classes").is_in(list(OF_PROCEDURES)))
    by_class = classes.select("subject_id", level=pl.concat_str(pl.lit("any "), _words("classes")))
    whole = pl.col("classes").list.eval(pl.element().is_in(list(cohort.timeline.complete_classes))).list.any()
    complete = {
        *by_drug.filter(whole)["level"].drop_nulls(),
        *(f"any {name.replace('_', ' ')}" for name in cohort.timeline.complete_classes),
    }
    rows = pl.concat([by_drug.select("subject_id", "level"), by_class]).drop_nulls().unique()
    every = cohort.patients.select("subject_id", "_s").join(rows.select("level").unique(), how="cross")
    lost = pl.col("_s").is_in(list(cohort.timeline.lost_medicines))
    absent = pl.when(pl.col("level").is_in(list(complete)) & ~lost).then(pl.lit(value=False))
    found = every.join(rows.with_columns(met=pl.lit(value=True)), on=["subject_id", "level"], how="left")
    return found.select("subject_id", "level", met=pl.coalesce("met", absent))


def _refractory(cohort: Cohort) -> pl.DataFrame:
    """Whether each entry rule calls a patient's disease refractory: `subject_id, level, met`."""
    rows = cohort.rows("refractory")
    entry = registry.get("refractory")
    said = {name: entry.variant(name) or "rule of the criterion" for name in rows["variant"].unique()}
    level = pl.col("variant").replace_strict(list(said), list(said.values()), return_dtype=pl.String)
    met = pl.when(pl.col("value").is_not_null()).then(pl.col("value") >= 0.5)
    return rows.select("subject_id", level=level, met=met)


def _shares(mine: pl.DataFrame, answers: pl.DataFrame, stratum: str, label: str) -> Iterator[dict[str, Any]]:
    """One row per level: how many of those it is known of."""
    asked = answers.join(mine.select("subject_id"), on="subject_id", how="semi")
    counted = asked.group_by("level").agg(n=pl.len(), known=pl.col("met").count(), count=pl.col("met").sum())
    for level, n, known, count in counted.sort("level").iter_rows():
        yield {
            "variable": label,
            "level": level,
            "stratum": stratum,
            "n": n,
            "known": known,
            "missing": n - known,
            "count": count,
        }


def described(mine: pl.DataFrame, stratum: str, label: str, unit: str | None, column: str) -> dict[str, Any]:
    """One variable of some patients as a row of `TABLE_ONE`: how many are known, median, quartiles, range."""
    values = mine[column].cast(pl.Float64).drop_nulls()
    return {
        "variable": label,
        "unit": unit,
        "stratum": stratum,
        "n": mine.height,
        "known": len(values),
        "missing": mine.height - len(values),
        "median": rounded(values.median()),
        "quartile_1": rounded(values.quantile(0.25, "linear")),
        "quartile_3": rounded(values.quantile(0.75, "linear")),
        "minimum": rounded(values.min()),
        "maximum": rounded(values.max()),
    }


def _levels(
    mine: pl.DataFrame, everyone: pl.DataFrame, stratum: str, label: str, column: str
) -> Iterator[dict[str, Any]]:
    count = Counter(mine[column].cast(pl.String))
    known = mine.height - count[None]
    for level in _levels_of(everyone, column):
        yield {
            "variable": label,
            "level": _shown(level),
            "stratum": stratum,
            "n": mine.height,
            "known": known,
            "missing": count[None],
            "count": count[level],
        }


def _levels_of(patients: pl.DataFrame, column: str) -> list[str]:
    return sorted(level for level in set(patients[column].cast(pl.String)) if level is not None)


def _shown(level: str) -> str:
    return {"true": "yes", "false": "no"}.get(level, level)


FLOW: dict[str, Any] = {
    "step": pl.String,
    "stratum": pl.String,
    "n": pl.Int64,
    "lost": pl.Int64,
    "reasons": pl.String,
}


STEPS = ("screened", "consented", "apheresis", "lymphodepletion")
"""Milestones before the infusion, in order."""


def flow(cohort: Cohort) -> pl.DataFrame:
    """How many patients there are from enrolment to each planned visit, and why others are not (columns: `FLOW`)."""
    enrolled = cohort.study.tables["subjects"].filter(pl.col("status").fill_null("final") != "entered_in_error")
    left, rows = set(enrolled["subject_id"]), [{"step": "enrolled", "stratum": ALL, "n": enrolled.height, "lost": 0}]
    infused, milestones = set(cohort.patients["subject_id"]), _milestones(cohort)
    for i, step in enumerate(STEPS):
        # Who is recorded at a later step has passed this one.
        later = milestones.filter(pl.col("milestone").is_in([*STEPS[i:], "infused"]))
        if (milestones["milestone"] == step).any():
            rows.append(_step(step, left, left & ({*later["subject_id"]} | infused), milestones))
            left &= {*later["subject_id"]} | infused
    rows.append(_step("infused", left, infused, milestones))
    return pl.DataFrame([*rows, *_visits(cohort)], schema=FLOW)


def _step(step: str, before: set[str], after: set[str], milestones: pl.DataFrame) -> dict[str, Any]:
    """One step, with the reason by which those who did not reach it left where one is recorded."""
    gone = sorted(before - after)
    words = pl.concat_str(_words("milestone"), "reason", separator=": ", ignore_nulls=True)
    ends = milestones.filter(pl.col("milestone").is_in([*LEAVING, "died"]) & pl.col("subject_id").is_in(gone))
    last = ends.sort("subject_id", "date", "row_id").group_by("subject_id", maintain_order=True).agg(words.last())
    said = dict(last.iter_rows())
    silent = "no reference infusion with a complete date" if step == "infused" else "no reason recorded"
    why = [str(said.get(subject, silent)) for subject in gone]
    reasons = "; ".join(f"{why.count(r)} {r}" for r in sorted(set(why)))
    return {"step": step, "stratum": ALL, "n": len(after), "lost": len(gone), "reasons": reasons or None}


def _visits(cohort: Cohort) -> Iterator[dict[str, Any]]:
    contacts = cohort.timeline.contacts.select("_s", seen="day")
    for mark in visits(cohort):
        if mark.visit is None:
            continue
        window = cohort.timeline.visits.filter(pl.col("visit") == mark.visit).select("_s", "lo", "hi")
        inside = contacts.join(window, on="_s").filter(pl.col("seen").is_between(pl.col("lo"), pl.col("hi")))
        state = (
            pl.when(pl.col("_s").is_in(inside["_s"].unique().implode()))
            .then(None)
            .when(pl.col("died") & (pl.col("last_day") < mark.opens))
            .then(pl.lit("died before"))
            .when(pl.col("last_day") < mark.opens)
            .then(pl.lit("visit not yet reached or follow-up ended"))
            .otherwise(pl.lit("not seen in the window"))
        )
        patients = cohort.patients.with_columns(_why=state)
        for stratum, mine in by_disease(cohort, patients):
            why = mine["_why"].drop_nulls()
            reasons = "; ".join(f"{int((why == r).sum())} {r}" for r in why.unique().sort())
            yield {
                "step": f"seen at {mark.label}",
                "stratum": stratum,
                "n": mine.height - len(why),
                "lost": len(why),
                "reasons": reasons or None,
            }


SHIFTS: dict[str, Any] = {
    "criterion": pl.String,
    "variant": pl.String,
    "baseline_grade": pl.Int64,
    "worst_grade": pl.Int64,
    "patients": pl.Int64,
}


def shifts(cohort: Cohort) -> pl.DataFrame:
    """Patients by last CTCAE grade up to infusion and worst grade after it (null: not graded); columns: `SHIFTS`."""
    rows = cohort.table.filter(pl.col("criterion").str.starts_with("ctcae_") & pl.col("day").is_not_null())
    keys = ["criterion", "variant", "subject_id"]
    before = rows.filter((pl.col("day") <= 0) & pl.col("value").is_not_null()).sort(*keys, "day", "row")
    last = before.group_by(keys, maintain_order=True).agg(baseline_grade=pl.col("value").last().cast(pl.Int64))
    after = rows.filter(pl.col("day") > 0).group_by(keys).agg(worst_grade=pl.col("value").max().cast(pl.Int64))
    both = last.join(after, on=keys, how="full", coalesce=True)
    counted = both.group_by("criterion", "variant", "baseline_grade", "worst_grade").agg(
        patients=pl.len().cast(pl.Int64)
    )
    return counted.sort(pl.all(), nulls_last=False).select(list(SHIFTS))
