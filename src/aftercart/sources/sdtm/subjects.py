"""Subjects of SDTM: DM, with the disease treated from a qualifier, the medical history or the mapping."""

from __future__ import annotations

import polars as pl

from aftercart.sources.mapping import SourceMapping
from aftercart.sources.pseudonyms import identifier_refused
from aftercart.sources.sdtm.cells import Placed, columns, normal
from aftercart.sources.sdtm.supplemental import USED
from aftercart.study import problems

DISEASES = (
    ("LN", r"lupus nephritis|lupus glomerulonephritis"),
    ("SLE", r"systemic lupus|\bsle\b"),
    ("IIM", r"myositis|antisynthetase|anti-synthetase|inflammatory myopath"),
    ("SSC", r"systemic sclerosis|scleroderma"),
)
"""Words of a diagnosis and the disease they mean; the first that fits counts."""


def names(dm: pl.DataFrame) -> dict[str, str]:
    """USUBJID to the subject of the study: SUBJID where USUBJID only puts the study before it, else USUBJID itself."""
    if not {"STUDYID", "SUBJID"} <= set(dm.columns):
        return {}
    plain = dm.filter(pl.format("{}-{}", "STUDYID", "SUBJID") == pl.col("USUBJID"))
    if plain.height != dm.height or dm["SUBJID"].n_unique() != dm.height:
        return {}
    return dict(zip(dm["USUBJID"], dm["SUBJID"], strict=True))


def subjects(datasets: dict[str, pl.DataFrame], mapping: SourceMapping) -> Placed:
    """Rows of the table `subjects`. A full date of birth is not read, and said."""
    dm = datasets["DM"]
    out, listed = columns(dm, "DM")
    if "birth_year" in out.columns:
        full = out.filter(pl.col("birth_year").str.len_chars() > 4)
        if full.height:
            listed.append(identifier_refused(str(dm["_table"][0]), "BRTHDTC", full.height))
        out = out.with_columns(birth_year=pl.col("birth_year").str.slice(0, 4))
    arm = next((c for c in ("ACTARM", "ARM") if c in dm.columns), None)
    if "cohort" not in out.columns and arm is not None:
        out = out.with_columns(cohort=dm[arm])
    out, used = _disease(out, datasets.get("MH"))
    fixed = mapping.own.get("indication")
    if isinstance(fixed, str):
        out = out.with_columns(indication=pl.lit(fixed))
    unknown = out.filter(pl.col("indication").is_null())
    if unknown.height:
        listed.append(
            problems.of_rows(
                unknown,
                rule="no_diagnosis",
                file=str(dm["_table"][0]),
                found=pl.lit("no diagnosis that names a disease treated"),
                expected="lupus, myositis or systemic sclerosis in MH (PRIMARY DIAGNOSIS)",
                remedy='state it in the mapping: [sdtm] indication = "SLE". OTHER is used.',
                severity="warning",
            )
        )
    return Placed({"subjects": out.with_columns(pl.col("indication").fill_null("OTHER"))}, used, listed)


def _disease(out: pl.DataFrame, mh: pl.DataFrame | None) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Disease and date of diagnosis; what the qualifiers of DM say goes before the medical history."""
    for column in ("indication", "diagnosis_date"):
        if column not in out.columns:
            out = out.with_columns(pl.lit(None, dtype=pl.String).alias(column))
    if mh is None or not {"USUBJID", "MHTERM"} <= set(mh.columns):
        return out, pl.DataFrame(schema=USED)
    text = pl.concat_str([c for c in ("MHTERM", "MHDECOD") if c in mh.columns], separator=" ", ignore_nulls=True)
    disease = pl.lit(None, dtype=pl.String)
    for name, words in reversed(DISEASES):
        disease = pl.when(text.str.to_lowercase().str.contains(words)).then(pl.lit(name)).otherwise(disease)
    rows = mh.with_columns(_disease=disease).filter(pl.col("_disease").is_not_null() | is_primary(mh))
    rows = (
        rows.with_columns(_first=~is_primary(rows))
        .sort("_first", "_row")
        .unique("USUBJID", keep="first", maintain_order=True)
    )
    start = pl.col("MHSTDTC") if "MHSTDTC" in rows.columns else pl.lit(None, dtype=pl.String)
    found = rows.select(subject_id="USUBJID", _disease="_disease", _start=start)
    filled = out.join(found, on="subject_id", how="left", maintain_order="left").with_columns(
        indication=pl.coalesce("indication", "_disease"),
        diagnosis_date=pl.coalesce("diagnosis_date", "_start"),
    )
    primary = mh.filter(is_primary(mh)).join(
        out.select(USUBJID="subject_id", _parent="_table", _parent_row="_row"), on="USUBJID"
    )
    used = primary.select(source_table="_table", source_row="_row", parent_table="_parent", parent_row="_parent_row")
    return filled.drop("_disease", "_start"), used


def is_primary(mh: pl.DataFrame) -> pl.Expr:
    """Whether a record of medical history is the diagnosis treated."""
    if "MHCAT" not in mh.columns:
        return pl.lit(value=False)
    return (normal(pl.col("MHCAT")) == "primary_diagnosis").fill_null(value=False)
