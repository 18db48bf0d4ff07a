"""Findings of SDTM (LB, VS, CP, IS, RE, MB, PC, CV as observations; QS, RS, FT as answered items)."""

from __future__ import annotations

import polars as pl

from aftercart.sources.mapping import CodeTarget, SourceMapping
from aftercart.sources.sdtm.cells import columns, qualified
from aftercart.sources.sdtm.supplemental import MARK
from aftercart.standards import sdtm
from aftercart.study import dictionary, instruments, problems

LIMIT = r"^\s*([<>]=?)\s*([-+]?[0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?)\s*$"
"""A result of which only a limit was reported, such as <0.5."""


EXACT = ("value", "value_text", "value_original", "unit_original", "comparator")
KEPT = ("_table", "_row", "_code", "_spec", "_binds", "_loinc")


def observations(rows: pl.DataFrame, domain: str, mapping: SourceMapping) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    """Rows of the table `observations`; a test without a code of the dictionary keeps its own name and is listed."""
    rows, listed = _left_out(rows, domain, mapping)
    out, more = columns(rows, domain)
    listed += more
    test = f"{domain}TESTCD"
    given = _optional(rows, f"{MARK}ACCODE", f"{domain}SPEC", "ISBDAGNT", f"{domain}LOINC")
    out = out.with_columns(given).with_columns(code=pl.coalesce("_code", _code(rows, domain, mapping)))
    if f"{domain}LOINC" in rows.columns:
        filled = {"code_system": pl.lit("LOINC"), "code_original": pl.col("_loinc")}
        out = out.with_columns(
            pl.coalesce(c, pl.when(pl.col("_loinc").is_not_null()).then(v)).alias(c)
            if c in out.columns
            else pl.when(pl.col("_loinc").is_not_null()).then(v).alias(c)
            for c, v in filled.items()
        )
    exact = {c: pl.when(pl.lit(qualified(rows, c))).then(c) for c in EXACT if c in out.columns}
    exactly = out.select(**exact)
    out = _results(
        _needed(out, ("value", "value_text", "unit", "value_original", "unit_original", "comparator")), mapping
    )
    targets = {k.removeprefix(f"{domain}."): t for k, t in mapping.codes.items()}
    stated = {k: t.unit for k, t in targets.items() if t.unit is not None}
    if stated:
        named = rows[test].replace_strict(stated, default=None, return_dtype=pl.String)
        out = out.with_columns(unit=pl.coalesce("unit", named))
    out = out.with_columns(
        pl.coalesce(pl.lit(exactly[c].cast(out.schema[c])), pl.col(c)).alias(c) for c in exactly.columns
    )
    return out.drop("_code", "_spec", "_binds", "_loinc").with_columns(_field=pl.lit(f"{domain}STRESN")), listed


def _left_out(rows: pl.DataFrame, domain: str, mapping: SourceMapping) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    """Without the tests that the mapping leaves out on purpose; they are listed."""
    test = pl.col(f"{domain}TESTCD")
    chosen = test.is_in(list(mapping.left_out)) | pl.format("{}.{}", pl.lit(domain), test).is_in(list(mapping.left_out))
    chosen = chosen.fill_null(value=False)
    gone = rows.filter(chosen)
    if not gone.height:
        return rows, []
    line = problems.of_rows(
        gone.rename({"USUBJID": "subject_id"}),
        rule="left_out",
        file=str(gone["_table"][0]),
        column=f"{domain}TESTCD",
        found=test,
        expected="a test that the mapping does not leave out",
        remedy="nothing to do: the mapping says false.",
        severity="warning",
    )
    return rows.filter(~chosen), [line]


def _optional(rows: pl.DataFrame, code: str, specimen: str, binds: str, loinc: str) -> list[pl.Series]:
    nothing = pl.Series([None] * rows.height, dtype=pl.String)
    named = {"_code": code, "_spec": specimen, "_binds": binds, "_loinc": loinc}
    return [(rows[c] if c in rows.columns else nothing).alias(name) for name, c in named.items()]


def _code(rows: pl.DataFrame, domain: str, mapping: SourceMapping) -> pl.Expr:
    """The code of the dictionary: by the mapping, else by test code (and specimen or antigen), else by LOINC."""
    test = rows[f"{domain}TESTCD"]
    targets = {k.removeprefix(f"{domain}."): t.code for k, t in mapping.codes.items() if isinstance(t, CodeTarget)}
    mapped = test.replace_strict(targets, default=None, return_dtype=pl.String)
    by_test = {t: found for (d, t), found in sdtm.codes_by_test().items() if d == domain}
    single = test.replace_strict(
        {t: f[0] for t, f in by_test.items() if len(f) == 1}, default=None, return_dtype=pl.String
    )
    # A urine test is one only where the record says so: PROT in serum is another thing than PROT in urine.
    urine = (pl.col("_spec") == "URINE").fill_null(value=False)
    if f"{domain}CAT" in rows.columns:
        urine = urine | pl.lit(rows[f"{domain}CAT"].str.to_uppercase().str.contains("URIN")).fill_null(value=False)
    of_urine = [n for n, c in dictionary.codes().items() if c.specimen == "URINE" and not c.text]
    single_ = pl.lit(single)
    single_ = pl.when(~single_.is_in(of_urine) | urine).then(single_)
    several = pl.lit(None, dtype=pl.String)
    for name, found in by_test.items():
        for code in found if len(found) > 1 else ():
            agent = sdtm.binding_agents().get(code)
            told = pl.col("_binds") == agent if agent else urine == (code in of_urine)
            here = pl.lit(test == name) & told
            several = pl.when(here).then(pl.lit(code)).otherwise(several)
    loinc = {x: n for n, c in dictionary.codes().items() for x in (c.loinc, *c.loinc_alternatives) if x}
    by_loinc = pl.col("_loinc").replace_strict(loinc, default=None, return_dtype=pl.String)
    return pl.coalesce(pl.lit(mapped), single_, several, by_loinc, pl.lit(test))


def _needed(frame: pl.DataFrame, names: tuple[str, ...]) -> pl.DataFrame:
    absent = [n for n in names if n not in frame.columns]
    return frame.with_columns(pl.lit(None, dtype=pl.String).alias(n) for n in absent)


def _results(out: pl.DataFrame, mapping: SourceMapping) -> pl.DataFrame:
    """Value, comparator, text and unit of a result: from its standard form, else from the original."""
    codes = dictionary.codes()
    textual = pl.col("code").is_in([n for n, c in codes.items() if c.text])
    number = pl.col("value").cast(pl.Float64, strict=False)
    standard = pl.col("_standard")
    units = dict(mapping.units)
    back = {cdisc: ucum for ucum, cdisc in sdtm.cdisc_units().items()}
    texts = ("value_text", "value_original", "unit", "unit_original", "comparator")
    out = out.with_columns(pl.col(c).cast(pl.String) for c in texts)
    out = out.with_columns(_standard="value_text").with_columns(
        _limit=standard.str.extract(LIMIT, 2).cast(pl.Float64, strict=False),
        _sign=standard.str.extract(LIMIT, 1),
        _number=number,
        _unit=pl.col("unit").replace(units).replace(back),
        _unit_original=pl.col("unit_original").replace(units),
        _original=pl.col("value_original").cast(pl.Float64, strict=False),
        _original_limit=pl.col("value_original").str.extract(LIMIT, 2).cast(pl.Float64, strict=False),
        _original_sign=pl.col("value_original").str.extract(LIMIT, 1),
    )
    known = _accepted("_unit")
    fallback = (
        ~known
        & _accepted("_unit_original")
        & (pl.col("_original").is_not_null() | pl.col("_original_limit").is_not_null())
    )
    value = pl.coalesce("_number", "_limit")
    from_original = pl.coalesce("_original", "_original_limit")
    sign = pl.coalesce("comparator", "_sign")
    out = out.with_columns(
        value=pl.when(textual).then(None).when(fallback).then(from_original).otherwise(value),
        comparator=pl.when(textual).then(None).when(fallback).then("_original_sign").otherwise(sign),
        unit=pl.when(fallback).then("_unit_original").otherwise("_unit"),
        value_text=pl.when(textual | (value.is_null() & from_original.is_null())).then(standard),
    )
    same = (pl.col("_original") == pl.col("value")) & (
        pl.col("_unit_original").is_null()
        | (pl.col("_unit_original").replace(back) == pl.col("unit"))
        | pl.col("unit").is_null()
    )
    echo = same.fill_null(value=False) | (pl.col("value_original") == standard).fill_null(value=False)
    out = out.with_columns(
        value_original=pl.when(~echo).then("value_original"),
        unit_original=pl.when(~echo & pl.col("value_original").is_not_null()).then("unit_original"),
    )
    return out.drop(c for c in out.columns if c.startswith("_") and c not in KEPT)


def _accepted(unit: str) -> pl.Expr:
    """Whether the dictionary knows the unit for the code (a code without a unit needs none)."""
    pairs = dictionary.conversion_table().select(_pair=pl.format("{}|{}", "code", "_unit"))["_pair"]
    bare = [n for n, c in dictionary.codes().items() if c.unit is None]
    pair = pl.format("{}|{}", pl.col("code"), pl.col(unit).fill_null(""))
    return pair.is_in(pairs.implode()) | pl.col("code").is_in(bare) | ~pl.col("code").is_in(list(dictionary.codes()))


def items(rows: pl.DataFrame, domain: str) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    """Rows of the table `assessments`: items of the instruments that a study knows; others are listed."""
    out, listed = columns(rows, domain)
    out = out.with_columns(_value=qualified(rows, "value"), _text=qualified(rows, "value_text"))
    by_code = {code: pair for pair, code in sdtm.item_codes().items()}
    known = pl.col("instrument").is_in(list(instruments.instruments())) & pl.col("item").is_in(list(by_code))
    known = known.fill_null(value=False)
    strange = out.filter(~known)
    if strange.height:
        listed.append(
            problems.of_rows(
                strange,
                rule="unknown_instrument",
                file=str(strange["_table"][0]),
                column=f"{domain}CAT",
                found=pl.format("{} {}", pl.col("instrument").fill_null("no category"), pl.col("item").fill_null("")),
                expected="an instrument and item of the dictionary",
                remedy="nothing to do unless a criterion needs it. The row is not used.",
                severity="warning",
            )
        )
    out = out.filter(known).with_columns(
        item=pl.col("item").replace_strict({c: item for c, (_, item) in by_code.items()}, default=None)
    )
    textual = [f"{n}.{i.name}" for n, x in instruments.instruments().items() for i in x.items.values() if i.allowed]
    is_text = pl.format("{}.{}", "instrument", "item").is_in(textual)
    out = _needed(out, ("value", "value_text", "lookback_days"))
    return (
        out.with_columns(
            value=pl.when(~is_text | pl.col("_value")).then(
                pl.coalesce(
                    pl.col("value").cast(pl.Float64, strict=False), pl.col("value_text").cast(pl.Float64, strict=False)
                )
            ),
            value_text=pl.when(is_text | pl.col("_text")).then("value_text"),
            lookback_days=pl.col("lookback_days").cast(pl.String).str.extract(r"^-?P?([0-9]+)D?$", 1),
            _field=pl.lit(f"{domain}STRESC"),
        ).drop("_value", "_text"),
        listed,
    )
