"""Phase of long-term follow-up after gene-modified cells."""

from __future__ import annotations

import polars as pl

from aftercart.criteria import registry
from aftercart.criteria.calling import criterion
from aftercart.criteria.logic import first_true, is_true, le, missing_names


@criterion
def ltfu_phase(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Name the phase of the 15 years of follow-up, and what is due in it.

    Source: FDA, Long Term Follow-Up After Administration of Human Gene Therapy Products, January 2020.

    >>> import polars as pl
    >>> from aftercart import criteria
    >>> criteria.ltfu_phase(pl.DataFrame({"years_since_infusion": [5, 6, 16]}))["phase"].to_list()
    ['annual_visit', 'annual_query', 'beyond_15_years']
    """
    rules = registry.get("ltfu_phase").rules
    years, deceased = pl.col("years_since_infusion"), pl.col("deceased")
    visits, queries = le(years, rules["visits_until_year"]), le(years, rules["queries_until_year"])
    phase = first_true(
        (deceased, "closed_death"),
        (~deceased & visits, "annual_visit"),
        (~deceased & queries, "annual_query"),
        (~deceased & years.is_not_null(), "beyond_15_years"),
    )
    return rows.with_columns(phase=phase).with_columns(
        physical_exam_due=pl.col("phase") == "annual_visit",
        questionnaire_due=pl.col("phase") == "annual_query",
        clause=pl.col("phase"),
        missing=missing_names(
            ("years_since_infusion", years.is_null() & ~is_true(deceased)),
            "deceased",
        ),
    )
