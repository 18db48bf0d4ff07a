"""Results, medicines, infusions and answers of FHIR resources."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest
from fhir_resources import ABOUT, concept, imported, listed, medicine, observation, quantity


def test_results_with_their_units_limits_and_ranges(tmp_path: Path) -> None:
    low, high = {"value": 2.0, "unit": "10*3/uL"}, {"value": 7.5, "unit": "10*3/uL"}
    done = imported(
        tmp_path,
        observation("751-8", valueQuantity=quantity(3.50, "10*3/uL"), referenceRange=[{"low": low, "high": high}]),
        observation("1988-5", valueQuantity=quantity(0.3, "mg/dL", comparator="<")),
        observation("2276-4", valueQuantity={"value": 410, "unit": "ng/mL", "code": "no unit"}),
        observation("718-7", valueString="<14.50"),
        observation("2106-3", valueCodeableConcept={"coding": [{"code": "260385009", "display": "Negative"}]}),
        observation("5048-4", id="s", valueString="1 : 320"),
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
    assert sorted(done.study.observations.select(columns).rows(), key=str) == sorted(
        [
            ("ANC", 3.5, "=", "10*9/L", "3.5", "10*3/uL", 2.0, 7.5, None),
            ("CRP", 3.0, "<", "mg/L", "0.3", "mg/dL", None, None, None),
            ("FERRITIN", 410.0, "=", "ug/L", "410", "ng/mL", None, None, None),
            ("HGB", 145.0, "<", "g/L", "14.50", "g/dL", None, None, None),
            ("HCG", None, "=", None, None, None, None, None, "negative"),
            ("ANA", 160.0, "=", "{titer}", None, None, None, None, None),
            ("ANA", 320.0, "=", "{titer}", None, None, None, None, None),
        ],
        key=str,
    )
    assert listed(done) == []


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
    assert rows == [("ANC", None, True, "cancelled"), ("CD19", None, True, "Error")]
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
    resource = {**observation("x", valueQuantity=quantity(3, "U/L")), "code": local}
    assert listed(imported(tmp_path, resource)) == [("unknown_code", "Observation", 1, "CK (Cookies)")]
    for key in ("CK", "urn:lab|CK", "Cookies"):
        done = imported(tmp_path, resource, mapping={"codes": {key: "CK"}})
        assert done.study.observations.select("code", "code_original").rows() == [
            ("CK", "CK" if key != "Cookies" else key)
        ]
    done = imported(tmp_path, resource, mapping={"codes": {"urn:lab|CK": False}})
    assert [r[0] for r in listed(done)] == ["left_out"]


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
        ("unknown_item", "QuestionnaireResponse", 1, "ICE.mood"),
        ("unknown_instrument", "QuestionnaireResponse", 2, "https://h.example/other"),
    ]
    mapping = {"fhir": {"instruments": {"https://h.example/other": "ICE"}, "items": {"ICE.mood": "oriented_hospital"}}}
    again = imported(tmp_path, {**strange, "item": answers[:2]}, mapping=mapping)
    assert again.study.assessments["item"].to_list() == ["oriented_year", "oriented_month"]


def test_the_laboratory_is_read_and_the_person_is_not(tmp_path: Path) -> None:
    people = [{"reference": "Practitioner/1", "display": "Dr. June Kassulke"}, {"display": "Somebody"}]
    lab = {"reference": "Organization/2", "display": "Central laboratory"}
    value = {"valueQuantity": quantity(1, "10*9/L")}
    done = imported(
        tmp_path,
        observation("751-8", id="a", performer=[*people, lab], **value),
        observation("751-8", id="b", performer=people, **value),
    )
    assert done.study.observations["lab"].to_list() == ["Central laboratory", None]


def test_a_sign_that_is_not_understood_makes_no_number(tmp_path: Path) -> None:
    done = imported(tmp_path, observation("751-8", valueQuantity=quantity(1, "10*9/L", comparator="~")))
    assert done.study.observations.is_empty()
    assert listed(done) == [("no_result", "Observation", 1, "no result")]
