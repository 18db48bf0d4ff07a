"""Cytokine release syndrome on three scales side by side: ASTCT 2019, Lee 2014 and Penn."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from aftercart.criteria import registry
from aftercart.criteria.calling import criterion
from aftercart.criteria.logic import Interval, first_true, ge, gt, held, is_true, may_be_true, missing_names, worst
from aftercart.criteria.safety.crs_astct_2019 import crs_astct_2019

SCALES = ("astct_2019", "lee_2014", "penn")


@criterion
def crs_scale_comparison(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Grade the same findings by ASTCT 2019, Lee 2014 and the Penn scale, so that older reports can be compared.

    Source: Lee DW et al., Biol Blood Marrow Transplant 2019;25:625-638; Lee DW et al., Blood 2014;124:188-195;
    Porter D et al., J Hematol Oncol 2018;11:35.

    >>> import polars as pl
    >>> from aftercart import criteria
    >>> day = pl.DataFrame({"temperature_c": [38.5], "n_vasopressors_excl_vasopressin": [1],
    ...                     "vasopressor": ["low_dose_single"]})
    >>> criteria.crs_scale_comparison(day).select("astct_2019", "lee_2014", "penn").row(0)
    (3, 2, 3)
    """
    rules = registry.get("crs_scale_comparison").rules
    prepared = rows.with_columns(
        n_vasopressors_excl_vasopressin=_pressor_count(rules),
        _pressor=_pressor_class(),
        _device=pl.col("oxygen_device"),
    )
    frame, scales = _astct(prepared).with_columns(oxygen_device="_device"), {}
    for scale, domains in (("lee_2014", _lee(rules)), ("penn", _penn(rules))):
        frame, of = held(frame, **{f"{scale}_{name}": d for name, d in domains.items()})
        scales[scale] = {name: of[f"{scale}_{name}"] for name in domains}
    graded = frame.with_columns(
        **{f"{s}_min": worst(*d.values()).low.cast(pl.Int64) for s, d in scales.items()},
        **{f"{s}_max": worst(*d.values()).high.cast(pl.Int64) for s, d in scales.items()},
    ).with_columns(pl.when(pl.col(f"{s}_min") == pl.col(f"{s}_max")).then(pl.col(f"{s}_min")).alias(s) for s in scales)
    low, high = pl.min_horizontal(SCALES), pl.max_horizontal(SCALES)
    open_ = pl.any_horizontal(pl.col(s).is_null() for s in SCALES)
    return graded.with_columns(
        **{f"{s}_decided_by": _decided_by(pl.col(s), d) for s, d in scales.items()},
        clause=pl.when(~open_).then(pl.when(low == high).then(pl.lit("agree")).otherwise(pl.lit("differ"))),
        missing=pl.when(open_).then(missing_names(*_asked())),
    )


def _pressor_class() -> pl.Expr:
    """The pressors in the terms of Lee and Penn; `single` where the dose is not stated, missing where they are."""
    named = pl.col("vasopressor")
    drugs = pl.col("n_vasopressors_excl_vasopressin") + pl.col("vasopressin").cast(pl.Int64)
    return (
        pl.when(is_true(named != "none"))
        .then(named)
        .when(drugs >= 2)
        .then(pl.lit("multiple"))
        .when(drugs == 1)
        .then(pl.lit("single"))
        .when(drugs == 0)
        .then(pl.lit("none"))
    )


def _pressor_count(rules: Mapping[str, Mapping[str, int]]) -> pl.Expr:
    """The count ASTCT needs: as stated, or from the class where a pressor is named beside a count of 0."""
    count = pl.col("n_vasopressors_excl_vasopressin")
    named = pl.col("vasopressor").replace_strict(dict(rules["pressors"]), default=0, return_dtype=pl.Int64)
    beside_vasopressin = named - is_true(pl.col("vasopressin")).cast(pl.Int64)
    return pl.when(count == 0).then(pl.max_horizontal(beside_vasopressin, pl.lit(0))).otherwise(count)


def _astct(prepared: pl.LazyFrame) -> pl.LazyFrame:
    """ASTCT at both ends: with positive pressure where it is named beside the device, and where it may be."""
    named = pl.col("cpap_or_bipap") | pl.col("mechanical_ventilation")

    def graded(rows: pl.LazyFrame, pressure: pl.Expr) -> pl.LazyFrame:
        device = pl.when(pressure).then(pl.lit("cpap")).otherwise(pl.col("_device"))
        return crs_astct_2019.rule(rows.with_columns(oxygen_device=device))

    low, high = pl.col("grade_min"), pl.col("astct_2019_max")
    at_most = graded(prepared, may_be_true(named)).with_columns(astct_2019_max="grade_max")
    return graded(at_most, is_true(named)).with_columns(astct_2019_min=low, astct_2019=pl.when(low == high).then(low))


def _looked_up(value: pl.Expr, low: Mapping[str, int], high: Mapping[str, int]) -> Interval:
    """Grades of a code that may leave a range open; a missing code spans 0 to the highest grade of the table."""
    ends = (value.replace_strict(dict(t), default=None, return_dtype=pl.Int32) for t in (low, high))
    least, most = ends
    return Interval(least.fill_null(0), most.fill_null(max(high.values())))


def _stepped(value: pl.Expr, steps: Mapping[str, int]) -> Interval:
    """The grade that an organ toxicity grade earns; below the first step 0, missing spans all."""
    grade: pl.Expr = pl.when(value.is_not_null()).then(0)
    for step in sorted(steps, key=int):
        grade = pl.when(value >= int(step)).then(steps[step]).otherwise(grade)
    return Interval(grade.cast(pl.Int32).fill_null(0), grade.cast(pl.Int32).fill_null(max(steps.values())))


def _oxygen(rules: Mapping[str, object]) -> tuple[pl.Expr, pl.Expr, pl.Expr, pl.Expr]:
    """Whether oxygen is needed, whether at a high fraction, by positive pressure, and on a ventilator."""
    device, fraction = pl.col("oxygen_device"), pl.col("fio2_requirement_percent")
    room_air, high = rules["room_air_percent"], rules["high_fio2_percent"]
    assert isinstance(room_air, int)
    assert isinstance(high, int)
    pressure = pl.col("cpap_or_bipap") | device.is_in(["cpap", "bipap"])
    ventilated = pl.col("mechanical_ventilation") | (device == "invasive_ventilation")
    by_device = pl.when(~is_true(pressure | ventilated)).then(device != "room_air")
    need = pl.when(fraction.is_not_null()).then(gt(fraction, room_air)).otherwise(by_device)
    return need, ge(fraction, high), pressure, ventilated


def _lee(rules: Mapping[str, Mapping[str, int]]) -> dict[str, Interval]:
    need, much, _, ventilated = _oxygen(rules)
    by_fraction = Interval(
        pl.when(is_true(need)).then(pl.when(is_true(much)).then(3).otherwise(2)).otherwise(0).cast(pl.Int32),
        pl.when(may_be_true(need)).then(pl.when(may_be_true(much)).then(3).otherwise(2)).otherwise(0).cast(pl.Int32),
    )
    pressor = _looked_up(pl.col("_pressor"), rules["lee_pressor_min"], rules["lee_pressor_max"])
    fluids_or_low = Interval.flag(pl.col("hypotension_present") | pl.col("iv_fluids_for_hypotension"), 2)
    high_dose = Interval.flag(pl.col("high_dose_vasopressor"), 3)
    kidney = _stepped(pl.col("creatinine_toxicity_grade"), rules["lee_organ"])
    others = _stepped(pl.col("max_organ_toxicity_grade_excl_transaminase"), rules["lee_organ"])
    liver = _stepped(pl.col("transaminase_toxicity_grade"), rules["lee_transaminase"])
    return {
        "death": Interval.flag(pl.col("death_due_to_crs"), 5),
        "oxygen": worst(by_fraction, Interval.flag(ventilated, 4)).unless(pl.col("hypoxia_other_cause")),
        "hypotension": worst(fluids_or_low, pressor, high_dose).unless(pl.col("hypotension_other_cause")),
        "organ": worst(kidney, others, liver),
        "fever": _fever(),
    }


def _penn(rules: Mapping[str, Mapping[str, int]]) -> dict[str, Interval]:
    need, _, pressure, ventilated = _oxygen(rules)
    oxygen = worst(Interval.flag(need | pressure, 3), Interval.flag(ventilated, 4))
    pressor = _looked_up(pl.col("_pressor"), rules["penn_pressor_min"], rules["penn_pressor_max"])
    fluids = Interval.flag(pl.col("iv_fluids_for_hypotension"), 3)
    high_dose = Interval.flag(pl.col("high_dose_vasopressor"), 4)
    kidney = _stepped(pl.col("creatinine_toxicity_grade"), rules["penn_creatinine"])
    liver = _stepped(pl.col("transaminase_toxicity_grade"), rules["penn_transaminase"])
    return {
        "death": Interval.flag(pl.col("death_due_to_crs"), 5),
        "oxygen": oxygen.unless(pl.col("hypoxia_other_cause")),
        "hypotension": worst(fluids, pressor, high_dose).unless(pl.col("hypotension_other_cause")),
        "organ": worst(kidney, liver),
        "coagulopathy": Interval.flag(pl.col("coagulopathy_requiring_products"), 3),
        "hospitalised": Interval.flag(pl.col("hospitalised_for_crs"), 2),
        "fever": _fever(),
    }


def _fever() -> Interval:
    return Interval.flag(pl.col("fever_counts") | pl.col("fever_or_constitutional"), 1)


def _decided_by(grade: pl.Expr, domains: Mapping[str, Interval]) -> pl.Expr:
    """The first domain that has the grade by itself."""
    found = first_true(*((d.value() == grade, name) for name, d in domains.items()))
    return pl.when(grade > 0).then(found).when(grade == 0).then(pl.lit("none"))


def _asked() -> list[str | tuple[str, pl.Expr]]:
    """Inputs whose absence can leave a grade open; flow, fraction and dose class only where they are asked for."""
    device = pl.col("oxygen_device")
    given = is_true((device != "room_air") | pl.col("cpap_or_bipap"))
    conditional = {
        "vasopressor": pl.col("_pressor") == "single",
        "oxygen_flow_l_per_min": pl.col("oxygen_flow_l_per_min").is_null() & is_true(device == "nasal_cannula"),
        "fio2_requirement_percent": pl.col("fio2_requirement_percent").is_null() & given,
    }
    names = [i.name for i in registry.get("crs_scale_comparison").inputs]
    return [*(n for n in names if n not in conditional), *conditional.items()]
