"""Reporting checklists with the place in the report where each item is found, or what is left to the authors."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import polars as pl

from aftercart.analysis.analyze import Analysis
from aftercart.analysis.cohort import Cohort
from aftercart.analysis.summary import Summary

FOUND, IN_PART, AUTHOR = "in the report", "in part", "author to supply"


@dataclass(frozen=True)
class Place:
    """Where in the report something is found: the anchor of a section (none for a file), and what to look at there."""

    anchor: str
    what: str


@dataclass(frozen=True)
class Item:
    """One item of a checklist, in our own words."""

    number: str
    topic: str
    asks: str
    status: str
    """`in the report`, `in part` or `author to supply`."""
    places: tuple[Place, ...]
    author: str
    """What is left to the authors; empty where nothing is."""


@dataclass(frozen=True)
class Checklist:
    """A published checklist with where each item is found."""

    name: str
    citation: str
    doi: str
    items: tuple[Item, ...]


def checklists(cohort: Cohort, summary: Summary, analysis: Analysis) -> tuple[Checklist, ...]:
    """The checklists filled in for one study: what its data do not hold is left to the authors, and said."""
    held = _held(cohort, summary, analysis)
    return tuple(
        Checklist(raw["name"], raw["citation"], raw["doi"], tuple(_item(i, held) for i in raw["items"]))
        for raw in _declared()
    )


@cache
def _declared() -> list[dict[str, Any]]:
    text = (files("aftercart.reporting.journal") / "checklist.toml").read_text("utf-8")
    found: list[dict[str, Any]] = tomllib.loads(text)["checklists"]
    return found


def _item(raw: Mapping[str, Any], held: Mapping[str, bool]) -> Item:
    there = held["patients"] and held[raw.get("needs", "patients")]
    places = tuple(Place(*place) for place in raw.get("found", ())) if there else ()
    author = raw.get("author", "")
    if raw.get("found") and not there:
        what = MISSING[raw.get("needs", "patients") if held["patients"] else "patients"]
        author = f"{author}; {what}" if author else what
    status = AUTHOR if not places else IN_PART if author else FOUND
    return Item(raw["number"], raw["topic"], raw["asks"], status, places, author)


MISSING = {
    "patients": "these data hold no infused patient",
    "scores": "these data hold no score of disease activity",
    "refractory": "these data do not say whether the disease was refractory",
    "dose": "these data hold neither product, dose nor lymphodepletion",
    "treatment": "these data hold no medicine for the disease after infusion",
    "efficacy": "these data hold no evaluable response",
    "events": "these data record no events",
    "imputed": "no visit was planned at which an imputation could be made",
}
"""What is said where the data do not hold what an item needs."""


def _held(cohort: Cohort, summary: Summary, analysis: Analysis) -> dict[str, bool]:
    """Which of the things that items need are in the data."""

    def evaluable(domain: str) -> bool:
        return any(e.denominator for e in summary.estimates if e.domain == domain)

    baseline = analysis.baseline.filter(pl.col("known") > 0)
    given = baseline.filter(pl.col("variable").str.contains("CAR-positive|Product|Lymphodepletion"))
    return {
        "patients": cohort.n > 0,
        "scores": not baseline.filter(pl.col("variable").str.ends_with("at baseline")).is_empty(),
        "refractory": evaluable("eligibility"),
        "dose": not given.is_empty(),
        "treatment": evaluable("treatment"),
        "efficacy": evaluable("efficacy"),
        "events": cohort.study.tables["events"].height > 0,
        "imputed": bool(analysis.estimates["id"].str.ends_with("_nri").any()),
    }
