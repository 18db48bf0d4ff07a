"""A mapping file for SDTM datasets: what the dictionary recognises by itself, and what somebody has to say."""

from __future__ import annotations

import json

import polars as pl

from aftercart.sources.mapping import Proposal
from aftercart.sources.sdtm.tables import ITEMS, OBSERVATIONS
from aftercart.standards import sdtm
from aftercart.standards.dataset import Dataset
from aftercart.study import dictionary, drugs, instruments

UNPLACED = {"table": pl.String, "column": pl.String, "example": pl.String, "reason": pl.String}


def of(datasets: dict[str, Dataset]) -> Proposal:
    """The proposal and what could not be placed."""
    lines = ["# Proposed by aftercart map sdtm: edit what is not right, and remove what is.", "", "[study]"]
    dm = datasets.get("DM")
    study = dm.rows["STUDYID"][0] if dm is not None and "STUDYID" in dm.names and dm.rows.height else "STUDY"
    lines += [f"study_id = {_quoted(study)}", f"title = {_quoted(study)}", "# data_cut_off = 2024-12-31", ""]
    codes, unplaced = _codes(datasets)
    lines += ["[codes]", *codes, ""]
    units, more = _units(datasets)
    lines += ["[units]", *units, ""]
    medicines, others = _drugs(datasets)
    lines += ["[drugs]", *medicines, ""]
    visits = _visits(datasets)
    lines += [
        "[visits]",
        *visits,
        "",
        "[sdtm]",
        '# indication = "SLE"',
        '# infusions = ["NAME OF THE PRODUCT IN EXTRT"]',
        "",
    ]
    unplaced += more + others + _instruments(datasets)
    return Proposal("\n".join(lines), pl.DataFrame(unplaced, schema=UNPLACED, orient="row"))


def _quoted(text: object) -> str:
    return json.dumps(str(text), ensure_ascii=False)


def _codes(datasets: dict[str, Dataset]) -> tuple[list[str], list[tuple[str, str, str, str]]]:
    lines, unplaced = [], []
    known = set(sdtm.codes_by_test())
    for name in OBSERVATIONS:
        dataset = datasets.get(name)
        if dataset is None or f"{name}TESTCD" not in dataset.names:
            continue
        label = f"{name}TEST" if f"{name}TEST" in dataset.names else f"{name}TESTCD"
        tests = dataset.rows.select(code=f"{name}TESTCD", test=label).drop_nulls("code").unique("code").sort("code")
        for code, test in tests.iter_rows():
            if (name, code) not in known:
                lines.append(f'# {_quoted(code)} = ""   # {test}')
                unplaced.append((name, f"{name}TESTCD", f"{code} ({test})", "no code of the dictionary"))
    return lines, unplaced


def _units(datasets: dict[str, Dataset]) -> tuple[list[str], list[tuple[str, str, str, str]]]:
    known = {u for _, u in dictionary.conversions()} | set(sdtm.cdisc_units().values())
    lines, unplaced = set(), []
    for name in OBSERVATIONS:
        dataset = datasets.get(name)
        if dataset is None or not {f"{name}STRESU", f"{name}TESTCD"} <= set(dataset.names):
            continue
        tests = {t for d, t in sdtm.codes_by_test() if d == name}
        rows = dataset.rows.filter(pl.col(f"{name}TESTCD").is_in(list(tests)))
        for unit in rows[f"{name}STRESU"].drop_nulls().unique().sort():
            if dictionary.canonical_unit(unit) not in known and unit not in known:
                lines.add(f'# {_quoted(unit)} = ""')
                unplaced.append((name, f"{name}STRESU", unit, "no unit of the dictionary"))
    return sorted(lines), unplaced


def _drugs(datasets: dict[str, Dataset]) -> tuple[list[str], list[tuple[str, str, str, str]]]:
    dataset = datasets.get("CM")
    if dataset is None:
        return [], []
    column = "CMDECOD" if "CMDECOD" in dataset.names else "CMTRT"
    strange = [d for d in dataset.rows[column].drop_nulls().unique().sort() if drugs.ingredient(d) is None]
    return (
        [f'# {_quoted(d)} = ""' for d in strange],
        [("CM", column, d, "no ingredient of the drug dictionary") for d in strange],
    )


def _visits(datasets: dict[str, Dataset]) -> list[str]:
    dataset = datasets.get("SV")
    if dataset is None or "VISIT" not in dataset.names:
        return []
    return [
        f"# {_quoted(v)} = {_quoted(v.lower())}" for v in dataset.rows["VISIT"].drop_nulls().unique(maintain_order=True)
    ]


def _instruments(datasets: dict[str, Dataset]) -> list[tuple[str, str, str, str]]:
    found = []
    for name in ITEMS:
        dataset = datasets.get(name)
        if dataset is None or f"{name}CAT" not in dataset.names:
            continue
        for category in dataset.rows[f"{name}CAT"].drop_nulls().unique().sort():
            if category not in instruments.instruments():
                found.append((name, f"{name}CAT", category, "no instrument of the dictionary"))
    return found
