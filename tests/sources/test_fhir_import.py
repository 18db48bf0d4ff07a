"""FHIR to study: what every kind of resource becomes, and that nothing vanishes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest
from fhir_resources import ABOUT, DIAGNOSIS, PATIENT, STUDY, imported, lines, listed, medicine, observation, quantity

from aftercart.errors import SourceError
from aftercart.sources import importing
from aftercart.sources.mapping import mapping_of
from aftercart.sources.pseudonyms import Pseudonyms

DATA = Path(__file__).parents[1] / "data" / "fhir"


def test_a_published_bundle_is_reconciled_by_type() -> None:
    done = importing.read("fhir", DATA / "bundle_p1.json")
    assert done.reconciliation.rows() == [
        ("Claim", 3, 0, 3, 0),
        ("Condition", 1, 1, 0, 1),
        ("DiagnosticReport", 4, 0, 4, 0),
        ("Encounter", 3, 3, 0, 3),
        ("ExplanationOfBenefit", 3, 0, 3, 0),
        ("Immunization", 4, 0, 4, 0),
        ("Observation", 48, 17, 31, 20),
        ("Organization", 1, 0, 1, 0),
        ("Patient", 1, 1, 0, 1),
        ("Practitioner", 1, 0, 1, 0),
        ("Procedure", 1, 1, 0, 1),
    ]
    codes = done.study.observations["code"].value_counts().sort("code")
    expected = {"DBP": 3, "HGB": 2, "HT": 3, "PLT": 2, "SBP": 3, "TG": 2, "WBC": 2, "WT": 3}
    assert dict(codes.rows()) == expected


def test_published_bulk_files_are_read_in_any_order() -> None:
    done = importing.read("fhir", DATA / "bulk")
    assert done.reconciliation.rows() == [
        ("AllergyIntolerance", 11, 0, 11, 0),
        ("Condition", 120, 120, 0, 120),
        ("Device", 16, 0, 16, 0),
        ("Patient", 13, 13, 0, 13),
    ]
    assert set(done.study.events["subject_id"]) <= set(done.study.subjects["subject_id"])
    assert done.study.subjects["country"].unique().to_list() == ["USA"]
    rules = done.study.problems.filter(pl.col("file") == "log.ndjson")["rule"].to_list()
    assert rules == ["no_resources"]


def test_nothing_that_names_a_person_is_in_the_study(tmp_path: Path) -> None:
    done = importing.read("fhir", DATA / "bundle_p5_nonascii.json")
    importing.write(done, tmp_path)
    written = "\n".join(p.read_text("utf-8") for p in tmp_path.rglob("*") if p.is_file())
    import json

    [patient] = [
        e["resource"]
        for e in json.loads((DATA / "bundle_p5_nonascii.json").read_text("utf-8"))["entry"]
        if e["resource"]["resourceType"] == "Patient"
    ]
    names = [patient["name"][0]["family"], *patient["name"][0]["given"]]
    assert any(not n.isascii() for n in names)
    place = patient["address"][0]
    secret = [*names, patient["birthDate"], *place["line"], place["city"], patient["telecom"][0]["value"]]
    secret += [i["value"] for i in patient["identifier"] if i["value"] != patient["id"]]
    assert [s for s in secret if s in written] == []
    refused = done.study.problems.filter(pl.col("rule") == "direct_identifier")["column"].sort().to_list()
    assert refused == ["address", "birthDate", "identifier", "name", "telecom"]
    assert done.study.subjects["birth_year"].to_list() == [int(patient["birthDate"][:4])]


def test_a_patient_with_diagnosis_consent_and_arm(tmp_path: Path) -> None:
    race = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-race"
    category = {"url": "ombCategory", "valueCoding": {"code": "2028-9", "display": "Asian"}}
    nephritis = {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "M32.14"}]}
    resources = [
        {
            "resourceType": "Patient",
            "id": "p2",
            "gender": "male",
            "birthDate": "1980-07-02",
            "deceasedDateTime": "2024-06-01T10:00:00Z",
            "extension": [{"url": race, "extension": [category]}],
            "address": [{"country": "DE", "city": "Erlangen"}],
        },
        {
            "resourceType": "Condition",
            "id": "c2",
            "code": nephritis,
            "onsetDateTime": "2020",
            "subject": {"reference": "Patient/p2"},
        },
        {
            "resourceType": "Condition",
            "id": "c3",
            "code": {"text": "Systemic lupus erythematosus"},
            "onsetDateTime": "2018-02",
            "subject": {"reference": "Patient/p2"},
        },
        {
            "resourceType": "Consent",
            "id": "k1",
            "status": "active",
            "patient": {"reference": "Patient/p2"},
            "dateTime": "2023-11-02",
        },
        {
            "resourceType": "Consent",
            "id": "k2",
            "status": "rejected",
            "patient": {"reference": "Patient/p1"},
            "dateTime": "2023-01-02",
        },
        {
            "resourceType": "ResearchSubject",
            "id": "r1",
            "status": "withdrawn",
            "assignedArm": "1e6/kg",
            "individual": {"reference": "Patient/p2"},
            "period": {"start": "2023-12-01", "end": "2024-02-01"},
        },
        {
            "resourceType": "MedicationAdministration",
            "id": "m1",
            "status": "completed",
            "medicationCodeableConcept": {"text": "tisagenlecleucel"},
            "subject": {"reference": "Patient/p2"},
            "effectiveDateTime": "2024-07-01T10:00:00Z",
        },
    ]
    done = imported(tmp_path, *resources)
    row = done.study.subjects.filter(pl.col("subject_id") == "p2").row(0, named=True)
    expected = {
        "birth_year": 1980,
        "age_at_infusion": 43,
        "sex": "M",
        "race": "Asian",
        "country": "DEU",
        "indication": "LN",
        "diagnosis_date": "2020",
        "consent_date": "2023-11-02",
        "cohort": "1e6/kg",
        "death_date": "2024-06-01",
    }
    assert {k: row[k] for k in expected} == expected
    assert done.study.events.select("category", "term_text", "start").rows() == [
        ("medical_history", "Systemic lupus erythematosus", "2018-02")
    ]
    assert done.study.disposition.select("milestone", "date").rows() == [("discontinued", "2024-02-01")]
    assert done.study.infusions.select("product", "infusion_seq").rows() == [("tisagenlecleucel", 1)]
    assert listed(done) == [("status", "Consent", 2, "Consent with status rejected")]
    assert done.reconciliation["rows_listed"].sum() == 1


@pytest.mark.parametrize(
    ("text", "disease"),
    [
        ("Lupus nephritis, class IV", "LN"),
        ("Systemic lupus erythematosus (disorder)", "SLE"),
        ("Antisynthetase syndrome", "IIM"),
        ("Diffuse cutaneous systemic sclerosis", "SSC"),
        ("Localized scleroderma", "OTHER"),
        ("Family history of systemic lupus", "OTHER"),
        ("Rheumatoid arthritis", "OTHER"),
    ],
)
def test_words_of_a_diagnosis(text: str, disease: str, tmp_path: Path) -> None:
    condition = {**DIAGNOSIS, "code": {"text": text}}
    lines(tmp_path / "in", PATIENT, condition)
    done = importing.read("fhir", tmp_path / "in", mapping=mapping_of({"study": STUDY}, "fhir"))
    assert done.study.subjects["indication"].to_list() == [disease]
    history = [] if disease != "OTHER" else [text]
    assert done.study.events["term_text"].to_list() == history


def test_adverse_events(tmp_path: Path) -> None:
    base = "http://terminology.hl7.org/CodeSystem/"
    infusion = medicine(
        "MedicationAdministration",
        id="inf",
        status="completed",
        medicationCodeableConcept={"text": "CAR-T"},
        effectiveDateTime="2024-02-01",
    )
    event = {
        "resourceType": "AdverseEvent",
        "id": "ae",
        "actuality": "actual",
        **ABOUT,
        "event": {
            "coding": [{"system": "https://www.meddra.org", "version": "27.0", "code": "10", "display": "Pyrexia"}],
            "text": "fever",
        },
        "date": "2024-02-03",
        "seriousness": {
            "coding": [{"system": f"{base}adverse-event-seriousness", "code": "SeriousResultsInHospitalization"}]
        },
        "severity": {"coding": [{"code": "severe"}]},
        "outcome": {"coding": [{"system": f"{base}adverse-event-outcome", "code": "resolvedWithSequelae"}]},
        "suspectEntity": [
            {
                "instance": {"reference": "MedicationAdministration/inf"},
                "causality": [{"assessment": {"coding": [{"code": "Probably-Likely"}]}}],
            }
        ],
        "resultingCondition": [{"reference": "Condition/res"}],
    }
    result = {
        "resourceType": "Condition",
        "id": "res",
        **ABOUT,
        "code": {"text": "fever"},
        "onsetDateTime": "2024-02-03",
        "abatementDateTime": "2024-02-06",
        "clinicalStatus": {"coding": [{"code": "resolved"}]},
    }
    done = imported(tmp_path, infusion, event, result, {**event, "id": "ae2", "actuality": "potential"})
    [row] = done.study.events.to_dicts()
    expected = {
        "category": "ae",
        "term_text": "fever",
        "term": "Pyrexia",
        "term_system": "MedDRA",
        "term_version": "27.0",
        "start": "2024-02-03",
        "end": "2024-02-06",
        "ongoing": False,
        "grade": None,
        "serious": True,
        "serious_hospitalisation": True,
        "serious_death": None,
        "outcome": "RECOVERED/RESOLVED WITH SEQUELAE",
        "related": "probable",
        "suspect_row": "MedicationAdministration/inf",
    }
    assert {k: row[k] for k in expected} == expected
    assert listed(done) == [("status", "AdverseEvent", 2, "actuality potential")]
    assert done.reconciliation.filter(pl.col("source_table") == "Condition")["rows_kept"].to_list() == [2]


def test_conditions_that_are_not_sure_are_listed(tmp_path: Path) -> None:
    def condition(state: str) -> dict[str, Any]:
        return {**DIAGNOSIS, "id": state, "code": {"text": "Gout"}, "verificationStatus": {"coding": [{"code": state}]}}

    done = imported(tmp_path, condition("provisional"), condition("refuted"), condition("entered-in-error"))
    assert done.study.events.select("term_text", "status").rows() == [("Gout", "entered_in_error")]
    assert [r[3] for r in listed(done)] == ["Gout: provisional", "Gout: refuted"]


def encounter(number: str, kind: str, status: str = "finished", **more: Any) -> dict[str, Any]:
    span = {"start": "2024-03-05T09:00:00Z", "end": "2024-03-07T10:00:00Z"}
    about = {"resourceType": "Encounter", "id": number, "status": status, "class": {"code": kind}, "period": span}
    return {**about, **ABOUT, "type": [{"text": "week 4"}], **more}


def test_encounters_are_visits_and_stays(tmp_path: Path) -> None:
    temp = observation("8310-5", valueQuantity=quantity(37, "Cel"), encounter={"reference": "Encounter/e1"})
    done = imported(
        tmp_path,
        temp,
        encounter("e1", "AMB"),
        encounter("e2", "VR", "cancelled", reasonCode=[{"text": "ill"}]),
        encounter("e3", "IMP", reasonCode=[{"text": "Pneumonia"}]),
        mapping={"visits": {"week 4": "month 1"}},
    )
    columns = ["visit", "start", "end", "mode", "occurred", "reason_missed"]
    span = ("2024-03-05", "2024-03-07")
    assert done.study.visits.select(columns).rows() == [
        ("month 1", *span, "onsite", True, None),
        ("month 1", *span, None, False, "ill"),
        ("month 1", *span, "onsite", True, None),
    ]
    assert done.study.observations["visit"].to_list() == ["month 1"]
    assert done.study.subjects["last_contact_date"].to_list() == ["2024-03-07"]
    stays = done.study.events.select("category", "term_text", "start", "end").rows()
    assert stays == [("hospitalisation", "Pneumonia", "2024-03-05T09:00:00Z", "2024-03-07T10:00:00Z")]


def test_references_of_every_form_lead_to_the_patient(tmp_path: Path) -> None:
    value = {"valueQuantity": quantity(37, "Cel")}
    forms = [
        {"reference": "Patient/p1"},
        {"reference": "https://ehr.example/fhir/Patient/p1"},
        {"reference": "Patient/p1/_history/3"},
        {"identifier": {"system": "urn:mrn", "value": "4711"}},
        {"reference": "Patient/other"},
        {"identifier": {"system": "urn:mrn", "value": "secret-number"}},
    ]
    known = {**PATIENT, "identifier": [{"system": "urn:mrn", "value": "4711"}]}
    found = [observation("8310-5", id=str(i), subject=f, **value) for i, f in enumerate(forms)]
    lines(tmp_path / "in", *found, name="a.ndjson")
    lines(tmp_path / "in", known, DIAGNOSIS, name="z.ndjson")
    done = importing.read("fhir", tmp_path / "in", mapping=mapping_of({"study": STUDY}, "fhir"))
    assert done.study.observations["row_id"].to_list() == [f"Observation/{i}" for i in range(4)]
    assert listed(done) == [
        ("unknown_subject", "Observation", 5, "Patient/other"),
        ("unknown_subject", "Observation", 6, "an identifier"),
    ]
    assert "4711" not in done.study.problems.write_csv()


def test_the_subject_can_be_an_identifier_that_the_mapping_names(tmp_path: Path) -> None:
    patient = {**PATIENT, "identifier": [{"system": "urn:study", "value": "S-01"}, {"system": "urn:mrn", "value": "7"}]}
    lines(tmp_path / "in", patient, DIAGNOSIS)
    mapping = mapping_of({"study": STUDY, "fhir": {"subject_system": "urn:study"}}, "fhir")
    done = importing.read("fhir", tmp_path / "in", mapping=mapping)
    assert done.study.subjects.select("subject_id", "indication", "diagnosis_date").rows() == [
        ("S-01", "SLE", "2019-05")
    ]


def test_pseudonyms_and_shifted_dates(tmp_path: Path) -> None:
    hidden = Pseudonyms(b"a key of more than sixteen bytes", shift_dates=True)
    temp = observation("8310-5", valueQuantity=quantity(37, "Cel"))
    done = imported(tmp_path, temp, observation("9-9", valueString="x"), pseudonyms=hidden)
    name = hidden.pseudonym("p1")
    assert done.study.subjects["subject_id"].to_list() == [name]
    assert done.study.observations["subject_id"].to_list() == [name]
    assert not done.study.observations["datetime"][0].startswith("2024-03-05")
    text = done.study.problems.write_csv() + "".join(t.write_csv() for t in done.study.tables.values())
    assert "p1" not in text.replace(name, "")
    assert "Observation/o-" not in text


def test_data_of_no_real_patient_stay_marked(tmp_path: Path) -> None:
    label = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "HTEST"}
    done = imported(tmp_path, {**PATIENT, "id": "p2", "meta": {"security": [label]}})
    assert done.study.meta.simulated


def test_unknown_types_of_resource_are_listed(tmp_path: Path) -> None:
    done = imported(
        tmp_path,
        {"resourceType": "MedicationUsage", "id": "r5"},
        {"resourceType": "Claim", "id": "c"},
        {"id": "none"},
        ["no", "object"],
        5,
    )
    assert listed(done) == [
        ("resource_not_placed", "Claim", 1, "a resource Claim"),
        ("no_resource", "all.ndjson", 1, "resourceType MedicationUsage"),
        ("no_resource", "all.ndjson", 2, "an object without resourceType"),
        ("no_resource", "all.ndjson", 3, "no object in place of a resource"),
        ("no_resource", "all.ndjson", 4, "no object in place of a resource"),
    ]
    assert done.reconciliation.filter(pl.col("source_table") == "all.ndjson").rows() == [("all.ndjson", 4, 0, 4, 0)]


def test_a_resource_that_comes_twice_counts_once(tmp_path: Path) -> None:
    temp = observation("8310-5", valueQuantity=quantity(37, "Cel"))
    done = imported(tmp_path, temp, temp)
    assert done.study.observations.height == 1
    assert listed(done) == [("duplicate_row_id", "Observation", 2, "Observation/o-8310-5")]


def test_a_mapping_that_names_what_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError) as caught:
        imported(
            tmp_path,
            mapping={"fhir": {"indication": "RA", "colour": "blue", "infusions": "x", "instruments": {"u": "X"}}},
        )
    assert sorted(caught.value.problems["found"].to_list()) == [
        "colour",
        "indication = 'RA'",
        "infusions = 'x'",
        "instruments = {'u': 'X'}",
    ]
