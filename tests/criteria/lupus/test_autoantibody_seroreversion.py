from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from aftercart import criteria


def follow(kind: str | None, **given: Any) -> dict[str, Any]:
    record = {"kind": kind} | given
    frame = pl.DataFrame({k: pl.Series(k, [v], strict=False) for k, v in record.items()})
    return criteria.autoantibody_seroreversion(frame).row(0, named=True)


def answers(found: dict[str, Any]) -> tuple[Any, Any, Any]:
    return found["baseline_positive"], found["seroreversion"], found["sustained_seroreversion"]


@pytest.mark.parametrize(
    ("baseline", "followup", "expected", "clause"),
    [
        (120, [80, 25], (True, True, False), "reverted"),
        (120, [25, 20], (True, True, True), "sustained"),
        (120, [30, 30], (True, True, True), "sustained"),  # at the limit
        (120, [30.1, 30], (True, True, False), "reverted"),
        (120, [20, 30.1], (True, False, False), "still_positive"),
        (120, [80, 25, 20], (True, True, True), "sustained"),
        (120, [25], (True, True, None), "reverted"),
        (400, [60], (True, False, None), "still_positive"),
        (120, [25, None, 20, None], (True, True, True), "sustained"),  # missing values are skipped
        (120, [80, None, 20], (True, True, False), "reverted"),
        (30, [10, 10], (False, False, False), "not_positive_before"),
        (30.1, [10, 10], (True, True, True), "sustained"),
        (20, [10], (False, False, False), "not_positive_before"),
        (20, [], (False, False, False), "not_positive_before"),
        (20, [50], (False, False, False), "not_positive_before"),
    ],
)
def test_levels(baseline: float, followup: list[float | None], expected: tuple[Any, Any, Any], clause: str) -> None:
    found = follow("quantitative", baseline=baseline, followup=followup, upper_limit_normal=30)
    assert answers(found) == expected
    assert (found["clause"], found["missing"], found["fourfold_fall"]) == (clause, None, None)
    assert found["n_observed"] == len([v for v in followup if v is not None])


@pytest.mark.parametrize(
    ("given", "expected", "missing"),
    [
        ({"baseline": None}, (None, None, None), "baseline"),
        ({"baseline": -1}, (None, None, None), "baseline"),
        ({"upper_limit_normal": None}, (None, None, None), "upper_limit_normal"),
        ({"followup": []}, (True, None, None), "followup"),
        ({"followup": None}, (True, None, None), "followup"),
        ({"followup": [None]}, (True, None, None), "followup"),
        ({"followup": [25, -1]}, (True, None, None), "followup"),  # not skipped
        ({"followup": ["25", "<10"]}, (True, None, None), "followup"),
        ({"baseline": "positive"}, (None, None, None), "baseline"),
    ],
)
def test_levels_that_are_missing(given: dict[str, Any], expected: tuple[Any, Any, Any], missing: str) -> None:
    record: dict[str, Any] = {"baseline": 120, "followup": [25, 20], "upper_limit_normal": 30}
    found = follow("quantitative", **(record | given))
    assert answers(found) == expected
    assert (found["clause"], found["missing"]) == (None, missing)


def test_what_cannot_be_read_matters_for_sustained_only_when_it_is_one_of_the_last_two() -> None:
    record = {"baseline": 120, "upper_limit_normal": 30}
    assert answers(follow("quantitative", followup=[-1, 20], **record)) == (True, True, None)
    assert answers(follow("quantitative", followup=[-1, 20, 20], **record)) == (True, True, True)


@pytest.mark.parametrize(
    ("baseline", "followup", "expected", "fourfold", "clause"),
    [
        (1280, 80, (True, False, None), True, "still_positive"),
        (320, 0, (True, True, None), True, "reverted"),
        (160, 80, (True, False, None), False, "still_positive"),
        (160, 79, (True, True, None), False, "reverted"),
        (160, 40, (True, True, None), True, "reverted"),
        (80, 40, (True, True, None), False, "reverted"),
        (40, 0, (False, False, False), True, "not_positive_before"),
        (79, 640, (False, False, False), False, "not_positive_before"),
        (0, 0, (False, False, False), False, "not_positive_before"),
        (40, None, (False, False, False), None, "not_positive_before"),
    ],
)
def test_titres(
    baseline: float, followup: float | None, expected: tuple[Any, Any, Any], fourfold: bool | None, clause: str
) -> None:
    found = follow("hep2_titre", baseline_reciprocal_titre=baseline, followup_reciprocal_titre=followup)
    assert answers(found) == expected
    assert (found["fourfold_fall"], found["clause"], found["missing"]) == (fourfold, clause, None)


def test_the_laboratory_says_from_which_titre_a_test_is_positive() -> None:
    titres = {"baseline_reciprocal_titre": 320, "followup_reciprocal_titre": 80}
    assert follow("hep2_titre", **titres)["seroreversion"] is False
    assert follow("hep2_titre", positive_from_reciprocal_titre=160, **titres)["seroreversion"] is True


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ({"baseline_reciprocal_titre": None}, "baseline_reciprocal_titre"),
        ({"followup_reciprocal_titre": None}, "followup_reciprocal_titre"),
        ({"followup_reciprocal_titre": -80}, "followup_reciprocal_titre"),
        ({"positive_from_reciprocal_titre": None}, "positive_from_reciprocal_titre"),
    ],
)
def test_titres_that_are_missing(given: dict[str, Any], missing: str) -> None:
    record: dict[str, Any] = {"baseline_reciprocal_titre": 320, "followup_reciprocal_titre": 80}
    found = follow("hep2_titre", **(record | given))
    assert (found["seroreversion"], found["missing"]) == (None, missing)


@pytest.mark.parametrize(
    ("baseline", "followup", "expected", "clause"),
    [
        ("positive", "negative", (True, True, None), "reverted"),
        ("positive", "positive", (True, False, None), "still_positive"),
        (" Positive ", "NEGATIVE", (True, True, None), "reverted"),
        ("negative", "negative", (False, False, False), "not_positive_before"),
        ("negative", "positive", (False, False, False), "not_positive_before"),
        ("positive", ["negative", "negative"], (True, True, True), "sustained"),
        ("positive", "negative; negative", (True, True, True), "sustained"),
        ("positive", ["positive", "negative"], (True, True, False), "reverted"),
    ],
)
def test_words(baseline: str, followup: str | list[str], expected: tuple[Any, Any, Any], clause: str) -> None:
    found = follow("qualitative", antibody="anti_jo_1", baseline=baseline, followup=followup)
    assert answers(found) == expected
    assert (found["clause"], found["missing"]) == (clause, None)


@pytest.mark.parametrize(
    ("baseline", "followup", "missing"),
    [
        ("positive", "indeterminate", "followup"),
        ("positive", None, "followup"),
        ("equivocal", "negative", "baseline"),
        (None, None, "baseline; followup"),
    ],
)
def test_words_that_are_missing(baseline: str | None, followup: str | None, missing: str) -> None:
    found = follow("qualitative", baseline=baseline, followup=followup)
    assert (found["seroreversion"], found["clause"], found["missing"]) == (None, None, missing)


def test_without_a_kind_nothing_is_known() -> None:
    found = follow("other", baseline=120, followup=[20], upper_limit_normal=30)
    assert answers(found) == (None, None, None)
    assert found["missing"] == "kind"


def test_kinds_side_by_side() -> None:
    rows = pl.DataFrame(
        {
            "kind": ["quantitative", "qualitative", "hep2_titre"],
            "baseline": ["120", "positive", None],
            "followup": ["20", "negative", None],
            "upper_limit_normal": [30, None, None],
            "baseline_reciprocal_titre": [None, None, 320],
            "followup_reciprocal_titre": [None, None, 0],
        }
    )
    assert criteria.autoantibody_seroreversion(rows)["seroreversion"].to_list() == [True, True, True]
