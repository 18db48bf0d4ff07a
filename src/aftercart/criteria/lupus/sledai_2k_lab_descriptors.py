"""SLEDAI-2K descriptors that a laboratory value decides."""

from __future__ import annotations

import polars as pl

from aftercart.criteria import registry
from aftercart.criteria.calling import criterion
from aftercart.criteria.logic import ge, gt, is_true, lt, missing_names

COMPLEMENT = (
    ("c3_g_per_l", "c3_lln_g_per_l"),
    ("c4_g_per_l", "c4_lln_g_per_l"),
    ("ch50_u_per_ml", "ch50_lln_u_per_ml"),
)


def _low_complement() -> pl.Expr:
    """Any component proven low; NaN marks a component that was not asked for."""
    asked = [~pl.col(value).is_nan().fill_null(value=False) for value, _ in COMPLEMENT]
    low = [
        pl.when(is_asked).then(lt(pl.col(value), pl.col(limit))).otherwise(pl.lit(value=False))
        for is_asked, (value, limit) in zip(asked, COMPLEMENT, strict=True)
    ]
    return pl.when(pl.any_horizontal(asked)).then(pl.any_horizontal(low))


@criterion
def sledai_2k_lab_descriptors(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Turn raw laboratory values into SLEDAI-2K descriptors, by the limits of the laboratory that made them.

    Source: Gladman DD et al., J Rheumatol 2002;29:288-291; every inequality is strict.

    >>> import polars as pl
    >>> from aftercart import criteria
    >>> visit = pl.DataFrame({"urine_protein_g_per_24h": [0.5, 0.51]})
    >>> criteria.sledai_2k_lab_descriptors(visit)["proteinuria"].to_list()
    [False, True]
    """
    rules = registry.get("sledai_2k_lab_descriptors").rules
    exact = pl.col("upcr_conversion") == "exact_8.84"
    factor = pl.when(exact).then(rules["mg_per_mmol_exact"]).when(~exact).then(rules["mg_per_mmol_rounded"])
    protein = pl.coalesce("urine_protein_g_per_24h", "upcr_g_per_g", pl.col("upcr_mg_per_mmol") * factor)
    drugs = pl.col("drug_induced_cytopenia")
    joints = pl.col("inflamed_joint_count")
    from_two = pl.col("arthritis_rule") == "ge2"
    many = pl.when(from_two).then(ge(joints, rules["joints"])).when(~from_two).then(gt(joints, rules["joints"]))
    found = {
        "proteinuria": gt(protein, rules["protein_g"]),
        "thrombocytopenia": lt(pl.col("platelets_10e9_per_l"), rules["platelets_10e9_per_l"]) & ~drugs,
        "leukopenia": lt(pl.col("wbc_10e9_per_l"), rules["wbc_10e9_per_l"]) & ~drugs,
        "hematuria": gt(pl.col("urine_rbc_per_hpf"), rules["cells_per_hpf"])
        & ~pl.col("stone_infection_or_other_cause"),
        "pyuria": gt(pl.col("urine_wbc_per_hpf"), rules["cells_per_hpf"]) & ~pl.col("urinary_tract_infection"),
        "fever": gt(pl.col("temperature_c"), rules["fever_c"]) & ~pl.col("infection"),
        "low_complement": _low_complement(),
        "increased_dna_binding": gt(pl.col("anti_dsdna_iu_per_ml"), pl.col("anti_dsdna_uln_iu_per_ml")),
        "arthritis": many,
    }
    count = pl.sum_horizontal(is_true(pl.col(name)).cast(pl.Int64) for name in found)
    return (
        rows.with_columns(**found)
        .with_columns(n_present=count)
        .with_columns(
            clause=pl.when(pl.col("n_present") > 0).then(pl.lit("some_present")).otherwise(pl.lit("none_proven")),
            missing=_missing(),
        )
    )


def _missing() -> pl.Expr:
    """Inputs whose absence leaves a descriptor of blood or urine open (fever and joints are asked at the bedside)."""
    needed = {
        "proteinuria": ("urine_protein_g_per_24h",),
        "thrombocytopenia": ("platelets_10e9_per_l", "drug_induced_cytopenia"),
        "leukopenia": ("wbc_10e9_per_l", "drug_induced_cytopenia"),
        "hematuria": ("urine_rbc_per_hpf", "stone_infection_or_other_cause"),
        "pyuria": ("urine_wbc_per_hpf", "urinary_tract_infection"),
        "low_complement": tuple(name for pair in COMPLEMENT for name in pair),
        "increased_dna_binding": ("anti_dsdna_iu_per_ml", "anti_dsdna_uln_iu_per_ml"),
    }
    open_for: dict[str, list[pl.Expr]] = {}
    for descriptor, names in needed.items():
        for name in names:
            open_for.setdefault(name, []).append(pl.col(descriptor).is_null())
    values = dict(COMPLEMENT)
    asked = {limit: ~pl.col(value).is_nan().fill_null(value=False) for value, limit in values.items()}
    return missing_names(
        *(
            (name, pl.col(name).is_null() & pl.any_horizontal(where) & asked.get(name, pl.lit(value=True)))
            for name, where in open_for.items()
        )
    )
