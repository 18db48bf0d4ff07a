"""Infections per time at risk by period, site, organism, type and severity, and how many a patient has had."""

from __future__ import annotations

import re
from collections.abc import Iterator

import polars as pl

from aftercart.analysis import safety
from aftercart.analysis.cohort import DAYS_PER_YEAR, Cohort
from aftercart.analysis.intervals import rate
from aftercart.analysis.records import About, Record, joined, of_interval, zero_rate_note
from aftercart.analysis.repeats import Repeats, means
from aftercart.analysis.strata import by_disease

PERIODS = (("day 0-30", 0, 30), ("day 31-90", 31, 90), ("day 91-365", 91, 365), ("after day 365", 366, None))
"""Periods in which infections are counted."""

SITES = (
    ("bloodstream", r"bact(?:er)?a?emia|fung(?:a)?emia|sepsis|septic|bloodstream|candid(?:a)?emia"),
    ("lung or lower airway", r"pneumoni|pneumocystis|bronchi|lung|lower (?:airway|respiratory)|empyema"),
    ("upper airway", r"upper (?:airway|respiratory)|sinusitis|pharyngitis|rhinitis|rhinosinusitis|tonsillitis|otitis"),
    ("nervous system", r"meningitis|encephalitis|brain"),
    ("urinary tract", r"urinary|cystitis|pyelonephritis|urosepsis"),
    ("gut", r"colitis|gastro|enteritis|diarrh|difficile|appendicitis|diverticulitis"),
    ("mouth or oesophagus", r"esophag|oral|mouth|thrush|stomatitis|gingiv|tooth|dental"),
    ("skin or soft tissue", r"cellulitis|skin|zoster|erysipelas|wound|soft tissue|folliculitis|herpes simplex"),
    ("bone or joint", r"osteomyelitis|septic arthritis|spondylodiscitis"),
    ("catheter", r"catheter|line infection"),
)
"""Sites, by words of the coded term and of the event as written (English); the first that fits counts."""

POPULATION = "infused patients whose events are recorded"
UNITS = (("per 100 patient-days", 100.0), ("per patient-year", DAYS_PER_YEAR))


def site() -> pl.Expr:
    """The site of an infection, from its wording; null where the wording does not tell."""
    words = pl.concat_str("term", "term_text", separator=" ", ignore_nulls=True).str.to_lowercase()
    plain = words.str.replace_all("_", " ", literal=True)
    found = pl.lit(None, dtype=pl.String)
    for name, pattern in reversed(SITES):
        found = pl.when(plain.str.contains(pattern)).then(pl.lit(name)).otherwise(found)
    return found


def rates(cohort: Cohort, confidence: float) -> Iterator[Record]:
    """Infections per 100 patient-days and per patient-year: by period and disease, then by what they were."""
    recorded, events = _at_risk(cohort)
    serious = events.filter(safety.serious_infection())
    for stratum, patients in by_disease(cohort, recorded):
        for name, label, found in (
            ("infection", "Infections", events),
            ("infection_serious", "Serious infections", serious),
        ):
            mine = found.join(patients.select("subject_id"), on="subject_id", how="semi")
            for period, low, high in ((None, 0, None), *PERIODS):
                yield from _rates(name, label, mine, patients, (period, low, high), stratum, confidence)
    for name, label, found in _kinds(cohort, events):
        yield from _rates(
            f"infection_{name}", f"Infections, {label}", found, recorded, (None, 0, None), "all", confidence
        )


def _at_risk(cohort: Cohort) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The patients whose time at risk and events are known, and their infections."""
    recorded = _recorded(cohort).filter(pl.col("last_day").is_not_null())
    return recorded, safety.infections(cohort).join(recorded.select("subject_id"), on="subject_id", how="semi")


def kinds(cohort: Cohort) -> Iterator[tuple[str, str, pl.DataFrame]]:
    """Infections behind `rates`, all and by what they were: name, label, events (`subject_id`)."""
    _, events = _at_risk(cohort)
    yield "infection", "Infections", events
    for name, label, found in _kinds(cohort, events):
        yield f"infection_{name}", f"Infections, {label}", found


def _rates(
    name: str,
    label: str,
    events: pl.DataFrame,
    patients: pl.DataFrame,
    period: tuple[str | None, int, int | None],
    stratum: str,
    confidence: float,
) -> Iterator[Record]:
    words, low, high = period
    last = pl.col("last_day") if high is None else pl.min_horizontal("last_day", pl.lit(high))
    days = float(patients.select((last - low + 1).clip(lower_bound=0).sum()).item() or 0)
    inside = pl.col("day") >= low if high is None else pl.col("day").is_between(low, high)
    # An infection without a complete date belongs to the follow-up as a whole, but to no period.
    dateless = events["day"].null_count()
    count = events.filter(inside).height + (dateless if words is None else 0)
    for unit, factor in UNITS:
        yield of_interval(
            rate(count, days / factor, confidence=confidence),
            About(f"{name}_rate_{_slug(unit.rsplit(' ', 1)[1])}", f"{label} {unit}", POPULATION, stratum, words, unit),
            counts=(count, days / factor),
            level=confidence,
            note=joined(
                "Numerator: events; denominator: time at risk.",
                zero_rate_note(count, days / factor, unit, confidence),
                f"{dateless} without a complete date are in no period." if dateless and words else None,
            ),
        )


def _kinds(cohort: Cohort, events: pl.DataFrame) -> Iterator[tuple[str, str, pl.DataFrame]]:
    """Infections by site, organism, coded type and severity: name, label, events; what is not recorded is one kind."""
    told = events.with_columns(_site=site(), _grade=pl.col("grade").cast(pl.String))
    for name, column, words in (
        ("site", "_site", "site"),
        ("organism", "site", "organism"),
        ("type", "term", "coded type"),
        ("reported_grade", "_grade", "reported grade"),
    ):
        for value in told[column].drop_nulls().unique().sort():
            yield f"{name}_{_slug(value)}", f"{words} {value}", told.filter(pl.col(column) == value)
        unknown = told.filter(pl.col(column).is_null())
        if unknown.height:
            yield f"{name}_unknown", f"{words} not recorded", unknown
    serious = safety.serious_infection()
    yield "not_serious", "not serious", told.filter(~serious)
    graded = cohort.rows("infection_grade_bmt_ctn").filter(pl.col("value").is_not_null() & (pl.col("day") >= 0))
    mine = graded.join(events.select("subject_id").unique(), on="subject_id", how="semi")
    for grade in mine["value"].unique().sort():
        yield f"bmt_ctn_grade_{grade:g}", f"BMT CTN grade {grade:g}", mine.filter(pl.col("value") == grade)


def _slug(value: str) -> str:
    return re.sub("[^a-z0-9]+", "_", str(value).lower()).strip("_")


def _recorded(cohort: Cohort) -> pl.DataFrame:
    return cohort.patients.join(
        safety.without_record_of_events(cohort).select("subject_id"), on="subject_id", how="anti"
    )


def repeated(cohort: Cohort, confidence: float) -> Iterator[Record]:
    """Mean number of infections per patient by month 3, 6, 12 and 24, where a patient can have several."""
    days = safety.infections(cohort).filter(pl.col("day").is_not_null()).select("subject_id", "day")
    asked = Repeats("infections_per_patient", "Mean number of infections per patient", POPULATION, "infections", days)
    yield from means(cohort, asked, _recorded(cohort), confidence)
