"""The patients behind every number of the reference cohort add up to it."""

from __future__ import annotations

import polars as pl
import pytest

import aftercart as ac
from aftercart.analysis.baseline import row_id
from aftercart.analysis.behind import NO, OPEN, YES, question


@pytest.fixture(scope="module")
def found(reference_analysis: ac.Analysis) -> ac.Analysis:
    return reference_analysis


def test_the_patients_behind_every_estimate_add_up_to_it(found: ac.Analysis) -> None:
    """Of every proportion, yes and no are its counts, by disease and together; of a number, its patients."""
    asked = set(found.answers["id"])
    behind = {r["id"]: question(r["id"], asked) for r in found.estimates.iter_rows(named=True) if r["denominator"]}
    assert [id_ for id_, base in behind.items() if base is None] == []
    answers = found.answers.partition_by("id", as_dict=True)
    counted = 0
    for r in found.estimates.filter(pl.col("id").is_in(list(asked))).iter_rows(named=True):
        mine = answers[(r["id"],)]
        mine = mine if r["stratum"] == "all" else mine.filter(pl.col("indication") == r["stratum"])
        if r["unit"] == "proportion":
            yes, no = ((mine["answer"] == answer).sum() for answer in (YES, NO))
            assert (yes, yes + no) == (r["numerator"], r["denominator"]), r
        elif r["unit"] != "probability" and not r["id"].endswith(("_per_month", "follow_up")):
            assert mine["value"].len() == r["denominator"], r
        counted += 1
    assert counted > 900


def test_the_patients_behind_every_row_at_entry_add_up_to_it(found: ac.Analysis) -> None:
    """By disease and together: of a level yes and no are its counts; of a number, its patients have that median."""
    answers = found.answers.partition_by("id", as_dict=True)
    ids = [row_id(variable, level) for variable, level in found.baseline.select("variable", "level").unique().rows()]
    assert len(set(ids)) == len(ids)
    for r in found.baseline.iter_rows(named=True):
        mine = answers.get((row_id(r["variable"], r["level"]),), found.answers.clear())
        mine = mine if r["stratum"] == "all" else mine.filter(pl.col("indication") == r["stratum"])
        if r["level"] is None:
            assert mine.height == r["known"], r
            assert mine["value"].median() == pytest.approx(r["median"]), r
        else:
            assert mine.height == r["n"], r
            assert (mine["answer"] == YES).sum() == r["count"], r
            assert (mine["answer"] == OPEN).sum() == r["missing"], r
    assert found.baseline.height > 150


def test_rows_at_entry_that_differ_in_a_sign_or_script_have_names_of_their_own() -> None:
    levels = [
        "CAR-T 1",
        "CAR T 1",
        "car T 1",
        "CAR_T_1",
        "\u041f\u0440\u0435\u043f\u0430\u0440\u0430\u0442",
        "\u88fd\u54c1",
        "A",
        "a",
    ]
    names = {row_id("Product", level) for level in levels}
    assert len(names) == len(levels)
    assert all(name.isascii() and name.replace("_", "").isalnum() for name in names)
    assert row_id("Sex", "F") == "at_entry_sex_F"
