"""The timeline of one patient: disease, medicines, laboratory values, toxicity and events on one time axis."""

from __future__ import annotations

from typing import Any

import polars as pl

from aftercart.analysis.cohort import Cohort
from aftercart.assessment import Assessments
from aftercart.errors import UsageError
from aftercart.reporting.figures.base import Absent, Figure
from aftercart.reporting.figures.gathered import Gathered
from aftercart.reporting.figures.marks import cohort_of
from aftercart.reporting.figures.measures import B_CELLS, LABORATORY, NEUTROPHILS, SCORES, Course
from aftercart.reporting.figures.tracks import DATA, Tracks
from aftercart.reporting.numbers import indication, listed, number

MOST_EVENTS = 8
"""Events that the finding names one by one."""

MOST_SCORES, MOST_LABORATORY = 3, 3
"""Measures of the disease and further laboratory values that are drawn: the first of each list."""


def patient_timeline(found: Assessments | Cohort, subject_id: str) -> Figure | Absent:
    """The course of one patient on one time axis, the first 30 days enlarged.

    From the top: CRS, ICANS and cytopenia by grade; events; medicines; glucocorticoid dose (prednisone equivalent, mg
    per day); the measures of the disease with their published limits; neutrophils and B cells (logarithmic); further
    laboratory values. `data` holds everything drawn: `part, what, from day, to day, value, detail, criterion`.

    Raises `UsageError` for a patient without a dated infusion. `Absent` when nothing was recorded after it.

    >>> import aftercart as ac
    >>> drawn = ac.figures.patient_timeline(ac.assess(ac.reference_cohort()), "SLE-8")
    >>> "pneumonia" in drawn.alt
    True
    """
    cohort = cohort_of(found)
    names = cohort.patients["subject_id"].to_list()
    if subject_id not in names:
        raise UsageError(
            f"The cohort has no infused patient {subject_id!r}.", hint="name a patient with a dated infusion."
        )
    place = names.index(subject_id)
    patient = cohort.patients.row(place, named=True)
    id_, title = f"timeline-{place + 1}", f"Course of {subject_id}"
    last = patient["last_day"]
    gathered = Gathered.of(cohort)
    if last is None or last < 0:
        return Absent(id_, title, "The patient was not observed on any day after the infusion.")
    drawing = Tracks.of(subject_id, int(last), gathered)
    drawing.grades()
    drawing.events()
    drawing.medicines()
    drawing.doses()
    drawn = drawing.courses(SCORES, MOST_SCORES, 58)
    drawing.courses((NEUTROPHILS, B_CELLS), 2, 50)
    drawing.courses(LABORATORY, MOST_LABORATORY, 38)
    if not drawing.rows:
        return Absent(id_, title, "Nothing was recorded of the patient's course.")
    return Figure(
        id=id_,
        title=title,
        alt=_finding(patient, gathered, drawn),
        data=pl.DataFrame(drawing.rows, schema=DATA, orient="row"),
        drawing=drawing.finished(),
        simulated=cohort.study.meta.simulated,
        note=drawing.note(),
    )


def _worst(grades: list[int | None]) -> str:
    if not grades:
        return "not assessed"
    known = [int(g) for g in grades if g is not None]
    if not known:
        return "assessed, grade not known"
    return f"grade {max(known)} at worst" if max(known) else "none"


def _finding(patient: dict[str, Any], gathered: Gathered, drawn: list[Course]) -> str:
    subject = patient["subject_id"]
    said = [f"{subject}, {indication(str(patient['indication']), long=True)}, observed to day {patient['last_day']}"]
    spans = gathered.grades.get(subject)
    graded = [] if spans is None else list(zip(spans["what"], spans["grade"], strict=True))
    for what, name in (("CRS", "CRS"), ("ICANS", "ICANS"), ("Cytopenia", "cytopenia")):
        said.append(f"{name}: {_worst([grade for part, grade in graded if part == what])}")
    for course in drawn:
        points = gathered.courses[course.id][subject]
        known = [(day, y) for day, y in zip(points["day"], points["y"], strict=True) if y is not None]
        if known:
            (first, before), (last, after) = known[0], known[-1]
            said.append(
                f"{course.short.split(',')[0]} {number(before, 2)} on day {first} and {number(after, 2)} on day {last}"
            )
    doses = gathered.doses.get(subject)
    dose = None if doses is None or doses.is_empty() else doses["dose"][-1]
    said.append(
        "glucocorticoid dose at the end not known"
        if dose is None
        else f"prednisone equivalent {number(dose)} mg per day at the end"
    )
    events = gathered.events.get(subject)
    words = [] if events is None else [f"{r['text']} (day {r['day']})" for r in events.iter_rows(named=True)]
    if len(words) > MOST_EVENTS:
        words = [*words[:MOST_EVENTS], f"{len(words) - MOST_EVENTS} more"]
    said.append(f"events: {listed(words)}" if words else "no event recorded")
    marks = gathered.marks.get(subject)
    if marks is not None:
        for kind in ("Remission", "Relapse", "Death"):
            said += [f"{kind.lower()} on day {d}" for d in marks.filter(pl.col("kind") == kind)["start"]]
    return f"{'; '.join(said)}."
