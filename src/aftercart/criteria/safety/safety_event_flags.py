"""Events after gene-modified cells that call for an expedited report or transgene testing."""

from __future__ import annotations

import polars as pl

from aftercart.criteria.calling import criterion
from aftercart.criteria.logic import first_true


@criterion
def safety_event_flags(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Say whether an event is reported at once, and whether a second cancer is tested for the transgene.

    Source: FDA, Long Term Follow-Up After Administration of Human Gene Therapy Products, January 2020; FDA safety
    communication of 23 January 2024.

    >>> import polars as pl
    >>> from aftercart import criteria
    >>> events = pl.DataFrame({"event": ["new_malignancy", "pregnancy"], "serious_outcome": [True, False]})
    >>> criteria.safety_event_flags(events)["report_expedited"].to_list()
    [True, False]
    """
    event = pl.col("event")
    positive = pl.col("rcl_result") == "positive"
    report = (
        pl.when(event.is_in(["new_malignancy", "death"]))
        .then(pl.lit(value=True))
        .when(event == "rcl_test")
        .then(positive)
        .when(event.is_not_null())
        .then(pl.col("serious_outcome"))
    )
    return rows.with_columns(report_expedited=report, request_transgene_testing=event == "new_malignancy").with_columns(
        clause=first_true(
            (event == "new_malignancy", "new_malignancy"),
            ((event == "rcl_test") & positive, "rcl_positive"),
            (event == "death", "death"),
            ((event != "rcl_test") & pl.col("serious_outcome"), "serious"),
            (~pl.col("report_expedited"), "not_expedited"),
        ),
        missing=pl.when(pl.col("report_expedited").is_null()).then(
            pl.when(event.is_null())
            .then(pl.lit("event"))
            .when(event == "rcl_test")
            .then(pl.lit("rcl_result"))
            .otherwise(pl.lit("serious_outcome"))
        ),
    )
