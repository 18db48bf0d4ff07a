"""Results of a CDM: measurements as observations of a study, answered items as assessments."""

from __future__ import annotations

from typing import Any

import polars as pl

from aftercart.sources.omop.concepts import NUMBER, Concepts
from aftercart.sources.omop.tables import Cdm, Placed, moment, not_placed
from aftercart.standards import omop
from aftercart.study import dictionary, instruments, problems

KEPT = ("_table", "_row", "row_id", "source_ref", "subject_id")


def measurements(cdm: Cdm, concepts: Concepts) -> Placed:
    """Rows of `measurement` as rows of the table `observations`; one without a code of the dictionary is listed."""
    if "measurement" not in cdm.tables:
        return Placed()
    return _observations(cdm.tables["measurement"], "measurement", cdm, concepts)


def observations(cdm: Cdm, concepts: Concepts) -> Placed:
    """Rows of `observation`: items named `INSTRUMENT.item` as assessments, codes of the dictionary as observations."""
    if "observation" not in cdm.tables:
        return Placed()
    rows = cdm.tables["observation"]
    items = [f"{n}.{i}" for n, x in instruments.instruments().items() for i in x.items]
    is_item = pl.col("observation_source_value").is_in(items).fill_null(value=False)
    answered = rows.filter(is_item)
    code = concepts.code("observation_concept_id", "observation_source_concept_id", source="observation_source_value")
    others = rows.filter(~is_item).with_columns(_code=code)
    known = pl.col("_code").is_in(list(dictionary.codes()))
    asked = known | concepts.left_out("observation_concept_id", source="observation_source_value")
    strange = others.filter(~asked)
    listed = not_placed(
        strange,
        "observation_source_value",
        pl.col("_code"),
        "an item of an instrument (INSTRUMENT.item) or a code of the dictionary",
        "map it in [codes] if a criterion needs it.",
    )
    renamed = {
        "observation_concept_id": "measurement_concept_id",
        "observation_source_concept_id": "measurement_source_concept_id",
        "observation_source_value": "measurement_source_value",
        "observation_date": "measurement_date",
        "observation_datetime": "measurement_datetime",
        "value_as_string": "value_source_value",
    }
    absent: dict[str, Any] = dict.fromkeys(("unit_source_value", "range_low", "range_high"), pl.String)
    absent |= dict.fromkeys(("operator_concept_id", "unit_concept_id"), pl.Int64)
    plain = others.filter(asked).rename(renamed).drop("_code")
    plain = plain.with_columns(pl.lit(None, dtype=t).alias(c) for c, t in absent.items())
    placed = _observations(plain, "observation", cdm, concepts)
    return Placed({"assessments": [_items(answered, cdm)]}, [], listed).joined(placed)


def _items(rows: pl.DataFrame, cdm: Cdm) -> pl.DataFrame:
    name = pl.col("observation_source_value")
    textual = [f"{n}.{i.name}" for n, x in instruments.instruments().items() for i in x.items.values() if i.allowed]
    attributable = pl.col("qualifier_source_value")
    return _with_visit(rows, cdm).select(
        *KEPT,
        "visit",
        instrument=name.str.extract(r"^(.*)\.[^.]+$", 1),
        item=name.str.extract(r"\.([^.]+)$", 1),
        value=pl.when(~name.is_in(textual)).then("value_as_number"),
        value_text=pl.when(name.is_in(textual)).then("value_as_string"),
        attributable=pl.when(attributable.is_in(["disease", "other", "unknown"])).then(attributable),
        datetime=moment("observation_date", "observation_datetime", exact=cdm.ours),
        _field=pl.lit("value_as_number"),
    )


def _with_visit(rows: pl.DataFrame, cdm: Cdm) -> pl.DataFrame:
    """The name of the visit at which a result was taken, where aftercart wrote the visits."""
    visits = cdm.tables.get("visit_occurrence")
    if not cdm.ours or visits is None:
        return rows.with_columns(visit=pl.lit(None, dtype=pl.String))
    contacts = visits.filter(~pl.col("visit_concept_id").is_in(list(omop.levels_of_care())))
    names = contacts.select("visit_occurrence_id", visit="visit_source_value").unique("visit_occurrence_id")
    return rows.join(names, on="visit_occurrence_id", how="left", maintain_order="left")


def _observations(rows: pl.DataFrame, table: str, cdm: Cdm, concepts: Concepts) -> Placed:
    which = ("measurement_concept_id", "measurement_source_concept_id")
    source = "measurement_source_value"
    gone = concepts.left_out(*which, source=source)
    listed = _left_out(rows.filter(gone), table, source)
    rows = rows.filter(~gone).with_columns(
        code=concepts.code(*which, source=source), _stated=concepts.stated_unit(*which, source=source)
    )
    rows, more = _comparators(rows, table)
    listed += more
    rows, more = _units(rows, table, concepts)
    listed += more
    textual = pl.col("code").is_in([n for n, c in dictionary.codes().items() if c.text])
    said = pl.col("value_source_value").str.extract(NUMBER, 2)
    number = pl.coalesce("value_as_number", said)
    echo = said.cast(pl.Float64, strict=False) == number.cast(pl.Float64, strict=False)
    words = {v: k for k, v in omop.ids("values").items()}
    named = concepts.named(pl.col("value_as_concept_id")).str.to_lowercase()
    chosen = pl.col("value_as_concept_id").replace_strict(words, default=None, return_dtype=pl.String)
    text = pl.coalesce(chosen, named, pl.col("value_source_value").str.to_lowercase())
    concept = pl.col("measurement_concept_id").replace(0, None).cast(pl.String)
    out = _with_visit(rows, cdm).select(
        *KEPT,
        "visit",
        "code",
        code_system=pl.when(concept.is_not_null()).then(pl.lit("OMOP")),
        code_original=concept,
        value=pl.when(~textual).then(number),
        comparator=pl.when(~textual).then("_sign"),
        value_text=pl.when(textual).then(text),
        unit=pl.when(~textual).then("_unit"),
        value_original=pl.when(~textual & ~echo.fill_null(value=False)).then("value_source_value"),
        ref_low="range_low",
        ref_high="range_high",
        datetime=moment("measurement_date", "measurement_datetime", exact=cdm.ours),
        _field=pl.lit("value_as_number"),
    )
    return Placed({"observations": [out]}, [], listed)


def _left_out(rows: pl.DataFrame, table: str, source: str) -> list[pl.DataFrame]:
    if not rows.height:
        return []
    line = problems.of_rows(
        rows,
        rule="left_out",
        file=table,
        column=source,
        found=pl.coalesce(source, pl.col("measurement_concept_id").cast(pl.String)),
        expected="a result that the mapping does not leave out",
        remedy="nothing to do: the mapping says false.",
        severity="warning",
    )
    return [line]


def _comparators(rows: pl.DataFrame, table: str) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    """The sign of a result in `_sign`; a sign in the source value counts where the operator is absent or `=`.

    Tables often give every result the operator `=`, and a limit of detection would then pass for a value.
    """
    signs = {v: k for k, v in omop.ids("operators").items()}
    given = pl.col("operator_concept_id").replace(0, None)
    known = given.replace_strict(signs, default=None, return_dtype=pl.String)
    said = pl.col("value_source_value").str.extract(NUMBER, 1).replace("", None)
    strange = (given.is_not_null() & known.is_null()) | (
        (known != "=") & said.is_not_null() & (known != said)
    ).fill_null(value=False)
    rows = rows.with_columns(
        _sign=pl.when(known.is_null() | (known == "=")).then(pl.coalesce(said, known)).otherwise(known)
    )
    broken = rows.filter(strange)
    listed = []
    if broken.height:
        listed.append(
            problems.of_rows(
                broken,
                rule="operator",
                file=table,
                column="operator_concept_id",
                found=pl.format("{} with {}", "operator_concept_id", pl.col("value_source_value").fill_null("no text")),
                expected=f"one of {', '.join(str(i) for i in signs)}, and the sign of the source value",
                remedy="correct operator or source value. The row is not used until it is mended.",
            )
        )
    return rows.filter(~strange), listed


def _units(rows: pl.DataFrame, table: str, concepts: Concepts) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    """The unit of a result in `_unit`: by its concept, by its source value, by the mapping.

    Where concept and source value name units that convert differently, nobody can say which one the number is in.
    """
    spelled = pl.col("unit_source_value").replace(dict(concepts.mapping.units))
    by_concept = pl.col("unit_concept_id").replace_strict(concepts.units, default=None, return_dtype=pl.String)
    by_concept = pl.coalesce(_mapped(pl.col("unit_concept_id"), dict(concepts.mapping.units)), by_concept)
    table_ = dictionary.conversion_table().select("code", "_unit", "_factor", "_offset").unique(["code", "_unit"])
    rows = rows.with_columns(_c=_plain(by_concept), _s=_plain(spelled))
    for name in ("_c", "_s"):
        rows = rows.join(
            table_.rename({"_unit": name, "_factor": f"{name}f", "_offset": f"{name}o"}),
            on=["code", name],
            how="left",
            maintain_order="left",
        )
    differs = ((pl.col("_cf") != pl.col("_sf")) | (pl.col("_co") != pl.col("_so"))).fill_null(value=False)
    broken = rows.filter(differs)
    listed = []
    if broken.height:
        listed.append(
            problems.of_rows(
                broken,
                rule="unit_conflict",
                file=table,
                column="unit_concept_id",
                found=pl.format("{} by its concept, {} in the source", "_c", "_s"),
                expected="one unit",
                remedy="correct the one that is wrong. The row is not used until it is mended.",
            )
        )
    accepted = pl.when(pl.col("_cf").is_not_null()).then("_c").when(pl.col("_sf").is_not_null()).then("_s")
    rows = rows.with_columns(_unit=pl.coalesce(accepted, "_s", "_c", "_stated"))
    return rows.filter(~differs).drop("_c", "_s", "_cf", "_co", "_sf", "_so"), listed


def _mapped(concept: pl.Expr, units: dict[str, str]) -> pl.Expr:
    return concept.cast(pl.String).replace_strict(units, default=None, return_dtype=pl.String)


def _plain(unit: pl.Expr) -> pl.Expr:
    return unit.str.strip_chars().str.replace_all("\u00b5", "u").str.replace_all("\u03bc", "u")
