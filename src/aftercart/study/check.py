"""Rules between tables: what no single cell can show to be wrong."""

from __future__ import annotations

import polars as pl

from aftercart.study import problems, schema
from aftercart.study.dates import earliest, latest
from aftercart.study.model import Study

FACTORS = (10.0, 88.42, 17.104, 1000.0, 113.1)
"""Ratios between units in common use (mass and molar, litre and decilitre) that a wrong unit leaves behind."""


def check(study: Study) -> pl.DataFrame:
    """List every problem of a study: those found when reading, and those between rows and tables.

    Returns one row per problem (columns: `aftercart.study.problems.SCHEMA`), empty when there are none.
    """
    rules = (_infusions, _consent, _order_of_dates, _deaths, _events, _hospital_stays, _cut_off, _suspicious_units)
    if "problems" not in study.kept:
        study.kept["problems"] = problems.gather([study.problems, *(rule(study) for rule in rules)])
    return study.kept["problems"]


def _valid(study: Study, table: str) -> pl.DataFrame:
    status = pl.col("status")
    return study.tables[table].filter(status.is_null() | (status != "entered_in_error"))


def _infusions(study: Study) -> pl.DataFrame:
    infusions = _valid(study, "infusions")
    doubled = infusions.filter(pl.struct("subject_id", "infusion_seq").is_duplicated())
    reference = infusions.filter(pl.col("infusion_seq") == study.meta.reference_infusion)
    without = _valid(study, "subjects").join(reference, on="subject_id", how="anti")
    partial = reference.filter(earliest("start") != latest("start"))
    return pl.concat(
        [
            problems.of_rows(
                doubled,
                rule="duplicate_infusion",
                file="infusions",
                column="infusion_seq",
                found=pl.col("infusion_seq"),
                expected="each infusion_seq once per subject",
                remedy="number the infusions of a subject 1, 2, ...",
            ),
            problems.of_rows(
                without,
                rule="no_infusion",
                file="subjects",
                severity="warning",
                found=pl.lit("no reference infusion"),
                expected=f"an infusion with infusion_seq {study.meta.reference_infusion}",
                remedy="add the infusion; until then nothing of this patient can be placed in time or graded.",
            ),
            problems.of_rows(
                partial,
                rule="partial_infusion_date",
                file="infusions",
                column="start",
                found=pl.col("start"),
                expected="a complete date",
                remedy="complete the date: day 0 must be one day.",
            ),
        ]
    )


def _consent(study: Study) -> pl.DataFrame:
    joined = _valid(study, "infusions").join(
        _valid(study, "subjects").select("subject_id", "consent_date"), on="subject_id", how="inner"
    )
    late = joined.filter(earliest("consent_date") > latest("start"))
    return problems.of_rows(
        late,
        rule="consent_after_infusion",
        file="infusions",
        column="start",
        found=pl.col("start"),
        expected=pl.format("a day on or after consent ({})", "consent_date"),
        remedy="check both dates.",
    )


def _order_of_dates(study: Study) -> pl.DataFrame:
    """An end before its start, whatever the unknown parts of partial dates may be."""
    listed = []
    for name, table in schema.tables().items():
        if "end" in table.names:
            wrong = _valid(study, name).filter(latest("end") < earliest("start"))
            listed.append(
                problems.of_rows(
                    wrong,
                    rule="end_before_start",
                    file=name,
                    column="end",
                    found=pl.col("end"),
                    expected=pl.format("a date on or after the start ({})", "start"),
                    remedy="check both dates.",
                )
            )
    return pl.concat(listed)


DATED = {
    "infusions": "start",
    "observations": "datetime",
    "assessments": "datetime",
    "exposures": "start",
    "visits": "start",
}


def _deaths(study: Study) -> pl.DataFrame:
    deaths = _valid(study, "events").filter(pl.col("category") == "death")
    died = _valid(study, "subjects").filter(pl.col("death_date").is_not_null())
    dead = died.select("subject_id", "death_date")
    listed = [
        problems.of_rows(
            deaths.filter(pl.col("subject_id").is_duplicated()),
            rule="two_deaths",
            file="events",
            column="category",
            found=pl.lit("more than one death"),
            expected="at most one death per subject",
            remedy="remove all but one.",
        ),
        problems.of_rows(
            deaths.join(dead, on="subject_id", how="anti"),
            rule="death_date",
            file="events",
            column="category",
            found=pl.lit("a death event"),
            expected="death_date in subjects",
            remedy="fill in death_date, or correct the event.",
        ),
        problems.of_rows(
            died.join(deaths, on="subject_id", how="anti"),
            rule="death_event",
            file="subjects",
            column="death_date",
            found=pl.col("death_date"),
            expected="an event of category death",
            remedy="add the death event with its cause.",
            severity="warning",
        ),
    ]
    for name, column in DATED.items():
        later = (
            _valid(study, name).join(dead, on="subject_id", how="inner").filter(earliest(column) > latest("death_date"))
        )
        listed.append(
            problems.of_rows(
                later,
                rule="after_death",
                file=name,
                column=column,
                found=pl.col(column),
                expected=pl.format("a date up to the death ({})", "death_date"),
                remedy="check both dates.",
            )
        )
    return pl.concat(listed)


def _events(study: Study) -> pl.DataFrame:
    events = _valid(study, "events")
    infusions = _valid(study, "infusions").select("subject_id", suspect_row="row_id", infused="start")
    syndromes = events.filter(pl.col("aesi").is_in(["CRS", "ICANS"])).join(
        infusions, on=["subject_id", "suspect_row"], how="left"
    )
    fatal, grade5 = pl.col("outcome") == "FATAL", pl.col("grade") == 5
    unlike = (fatal.fill_null(value=False) != grade5.fill_null(value=False)) & (pl.col("category") != "death")
    return pl.concat(
        [
            problems.of_rows(
                syndromes.filter(pl.col("infused").is_null()),
                rule="suspect_infusion",
                file="events",
                column="suspect_row",
                found=pl.col("suspect_row"),
                expected="the row_id of an infusion of the same subject",
                remedy="name the infusion that CRS or ICANS followed.",
            ),
            problems.of_rows(
                syndromes.filter(latest("start") < earliest("infused")),
                rule="before_infusion",
                file="events",
                column="start",
                found=pl.col("start"),
                expected=pl.format("on or after the infusion ({})", "infused"),
                remedy="check both dates: CRS and ICANS begin after the infusion.",
            ),
            problems.of_rows(
                events.filter(unlike),
                rule="fatal",
                file="events",
                column="outcome",
                found=pl.format(
                    "grade {} with outcome {}",
                    pl.col("grade").cast(pl.String).fill_null("not given"),
                    pl.col("outcome").fill_null("not given"),
                ),
                expected="grade 5 and outcome FATAL together or neither",
                remedy="correct grade or outcome.",
            ),
            problems.of_rows(
                events.filter(pl.col("grade").is_not_null() & pl.col("grade_scale").is_null()),
                rule="grade_scale",
                file="events",
                column="grade_scale",
                severity="warning",
                found=pl.format("grade {}", "grade"),
                expected="the scale of the grade",
                remedy="state grade_scale: the same number means different things on different scales.",
            ),
        ]
    )


def _hospital_stays(study: Study) -> pl.DataFrame:
    """An event serious by hospital stay has a hospital stay that overlaps it."""
    events = _valid(study, "events")
    stays = events.filter(pl.col("category") == "hospitalisation").select(
        "subject_id", _in=earliest("start"), _out=latest("end")
    )
    serious = events.filter(
        pl.col("serious_hospitalisation").fill_null(value=False) & (pl.col("category") != "hospitalisation")
    )
    covered = serious.join(stays, on="subject_id", how="inner").filter(
        (latest("start") >= pl.col("_in") - pl.duration(days=1))
        & (pl.col("_out").is_null() | (earliest("start") <= pl.col("_out")))
        | (earliest("start") <= pl.col("_in")) & (latest("end").is_null() | (latest("end") >= pl.col("_in")))
    )
    return problems.of_rows(
        serious.join(covered, on="row_id", how="anti"),
        rule="hospital_stay",
        file="events",
        column="serious_hospitalisation",
        found=pl.lit("serious by hospital stay"),
        expected="an event of category hospitalisation that overlaps it",
        remedy="add the hospital stay, or correct the seriousness.",
    )


def _cut_off(study: Study) -> pl.DataFrame:
    cut = study.meta.data_cut_off
    if cut is None:
        return problems.none()
    listed = []
    for name, column in {**DATED, "events": "start"}.items():
        later = _valid(study, name).filter(earliest(column) > pl.lit(cut))
        listed.append(
            problems.of_rows(
                later,
                rule="after_cut_off",
                file=name,
                column=column,
                severity="warning",
                found=pl.col(column),
                expected=f"a date up to the data cut-off ({cut})",
                remedy="check the date, or move the cut-off in study.toml.",
            )
        )
    return pl.concat(listed)


def _suspicious_units(study: Study) -> pl.DataFrame:
    """A subject whose median differs from the others' by the factor between two units in common use."""
    values = _valid(study, "observations").filter((pl.col("value") > 0) & (pl.col("comparator") == "="))
    medians = values.group_by("code", "subject_id").agg(
        median=pl.col("value").median(), n=pl.len(), row_id=pl.col("row_id").min()
    )
    steady = medians.filter((pl.col("n") >= 3) & (pl.len().over("code") >= 4))
    compared = steady.with_columns(
        ratio=pl.col("median") / pl.col("median").median().over("code"),
        spread=(pl.col("median").log() - pl.col("median").log().median().over("code")).abs().median().over("code"),
    )
    near = pl.any_horizontal(
        ((pl.col("ratio") / f).log().abs() < 0.1) | ((pl.col("ratio") * f).log().abs() < 0.1) for f in FACTORS
    )
    odd = compared.filter(near & (pl.col("spread") < 0.35)).sort("code", "subject_id")
    return problems.of_rows(
        odd,
        rule="suspicious_unit",
        file="observations",
        column="unit",
        severity="warning",
        found=pl.format(
            "{}: median {} is {} times that of the cohort", "code", pl.col("median").round(3), pl.col("ratio").round(2)
        ),
        expected="values of the same order as in other subjects",
        remedy="check the unit of this subject's results.",
    )
