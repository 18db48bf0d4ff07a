"""From the records of a project to rows of the study tables, block by block of the mapping."""

from __future__ import annotations

from dataclasses import dataclass, field

import polars as pl

from aftercart.sources.mapping import SourceMapping
from aftercart.sources.pseudonyms import identifier_refused
from aftercart.sources.redcap import shaping
from aftercart.sources.redcap.cells import ARM, Cell
from aftercart.sources.redcap.formula import Formula
from aftercart.sources.redcap.plan import Block, Plan
from aftercart.sources.redcap.project import EVENT, INSTANCE, Project
from aftercart.sources.redcap.reading import SUBJECT, VISIT, WHY, Reader
from aftercart.sources.redcap.records import RECORD, Records, opened
from aftercart.sources.sdtm.cells import Placed
from aftercart.sources.sdtm.supplemental import USED
from aftercart.study import dictionary, instruments, problems, schema

KEY = "_key"


@dataclass
class _Found:
    tables: dict[str, list[pl.DataFrame]] = field(default_factory=dict)
    used: list[pl.DataFrame] = field(default_factory=list)
    listed: list[pl.DataFrame] = field(default_factory=list)


def place(plan: Plan, records: Records, project: Project, mapping: SourceMapping) -> Placed:
    """The rows that every block gives, by table of the study, and which source rows served those of others."""
    frame = _with_subjects(records.frame, plan, project, mapping)
    done = _Found()
    number: dict[tuple[str, str], int] = {}
    for block in plan.blocks:
        nth = number[block.table, block.form] = number.get((block.table, block.form), 0) + 1
        _block(block, nth, frame, project, mapping, done)
    done.listed += _compared(plan, frame)
    done.listed += _not_placed(plan, records, project)
    tables = {n: pl.concat(parts, how="diagonal_relaxed") for n, parts in done.tables.items()}
    people, more, odd = shaping.persons(tables.get("subjects"))
    if people is not None:
        tables["subjects"] = people
    used = pl.concat([pl.DataFrame(schema=USED), *done.used, *more])
    return Placed(tables, used, [*done.listed, *odd])


def _with_subjects(frame: pl.DataFrame, plan: Plan, project: Project, mapping: SourceMapping) -> pl.DataFrame:
    """Rows with the person, the visit in the words of the study, and the arm of the event."""
    labels = {e.name: e.label for e in project.events.values()}
    visits = {name: mapping.visits.get(label, label) for name, label in labels.items()} | dict(mapping.visits)
    arms = {e.name: project.arms.get(e.arm, e.arm) for e in project.events.values()}
    frame = frame.with_columns(
        pl.col(EVENT).replace(visits).alias(VISIT),
        pl.col(EVENT).replace_strict(arms, default=None, return_dtype=pl.String).alias(ARM),
    )
    if plan.subject == project.record_id.name:
        return frame.with_columns(pl.col(RECORD).alias(SUBJECT))
    if plan.subject not in frame.columns:
        return frame.with_columns(pl.lit(None, dtype=pl.String).alias(SUBJECT))
    named = frame.filter(pl.col(plan.subject).is_not_null()).unique(RECORD, keep="first", maintain_order=True)
    return frame.join(
        named.select(RECORD, pl.col(plan.subject).alias(SUBJECT)), on=RECORD, how="left", maintain_order="left"
    )


def _block(block: Block, nth: int, frame: pl.DataFrame, project: Project, mapping: SourceMapping, done: _Found) -> None:
    frame = frame.filter(pl.col(SUBJECT).is_not_null())
    is_open = opened(block.form, project, frame)
    if block.table == "subjects" and "subjects" not in done.tables:
        # Whoever has a record is a person of the study, whether or not the form was opened.
        nobody = ~is_open.any().over(SUBJECT) & pl.col(SUBJECT).is_first_distinct()
        is_open = is_open | nobody
    rows = frame.filter(is_open)
    if block.events:
        rows = rows.filter(pl.col(EVENT).is_in(list(block.events)))
    reader = Reader(project, frame, block, rows)
    for cell, wanted in block.when:
        met = reader.text(cell)[0].is_in(list(wanted)).fill_null(value=False)
        reader.rows = reader.rows.filter(met)
    for cell in block.skip_if_blank:
        reader.rows = reader.rows.filter(reader.text(cell)[0].is_not_null())
    left_out = rows.height - reader.rows.height
    if left_out:
        done.listed.append(_left_out(block, rows, left_out))
    if not reader.rows.height:
        done.listed += reader.listed
        return
    base = _columns(reader, block, nth)
    reader.unanswered([c for c in block.cells if c.box])
    out = _shaped(reader, block, base, mapping, done)
    done.listed += reader.listed
    done.used += reader.used
    done.tables.setdefault(block.table, []).append(out)


def _columns(reader: Reader, block: Block, nth: int) -> pl.DataFrame:
    """The columns that every row of a block has: where it stands, whose it is, its key, and the cells of `columns`."""
    rows = reader.rows
    instance = pl.col(INSTANCE)
    key = [pl.col(SUBJECT), pl.col(EVENT), pl.lit(block.form), instance, pl.lit(None if nth == 1 else f"{nth}")]
    joined = pl.concat_str(key, separator="/", ignore_nulls=True).alias(KEY)
    base = rows.select("_table", "_row", joined, subject_id=SUBJECT)
    table = schema.tables()[block.table]
    for cell in block.columns:
        text, _ = reader.text(cell, label=table[cell.column].type == "str")
        if cell.year:
            full = len(text.drop_nulls())
            reader.listed.append(identifier_refused(str(rows["_table"][0]), cell.field, full))
        if table[cell.column].type == "date":
            text = text.str.slice(0, 10)
        base = base.with_columns(text.alias(cell.column))
    if "visit" in table.names and "visit" not in base.columns and reader.project.events:
        base = base.with_columns(rows[VISIT].alias("visit"))
    return base


def _shaped(reader: Reader, block: Block, base: pl.DataFrame, mapping: SourceMapping, done: _Found) -> pl.DataFrame:
    if block.table == "observations":
        parts = [_result(reader, v.name, v.cell, v.beside, base) for v in block.values]
        wide = pl.concat(parts, how="diagonal_relaxed") if parts else base
        shaped, listed = shaping.results(wide, mapping, by_row=not parts)
        done.listed += listed
        return shaped
    if block.table == "assessments":
        parts = [_answer(reader, v.name, v.cell, v.beside, base) for v in block.values]
        shaped = pl.concat(parts, how="diagonal_relaxed")
        instrument = str(shaped["instrument"][0]) if shaped.height else ""
        return shaping.answers(shaped, instruments.instruments().get(instrument))
    own = [c.column for c in block.columns if c.constant is None]
    keeps = not own or block.table == "subjects"
    filled = base if keeps else base.filter(pl.any_horizontal(pl.col(c).is_not_null() for c in own))
    key = pl.coalesce("row_id", KEY) if "row_id" in filled.columns else pl.col(KEY)
    shaped = filled.with_columns(row_id=key).drop(KEY)
    if block.table == "exposures":
        return shaping.medicines(shaped, mapping)
    if block.table == "infusions":
        return shaping.infusions(shaped)
    if "visit" in shaped.columns:
        return shaped.with_columns(pl.col("visit").replace(dict(mapping.visits)))
    return shaped


def _result(reader: Reader, code: str, cell: Cell, beside: tuple[Cell, ...], base: pl.DataFrame) -> pl.DataFrame:
    """The rows of one code in a form with a field for each result."""
    textual = dictionary.codes()[code].text
    text, why = reader.text(cell)
    more = [reader.text(c, label=True)[0].alias(c.column) for c in beside]
    return (
        base.with_columns(
            text.alias("value_text" if textual else "value"),
            why.alias(WHY),
            *more,
            code=pl.lit(code),
            code_original=pl.lit(cell.field),
            _field=pl.lit(cell.box or cell.field),
            row_id=pl.concat_str(KEY, pl.lit(code), separator="/"),
        )
        .filter(text.is_not_null() | why.is_not_null())
        .drop(KEY)
    )


def _answer(reader: Reader, item: str, cell: Cell, beside: tuple[Cell, ...], base: pl.DataFrame) -> pl.DataFrame:
    """The rows of one item of an instrument."""
    text, why = reader.text(cell)
    more = [reader.text(c, label=True)[0].alias(c.column) for c in beside]
    given = {} if "administration_id" in base.columns else {"administration_id": pl.col(KEY)}
    return (
        base.with_columns(
            text.alias("value"),
            why.alias(WHY),
            *more,
            item=pl.lit(item),
            _field=pl.lit(cell.box or cell.field),
            row_id=pl.concat_str(KEY, pl.lit(item), separator="/"),
            **given,
        )
        .filter(text.is_not_null() | why.is_not_null())
        .drop(KEY)
    )


def _left_out(block: Block, rows: pl.DataFrame, count: int) -> pl.DataFrame:
    return problems.one(
        "left_out",
        str(rows["_table"][0]),
        f"{count} rows of {block.form} that give no row of {block.table}",
        "rows that meet when and skip_if_blank of the mapping",
        "nothing to do: the mapping leaves them out.",
        severity="warning",
        column=f"[redcap] rows {block.number}",
    )


def _not_placed(plan: Plan, records: Records, project: Project) -> list[pl.DataFrame]:
    """A line for every field that has answers and no place in the mapping."""
    table = next(iter(project.read), project.name)
    read = plan.fields | set(plan.compare) | {project.record_id.name}
    return [
        problems.one(
            "field_not_placed",
            table,
            f"{count} answers of the form {project.fields[name].form}",
            "a field that the mapping places",
            "calculated fields are not read." if project.fields[name].type == "calc" else "place it if it is needed.",
            severity="warning",
            column=name,
        )
        for name, count in records.filled.items()
        if count and name not in read
    ]


TOLERANCE = 1e-6


def _compared(plan: Plan, frame: pl.DataFrame) -> list[pl.DataFrame]:
    """A line for every row in which a calculated field is not what its formula gives today."""
    listed = []
    for name, formula in plan.compare.items():
        if name in frame.columns and formula.columns <= set(frame.columns):
            listed += _stale(name, formula, frame)
    return listed


def _stale(name: str, formula: Formula, frame: pl.DataFrame) -> list[pl.DataFrame]:
    stored = pl.col(name).cast(pl.Float64, strict=False)
    rows = frame.with_columns(_now=formula.value.cast(pl.Float64), _then=stored).filter(pl.col("_now").is_finite())
    far = (pl.col("_now") - pl.col("_then")).abs() > TOLERANCE * pl.max_horizontal(1.0, pl.col("_now").abs())
    rows = rows.filter(far.fill_null(value=True)).rename({SUBJECT: "subject_id"})
    return [
        problems.of_rows(
            part,
            rule="calculated_differs",
            file=str(table),
            column=name,
            found=pl.col(name),
            expected=pl.format("{} by its formula", pl.col("_now").round(6)),
            remedy="let REDCap update its calculations (data quality, rule H). The field is not read.",
            severity="warning",
        )
        for (table,), part in rows.group_by("_table", maintain_order=True)
    ]
