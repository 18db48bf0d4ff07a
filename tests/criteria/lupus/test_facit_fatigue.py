from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aftercart import criteria

ITEMS = ["HI7", "HI12", "An1", "An2", "An3", "An4", "An5", "An7", "An8", "An12", "An14", "An15", "An16"]


def score(answers: dict[str, Any], **more: Any) -> dict[str, Any]:
    record = {f"items.{k}": v for k, v in answers.items()} | more
    return criteria.facit_fatigue(pl.DataFrame({k: pl.Series(k, [v], strict=False) for k, v in record.items()})).row(
        0, named=True
    )


@pytest.mark.parametrize(
    ("answers", "rest", "expected"),
    [
        ({"An5": 4, "An7": 4}, 0, 52),
        ({"An5": 0, "An7": 0}, 4, 0),
        ({"An5": 2}, 2, 26),
        ({"An5": 0}, 0, 44),
        ({"An5": 1}, 1, 35),
        ({"An5": 4}, 4, 8),
    ],
)
def test_complete_questionnaires(answers: dict[str, int], rest: int, expected: float) -> None:
    found = score(answers, unlisted_items=rest)
    assert (found["facit_fatigue_0_52"], found["items_answered"]) == (expected, 13)
    assert (found["clause"], found["missing"]) == ("all_answered", None)


@pytest.mark.parametrize("item", ITEMS)
def test_two_items_count_as_answered_and_eleven_are_reversed(item: str) -> None:
    others = dict.fromkeys(ITEMS, 2)
    change = 2 if item in ("An5", "An7") else -2
    assert score({**others, item: 4})["facit_fatigue_0_52"] == 26 + change


@pytest.mark.parametrize(
    ("answered", "expected", "clause"),
    [(12, 39.0, "prorated"), (7, 39.0, "prorated"), (6, None, "too_few_answered"), (0, None, "too_few_answered")],
)
def test_more_than_half_must_be_answered(answered: int, expected: float | None, clause: str) -> None:
    # Three points from every item: forward 3, reversed 4 - 1.
    values = {i: 3 if i in ("An5", "An7") else 1 for i in ITEMS}
    found = score({i: v if n < answered else None for n, (i, v) in enumerate(values.items())})
    assert (found["facit_fatigue_0_52"], found["items_answered"], found["clause"]) == (expected, answered, clause)
    assert found["missing"] == (
        None if expected else "; ".join(f"items.{i}" for i in _order() if i in ITEMS[answered:])
    )


def _order() -> list[str]:
    return [i for i in ITEMS if i not in ("An5", "An7")] + ["An5", "An7"]


def test_unlisted_items_are_unanswered() -> None:
    assert score(dict.fromkeys(ITEMS[:8], 0))["items_answered"] == 8
    assert score({"HI7": 0})["facit_fatigue_0_52"] is None


def test_prorated_scores_have_four_decimals() -> None:
    found = score({**dict.fromkeys(ITEMS[:6], 4), "An7": 0})
    assert found["facit_fatigue_0_52"] == 0.0
    found = score({**dict.fromkeys(ITEMS[:6], 4), "An7": 1})
    assert found["facit_fatigue_0_52"] == 1.8571


@pytest.mark.parametrize("answer", [5, -1, 2.5])
def test_an_answer_that_does_not_exist_is_not_treated_as_unanswered(answer: float) -> None:
    found = score({"An1": answer}, unlisted_items=1)
    assert (found["facit_fatigue_0_52"], found["items_answered"]) == (None, 13)
    assert (found["clause"], found["missing"]) == ("refused_answer", "items.An1")


@settings(max_examples=50, deadline=None)
@given(st.lists(st.one_of(st.none(), st.integers(0, 4)), min_size=13, max_size=13))
def test_agrees_with_the_rule_written_out(answers: list[int | None]) -> None:
    found = score(dict(zip(ITEMS, answers, strict=True)))
    points = [a if i in ("An5", "An7") else 4 - a for i, a in zip(ITEMS, answers, strict=True) if a is not None]
    assert found["items_answered"] == len(points)
    if len(points) > 6.5:
        assert found["facit_fatigue_0_52"] == pytest.approx(sum(points) * 13 / len(points), abs=5.1e-5)
    else:
        assert found["facit_fatigue_0_52"] is None
