"""FHIR to study: what every kind of resource becomes, and that nothing vanishes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest
from fhir_resources import ABOUT, DIAGNOSIS, PATIENT, STUDY, concept, imported, lines, listed, observation, quantity

from aftercart.errors import SourceError
from aftercart.sources import importing
from aftercart.sources.mapping import mapping_of
from aftercart.sources.pseudonyms import Pseudonyms

DATA = Path(__file__).parents[1] / "data" / "fhir"
SNOMED = "http://snomed.info/sct"


def test_a_published_bundle_is_reconciled_by_type() -> None:
    done = importing.read("fhir", DATA / "bundle_p1.json")
    assert done.reconciliation.rows() == [
        ("Claim", 3, 0, 3, 0),
        ("Condition", 1, 1, 0, 1),
        ("DiagnosticReport", 4, 0, 4, 0),
        ("Encounter", 3, 3, 0, 3),
        ("ExplanationOfBenefit", 3, 0, 3, 0),
        ("Immunization", 4, 0, 4, 0),
        ("Observation", 48, 18, 30, 21),
        ("Organization", 1, 0, 1, 0),
        ("Patient", 1, 1, 0, 1),
        ("Practitioner", 1, 0, 1, 0),
        ("Procedure", 1, 1, 0, 1),
    ]
    codes = done.study.observations["code"].value_counts().sort("code")
    assert codes.rows() == [
        ("DBP", 3),
        ("HGB", 3),
        ("HT", 3),
        ("PLT", 3),
        ("SBP", 3),
        ("TG", 0) if False else ("WBC", 3),
        ("WT", 3),
    ]


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


def test_results_with_their_units_limits_and_ranges(tmp_path: Path) -> None:
    low, high = {"value": 2.0, "unit": "10*3/uL"}, {"value": 7.5, "unit": "10*3/uL"}
    done = imported(
        tmp_path,
        observation("751-8", valueQuantity=quantity(3.50, "10*3/uL"), referenceRange=[{"low": low, "high": high}]),
        observation("1988-5", valueQuantity=quantity(0.3, "mg/dL", comparator="<")),
        observation("2276-4", valueQuantity={"value": 410, "unit": "ng/mL", "code": "no unit"}),
        observation("718-7", valueString="<14.50"),
        observation("2106-3", valueCodeableConcept={"coding": [{"code": "260385009", "display": "Negative"}]}),
        observation("8061-4", valueRatio={"numerator": {"value": 1}, "denominator": {"value": 160}}),
        mapping={"codes": {"718-7": {"code": "HGB", "unit": "g/dL"}}},
    )
    columns = [
        "code",
        "value",
        "comparator",
        "unit",
        "value_original",
        "unit_original",
        "ref_low",
        "ref_high",
        "value_text",
    ]
    assert sorted(done.study.observations.select(columns).rows()) == sorted(
        [
            ("ANC", 3.5, "=", "10*9/L", "3.5", "10*3/uL", 2.0, 7.5, None),
            ("CRP", 3.0, "<", "mg/L", "0.3", "mg/dL", None, None, None),
            ("FERRITIN", 410.0, "=", "ug/L", "410", "ng/mL", None, None, None),
            ("HGB", 145.0, "<", "g/L", "14.50", "g/dL", None, None, None),
            ("HCG", None, "=", None, None, None, None, None, "negative"),
            ("ANA", 160.0, "=", "{titer}", None, None, None, None, None),
        ]
    ) or listed(done)


@pytest.mark.parametrize("panel", ["85354-9", "55284-4"])
def test_blood_pressure_is_two_results(panel: str, tmp_path: Path) -> None:
    parts = [
        {"code": concept("8480-6"), "valueQuantity": quantity(92, "mm[Hg]")},
        {"code": concept("8462-4"), "dataAbsentReason": {"coding": [{"code": "not-performed"}]}},
    ]
    done = imported(tmp_path, observation(panel, component=parts))
    rows = done.study.observations.select("row_id", "code", "value", "not_done", "reason").sort("code", descending=True)
    assert rows.rows() == [
        (f"Observation/o-{panel}", "SBP", 92.0, None, None),
        (f"Observation/o-{panel}#2", "DBP", None, True, "not-performed"),
    ]


def test_a_panel_that_was_not_done_is_two_results_not_done(tmp_path: Path) -> None:
    done = imported(tmp_path, observation("85354-9", dataAbsentReason={"text": "patient asleep"}))
    rows = done.study.observations.select("code", "value", "not_done", "reason").rows()
    assert rows == [("SBP", None, True, "patient asleep"), ("DBP", None, True, "patient asleep")]


def test_what_is_absent_is_never_zero(tmp_path: Path) -> None:
    reason = {"coding": [{"code": "error", "display": "Error"}]}
    done = imported(
        tmp_path,
        observation("8116-6", dataAbsentReason=reason),
        observation("751-8", status="cancelled"),
        observation("777-3"),
    )
    rows = done.study.observations.select("code", "value", "not_done", "reason").rows()
    assert rows == [("CD19", None, True, "Error"), ("ANC", None, True, "cancelled")]
    assert listed(done) == [("no_result", "Observation", 3, "no result")]


def test_status_of_results(tmp_path: Path) -> None:
    value = {"valueQuantity": quantity(1, "10*9/L")}
    done = imported(
        tmp_path,
        *(
            observation("751-8", id=s, status=s, **value)
            for s in ("final", "corrected", "entered-in-error", "preliminary")
        ),
    )
    assert done.study.observations.select("row_id", "status").rows() == [
        ("Observation/corrected", "amended"),
        ("Observation/entered-in-error", "entered_in_error"),
        ("Observation/final", "final"),
    ]
    found = "Observation with status preliminary: not final: import it again when it is"
    assert listed(done) == [("status", "Observation", 4, found)]


def test_times_as_they_are_given(tmp_path: Path) -> None:
    value = {"valueQuantity": quantity(37, "Cel")}
    span = {"start": "2024-03-05T08:00:00Z", "end": "2024-03-06"}
    plain = observation("8310-5", id="b", effectiveDateTime="2024-03", **value)
    done = imported(
        tmp_path,
        observation("8310-5", id="a", effectiveDateTime=None, effectivePeriod=span, **value),
        plain,
        observation(
            "8310-5", id="c", effectiveDateTime=None, effectiveInstant="2024-03-05T08:00:00.123+02:00", **value
        ),
        observation("8310-5", id="d", effectiveDateTime="2024-02-31", **value),
        observation("8310-5", id="e", effectiveDateTime=None, issued="2024-03-05T08:00:00Z", **value),
    )
    times = ["2024-03-05T08:00:00Z", "2024-03", "2024-03-05T08:00:00.123+02:00"]
    assert done.study.observations["datetime"].to_list() == times
    assert [(r, n) for r, _, n, _ in listed(done)] == [("cell_datetime", 4), ("required", 5)]


def test_a_code_of_the_hospital_is_not_taken_for_one_of_the_dictionary(tmp_path: Path) -> None:
    local = {"coding": [{"system": "urn:lab", "code": "CK"}], "text": "Cookies"}
    resource = observation("x", code=local, valueQuantity=quantity(3, "U/L"))
    assert listed(imported(tmp_path, resource)) == [("unknown_code", "Observation", 1, "CK (Cookies)")]
    for key in ("CK", "urn:lab|CK", "Cookies"):
        done = imported(tmp_path, resource, mapping={"codes": {key: "CK"}})
        assert done.study.observations.select("code", "code_original").rows() == [
            ("CK", "CK" if key != "Cookies" else key)
        ]
    done = imported(tmp_path, resource, mapping={"codes": {"urn:lab|CK": False}})
    assert [r[0] for r in listed(done)] == ["left_out"]


def medicine(kind: str, **more: Any) -> dict[str, Any]:
    return {"resourceType": kind, "id": "m", "status": "active", **ABOUT, **more}


def test_medicines_by_code_by_name_and_by_what_they_hold(tmp_path: Path) -> None:
    rxnorm = "http://www.nlm.nih.gov/research/umls/rxnorm"
    names = [
        {"coding": [{"system": rxnorm, "code": "8640"}]},
        {"coding": [{"system": "http://www.whocc.no/atc", "code": "P01BA02"}], "text": "Quensyl"},
        {"coding": [{"system": rxnorm, "code": "105585", "display": "Methotrexate 2.5 MG Oral Tablet"}]},
        {"text": "methylPREDNISolone"},
        {"text": "Hausmittel"},
        {"coding": [{"system": rxnorm, "code": "1", "display": "Prednisone 5 MG / Methotrexate 2 MG"}]},
    ]
    resources = [
        medicine("MedicationStatement", id=str(i), medicationCodeableConcept=n, effectivePeriod={"start": "2024-01-05"})
        for i, n in enumerate(names)
    ]
    done = imported(tmp_path, *resources, mapping={"drugs": {"Hausmittel": "azathioprine"}})
    combined = "prednisone 5 mg / methotrexate 2 mg"
    assert done.study.exposures["drug"].to_list() == [
        "prednisone",
        "hydroxychloroquine",
        "methotrexate",
        "methylprednisolone",
        "azathioprine",
        combined,
    ]
    assert listed(done) == [("unknown_drug", "MedicationStatement", 6, combined)]


def test_dosage_and_period(tmp_path: Path) -> None:
    pred = {"medicationCodeableConcept": {"text": "prednisone"}}
    once = {"repeat": {"frequency": 1, "period": 1, "periodUnit": "d"}}

    def dosage(value: float, timing: dict[str, Any], **more: Any) -> dict[str, Any]:
        return {
            "timing": timing,
            "doseAndRate": [{"doseQuantity": quantity(value, "mg")}],
            "route": {"text": "ORAL"},
            **more,
        }

    taper = [
        dosage(d, {"repeat": {**once["repeat"], "boundsPeriod": {"start": s, "end": e}}})
        for d, s, e in ((20, "2024-01-01", "2024-01-14"), (10, "2024-01-15", "2024-01-28"))
    ]
    resources = [
        medicine(
            "MedicationStatement", id="a", **pred, effectivePeriod={"start": "2024-01"}, dosage=[dosage(7.5, once)]
        ),
        medicine(
            "MedicationRequest", id="b", **pred, authoredOn="2024-01-01", dosageInstruction=taper, status="completed"
        ),
        medicine(
            "MedicationRequest",
            id="c",
            **pred,
            authoredOn="2024-02-01",
            dosageInstruction=[dosage(10, once), dosage(5, once)],
        ),
        medicine("MedicationStatement", id="d", **pred, status="not-taken", effectiveDateTime="2024-03-01"),
        medicine("MedicationRequest", id="e", **pred, intent="proposal", authoredOn="2024-03-01"),
        medicine(
            "MedicationAdministration",
            id="f",
            **pred,
            status="completed",
            effectiveDateTime="2024-04-01T08:00:00Z",
            dosage={"dose": quantity(250, "mg"), "route": {"text": "INTRAVENOUS"}},
        ),
        medicine("MedicationAdministration", id="g", **pred, status="not-done", effectiveDateTime="2024-04-02"),
        medicine(
            "MedicationStatement",
            id="h",
            **pred,
            effectiveDateTime="2024-05-01",
            dosage=[dosage(5, {"repeat": {"frequency": 5, "period": 1, "periodUnit": "d"}})],
        ),
    ]
    done = imported(tmp_path, *resources)
    columns = ["row_id", "dose", "frequency", "daily_dose_mg", "route", "start", "end", "ongoing"]
    assert done.study.exposures.select(columns).rows() == [
        ("MedicationAdministration/f", 250.0, "ONCE", None, "INTRAVENOUS", "2024-04-01", "2024-04-01", None),
        ("MedicationRequest/b", 20.0, "QD", None, "ORAL", "2024-01-01", "2024-01-14", False),
        ("MedicationRequest/b#2", 10.0, "QD", None, "ORAL", "2024-01-15", "2024-01-28", False),
        ("MedicationRequest/c", None, None, None, None, "2024-02-01", None, True),
        ("MedicationStatement/a", 7.5, "QD", None, "ORAL", "2024-01", None, True),
        ("MedicationStatement/d", 0.0, None, None, None, "2024-03-01", None, False),
        ("MedicationStatement/h", 5.0, "OTHER", 25.0, "ORAL", "2024-05-01", None, True),
    ]
    assert [(r, f, n) for r, f, n, _ in listed(done)] == [
        ("status", "MedicationAdministration", 2),
        ("several_dosages", "MedicationRequest", 2),
        ("status", "MedicationRequest", 3),
    ]


def test_a_medication_is_found_wherever_it_stands(tmp_path: Path) -> None:
    inside = {"resourceType": "Medication", "id": "x", "code": {"text": "tacrolimus"}}
    resources = [
        medicine(
            "MedicationRequest",
            id="a",
            authoredOn="2024-01-01",
            contained=[inside],
            medicationReference={"reference": "#x"},
        ),
        medicine(
            "MedicationRequest",
            id="b",
            authoredOn="2024-01-01",
            medicationReference={"reference": "https://ehr.example/r4/Medication/y/_history/2"},
        ),
        medicine(
            "MedicationRequest",
            id="c",
            authoredOn="2024-01-01",
            medicationReference={"reference": "Medication/none", "display": "Azathioprine"},
        ),
        {"resourceType": "Medication", "id": "y", "code": {"text": "Rituximab"}},
        {"resourceType": "Medication", "id": "z", "code": {"text": "unused"}},
    ]
    done = imported(tmp_path, *resources)
    assert done.study.exposures["drug"].to_list() == ["tacrolimus", "rituximab", "azathioprine"]
    counts = done.reconciliation.filter(pl.col("source_table") == "Medication").rows()
    assert counts == [("Medication", 2, 1, 1, 0)]
    assert listed(done) == [("not_placed", "Medication", 2, "a row that gives no row of the study")]


def test_an_infusion_told_twice_is_one(tmp_path: Path) -> None:
    resources = [
        {
            "resourceType": "Procedure",
            "id": "q1",
            "status": "completed",
            **ABOUT,
            "performedPeriod": {"start": "2024-02-01T09:00:00Z", "end": "2024-02-01T09:30:00Z"},
            "code": {"text": "Infusion of CAR-T cells"},
        },
        {
            "resourceType": "Procedure",
            "id": "q2",
            "status": "completed",
            **ABOUT,
            "performedDateTime": "2024-08-01",
            "code": concept("4711", "Cell therapy", "urn:hospital"),
        },
        {
            "resourceType": "Procedure",
            "id": "q3",
            "status": "completed",
            **ABOUT,
            "performedDateTime": "2024-01-02",
            "code": {"text": "Leukapheresis"},
        },
        {
            "resourceType": "Procedure",
            "id": "q4",
            "status": "not-done",
            **ABOUT,
            "performedDateTime": "2024-01-03",
            "code": {"text": "Biopsy"},
        },
        medicine(
            "MedicationAdministration",
            status="completed",
            medicationReference={"reference": "Medication/kym"},
            effectiveDateTime="2024-02-01T09:05:00Z",
            dosage={"dose": quantity(120, "10*6{cells}")},
        ),
        medicine(
            "MedicationRequest", id="o", medicationReference={"reference": "Medication/kym"}, authoredOn="2024-01-01"
        ),
        {
            "resourceType": "Medication",
            "id": "kym",
            "code": {"text": "Zorpocabtagene autoleucel"},
            "batch": {"lotNumber": "L-1"},
        },
    ]
    done = imported(tmp_path, *resources, mapping={"fhir": {"infusions": ["4711"]}})
    columns = ["infusion_seq", "start", "end", "product", "dose_cells", "lot", "product_class"]
    assert done.study.infusions.select(columns).rows() == [
        (1, "2024-02-01T09:05:00Z", "2024-02-01T09:30:00Z", "Zorpocabtagene autoleucel", 1.2e8, "L-1", "CAR_T"),
        (2, "2024-08-01", None, None, None, None, "CAR_T"),
    ]
    assert done.study.events.select("category", "term_text").rows() == [("procedure", "Leukapheresis")]
    kept = dict(done.reconciliation.select("source_table", "rows_kept").rows())
    assert kept == {
        "Condition": 1,
        "Medication": 1,
        "MedicationAdministration": 1,
        "MedicationRequest": 0,
        "Patient": 1,
        "Procedure": 3,
    }
    assert [r[0] for r in listed(done)] == ["cells_not_given", "status"]


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


def test_answers_of_questionnaires(tmp_path: Path) -> None:
    form = {"resourceType": "Questionnaire", "id": "f", "url": "https://h.example/q", "title": "ICE"}
    answers = [
        {"linkId": "group", "item": [{"linkId": "oriented_year", "answer": [{"valueBoolean": True}]}]},
        {"linkId": "oriented_month", "answer": [{"valueInteger": 0}]},
        {"linkId": "objects_named_of_3", "answer": [{"valueCoding": {"code": "3", "display": "all"}}]},
        {"linkId": "oriented_city"},
        {"linkId": "mood", "answer": [{"valueString": "good"}]},
    ]
    response = {
        "resourceType": "QuestionnaireResponse",
        "id": "r",
        "status": "completed",
        **ABOUT,
        "authored": "2024-02-03T08:00:00Z",
        "questionnaire": "https://h.example/q|2.1",
        "source": {"reference": "Patient/p1"},
        "item": answers,
    }
    strange = {**response, "id": "r2", "questionnaire": "https://h.example/other"}
    done = imported(tmp_path, response, strange, form)
    columns = ["instrument", "instrument_version", "administration_id", "item", "value", "rater"]
    about = ("ICE", "2.1", "r")
    assert sorted(done.study.assessments.select(columns).rows()) == [
        (*about, "objects_named_of_3", 3.0, "patient"),
        (*about, "oriented_month", 0.0, "patient"),
        (*about, "oriented_year", 1.0, "patient"),
    ]
    assert listed(done) == [
        ("unknown_instrument", "QuestionnaireResponse", 2, "https://h.example/other"),
        ("unknown_item", "QuestionnaireResponse", 1, "ICE.mood"),
    ] or sorted(r[0] for r in listed(done)) == ["unknown_instrument", "unknown_item"]
    mapping = {"fhir": {"instruments": {"https://h.example/other": "ICE"}, "items": {"ICE.mood": "oriented_hospital"}}}
    again = imported(tmp_path, {**strange, "item": answers[:2]}, mapping=mapping)
    assert again.study.assessments["item"].to_list() == ["oriented_year", "oriented_month"]


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
        ("no_resource", "all.ndjson", 3, "list in place of a resource"),
        ("no_resource", "all.ndjson", 4, "str in place of a resource"),
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
