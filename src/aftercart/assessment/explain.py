"""Why a grade is what it is: the clause in words, the values that met it with date and unit, and the source rows."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import polars as pl

from aftercart.assessment import Assessments, assess, series, tables, units
from aftercart.assessment.changes import can_be_told, nearest, nearest_in_series
from aftercart.assessment.run import variants
from aftercart.criteria import registry
from aftercart.criteria.registry import Criterion, Input
from aftercart.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from aftercart.study.model import Study


MOST_ROWS = 8
"""How many source rows are listed for one input, findings that are present first; `source_rows` names them all."""


@dataclass(frozen=True)
class Fact:
    """One input of a criterion: the value used, and the row of the study it came from."""

    input: str
    meaning: str
    value: Any
    unit: str | None
    date: str | None = None
    recorded: str | None = None
    """The value and unit as recorded in the source."""
    row: str | None = None
    """`table:row_id` of the source row."""
    more_rows: int = 0
    """On the last row listed for an input: how many further rows it rests on."""


@dataclass(frozen=True)
class Explanation:
    """One result of one criterion for one subject, with everything that led to it."""

    subject_id: str
    criterion: str
    title: str
    variant: str | None
    day: int | None
    visit: str | None
    result: str
    value: Any
    value_min: Any
    value_max: Any
    clause: str | None
    clause_text: str | None
    citation: str
    doi: str | None
    source_status: str
    components: dict[str, Any]
    facts: tuple[Fact, ...]
    missing: tuple[str, ...]
    refused: tuple[str, ...]
    changes: tuple[str, ...] | None = None
    """What would have given another result: for each input the nearest value on either side, all others held.

    Empty when no other value of a single input would; null when that was not looked for or cannot be told (an open
    result, a score on a continuous scale without levels).
    """
    infusion_seq: int = 1
    """The infusion whose date is day 0."""
    simulated: bool = False
    """Whether any value of the study is simulated or reconstructed."""

    def decompose(self) -> dict[str, Any]:
        """Return the parts that make up the result, such as the points of each component of a score."""
        parts = {o.name for o in registry.get(self.criterion).outputs if o.component}
        return {name: value for name, value in self.components.items() if name in parts}

    def as_dict(self) -> dict[str, Any]:
        """Return the explanation as plain data."""
        return asdict(self)

    def __str__(self) -> str:
        return "\n".join(_lines(self))


def explain(
    study: Study,
    subject: str,
    criterion: str,
    *,
    day: int | None = None,
    assessments: Assessments | None = None,
    changes: bool = True,
) -> list[Explanation]:
    """Explain every result of one criterion for one subject, or those of one day after infusion.

    assessments: results already computed for the study; without them the subject alone is assessed. changes: whether
    to look for what would have changed each result, which takes longer than all the rest.

    Raises `UsageError` for an unknown subject or criterion, or when there is no result to explain.
    """
    entry = registry.get(criterion)
    known = study.tables["subjects"]["subject_id"].to_list()
    if subject not in known:
        raise UsageError(
            f"There is no subject {subject!r}.", hint=f"the study has {', '.join(sorted(map(str, known))[:20])}."
        )
    done = assessments or assess(study.select(subjects=[subject]), [criterion])
    rows = done.results(criterion, subject)
    rows = rows.with_columns(_turn=pl.int_range(pl.len()).over("variant")) if rows.height else rows
    if day is not None and rows.height:
        rows = rows.filter(pl.col("day") == day)
    if rows.is_empty():
        raise UsageError(
            f"{entry.title}: no result for {subject}" + (f" on day {day}." if day is not None else "."),
            hint=_why_nothing(done, subject, entry, day),
        )
    index = _source_index(study, subject, done.timeline.memo if study is done.study else {})
    others = _changes(entry, rows, done, subject) if changes else [None] * rows.height
    results = zip(rows.iter_rows(named=True), others, strict=True)
    return [_explanation(entry, row, index, c, simulated=study.meta.simulated) for row, c in results]


def explain_rows(assessments: Assessments, rows: Iterable[int]) -> dict[int, Explanation]:
    """Explain many results of many subjects at once, without what would have changed them.

    rows: positions in `assessments.table`. Returns the explanations by position.
    """
    numbered = assessments.table.select("criterion").with_row_index("row")
    numbered = numbered.with_columns(place=pl.int_range(pl.len()).over("criterion"))
    wanted = numbered.filter(pl.col("row").is_in(list(rows)))
    asked = [
        (registry.get(str(key)), places["row"], _rows_at(assessments, str(key), places["place"]))
        for (key,), places in wanted.partition_by("criterion", as_dict=True, maintain_order=True).items()
    ]
    if not asked:
        return {}
    index = _rows_named(assessments.study, [frame["evidence"] for _, _, frame in asked])
    simulated = assessments.study.meta.simulated
    return {
        row: _explanation(entry, result, index, None, simulated=simulated)
        for entry, numbers, frame in asked
        for row, result in zip(numbers, frame.iter_rows(named=True), strict=True)
    }


def _rows_at(done: Assessments, key: str, places: pl.Series) -> pl.DataFrame:
    """Typed results of one criterion by their places among its rows in the tidy table."""
    ordered = done.wide[key].sort("_s", "variant", maintain_order=True)
    chosen = tables.with_named_rows(ordered[places.to_list()], done.timeline.rows)
    whose = done.timeline.subjects.select("_s", "subject_id", "infusion_seq")
    return chosen.join(whose, on="_s", how="left", maintain_order="left")


class _Source(NamedTuple):
    """What a row of the study says."""

    recorded: str | None
    """Code, value and unit as recorded."""
    date: str | None
    zero: bool
    """Whether its value is 0: a finding that is absent."""


_UNKNOWN = _Source(None, None, zero=False)


def _source(row: dict[str, Any]) -> _Source:
    given = _first(row, "value_original", "value_text", "value", "dose", "term", "term_text")
    given_unit = _first(row, "unit_original", "unit", "dose_unit")
    label = _first(row, "code", "item", "drug")
    sign = row.get("comparator") if row.get("comparator") not in (None, "=") else ""
    parts = (label, f"{sign}{_show(given)}" if given is not None else "", given_unit)
    recorded = " ".join(str(p) for p in parts if p)
    return _Source(recorded, row.get("datetime") or row.get("start"), zero=row.get("value") == 0)


def _rows_named(study: Study, evidence: list[pl.Series]) -> dict[str, _Source]:
    """The rows of the study that are named as evidence, by `table:row_id`."""
    pairs = pl.concat(evidence).drop_nulls().explode().drop_nulls()
    names = set() if pairs.is_empty() else set(pairs.struct.field("ref"))
    by_table: dict[str, list[str]] = {}
    for name in names:
        table, _, row = name.partition(":")
        by_table.setdefault(table, []).append(row)
    index: dict[str, _Source] = {}
    for table, ids in by_table.items():
        kept = study.tables[table].filter(pl.col("row_id").is_in(ids))
        index |= {f"{table}:{row['row_id']}": _source(row) for row in kept.iter_rows(named=True)}
    return index


def _why_nothing(done: Assessments, subject: str, entry: Criterion, day: int | None) -> str:
    indication = done.timeline.subjects.filter(pl.col("subject_id") == subject)["indication"].to_list()
    if not indication:
        return "the subject has no reference infusion with a complete date."
    if entry.indications and indication[0] not in entry.indications:
        return f"it applies to {', '.join(entry.indications)}; this subject's indication is {indication[0]}."
    days = done.results(entry.key)
    if day is not None and days.width > 1:
        seen = days.filter(pl.col("subject_id") == subject)["day"].drop_nulls().unique().sort().to_list()
        if seen:
            return f"it was assessed on days {', '.join(map(str, seen))}."
    return "nothing was recorded that it could be computed from."


def _source_index(study: Study, subject: str, memo: dict[Any, Any]) -> dict[str, _Source]:
    """The rows of a subject by name; `memo` keeps them for the next criterion."""
    kept: dict[str, _Source] | None = memo.get(("source rows", subject))
    if kept is not None:
        return kept
    index: dict[str, _Source] = {}
    memo["source rows", subject] = index
    for name, table in study.tables.items():
        if "row_id" in table.columns and "subject_id" in table.columns:
            for row in table.filter(pl.col("subject_id") == subject).iter_rows(named=True):
                index[f"{name}:{row['row_id']}"] = _source(row)
    return index


def _explanation(
    entry: Criterion,
    row: dict[str, Any],
    index: Mapping[str, _Source],
    changes: tuple[str, ...] | None,
    *,
    simulated: bool,
) -> Explanation:
    bounds = entry.bounds or (None, None)
    clause = row["clause"]
    citation = entry.citations[0]
    return Explanation(
        subject_id=row["subject_id"],
        criterion=entry.key,
        title=entry.title,
        variant=row["variant"],
        day=row["day"],
        visit=row["visit"],
        result=_result_text(entry, row),
        value=row[entry.primary],
        value_min=row[bounds[0]] if bounds[0] else None,
        value_max=row[bounds[1]] if bounds[1] else None,
        clause=clause,
        clause_text=entry.clause(clause).text if clause else None,
        citation=citation.text,
        doi=citation.doi,
        source_status=entry.source_status,
        components={o.name: row[o.name] for o in entry.outputs},
        facts=tuple(_facts(entry, row, index)),
        missing=tuple(row["missing"].split("; ")) if row["missing"] else (),
        refused=tuple(row["invalid"].split("; ")) if row["invalid"] else (),
        changes=changes if row[entry.primary] is not None else None,
        infusion_seq=row["infusion_seq"],
        simulated=simulated,
    )


def _changes(entry: Criterion, rows: pl.DataFrame, done: Assessments, subject: str) -> list[tuple[str, ...] | None]:
    """The nearest changes of each result."""
    if not can_be_told(entry):
        return [None] * rows.height
    if entry.kind == "row":
        if any(f"in.{i.name}" not in rows.columns for i in entry.inputs):
            return [None] * rows.height
        inputs = rows.select(pl.col(f"in.{i.name}").alias(i.name) for i in entry.inputs)
        return [tuple(map(str, changes)) for changes in nearest(entry, inputs)]
    found: dict[tuple[str | None, int], tuple[str, ...]] = {}
    own = done.timeline.subjects.filter(pl.col("subject_id") == subject).select("_s")
    for variant in variants(entry):
        if variant.name not in rows["variant"].to_list():
            continue
        asked = units.find(entry, variant, done.timeline, done.wide).join(own, on="_s", how="semi")
        given = series.gather(entry, variant, asked, done.timeline, done.wide)
        changes = nearest_in_series(entry, given.units, given.typed, given.rows["day"], given.invalid)
        found |= {(variant.name, i): tuple(map(str, c)) for i, c in enumerate(changes)}
    return [found[key] for key in rows.select("variant", "_turn").iter_rows()]


def _result_text(entry: Criterion, row: dict[str, Any]) -> str:
    value = row[entry.primary]
    if value is None and entry.bounds and row[entry.bounds[0]] is not None:
        low, high = (_show(row[bound]) for bound in entry.bounds)
        return f"{entry.primary} cannot be decided: between {low} and {high}"
    if value is None:
        return f"{entry.primary} cannot be given"
    return f"{entry.primary} {_show(value)}"


def _facts(entry: Criterion, row: dict[str, Any], index: Mapping[str, _Source]) -> list[Fact]:
    specs = {i.name: i for i in entry.inputs}
    by_input: dict[str, list[str]] = {}
    for pair in row["evidence"] or []:
        by_input.setdefault(pair["input"], []).append(pair["ref"])
    facts: list[Fact] = []
    for name, spec in specs.items():
        value = row.get(f"in.{name}")
        refs = by_input.pop(name, [])
        if value is None and not refs:
            continue
        telling = sorted(refs, key=lambda ref: index.get(ref, _UNKNOWN).zero)
        listed = [_fact(name, spec.description, value, spec.unit, ref, index) for ref in telling[:MOST_ROWS]]
        if len(refs) > MOST_ROWS:
            listed[-1] = replace(listed[-1], more_rows=len(refs) - MOST_ROWS)
        facts += listed
        if not refs:
            facts.append(Fact(name, spec.description, value, spec.unit, None, _without_row(spec), None))
    for name, refs in by_input.items():
        facts += [_fact(name, "row of the series", None, None, ref, index) for ref in refs]
    return facts


def _without_row(spec: Input) -> str:
    """Why an input has a value although no row of the study holds it."""
    if any("drug" in b or "drug_name" in b for b in spec.bindings):
        return "no row, and the record of these medicines is declared complete"
    if any("absent" in b for b in spec.bindings):
        return "not recorded, which this criterion takes as stated here"
    if any("result" in b or "derived" in b or "time" in b for b in spec.bindings):
        return "computed"
    return "set by the rule"


def _fact(name: str, meaning: str, value: Any, unit: str | None, ref: str, index: Mapping[str, _Source]) -> Fact:
    source = index.get(ref, _UNKNOWN)
    return Fact(name, meaning, value, unit, source.date, source.recorded, ref)


def _first(source: dict[str, Any], *names: str) -> Any:
    return next((source[n] for n in names if source.get(n) is not None), None)


def _told(value: Any) -> bool:
    """Whether a part belongs in a line of parts: an answer does, also when it is no; points that are 0 do not."""
    return value is not None and (isinstance(value, bool) or value != 0)


def _show(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list | tuple | dict):
        return json.dumps(value, default=str)
    return str(value)


def _unit(unit: str | None) -> str:
    return f" {unit}" if unit and unit != "1" else ""


def _lines(e: Explanation) -> list[str]:
    when = f"day {e.day}" if e.day is not None else "whole course"
    place = f"{e.visit}, {when}" if e.visit else when
    place += f" after infusion {e.infusion_seq}" if e.infusion_seq != 1 else ""
    lines = [f"{e.subject_id}, {place}: {registry.get(e.criterion).titled(e.variant)}", f"  Result: {e.result}"]
    if e.clause_text:
        lines.append(f"  Because: {e.clause_text}")
    parts = [f"{k} = {_show(v)}" for k, v in (e.decompose() or e.components).items() if _told(v)]
    if parts:
        lines.append(f"  Parts: {'; '.join(parts)}")
    lines += _fact_lines(e.facts)
    if e.missing:
        lines.append(f"  Missing: {'; '.join(e.missing)}")
    if e.refused:
        lines.append(f"  Refused: {'; '.join(e.refused)}")
    if e.changes == ():
        lines.append("  No other value of a single input would have changed it.")
    if e.changes:
        lines.append("  What would have changed it (all else as it was):")
        lines += [f"    {change}" for change in e.changes]
    doi = f" doi:{e.doi}" if e.doi else ""
    lines.append(f"  Source: {e.citation}{doi} [{e.source_status}]")
    if e.simulated:
        lines.append("  Simulated or reconstructed data.")
    return lines


def _fact_lines(facts: tuple[Fact, ...]) -> list[str]:
    lines = ["  From:"] if facts else []
    for fact in facts:
        value = "" if fact.value is None else f" = {_show(fact.value)}{_unit(fact.unit)}"
        origin = (
            f"  <- {fact.row} {fact.date or ''} {fact.recorded or ''}".rstrip() if fact.row else f"  ({fact.recorded})"
        )
        lines.append(f"    {fact.input}{value}{origin}")
        if fact.more_rows:
            lines.append(f"    {fact.input}{value}  <- and {fact.more_rows} more row{'s' * (fact.more_rows != 1)}")
    return lines
