"""From text cells to typed tables by the schema: every bad cell named, nothing dropped without a line that says so."""

from __future__ import annotations

import polars as pl

from aftercart.study import dates, problems, schema
from aftercart.study.schema import Column, Table

LONGEST_TEXT = 10_000
"""A cell longer than this is not a study value."""

LONG = 500
"""Rows of a table from which on each distinct text is judged instead of each cell."""

TRUE, FALSE = ("true", "yes", "y", "1"), ("false", "no", "n", "0")


def typed_table(
    table: Table, cells: pl.DataFrame, file: str, study_id: str, repeated: pl.Series | None = None
) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    """Return the rows that can be kept (typed, with `_row`), and the problems.

    repeated: the `_row` of the rows that repeat the key of an earlier one, where `cells` are only part of the table.
    A bad cell of a required column costs its row; any other bad cell is emptied and its row kept. A table that keeps
    results as reported gets the text of `value` as `_reported`.
    """
    listed: list[pl.DataFrame] = []
    cells, more = _columns(table, cells, file, study_id)
    listed += more
    columns = [cells["_row"]]
    absent: list[pl.Expr] = []
    sound = _sound(table, cells)
    for column in table.columns:
        if column.name not in cells.columns:
            absent.append(pl.lit(None, dtype=schema.polars_schema(table.name)[column.name]).alias(column.name))
            continue
        value, bad, remedy = _typed(column, cells[column.name], sound=column.name in sound)
        columns.append(value.alias(column.name))
        if bad is not None:
            consequence = " The row is not used until it is mended." if column.required else " The cell is left empty."
            listed.append(
                problems.of_rows(
                    cells.filter(bad),
                    rule=f"cell_{column.type}",
                    file=file,
                    column=column.name,
                    found=pl.col(column.name),
                    expected=column.expectation,
                    remedy=remedy + consequence,
                )
            )
        if column.required and cells[column.name].null_count():
            listed.append(
                problems.of_rows(
                    cells.filter(pl.col(column.name).is_null()),
                    rule="required",
                    file=file,
                    column=column.name,
                    found=pl.lit("nothing"),
                    expected=column.expectation,
                    remedy="fill it in. The row is not used until it is mended.",
                )
            )
    rows = pl.DataFrame(columns).with_columns(absent).select("_row", *table.names)
    if "value_original" in table.names:
        reported = pl.lit(None, dtype=pl.String) if "value" not in cells.columns else cells["value"]
        rows = rows.with_columns(reported.alias("_reported"))
    required = [c.name for c in table.columns if c.required]
    if any(rows[name].null_count() for name in required):
        rows = rows.drop_nulls(required)
    first = rows["row_id"].is_first_distinct() if repeated is None else ~rows["_row"].is_in(repeated.implode())
    if first.all():
        return rows, listed
    listed.append(
        problems.of_rows(
            rows.filter(~first),
            rule="duplicate_row_id",
            file=file,
            column="row_id",
            found=pl.col("row_id"),
            expected="each row_id once in a table",
            remedy="give the row a key of its own, or remove it if it repeats another. The first row is used.",
        )
    )
    return rows.filter(first), listed


def _columns(table: Table, cells: pl.DataFrame, file: str, study_id: str) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    """Name unknown and absent columns; fill the leading ones that the file's place already tells."""
    listed = [
        problems.one(
            "unknown_column",
            file,
            f"a column {name!r}",
            f"columns of the table {table.name}",
            "rename it to a column of the schema, or remove it; it is not read.",
            severity="warning",
            column=name,
            row=1,
        )
        for name in cells.columns
        if name not in table.names and name != "_row"
    ]
    if "study_id" not in cells.columns:
        cells = cells.with_columns(study_id=pl.lit(study_id))
    if "row_id" not in cells.columns:
        cells = cells.with_columns(row_id=pl.concat_str(pl.lit(f"{table.name}-"), pl.col("_row")))
        listed.append(
            problems.one(
                "no_row_id",
                file,
                "no column row_id",
                "a stable key for every row",
                "add row_id, so that a row can be found again after the file is sorted; row numbers are used.",
                severity="warning",
                column="row_id",
                row=1,
            )
        )
    listed += [
        problems.one(
            "missing_column",
            file,
            f"no column {c.name!r}",
            f"the column {c.name}: {c.description}",
            "add the column; without it no row of the table can be used.",
            column=c.name,
            row=1,
        )
        for c in table.columns
        if c.required and c.name not in cells.columns
    ]
    return cells, listed


def _sound(table: Table, cells: pl.DataFrame) -> set[str]:
    """The columns of numbers, texts, listed values and dates without a bad cell, found in one query."""

    def judged(column: Column) -> pl.Expr:
        """The cells, each text only once where a long column may repeat it."""
        few = cells.height >= LONG and column.type not in ("int", "float", "str")
        return pl.lit(cells[column.name].unique()) if few else pl.col(column.name)

    checked = [c for c in table.columns if c.name in cells.columns and c.type not in ("bool", "list")]
    found = cells.select(**{c.name: _is_sound(c, judged(c)).all() for c in checked}).row(0, named=True)
    return {name for name, sound in found.items() if sound}


def _is_sound(column: Column, cells: pl.Expr) -> pl.Expr:
    """Which cells can be kept; of an empty one it is true or null."""
    if column.type in ("int", "float"):
        return cells.is_null() | _is_possible(column, cells.cast(pl.Float64, strict=False)).fill_null(value=False)
    text = cells.cast(pl.String)
    if column.type == "str":
        return text.str.len_bytes() <= LONGEST_TEXT
    return text.is_in(list(column.allowed)) if column.type == "enum" else dates.is_valid(text)


def _is_possible(column: Column, value: pl.Expr) -> pl.Expr:
    ok = value.is_finite()
    if column.type == "int":
        ok = ok & (value == value.round(0))
    if column.minimum is not None and column.maximum is not None:
        ok = ok & value.is_between(column.minimum, column.maximum)
    return ok


def _typed(column: Column, cells: pl.Series, *, sound: bool) -> tuple[pl.Series, pl.Series | None, str]:
    """Return (typed values, which cells are bad or None, what to do about them).

    sound: no cell is bad. Texts are judged once for each distinct text, however many rows repeat it.
    """
    if column.type in ("int", "float"):
        return _number(column, cells, sound=sound)
    if column.type == "bool" and cells.dtype == pl.Boolean:
        return cells, None, ""
    text = cells.cast(pl.String)
    if sound:
        return text, None, ""
    if column.type == "str":
        remedy = f"keep texts under {LONGEST_TEXT} characters."
        return *_emptied(text, text.is_null() | (text.str.len_chars() <= LONGEST_TEXT)), remedy
    distinct = text.unique().drop_nulls()
    value, remedy = distinct, "correct the cell."
    if column.type == "bool":
        value = distinct.str.to_lowercase().replace_strict(
            {**dict.fromkeys(TRUE, True), **dict.fromkeys(FALSE, False)}, default=None, return_dtype=pl.Boolean
        )
        ok = value.is_not_null()
    elif column.type == "enum":
        ok = distinct.is_in(list(column.allowed))
        remedy = "use one of the listed values, spelled exactly so."
    elif column.type == "list":
        value = distinct.str.replace_all(r"\s*;\s*", ";")
        parts = value.str.split(";")
        ok = parts.list.eval(pl.element().is_in(list(column.allowed))).list.all()
    else:
        ok = pl.DataFrame({"text": distinct}).select(dates.is_valid("text")).to_series()
        remedy = "write the date as year-month-day; leave out the parts that are not known."
    ok = ok.fill_null(value=False)
    if value is not distinct:
        typed = text.replace_strict(distinct, value, default=None, return_dtype=value.dtype)
        return *_emptied(typed, text.is_null() | ~text.is_in(distinct.filter(~ok).implode())), remedy
    if ok.all():
        return text, None, remedy
    return *_emptied(text, text.is_null() | ~text.is_in(distinct.filter(~ok).implode())), remedy


def _number(column: Column, cells: pl.Series, *, sound: bool) -> tuple[pl.Series, pl.Series | None, str]:
    value, bad, remedy = cells.cast(pl.Float64, strict=False), None, "correct the cell."
    if not sound:
        if cells.dtype == pl.String and cells.str.contains(r"^-?\d+,\d+$").any():
            remedy = "write numbers with a decimal point."
        value, bad = _emptied(value, cells.to_frame().select(_is_sound(column, pl.first())).to_series())
    return (value.cast(pl.Int64, strict=False) if column.type == "int" else value), bad, remedy


def _emptied(value: pl.Series, ok: pl.Series) -> tuple[pl.Series, pl.Series | None]:
    """The values with bad cells emptied, and which cells were bad (None when all are good)."""
    if ok.all():
        return value, None
    return value.zip_with(ok, value.clear(len(value))), ~ok
