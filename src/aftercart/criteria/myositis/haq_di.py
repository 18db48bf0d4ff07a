"""Health Assessment Questionnaire disability index."""

from __future__ import annotations

import polars as pl

from aftercart.criteria import registry
from aftercart.criteria.calling import criterion
from aftercart.criteria.logic import first_true, is_true, may_be_true, missing_names

CATEGORIES = ("dressing", "arising", "eating", "walking", "hygiene", "reach", "grip", "activities")


def _refused(category: str, answers: list[float]) -> pl.Expr:
    """True when the category holds an answer that the questionnaire does not have."""
    given = pl.col(f"items.{category}").list.drop_nulls()
    return is_true(given.list.eval(~pl.element().is_in(answers)).list.any())


def _raised(category: str, helped: pl.Expr, grade_with_help: float) -> pl.Expr:
    """Score of a category after the correction for help; missing when the category is unanswered."""
    worst = pl.col(f"_worst.{category}")
    corrected = pl.max_horizontal(worst, pl.lit(grade_with_help))
    return pl.when(worst.is_not_null()).then(pl.when(helped).then(corrected).otherwise(worst))


@criterion
def haq_di(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Score physical disability 0 to 3: the mean over the answered categories of their worst item.

    Source: Fries 1980 and the CLINHAQ scoring sheet (secondary copy).

    >>> import polars as pl
    >>> from aftercart import criteria
    >>> names = ["dressing", "arising", "eating", "walking", "hygiene", "reach", "grip", "activities"]
    >>> visit = pl.DataFrame({f"items.{n}": [[1, 0]] for n in names})
    >>> criteria.haq_di(visit)["haq_di"].to_list()
    [1.0]
    """
    rules = registry.get("haq_di").rules
    answers, with_help = [float(a) for a in rules["answers"]], float(rules["grade_with_help"])
    helped = {c: pl.col(f"aids_devices_or_help.{c}") & (pl.col("method") == "standard") for c in CATEGORIES}
    worst = {c: pl.col(f"_worst.{c}") for c in CATEGORIES}
    low, high = ({c: pl.col(f"{end}.{c}") for c in CATEGORIES} for end in ("_low", "_high"))
    answered, score = pl.col("categories_answered"), pl.col("haq_di")
    any_refused = pl.any_horizontal(f"_refused.{c}" for c in CATEGORIES)
    enough = is_true(answered >= pl.col("minimum_categories")) & ~any_refused
    raised = pl.any_horizontal(is_true(low[c] > worst[c]) for c in CATEGORIES)
    lower, upper = pl.col("haq_di_lower_bound"), pl.col("haq_di_upper_bound")
    return (
        rows.with_columns(_refused(c, answers).alias(f"_refused.{c}") for c in CATEGORIES)
        .with_columns(
            pl.when(~pl.col(f"_refused.{c}")).then(pl.col(f"items.{c}").list.max()).alias(f"_worst.{c}")
            for c in CATEGORIES
        )
        .with_columns(
            *(_raised(c, is_true(helped[c]), with_help).alias(f"_low.{c}") for c in CATEGORIES),
            *(_raised(c, may_be_true(helped[c]), with_help).alias(f"_high.{c}") for c in CATEGORIES),
            categories_answered=pl.sum_horizontal(w.is_not_null().cast(pl.Int64) for w in worst.values()),
        )
        .with_columns(
            *(pl.when(low[c] == high[c]).then(low[c]).alias(f"categories.{c}") for c in CATEGORIES),
            haq_di_lower_bound=pl.when(enough).then(pl.sum_horizontal(low.values()) / answered),
            haq_di_upper_bound=pl.when(enough).then(pl.sum_horizontal(high.values()) / answered),
        )
        .with_columns(haq_di=pl.when(lower == upper).then(lower))
        .with_columns(
            clause=first_true(
                (score.is_not_null() & raised, "raised_by_help"),
                (score.is_not_null(), "worst_items"),
                (any_refused, "refused_answer"),
                (answered < pl.col("minimum_categories"), "too_few_categories"),
            ),
            missing=pl.when(score.is_null()).then(
                missing_names(
                    *((f"items.{c}", worst[c].is_null()) for c in CATEGORIES),
                    *((f"aids_devices_or_help.{c}", is_true(low[c] < high[c])) for c in CATEGORIES),
                    "method",
                    "minimum_categories",
                )
            ),
        )
    )
