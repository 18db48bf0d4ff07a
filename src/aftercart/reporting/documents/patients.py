"""Tables of chapter 14.1: who the patients are, how many are left, what they had before, and what they were given."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import polars as pl

from aftercart.analysis.counts import MILESTONES, PRIOR
from aftercart.analysis.records import ALL
from aftercart.criteria import registry
from aftercart.reporting.documents.model import NumberedTable
from aftercart.reporting.documents.source import QUARTILES, Source, count, proportion, spread
from aftercart.reporting.numbers import NONE, unit_words
from aftercart.reporting.tables import Row, Table

SEX = {"F": "Women", "M": "Men", "U": "Not stated", "INTERSEX": "Intersex"}

MILESTONE_LABELS = {
    "reference infusion": "Reference infusion with a complete date",
    "completed_primary": "Completed the primary phase",
    "entered_ltfu": "Entered long-term follow-up",
    "completed_ltfu": "Completed long-term follow-up",
    "withdrew_consent": "Withdrew consent",
    "lost": "Lost to follow-up",
}


def tables(source: Source) -> Iterator[NumberedTable]:
    """Disposition, demographics and baseline, prior treatment, product and lymphodepletion."""
    yield _disposition(source)
    yield _demographics(source)
    yield _prior(source)
    yield _product(source)


def _disposition(source: Source) -> NumberedTable:
    rows = [Row("Milestone, patients of those enrolled", heading=True)]
    for label, cells in counted(source, MILESTONES):
        rows.append(Row(MILESTONE_LABELS.get(label, label[0].upper() + label[1:]).replace("_", " "), cells))
    steps: dict[str, dict[str, str]] = {}
    for r in source.analysis.flow.filter(pl.col("step").str.starts_with("seen")).iter_rows(named=True):
        lost = f"\n{r['reasons']}" if r["reasons"] else ""
        steps.setdefault(str(r["step"]), {})[r["stratum"]] = count(r["n"], r["n"] + r["lost"]) + lost
    if steps:
        rows.append(Row("Seen within the visit window", heading=True))
        rows += [
            Row(step.removeprefix("seen at ").capitalize(), tuple(by.get(s, NONE) for s in source.strata))
            for step, by in steps.items()
        ]
    rows.append(Row("Follow-up", heading=True))
    rows.append(Row("Months from infusion", _spreads(source, "Follow-up")))
    rows += _levels(source, "End of follow-up", {}, "Ended with the ")
    died = source.row("death", "Died", lambda r: count(int(r["numerator"]), int(r["denominator"])))
    rows += [died] if died else []
    table = Table(
        "Disposition and Flow of Patients",
        source.columns("Patients"),
        tuple(rows),
        (
            "Milestones as recorded in the study; N: infused patients. A patient is seen at a visit when a contact lies"
            " in its window.",
            QUARTILES,
            "No interval is estimated in this table.",
        ),
    )
    enrolled = source.analysis.flow.filter((pl.col("step") == "enrolled") & (pl.col("stratum") == ALL))["n"].sum()
    return NumberedTable("14.1.1", f"all enrolled patients ({enrolled}); columns count infused patients", table)


def counted(source: Source, table: str, group: str | None = None) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Label and cells of one table (and group) of `analysis.counts`, in its order."""
    mine = source.analysis.counts.filter((pl.col("table") == table) & pl.col("group").eq_missing(pl.lit(group)))
    by = {(r["label"], r["stratum"]): count(r["patients"], r["n"]) for r in mine.iter_rows(named=True)}
    for label in mine["label"].unique(maintain_order=True):
        yield label, tuple(by.get((label, s), NONE) for s in source.strata)


def _spreads(source: Source, variable: str, digits: int = 1) -> tuple[str, ...]:
    return tuple(spread(r, digits) for r in source.described(source.analysis.baseline, variable))


def _levels(source: Source, variable: str, names: dict[str, str], before: str = "") -> list[Row]:
    """One row per level of a named variable."""
    frame = source.analysis.baseline.filter(pl.col("variable") == variable)
    rows = []
    for level in frame["level"].drop_nulls().unique(maintain_order=True):
        found = source.described(frame, variable, level)
        cells = tuple(NONE if r is None else count(r["count"], r["known"]) for r in found)
        rows.append(Row(names.get(level, f"{before}{level}"), cells))
    return rows


def _demographics(source: Source) -> NumberedTable:
    rows = [
        Row("Sex", heading=True),
        *_levels(source, "Sex", SEX),
        Row("At infusion", heading=True),
        Row("Age, years", _spreads(source, "Age at infusion")),
        Row("Disease duration, years", _spreads(source, "Disease duration at infusion")),
        Row("Disease at baseline", heading=True),
    ]
    variables = source.analysis.baseline["variable"].unique(maintain_order=True).to_list()
    scores = [v for v in variables if v.endswith(" at baseline")]
    for variable in scores:
        unit = ", mg per day" if variable.startswith("Prednisone") else ""
        cells = tuple(spread(r, counted=True) for r in source.described(source.analysis.baseline, variable))
        rows.append(Row(variable.removesuffix(" at baseline") + unit, cells))
    partial = int(source.cohort.patients["duration_from_partial_date"].sum() or 0)
    notes = [
        QUARTILES,
        "Scores are asked of the patients with the disease they are made for. Age in whole years at the reference"
        " infusion.",
        f"Disease duration rests on a partly known date of diagnosis, taken at its midpoint, in {partial} of"
        f" {source.cohort.n} patients."
        if partial
        else "",
        "No interval is estimated in this table.",
    ]
    table = Table(
        "Demographic and Baseline Characteristics", source.columns("Characteristic"), tuple(rows), _said(notes)
    )
    return NumberedTable("14.1.2", source.everyone(), table)


def _said(notes: Iterable[str]) -> tuple[str, ...]:
    return tuple(n for n in notes if n)


def _prior(source: Source) -> NumberedTable:
    rows = [
        Row("Medicines before infusion", heading=True),
        Row("Different medicines", _spreads(source, "Medicines before infusion")),
    ]
    groups = source.analysis.counts.filter(pl.col("table") == PRIOR)["group"].unique(maintain_order=True)
    for group in groups:
        for label, cells in counted(source, PRIOR, group):
            rows.append(Row(f"Any {group.replace('_', ' ')}" if label is None else f"\u2003{label}", cells))
    refractory = [
        row
        for id_, outcome in source.outcomes.items()
        if outcome.domain == "eligibility" and (row := source.row(id_, _rule(id_), proportion))
    ]
    if refractory:
        rows += [Row("Refractory disease at entry, by published entry rule", heading=True), *refractory]
    notes = [
        "Medicines given for the disease before infusion, by ingredient and class; one medicine can be in several"
        " patients more than once and is counted once in each.",
        QUARTILES,
        "Refractory: patients who meet the rule of those evaluable; each rule is asked of the diseases it names."
        if refractory
        else "",
        *source.unanswered(refractory),
        *source.methods(refractory),
    ]
    table = Table("Prior Treatments and Refractoriness", source.columns("Treatment"), tuple(rows), _said(notes))
    return NumberedTable("14.1.3", source.everyone(), table)


def _rule(outcome: str) -> str:
    """An entry rule in words, from the id of its outcome."""
    return registry.get("refractory").variant(outcome.removeprefix("refractory_"))


def _product(source: Source) -> NumberedTable:
    rows = [Row("Product", heading=True), *_levels(source, "Product", {})]
    rows += [
        Row("Dose of CAR-positive viable cells", heading=True),
        Row("Cells per kilogram, 10\u2076/kg", _spreads(source, "CAR-positive cells given per kilogram", 2)),
        Row("Cells, absolute", _spreads(source, "CAR-positive cells given", 0)),
        Row("Lymphodepletion", heading=True),
        *_levels(source, "Lymphodepletion", {}),
    ]
    described = source.analysis.described.filter(~pl.col("variable").str.contains("CRS|ICANS"))
    known = described.filter((pl.col("stratum") == ALL) & (pl.col("known") > 0))
    if known.height:
        rows.append(Row("Expansion of the cells", heading=True))
    for variable, unit in known.select("variable", "unit").iter_rows():
        cells = tuple(spread(r, 0) for r in source.described(described, variable))
        rows.append(Row(f"{variable}, {unit_words(str(unit))}", cells))
    table = Table(
        "Product, Dose, Lymphodepletion and Expansion",
        source.columns("Exposure"),
        tuple(rows),
        (
            "Of the reference infusion. Counts are of the patients for whom it is recorded.",
            QUARTILES,
            "No interval is estimated in this table.",
        ),
    )
    return NumberedTable("14.1.4", source.everyone(), table)
