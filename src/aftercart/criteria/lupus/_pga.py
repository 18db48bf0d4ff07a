"""The physician global of lupus on its scale 0 to 3, from whichever scale was used."""

from __future__ import annotations

import polars as pl


def phga_0_3(prefix: str = "") -> pl.Expr:
    """The physician global on 0-3: as given, or from 0-10 cm (times 3/10) or 0-100 mm (times 3/100)."""
    return pl.coalesce(
        pl.col(f"{prefix}phga_0_3"),
        pl.col(f"{prefix}phga_0_10_cm") * 3 / 10,
        pl.col(f"{prefix}phga_0_100_mm") * 3 / 100,
    )
