"""From the columns of a study table to the variables of a domain, and what is left for its qualifiers."""

from __future__ import annotations

import polars as pl

from aftercart.standards import sdtm
from aftercart.standards.dataset import Variable
from aftercart.study import dictionary, instruments, schema
from aftercart.study.schema import Column

DISEASES = {
    "SLE": "Systemic lupus erythematosus",
    "LN": "Lupus nephritis",
    "IIM": "Idiopathic inflammatory myopathy",
    "SSC": "Systemic sclerosis",
}
MODES = {"onsite": "IN PERSON", "remote_phone": "TELEPHONE CALL", "video": "VIDEO CONFERENCE"}
NO_PRODUCT = "CELL PRODUCT"
"""Stands for a product that the study does not name: SDTM needs a name."""
AS_TEXT = ("infusion_seq", "birth_year", "grade", "lookback_days")
LOINC_DOMAINS = ("LB", "VS")


def observation_domain() -> pl.Expr:
    """The domain of an observation, by its code."""
    known = {name: c.domain for name, c in dictionary.codes().items()}
    return pl.col("code").replace_strict(known, default=None, return_dtype=pl.String)


def instrument_domain() -> pl.Expr:
    """The domain of an answered item, by its instrument."""
    known = {name: sdtm.instrument_domain(name) for name in instruments.instruments()}
    return pl.col("instrument").replace_strict(known, default=None, return_dtype=pl.String)


def columns(name: str, rows: pl.DataFrame) -> tuple[dict[str, pl.Series], list[Variable]]:
    """The variables of a domain with their values, without those that no row fills."""
    table = schema.tables()[sdtm.domains()[name].table]
    out: dict[str, pl.Series] = {}
    labels: dict[str, str] = {}
    if name == "DM":
        out["SUBJID"], labels["SUBJID"] = rows["subject_id"], "Subject Identifier for the Study"
    for place in sdtm.places(name):
        if place.column in rows.columns:
            out[place.name] = rows.select(_plain(table[place.column])).to_series()
            labels[place.name] = place.label
    special = SPECIAL.get(sdtm.domains()[name].table)
    if special is not None:
        for variable, (label, expr) in special(name, rows).items():
            out[variable] = rows.select(expr.alias(variable)).to_series()
            labels.setdefault(variable, label)
    if "_reference" in rows.columns:
        for variable, day in _study_days(name, rows).items():
            out[variable], labels[variable] = day, f"Study Day of {_what(variable)}"
    required = REQUIRED.get(name, ())
    filled = {n: s.alias(n) for n, s in out.items() if s.null_count() < len(s) or n in required}
    variables = [
        Variable(n, labels[n][:40], "string" if s.dtype == pl.String else "float", origin=_origin(n))
        for n, s in filled.items()
    ]
    return filled, variables


REQUIRED = {"DM": ("SUBJID", "SITEID", "AGE", "AGEU", "SEX", "RFSTDTC", "ARM", "ACTARM", "COUNTRY")}


def _origin(variable: str) -> str:
    return "Derived" if variable.endswith("DY") or variable in ("RFSTDTC", "DTHFL", "AGEU") else "Collected"


def _what(variable: str) -> str:
    return {"ST": "Start", "EN": "End"}.get(variable[2:4], "Collection")


def _plain(column: Column) -> pl.Expr:
    """A column as SDTM spells it: Y and N, capitals for code lists, T between date and time, numbers as numbers."""
    cell = pl.col(column.name)
    if column.name == "mode":
        return cell.replace(MODES).str.to_uppercase()
    if column.type == "bool":
        words = {"not_done": "NOT DONE", "ongoing": "ONGOING"}
        if column.name in words:
            return pl.when(cell).then(pl.lit(words[column.name]))
        return pl.when(cell).then(pl.lit("Y")).when(~cell).then(pl.lit("N"))
    if column.type in ("date", "datetime"):
        return cell.str.replace(" ", "T", literal=True)
    if column.type == "enum":
        return cell.str.to_uppercase()
    if column.name == "lookback_days":
        return pl.when(cell.is_not_null()).then(pl.format("-P{}D", cell))
    if column.name in AS_TEXT:
        return cell.cast(pl.String)
    return cell.cast(pl.Float64) if column.type in ("int", "float") else cell


def _study_days(name: str, rows: pl.DataFrame) -> dict[str, pl.Series]:
    found = {}
    for column, variable in (
        ("start", f"{name}STDY"),
        ("end", f"{name}ENDY"),
        ("datetime", f"{name}DY"),
        ("date", f"{name}STDY"),
    ):
        if column in rows.columns and name != "DM":
            day = pl.col(column).str.extract(r"^([0-9]{4}-[0-9]{2}-[0-9]{2})", 1).str.to_date("%Y-%m-%d", strict=False)
            found[variable] = rows.select(sdtm.study_day(day, pl.col("_reference"))).to_series()
    return found


Special = dict[str, tuple[str, pl.Expr]]


def _subjects(name: str, rows: pl.DataFrame) -> Special:
    del name, rows
    infused = pl.col("_reference").cast(pl.String)
    return {
        "RFSTDTC": ("Subject Reference Start Date/Time", infused),
        "RFXSTDTC": ("Date/Time of First Study Treatment", infused),
        "DTHFL": ("Subject Death Flag", pl.when(pl.col("death_date").is_not_null()).then(pl.lit("Y"))),
        "AGEU": ("Age Units", pl.when(pl.col("age_at_infusion").is_not_null()).then(pl.lit("YEARS"))),
        "ARM": ("Description of Planned Arm", pl.col("cohort")),
        "ACTARM": ("Description of Actual Arm", pl.col("cohort")),
    }


def _infusions(name: str, rows: pl.DataFrame) -> Special:
    del name, rows
    cells, per_kg = pl.col("dose_cells"), pl.col("dose_per_kg")
    return {
        "EXTRT": ("Name of Treatment", pl.col("product").fill_null(NO_PRODUCT)),
        "EXCAT": ("Category of Treatment", pl.col("product_class").fill_null(NO_PRODUCT)),
        "EXDOSE": ("Dose", pl.coalesce(cells / 1e6, per_kg)),
        "EXDOSU": (
            "Dose Units",
            pl.when(cells.is_not_null())
            .then(pl.lit("10^6 Therapeutic Cells"))
            .when(per_kg.is_not_null())
            .then(pl.lit("10^6/kg")),
        ),
    }


def _exposures(name: str, rows: pl.DataFrame) -> Special:
    del name, rows
    drug = pl.col("drug")
    ingredient = pl.when(drug == drug.str.to_lowercase()).then(drug.str.to_uppercase()).otherwise(drug)
    return {
        "CMTRT": ("Reported Name of Drug, Med, or Therapy", pl.coalesce("drug_text", ingredient)),
        "CMDECOD": ("Standardized Medication Name", ingredient),
    }


def _echo() -> pl.Expr:
    """What stands for the term of an event that nobody wrote down."""
    return pl.coalesce("term", "category").str.to_uppercase()


def _events(name: str, rows: pl.DataFrame) -> Special:
    del rows
    return {f"{name}TERM" if name != "PR" else "PRTRT": ("Reported Term", pl.coalesce("term_text", _echo()))}


def _disposition(name: str, rows: pl.DataFrame) -> Special:
    del name, rows
    term, category = (
        pl.col("milestone").replace_strict({m: d[k] for m, d in sdtm.milestones().items()}, default=None)
        for k in ("term", "category")
    )
    return {
        "DSTERM": ("Reported Term for the Disposition Event", pl.coalesce("reason", term)),
        "DSDECOD": ("Standardized Disposition Term", term),
        "DSCAT": ("Category for Disposition Event", category),
    }


def _visits(name: str, rows: pl.DataFrame) -> Special:
    del name, rows
    day = pl.col("planned_day").cast(pl.Float64)
    return {"VISITDY": ("Planned Study Day of Visit", pl.when(day >= 0).then(day + 1).otherwise(day))}


def number_text(value: pl.Expr) -> pl.Expr:
    """A number as text: as short as it can be without losing anything, whole numbers without a point."""
    return value.cast(pl.Float64).cast(pl.String).str.replace(r"\.0$", "")


def _result() -> pl.Expr:
    """The result in standard form: the text, or the number with its comparator."""
    sign = pl.col("comparator").replace("=", "").fill_null("")
    return pl.coalesce(
        pl.when(pl.col("value").is_not_null()).then(pl.concat_str(sign, number_text(pl.col("value")))), "value_text"
    )


def _cdisc_unit(unit: str) -> pl.Expr:
    return pl.col(unit).replace(dict(sdtm.cdisc_units()))


def _observations(name: str, rows: pl.DataFrame) -> Special:
    del rows
    codes = dictionary.codes()
    limited = pl.col("comparator").fill_null("=") != "="
    original = pl.col("value_original")
    found: Special = {
        f"{name}TESTCD": ("Test Short Name", pl.col("code").replace_strict({n: c.cdisc for n, c in codes.items()})),
        f"{name}TEST": ("Test Name", pl.col("code").replace_strict({n: c.meaning for n, c in codes.items()})),
        f"{name}ORRES": ("Result or Finding in Original Units", pl.coalesce(original, _result())),
        f"{name}ORRESU": (
            "Original Units",
            pl.when(original.is_not_null()).then("unit_original").otherwise(_cdisc_unit("unit")),
        ),
        f"{name}STRESC": ("Result or Finding in Standard Format", _result()),
        f"{name}STRESN": ("Numeric Result/Finding in Standard Units", pl.when(~limited).then("value")),
        f"{name}STRESU": ("Standard Units", _cdisc_unit("unit")),
        f"{name}DRVFL": ("Derived Flag", pl.when(pl.col("derived")).then(pl.lit("Y"))),
    }
    if name in LOINC_DOMAINS:
        found[f"{name}LOINC"] = ("LOINC Code", pl.when(pl.col("code_system") == "LOINC").then("code_original"))
    if name == "IS":
        agent = pl.col("code").replace_strict(dict(sdtm.binding_agents()), default=None, return_dtype=pl.String)
        found["ISBDAGNT"] = ("Binding Agent", agent)
    return found


def _assessments(name: str, rows: pl.DataFrame) -> Special:
    del rows
    pair = pl.format("{}.{}", "instrument", "item")
    codes = {f"{i}.{x}": c for (i, x), c in sdtm.item_codes().items()}
    result = pl.coalesce(pl.when(pl.col("value").is_not_null()).then(number_text(pl.col("value"))), "value_text")
    text = pl.when(textual_item()).then(pl.coalesce("value_text", result)).otherwise(result)
    return {
        f"{name}TESTCD": ("Test Short Name", pair.replace_strict(codes)),
        f"{name}TEST": ("Test Name", pl.col("item")),
        f"{name}ORRES": ("Result or Finding in Original Units", text),
        f"{name}STRESC": ("Result or Finding in Standard Format", text),
        f"{name}STRESN": ("Numeric Result/Finding in Standard Units", pl.when(~textual_item()).then("value")),
    }


def textual_item() -> pl.Expr:
    """Whether an item is answered by a text."""
    names = [f"{n}.{i.name}" for n, x in instruments.instruments().items() for i in x.items.values() if i.allowed]
    return pl.format("{}.{}", "instrument", "item").is_in(names)


SPECIAL = {
    "subjects": _subjects,
    "infusions": _infusions,
    "exposures": _exposures,
    "events": _events,
    "disposition": _disposition,
    "visits": _visits,
    "observations": _observations,
    "assessments": _assessments,
}


def extras(name: str, rows: pl.DataFrame, held: set[str]) -> dict[str, pl.Series]:
    """By column, the texts of the qualifiers: of columns without a variable, and where the variable says too little."""
    table = schema.tables()[sdtm.domains()[name].table]
    found: dict[str, pl.Expr] = {}
    for column in table.columns:
        if column.name in ("study_id", "subject_id") or column.name not in rows.columns:
            continue
        cell = pl.col(column.name)
        if column.name not in held and column.name in sdtm.qualifiers():
            found[column.name] = _as_text(column)
        elif column.type == "bool" and column.name in ("ongoing", "not_done", "derived"):
            found[column.name] = pl.when(~cell).then(pl.lit("N"))
    found |= _ambiguous(name)
    if "status" in found:
        found["status"] = pl.when(pl.col("status") != "final").then("status")
    return {c: s for c, e in found.items() if (s := rows.select(e.alias(c)).to_series()).null_count() < rows.height}


def _as_text(column: Column) -> pl.Expr:
    cell = pl.col(column.name)
    if column.type == "bool":
        return pl.when(cell).then(pl.lit("Y")).when(~cell).then(pl.lit("N"))
    return number_text(cell) if column.type in ("int", "float") else cell.cast(pl.String)


def _ambiguous(name: str) -> dict[str, pl.Expr]:
    """Values that a reader of the variables alone would take for something else."""
    table = sdtm.domains()[name].table
    text, value = pl.col("value_text"), pl.col("value")
    if table == "observations":
        urine = [n for n, c in dictionary.codes().items() if c.specimen == "URINE" and not c.text]
        is_urine = pl.lit(value=False) if "specimen" in sdtm_absent(name) else (pl.col("specimen") == "URINE")
        unclear = pl.col("code").is_in(urine) != is_urine.fill_null(value=False)
        several = [n for f in sdtm.codes_by_test().values() if len(f) > 1 for n in f if n not in sdtm.binding_agents()]
        unclear = unclear & pl.col("code").is_in([*urine, *several])
        textual = pl.col("code").is_in([n for n, c in dictionary.codes().items() if c.text])
        shown = pl.concat_str(pl.col("comparator").replace("=", "").fill_null(""), number_text(value))
        echo = (pl.col("value_original") == shown) | (
            (pl.col("value_original").cast(pl.Float64, strict=False) == value)
            & (pl.col("unit_original").is_null() | (pl.col("unit_original") == pl.col("unit")))
        )
        return {
            "code": pl.when(unclear).then("code"),
            "value_text": pl.when(~textual & value.is_not_null()).then(text),
            "value": pl.when(textual).then(number_text(value)),
            "code_system": pl.when(pl.lit(name not in LOINC_DOMAINS) | (pl.col("code_system") != "LOINC")).then(
                "code_system"
            ),
            "code_original": pl.when(
                pl.lit(name not in LOINC_DOMAINS) | (pl.col("code_system").fill_null("") != "LOINC")
            ).then("code_original"),
            "value_original": pl.when(echo).then("value_original"),
            "unit_original": pl.when(echo | pl.col("value_original").is_null()).then("unit_original"),
            "comparator": pl.when(value.is_null() & (pl.col("comparator") != "=")).then("comparator"),
        }
    if table == "assessments":
        return {
            "value_text": pl.when(~textual_item()).then(text),
            "value": pl.when(textual_item()).then(number_text(value)),
        }
    if table == "events":
        capitals = pl.col("term_text") == pl.col("term_text").str.to_uppercase()
        return {"term_text": pl.when(capitals & (pl.col("category") != "PRIMARY DIAGNOSIS")).then("term_text")}
    if table == "exposures":
        return {"drug_text": pl.when(pl.col("drug_text") == pl.col("drug").str.to_uppercase()).then("drug_text")}
    if table == "infusions":
        return {"dose_cells": number_text(pl.col("dose_cells")), "dose_per_kg": number_text(pl.col("dose_per_kg"))}
    if table == "disposition":
        return {"reason": pl.when(pl.col("reason") == pl.col("reason").str.to_uppercase()).then("reason")}
    return {}


def sdtm_absent(name: str) -> tuple[str, ...]:
    """Columns of the observations that a domain has no variable for."""
    held = {p.column for p in sdtm.places(name)}
    return tuple(c for c in ("lab", "specimen", "method") if c not in held)
