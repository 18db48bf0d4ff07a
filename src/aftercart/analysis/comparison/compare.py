"""Two sides compared: what differs in the data, which assessments and estimates moved, and because of what."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from aftercart.analysis.comparison import causes, estimates, moves, rows
from aftercart.analysis.comparison.sides import Side
from aftercart.outputs import write_atomically
from aftercart.study import dates

TABLES = ("declarations", "subjects", "rows", "cells", "rules", "assessments", "causes", "estimates", "movers")

RULES = {"criterion": pl.String, "old": pl.String, "new": pl.String}


@dataclass(frozen=True, eq=False)
class Difference:
    """What changed from one data cut or run (`before`) to another (`after`), as tidy tables."""

    before: dict[str, Any]
    """`title, data_cut_off, content_hash, simulated, software_version, saved, patients`; None where not known."""
    after: dict[str, Any]
    """The same of the other side."""
    rows_known: bool
    """Whether the rows of both sides were at hand; if not, the first four tables are empty and say nothing."""
    declarations: pl.DataFrame
    """What `study.toml` declares differently: `name, old, new`."""
    subjects: pl.DataFrame
    """Patients added and removed: `subject_id, change`."""
    rows: pl.DataFrame
    """Rows added, changed and retracted (columns: `comparison.rows.ROWS`)."""
    cells: pl.DataFrame
    """Every changed cell: `table, row_id, subject_id, column, old, new`."""
    rules: pl.DataFrame
    """Criteria run in different versions: `criterion, old, new`."""
    assessments: pl.DataFrame
    """Assessments that moved, appeared or disappeared (columns: `comparison.moves.MOVES`)."""
    causes: pl.DataFrame
    """Because of what: one row per assessment (`move`) and cause (columns: `comparison.causes.CAUSES`)."""
    estimates: pl.DataFrame
    """Estimates that moved (columns: `comparison.estimates.ESTIMATES`)."""
    movers: pl.DataFrame
    """The patients that moved each estimate (columns: `comparison.estimates.MOVERS`)."""

    @property
    def nothing_changed(self) -> bool:
        """Whether both sides hold the same rows and declarations and come to the same results."""
        return all(getattr(self, name).is_empty() for name in TABLES)

    @property
    def simulated(self) -> bool:
        """Whether any value of either side is simulated or reconstructed."""
        return bool(self.before["simulated"] or self.after["simulated"])

    def as_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {
            "before": self.before,
            "after": self.after,
            "nothing_changed": self.nothing_changed,
            "rows_known": self.rows_known,
            **{name: getattr(self, name).to_dicts() for name in TABLES},
        }

    def write(self, folder: Path) -> None:
        """Write every table as Parquet and CSV (lists joined by semicolons), and all of it as `comparison.json`."""
        for name in TABLES:
            frame: pl.DataFrame = getattr(self, name)
            frame.write_parquet(folder / f"{name}.parquet")
            lists = [c for c, kind in frame.schema.items() if isinstance(kind, pl.List)]
            flat = frame.with_columns(pl.col(c).cast(pl.List(pl.String)).list.join("; ") for c in lists)
            write_atomically(folder / f"{name}.csv", flat.write_csv().encode())
        text = json.dumps(self.as_dict(), indent=1, ensure_ascii=False)
        write_atomically(folder / "comparison.json", f"{text}\n".encode())

    def __str__(self) -> str:
        from aftercart.analysis.comparison.text import as_text

        return as_text(self)


def compare(a: Side, b: Side) -> Difference:
    """What changed from `a` to `b`: rows, declarations, assessments with their causes, estimates with their patients.

    A cause is named for every assessment that moved: changed rows among its source rows; results it is bound to, by
    `via`; otherwise the difference that moves it by itself when it alone is carried over to the other side; the version
    of the rule or of the software. Comparing `b` to `a` gives the mirror image.
    """
    known = a.study is not None and b.study is not None
    found, cells, subjects, declared = _data(a, b)
    moved = moves.between(a.table, b.table)
    counting = _with_days(a, b, _of_both_patients(found, cells))
    because = causes.of_moves(a, b, moved, counting if known else None, declared)
    shown, who = _estimates(a, b, moved, counting)
    return Difference(
        before=a.about(),
        after=b.about(),
        rows_known=known,
        declarations=declared,
        subjects=subjects,
        rows=found,
        cells=cells,
        rules=_rules(a, b),
        assessments=moved.select(moves.MOVES.keys()),
        causes=because,
        estimates=shown,
        movers=who,
    )


def _data(a: Side, b: Side) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Rows, cells, subjects and declarations that differ; nothing where those of a side are not known."""
    if a.study is None or b.study is None:
        schemas: tuple[Any, ...] = (rows.ROWS, rows.CELLS, rows.SUBJECTS, rows.DECLARATIONS)
        empty, cells, subjects, declared = (pl.DataFrame(schema=s) for s in schemas)
        return empty, cells, subjects, declared
    found, cells = rows.changed_rows(a.study, b.study)
    return found, cells, rows.changed_subjects(a.study, b.study), rows.changed_declarations(a.study, b.study)


def _of_both_patients(found: pl.DataFrame, cells: pl.DataFrame) -> pl.DataFrame:
    """The rows that count, those given to another patient under both."""
    given = cells.filter(pl.col("column") == "subject_id").select("table", "row_id", subject_id="old")
    again = found.drop("subject_id").join(given, on=["table", "row_id"], how="inner").select(found.columns)
    return pl.concat([found, again]).filter("counts")


def _with_days(a: Side, b: Side, counting: pl.DataFrame) -> pl.DataFrame:
    """The rows with their day after infusion, where the infusion and the date are known."""
    known = [s.cohort.timeline.subjects.select("subject_id", "infusion_date") for s in (b, a) if s.cohort is not None]
    nobody = pl.DataFrame(schema={"subject_id": pl.String, "infusion_date": pl.Date})
    infused = pl.concat([nobody, *known]).unique("subject_id", keep="first", maintain_order=True)
    placed = counting.join(infused, on="subject_id", how="left", maintain_order="left")
    date = pl.col("date").map_batches(dates.exact, return_dtype=pl.Date)
    day = (date - pl.col("infusion_date")).dt.total_days().cast(pl.Int64)
    return placed.with_columns(day=day).drop("infusion_date")


def _rules(a: Side, b: Side) -> pl.DataFrame:
    one, other = (s.table.select("criterion", version="criterion_version").unique() for s in (a, b))
    both = one.join(other, on="criterion", how="inner", suffix="_b").filter(pl.col("version") != pl.col("version_b"))
    return rows.shaped(both.select("criterion", old="version", new="version_b"), RULES).sort("criterion")


def _estimates(a: Side, b: Side, moved: pl.DataFrame, counting: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    if a.estimates is None or b.estimates is None:
        return pl.DataFrame(schema=estimates.ESTIMATES), pl.DataFrame(schema=estimates.MOVERS)
    shown = estimates.moved(a.estimates, b.estimates)
    return shown, estimates.movers(a.cohort, b.cohort, shown, moved, counting)
