"""One call from a study and its assessments to every estimate that a report states."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import polars as pl

from aftercart.analysis import efficacy, safety
from aftercart.analysis.cohort import Cohort, describe, person_years, rounded
from aftercart.analysis.intervals import proportion, rate
from aftercart.analysis.outcomes import Outcome, by_max_grade
from aftercart.analysis.survival import KAPLAN_MEIER, REVERSE_KAPLAN_MEIER, follow_up, median
from aftercart.errors import UsageError

if TYPE_CHECKING:
    from aftercart.assessment import Assessments
    from aftercart.study.model import Study

SCHEMA_VERSION = "1"


@dataclass(frozen=True)
class Estimate:
    """One figure with the counts behind it, its exact interval, and whom and what it is about."""

    id: str
    label: str
    domain: str
    population: str
    criterion: str | None
    visit: str | None
    numerator: int | float
    denominator: int | float
    not_evaluable: int
    not_evaluable_reasons: Mapping[str, int]
    estimate: float | None
    ci_low: float | None
    ci_high: float | None
    ci_method: str
    unit: str
    """`proportion` (0 to 1), `per patient-year`, `days` or `months`."""
    note: str | None = None


@dataclass(frozen=True)
class Summary:
    """All estimates of a study and the description of its cohort; `as_dict()` is what `summary.json` holds."""

    cohort: dict[str, Any]
    estimates: tuple[Estimate, ...]
    outcomes: tuple[Outcome, ...] = field(default=(), repr=False, compare=False)
    """The answers of each patient behind the proportions, in the same order; kept out of `as_dict()`."""

    def get(self, id_: str) -> Estimate:
        """The estimate of that id; raises `UsageError` when this study has none."""
        for estimate in self.estimates:
            if estimate.id == id_:
                return estimate
        raise UsageError(
            f"There is no estimate {id_!r} for this study.",
            hint=f"those it has are {', '.join(e.id for e in self.estimates)}.",
        )

    def find(self, id_: str) -> Estimate | None:
        """The estimate of that id, or None when this study has none."""
        return next((e for e in self.estimates if e.id == id_), None)

    def outcome(self, id_: str) -> Outcome | None:
        """The answers of each patient behind an estimate, or None."""
        return next((o for o in self.outcomes if o.id == id_), None)

    def as_dict(self) -> dict[str, Any]:
        """Plain values in a stable order, floats with 10 significant digits; no patient is named in it."""
        return {
            "schema_version": SCHEMA_VERSION,
            "cohort": self.cohort,
            "estimates": [asdict(e) for e in self.estimates],
        }


def summarize(study: Study, assessments: Assessments) -> Summary:
    """Estimate safety, efficacy and treatment outcomes, each with an exact 95% interval.

    study, assessments: as from `aftercart.read` and `aftercart.assessment`. The denominator of a proportion is the
    number of evaluable patients; those who are not are counted beside it with the reason. The result depends on
    nothing but its input. Raises `MissingExtraError` without scipy.
    """
    cohort = Cohort.of(study, assessments)
    asked = [*efficacy.outcomes(cohort), *safety.outcomes(cohort)]
    order = {"eligibility": 0, "safety": 1, "efficacy": 2, "treatment": 3}
    asked.sort(key=lambda o: order[o.domain])
    estimates = [
        *(_proportion(o) for o in asked),
        *_infection_rates(cohort),
        _b_cell_return(cohort),
        _follow_up(cohort),
    ]
    return Summary(cohort=_cohort(cohort), estimates=tuple(estimates), outcomes=tuple(asked))


def _cohort(cohort: Cohort) -> dict[str, Any]:
    meta, bounds = cohort.study.meta, safety.bounds_of(cohort)
    versions = cohort.table.select("criterion", "criterion_version").unique().sort("criterion", "criterion_version")
    return {
        "title": meta.title,
        "study_id": meta.study_id,
        "simulated": meta.simulated,
        "note": meta.note or None,
        "data_cut_off": None if meta.data_cut_off is None else str(meta.data_cut_off),
        "content_hash": cohort.study.content_hash,
        "software": "aftercart",
        "software_version": version("aftercart"),
        **describe(cohort),
        "crs_by_max_grade": by_max_grade(bounds["crs"], range(6)),
        "icans_by_max_grade": by_max_grade(bounds["icans"], range(6)),
        "early_icaht_by_grade": by_max_grade(bounds["early_icaht"], range(5)),
        "criterion_versions": dict(versions.iter_rows()),
    }


def _proportion(outcome: Outcome) -> Estimate:
    met = outcome.answers["met"]
    denominator = int(met.is_not_null().sum())
    numerator = int(met.sum() or 0)
    found = proportion(numerator, denominator)
    return Estimate(
        id=outcome.id,
        label=outcome.label,
        domain=outcome.domain,
        population=outcome.population,
        criterion=outcome.criterion,
        visit=outcome.visit,
        numerator=numerator,
        denominator=denominator,
        not_evaluable=len(met) - denominator,
        not_evaluable_reasons=outcome.unanswered(),
        estimate=rounded(found.estimate),
        ci_low=rounded(found.low),
        ci_high=rounded(found.high),
        ci_method=found.method,
        unit="proportion",
        note=_joined(outcome.note, found.reason and f"Not estimable: {found.reason}."),
    )


def _joined(*notes: str | None) -> str | None:
    return " ".join(n for n in notes if n) or None


def _infection_rates(cohort: Cohort) -> list[Estimate]:
    recorded = cohort.patients.join(safety.without_record_of_events(cohort), on="subject_id", how="anti")
    found = safety.infections(cohort).join(recorded.select("subject_id"), on="subject_id", how="semi")
    exposure = person_years(recorded)
    serious = found.filter(safety.serious_infection())
    asked = (("infection_rate", "Infections", found), ("infection_serious_rate", "Serious infections", serious))
    return [_rate(id_, label, events.height, exposure) for id_, label, events in asked]


def _rate(id_: str, label: str, events: int, exposure: float) -> Estimate:
    found = rate(events, exposure)
    return Estimate(
        id=id_,
        label=f"{label} per patient-year",
        domain="safety",
        population=safety.ALL,
        criterion=None,
        visit=None,
        numerator=events,
        denominator=rounded(exposure) or 0.0,
        not_evaluable=0,
        not_evaluable_reasons={},
        estimate=rounded(found.estimate),
        ci_low=rounded(found.low),
        ci_high=rounded(found.high),
        ci_method=found.method,
        unit="per patient-year",
        note=_joined(
            "Numerator: events (a patient can have several); denominator: patient-years under observation.",
            found.reason and f"Not estimable: {found.reason}.",
        ),
    )


def _b_cell_return(cohort: Cohort) -> Estimate:
    """Median day of the first count after aplasia that shows B cells; patients still aplastic are censored."""
    found = safety.b_cells(cohort).filter(pl.col("onset_day").is_not_null())
    known = found.with_columns(_day=pl.coalesce("return_day", "last_aplastic_day")).filter(pl.col("_day").is_not_null())
    middle = median(known["_day"].to_list(), known["return_day"].is_not_null().to_list())
    return Estimate(
        id="b_cell_return_day",
        label="Median day of B-cell return",
        domain="safety",
        population="patients with B-cell aplasia",
        criterion=safety.B_CELLS,
        visit=None,
        numerator=middle.n_events,
        denominator=middle.n,
        not_evaluable=found.height - known.height,
        not_evaluable_reasons={},
        estimate=rounded(middle.value),
        ci_low=rounded(middle.low),
        ci_high=rounded(middle.high),
        ci_method=KAPLAN_MEIER,
        unit="days",
        note=_joined(
            "Day of the first count that showed B cells again; the return itself lies between that count and the one"
            " before. Patients still without B cells are censored at their last count.",
            None if middle.value is not None else "Not estimable: B cells returned in fewer than half.",
        ),
    )


def _follow_up(cohort: Cohort) -> Estimate:
    months = cohort.patients.filter(pl.col("follow_up_months").is_not_null())
    middle = follow_up(months["follow_up_months"].to_list(), months["died"].to_list())
    return Estimate(
        id="follow_up_months",
        label="Median follow-up",
        domain="follow-up",
        population=safety.ALL,
        criterion=None,
        visit=None,
        numerator=middle.n,
        denominator=cohort.n,
        not_evaluable=cohort.n - middle.n,
        not_evaluable_reasons={},
        estimate=rounded(middle.value),
        ci_low=rounded(middle.low),
        ci_high=rounded(middle.high),
        ci_method=REVERSE_KAPLAN_MEIER,
        unit="months",
        note=None if middle.value is not None else "Not estimable: observation ended by death in half or more.",
    )
