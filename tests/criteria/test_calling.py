"""What surrounds every criterion: kinds of frame in and out, defaults, refusals, long and nested series."""

from __future__ import annotations

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from aftercart import criteria
from aftercart.criteria import calling
from aftercart.errors import FrameError

DAYS = {"temperature_c": [38.5, 37.0, None], "n_vasopressors_excl_vasopressin": [0, 0, 2]}
GRADES = [1, 0, None]


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (pl.DataFrame, pl.DataFrame),
        (lambda d: pl.DataFrame(d).lazy(), pl.LazyFrame),
        (pd.DataFrame, pd.DataFrame),
        (pa.table, pa.Table),
        (dict, dict),
    ],
)
def test_the_same_kind_comes_back(make, kind) -> None:
    graded = criteria.crs_astct_2019(make(DAYS))
    assert isinstance(graded, kind)
    table = graded.collect() if kind is pl.LazyFrame else pl.DataFrame(graded)
    assert [None if v is None or v != v else int(v) for v in table["grade"].to_list()] == GRADES


def test_anything_that_exports_arrow() -> None:
    class Exporter:
        def __arrow_c_stream__(self, requested_schema=None):
            return pa.table(DAYS).__arrow_c_stream__(requested_schema)

    assert pl.DataFrame(criteria.crs_astct_2019(Exporter()))["grade"].to_list() == GRADES


def test_the_users_frame_is_kept_and_not_changed() -> None:
    data = pl.DataFrame({"patient": ["a"], "temperature_c": [39.0]})
    graded = criteria.crs_astct_2019(data)
    assert graded.columns[:2] == ["patient", "temperature_c"]
    assert data.columns == ["patient", "temperature_c"]


def test_nan_is_missing() -> None:
    graded = criteria.crs_astct_2019(pd.DataFrame({"temperature_c": [float("nan")]}))
    assert graded["missing"][0] == "temperature_c"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"temperature_c": ["warm"]}, ["temperature_c", "row 0", "'warm'", "float"]),
        ({"temperature_c": [38.0], "vasopressin": ["maybe"]}, ["vasopressin", "'maybe'", "bool"]),
        ({"temperature_c": [38.0], "n_vasopressors_excl_vasopressin": [1.5]}, ["n_vasopressors", "1.5", "int"]),
        ({"fever": [38.0]}, ["none of the inputs", "fever"]),
        ([1, 2], ["data frame is expected", "list"]),
    ],
)
def test_a_column_that_cannot_be_read_is_an_error_with_the_facts(data, words) -> None:
    with pytest.raises(FrameError) as caught:
        criteria.crs_astct_2019(data)
    assert all(w in caught.value.message for w in words)
    assert caught.value.hint


def test_a_value_outside_its_limits_is_missing_with_the_reason() -> None:
    graded = criteria.crs_astct_2019(pl.DataFrame({"temperature_c": [98.6]}))
    assert graded.select("grade", "grade_min", "grade_max", "invalid").row(0) == (
        None,
        0,
        1,
        "temperature_c: found 98.6, expected 25 to 45",
    )


def test_an_input_for_all_rows_is_a_keyword() -> None:
    counts = pl.DataFrame({"anc_per_ul": [499]})
    assert criteria.ctcae_neutrophils(counts, ctcae_version=5)["grade"].item() == 4
    assert criteria.ctcae_neutrophils(counts, ctcae_version=6)["grade"].item() == 3
    with pytest.raises(FrameError, match="no input 'version'"):
        criteria.ctcae_neutrophils(counts, version=6)


LONG = pl.DataFrame(
    {
        "subject_id": ["b", "a", "b", "a"],
        "days_since_infusion": [40, 40, 60, 60],
        "anc_per_ul": [400.0, 1600.0, 450.0, 1700.0],
    }
)


def test_a_long_frame_gives_one_row_for_each_subject() -> None:
    assert criteria.icaht_late_2023(LONG).select("subject_id", "grade").rows() == [("b", 3), ("a", 0)]
    by_centre = LONG.rename({"subject_id": "centre"})
    assert criteria.icaht_late_2023(by_centre, by="centre")["grade"].to_list() == [3, 0]
    assert criteria.icaht_late_2023(LONG.drop("subject_id"))["grade"].to_list() == [3]


def test_a_nested_frame_gives_the_same() -> None:
    nested = LONG.group_by("subject_id", maintain_order=True).agg(anc=pl.struct("days_since_infusion", "anc_per_ul"))
    assert criteria.icaht_late_2023(nested).select("subject_id", "grade").rows() == [("b", 3), ("a", 0)]
    assert criteria.icaht_late_2023({"anc": [[]]})["grade"] == [None]


def test_what_holds_for_a_series_may_not_change_within_it() -> None:
    with pytest.raises(FrameError, match="changes between the rows"):
        criteria.icaht_late_2023(LONG.with_columns(late_window_end_day=pl.Series([100, 100, 180, 100])))
    with pytest.raises(FrameError, match="no column 'centre'"):
        criteria.icaht_late_2023(LONG, by="centre")
    with pytest.raises(FrameError, match="list column 'anc'"):
        criteria.icaht_late_2023(LONG.select("subject_id"))


def test_a_refused_row_of_a_series_is_named() -> None:
    graded = criteria.icaht_late_2023(LONG.with_columns(anc_per_ul=pl.Series([-1.0, 1600, 450, 1700])))
    assert graded["invalid"].to_list() == ["anc_per_ul: found -1.0, expected 0 to 1000000", None]


def test_an_empty_frame_gives_an_empty_result() -> None:
    assert criteria.crs_astct_2019(pl.DataFrame(schema={"temperature_c": pl.Float64})).height == 0


@pytest.mark.parametrize("key", ["ctcae_neutrophils", "crs_astct_2019", "sledai_2k", "das28_crp"])
def test_many_rows_give_what_few_give_in_the_same_order(key: str) -> None:
    fn = getattr(criteria, key)
    columns = {
        "ctcae_neutrophils": {"anc_per_ul": [None, 50.0, 499.0, 500.0, 1200.0, 4000.0, 7.0]},
        "crs_astct_2019": {
            "temperature_c": [38.5, None, 37.0, 39.0, 36.0],
            "hypotension_present": [True, False, None, True, False],
        },
        "sledai_2k": {"descriptors.arthritis": [True, False, None], "descriptors.rash": [False, True, True]},
        "das28_crp": {"tender_joint_count_28": [4, None, 0], "crp_mg_per_l": [20.0, 1.0, None]},
    }[key]
    few = pl.DataFrame(columns)
    copies = calling.MANY_ROWS // few.height + 1
    many = fn(pl.concat([few] * copies))
    assert many.height >= calling.MANY_ROWS
    assert many.equals(pl.concat([fn(few)] * copies))


@pytest.mark.parametrize("make", [pl.DataFrame, pd.DataFrame, dict])
def test_decompose_gives_the_parts_only_in_the_same_kind_of_frame(make) -> None:
    parts = criteria.mg_adl.decompose(make({"items.chewing": [2, 0], "patient": ["a", "b"]}), unlisted_items=1)
    assert isinstance(parts, make)
    table = pl.DataFrame(parts)
    assert table["points.chewing"].to_list() == [2, 0]
    assert table["points.talking"].to_list() == [1, 1]
    assert not {"patient", "mg_adl", "items.chewing", "clause"} & set(table.columns)


def test_decompose_of_a_series_names_the_subject_and_of_a_rule_without_parts_gives_its_outputs() -> None:
    taken = pl.DataFrame({"subject_id": ["a", "b", "b"], "drug": ["prednisone"] * 3, "dose_mg_per_day": [5, 5, 5]})
    parts = criteria.glucocorticoid_prednisone_equivalent.decompose(taken)
    assert parts.to_dict(as_series=False) == {"subject_id": ["a", "b"], "n_systemic": [1, 2]}
    change = criteria.sledai_change.decompose(pl.DataFrame({"baseline_sledai": [8], "followup_sledai": [4]}))
    assert change.row(0, named=True) == {"delta": -4, "category": "improvement", "remission_score_zero": False}
