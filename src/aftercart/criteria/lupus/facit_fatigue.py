"""FACIT-Fatigue, as the patient reports it."""

from __future__ import annotations

import polars as pl

from aftercart.criteria import registry
from aftercart.criteria.calling import criterion
from aftercart.criteria.logic import first_true, is_true, missing_names


@criterion
def facit_fatigue(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Score fatigue 0 to 52 from thirteen answers, higher is better; unanswered items are prorated.

    Source: FACIT scoring guide (facit.org/scoring); items and reversal as in the FACTscorer package.

    >>> import polars as pl
    >>> from aftercart import criteria
    >>> visit = pl.DataFrame({"items.An5": [3], "items.An7": [3], "unlisted_items": [1]})
    >>> criteria.facit_fatigue(visit)["facit_fatigue_0_52"].to_list()
    [39.0]
    """
    rules = registry.get("facit_fatigue").rules
    answers, highest = [float(a) for a in rules["answers"]], max(rules["answers"])
    forward, names = rules["forward_items"], [*rules["reversed_items"], *rules["forward_items"]]
    answer = {name: pl.col(f"items.{name}") for name in names}
    refused = {name: is_true(~answer[name].is_in(answers)) for name in names}
    points = {name: answer[name] if name in forward else highest - answer[name] for name in names}
    answered, any_refused = pl.col("items_answered"), pl.any_horizontal(refused.values())
    enough, score = answered >= rules["minimum_answered"], pl.col("facit_fatigue_0_52")
    return (
        rows.with_columns(
            *(pl.when(~refused[name]).then(points[name]).alias(f"points.{name}") for name in names),
            items_answered=pl.sum_horizontal(a.is_not_null().cast(pl.Int64) for a in answer.values()),
        )
        .with_columns(
            facit_fatigue_0_52=pl.when(enough & ~any_refused).then(
                (pl.sum_horizontal(f"points.{name}" for name in names) * len(names) / answered).round(4)
            )
        )
        .with_columns(
            clause=first_true(
                (any_refused, "refused_answer"),
                (answered == len(names), "all_answered"),
                (enough, "prorated"),
                (~enough, "too_few_answered"),
            ),
            missing=pl.when(score.is_null()).then(
                missing_names(*((f"items.{name}", answer[name].is_null() | refused[name]) for name in names))
            ),
        )
    )
