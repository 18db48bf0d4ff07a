"""Who was treated: one row per patient, follow-up, person-time, and the description of the cohort."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from functools import cached_property, wraps
from typing import TYPE_CHECKING, Any, TypeVar

import polars as pl

from aftercart.analysis.survival import REVERSE_KAPLAN_MEIER, follow_up
from aftercart.study import dates

if TYPE_CHECKING:
    from aftercart.assessment import Assessments
    from aftercart.assessment.timeline import Timeline
    from aftercart.study.model import Study

Made = TypeVar("Made")

DAYS_PER_MONTH = 30.4375
DAYS_PER_YEAR = 365.25

DISEASES = ("SLE", "LN", "IIM", "SSC", "OTHER")
"""Order in which diseases are shown; a disease that is not known comes last."""


@dataclass(frozen=True)
class Cohort:
    """What every estimate starts from: the study, its assessments, and one row per infused patient."""

    study: Study
    assessments: Assessments
    timeline: Timeline
    patients: pl.DataFrame
    """`subject_id, indication, indication_subtype, sex, age_years, infusion, disease_duration_years,
    duration_from_partial_date, last_day, died, death_day, follow_up_months, follow_up_ends` in display order."""
    table: pl.DataFrame
    """The assessments of the reference infusion, with `row`, their number in the full table."""

    @staticmethod
    def of(study: Study, assessments: Assessments) -> Cohort:
        """Place the patients of a study on its time axis, beside their assessments."""
        known: Cohort | None = assessments.kept.get("cohort")
        if known is not None and known.study is study:
            return known
        timeline = assessments.timeline
        table = assessments.table.with_row_index("row").with_columns(pl.col("row").cast(pl.Int64))
        made = Cohort(
            study=study,
            assessments=assessments,
            timeline=timeline,
            patients=_patients(timeline, study.meta.data_cut_off),
            table=table.filter(pl.col("infusion_seq") == study.meta.reference_infusion),
        )
        assessments.kept["cohort"] = made
        return made

    @property
    def n(self) -> int:
        """Number of infused patients."""
        return self.patients.height

    def diseases(self) -> list[str]:
        """The diseases present, in display order."""
        return sorted(set(self.disease_of.values()), key=_disease_order)

    @cached_property
    def disease_of(self) -> dict[str, str]:
        """The disease of each patient."""
        return dict(self.patients.select("subject_id", "indication").iter_rows())

    @cached_property
    def kept(self) -> dict[Callable[[Cohort], Any], Any]:
        """What functions marked `once` have made of this cohort."""
        return {}

    @cached_property
    def _by_criterion(self) -> dict[Any, pl.DataFrame]:
        return self.table.partition_by("criterion", maintain_order=True, as_dict=True)

    def of_diseases(self, indications: tuple[str, ...]) -> pl.DataFrame:
        """The patients with one of these diseases; all of them when none is named."""
        return self.patients.filter(pl.col("indication").is_in(list(indications))) if indications else self.patients

    def rows(self, criterion: str, variant: str | None = None) -> pl.DataFrame:
        """Assessments of one criterion (and one variant of it, where it has several)."""
        found = self._by_criterion.get((criterion,), self.table.clear())
        return found if variant is None else found.filter(pl.col("variant") == variant)


def once(make: Callable[[Cohort], Made]) -> Callable[[Cohort], Made]:
    """A function of a cohort whose result is kept beside it: summary, estimates and tables ask the same."""

    @wraps(make)
    def kept(cohort: Cohort) -> Made:
        if make not in cohort.kept:
            cohort.kept[make] = make(cohort)
        found: Made = cohort.kept[make]
        return found

    return kept


def once_each(make: Callable[[Cohort], Iterator[Made]]) -> Callable[[Cohort], tuple[Made, ...]]:
    """The same of a function that yields."""

    @once
    @wraps(make)
    def kept(cohort: Cohort) -> tuple[Made, ...]:
        return tuple(make(cohort))

    return kept


def _disease_order(code: str) -> tuple[int, str]:
    return (DISEASES.index(code) if code in DISEASES else len(DISEASES), code)


def _patients(timeline: Timeline, cut_off: date | None) -> pl.DataFrame:
    infusion = pl.col("infusion_date")
    first, last = dates.earliest("diagnosis_date"), dates.latest("diagnosis_date")
    years = ((infusion - first).dt.total_days() + (infusion - last).dt.total_days()) / 2 / DAYS_PER_YEAR
    order = pl.col("indication").replace_strict(
        {code: i for i, code in enumerate(DISEASES)}, default=len(DISEASES), return_dtype=pl.Int64
    )
    death, contact, cut = dates.latest("death_date"), dates.latest("last_contact_date"), pl.lit(cut_off, dtype=pl.Date)
    # A date after the cut-off is not known at the cut-off: observation then ends with the cut-off.
    seen_dead = death.is_not_null() & (death <= cut).fill_null(value=True)
    seen_alive = ~seen_dead & contact.is_not_null() & (contact <= cut).fill_null(value=True)
    end = pl.when(seen_dead).then(death).when(seen_alive).then(contact).otherwise(cut)
    day = (end - infusion).dt.total_days()
    return (
        timeline.subjects.with_columns(pl.col("indication").fill_null("OTHER"))
        .with_columns(
            _order=order,
            infusion=infusion.dt.to_string("%Y-%m-%d"),
            age_years=pl.col("age_at_infusion"),
            disease_duration_years=years.round(2),
            duration_from_partial_date=(first != last),
            last_day=day,
            died=seen_dead,
            death_day=pl.when(seen_dead).then(day),
            follow_up_months=(day / DAYS_PER_MONTH).round(2),
            follow_up_ends=pl.when(seen_dead)
            .then(pl.lit("death"))
            .when(seen_alive)
            .then(pl.lit("last contact"))
            .when(end.is_not_null())
            .then(pl.lit("data cut-off"))
            .otherwise(pl.lit("not recorded")),
        )
        .sort("_order", "indication", "subject_id")
        .select(
            "_s",
            "subject_id",
            "indication",
            "indication_subtype",
            "sex",
            "age_years",
            "infusion",
            "disease_duration_years",
            "duration_from_partial_date",
            "last_day",
            "died",
            "death_day",
            "follow_up_months",
            "follow_up_ends",
        )
    )


def person_years(patients: pl.DataFrame, *, to_day: int | None = None) -> float:
    """Time at risk in patient-years from the infusion to the end of observation (or to `to_day`, both included)."""
    last = pl.col("last_day") if to_day is None else pl.min_horizontal("last_day", pl.lit(to_day))
    days = patients.select((last + 1).clip(lower_bound=0).sum()).item()
    return float(days or 0) / DAYS_PER_YEAR


def describe(cohort: Cohort) -> dict[str, Any]:
    """The cohort in figures, ready for JSON: counts by name, medians and ranges (see `summary.schema.json`)."""
    patients = cohort.patients
    months = patients.filter(pl.col("follow_up_months").is_not_null())
    middle = follow_up(months["follow_up_months"].to_list(), months["died"].to_list())
    infused = patients["infusion"].drop_nulls()
    return {
        "n": cohort.n,
        "n_not_infused": cohort.study.tables["subjects"]["subject_id"].n_unique() - cohort.n,
        "n_by_disease": {d: int((patients["indication"] == d).sum()) for d in cohort.diseases()},
        "sex": _counts(patients["sex"]),
        **_median("age_years", patients["age_years"]),
        **_median("disease_duration_years", patients["disease_duration_years"]),
        "disease_duration_from_partial_dates": int(patients["duration_from_partial_date"].sum() or 0),
        "follow_up_months_median": rounded(middle.value),
        "follow_up_months_median_ci": [rounded(middle.low), rounded(middle.high)],
        "follow_up_method": REVERSE_KAPLAN_MEIER,
        "follow_up_months_range": _range(patients["follow_up_months"]),
        "follow_up_ends": _counts(patients["follow_up_ends"]),
        "person_years": rounded(person_years(patients)),
        "deaths": int(patients["died"].sum()),
        "first_infusion": infused.min(),
        "last_infusion": infused.max(),
    }


def _counts(values: pl.Series) -> dict[str, int]:
    texts = values.fill_null("not recorded")
    return {str(v): int((texts == v).sum()) for v in texts.unique().sort()}


def _median(name: str, values: pl.Series) -> dict[str, Any]:
    return {
        f"{name}_median": rounded(values.cast(pl.Float64).median()),
        f"{name}_range": _range(values),
        f"{name}_known": int(values.is_not_null().sum()),
    }


def _range(values: pl.Series) -> list[float | None]:
    known = values.cast(pl.Float64)
    return [rounded(known.min()), rounded(known.max())]


def rounded(value: Any) -> float | None:
    """Round to 10 significant digits, so that the same input gives the same text everywhere."""
    return None if value is None else float(f"{float(value):.10g}")
