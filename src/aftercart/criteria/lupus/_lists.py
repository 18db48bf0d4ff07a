"""Lists of names that are complete when given: what they name, and what they name that nobody knows."""

from __future__ import annotations

from collections.abc import Collection

import polars as pl

from aftercart.criteria.logic import is_true, may_be_true


def names_unknown(column: str, known: Collection[str]) -> pl.Expr:
    """True when the list holds a name that is not one of `known` (or a null): a misspelling must not pass as none."""
    return is_true(pl.col(column).list.eval(may_be_true(~pl.element().is_in(list(known)))).list.any())


def names_any(column: str, wanted: Collection[str], known: Collection[str]) -> pl.Expr:
    """True when the list holds one of `wanted`; missing rather than false while it holds an unknown name."""
    hit = pl.col(column).list.eval(pl.element().is_in(list(wanted))).list.any()
    return pl.when(hit | ~names_unknown(column, known)).then(hit)
