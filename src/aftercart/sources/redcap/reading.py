"""The cells of a mapping read from the records: choices translated, boxes of checkboxes, fields of other rows."""

from __future__ import annotations

from dataclasses import dataclass, field

import polars as pl

from aftercart.sources.redcap.cells import ARM, Cell
from aftercart.sources.redcap.fields import CHOICE, checkbox_column
from aftercart.sources.redcap.plan import Block
from aftercart.sources.redcap.project import EVENT, INSTRUMENT, KEYS, Project
from aftercart.sources.redcap.records import COMPLETE, REASON, RECORD, opened
from aftercart.study import problems

SUBJECT, VISIT = "_subject", "_visit"
TEXT, WHY = "_text", "_why"
"""What a field says, and the meaning of the missing-data code in its place."""


@dataclass
class Reader:
    """Reads cells of one block; collects what is odd, and which rows served others."""

    project: Project
    frame: pl.DataFrame
    block: Block
    rows: pl.DataFrame
    """The rows of the block's form."""
    listed: list[pl.DataFrame] = field(default_factory=list)
    used: list[pl.DataFrame] = field(default_factory=list)

    def text(self, cell: Cell, *, label: bool = False) -> tuple[pl.Series, pl.Series]:
        """The cells of a column, one for each row, and the meaning of missing-data codes in their place.

        label: a field with choices but no translation gives the label of its answer instead of the code.
        """
        if cell.constant is not None:
            height = self.rows.height
            return pl.Series([cell.constant] * height, dtype=pl.String), pl.Series([None] * height, dtype=pl.String)
        found = self._found(cell, label=label)
        text, why = found[TEXT], found[WHY]
        if cell.choices is not None and not self._is_whole(cell):
            text = self._translated(cell, text)
        elif label and not cell.box and not self._is_whole(cell):
            known = self.project.fields.get(cell.field)
            if known is not None and known.type in CHOICE:
                text = text.replace(dict(known.choices))
        return text, why

    def _is_whole(self, cell: Cell) -> bool:
        known = self.project.fields.get(cell.field)
        return known is not None and known.type == "checkbox" and not cell.box

    def _found(self, cell: Cell, *, label: bool) -> pl.DataFrame:
        """What the row says, else a row of the record that does not repeat: of the same event, or the one named."""
        expr, why = self._expr(cell, label=label)
        # With a column of the rows: a literal alone would be one row.
        own = self.rows.select("_row", expr.cast(pl.String).alias(TEXT), why.cast(pl.String).alias(WHY)).drop("_row")
        known = self.project.fields.get(cell.field)
        if known is None or (known.form == self.block.form and cell.event is None):
            return own
        keys = [RECORD] if cell.event is not None else [RECORD, EVENT]
        others = self.frame.filter(pl.col(INSTRUMENT).is_null() & opened(known.form, self.project, self.frame))
        if cell.event is not None:
            others = others.filter(pl.col(EVENT) == cell.event)
        said = (expr.cast(pl.String).alias("_o"), why.cast(pl.String).alias("_w"))
        others = others.select(*keys, *said, source_table="_table", source_row="_row")
        others = others.filter(pl.col("_o").is_not_null())
        several = pl.col("_o").n_unique().over(keys) > 1
        self._ambiguous(others.filter(several), keys, cell)
        others = others.filter(~several).unique(keys, keep="first", maintain_order=True)
        joined = self.rows.select("_table", "_row", *keys).with_columns(own)
        joined = joined.join(others, on=keys, how="left", nulls_equal=True, maintain_order="left")
        silent = pl.lit(value=True) if cell.event is not None else pl.col(TEXT).is_null()
        taken = joined.filter(pl.col("_o").is_not_null() & silent)
        self.used.append(taken.select("source_table", "source_row", parent_table="_table", parent_row="_row"))
        text = pl.col("_o") if cell.event is not None else pl.coalesce(TEXT, "_o")
        return joined.select(text.alias(TEXT), pl.coalesce(WHY, "_w").alias(WHY))

    def _ambiguous(self, others: pl.DataFrame, keys: list[str], cell: Cell) -> None:
        """List the rows for which other rows of the record say different things."""
        self._list(
            self.rows.join(others, on=keys, how="semi", nulls_equal=True),
            "ambiguous",
            cell.field,
            pl.lit("several answers in other rows of the record"),
            "one answer of the record, or of the event named",
            "name the event in the mapping, or use a field of the form itself. The cell is left empty.",
            "error",
        )

    def _expr(self, cell: Cell, *, label: bool) -> tuple[pl.Expr, pl.Expr]:
        none = pl.lit(None, dtype=pl.String)
        if cell.field in (*KEYS, ARM):
            return pl.col(cell.field), none
        column = cell.box or cell.field
        why = pl.col(f"{REASON}{column}") if f"{REASON}{column}" in self.frame.columns else none
        known = self.project.fields.get(cell.field)
        if self._is_whole(cell) and known is not None:
            words = cell.choices or (known.choices if label else {c: c for c in known.choices})
            boxes = {code: checkbox_column(known.name, code) for code in known.choices}
            ticked = [
                pl.when(pl.col(box) == "1").then(pl.lit(words.get(code) or None, dtype=pl.String))
                for code, box in boxes.items()
                if box in self.frame.columns
            ]
            joined = pl.concat_str(ticked, separator=";", ignore_nulls=True) if ticked else none
            return pl.when(joined != "").then(joined), why
        if column not in self.frame.columns:
            return none, why
        if cell.box:
            return self.box(cell), why
        value = pl.col(column)
        if cell.year:
            value = value.str.slice(0, 4)
        if cell.time and cell.time in self.frame.columns:
            time = pl.col(cell.time).str.replace(r"^([0-9]):", "0${1}:")
            both = pl.concat_str(value.str.slice(0, 10), time, separator="T")
            value = pl.when(time.is_not_null()).then(both).otherwise(value)
        return value, why

    def box(self, cell: Cell) -> pl.Expr:
        """A box as 1 or 0; an empty box of which nobody can say that it means no is neither."""
        no = self._means_no(cell)
        return pl.when(pl.col(cell.box) == "1").then(pl.lit("1")).when((pl.col(cell.box) == "0") & no).then(pl.lit("0"))

    def _means_no(self, cell: Cell) -> pl.Expr:
        known = self.project.fields[cell.field]
        boxes = [c for c in known.columns if c in self.frame.columns]
        ticked = pl.any_horizontal((pl.col(b) == "1").fill_null(value=False) for b in boxes)
        if self.block.unticked == "ticked":
            return ticked
        if self.block.unticked == "opened":
            return opened(known.form, self.project, self.frame)
        status = f"{known.form}_complete"
        complete = pl.col(status) == COMPLETE if status in self.frame.columns else pl.lit(value=False)
        return ticked | complete.fill_null(value=False)

    def unanswered(self, cells: list[Cell]) -> None:
        """List the rows in which empty boxes of a checkbox that is read could mean no, or not asked."""
        seen: set[str] = set()
        for cell in cells:
            elsewhere = not cell.box or self.project.fields[cell.field].form != self.block.form
            if elsewhere or cell.field in seen or cell.box not in self.rows.columns:
                continue
            seen.add(cell.field)
            empty = (pl.col(cell.box) == "0").fill_null(value=False) & ~self._means_no(cell)
            self._list(
                self.rows.filter(empty),
                "checkbox_unanswered",
                cell.field,
                pl.lit("no box ticked in a form that is not complete"),
                "a complete form, or a ticked box",
                'complete the form, or say unticked = "opened" in the mapping. The boxes are not read as no.',
                "warning",
            )

    def _translated(self, cell: Cell, text: pl.Series) -> pl.Series:
        choices = dict(cell.choices or {})
        out = text.replace_strict({k: v or None for k, v in choices.items()}, default=None, return_dtype=pl.String)
        strange = text.is_not_null() & ~text.is_in(list(choices))
        if strange.any():
            self._list(
                self.rows.with_columns(text.alias(TEXT)).filter(strange),
                "not_translated",
                cell.box or cell.field,
                pl.col(TEXT),
                f"one of {', '.join(choices)}, as the mapping has them",
                "add the code to choices in the mapping. The cell is left empty.",
                "error",
            )
        return out

    def _list(
        self, rows: pl.DataFrame, rule: str, column: str, found: pl.Expr, expected: str, remedy: str, severity: str
    ) -> None:
        named = rows.rename({SUBJECT: "subject_id"})
        self.listed += [
            problems.of_rows(
                part,
                rule=rule,
                file=str(table),
                column=column,
                found=found,
                expected=expected,
                remedy=remedy,
                severity=severity,
            )
            for (table,), part in named.group_by("_table", maintain_order=True)
        ]
