"""Study to FHIR: back again it is the same study, every resource is R4, and what has no place is said."""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from click.testing import CliRunner
from fhir.resources.R4B import get_fhir_model_class
from hypothesis import HealthCheck, given, settings
from random_studies import META, differences, studies

import aftercart as ac
from aftercart.cli import main
from aftercart.errors import UsageError
from aftercart.exchange import export
from aftercart.sources import from_frames, importing
from aftercart.standards import fhir
from aftercart.study import schema
from aftercart.study.model import Study

REFERENCE = ac.reference_cohort()
PLACE = ("source_ref",)
"""The place in the source is that of the last source."""


def resources(folder: Path) -> list[dict[str, Any]]:
    bundle = folder / "bundle.json"
    if bundle.exists():
        return [e["resource"] for e in json.loads(bundle.read_text("utf-8"))["entry"]]
    return [json.loads(line) for p in sorted(folder.glob("*.ndjson")) for line in p.read_text("utf-8").splitlines()]


def assert_r4(found: dict[str, Any]) -> None:
    get_fhir_model_class(found["resourceType"]).model_validate(found)


@pytest.mark.slow
@pytest.mark.parametrize("formats", ["bundle", "ndjson"])
def test_the_reference_cohort_comes_back_whole(formats: str, tmp_path: Path) -> None:
    export("fhir", REFERENCE, tmp_path / "out", formats=formats)
    back = importing.read("fhir", tmp_path / "out")
    assert differences(REFERENCE, back.study, PLACE) == []
    assert back.study.meta == REFERENCE.meta
    assert back.study.problems.is_empty()
    assert back.reconciliation["rows_listed"].sum() == 0


@pytest.mark.slow
def test_assessments_of_a_study_and_of_its_round_trip_are_equal(tmp_path: Path) -> None:
    export("fhir", REFERENCE, tmp_path / "out")
    back = importing.read("fhir", tmp_path / "out").study
    assert ac.assess(back).table.equals(ac.assess(REFERENCE).table)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(studies())
def test_any_study_comes_back_whole_through_r4(study: Study) -> None:
    with tempfile.TemporaryDirectory() as room:
        for formats in ("bundle", "ndjson"):
            done = export("fhir", study, Path(room) / formats, formats=formats)
            assert done.not_held.is_empty()
            back = importing.read("fhir", Path(room) / formats).study
            assert differences(study, back, PLACE) == []
            assert back.meta == study.meta
        for found in resources(Path(room) / "ndjson"):
            assert_r4(found)


def test_every_kind_of_resource_of_the_reference_cohort_is_r4(tmp_path: Path) -> None:
    export("fhir", REFERENCE.select(subjects=["IIM-1", "SLE-1"]), tmp_path / "out")
    bundle = json.loads((tmp_path / "out" / "bundle.json").read_text("utf-8"))
    get_fhir_model_class("Bundle").model_validate({**bundle, "entry": bundle["entry"][:50]})
    for found in resources(tmp_path / "out"):
        assert_r4(found)
        assert {"system": fhir.TEST_DATA["system"], "code": "HTEST"} in found["meta"]["security"]


def small(**changes: Any) -> Study:
    subject = {"subject_id": "P1", "row_id": "S1", "sex": "F", "indication": "SLE", "age_at_infusion": 30}
    infusion = {"subject_id": "P1", "row_id": "I1", "infusion_seq": 1, "start": "2022-03-01T11:00", "product": "X-19"}
    tables = {"subjects": [subject], "infusions": [infusion], **changes}
    return from_frames({n: pl.DataFrame(rows) for n, rows in tables.items()}, META)


def written(study: Study, folder: Path, kind: str) -> list[dict[str, Any]]:
    export("fhir", study, folder / "out", formats="ndjson")
    return [r for r in resources(folder / "out") if r["resourceType"] == kind]


def test_results_stand_in_the_elements_of_r4(tmp_path: Path) -> None:
    about = {"subject_id": "P1", "datetime": "2022-03-02"}
    rows = [
        {**about, "row_id": "O1", "code": "ANC", "value": 0.5, "comparator": "<", "unit": "10*9/L"},
        {**about, "row_id": "O2", "code": "CREAT", "value": 1.0, "unit": "mg/dL", "ref_low": 0.5, "ref_high": 1.1},
        {**about, "row_id": "O3", "code": "ANC", "not_done": True, "reason": "clotted"},
        {**about, "row_id": "O4", "code": "HCG", "value_text": "negative", "datetime": "2022-03-02T08:30+01:00"},
    ]
    found = {r["identifier"][0]["value"]: r for r in written(small(observations=rows), tmp_path, "Observation")}
    unit = {"unit": "10*9/L", "system": "http://unitsofmeasure.org", "code": "10*9/L"}
    assert found["O1"]["valueQuantity"] == {"value": 0.5, "comparator": "<", **unit}
    assert found["O1"]["code"]["coding"][0] == {"system": "http://loinc.org", "code": "751-8"}
    assert "extension" not in found["O1"]
    assert found["O2"]["valueQuantity"]["value"] == 88.42
    assert found["O2"]["referenceRange"][0]["low"]["value"] == 44.21
    originals = {e["url"].rsplit("/", 1)[-1]: e["valueString"] for e in found["O2"]["extension"]}
    assert originals == {"value-original": "1.0", "unit-original": "mg/dL"}
    assert found["O3"]["dataAbsentReason"]["text"] == "clotted"
    assert not [k for k in found["O3"] if k.startswith("value")]
    assert found["O4"]["valueCodeableConcept"] == {"text": "negative"}
    assert found["O4"]["effectiveDateTime"] == "2022-03-02T08:30:00+01:00"


def test_a_time_without_a_zone_is_a_date_with_the_time_in_an_extension(tmp_path: Path) -> None:
    [given_] = written(small(), tmp_path, "MedicationAdministration")
    assert given_["effectiveDateTime"] == "2022-03-01"
    assert {"url": fhir.extension("start"), "valueString": "2022-03-01T11:00"} in given_["extension"]


def test_a_graded_event_points_at_its_infusion(tmp_path: Path) -> None:
    event = {"subject_id": "P1", "row_id": "E1", "category": "ae", "term_text": "Fever", "start": "2022-03-03"}
    event |= {"grade": 3, "grade_scale": "CTCAE5", "related": "probable", "suspect_row": "I1", "serious": True}
    study = small(events=[event])
    [found] = written(study, tmp_path, "AdverseEvent")
    [given_] = written(study, tmp_path, "MedicationAdministration")
    [suspect] = found["suspectEntity"]
    assert suspect["instance"]["reference"] == f"MedicationAdministration/{given_['id']}"
    assert suspect["causality"][0]["assessment"]["coding"][0]["code"] == "Probably-Likely"
    assert found["severity"]["coding"][0]["code"] == "severe"
    assert {"url": fhir.extension("grade"), "valueInteger": 3} in found["extension"]
    assert [c["code"] for c in found["seriousness"]["coding"]] == ["Serious"]


def test_rows_in_error_are_marked_where_r4_can_and_else_counted(tmp_path: Path) -> None:
    wrong = {"subject_id": "P1", "status": "entered_in_error"}
    study = small(
        observations=[
            {**wrong, "row_id": "O1", "code": "ANC", "value": 1.0, "unit": "10*9/L", "datetime": "2022-03-02"}
        ],
        exposures=[{**wrong, "row_id": "X1", "drug": "prednisone", "start": "2022-03-02", "end": "2022-03-05"}],
        events=[
            {**wrong, "row_id": "E1", "category": "ae", "start": "2022-03-02"},
            {**wrong, "row_id": "E2", "category": "flare", "start": "2022-03-02", "end": "2022-03-09"},
        ],
        disposition=[{**wrong, "row_id": "D1", "milestone": "infused", "date": "2022-03-01"}],
    )
    done = export("fhir", study, tmp_path / "out")
    assert [row[:3] for row in done.not_held.rows()] == [("events", "row", 1), ("disposition", "row", 1)]
    back = importing.read("fhir", tmp_path / "out").study
    assert back.observations["status"].to_list() == ["entered_in_error"]
    assert back.exposures.rows() == [
        tuple("FHIR" if c == "source" else "MedicationStatement:1" if c == "source_ref" else v for c, v in row.items())
        for row in study.exposures.to_dicts()
    ]
    assert back.events.select("row_id", "status", "end").rows() == [("E2", "entered_in_error", "2022-03-09")]
    for found in resources(tmp_path / "out"):
        assert_r4(found)


def test_two_answers_to_one_item_are_two_sittings(tmp_path: Path) -> None:
    answer = {"subject_id": "P1", "instrument": "PGA", "item": "physician_global_0_3", "datetime": "2022-03-02"}
    item = next(iter(fhir.instruments.instruments()["PGA"].items))
    rows = [{**answer, "item": item, "row_id": f"A{i}", "value": float(i)} for i in (1, 2)]
    study = small(assessments=rows)
    assert len(written(study, tmp_path, "QuestionnaireResponse")) == 2
    assert importing.read("fhir", tmp_path / "out").study.assessments["value"].to_list() == [1.0, 2.0]


def test_ids_are_unique_and_references_lead_somewhere(tmp_path: Path) -> None:
    export("fhir", REFERENCE.select(subjects=["SLE-1"]), tmp_path / "out")
    bundle = json.loads((tmp_path / "out" / "bundle.json").read_text("utf-8"))
    urls = Counter(e["fullUrl"] for e in bundle["entry"])
    assert max(urls.values()) == 1
    text = json.dumps(bundle)
    pointed = {part.split('"', 1)[0] for part in text.split('"reference": "')[1:]}
    assert pointed <= set(urls)
    assert all(
        e["request"] == {"method": "PUT", "url": f"{e['resource']['resourceType']}/{e['resource']['id']}"}
        for e in bundle["entry"]
    )


def test_the_same_study_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        export("fhir", small(), tmp_path / name, formats="bundle,ndjson")
    for path in sorted((tmp_path / "one").iterdir()):
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes(), path.name


def test_every_extension_is_a_column_of_the_study() -> None:
    columns = {c.name for t in schema.tables().values() for c in t.columns}
    assert all(fhir.extension(c).startswith("https://") and "_" not in fhir.extension(c) for c in columns)


def test_the_command_line_writes_bundle_and_lines(tmp_path: Path) -> None:
    small().write(tmp_path / "study")
    command = ["export", "fhir", str(tmp_path / "study"), "--out", str(tmp_path / "out")]
    done = CliRunner().invoke(main, [*command, "--option", "formats=bundle,ndjson"])
    assert done.exit_code == 0, done.output
    assert "Patient.000.ndjson" in done.output
    again = CliRunner().invoke(main, [*command, "--option", "formats=xml"])
    assert again.exit_code == 2
    assert "There is no format 'xml'" in again.output
    with pytest.raises(UsageError, match="no option 'colour'"):
        export("fhir", small(), tmp_path / "x", colour="blue")
