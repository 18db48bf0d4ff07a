from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aftercart.criteria import logic
from aftercart.criteria.logic import Interval

BOOL = (True, False, None)
Compare = Callable[..., pl.Expr]


def flags(*values: bool | None) -> list[pl.Expr]:
    return [pl.lit(v, dtype=pl.Boolean) for v in values]


def value_of(expr: pl.Expr) -> Any:
    return pl.select(expr.alias("x"))["x"].item()


def ends(interval: Interval) -> tuple[Any, Any]:
    return value_of(interval.low), value_of(interval.high)


def completions(values: Sequence[bool | None]) -> list[tuple[bool, ...]]:
    """Every way in which the missing flags can turn out."""
    return list(product(*([v] if v is not None else [True, False] for v in values)))


# flags (t true, f false, m missing), k -> at least k of them
@pytest.mark.parametrize(
    ("given_flags", "k", "expected"),
    [
        ("t", 1, True),
        ("f", 1, False),
        ("m", 1, None),
        ("m", 2, False),
        ("ttf", 2, True),
        ("tff", 2, False),
        ("tfm", 2, None),
        ("ttm", 2, True),
        ("ffm", 2, False),
        ("fmm", 2, None),
        ("mmm", 2, None),
        ("mmm", 3, None),
        ("mmf", 3, False),
        ("tttmmm", 3, True),
        ("ttmfff", 3, None),
        ("ttffff", 3, False),
        ("tmm", 0, True),
    ],
)
def test_k_of_n(given_flags: str, k: int, expected: bool | None) -> None:
    values = [{"t": True, "f": False, "m": None}[c] for c in given_flags]
    assert value_of(logic.k_of_n(flags(*values), k)) is expected


@pytest.mark.parametrize("k", range(5))
def test_k_of_n_is_what_every_completion_agrees_on(k: int) -> None:
    rows = list(product(BOOL, repeat=4))
    frame = pl.DataFrame(rows, schema=dict.fromkeys("abcd", pl.Boolean), orient="row")
    found = frame.select(logic.k_of_n([pl.col(c) for c in "abcd"], k)).to_series().to_list()
    for row, answer in zip(rows, found, strict=True):
        possible = {sum(full) >= k for full in completions(row)}
        assert answer is (possible.pop() if len(possible) == 1 else None), row


@pytest.mark.parametrize(("left", "right"), list(product(BOOL, repeat=2)))
def test_and_or_not_follow_the_three_valued_tables(left: bool | None, right: bool | None) -> None:
    a, b = flags(left, right)
    full = completions((left, right))
    for expr, outcomes in (
        (a & b, {x and y for x, y in full}),
        (a | b, {x or y for x, y in full}),
        (~a, {not x for x, _ in full}),
    ):
        assert value_of(expr) is (outcomes.pop() if len(outcomes) == 1 else None)


@pytest.mark.parametrize(
    ("flag", "proven", "possible"), [(True, True, True), (False, False, False), (None, False, True)]
)
def test_proven_and_possible(flag: bool | None, proven: bool, possible: bool) -> None:
    (expr,) = flags(flag)
    assert (value_of(logic.is_true(expr)), value_of(logic.may_be_true(expr))) == (proven, possible)


# value against limit: below (-1), the same number (0) or above (1)
SIDES = [
    (3 * 0.3, 0.9, 0),
    (0.9, 3 * 0.3, 0),
    (0.1 + 0.2, 0.3, 0),
    (1.1 * 3, 3.3, 0),
    (0.7 + 0.1, 0.8, 0),
    (4.35 * 100, 435, 0),
    (2.675 - 2.175, 0.5, 0),
    (7.5, 7.5, 0),
    (0.0, 0.0, 0),
    (-0.3 * 3, -0.9, 0),
    (1e6 * (1 + 1e-12), 1e6, 0),
    (0.8999, 0.9, -1),
    (0.9001, 0.9, 1),
    (0.9 - 1e-6, 0.9, -1),
    (0.9 + 1e-6, 0.9, 1),
    (-0.9001, -0.9, -1),
    (-0.8999, -0.9, 1),
    (-1e-6, 0.0, -1),
    (1e-6, 0.0, 1),
    (99.9, 100, -1),
    (100.1, 100, 1),
    (1e6 - 1, 1e6, -1),
    (1e6 + 1, 1e6, 1),
    (-5.0, 5, -1),
]
COMPARISONS: list[tuple[Compare, tuple[bool, bool, bool]]] = [
    (logic.lt, (True, False, False)),
    (logic.le, (True, True, False)),
    (logic.gt, (False, False, True)),
    (logic.ge, (False, True, True)),
    (logic.eq, (False, True, False)),
]


@pytest.mark.parametrize(("compare", "answers"), COMPARISONS, ids=[c.__name__ for c, _ in COMPARISONS])
@pytest.mark.parametrize(("value", "limit", "side"), SIDES)
def test_comparisons_at_and_beside_an_edge(
    compare: Compare, answers: tuple[bool, bool, bool], value: float, limit: float, side: int
) -> None:
    expected = answers[side + 1]
    assert value_of(compare(pl.lit(value), limit)) is expected
    assert value_of(compare(pl.lit(value), pl.lit(float(limit)))) is expected


def test_plain_floats_would_miss_the_edge() -> None:
    assert 3 * 0.3 < 0.9
    assert 0.1 + 0.2 > 0.3


@pytest.mark.parametrize("compare", [c for c, _ in COMPARISONS], ids=[c.__name__ for c, _ in COMPARISONS])
@pytest.mark.parametrize(("value", "limit"), [(None, 1.0), (1.0, None), (None, None)])
def test_comparisons_with_something_missing_are_missing(
    compare: Compare, value: float | None, limit: float | None
) -> None:
    missing = compare(pl.lit(value, dtype=pl.Float64), pl.lit(limit, dtype=pl.Float64))
    assert value_of(missing) is None


def test_comparisons_work_on_columns_row_by_row() -> None:
    frame = pl.DataFrame({"value": [3 * 0.3, 1.0, 0.8, None], "limit": [0.9, 0.9, 0.9, 0.9]})
    found = frame.select(
        lt=logic.lt(pl.col("value"), pl.col("limit")),
        le=logic.le(pl.col("value"), pl.col("limit")),
        gt=logic.gt(pl.col("value"), pl.col("limit")),
        ge=logic.ge(pl.col("value"), pl.col("limit")),
    )
    assert found["lt"].to_list() == [False, False, True, None]
    assert found["le"].to_list() == [True, False, True, None]
    assert found["gt"].to_list() == [False, True, False, None]
    assert found["ge"].to_list() == [True, True, False, None]


@settings(max_examples=60, deadline=None)
@given(tenths=st.integers(-500, 500), other=st.integers(-500, 500), steps=st.sampled_from([10, 3, 7]))
def test_decimals_compare_like_the_fractions_they_print(tenths: int, other: int, steps: int) -> None:
    noisy = sum([tenths / 10 / steps] * steps)
    found = pl.select(
        lt=logic.lt(pl.lit(noisy), other / 10),
        le=logic.le(pl.lit(noisy), other / 10),
        gt=logic.gt(pl.lit(noisy), other / 10),
        ge=logic.ge(pl.lit(noisy), other / 10),
    ).row(0)
    assert found == (tenths < other, tenths <= other, tenths > other, tenths >= other)


@pytest.mark.parametrize(
    ("flag", "excluded", "plain", "unless"),
    [
        (True, False, (4, 4), (4, 4)),
        (True, True, (4, 4), (0, 0)),
        (True, None, (4, 4), (0, 4)),
        (False, False, (0, 0), (0, 0)),
        (False, True, (0, 0), (0, 0)),
        (False, None, (0, 0), (0, 0)),
        (None, False, (0, 4), (0, 4)),
        (None, True, (0, 4), (0, 0)),
        (None, None, (0, 4), (0, 4)),
    ],
)
def test_points_of_a_flag_and_of_an_excluded_one(
    flag: bool | None, excluded: bool | None, plain: tuple[int, int], unless: tuple[int, int]
) -> None:
    finding, other_cause = flags(flag, excluded)
    interval = Interval.flag(finding, 4)
    assert ends(interval) == plain
    assert ends(interval.unless(other_cause)) == unless
    assert value_of(interval.value()) == (plain[0] if plain[0] == plain[1] else None)
    assert value_of(interval.unless(other_cause).value()) == (unless[0] if unless[0] == unless[1] else None)


def spanning(low: int, high: int) -> Interval:
    return Interval(pl.lit(low), pl.lit(high))


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([(2, 2)], (2, 2)),
        ([(0, 0), (3, 3)], (3, 3)),
        ([(0, 4), (1, 1)], (1, 4)),
        ([(0, 4), (4, 4)], (4, 4)),
        ([(0, 2), (1, 3), (2, 2)], (2, 3)),
        ([(0, 0), (0, 0)], (0, 0)),
    ],
)
def test_worst_of_several_domains(parts: list[tuple[int, int]], expected: tuple[int, int]) -> None:
    assert ends(logic.worst(*(spanning(*part) for part in parts))) == expected
    assert ends(logic.worst(*(spanning(*part) for part in parts[::-1]))) == expected


def test_a_known_value_is_an_interval_without_width() -> None:
    assert ends(Interval.of(3)) == (3, 3)
    assert value_of(Interval.of(3).value()) == 3
    assert value_of(spanning(1, 3).value()) is None


@pytest.mark.parametrize(
    ("code", "expected"), [("none", (0, 0)), ("deep", (2, 2)), ("unheard of", (0, 4)), (None, (0, 4))]
)
def test_a_code_is_looked_up_and_an_unknown_one_spans_the_scale(code: str | None, expected: tuple[int, int]) -> None:
    table = {"none": 0, "mild": 1, "deep": 2}
    assert ends(logic.from_map(pl.lit(code, dtype=pl.String), table, low=0, high=4)) == expected


@pytest.mark.parametrize(
    ("value", "minimum", "maximum", "expected"),
    [
        (5.0, 0, 10, 5.0),
        (0.0, 0, 10, 0.0),
        (10.0, 0, 10, 10.0),
        (-0.1, 0, 10, None),
        (10.1, 0, 10, None),
        (3 * 0.3, 0.9, None, 3 * 0.3),
        (-7.0, None, 10, -7.0),
        (70.0, 0, None, 70.0),
        (70.0, None, None, 70.0),
        (None, 0, 10, None),
    ],
)
def test_values_outside_their_limits_are_missing_never_clipped(
    value: float | None, minimum: float | None, maximum: float | None, expected: float | None
) -> None:
    assert value_of(logic.in_range(pl.lit(value, dtype=pl.Float64), minimum, maximum)) == expected


@pytest.mark.parametrize(
    ("conditions", "label"),
    [
        ((True, True, True), "first"),
        ((False, True, True), "second"),
        ((None, True, False), "second"),
        ((False, None, True), "third"),
        ((None, None, None), None),
        ((False, False, False), None),
        ((True, None, None), "first"),
    ],
)
def test_the_first_proven_case_gives_the_label(conditions: tuple[bool | None, ...], label: str | None) -> None:
    cases = zip(flags(*conditions), ("first", "second", "third"), strict=True)
    assert value_of(logic.first_true(*cases)) == label


def test_a_single_case() -> None:
    assert value_of(logic.first_true((pl.lit(value=True), "only"))) == "only"
    assert value_of(logic.first_true((pl.lit(value=False), "only"))) is None


@pytest.mark.parametrize(
    ("a", "b", "c", "expected"),
    [
        (1.0, "x", 2, None),
        (None, "x", 2, "a"),
        (1.0, None, 2, "b"),
        (None, None, 2, "a; b"),
        (None, None, None, "a; b; third"),
        (1.0, "x", None, "third"),
    ],
)
def test_names_of_what_is_missing(a: float | None, b: str | None, c: int | None, expected: str | None) -> None:
    frame = pl.DataFrame({"a": [a], "b": [b], "c": [c]}, schema={"a": pl.Float64, "b": pl.String, "c": pl.Int64})
    names = logic.missing_names("a", "b", ("third", pl.col("c").is_null()))
    assert frame.select(names).to_series().item() == expected


@pytest.mark.parametrize(("condition", "expected"), [(True, "either"), (False, None), (None, None)])
def test_a_name_with_its_own_condition(condition: bool | None, expected: str | None) -> None:
    assert value_of(logic.missing_names(("either", pl.lit(condition, dtype=pl.Boolean)))) == expected
