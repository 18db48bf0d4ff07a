"""Medicines of the disease before and after the infusion: each patient, each class of drugs, the last known state."""

from __future__ import annotations

from typing import Any

import polars as pl

from aftercart.analysis.cohort import Cohort
from aftercart.assessment import Assessments, medicines
from aftercart.reporting.figures.base import BLUE, GRID, MUTED, SKY, VERMILION, WIDTH, Absent, Figure
from aftercart.reporting.figures.marks import Rows, about, cohort_of
from aftercart.reporting.figures.plane import Plane
from aftercart.reporting.numbers import listed

ID, TITLE = "prior-drugs", "Drugs for the disease before the infusion, and at the last contact"

CLASSES = (
    ("glucocorticoid", "Glucocorticoid"),
    ("antimalarial", "Antimalarial"),
    ("immunosuppressant", "Immunosuppressant"),
    ("biologic", "Biologic"),
    ("antifibrotic", "Antifibrotic"),
    ("immunoglobulin", "Immunoglobulin"),
)

RECENT_DAYS = 30
"""Taken within so many days before the infusion: until it, as far as protocols let them."""

RECENT, EARLIER, NEVER = "in the month before", "earlier", "none recorded"
ON, STOPPED, OFF, UNKNOWN = "taken", "taken since, not at last contact", "not taken", "not known"

HEAD, FOOT, WIDEST = 40, 46, 190
"""Pixels over the rows, for the key below them, and at most for one class of drugs."""


def prior_drugs(found: Assessments | Cohort) -> Figure | Absent:
    """Which classes of drugs each patient took before the infusion, and whether any is taken at the last contact.

    Courses for toxicity, lymphodepletion and replacement do not count. `data` holds one row per patient and class:
    `patient, drug class, before, drugs before, failed, last contact (day), then, prednisone mg per day`. `Absent` when
    no such drug is recorded.

    >>> import aftercart as ac
    >>> drawn = ac.figures.prior_drugs(ac.assess(ac.reference_cohort()))
    >>> drawn.data.row(0)[:3]
    ('SLE-1', 'Glucocorticoid', 'in the month before')
    """
    cohort = cohort_of(found)
    states = pl.concat([_states(cohort, name, label) for name, label in CLASSES])
    used = set(states.filter("recorded")["drug class"])
    if not used:
        return Absent(ID, TITLE, "No glucocorticoid, immunosuppressant or other drug for the disease is recorded.")
    order = cohort.patients.select(patient="subject_id").with_row_index("_order")
    states = (
        states.filter(pl.col("drug class").is_in(list(used)))
        .join(order, on="patient")
        .sort("_order", maintain_order=True)
    )
    taking = states.filter(pl.col("then") == ON).group_by("patient").agg(weight=pl.len().cast(pl.Float64))
    rows = Rows.of(
        cohort.patients.select("indication", patient="subject_id"),
        tall=18,
        least=8,
        first=taking,
        chosen="those who take most classes of drugs at the last contact",
    )
    drawn = states.filter(pl.col("patient").is_in(rows.patients["patient"].implode())).drop("_order")
    return Figure(
        id=ID,
        title=TITLE,
        alt=_finding(states, cohort.n),
        data=drawn.drop("recorded").rename({"prednisone": "prednisone mg per day"}),
        drawing=_drawing(rows, drawn, [label for _, label in CLASSES if label in used]),
        simulated=cohort.study.meta.simulated,
        note=_note(rows),
    )


def _states(cohort: Cohort, name: str, label: str) -> pl.DataFrame:
    """One row per patient: what was taken of one class before the infusion, and what is known of the last contact."""
    timeline = cohort.timeline
    patients = cohort.patients.select("_s", "last_day", patient="subject_id")
    given = timeline.exposures.filter(
        pl.col("classes").list.contains(name)
        & ~pl.col("purpose").is_in(medicines.APART_FROM_DAILY_DOSE).fill_null(value=False)
        & (pl.col("dose").is_null() | (pl.col("dose") > 0))
    )
    before = (
        given.filter(pl.col("start_max") < 0)
        .group_by("_s")
        .agg(
            _recent=(pl.col("end_min") >= -RECENT_DAYS).any(),
            _drugs=pl.col("drug").unique().sort().str.join(", "),
            failed=pl.col("outcome").is_in(["inadequate_response", "intolerance"]).any(),
        )
    )
    recorded = given.select("_s").unique().with_columns(recorded=pl.lit(value=True))
    units = patients.filter(pl.col("last_day") >= 0).with_row_index("_k").select("_k", "_s", day="last_day")
    binding: dict[str, Any] = {"drug": name}
    now, _ = medicines.at(units, timeline, {**binding, "measure": "any"})
    since, _ = medicines.at(units, timeline, {**binding, "measure": "any_since_infusion"})
    dose = pl.lit(None, dtype=pl.Float64)
    after = units.with_columns(_now=now, _since=since, prednisone=dose)
    if name == "glucocorticoid":
        equivalent, _ = medicines.at(units, timeline, {**binding, "measure": "pred_eq"})
        after = after.with_columns(prednisone=equivalent)
    then = (
        pl.when("_now")
        .then(pl.lit(ON))
        .when(~pl.col("_now") & pl.col("_since"))
        .then(pl.lit(STOPPED))
        .when(~pl.col("_now"))
        .then(pl.lit(OFF))
        .otherwise(pl.lit(UNKNOWN))
    )
    return (
        patients.join(before, on="_s", how="left", maintain_order="left")
        .join(after.drop("_k", "day"), on="_s", how="left", maintain_order="left")
        .join(recorded, on="_s", how="left", maintain_order="left")
        .select(
            "patient",
            pl.lit(label).alias("drug class"),
            before=pl.when("_recent")
            .then(pl.lit(RECENT))
            .when(~pl.col("_recent"))
            .then(pl.lit(EARLIER))
            .otherwise(pl.lit(NEVER)),
            failed=pl.col("failed").fill_null(value=False),
            recorded=pl.col("recorded").fill_null(value=False),
            then=then,
            prednisone=pl.col("prednisone").round_sig_figs(6),
            **{"drugs before": pl.col("_drugs"), "last contact": pl.col("last_day")},
        )
        .select(
            "patient",
            "drug class",
            "before",
            "drugs before",
            "failed",
            "last contact",
            "then",
            "prednisone",
            "recorded",
        )
    )


def _drawing(rows: Rows, states: pl.DataFrame, classes: list[str]) -> dict[str, Any]:
    plane = Plane(WIDTH, HEAD + rows.pixels + FOOT)
    left = rows.left
    step = min((WIDTH - left) / len(classes), WIDEST)
    place = pl.DataFrame({"drug class": classes, "_left": [left + i * step for i in range(len(classes))]})
    placed = (
        states.join(place, on="drug class", maintain_order="left")
        .join(rows.patients.select("patient", "row"), on="patient", maintain_order="left")
        .with_columns(
            about(day="last contact"),
            y=(HEAD + (pl.col("row") + 0.5) * rows.height).round(2),
            x=(pl.col("_left") + 0.22 * step).round(2),
            x2=(pl.col("_left") + 0.62 * step).round(2),
        )
    )
    edges = [HEAD + i * rows.height for i in range(rows.n + 1)]
    lines = pl.DataFrame({"y": edges, "y2": edges}, schema={"y": pl.Float64, "y2": pl.Float64})
    plane.rules(lines.with_columns(x=pl.lit(0.0), x2=pl.lit(float(WIDTH))), stroke=GRID)
    size = min(12.0, rows.height - 3) ** 2
    _before(plane, placed, size)
    _after(plane, placed, size)
    _words(plane, rows, classes, left, step)
    _key(plane, left)
    return plane.drawing()


def _before(plane: Plane, placed: pl.DataFrame, size: float) -> None:
    told = placed.with_columns(about())
    for state, fill, stroke in ((RECENT, BLUE, BLUE), (EARLIER, SKY, BLUE)):
        mine = told.filter(pl.col("before") == state).select("x", "y", "about")
        plane.points(mine, shape="square" if state == RECENT else "diamond", fill=fill, size=size, stroke=stroke)
    count = pl.col("drugs before").str.count_matches(", ", literal=True) + 1
    several = told.filter(pl.col("before") != NEVER).select(
        "y",
        "about",
        x=pl.col("x") + 11,
        text=pl.format("{}{}", count, pl.when("failed").then(pl.lit("\u2020")).otherwise(pl.lit(""))),
    )
    if size >= 60:
        plane.texts(several, align="left", fill=MUTED, fontSize=9, aria=False)


def _after(plane: Plane, placed: pl.DataFrame, size: float) -> None:
    told = placed.select("then", "prednisone", "y", "about", x="x2")
    for state, fill, shape in (
        (ON, VERMILION, "triangle-up"),
        (STOPPED, "white", "triangle-up"),
        (OFF, "white", "circle"),
    ):
        mine = told.filter(pl.col("then") == state).select("x", "y", "about")
        stroke = MUTED if state == OFF else VERMILION
        plane.points(mine, shape=shape, fill=fill, size=size * 0.7, stroke=stroke, strokeWidth=1.2)
    unknown = told.filter(pl.col("then") == UNKNOWN).select("x", "y", "about", text=pl.lit("?"))
    plane.texts(unknown, fontSize=11)
    doses = told.filter((pl.col("then") == ON) & pl.col("prednisone").is_not_null())
    plane.texts(
        doses.select("y", "about", x=pl.col("x") + 10, text=pl.format("{} mg", pl.col("prednisone").round(1))),
        align="left",
        fontSize=9,
    )


def _words(plane: Plane, rows: Rows, classes: list[str], names: float, step: float) -> None:
    plane.texts(rows.names(HEAD, names - 6), align="right", fontSize=rows.letters)
    for i, label in enumerate(classes):
        left = names + i * step
        plane.words(label, left, HEAD - 26, align="left", fontWeight="bold", fontSize=11)
        plane.words("before", left + 0.22 * step, HEAD - 10, fill=MUTED, fontSize=9)
        plane.words("last contact", left + 0.62 * step, HEAD - 10, fill=MUTED, fontSize=9)


def _key(plane: Plane, left: float) -> None:
    entries = (
        (0, 0, RECENT, "square", BLUE, BLUE),
        (0, 1, "earlier than that", "diamond", SKY, BLUE),
        (1, 0, "taken at the last contact", "triangle-up", VERMILION, VERMILION),
        (1, 1, "taken since the infusion, not at the last contact", "triangle-up", "white", VERMILION),
        (2, 0, "not taken at the last contact", "circle", "white", MUTED),
    )
    columns = (left + 8, left + 182, left + 492)
    for column, line, words, shape, fill, stroke in entries:
        x, y = columns[column], plane.height - FOOT + 16 + line * 18
        plane.points(
            pl.DataFrame({"x": [float(x)], "y": [float(y)]}),
            shape=shape,
            fill=fill,
            size=90,
            stroke=stroke,
            strokeWidth=1.2,
        )
        plane.words(words, x + 12, y, align="left", fontSize=11)
    plane.words("?", columns[2], plane.height - FOOT + 34, fontSize=11)
    plane.words("not known", columns[2] + 12, plane.height - FOOT + 34, align="left", fontSize=11)


def _finding(states: pl.DataFrame, n: int) -> str:
    before, after = [], []
    for _, label in CLASSES:
        mine = states.filter(pl.col("drug class") == label)
        if mine.is_empty():
            continue
        word = label.lower()
        before.append(f"{word} in {int((mine['before'] != NEVER).sum())}")
        known = mine.filter(pl.col("then") != UNKNOWN).height
        text = f"{word} in {int((mine['then'] == ON).sum())} of {known}"
        after.append(text if known == n else f"{text} whose state is known")
    whom = f"{n} patient{'' if n == 1 else 's'}"
    return f"Recorded before the infusion in {whom}: {listed(before)}. At the last contact: {listed(after)}."


def _note(rows: Rows) -> str:
    parts = [
        "One row per patient. Figures: number of drugs of the class; \u2020 at least one without sufficient response or"
        " not tolerated. mg: prednisone equivalent per day.",
        "Courses for toxicity, lymphodepletion and replacement are left out.",
        rows.said(),
    ]
    return " ".join(p for p in parts if p)
