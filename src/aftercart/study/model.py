"""A study: its eight tables, what is declared about it, and what was wrong with what was read. Immutable."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import polars as pl

from aftercart.errors import UsageError
from aftercart.outputs import write_atomically
from aftercart.study import problems as _problems
from aftercart.study import schema
from aftercart.study.dates import earliest

BaselineRule = Literal["last_before_lymphodepletion", "last_before_infusion"]
BASELINE_RULES: tuple[BaselineRule, ...] = ("last_before_lymphodepletion", "last_before_infusion")
PROVENANCE_CODES = ("published", "constrained", "simulated")


@dataclass(frozen=True)
class VisitWindow:
    """A planned visit: target day after infusion and how far before and after it counts."""

    name: str
    target_day: int
    before: int
    after: int


@dataclass(frozen=True)
class StudyMeta:
    """What `study.toml` declares."""

    title: str
    study_id: str
    data_cut_off: date | None = None
    reference_infusion: int = 1
    """The `infusion_seq` whose date is day 0."""
    simulated: bool = False
    """Whether any value is simulated or reconstructed; shown on every output."""
    note: str = ""
    baseline_rule: BaselineRule = "last_before_lymphodepletion"
    baseline_lookback_days: int = 90
    visits: tuple[VisitWindow, ...] = ()
    complete_drug_classes: tuple[str, ...] = ()
    """Classes of medicines for which no row means "not given"."""


@dataclass(frozen=True, eq=False)
class Study:
    """The tables of a study by name (`study.subjects`, `study.observations`, ...), sorted by subject and row."""

    meta: StudyMeta
    tables: Mapping[str, pl.DataFrame]
    problems: pl.DataFrame = field(default_factory=_problems.none)
    """What was wrong with the source when it was read."""
    provenance: Mapping[str, pl.DataFrame] = field(default_factory=dict)
    """For reconstructed data: tables of the same columns holding `published`, `constrained` or `simulated`."""
    row_counts: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """By table: rows `read`, `kept` and `listed` as problems; read = kept + listed."""
    recorded: frozenset[str] | None = None
    """For part of a study: the tables in which the whole study has rows, so that none here is not none at all."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "tables", MappingProxyType(dict(self.tables)))
        object.__setattr__(self, "provenance", MappingProxyType(dict(self.provenance)))

    def __reduce__(self) -> tuple[Any, ...]:
        plain = (
            self.meta,
            dict(self.tables),
            self.problems,
            dict(self.provenance),
            dict(self.row_counts),
            self.recorded,
        )
        return Study, plain

    def __getattr__(self, name: str) -> pl.DataFrame:
        tables = object.__getattribute__(self, "tables")
        if name in tables:
            found: pl.DataFrame = tables[name]
            return found
        raise AttributeError(f"a study has no {name!r}; its tables are {', '.join(tables)}")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Study) and self.content_hash == other.content_hash

    def __hash__(self) -> int:
        return hash(self.content_hash)

    def __repr__(self) -> str:
        return f"<Study {self.meta.study_id}: {self.tables['subjects'].height} subjects>"

    @property
    def tables_with_rows(self) -> frozenset[str]:
        """The tables in which the study, or the whole study that this is a part of, has rows."""
        if self.recorded is not None:
            return self.recorded
        return frozenset(name for name, table in self.tables.items() if table.height)

    @cached_property
    def kept(self) -> dict[str, pl.DataFrame]:
        """What has been found out about this study, which never changes: page and command line ask the same."""
        return {}

    @cached_property
    def table_hashes(self) -> dict[str, str]:
        """SHA-256 of each table's content, whatever its row order or file format."""
        return {name: hashlib.sha256(_csv(table)).hexdigest() for name, table in self.tables.items()}

    @cached_property
    def content_hash(self) -> str:
        """SHA-256 over all tables, their provenance and the declarations: the same content gives the same hash."""
        whole = {
            "meta": _plain_meta(self.meta),
            "tables": self.table_hashes,
            "provenance": {n: hashlib.sha256(_csv(t)).hexdigest() for n, t in sorted(self.provenance.items())},
        }
        return hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()

    def select(self, *, subjects: Sequence[str]) -> Study:
        """Return the study of some of its subjects.

        Raises `UsageError` for a subject that the study does not have.
        """
        known = set(self.tables["subjects"]["subject_id"])
        unknown = [s for s in subjects if s not in known]
        if unknown:
            shown = ", ".join(sorted(known)[:20])
            raise UsageError(f"There is no subject {unknown[0]!r}.", hint=f"the study has {shown}.")

        def kept(frame: pl.DataFrame) -> pl.DataFrame:
            return frame.filter(pl.col("subject_id").is_in(list(subjects)))

        tables = {name: kept(t) for name, t in self.tables.items()}
        rows = {name: t.select("row_id") for name, t in tables.items()}
        marks = {n: p.join(rows[n], on="row_id", how="semi", maintain_order="left") for n, p in self.provenance.items()}
        return replace(self, tables=tables, provenance=marks, recorded=self.tables_with_rows)

    def as_of(self, day: date) -> Study:
        """Return what was known at a data cut-off.

        Rows dated after the day are gone (a partial date counts as its earliest day); an end, last contact or death
        after it is not known yet, and what had begun is still going on.
        """
        cut = pl.lit(day)
        alive = self.tables["subjects"].filter(earliest("death_date") > cut)["subject_id"].to_list()
        tables = {name: _known(name, table, cut, alive) for name, table in self.tables.items()}
        rows = {name: t.select("row_id") for name, t in tables.items()}
        marks = {n: p.join(rows[n], on="row_id", how="semi", maintain_order="left") for n, p in self.provenance.items()}
        meta = replace(self.meta, data_cut_off=min(day, self.meta.data_cut_off or day))
        return replace(self, tables=tables, provenance=marks, meta=meta, recorded=self.tables_with_rows)

    def write(self, folder: str | Path, *, format: Literal["csv", "parquet"] = "csv") -> Path:  # noqa: A002
        """Write the study as a folder of tables with its `study.toml`; reading it back gives an equal study.

        Raises `UsageError` when the folder holds tables that would be read beside or instead of these.
        """
        folder = Path(folder)
        self._refuse_leftovers(folder, format)
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(folder / "study.toml", meta_toml(self.meta).encode())
        for name, table in self.tables.items():
            write_atomically(folder / f"{name}.{format}", _bytes(table, format))
        if self.provenance:
            (folder / "provenance").mkdir(exist_ok=True)
            for name, table in self.provenance.items():
                write_atomically(folder / "provenance" / f"{name}.{format}", _bytes(table, format))
        return folder

    def _refuse_leftovers(self, folder: Path, file_format: str) -> None:
        replaced = {folder / f"{name}.{file_format}" for name in self.tables}
        replaced |= {folder / "provenance" / f"{name}.{file_format}" for name in self.provenance}
        for name in schema.tables():
            for suffix in ("csv", "parquet"):
                for path in (folder / f"{name}.{suffix}", folder / "provenance" / f"{name}.{suffix}"):
                    if path.exists() and path not in replaced:
                        raise UsageError(
                            f"The folder {folder} already holds {path.relative_to(folder)}.",
                            hint="it would be read with this study; give an empty or new folder.",
                        )


def in_order(frame: pl.DataFrame) -> pl.DataFrame:
    """Sort a table by subject and row, the one order in which studies hold their rows."""
    keys = [c for c in ("subject_id", "row_id") if c in frame.columns]
    return frame if _is_in_order(frame, keys) else frame.sort(keys, nulls_last=True)


def _is_in_order(frame: pl.DataFrame, keys: Sequence[str]) -> bool:
    """Whether no key is null and every row comes after the one before: much cheaper to see than to sort again."""
    if list(keys) != ["subject_id", "row_id"] or any(frame[key].null_count() for key in keys):
        return False
    subject, row = (pl.col(key) for key in keys)
    later = (subject > subject.shift(1)) | ((subject == subject.shift(1)) & (row >= row.shift(1)))
    return bool(frame.select(later.slice(1).all()).item())


def _csv(frame: pl.DataFrame) -> bytes:
    return in_order(frame).write_csv().encode()


def _bytes(frame: pl.DataFrame, file_format: str) -> bytes:
    if file_format == "csv":
        return frame.write_csv().encode()
    import io

    stream = io.BytesIO()
    frame.write_parquet(stream)
    return stream.getvalue()


_DATED = {
    "infusions": "start",
    "exposures": "start",
    "observations": "datetime",
    "events": "start",
    "assessments": "datetime",
    "visits": "start",
    "disposition": "date",
}


def _known(name: str, table: pl.DataFrame, cut: pl.Expr, alive: list[str]) -> pl.DataFrame:
    """The rows and cells of a table known at the cut; `alive` are the subjects that died only after it."""

    def later(column: str) -> pl.Expr:
        return (earliest(column) > cut).fill_null(value=False)

    if name == "subjects":
        return table.with_columns(
            death_date=pl.when(~later("death_date")).then("death_date"),
            last_contact_date=pl.when(later("last_contact_date"))
            .then(cut.cast(pl.String))
            .otherwise("last_contact_date"),
        )
    known = table.filter(~later(_DATED[name]))
    if "end" in known.columns:
        updates: dict[str, pl.Expr] = {"end": pl.when(~later("end")).then("end")}
        if "ongoing" in known.columns:
            updates["ongoing"] = pl.when(later("end")).then(pl.lit(value=True)).otherwise("ongoing")
        if name == "events":
            lives = pl.col("subject_id").is_in(alive)
            updates["outcome"] = pl.when(~later("end") & ~(lives & (pl.col("outcome") == "FATAL"))).then("outcome")
            updates["grade"] = pl.when(~(lives & (pl.col("grade") == 5))).then("grade")
            updates["serious_death"] = pl.when(~(lives & pl.col("serious_death"))).then("serious_death")
            updates["death_cause"] = pl.when(~lives).then("death_cause")
        known = known.with_columns(**updates)
    return known


def _plain_meta(meta: StudyMeta) -> dict[str, Any]:
    plain = asdict(meta)
    plain["data_cut_off"] = meta.data_cut_off.isoformat() if meta.data_cut_off else None
    return plain


def meta_toml(meta: StudyMeta) -> str:
    """Return the `study.toml` of the declarations."""

    def text(value: str) -> str:
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")

    lines = [f"title = {text(meta.title)}", f"study_id = {text(meta.study_id)}"]
    if meta.data_cut_off:
        lines.append(f"data_cut_off = {meta.data_cut_off.isoformat()}")
    lines += [
        f"reference_infusion = {meta.reference_infusion}",
        f"simulated = {str(meta.simulated).lower()}",
        f"note = {text(meta.note)}",
        "",
        "[baseline]",
        f"rule = {text(meta.baseline_rule)}",
        f"lookback_days = {meta.baseline_lookback_days}",
        "",
        "[records]",
        f"complete_drug_classes = [{', '.join(text(c) for c in meta.complete_drug_classes)}]",
    ]
    for visit in meta.visits:
        lines += [
            "",
            "[[visits]]",
            f"name = {text(visit.name)}",
            f"target_day = {visit.target_day}",
            f"before = {visit.before}",
            f"after = {visit.after}",
        ]
    return "\n".join(lines) + "\n"


def empty_tables() -> dict[str, pl.DataFrame]:
    """Return all eight tables, empty."""
    return {name: schema.empty(name) for name in schema.tables()}
