"""The rows of a study as records of SDTM, with what has no variable as supplemental qualifiers."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from aftercart.exchange import sdtm_columns as to
from aftercart.exchange.exported import NOT_HELD, nothing_lost
from aftercart.standards import sdtm
from aftercart.standards.dataset import Dataset, Variable
from aftercart.study.model import Study

KEYS = {
    "STUDYID": "Study Identifier",
    "DOMAIN": "Domain Abbreviation",
    "USUBJID": "Unique Subject Identifier",
}
ORDER = ("DM", "EX", "CM", "PR", "AE", "CE", "HO", "MH", "DS", "SV")


def records(study: Study) -> tuple[list[Dataset], pl.DataFrame]:
    """Every dataset that the study fills, and what SDTM cannot hold of it."""
    tables, not_held = _valid(study)
    reference = _reference(tables["infusions"], study.meta.reference_infusion)
    found: dict[str, Dataset] = {}
    supplements: list[Dataset] = []
    for name in [*ORDER, *(d for d in sdtm.domains() if d not in ORDER)]:
        rows = _rows_of(tables, name)
        if name == "MH":
            rows = pl.concat([rows, _diagnoses(tables["subjects"])], how="diagonal_relaxed")
        if not rows.height and name != "DM":
            continue
        found[name], extra = _dataset(study, name, rows, reference)
        if extra is not None:
            supplements.append(extra)
    datasets = [found["DM"], *(d for n, d in sorted(found.items()) if n != "DM"), *supplements, _trial_summary(study)]
    return [d for d in datasets if d.rows.height or d.name == "DM"], not_held


def _valid(study: Study) -> tuple[dict[str, pl.DataFrame], pl.DataFrame]:
    """The tables without rows entered in error, and the list of what is not held."""
    kept, lost = {}, []
    for name, table in study.tables.items():
        wrong = (pl.col("status") == "entered_in_error").fill_null(value=False)
        kept[name] = table.filter(~wrong)
        gone = table.height - kept[name].height
        if gone:
            lost.append((name, "row", gone, "rows entered in error do not belong in SDTM"))
    lost += [
        (
            name,
            "provenance",
            marks.height,
            "SDTM has no mark for a single reconstructed cell; study.toml says simulated",
        )
        for name, marks in study.provenance.items()
    ]
    return kept, pl.DataFrame(lost, schema=NOT_HELD, orient="row") if lost else nothing_lost()


def _reference(infusions: pl.DataFrame, sequence: int) -> pl.DataFrame:
    """Subject and the date from which its study days count."""
    first = infusions.filter(pl.col("infusion_seq") == sequence).unique("subject_id", keep="first", maintain_order=True)
    return first.select("subject_id", _reference=pl.col("start").str.slice(0, 10).str.to_date("%Y-%m-%d", strict=False))


def _rows_of(tables: dict[str, pl.DataFrame], name: str) -> pl.DataFrame:
    domain = sdtm.domains()[name]
    rows = tables[domain.table]
    if domain.table == "events":
        return rows.filter(pl.col("category").is_in(domain.categories))
    if domain.table == "observations":
        return rows.filter(to.observation_domain() == name)
    if domain.table == "assessments":
        return rows.filter(to.instrument_domain() == name)
    return rows


def _diagnoses(subjects: pl.DataFrame) -> pl.DataFrame:
    """The disease treated as a record of medical history, for readers who look for it there."""
    disease = pl.col("indication").replace_strict(to.DISEASES, default="Other autoimmune disease")
    return subjects.select(
        "study_id",
        "subject_id",
        category=pl.lit("PRIMARY DIAGNOSIS"),
        term_text=disease.str.to_uppercase(),
        start="diagnosis_date",
    )


def _dataset(study: Study, name: str, rows: pl.DataFrame, reference: pl.DataFrame) -> tuple[Dataset, Dataset | None]:
    domain = sdtm.domains()[name]
    rows = rows.join(reference, on="subject_id", how="left", maintain_order="left").sort(
        ["subject_id", *(c for c in ("start", "datetime", "date") if c in rows.columns), "row_id"]
        if "row_id" in rows.columns
        else ["subject_id"],
        nulls_last=True,
    )
    rows = rows.with_columns(
        STUDYID=pl.lit(study.meta.study_id),
        DOMAIN=pl.lit(name),
        USUBJID=pl.format("{}-{}", pl.lit(study.meta.study_id), "subject_id"),
        _seq=pl.int_range(1, pl.len() + 1).over("subject_id"),
    )
    columns, variables = to.columns(name, rows)
    head = [Variable(n, label, key=i) for i, (n, label) in enumerate(KEYS.items(), 1)]
    out: dict[str, pl.Series] = {n: rows[n] for n in KEYS}
    if domain.cls != "SPECIAL PURPOSE":
        head.append(Variable(f"{name}SEQ", "Sequence Number", "integer", key=4, origin="Derived"))
        out[f"{name}SEQ"] = rows["_seq"].cast(pl.Float64)
    out |= columns
    frame = pl.DataFrame(out)
    described = tuple(_measured(v, frame[v.name]) for v in (*head, *variables))
    dataset = Dataset(name, domain.label, described, frame.select(v.name for v in described), domain.structure)
    return dataset, _supplement(name, rows, {v.name for v in variables})


def _measured(variable: Variable, column: pl.Series) -> Variable:
    """A variable with the length that its values need."""
    if column.dtype != pl.String:
        return variable
    longest = column.drop_nulls().str.len_bytes().to_list()
    return replace(variable, length=max([1, *longest]))


def _supplement(name: str, rows: pl.DataFrame, placed: set[str]) -> Dataset | None:
    """SUPP-- of a domain: a record for every value that has no variable there."""
    held = {p.column for p in sdtm.places(name) if p.name in placed}
    parts = []
    special = sdtm.domains()[name].cls == "SPECIAL PURPOSE"
    for column, extra in to.extras(name, rows, held).items():
        qualifier = sdtm.qualifiers()[column]
        parts.append(
            rows.select(
                "STUDYID",
                "USUBJID",
                RDOMAIN=pl.lit(name),
                IDVAR=pl.lit("" if name == "DM" else "SVSPID" if special else f"{name}SEQ"),
                IDVARVAL=pl.lit("")
                if name == "DM"
                else pl.col("row_id")
                if special
                else pl.col("_seq").cast(pl.String),
                QNAM=pl.lit(qualifier.name),
                QLABEL=pl.lit(qualifier.label),
                QVAL=pl.lit(extra),
                QORIG=pl.lit("CRF"),
                QEVAL=pl.lit(None, dtype=pl.String),
                _seq="_seq",
            ).filter(pl.col("QVAL").is_not_null())
        )
    if not parts:
        return None
    frame = pl.concat(parts).sort("USUBJID", "_seq", "QNAM").drop("_seq")
    if not frame.height:
        return None
    frame = frame.select(
        "STUDYID", "RDOMAIN", "USUBJID", "IDVAR", "IDVARVAL", "QNAM", "QLABEL", "QVAL", "QORIG", "QEVAL"
    )
    frame = frame.with_columns(pl.col("IDVAR", "IDVARVAL").replace("", None))
    variables = tuple(_measured(Variable(n, label, key=k), frame[n]) for n, (label, k) in SUPPLEMENT.items())
    label = f"Supplemental Qualifiers for {name}"
    return Dataset(f"SUPP{name}", label, variables, frame, "One record per supplemental qualifier per record")


SUPPLEMENT = {
    "STUDYID": ("Study Identifier", 1),
    "RDOMAIN": ("Related Domain Abbreviation", 2),
    "USUBJID": ("Unique Subject Identifier", 3),
    "IDVAR": ("Identifying Variable", 4),
    "IDVARVAL": ("Identifying Variable Value", 5),
    "QNAM": ("Qualifier Variable Name", 6),
    "QLABEL": ("Qualifier Variable Label", None),
    "QVAL": ("Data Value", None),
    "QORIG": ("Origin", None),
    "QEVAL": ("Evaluator", None),
}


def _trial_summary(study: Study) -> Dataset:
    """TS: what is said of the whole study."""
    meta = study.meta
    said = [("TITLE", "Trial Title", meta.title)]
    if meta.data_cut_off:
        said.append(("DCUTDTC", "Data Cutoff Date", meta.data_cut_off.isoformat()))
    said.append(("PLANSUB", "Planned Number of Subjects", str(study.subjects.height)))
    frame = pl.DataFrame(
        {
            "STUDYID": [meta.study_id] * len(said),
            "DOMAIN": ["TS"] * len(said),
            "TSSEQ": [1.0] * len(said),
            "TSPARMCD": [s[0] for s in said],
            "TSPARM": [s[1] for s in said],
            "TSVAL": [s[2] for s in said],
        }
    )
    labels = (
        "Study Identifier",
        "Domain Abbreviation",
        "Sequence Number",
        "Trial Summary Parameter Short Name",
        "Trial Summary Parameter",
        "Parameter Value",
    )
    keys = (1, None, 3, 2, None, None)
    variables = tuple(
        _measured(Variable(n, label, "integer" if n == "TSSEQ" else "string", key=k), frame[n])
        for n, label, k in zip(frame.columns, labels, keys, strict=True)
    )
    return Dataset("TS", "Trial Summary", variables, frame, "One record per parameter")
