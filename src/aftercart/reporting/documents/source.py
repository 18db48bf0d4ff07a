"""Where the cells of a submission table come from: the estimates and counts of an analysis, by column of the table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import polars as pl

from aftercart.analysis import behind
from aftercart.analysis.analyze import Analysis
from aftercart.analysis.cohort import Cohort
from aftercart.analysis.outcomes import Outcome
from aftercart.analysis.records import ALL
from aftercart.reporting import numbers
from aftercart.reporting.tables import Column, Row

Record = Mapping[str, Any]

LABEL_WIDTH = 2.6
"""Width of the first column against one of a disease."""

SMALL = (
    f"No percentage is given of fewer than {numbers.SMALLEST_PERCENT_DENOMINATOR} patients;"
    " the limits are then proportions between 0 and 1."
)


@dataclass(frozen=True, eq=False)
class Source:
    """A cohort with its analysis, and the columns of the tables: each disease, then all together."""

    cohort: Cohort
    analysis: Analysis
    outcomes: Mapping[str, Outcome]
    records: Mapping[tuple[str, str, str | None], Record]
    diseases: Mapping[str, tuple[str, ...]]
    """The diseases of the patients behind each estimate."""

    @staticmethod
    def of(cohort: Cohort, analysis: Analysis) -> Source:
        """Look up every estimate by id, stratum and time."""
        outcomes = behind.every_outcome(cohort)
        return Source(
            cohort=cohort,
            analysis=analysis,
            outcomes={o.id: o for o in outcomes},
            records={(r["id"], r["stratum"], r["time"]): r for r in analysis.estimates.iter_rows(named=True)},
            diseases=behind.diseases(analysis.answers, analysis.estimates["id"]),
        )

    @property
    def strata(self) -> tuple[str, ...]:
        """The columns: each disease and, where there are several, all together."""
        found = self.cohort.diseases()
        return (*found, ALL) if len(found) != 1 else (ALL,)

    def size(self, stratum: str) -> int:
        """Number of infused patients of a column."""
        return self.cohort.n if stratum == ALL else self.cohort.of_diseases((stratum,)).height

    def head(self, stratum: str) -> str:
        """Heading of a column with its number of patients."""
        only = self.cohort.diseases()
        name = numbers.indication(only[0]) if stratum == ALL and len(only) == 1 else _name(stratum)
        return f"{name}\n(N = {self.size(stratum)})"

    def columns(self, first: str) -> tuple[Column, ...]:
        """The first column and one of each disease and all together."""
        return (
            Column(first, width=LABEL_WIDTH),
            *(Column(self.head(s), numeric=True, stratum=s) for s in self.strata),
        )

    def everyone(self) -> str:
        """The population of most tables in words."""
        return f"all infused patients (N = {self.cohort.n})"

    def record(self, id_: str, stratum: str, time: str | None = None) -> Record | None:
        """The estimate of a column: that of its stratum, or the one of all where all have this disease."""
        found = self.records.get((id_, stratum, time))
        if found is None and self.diseases.get(id_) == (stratum,):
            found = self.records.get((id_, ALL, time))
        return found

    def assessed(self, outcome: Outcome, disease: str) -> bool:
        """Whether the question was assessed at all in a disease: not so, its patients cannot fail to respond."""
        return (outcome.label.rpartition(", ")[0], disease) in self._assessed

    @cached_property
    def _assessed(self) -> frozenset[tuple[str, str]]:
        of = dict(self.cohort.patients.select("subject_id", "indication").iter_rows())
        return frozenset(
            (outcome.label.rpartition(", ")[0], of[subject])
            for outcome in self.outcomes.values()
            if outcome.visit is not None
            for subject in outcome.answers.filter(pl.col("row").is_not_null())["subject_id"].unique()
        )

    def row(
        self, id_: str, label: str, cell: Callable[[Record], str], time: str | None = None, missing: str = numbers.NONE
    ) -> Row | None:
        """One estimate as a row; None where the analysis has none of this id and time."""
        found = [self.record(id_, s, time) for s in self.strata]
        if all(r is None for r in found):
            return None
        cells = tuple(missing if r is None else cell(r) for r in found)
        return Row(label, cells, estimate=f"{id_}@{time}" if time else id_)

    def described(self, frame: pl.DataFrame, variable: str, level: str | None = None) -> list[Record | None]:
        """The rows of a table of descriptions (`analysis.baseline`, `analysis.described`) by column."""
        mine = frame.filter((pl.col("variable") == variable) & pl.col("level").eq_missing(pl.lit(level)))
        by = {r["stratum"]: r for r in mine.iter_rows(named=True)}
        return [by.get(s) for s in self.strata]

    def methods(self, rows: Iterable[Row]) -> tuple[str, ...]:
        """The footnote that names the method of every interval in these rows."""
        ids = {r.estimate.split("@")[0] for r in rows if r.estimate}
        mine = [r for r in self.records.values() if r["id"] in ids and r["ci_low"] is not None]
        named = sorted({r["ci_method"] for r in mine})
        if not named:
            return ("No interval is estimated in this table.",)
        level = f"{self.analysis.about['confidence']:.0%}"
        few = any(r["unit"] in ("proportion", "probability") for r in mine)
        return (f"[ ]: {level} confidence interval, two-sided; method: {'; '.join(named)}.", *((SMALL,) if few else ()))

    def unanswered(self, rows: Iterable[Row]) -> tuple[str, ...]:
        """The footnote that says how many patients could not be evaluated in each row, and why."""
        said = []
        for row in rows:
            outcome = self.outcomes.get(row.estimate.split("@")[0]) if row.estimate else None
            if outcome is None:
                continue
            reasons: dict[str, int] = {}
            for why, n in outcome.unanswered().items():
                short = why.partition(":")[0]
                reasons[short] = reasons.get(short, 0) + n
            if reasons:
                said.append(f"{outcome.label}: " + ", ".join(f"{n} ({why})" for why, n in reasons.items()))
        return (f"Not evaluable: {'; '.join(said)}.",) if said else ()


def _name(stratum: str) -> str:
    return "Total" if stratum == ALL else numbers.indication(stratum)


def proportion(record: Record) -> str:
    """`9/15 (60%)` over `[32 to 84%]`."""
    events, n = int(record["numerator"]), int(record["denominator"])
    if not n:
        return "not evaluable"
    share = numbers.percentage(events, n)
    limits = f"\n[{numbers.interval(record['ci_low'], record['ci_high'], n)}]" if record["ci_low"] is not None else ""
    return f"{events}/{n}{f' ({share})' if share else ''}{limits}"


def count(patients: int, n: int) -> str:
    """`9/15 (60%)`, without an interval."""
    share = numbers.percentage(patients, n) if n else ""
    return f"{patients}/{n}{f' ({share})' if share else ''}"


def rate(record: Record) -> str:
    """`8 in 24.8` over `0.32 [0.14 to 0.64]`: events, time at risk, rate and limits."""
    head = f"{record['numerator']:g} in {numbers.number(record['denominator'])}"
    if record["estimate"] is None:
        return head
    limits = "" if record["ci_low"] is None else f" [{record['ci_low']:.2f} to {record['ci_high']:.2f}]"
    return f"{head}\n{record['estimate']:.2f}{limits}"


def still_free(record: Record) -> str:
    """Probability of being event-free with the events so far and the patients: `88%; events 1/8` over its limits."""
    events, n, value = int(record["numerator"]), int(record["denominator"]), record["estimate"]
    few = n < numbers.SMALLEST_PERCENT_DENOMINATOR
    shown = numbers.two_decimals(value) if few else f"{numbers.percent(value)}%"
    limits = "" if record["ci_low"] is None else f"\n[{numbers.interval(record['ci_low'], record['ci_high'], n)}]"
    return f"{shown}; events {events}/{n}{limits}"


def median_time(record: Record) -> str:
    """Median days with limits and `events/patients`."""
    head = f"{record['numerator']:g}/{record['denominator']:g}"
    if record["estimate"] is None:
        return f"{head}\nnot reached"
    limits = "" if record["ci_low"] is None else f" [{record['ci_low']:g} to {record['ci_high']:g}]"
    return f"{head}\n{record['estimate']:g}{limits}"


def spread(record: Record | None, digits: int = 1, *, counted: bool = False) -> str:
    """`36 (23 to 39.5)` over `18 to 60`: median with quartiles, then the range; n where some are missing (`counted`:
    always).
    """
    if record is None:
        return numbers.NONE
    if not record["known"]:
        return "not recorded" if record["n"] else numbers.NONE
    median, low, high, first, last = (
        numbers.number(record[k], digits) for k in ("median", "quartile_1", "quartile_3", "minimum", "maximum")
    )
    known = f"n = {record['known']}; " if record["missing"] or counted else ""
    return f"{known}{median} ({low} to {high})\n{first} to {last}" if record["known"] > 1 else f"{known}{median}"


QUARTILES = "Median (quartiles, linearly interpolated), then minimum to maximum; n where some values are not known."
