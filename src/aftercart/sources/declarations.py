"""Read `study.toml`: what is declared about a study. A bad entry becomes a problem and its default is used."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl

from aftercart.study import drugs, problems
from aftercart.study.model import BASELINE_RULES, StudyMeta, VisitWindow

TOP = {
    "title": str,
    "study_id": str,
    "data_cut_off": date,
    "reference_infusion": int,
    "simulated": bool,
    "note": str,
    "encoding": str,
    "baseline": dict,
    "visits": list,
    "records": dict,
}
WORDS = {
    str: "a text",
    date: "a date such as 2024-02-29",
    int: "a whole number",
    bool: "true or false",
    dict: "a section of its own, as in [baseline]",
    list: "a list",
}
ENCODINGS = ("utf-8", "cp1252", "latin-1")
MOST_DAYS = 36_525
"""A hundred years: a longer span of days is a slip of the hand."""


def read(path: Path) -> tuple[StudyMeta, str, list[pl.DataFrame]]:
    """Return (declarations, text encoding of the tables, problems)."""
    file = path.name
    listed: list[pl.DataFrame] = []
    raw: dict[str, Any] = {}
    if not path.exists():
        listed.append(
            problems.one(
                "study_toml",
                file,
                "no study.toml",
                "a file study.toml",
                "add it: title, study_id, data_cut_off, visits.",
            )
        )
    else:
        try:
            raw = tomllib.loads(path.read_text("utf-8-sig"))
        except (OSError, ValueError, RecursionError) as error:
            listed.append(
                problems.one(
                    "study_toml", file, str(error), "a TOML file in UTF-8", "correct the file; defaults are used."
                )
            )
    meta, encoding, more = declarations_of(raw, file, path.parent.name)
    return meta, encoding, listed + more


def declarations_of(raw: Mapping[str, Any], file: str, name: str) -> tuple[StudyMeta, str, list[pl.DataFrame]]:
    """Return (declarations, encoding, problems) of what a `study.toml` holds; `name` stands in for title and study."""
    listed: list[pl.DataFrame] = []

    def wrong(key: str, found: Any, expected: str, remedy: str = "correct the entry; the default is used.") -> None:
        listed.append(problems.one("study_toml", file, f"{key} = {found!r}", expected, remedy, column=key))

    good = _top(raw, wrong)
    encoding = good.get("encoding", "utf-8")
    if encoding not in ENCODINGS:
        wrong("encoding", encoding, f"one of {', '.join(ENCODINGS)}")
        encoding = "utf-8"
    if "data_cut_off" not in raw:
        wrong(
            "data_cut_off",
            None,
            "a date such as 2024-02-29",
            "state the data cut-off; the last contact is used.",
        )
    rule, lookback = _baseline(good.get("baseline", {}), wrong)
    meta = StudyMeta(
        title=good.get("title", name),
        study_id=good.get("study_id", name),
        data_cut_off=good.get("data_cut_off"),
        reference_infusion=good.get("reference_infusion", 1),
        simulated=good.get("simulated", False),
        note=good.get("note", ""),
        baseline_rule=rule,
        baseline_lookback_days=lookback,
        visits=_visits(good.get("visits", []), wrong),
        complete_drug_classes=_classes(good.get("records", {}), wrong),
    )
    return meta, encoding, listed


def _top(raw: Mapping[str, Any], wrong: Any) -> dict[str, Any]:
    good: dict[str, Any] = {}
    for key, value in raw.items():
        if key not in TOP:
            wrong(key, value, f"one of {', '.join(TOP)}", "remove or rename the entry.")
        elif not isinstance(value, TOP[key]) or (TOP[key] is int and isinstance(value, bool)):
            wrong(key, value, WORDS[TOP[key]])
        elif isinstance(value, datetime):
            wrong(key, value, "a date without a time")
        elif key == "reference_infusion" and value not in range(1, 100):
            wrong(key, value, "a whole number from 1 to 99")
        else:
            good[key] = value
    return good


def _baseline(raw: Mapping[str, Any], wrong: Any) -> tuple[Any, int]:
    rule, lookback = raw.get("rule", BASELINE_RULES[0]), raw.get("lookback_days", 90)
    for key in raw:
        if key not in ("rule", "lookback_days"):
            wrong(f"baseline.{key}", raw[key], "rule or lookback_days")
    if rule not in BASELINE_RULES:
        wrong("baseline.rule", rule, f"one of {', '.join(BASELINE_RULES)}")
        rule = BASELINE_RULES[0]
    if not _is_days(lookback) or lookback < 0:
        wrong("baseline.lookback_days", lookback, f"a whole number of days, at most {MOST_DAYS}")
        lookback = 90
    return rule, lookback


def _is_days(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) <= MOST_DAYS


def _visits(raw: list[Any], wrong: Any) -> tuple[VisitWindow, ...]:
    windows: list[VisitWindow] = []
    for entry in raw:
        days = ("target_day", "before", "after")
        if (
            not isinstance(entry, dict)
            or set(entry) != {"name", *days}
            or not isinstance(entry["name"], str)
            or not all(_is_days(entry[key]) for key in days)
        ):
            wrong("visits", entry, f"name, target_day, before and after (days, at most {MOST_DAYS})")
        elif entry["before"] < 0 or entry["after"] < 0:
            wrong("visits", entry, "before and after of 0 or more days")
        elif entry["name"] == "baseline" or entry["name"] in [w.name for w in windows]:
            wrong("visits", entry, "a name of its own; baseline is set by the baseline rule")
        else:
            windows.append(VisitWindow(**entry))
    return tuple(windows)


def _classes(raw: Mapping[str, Any], wrong: Any) -> tuple[str, ...]:
    for key in raw:
        if key != "complete_drug_classes":
            wrong(f"records.{key}", raw[key], "complete_drug_classes")
    given = raw.get("complete_drug_classes", [])
    if not isinstance(given, list):
        wrong("records.complete_drug_classes", given, "a list of drug classes")
        return ()
    for name in given:
        if name not in drugs.all_classes():
            wrong("records.complete_drug_classes", name, f"one of {', '.join(drugs.all_classes())}")
    return tuple(sorted({n for n in given if n in drugs.all_classes()}))
