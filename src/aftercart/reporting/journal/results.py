"""The results section of a paper: every sentence from an estimate that was already made, right in thin studies too."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from aftercart.analysis.analyze import Analysis
from aftercart.analysis.records import ALL
from aftercart.analysis.safety import ALL as EVERYONE
from aftercart.analysis.summary import Estimate, Summary
from aftercart.reporting.journal.paragraph import Paragraph
from aftercart.reporting.journal.phrases import (
    counted,
    diseases,
    estimated,
    happened,
    in_words,
    limits,
    of_patients,
    reasons,
    were,
)
from aftercart.reporting.numbers import indication, listed, number, opening
from aftercart.reporting.words import LANDMARK_ORDER, share


def results(summary: Summary, analysis: Analysis) -> tuple[Paragraph, ...]:
    """The paragraphs on patients, safety, efficacy and durability; one that has nothing to say says why."""
    if not summary.cohort["n"]:
        return (Paragraph("Patients", "No patient had a fully dated infusion; there are no results."),)
    told = _Told(summary, analysis)
    return (
        Paragraph("Patients and follow-up", " ".join(told.patients())),
        Paragraph("Safety", " ".join(told.safety())),
        Paragraph("B cells", " ".join(told.b_cells())),
        Paragraph("Efficacy", " ".join(told.efficacy())),
        Paragraph("Durability", " ".join(told.durability())),
        Paragraph("Treatment", " ".join(told.treatment())),
    )


QUESTIONS = (
    ("doris", "DORIS remission was reached"),
    ("lldas", "a lupus low disease activity state was reached"),
    ("sledai_2k_zero", "the SLEDAI-2K was 0"),
    ("tis_moderate", "the response was at least moderate by the total improvement score"),
    ("tis_major", "the response was major by the total improvement score"),
    ("eustar_ai_improved", "the EUSTAR activity index had decreased"),
)

TREATMENT = (
    ("glucocorticoid_free", "glucocorticoids"),
    ("drug_free_antimalarial_allowed", "glucocorticoids, immunosuppressants and biologics"),
    ("drug_free_strict", "all of these and antimalarials"),
)

INFECTIONS = (
    ("infection_any", "An infection", "infection_rate", "infections"),
    ("infection_serious", "A serious infection", "infection_serious_rate", "serious infections"),
)

GIVEN = (
    ("tocilizumab_given", "tocilizumab"),
    ("anakinra_given", "anakinra"),
    ("glucocorticoid_for_toxicity_given", "glucocorticoids"),
    ("vasopressor_given", "vasopressors"),
)


class _Told:
    """The sentences of one study."""

    def __init__(self, summary: Summary, analysis: Analysis) -> None:
        self.summary, self.analysis, self.cohort = summary, analysis, summary.cohort

    def _record(self, id_: str, time: str | None = None) -> dict[str, Any] | None:
        try:
            found = self.analysis.estimate(id_, ALL, time)
        except KeyError:
            return None
        return found if found["denominator"] else None

    def patients(self) -> Iterator[str]:
        c, n = self.cohort, self.cohort["n"]
        first, last = in_words(c["first_infusion"]), in_words(c["last_infusion"])
        when = f" on {first}" if first == last else f" between {first} and {last}"
        yield f"{opening(n, 'patient', 'patients')}, {self._who()}, {were(n)} infused{when if first else ''}."
        if c["n_not_infused"]:
            left = c["n_not_infused"]
            yield f"{counted(left, 'patient', 'patients')} without a fully dated infusion {were(left)} not included."
        yield from self._median("age_years", "age", "years")
        yield from self._median("disease_duration_years", "disease duration", "years")
        for e in self._refractory():
            yield happened(e, e.label.replace("Refractory disease at entry", "Refractory disease"), "was present")
        yield self._follow_up()

    def _who(self) -> str:
        c, n = self.cohort, self.cohort["n"]
        names = {"F": ("woman", "women"), "M": ("man", "men")}
        if n == 1:
            (code,), (sex,) = c["n_by_disease"], c["sex"]
            person = names[sex][0] if sex in names else "person whose sex is not stated"
            return f"a {person} with {indication(code, long=True)}"
        sexes = [counted(k, *names[s]) for s, k in c["sex"].items() if s in names]
        other = sum(k for s, k in c["sex"].items() if s not in names)
        sexes += [f"{other} of other or unrecorded sex"] if other else []
        only = len(c["n_by_disease"]) == 1
        who = (
            f"all with {indication(next(iter(c['n_by_disease'])), long=True)}" if only else diseases(c["n_by_disease"])
        )
        return f"{who} ({listed(sexes)})"

    def _median(self, name: str, label: str, unit: str) -> Iterator[str]:
        c = self.cohort
        value, (low, high), known = c[f"{name}_median"], c[f"{name}_range"], c[f"{name}_known"]
        gap = f"; not recorded in {c['n'] - known}" if 0 < known < c["n"] else ""
        if value is None:
            yield f"{label.capitalize()} was not recorded."
        elif known == 1:
            yield f"{label.capitalize()} was {number(value)} {unit}{f' ({gap[2:]})' if gap else ''}."
        else:
            yield f"Median {label} was {number(value)} {unit} (range {number(low)} to {number(high)}{gap})."

    def _refractory(self) -> list[Estimate]:
        found = [e for e in self.summary.estimates if e.criterion == "refractory" and e.denominator]
        return [e for e in found if e.population == EVERYONE] or found

    def _follow_up(self) -> str:
        c = self.cohort
        value, (low, high) = c["follow_up_months_median"], c["follow_up_months_range"]
        if low is None:
            return "Follow-up was not recorded."
        time = f"{number(c['person_years'])} patient-years in all"
        if c["n"] == 1 or low == high:
            return f"Follow-up was {number(low)} months ({time})."
        if value is None:
            return f"Follow-up ranged from {number(low)} to {number(high)} months ({time}; the median was not reached)."
        found = self.summary.get("follow_up_months")
        spread = f"{limits(found.ci_low, found.ci_high)}; range {number(low)} to {number(high)}"
        return f"Median follow-up was {number(value)} months ({spread}; {time})."

    def safety(self) -> Iterator[str]:
        for name, label, grades in (
            ("crs", "Cytokine release syndrome", "crs_by_max_grade"),
            ("icans", "Immune effector cell-associated neurotoxicity syndrome", "icans_by_max_grade"),
            (
                "early_icaht",
                "Early immune effector cell-associated haematotoxicity (day 0 to 30)",
                "early_icaht_by_grade",
            ),
        ):
            yield from self._toxicity(name, label, self.cohort[grades])
        yield from self._given()
        late = self.summary.find("late_neutropenia_grade_4")
        if late is not None and late.denominator:
            yield happened(late, "Grade 4 neutropenia after day 30")
            resolved = self.summary.find("late_neutropenia_grade_4_resolved")
            if late.numerator and resolved is not None and resolved.denominator:
                yield f"It resolved in {number(resolved.numerator, 0)} of {number(resolved.denominator, 0)}."
        for id_, label, rate, events in INFECTIONS:
            found = self.summary.find(id_)
            if found is not None:
                yield happened(found, label, "was recorded")
                yield from self._rate(rate, events)
        death = self.summary.find("death")
        if death is not None and death.denominator:
            yield f"{'Deaths' if death.numerator else 'No patient died'}: {share(death)}."

    def _toxicity(self, name: str, label: str, grades: Mapping[str, int]) -> Iterator[str]:
        every, severe = self.summary.find(f"{name}_any"), self.summary.find(f"{name}_grade_3_or_more")
        if every is None:
            return
        yield happened(every, label)
        if not every.numerator:
            return
        spread = [f"grade {g} in {n}" for g, n in grades.items() if n and g not in ("0", "not_evaluable")]
        if grades["not_evaluable"]:
            spread.append(f"not decided in {grades['not_evaluable']}")
        if spread:
            one = every.numerator == 1 and len(spread) == 1
            yield f"The worst grade was {spread[0].partition(' in ')[0] if one else listed(spread)}."
        yield from self._when(name)
        if severe is not None:
            yield happened(severe, "Grade 3 or more")

    def _when(self, name: str) -> Iterator[str]:
        onset, lasting = self._record(f"{name}_onset_day"), self._record(f"{name}_duration_days")
        if onset is None or lasting is None or onset["estimate"] is None:
            return
        day, days = number(onset["estimate"]), counted_number(lasting["estimate"], "day", "days")
        if onset["numerator"] == 1:
            yield f"Onset was on day {day}, and it lasted {days}."
        else:
            yield f"Median onset was on day {day}, and the median duration was {days}."

    def _given(self) -> Iterator[str]:
        said, none = [], []
        for id_, label in GIVEN:
            found = self._record(id_)
            if found is not None and found["numerator"]:
                patients = "patient" if found["denominator"] == 1 else "patients"
                said.append(f"{label} in {found['numerator']:g} of {found['denominator']:g} {patients}")
            elif found is not None:
                none.append(label)
        if said:
            yield f"Given for toxicity: {listed(said)}."
        if none:
            yield f"No patient received {' or '.join(none)} for toxicity."

    def _rate(self, id_: str, events: str) -> Iterator[str]:
        found = self.summary.find(id_)
        if found is None or not found.numerator or found.estimate is None:
            return
        low, high = found.ci_low, found.ci_high
        spread = "no interval exists" if low is None or high is None else f"95% CI {per_year(low)} to {per_year(high)}"
        over = f"{number(found.numerator, 0)} in {number(found.denominator)} patient-years"
        yield f"The rate of {events} was {per_year(found.estimate)} per patient-year ({over}; {spread})."

    def b_cells(self) -> Iterator[str]:
        gone, back = self.summary.find("b_cell_aplasia"), self.summary.find("b_cell_return")
        if gone is None or not gone.denominator:
            yield "B-cell counts were not evaluable in any patient."
            return
        yield happened(gone, "B-cell aplasia")
        if back is None or not back.denominator:
            return
        yield happened(back, "B cells", "returned")
        day = self.summary.find("b_cell_return_day")
        if day is not None and day.estimate is not None:
            one = day.denominator == 1
            spread = "" if one else f" ({limits(day.ci_low, day.ci_high)})"
            yield f"They were found again {'on day' if one else 'at a median of day'} {number(day.estimate)}{spread}."

    def efficacy(self) -> Iterator[str]:
        by_population: dict[str, list[str]] = {}
        silent: dict[str, list[str]] = {}
        for question, words in QUESTIONS:
            found = next((e for e in self._visits(question) if e.denominator), None)
            if found is not None:
                when = found.label.rsplit(", ", 1)[-1]
                place = "the last visit" if when == "last visit" else when
                by_population.setdefault(found.population, []).append(f"{words} in {of_patients(found)} at {place}")
            elif self._visits(question):
                asked = self._visits(question)[-1]
                name = asked.label.rsplit(", ", 1)[0]
                silent.setdefault(asked.population, []).append(
                    f"{name} could not be evaluated{reasons(asked.not_evaluable_reasons)}"
                )
        for population, said in {**by_population, **{p: [] for p in silent if p not in by_population}}.items():
            yield f"In {_population(population)}, {'; '.join([*said, *silent.get(population, [])])}."
        if not by_population and not silent:
            yield "No efficacy criterion could be assessed from these data."

    def _visits(self, question: str) -> list[Estimate]:
        """The estimates of a question, in the order in which a paper would choose among them."""
        found = (self.summary.find(f"{question}_{mark}") for mark in LANDMARK_ORDER)
        return [e for e in found if e is not None]

    def durability(self) -> Iterator[str]:
        reached = self.summary.find("remission_reached")
        said = False
        if reached is not None:
            said = True
            yield happened(reached, "Remission at any visit", "was reached")
            sustained, relapse = self.summary.find("remission_sustained"), self.summary.find("relapse")
            if sustained is not None and sustained.denominator:
                yield happened(sustained, "Remission sustained to the last visit", "was seen")
            if relapse is not None and relapse.denominator:
                yield happened(relapse, "Relapse after remission")
            yield from self._curve("in_remission", "still being in remission", "after remission was reached")
        free = list(self._curve("drug_free", "being free of drugs for the disease", "after the infusion"))
        yield from free
        if not said and not free:
            yield "No remission could be assessed from these data, so that its duration cannot be given."

    def _curve(self, id_: str, what: str, since: str) -> Iterator[str]:
        """The curve at the latest of months 12, 6 and 3 that it reaches."""
        for months in (12, 6, 3):
            found = self._record(id_, f"month {months}")
            if found is not None and found["estimate"] is not None:
                events = counted(int(found["numerator"]), "event", "events")
                people = counted(int(found["denominator"]), "patient", "patients")
                yield (
                    f"The Kaplan-Meier probability of {what} {months} months {since} was {estimated(found)},"
                    f" with {events} in {people}."
                )
                return

    def treatment(self) -> Iterator[str]:
        asked = [(self.summary.find(f"{id_}_last_visit"), words) for id_, words in TREATMENT]
        said = [
            f"{of_patients(e)} {were(int(e.numerator))} free of {words}" for e, words in asked if e and e.denominator
        ]
        if said:
            yield f"At the last visit, {'; '.join(said)}."
        elif any(e for e, _ in asked):
            yield "What was still taken could not be evaluated in any patient."
        else:
            yield "Medicines for the disease after infusion could not be assessed from these data."


def per_year(value: float) -> str:
    """A rate with two decimals, with more where these would be 0."""
    return f"{value:.2f}" if not 0 < value < 0.005 else f"{value:.1g}"


def counted_number(value: float, singular: str, plural: str) -> str:
    """`1 day`, `2.5 days`."""
    return f"{number(value)} {singular if value == 1 else plural}"


def _population(codes: str) -> str:
    return codes if codes.startswith("all ") else listed(indication(c, long=True) for c in codes.split(" and "))
