"""S2K RI-50: SLEDAI-2K with half weights for descriptors that improved by half."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from aftercart.criteria import registry
from aftercart.criteria.calling import criterion
from aftercart.criteria.logic import first_true, is_true, may_be_true, missing_names
from aftercart.criteria.lupus._lists import names_any, names_unknown


@criterion
def s2k_ri50(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Score lupus activity at follow-up, where a baseline descriptor that improved by half keeps half its weight.

    Source: Touma Z et al., J Rheumatol 2011;38:275-284, DOI 10.3899/jrheum.100724.

    >>> import polars as pl
    >>> from aftercart import criteria
    >>> visit = pl.DataFrame({"baseline_descriptors": [["arthritis", "rash"]],
    ...     "followup.arthritis": ["improved_ge50"], "followup.rash": ["resolved"]})
    >>> criteria.s2k_ri50(visit).select("baseline_sledai_2k", "s2k_ri50", "reduction").row(0)
    (6, 2.0, 4.0)
    """
    weights: dict[str, int] = registry.get("sledai_2k").rules["weights"]
    shares: dict[str, float] = registry.get("s2k_ri50").rules["share_of_weight"]
    lists = ("baseline_descriptors", "new_descriptors")
    at_baseline, new = ({d: pl.col(f"_{name}.{d}") for d in weights} for name in lists)
    state = {d: pl.col(f"followup.{d}") for d in weights}
    low, high, baseline = pl.col("s2k_ri50_lower_bound"), pl.col("s2k_ri50_upper_bound"), pl.col("baseline_sledai_2k")

    def points(descriptor: str, unknown: float, appears: Callable[[pl.Expr], pl.Expr]) -> pl.Expr:
        """Points at follow-up; `unknown` is the share of the weight that an open question stands for."""
        kept = state[descriptor].replace_strict(shares, default=None, return_dtype=pl.Float64)
        added = appears(new[descriptor]).cast(pl.Float64)
        before, again = at_baseline[descriptor], is_true(new[descriptor])
        share = pl.when(again).then(1.0).when(before).then(kept).when(~before).then(added)
        return share.fill_null(unknown) * weights[descriptor]

    def count(name: str) -> pl.Expr:
        return pl.sum_horizontal(
            is_true(at_baseline[d] & (state[d] == name) & ~is_true(new[d])).cast(pl.Int64) for d in weights
        )

    baseline_total = pl.sum_horizontal(
        [at_baseline[d].cast(pl.Int64) * w for d, w in weights.items()], ignore_nulls=False
    )
    states_open = {d: is_true(at_baseline[d]) & ~is_true(new[d]) & state[d].is_null() for d in weights}
    return (
        rows.with_columns(names_any(name, [d], weights).alias(f"_{name}.{d}") for name in lists for d in weights)
        .with_columns(
            baseline_sledai_2k=baseline_total,
            **{f"_low.{d}": points(d, 0.0, is_true) for d in weights},
            **{f"_high.{d}": points(d, 1.0, may_be_true) for d in weights},
            n_resolved=count("resolved"),
            n_improved_ge50=count("improved_ge50"),
            n_new=pl.sum_horizontal(is_true(new[d]).cast(pl.Int64) for d in weights),
        )
        .with_columns(
            s2k_ri50_lower_bound=pl.sum_horizontal(f"_low.{d}" for d in weights),
            s2k_ri50_upper_bound=pl.sum_horizontal(f"_high.{d}" for d in weights),
            **{
                f"points.{d}": pl.when(pl.col(f"_low.{d}") == pl.col(f"_high.{d}")).then(pl.col(f"_low.{d}"))
                for d in weights
            },
        )
        .with_columns(s2k_ri50=pl.when(low == high).then(low))
        .with_columns(reduction=baseline - pl.col("s2k_ri50"))
        .with_columns(
            clause=first_true(
                (pl.col("reduction") > 0, "reduced"),
                (pl.col("reduction") == 0, "unchanged"),
                (pl.col("reduction") < 0, "increased"),
            ),
            missing=pl.when(pl.col("reduction").is_null()).then(
                missing_names(
                    *((name, pl.col(name).is_null() | names_unknown(name, weights)) for name in lists),
                    *((f"followup.{d}", is_open) for d, is_open in states_open.items()),
                )
            ),
        )
    )
