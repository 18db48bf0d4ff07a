"""The report of a study: one self-contained page, the summary for machines, and the data behind every figure."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from aftercart.analysis.analyze import Analysis, analyze
from aftercart.analysis.cohort import Cohort
from aftercart.analysis.summary import Estimate, Summary, summarize
from aftercart.criteria import registry
from aftercart.reporting import analysed, behind, evidence, patients, tables
from aftercart.reporting.course import at_baseline
from aftercart.reporting.figures import Absent, Figure, draw_all, patient_timeline
from aftercart.reporting.numbers import indication
from aftercart.reporting.rendering import render
from aftercart.reporting.words import abstract_parts, at_landmark, share
from aftercart.side_by_side import for_each

if TYPE_CHECKING:
    from aftercart.assessment import Assessments

SECTIONS = (
    ("summary", "Summary"),
    ("safety", "Safety"),
    ("efficacy", "Efficacy and treatment"),
    ("durability", "Durability"),
    ("patients", "Patients"),
    ("quality", "Data quality"),
    ("methods", "Methods"),
    ("changed", "What changed"),
    ("journal", "For journals"),
    ("numbers", "Behind the numbers"),
)

DURABLE = ("remission_reached", "remission_sustained", "relapse")
"""Outcomes that belong to the section on durability."""

PERIODS = (
    ("", "Whole follow-up", None, None),
    ("acute", "Day 0 to 30", 0, 30),
    ("year", "Day 31 to month 12", 31, 365),
    ("late", "After month 12", 366, None),
)
"""The times after infusion that a reader can choose: value, words, first and last day."""


def write_report(
    assessments: Assessments,
    folder: str | Path,
    *,
    summary: Summary | None = None,
    analysis: Analysis | None = None,
    figures: dict[str, list[Figure | Absent]] | None = None,
    comparison: Any = None,
    journal: Any = None,
) -> Summary:
    """Write the report of an assessed study into an existing folder and return the summary it shows.

    Writes `report.html` (self-contained: nothing is loaded, readable without its script), `summary.json` (see
    `summary.schema.json`), `figures/` with an SVG and the data of every figure, and `analysis/` with every estimate as
    a table. comparison, journal: what the sections "What changed" and "For journals" show, where they are wanted. The
    same input gives the same bytes. Raises `MissingExtraError` when the packages of the `report` extra are absent.
    """
    folder = Path(folder)
    cohort = Cohort.of(assessments.study, assessments)
    summary = summary or summarize(assessments.study, assessments)
    analysis = analysis or analyze(assessments.study, assessments)
    drawn = figures or draw_all(cohort, analysis)
    page = report_html(cohort, summary, drawn, analysis, comparison=comparison, journal=journal)
    (folder / "report.html").write_text(page, "utf-8")
    (folder / "analysis").mkdir(exist_ok=True)
    analysis.write(folder / "analysis")
    (folder / "summary.json").write_text(summary_json(summary), "utf-8")
    (folder / "figures").mkdir(exist_ok=True)
    for figure in (f for section in drawn.values() for f in section if isinstance(f, Figure)):
        figure.save(folder / "figures" / f"{figure.id}.svg")
        figure.save(folder / "figures" / f"{figure.id}.csv")
    return summary


def summary_json(summary: Summary) -> str:
    """The summary as JSON text, in a stable order."""
    return json.dumps(summary.as_dict(), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def report_html(
    cohort: Cohort,
    summary: Summary,
    figures: dict[str, list[Figure | Absent]],
    analysis: Analysis,
    *,
    comparison: Any = None,
    journal: Any = None,
) -> str:
    """The page as text."""
    turn = count(1)
    numbered = {
        section: [{"figure": f, "number": next(turn) if isinstance(f, Figure) else 0} for f in found]
        for section, found in figures.items()
    }
    toxicity = evidence.worst_grades(summary, cohort)
    subjects = evidence.shown_patients(cohort, toxicity)
    rows = evidence.deciding_rows(cohort, summary, subjects)
    anchors = evidence.anchors(rows, subjects)
    agenda = patients.agenda(cohort, anchors)
    given = {"changed": comparison, "journal": journal}
    lasting = replace(summary, estimates=tuple(e for e in summary.estimates if e.id in DURABLE))
    acute = replace(summary, estimates=tuple(e for e in summary.estimates if e.id not in DURABLE))
    why = behind.reasons(analysis, anchors)
    timelines = dict(zip(subjects, for_each(lambda s: patient_timeline(cohort, s), subjects), strict=True))
    return render(
        "report.html.j2",
        cohort=summary.cohort,
        simulated=summary.cohort["simulated"],
        sections=[(id_, title) for id_, title in SECTIONS if given.get(id_, True)],
        abstract=abstract_parts(summary),
        headline=[_card(e, summary) for e in headline(summary)],
        figures=numbered,
        anchors=anchors.patients,
        diseases=[(d, indication(d)) for d in cohort.diseases()],
        periods=PERIODS,
        table_one=tables.table_one(cohort),
        patient_table=_patient_table(cohort, toxicity, subjects),
        patients=patients.patients(cohort, anchors, evidence.decisions(cohort, rows), toxicity, agenda, timelines),
        agenda=agenda,
        safety_table=tables.safety(summary),
        rates_table=tables.rates(summary),
        efficacy_tables=tables.efficacy(acute),
        efficacy_asked=any(e.domain in ("efficacy", "treatment") for e in acute.estimates),
        durability_tables=tables.efficacy(lasting),
        described=analysed.described(analysis.baseline) if analysis.baseline.height else None,
        shifts=analysed.shifts(analysis.shifts) if analysis.shifts.height else None,
        every_estimate=analysed.every_estimate(analysis.estimates, analysis.responders),
        why=why,
        leading={e.id for e in summary.estimates},
        reasons=behind.places([*analysis.estimates["id"], *(e.id for e in summary.estimates)], [w.id for w in why]),
        flow=_flow(analysis.flow),
        methods=_methods(cohort, summary),
        criteria=[registry.get(key) for key in _criteria_used(cohort)],
        problems=_problems(cohort),
        provenance=_provenance(cohort, summary),
        comparison=comparison,
        journal=journal,
    )


def _patient_table(cohort: Cohort, toxicity: dict[str, evidence.Toxicity], subjects: list[str]) -> tables.Table:
    """The patients with a section of their own, and how many have none."""
    table = tables.patients(cohort, at_baseline(cohort), toxicity)
    wanted = set(subjects)
    return replace(table, rows=tuple(row for row in table.rows if row.header in wanted))


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
    """The four figures a reader asks for first: CRS of grade 2 or more, ICANS, the leading response, drugs stopped."""
    responses = [e for q in ("doris", "tis_major", "eustar_ai_improved") if (e := at_landmark(summary, q)) is not None]
    response = max(responses, key=lambda e: e.denominator, default=None)
    chosen = (
        summary.find("crs_grade_2_or_more"),
        summary.find("icans_any"),
        response,
        summary.find("drug_free_antimalarial_allowed_last_visit"),
    )
    return [e for e in chosen if e is not None and e.denominator]


SHORT_LABELS = {
    "drug_free_antimalarial_allowed_last_visit": "Off glucocorticoids, immunosuppressants and biologics, last visit"
}

BESIDE = {
    "crs_grade_2_or_more": ("crs_grade_3_or_more", "Grade 3 or more"),
    "icans_any": ("icans_grade_3_or_more", "Grade 3 or more"),
}
"""What stands in a second line below a figure of the headline."""


def _card(estimate: Estimate, summary: Summary) -> dict[str, Any]:
    line = tables.line(estimate, SHORT_LABELS.get(estimate.id, estimate.label))
    count_ = (int(estimate.numerator), int(estimate.denominator))
    id_, words = BESIDE.get(estimate.id, ("", ""))
    other = summary.find(id_)
    beside = f"{words}: {share(other)}" if other is not None and other.denominator else ""
    population = tables.population(estimate.population)
    return {**line.__dict__, "count": count_, "population": population, "beside": beside}


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
        "Curves of fewer than 20 patients, or without any event, have beta-product (BPCP) limits, others log-log"
        " limits; events that compete with death are Aalen-Johansen estimates, events that recur mean cumulative"
        " functions. Changes of scores are Hodges-Lehmann estimates with limits of the exact signed-rank test. What"
        " diseases lend each other comes from a hierarchical model, named with its prior. Every estimate names its"
        " method.",
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
