"""Derived bindings over answered items and earlier results: lists of findings, descriptors, grades of the day."""

from __future__ import annotations

import polars as pl

from aftercart.assessment import medicines
from aftercart.assessment.timeline import Timeline
from aftercart.assessment.values import Column, Results, by_visit
from aftercart.criteria import registry
from aftercart.criteria.registry import Input

VASOPRESSORS = {"drug": "vasopressor", "measure": "count"}
LIVER_TERMS = ("alt_increased v5", "ast_increased v5")
CREATININE_TERMS = ("v5",)


def _answered(units: pl.DataFrame, timeline: Timeline, instrument: str, items: dict[str, str]) -> Column:
    """The names whose item is answered with yes at the visit; missing while any of the items is not answered."""
    answers, evidence = [], []
    for name, item in items.items():
        found = by_visit(Input(name, "bool", ""), {"item": f"{instrument}.{item}", "day": "max"}, timeline)
        if found.values.is_empty():
            answers.append(found.values["value"].clear(units.height).alias(name))
            continue
        values = found.at(units["_v"])
        answers.append(values["value"].alias(name))
        evidence.append(pl.DataFrame([units["_k"], values["ref"]]).drop_nulls())
    present = pl.concat_list(pl.when(pl.col(n) > 0).then(pl.lit(n)) for n in items).list.drop_nulls()
    known = pl.all_horizontal(pl.col(n).is_not_null() for n in items)
    return Column(pl.DataFrame(answers).select(pl.when(known).then(present)).to_series(), tuple(evidence))


def selena_new_or_worse(units: pl.DataFrame, timeline: Timeline, results: Results) -> Column:
    """Findings of lupus that are new or worse since the visit before."""
    del results
    organs = registry.get("selena_flare_index").rules["organs"]
    return _answered(units, timeline, "SELENA-FLARE", {name: name for kind in organs.values() for name in kind})


def selena_new_treatments(units: pl.DataFrame, timeline: Timeline, results: Results) -> Column:
    """Drugs begun because of lupus activity since the visit before."""
    del results
    drugs = registry.get("selena_flare_index").rules["treatments"]
    return _answered(units, timeline, "SELENA-FLARE", {name: f"new_{name}" for kind in drugs.values() for name in kind})


def descriptors(found: pl.DataFrame) -> pl.DataFrame:
    """Names of the SLEDAI-2K descriptors that count at each visit (`value`, null when any is missing), and the rows."""
    prefix = "in.descriptors."
    names = [c for c in found.columns if c.startswith(prefix)]
    present = pl.concat_list(
        pl.when(pl.col(n)).then(pl.lit(n.removeprefix(prefix))).otherwise(None) for n in names
    ).list.drop_nulls()
    known = pl.all_horizontal(pl.col(n).is_not_null() for n in names)
    return found.select("_s", "visit", "source_rows", value=pl.when(known).then(present))


def _rows(joined: pl.DataFrame, column: str = "source_rows") -> tuple[pl.DataFrame, ...]:
    return (joined.select("_k", ref=column).explode("ref").filter(pl.col("ref").is_not_null()),)


def present_descriptors(units: pl.DataFrame, timeline: Timeline, results: Results) -> Column:
    """Names of the SLEDAI-2K descriptors that count at the visit; missing when any descriptor is."""
    del timeline
    listed = descriptors(results["sledai_2k"])
    joined = units.join(listed, on=["_s", "visit"], how="left", maintain_order="left")
    return Column(joined["value"], _rows(joined))


def baseline_descriptors(units: pl.DataFrame, timeline: Timeline, results: Results) -> Column:
    """Names of the SLEDAI-2K descriptors that counted at baseline; missing when any descriptor is."""
    del timeline
    listed = descriptors(results["sledai_2k"].filter(pl.col("visit") == "baseline")).drop("visit")
    joined = units.join(listed, on="_s", how="left", maintain_order="left")
    return Column(joined["value"], _rows(joined))


def new_descriptors(units: pl.DataFrame, timeline: Timeline, results: Results) -> Column:
    """Names of the SLEDAI-2K descriptors that count at the visit and did not at baseline; missing when any is."""
    now = present_descriptors(units, timeline, results)
    then = baseline_descriptors(units, timeline, results)
    pairs = pl.DataFrame({"now": now.values, "then": then.values})
    return Column(pairs.select(pl.col("now").list.set_difference("then")).to_series(), (*now.evidence, *then.evidence))


def _worst_of_day(units: pl.DataFrame, results: Results, key: str, variants: tuple[str, ...]) -> Column:
    """The highest grade of the day by some variants of a criterion; missing when none was graded or one is open."""
    found = results[key].filter(pl.col("variant").is_in(variants))
    worst = found.group_by("_s", "day").agg(
        value=pl.when(pl.col("grade").is_not_null().all()).then(pl.col("grade").max()),
        rows=pl.col("source_rows").list.explode(keep_nulls=False, empty_as_null=False).unique().sort(),
    )
    joined = units.join(worst, on=["_s", "day"], how="left", maintain_order="left")
    return Column(joined["value"], _rows(joined, "rows"))


def transaminase_grade(units: pl.DataFrame, timeline: Timeline, results: Results) -> Column:
    """The higher of the CTCAE v5 grades of ALT and AST of the day."""
    del timeline
    return _worst_of_day(units, results, "ctcae_liver", LIVER_TERMS)


def creatinine_grade(units: pl.DataFrame, timeline: Timeline, results: Results) -> Column:
    """The CTCAE v5 grade of creatinine of the day."""
    del timeline
    return _worst_of_day(units, results, "ctcae_creatinine", CREATININE_TERMS)


def vasopressor_class(units: pl.DataFrame, timeline: Timeline, results: Results) -> Column:
    """None or several, by the number of vasopressors; the dose class of a single one is not in the record."""
    del results
    count, rows = medicines.at(units, timeline, VASOPRESSORS)
    named = pl.when(count == 0).then(pl.lit("none")).when(count > 1).then(pl.lit("multiple"))
    return Column(pl.select(named).to_series(), (rows,))


def no_vasopressor(units: pl.DataFrame, timeline: Timeline, results: Results) -> Column:
    """No high dose where there is no vasopressor; with one, the dose is not known from the record."""
    del results
    count, rows = medicines.at(units, timeline, VASOPRESSORS)
    return Column(pl.select(pl.when(count == 0).then(pl.lit(value=False))).to_series(), (rows,))


def years_to_cut_off(units: pl.DataFrame, timeline: Timeline, results: Results) -> Column:
    """Years from infusion to the data cut-off; missing for a study without one."""
    del results
    days = timeline.subjects.select("_s", "cut_off_day")
    joined = units.join(days, on="_s", how="left", maintain_order="left")
    return Column(joined["cut_off_day"] / 365.25)


def deceased(units: pl.DataFrame, timeline: Timeline, results: Results) -> Column:
    """Whether a death is recorded up to the data cut-off."""
    del results
    died = timeline.subjects.select("_s", "ref", died=pl.col("death_date").is_not_null())
    joined = units.drop("ref", strict=False).join(died, on="_s", how="left", maintain_order="left")
    return Column(joined["died"], (joined.filter("died").select("_k", "ref"),))
