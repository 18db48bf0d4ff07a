"""Every domain to its table of the study."""

from __future__ import annotations

import polars as pl

from aftercart.sources.mapping import SourceMapping
from aftercart.sources.sdtm import events, findings, subjects
from aftercart.sources.sdtm.cells import Placed
from aftercart.standards import sdtm
from aftercart.study import problems

OBSERVATIONS = ("LB", "VS", "CP", "IS", "RE", "MB", "PC", "CV")
ITEMS = ("RS", "QS")
EVENTS = ("AE", "CE", "HO", "MH", "PR")


def place(datasets: dict[str, pl.DataFrame], mapping: SourceMapping) -> Placed:
    """Place the records of every dataset; those of a domain without a place are listed."""
    people = subjects.subjects(datasets, mapping)
    frames = {"subjects": [people.tables["subjects"]]}
    listed = list(people.listed)
    for name, rows in datasets.items():
        if name == "DM" or not rows.height:
            continue
        placed = _placed(name, rows, mapping)
        listed += placed.listed
        for table, frame in placed.tables.items():
            frames.setdefault(table, []).append(frame)
    names = subjects.names(datasets["DM"])
    joined = {
        table: pl.concat(parts, how="diagonal_relaxed").with_columns(pl.col("subject_id").replace(names))
        for table, parts in frames.items()
    }
    return Placed(_visits_renamed(joined, mapping), people.used, listed)


def _placed(name: str, rows: pl.DataFrame, mapping: SourceMapping) -> Placed:
    """The rows that one dataset gives, by table of the study."""
    absent = [c for c in _needed(name) if c not in rows.columns]
    if absent:
        what, table = f"no variable {absent[0]}", str(rows["_table"][0])
        line = problems.one("missing_variable", table, what, f"{name} with {absent[0]}", "export it again.")
        return Placed({}, listed=[line])
    if name == "EX":
        given, medicines, listed = events.exposures_of_ex(rows, mapping)
        return Placed({"infusions": given, "exposures": medicines}, listed=listed)
    if name in OBSERVATIONS:
        table, found = "observations", findings.observations(rows, name, mapping)
    elif name in ITEMS:
        table, found = "assessments", findings.items(rows, name)
    elif name in EVENTS:
        table, found = "events", events.events(rows, name, mapping)
    elif name in ("CM", "SV", "DS"):
        read = {"CM": events.medicines, "SV": events.visits, "DS": events.milestones}[name]
        table, found = sdtm.domains()[name].table, read(rows, mapping)
    else:
        return Placed({}, listed=[_no_place(name, rows)])
    return Placed({table: found[0]}, listed=found[1])


def _needed(domain: str) -> tuple[str, ...]:
    if domain in (*OBSERVATIONS, *ITEMS):
        return ("USUBJID", f"{domain}TESTCD")
    return ("USUBJID",) if domain in sdtm.domains() else ()


def _no_place(name: str, rows: pl.DataFrame) -> pl.DataFrame:
    subject = {"USUBJID": "subject_id"} if "USUBJID" in rows.columns else {}
    return problems.of_rows(
        rows.rename(subject),
        rule="domain_not_placed",
        file=str(rows["_table"][0]),
        found=pl.lit(f"a record of {name}"),
        expected=f"a domain that a study holds: {', '.join(sdtm.domains())}",
        remedy="nothing to do unless a criterion needs it. The row is not used.",
        severity="warning",
    )


def _visits_renamed(tables: dict[str, pl.DataFrame], mapping: SourceMapping) -> dict[str, pl.DataFrame]:
    if not mapping.visits:
        return tables
    return {
        name: t.with_columns(pl.col("visit").replace(dict(mapping.visits))) if "visit" in t.columns else t
        for name, t in tables.items()
    }
