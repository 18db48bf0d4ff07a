from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aftercart import criteria

CATEGORIES = ["dressing", "arising", "eating", "walking", "hygiene", "reach", "grip", "activities"]


def score(answers: dict[str, Any], aids: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """Score one questionnaire; categories that are not named are answered with 0."""
    record: dict[str, Any] = {f"items.{c}": answers.get(c, [0, 0]) for c in CATEGORIES}
    record |= {f"aids_devices_or_help.{c}": v for c, v in (aids or {}).items()} | more
    frame = pl.DataFrame({k: pl.Series(k, [v], strict=False) for k, v in record.items()})
    return criteria.haq_di(frame).row(0, named=True)


@pytest.mark.parametrize(
    ("answers", "aids", "index", "clause"),
    [
        ({}, {}, 0.0, "worst_items"),
        ({"walking": [1, 3]}, {}, 0.375, "worst_items"),
        ({"walking": [None, 2]}, {}, 0.25, "worst_items"),
        ({"walking": [0, 0]}, {"walking": True}, 0.25, "raised_by_help"),
        ({"walking": [1, 0]}, {"walking": True}, 0.25, "raised_by_help"),
        ({"walking": [2, 0]}, {"walking": True}, 0.25, "worst_items"),
        ({"walking": [3, 0]}, {"walking": True}, 0.375, "worst_items"),
        ({"walking": [1, 0]}, {"walking": False}, 0.125, "worst_items"),
        ({c: [3] for c in CATEGORIES}, {}, 3.0, "worst_items"),
        ({c: [0] for c in CATEGORIES}, dict.fromkeys(CATEGORIES, True), 2.0, "raised_by_help"),
    ],
)
def test_worst_item_and_correction_for_help(
    answers: dict[str, Any], aids: dict[str, Any], index: float, clause: str
) -> None:
    found = score(answers, aids)
    assert found["haq_di"] == found["haq_di_lower_bound"] == found["haq_di_upper_bound"] == index
    assert found["categories_answered"] == 8
    assert found["clause"] == clause
    assert found["missing"] is None


def test_the_alternative_method_leaves_help_out() -> None:
    found = score({"walking": [1, 0]}, {"walking": True}, method="alternative")
    assert (found["haq_di"], found["clause"]) == (0.125, "worst_items")
    assert score({"walking": [1, 0]}, {"walking": None}, method="alternative")["haq_di"] == 0.125


@pytest.mark.parametrize("category", CATEGORIES)
def test_every_category_has_its_own_items_and_aids(category: str) -> None:
    assert score({category: [1, 0]})["haq_di"] == 0.125
    found = score({}, {category: True})
    assert found["haq_di"] == 0.25
    assert found[f"categories.{category}"] == 2


@pytest.mark.parametrize(
    ("unanswered", "minimum", "index", "count", "clause"),
    [
        (1, None, 2 * 7 / 7, 7, "worst_items"),
        (2, None, 2.0, 6, "worst_items"),
        (3, None, None, 5, "too_few_categories"),
        (8, None, None, 0, "too_few_categories"),
        (2, 7, None, 6, "too_few_categories"),
        (1, 7, 2.0, 7, "worst_items"),
        (3, 5, 2.0, 5, "worst_items"),
        (8, 1, None, 0, "too_few_categories"),
    ],
)
def test_fewest_answered_categories(
    unanswered: int, minimum: int | None, index: float | None, count: int, clause: str
) -> None:
    answers: dict[str, Any] = {c: [2, 0] for c in CATEGORIES}
    blanks: list[Any] = [None, [], [None, None]]
    for position, category in enumerate(CATEGORIES[:unanswered]):
        answers[category] = blanks[position % 3]
    found = score(answers, **({"minimum_categories": minimum} if minimum else {}))
    assert found["haq_di"] == index
    assert found["categories_answered"] == count
    assert found["clause"] == clause
    if index is None:
        assert found["missing"] == "; ".join(f"items.{c}" for c in CATEGORIES[:unanswered])


def test_the_sum_is_divided_by_the_answered_categories() -> None:
    found = score({"dressing": None, "walking": [3, 0], "grip": [2, 0]})
    assert found["haq_di"] == pytest.approx(5 / 7, abs=1e-12)


def test_a_device_does_not_create_a_score_in_an_unanswered_category() -> None:
    found = score({"grip": None}, {"grip": True})
    assert (found["haq_di"], found["categories_answered"]) == (0.0, 7)
    assert found["categories.grip"] is None


@pytest.mark.parametrize(
    ("answer", "low", "high", "index"),
    [([1, 0], 0.125, 0.25, None), ([2, 0], 0.25, 0.25, 0.25), ([3], 0.375, 0.375, 0.375)],
)
def test_unknown_help_matters_only_where_it_could_raise_the_category(
    answer: list[int], low: float, high: float, index: float | None
) -> None:
    found = score({"walking": answer}, {"walking": None})
    assert (found["haq_di_lower_bound"], found["haq_di_upper_bound"], found["haq_di"]) == (low, high, index)
    assert found["missing"] == ("aids_devices_or_help.walking" if index is None else None)


@pytest.mark.parametrize("answer", [4, -1, 1.5])
def test_an_answer_that_does_not_exist_is_not_treated_as_unanswered(answer: float) -> None:
    found = score({"walking": [answer, 1]})
    assert found["haq_di"] is None
    assert found["clause"] == "refused_answer"
    assert found["categories_answered"] == 7
    assert found["missing"] == "items.walking"


def test_unknown_method_leaves_open_what_help_changes() -> None:
    found = score({"walking": [1]}, {"walking": True}, method="other")
    assert found["haq_di"] is None
    assert (found["haq_di_lower_bound"], found["haq_di_upper_bound"]) == (0.125, 0.25)
    assert score({"walking": [1]}, {"walking": True}, minimum_categories=None)["haq_di"] is None


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.lists(st.one_of(st.none(), st.integers(0, 3)), max_size=3), min_size=8, max_size=8),
    st.lists(st.booleans(), min_size=8, max_size=8),
)
def test_agrees_with_the_rule_written_out(answers: list[list[int | None]], aids: list[bool]) -> None:
    found = score(dict(zip(CATEGORIES, answers, strict=True)), dict(zip(CATEGORIES, aids, strict=True)))
    scores = []
    for given_answers, helped in zip(answers, aids, strict=True):
        known = [a for a in given_answers if a is not None]
        if known:
            scores.append(max([*known, 2]) if helped else max(known))
    assert found["categories_answered"] == len(scores)
    if len(scores) >= 6:
        assert found["haq_di"] == pytest.approx(sum(scores) / len(scores), abs=1e-12)
    else:
        assert found["haq_di"] is None
