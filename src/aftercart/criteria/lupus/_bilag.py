"""What SRI and BICLA ask alike: grades of the nine BILAG-2004 systems, and worsening, at two visits."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from operator import or_

import polars as pl

from aftercart.criteria.logic import k_of_n, lt, missing_names
from aftercart.criteria.lupus._pga import phga_0_3

SYSTEMS = (
    "constitutional",
    "mucocutaneous",
    "neuropsychiatric",
    "musculoskeletal",
    "cardiorespiratory",
    "gastrointestinal",
    "ophthalmic",
    "renal",
    "haematological",
)
VISITS = ("baseline", "followup")
UNLISTED = "not_listed"
"""Default of a grade: a system that neither visit lists is left out; listed at one visit only, it is missing there."""


def grade(visit: str, system: str) -> pl.Expr:
    """The grade A to E at a visit; missing when the visit does not list the system."""
    given = pl.col(f"{visit}.bilag.{system}")
    return pl.when(given != UNLISTED).then(given)


def _listed_at(visit: str, system: str) -> pl.Expr:
    return ~pl.col(f"{visit}.bilag.{system}").eq_missing(UNLISTED)


def left_out(system: str) -> pl.Expr:
    """True when neither visit lists the system, though some system is listed."""
    asked = pl.any_horizontal(_listed_at(visit, s) for visit in VISITS for s in SYSTEMS)
    return asked & ~pl.any_horizontal(_listed_at(visit, system) for visit in VISITS)


def in_systems(rule: Callable[[pl.Expr, pl.Expr], pl.Expr]) -> list[pl.Expr]:
    """The rule on the grades before and after, system by system; false for a system that is left out."""
    return [
        pl.when(left_out(s)).then(pl.lit(value=False)).otherwise(rule(grade("baseline", s), grade("followup", s)))
        for s in SYSTEMS
    ]


def new_a() -> list[pl.Expr]:
    """A now and not before, by system."""
    return in_systems(lambda before, after: (after == "A") & (before != "A"))


def new_b() -> list[pl.Expr]:
    """B now from C, D or E, by system; a fall from A to B is improvement."""
    return in_systems(lambda before, after: (after == "B") & ~before.is_in(["A", "B"]))


def no_new_activity(new_b_allowed: int) -> pl.Expr:
    """No new A in any system, and at most so many new B."""
    return ~reduce(or_, new_a()) & ~k_of_n(new_b(), new_b_allowed + 1)


def pga_not_worse(rise_below: float) -> pl.Expr:
    """The physician global rose by less than the limit, or fell."""
    return lt(phga_0_3("followup.") - phga_0_3("baseline."), rise_below)


def missing_grades() -> list[tuple[str, pl.Expr]]:
    """Name and condition of every missing grade, for `missing_names`."""
    return [(f"{visit}.bilag.{s}", ~left_out(s) & grade(visit, s).is_null()) for visit in VISITS for s in SYSTEMS]


def missing_inputs(result: str, flag: str) -> pl.Expr:
    """The inputs whose absence leaves the result open: scores, grades, physician global and the flag of treatment."""
    return pl.when(pl.col(result).is_null()).then(
        missing_names(
            *(f"{visit}.sledai" for visit in VISITS),
            *((f"{visit}.phga_0_3", phga_0_3(f"{visit}.").is_null()) for visit in VISITS),
            *missing_grades(),
            flag,
        )
    )
