"""What changed between two data cuts: one change each, with the assessments it moves and the row that moved them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import aftercart as ac
from aftercart.analysis.comparison import Difference, compare, of_folder, of_study
from aftercart.criteria import registry
from aftercart.errors import UsageError
from aftercart.study.model import Study, VisitWindow

Make = Callable[..., Study]
MONTH_3 = "2022-05-30"


def answers(day: str = MONTH_3) -> list[dict[str, Any]]:
    """No finding of lupus at a visit, and a low physician global."""
    rows = [
        {"subject_id": "P1", "instrument": "SLEDAI-2K", "item": name, "datetime": day, "value": 0}
        for name in registry.get("sledai_2k").rules["weights"]
    ]
    return [*rows, {"subject_id": "P1", "instrument": "PGA", "item": "phga_0_3", "datetime": day, "value": 0.2}]


def lab(code: str, value: float, unit: str, day: str = MONTH_3, **more: Any) -> dict[str, Any]:
    return {"subject_id": "P1", "code": code, "value": value, "unit": unit, "datetime": day, **more}


def moved(d: Difference) -> dict[tuple[str, str | None], tuple[str, float | None, float | None]]:
    """By criterion and visit: the kind of change, the value before and after."""
    columns = ("criterion", "visit", "change", "value_old", "value_new")
    return {(c, v): rest for c, v, *rest in d.assessments.select(columns).iter_rows()}  # type: ignore[misc]


def because(d: Difference, criterion: str) -> set[tuple[str, str, str]]:
    """Kind, what and basis of every cause of the moves of one criterion."""
    of = d.assessments.filter(pl.col("criterion") == criterion).select("move")
    return set(d.causes.join(of, on="move", how="semi").select("kind", "what", "basis").iter_rows())


def chain(d: Difference, criterion: str) -> list[str]:
    """The criteria through which the cause of a move came, the first link first."""
    names = dict(d.assessments.select("move", "criterion").iter_rows())
    (move,) = [m for m, c in names.items() if c == criterion]
    found = []
    while True:
        via = d.causes.filter(pl.col("move") == move)["via"].to_list()
        if via[0] is None:
            return found
        move = via[0]
        found.append(names[move])


def test_a_corrected_value_moves_remission_through_the_score_and_its_descriptor(make_study: Make) -> None:
    before, after = (
        make_study(name=name, assessments=answers(), observations=[lab("UPCR", ratio, "g/g")])
        for name, ratio in (("a", 0.2), ("b", 0.9))
    )
    d = ac.diff(before, after)
    assert d.rows.to_dicts() == [
        {
            "table": "observations",
            "row_id": "OBS-1",
            "subject_id": "P1",
            "label": "UPCR",
            "date": MONTH_3,
            "change": "changed",
            "reason": None,
            "counts": True,
        }
    ]
    cells = set(d.cells.select("column", "old", "new").iter_rows())
    assert cells == {("value", "0.2", "0.9")}
    assert moved(d) == {
        ("sledai_2k_lab_descriptors", "month 3"): ["moved", 0, 1],
        ("sledai_2k", "month 3"): ["moved", 0, 4],
        ("doris_2021", "month 3"): ["moved", 1, 0],
        ("lldas", "month 3"): ["moved", None, 0],
        ("sledai_change", "month 3"): ["moved", None, None],
        ("remission_course", None): ["moved", 90, None],
    }
    assert {r[1:] for r in d.causes.select("move", "kind", "what", "basis").iter_rows()} == {
        ("row", "observations:OBS-1", "evidence")
    }
    assert chain(d, "remission_course") == ["doris_2021", "sledai_2k", "sledai_2k_lab_descriptors"]
    remission = d.estimates.filter((pl.col("id") == "doris_month_3") & (pl.col("stratum") == "all")).to_dicts()[0]
    assert (remission["numerator_old"], remission["numerator_new"], remission["denominator_new"]) == (1, 0, 1)
    (who,) = d.movers.filter(pl.col("id") == "doris_month_3").to_dicts()
    assert (who["subject_id"], who["old"], who["new"]) == ("P1", "met", "not met")
    assert d.assessments.filter(pl.col("move") == who["moves"][0])["criterion"].item() == "doris_2021"
    assert d.subjects.is_empty()
    assert d.declarations.is_empty()
    text = str(d)
    assert "P1, month 3, DORIS remission in lupus (2021): yes \u2192 no" in text
    assert "because observations:OBS-1 (UPCR) of 2022-05-30 changed: value 0.2 \u2192 0.9" in text
    assert "Simulated or reconstructed data." in text


def test_a_row_entered_in_error_is_retracted_and_one_restored_is_added(make_study: Make) -> None:
    value = lab("PLT", 20, "10*9/L", "2022-03-10")
    before = make_study(name="a", observations=[value])
    after = make_study(name="b", observations=[{**value, "status": "entered_in_error"}])
    d = ac.diff(before, after, estimates=False)
    assert d.rows.select("change", "reason", "counts").row(0) == ("retracted", "entered in error", True)
    gone = d.assessments.filter(pl.col("criterion") == "ctcae_platelets_hemoglobin")
    assert set(gone["change"]) == {"disappeared"}
    assert because(d, "ctcae_platelets_hemoglobin") == {("row", "observations:OBS-1", "evidence")}
    back = ac.diff(after, before, estimates=False)
    assert back.rows.select("change", "reason").row(0) == ("added", "no longer in error")


def test_a_row_that_is_gone_and_one_that_is_new(make_study: Make) -> None:
    first, second = (lab("PLT", 20, "10*9/L", day, row_id=f"L{day[-2:]}") for day in ("2022-03-10", "2022-03-12"))
    one, other = make_study(name="a", observations=[first]), make_study(name="b", observations=[second])
    d = ac.diff(one, other, estimates=False)
    assert d.rows.select("row_id", "change", "reason").rows() == [("L10", "retracted", "gone"), ("L12", "added", "new")]
    changes = set(
        d.assessments.filter(pl.col("criterion") == "ctcae_platelets_hemoglobin").select("day_old", "day_new").rows()
    )
    assert changes == {(9, None), (None, 11)}


def test_a_change_of_where_a_row_came_from_moves_nothing(make_study: Make) -> None:
    one, other = (
        make_study(name=ref, observations=[lab("PLT", 20, "10*9/L", source_ref=ref)]) for ref in ("line 1", "page 7")
    )
    d = ac.diff(one, other)
    assert d.rows.select("change", "counts").row(0) == ("changed", False)
    assert d.assessments.is_empty()
    assert d.estimates.is_empty()
    assert not d.nothing_changed


def test_the_order_of_rows_is_no_difference(make_study: Make) -> None:
    values = [lab("PLT", 20 + i, "10*9/L", f"2022-03-1{i}", row_id=f"L{i}", source_ref="") for i in range(5)]
    d = ac.diff(make_study(name="a", observations=values), make_study(name="b", observations=values[::-1]))
    assert d.nothing_changed
    assert d.before["content_hash"] == d.after["content_hash"]
    assert f"Nothing changed. Content of the data (SHA-256): {d.before['content_hash']} before" in str(d)


def test_the_data_cut_off_moves_what_rests_on_it(make_study: Make) -> None:
    before = make_study()
    after = replace(before, meta=replace(before.meta, data_cut_off=date(2029, 1, 1)))
    d = ac.diff(before, after)
    assert d.declarations.rows() == [("data cut-off", "2024-12-31", "2029-01-01")]
    phase = d.assessments.filter(pl.col("criterion") == "ltfu_phase").to_dicts()[0]
    assert (phase["level_old"], phase["level_new"]) == ("annual_visit", "annual_query")
    assert because(d, "ltfu_phase") == {("declaration", "data cut-off", "alone")}
    assert "declared otherwise: data cut-off 2024-12-31 \u2192 2029-01-01" in str(d)
    timed = d.movers.filter(pl.col("id") == "person_years")
    assert timed["subject_id"].to_list() == ["P1"]


def test_a_visit_window_moves_the_visit(make_study: Make) -> None:
    before = make_study(assessments=answers())
    narrow = tuple(replace(v, before=2, after=40) if v.name == "month 3" else v for v in before.meta.visits)
    gone = tuple(VisitWindow("month 3", 120, 2, 2) if v.name == "month 3" else v for v in before.meta.visits)
    same = ac.diff(before, replace(before, meta=replace(before.meta, visits=narrow)))
    assert same.assessments.is_empty()
    assert same.declarations["name"].to_list() == ["visit window month 3"]
    d = ac.diff(before, replace(before, meta=replace(before.meta, visits=gone)), estimates=False)
    assert moved(d)["sledai_2k", "month 3"] == ["disappeared", 0, None]
    assert because(d, "sledai_2k") == {("declaration", "visit window month 3", "alone")}


def test_a_complete_record_of_medicines_closes_what_was_open(make_study: Make) -> None:
    before = make_study(name="a", assessments=answers(), classes=["biologic", "immunosuppressant"])
    after = make_study(name="b", assessments=answers())
    d = ac.diff(before, after, estimates=False)
    assert because(d, "drug_free_status") == {("declaration", "complete drug classes", "alone")}
    drug_free = moved(d)["drug_free_status", "month 3"]
    assert drug_free == ["moved", None, 1]


def test_a_death_moves_what_rests_on_follow_up(make_study: Make) -> None:
    who = {"subject_id": "P1", "indication": "SLE", "sex": "F", "last_contact_date": "2022-03-11"}
    before = make_study(name="a", subjects=[who])
    after = make_study(name="b", subjects=[{**who, "death_date": "2022-06-01"}])
    d = ac.diff(before, after)
    phase = d.assessments.filter(pl.col("criterion") == "ltfu_phase").to_dicts()[0]
    assert (phase["level_old"], phase["level_new"]) == ("annual_visit", "closed_death")
    assert because(d, "ltfu_phase") == {("row", "subjects:SUB-1", "evidence")}
    assert "follow-up moved, death_date nothing \u2192 2022-06-01" in str(d)
    for estimate in ("follow_up", "death"):
        assert d.movers.filter(pl.col("id") == estimate)["rows"].to_list() == [["subjects:SUB-1"]]
    assert d.movers.filter(pl.col("id") == "death").select("old", "new").row(0) == ("not met", "met")


def test_another_day_of_infusion_moves_every_day(make_study: Make) -> None:
    value = lab("PLT", 20, "10*9/L", "2022-03-10")
    infusion = {"subject_id": "P1", "infusion_seq": 1, "product_class": "CAR_T"}
    before, after = (
        make_study(name=day, infusions=[{**infusion, "start": day}], observations=[value])
        for day in ("2022-03-01", "2022-03-03")
    )
    d = ac.diff(before, after, estimates=False)
    days = d.assessments.filter(pl.col("criterion") == "ctcae_platelets_hemoglobin")
    assert set(days.select("day_old", "day_new").rows()) == {(9, None), (None, 7)}
    assert because(d, "ctcae_platelets_hemoglobin") == {("row", "infusions:INF-1", "alone")}


def test_a_patient_who_came_brings_every_assessment(make_study: Make) -> None:
    subjects = [{"subject_id": s, "indication": "SLE", "sex": "F"} for s in ("P1", "P2")]
    infusions = [{"subject_id": s, "infusion_seq": 1, "start": "2022-03-01"} for s in ("P1", "P2")]
    before = make_study(name="a", subjects=subjects[:1], infusions=infusions[:1])
    after = make_study(name="b", subjects=subjects, infusions=infusions)
    d = ac.diff(before, after)
    assert d.subjects.rows() == [("P2", "added")]
    assert set(d.assessments.select("subject_id", "change").rows()) == {("P2", "appeared")}
    assert set(d.causes.select("kind", "what").rows()) >= {("row", "subjects:SUB-2")}
    assert d.assessments.join(d.causes, on="move", how="anti").is_empty()
    back = ac.diff(after, before)
    assert back.subjects.rows() == [("P2", "removed")]


def test_a_first_event_in_a_study_gives_the_record_of_events_a_meaning(make_study: Make) -> None:
    subjects = [{"subject_id": s, "indication": "SLE", "sex": "F"} for s in ("P1", "P2")]
    infusions = [{"subject_id": s, "infusion_seq": 1, "start": "2022-03-01"} for s in ("P1", "P2")]
    both = {"subjects": subjects, "infusions": infusions}
    event = {"subject_id": "P1", "category": "infection", "start": "2022-04-01", "term": "cystitis"}
    d = ac.diff(make_study(name="a", **both), make_study(name="b", events=[event], **both))
    who = d.movers.filter((pl.col("id") == "infection_any") & (pl.col("stratum") == "all"))
    assert who.select("subject_id", "old", "new", "rows").rows() == [
        ("P1", "not evaluable", "met", ["events:EVE-1"]),
        ("P2", "not evaluable", "not met", []),
    ]


def test_two_results_of_one_day_are_told_apart_by_their_rows(make_study: Make) -> None:
    def infection(row: str, agent: str) -> dict[str, Any]:
        return {
            "row_id": row,
            "subject_id": "P1",
            "category": "infection",
            "term_system": "BMT-CTN",
            "term": agent,
            "start": "2022-04-01",
            "level_of_care": "ward",
        }

    first, second = infection("E1", "herpes_zoster_localised"), infection("E2", "bacteremia")
    before = make_study(name="a", events=[first, second])
    after = make_study(name="b", events=[first, infection("E0", "bacteremia"), second])
    d = ac.diff(before, after, estimates=False)
    found = d.assessments.filter(pl.col("criterion") == "infection_grade_bmt_ctn")
    assert found["change"].to_list() == ["appeared"]
    assert because(d, "infection_grade_bmt_ctn") == {("row", "events:E0", "evidence")}


@pytest.fixture
def earlier_run(make_study: Make, tmp_path: Path) -> tuple[Study, Path]:
    """A study, and what an earlier version wrote of it: a SLEDAI-2K of 6 by version 0 of its rules."""
    study = make_study(assessments=answers(), observations=[lab("UPCR", 0.9, "g/g")])
    folder = tmp_path / "earlier"
    folder.mkdir()
    table = ac.assess(study).table
    score = pl.col("criterion") == "sledai_2k"
    remission = pl.col("criterion") == "lldas"
    table = table.with_columns(
        value=pl.when(score).then(6.0).when(remission).then(1.0).otherwise("value"),
        criterion_version=pl.when(score).then(pl.lit("sledai_2k/0")).otherwise("criterion_version"),
    )
    table.write_parquet(folder / "assessments.parquet")
    (folder / "analysis").mkdir()
    ac.analyze(study).write(folder / "analysis")
    about = json.loads((folder / "analysis" / "about.json").read_text("utf-8"))
    (folder / "analysis" / "about.json").write_text(json.dumps({**about, "software_version": "0.0.1"}), "utf-8")
    return study, folder


def test_the_same_data_by_other_rules(earlier_run: tuple[Study, Path]) -> None:
    study, folder = earlier_run
    d = ac.diff(folder, study)
    assert d.rows_known
    assert d.rules.rows() == [("sledai_2k", "sledai_2k/0", "sledai_2k/1")]
    assert moved(d) == {("sledai_2k", "month 3"): ["moved", 6, 4], ("lldas", "month 3"): ["moved", 1, 0]}
    assert because(d, "sledai_2k") == {("rule", "sledai_2k/1 instead of sledai_2k/0", "version")}
    assert because(d, "lldas") == {("rule", "sledai_2k/1 instead of sledai_2k/0", "version")}
    assert chain(d, "lldas") == ["sledai_2k"]
    assert "as assessed by an earlier run" in str(d)


def test_the_same_rules_in_another_release_are_named_as_the_cause(earlier_run: tuple[Study, Path]) -> None:
    study, folder = earlier_run
    table = pl.read_parquet(folder / "assessments.parquet")
    one = (pl.col("criterion") == "ltfu_phase").alias("one")
    table.with_columns(level=pl.when(one).then(pl.lit("annual_query")).otherwise("level")).filter(
        pl.col("criterion") != "sledai_2k"
    ).write_parquet(folder / "assessments.parquet")
    d = ac.diff(folder, study, estimates=False)
    (release,) = because(d, "ltfu_phase")
    assert release[0] == "software"
    assert release[1].endswith("instead of 0.0.1")


def test_an_earlier_run_with_its_study_beside_it_shows_rows_and_rules(earlier_run: tuple[Study, Path]) -> None:
    study, folder = earlier_run
    study.write(folder / "study")
    table = pl.read_parquet(folder / "assessments.parquet")
    gone = table.filter(pl.col("criterion") == "ltfu_phase").with_columns(criterion=pl.lit("no_longer_here"))
    pl.concat([table, gone]).write_parquet(folder / "assessments.parquet")
    value = study.observations.with_columns(value=pl.lit(0.2))
    d = ac.diff(folder, replace(study, tables={**study.tables, "observations": value}), estimates=False)
    assert d.rows["row_id"].to_list() == ["OBS-1"]
    assert because(d, "sledai_2k") == {
        ("rule", "sledai_2k/1 instead of sledai_2k/0", "version"),
        ("row", "observations:OBS-1", "evidence"),
    }
    kinds = {kind for kind, _, _ in because(d, "no_longer_here")}
    assert "software" in kinds


def test_an_earlier_run_of_unknown_data_says_so(earlier_run: tuple[Study, Path]) -> None:
    study, folder = earlier_run
    for path in (folder / "analysis").iterdir():
        path.unlink()
    other = replace(study, tables={**study.tables, "observations": study.observations.clear()})
    d = ac.diff(folder, other)
    assert not d.rows_known
    assert d.rows.is_empty()
    assert "does not say which data" in str(d)
    assert ("row", "observations:OBS-1", "evidence") in because(d, "sledai_2k")
    unknown = set(d.causes["kind"])
    assert unknown <= {"row", "rule", "data"}
    assert d.assessments.join(d.causes, on="move", how="anti").is_empty()
    same = compare(of_folder(folder, None), of_folder(folder, None))
    assert "Nothing changed in any assessment. Content of the data: not known and not known." in str(same)


def test_a_folder_that_is_neither_a_study_nor_results(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no folder"):
        ac.diff(tmp_path / "nowhere", tmp_path / "nowhere")
    pl.DataFrame({"criterion_version": ["lldas/1"]}).write_parquet(tmp_path / "assessments.parquet")
    with pytest.raises(UsageError, match="has no column subject_id"):
        ac.diff(tmp_path, tmp_path)
    (tmp_path / "assessments.parquet").write_bytes(b"not parquet")
    with pytest.raises(UsageError, match="cannot be read"):
        of_folder(tmp_path, None)


def test_the_tables_are_written_and_read_back(make_study: Make, tmp_path: Path) -> None:
    one, other = (make_study(name=str(n), observations=[lab("PLT", n, "10*9/L")]) for n in (20, 90))
    d = ac.diff(one, other)
    d.write(tmp_path)
    assert pl.read_parquet(tmp_path / "causes.parquet").equals(d.causes)
    whole = json.loads((tmp_path / "comparison.json").read_text("utf-8"))
    assert whole["nothing_changed"] is False
    assert len(whole["assessments"]) == d.assessments.height > 0


@pytest.fixture(scope="module")
def three_patients() -> Study:
    return ac.reference_cohort().select(subjects=["SLE-2", "IIM-1", "SSc-3"])


EDITS = ("value", "error", "gone", "date", "contact", "cut", "window", "drug", "order")


def edited(study: Study, edit: str, at: int) -> Study:
    """One random edit of a study."""
    tables, meta = dict(study.tables), study.meta
    observations = tables["observations"]
    row = pl.int_range(pl.len()) == at % observations.height
    if edit == "value":
        tables["observations"] = observations.with_columns(
            value=pl.when(row).then(pl.col("value") * 3 + 1).otherwise("value")
        )
    elif edit == "error":
        answered = tables["assessments"]
        wrong = pl.int_range(pl.len()) % answered.height == at % answered.height
        tables["assessments"] = answered.with_columns(
            status=pl.when(wrong).then(pl.lit("entered_in_error")).otherwise("status")
        )
    elif edit == "gone":
        tables["observations"] = observations.filter(~row)
    elif edit == "date":
        later = pl.col("datetime").str.slice(0, 8) + "28"
        tables["observations"] = observations.with_columns(datetime=pl.when(row).then(later).otherwise("datetime"))
    elif edit == "contact":
        tables["subjects"] = tables["subjects"].with_columns(last_contact_date=pl.lit("2023-11-05"))
    elif edit == "cut":
        meta = replace(meta, data_cut_off=date(2023, 1 + at % 12, 1))
    elif edit == "window":
        wider = tuple(replace(v, before=v.before + at % 15) for v in meta.visits)
        meta = replace(meta, visits=wider)
    elif edit == "drug":
        taken = tables["exposures"]
        tables["exposures"] = taken.filter(pl.int_range(pl.len()) != at % taken.height)
    else:
        tables = {name: t.sample(fraction=1, shuffle=True, seed=at) for name, t in tables.items()}
    return replace(study, tables=tables, meta=meta)


def mirrored(frame: pl.DataFrame, keys: list[str]) -> list[tuple[Any, ...]]:
    """The rows of a table of differences as they must be the other way round."""
    swap = {"old": "new", "new": "old"}
    names = {c: f"{c[:-3]}{swap[c[-3:]]}" for c in frame.columns if c[-4:] in ("_old", "_new") or c in swap}
    words = {"added": "retracted", "retracted": "added", "appeared": "disappeared", "disappeared": "appeared"}
    turned = frame.rename(names).select(frame.columns)
    if "change" in frame.columns:
        turned = turned.with_columns(pl.col("change").replace(words))
    return sorted(turned.select(keys).rows(), key=repr)


@pytest.mark.slow
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(edits=st.lists(st.tuples(st.sampled_from(EDITS), st.integers(0, 10_000)), min_size=1, max_size=3))
def test_every_move_has_a_cause_and_the_way_back_is_the_mirror_image(
    three_patients: Study, edits: list[tuple[str, int]]
) -> None:
    other = three_patients
    for edit, at in edits:
        other = edited(other, edit, at)
    one, two = of_study(three_patients, estimates=False), of_study(other, estimates=False)
    there, back = compare(one, two), compare(two, one)
    assert there.assessments.join(there.causes, on="move", how="anti").is_empty()
    assert compare(one, one).nothing_changed
    if all(edit == "order" for edit, _ in edits):
        assert there.nothing_changed
    rows = ["table", "row_id", "change", "counts"]
    assert sorted(there.rows.select(rows).rows(), key=repr) == mirrored(back.rows, rows)
    cells = ["table", "row_id", "column", "old", "new"]
    assert sorted(there.cells.select(cells).rows(), key=repr) == mirrored(back.cells, cells)
    moves = [c for c in there.assessments.columns if c not in ("what", "datetime")]
    assert sorted(there.assessments.select(moves).rows(), key=repr) == mirrored(back.assessments, moves)
    assert there.causes.rows() == back.causes.rows()


def test_a_case_of_every_edit_is_told_in_words(three_patients: Study) -> None:
    one = of_study(three_patients, estimates=False)
    for edit in EDITS[:-1]:
        text = str(compare(one, of_study(edited(three_patients, edit, 1234), estimates=False)))
        assert "not traced" not in text
        assert "None" not in text, edit
