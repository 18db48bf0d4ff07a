"""IMACS definition of improvement in myositis (Rider 2004)."""

from __future__ import annotations

import polars as pl

from aftercart.criteria import registry
from aftercart.criteria.calling import criterion
from aftercart.criteria.logic import first_true, ge, is_true, k_of_n, le, missing_names

COLUMNS = {
    "md_global": "md_global_0_10_cm",
    "patient_global": "patient_global_0_10_cm",
    "mmt": "mmt8",
    "haq": "haq_di_0_3",
    "enzyme": "enzyme_u_per_l",
    "extramuscular": "extramuscular_0_10_cm",
}
LISTS = ("improved_ge20pct", "worsened_ge25pct", "worsened_ge30pct")


def _known_names(column: str) -> pl.Expr:
    """The list, or missing when it holds a name that is no core set measure."""
    foreign = pl.col(column).list.eval(~pl.element().is_in(list(COLUMNS))).list.any()
    return pl.when(~foreign).then(pl.col(column)).alias(column)


def _at(visit: str, measure: str) -> pl.Expr:
    """Value of a measure at one visit; missing for an enzyme that another cause explains."""
    value = pl.col(f"{visit}.{COLUMNS[measure]}")
    return pl.when(~pl.col("enzyme_other_cause")).then(value) if measure == "enzyme" else value


def _percent(measure: str) -> pl.Expr:
    """Improvement in percent of the baseline value: as given, else from both visits; none from a baseline of 0."""
    baseline, followup = _at("baseline", measure), _at("followup", measure)
    better = followup - baseline if measure == "mmt" else baseline - followup
    from_visits = pl.when(baseline > 0).then(better / baseline * 100)
    return pl.coalesce(f"improvement_pct.{measure}", from_visits).round(9)


def _improved(measure: str, limit: float) -> pl.Expr:
    by_percent = ge(pl.col(f"pct.{measure}"), limit)
    from_zero = pl.when(_at("baseline", measure) == 0).then(pl.lit(value=False))
    by_name = pl.col("improved_ge20pct").list.contains(measure)
    return pl.coalesce(by_percent, from_zero, by_name)


@criterion
def imacs_doi(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Decide whether myositis improved by the IMACS definition: 3 of 6 measures by 20%, at most 2 worse by 25%.

    Source: Rider 2004, Arthritis Rheum 50:2281.

    >>> import polars as pl
    >>> from aftercart import criteria
    >>> pair = pl.DataFrame({"improvement_pct.md_global": [30], "improvement_pct.mmt": [20],
    ...     "improvement_pct.haq": [25], "improvement_pct.enzyme": [-40]})
    >>> criteria.imacs_doi(pair)["imacs_doi"].to_list()
    [True]
    """
    rules = registry.get("imacs_doi").rules
    percent = {m: pl.col(f"pct.{m}") for m in COLUMNS}
    severe = {
        m: is_true(le(percent[m], -rules["severely_worse_from_percent"]))
        | is_true(pl.col("worsened_ge30pct").list.contains(m))
        for m in COLUMNS
    }
    worse = {
        m: is_true(le(percent[m], -rules["worse_from_percent"]))
        | is_true(pl.col("worsened_ge25pct").list.contains(m))
        | severe[m]
        for m in COLUMNS
    }
    improved = [pl.col(f"_improved.{m}") for m in COLUMNS]
    enough = k_of_n(improved, rules["improved_measures"])
    n_worse, strength_worse, result = pl.col("n_worse_ge25"), pl.col("mmt_worse_ge25"), pl.col("imacs_doi")
    too_many = n_worse > rules["worse_measures_allowed"]
    seen = pl.any_horizontal(
        *(p.is_not_null() for p in percent.values()), *(pl.col(name).is_not_null() for name in LISTS)
    )
    n_severe = pl.sum_horizontal(f.cast(pl.Int64) for f in severe.values())
    return (
        rows.with_columns(_known_names(name) for name in LISTS)
        .with_columns(_percent(m).alias(f"pct.{m}") for m in COLUMNS)
        .with_columns(_improved(m, rules["improved_from_percent"]).alias(f"_improved.{m}") for m in COLUMNS)
        .with_columns(
            n_improved_ge20=pl.sum_horizontal(is_true(i).cast(pl.Int64) for i in improved),
            n_worse_ge25=pl.sum_horizontal(w.cast(pl.Int64) for w in worse.values()),
            mmt_worse_ge25=worse["mmt"],
            worse_3_of_6_ge30=pl.when(seen).then(n_severe >= rules["severely_worse_measures"]),
        )
        .with_columns(imacs_doi=enough & ~too_many & ~strength_worse)
        .with_columns(
            clause=first_true(
                (result, "improved"),
                (strength_worse, "strength_worse"),
                (too_many, "too_many_worse"),
                (~result, "too_few_improved"),
            ),
            missing=pl.when(result.is_null()).then(
                missing_names(*((f"improvement_pct.{m}", pl.col(f"_improved.{m}").is_null()) for m in COLUMNS))
            ),
        )
    )
