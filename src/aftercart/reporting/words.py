"""The result in words: an abstract made from the numbers, for the page and for the terminal."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import fill
from typing import Any

from aftercart.analysis.baseline import row_id
from aftercart.analysis.safety import ALL
from aftercart.analysis.summary import Estimate, Summary
from aftercart.reporting.numbers import indication, listed, number, of, opening, proportion

PAGE_WIDTH = 100
"""Characters in a line of the abstract on a terminal."""

LANDMARK_ORDER = ("month_6", "month_3", "month_12", "last_visit")
"""Visit at which an abstract states a result: month 6 where it was evaluable, else the next of these."""

LEADING = (
    ("doris", "DORIS remission was reached by"),
    ("sledai_2k_zero", "a SLEDAI-2K of 0 by"),
    ("lldas", "low disease activity (LLDAS) by"),
    ("tis_major", "a major response (total improvement score) was reached by"),
    ("tis_moderate", "at least a moderate response by"),
    ("eustar_ai_improved", "the EUSTAR activity index had decreased in"),
)


@dataclass(frozen=True)
class Piece:
    """A stretch of a sentence; a number that an estimate gives has the estimate's id and label."""

    text: str
    estimate: str = ""
    label: str = ""


def abstract(summary: Summary) -> str:
    """State the study as a congress abstract does: patients, safety, efficacy, treatment, follow-up.

    Every proportion comes with its count and its exact 95% interval; a part without data says so. Lines are wrapped
    for a terminal.
    """
    parts = [(heading, "".join(piece.text for piece in pieces)) for heading, pieces in abstract_parts(summary)]
    width = max(len(heading) for heading, _ in parts) + 2
    return "\n".join(
        fill(text, PAGE_WIDTH, initial_indent=heading.ljust(width), subsequent_indent=" " * width)
        for heading, text in parts
    )


def abstract_parts(summary: Summary) -> list[tuple[str, list[Piece]]]:
    """The abstract as (heading, pieces of its sentences) pairs."""
    if summary.cohort["n"] == 0:
        return [("Patients", [Piece("No patient with a dated infusion is in this study.")])]
    parts = [
        ("Patients", _patients(summary)),
        ("Safety", _safety(summary)),
        ("B cells", _b_cells(summary)),
        ("Efficacy", _efficacy(summary)),
        ("Treatment", _treatment(summary)),
        ("Follow-up", _follow_up(summary)),
    ]
    warning = [("Simulated data", [Piece(SIMULATED)])] if summary.cohort["simulated"] else []
    return [*warning, *((heading, _pieces(text)) for heading, text in parts if text)]


FROM, IS, TO = "\x02", "\x1f", "\x03"
"""Within a sentence that is being put together: a number stands between these, behind id and label of its estimate."""


def _told(text: str, id_: str, label: str) -> str:
    return IS.join((f"{FROM}{id_}", label, f"{text}{TO}"))


def _pieces(text: str) -> list[Piece]:
    found = []
    for part in re.split(f"({FROM}[^{TO}]*{TO})", text):
        if part.startswith(FROM):
            id_, label, said = part[1:-1].split(IS)
            found.append(Piece(said, id_, label))
        elif part:
            found.append(Piece(part))
    return found


SIMULATED = "Some or all values of this study are simulated or reconstructed; they are not a clinical result."


def share(estimate: Estimate) -> str:
    """A proportion as it stands in a sentence, with the patients who could not be evaluated."""
    counts = int(estimate.numerator), int(estimate.denominator)
    return stated(*counts, estimate.ci_low, estimate.ci_high, estimate.not_evaluable)


def stated(numerator: int, denominator: int, low: float | None, high: float | None, not_evaluable: int) -> str:
    """The same from its numbers."""
    text = proportion(numerator, denominator, low, high)
    return f"{text[:-1]}; {not_evaluable} not evaluable)" if not_evaluable and "(" in text else text


def _share(estimate: Estimate) -> str:
    """The same in the abstract, with its count told."""
    return share(estimate).replace(_count(estimate), _counted(estimate), 1)


def _counted(estimate: Estimate) -> str:
    return _told(_count(estimate), estimate.id, estimate.label)


def _count(estimate: Estimate) -> str:
    return of(int(estimate.numerator), int(estimate.denominator))


def _patients(summary: Summary) -> str:
    cohort = summary.cohort
    diseases = listed(f"{n} with {indication(code)}" for code, n in cohort["n_by_disease"].items())
    sexes = _sexes(cohort["sex"])
    details = "; ".join(p for p in (diseases, sexes) if p)
    text = f"{opening(cohort['n'], 'patient', 'patients')} ({details}) received CAR T cells{_between(cohort)}."
    facts = [
        _median(cohort, "age_years", "Age at infusion", "median age"),
        _median(cohort, "disease_duration_years", "Disease duration at infusion", "median disease duration"),
    ]
    known = listed(f for f in facts if f)
    sentences = [text, f"{known[0].upper()}{known[1:]}." if known else "", _refractory(summary)]
    return " ".join(s for s in sentences if s)


def _sexes(sex: dict[str, int]) -> str:
    names = {"F": ("woman", "women"), "M": ("man", "men")}
    told = {code: _told(str(n), row_id("Sex", code), f"Sex: {code}") for code, n in sex.items()}
    known = [f"{told[code]} {names[code][n != 1]}" for code, n in sex.items() if code in names]
    other = sum(n for code, n in sex.items() if code not in names)
    return listed([*known, *([f"{other} of other or unrecorded sex"] if other else [])])


def _between(cohort: dict[str, Any]) -> str:
    first, last = cohort["first_infusion"], cohort["last_infusion"]
    if first is None:
        return ""
    return f" on {first}" if first == last else f" between {first} and {last}"


def _median(cohort: dict[str, Any], name: str, variable: str, label: str) -> str:
    value, (low, high), known = cohort[f"{name}_median"], cohort[f"{name}_range"], cohort[f"{name}_known"]
    if value is None:
        return ""
    spread = f"range {number(low)} to {number(high)}" if known > 1 else "one patient"
    unknown = cohort["n"] - known
    gap = f"; not recorded in {unknown}" if unknown else ""
    return f"{label} {_told(number(value), row_id(variable), variable)} years ({spread}{gap})"


def _refractory(summary: Summary) -> str:
    found = [e for e in summary.estimates if e.criterion == "refractory" and e.denominator]
    common = [e for e in found if e.population == ALL] or found
    return " ".join(f"{e.label}: {_share(e)}." for e in common)


def _safety(summary: Summary) -> str:
    parts = [
        _toxicity(summary, "crs", "Cytokine release syndrome (CRS)", summary.cohort["crs_by_max_grade"]),
        _toxicity(summary, "icans", "ICANS", summary.cohort["icans_by_max_grade"]),
        _toxicity(summary, "early_icaht", "Early ICAHT", summary.cohort["early_icaht_by_grade"]),
        _late_neutropenia(summary),
        _event(summary, "infection_serious", "A serious infection"),
        _event(summary, "pneumonia_hospitalised", "Pneumonia with hospital stay"),
        _deaths(summary),
    ]
    return " ".join(p for p in parts if p)


def _toxicity(summary: Summary, name: str, label: str, grades: dict[str, int]) -> str:
    any_grade = summary.find(f"{name}_any")
    if any_grade is None or not any_grade.denominator:
        return f"{label} could not be evaluated in any patient."
    by_grade = [f"grade {g} in {n}" for g, n in grades.items() if g not in ("0", "not_evaluable") and n]
    if grades["not_evaluable"] and by_grade:
        by_grade.append(f"not decided in {grades['not_evaluable']}")
    spread = f" (worst grade: {listed(by_grade)})" if by_grade else ""
    text = f"{label} occurred in {_share(any_grade)}{spread}"
    for grade in (2, 3):
        severe = summary.find(f"{name}_grade_{grade}_or_more")
        if severe is not None and severe.denominator:
            text += f"; grade {grade} or more in {_share(severe)}"
    return f"{text}."


def _late_neutropenia(summary: Summary) -> str:
    late, resolved = summary.find("late_neutropenia_grade_4"), summary.find("late_neutropenia_grade_4_resolved")
    if late is None or not late.denominator:
        return ""
    text = f"Grade 4 neutropenia after day 30 occurred in {_share(late)}"
    if late.numerator and resolved is not None:
        text += f" and resolved in {_counted(resolved)}"
    return f"{text}."


def _event(summary: Summary, id_: str, label: str) -> str:
    found = summary.find(id_)
    if found is None:
        return ""
    return f"{label} was recorded in {_share(found)}." if found.denominator else f"{label} could not be evaluated."


def _deaths(summary: Summary) -> str:
    found = summary.find("death")
    return f"Deaths: {_share(found)}." if found is not None and found.denominator else ""


def _b_cells(summary: Summary) -> str:
    aplasia, back = summary.find("b_cell_aplasia"), summary.find("b_cell_return")
    if aplasia is None or not aplasia.denominator:
        return ""
    text = f"B cells disappeared in {_share(aplasia)}"
    if back is None or not back.denominator:
        return f"{text}."
    text += f" and returned in {_share(back)}"
    day = summary.find("b_cell_return_day")
    if day is not None and day.estimate is not None:
        text += f", after a median of {_told(number(day.estimate), day.id, day.label)} days{_limits(day, 'days')}"
    return f"{text}."


def _limits(estimate: Estimate, unit: str) -> str:
    low, high = estimate.ci_low, estimate.ci_high
    if low is None and high is None:
        return ""
    if high is None:
        return f" (95% CI from {number(low or 0)} {unit}; no upper limit)"
    return f" (95% CI {'0' if low is None else number(low)} to {number(high)})"


def at_landmark(summary: Summary, question: str) -> Estimate | None:
    """The estimate of a question at the visit an abstract would state it for; None when never evaluable."""
    for mark in LANDMARK_ORDER:
        found = summary.find(f"{question}_{mark}")
        if found is not None and found.denominator:
            return found
    return None


def _efficacy(summary: Summary) -> str:
    by_population: dict[str, list[str]] = {}
    for question, words in LEADING:
        found = at_landmark(summary, question)
        if found is not None:
            visit = found.label.rsplit(", ", 1)[-1]
            by_population.setdefault(found.population, []).append(f"{words} {_share(found)} at {_the(visit)}")
        elif (asked := summary.find(f"{question}_last_visit")) is not None:
            name = asked.label.rsplit(", ", 1)[0]
            by_population.setdefault(asked.population, []).append(f"{name} could not be evaluated")
    sentences = [f"In {_population(name)}, {'; '.join(parts)}." for name, parts in by_population.items()]
    sustained = summary.find("remission_sustained")
    if sustained is not None and sustained.denominator:
        sentences.append(f"Remission, once reached, was sustained to the last visit in {_share(sustained)}.")
    return " ".join(sentences) or "No efficacy result could be evaluated."


def _the(visit: str) -> str:
    return f"the {visit}" if visit == "last visit" else visit


def _population(codes: str) -> str:
    return codes if codes.startswith("all ") else listed(indication(c) for c in codes.split(" and "))


def _treatment(summary: Summary) -> str:
    without = summary.find("glucocorticoid_free_last_visit")
    free = summary.find("drug_free_antimalarial_allowed_last_visit")
    strict = summary.find("drug_free_strict_last_visit")
    parts: Sequence[tuple[Estimate | None, str]] = (
        (without, "took no glucocorticoid"),
        (free, "took no glucocorticoid, immunosuppressant or biologic (an antimalarial was allowed)"),
        (strict, "took none of these and no antimalarial"),
    )
    said = [f"{_share(e)} {what}" for e, what in parts if e is not None and e.denominator]
    if said:
        return f"At the last visit, {listed(said)}."
    return "What was still taken could not be evaluated in any patient." if any(e for e, _ in parts) else ""


def _follow_up(summary: Summary) -> str:
    cohort = summary.cohort
    median, (low, high) = cohort["follow_up_months_median"], cohort["follow_up_months_range"]
    if low is None:
        return "No follow-up is recorded."
    years = f"{number(cohort['person_years'])} patient-years in all"
    if median is None:
        return f"Follow-up ranged from {number(low)} to {number(high)} months ({years})."
    limits = _limits(summary.get("follow_up_months"), "months").replace(" (", "", 1).removesuffix(")")
    span = f"range {number(low)} to {number(high)}"
    details = "; ".join(part for part in (limits, span, years) if part)
    told = _told(number(median), "follow_up_months", "Median follow-up")
    return f"Median follow-up was {told} months ({details})."
