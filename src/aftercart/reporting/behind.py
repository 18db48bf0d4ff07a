"""The patients behind each number of a page, by answer and disease, each with the place where the reason stands."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from aftercart.analysis import behind
from aftercart.analysis.analyze import Analysis
from aftercart.reporting.evidence import Anchors
from aftercart.reporting.numbers import indication, number, of, unit_words
from aftercart.reporting.words import stated

MOST_NAMES = 100
"""Patients of an answer and disease named on the page; the rest are counted."""

EVENT = "With the event"


@dataclass(frozen=True)
class Answer:
    """One patient under a number: where on the page the reason stands (empty when not on this page), and the value."""

    subject_id: str
    anchor: str
    value: str = ""


@dataclass(frozen=True)
class Among:
    """The patients of one disease who share an answer; `more` of them are not named."""

    disease: str
    """Empty where all patients asked have the same."""
    answers: tuple[Answer, ...]
    more: int


@dataclass(frozen=True)
class Answers:
    """The patients who share an answer."""

    label: str
    n: int
    among: tuple[Among, ...]


@dataclass(frozen=True)
class Why:
    """The patients behind one question."""

    id: str
    title: str
    said: str
    note: str
    groups: tuple[Answers, ...]


def reasons(analysis: Analysis, found: Anchors) -> list[Why]:
    """The patients behind every estimate that rests on any."""
    records: dict[str, Mapping[str, Any]] = {}
    for record in analysis.estimates.iter_rows(named=True):
        records.setdefault(record["id"], record)
    same = ("id", "answer", "reason", "indication")
    parts = (
        analysis.answers.group_by(same, maintain_order=True)
        .agg(pl.first("label", "unit"), pl.len(), pl.col("subject_id", "row", "value").head(MOST_NAMES))
        .partition_by("id", maintain_order=True)
    )
    return [_why(list(rows.iter_rows(named=True)), records, found) for rows in parts]


def _why(rows: list[dict[str, Any]], records: Mapping[str, Mapping[str, Any]], found: Anchors) -> Why:
    id_, unit = rows[0]["id"], rows[0]["unit"]
    groups = tuple(_groups(rows, found))
    n = {group.label: group.n for group in groups}
    record = records.get(id_)
    if record is not None and record["unit"] == "proportion":
        open_ = sum(r["len"] for r in rows if r["answer"] == behind.OPEN)
        counts = int(record["numerator"]), int(record["denominator"])
        said = stated(*counts, record["ci_low"], record["ci_high"], open_)
    elif unit is None:
        said = of(n["Yes"], n["Yes"] + n["No"])
    else:
        asked = sum(n.values())
        said = f"{asked} patient{'' if asked == 1 else 's'}"
        said += f", {n.get(EVENT, 0)} with the event" if unit and rows[0]["answer"] else ""
    note = record["note"] if record is not None and unit is None else None
    return Why(id_, rows[0]["label"], said, note or "", groups)


def _groups(rows: list[dict[str, Any]], found: Anchors) -> Iterator[Answers]:
    several = len({r["indication"] for r in rows}) > 1
    by_label: dict[str, list[dict[str, Any]]] = {} if rows[0]["unit"] else {"Yes": [], "No": []}
    for row in rows:
        by_label.setdefault(_label(row), []).append(row)
    for label, mine in by_label.items():
        among = (
            Among(
                disease=indication(r["indication"]) if several else "",
                answers=tuple(_answers(r, found)),
                more=max(0, r["len"] - MOST_NAMES),
            )
            for r in mine
        )
        yield Answers(label, sum(r["len"] for r in mine), tuple(among))


def _label(row: Mapping[str, Any]) -> str:
    answer, reason = row["answer"], row["reason"]
    if answer == behind.OPEN:
        return f"Could not be evaluated: {reason}" if reason else "Could not be evaluated"
    if row["unit"] is None:
        return "Yes" if answer == behind.YES else "No"
    return "Patients" if answer is None else EVENT if answer == behind.YES else "Without it so far"


def _answers(row: Mapping[str, Any], found: Anchors) -> Iterator[Answer]:
    unit = row["unit"]
    for subject, deciding, value in zip(row["subject_id"], row["row"], row["value"], strict=True):
        said = "" if unit is None else f"{number(value, 2)} {unit_words(unit)}".strip()
        yield Answer(subject, found.of(subject, deciding), said)


def places(estimates: Iterable[str], why: Iterable[str]) -> dict[str, str]:
    """The question behind each estimate whose patients are on the page, by the id of the estimate."""
    asked = set(why)
    found = {id_: behind.question(id_, asked) for id_ in {*estimates, *asked}}
    return {id_: base for id_, base in found.items() if base is not None}
