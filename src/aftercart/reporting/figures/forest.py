"""The forest plot: the share of responders by criterion and disease, with counts and exact intervals."""

from __future__ import annotations

from typing import Any

import polars as pl

from aftercart.analysis import Analysis, analyze, efficacy
from aftercart.analysis.cohort import Cohort
from aftercart.assessment import Assessments
from aftercart.reporting.figures.base import BLUE, GRID, INK, RULE, WIDTH, Absent, Figure
from aftercart.reporting.figures.marks import about_question, cohort_of
from aftercart.reporting.figures.plane import Box, Plane
from aftercart.reporting.numbers import indication, listed, proportion

ID, TITLE = "forest", "Share of responders by criterion and disease, with exact 95% intervals"

LANDMARKS = (("month_3", "Month 3"), ("month_6", "Month 6"), ("last_visit", "Last visit"))

NAMES, ROW, HEAD, COUNTS, GAP = 268, 20, 40, 44, 18
"""Pixels for the names of the rows, of one row, over the rows, for the counts of a panel, and between panels."""


def forest_plot(found: Assessments | Cohort, analysis: Analysis | None = None) -> Figure | Absent:
    """The proportion of responders of every criterion, by disease, at month 3, month 6 and the last visit.

    analysis: that of the same study, so that it is not computed again. `data` holds one row per estimate: `disease,
    criterion, visit, responders, evaluable, share, low, high, method`. `Absent` when no response could be evaluated.

    >>> import aftercart as ac
    >>> assessed = ac.assess(ac.reference_cohort())
    >>> ac.figures.forest_plot(assessed, ac.analyze(assessed.study, assessed)).data.row(0)[:5]
    ('SLE', 'DORIS remission', 'month_3', 8, 8)
    """
    cohort = cohort_of(found)
    analysis = analysis or analyze(cohort.study, cohort.assessments)
    shares = _shares(cohort, analysis.estimates)
    if shares.is_empty():
        return Absent(ID, TITLE, "No response criterion could be evaluated at month 3, month 6 or the last visit.")
    return Figure(
        id=ID,
        title=TITLE,
        alt=_finding(shares),
        data=shares.drop("question"),
        drawing=_drawing(shares),
        simulated=cohort.study.meta.simulated,
        note="Square: responders among evaluable patients, as counted beside it; line: exact 95% interval"
        " (Clopper-Pearson). The dashed line marks one half.",
    )


def _shares(cohort: Cohort, estimates: pl.DataFrame) -> pl.DataFrame:
    """One row per disease, question and landmark that could be evaluated in at least one patient."""
    parts = []
    for disease in cohort.diseases():
        alone = len(cohort.diseases()) == 1
        for question in efficacy.QUESTIONS:
            population = efficacy.population(cohort, question.criterion)
            own = population["indication"].unique().to_list()
            if disease not in own:
                continue
            # An estimate of one disease stands under `all` when the criterion is asked of that disease alone.
            stratum = "all" if alone or own == [disease] else disease
            for landmark, _ in LANDMARKS:
                parts.append(
                    estimates.filter(
                        (pl.col("id") == f"{question.id}_{landmark}")
                        & (pl.col("stratum") == stratum)
                        & (pl.col("denominator") > 0)
                        & (pl.col("unit") == "proportion")
                    )
                    .head(1)
                    .select(
                        disease=pl.lit(disease),
                        question=pl.lit(question.id),
                        criterion=pl.lit(question.label),
                        visit=pl.lit(landmark),
                        responders=pl.col("numerator").cast(pl.Int64),
                        evaluable=pl.col("denominator").cast(pl.Int64),
                        share="estimate",
                        low="ci_low",
                        high="ci_high",
                        method="ci_method",
                    )
                )
    return pl.concat(parts) if parts else pl.DataFrame(schema={"question": pl.String})


def _lines(shares: pl.DataFrame) -> pl.DataFrame:
    """The rows of the plot: a heading for each disease, and under it the criteria."""
    rows: list[dict[str, Any]] = []
    for (disease,), mine in shares.group_by("disease", maintain_order=True):
        rows.append({"disease": disease, "question": None, "text": indication(str(disease), long=True)})
        for question, label in mine.select("question", "criterion").unique(maintain_order=True).iter_rows():
            rows.append({"disease": disease, "question": question, "text": _SHORT.get(str(question), str(label))})
    schema = {"disease": pl.String, "question": pl.String, "text": pl.String}
    return pl.DataFrame(rows, schema=schema).with_row_index("line")


_SHORT = {"drug_free_antimalarial_allowed": "Free of drugs but antimalarials"}
"""Names of rows that would not fit beside the plot."""


def _drawing(shares: pl.DataFrame) -> dict[str, Any]:
    lines = _lines(shares)
    landmarks = [(k, title) for k, title in LANDMARKS if k in set(shares["visit"])]
    height = lines.height * ROW
    plane = Plane(WIDTH, HEAD + height + 36)
    panel = (WIDTH - NAMES - GAP) / len(landmarks)
    for heading, frame in (
        (True, lines.filter(pl.col("question").is_null())),
        (False, lines.filter(pl.col("question").is_not_null())),
    ):
        placed = frame.select("text", x=pl.lit(0.0 if heading else 12.0), y=HEAD + (pl.col("line") + 0.5) * ROW)
        text = placed.with_columns(pl.col("text").str.slice(0, 1).str.to_uppercase() + pl.col("text").str.slice(1))
        plane.texts(text, align="left", fontSize=11, **({"fontWeight": "bold"} if heading else {}))
    for i, (landmark, title) in enumerate(landmarks):
        left = NAMES + i * panel
        box = Box(left + COUNTS, HEAD, panel - COUNTS - GAP, height, (0, 1), (0, 1))
        _panel(
            plane,
            box,
            title,
            shares.filter(pl.col("visit") == landmark).join(lines, on=["disease", "question"]).sort("line"),
        )
    return plane.drawing()


def _panel(plane: Plane, box: Box, title: str, mine: pl.DataFrame) -> None:
    plane.words(title, box.left, box.top - 12, align="left", fontWeight="bold", fontSize=12)
    plane.rules(
        pl.DataFrame({"v": [0.0, 1.0]}).select(
            x=box.across(pl.col("v")), x2=box.across(pl.col("v")), y=pl.lit(float(box.top)), y2=pl.lit(float(box.foot))
        ),
        stroke=GRID,
    )
    half = box.at_x(0.5)
    plane.rules(
        pl.DataFrame({"x": [half], "x2": [half], "y": [float(box.top)], "y2": [float(box.foot)]}),
        stroke=RULE,
        strokeDash=[3, 3],
    )
    plane.x_axis(box, {0.0: "0%", 0.5: "50%", 1.0: "100%"}, labels=True)
    question = about_question(pl.concat_str("question", "visit", separator="_"))
    placed = mine.with_columns(question, y=box.top + (pl.col("line") + 0.5) * ROW)
    limits = placed.filter(pl.col("low").is_not_null() & pl.col("high").is_not_null()).select(
        "y", "about", y2="y", x=box.across(pl.col("low")), x2=box.across(pl.col("high"))
    )
    plane.rules(limits, stroke=INK, strokeWidth=1.4)
    for end in ("x", "x2"):
        plane.rules(
            limits.select("about", x=end, x2=end, y=pl.col("y") - 3, y2=pl.col("y") + 3), stroke=INK, strokeWidth=1.4
        )
    plane.points(placed.select("y", "about", x=box.across(pl.col("share"))), shape="square", fill=BLUE, size=56)
    counts = placed.select("y", "about", x=pl.lit(box.left - 8.0), text=pl.format("{}/{}", "responders", "evaluable"))
    plane.texts(counts, align="right", fontSize=10)


def _finding(shares: pl.DataFrame) -> str:
    """The leading criterion of each disease at the latest landmark of the plot."""
    said = []
    for (disease,), mine in shares.group_by("disease", maintain_order=True):
        row = mine.filter(pl.col("question") == mine["question"][0]).tail(1).row(0, named=True)
        when = row["visit"].replace("_", " ")
        share = proportion(row["responders"], row["evaluable"], row["low"], row["high"])
        said.append(f"{row['criterion']} in {indication(str(disease))} ({when}) {share}")
    return f"{listed(said)}."
