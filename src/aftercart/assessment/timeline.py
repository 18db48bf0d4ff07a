"""A study's facts on one time axis: days since the reference infusion, one row per fact, each with its source row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from aftercart.study import dates, drugs, schema
from aftercart.study.model import in_order

if TYPE_CHECKING:
    from aftercart.study.model import Study

FAR = 1_000_000
"""A day number beyond any follow-up: the open end of an exposure that is still going on."""

PER_DAY = {"QD": 1.0, "BID": 2.0, "TID": 3.0, "QID": 4.0, "QOD": 0.5, "ONCE": 1.0, "QM": 1 / 30, "QW": 1 / 7}
"""Doses per day for the frequencies whose daily dose is a matter of arithmetic; others need `daily_dose_mg`."""

MG_PER_UNIT = {"mg": 1.0, "g": 1000.0, "ug": 0.001}

REF = pl.UInt32
"""A source row within a timeline: its place in `Timeline.rows`. Within a subject, places sort as the names do."""


COLUMNS = {
    "observations": (
        *("subject_id", "row_id", "status", "code", "datetime", "value", "value_text", "comparator", "unit"),
        *("ref_low", "ref_high", "lloq", "not_done", "derived"),
    ),
    "assessments": (
        *("subject_id", "row_id", "status", "instrument", "item", "datetime", "value", "value_text"),
        *("not_done", "attributable"),
    ),
}
"""The columns of the two large tables that a timeline is made of; of the other tables any column may count."""


@dataclass(frozen=True)
class Timeline:
    """Everything a criterion can bind to, for one partition of subjects."""

    subjects: pl.DataFrame
    """`_s`, `infusion_seq`, `infusion_date`, `last_day`, `cut_off_day`, `retreatment_day` with its `retreatment_ref`,
    and the columns of the table `subjects`."""
    facts: pl.DataFrame
    """Observations (`obs:CODE`), answered items (`item:INSTRUMENT.item`), and those of another cause (`other:`).

    Sorted by code, subject, day, time and row.
    """
    exposures: pl.DataFrame
    """Medicines with `start_min/start_max/end_min/end_max` days, `classes` and `mg_per_day`."""
    events: pl.DataFrame
    """Events with `_s` and `day`."""
    visits: pl.DataFrame
    """One row per subject and visit window: `_v`, `_s`, `visit`, `target`, `lo`, `hi`."""
    contacts: pl.DataFrame
    """Days on which a subject was seen (`_s`, `day`): visits that took place, and days with an answered item."""
    complete_classes: frozenset[str]
    """Drug classes whose record is complete, so that no row means "not given"."""
    lost_medicines: frozenset[int]
    """Subjects (`_s`) of whom rows of medicines were refused: for them no row proves nothing."""
    lost_events: frozenset[int]
    """Subjects of whom rows of events were refused; all of them when the study records no event of any kind."""
    rows: pl.Series
    """The name of every source row (`observations:OBS-12`), which all `ref` columns point into."""
    memo: dict[Any, Any] = field(default_factory=dict, repr=False, compare=False)
    """Values by day and by visit that several criteria read, kept so that they are found once."""

    @cached_property
    def by_code(self) -> dict[str, pl.DataFrame]:
        """The facts of each code: stretches of `facts`, which are sorted by it."""
        stretches = self.facts.select(pl.col("code").rle()).unnest("code")
        starts = stretches["len"].cum_sum().shift(1, fill_value=0)
        return {
            str(code): self.facts.slice(start, length)
            for code, start, length in zip(stretches["value"], starts, stretches["len"], strict=True)
        }

    def fact(self, code: str) -> pl.DataFrame:
        """Return the facts of one code (an empty frame when there are none)."""
        return self.by_code.get(code, self.facts.clear())


def build(study: Study) -> Timeline:
    """Place the rows of a study in days since the reference infusion.

    Rows entered in error, not done, derived, or of a subject without that infusion are left out; a row whose date
    is only partly known has no day and cannot be placed on one.
    """
    tables, rows = _numbered(study)
    subjects = _subjects(study, tables)
    facts = _observations(tables, subjects)
    items = _items(tables, subjects)
    exposures = _exposures(tables, subjects)
    cut = pl.lit(study.meta.data_cut_off).cast(pl.Date)
    subjects = subjects.with_columns(
        last_day=_last_day(study, subjects),
        cut_off_day=(cut - pl.col("infusion_date")).dt.total_days().cast(pl.Int64),
    )
    contacts = _contacts(tables, subjects, items)
    return Timeline(
        subjects=subjects,
        facts=_sorted(pl.concat([facts, items])),
        exposures=exposures,
        events=_events(tables, subjects),
        visits=_visits(study, subjects, exposures, contacts),
        contacts=contacts,
        complete_classes=frozenset(study.meta.complete_drug_classes),
        lost_medicines=_lost(study, subjects, "exposures"),
        lost_events=_lost(study, subjects, "events")
        if "events" in study.tables_with_rows
        else frozenset(subjects["_s"].to_list()),
        rows=rows,
    )


def _numbered(study: Study) -> tuple[dict[str, pl.DataFrame], pl.Series]:
    """The tables in order, each row with its `ref`, and the names that the refs stand for."""
    tables: dict[str, pl.DataFrame] = {}
    names = [pl.Series("row", [], dtype=pl.String)]
    start = 0
    for name in sorted(schema.tables()):
        table = in_order(study.tables[name])
        tables[name] = table.with_columns(ref=pl.int_range(start, start + table.height, dtype=REF))
        names.append(table.select(row=pl.concat_str(pl.lit(f"{name}:"), "row_id")).to_series())
        start += table.height
    return tables, pl.concat(names, rechunk=True)


def _sorted(facts: pl.DataFrame) -> pl.DataFrame:
    """Facts by code, subject, day, time and row: within a day the last value stands last.

    Code, subject and day are packed into one number, which sorts fastest; time and row are looked at only for the facts
    that share it.
    """
    facts = facts.with_columns(pl.col("code").cast(pl.Enum(facts["code"].unique().sort())))
    day = pl.col("day").clip(-FAR, FAR).fill_null(FAR + 1) + FAR
    packed = (pl.col("code").to_physical().cast(pl.Int64) * 2**26 + pl.col("_s")) * 2**22 + day
    place = facts.select(_place=packed).to_series()
    order = np.argsort(place.to_numpy(), kind="stable")
    sorted_places = place.to_numpy()[order]
    again = np.append(sorted_places[1:] == sorted_places[:-1], False)
    shared = np.flatnonzero(again | np.roll(again, 1))
    among = facts.select("time", "ref", _place=place, _row=pl.int_range(pl.len()))[order[shared]]
    order[shared] = among.sort("_place", "time", "ref", nulls_last=True)["_row"].to_numpy()
    return facts[order]


def _lost(study: Study, subjects: pl.DataFrame, table: str) -> frozenset[int]:
    """Subjects with a refused row of a table; all of them when it is not known whose rows were lost."""
    refused = study.problems.filter((pl.col("severity") == "error") & pl.col("file").str.starts_with(table))
    counts = study.row_counts.get(table, {})
    if refused.is_empty() or (counts.get("read", 0) > 0 and counts.get("listed", 0) == 0):
        return frozenset()
    named = subjects.filter(pl.col("subject_id").is_in(refused["subject_id"].drop_nulls().implode()))
    known = refused["subject_id"].is_in(subjects["subject_id"].implode()).fill_null(value=False).all()
    return frozenset((named if known else subjects)["_s"].to_list())


def _valid(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.filter(pl.col("status").is_null() | (pl.col("status") != "entered_in_error"))


def _subjects(study: Study, tables: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    infusions = (
        _valid(tables["infusions"])
        .filter(pl.col("infusion_seq") == study.meta.reference_infusion)
        .select("subject_id", "infusion_seq", infusion_date=dates.earliest("start"), exact=dates.latest("start"))
        .filter((pl.col("infusion_date") == pl.col("exact")) & pl.col("infusion_date").is_not_null())
        .drop("exact")
        .unique("subject_id", keep="first", maintain_order=True)
    )
    return (
        _valid(tables["subjects"])
        .unique("subject_id", keep="first", maintain_order=True)
        .join(infusions, on="subject_id", how="inner", maintain_order="left")
        .join(_retreatments(tables, infusions), on="subject_id", how="left", maintain_order="left")
        .sort("subject_id")
        .with_row_index("_s")
        .with_columns(pl.col("_s").cast(pl.Int64))
    )


def _retreatments(tables: Mapping[str, pl.DataFrame], infusions: pl.DataFrame) -> pl.DataFrame:
    """The first retreatment after the reference infusion: its day and row (a split dose is no retreatment)."""
    start = dates.earliest("start")
    return (
        _valid(tables["infusions"])
        .filter(pl.col("retreatment").fill_null(value=False))
        .join(infusions.select("subject_id", "infusion_date"), on="subject_id", how="inner", maintain_order="left")
        .select(
            "subject_id",
            retreatment_day=(start - pl.col("infusion_date")).dt.total_days().cast(pl.Int64),
            retreatment_ref="ref",
        )
        .filter(pl.col("retreatment_day") > 0)
        .sort("subject_id", "retreatment_day", "retreatment_ref")
        .unique("subject_id", keep="first", maintain_order=True)
    )


def _placed(frame: pl.DataFrame, subjects: pl.DataFrame) -> pl.DataFrame:
    keys = subjects.select("_s", "subject_id", "infusion_date")
    return _valid(frame).join(keys, on="subject_id", how="inner", maintain_order="left")


def _day_of(rows: pl.DataFrame, column: str) -> pl.Series:
    """The day of each row (see `_placed`); null where the text is no whole date."""
    exact = dates.exact(rows[column])
    return rows.select((exact - pl.col("infusion_date")).dt.total_days().cast(pl.Int64)).to_series()


def _observations(tables: Mapping[str, pl.DataFrame], subjects: pl.DataFrame) -> pl.DataFrame:
    rows = _placed(tables["observations"], subjects).filter(
        ~pl.col("not_done").fill_null(value=False) & ~pl.col("derived").fill_null(value=False)
    )
    return rows.select(
        "_s",
        day=_day_of(rows, "datetime"),
        time=pl.col("datetime"),
        code=pl.concat_str(pl.lit("obs:"), pl.col("code")),
        value=pl.col("value"),
        text=pl.col("value_text"),
        comparator=pl.when(pl.col("comparator") != "=").then(pl.col("comparator")),
        unit=pl.col("unit"),
        ref_low=pl.col("ref_low"),
        ref_high=pl.col("ref_high"),
        lloq=pl.col("lloq"),
        ref=pl.col("ref"),
    )


def _items(tables: Mapping[str, pl.DataFrame], subjects: pl.DataFrame) -> pl.DataFrame:
    """Answered items; a finding attributed to something other than the disease does not count (H6)."""
    rows = _placed(tables["assessments"], subjects).filter(~pl.col("not_done").fill_null(value=False))
    value = (
        pl.when((pl.col("attributable") == "other") & (pl.col("value") > 0))
        .then(0.0)
        .when((pl.col("attributable") == "unknown") & (pl.col("value") > 0))
        .then(None)
        .otherwise(pl.col("value"))
    )
    elsewhere = rows.filter((pl.col("attributable") == "other") & (pl.col("value") > 0))
    return pl.concat([_as_facts(rows, "item", value), _as_facts(elsewhere, "other", pl.col("value"))])


def _as_facts(rows: pl.DataFrame, kind: str, value: pl.Expr) -> pl.DataFrame:
    nothing = pl.lit(None, dtype=pl.Float64)
    return rows.select(
        "_s",
        day=_day_of(rows, "datetime"),
        time=pl.col("datetime"),
        code=pl.concat_str(pl.lit(f"{kind}:"), pl.col("instrument"), pl.lit("."), pl.col("item")),
        value=value,
        text=pl.col("value_text"),
        comparator=pl.lit(None, dtype=pl.String),
        unit=pl.lit(None, dtype=pl.String),
        ref_low=nothing,
        ref_high=nothing,
        lloq=nothing,
        ref=pl.col("ref"),
    )


def _exposures(tables: Mapping[str, pl.DataFrame], subjects: pl.DataFrame) -> pl.DataFrame:
    rows = _placed(tables["exposures"], subjects)

    def days(bound: pl.Expr) -> pl.Expr:
        return (bound - pl.col("infusion_date")).dt.total_days().cast(pl.Int64)

    ongoing = pl.col("ongoing").fill_null(value=False)
    name = drugs.ingredient_expr(pl.col("drug"))
    dose_mg = pl.col("dose") * pl.col("dose_unit").replace_strict(MG_PER_UNIT, default=None, return_dtype=pl.Float64)
    daily = dose_mg * pl.col("frequency").replace_strict(PER_DAY, default=None, return_dtype=pl.Float64)
    once = (pl.col("frequency") == "ONCE").fill_null(value=False)
    start_min, start_max = days(dates.earliest("start")), days(dates.latest("start"))
    end_min = pl.when(pl.col("end").is_not_null()).then(days(dates.earliest("end")))
    end_max = pl.when(pl.col("end").is_not_null()).then(days(dates.latest("end")))
    return rows.select(
        "_s",
        "ref",
        "purpose",
        "route",
        "outcome",
        "dose",
        "dose_unit",
        "indication_row",
        drug=name,
        classes=drugs.classes_expr(name),
        mg_per_day=pl.coalesce(pl.col("daily_dose_mg"), daily),
        start_min=start_min.fill_null(-FAR),
        start_max=start_max.fill_null(FAR),
        # An end that was never recorded is unknown, not open: only `ongoing` says that the medicine continues.
        end_min=pl.when(ongoing).then(FAR).when(once & end_min.is_null()).then(start_min).otherwise(end_min),
        end_max=pl.when(ongoing).then(FAR).when(once & end_max.is_null()).then(start_max).otherwise(end_max),
    ).with_columns(
        end_min=pl.col("end_min").fill_null(pl.col("start_min")),
        end_max=pl.col("end_max").fill_null(FAR),
    )


def _events(tables: Mapping[str, pl.DataFrame], subjects: pl.DataFrame) -> pl.DataFrame:
    rows = _placed(tables["events"], subjects)
    return rows.with_columns(
        day=_day_of(rows, "start"),
        end_day=(dates.latest("end") - pl.col("infusion_date")).dt.total_days().cast(pl.Int64),
    )


def _last_day(study: Study, subjects: pl.DataFrame) -> pl.Series:
    """Last day known under observation: death, else last contact, else the data cut-off."""
    death = dates.latest("death_date")
    contact = dates.latest("last_contact_date")
    cut = pl.lit(study.meta.data_cut_off).cast(pl.Date)
    last = pl.coalesce(pl.min_horizontal(death, cut), pl.min_horizontal(contact, cut), cut)
    return subjects.select((last - pl.col("infusion_date")).dt.total_days().cast(pl.Int64)).to_series()


def _contacts(tables: Mapping[str, pl.DataFrame], subjects: pl.DataFrame, items: pl.DataFrame) -> pl.DataFrame:
    visited = _placed(tables["visits"], subjects).filter(pl.col("occurred").fill_null(value=True))
    days = pl.concat([items.select("_s", "day"), visited.select("_s", day=_day_of(visited, "start"))])
    return days.filter(pl.col("day").is_not_null()).unique().sort("_s", "day")


def _visits(study: Study, subjects: pl.DataFrame, exposures: pl.DataFrame, contacts: pl.DataFrame) -> pl.DataFrame:
    """Windows of every subject; the day of a visit is the recorded contact nearest its target."""
    planned = pl.DataFrame(
        [
            {
                "visit": v.name,
                "target": v.target_day,
                "lo": v.target_day - v.before,
                "hi": v.target_day + v.after,
                "_order": i + 1,
            }
            for i, v in enumerate(study.meta.visits)
        ],
        schema={"visit": pl.String, "target": pl.Int64, "lo": pl.Int64, "hi": pl.Int64, "_order": pl.Int64},
    )
    windows = subjects.select("_s").join(planned, how="cross")
    windows = pl.concat([_baseline_windows(study, subjects, exposures), windows])
    nearest = (
        windows.filter(pl.col("visit") != "baseline")
        .join(contacts, on="_s", how="inner")
        .filter(pl.col("day").is_between(pl.col("lo"), pl.col("hi")))
        .with_columns(
            _far=(pl.col("day") - pl.col("target")).abs() * 2 + (pl.col("day") > pl.col("target")).cast(pl.Int64)
        )
        .sort("_s", "visit", "_far")
        .group_by("_s", "visit", maintain_order=True)
        .first()
        .select("_s", "visit", contact="day")
    )
    return (
        windows.join(nearest, on=["_s", "visit"], how="left")
        .with_columns(target=pl.coalesce("contact", "target"))
        .drop("contact")
        .sort("_s", "_order")
        .with_row_index("_v")
    )


def _baseline_windows(study: Study, subjects: pl.DataFrame, exposures: pl.DataFrame) -> pl.DataFrame:
    """The window in which the last value is the baseline, by the study's own rule."""
    start = exposures.filter((pl.col("purpose") == "lymphodepletion") & (pl.col("start_max") <= 0))
    first = start.group_by("_s").agg(start=pl.col("start_min").min())
    last_before = subjects.select("_s").join(first, on="_s", how="left", maintain_order="left")
    boundary = pl.col("start").fill_null(0) if study.meta.baseline_rule == "last_before_lymphodepletion" else pl.lit(0)
    return last_before.select(
        "_s",
        visit=pl.lit("baseline"),
        target=boundary.cast(pl.Int64),
        lo=(boundary - study.meta.baseline_lookback_days).cast(pl.Int64),
        hi=boundary.cast(pl.Int64),
        _order=pl.lit(0, dtype=pl.Int64),
    )
