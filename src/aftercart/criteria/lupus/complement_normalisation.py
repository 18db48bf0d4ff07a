"""Complement C3 and C4: low before treatment, normal after it."""

from __future__ import annotations

import polars as pl

from aftercart.criteria.calling import criterion
from aftercart.criteria.logic import first_true, lt, missing_names

COMPONENTS = ("c3", "c4")


def _low(visit: str, component: str) -> pl.Expr:
    """Below the limit of the laboratory; at baseline by the limit of that time, where one is given."""
    limit = pl.col(f"{component}_lln_g_per_l")
    if visit == "baseline":
        limit = pl.coalesce(f"baseline_{component}_lln_g_per_l", limit)
    return lt(pl.col(f"{visit}_{component}_g_per_l"), limit)


def _if_was_low(component: str, yes: pl.Expr, no: pl.Expr) -> pl.Expr:
    """One answer for a level that was low before, another for one that was not; missing when that is unknown."""
    before = _low("baseline", component)
    return pl.when(before).then(yes).when(~before).then(no)


def _missing(component: str) -> list[tuple[str, pl.Expr]]:
    """What a component lacks; nothing is asked of one without any level, unless the other has none either."""
    levels = {
        c: [pl.col(f"{visit}_{c}_g_per_l").is_not_null() for visit in ("baseline", "followup")] for c in COMPONENTS
    }
    asked = pl.any_horizontal(levels[component]) | ~pl.any_horizontal(x for pair in levels.values() for x in pair)
    unknown = asked & pl.col(f"{component}_normalised").is_null()
    names = (f"baseline_{component}_g_per_l", f"followup_{component}_g_per_l", f"{component}_lln_g_per_l")
    return [(name, unknown & pl.col(name).is_null()) for name in names]


@criterion
def complement_normalisation(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Decide for C3 and C4 whether a level that was low before treatment is normal now.

    Source: house rule; the limits are those of the laboratory.

    >>> import polars as pl
    >>> from aftercart import criteria
    >>> pair = pl.DataFrame({"baseline_c3_g_per_l": [0.5], "followup_c3_g_per_l": [0.9], "c3_lln_g_per_l": [0.9]})
    >>> criteria.complement_normalisation(pair).select("c3_low_at_baseline", "c3_normalised").row(0)
    (True, True)
    """
    no = pl.lit(value=False)
    answers: dict[str, pl.Expr] = {}
    for c in COMPONENTS:
        now = _low("followup", c)
        answers |= {
            f"{c}_low_at_baseline": _low("baseline", c),
            f"{c}_normalised": _if_was_low(c, ~now, no),
            f"{c}_newly_low": _if_was_low(c, no, now),
        }
    return rows.with_columns(**answers).with_columns(
        clause=first_true(
            *(
                case
                for c in COMPONENTS
                for case in (
                    (pl.col(f"{c}_normalised"), f"{c}_normalised"),
                    (pl.col(f"{c}_newly_low"), f"{c}_newly_low"),
                    (~pl.col(f"{c}_low_at_baseline"), f"{c}_not_low"),
                    (~pl.col(f"{c}_normalised"), f"{c}_still_low"),
                )
            )
        ),
        missing=missing_names(*(pair for c in COMPONENTS for pair in _missing(c))),
    )
