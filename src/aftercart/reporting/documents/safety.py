"""Tables of chapter 14.3: toxicity by grade, laboratory grades, infections, adverse events, and what never happened."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import polars as pl

from aftercart.analysis.counts import EVENTS, WORST
from aftercart.analysis.infections import PERIODS
from aftercart.analysis.intervals import zero_event_bound
from aftercart.analysis.records import ALL
from aftercart.criteria import registry
from aftercart.reporting import numbers
from aftercart.reporting.documents.model import NumberedTable
from aftercart.reporting.documents.patients import counted
from aftercart.reporting.documents.source import (
    LABEL_WIDTH,
    QUARTILES,
    Record,
    Source,
    count,
    median_time,
    proportion,
    rate,
    spread,
)
from aftercart.reporting.tables import Column, Row, Table

OVERVIEW = (
    ("adverse_event_any", "Any adverse event"),
    ("adverse_event_grade_3_or_more", "Reported with grade 3 or more"),
    ("adverse_event_related", "At least possibly related to the cells"),
    ("serious_event", "Serious"),
    ("adverse_event_fatal", "Fatal"),
)

TREATMENTS = (
    ("tocilizumab_given", "Tocilizumab"),
    ("anakinra_given", "Anakinra"),
    ("glucocorticoid_for_toxicity_given", "Glucocorticoids"),
    ("vasopressor_given", "Vasopressors"),
)

COUNTED = "Counted are the recorded events from infusion to the end of observation; terms as coded, else as written."
GRADES = range(6)


def tables(source: Source) -> Iterator[NumberedTable]:
    """All tables of safety, in order."""
    yield _overview(source)
    yield _crs_icans(source)
    yield _haematotoxicity(source)
    yield _worst_grades(source)
    yield _shifts(source)
    yield _infections(source)
    yield _events(source)
    yield _serious(source)
    yield _b_cells(source)


def _rows(source: Source, asked: Iterable[tuple[str, str]]) -> list[Row]:
    return [row for id_, label in asked if (row := source.row(id_, label, proportion))]


def _grouped(source: Source, *groups: tuple[str, Iterable[tuple[str, str]]]) -> list[Row]:
    rows: list[Row] = []
    for heading, asked in groups:
        found = _rows(source, asked)
        rows += [Row(heading, heading=True), *found] if found else []
    return rows


def _made(
    source: Source, number: str, title: str, first: str, rows: Iterable[Row], *notes: str, empty: str = ""
) -> NumberedTable:
    """A table of estimates by disease, with the footnotes its rows call for."""
    found = tuple(rows)
    said = (*(n for n in notes if n), *source.unanswered(found), *source.methods(found))
    return NumberedTable(number, source.everyone(), Table(title, source.columns(first), found, said), empty)


def _overview(source: Source) -> NumberedTable:
    rows = [Row("Patients with at least one event", heading=True), *_rows(source, OVERVIEW)]
    serious = source.row("serious_event_rate", "Serious events in patient-years, rate", rate)
    if serious:
        rows += [Row("Exposure-adjusted", heading=True), serious]
    return _made(
        source,
        "14.3.1",
        "Overview of Adverse Events",
        "Event",
        rows,
        COUNTED,
        "Grade, seriousness, relation and outcome as reported; n/N: patients of those whose events are recorded.",
    )


def _crs_icans(source: Source) -> NumberedTable:
    groups = []
    for name, label, cuts in (("crs", "Cytokine release syndrome (CRS)", (2, 3)), ("icans", "ICANS", (3,))):
        asked = [(f"{name}_any", "Any grade")]
        asked += [(f"{name}_grade_{g}_or_more", f"Grade {g} or more") for g in cuts]
        asked += [(f"{name}_max_grade_{g}", f"Worst grade {g}") for g in GRADES]
        rows = _rows(source, asked)
        for what, words in (("day of onset", "Day of onset"), ("duration", "Duration, days")):
            found = source.described(source.analysis.described, f"{name.upper()}, {what}")
            rows.append(Row(words, tuple(_affected(r) for r in found)))
        groups += [Row(label, heading=True), *rows]
    treated = _rows(source, TREATMENTS)
    groups += [Row("Treatment of CRS or ICANS", heading=True), *treated] if treated else []
    return _made(
        source,
        "14.3.2",
        "Cytokine Release Syndrome and ICANS: Grade, Onset, Duration and Treatment",
        "Toxicity",
        groups,
        "Grades computed from the recorded signs by the ASTCT consensus (2019), not taken from reports; worst grade of"
        " the patient. Day 0 is the infusion; duration: first to last day of any grade.",
        QUARTILES,
    )


def _affected(record: Record | None) -> str:
    if record is None:
        return numbers.NONE
    return "nobody affected" if record["n"] and not record["known"] else spread(record)


def _haematotoxicity(source: Source) -> NumberedTable:
    rows = _grouped(
        source,
        (
            "Early haematotoxicity (ICAHT), day 0 to 30",
            [
                ("early_icaht_any", "Any grade"),
                ("early_icaht_grade_3_or_more", "Grade 3 or more"),
                *((f"early_icaht_max_grade_{g}", f"Worst grade {g}") for g in range(5)),
            ],
        ),
        (
            "Late haematotoxicity (ICAHT), day 31 to 100",
            [("late_icaht_any", "Any grade"), ("late_icaht_grade_3_or_more", "Grade 3 or more")],
        ),
        (
            "Early thrombocytopenia (T-ICAHT), day 0 to 30",
            [
                ("early_thrombocytopenia_any", "Any grade"),
                ("early_thrombocytopenia_grade_3_or_more", "Grade 3 or more"),
            ],
        ),
        (
            "Neutropenia after day 30 (CTCAE v5)",
            [("late_neutropenia_grade_4", "Grade 4"), ("late_neutropenia_grade_4_resolved", "Grade 4, resolved")],
        ),
    )
    return _made(
        source,
        "14.3.3",
        "Haematotoxicity of Immune Effector Cells, Early and Late",
        "Toxicity",
        rows,
        "ICAHT by the EHA/EBMT grading (2023), early grade by the longest run of days below the limit.",
    )


ABBREVIATED = {"alp": "ALP", "alt": "ALT", "aptt": "aPTT", "ast": "AST", "cd4": "CD4", "ck": "CK", "ggt": "GGT"}
ABBREVIATED |= {"inr": "INR", "ldh": "LDH"}


def laboratory_test(group: str) -> str:
    """A laboratory test in words from criterion and variant: `Anemia (CTCAE v5)`, `ALT increased (CTCAE v6)`."""
    criterion, _, variant = group.partition(" ")
    name, edition = (variant.partition(" ")[::2]) if " " in variant else ("", variant)
    words = name.replace("_", " ") or registry.get(criterion).title.partition(",")[0]
    first, _, rest = words.partition(" ")
    words = f"{ABBREVIATED.get(first, first[:1].upper() + first[1:])} {rest}".strip()
    return f"{words} (CTCAE {edition})" if edition else words


def _worst_grades(source: Source) -> NumberedTable:
    rows: list[Row] = []
    mine = source.analysis.counts.filter(pl.col("table") == WORST)
    for group in mine["group"].unique(maintain_order=True):
        rows.append(Row(laboratory_test(group), heading=True))
        rows += [Row(f"Grade {grade}", cells) for grade, cells in counted(source, WORST, group)]
    table = Table(
        "Worst CTCAE Grade of Laboratory Tests after Infusion",
        source.columns("Test and grade"),
        tuple(rows),
        (
            "Patients by worst grade of all values after day 0, of those with a value that could be graded; grades that"
            " nobody had are left out. Definitions: CTCAE version 5 or 6, as named.",
            "No interval is estimated in this table.",
        ),
    )
    return NumberedTable("14.3.4", source.everyone(), table, "No laboratory value after infusion could be graded.")


def _shifts(source: Source) -> NumberedTable:
    shifts, rows = source.analysis.shifts, []
    worst = [*range(5), None]
    for (criterion, variant), mine in shifts.group_by("criterion", "variant", maintain_order=True):
        rows.append(Row(laboratory_test(f"{criterion} {variant}" if variant else str(criterion)), heading=True))
        cells = {(r["baseline_grade"], r["worst_grade"]): r["patients"] for r in mine.iter_rows(named=True)}
        for before in [g for g in [*range(5), None] if any(b == g for b, _ in cells)]:
            line = [cells.get((before, after), 0) for after in worst]
            label = "Not graded at baseline" if before is None else f"Baseline grade {before}"
            rows.append(Row(label, (*(str(n) for n in line), str(sum(line)))))
    heads = [*(f"Worst\ngrade {g}" for g in range(5)), "Not graded\nafter", f"Total\n(N = {source.cohort.n})"]
    table = Table(
        "Shift of CTCAE Grade from Baseline to Worst after Infusion",
        (
            Column("Test and grade at baseline", width=LABEL_WIDTH),
            *(Column(h, numeric=True, stratum=ALL) for h in heads),
        ),
        tuple(rows),
        (
            "Number of patients. Baseline: last grade up to the day of infusion, which follows lymphodepletion; worst:"
            " all values after it.",
            "No interval is estimated in this table.",
        ),
    )
    return NumberedTable("14.3.5", source.everyone(), table, "No laboratory value could be graded.")


def _infections(source: Source) -> NumberedTable:
    rows = _grouped(
        source,
        (
            "Patients with an infection",
            [
                ("infection_any", "Any"),
                ("infection_serious", "Serious"),
                ("pneumonia_hospitalised", "Pneumonia with hospital stay"),
            ],
        ),
    )
    for name, words in (("infection", "Infections"), ("infection_serious", "Serious infections")):
        asked = [(None, "Whole follow-up"), *((p, p.capitalize()) for p, _, _ in PERIODS)]
        found = [source.row(f"{name}_rate_patient_year", label, rate, time) for time, label in asked]
        known = [row for row in found if row]
        rows += [Row(f"{words} in patient-years, rate per patient-year", heading=True), *known] if known else []
    sites = source.analysis.estimates.filter(pl.col("id").str.contains("^infection_(site|term)_"))
    for kind, words in (("site", "By site"), ("term", "By organism or type")):
        mine = sites.filter(pl.col("id").str.starts_with(f"infection_{kind}_"))
        found = [source.row(r["id"], _what(r["label"]), rate) for r in mine.iter_rows(named=True)]
        known = [row for row in found if row]
        rows += [Row(f"{words}, rate per patient-year", heading=True), *known] if known else []
    first = source.row("infection_free_median", "Events/patients and median days", median_time)
    rows += [Row("Time to the first infection", heading=True), first] if first else []
    return _made(
        source,
        "14.3.6",
        "Infections by Period",
        "Infection",
        rows,
        COUNTED,
        "Rates: events in patient-years under observation, of patients whose events are recorded; a patient can have"
        " several. Serious: met a seriousness criterion or a hospital stay. Rates by site and type: all together.",
    )


def _what(label: str) -> str:
    """`Infections, organism or type bacterial_pneumonia per patient-year` without what the heading says."""
    said = label.partition(", ")[2].removesuffix(" per patient-year").replace("_", " ")
    for head in ("organism or type ", "site "):
        said = said.removeprefix(head)
    return said[:1].upper() + said[1:]


def _events(source: Source) -> NumberedTable:
    rows: list[Row] = []
    mine = source.analysis.counts.filter(pl.col("table") == EVENTS)
    reported = {(r["group"], r["label"], r["stratum"]): r for r in mine.iter_rows(named=True)}
    for group in mine["group"].unique(maintain_order=True):
        rows.append(
            Row(
                {"ae": "Adverse events", "aesi": "Events of special interest"}.get(group, group.capitalize()),
                heading=True,
            )
        )
        for label in mine.filter(pl.col("group") == group)["label"].unique(maintain_order=True):
            found = [reported.get((group, label, s)) for s in source.strata]
            cells = tuple(
                numbers.NONE if r is None else f"{count(r['patients'], r['n'])}\n{_times(r['events'])}" for r in found
            )
            rows.append(Row("Any" if label is None else f"{label[:1].upper()}{label[1:]}", cells))
    table = Table(
        "Adverse Events by Category and Term",
        source.columns("Category and term"),
        tuple(rows),
        (
            f"Patients with at least one event, then number of events. {COUNTED}",
            "No interval is estimated in this table.",
        ),
    )
    return NumberedTable("14.3.7", source.everyone(), table, "No adverse event is recorded after infusion.")


def _times(events: int) -> str:
    return "1 event" if events == 1 else f"{events} events"


def _serious(source: Source) -> NumberedTable:
    asked = (
        ("serious_event", "Serious adverse events"),
        ("death", "Deaths from any cause"),
        ("malignancy", "New malignancies"),
        ("crs_grade_3_or_more", "CRS of grade 3 or more"),
        ("icans_grade_3_or_more", "ICANS of grade 3 or more"),
        ("infection_serious", "Serious infections"),
    )
    rows: list[Row] = []
    for id_, heading in asked:
        found = source.row(id_, "Patients", proportion)
        if found:
            limit = source.row(id_, "Upper limit where none occurred", lambda r: _still_possible(source, r))
            rows += [Row(heading, heading=True), found, *([limit] if limit else [])]
    level = f"{source.analysis.about['confidence']:.0%}"
    return _made(
        source,
        "14.3.8",
        "Serious Adverse Events, Deaths, Malignancies and Upper Limits of What Was Not Seen",
        "Event",
        rows,
        f"Upper limit: the risk that no event in so many patients is still compatible with; exact, one-sided {level}.",
        "Patients without a record of events are not evaluable.",
    )


def _still_possible(source: Source, record: Record) -> str:
    n = int(record["denominator"])
    if record["numerator"] or not n:
        return numbers.NONE
    limit = zero_event_bound(n, confidence=source.analysis.about["confidence"]).one_sided
    few = n < numbers.SMALLEST_PERCENT_DENOMINATOR
    return f"0/{n}: up to {numbers.two_decimals(limit) if few else f'{limit:.1%}'}"


def _b_cells(source: Source) -> NumberedTable:
    rows = _grouped(
        source,
        ("B cells", [("b_cell_aplasia", "Aplasia reached"), ("b_cell_return", "Returned after aplasia")]),
        (
            "Immunoglobulins",
            [("igg_severely_low", "IgG at most 4 g/L"), ("immunoglobulin_given", "Replacement given")],
        ),
    )
    times = [
        row
        for id_, label in (
            ("before_b_cell_aplasia_median", "Days to aplasia"),
            ("b_cell_aplasia_lasting_median", "Days of aplasia"),
        )
        if (row := source.row(id_, label, median_time))
    ]
    rows += [Row("Time to an event: events/patients, median [limits]", heading=True), *times] if times else []
    return _made(
        source,
        "14.3.9",
        "B Cells and Immunoglobulins",
        "Outcome",
        rows,
        "B-cell aplasia by the counts of CD19-positive cells; aplasia ends with the first count that shows them again.",
    )
