"""Treatment of toxicity, cytopenia, laboratory grades, low immunoglobulin, serious events, malignancies, expansion."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import polars as pl

from aftercart.analysis import safety
from aftercart.analysis.cohort import Cohort, once, once_each, person_years, rounded
from aftercart.analysis.intervals import rate
from aftercart.analysis.outcomes import Outcome, answers, component, is_grade, reaches, worst_bounds
from aftercart.analysis.records import About, Record, joined, number, of_interval, zero_rate_note
from aftercart.analysis.repeats import Repeats, means
from aftercart.analysis.strata import by_disease
from aftercart.criteria import registry

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

LOW_IGG = (
    ("igg_low", "Hypogammaglobulinaemia: IgG at most 6 g/L after infusion", 6.0),
    ("igg_severely_low", "IgG at most 4 g/L after infusion", 4.0),
)
"""The moderate and the severe tier of published practice for immunoglobulin replacement, in g/L."""

EVENTS = (
    ("serious_event", "Serious adverse event", pl.col("serious").fill_null(value=False)),
    ("malignancy", "New malignancy", pl.col("category") == "malignancy"),
)


@once
def outcomes(cohort: Cohort) -> list[Outcome]:
    """Safety outcomes beside those of the report, answered for every infused patient."""
    return [
        *_given(cohort),
        *_graded(cohort),
        *_laboratory(cohort),
        *_immunoglobulin(cohort),
        *event_outcomes(cohort, EVENTS),
    ]


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


GRADED = (
    ("late_icaht", "icaht_late_2023", "to day 100", "Late ICAHT (day 31 to 100)", 4),
    ("early_thrombocytopenia", "t_icaht_early_2025", None, "Early thrombocytopenia (T-ICAHT)", 4),
    ("late_thrombocytopenia", "t_icaht_late_2025", None, "Late thrombocytopenia (T-ICAHT)", 4),
    ("licats", "licats_2025", None, "Local toxicity (LICATS)", 5),
)
"""Toxicities with grades beside CRS, ICANS and early ICAHT: id, criterion, variant, label, highest grade."""


def _graded(cohort: Cohort) -> Iterator[Outcome]:
    for id_, key, variant, label, top in GRADED:
        rows = cohort.rows(key, variant)
        if rows.is_empty() and key == "licats_2025":
            continue
        bounds = worst_bounds(rows, cohort.patients)
        for name, words, grade in (("any", "any grade", 1), ("grade_3_or_more", "grade 3 or more", 3)):
            met = reaches(bounds, grade)
            yield Outcome(f"{id_}_{name}", f"{label}, {words}", "safety", safety.ALL, met, criterion=key)
        for grade in range(top + 1):
            met = is_grade(bounds, grade)
            words = f"{label}, worst grade {grade}"
            yield Outcome(f"{id_}_max_grade_{grade}", words, "safety", safety.ALL, met, criterion=key)
    screen = worst_bounds(cohort.rows("iec_hs_2023").filter(pl.col("day") >= 0), cohort.patients)
    words = "IEC-HS screen met (2023)"
    yield Outcome("iec_hs", words, "safety", safety.ALL, reaches(screen, 1), criterion="iec_hs_2023")


def laboratory_test(criterion: str, variant: str | None) -> str:
    """A laboratory test in words, by the key of its criterion: `creatinine (v5)`."""
    test, of = criterion.removeprefix("ctcae_").replace("_", " "), registry.get(criterion).variant(variant)
    return f"{test} ({of})" if of else test


def _laboratory(cohort: Cohort) -> Iterator[Outcome]:
    """Worst CTCAE laboratory grade after infusion: any, and 3 or more, of each test that was graded."""
    rows = cohort.table.filter(pl.col("criterion").str.starts_with("ctcae_") & (pl.col("day") > 0))
    for (key, variant), mine in sorted(rows.group_by("criterion", "variant"), key=lambda part: str(part[0])):
        bounds = worst_bounds(mine, cohort.patients)
        label = f"CTCAE {laboratory_test(str(key), variant)}"
        id_ = "_".join(str(part) for part in (key, variant) if part).replace(" ", "_").lower()
        for name, words, grade in (("any", "any grade", 1), ("grade_3_or_more", "grade 3 or more", 3)):
            met = reaches(bounds, grade)
            yield Outcome(f"{id_}_{name}", f"{label}, {words}", "safety", safety.ALL, met, criterion=str(key))


def _immunoglobulin(cohort: Cohort) -> Iterator[Outcome]:
    names = cohort.patients.select("_s", "subject_id")
    levels = (
        cohort.timeline.fact("obs:IGG")
        .filter((pl.col("day") > 0) & pl.col("value").is_not_null())
        .join(names, on="_s", how="inner")
    )
    measured = set(levels["subject_id"])
    unknown = set(names["subject_id"]) - measured
    for id_, label, limit in LOW_IGG:
        low = levels.filter(pl.col("value") <= limit + 1e-9).group_by("subject_id").agg(day=pl.col("day").min())
        note = "Not evaluable: no level after infusion."
        yield _outcome(cohort, id_, label, dict(low.iter_rows()), unknown, note)
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
    """Serious events, new malignancies and deaths per patient-year under observation; a patient can have several."""
    silent = safety.without_record_of_events(cohort)["subject_id"].implode()
    seen = cohort.patients.filter(pl.col("last_day").is_not_null())
    recorded = seen.filter(~pl.col("subject_id").is_in(silent))
    rows = cohort.timeline.events.join(recorded.select("_s", "last_day"), on="_s", how="inner").filter(
        pl.col("day").is_null() | pl.col("day").is_between(0, pl.col("last_day"))
    )
    asked = [(id_, f"{label}s", rows.filter(which).height, recorded) for id_, label, which in EVENTS]
    asked[1] = ("malignancy", "New malignancies", asked[1][2], recorded)
    for name, label, count, patients in (*asked, ("death", "Deaths", int(seen["died"].sum() or 0), seen)):
        years = person_years(patients)
        whom = safety.ALL if name == "death" else "infused patients whose events are recorded"
        yield of_interval(
            rate(count, years, confidence=confidence),
            About(f"{name}_rate", f"{label} per patient-year", whom, "all", None, YEAR),
            counts=(count, years),
            level=confidence,
            note=joined(
                "Numerator: events; denominator: time at risk.", zero_rate_note(count, years, YEAR, confidence)
            ),
        )


YEAR = "per patient-year"


def flared(cohort: Cohort) -> pl.DataFrame:
    """Recorded flares after infusion: `subject_id, day`."""
    rows = cohort.timeline.events.filter((pl.col("category") == "flare") & (pl.col("day") >= 0))
    return rows.select("subject_id", "day")


def flares(cohort: Cohort, confidence: float) -> Iterator[Record]:
    """Mean number of flares per patient by month 3, 6, 12 and 24, where flares are recorded as events."""
    recorded = cohort.patients.join(
        safety.without_record_of_events(cohort).select("subject_id"), on="subject_id", how="anti"
    )
    rows = flared(cohort)
    if rows.is_empty():
        return
    asked = Repeats(
        "flares_per_patient",
        "Mean number of flares per patient",
        "infused patients whose events are recorded",
        "flares",
        rows,
    )
    yield from means(cohort, asked, recorded, confidence)


KINETICS = (
    ("cmax", "Peak of the CAR transgene", "{copies}/ug"),
    ("tmax_day", "Day of the peak of the CAR transgene", "d"),
    ("auc_0_28d", "Exposure to the CAR transgene, day 0 to 28", "d*{copies}/ug"),
    ("clast", "Last quantifiable CAR transgene", "{copies}/ug"),
    ("tlast_day", "Day of the last quantifiable CAR transgene", "d"),
)


@once_each
def measured(cohort: Cohort) -> Iterator[tuple[str, str, str, pl.DataFrame]]:
    """Each measure of expansion (name, label, unit) that is known of any patient, with these and their `value`."""
    rows = cohort.rows("car_t_kinetics")
    for name, label, unit in KINETICS:
        values = rows.select("subject_id", value=component(name).cast(pl.Float64)).drop_nulls("value")
        known = cohort.patients.select("subject_id", "indication").join(values, on="subject_id", how="inner")
        if known.height:
            yield name, label, unit, known


def kinetics(cohort: Cohort) -> Iterator[Record]:
    """Expansion of the product: median, quartiles and range of each measure, by disease and together."""
    for name, label, unit, known in measured(cohort):
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
