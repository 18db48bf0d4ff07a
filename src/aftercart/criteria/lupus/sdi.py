"""SLICC/ACR damage index for lupus."""

from __future__ import annotations

import polars as pl

from aftercart.criteria import registry
from aftercart.criteria.calling import criterion
from aftercart.criteria.logic import Interval, first_true, missing_names, worst


def _count(item: str) -> pl.Expr:
    """Number of events or sites; missing when it is no whole number."""
    count = pl.col(f"items.{item}")
    return pl.when(count == count.floor()).then(count)


def _points(item: str, most: int, each: int) -> Interval:
    """`each` point for every event or site, up to `most` of them; a missing count may be any number."""
    points = _count(item).clip(upper_bound=most).cast(pl.Int32) * each
    return Interval(points.fill_null(0), points.fill_null(most * each))


def _sum(parts: list[Interval]) -> Interval:
    return Interval(*(pl.sum_horizontal(getattr(p, end) for p in parts) for end in ("low", "high")))


@criterion
def sdi(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Add up irreversible organ damage since the onset of lupus, 0 to 46, whatever caused it.

    Source: Gladman DD et al., Arthritis Rheum 1996;39:363-369, DOI 10.1002/art.1780390303 (secondary copies).

    >>> import polars as pl
    >>> from aftercart import criteria
    >>> visit = pl.DataFrame({"items.cataract": [1], "items.cva": [2]})
    >>> criteria.sdi(visit)["sdi"].to_list()
    [3]
    """
    rules = registry.get("sdi").rules
    systems: dict[str, list[str]] = rules["systems"]
    repeated, failure = rules["scores_2_when_repeated"], rules["end_stage"]
    damage = {
        system: _sum([_points(i, 2 if i in repeated else 1, 1) for i in items if i != failure["item"]])
        for system, items in systems.items()
    }
    # End-stage disease takes the place of the other renal items, which together score less.
    damage["renal"] = worst(damage["renal"], _points(failure["item"], 1, failure["points"]))
    low, high, total = pl.col("sdi_lower_bound"), pl.col("sdi_upper_bound"), pl.col("sdi")
    return (
        rows.with_columns(
            *(interval.value().cast(pl.Int64).alias(f"points.{system}") for system, interval in damage.items()),
            sdi_lower_bound=_sum(list(damage.values())).low.cast(pl.Int64),
            sdi_upper_bound=_sum(list(damage.values())).high.cast(pl.Int64),
        )
        .with_columns(sdi=pl.when(low == high).then(low))
        .with_columns(
            clause=first_true((total == 0, "no_damage"), (total > 0, "damage"), (low > 0, "at_least")),
            missing=missing_names(
                *(
                    (f"items.{item}", _count(item).is_null() & pl.col(f"points.{system}").is_null())
                    for system, items in systems.items()
                    for item in items
                )
            ),
        )
    )
