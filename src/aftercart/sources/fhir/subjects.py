"""Subjects of a FHIR source: patients, their diagnosis, consent and arm, and what is not read of a person."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import polars as pl

from aftercart.errors import SourceError
from aftercart.sources.mapping import SourceMapping
from aftercart.sources.pseudonyms import identifier_refused
from aftercart.standards.fhir.people import SEPARATOR
from aftercart.study import dates, instruments, problems, schema

if TYPE_CHECKING:
    from aftercart.sources.fhir.placing import Placing


@dataclass(frozen=True)
class Own:
    """The section `[fhir]` of a mapping file."""

    indication: str | None = None
    """The disease of every subject whose conditions name none."""
    subject_system: str | None = None
    """System of the identifier of a Patient that becomes the subject_id."""
    infusions: frozenset[str] = frozenset()
    instruments: Mapping[str, str] = field(default_factory=dict)
    items: Mapping[str, str] = field(default_factory=dict)


def own_section(mapping: SourceMapping) -> Own:
    """Check the section `[fhir]`; raises `SourceError` with a line for every entry that cannot be used."""
    raw = mapping.own
    indications = schema.tables()["subjects"]["indication"].allowed
    forms = raw.get("instruments", {})
    rules: dict[str, tuple[bool, str]] = {
        "indication": (raw.get("indication", "OTHER") in indications, f"one of {', '.join(indications)}"),
        "subject_system": (isinstance(raw.get("subject_system", ""), str), "the system of an identifier, as text"),
        "infusions": (_texts(raw.get("infusions", [])), "a list of codes or names"),
        "instruments": (
            isinstance(forms, Mapping) and all(v in instruments.instruments() for v in map(str, forms.values())),
            "a section of addresses and instruments of the dictionary",
        ),
        "items": (_texts(raw.get("items", {})), "a section of linkIds and items"),
    }
    wrong = [
        problems.one("mapping", mapping.file, f"{k} = {v!r}", rules[k][1], "correct the entry.", column="[fhir]")
        for k, v in raw.items()
        if k in rules and not rules[k][0]
    ]
    wrong += [
        problems.one("mapping", mapping.file, k, f"one of {', '.join(rules)}", "correct the entry.", column="[fhir]")
        for k in raw
        if k not in rules
    ]
    if wrong:
        raise SourceError(f"The mapping {mapping.file} has entries that cannot be used.", problems.gather(wrong))
    return Own(
        raw.get("indication"),
        raw.get("subject_system"),
        frozenset(raw.get("infusions", ())),
        dict(forms),
        dict(raw.get("items", {})),
    )


def _texts(value: object) -> bool:
    """Whether a value is a list or a section of texts."""
    inside = value.values() if isinstance(value, Mapping) else value
    return isinstance(inside, Iterable) and not isinstance(value, str) and all(isinstance(x, str) for x in inside)


SUBJECT = (
    "subject_id",
    "row_id",
    "indication",
    "diagnosis_date",
    "indication_subtype",
    "consent_date",
    "consent_scope",
    "cohort",
    "age_at_infusion",
    "last_contact_date",
    "death_date",
    "sex",
)
HIDDEN = ("_key", "_url", "_own", "_numbers", "_birth", "_gender", "_dead", "_refused")


def named(placing: Placing) -> None:
    """Put the subject in place of every reference to a Patient; one that leads nowhere is shown by type only."""
    people = placing.take("subjects", *SUBJECT, *HIDDEN)
    people = people.with_columns(subject_id=pl.coalesce("subject_id", "_key", "_url"))
    numbers = people.select(_ref=pl.col("_numbers").str.split(SEPARATOR), subject_id="subject_id").explode("_ref")
    parts = [people.select(_ref=pl.col(c), subject_id="subject_id") for c in ("_key", "_url")]
    index = pl.concat([*parts, numbers]).drop_nulls("_ref").unique("_ref", keep="first", maintain_order=True)
    placing.frames["subjects"] = people
    for name, frame in list(placing.frames.items()):
        if name == "subjects" or "subject_id" not in frame.columns:
            continue
        found = frame.select(_ref="subject_id").join(index, on="_ref", how="left", maintain_order="left")["subject_id"]
        text = pl.col("subject_id")
        # A logical reference holds a record number, which is not shown.
        unknown = pl.when(text.str.contains("|", literal=True)).then(pl.lit("an identifier")).otherwise(text)
        placing.frames[name] = frame.with_columns(subject_id=pl.coalesce(pl.lit(found), unknown))


def diagnosed(placing: Placing) -> None:
    """The diagnosis that is treated goes to the subject: the study's own, else by the order of diseases and the date.

    Every other diagnosis stays in the medical history.
    """
    found = placing.take("diagnoses", "subject_id", "indication", "diagnosis_date", "indication_subtype", "_first")
    people = placing.frames["subjects"]
    chosen = found.sort("_first", "diagnosis_date", "_row", nulls_last=True).unique(
        "subject_id", keep="first", maintain_order=True
    )
    parents = people.select("subject_id", _ptable="_table", _prow="_row").unique("subject_id", keep="first")
    chosen = chosen.join(parents, on="subject_id", how="semi", maintain_order="left")
    placing.use(chosen.join(parents, on="subject_id", how="left", maintain_order="left"))
    cells = ("indication", "indication_subtype", "diagnosis_date")
    placing.frames["subjects"] = _filled(people, chosen, cells)
    others = found.join(chosen.select("_table", "_row"), on=["_table", "_row"], how="anti", maintain_order="left")
    others = others.filter(pl.col("_first") != "0").drop(*cells, "_first")
    events = placing.take("events")
    placing.frames["events"] = pl.concat([events, others], how="diagonal")


def _filled(people: pl.DataFrame, rows: pl.DataFrame, columns: tuple[str, ...]) -> pl.DataFrame:
    """Subjects with the cells of other rows where their own are empty."""
    more = rows.select("subject_id", *(pl.col(c).alias(f"_from_{c}") for c in columns))
    joined = people.join(more, on="subject_id", how="left", maintain_order="left")
    filled = joined.with_columns(pl.coalesce(c, f"_from_{c}").alias(c) for c in columns)
    return filled.drop(f"_from_{c}" for c in columns)


def completed(placing: Placing, reference_infusion: int) -> None:
    """Fill the subjects from consents, arms, infusions and visits, and list what is refused or missing."""
    for frame, cells in (("consents", ("consent_date", "consent_scope")), ("arms", ("cohort",))):
        rows = placing.take(frame, "subject_id", *cells, "_status")
        if frame == "consents":
            valid = pl.col("_status").is_in(["active", "inactive"]).fill_null(value=False)
            placing.say(
                rows.filter(~valid),
                "status",
                pl.format("Consent with status {}", pl.col("_status").fill_null("none")),
                "a consent that was given",
                "nothing to do. It is not used.",
            )
            rows = rows.filter(valid)
        rows = rows.filter(pl.any_horizontal(pl.col(c).is_not_null() for c in cells)).sort(
            cells[0], "_row", nulls_last=True
        )
        people = placing.frames["subjects"]
        parents = people.select("subject_id", _ptable="_table", _prow="_row").unique("subject_id", keep="first")
        placing.use(rows.join(parents, on="subject_id", how="left", maintain_order="left"))
        first = rows.unique("subject_id", keep="first", maintain_order=True)
        placing.frames["subjects"] = _filled(people, first, cells)
    _stated(placing)
    people = _aged(placing.frames["subjects"], placing.frames["infusions"], reference_infusion)
    placing.frames["subjects"] = _last_seen(people, placing.frames["visits"])


def _stated(placing: Placing) -> None:
    """The disease of the mapping, and lines about what is refused, unknown or missing."""
    people = placing.frames["subjects"]
    if placing.own.indication is not None:
        people = people.with_columns(indication=pl.coalesce("indication", pl.lit(placing.own.indication)))
    placing.say(
        people.filter(pl.col("indication").is_null()),
        "no_diagnosis",
        pl.lit("no condition that names a disease treated"),
        "lupus, myositis or systemic sclerosis in Condition",
        'state it in the mapping: [fhir] indication = "SLE". OTHER is used.',
        column="indication",
    )
    known = pl.col("_gender").is_in(["female", "male", "other", "unknown"])
    placing.say(
        people.filter(~known.fill_null(value=False) & pl.col("_own").is_null()),
        "no_sex",
        pl.col("_gender"),
        "female, male, other or unknown in Patient.gender",
        "correct it at the source. U is used.",
        column="sex",
    )
    placing.say(
        people.filter(pl.col("_dead").is_not_null()),
        "death_without_date",
        pl.lit("deceasedBoolean true"),
        "a date of death",
        "add deceasedDateTime at the source: the death is not in the study.",
        severity="error",
        column="death_date",
    )
    refused = people["_refused"].drop_nulls().str.split(";").explode().value_counts().sort("_refused")
    placing.listed += [identifier_refused("Patient", name, count) for name, count in refused.iter_rows()]
    placing.frames["subjects"] = people.with_columns(pl.col("indication").fill_null("OTHER"))


def _aged(people: pl.DataFrame, infusions: pl.DataFrame, reference: int) -> pl.DataFrame:
    """Age in whole years at the reference infusion, from the whole date of birth (which is not kept)."""
    first = infusions.filter(pl.col("infusion_seq") == str(reference)).unique("subject_id", keep="first")
    joined = people.join(
        first.select("subject_id", _infused="start"), on="subject_id", how="left", maintain_order="left"
    )
    born = dates.exact(joined["_birth"])
    given = dates.exact(joined["_infused"].str.slice(0, 10))
    days = joined.with_columns(_born=born, _given=given)
    before = pl.col("_given").dt.strftime("%m%d") < pl.col("_born").dt.strftime("%m%d")
    age = pl.col("_given").dt.year() - pl.col("_born").dt.year() - before.cast(pl.Int32)
    filled = pl.when(pl.col("_own").is_null()).then(age.cast(pl.String))
    return days.with_columns(age_at_infusion=pl.coalesce("age_at_infusion", filled)).drop("_born", "_given", "_infused")


def _last_seen(people: pl.DataFrame, visits: pl.DataFrame) -> pl.DataFrame:
    """The last day of a visit that took place, as the last day a subject is known to have been alive."""
    absent = [c for c in ("start", "end", "occurred") if c not in visits.columns]
    visits = visits.with_columns(pl.lit(None, dtype=pl.String).alias(c) for c in absent)
    seen = visits.filter(pl.col("occurred") == "true").select("subject_id", _seen=pl.coalesce("end", "start"))
    last = seen.filter(pl.col("_seen").str.len_chars() == 10).group_by("subject_id").agg(pl.col("_seen").max())
    joined = people.join(last, on="subject_id", how="left", maintain_order="left")
    usable = pl.col("_own").is_null() & (pl.col("death_date").is_null() | (pl.col("_seen") <= pl.col("death_date")))
    filled = pl.when(usable).then("_seen")
    return joined.with_columns(last_contact_date=pl.coalesce("last_contact_date", filled)).drop("_seen")
