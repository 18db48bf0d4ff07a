"""From what resources say to the tables of a study: references resolved, rows about the same thing joined."""

from __future__ import annotations

from dataclasses import dataclass, field

import polars as pl

from aftercart.sources.fhir import subjects
from aftercart.sources.mapping import SourceMapping
from aftercart.study import drugs, instruments, problems, schema

USED = {"source_table": pl.String, "source_row": pl.Int64, "parent_table": pl.String, "parent_row": pl.Int64}
ALWAYS = ("subject_id", "row_id", "_key", "_url", "_own")
LEADING = ("study_id", "row_id")
"""Columns that the assembly fills in."""
PLACE = {"_table": pl.String, "_row": pl.Int64}


@dataclass
class Placing:
    """The frames on their way to tables: each step takes some and leaves others."""

    frames: dict[str, pl.DataFrame]
    mapping: SourceMapping
    own: subjects.Own
    used: list[pl.DataFrame] = field(default_factory=lambda: [pl.DataFrame(schema=USED)])
    listed: list[pl.DataFrame] = field(default_factory=list)

    def take(self, name: str, *columns: str) -> pl.DataFrame:
        """A frame, with the columns that are asked for even where no row fills them."""
        frame = self.frames.pop(name, pl.DataFrame(schema=PLACE))
        absent = [c for c in dict.fromkeys((*ALWAYS, *columns)) if c not in frame.columns]
        return frame.with_columns(pl.lit(None, dtype=pl.String).alias(c) for c in absent)

    def use(self, rows: pl.DataFrame) -> None:
        """Say that rows gave cells to the rows of their parents (`_ptable`, `_prow`)."""
        self.used.append(
            rows.filter(pl.col("_prow").is_not_null()).select(
                source_table="_table", source_row="_row", parent_table="_ptable", parent_row="_prow"
            )
        )

    def say(self, rows: pl.DataFrame, rule: str, found: pl.Expr, expected: str, remedy: str, **more: str) -> None:
        """List rows by the resource they came from."""
        for (table,), part in rows.group_by("_table", maintain_order=True):
            line = problems.of_rows(
                part,
                rule=rule,
                file=str(table),
                found=found,
                expected=expected,
                remedy=remedy,
                severity=more.get("severity", "warning"),
                column=more.get("column"),
            )
            self.listed.append(line)


def place(placing: Placing, reference_infusion: int) -> dict[str, pl.DataFrame]:
    """Every frame to its table of the study."""
    subjects.named(placing)
    _lines(placing)
    _medicines(placing)
    _infusions(placing)
    _visits(placing)
    _events(placing)
    subjects.completed(placing, reference_infusion)
    _items(placing)
    tables = {}
    for name, table in schema.tables().items():
        if name in placing.frames and placing.frames[name].height:
            required = [c.name for c in table.columns if c.required and c.name not in LEADING]
            frame = placing.take(name, "subject_id", *required)
            tables[name] = frame.select(c for c in frame.columns if c in table.names or c in PLACE)
    return tables


def _lines(placing: Placing) -> None:
    """Resources that said themselves why they give no row, and results without a code of the dictionary."""
    results = placing.take("observations", "_foreign")
    placing.say(
        results.filter(pl.col("_foreign").is_not_null()),
        "unknown_code",
        pl.col("code"),
        "a code of the dictionary",
        "map it to a code of the dictionary if a criterion needs it. The row is not used.",
        column="code",
    )
    placing.frames["observations"] = results.filter(pl.col("_foreign").is_null()).drop("_foreign")
    rows = placing.take("listed", "_rule", "_found", "_expected", "_remedy", "subject_id", "row_id")
    for (rule, table), part in rows.group_by("_rule", "_table", maintain_order=True):
        placing.listed.append(
            problems.of_rows(
                part,
                rule=str(rule),
                file=str(table),
                found=pl.col("_found"),
                expected=pl.col("_expected"),
                remedy=pl.concat_str("_remedy", pl.lit(" It is not used.")),
                severity="warning",
            )
        )


def pointers(frame: pl.DataFrame, *columns: str) -> pl.DataFrame:
    """`_ref` (by type and id, and by urn) with columns of the rows it points at, each reference once."""
    parts = [
        frame.select(_ref=pl.col(key), **{f"_of_{c}": pl.col(c) for c in columns}).filter(pl.col("_ref").is_not_null())
        for key in ("_key", "_url")
        if key in frame.columns
    ]
    if not parts:
        schema = {"_ref": pl.String, **{f"_of_{c}": frame.schema.get(c, pl.String) for c in columns}}
        return pl.DataFrame(schema=schema)
    return pl.concat(parts).unique("_ref", keep="first", maintain_order=True)


DRUG = ("drug", "drug_text", "atc", "rxnorm", "lot", "_is_cells", "_known")


def _medicines(placing: Placing) -> None:
    """Medicines with the Medication they point at; infusions of cells go apart."""
    known = placing.take("medications", "_key", "_url", *DRUG)
    index = pointers(known, *DRUG, *PLACE)
    given = placing.take("administrations", "_medication", "_dose_cells", "_dose_per_kg", "_start", "_end", *DRUG)
    taken = placing.take("exposures", "_medication", "_several", *DRUG)
    given, taken = (_with_medication(placing, frame, index) for frame in (given, taken))
    cells = pl.col("_is_cells").is_not_null()
    infusions = given.filter(cells).with_columns(
        start="_start",
        end="_end",
        dose_cells="_dose_cells",
        dose_per_kg="_dose_per_kg",
        product="drug_text",
        product_class=pl.lit("CAR_T"),
    )
    infusions = infusions.drop(c for c in ("drug", "drug_text", "dose", "dose_unit", "frequency") if c in infusions)
    others = given.filter(~cells).drop("lot")
    own = pl.col("_own").is_not_null() if "_own" in taken.columns else pl.lit(value=False)
    ordered = taken.filter(cells & ~own)
    placing.say(
        ordered,
        "cells_not_given",
        pl.col("drug_text"),
        "MedicationAdministration or Procedure of an infusion",
        "nothing to do. It is not used.",
    )
    exposures = pl.concat([taken.filter(~cells | own).drop("lot"), others], how="diagonal")
    named = exposures.with_columns(
        drug=pl.when(pl.col("_known").is_null()).then(drugs.ingredient_expr(pl.col("drug"))).otherwise("drug")
    )
    several = named.filter(pl.col("_several").is_not_null())
    placing.say(
        several,
        "several_dosages",
        pl.format("{} dosages without dates", pl.col("_several")),
        "one dosage, or a period for each",
        "state the dose in the source if a criterion needs it. The dose is left empty.",
        column="dose",
    )
    placing.frames["exposures"] = named
    there = placing.take("infusions", "product", "start", "_procedure")
    placing.frames["infusions"] = pl.concat([there, infusions], how="diagonal")


def _with_medication(placing: Placing, frame: pl.DataFrame, index: pl.DataFrame) -> pl.DataFrame:
    joined = frame.join(index, left_on="_medication", right_on="_ref", how="left", maintain_order="left")
    placing.used.append(
        joined.filter(pl.col("_of__row").is_not_null()).select(
            source_table="_of__table", source_row="_of__row", parent_table="_table", parent_row="_row"
        )
    )
    filled = [pl.coalesce(f"_of_{c}", c).alias(c) for c in DRUG]
    return joined.with_columns(filled).drop(c for c in joined.columns if c.startswith("_of_"))


INFUSION = ("subject_id", "start", "product", "infusion_seq", "_procedure", "_key", "_url")


def _infusions(placing: Placing) -> None:
    """Infusions that a Procedure and a MedicationAdministration of the same day tell become one; all are numbered."""
    rows = placing.take("infusions", *INFUSION)
    told = pl.col("_procedure").is_not_null()
    main, procedures = rows.filter(~told), rows.filter(told)
    if procedures.height and main.height:
        date = pl.col("start").str.slice(0, 10)
        candidates = main.select(
            "subject_id", _date=date, _product="product", _ptable="_table", _prow="_row", _seen=pl.int_range(pl.len())
        )
        pairs = procedures.with_columns(_date=date, _nth=pl.int_range(pl.len())).join(
            candidates, on=["subject_id", "_date"], how="inner", maintain_order="left"
        )
        same = pl.col("product").is_null() | pl.col("_product").is_null() | (pl.col("product") == pl.col("_product"))
        pairs = pairs.filter(same).unique("_nth", keep="first", maintain_order=True)
        placing.used.append(
            pairs.select(source_table="_table", source_row="_row", parent_table="_ptable", parent_row="_prow")
        )
        filling = [c for c in ("end", "product") if c in pairs.columns]
        by_row = pairs.unique("_seen", keep="first").select("_seen", *(pl.col(c).alias(f"_from_{c}") for c in filling))
        main = main.with_columns(_seen=pl.int_range(pl.len())).join(
            by_row, on="_seen", how="left", maintain_order="left"
        )
        main = main.with_columns(pl.coalesce(c, f"_from_{c}").alias(c) for c in filling if c in main.columns)
        procedures = procedures.with_columns(_nth=pl.int_range(pl.len())).join(
            pairs.select("_nth"), on="_nth", how="anti", maintain_order="left"
        )
    rows = pl.concat([main, procedures], how="diagonal")
    order = pl.col("start").rank("ordinal").over("subject_id").cast(pl.String)
    placing.frames["infusions"] = rows.with_columns(infusion_seq=pl.coalesce("infusion_seq", order))


def _visits(placing: Placing) -> None:
    """Visits under the names of the mapping, also where an observation or answer names its Encounter."""
    visits = placing.take("visits", "visit", "_key", "_url")
    named = visits.with_columns(pl.col("visit").replace(dict(placing.mapping.visits)))
    placing.frames["visits"] = named
    index = pointers(named, "visit")
    for name in ("observations", "assessments"):
        frame = placing.take(name, "visit", "_encounter")
        found = frame.select(_ref="_encounter").join(index, on="_ref", how="left", maintain_order="left")["_of_visit"]
        stated = pl.col("visit").replace(dict(placing.mapping.visits))
        placing.frames[name] = frame.drop("_encounter").with_columns(visit=pl.coalesce(stated, pl.lit(found)))


def _events(placing: Placing) -> None:
    """Events: suspects by their row, ends from the condition that resulted, diagnoses that are not the one treated."""
    subjects.diagnosed(placing)
    events = placing.take("events", "suspect_row", "_results", "_own", "_key", "_url", "end", "ongoing")
    suspects = [
        pointers(placing.frames[n], "row_id")
        for n in ("infusions", "exposures")
        if n in placing.frames and "row_id" in placing.frames[n].columns
    ]
    index = pl.concat(suspects).unique("_ref", keep="first", maintain_order=True) if suspects else pointers(events)
    if not suspects:
        index = index.with_columns(_of_row_id=pl.lit(None, dtype=pl.String))
    events = events.join(index, left_on="suspect_row", right_on="_ref", how="left", maintain_order="left")
    events = events.with_columns(
        suspect_row=pl.coalesce("_of_row_id", pl.when(pl.col("_own").is_not_null()).then("suspect_row"))
    )
    results = events.filter(pl.col("_results").is_not_null()).select("_results", _ptable="_table", _prow="_row")
    keys = pointers(events.filter(pl.col("_table") == "Condition"), "end", "ongoing", *PLACE)
    events = events.join(keys, left_on="_results", right_on="_ref", how="left", maintain_order="left")
    events = events.with_columns(pl.coalesce("end", "_of_end").alias("end"), pl.coalesce("ongoing", "_of_ongoing"))
    resulting = keys.join(results, left_on="_ref", right_on="_results", how="inner")
    placing.used.append(
        resulting.select(source_table="_of__table", source_row="_of__row", parent_table="_ptable", parent_row="_prow")
    )
    gone = resulting.select(_table="_of__table", _row="_of__row").unique()
    placing.frames["events"] = events.join(gone, on=["_table", "_row"], how="anti", maintain_order="left")


def _items(placing: Placing) -> None:
    """Answers by instrument, where need be through the Questionnaire that they answer; others are listed."""
    forms = placing.take("questionnaires", "_questionnaire", "_instrument")
    rows = placing.take("assessments", "instrument", "item", "_questionnaire", "_several", "value", "value_text")
    known = forms.filter(pl.col("_questionnaire").is_not_null()).unique("_questionnaire", keep="first")
    index = known.select("_questionnaire", "_instrument", _ftable="_table", _frow="_row")
    rows = rows.join(index, on="_questionnaire", how="left", maintain_order="left")
    rows = rows.with_columns(instrument=pl.coalesce("instrument", "_instrument"))
    served = rows.filter(pl.col("_frow").is_not_null()).unique(["_frow", "_row"])
    placing.used.append(
        served.select(source_table="_ftable", source_row="_frow", parent_table="_table", parent_row="_row")
    )
    strange = pl.col("instrument").is_null()
    lost = rows.filter(strange).unique(["_table", "_row"], keep="first", maintain_order=True)
    placing.say(
        lost,
        "unknown_instrument",
        pl.col("_questionnaire").fill_null("no questionnaire"),
        "a questionnaire of an instrument of the dictionary",
        'say which it is in the mapping: [fhir.instruments] "address" = "SLEDAI-2K". It is not used.',
    )
    rows = rows.filter(~strange)
    pairs = [f"{n}.{i}" for n, x in instruments.instruments().items() for i in x.items]
    known_item = pl.format("{}.{}", "instrument", "item").is_in(pairs)
    placing.say(
        rows.filter(~known_item),
        "unknown_item",
        pl.format("{}.{}", "instrument", "item"),
        "an item of the instrument",
        'say which it is in the mapping: [fhir.items] "linkId" = "item". It is not used.',
        column="item",
    )
    several = rows.filter(pl.col("_several").is_not_null())
    placing.say(
        several,
        "several_answers",
        pl.format("{} answers of {}", pl.col("_several"), pl.col("item")),
        "one answer",
        "correct it at the source. The first is used.",
        severity="error",
    )
    placing.frames["assessments"] = rows.filter(known_item)
