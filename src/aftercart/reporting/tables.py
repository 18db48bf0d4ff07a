"""The tables of a report as plain models: what stands in each cell, without a word of markup."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from aftercart.analysis.baseline import row_id
from aftercart.analysis.cohort import Cohort
from aftercart.analysis.summary import Estimate, Summary
from aftercart.reporting.evidence import GRADED, Toxicity
from aftercart.reporting.numbers import (
    NONE,
    SMALLEST_PERCENT_DENOMINATOR,
    indication,
    interval,
    number,
    percentage,
)


@dataclass(frozen=True)
class Column:
    """One column heading; numbers are set flush right."""

    label: str
    numeric: bool = False
    nowrap: bool = False
    width: float = 1.0
    """Share of the width, where a medium has fixed columns."""
    stratum: str = ""
    """The disease (or `all`) whose patients the column counts, where it counts those of one."""


@dataclass(frozen=True)
class Row:
    """One row: its header and the cells after it; a `heading` row has no cells."""

    header: str
    cells: tuple[str, ...] = ()
    heading: bool = False
    estimate: str = ""
    """Which estimate the cells show (its id, with `@` and its time where it has one), if they show one."""


@dataclass(frozen=True)
class Table:
    """A table with its caption; notes stand below it."""

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Line:
    """One estimate as a row: count, percentage (or none), limits, and where to draw them between 0 and 1."""

    label: str
    count: str
    percent: str
    limits: str
    low: float
    high: float
    value: float
    drawn: bool
    open: str
    """How many could not be evaluated, by reason."""
    id: str = ""
    """Which estimate it is, for whoever asks which patients stand behind it."""


@dataclass(frozen=True)
class Group:
    """Estimates that belong together under one heading."""

    label: str
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class EstimateTable:
    """A table of proportions with their exact intervals."""

    caption: str
    first_column: str
    groups: tuple[Group, ...]
    notes: tuple[str, ...] = field(default=())


INTERVAL_NOTE = (
    "Patients: number with the result of those who could be evaluated. 95% interval: Clopper-Pearson (exact). With"
    f" fewer than {SMALLEST_PERCENT_DENOMINATOR} patients no percentage is given and the limits are proportions."
)


def line(estimate: Estimate, label: str) -> Line:
    """One proportion as a row."""
    events, n = int(estimate.numerator), int(estimate.denominator)
    known = estimate.estimate is not None and estimate.ci_low is not None and estimate.ci_high is not None
    return Line(
        label=label,
        count=f"{events}/{n}" if n else NONE,
        percent=percentage(events, n) if n else "",
        limits=interval(estimate.ci_low, estimate.ci_high, n) if n else "not evaluable",
        low=estimate.ci_low or 0.0,
        high=estimate.ci_high or 0.0,
        value=estimate.estimate or 0.0,
        drawn=known,
        open="; ".join(f"{why}: {n}" for why, n in estimate.not_evaluable_reasons.items()),
        id=estimate.id,
    )


SAFETY_GROUPS = (
    ("Cytokine release syndrome (ASTCT 2019)", "crs_"),
    ("ICANS (ASTCT 2019)", "icans_"),
    ("Early immune effector cell-associated haematotoxicity (ICAHT, day 0 to 30)", "early_icaht_"),
    ("Late neutropenia (CTCAE v5, after day 30)", "late_neutropenia_"),
    ("Infections and deaths", ("infection_", "pneumonia_", "death")),
    ("B cells", "b_cell_"),
)


def safety(summary: Summary) -> EstimateTable:
    """Every safety proportion, by kind of toxicity; worst grades that nobody had are left out."""
    groups = []
    for label, prefix in SAFETY_GROUPS:
        found = [
            e
            for e in summary.estimates
            if e.id.startswith(prefix)
            and e.unit == "proportion"
            and not (e.numerator == 0 and "_max_grade_" in e.id)
            and (e.denominator or e.not_evaluable)
        ]
        if found:
            groups.append(Group(label, tuple(line(e, _without_prefix(e.label)) for e in found)))
    asked = [e for e in summary.estimates if e.domain == "safety" and e.unit == "proportion" and e.denominator]
    notes = dict.fromkeys(e.note for e in asked if e.note)
    return EstimateTable("Safety outcomes", "Outcome", tuple(groups), (INTERVAL_NOTE, *notes))


def _without_prefix(label: str) -> str:
    """`CRS, grade 3 or more` below a heading that names CRS is `Grade 3 or more`."""
    head, _, rest = label.partition(", ")
    if rest and head in ("CRS", "ICANS", "Early ICAHT (day 0 to 30)"):
        return rest[0].upper() + rest[1:]
    return label


def rates(summary: Summary) -> Table:
    """Event rates per patient-year and the times that are medians."""
    rows = []
    for e in summary.estimates:
        if e.unit == "proportion":
            continue
        if e.unit == "per patient-year":
            counts = f"{number(e.numerator, 0)} in {number(e.denominator)} patient-years"
            value, limits = _rate(e.estimate), f"{_rate(e.ci_low)} to {_rate(e.ci_high)}"
        else:
            counts = f"{number(e.numerator, 0)} of {number(e.denominator, 0)} patients"
            value = NONE if e.estimate is None else f"{number(e.estimate)} {e.unit}"
            limits = f"{_or_open(e.ci_low)} to {_or_open(e.ci_high)}" if e.estimate is not None else "not estimable"
        rows.append(Row(e.label, (counts, value, limits, e.ci_method), estimate=e.id))
    return Table(
        "Rates and times",
        (
            Column("Quantity"),
            Column("Counts"),
            Column("Estimate", numeric=True),
            Column("95% interval", numeric=True),
            Column("Method"),
        ),
        tuple(rows),
        tuple(dict.fromkeys(e.note for e in summary.estimates if e.unit != "proportion" and e.note)),
    )


def _rate(value: float | None) -> str:
    return NONE if value is None else f"{value:.2f}"


def _or_open(value: float | None) -> str:
    return "open" if value is None else number(value)


def efficacy(summary: Summary) -> list[EstimateTable]:
    """One table per population of efficacy, then treatment; rows are the visits of each question."""
    tables = []
    for domain, title in (
        ("eligibility", "Disease at entry"),
        ("efficacy", "Efficacy"),
        ("treatment", "Treatment stopped"),
    ):
        populations = dict.fromkeys(e.population for e in summary.estimates if e.domain == domain)
        roots: dict[str, list[str]] = {}
        for name in populations:
            roots.setdefault(name.split(", ")[0], []).append(name)
        for root, names in roots.items():
            groups: dict[str, list[Line]] = {}
            for e in summary.estimates:
                if e.domain == domain and e.population in names:
                    question, _, visit = e.label.rpartition(", ") if e.visit else ("Course", "", e.label)
                    groups.setdefault(question, []).append(line(e, visit[0].upper() + visit[1:]))
            if domain == "eligibility":
                groups = {"Refractory disease": [row for rows in groups.values() for row in rows]}
            made = tuple(Group(q, tuple(lines)) for q, lines in groups.items())
            tables.append(EstimateTable(f"{title}, {population(root)}", "Visit", made))
    return [*tables[:-1], EstimateTable(**{**tables[-1].__dict__, "notes": (INTERVAL_NOTE,)})] if tables else []


def population(codes: str) -> str:
    """A population in words: `all infused patients`, or the diseases by name."""
    return codes if codes.startswith("all ") else " and ".join(indication(c, long=True) for c in codes.split(" and "))


def table_one(cohort: Cohort) -> Table:
    """Describe the patients by disease: counts, medians with ranges, and how many values are known."""
    diseases = cohort.diseases()
    parts = [cohort.patients.filter(pl.col("indication") == d) for d in diseases]
    everyone = [*parts, cohort.patients] if len(parts) > 1 else parts
    heads = [indication(d) for d in diseases] + (["All"] if len(parts) > 1 else [])

    def row(label: str, cell: Callable[[pl.DataFrame], str], estimate: str = "") -> Row:
        return Row(label, tuple(cell(p) for p in everyone), estimate=estimate)

    rows = [
        row("Patients", lambda p: str(p.height)),
        Row("Sex", heading=True),
        *(row(name, _counter("sex", code), row_id("Sex", code)) for name, code in (("Women", "F"), ("Men", "M"))),
        Row("At infusion", heading=True),
        row("Age, years: median (range)", lambda p: _spread(p["age_years"], 0), row_id("Age at infusion")),
        row(
            "Disease duration, years: median (range)",
            lambda p: _spread(p["disease_duration_years"], 1),
            row_id("Disease duration at infusion"),
        ),
        Row("Follow-up", heading=True),
        row("Months: median (range)", lambda p: _spread(p["follow_up_months"], 1), row_id("Follow-up")),
        row("Died", lambda p: str(int(p["died"].sum())), "death"),
    ]
    partial = int(cohort.patients["duration_from_partial_date"].sum() or 0)
    notes = (
        [
            f"Disease duration rests on a partly known date of diagnosis, taken at its midpoint, in {partial} of"
            f" {cohort.n} patients."
        ]
        if partial
        else []
    )
    return Table(
        "Patients by disease",
        (Column("Characteristic"), *(Column(h, numeric=True) for h in heads)),
        tuple(rows),
        tuple(notes),
    )


def _counter(column: str, value: str) -> Callable[[pl.DataFrame], str]:
    def cell(part: pl.DataFrame) -> str:
        n = int((part[column] == value).sum())
        share = percentage(n, part.height) if part.height else ""
        return f"{n} ({share})" if share else f"{n} of {part.height}"

    return cell


def _spread(values: pl.Series, digits: int) -> str:
    known = values.drop_nulls().cast(pl.Float64)
    if known.is_empty():
        return "not recorded"
    low, middle, high = (number(float(v), digits) for v in (known.min(), known.median(), known.max()))  # type: ignore[arg-type]
    missing = len(values) - len(known)
    text = middle if len(known) == 1 else f"{middle} ({low} to {high})"
    return f"{text}, {missing} unknown" if missing else text


def patients(cohort: Cohort, baseline: dict[str, str], toxicity: Mapping[str, Toxicity]) -> Table:
    """One row per patient: who they are, their disease at baseline, and their toxicity in short."""
    sexes = {"F": "woman", "M": "man", "U": "not stated", "INTERSEX": "intersex"}
    rows = tuple(
        Row(
            p["subject_id"],
            (
                _disease(p),
                _or_dash(p["age_years"], 0),
                sexes.get(p["sex"] or "U", p["sex"] or ""),
                _or_dash(p["disease_duration_years"], 1),
                p["infusion"],
                baseline.get(p["subject_id"], NONE),
                *toxicity[p["subject_id"]].grades,
                ", ".join(toxicity[p["subject_id"]].other),
                _or_dash(p["follow_up_months"], 1),
            ),
        )
        for p in cohort.patients.iter_rows(named=True)
    )
    return Table(
        "Each patient",
        (
            Column("Patient"),
            Column("Disease"),
            Column("Age", numeric=True),
            Column("Sex"),
            Column("Disease, years", numeric=True),
            Column("Infusion", nowrap=True),
            Column("At baseline"),
            *(Column(name, numeric=True) for name in GRADED),
            Column("Also"),
            Column("Follow-up, months", numeric=True),
        ),
        rows,
        (
            f"{', '.join(GRADED)}: worst grade; a range where missing values leave it open,"
            f" {NONE} where nothing is recorded.",
        ),
    )


def _disease(patient: dict[str, Any]) -> str:
    subtype = patient["indication_subtype"]
    return indication(patient["indication"]) + (f", {subtype}" if subtype else "")


def _or_dash(value: float | None, digits: int) -> str:
    return NONE if value is None else number(float(value), digits)


def from_frame(caption: str, frame: pl.DataFrame, labels: dict[str, str], *, notes: Iterable[str] = ()) -> Table:
    """A table of the named columns of a frame, as text."""
    columns = [c for c in labels if c in frame.columns]
    rows = tuple(
        Row("" if values[0] is None else str(values[0]), tuple("" if v is None else str(v) for v in values[1:]))
        for values in frame.select(columns).iter_rows()
    )
    return Table(caption, tuple(Column(labels[c]) for c in columns), rows, tuple(notes))
