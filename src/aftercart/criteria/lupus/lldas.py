"""Lupus low disease activity state."""

from __future__ import annotations

import polars as pl

from aftercart.criteria import registry
from aftercart.criteria.calling import criterion
from aftercart.criteria.logic import first_true, le, missing_names
from aftercart.criteria.lupus._pga import phga_0_3

ITEMS = ("item1_activity", "item2_no_new_activity", "item3_pga", "item4_prednisone", "item5_standard_therapy")
ITEM1 = ("present_descriptors", "hemolytic_anemia", "gastrointestinal_activity")
ITEM5 = ("well_tolerated", "investigational_drug_ongoing")


@criterion
def lldas(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Decide the lupus low disease activity state from its five items.

    Source: Franklyn K et al., Ann Rheum Dis 2016;75:1615-1621; doses of item 5: Golder V et al., 2016.

    >>> import polars as pl
    >>> from aftercart import criteria
    >>> visit = pl.DataFrame({"present_descriptors": [["arthritis"]], "new_activity_vs_previous": [False],
    ...                       "phga_0_3": [1.0], "prednisone_mg_per_day": [7.5]})
    >>> criteria.lldas(visit)["lldas"].to_list()
    [True]
    """
    rules = registry.get("lldas").rules
    present = pl.col("present_descriptors").list.unique()
    points = registry.get("sledai_2k").rules["weights"]
    weights = pl.element().replace_strict(dict(points), default=None, return_dtype=pl.Int64)
    total = present.list.eval(weights).list.sum()
    unknown = present.list.eval(weights.is_null()).list.any()
    blocked = present.list.eval(pl.element().is_in(list(rules["blocking"]))).list.any()
    quiet = pl.when(total > rules["sledai_max"]).then(pl.lit(value=False)).when(~unknown).then(pl.lit(value=True))
    dosed = [f"doses.{name}" for name in rules["dose_max"]]
    doses = [le(pl.col(f"doses.{name}"), most) for name, most in rules["dose_max"].items()]
    items = [pl.col(name) for name in ITEMS]
    return (
        rows.with_columns(
            item1_activity=quiet & ~blocked & ~pl.col("hemolytic_anemia") & ~pl.col("gastrointestinal_activity"),
            item2_no_new_activity=~pl.col("new_activity_vs_previous"),
            item3_pga=le(phga_0_3(), rules["phga_max"]),
            item4_prednisone=le(pl.col("prednisone_mg_per_day"), rules["prednisone_mg"]),
            item5_standard_therapy=pl.all_horizontal(doses)
            & pl.col("well_tolerated")
            & ~pl.col("investigational_drug_ongoing"),
        )
        .with_columns(lldas=pl.all_horizontal(items))
        .with_columns(
            clause=first_true((pl.col("lldas"), "lldas"), *((~item, f"item{i + 1}") for i, item in enumerate(items))),
            missing=pl.when(pl.col("lldas").is_null()).then(
                missing_names(
                    *((name, pl.col(name).is_null() & items[0].is_null()) for name in ITEM1),
                    ("new_activity_vs_previous", items[1].is_null()),
                    ("phga_0_3", items[2].is_null()),
                    ("prednisone_mg_per_day", items[3].is_null()),
                    *((name, pl.col(name).is_null() & items[4].is_null()) for name in (*dosed, *ITEM5)),
                )
            ),
        )
    )
