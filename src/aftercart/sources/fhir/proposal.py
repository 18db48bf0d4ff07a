"""A mapping file for FHIR resources: what the dictionary recognises by itself, and what somebody has to say."""

from __future__ import annotations

import json

import polars as pl

from aftercart.sources.fhir.collecting import Collected
from aftercart.sources.mapping import Proposal
from aftercart.standards.fhir.rows import READERS
from aftercart.study import dictionary

UNPLACED = {"table": pl.String, "column": pl.String, "example": pl.String, "reason": pl.String}
Unplaced = list[tuple[str, str, str, str]]


def of(collected: Collected) -> Proposal:
    """The proposal and what could not be placed, the most frequent first."""
    frames = collected.frames()
    codes, units, unplaced = _observations(frames.get("observations"))
    medicines, more = _drugs(frames)
    forms, others = _instruments(frames.get("assessments"))
    lines = [
        "# Proposed by aftercart map fhir: edit what is not right, and remove what is.",
        "",
        "[study]",
        *_study(frames.get("studies")),
        "# data_cut_off = 2024-12-31",
        "",
        "[codes]",
        *codes,
        "",
        "[units]",
        *units,
        "",
        "[drugs]",
        *medicines,
        "",
        "[visits]",
        *(f"# {_quoted(v)} = {_quoted(v)}" for v in _counted(frames.get("visits"), "visit")),
        "",
        "[fhir]",
        '# indication = "SLE"',
        '# subject_system = "https://example.org/study-number"',
        '# infusions = ["code or name of the product or procedure"]',
        "",
        "[fhir.instruments]",
        *forms,
        "",
    ]
    types = [
        ("resources", kind, f"{count} resources", "no place in a study")
        for kind, count in sorted(collected.counts.items())
        if kind not in READERS
    ]
    return Proposal("\n".join(lines), pl.DataFrame([*unplaced, *more, *others, *types], schema=UNPLACED, orient="row"))


def _quoted(text: object) -> str:
    return json.dumps(str(text), ensure_ascii=False).replace("\x7f", "\\u007f")


def _comment(text: str) -> str:
    return " ".join(text.split())


def _study(studies: pl.DataFrame | None) -> list[str]:
    told = studies.row(0, named=True) if studies is not None and studies.height else {}
    return [f"study_id = {_quoted(told.get('_study') or 'STUDY')}", f"title = {_quoted(told.get('_title') or 'STUDY')}"]


def _counted(frame: pl.DataFrame | None, *columns: str) -> list[str]:
    """Distinct texts of the first column, the most frequent first."""
    if frame is None or columns[0] not in frame.columns:
        return []
    found = (
        frame.select(columns[0])
        .drop_nulls()
        .to_series()
        .value_counts()
        .sort(["count", columns[0]], descending=[True, False])
    )
    return [str(x) for x in found[columns[0]]]


def _observations(rows: pl.DataFrame | None) -> tuple[list[str], list[str], Unplaced]:
    if rows is None:
        return [], [], []
    absent = [c for c in ("_foreign", "_name", "code", "unit") if c not in rows.columns]
    rows = rows.with_columns(pl.lit(None, dtype=pl.String).alias(c) for c in absent)
    foreign = rows.filter(pl.col("_foreign").is_not_null())
    counted = (
        foreign.group_by("_foreign")
        .agg(pl.len(), pl.col("_name").first(), pl.col("unit").drop_nulls().first())
        .sort(["len", "_foreign"], descending=[True, False])
    )
    lines, unplaced = [], []
    for code, count, name, unit in counted.iter_rows():
        shown = code.removeprefix("|")
        said = ", ".join(filter(None, [name, unit, f"{count} results"]))
        lines.append(f'# {_quoted(shown)} = ""   # {_comment(said)}')
        unplaced.append(("observations", "code", f"{shown} ({name})", "no code of the dictionary"))
    known = rows.filter(pl.col("code").is_in(list(dictionary.codes())) & pl.col("unit").is_not_null())
    units = []
    for code, unit in known.select("code", "unit").unique().sort("code", "unit").iter_rows():
        if dictionary.codes()[code].unit is not None and dictionary.to_standard(code, unit) is None:
            units.append(f'# {_quoted(unit)} = ""   # {code}')
            unplaced.append(("observations", "unit", f"{code} in {unit}", "no unit of the dictionary"))
    return lines, units, unplaced


def _drugs(frames: dict[str, pl.DataFrame]) -> tuple[list[str], Unplaced]:
    parts = [frames[n] for n in ("exposures", "administrations", "medications") if n in frames]
    if not parts:
        return [], []
    rows = pl.concat(parts, how="diagonal")
    absent = [c for c in ("_known", "_is_cells", "drug_text") if c not in rows.columns]
    rows = rows.with_columns(pl.lit(None, dtype=pl.String).alias(c) for c in absent)
    strange = _counted(rows.filter(pl.col("_known").is_null() & pl.col("_is_cells").is_null()), "drug_text")
    reason = "no ingredient of the drug dictionary"
    return [f'# {_quoted(d)} = ""' for d in strange], [("exposures", "drug", d, reason) for d in strange]


def _instruments(rows: pl.DataFrame | None) -> tuple[list[str], Unplaced]:
    if rows is None:
        return [], []
    absent = [c for c in ("instrument", "_questionnaire") if c not in rows.columns]
    rows = rows.with_columns(pl.lit(None, dtype=pl.String).alias(c) for c in absent)
    strange = _counted(rows.filter(pl.col("instrument").is_null()), "_questionnaire")
    reason = "no instrument of the dictionary"
    return [f'# {_quoted(q)} = ""' for q in strange], [("assessments", "questionnaire", q, reason) for q in strange]
