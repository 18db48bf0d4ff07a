"""The response map: patient by visit, whether each response criterion was met, not met, or could not be evaluated."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from aftercart.analysis import efficacy
from aftercart.analysis.cohort import DAYS_PER_MONTH, Cohort
from aftercart.assessment import Assessments
from aftercart.reporting.figures.base import GREEN, MUTED, VERMILION, WIDTH, Absent, Figure
from aftercart.reporting.figures.marks import Rows, about, cohort_of, short_name, wide
from aftercart.reporting.figures.plane import Plane
from aftercart.reporting.numbers import indication, listed

ID, TITLE = "responses", "Response of each patient at each visit"

_SQUARE = "M-1,-1L1,-1L1,1L-1,1Z"
MET = f"{_SQUARE}M-0.15,0.65L0.8,-0.3L0.5,-0.6L-0.15,0.05L-0.45,-0.25L-0.75,0.05Z"
NOT_MET = (
    f"{_SQUARE}M-0.25,0L-0.65,0.4L-0.4,0.65L0,0.25L0.4,0.65L0.65,0.4L0.25,0L0.65,-0.4L0.4,-0.65L0,-0.25L-0.4,-0.65"
    "L-0.65,-0.4Z"
)
"""A square with a tick or a cross cut out of it: one mark, told apart without its colour."""

QUESTIONS = tuple(q for q in efficacy.QUESTIONS if q.id != "drug_free_strict")
"""What is asked of each patient here; being free of antimalarials too is among the estimates."""

SHORT = {
    "doris": "DORIS remission",
    "lldas": "LLDAS",
    "sledai_2k_zero": "SLEDAI-2K 0",
    "tis_moderate": "TIS moderate or major",
    "tis_major": "TIS major",
    "eustar_ai_improved": "EUSTAR AI decreased",
    "glucocorticoid_free": "No glucocorticoid",
    "drug_free_antimalarial_allowed": "No drug but antimalarial",
}
"""Names that fit over a block of columns; the note says what they stand for."""

HEAD, FOOT, GAP = 34, 16, 16
"""Pixels over a block, below it, and between two blocks."""


@dataclass(frozen=True)
class _Block:
    """One criterion of one disease: a patient a row, a visit a column."""

    disease: str
    question: str
    left: float
    top: float


def response_map(found: Assessments | Cohort) -> Figure | Absent:
    """Whether each patient met each response criterion of the disease, visit by visit.

    Met, not met and not evaluable differ in glyph and colour; an empty place is a visit that did not take place. `data`
    holds one row per answer: `patient, disease, question, criterion, visit, day, answer, missing`. `Absent` when no
    response criterion was assessed.

    >>> import aftercart as ac
    >>> drawn = ac.figures.response_map(ac.assess(ac.reference_cohort().select(subjects=["IIM-3"])))
    >>> drawn.data.filter(drawn.data["question"] == "Major response (TIS)")["answer"].to_list()
    ['met', 'met', 'met', 'met']
    """
    cohort = cohort_of(found)
    answers = _answers(cohort)
    if answers.is_empty():
        return Absent(ID, TITLE, "No response criterion was assessed at any visit after the infusion.")
    patients = cohort.patients.select("indication", patient="subject_id").filter(
        pl.col("patient").is_in(answers["patient"].implode())
    )
    failed = answers.filter(pl.col("answer") == "not met").group_by("patient").agg(weight=pl.len().cast(pl.Float64))
    rows = Rows.of(patients, tall=15, least=8, first=failed, chosen="those with the most criteria not met")
    drawn = answers.filter(pl.col("patient").is_in(rows.patients["patient"].implode()))
    return Figure(
        id=ID,
        title=TITLE,
        alt=_finding(answers),
        data=drawn.drop("id", "column"),
        drawing=_drawing(rows, drawn),
        simulated=cohort.study.meta.simulated,
        note=_note(answers, rows),
    )


def _answers(cohort: Cohort) -> pl.DataFrame:
    order = cohort.patients.select("subject_id", "indication").with_row_index("_order")
    targets = {v.name: v.target_day for v in cohort.study.meta.visits}
    parts = []
    for place, question in enumerate(QUESTIONS):
        subjects = efficacy.population(cohort, question.criterion).select("subject_id")
        rows = cohort.rows(question.criterion).filter(pl.col("visit").is_in(list(targets)) & (pl.col("day") > 0))
        met = rows.join(subjects, on="subject_id", how="semi").with_columns(_met=question.met)
        parts.append(
            met.select(
                "subject_id",
                "visit",
                "day",
                "missing",
                id=pl.lit(question.id),
                _place=pl.lit(place),
                question=pl.lit(question.label),
                criterion=pl.lit(question.criterion),
                column=pl.col("visit").replace_strict(targets, return_dtype=pl.Int64),
                answer=pl.when("_met")
                .then(pl.lit("met"))
                .when(~pl.col("_met"))
                .then(pl.lit("not met"))
                .otherwise(pl.lit("not evaluable")),
            )
        )
    found = pl.concat(parts).join(order, on="subject_id", how="inner")
    # A disease is shown only the criteria that could be assessed in at least one of its patients.
    some = found.filter(pl.col("answer") != "not evaluable").select("indication", "id").unique()
    kept = found.join(some, on=["indication", "id"], how="semi")
    return (
        kept.sort("_order", "_place", "day")
        .select(
            "id",
            "column",
            "question",
            "criterion",
            "visit",
            "day",
            "answer",
            "missing",
            patient="subject_id",
            disease="indication",
        )
        .select("patient", "disease", "question", "criterion", "visit", "day", "answer", "missing", "id", "column")
    )


def _drawing(rows: Rows, answers: pl.DataFrame) -> dict[str, object]:
    columns = answers.select("column").unique().sort("column").with_row_index("_c")
    n = columns.height
    step = max(9.0, min(20.0, 180 / n))
    step = min(step, (WIDTH - rows.left) / n)
    blocks, lines, bottom = _placed(rows, answers, n * step)
    plane = Plane(WIDTH, bottom)
    placed = _cells(rows, answers, blocks, columns, step)
    size = min(step, rows.height) - 2
    for answer, fill, shape in (("met", GREEN, MET), ("not met", VERMILION, NOT_MET)):
        mine = placed.filter(pl.col("answer") == answer)
        plane.points(mine.select("x", "y", "about"), shape=shape, fill=fill, size=size * size)
    unknown = placed.filter(pl.col("answer") == "not evaluable").select("x", "y", "about")
    plane.points(unknown, shape="square", fill="white", size=size * size, stroke=MUTED, strokeWidth=0.8)
    plane.texts(unknown.select("x", "y", text=pl.lit("?")), fontSize=9, aria=False)
    _words(plane, rows, blocks, columns, step, lines)
    return plane.drawing()


def _placed(rows: Rows, answers: pl.DataFrame, columns: float) -> tuple[list[_Block], list[tuple[str, float]], float]:
    """Blocks side by side while there is room, diseases one below the other; with the top of each line of blocks."""
    blocks: list[_Block] = []
    lines: list[tuple[str, float]] = []
    top = float(HEAD)
    for disease in rows.patients["indication"].unique(maintain_order=True):
        mine = rows.patients.filter(pl.col("indication") == disease)
        questions = answers.filter(pl.col("disease") == disease)
        present = [q.id for q in QUESTIONS if q.id in set(questions["id"])]
        height = mine.height * rows.height
        left = rows.left
        lines.append((str(disease), top))
        for id_ in present:
            width = max(columns, wide(SHORT[id_], 11))
            if left > rows.left and left + width > WIDTH:
                top += height + FOOT + HEAD
                left = rows.left
                lines.append((str(disease), top))
            blocks.append(_Block(str(disease), id_, left, top))
            left += width + GAP
        top += height + FOOT + HEAD
    return blocks, lines, top - HEAD + 24


def _cells(rows: Rows, answers: pl.DataFrame, blocks: list[_Block], columns: pl.DataFrame, step: float) -> pl.DataFrame:
    first = rows.patients.group_by("indication").agg(_first=pl.col("row").min())
    place = pl.DataFrame(
        {
            "disease": [b.disease for b in blocks],
            "id": [b.question for b in blocks],
            "_left": [b.left for b in blocks],
            "_top": [b.top for b in blocks],
        }
    )
    return (
        answers.join(place, on=["disease", "id"], how="inner", maintain_order="left")
        .join(columns, on="column", how="inner", maintain_order="left")
        .join(rows.patients.select("patient", "row"), on="patient", how="inner", maintain_order="left")
        .join(first, left_on="disease", right_on="indication", how="left", maintain_order="left")
        .with_columns(
            about(criterion=pl.col("criterion"), day="day"),
            x=(pl.col("_left") + (pl.col("_c") + 0.5) * step).round(2),
            y=(pl.col("_top") + (pl.col("row") - pl.col("_first") + 0.5) * rows.height).round(2),
        )
    )


def _words(
    plane: Plane,
    rows: Rows,
    blocks: list[_Block],
    columns: pl.DataFrame,
    step: float,
    lines: list[tuple[str, float]],
) -> None:
    """Names of patients and criteria, months of the columns, and the key."""
    small = 11 if rows.height >= 12 else 7
    for disease, top in lines:
        mine = rows.patients.filter(pl.col("indication") == disease).with_row_index("_r")
        names = mine.with_columns(about()).select(
            "about",
            text=short_name(),
            x=pl.lit(rows.left - 6),
            y=(top + (pl.col("_r") + 0.5) * rows.height).round(2),
        )
        plane.texts(names, align="right", fontSize=small)
        plane.words(indication(disease), rows.left - 6, top - 8, align="right", fontWeight="bold", fontSize=12)
    months = columns.with_columns(text=(pl.col("column") / DAYS_PER_MONTH).round(0).cast(pl.Int64).cast(pl.String))
    room = 4 + 5 * int(months["text"].str.len_chars().max() or 0)  # type: ignore[arg-type]
    every = max(-(-room // int(step)), 1)
    shown = months.filter(pl.col("_c") % every == 0)
    for block in blocks:
        plane.words(SHORT[block.question], block.left, block.top - 20, align="left", fontWeight="bold", fontSize=11)
        plane.texts(
            shown.select("text", x=block.left + (pl.col("_c") + 0.5) * step, y=pl.lit(block.top - 7)),
            fill=MUTED,
            fontSize=9,
        )
    _key(plane, rows.left)


def _key(plane: Plane, left: float) -> None:
    y = plane.height - 10
    at = left + 6
    for words, fill, shape in (
        ("met", GREEN, MET),
        ("not met", VERMILION, NOT_MET),
        ("cannot be evaluated", "white", "square"),
    ):
        edge = {} if shape != "square" else {"stroke": MUTED, "strokeWidth": 0.8}
        plane.points(pl.DataFrame({"x": [at], "y": [y]}), shape=shape, fill=fill, size=144, **edge)
        if edge:
            plane.words("?", at, y, fontSize=9)
        plane.words(words, at + 12, y, align="left", fontSize=11)
        at += 40 + 7 * len(words)
    plane.words("empty: no visit", at, y, align="left", fontSize=11, fill=MUTED)


def _finding(answers: pl.DataFrame) -> str:
    last = answers.sort("day", maintain_order=True).group_by("id", "patient", maintain_order=True).last()
    said = []
    for question in QUESTIONS:
        mine = last.filter(pl.col("id") == question.id)
        if mine.is_empty():
            continue
        met = int((mine["answer"] == "met").sum())
        open_ = int((mine["answer"] == "not evaluable").sum())
        text = f"{question.label} in {met} of {mine.height - open_}"
        said.append(f"{text} ({open_} not evaluable)" if open_ else text)
    return f"Met at the last visit of each patient: {listed(said)}."


def _note(answers: pl.DataFrame, rows: Rows) -> str:
    long = {q.id: q.label for q in QUESTIONS}
    found = set(answers["id"])
    named = "; ".join(f"{s}: {long[id_]}" for id_, s in SHORT.items() if id_ in found and s != long[id_])
    parts = [
        "One row per patient, one column per visit (months after infusion).",
        f"{named}." if named else "",
        rows.said(),
    ]
    return " ".join(p for p in parts if p)
