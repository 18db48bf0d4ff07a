"""Answered items as QuestionnaireResponses, one for each sitting, with the Questionnaires that they answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import polars as pl

from aftercart.exchange.fhir_parts import NO_SPACE, Cells, Context, labels, missing, number, parsed, put, time
from aftercart.standards import fhir
from aftercart.standards.fhir import Resource
from aftercart.standards.fhir.rows import rows_of
from aftercart.study import instruments

HEADER = (
    "subject_id",
    "instrument",
    "instrument_version",
    "administration_id",
    "datetime",
    "rater",
    "visit",
    "status",
    "source",
)
"""What all answers of a sitting share."""
ITEM = ("value", "value_text", "attributable", "lookback_days", "not_done", "reason")
STATES = {"final": "completed", "amended": "amended", "entered_in_error": "entered-in-error"}


def questionnaires(rows: pl.DataFrame, context: Context) -> Iterator[Resource]:
    """The instruments that are used: keys of items only, never the wording of a questionnaire."""
    used = rows.select("instrument", "instrument_version").unique().sort("instrument", "instrument_version")
    for name, version in used.iter_rows():
        known = instruments.instruments()[name]
        yield put(
            resourceType="Questionnaire",
            id=context.id_of("Questionnaire", name, version or ""),
            **labels(None, context),
            url=f"{fhir.QUESTIONNAIRE}{name}",
            version=version,
            title=known.title,
            status="active",
            item=[_question(i) for i in known.items.values()],
        )


def _question(item: instruments.Item) -> Resource:
    answers = [{"valueString": a} for a in item.allowed]
    return put(linkId=item.name, type="choice" if answers else "decimal", answerOption=answers)


def responses(rows: pl.DataFrame, context: Context) -> Iterator[Resource]:
    """A QuestionnaireResponse for each sitting; an item that stands twice in one begins another."""
    nth = pl.int_range(pl.len()).over(*HEADER, "item")
    ordered = rows.with_columns(_nth=nth).sort(*HEADER, "_nth", "row_id", nulls_last=True)
    key: tuple[Any, ...] | None = None
    sitting: list[dict[str, Any]] = []
    for row in ordered.iter_rows(named=True):
        here = tuple(row[c] for c in (*HEADER, "_nth"))
        if here != key and sitting:
            yield _response(sitting, context)
            sitting = []
        key = here
        sitting.append(row)
    if sitting:
        yield _response(sitting, context)


def _response(rows: list[dict[str, Any]], context: Context) -> Resource:
    head = rows[0]
    version = head["instrument_version"]
    canonical = f"{fhir.QUESTIONNAIRE}{head['instrument']}"
    if version is not None and NO_SPACE.fullmatch(version):
        canonical = f"{canonical}|{version}"
    resource = put(
        resourceType="QuestionnaireResponse",
        id=context.id_of("QuestionnaireResponse", head["row_id"]),
        **labels(head["source"], context),
        identifier=put(system=f"{fhir.ROW}assessments", value=head["administration_id"]),
        questionnaire=canonical,
        status=STATES[head["status"] or "final"],
        subject=context.patient(head),
        encounter=context.encounter(head),
        authored=time(head["datetime"]),
        author=_author(head, context),
        item=[_item(row) for row in rows],
    )
    read = [row for frame, row in rows_of(parsed(resource)) if frame != "listed"]
    more = missing(read[0], "assessments", head, tuple(c for c in HEADER if c != "subject_id"))
    if more:
        resource["extension"] = more
    for item, row, said in zip(resource["item"], rows, read, strict=True):
        item["extension"] = [*item["extension"], *missing(said, "assessments", row, ITEM)]
    return resource


def _author(head: Cells, context: Context) -> Resource | None:
    kind = fhir.codes_of("rater").get(head["rater"] or "")
    if kind is None:
        return None
    return {**(context.patient(head) if kind == "Patient" else {"display": head["rater"]}), "type": kind}


def _item(row: Cells) -> Resource:
    mark = [{"url": fhir.extension("row_id"), "valueString": row["row_id"]}]
    textual = (row["instrument"], row["item"]) in fhir.textual_items()
    answer: Resource = {}
    if textual and row["value_text"] is not None:
        answer = {"valueString": row["value_text"]}
    elif not textual and row["value"] is not None:
        answer = {"valueDecimal": number(row["value"])}
    elif row["not_done"]:
        mark.append({"url": fhir.DATA_ABSENT, "valueCode": "unknown"})
    return put(linkId=row["item"], extension=mark, answer=[answer] if answer else None)
