"""SDTM to study: published datasets, each form alike, every row kept or listed, and clear answers to bad input."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from click.testing import CliRunner

from aftercart.cli import main
from aftercart.errors import SourceError, UsageError
from aftercart.exchange.dataset_files import write_dataset_json
from aftercart.sources import importing, sdtm
from aftercart.sources.assembly import Imported
from aftercart.sources.mapping import mapping_of
from aftercart.standards.dataset import Dataset, Variable

CDISC = Path(__file__).parents[1] / "data" / "cdisc"
ABOUT = {"creation": "2024-01-01T00:00:00"}

DM = [{"STUDYID": "S", "USUBJID": "S-1", "SUBJID": "1", "SEX": "F", "AGE": 34.0}]


@pytest.fixture(scope="module")
def published() -> Imported:
    return sdtm.read(CDISC)


def test_every_published_row_is_kept_or_listed(published: Imported) -> None:
    rows = published.reconciliation
    assert (rows["rows_read"] == rows["rows_kept"] + rows["rows_listed"]).all()
    kept = {r["source_table"]: (r["rows_read"], r["rows_kept"]) for r in rows.to_dicts()}
    assert kept == {
        "ae.xpt": (74, 74),
        "cm.xpt": (68, 68),
        "dm.xpt": (18, 18),
        "ds.xpt": (53, 53),
        "ex.dsjc": (1583, 1583),
        "lb.dsjc": (3488, kept["lb.dsjc"][1]),
        "mh.xpt": (17, 17),
        "rs.xpt": (375, 0),
        "sv.xpt": (164, 164),
        "vs.dsjc": (1414, 1414),
    }
    listed = published.study.problems.filter(pl.col("file") == "lb.dsjc")["row"].n_unique()
    assert 3488 - kept["lb.dsjc"][1] <= listed


def test_published_results_stand_in_the_units_of_the_dictionary(published: Imported) -> None:
    lb = sdtm.load(CDISC)[0]["LB"].rows
    theirs = lb.filter(pl.col("LBTESTCD") == "HGB").drop_nulls("LBSTRESN")
    assert theirs["LBSTRESU"].unique().to_list() == ["mmol/L"]
    ours = published.study.observations.filter((pl.col("code") == "HGB") & pl.col("value").is_not_null())
    assert ours["unit"].unique().to_list() == ["g/L"]
    assert sorted(ours["value"]) == pytest.approx(sorted(theirs["LBSTRESN"] * 16.114))
    assert ours["value_original"].null_count() == 0


def test_protein_in_serum_is_not_protein_in_urine(published: Imported) -> None:
    assert "UPROT24" not in published.study.observations["code"].to_list()
    said = published.study.problems.filter(pl.col("found") == "PROT")
    assert said.select("severity", "rule").unique().rows() == [("warning", "unknown_code")]


def test_pulse_is_heart_rate(published: Imported) -> None:
    assert published.study.observations.filter(pl.col("code") == "HR").height == 378


def test_partial_dates_stay_partial(published: Imported) -> None:
    theirs = sdtm.load(CDISC)[0]["CM"].rows["CMSTDTC"].drop_nulls().str.len_chars().value_counts()
    ours = published.study.exposures.filter(pl.col("source_ref").str.starts_with("cm"))["start"]
    assert sorted(ours.str.len_chars().value_counts().rows()) == sorted(theirs.rows())


def folder(tmp_path: Path, **datasets: list[dict[str, Any]]) -> Path:
    for name, rows in {"DM": DM, **datasets}.items():
        frame = pl.DataFrame(rows, infer_schema_length=None)
        variables = tuple(Variable(c, c, "string" if t == pl.String else "float") for c, t in frame.schema.items())
        write_dataset_json(Dataset(name, name, variables, frame), tmp_path, about=ABOUT)
    return tmp_path


def lb(**changes: Any) -> dict[str, Any]:
    row = {"USUBJID": "S-1", "LBTESTCD": "NEUT", "LBSTRESN": 1.2, "LBSTRESC": "1.2", "LBSTRESU": "10^9/L"}
    return {**row, "LBDTC": "2022-03-05", **changes}


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (lb(), ("ANC", 1.2, "=", "10*9/L")),
        (lb(LBSTRESN=None, LBSTRESC="<0.5"), ("ANC", 0.5, "<", "10*9/L")),
        (lb(LBSTRESN=None, LBSTRESC=">= 3"), ("ANC", 3.0, ">=", "10*9/L")),
        (lb(LBSTRESU="mystery", LBORRES="1200", LBORRESU="/uL"), ("ANC", 1.2, "=", "10*9/L")),
        (lb(LBTESTCD="XNEUT", LBLOINC="751-8"), ("ANC", 1.2, "=", "10*9/L")),
        (lb(LBTESTCD="WBC", LBSPEC="BLOOD"), ("WBC", 1.2, "=", "10*9/L")),
        (lb(LBTESTCD="WBC", LBSPEC="URINE", LBSTRESU="/HPF"), ("UWBC", 1.2, "=", "/[HPF]")),
        (lb(LBTESTCD="PROTCRT", LBSPEC="URINE", LBSTRESU="g/g"), ("UPCR", 1.2, "=", "g/g")),
    ],
)
def test_how_a_result_is_read(result: dict[str, Any], expected: tuple[Any, ...], tmp_path: Path) -> None:
    study = sdtm.read(folder(tmp_path, LB=[result])).study
    assert study.observations.select("code", "value", "comparator", "unit").rows() == [expected]


def test_a_test_not_done_is_not_a_value_of_zero(tmp_path: Path) -> None:
    row = lb(LBSTRESN=None, LBSTRESC=None, LBSTAT="NOT DONE", LBREASND="clotted")
    found = sdtm.read(folder(tmp_path, LB=[row])).study.observations
    assert found.select("code", "value", "not_done", "reason").rows() == [("ANC", None, True, "clotted")]


def test_the_mapping_places_codes_units_and_what_is_left_out(tmp_path: Path) -> None:
    source = folder(
        tmp_path,
        LB=[lb(LBTESTCD="NEUTRO", LBSTRESU="Gpt/l"), lb(LBTESTCD="LOCAL7"), lb(LBTESTCD="GRAN", LBSTRESU=None)],
    )
    raw = {
        "codes": {"NEUTRO": "ANC", "LOCAL7": False, "LB.GRAN": {"code": "ANC", "unit": "10*9/L"}},
        "units": {"Gpt/l": "10*9/L"},
    }
    done = sdtm.read(source, mapping=mapping_of(raw, "sdtm"))
    assert done.study.observations.select("code", "value", "unit").rows() == [("ANC", 1.2, "10*9/L")] * 2
    assert done.study.problems.filter(pl.col("rule") == "left_out").select("file", "row", "found").rows() == [
        ("lb.json", 2, "LOCAL7")
    ]


def supp(**changes: Any) -> dict[str, Any]:
    row = {"STUDYID": "S", "RDOMAIN": "AE", "USUBJID": "S-1", "IDVAR": "AESEQ", "IDVARVAL": "1"}
    return {**row, "QNAM": "AESI", "QVAL": "CRS", **changes}


AE = {"USUBJID": "S-1", "AESEQ": 1.0, "AETERM": "Fever", "AEDECOD": "Pyrexia", "AESTDTC": "2022-03", "AESER": "N"}


def test_qualifiers_are_joined_to_their_record_and_the_rest_is_listed(tmp_path: Path) -> None:
    rows = [
        supp(),
        supp(QNAM="SHOESIZE"),
        supp(IDVARVAL="9"),
        supp(QVAL="ICANS"),
        supp(RDOMAIN="XX"),
        supp(IDVAR="AEXYZ"),
    ]
    done = sdtm.read(folder(tmp_path, AE=[AE], SUPPAE=rows))
    assert done.study.events.select("term_text", "term", "aesi", "start", "serious").rows() == [
        ("Fever", "Pyrexia", "CRS", "2022-03", False)
    ]
    said = done.study.problems.filter(pl.col("file") == "suppae.json").select("row", "rule").sort("row").rows()
    assert said == [
        (2, "qualifier_not_placed"),
        (3, "no_parent"),
        (4, "qualifier_twice"),
        (5, "no_parent"),
        (6, "no_parent"),
    ]
    line = done.reconciliation.filter(pl.col("source_table") == "suppae.json").row(0, named=True)
    assert (line["rows_read"], line["rows_kept"], line["rows_listed"]) == (6, 1, 5)


def test_infusions_of_cells_are_told_from_other_study_treatment(tmp_path: Path) -> None:
    rows = [
        {
            "USUBJID": "S-1",
            "EXTRT": "MB-CART19.1",
            "EXCAT": "CAR_T",
            "EXDOSE": 100.0,
            "EXDOSU": "10^6 Therapeutic Cells",
            "EXSTDTC": "2022-03-01",
        },
        {
            "USUBJID": "S-1",
            "EXTRT": "XYZ-19",
            "EXCAT": None,
            "EXDOSE": 1.0,
            "EXDOSU": "10^6/kg",
            "EXSTDTC": "2023-03-01",
        },
        {
            "USUBJID": "S-1",
            "EXTRT": "FLUDARABINE",
            "EXCAT": None,
            "EXDOSE": 25.0,
            "EXDOSU": "mg/m2",
            "EXSTDTC": "2022-02-24",
        },
    ]
    study = sdtm.read(folder(tmp_path, EX=rows)).study
    assert study.infusions.select("infusion_seq", "product", "dose_cells", "dose_per_kg").rows() == [
        (1, "MB-CART19.1", 1e8, None),
        (2, "XYZ-19", None, 1.0),
    ]
    assert study.exposures.select("drug", "dose", "start").rows() == [("fludarabine", 25.0, "2022-02-24")]


def test_study_days_are_never_trusted(tmp_path: Path) -> None:
    study = sdtm.read(folder(tmp_path, LB=[lb(LBDY=999.0)])).study
    assert "999" not in study.observations.write_csv()


@pytest.mark.parametrize(
    ("history", "expected"),
    [
        ("Lupus nephritis class IV", "LN"),
        ("Systemic Lupus Erythematosus", "SLE"),
        ("Dermatomyositis", "IIM"),
        ("Diffuse cutaneous systemic sclerosis", "SSC"),
        ("Hypertension", "OTHER"),
    ],
)
def test_the_disease_comes_from_the_medical_history(history: str, expected: str, tmp_path: Path) -> None:
    mh = [{"USUBJID": "S-1", "MHTERM": history, "MHCAT": "PRIMARY DIAGNOSIS", "MHSTDTC": "2018-05"}]
    done = sdtm.read(folder(tmp_path, MH=mh))
    assert done.study.subjects["indication"].to_list() == [expected]
    assert (done.study.problems["rule"] == "no_diagnosis").any() == (expected == "OTHER")
    assert done.reconciliation.filter(pl.col("source_table") == "mh.json")["rows_kept"].to_list() == [1]


def test_a_full_date_of_birth_is_not_read(tmp_path: Path) -> None:
    done = sdtm.read(folder(tmp_path, DM=[{**DM[0], "BRTHDTC": "1987-06-05"}]))
    assert done.study.subjects["birth_year"].to_list() == [1987]
    assert done.study.problems.filter(pl.col("rule") == "direct_identifier")["column"].to_list() == ["BRTHDTC"]
    assert "1987-06" not in done.study.subjects.write_csv() + done.study.problems.write_csv()


def test_a_value_outside_a_code_list_is_listed_and_left_empty(tmp_path: Path) -> None:
    done = sdtm.read(folder(tmp_path, AE=[{**AE, "AEREL": "PERHAPS", "AEOUT": "recovered/resolved"}]))
    assert done.study.events.select("related", "outcome").rows() == [(None, "RECOVERED/RESOLVED")]
    said = done.study.problems.filter(pl.col("rule") == "code_list").select("file", "row", "column", "found")
    assert said.rows() == [("ae.json", 1, "AEREL", "PERHAPS")]


def test_metadata_that_differ_from_the_data_are_named(tmp_path: Path) -> None:
    shutil.copy(CDISC / "define.xml", tmp_path)
    found = sdtm.read(folder(tmp_path)).study.problems.filter(pl.col("rule") == "define")["found"].to_list()
    assert len(found) == 1
    assert found[0].startswith("DM with ")


BOMB = '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><x>&b;</x>'
OUTSIDE = '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/hostname">]><x>&a;</x>'


@pytest.mark.parametrize(
    ("define", "words"),
    [(BOMB, "entities"), (OUTSIDE, "entities"), ("<ODM", "cannot be read"), ("<x/>", "the element x")],
)
def test_metadata_that_are_not_safe_or_whole_are_refused(define: str, words: str, tmp_path: Path) -> None:
    source = folder(tmp_path)
    (source / "define.xml").write_text(define, "utf-8")
    with pytest.raises(SourceError, match=words):
        sdtm.read(source)


def test_without_demographics_there_is_no_study(tmp_path: Path) -> None:
    shutil.copy(CDISC / "ae.xpt", tmp_path)
    with pytest.raises(SourceError, match="no dataset DM"):
        sdtm.read(tmp_path)
    with pytest.raises(UsageError, match="no folder or file"):
        sdtm.read(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceError, match="holds no SDTM dataset"):
        sdtm.read(tmp_path / "empty")


def run(*words: str) -> Any:
    return CliRunner().invoke(main, list(words))


def test_the_command_line_imports_and_reconciles(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    source = folder(tmp_path / "in", LB=[lb()])
    done = run("import", "sdtm", str(source), "--out", str(tmp_path / "out"))
    assert done.exit_code == 1, done.output
    assert "lb.json: 1 rows read, 1 kept, 0 listed; 1 rows of the study" in done.output
    assert "state the data cut-off" in done.output
    table = pl.read_csv(tmp_path / "out" / "import" / "reconciliation.csv")
    assert table["rows_read"].sum() == 2
    assert importing.read("sdtm", source).study.observations.height == 1


def test_a_broken_source_leaves_the_folder_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    source = folder(tmp_path / "in")
    run("import", "sdtm", str(source), "--out", str(tmp_path / "out"))
    before = sorted(p.name for p in (tmp_path / "out").iterdir())
    (source / "lb.xpt").write_bytes((CDISC / "ae.xpt").read_bytes()[:-200])
    done = run("import", "sdtm", str(source), "--out", str(tmp_path / "out"))
    assert done.exit_code == 1
    assert "lb.xpt cannot be read" in done.output
    assert "Traceback" not in done.output
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == before
    assert run("import", "sdtm", str(tmp_path / "nowhere"), "--out", str(tmp_path / "x")).exit_code == 2


def test_pseudonyms_hide_subjects_everywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AFTERCART_PSEUDONYM_KEY", "0123456789abcdef")
    (tmp_path / "in").mkdir()
    people = [{**DM[0], "USUBJID": "MRN-4711", "SUBJID": "4711"}]
    source = folder(tmp_path / "in", DM=people, LB=[lb(USUBJID="MRN-4711", LBTESTCD="ODD")])
    run("import", "sdtm", str(source), "--out", str(tmp_path / "out"), "--pseudonymise", "--shift-dates")
    text = "".join(p.read_text("utf-8") for p in (tmp_path / "out").rglob("*") if p.is_file())
    assert "P-" in text
    assert "4711" not in text
    assert "2022-03-05" not in text


def test_a_proposal_names_what_has_no_place(tmp_path: Path) -> None:
    done = run("map", "sdtm", str(CDISC), "--out", str(tmp_path / "map.toml"))
    assert done.exit_code == 0, done.output
    text = (tmp_path / "map.toml").read_text("utf-8")
    assert 'study_id = "CDISCPILOT01"' in text
    assert '# "BASO" = ""' in text
    assert "not placed: RS: RSCAT: HAMD 17" in done.output
    again = run("import", "sdtm", str(CDISC), "--map", str(tmp_path / "map.toml"), "--out", str(tmp_path / "out"))
    assert "entries that cannot be used" not in again.output
