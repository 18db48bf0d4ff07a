"""Partial dates: the first and the last day that a text can mean, and which texts are dates at all."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest

from aftercart.study.dates import earliest, is_valid, latest


def of(text: str | None) -> tuple[date | None, date | None, bool | None]:
    frame = pl.DataFrame({"d": [text]}, schema={"d": pl.String})
    first, last, valid = frame.select(a=earliest("d"), b=latest("d"), c=is_valid("d")).row(0)
    return first, last, valid


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("2024-03-05", date(2024, 3, 5), date(2024, 3, 5)),
        ("2024-03", date(2024, 3, 1), date(2024, 3, 31)),
        ("2024", date(2024, 1, 1), date(2024, 12, 31)),
        ("2024-02", date(2024, 2, 1), date(2024, 2, 29)),
        ("2023-02", date(2023, 2, 1), date(2023, 2, 28)),
        ("1900-02", date(1900, 2, 1), date(1900, 2, 28)),  # no leap year
        ("2000-02-29", date(2000, 2, 29), date(2000, 2, 29)),
        ("2024-12", date(2024, 12, 1), date(2024, 12, 31)),
        ("2024-03-05T14:20", date(2024, 3, 5), date(2024, 3, 5)),
        ("2024-03-05 14:20:59", date(2024, 3, 5), date(2024, 3, 5)),
        ("2024-03-05T23:59:59.123", date(2024, 3, 5), date(2024, 3, 5)),
        ("2024-03-05T00:00Z", date(2024, 3, 5), date(2024, 3, 5)),
        ("2024-03-05T00:30+02:00", date(2024, 3, 5), date(2024, 3, 5)),  # the day as written, not as in UTC
        ("2024-03-05T00:30-0530", date(2024, 3, 5), date(2024, 3, 5)),
    ],
)
def test_the_days_a_text_can_mean(text: str, first: date, last: date) -> None:
    assert of(text) == (first, last, True)


@pytest.mark.parametrize(
    "text",
    [
        "2021-02-31",
        "2021-02-29",
        "1900-02-29",
        "2021-04-31",
        "2021-13",
        "2021-00",
        "2021-13-01",
        "2021-01-00",
        "2021-01-32",
        "2021-1-5",
        "21-01-05",
        "05.01.2021",
        "01/05/2021",
        "20210105",
        "2021-01-05T",
        "2021-01-05T14",
        "2021-01-05T14:2",
        "2021-03T14:20",
        "2021-UN-UN",
        "2021-03-XX",
        "unknown",
        "44256",
        "",
        " 2021-01-05",
        "2021-01-05\n",
        "\uff12\uff10\uff12\uff11-03-01",  # full-width digits
        "\u0662\u0660\u0662\u0661",  # Arabic digits
        "x2021-01-05",
        "2021-01-05x",
    ],
)
def test_what_is_no_date(text: str) -> None:
    assert of(text)[2] is False


@pytest.mark.parametrize("text", ["2021-02-31", "2021-13", "unknown", "\uff12\uff10\uff12\uff11-03-01"])
def test_no_day_is_made_up_for_what_is_no_date(text: str) -> None:
    assert of(text)[:2] == (None, None)


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        ("2021-01-05T23:59:59", True),
        ("2021-01-05T24:00", False),
        ("2021-01-05T12:60", False),
        ("2021-01-05T12:00:60", False),
        ("2021-02-31T12:00", False),
    ],
)
def test_times_exist_too(text: str, valid: bool) -> None:
    assert of(text)[2] is valid


def test_nothing_is_neither_valid_nor_invalid() -> None:
    assert of(None) == (None, None, None)


def test_an_expression_serves_as_well_as_a_column_name() -> None:
    text = pl.lit("2024-02")
    found = pl.select(earliest(text).alias("a"), latest(text).alias("b"), is_valid(text).alias("c"))
    assert found.row(0) == (date(2024, 2, 1), date(2024, 2, 29), True)


def test_no_rows_give_no_rows() -> None:
    frame = pl.DataFrame({"d": []}, schema={"d": pl.String})
    assert frame.select(a=earliest("d"), b=latest("d"), c=is_valid("d")).shape == (0, 3)


def test_every_day_of_four_years_is_itself_and_the_day_after_each_month_is_none() -> None:
    days = pl.date_range(date(2021, 1, 1), date(2024, 12, 31), eager=True).alias("day").to_frame()
    texts = days.with_columns(d=pl.col("day").dt.to_string("%Y-%m-%d"))
    same = texts.filter((earliest("d") == pl.col("day")) & (latest("d") == pl.col("day")) & is_valid("d"))
    assert same.height == texts.height == 1461
    over = texts.filter(pl.col("day") == pl.col("day").dt.month_end()).select(
        d=pl.format("{}-{}", pl.col("d").str.slice(0, 7), pl.col("day").dt.day() + 1)
    )
    assert over.height == 48
    assert over.filter(is_valid("d")).to_series().to_list() == []
