"""What is particular to a study table: limits of results, names of medicines, numbers of infusions, persons."""

from __future__ import annotations

import polars as pl

from aftercart.sources.mapping import CodeTarget, SourceMapping
from aftercart.sources.redcap.reading import WHY
from aftercart.sources.sdtm.findings import LIMIT
from aftercart.study import dictionary, drugs, problems
from aftercart.study.instruments import Instrument


def results(rows: pl.DataFrame, mapping: SourceMapping, *, by_row: bool) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    """Rows of the table `observations`: `<0.5` keeps its comparator, a missing-data code is a test without result.

    by_row: every row of the source holds one result, with its code in a field of its own.
    """
    listed: list[pl.DataFrame] = []
    texts = ("value", "value_text", "unit", "comparator", "not_done", "reason", "code", "_field", WHY)
    rows = _with(rows, texts)
    if by_row:
        rows, listed = _by_row(rows, mapping)
    textual = pl.col("code").is_in([n for n, c in dictionary.codes().items() if c.text])
    limit, sign = pl.col("value").str.extract(LIMIT, 2), pl.col("value").str.extract(LIMIT, 1)
    unsaid = pl.col(WHY).is_not_null() & pl.col("value").is_null() & pl.col("value_text").is_null()
    rows = rows.with_columns(
        value=pl.when(~textual).then(pl.coalesce(limit, "value")),
        value_text=pl.when(textual).then(pl.coalesce("value_text", "value")).otherwise("value_text"),
        comparator=pl.coalesce("comparator", pl.when(~textual).then(sign)),
        unit=pl.when(~textual).then(pl.col("unit").replace(dict(mapping.units))),
        not_done=pl.when(unsaid).then(pl.lit("true")).otherwise("not_done"),
        reason=pl.when(unsaid).then(WHY).otherwise("reason"),
    )
    return _renamed(rows.drop(WHY), mapping), listed


def _by_row(rows: pl.DataFrame, mapping: SourceMapping) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    targets = {k: t for k, t in mapping.codes.items() if isinstance(t, CodeTarget)}
    units = {k: t.unit for k, t in targets.items() if t.unit is not None}
    out = pl.col("code").is_in(list(mapping.left_out)).fill_null(value=False)
    listed = [
        problems.of_rows(
            part,
            rule="left_out",
            file=str(table),
            found=pl.col("code"),
            expected="a test that the mapping keeps",
            remedy="nothing to do: the mapping leaves it out.",
            severity="warning",
        )
        for (table,), part in rows.filter(out).group_by("_table", maintain_order=True)
    ]
    rows = rows.filter(~out & pl.any_horizontal(pl.col("code", "value", "value_text").is_not_null()))
    return (
        rows.with_columns(
            code_original=pl.col("code"),
            unit=pl.coalesce("unit", pl.col("code").replace_strict(units, default=None, return_dtype=pl.String)),
            code=pl.col("code").replace({k: t.code for k, t in targets.items()}),
        ).rename({"_key": "row_id"}),
        listed,
    )


def answers(rows: pl.DataFrame, instrument: Instrument | None) -> pl.DataFrame:
    """Rows of the table `assessments`: a text where the item asks for one of several, else a number."""
    rows = _with(rows, ("value", "value_text", "not_done", "reason", WHY))
    textual = [] if instrument is None else [i.name for i in instrument.items.values() if i.allowed]
    is_text = pl.col("item").is_in(textual)
    unsaid = pl.col(WHY).is_not_null() & pl.col("value").is_null()
    return rows.with_columns(
        value=pl.when(~is_text).then("value"),
        value_text=pl.when(is_text).then("value").otherwise("value_text"),
        not_done=pl.when(unsaid).then(pl.lit("true")).otherwise("not_done"),
        reason=pl.when(unsaid).then(WHY).otherwise("reason"),
    ).drop(WHY)


def medicines(rows: pl.DataFrame, mapping: SourceMapping) -> pl.DataFrame:
    """Rows of the table `exposures`: the ingredient by the mapping, by the dictionary, else the name in lower case."""
    rows = _with(rows, ("drug", "drug_text"))
    given = {k.strip().lower(): v for k, v in mapping.drugs.items()}
    name = pl.coalesce("drug", "drug_text").str.strip_chars()
    mapped = name.str.to_lowercase().replace_strict(given, default=None, return_dtype=pl.String)
    found = pl.coalesce(mapped, drugs.ingredient_expr(name))
    return rows.with_columns(
        drug=found, drug_text=pl.coalesce("drug_text", pl.when(name.str.to_lowercase() != found).then(name))
    )


def infusions(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows of the table `infusions`, numbered by their start where the mapping gives no number."""
    rows = _with(rows, ("infusion_seq", "start"))
    order = pl.struct("start", "_row").rank("ordinal").over("subject_id").cast(pl.String)
    return rows.with_columns(infusion_seq=pl.coalesce("infusion_seq", order))


def persons(
    rows: pl.DataFrame | None,
) -> tuple[pl.DataFrame | None, list[pl.DataFrame], list[pl.DataFrame]]:
    """One row a person of all rows that say something of them: the first value of each column, others listed.

    Returns the rows, which other source rows they used, and the problems.
    """
    if rows is None or not rows.height:
        return rows, [], []
    columns = [c for c in rows.columns if c not in ("_table", "_row", "subject_id", "row_id")]
    listed = []
    for column in columns:
        several = rows.filter(pl.col(column).drop_nulls().n_unique().over("subject_id") > 1)
        first = pl.col(column).drop_nulls().first().over("subject_id")
        for (table,), part in several.filter(pl.col(column) != first).group_by("_table", maintain_order=True):
            listed.append(
                problems.of_rows(
                    part,
                    rule="conflict",
                    file=str(table),
                    column=column,
                    found=pl.lit("another value than in an earlier row of the person"),
                    expected="one value for a person",
                    remedy="correct it in the source. The first value is used.",
                )
            )
    one = rows.group_by("subject_id", maintain_order=True).agg(
        pl.col("_table", "_row", "row_id").first(), pl.col(columns).drop_nulls().first()
    )
    pairs = rows.select("subject_id", source_table="_table", source_row="_row").join(
        one.select("subject_id", parent_table="_table", parent_row="_row"), on="subject_id"
    )
    return one, [pairs.drop("subject_id")], listed


def _renamed(rows: pl.DataFrame, mapping: SourceMapping) -> pl.DataFrame:
    return rows.with_columns(pl.col("visit").replace(dict(mapping.visits))) if "visit" in rows.columns else rows


def _with(frame: pl.DataFrame, names: tuple[str, ...]) -> pl.DataFrame:
    absent = [n for n in names if n not in frame.columns]
    return frame.with_columns(pl.lit(None, dtype=pl.String).alias(n) for n in absent)
