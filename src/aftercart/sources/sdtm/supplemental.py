"""Join supplemental qualifiers (SUPP--) to the records they belong to."""

from __future__ import annotations

import polars as pl

from aftercart.standards import sdtm
from aftercart.study import problems

MARK = "SUPP:"
"""Stands before the name of a joined qualifier, so that it cannot be taken for a variable."""

USED = {"source_table": pl.String, "source_row": pl.Int64, "parent_table": pl.String, "parent_row": pl.Int64}
NEEDED = ("RDOMAIN", "USUBJID", "IDVAR", "IDVARVAL", "QNAM", "QVAL")


def joined(
    datasets: dict[str, pl.DataFrame],
) -> tuple[dict[str, pl.DataFrame], pl.DataFrame, list[pl.DataFrame]]:
    """Return the datasets with qualifiers as columns `SUPP:QNAM`, which rows were used for whom, and problems.

    A value in pieces (QNAM, QNAM1, QNAM2, ... of a text over 200 bytes) stays in pieces. A qualifier without a parent,
    of an unknown name, or given twice for the same record is listed.
    """
    out = {name: rows for name, rows in datasets.items() if not name.startswith("SUPP")}
    used = [pl.DataFrame(schema=USED)]
    listed: list[pl.DataFrame] = []
    for name, rows in sorted(datasets.items()):
        if not name.startswith("SUPP"):
            continue
        absent = [c for c in NEEDED if c not in rows.columns]
        if absent:
            what, remedy = f"no variable {absent[0]}", "export it again."
            listed.append(problems.one("supp", name, what, "SUPP-- as in SDTMIG", remedy))
            continue
        known = pl.col("QNAM").is_in(list(sdtm.columns_of_qualifiers())).fill_null(value=False)
        listed.append(_of(rows.filter(~known), "qualifier_not_placed", "a qualifier that has a place in a study"))
        supp = rows.filter(known)
        for (domain,), part in supp.group_by("RDOMAIN", maintain_order=True):
            parent = out.get(str(domain))
            if parent is None:
                listed.append(_of(part, "no_parent", f"a dataset {domain}"))
                continue
            out[str(domain)], more_used, more = _attached(parent, part)
            used.append(more_used)
            listed += more
    return out, pl.concat(used), listed


def _attached(parent: pl.DataFrame, supp: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame, list[pl.DataFrame]]:
    """A dataset with the qualifiers of one SUPP-- as columns."""
    supp = supp.with_columns(
        IDVAR=pl.col("IDVAR").fill_null(""), IDVARVAL=pl.col("IDVARVAL").fill_null("").str.strip_chars()
    )
    used, placed = [pl.DataFrame(schema=USED)], []
    lost = [supp.clear()]
    for (variable,), part in supp.group_by("IDVAR", maintain_order=True):
        if variable and variable not in parent.columns:
            lost.append(part)
            continue
        value = _as_text(parent, str(variable)) if variable else pl.lit("")
        keys = parent.select("USUBJID", "_table", "_row", _value=value)
        keys = keys.unique(["USUBJID", "_value"], keep="first", maintain_order=True)
        found = part.join(
            keys,
            left_on=["USUBJID", "IDVARVAL"],
            right_on=["USUBJID", "_value"],
            how="left",
            suffix="_parent",
            maintain_order="left",
        )
        lost.append(found.filter(pl.col("_row_parent").is_null()).select(supp.columns))
        placed.append(found.filter(pl.col("_row_parent").is_not_null()))
    listed = [_of(pl.concat(lost), "no_parent", "a record that USUBJID, IDVAR and IDVARVAL name")]
    if not placed:
        return parent, pl.concat(used), listed
    rows = pl.concat(placed)
    first = pl.struct("_row_parent", "QNAM").is_first_distinct()
    doubled = rows.filter(~first)
    listed.append(_of(doubled.select(supp.columns), "qualifier_twice", "each qualifier once for a record"))
    rows = rows.filter(first)
    used.append(
        rows.select(source_table="_table", source_row="_row", parent_table="_table_parent", parent_row="_row_parent")
    )
    wide = rows.pivot("QNAM", index="_row_parent", values="QVAL", aggregate_function="first")
    wide = wide.rename({c: f"{MARK}{c}" for c in wide.columns if c != "_row_parent"})
    out = parent.join(wide, left_on="_row", right_on="_row_parent", how="left", maintain_order="left")
    return out, pl.concat(used), listed


def _as_text(frame: pl.DataFrame, variable: str) -> pl.Expr:
    column = pl.col(variable)
    if frame.schema[variable] == pl.String:
        return column.str.strip_chars()
    whole = column.cast(pl.Int64, strict=False)
    return pl.when(whole.cast(pl.Float64) == column).then(whole.cast(pl.String)).otherwise(column.cast(pl.String))


def _of(rows: pl.DataFrame, rule: str, expected: str) -> pl.DataFrame:
    return pl.concat(
        [
            problems.none(),
            *(
                problems.of_rows(
                    part.rename({"USUBJID": "subject_id"}),
                    rule=rule,
                    file=str(table),
                    column="QNAM",
                    found=pl.format(
                        "{} of {} {}",
                        pl.col("QNAM").fill_null("no name"),
                        pl.col("RDOMAIN").fill_null("no domain"),
                        pl.col("IDVARVAL").fill_null(""),
                    ),
                    expected=expected,
                    remedy="nothing to do unless a criterion needs it. The qualifier is not used.",
                    severity="warning",
                )
                for (table,), part in rows.group_by("_table", maintain_order=True)
            ),
        ]
    )
