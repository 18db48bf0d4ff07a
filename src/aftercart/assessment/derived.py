"""Bindings that a declaration cannot express, each a few lines with its definition in words."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from aftercart.assessment import judged, medicines
from aftercart.assessment.timeline import FAR, Timeline
from aftercart.assessment.values import Column, Results
from aftercart.criteria.logic import gt, lt

NEEDS: dict[str, frozenset[str]] = {
    "present_descriptors": frozenset({"sledai_2k"}),
    "baseline_descriptors": frozenset({"sledai_2k"}),
    "new_descriptors": frozenset({"sledai_2k"}),
    "transaminase_grade": frozenset({"ctcae_liver"}),
    "creatinine_grade": frozenset({"ctcae_creatinine"}),
}
"""Criteria whose results a derived binding reads."""

READ_ANSWERS = frozenset({"earlier_fever", "selena_new_or_worse", "selena_new_treatments"})
"""Derived bindings that read answered items."""

FEVER_C = 38.0
DAYS_PER_MONTH = 30.4375
EIGHT_WEEKS = 56
RESPONSE_UPCR = 0.7


def column(name: str, units: pl.DataFrame, timeline: Timeline, results: Results) -> Column:
    """Return a derived column for the units."""
    return _COLUMNS[name](units, timeline, results)


def _earlier_fever(units: pl.DataFrame, timeline: Timeline, results: Results) -> Column:
    """CRS was diagnosed on an earlier day: a fever since infusion that nothing else explained.

    The first day with a CRS grade of 1 or more always is a day of counting fever, so looking for that fever needs
    no recursion over days.
    """
    del results
    temperature = timeline.fact("obs:TEMP").filter((pl.col("value") >= FEVER_C - 1e-9) & (pl.col("day") >= 0))
    explained = (
        timeline.fact("item:ASTCT-CRS.fever_other_cause").filter(pl.col("value") > 0).select("_s", "day").unique()
    )
    first = (
        temperature.join(explained, on=["_s", "day"], how="anti")
        .sort("_s", "day", "ref")
        .group_by("_s", maintain_order=True)
        .agg(first=pl.col("day").first(), ref=pl.col("ref").first())
    )
    joined = units.join(first, on="_s", how="left", maintain_order="left", suffix="_fever")
    earlier = (pl.col("first") < pl.col("day")).fill_null(value=False)
    ref = "ref_fever" if "ref_fever" in joined.columns else "ref"
    return Column(joined.select(earlier).to_series(), (joined.filter(earlier).select("_k", ref=ref),))


def _last_follow_up_day(units: pl.DataFrame, timeline: Timeline, results: Results) -> Column:
    """Last day under observation: death, last contact or data cut-off, whichever is known and first."""
    del results
    return Column(
        units.join(timeline.subjects.select("_s", "last_day"), on="_s", how="left", maintain_order="left")["last_day"]
    )


def _retreatment_day(units: pl.DataFrame, timeline: Timeline, results: Results) -> Column:
    """Day of the next infusion of cells after the reference infusion; missing when there was none."""
    del results
    joined = _with_subject(units, timeline)
    return Column(joined["retreatment_day"], (_retreatment_rows(joined),))


def _last_day_before_retreatment(units: pl.DataFrame, timeline: Timeline, results: Results) -> Column:
    """Day of the next infusion of cells or last day under observation, whichever is first."""
    del results
    joined = _with_subject(units, timeline)
    first = joined.select(pl.min_horizontal("retreatment_day", "last_day")).to_series()
    return Column(first, (_retreatment_rows(joined.filter(pl.col("retreatment_day") <= pl.col("last_day"))),))


def _with_subject(units: pl.DataFrame, timeline: Timeline) -> pl.DataFrame:
    known = timeline.subjects.select("_s", "last_day", "retreatment_day", "retreatment_ref")
    return units.select("_k", "_s").join(known, on="_s", how="left", maintain_order="left")


def _retreatment_rows(joined: pl.DataFrame) -> pl.DataFrame:
    return joined.filter(pl.col("retreatment_ref").is_not_null()).select("_k", ref="retreatment_ref")


def _adult_or_juvenile(units: pl.DataFrame, timeline: Timeline, results: Results) -> Column:
    """Under 18 years at infusion is juvenile; missing without an age."""
    del results
    age = timeline.subjects.select("_s", age=pl.col("age_at_infusion"))
    joined = units.join(age, on="_s", how="left", maintain_order="left")
    kind = pl.when(pl.col("age") < 18).then(pl.lit("juvenile")).when(pl.col("age") >= 18).then(pl.lit("adult"))
    return Column(joined.select(kind).to_series())


def _months_since_baseline(units: pl.DataFrame, timeline: Timeline, results: Results) -> Column:
    """Months from the baseline date to the visit."""
    del results
    start = timeline.visits.filter(pl.col("visit") == "baseline").select("_s", baseline="target")
    joined = units.join(start, on="_s", how="left", maintain_order="left")
    return Column(joined.select((pl.col("target") - pl.col("baseline")) / DAYS_PER_MONTH).to_series())


def _months_since_infusion(units: pl.DataFrame, timeline: Timeline, results: Results) -> Column:
    """Whole months from infusion to the planned day of the visit: day 84 or 90 is month 3, day 183 month 6."""
    del timeline, results
    return Column(units.select((pl.col("target") / DAYS_PER_MONTH).round(0)).to_series())


def _highest_prednisone_8_weeks(units: pl.DataFrame, timeline: Timeline, results: Results) -> Column:
    """Highest daily prednisone equivalent in the 56 days up to the visit; missing when that of any day is."""
    del results
    days = (
        units.select("_s", unit="_k", visit_day="target")
        .join(pl.DataFrame({"back": range(EIGHT_WEEKS)}), how="cross")
        .select("_s", "unit", target=pl.col("visit_day") - pl.col("back"))
        .with_row_index("_k")
        .with_columns(pl.col("_k").cast(pl.Int64))
    )
    doses, found = medicines.at(days, timeline, {"drug": "glucocorticoid", "measure": "pred_eq"})
    highest = (
        days.with_columns(dose=doses.cast(pl.Float64))
        .group_by("unit")
        .agg(value=pl.when(pl.col("dose").is_not_null().all()).then(pl.col("dose").max()))
    )
    joined = units.select(unit="_k").join(highest, on="unit", how="left", maintain_order="left")
    evidence = found.join(days.select("_k", "unit"), on="_k").select("ref", _k="unit").unique()
    return Column(joined["value"], (evidence,))


def _dsdna_since_infusion(units: pl.DataFrame, timeline: Timeline, results: Results) -> Column:
    """Anti-dsDNA levels from infusion to the end of the window of the visit, in the order of time."""
    del results
    levels = timeline.fact("obs:DSDNA").filter((pl.col("day") > 0) & pl.col("value").is_not_null())
    seen = (
        units.select("_k", "_s", "hi")
        .join(levels, on="_s", how="inner")
        .filter(pl.col("day") <= pl.col("hi"))
        .sort("_k", "day", "time", "ref")
    )
    listed = seen.group_by("_k", maintain_order=True).agg("value")
    joined = units.select("_k").join(listed, on="_k", how="left", maintain_order="left")
    return Column(joined["value"], (seen.select("_k", "ref"),))


def _upcr_nadir(units: pl.DataFrame, timeline: Timeline, results: Results) -> Column:
    """Lowest ratio from infusion to the window of the visit, once two ratios in a row were at most 0.7 g/g."""
    del results
    low = pl.col("value") <= RESPONSE_UPCR + 1e-9
    ratios = (
        timeline.fact("obs:UPCR")
        .filter((pl.col("day") > 0) & pl.col("value").is_not_null())
        .sort("_s", "day", "time", "ref")
        .with_columns(sustained=low & low.shift(1).over("_s").fill_null(value=False))
    )
    earlier = units.select("_k", "_s", "lo").join(ratios, on="_s", how="inner").filter(pl.col("day") < pl.col("lo"))
    nadir = earlier.group_by("_k").agg(value=pl.when(pl.col("sustained").any()).then(pl.col("value").min()))
    joined = units.select("_k").join(nadir, on="_k", how="left", maintain_order="left")
    return Column(joined["value"], (earlier.select("_k", "ref").sort("_k", "ref"),))


def _baseline_range_flag(units: pl.DataFrame, timeline: Timeline, results: Results) -> Column:
    """Where the last value of the baseline window lay on its own laboratory's range; missing without value or range."""
    del results
    code = units["_code"].first()
    window = timeline.visits.filter(pl.col("visit") == "baseline").select("_s", "lo", "hi")
    last = (
        timeline.fact(str(code))
        .filter(pl.col("value").is_not_null())
        .join(window, on="_s", how="inner")
        .filter(pl.col("day").is_between(pl.col("lo"), pl.col("hi")))
        .sort("_s", "day", "time", "ref")
        .group_by("_s", maintain_order=True)
        .agg(pl.col("value", "ref_low", "ref_high", "ref").last())
    )
    joined = units.select("_k", "_s").join(last, on="_s", how="left", maintain_order="left")
    flag = (
        pl.when(gt(pl.col("value"), pl.col("ref_high")))
        .then(pl.lit("high"))
        .when(lt(pl.col("value"), pl.col("ref_low")))
        .then(pl.lit("low"))
        .when(pl.col("ref_high").is_not_null())
        .then(pl.lit("normal"))
    )
    return Column(joined.select(flag).to_series(), (joined.filter(pl.col("ref").is_not_null()).select("_k", "ref"),))


def _lloq_copies(units: pl.DataFrame, timeline: Timeline, results: Results) -> Column:
    """The highest limit of quantification stated with the subject's transgene levels."""
    del results
    limit = timeline.fact("obs:CARCOPY").group_by("_s").agg(value=pl.col("lloq").max())
    return Column(units.join(limit, on="_s", how="left", maintain_order="left")["value"])


_COLUMNS: dict[str, Callable[[pl.DataFrame, Timeline, Results], Column]] = {
    "earlier_fever": _earlier_fever,
    "present_descriptors": judged.present_descriptors,
    "baseline_descriptors": judged.baseline_descriptors,
    "new_descriptors": judged.new_descriptors,
    "selena_new_or_worse": judged.selena_new_or_worse,
    "selena_new_treatments": judged.selena_new_treatments,
    "transaminase_grade": judged.transaminase_grade,
    "creatinine_grade": judged.creatinine_grade,
    "vasopressor_class": judged.vasopressor_class,
    "no_vasopressor": judged.no_vasopressor,
    "years_to_cut_off": judged.years_to_cut_off,
    "deceased": judged.deceased,
    "last_follow_up_day": _last_follow_up_day,
    "retreatment_day": _retreatment_day,
    "last_day_before_retreatment": _last_day_before_retreatment,
    "baseline_range_flag": _baseline_range_flag,
    "months_since_infusion": _months_since_infusion,
    "highest_prednisone_8_weeks": _highest_prednisone_8_weeks,
    "dsdna_since_infusion": _dsdna_since_infusion,
    "upcr_nadir": _upcr_nadir,
    "lloq_copies": _lloq_copies,
    "adult_or_juvenile": _adult_or_juvenile,
    "months_since_baseline": _months_since_baseline,
}


def _prior_treatments(units: pl.DataFrame, timeline: Timeline, results: Results) -> pl.DataFrame:
    """Medicines that ended or were running before infusion, with their recorded outcome.

    Duration counts both ends; a treatment still running at infusion ended 0 days before. Glucocorticoids are one
    drug whatever the agent, as every definition counts them once.
    """
    del results
    rows = timeline.exposures.filter((pl.col("start_max") < 0) & pl.col("outcome").is_not_null())
    ended = pl.min_horizontal("end_min", pl.lit(0))
    is_steroid = pl.col("classes").list.contains("glucocorticoid")
    return (
        units.select("_k", "_s")
        .join(rows, on="_s", how="inner")
        .select(
            "_k",
            "ref",
            "outcome",
            day="start_min",
            drug=pl.when(is_steroid).then(pl.lit("glucocorticoid")).otherwise(pl.col("drug")),
            duration_days=(ended - pl.col("start_max") + 1).cast(pl.Int64),
            ended_days_before_screening=(-ended).cast(pl.Int64),
        )
    )


def _glucocorticoid_courses(units: pl.DataFrame, timeline: Timeline, results: Results) -> pl.DataFrame:
    """Glucocorticoids taken for the disease on the day of the visit."""
    del results
    return medicines.courses(units, timeline, "glucocorticoid")


ROWS: dict[str, Callable[[pl.DataFrame, Timeline, Results], pl.DataFrame]] = {
    "prior_treatments": _prior_treatments,
    "glucocorticoid_courses": _glucocorticoid_courses,
}
"""Series whose rows come from tables that no binding can name; each returns rows with `_k`."""


def is_complete(name: str, units: pl.DataFrame, timeline: Timeline) -> pl.Series:
    """Whether, for each unit, no rows means "none" in a series bound by hand; otherwise an empty series is unknown."""
    if name == "glucocorticoid_courses" and "glucocorticoid" not in timeline.complete_classes:
        return pl.repeat(value=False, n=units.height, eager=True, dtype=pl.Boolean)
    return ~units["_s"].is_in(list(timeline.lost_medicines))


DISEASE_CLASSES = ("glucocorticoid", "immunosuppressant", "biologic")


def row_column(name: str, rows: pl.DataFrame, timeline: Timeline, results: Results) -> pl.Series:
    """Return a derived column for the rows of a series."""
    return _ROW_COLUMNS[name](rows, timeline, results)


def _treatment_restarted(rows: pl.DataFrame, timeline: Timeline, results: Results) -> pl.Series:
    """A glucocorticoid, immunosuppressant or biologic was begun for the disease after infusion, up to that day.

    Courses for toxicity, prophylaxis or replacement do not count, nor does the taper that was running at infusion.
    """
    del results
    begun = timeline.exposures.filter(
        (pl.col("start_min") > 0)
        & (pl.col("start_min") < FAR)
        & pl.col("classes").list.eval(pl.element().is_in(list(DISEASE_CLASSES))).list.any()
        & pl.col("purpose").is_in(["background", "rescue"])
        & (pl.col("dose").is_null() | (pl.col("dose") > 0))
    )
    first = begun.group_by("_s").agg(first=pl.col("start_min").min())
    joined = rows.select("_s", "day").join(first, on="_s", how="left", maintain_order="left")
    return joined.select((pl.col("first") <= pl.col("day")).fill_null(value=False)).to_series()


_ROW_COLUMNS: dict[str, Callable[[pl.DataFrame, Timeline, Results], pl.Series]] = {
    "treatment_restarted": _treatment_restarted,
}


def event_rows(key: str, timeline: Timeline) -> pl.DataFrame:
    """Return the events that an event criterion grades, with its columns."""
    return _EVENTS[key](timeline)


def _graded_infections(timeline: Timeline) -> pl.DataFrame:
    """Infections whose type is coded in the terms of the BMT CTN scale, with the days they were treated."""
    events = timeline.events.filter((pl.col("category") == "infection") & (pl.col("term_system") == "BMT-CTN"))
    treated = (
        timeline.exposures.filter(pl.col("indication_row").is_not_null() & (pl.col("end_max") < FAR))
        .group_by("_s", row_id=pl.col("indication_row"))
        .agg(treatment_days=(pl.col("end_max").max() - pl.col("start_min").min() + 1).cast(pl.Float64))
    )
    ventilated = (
        events.select("_s", "row_id", "day", "end_day")
        .join(
            timeline.fact("obs:O2DEVICE").filter(pl.col("text") == "invasive_ventilation").select("_s", on="day"),
            on="_s",
        )
        .filter(pl.col("on").is_between(pl.col("day"), pl.col("end_day").fill_null(FAR)))
        .select("_s", "row_id", ventilated=pl.lit(value=True))
        .unique()
    )
    away_from_icu = pl.col("level_of_care").is_in(["ward", "outpatient"])
    unknown = [
        "deep_organ_involvement",
        "abdominal_pain",
        "toxic_dilatation",
        "renal_insufficiency",
        "therapy_changed_for_progression",
        "fasciitis_debridement",
    ]
    return (
        events.join(treated, on=["_s", "row_id"], how="left")
        .join(ventilated, on=["_s", "row_id"], how="left")
        .with_columns(
            time=pl.col("start"),
            intubation=pl.coalesce("ventilated", pl.when(away_from_icu).then(pl.lit(value=False))),
            severe_sepsis=pl.col("serious_life_threatening"),
            diarrhea_ml_per_day=pl.lit(None, dtype=pl.Float64),
            **{name: pl.lit(None, dtype=pl.Boolean) for name in unknown},
        )
    )


def _registry_infections(timeline: Timeline) -> pl.DataFrame:
    """Infections coded in the categories of the CIBMTR form; a medicine given for the event is treatment."""
    events = timeline.events.filter((pl.col("category") == "infection") & (pl.col("term_system") == "CIBMTR"))
    treated = (
        timeline.exposures.filter(pl.col("indication_row").is_not_null())
        .select("_s", row_id="indication_row", treated=pl.lit(value=True))
        .unique()
    )
    return events.join(treated, on=["_s", "row_id"], how="left").with_columns(
        time=pl.col("start"), test_positive=pl.lit(None, dtype=pl.Boolean)
    )


def _reportable_events(timeline: Timeline) -> pl.DataFrame:
    """New malignancies, pregnancies and deaths after infusion, and tests for replication-competent virus."""
    names = {"malignancy": "new_malignancy", "pregnancy": "pregnancy", "death": "death"}
    events = timeline.events.filter(pl.col("category").is_in(list(names)) & (pl.col("day") >= 0)).with_columns(
        event=pl.col("category").replace(names),
        rcl_result=pl.lit(None, dtype=pl.String),
        time=pl.col("start"),
    )
    tests = (
        timeline.fact("obs:RCL")
        .filter(pl.col("day") >= 0)
        .select("_s", "day", "time", "ref", event=pl.lit("rcl_test"), rcl_result="text")
    )
    return pl.concat([events, tests], how="diagonal")


_EVENTS: dict[str, Callable[[Timeline], pl.DataFrame]] = {
    "infection_grade_bmt_ctn": _graded_infections,
    "infection_reportable_cibmtr": _registry_infections,
    "safety_event_flags": _reportable_events,
}
