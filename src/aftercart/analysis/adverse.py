"""Treatment of toxicity, late cytopenia, low immunoglobulin, serious events, malignancies; repeated infections."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import polars as pl

from aftercart.analysis import safety
from aftercart.analysis.cohort import DAYS_PER_MONTH, Cohort, person_years, rounded
from aftercart.analysis.courses import AT_MONTHS
from aftercart.analysis.intervals import rate
from aftercart.analysis.outcomes import Outcome, answers, reaches, worst_bounds
from aftercart.analysis.records import About, Record, joined, number, of_interval
from aftercart.analysis.recurrent import mean_cumulative
from aftercart.analysis.strata import by_disease

GIVEN = (
    ("tocilizumab", "Tocilizumab for toxicity", pl.col("drug") == "tocilizumab", "anticytokine"),
    ("anakinra", "Anakinra for toxicity", pl.col("drug") == "anakinra", "anticytokine"),
    (
        "glucocorticoid_for_toxicity",
        "Glucocorticoids for toxicity",
        pl.col("classes").list.contains("glucocorticoid"),
        "glucocorticoid",
    ),
    ("vasopressor", "Vasopressors", pl.col("classes").list.contains("vasopressor"), "vasopressor"),
)
"""Treatments of toxicity: id, label, rows, and the class whose record must be complete for "not given"."""

LOW_IGG_G_PER_L = 4.0
"""The severe tier of published practice for immunoglobulin replacement."""

EVENTS = (
    ("serious_event", "Serious adverse event", pl.col("serious").fill_null(value=False)),
    ("malignancy", "New malignancy", pl.col("category") == "malignancy"),
)


def outcomes(cohort: Cohort) -> list[Outcome]:
    """Safety outcomes beside those of the report, answered for every infused patient."""
    return [*_given(cohort), *_late(cohort), *_immunoglobulin(cohort), *event_outcomes(cohort, EVENTS)]


def _outcome(
    cohort: Cohort, id_: str, label: str, days: dict[str, int | None], silent: set[str], note: str | None = None
) -> Outcome:
    """Met by the patients with a day; not met by the others, except those for whom no row proves nothing."""
    ids = cohort.patients["subject_id"].to_list()
    met = {s: True if s in days else None if s in silent else False for s in ids}
    frame = answers(cohort.patients, met)
    frame = frame.with_columns(day=pl.col("subject_id").replace_strict(days, default=None, return_dtype=pl.Int64))
    return Outcome(id_, label, "safety", safety.ALL, frame, note=note)


def _given(cohort: Cohort) -> Iterator[Outcome]:
    names = cohort.patients.select("_s", "subject_id")
    rows = cohort.timeline.exposures.filter(
        (pl.col("purpose") == "crs_icans_treatment") & (pl.col("start_max") >= 0)
    ).join(names, on="_s", how="inner")
    for id_, label, which, drug_class in GIVEN:
        first = rows.filter(which).group_by("subject_id").agg(day=pl.col("start_min").min())
        silent = _without_record(cohort, drug_class)
        yield _outcome(cohort, f"{id_}_given", label, dict(first.iter_rows()), silent)


def _without_record(cohort: Cohort, drug_class: str) -> set[str]:
    """Patients for whom no row of a class does not mean that nothing was given."""
    if drug_class not in cohort.timeline.complete_classes:
        return set(cohort.patients["subject_id"])
    lost = cohort.patients.filter(pl.col("_s").is_in(list(cohort.timeline.lost_medicines)))
    return set(lost["subject_id"])


def _late(cohort: Cohort) -> Iterator[Outcome]:
    for id_, key, label in (
        ("late_icaht", "icaht_late_2023", "Late ICAHT (day 31 to 100)"),
        ("early_thrombocytopenia", "t_icaht_early_2025", "Early thrombocytopenia (T-ICAHT)"),
    ):
        rows = cohort.rows(key)
        if key == "icaht_late_2023":
            rows = rows.filter(pl.col("variant") == "to day 100")
        bounds = worst_bounds(rows, cohort.patients)
        for grade, words in ((1, "any grade"), (3, "grade 3 or more")):
            name = "any" if grade == 1 else "grade_3_or_more"
            yield Outcome(
                f"{id_}_{name}", f"{label}, {words}", "safety", safety.ALL, reaches(bounds, grade), criterion=key
            )


def _immunoglobulin(cohort: Cohort) -> Iterator[Outcome]:
    names = cohort.patients.select("_s", "subject_id")
    levels = (
        cohort.timeline.fact("obs:IGG")
        .filter((pl.col("day") > 0) & pl.col("value").is_not_null())
        .join(names, on="_s", how="inner")
    )
    measured = set(levels["subject_id"])
    low = levels.filter(pl.col("value") <= LOW_IGG_G_PER_L + 1e-9).group_by("subject_id").agg(day=pl.col("day").min())
    unknown = set(names["subject_id"]) - measured
    yield _outcome(
        cohort,
        "igg_severely_low",
        "IgG at most 4 g/L after infusion",
        dict(low.iter_rows()),
        unknown,
        "Not evaluable: no level after infusion.",
    )
    given = cohort.timeline.exposures.filter((pl.col("purpose") == "immunoglobulin") & (pl.col("start_max") > 0)).join(
        names, on="_s", how="inner"
    )
    first = given.group_by("subject_id").agg(day=pl.col("start_min").min())
    yield _outcome(
        cohort,
        "immunoglobulin_given",
        "Immunoglobulin replacement after infusion",
        dict(first.iter_rows()),
        _without_record(cohort, "immunoglobulin"),
    )


def event_outcomes(cohort: Cohort, asked: Iterable[tuple[str, str, pl.Expr]]) -> Iterator[Outcome]:
    """Whether each patient had an event of each kind (id, label, rows) from infusion to the end of observation."""
    last = cohort.patients.select("_s", "subject_id", "last_day")
    rows = cohort.timeline.events.drop("subject_id").join(last, on="_s", how="inner")
    after = rows.filter(pl.col("day").is_null() | pl.col("day").is_between(0, pl.col("last_day")))
    silent = set(safety.without_record_of_events(cohort)["subject_id"])
    for id_, label, which in asked:
        first = after.filter(which).group_by("subject_id").agg(day=pl.col("day").min())
        yield _outcome(cohort, id_, label, dict(first.iter_rows()), silent, "Counted from the recorded events.")


def event_rates(cohort: Cohort, confidence: float) -> Iterator[Record]:
    """Exposure-adjusted rates: serious events, and infections by site and by coded term, per patient-year."""
    silent = safety.without_record_of_events(cohort)["subject_id"].implode()
    recorded = cohort.patients.filter(~pl.col("subject_id").is_in(silent) & pl.col("last_day").is_not_null())
    years = person_years(recorded)
    last = recorded.select("_s", "last_day")
    rows = cohort.timeline.events.join(last, on="_s", how="inner").filter(
        pl.col("day").is_null() | pl.col("day").is_between(0, pl.col("last_day"))
    )
    infections = rows.filter(pl.col("category") == "infection")
    asked = [("serious_event_rate", "Serious adverse events", rows.filter(pl.col("serious").fill_null(value=False)))]
    for column, words in (("site", "site"), ("term", "organism or type")):
        for value in infections[column].drop_nulls().unique().sort():
            name = f"infection_{column}_{re.sub('[^a-z0-9]+', '_', str(value).lower())}_rate"
            asked.append((name, f"Infections, {words} {value}", infections.filter(pl.col(column) == value)))
        absent = infections[column].null_count()
        if absent:
            label = f"Infections, {words} not recorded"
            asked.append((f"infection_{column}_unknown_rate", label, infections.filter(pl.col(column).is_null())))
    for name, label, found in asked:
        about = About(
            name, f"{label} per patient-year", "infused patients whose events are recorded", "all", None, YEAR
        )
        yield of_interval(
            rate(found.height, years, confidence=confidence),
            about,
            counts=(found.height, years),
            level=confidence,
            note="Numerator: events; denominator: time at risk.",
        )


YEAR = "per patient-year"


def repeated_infections(cohort: Cohort, confidence: float) -> Iterator[Record]:
    """Mean number of infections per patient by month 3, 6, 12 and 24, where a patient can have several."""
    silent = safety.without_record_of_events(cohort)["subject_id"].implode()
    known = pl.col("last_day").is_not_null() & (pl.col("last_day") >= 0)
    recorded = cohort.patients.filter(~pl.col("subject_id").is_in(silent) & known)
    days = safety.infections(cohort).filter(pl.col("day").is_not_null()).select("subject_id", "day")
    for stratum, patients in by_disease(cohort, recorded):
        rows = list(_periods(patients, days))
        if not rows:
            continue
        who, start, stop, event = (list(column) for column in zip(*rows, strict=True))
        found = mean_cumulative(who, start, stop, event, confidence=confidence)
        for months in AT_MONTHS:
            interval = found.interval(months * DAYS_PER_MONTH)
            if interval.estimate is None:
                continue
            so_far = sum(e for e, at in zip(event, stop, strict=True) if at <= months * DAYS_PER_MONTH)
            yield of_interval(
                interval,
                About(
                    "infections_per_patient",
                    "Mean number of infections per patient",
                    "infused patients whose events are recorded",
                    stratum,
                    f"month {months}",
                    "infections",
                ),
                counts=(so_far, patients.height),
                level=confidence,
                note="Numerator: infections so far; several of one day count once.",
            )


def _periods(patients: pl.DataFrame, days: pl.DataFrame) -> Iterator[tuple[str, float, float, int]]:
    """Each patient's follow-up cut at every day with an infection; a day ends half a day after it began."""
    for subject, last in patients.select("subject_id", "last_day").iter_rows():
        begin = -0.5
        for day in days.filter(pl.col("subject_id") == subject)["day"].unique().sort():
            yield subject, begin, float(day), 1
            begin = float(day)
        if begin < last + 0.5:
            yield subject, begin, last + 0.5, 0


KINETICS = (
    ("cmax", "Peak of the CAR transgene", "{copies}/ug"),
    ("tmax_day", "Day of the peak of the CAR transgene", "d"),
    ("auc_0_28d", "Exposure to the CAR transgene, day 0 to 28", "d*{copies}/ug"),
)


def kinetics(cohort: Cohort) -> Iterator[Record]:
    """Expansion of the product: median, quartiles and range of each measure, by disease and together."""
    from aftercart.analysis.outcomes import component

    rows = cohort.rows("car_t_kinetics")
    for name, label, unit in KINETICS:
        values = rows.select("subject_id", value=component(name).cast(pl.Float64)).drop_nulls("value")
        known = cohort.patients.select("subject_id", "indication").join(values, on="subject_id", how="inner")
        if known.is_empty():
            continue
        for stratum, mine in by_disease(cohort, known):
            found = mine["value"]
            low, high = (found.quantile(q, "linear") for q in (0.25, 0.75))
            yield Record(
                id=f"kinetics_{name}",
                label=f"{label}, median",
                population="patients with quantifiable transgene",
                stratum=stratum,
                time=None,
                numerator=float(len(found)),
                denominator=float(len(found)),
                estimate=rounded(found.median()),
                ci_low=None,
                ci_high=None,
                ci_level=None,
                ci_method="median, quartiles and range",
                unit=unit,
                note=joined(
                    f"Quartiles {number(low)} and {number(high)}, range {number(found.min())} to"
                    f" {number(found.max())}.",
                    "Descriptive: no interval is given.",
                ),
            )
