"""The whole analysis: the reference cohort by disease and together, and studies where hardly anything happened."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from click.testing import CliRunner

import aftercart as ac
from aftercart.analysis.records import SCHEMA
from aftercart.cli import main
from aftercart.study.model import Study


@pytest.fixture(scope="module")
def found(reference_analysis: ac.Analysis) -> ac.Analysis:
    return reference_analysis


# id, stratum, time -> numerator, denominator, limits of the exact interval (Clopper-Pearson, 95 %)
@pytest.mark.parametrize(
    ("id_", "stratum", "time", "counts", "limits"),
    [
        ("crs_any", "all", None, (9, 15), (0.3229, 0.8366)),
        ("crs_grade_3_or_more", "all", None, (0, 15), (0.0, 0.2180)),
        ("crs_grade_3_or_more", "IIM", None, (0, 3), (0.0, 0.7076)),
        ("icans_any", "all", None, (1, 15), (0.0017, 0.3195)),
        ("doris_month_6", "all", "month_6", (8, 8), (0.6306, 1.0)),
        ("tis_major_month_12", "all", "month_12", (2, 2), (0.1581, 1.0)),
        ("response_month_6", "all", "month_6", (15, 15), (0.7820, 1.0)),
        ("response_month_6", "SSC", "month_6", (4, 4), (0.3976, 1.0)),
        ("drug_free_antimalarial_allowed_last_visit", "all", "last_visit", (15, 15), (0.7820, 1.0)),
    ],
)
def test_proportions_of_the_reference_cohort(
    found: ac.Analysis, id_: str, stratum: str, time: str | None, counts: tuple[int, int], limits: tuple[float, float]
) -> None:
    record = found.estimate(id_, stratum, time)
    assert (record["numerator"], record["denominator"]) == counts
    assert (record["ci_low"], record["ci_high"]) == pytest.approx(limits, abs=5e-5)
    assert (record["ci_method"], record["ci_level"]) == ("Clopper-Pearson exact", 0.95)


def test_beside_every_zero_stands_what_is_still_possible(found: ac.Analysis) -> None:
    asked = (pl.col("unit") == "proportion") & (pl.col("denominator") > 0)
    zero = found.estimates.filter(asked & (pl.col("numerator") == 0))
    assert zero.height > 5
    assert zero["note"].str.contains("is still possible").all()
    # 1 - 0.05 ** (1 / 15)
    assert "up to 18.1%" in found.estimate("crs_grade_3_or_more")["note"]
    rates = found.estimates.filter(pl.col("unit").str.starts_with("per ") & (pl.col("numerator") == 0))
    assert rates.height > 5
    assert rates["note"].str.contains("is still possible").all()
    # -ln(0.05) over the patient-years observed
    years = found.estimate("death_rate")["denominator"]
    assert f"up to {2.995732274 / years:.3g} per patient-year" in found.estimate("death_rate")["note"]
    # A curve without events says what its own limits leave open, not what all patients together would.
    alive = found.estimate("survival", "all", "month 24")
    assert f"up to {1 - alive['ci_low']:.2f} is still possible" in alive["note"]
    # 1 - 0.05 ** (1 / 4), and no percentage of four patients
    assert "up to 0.53 " in found.estimate("crs_grade_3_or_more", "SSC")["note"]


def test_no_interval_is_degenerate(found: ac.Analysis) -> None:
    some = found.estimates.filter(pl.col("ci_low").is_not_null())
    assert some.filter(pl.col("ci_low") == pl.col("ci_high")).is_empty()
    none = found.estimates.filter(pl.col("ci_low").is_null() != pl.col("ci_high").is_null())
    assert none.is_empty()
    unsaid = found.estimates.filter(pl.col("ci_low").is_null() & pl.col("note").is_null())
    assert unsaid.is_empty()
    assert found.estimates["ci_method"].is_not_null().all()


def test_infections_by_period(found: ac.Analysis) -> None:
    whole = found.estimate("infection_rate_patient_year")
    periods = found.estimates.filter(
        (pl.col("id") == "infection_rate_patient_year") & (pl.col("stratum") == "all") & pl.col("time").is_not_null()
    )
    assert periods["time"].to_list() == ["day 0-30", "day 31-90", "day 91-365", "after day 365"]
    assert periods["numerator"].sum() == whole["numerator"] == 8
    assert periods["denominator"].sum() == pytest.approx(whole["denominator"], abs=1e-6)
    # 31 days of each of 15 patients; no event: -ln(0.025) over the time at risk
    first = periods.row(0, named=True)
    assert first["denominator"] == pytest.approx(15 * 31 / 365.25, abs=1e-6)
    assert first["ci_high"] == pytest.approx(3.688879454 / first["denominator"], abs=1e-6)


@pytest.mark.parametrize(
    ("id_", "counts"),
    [
        ("tocilizumab_given", (1, 15)),
        ("glucocorticoid_for_toxicity_given", (0, 15)),
        ("late_icaht_grade_3_or_more", (1, 15)),
        ("igg_severely_low", (0, 15)),
        ("serious_event", (1, 15)),
        ("malignancy", (0, 15)),
    ],
)
def test_what_else_happened(found: ac.Analysis, id_: str, counts: tuple[int, int]) -> None:
    record = found.estimate(id_)
    assert (record["numerator"], record["denominator"]) == counts


def test_no_row_is_no_treatment_only_where_the_record_is_complete(make_study: Callable[..., Study]) -> None:
    given = [{"subject_id": "P1", "drug": "tocilizumab", "start": "2022-03-05", "purpose": "crs_icans_treatment"}]
    for classes, drugs, expected in (
        (["anticytokine"], [], (0, 2)),
        ([], [], (0, 0)),
        ([], given, (1, 1)),
        (["anticytokine"], given, (1, 2)),
    ):
        tables = {**subjects("P1", "P2"), **({"exposures": drugs} if drugs else {})}
        name = f"{len(classes)}-{len(drugs)}"
        record = ac.analyze(make_study(name=name, classes=classes, **tables)).estimate("tocilizumab_given")
        assert (record["numerator"], record["denominator"]) == expected


def test_several_infections_of_a_patient_count(make_study: Callable[..., Study]) -> None:
    days = {"P1": ["2022-04-01", "2022-05-01"], "P2": ["2022-04-15"]}
    events = [{"subject_id": s, "category": "infection", "start": d} for s, dates in days.items() for d in dates]
    found = ac.analyze(make_study(**subjects("P1", "P2", "P3"), events=events))
    mean = found.estimate("infections_per_patient", "all", "month 3")
    assert (mean["numerator"], mean["denominator"], mean["estimate"]) == (3, 3, 1)
    assert (found.estimate("infection_any")["numerator"], found.estimate("infection_any")["denominator"]) == (2, 3)


def test_change_from_baseline_with_few_patients(found: ac.Analysis) -> None:
    sledai = found.estimate("sledai_2k_change_month_6", "all", "month_6")
    assert sledai["numerator"] == 8
    assert sledai["estimate"] < 0
    assert sledai["ci_high"] < 0
    assert sledai["ci_level"] >= 0.95
    skin = found.estimate("mrss_change_month_6", "all", "month_6")
    assert (skin["numerator"], skin["ci_low"], skin["ci_high"]) == (4, None, None)
    assert "No interval" in skin["note"]


def test_borrowing_is_shown_beside_the_own_interval(found: ac.Analysis) -> None:
    pooled = found.estimates.filter(pl.col("id") == "response_month_6_partially_pooled")
    assert pooled["stratum"].to_list() == ["SLE", "IIM", "SSC"]
    # 8 of 8, 3 of 3 and 4 of 4: the posterior means of this cohort under the stated prior
    assert pooled["estimate"].round(3).to_list() == [0.950, 0.940, 0.943]
    assert pooled["ci_method"].str.contains("prior: ").all()
    assert pooled["note"].str.contains("With half the prior spread").all()
    # Narrower than the disease's own exact interval, because the rest is borrowed.
    own = found.estimate("response_month_6", "IIM", "month_6")
    assert pooled.row(1, named=True)["ci_low"] > own["ci_low"]


def test_curves_say_how_their_limits_were_made(found: ac.Analysis) -> None:
    alive = found.curves.filter((pl.col("id") == "survival") & (pl.col("stratum") == "all"))
    assert alive["value"].to_list() == [1.0] * alive.height
    assert alive.row(0, named=True)["at_risk"] == 15
    assert (alive["low"] < 1).all()
    assert alive["method"].str.contains("beta").all()
    assert found.estimate("survival", "all", "month 12")["ci_high"] == 1
    assert found.estimate("survival_median")["estimate"] is None
    remission = found.estimate("before_remission_median")
    assert remission["numerator"] == 8
    assert remission["estimate"] is not None


def test_response_comes_by_visit(found: ac.Analysis) -> None:
    first = found.estimate("before_response_median")
    assert (first["numerator"], first["denominator"]) == (15, 15)
    assert first["ci_low"] < first["estimate"] < first["ci_high"]
    assert found.estimate("before_response", "all", "month 6")["estimate"] == 0
    assert found.estimate("seroreversion_month_6", "all", "month_6")["numerator"] == 8


def test_a_model_is_fitted_only_where_the_data_carry_it(found: ac.Analysis) -> None:
    skin = found.estimate("mrss_per_month")
    assert (skin["estimate"], skin["denominator"]) == (None, 4)
    assert "cannot carry a mixed model" in skin["note"]
    assert found.estimate("sledai_2k_per_month")["estimate"] < 0


def test_relapse_competes_with_death(monkeypatch: pytest.MonkeyPatch) -> None:
    from aftercart.analysis import courses
    from aftercart.analysis.cohort import Cohort

    study = ac.reference_cohort()
    cohort = Cohort.of(study, ac.assess(study, ["doris_2021", "remission_course"]))
    assert list(courses.losses(cohort, 0.95)) == []
    remission = pl.DataFrame(
        {
            "subject_id": ["SLE-1", "SLE-2", "SLE-3", "SLE-4"],
            "first_day": [90] * 4,
            "relapse_day": [190, None, None, 290],
        }
    )
    monkeypatch.setattr(courses.efficacy, "remission", lambda _: remission)
    last = {"SLE-1": 500, "SLE-2": 240, "SLE-3": 500, "SLE-4": 500}
    patients = cohort.patients.with_columns(
        last_day=pl.col("subject_id").replace_strict(last, default=500, return_dtype=pl.Int64),
        died=pl.col("subject_id") == "SLE-2",
    )
    curve, _ = courses.losses(replace(cohort, patients=patients), 0.95)
    # Relapse after 100 days, death after 150, relapse after 200: 1/4, then 1/4 + 1/2 * 1/2.
    reached = curve.frame.filter(pl.col("events") > 0)
    assert reached["time"].to_list() == [100, 200]
    assert reached["value"].to_list() == pytest.approx([0.25, 0.5], abs=1e-12)


def test_who_was_there(found: ac.Analysis) -> None:
    age = found.baseline.filter((pl.col("variable") == "Age at infusion") & (pl.col("stratum") == "all"))
    assert age.select("known", "missing", "median").row(0) == (15, 0, 36)
    women = found.baseline.filter((pl.col("variable") == "Sex") & (pl.col("level") == "F")).sort("stratum")
    assert dict(women.select("stratum", "count").iter_rows())["all"] == 10
    score = found.baseline.filter((pl.col("variable") == "SLEDAI-2K at baseline") & (pl.col("stratum") == "all"))
    assert score.select("n", "missing").row(0) == (8, 0)
    steps = found.flow.filter(pl.col("stratum") == "all")
    assert dict(steps.select("step", "n").iter_rows()) == {
        "enrolled": 15,
        "consented": 15,
        "apheresis": 15,
        "lymphodepletion": 15,
        "infused": 15,
        "seen at month 1": 15,
        "seen at month 3": 15,
        "seen at month 6": 15,
        "seen at month 9": 15,
        "seen at month 12": 13,
        "seen at month 18": 10,
        "seen at month 24": 6,
        "seen at month 30": 3,
        "seen at month 36": 1,
    }
    assert steps.filter(pl.col("step") == "seen at month 12")["lost"].to_list() == [2]


def test_follow_up_and_event_rates(found: ac.Analysis) -> None:
    follow_up = found.estimate("follow_up")
    assert (follow_up["estimate"], follow_up["unit"]) == (18, "months")
    assert "Range 9.03 to 35.91 months" in follow_up["note"]
    years = found.estimate("person_years")["estimate"]
    serious = found.estimate("serious_event_rate")
    assert (serious["numerator"], serious["denominator"]) == (1, pytest.approx(years, abs=1e-6))
    asked = pl.col("id").str.starts_with("infection_site_") & (pl.col("unit") == "per patient-year")
    assert found.estimates.filter(asked)["numerator"].sum() == 8


def test_curves_are_drawn_with_their_limits(found: ac.Analysis) -> None:
    from aftercart.reporting.figures import event_free

    figure = event_free.draw(found.curves, simulated=True)
    assert figure is not None
    assert "Alive: 0 of 15 had the event" in figure.alt
    assert "beta-product" in figure.note
    assert "Simulated data" in figure.svg()
    assert event_free.draw(found.curves.clear(), simulated=True) is None


def test_shifts_count_every_graded_patient_once(found: ac.Analysis) -> None:
    neutrophils = found.shifts.filter((pl.col("criterion") == "ctcae_neutrophils") & (pl.col("variant") == "v5"))
    assert neutrophils["patients"].sum() == 15
    assert neutrophils.filter(pl.col("worst_grade") == 4)["patients"].to_list() == [1]


def test_a_patient_who_was_not_seen_did_not_respond_by_imputation() -> None:
    study = ac.reference_cohort()
    month_6 = next(v for v in study.meta.visits if v.name == "month 6")
    infused = study.infusions.filter(pl.col("subject_id") == "SLE-1")["start"][0][:10]
    day = (pl.col("datetime").str.slice(0, 10).str.to_date() - pl.lit(infused).str.to_date()).dt.total_days()
    gone = (pl.col("subject_id") == "SLE-1") & day.is_between(
        month_6.target_day - month_6.before, month_6.target_day + month_6.after
    )
    tables = {**study.tables, "assessments": study.assessments.filter(~gone.fill_null(value=False))}
    found = ac.analyze(replace(study, tables=tables, provenance={}))
    observed, imputed = (found.estimate(i, "all", "month_6") for i in ("doris_month_6", "doris_month_6_nri"))
    assert (observed["numerator"], observed["denominator"]) == (7, 7)
    assert (imputed["numerator"], imputed["denominator"]) == (7, 8)
    assert "1 not evaluable counted as not responding" in imputed["note"]


def subjects(*ids: str) -> dict[str, Any]:
    return {
        "subjects": [{"subject_id": i, "indication": "SLE", "sex": "F", "age_at_infusion": 30} for i in ids],
        "infusions": [{"subject_id": i, "infusion_seq": 1, "start": "2022-03-01"} for i in ids],
    }


QUIET: dict[str, dict[str, Any]] = {
    "one patient without any finding": subjects("P1"),
    "two patients without any finding": subjects("P1", "P2"),
    "everybody died on the day of infusion": {
        **subjects("P1", "P2"),
        "subjects": [{**s, "death_date": "2022-03-01"} for s in subjects("P1", "P2")["subjects"]],
    },
    "nobody reached a visit": {
        **subjects("P1", "P2"),
        "subjects": [{**s, "last_contact_date": "2022-03-10"} for s in subjects("P1", "P2")["subjects"]],
    },
    "enrolled but not infused": {**subjects("P1", "P2"), "infusions": []},
    "one event": {
        **subjects("P1"),
        "events": [{"subject_id": "P1", "category": "infection", "start": "2022-04-01", "serious": False}],
    },
}


@pytest.mark.parametrize("tables", QUIET.values(), ids=QUIET.keys())
def test_little_data_give_an_answer_or_a_reason(make_study: Callable[..., Study], tables: dict[str, Any]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = ac.analyze(make_study(**tables))
    empty = found.estimates.filter(pl.col("estimate").is_null())
    assert empty["note"].is_not_null().all()
    finite = found.estimates.select(pl.col("estimate", "ci_low", "ci_high").is_finite().fill_null(value=True).all())
    assert finite.row(0) == (True, True, True)


def test_the_order_of_rows_does_not_matter(found: ac.Analysis) -> None:
    study = ac.reference_cohort()
    turned = replace(study, tables={n: t.sample(fraction=1, shuffle=True, seed=5) for n, t in study.tables.items()})
    again = ac.analyze(turned)
    for name in ("estimates", "responders", "curves", "baseline", "described", "flow", "shifts", "counts"):
        assert getattr(again, name).equals(getattr(found, name)), name
    assert again.answers.drop("row").equals(found.answers.drop("row"))


def test_the_command_writes_every_table(tmp_path: Path, found: ac.Analysis) -> None:
    ac.reference_cohort().write(tmp_path / "study")
    done = CliRunner().invoke(main, ["analyze", str(tmp_path / "study"), "--out", str(tmp_path / "out")])
    assert done.exit_code == 0
    names = {p.name for p in (tmp_path / "out").iterdir() if not p.name.startswith(".")}
    tables = ("estimates", "responders", "curves", "baseline", "described", "flow", "shifts", "counts")
    written = {f"{t}.{s}" for t in tables for s in ("parquet", "csv", "json")}
    assert names == written | {"answers.parquet", "answers.csv", "about.json"}
    assert pl.read_parquet(tmp_path / "out" / "estimates.parquet").equals(found.estimates)
    rows = json.loads((tmp_path / "out" / "estimates.json").read_text("utf-8"))
    assert list(rows[0]) == list(SCHEMA)
    assert json.loads((tmp_path / "out" / "about.json").read_text("utf-8"))["simulated"] is True


def test_another_level_is_wider(found: ac.Analysis) -> None:
    wide = ac.analyze(ac.reference_cohort(), confidence=0.99).estimate("crs_any")
    assert wide["ci_level"] == 0.99
    assert wide["ci_low"] < found.estimate("crs_any")["ci_low"]


def test_an_empty_study_is_described_as_empty() -> None:
    study = ac.reference_cohort()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = ac.analyze(replace(study, tables={n: t.clear() for n, t in study.tables.items()}))
    assert found.flow.filter(pl.col("n") > 0).is_empty()
    assert found.curves.is_empty()
    assert found.estimates["estimate"].is_null().all()
    assert found.estimates["note"].is_not_null().all()


def test_one_disease_has_no_strata_and_borrows_nothing() -> None:
    study = ac.reference_cohort()
    mine = pl.col("subject_id").str.starts_with("SSc")
    tables = {n: t.filter(mine) if "subject_id" in t.columns else t for n, t in study.tables.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = ac.analyze(replace(study, tables=tables))
    assert set(found.estimates["stratum"]) == {"all"}
    assert found.estimates.filter(pl.col("id").str.contains("partially_pooled")).is_empty()
    assert found.estimate("crs_any")["denominator"] == 4


def test_an_estimate_is_found_by_id_stratum_and_time(found: ac.Analysis) -> None:
    assert list(SCHEMA)[:13] == [
        "id",
        "label",
        "population",
        "stratum",
        "time",
        "numerator",
        "denominator",
        "estimate",
        "ci_low",
        "ci_high",
        "ci_level",
        "ci_method",
        "note",
    ]
    assert found.estimates.select("id", "stratum", "time").is_unique().all()


def test_observed_and_imputed_stand_side_by_side(found: ac.Analysis) -> None:
    rows = found.responders.filter((pl.col("id") == "drug_free_strict_month_12") & (pl.col("stratum") == "all"))
    row = rows.row(0, named=True)
    assert (row["responders"], row["observed_n"], row["imputed_n"]) == (13, 13, 13)
    nobody = found.responders.filter(pl.col("responders") > pl.min_horizontal("observed_n", "imputed_n"))
    assert nobody.is_empty()
    assert (found.responders["observed_n"] <= found.responders["imputed_n"]).all()
    # Anti-dsDNA antibodies can only be lost by those who had them.
    lost = found.responders.filter((pl.col("id") == "seroreversion_month_6") & (pl.col("stratum") == "all"))
    assert lost.select("responders", "observed_n", "imputed_n").row(0) == (8, 8, 8)
    assert "positive at baseline" in lost["population"][0]


def test_every_planned_visit_is_answered(found: ac.Analysis) -> None:
    visits = found.responders.filter((pl.col("id").str.starts_with("doris_")) & (pl.col("stratum") == "all"))
    months = [f"month_{m}" for m in (1, 3, 6, 9, 12, 18, 24, 30, 36)]
    assert visits["time"].to_list() == [*months, "last_visit"]


def test_doses_of_glucocorticoids_over_time(found: ac.Analysis) -> None:
    dose = found.estimate("glucocorticoid_dose_month_6", "all", "month_6")
    assert (dose["estimate"], dose["numerator"], dose["unit"]) == (0, 15, "mg/d")
    few = found.estimate("glucocorticoid_at_most_5_mg_month_6", "all", "month_6")
    assert (few["numerator"], few["denominator"]) == (15, 15)


def test_prior_treatment_and_refractoriness_are_described(found: ac.Analysis) -> None:
    here = found.baseline.filter(pl.col("stratum") == "all")
    drugs = here.filter(pl.col("variable") == "Treatment before infusion")
    counts = {level: (count, known) for level, count, known in drugs.select("level", "count", "known").iter_rows()}
    assert counts["rituximab"] == (8, 15)
    assert counts["any glucocorticoid"] == (15, 15)
    # The record of calcineurin inhibitors is not declared complete: nothing recorded proves nothing.
    assert counts["any calcineurin inhibitor"] == (1, 1)
    rules = here.filter(pl.col("variable") == "Refractory disease")
    assert dict(rules.select("level", "count").iter_rows())["Erlangen: two or more failures"] == 15


def test_worst_laboratory_grades_have_limits(found: ac.Analysis) -> None:
    record = found.estimate("ctcae_neutrophils_v5_grade_3_or_more")
    assert (record["numerator"], record["denominator"], record["ci_method"]) == (9, 15, "Clopper-Pearson exact")
    assert found.estimate("late_icaht_max_grade_3")["numerator"] == 1


def test_responses_last(found: ac.Analysis) -> None:
    assert found.estimate("response_sustained")["numerator"] == 15
    lasting = found.estimate("in_response", "all", "month 12")
    assert (lasting["estimate"], lasting["numerator"]) == (1, 0)
    assert lasting["ci_low"] < 1
    back = found.estimate("before_b_cell_return_median")
    assert (back["estimate"], back["numerator"]) == (112, 15)


def test_nobody_is_told_a_percentage_of_fewer_than_five(found: ac.Analysis) -> None:
    few = found.estimates.filter(pl.col("denominator") < 5)
    counted = few.filter(pl.col("unit").is_in(["proportion", "probability"]))
    notes = counted["note"].drop_nulls().str.replace_all(r"\(?(one|two)-sided \d+% limit\)?", "")
    assert counted.height > 50
    assert not notes.str.contains("%").any()
