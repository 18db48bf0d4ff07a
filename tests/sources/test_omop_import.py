"""OMOP CDM to study: hand-made tables, every kind of source alike, every row kept or listed, bad input refused."""

from __future__ import annotations

import csv
import shutil
import tempfile
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import aftercart as ac
from aftercart.cli import main
from aftercart.errors import SourceError, UsageError
from aftercart.exchange import export
from aftercart.sources import importing, omop
from aftercart.sources.assembly import Imported
from aftercart.sources.mapping import mapping_of
from aftercart.standards import omop as standard

Row = dict[str, Any]
CDM = {"study": {"study_id": "CDM", "data_cut_off": date(2024, 1, 1)}}


def person(number: int = 1, **changes: Any) -> Row:
    return {"person_id": number, "gender_concept_id": 8532, "year_of_birth": 1990, **changes}


def drug(number: int, source: str | None, start: str, **changes: Any) -> Row:
    row = {"drug_exposure_id": number, "person_id": 1, "drug_concept_id": 0, "drug_source_value": source}
    return {**row, "drug_exposure_start_date": start, "drug_exposure_end_date": start, **changes}


def result(number: int = 1, **changes: Any) -> Row:
    row = {"measurement_id": number, "person_id": 1, "measurement_concept_id": 3013650, "value_as_number": 1.2}
    row |= {"measurement_date": "2022-03-05", "unit_concept_id": 9444, "operator_concept_id": None}
    row |= {"measurement_datetime": None, "value_source_value": None, "unit_source_value": None}
    return {**row, "measurement_source_value": None, "value_as_concept_id": None, **changes}


def condition(number: int, text: str, day: str = "2019-01-01", **changes: Any) -> Row:
    row = {"condition_occurrence_id": number, "person_id": 1, "condition_concept_id": 0}
    return {**row, "condition_start_date": day, "condition_source_value": text, **changes}


CELLS = drug(1, "MB-CART19.1 CAR-T cells", "2022-03-01")


def tables(folder: Path, *, separator: str = ",", **rows: list[Row]) -> Path:
    """CDM tables as CSV files; a person with lupus and an infusion unless they are given."""
    folder.mkdir(parents=True, exist_ok=True)
    usual = {"person": [person()], "drug_exposure": [CELLS], "condition_occurrence": [condition(1, "SLE, M32.1")]}
    for name, given_rows in {**usual, **rows}.items():
        columns = list(dict.fromkeys(c for row in given_rows for c in row))
        with (folder / f"{name.upper()}.csv").open("w", newline="", encoding="utf-8") as stream:
            writer = csv.DictWriter(stream, columns, delimiter=separator)
            writer.writeheader()
            writer.writerows(given_rows)
    return folder


def taken(folder: Path, raw: dict[str, Any] | None = None, **options: str) -> Imported:
    return omop.read(folder, mapping=mapping_of({**CDM, **(raw or {})}, "omop"), **options)


def vocabulary(folder: Path, *concepts: tuple[int, str, str, str], maps: tuple[tuple[int, int], ...] = ()) -> str:
    folder.mkdir()
    lines = ["concept_id\tconcept_name\tdomain_id\tvocabulary_id\tconcept_code"]
    lines += [f"{i}\t{name}\tx\t{system}\t{code}" for i, system, code, name in concepts]
    (folder / "CONCEPT.csv").write_text("\n".join(lines) + "\n", "utf-8")
    pairs = ["concept_id_1\tconcept_id_2\trelationship_id", *(f"{a}\t{b}\tMaps to" for a, b in maps)]
    (folder / "CONCEPT_RELATIONSHIP.csv").write_text("\n".join(pairs) + "\n", "utf-8")
    return str(folder)


def balanced(done: Imported) -> bool:
    rows = done.reconciliation
    return bool((rows["rows_read"] == rows["rows_kept"] + rows["rows_listed"]).all())


def test_a_subject_with_death_last_contact_and_disease(tmp_path: Path) -> None:
    done = taken(
        tables(
            tmp_path / "cdm",
            person=[person(birth_datetime="1990-06-05", month_of_birth=6, person_source_value="MRN-4711")],
            death=[{"person_id": 1, "death_date": "2023-05-01"}],
            observation_period=[
                {
                    "observation_period_id": 1,
                    "person_id": 1,
                    "observation_period_start_date": "2019-01-01",
                    "observation_period_end_date": "2023-05-01",
                }
            ],
            condition_occurrence=[condition(1, "Lupus nephritis", "2020-01-01"), condition(2, "SLE", "2018-02-03")],
            location=[{"location_id": 1, "address_1": "1 High Street"}],
        )
    )
    columns = ("subject_id", "sex", "birth_year", "age_at_infusion", "indication", "diagnosis_date", "death_date")
    assert done.study.subjects.select(*columns, "last_contact_date").rows() == [
        ("1", "F", 1990, 32, "LN", "2018-02-03", "2023-05-01", "2023-05-01")
    ]
    refused = done.study.problems.filter(pl.col("rule") == "direct_identifier")
    assert refused.select("file", "column").rows() == [
        ("location", "address_1"),
        ("person", "birth_datetime"),
        ("person", "month_of_birth"),
        ("person", "person_source_value"),
    ]
    text = "".join(t.write_csv() for t in done.study.tables.values()) + done.study.problems.write_csv()
    assert not any(word in text for word in ("4711", "High Street", "1990-06"))
    assert balanced(done)


def test_the_record_number_is_the_subject_only_where_the_mapping_says_so(tmp_path: Path) -> None:
    folder = tables(tmp_path / "cdm", person=[person(person_source_value="P-07")])
    done = taken(folder, {"omop": {"subject_id": "person_source_value"}})
    assert done.study.infusions["subject_id"].to_list() == ["P-07"]
    with pytest.raises(UsageError, match="subject_id = 'name'"):
        taken(folder, {"omop": {"subject_id": "name"}})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Systemic sclerosis, diffuse", "SSC"),
        ("Dermatomyositis", "IIM"),
        ("Family history of systemic lupus erythematosus", "OTHER"),
        ("Hypertension", "OTHER"),
    ],
)
def test_the_disease_comes_from_the_conditions(text: str, expected: str, tmp_path: Path) -> None:
    done = taken(tables(tmp_path / "cdm", condition_occurrence=[condition(1, text)]))
    assert done.study.subjects["indication"].to_list() == [expected]
    assert (done.study.problems["rule"] == "no_diagnosis").any() == (expected == "OTHER")


def test_two_diseases_are_said(tmp_path: Path) -> None:
    rows = [condition(1, "Systemic sclerosis"), condition(2, "Polymyositis")]
    done = taken(tables(tmp_path / "cdm", condition_occurrence=rows))
    assert done.study.problems.filter(pl.col("rule") == "several_diagnoses")["found"].to_list() == [
        "IIM and another disease"
    ]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ("ANC", 1.2, "=", "10*9/L")),
        ({"unit_concept_id": 8848}, ("ANC", 1.2, "=", "10*9/L")),
        ({"unit_concept_id": 8647, "value_as_number": 1200}, ("ANC", 1.2, "=", "10*9/L")),
        ({"unit_concept_id": 0, "unit_source_value": "cells/uL", "value_as_number": 900}, ("ANC", 0.9, "=", "10*9/L")),
        ({"operator_concept_id": 4171756, "value_as_number": 0.5}, ("ANC", 0.5, "<", "10*9/L")),
        ({"operator_concept_id": 4172704}, ("ANC", 1.2, ">", "10*9/L")),
        # A limit of detection with the operator that tables give to everything is no value.
        (
            {"operator_concept_id": 4172703, "value_as_number": 0.5, "value_source_value": "<0.5"},
            ("ANC", 0.5, "<", "10*9/L"),
        ),
        ({"value_as_number": None, "value_source_value": "<= 0.5"}, ("ANC", 0.5, "<=", "10*9/L")),
        ({"measurement_concept_id": 0, "measurement_source_value": "777-3"}, ("PLT", 1.2, "=", "10*9/L")),
        ({"measurement_concept_id": 0, "measurement_source_value": "WBC"}, ("WBC", 1.2, "=", "10*9/L")),
        ({"measurement_concept_id": 3000963, "unit_concept_id": 8713}, ("HGB", 12.0, "=", "g/L")),
    ],
)
def test_how_a_result_is_read(changes: Row, expected: tuple[Any, ...], tmp_path: Path) -> None:
    study = taken(tables(tmp_path / "cdm", measurement=[result(**changes)])).study
    assert study.observations.select("code", "value", "comparator", "unit").rows() == [expected], study.problems


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"unit_concept_id": 8840}, "unit"),
        ({"unit_concept_id": 0}, "unit"),
        ({"unit_source_value": "/uL"}, "unit_conflict"),
        ({"operator_concept_id": 12345}, "operator"),
        ({"operator_concept_id": 4172704, "value_source_value": "<1.2"}, "operator"),
        ({"value_as_number": None}, "no_result"),
        ({"measurement_concept_id": 99, "measurement_source_value": "SHOE SIZE"}, "unknown_code"),
        ({"person_id": 77}, "unknown_subject"),
        ({"value_as_number": "much"}, "cell_float"),
        ({"measurement_date": "5.3.2022"}, "cell_datetime"),
    ],
)
def test_a_result_that_cannot_be_trusted_is_listed_and_not_used(changes: Row, rule: str, tmp_path: Path) -> None:
    done = taken(tables(tmp_path / "cdm", measurement=[result(1), result(2, **changes)]))
    assert done.study.observations["row_id"].to_list() == ["measurement:1"]
    listed = done.study.problems.filter((pl.col("file") == "measurement") & (pl.col("row") == 2))
    assert rule in listed["rule"].to_list()
    assert balanced(done)


def test_texts_come_from_concepts_and_words(tmp_path: Path) -> None:
    rows = [
        result(
            1, measurement_concept_id=0, measurement_source_value="HCG", value_as_concept_id=9189, value_as_number=None
        ),
        result(2, measurement_concept_id=0, measurement_source_value="2106-3", value_source_value="Positive"),
    ]
    study = taken(tables(tmp_path / "cdm", measurement=rows)).study
    assert study.observations.select("code", "value", "value_text").rows() == [
        ("HCG", None, "negative"),
        ("HCG", None, "positive"),
    ]


def test_midnight_says_that_no_time_is_known(tmp_path: Path) -> None:
    rows = [
        result(1, measurement_datetime="2022-03-05 00:00:00"),
        result(2, measurement_datetime="2022-03-05 07:30:00.000"),
        result(3, measurement_datetime="2022-03-05 07:30:00+01"),
    ]
    study = taken(tables(tmp_path / "cdm", measurement=rows)).study
    assert study.observations["datetime"].to_list() == [
        "2022-03-05",
        "2022-03-05T07:30:00",
        "2022-03-05T07:30:00+01:00",
    ]


def test_the_mapping_goes_before_everything(tmp_path: Path) -> None:
    rows = [
        result(1, measurement_concept_id=2000000001, unit_concept_id=0),
        result(2, measurement_concept_id=0, measurement_source_value="LOCAL7"),
        result(
            3, measurement_concept_id=0, measurement_source_value="NEUTRO", unit_concept_id=0, unit_source_value="Gpt/l"
        ),
    ]
    raw = {
        "codes": {"2000000001": {"code": "ANC", "unit": "10*9/L"}, "LOCAL7": False, "NEUTRO": "ANC"},
        "units": {"Gpt/l": "10*9/L"},
    }
    done = taken(tables(tmp_path / "cdm", measurement=rows), raw)
    assert done.study.observations.select("code", "value", "unit").rows() == [("ANC", 1.2, "10*9/L")] * 2
    assert done.study.problems.filter(pl.col("rule") == "left_out").select("row", "found").rows() == [(2, "LOCAL7")]
    assert balanced(done)


def test_vocabularies_of_the_user_name_codes_units_and_medicines(tmp_path: Path) -> None:
    folder = vocabulary(
        tmp_path / "athena",
        (500, "LOINC", "2324-2", "Gamma glutamyl transferase"),
        (501, "LOCAL", "GGT", "our GGT"),
        (502, "UCUM", "ukat/L", "microkatal per liter"),
        (503, "RxNorm", "8640", 'prednisone "oral"'),
        (504, "RxNorm", "77", "tacrolimus 1 MG Oral Capsule"),
        (505, "ATC", "L01XL04", "tisagenlecleucel"),
        (506, "SNOMED", "1", "Systemic lupus erythematosus"),
        maps=((501, 500),),
    )
    source = tables(
        tmp_path / "cdm",
        measurement=[result(1, measurement_concept_id=501, unit_concept_id=502, value_as_number=0.5)],
        drug_exposure=[
            drug(1, "X", "2022-03-01", drug_concept_id=505),
            drug(2, "Y", "2021-01-01", drug_concept_id=503),
            drug(3, "Z", "2021-01-02", drug_concept_id=504),
        ],
        condition_occurrence=[condition(1, "M32.1", condition_concept_id=506)],
    )
    study = taken(source, vocabulary=folder).study
    assert study.observations.select("code", "unit").rows() == [("GGT", "U/L")]
    assert study.observations["value"].to_list() == pytest.approx([30.0], rel=0.01)
    assert study.infusions["start"].to_list() == ["2022-03-01"]
    assert study.exposures.select("drug", "route").rows() == [("prednisone", "ORAL"), ("tacrolimus", "ORAL")]
    assert study.subjects["indication"].to_list() == ["SLE"]
    assert study.events["term"].to_list() == ["Systemic lupus erythematosus"]
    without = taken(source, {"omop": {"infusions": [505]}}).study
    assert without.infusions.height == 1
    assert without.observations.height == 0


@pytest.mark.parametrize(
    ("source", "is_cells"),
    [
        ("CARTIA XT 180 MG", False),
        ("CAR-T cells", True),
        ("cd19 car t", True),
        ("obecabtagene autoleucel", True),
        ("MB-CART19.1", True),
        ("Carteolol", False),
        ("leucovorin", False),
        ("Leukapheresis for CAR-T", False),
        ("CAR-T therapy; preparation of T lymphocytes for transportation", False),
        ("Lymphodepletion before CAR T", False),
    ],
)
def test_infusions_are_told_from_other_medicines(source: str, is_cells: bool, tmp_path: Path) -> None:
    study = taken(tables(tmp_path / "cdm", drug_exposure=[drug(1, source, "2022-03-01")])).study
    assert (study.infusions.height, study.exposures.height) == ((1, 0) if is_cells else (0, 1))


def test_drug_procedure_and_episode_of_a_day_are_one_infusion(tmp_path: Path) -> None:
    source = tables(
        tmp_path / "cdm",
        drug_exposure=[
            {**CELLS, "quantity": 100, "dose_unit_source_value": "10^6 cells", "lot_number": "L1"},
            drug(2, "CAR-T cells", "2023-06-01", quantity="", dose_unit_source_value=""),
        ],
        procedure_occurrence=[
            {"procedure_occurrence_id": 1, "person_id": 1, "procedure_date": "2022-03-01", "procedure_concept_id": 0}
            | {"procedure_source_value": "Infusion of CAR-T cells"},
            {"procedure_occurrence_id": 2, "person_id": 1, "procedure_date": "2022-02-01", "procedure_concept_id": 0}
            | {"procedure_source_value": "Leukapheresis"},
        ],
        episode=[
            {"episode_id": 5, "person_id": 1, "episode_start_date": "2022-03-01", "episode_number": 1}
            | {"episode_source_value": "CAR-T treatment"},
            {"episode_id": 6, "person_id": 1, "episode_start_date": "2020-03-01", "episode_number": 1}
            | {"episode_source_value": "Dialysis"},
        ],
        episode_event=[{"episode_id": 5, "event_id": 1}, {"episode_id": 6, "event_id": 9}],
    )
    done = taken(source)
    assert done.study.infusions.select("infusion_seq", "start", "dose_cells", "lot").rows() == [
        (1, "2022-03-01", 1e8, "L1"),
        (2, "2023-06-01", None, None),
    ]
    assert done.study.events.filter(pl.col("category") == "procedure")["term_text"].to_list() == ["Leukapheresis"]
    kept = {r["source_table"]: (r["rows_read"], r["rows_kept"]) for r in done.reconciliation.to_dicts()}
    assert kept["episode"] == (2, 1)
    assert kept["episode_event"] == (2, 1)
    assert kept["procedure_occurrence"] == (2, 2)
    assert balanced(done)


def test_ends_that_the_model_asks_for_are_said_and_nothing_is_ongoing(tmp_path: Path) -> None:
    period = {"observation_period_id": 1, "person_id": 1, "observation_period_start_date": "2019-01-01"}
    source = tables(
        tmp_path / "cdm",
        observation_period=[{**period, "observation_period_end_date": "2023-05-01"}],
        drug_exposure=[
            CELLS,
            drug(2, "prednisone", "2021-01-01", quantity=30, verbatim_end_date="2021-02-01"),
            drug(3, "tacrolimus", "2021-01-01", drug_exposure_end_date="2023-05-01"),
            drug(4, "azathioprine", "2021-01-01"),
        ],
    )
    done = taken(source)
    assert done.study.exposures.select("drug", "end", "ongoing", "dose").rows() == [
        ("prednisone", "2021-02-01", None, None),
        ("tacrolimus", "2023-05-01", None, None),
        ("azathioprine", "2021-01-01", None, None),
    ]
    said = done.study.problems.filter(pl.col("file") == "drug_exposure")
    assert said.filter(pl.col("rule") == "end_filled_in")["found"].sort().to_list() == [
        "1 ends that are the end of the observation period",
        "1 ends that are the start",
    ]
    assert said.filter(pl.col("rule") == "quantity_not_read")["found"].to_list() == ["1 quantities"]


def test_stays_are_events_and_contacts_are_visits(tmp_path: Path) -> None:
    def contact(number: int, concept: int, source: str) -> Row:
        row = {"visit_occurrence_id": number, "person_id": 1, "visit_concept_id": concept, "visit_source_value": source}
        return {**row, "visit_start_date": "2022-03-01", "visit_end_date": "2022-03-11"}

    rows = [contact(1, 9201, "IP"), contact(2, 32037, "ICU"), contact(3, 9203, "ED"), contact(4, 9202, "Week 4")]
    done = taken(tables(tmp_path / "cdm", visit_occurrence=rows), {"visits": {"Week 4": "month 1"}})
    stays = done.study.events.filter(pl.col("category") == "hospitalisation")
    assert stays.select("level_of_care", "end").rows() == [
        ("ward", "2022-03-11"),
        ("ICU", "2022-03-11"),
        ("ER", "2022-03-11"),
    ]
    assert done.study.visits.select("visit", "start", "end").rows() == [("month 1", "2022-03-01", "2022-03-11")]


def test_conditions_are_history_before_the_infusion_and_adverse_events_after_it(tmp_path: Path) -> None:
    rows = [condition(1, "SLE"), condition(2, "Pneumonia", "2022-04-01"), condition(3, "Flare", "2022-05-01")]
    done = taken(tables(tmp_path / "cdm", condition_occurrence=rows), {"omop": {"categories": {"Flare": "flare"}}})
    assert done.study.events.select("term_text", "category").rows() == [
        ("SLE", "medical_history"),
        ("Pneumonia", "ae"),
        ("Flare", "flare"),
    ]


def test_items_of_instruments_are_assessments_and_other_observations_are_listed(tmp_path: Path) -> None:
    def said(number: int, source: str, **changes: Any) -> Row:
        row = {"observation_id": number, "person_id": 1, "observation_concept_id": 0, "observation_date": "2022-03-05"}
        return {**row, "observation_source_value": source, "value_as_number": None, "value_as_string": None, **changes}

    rows = [
        said(1, "SLEDAI-2K.seizure", value_as_number=1),
        said(2, "ASTCT-ICANS.consciousness", value_as_string="alert"),
        said(3, "smoker", value_as_string="yes"),
        said(4, "O2DEVICE", value_as_string="nasal_cannula"),
    ]
    done = taken(tables(tmp_path / "cdm", observation=rows))
    assert done.study.assessments.select("instrument", "item", "value", "value_text").rows() == [
        ("SLEDAI-2K", "seizure", 1.0, None),
        ("ASTCT-ICANS", "consciousness", None, "alert"),
    ]
    assert done.study.observations.select("code", "value_text").rows() == [("O2DEVICE", "nasal_cannula")]
    assert done.study.problems.filter(pl.col("file") == "observation").select("row", "found").rows() == [(3, "smoker")]
    assert balanced(done)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four patients of the reference cohort as CDM tables, without what only a folder can hold."""
    room = tmp_path_factory.mktemp("written")
    study = ac.reference_cohort().select(subjects=["SLE-1", "SLE-8", "SSc-2", "IIM-2"])
    export("omop", study, room / "both", formats="parquet,csv")
    for kind in ("parquet", "csv"):
        (room / kind).mkdir()
        for name in standard.tables():
            shutil.copy(room / "both" / f"{name}.{kind}", room / kind)
    with duckdb.connect(str(room / "cdm.duckdb")) as base:
        for name in standard.tables():
            base.execute(f"CREATE TABLE {name.upper()} AS SELECT * FROM read_parquet('{room}/parquet/{name}.parquet')")
    return room


def test_parquet_csv_and_duckdb_give_the_same_study(written: Path) -> None:
    studies = [omop.read(written / kind).study for kind in ("parquet", "csv", "cdm.duckdb")]
    assert studies[0].tables["observations"].height > 1000
    assert len({s.content_hash for s in studies}) == 1
    assert studies[0].meta.simulated
    assert studies[0].meta.study_id == "REF15"


@pytest.mark.database
@pytest.mark.slow
def test_a_postgresql_server_gives_the_same_study(
    written: Path, postgresql: tuple[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from adbc_driver_postgresql import dbapi

    address, password = postgresql
    monkeypatch.setenv("PGPASSWORD", password)
    with dbapi.connect(address) as base, base.cursor() as cursor:
        cursor.execute("CREATE SCHEMA cdm")
        cursor.execute("CREATE SCHEMA other")
        cursor.execute("CREATE TABLE other.person (person_id int)")
        for name in standard.tables():
            table = pl.read_parquet(written / "parquet" / f"{name}.parquet").to_arrow()
            cursor.adbc_ingest(name, table, mode="create", db_schema_name="cdm")
        base.commit()
    with pytest.raises(UsageError, match="several schemas: cdm, other"):
        omop.read(address)
    with pytest.raises(UsageError, match="no schema 'nowhere'"):
        omop.read(address, schema="nowhere")
    with pytest.raises(SourceError, match="no table person"):
        omop.read(address, schema="information_schema")
    study = omop.read(address, schema="cdm").study
    assert study.content_hash == omop.read(written / "parquet").study.content_hash
    done = run("import", "omop", address, "--option", "schema=cdm", "--out", str(tmp_path / "out"))
    assert done.exit_code == 0, done.output
    monkeypatch.setenv("PGPASSWORD", "wrong-word")
    done = run("import", "omop", address, "--option", "schema=cdm", "--out", str(tmp_path / "none"))
    assert done.exit_code == 1
    assert "password authentication failed" in done.output
    assert password not in done.output
    assert "wrong-word" not in done.output
    assert "Traceback" not in done.output
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("address", ["postgresql://me:hush@host/db", "postgres://me@host/db?password=hush"])
def test_an_address_with_a_password_is_refused_and_not_shown(address: str, tmp_path: Path) -> None:
    done = run("import", "omop", address, "--out", str(tmp_path / "out"))
    assert done.exit_code == 2
    assert "holds a password" in done.output
    assert "hush" not in done.output


def run(*words: str) -> Any:
    return CliRunner().invoke(main, list(words))


def nested(folder: Path) -> None:
    (folder / "MEASUREMENT.csv").unlink(missing_ok=True)
    pl.DataFrame({**result(), "value_as_number": [[1.0]]}).write_parquet(folder / "measurement.parquet")


BROKEN: dict[str, tuple[Callable[[Path], Any], str]] = {
    "no person": (lambda f: (f / "PERSON.csv").unlink(), "no table person"),
    "no column": (lambda f: tables(f, person=[{"id": 1}]), "no column person_id"),
    "no result column": (lambda f: tables(f, measurement=[{"measurement_id": 1, "person_id": 1}]), "no column"),
    "ragged": (lambda f: (f / "PERSON.csv").write_text("person_id,year_of_birth\n1,1990,7,8\n"), "cannot be read"),
    "bytes": (lambda f: (f / "PERSON.csv").write_bytes(b"person_id,x\n\xff\xfe\x00,1\n"), "cannot be read"),
    "empty": (lambda f: (f / "PERSON.csv").write_bytes(b""), "no header line"),
    "no parquet": (lambda f: (f / "measurement.parquet").write_bytes(b"PAR1 nothing"), "cannot be read"),
    "twice": (lambda f: (f / "PERSON.csv").write_text("person_id,PERSON_ID\n1,1\n"), "more than once"),
    "nested": (nested, "a column of type"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_what_is_broken_is_refused_and_nothing_is_written(what: str, tmp_path: Path) -> None:
    folder = tables(tmp_path / "cdm")
    spoil, words = BROKEN[what]
    spoil(folder)
    done = run("import", "omop", str(folder), "--out", str(tmp_path / "out"))
    assert done.exit_code == 1, done.output
    assert words in done.output
    assert "Traceback" not in done.output
    assert not (tmp_path / "out").exists()


def test_sources_that_are_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no folder or file"):
        omop.read(tmp_path / "nowhere")
    (tmp_path / "x.duckdb").write_text("this is no database")
    with pytest.raises(SourceError, match="not a valid DuckDB"):
        omop.read(tmp_path / "x.duckdb")
    with pytest.raises(UsageError, match="no folder"):
        omop.read(tables(tmp_path / "cdm"), vocabulary=str(tmp_path / "nowhere"))
    with pytest.raises(UsageError, match="no vocabulary"):
        omop.read(tmp_path / "cdm", vocabulary=str(tmp_path))
    with pytest.raises(UsageError, match="has no schema"):
        omop.read(tmp_path / "cdm", schema="cdm")
    with pytest.raises(SourceError, match="cannot be read"):
        omop.read("postgresql://nobody@127.0.0.1:1/nothing")


def test_a_view_of_a_duckdb_file_cannot_reach_other_files(tmp_path: Path) -> None:
    (tmp_path / "secret.csv").write_text("person_id\n1\n")
    with duckdb.connect(str(tmp_path / "x.duckdb")) as base:
        base.execute(f"CREATE VIEW person AS SELECT * FROM read_csv('{tmp_path}/secret.csv')")
    with pytest.raises(SourceError, match="cannot be read"):
        omop.read(tmp_path / "x.duckdb")


def test_keys_that_repeat_or_are_absent_lose_no_row(tmp_path: Path) -> None:
    rows = [
        result(1),
        result(1, value_as_number=1.4),
        result("", value_as_number=1.6),
        result("x", value_as_number=1.8),
    ]
    done = taken(tables(tmp_path / "cdm", measurement=rows))
    assert sorted(done.study.observations["value"]) == [1.2, 1.4, 1.6, 1.8]
    assert balanced(done)


def test_tables_separated_by_tabs_are_read(tmp_path: Path) -> None:
    study = taken(tables(tmp_path / "cdm", separator="\t", measurement=[result()])).study
    assert study.observations["value"].to_list() == [1.2]


def test_other_files_of_a_folder_do_not_matter_and_offsets_stay(tmp_path: Path) -> None:
    folder = tables(tmp_path / "cdm")
    (folder / "notes.csv").write_bytes(b"")
    moment = pl.Series(["2022-03-05 07:30:00"]).str.to_datetime(time_zone="UTC")
    frame = pl.DataFrame(result()).with_columns(measurement_datetime=moment.dt.convert_time_zone("Europe/Berlin"))
    frame.write_parquet(folder / "measurement.parquet")
    assert taken(folder).study.observations["datetime"].to_list() == ["2022-03-05T08:30:00+01:00"]


@pytest.mark.parametrize(
    ("name", "drug", "route"),
    [
        ("Prednisone 5 MG Oral Tablet", "prednisone", "ORAL"),
        ("prednisolone acetate 1% Ophthalmic Suspension", "prednisolone", "TOPICAL"),
        ("METHYLPREDNISOLONE 1000 MG INJECTION", "methylprednisolone", "PARENTERAL"),
        ("hydrocortisone 10 MG/ML / neomycin 3.5 MG/ML Topical Cream", None, "TOPICAL"),
        ("Wonder drug", None, None),
    ],
)
def test_medicines_are_found_in_the_words_of_a_product(
    name: str, drug: str | None, route: str | None, tmp_path: Path
) -> None:
    rows = [
        CELLS,
        {**CELLS, "drug_exposure_id": 2, "drug_source_value": name, "drug_exposure_start_date": "2021-01-01"},
    ]
    study = taken(tables(tmp_path / "cdm", drug_exposure=rows)).study
    assert study.exposures.select("drug", "route").rows() == [(drug or name.lower(), route)]


def test_pseudonyms_hide_subjects_and_shift_days(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AFTERCART_PSEUDONYM_KEY", "0123456789abcdef")
    folder = tables(tmp_path / "cdm", person=[person(4711)], measurement=[result(person_id=4711)])
    out = tmp_path / "out"
    run("import", "omop", str(folder), "--out", str(out), "--pseudonymise", "--shift-dates")
    text = "".join(p.read_text("utf-8") for p in out.rglob("*") if p.is_file())
    assert "P-" in text
    assert "4711" not in text
    assert "2022-03-05" not in text


def test_a_proposal_names_what_has_no_place_and_can_be_read(tmp_path: Path) -> None:
    rows = [result(1), result(2, measurement_concept_id=99, measurement_source_value='Shoe "size"')]
    rows += [result(3, unit_concept_id=0, unit_source_value="Gpt/l")]
    medicines = [CELLS, drug(2, "Wonder drug", "2021-01-01")]
    folder = tables(tmp_path / "cdm", measurement=rows, drug_exposure=medicines)
    done = run("map", "omop", str(folder), "--out", str(tmp_path / "map.toml"))
    assert done.exit_code == 0, done.output
    text = (tmp_path / "map.toml").read_text("utf-8")
    assert '# "99" = ""   # Shoe "size" (1 rows)' in text
    assert '# "Gpt/l" = ""' in text
    assert "not placed: drug_exposure: drug_source_value: Wonder drug" in done.output
    again = run("import", "omop", str(folder), "--map", str(tmp_path / "map.toml"), "--out", str(tmp_path / "out"))
    assert "entries that cannot be used" not in again.output


CELL = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
    st.sampled_from(["", "0", "-1", "1e999", "nan", "2022-02-30", "9" * 30, "<", "NULL", '"', "a\nb", "\x00", "1.0"]),
)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_any_cell_gives_a_study_or_is_refused(data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as room:
        rows = {
            "person": person(),
            "drug_exposure": CELLS,
            "measurement": result(),
            "condition_occurrence": condition(1, "SLE"),
        }
        name = data.draw(st.sampled_from(sorted(rows)))
        column = data.draw(st.sampled_from(sorted(rows[name])))
        spoiled = {**rows, name: {**rows[name], column: data.draw(CELL)}}
        folder = tables(Path(room) / "cdm", **{n: [r] for n, r in spoiled.items()})
        try:
            done = taken(folder)
        except SourceError:
            return
        assert balanced(done)


def test_the_dispatch_knows_its_options(tmp_path: Path) -> None:
    folder = tables(tmp_path / "cdm", measurement=[result()])
    assert importing.read("omop", folder).study.observations.height == 1
    with pytest.raises(UsageError, match="no option 'encoding'"):
        importing.read("omop", folder, encoding="x")
