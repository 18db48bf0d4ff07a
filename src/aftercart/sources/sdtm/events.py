"""Interventions, events, visits and milestones of SDTM."""

from __future__ import annotations

from typing import Any

import polars as pl

from aftercart.sources.mapping import SourceMapping
from aftercart.sources.sdtm.cells import FOREIGN, columns, matches, normal, qualified
from aftercart.sources.sdtm.subjects import is_primary
from aftercart.standards import sdtm
from aftercart.study import drugs, problems, schema

USUAL = {"AE": "ae", "HO": "hospitalisation", "MH": "medical_history", "PR": "procedure"}
"""The category of an event where the category of the domain says nothing; CE has none that is usual."""
CELLS = r"\bCAR\b|CAR[-_ ]?T|leucel|CAR_NK|CAAR"
CELL_UNITS = {"10_6_therapeutic_cells": 1e6, "10_6_cells": 1e6, "cells": 1.0, "therapeutic_cells": 1.0}
PER_KG = "10_6_kg"
NO_PRODUCT = "cell_product"
"""Stands for a product without a name."""


def events(rows: pl.DataFrame, domain: str, mapping: SourceMapping) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    """Rows of the table `events`."""
    if domain == "MH":
        rows = rows.filter(~is_primary(rows))
    if domain == "PR" and "PRTERM" not in rows.columns and "PRTRT" in rows.columns:
        rows = rows.rename({"PRTRT": "PRTERM"})
    out, listed = columns(rows, domain)
    own = mapping.own.get("categories", {})
    usual = own.get(domain, USUAL.get(domain)) if isinstance(own, dict) else USUAL.get(domain)
    out = _with(out, ("category", "term", "term_text", "start", "ongoing", "end", "aesi"))
    out = out.with_columns(category=pl.coalesce("category", pl.lit(usual, dtype=pl.String)))
    ongoing = _after(rows, domain)
    if ongoing is not None:
        out = out.with_columns(
            ongoing=pl.when(pl.col("end").is_null()).then(pl.coalesce("ongoing", ongoing)).otherwise("ongoing")
        )
    echoed = normal(pl.col("term_text")) == normal(pl.coalesce("term", "category"))
    stated = (pl.col("term_text").str.to_uppercase() == pl.col("term_text")) & ~pl.lit(qualified(rows, "term_text"))
    out = out.with_columns(term_text=pl.when(~(echoed & stated).fill_null(value=False)).then("term_text"))
    none = out.filter(pl.col("category").is_null())
    if none.height:
        listed.append(
            _not_placed(
                none,
                f"{domain}CAT",
                "no category of event",
                "flare or another category of a study",
                f'say which in the mapping: [sdtm.categories] {domain} = "flare".',
            )
        )
    out = out.filter(pl.col("category").is_not_null())
    if "grade" in out.columns:
        out = out.with_columns(grade=pl.col("grade").cast(pl.String).str.extract(r"([1-5])", 1))
    return out, listed


def _after(rows: pl.DataFrame, domain: str) -> pl.Series | None:
    """Whether an event or medicine went on after the reference period, where only that is recorded."""
    name = f"{domain}ENRF"
    if name not in rows.columns:
        return None
    after = normal(pl.col(name)).is_in(["ongoing", "after", "during_after"])
    return rows.select(pl.when(after).then(pl.lit("true"))).to_series()


def medicines(rows: pl.DataFrame, mapping: SourceMapping) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    """Rows of the table `exposures` from CM."""
    out, listed = columns(rows, "CM")
    out = _with(out, ("drug", "drug_text", "end", "ongoing", "start"))
    ongoing = _after(rows, "CM")
    if ongoing is not None:
        out = out.with_columns(
            ongoing=pl.when(pl.col("end").is_null()).then(pl.coalesce("ongoing", ongoing)).otherwise("ongoing")
        )
    return _drugs(out, mapping, qualified(rows, "drug_text")), listed


def _drugs(out: pl.DataFrame, mapping: SourceMapping, written: pl.Series) -> pl.DataFrame:
    """Ingredient of a medicine: by the mapping, by the dictionary, else its name in lower case."""
    given = {k.strip().lower(): v for k, v in mapping.drugs.items()}
    name = pl.coalesce("drug", "drug_text").str.strip_chars()
    plain = name.str.to_lowercase()
    mapped = plain.replace_strict(given, default=None, return_dtype=pl.String)
    echo = (pl.col("drug_text") == pl.col("drug")).fill_null(value=False) & ~pl.lit(written)
    return out.with_columns(
        drug=pl.coalesce(mapped, drugs.ingredient_expr(name)), drug_text=pl.when(~echo).then("drug_text")
    )


def exposures_of_ex(
    rows: pl.DataFrame, mapping: SourceMapping
) -> tuple[pl.DataFrame, pl.DataFrame, list[pl.DataFrame]]:
    """Infusions of cells, and other study treatment as medicines, from EX.

    A record is an infusion of cells when the mapping names its treatment (`[sdtm] infusions`), its category is a class
    of product, its dose is in cells, or its treatment is named as CAR-T cells are.
    """
    named = mapping.own.get("infusions", [])
    treatment = pl.col("EXTRT") if "EXTRT" in rows.columns else pl.lit(None, dtype=pl.String)
    classes = matches(schema.tables()["infusions"]["product_class"].allowed, FOREIGN["product_class"])
    category = normal(pl.col("EXCAT")).is_in([*classes, NO_PRODUCT]) if "EXCAT" in rows.columns else pl.lit(value=False)
    unit = normal(pl.col("EXDOSU")) if "EXDOSU" in rows.columns else pl.lit(None, dtype=pl.String)
    is_cells = (
        treatment.is_in(list(named)) | category | unit.is_in([*CELL_UNITS, PER_KG]) | treatment.str.contains(CELLS)
    )
    is_cells = is_cells.fill_null(value=False)
    cells, others = rows.filter(is_cells), rows.filter(~is_cells)
    given, listed = columns(cells, "EX")
    given = _with(given, ("infusion_seq", "dose_cells", "dose_per_kg", "start", "target", "product"))
    if "EXDOSE" in cells.columns and "EXDOSU" in cells.columns:
        factor = normal(pl.lit(cells["EXDOSU"])).replace_strict(CELL_UNITS, default=None, return_dtype=pl.Float64)
        dose = pl.lit(cells["EXDOSE"].cast(pl.Float64))
        per_kg = pl.when(normal(pl.lit(cells["EXDOSU"])) == PER_KG).then(dose)
        given = given.with_columns(
            dose_cells=pl.coalesce(
                pl.col("dose_cells").cast(pl.Float64, strict=False), (dose * factor).round_sig_figs(12)
            ),
            dose_per_kg=pl.coalesce(pl.col("dose_per_kg").cast(pl.Float64, strict=False), per_kg),
        )
    order = pl.col("start").rank("ordinal").over("subject_id").cast(pl.Int64).cast(pl.String)
    given = given.with_columns(infusion_seq=pl.coalesce("infusion_seq", order))
    given = given.with_columns(target=pl.col("target").str.replace_all(r"\s*[,/]\s*", ";"))
    given = given.with_columns(product=pl.when(normal(pl.col("product")) != NO_PRODUCT).then("product"))
    return given, _study_treatment(others, mapping), listed


def _study_treatment(rows: pl.DataFrame, mapping: SourceMapping) -> pl.DataFrame:
    renamed = {"EXTRT": "CMTRT", "EXDOSE": "CMDOSE", "EXDOSU": "CMDOSU", "EXDOSFRQ": "CMDOSFRQ", "EXROUTE": "CMROUTE"}
    renamed |= {"EXSTDTC": "CMSTDTC", "EXENDTC": "CMENDTC", "EXSPID": "CMSPID"}
    kept = ["_table", "_row", "USUBJID", *(c for c in renamed if c in rows.columns)]
    out, _ = columns(rows.select(kept).rename({c: v for c, v in renamed.items() if c in rows.columns}), "CM")
    return _drugs(_with(out, ("drug", "drug_text")), mapping, qualified(rows, "drug_text"))


def visits(rows: pl.DataFrame, mapping: SourceMapping) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    """Rows of the table `visits`; the planned day counts the infusion as day 0."""
    del mapping
    out, listed = columns(rows, "SV")
    if "planned_day" in out.columns:
        day = pl.col("planned_day").cast(pl.Float64, strict=False)
        out = out.with_columns(planned_day=pl.when(day > 0).then(day - 1).otherwise(day))
    return out, listed


def milestones(rows: pl.DataFrame, mapping: SourceMapping) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    """Rows of the table `disposition`: milestones; any other end of taking part is `discontinued`."""
    del mapping
    out, listed = columns(rows, "DS")
    out = _with(out, ("milestone", "reason"))
    term = _text(rows, "DSDECOD", "DSTERM")
    category = _text(rows, "DSCAT")
    known = {normal_text(m["term"]): name for name, m in sdtm.milestones().items() if name != "discontinued"}
    ended = normal(pl.lit(category)) == "disposition_event"
    found = normal(pl.lit(term)).replace_strict(known, default=None, return_dtype=pl.String)
    out = out.with_columns(
        milestone=pl.coalesce("milestone", found, pl.when(ended).then(pl.lit("discontinued"))), _term=pl.lit(term)
    )
    none = out.filter(pl.col("milestone").is_null())
    if none.height:
        line = _not_placed(
            none, "DSDECOD", pl.col("_term"), "a milestone of a study", "nothing to do unless it is one."
        )
        listed.append(line)
    echo = (normal(pl.col("reason")) == normal(pl.col("_term"))) & (pl.col("milestone") != "discontinued")
    other = (pl.col("milestone") == "discontinued") & (normal(pl.col("reason")) == "other")
    unsaid = (echo | other).fill_null(value=False) & ~pl.lit(qualified(rows, "reason"))
    out = out.with_columns(reason=pl.when(~unsaid).then("reason"))
    return out.filter(pl.col("milestone").is_not_null()).drop("_term"), listed


def normal_text(text: str) -> str:
    """A term in its normal spelling."""
    return str(pl.select(normal(pl.lit(text))).item())


def _text(rows: pl.DataFrame, *names: str) -> pl.Series:
    found = [rows[n] for n in names if n in rows.columns]
    if not found:
        return pl.Series([None] * rows.height, dtype=pl.String)
    return pl.select(pl.coalesce(*(pl.lit(s) for s in found))).to_series()


def _with(frame: pl.DataFrame, names: tuple[str, ...]) -> pl.DataFrame:
    absent = [n for n in names if n not in frame.columns]
    return frame.with_columns(pl.lit(None, dtype=pl.String).alias(n) for n in absent)


def _not_placed(rows: pl.DataFrame, column: str, found: Any, expected: str, remedy: str) -> pl.DataFrame:
    return problems.of_rows(
        rows,
        rule="not_placed",
        file=str(rows["_table"][0]),
        column=column,
        found=pl.lit(found) if isinstance(found, str) else found,
        expected=expected,
        remedy=f"{remedy} The row is not used.",
        severity="warning",
    )
