"""DORIS remission, 2021."""

from __future__ import annotations

import polars as pl

from aftercart.criteria import registry
from aftercart.criteria.calling import criterion
from aftercart.criteria.logic import eq, first_true, le, lt
from aftercart.criteria.lupus._pga import phga_0_3
from aftercart.criteria.treatment.glucocorticoid_prednisone_equivalent import sum_of_list


@criterion
def doris_2021(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Decide DORIS remission: clinical SLEDAI-2K 0, physician global below 0.5, prednisone at most 5 mg a day.

    Source: van Vollenhoven RF et al., Lupus Sci Med 2021;8:e000538, table 2.

    >>> import polars as pl
    >>> from aftercart import criteria
    >>> visit = pl.DataFrame({"csledai_2k": [0], "phga_0_3": [0.49], "prednisone_mg_per_day": [5]})
    >>> criteria.doris_2021(visit)["doris_2021"].to_list()
    [True]
    """
    rules = registry.get("doris_2021").rules
    dose = pl.coalesce(pl.col("prednisone_mg_per_day"), sum_of_list(pl.col("glucocorticoids")))
    limit = rules["prednisone_mg"]
    strict = pl.col("prednisone_rule") == "lt5"
    stable = pl.col("immunosuppressants_and_biologics_stable")
    clinical, global_ok, dose_ok = pl.col("clinical_ok"), pl.col("phga_ok"), pl.col("prednisone_ok")
    free = (
        pl.col("doris_2021")
        & eq(dose, 0)
        & (pl.col("immunosuppressants").list.len() == 0)
        & (pl.col("biologics").list.len() == 0)
    )
    return (
        rows.with_columns(
            clinical_ok=eq(pl.col("csledai_2k"), rules["csledai"]),
            phga_ok=lt(phga_0_3(), rules["phga_below"]),
            prednisone_ok=pl.when(strict).then(lt(dose, limit)).when(~strict).then(le(dose, limit)),
        )
        .with_columns(doris_2021=clinical & global_ok & dose_ok & stable)
        .with_columns(doris_drug_free_antimalarial_allowed=free)
        .with_columns(doris_drug_free_strict=pl.col("doris_drug_free_antimalarial_allowed") & ~pl.col("antimalarial"))
        .with_columns(
            clause=first_true(
                (pl.col("doris_2021"), "remission"),
                (~clinical, "clinical_activity"),
                (~global_ok, "physician_global"),
                (~dose_ok, "prednisone"),
                (~stable, "unstable_therapy"),
            ),
            missing=_missing(),
        )
    )


def _missing() -> pl.Expr:
    parts = [
        pl.when(pl.col(ok).is_null()).then(pl.lit(name))
        for ok, name in (
            ("clinical_ok", "csledai_2k"),
            ("phga_ok", "phga_0_3"),
            ("prednisone_ok", "prednisone_mg_per_day"),
            ("immunosuppressants_and_biologics_stable", "immunosuppressants_and_biologics_stable"),
        )
    ]
    return pl.when(pl.col("doris_2021").is_null()).then(pl.concat_str(parts, separator="; ", ignore_nulls=True))
