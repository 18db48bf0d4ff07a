"""The methods section of a paper: what was done with these data, by which criteria, and how it was counted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from aftercart.analysis.analyze import Analysis
from aftercart.analysis.summary import Summary
from aftercart.criteria import registry
from aftercart.reporting.journal import phrases, references
from aftercart.reporting.journal.paragraph import Paragraph
from aftercart.reporting.numbers import listed
from aftercart.study.model import StudyMeta

BASELINE = {
    "last_before_lymphodepletion": "the last value before lymphodepletion",
    "last_before_infusion": "the last value before the infusion",
}

DOMAINS = (("eligibility", "Eligibility"), ("safety", "Safety"), ("efficacy", "Efficacy"), ("treatment", "Treatment"))


def methods(
    meta: StudyMeta, summary: Summary, analysis: Analysis, numbered: Mapping[str, int]
) -> tuple[Paragraph, ...]:
    """The paragraphs, with the numbers of the references that the criteria rest on.

    numbered: number of each reference by its key.
    """
    return (
        Paragraph("Time points", _time(meta, summary)),
        Paragraph("Criteria", " ".join(_criteria(summary, numbered))),
        Paragraph("Missing data", _missing(analysis)),
        Paragraph("Statistics", " ".join(_statistics(summary, analysis))),
        Paragraph("Reproducibility", _source(summary)),
    )


def cited(summary: Summary) -> tuple[references.Reference, ...]:
    """The references of the criteria that decide an outcome of the summary, in the order in which they are named."""
    found: dict[str, references.Reference] = {}
    for keys in _deciding(summary).values():
        for key in keys:
            found |= {r.key: r for r in references.of_criteria([key])}
    return tuple(found.values())


def _time(meta: StudyMeta, summary: Summary) -> str:
    cohort = summary.cohort
    infusion = "the infusion" if meta.reference_infusion == 1 else f"infusion {meta.reference_infusion}"
    parts = [
        f"Day 0 was the day of {infusion}. Baseline was {BASELINE[meta.baseline_rule]}, at most"
        f" {phrases.counted(meta.baseline_lookback_days, 'day', 'days')} earlier."
    ]
    windows = [
        f"{v.name.replace('_', ' ')} (day {v.target_day}, window {v.target_day - v.before} to {v.target_day + v.after})"
        for v in meta.visits
    ]
    if windows:
        parts.append(
            f"Assessments were assigned to {'this planned visit' if len(windows) == 1 else 'planned visits'}:"
            f" {listed(windows)}; within a window the assessment nearest the planned day counted."
        )
    else:
        parts.append("No visits were planned in the data, so that no result is given by visit.")
    if cohort["data_cut_off"]:
        parts.append(f"The data cut-off was {phrases.in_words(cohort['data_cut_off'])}.")
    if meta.complete_drug_classes:
        parts.append(
            f"The record of these medicines was declared complete, so that none recorded means none given:"
            f" {listed(meta.complete_drug_classes)}."
        )
    return " ".join(parts)


def _deciding(summary: Summary) -> dict[str, list[str]]:
    """The criteria that decide an outcome, by domain, in the order of the summary."""
    found: dict[str, list[str]] = {}
    for estimate in summary.estimates:
        keys = found.setdefault(estimate.domain, [])
        if estimate.criterion is not None and estimate.criterion not in keys:
            keys.append(estimate.criterion)
    return {domain: keys for domain, keys in found.items() if keys}


def _criteria(summary: Summary, numbered: Mapping[str, int]) -> Iterator[str]:
    yield (
        "Grades, scores and responses were computed from the recorded values; no reported grade was used in place of a"
        " computed one. Versions are those of the rules in the software."
    )
    deciding = _deciding(summary)
    for domain, name in DOMAINS:
        named = [_criterion(key, numbered) for key in deciding.get(domain, [])]
        if named:
            yield f"{name} was assessed by {listed(named)}."
    used = set(summary.cohort["criterion_versions"])
    others = len(used - {key for keys in deciding.values() for key in keys})
    if others:
        yield (
            f"{phrases.counted(others, 'further criterion', 'further criteria')} {phrases.were(others)} run on the same"
            " data; the bibliography lists their sources."
        )


def _criterion(key: str, numbered: Mapping[str, int]) -> str:
    entry = registry.get(key)
    numbers = sorted(numbered[r.key] for r in references.of_criteria([key]))
    marks = f" [{', '.join(map(str, numbers))}]" if numbers else " (a rule of the software)"
    return (
        f"{entry.title}, version {entry.version}{marks}"
        if "," not in entry.title
        else (f"\u201c{entry.title}\u201d, version {entry.version}{marks}")
    )


def _missing(analysis: Analysis) -> str:
    imputed = analysis.estimates["id"].str.ends_with("_nri").any()
    return (
        "A missing value was never taken as normal. A result was given where the missing values could not change it;"
        " otherwise it was not evaluable, and the patient was left out of the denominator and counted with the reason."
        + (
            " In a second count at each planned visit, patients who were not evaluable counted as not responding;"
            " those whose visit was still to come at the data cut-off were left out."
            if imputed
            else ""
        )
    )


_METHODS = (
    ("Clopper-Pearson", "proportions with exact Clopper-Pearson intervals"),
    ("Garwood", "rates per patient-time with exact Poisson (Garwood) intervals"),
    ("Kaplan-Meier", "times to an event by the Kaplan-Meier method"),
    ("beta-product", "limits of these curves by the beta product confidence procedure"),
    ("log-log", "limits of medians of times from log-log transformed curves"),
    ("reverse Kaplan-Meier", "follow-up by the reverse Kaplan-Meier method"),
    ("Hodges-Lehmann", "changes from baseline by the Hodges-Lehmann estimate with limits from the signed-rank test"),
    ("mixed model", "courses of scores by a linear mixed model (restricted maximum likelihood)"),
    ("Nelson", "numbers of infections per patient by the mean cumulative function with robust variance"),
    ("hierarchical model", "responses across diseases also partially pooled by a Bayesian hierarchical model"),
    ("cumulative incidence", "relapse with death as a competing event by the Aalen-Johansen estimate"),
)
"""How a method is known from its name in the estimates, and what a paper says of it."""


def _statistics(summary: Summary, analysis: Analysis) -> Iterator[str]:
    yield (
        "The denominator of every proportion is the number of evaluable patients. Counts are given throughout, and no"
        " percentage where fewer than five patients were evaluable."
    )
    used = [name for text, name in _METHODS if any(text in method for method in _named(summary, analysis))]
    if used:
        yield f"We report {'; '.join(used)}."
    ends = summary.cohort["follow_up_ends"]
    if ends:
        how = listed(f"{why} in {n}" for why, n in ends.items())
        yield f"Follow-up ended with {how}; times to an event were censored there."
    yield f"Intervals are two-sided {analysis.about['confidence']:.0%} intervals. No hypothesis was tested."


def _named(summary: Summary, analysis: Analysis) -> Iterable[str]:
    known = analysis.estimates.filter(analysis.estimates["estimate"].is_not_null())
    given = (e.ci_method for e in summary.estimates if e.estimate is not None)
    incidence = ["cumulative incidence"] if (known["id"] == "relapse_incidence").any() else []
    return {*known["ci_method"], *given, *incidence}


def _source(summary: Summary) -> str:
    cohort = summary.cohort
    return (
        f"The analysis was made with {cohort['software']} {cohort['software_version']} from data with the SHA-256"
        f" content hash {cohort['content_hash']}; the same data give the same numbers."
    )
