"""What moved an assessment whose own source rows did not change: one difference at a time is tried on the other side.

A patient's results depend on that patient's rows, the declarations and the rules, and on nothing else. So the cause is
among the differences of these, and the one that does it alone is found by assessing again with only that one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import polars as pl

from aftercart.analysis.comparison.moves import KEYS, between
from aftercart.assessment import assess
from aftercart.criteria import registry

if TYPE_CHECKING:
    from aftercart.study.model import Study

DECLARED: Mapping[str, tuple[str, ...]] = {
    "data cut-off": ("data_cut_off",),
    "reference infusion": ("reference_infusion",),
    "baseline": ("baseline_rule", "baseline_lookback_days"),
    "visit windows": ("visits",),
    "complete drug classes": ("complete_drug_classes",),
}
"""Declarations that results depend on, those that belong together as one."""

MOST_ROWS = 300_000
"""With more rows of the patients in question than this, differences are named together and not tried one by one."""

FOUND = {"move": pl.Int64, "candidate": pl.String}


def candidates(a: Study, b: Study) -> list[str]:
    """The differences that could move a result: names of declarations and of tables."""
    declared = [n for n, names in DECLARED.items() if any(getattr(a.meta, f) != getattr(b.meta, f) for f in names)]
    tables = [n for n in a.tables if a.table_hashes[n] != b.table_hashes[n] or _records(a, n) != _records(b, n)]
    return [*declared, *tables]


def _records(study: Study, table: str) -> tuple[bool, pl.DataFrame | str]:
    """Whether a table has any row in the study, and the rows of it that were refused."""
    refused = study.problems.filter((pl.col("severity") == "error") & pl.col("file").str.starts_with(table))
    return table in study.tables_with_rows, refused.select("subject_id").sort("subject_id").write_csv()


def alone(a: Study, b: Study, moves: pl.DataFrame) -> pl.DataFrame:
    """The candidates that each by itself move an assessment, in one direction or the other (columns: `FOUND`).

    moves: as from `moves.between`, those without a changed source row.
    """
    found = [pl.DataFrame(schema=FOUND)]
    moves = moves.filter(pl.col("criterion").is_in(registry.names()))  # an earlier run may know others
    names = candidates(a, b)
    subjects = moves["subject_id"].unique().sort().to_list()
    criteria = moves["criterion"].unique().sort().to_list()
    one, other = _of(a, subjects), _of(b, subjects)
    if not names or max(_size(one), _size(other)) > MOST_ROWS:
        return found[0]
    for base, giver in ((one, other), (other, one)):
        before = assess(base, criteria).table
        for name in names:
            after = assess(_with(base, giver, name), criteria).table
            moved = between(before, after).select(KEYS)
            hit = moves.join(moved, on=list(KEYS), how="semi", nulls_equal=True)
            found.append(hit.select("move", candidate=pl.lit(name)))
    return pl.concat(found).unique().sort("move", "candidate")


def _of(study: Study, subjects: Sequence[str]) -> Study:
    known = set(study.tables["subjects"]["subject_id"])
    return study.select(subjects=[s for s in subjects if s in known])


def _size(study: Study) -> int:
    return sum(table.height for table in study.tables.values())


def _with(base: Study, giver: Study, name: str) -> Study:
    """A study with one declaration, or one table and what is known of its refused rows, of another."""
    if name in DECLARED:
        return replace(base, meta=replace(base.meta, **{f: getattr(giver.meta, f) for f in DECLARED[name]}))
    recorded = base.tables_with_rows - {name} | (giver.tables_with_rows & {name})
    mine = pl.col("file").str.starts_with(name)
    problems = pl.concat([base.problems.filter(~mine), giver.problems.filter(mine)])
    counts = dict(base.row_counts)
    counts.pop(name, None)
    if name in giver.row_counts:
        counts[name] = giver.row_counts[name]
    return replace(
        base,
        tables={**base.tables, name: giver.tables[name]},
        recorded=recorded,
        problems=problems,
        row_counts=counts,
    )
