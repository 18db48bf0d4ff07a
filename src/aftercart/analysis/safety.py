"""Safety outcomes of each patient: CRS, ICANS, neutropenia, infections, B cells and deaths."""

from __future__ import annotations

import polars as pl

from aftercart.analysis.cohort import Cohort, once
from aftercart.analysis.outcomes import (
    Outcome,
    answers,
    component,
    is_grade,
    per_subject,
    reaches,
    worst_bounds,
)

ALL = "all infused patients"

CRS = "crs_astct_2019"
ICANS = "icans_astct_2019_adult"
ICANS_CHILD = "icans_astct_2019_child"
ICAHT = "icaht_early_2023"
ICAHT_RULE = "longest streak"
NEUTROPHILS = "ctcae_neutrophils"
NEUTROPHILS_V5 = "v5"
B_CELLS = "b_cell_aplasia"

CHILD_UNDER = 12
LATE_AFTER_DAY = 30


@once
def outcomes(cohort: Cohort) -> list[Outcome]:
    """Every safety outcome, in the order in which a report shows them."""
    return [*_graded(cohort), *_late_neutropenia(cohort), *_infections(cohort), *_b_cells(cohort), _deaths(cohort)]


def icans_rows(cohort: Cohort) -> pl.DataFrame:
    """ICANS by the adult rule, and by the children's rule for patients younger than 12."""
    children = cohort.patients.filter(pl.col("age_years") < CHILD_UNDER)["subject_id"].implode()
    child = pl.col("subject_id").is_in(children)
    return pl.concat([cohort.rows(ICANS).filter(~child), cohort.rows(ICANS_CHILD).filter(child)])


@once
def bounds_of(cohort: Cohort) -> dict[str, pl.DataFrame]:
    """Bounds of the worst grade per patient for CRS, ICANS and early ICAHT."""
    rows = {"crs": cohort.rows(CRS), "icans": icans_rows(cohort), "early_icaht": cohort.rows(ICAHT, ICAHT_RULE)}
    return {name: worst_bounds(found, cohort.patients) for name, found in rows.items()}


def _graded(cohort: Cohort) -> list[Outcome]:
    found: list[Outcome] = []
    names = {"crs": ("CRS", CRS), "icans": ("ICANS", ICANS), "early_icaht": ("Early ICAHT (day 0 to 30)", ICAHT)}
    for name, bounds in bounds_of(cohort).items():
        label, criterion = names[name]
        top = 4 if name == "early_icaht" else 5
        asked = [(f"{name}_any", f"{label}, any grade", 1)]
        if name == "crs":
            asked.append((f"{name}_grade_2_or_more", f"{label}, grade 2 or more", 2))
        asked.append((f"{name}_grade_3_or_more", f"{label}, grade 3 or more", 3))
        found += [
            Outcome(id_, text, "safety", ALL, reaches(bounds, grade), criterion=criterion) for id_, text, grade in asked
        ]
        found += [
            Outcome(
                f"{name}_max_grade_{grade}",
                f"{label}, worst grade {grade}",
                "safety",
                ALL,
                is_grade(bounds, grade),
                criterion=criterion,
            )
            for grade in range(top + 1)
        ]
    return found


def late_neutropenia(cohort: Cohort) -> pl.DataFrame:
    """Neutrophil grades (CTCAE v5) after day 30 for each patient with any.

    Returns `subject_id, grade_4 (bool|null), first_day, last_day, resolved_day, resolved, row`. It is resolved when
    the last graded count is below grade 4; `resolved_day` is the first count from which on none is grade 4.
    """
    late = cohort.rows(NEUTROPHILS, NEUTROPHILS_V5).filter(pl.col("day") > LATE_AFTER_DAY)
    low, high = pl.coalesce("value", "value_min", pl.lit(0.0)), pl.coalesce("value", "value_max")
    graded = late.with_columns(_severe=low >= 4, _open=(low < 4) & (high >= 4).fill_null(value=True)).sort("day", "row")
    severe_days = pl.col("day").filter(pl.col("_severe"))
    after = graded.group_by("subject_id", maintain_order=True).agg(
        grade_4=pl.when(pl.col("_severe").any())
        .then(pl.lit(value=True))
        .when(~pl.col("_open").any())
        .then(pl.lit(value=False)),
        first_day=severe_days.min(),
        last_day=severe_days.max(),
        resolved_day=pl.col("day")
        .filter(~pl.col("_severe") & ~pl.col("_open") & (pl.col("day") > severe_days.max()))
        .min(),
        row=pl.col("row").sort_by("_severe", "day", descending=[True, False]).first(),
    )
    return after.with_columns(resolved=pl.when(pl.col("grade_4")).then(pl.col("resolved_day").is_not_null()))


def _late_neutropenia(cohort: Cohort) -> list[Outcome]:
    found = late_neutropenia(cohort)
    severe = found.filter(pl.col("grade_4"))
    label = "Late neutropenia of grade 4 (CTCAE v5, after day 30)"
    resolved = per_subject(
        severe.with_columns(day=pl.col("resolved_day"), missing=pl.lit(None, dtype=pl.String)),
        cohort.patients.filter(pl.col("subject_id").is_in(severe["subject_id"].implode())),
        pl.col("resolved"),
    )
    graded = found.with_columns(day=pl.col("first_day"), missing=pl.lit(None, dtype=pl.String))
    return [
        Outcome(
            "late_neutropenia_grade_4",
            label,
            "safety",
            "patients with a neutrophil count after day 30",
            per_subject(graded, cohort.patients, pl.col("grade_4")),
            criterion=NEUTROPHILS,
        ),
        Outcome(
            "late_neutropenia_grade_4_resolved",
            "Late grade 4 neutropenia resolved",
            "safety",
            "patients with late grade 4 neutropenia",
            resolved,
            criterion=NEUTROPHILS,
            note="Resolved: the last neutrophil counts are no longer grade 4.",
        ),
    ]


def infections(cohort: Cohort) -> pl.DataFrame:
    """Infections from the day of infusion to the end of observation, one row per event, in order of onset."""
    last = cohort.patients.select("subject_id", _last=pl.col("last_day"))
    return (
        cohort.timeline.events.filter(pl.col("category") == "infection")
        .join(last, on="subject_id", how="inner", maintain_order="left")
        .filter(pl.col("day").is_null() | pl.col("day").is_between(0, pl.col("_last")))
        .drop("_last")
        .sort("subject_id", "day", "row_id", nulls_last=True)
    )


def _in_hospital() -> pl.Expr:
    stay = pl.col("level_of_care").is_in(["ward", "ICU"])
    return pl.col("serious_hospitalisation").fill_null(value=False) | stay.fill_null(value=False)


def serious_infection() -> pl.Expr:
    """An infection that met a seriousness criterion or a hospital stay."""
    return pl.col("serious").fill_null(value=False) | _in_hospital()


def pneumonia() -> pl.Expr:
    """An infection of the lung, by its coded term or by its wording."""
    words = pl.concat_str("term", "term_text", separator=" ", ignore_nulls=True)
    return words.str.to_lowercase().str.contains("pneumonia")


def _infections(cohort: Cohort) -> list[Outcome]:
    found = infections(cohort)
    asked = (
        ("infection_any", "Infection, any", found),
        ("infection_serious", "Infection, serious", found.filter(serious_infection())),
        ("pneumonia_hospitalised", "Pneumonia with hospital stay", found.filter(pneumonia() & _in_hospital())),
    )
    return [Outcome(id_, label, "safety", ALL, _ever(cohort, events), note=_EVENT_NOTE) for id_, label, events in asked]


_EVENT_NOTE = "Counted from the recorded infection events; a patient without an event counts as without infection."


NO_EVENT_RECORD = "events not recorded or refused"


def without_record_of_events(cohort: Cohort) -> pl.DataFrame:
    """Patients for whom no event proves nothing: their rows were refused, or the study records no event at all."""
    return cohort.patients.filter(pl.col("_s").is_in(list(cohort.timeline.lost_events)))


def _ever(cohort: Cohort, events: pl.DataFrame) -> pl.DataFrame:
    first = events.group_by("subject_id", maintain_order=True).agg(day=pl.col("day").min())
    days = dict(first.iter_rows())
    ids = cohort.patients["subject_id"].to_list()
    lost = set(without_record_of_events(cohort)["subject_id"])
    met = {s: True if s in days else None if s in lost else False for s in ids}
    frame = answers(cohort.patients, met)
    gap = pl.when(pl.col("met").is_null()).then(pl.lit(NO_EVENT_RECORD)).otherwise("reason")
    frame = frame.with_columns(reason=gap)
    return frame.with_columns(day=pl.col("subject_id").replace_strict(days, default=None, return_dtype=pl.Int64))


@once
def b_cells(cohort: Cohort) -> pl.DataFrame:
    """Onset of B-cell aplasia and return of B cells for each patient with counts.

    Returns `subject_id, onset_day, return_day, last_aplastic_day, row`.
    """
    return (
        cohort.rows(B_CELLS)
        .select(
            "subject_id",
            "row",
            "missing",
            onset_day=component("aplasia_onset_day").cast(pl.Float64),
            return_day=component("recovery_day").cast(pl.Float64),
            last_aplastic_day=component("last_aplastic_day").cast(pl.Float64),
        )
        .unique("subject_id", keep="first", maintain_order=True)
    )


def _b_cells(cohort: Cohort) -> list[Outcome]:
    found = b_cells(cohort)
    reached = found.filter(pl.col("onset_day").is_not_null())
    aplastic = cohort.patients.filter(pl.col("subject_id").is_in(reached["subject_id"].implode()))
    return [
        Outcome(
            "b_cell_aplasia",
            "B-cell aplasia reached",
            "safety",
            "patients with B-cell counts",
            per_subject(
                found.with_columns(day=pl.col("onset_day").cast(pl.Int64)),
                cohort.patients,
                # Without any count there is nothing to tell from.
                pl.when(pl.col("missing").is_null()).then(pl.col("onset_day").is_not_null()),
            ),
            criterion=B_CELLS,
        ),
        Outcome(
            "b_cell_return",
            "B cells returned",
            "safety",
            "patients with B-cell aplasia",
            per_subject(
                reached.with_columns(day=pl.col("return_day").cast(pl.Int64)),
                aplastic,
                pl.col("return_day").is_not_null(),
            ),
            criterion=B_CELLS,
        ),
    ]


def _deaths(cohort: Cohort) -> Outcome:
    died = dict(cohort.patients.select("subject_id", "died").iter_rows())
    days = dict(cohort.patients.filter(pl.col("died")).select("subject_id", "death_day").iter_rows())
    frame = answers(cohort.patients, died).with_columns(
        day=pl.col("subject_id").replace_strict(days, default=None, return_dtype=pl.Int64)
    )
    return Outcome("death", "Death from any cause", "safety", ALL, frame)
