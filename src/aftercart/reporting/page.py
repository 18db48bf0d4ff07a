"""The report of a study: one self-contained page, the summary for machines, and the data behind every figure."""

from __future__ import annotations

import json
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from aftercart.analysis.analyze import Analysis, analyze
from aftercart.analysis.cohort import Cohort
from aftercart.analysis.summary import Estimate, Summary, summarize
from aftercart.criteria import registry
from aftercart.reporting import evidence, tables
from aftercart.reporting.figures import Absent, Figure, draw_all
from aftercart.reporting.numbers import indication, number
from aftercart.reporting.rendering import render
from aftercart.reporting.words import abstract_parts, at_landmark

if TYPE_CHECKING:
    from aftercart.assessment import Assessments

SECTIONS = (
    ("summary", "Summary"),
    ("patients", "Patients"),
    ("safety", "Safety"),
    ("efficacy", "Efficacy and treatment"),
    ("estimates", "All estimates"),
    ("methods", "Methods"),
    ("data", "Data and their problems"),
)


def write_report(
    assessments: Assessments,
    folder: str | Path,
    *,
    summary: Summary | None = None,
    analysis: Analysis | None = None,
    figures: dict[str, list[Figure | Absent]] | None = None,
) -> Summary:
    """Write the report of an assessed study into an existing folder and return the summary it shows.

    Writes `report.html` (self-contained: no script, no network), `summary.json` (see `summary.schema.json`),
    `figures/` with an SVG and the data of every figure, and `analysis/` with every estimate as a table. The same input
    gives the same bytes. Raises
    `MissingExtraError` when the packages of the `report` extra are absent.
    """
    folder = Path(folder)
    cohort = Cohort.of(assessments.study, assessments)
    summary = summary or summarize(assessments.study, assessments)
    analysis = analysis or analyze(assessments.study, assessments)
    found = figures or draw_all(cohort, analysis)
    shown = {section: [f for f in drawn if not isinstance(f, Absent)] for section, drawn in found.items()}
    shown["estimates"] = shown.pop("durability")
    (folder / "report.html").write_text(report_html(cohort, summary, shown, analysis), "utf-8")
    (folder / "analysis").mkdir(exist_ok=True)
    analysis.write(folder / "analysis")
    (folder / "summary.json").write_text(summary_json(summary), "utf-8")
    (folder / "figures").mkdir(exist_ok=True)
    for figure in (f for section in shown.values() for f in section):
        figure.save(folder / "figures" / f"{figure.id}.svg")
        figure.save(folder / "figures" / f"{figure.id}.csv")
    return summary


def summary_json(summary: Summary) -> str:
    """The summary as JSON text, in a stable order."""
    return json.dumps(summary.as_dict(), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def report_html(cohort: Cohort, summary: Summary, figures: dict[str, list[Figure]], analysis: Analysis) -> str:
    """The page as text."""
    numbers = count(1)
    numbered = {section: [{"figure": f, "number": next(numbers)} for f in found] for section, found in figures.items()}
    grades = evidence.worst_grades(summary, cohort)
    return render(
        "report.html.j2",
        cohort=summary.cohort,
        simulated=summary.cohort["simulated"],
        sections=SECTIONS,
        abstract=abstract_parts(summary),
        headline=[_card(e) for e in headline(summary)],
        figures=numbered,
        table_one=tables.table_one(cohort),
        patient_table=tables.patients(cohort, _baseline(cohort), grades),
        safety_table=tables.safety(summary),
        rates_table=tables.rates(summary),
        efficacy_tables=tables.efficacy(summary),
        safety_evidence=evidence.safety(cohort, summary, grades),
        efficacy_evidence=evidence.efficacy(cohort, summary),
        every_estimate=tables.every_estimate(analysis.estimates),
        flow=_flow(analysis.flow),
        methods=_methods(cohort, summary),
        criteria=[registry.get(key) for key in _criteria_used(cohort)],
        problems=_problems(cohort),
        provenance=_provenance(cohort, summary),
    )


def _flow(flow: pl.DataFrame) -> tables.Table:
    """How many patients are left at each step."""
    columns = (
        tables.Column("Step"),
        tables.Column("Patients of", nowrap=True),
        tables.Column("Patients", numeric=True),
        tables.Column("Lost", numeric=True),
        tables.Column("Why"),
    )
    rows = tuple(
        tables.Row(
            str(r["step"]),
            (
                "all" if r["stratum"] == "all" else indication(str(r["stratum"])),
                str(r["n"]),
                str(r["lost"]),
                r["reasons"] or "",
            ),
        )
        for r in flow.iter_rows(named=True)
    )
    return tables.Table("Patients at each step", columns, rows)


def headline(summary: Summary) -> list[Estimate]:
    """The four figures a reader asks for first: severe CRS, ICANS, the leading response, and treatment stopped."""
    responses = [e for q in ("doris", "tis_major", "eustar_ai_improved") if (e := at_landmark(summary, q)) is not None]
    response = max(responses, key=lambda e: e.denominator, default=None)
    chosen = (
        summary.find("crs_grade_3_or_more"),
        summary.find("icans_any"),
        response,
        summary.find("drug_free_antimalarial_allowed_last_visit"),
    )
    return [e for e in chosen if e is not None and e.denominator]


SHORT_LABELS = {
    "drug_free_antimalarial_allowed_last_visit": "Off glucocorticoids, immunosuppressants and biologics, last visit"
}


def _card(estimate: Estimate) -> dict[str, Any]:
    line = tables.line(estimate, SHORT_LABELS.get(estimate.id, estimate.label))
    count_ = (int(estimate.numerator), int(estimate.denominator))
    return {**line.__dict__, "count": count_, "population": tables.population(estimate.population)}


BASELINE = (("sledai_2k", "SLEDAI-2K"), ("mmt8", "MMT-8"), ("eustar_ai_2017", "EUSTAR AI"), ("mrss", "mRSS"))


def _baseline(cohort: Cohort) -> dict[str, str]:
    """The scores of each patient at baseline in one line."""
    said: dict[str, list[str]] = {}
    for criterion, label in BASELINE:
        rows = cohort.rows(criterion).filter((pl.col("visit") == "baseline") & pl.col("value").is_not_null())
        for subject, value in rows.select("subject_id", "value").iter_rows():
            said.setdefault(subject, []).append(f"{label} {number(value, 2)}")
    return {subject: ", ".join(parts) for subject, parts in said.items()}


def _criteria_used(cohort: Cohort) -> list[str]:
    found = set(cohort.table["criterion"])
    return [key for key in registry.names() if key in found]


def _methods(cohort: Cohort, summary: Summary) -> list[str]:
    meta, figures = cohort.study.meta, summary.cohort
    baseline = {
        "last_before_lymphodepletion": "the last value before lymphodepletion",
        "last_before_infusion": "the last value before the infusion",
    }.get(meta.baseline_rule, meta.baseline_rule)
    windows = "; ".join(
        f"{v.name} day {v.target_day} (from {v.target_day - v.before} to {v.target_day + v.after})" for v in meta.visits
    )
    not_infused = figures["n_not_infused"]
    ends = ", ".join(f"{why} in {n}" for why, n in figures["follow_up_ends"].items())
    paragraphs = [
        f"Day 0 is the day of infusion {meta.reference_infusion}. Baseline is {baseline}, at most"
        f" {meta.baseline_lookback_days} days earlier."
        + (f" Visit windows: {windows}." if windows else "")
        + (
            f" {not_infused} patient(s) without a fully dated infusion are not part of any figure."
            if not_infused
            else ""
        ),
        "Every grade, score and response was computed from the recorded values by the criteria listed below; no"
        " reported grade was used in place of a computed one. A missing value was never taken as normal: a result is"
        " given only where the missing values cannot change it, and is otherwise not evaluable.",
        "Proportions are given with their counts and with exact two-sided 95% intervals (Clopper-Pearson). Their"
        " denominator is the number of patients who could be evaluated. Rates per patient-year have exact Poisson"
        " intervals (Garwood). Medians of times are Kaplan-Meier estimates with log-log limits. Nothing was tested.",
        f"Follow-up runs from the infusion to the last contact, to death, or to the data cut-off ({ends}); its median"
        " is estimated by the reverse Kaplan-Meier method.",
    ]
    return [p for p in paragraphs if p]


PROBLEM_COLUMNS = {
    "severity": "Severity",
    "file": "File",
    "row": "Row",
    "column": "Column",
    "subject_id": "Patient",
    "found": "Found",
    "expected": "Expected",
    "remedy": "What to do",
}
MOST_PROBLEMS = 200


def _problems(cohort: Cohort) -> tables.Table:
    from aftercart.study import check

    found = check(cohort.study)
    shown = found.head(MOST_PROBLEMS)
    errors = int((found["severity"] == "error").sum()) if found.height else 0
    notes = [f"{errors} error(s) and {found.height - errors} warning(s)."]
    if found.height > shown.height:
        notes.append(f"The first {shown.height} of {found.height} are shown; `aftercart check` lists them all.")
    return tables.from_frame("Problems found in the data", shown, PROBLEM_COLUMNS, notes=notes)


def _row_counts(cohort: Cohort, name: str) -> str:
    counts = cohort.study.row_counts.get(name)
    if counts is None:
        return str(cohort.study.tables[name].height)
    return f"{counts['read']} read, {counts['kept']} kept, {counts['listed']} listed as problems"


def _provenance(cohort: Cohort, summary: Summary) -> tables.Table:
    figures = summary.cohort
    rows = [
        ("Content of the data (SHA-256)", figures["content_hash"]),
        ("Data cut-off", figures["data_cut_off"] or "not given"),
        ("Simulated or reconstructed values", "yes" if figures["simulated"] else "no"),
        ("Software", f"{figures['software']} {figures['software_version']}"),
        *((f"Rows of {name}", _row_counts(cohort, name)) for name in cohort.study.tables),
    ]
    return tables.Table(
        "Where the figures come from",
        (tables.Column("What"), tables.Column("Value")),
        tuple(tables.Row(label, (value,)) for label, value in rows),
        (figures["note"],) if figures["note"] else (),
    )
