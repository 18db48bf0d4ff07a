"""Rules within a row: known codes, units, instruments and answers; what breaks one is listed and not used."""

from __future__ import annotations

import polars as pl

from aftercart.study import dictionary, drugs, instruments, problems


def check_rows(name: str, rows: pl.DataFrame, file: str) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    """Return the rows of one table that keep the rules of that table, and the problems of the others."""
    if name == "subjects":
        return _subjects(rows, file)
    if name == "observations":
        return _observations(rows, file)
    if name == "assessments":
        return _assessments(rows, file)
    if name == "exposures":
        return _exposures(rows, file)
    return rows, []


def of_known_subjects(rows: pl.DataFrame, known: pl.Series, file: str) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    """Return the rows whose subject is in `subjects`, and the problems of the others."""
    stray = ~pl.col("subject_id").is_in(known.to_list())
    listed = problems.of_rows(
        rows.filter(stray),
        rule="unknown_subject",
        file=file,
        column="subject_id",
        found=pl.col("subject_id"),
        expected="a subject_id of the table subjects",
        remedy="add the patient to subjects, or correct the id. The row is not used until it is mended.",
    )
    return rows.filter(~stray), [listed] if listed.height else []


def _subjects(rows: pl.DataFrame, file: str) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    """One row per person; a row entered in error does not count."""
    valid = pl.col("status").fill_null("final") != "entered_in_error"
    repeated = valid & (valid.cast(pl.UInt32).cum_sum().over("subject_id") > 1)
    listed = problems.of_rows(
        rows.filter(repeated),
        rule="duplicate_subject",
        file=file,
        column="subject_id",
        found=pl.col("subject_id"),
        expected="one row per person",
        remedy="join the rows to one, or set the status of the wrong one to entered_in_error. The first row is used.",
    )
    return rows.filter(~repeated), [listed] if listed.height else []


def _observations(rows: pl.DataFrame, file: str) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    codes = dictionary.codes()
    listed: list[pl.DataFrame] = []

    def set_aside(bad: pl.Expr, **about: object) -> None:
        nonlocal rows
        broken = rows.filter(bad.fill_null(value=False))
        if broken.height:
            listed.append(problems.of_rows(broken, file=file, **about))  # type: ignore[arg-type]
            rows = rows.filter(~bad.fill_null(value=False))

    done = ~pl.col("not_done").fill_null(value=False)
    set_aside(
        ~pl.col("code").is_in(list(codes)),
        rule="unknown_code",
        column="code",
        found=pl.col("code"),
        severity="warning",
        expected="a code of the dictionary",
        remedy="map it to a code of the dictionary if a criterion needs it. The row is not used.",
    )
    textual = pl.col("code").is_in([n for n, c in codes.items() if c.text])
    set_aside(
        done & ((textual & pl.col("value_text").is_null()) | (~textual & pl.col("value").is_null())),
        rule="no_result",
        column="value",
        found=pl.lit("no result"),
        expected="a result, or not_done with a reason",
        remedy="fill in the result or set not_done to true. The row is not used until it is mended.",
    )
    for name, code in codes.items():
        if code.allowed:
            set_aside(
                done & (pl.col("code") == name) & ~pl.col("value_text").is_in(list(code.allowed)),
                rule="text_result",
                column="value_text",
                found=pl.col("value_text"),
                expected=f"one of {', '.join(code.allowed)}",
                remedy="use one of the listed results. The row is not used until it is mended.",
            )
    rows, more = _in_standard_units(rows, file)
    listed += more
    limits = pl.DataFrame(
        [(n, c.minimum, c.maximum) for n, c in codes.items() if c.minimum is not None],
        schema={"code": pl.String, "_min": pl.Float64, "_max": pl.Float64},
        orient="row",
    )
    rows = rows.join(limits, on="code", how="left", maintain_order="left")
    set_aside(
        (pl.col("value") < pl.col("_min")) | (pl.col("value") > pl.col("_max")),
        rule="implausible",
        column="value",
        found=pl.format("{} {}", pl.col("value"), pl.col("unit")),
        expected=pl.format("{} from {} to {}", pl.col("code"), pl.col("_min"), pl.col("_max")),
        remedy="check value and unit against the source. The row is not used until it is mended.",
    )
    return rows.drop("_min", "_max").with_columns(comparator=pl.col("comparator").fill_null("=")), listed


def _in_standard_units(rows: pl.DataFrame, file: str) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    """Convert to the standard unit of each code; an unknown or absent unit is refused, never passed through."""
    table = dictionary.conversion_table()
    plain = pl.col("unit").str.strip_chars().str.replace_all("\u00b5", "u").str.replace_all("\u03bc", "u")
    rows = rows.with_columns(_unit=plain).join(table, on=["code", "_unit"], how="left", maintain_order="left")
    standard = pl.col("code").replace_strict({n: c.unit for n, c in dictionary.codes().items() if c.unit}, default=None)
    refused = pl.col("value").is_not_null() & pl.col("_factor").is_null() & standard.is_not_null()
    broken = rows.filter(refused)
    listed = []
    if broken.height:
        accepted = {n: ", ".join(dictionary.accepted_units(n)) for n in dictionary.codes()}
        listed.append(
            problems.of_rows(
                broken,
                rule="unit",
                file=file,
                column="unit",
                found=pl.col("unit").fill_null("no unit"),
                expected=pl.format("{} in one of {}", pl.col("code"), pl.col("code").replace_strict(accepted)),
                remedy="state the unit of the report. The row is not used until it is mended.",
            )
        )
    rows = rows.filter(~refused)
    converts = (pl.col("_factor") != 1) | (pl.col("_offset") != 0)
    changed = pl.col("value").is_not_null() & (converts | (pl.col("unit") != standard))
    rows = rows.with_columns(
        value_original=pl.when(changed & pl.col("value_original").is_null())
        .then(pl.col("_reported").cast(pl.String))
        .otherwise("value_original"),
        unit_original=pl.when(changed & pl.col("unit_original").is_null()).then("unit").otherwise("unit_original"),
    )
    factor, offset = pl.col("_factor").fill_null(1.0), pl.col("_offset").fill_null(0.0)
    numbers = [
        pl.when(factor != 1).then((pl.col(c) * factor + offset).round_sig_figs(12)).otherwise(pl.col(c)).alias(c)
        for c in ("value", "ref_low", "ref_high", "lloq")
    ]
    rows = rows.with_columns(*numbers, unit=pl.coalesce(standard, pl.col("unit")))
    return rows.drop("_unit", "_factor", "_offset", "_reported"), listed


def _assessments(rows: pl.DataFrame, file: str) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    known = pl.DataFrame(
        [
            (name, i.name, i.minimum, i.maximum, i.step, list(i.allowed), i.expectation)
            for name, instrument in instruments.instruments().items()
            for i in instrument.items.values()
        ],
        schema={
            "instrument": pl.String,
            "item": pl.String,
            "_min": pl.Float64,
            "_max": pl.Float64,
            "_step": pl.Float64,
            "_allowed": pl.List(pl.String),
            "_expected": pl.String,
        },
        orient="row",
    )
    rows = rows.join(known, on=["instrument", "item"], how="left", maintain_order="left")
    listed = []
    unknown = rows.filter(pl.col("_expected").is_null())
    if unknown.height:
        foreign = ~pl.col("instrument").is_in(list(instruments.instruments()))
        listed.append(
            problems.of_rows(
                unknown,
                rule="unknown_item",
                file=file,
                column="item",
                severity="error",
                found=pl.format("{}.{}", "instrument", "item"),
                expected=pl.when(foreign)
                .then(pl.lit("an instrument of the dictionary"))
                .otherwise(pl.format("an item of {}", pl.col("instrument"))),
                remedy="correct the name of the item. The row is not used until it is mended.",
            )
        )
    rows = rows.filter(pl.col("_expected").is_not_null())
    textual = pl.col("_allowed").list.len() > 0
    value = pl.col("value")
    good_number = (
        (value >= pl.col("_min")) & (value <= pl.col("_max")) & (pl.col("_step").is_null() | (value == value.round(0)))
    )
    good_text = pl.col("value_text").is_in(pl.col("_allowed"))
    good = pl.col("not_done").fill_null(value=False) | pl.when(textual).then(good_text).otherwise(good_number)
    broken = rows.filter(~good.fill_null(value=False))
    if broken.height:
        listed.append(
            problems.of_rows(
                broken,
                rule="item_value",
                file=file,
                column="value",
                found=pl.format(
                    "{}.{} = {}",
                    "instrument",
                    "item",
                    pl.coalesce("value_text", pl.col("value").cast(pl.String), pl.lit("nothing")),
                ),
                expected=pl.col("_expected"),
                remedy="correct the answer, or set not_done. The row is not used until it is mended.",
            )
        )
    return rows.filter(good.fill_null(value=False)).drop("_min", "_max", "_step", "_allowed", "_expected"), listed


def _exposures(rows: pl.DataFrame, file: str) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    """A medicine that the dictionary does not hold is kept; it belongs to no class, and the list says so."""
    unknown = rows.filter(drugs.classes_expr(pl.col("drug")).list.first().fill_null("") == "")
    listed = problems.of_rows(
        unknown,
        rule="unknown_drug",
        file=file,
        column="drug",
        found=pl.col("drug"),
        severity="warning",
        expected="an ingredient of the drug dictionary",
        remedy="use the ingredient name; as it stands no rule about a class of medicines sees this row.",
    )
    return rows, [listed] if listed.height else []
