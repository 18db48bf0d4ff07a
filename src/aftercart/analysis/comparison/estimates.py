"""Which estimates moved, and the patients whose answers, results or follow-up moved them."""

from __future__ import annotations

from typing import Any

import polars as pl

from aftercart.analysis import adverse, efficacy, safety
from aftercart.analysis.behind import every_outcome
from aftercart.analysis.cohort import Cohort
from aftercart.analysis.courses import RESPONSE
from aftercart.analysis.records import ALL

NUMBERS = ("numerator", "denominator", "estimate", "ci_low", "ci_high")

KEYS = ("id", "stratum", "time")

ESTIMATES: dict[str, Any] = {
    "id": pl.String,
    "label": pl.String,
    "stratum": pl.String,
    "time": pl.String,
    "unit": pl.String,
    "change": pl.String,
    **{f"{n}_{side}": pl.Float64 for n in NUMBERS for side in ("old", "new")},
}
"""Estimates that moved, appeared or disappeared, with both counts, values and limits."""

MOVERS: dict[str, Any] = {
    "id": pl.String,
    "stratum": pl.String,
    "time": pl.String,
    "subject_id": pl.String,
    "old": pl.String,
    "new": pl.String,
    "moves": pl.List(pl.Int64),
    "rows": pl.List(pl.String),
}
"""The patients behind each estimate that moved: the answer before and after (`met`, `not met`, `not evaluable`, null
where the patient was not asked or the estimate is no share of answers), the assessments of theirs that moved and decide
it, and their changed rows where it is counted from rows."""

SUFFIXES = ("_nri", "_partially_pooled")

EVENTS_OF = ("infection", "serious_event", "malignancy", "death", "survival")
EXPOSURES_OF = (*(f"{name}_given" for name, *_ in adverse.GIVEN), "immunoglobulin_given")

CRITERIA_OF: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("crs_", (safety.CRS,)),
    ("icans_", (safety.ICANS, safety.ICANS_CHILD)),
    ("kinetics_", ("car_t_kinetics",)),
    ("before_b_cell_aplasia", (safety.B_CELLS,)),
    ("b_cell_", (safety.B_CELLS,)),
    ("before_remission", ("remission_course", "doris_2021")),
    ("in_remission", ("remission_course", "doris_2021")),
    ("relapse_incidence", ("remission_course", "doris_2021")),
    ("before_response", tuple(sorted({q.criterion for q in efficacy.QUESTIONS if q.id in RESPONSE.values()}))),
    ("drug_free", ("drug_free_status",)),
)
"""Criteria behind estimates that are no shares of answers, by how their identifier begins."""


def moved(a: pl.DataFrame, b: pl.DataFrame) -> pl.DataFrame:
    """Estimates that differ between two tables of them, in the order of the later one (columns: `ESTIMATES`)."""
    both = a.join(b.with_row_index("_place"), on=list(KEYS), how="full", coalesce=True, nulls_equal=True, suffix="_b")
    here, there = pl.col("label").is_not_null(), pl.col("label_b").is_not_null()
    differs = pl.any_horizontal(pl.col(n).ne_missing(pl.col(f"{n}_b")) for n in NUMBERS)
    found = both.filter(~here | ~there | differs).select(
        "_place",
        *KEYS,
        label=pl.coalesce("label_b", "label"),
        unit=pl.coalesce("unit_b", "unit"),
        change=pl.when(~here)
        .then(pl.lit("appeared"))
        .when(~there)
        .then(pl.lit("disappeared"))
        .otherwise(pl.lit("moved")),
        **{f"{n}_old": pl.col(n) for n in NUMBERS},
        **{f"{n}_new": pl.col(f"{n}_b") for n in NUMBERS},
    )
    found = found.sort("_place", "id", "stratum", "time", nulls_last=True)
    return found.select(pl.col(name).cast(kind) for name, kind in ESTIMATES.items())


def movers(
    a: Cohort | None, b: Cohort | None, estimates: pl.DataFrame, moves: pl.DataFrame, rows: pl.DataFrame
) -> pl.DataFrame:
    """The patients behind each estimate that moved (columns: `MOVERS`).

    moves: as from `moves.between`. rows: changed rows that count; none where they are not known. Without the cohort of
    a side the answers before or after are not known, and the patients are those whose deciding assessments moved.
    """
    if estimates.is_empty():
        return pl.DataFrame(schema=MOVERS)
    asked = _asked(estimates)
    answers = _answers(a, b, moves) if a is not None and b is not None else _by_criterion(a or b, moves)
    direct = asked.join(answers, on="question", how="inner")
    others = asked.join(answers.select("question"), on="question", how="anti")
    indirect = _indirect(a, b, others, moves, rows)
    found = pl.concat([direct.select(*KEYS, *ANSWER), indirect.select(*KEYS, *ANSWER)])
    found = _of_stratum(a, b, found)
    order = estimates.select(*KEYS).with_row_index("_place")
    found = found.join(order, on=list(KEYS), how="inner", nulls_equal=True).sort("_place", "subject_id")
    own = rows.select("subject_id", "table", ref=pl.concat_str("table", pl.lit(":"), "row_id"))
    counted = found.select("_place", "subject_id", tables="tables").explode("tables").drop_nulls("tables")
    listed = (
        counted.join(own, left_on=["subject_id", "tables"], right_on=["subject_id", "table"], how="inner")
        .group_by("_place", "subject_id")
        .agg(rows=pl.col("ref").unique().sort())
    )
    found = found.join(listed, on=["_place", "subject_id"], how="left", maintain_order="left")
    nothing = pl.lit([], dtype=pl.List(pl.String))
    return found.with_columns(pl.col("rows").fill_null(nothing)).select(
        pl.col(name).cast(kind) for name, kind in MOVERS.items()
    )


ANSWER = ("subject_id", "old", "new", "moves", "tables")


def _asked(estimates: pl.DataFrame) -> pl.DataFrame:
    """Each estimate with the question whose answers it counts; responses of the own disease with that of each one."""
    question = pl.col("id")
    for suffix in SUFFIXES:
        question = question.str.strip_suffix(suffix)
    asked = estimates.select(*KEYS, question=question)
    own = pl.col("question").str.starts_with("response_")
    words = [f"{q}_" for q in sorted(set(RESPONSE.values()))]
    split = asked.filter(own).with_columns(pl.lit(words).alias("_word")).explode("_word")
    split = split.with_columns(question=pl.col("_word") + pl.col("question").str.strip_prefix("response_"))
    return pl.concat([asked.filter(~own), split.drop("_word")])


def _answers(a: Cohort, b: Cohort, moves: pl.DataFrame) -> pl.DataFrame:
    """Answers that differ, by question and patient, with the moved assessments that decided them."""
    one, other = _told(a), _told(b)
    both = one.join(other, on=["question", "subject_id"], how="full", coalesce=True, suffix="_b")
    both = both.filter(pl.col("answer").ne_missing(pl.col("answer_b")))
    criteria = {o.id: o.criterion for cohort in (a, b) for o in every_outcome(cohort)}
    both = both.with_columns(
        criterion=pl.col("question").replace_strict(criteria, default=None, return_dtype=pl.String)
    )
    deciding = pl.concat(
        [
            both.select("question", "subject_id", "row").join(
                moves.select("move", row="_row_old"), on="row", how="inner"
            ),
            both.select("question", "subject_id", row="row_b").join(
                moves.select("move", row="_row_new"), on="row", how="inner"
            ),
        ]
    )
    deciding = deciding.group_by("question", "subject_id").agg(decided=pl.col("move").unique().sort())
    of_criterion = (
        both.select("question", "subject_id", "criterion")
        .join(moves.select("subject_id", "criterion", "move"), on=["subject_id", "criterion"])
        .group_by("question", "subject_id")
        .agg(others=pl.col("move").unique().sort())
    )
    both = both.join(deciding, on=["question", "subject_id"], how="left").join(
        of_criterion, on=["question", "subject_id"], how="left"
    )
    return both.select(
        "question",
        "subject_id",
        old="answer",
        new="answer_b",
        moves=pl.coalesce("decided", "others", pl.lit([], dtype=pl.List(pl.Int64))),
        tables=_tables(pl.col("question"), pl.col("criterion").is_null()),
    )


def _told(cohort: Cohort) -> pl.DataFrame:
    met = pl.col("met")
    words = pl.when(met).then(pl.lit("met")).when(~met).then(pl.lit("not met")).otherwise(pl.lit("not evaluable"))
    parts = [
        o.answers.select("subject_id", pl.col("row").cast(pl.Int64), answer=words, question=pl.lit(o.id))
        for o in every_outcome(cohort)
    ]
    return pl.concat(parts).unique(["question", "subject_id"], keep="first", maintain_order=True)


def _tables(question: pl.Expr, without_criterion: pl.Expr) -> pl.Expr:
    """The tables that a question is counted from where no criterion decides it."""
    by_events = pl.any_horizontal(question.str.starts_with(name) for name in (*EVENTS_OF, "pneumonia"))
    events = pl.lit(["events", "subjects"])
    return (
        pl.when(without_criterion & by_events)
        .then(events)
        .when(without_criterion & question.is_in(list(EXPOSURES_OF)))
        .then(pl.lit(["exposures"]))
        .when(without_criterion & (question == "igg_severely_low"))
        .then(pl.lit(["observations"]))
        .otherwise(pl.lit([], dtype=pl.List(pl.String)))
    )


def _by_criterion(cohort: Cohort | None, moves: pl.DataFrame) -> pl.DataFrame:
    """Where the answers of a side are not known: patients with a moved assessment of the criterion asked."""
    schema = {"question": pl.String, "criterion": pl.String}
    pairs = [] if cohort is None else [(o.id, o.criterion) for o in every_outcome(cohort) if o.criterion is not None]
    asked = pl.DataFrame(pairs, schema=schema, orient="row").unique()
    found = asked.join(moves.select("criterion", "subject_id", "move"), on="criterion")
    return (
        found.group_by("question", "subject_id")
        .agg(moves=pl.col("move").unique().sort())
        .with_columns(old=pl.lit(None, dtype=pl.String), new=pl.lit(None, dtype=pl.String), tables=NO_TABLES)
        .select("question", *ANSWER)
    )


NO_TABLES = pl.lit([], dtype=pl.List(pl.String))


def _indirect(
    a: Cohort | None, b: Cohort | None, asked: pl.DataFrame, moves: pl.DataFrame, rows: pl.DataFrame
) -> pl.DataFrame:
    """Patients behind rates, times, curves and changes of scores: by moved results, changed rows and follow-up."""
    ids = asked.select("question").unique()
    begins = [(q, key) for q in ids["question"] for key in _criteria(q)]
    pairs = pl.DataFrame(begins, schema={"question": pl.String, "criterion": pl.String}, orient="row")
    by_result = pairs.join(moves.select("criterion", "subject_id", "move"), on="criterion").select(
        "question", "subject_id", "move", tables=NO_TABLES
    )
    counted = pl.any_horizontal(pl.col("question").str.starts_with(name) for name in EVENTS_OF)
    events = ids.filter(counted)
    patients = rows.filter(pl.col("table") == "events").select("subject_id").unique()
    no_move = pl.lit(None, dtype=pl.Int64)
    by_row = events.join(patients, how="cross").with_columns(move=no_move, tables=pl.lit(["events", "subjects"]))
    timed = _followed(a, b)
    over_time = ids.filter(counted | pl.col("question").is_in(["follow_up", "person_years"]))
    by_time = over_time.join(timed, how="cross").with_columns(move=no_move, tables=pl.lit(["events", "subjects"]))
    found = pl.concat(
        [part.select("question", "subject_id", "move", "tables") for part in (by_result, by_row, by_time)]
    )
    grouped = found.group_by("question", "subject_id").agg(
        moves=pl.col("move").drop_nulls().unique().sort(),
        tables=pl.col("tables").list.explode().drop_nulls().unique().sort(),
    )
    words = {"old": pl.lit(None, dtype=pl.String), "new": pl.lit(None, dtype=pl.String)}
    return asked.join(grouped, on="question", how="inner").with_columns(**words)


def _criteria(question: str) -> tuple[str, ...]:
    for word in ("_change_", "_per_month"):
        if word in question:
            return (question.split(word, maxsplit=1)[0],)
    return next((keys for begin, keys in CRITERIA_OF if question.startswith(begin)), ())


def _followed(a: Cohort | None, b: Cohort | None) -> pl.DataFrame:
    """Patients whose follow-up, death or presence differs."""
    if a is None or b is None:
        return pl.DataFrame(schema={"subject_id": pl.String})
    columns = ("subject_id", "last_day", "died", "death_day")
    one, other = (c.patients.select(columns) for c in (a, b))
    differing = pl.concat([one, other]).filter(pl.len().over(columns) == 1)  # on one side only
    return differing.select("subject_id").unique()


def _of_stratum(a: Cohort | None, b: Cohort | None, found: pl.DataFrame) -> pl.DataFrame:
    """Of an estimate of one disease, the patients with it; of a response, each patient by the own disease."""
    known = [c.patients.select("subject_id", "indication") for c in (a, b) if c is not None]
    if not known:
        return found
    disease = pl.concat(known).unique()
    every = found.filter(pl.col("stratum") == ALL)
    one = found.filter(pl.col("stratum") != ALL).join(
        disease, left_on=["subject_id", "stratum"], right_on=["subject_id", "indication"], how="semi"
    )
    whole = pl.concat([every, one])
    return whole.unique([*KEYS, "subject_id"], keep="first", maintain_order=True)
