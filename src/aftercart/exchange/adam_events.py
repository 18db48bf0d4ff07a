"""ADAE: recorded adverse events, the derived grade beside the reported one, and episodes that only the data show."""

from __future__ import annotations

import polars as pl

from aftercart.analysis.cohort import Cohort
from aftercart.exchange.adam_columns import as_number, dataset, flag, identity, relative_day
from aftercart.standards import sdtm
from aftercart.standards.dataset import Dataset
from aftercart.study.model import Study

DERIVED = {"CRS": "crs_astct_2019", "ICANS": "icans_astct_2019_adult"}
"""Events of special interest whose grade is derived from findings, and the criterion."""


def adae(study: Study, cohort: Cohort, sequence: pl.DataFrame) -> Dataset:
    """One record per recorded event, and one per derived episode of CRS or ICANS that no recorded event covers."""
    recorded = _recorded(study, cohort, sequence)
    episodes = _episodes(cohort)
    graded = _with_grade(recorded, episodes)
    rows = pl.concat([graded, _unrecorded(recorded, episodes)], how="diagonal_relaxed").sort(
        "subject_id", "_start", "_term", nulls_last=True
    )
    rows = rows.join(
        cohort.timeline.subjects.select("subject_id", "infusion_date"),
        on="subject_id",
        how="left",
        maintain_order="left",
    )
    day = pl.col("infusion_date").dt.offset_by(pl.format("{}d", "_start"))
    end = pl.col("infusion_date").dt.offset_by(pl.format("{}d", "_end"))
    out = rows.select(
        *identity(study),
        AESEQ=pl.int_range(1, pl.len() + 1).over("subject_id").cast(pl.Float64),
        AETERM=pl.coalesce("term_text", "term", "_term"),
        AEDECOD="term",
        AECAT=pl.col("category").str.to_uppercase(),
        AESI="aesi",
        ASTDT=as_number(pl.when(pl.col("_start").is_not_null()).then(day)),
        ASTDY=relative_day(pl.col("_start")),
        AENDT=as_number(pl.when(pl.col("_end").is_not_null()).then(end)),
        AENDY=relative_day(pl.col("_end")),
        ADURN=(pl.col("_end") - pl.col("_start") + 1).cast(pl.Float64),
        ADURU=pl.when((pl.col("_end") - pl.col("_start")).is_not_null()).then(pl.lit("DAYS")),
        TRTEMFL=flag(pl.col("_start") >= 0),
        AETOXGR=pl.col("grade").cast(pl.String),
        GRSCALE="grade_scale",
        DERGR=pl.col("_grade").cast(pl.Float64),
        CRITVER="_version",
        AESER=pl.when(pl.col("serious")).then(pl.lit("Y")).when(~pl.col("serious")).then(pl.lit("N")),
        AEREL=pl.col("related").str.to_uppercase(),
        AEOUT="outcome",
        DTYPE=pl.when(pl.col("row_id").is_null()).then(pl.lit("DERIVED")),
        SRCDOM=pl.coalesce("SRCDOM", pl.when(pl.col("row_id").is_null()).then("_criterion")),
        SRCVAR=pl.when(pl.col("SRCDOM").is_not_null()).then(pl.format("{}TERM", "SRCDOM")),
        SRCSEQ="SRCSEQ",
    )
    methods = {
        "DERGR": "Worst grade by the criterion in CRITVER from the findings in the days of the event or episode.",
        "TRTEMFL": "Y where the event began on or after the day of the reference infusion.",
        "DTYPE": "DERIVED: an episode that the findings show and that nobody recorded as an event.",
    }
    structure = "One record per recorded event or derived episode per subject"
    return dataset(
        "ADAE", "Adverse Events Analysis Dataset", structure, out, keys=("STUDYID", "USUBJID", "AESEQ"), methods=methods
    )


def _recorded(study: Study, cohort: Cohort, sequence: pl.DataFrame) -> pl.DataFrame:
    categories = sdtm.domains()["AE"].categories
    placed = cohort.timeline.events.select("row_id", _start="day", _end="end_day")
    rows = study.events.filter(
        pl.col("category").is_in(categories) & (pl.col("status").fill_null("final") != "entered_in_error")
    )
    return (
        rows.join(placed, on="row_id", how="left", maintain_order="left")
        .join(sequence, on="row_id", how="left", maintain_order="left")
        .with_columns(_term=pl.coalesce("term_text", "term", "category"))
    )


def _episodes(cohort: Cohort) -> pl.DataFrame:
    """Episodes of CRS and ICANS as the findings show them: `subject_id, aesi, _start, _end, _grade, _version`."""
    rows = cohort.rows("grade_episodes").filter(pl.col("variant").is_in(list(DERIVED)))
    kind = pl.List(
        pl.Struct({"onset_day": pl.Int64, "end_day": pl.Int64, "max_grade": pl.Int64, "end_censored": pl.Boolean})
    )
    listed = pl.col("components").str.json_decode(pl.Struct({"episodes": kind})).struct.field("episodes")
    found = rows.select("subject_id", "criterion_version", aesi="variant", _episode=listed).explode("_episode")
    found = found.filter(pl.col("_episode").is_not_null()).unnest("_episode")
    return found.select(
        "subject_id",
        "aesi",
        _start="onset_day",
        _end=pl.when(~pl.col("end_censored").fill_null(value=False)).then("end_day"),
        _grade="max_grade",
        _version="criterion_version",
        _criterion=pl.col("aesi").replace_strict(DERIVED),
    )


def _with_grade(recorded: pl.DataFrame, episodes: pl.DataFrame) -> pl.DataFrame:
    """Recorded events with the worst derived grade of an episode in their days."""
    spans = episodes.select("subject_id", "aesi", _from="_start", _to="_end", _grade="_grade", _version="_version")
    met = recorded.select("row_id", "subject_id", "aesi", "_start", "_end").join(spans, on=["subject_id", "aesi"])
    met = met.filter(
        (pl.col("_from") <= pl.col("_end").fill_null(pl.col("_start")))
        & (pl.col("_to").fill_null(10**6) >= pl.col("_start"))
    )
    best = met.sort("_grade", descending=True).unique("row_id", keep="first", maintain_order=True)
    return recorded.join(
        best.select("row_id", "_grade", "_version"), on="row_id", how="left", maintain_order="left"
    ).with_columns(_criterion=pl.lit(None, dtype=pl.String))


def _unrecorded(recorded: pl.DataFrame, episodes: pl.DataFrame) -> pl.DataFrame:
    """Episodes that overlap no recorded event of their kind."""
    spans = recorded.select("subject_id", "aesi", _from="_start", _to="_end").filter(pl.col("_from").is_not_null())
    numbered = episodes.with_row_index("_n")
    met = numbered.join(spans, on=["subject_id", "aesi"]).filter(
        (pl.col("_from") <= pl.col("_end").fill_null(10**6)) & (pl.col("_to").fill_null(10**6) >= pl.col("_start"))
    )
    left = numbered.join(met.select("_n").unique(), on="_n", how="anti").drop("_n")
    words = {"CRS": "Cytokine release syndrome", "ICANS": "ICANS"}
    return left.with_columns(
        _term=pl.col("aesi").replace_strict(words, return_dtype=pl.String), category=pl.lit("aesi")
    )
