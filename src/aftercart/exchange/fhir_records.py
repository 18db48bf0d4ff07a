"""The rows of a study as resources of FHIR R4: people, results, medicines and infusions, visits and milestones."""

from __future__ import annotations

from collections.abc import Iterator

from aftercart.exchange.fhir_parts import (
    Cells,
    Context,
    coding,
    completed,
    concept,
    listed_code,
    period,
    put,
    quantity,
    time,
)
from aftercart.standards import fhir
from aftercart.standards.fhir import Resource, findings, happenings, medicines, people
from aftercart.study import dictionary, drugs

OBSERVATION_CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
CATEGORIES = {"VS": "vital-signs", "LB": "laboratory", "CP": "laboratory", "IS": "laboratory", "MB": "laboratory"}
VERIFIED = "http://terminology.hl7.org/CodeSystem/condition-ver-status"
CLINICAL = "http://terminology.hl7.org/CodeSystem/condition-clinical"
ACT = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
UNKNOWN_CLASS = {"system": "http://terminology.hl7.org/CodeSystem/v3-NullFlavor", "code": "UNK"}
NO_PRODUCT = "cell product"
"""Stands for a product that the study does not name: R4 needs a medication."""
DIAGNOSIS = ("indication", "indication_subtype", "diagnosis_date")
CONSENT = ("consent_date", "consent_scope")


def study_resource(context: Context, title: str) -> Resource:
    """The ResearchStudy."""
    number_ = {"system": f"{fhir.BASE}/study", "value": context.study_id}
    marks = [fhir.TEST_DATA] if context.simulated else None
    return put(
        resourceType="ResearchStudy",
        id=context.id_of("ResearchStudy"),
        meta=put(security=marks),
        identifier=[number_],
        title=title,
        status="active",
    )


def subject(row: Cells, context: Context) -> Iterator[Resource]:
    """Patient, the Condition treated, and Consent and arm where the study has them."""
    others = (*DIAGNOSIS, *CONSENT, "cohort")
    site = row["site_id"]
    patient = put(
        resourceType="Patient",
        identifier=[{"system": fhir.SUBJECT, "value": row["subject_id"]}],
        extension=[_us_core(what, row[what]) for what in ("race", "ethnicity") if row[what] is not None],
        gender=fhir.codes_of("sex").get(row["sex"]),
        birthDate=f"{row['birth_year']:04d}" if row["birth_year"] is not None else None,
        deceasedDateTime=time(row["death_date"]),
        address=[{"country": row["country"]}] if row["country"] is not None else None,
        managingOrganization=put(identifier={"system": fhir.SITE, "value": site}, display=site) if site else None,
    )
    columns = tuple(c for c in row if c not in others)
    yield completed(patient, "subjects", row, context, columns)
    disease = next((d for d in fhir.declared()["diseases"] if d["name"] == row["indication"]), None)
    snomed = coding(fhir.addresses()["SNOMED CT"], disease["snomed"][0]) if disease else {}
    yield completed(
        put(
            resourceType="Condition",
            verificationStatus=concept(None, coding(VERIFIED, "confirmed")),
            clinicalStatus=concept(None, coding(CLINICAL, "active")),
            category=[concept(None, coding(f"{fhir.CODE_SYSTEM}condition-category", "primary-diagnosis"))],
            code=concept(
                disease["text"] if disease else "Autoimmune disease",
                snomed,
                coding(happenings.INDICATION, row["indication"]),
            ),
            subject=context.patient(row),
            onsetDateTime=time(row["diagnosis_date"]),
        ),
        "subjects",
        row,
        context,
        DIAGNOSIS,
    )
    if any(row[c] is not None for c in CONSENT):
        yield completed(_consent(row, context), "subjects", row, context, CONSENT)
    if row["cohort"] is not None:
        arm = _research_subject(row, context, "on-study", assignedArm=row["cohort"])
        yield completed(arm, "subjects", row, context, ("cohort",))


def _us_core(what: str, text: str) -> Resource:
    known = fhir.declared()["us_core"]
    code = known["categories"].get(text)
    category = {"url": "ombCategory", "valueCoding": {"system": known["system"], "code": code, "display": text}}
    return {"url": known[what], "extension": [*([category] if code else []), {"url": "text", "valueString": text}]}


def _consent(row: Cells, context: Context) -> Resource:
    scopes = (row["consent_scope"] or "").split(";")
    purposes = [coding(f"{fhir.CODE_SYSTEM}{people.SCOPES}", s) for s in scopes if s]
    return put(
        resourceType="Consent",
        status="active",
        scope=concept(None, coding("http://terminology.hl7.org/CodeSystem/consentscope", "research")),
        category=[concept(None, coding(fhir.LOINC, "59284-0"))],
        patient=context.patient(row),
        dateTime=time(row["consent_date"]),
        policyRule=concept("informed consent"),
        provision=put(purpose=purposes),
    )


def _research_subject(row: Cells, context: Context, status: str, **more: object) -> Resource:
    return put(
        resourceType="ResearchSubject",
        status=status,
        study=context.reference("ResearchStudy"),
        individual=context.patient(row),
        **more,
    )


def milestone(row: Cells, context: Context) -> Iterator[Resource]:
    """A ResearchSubject for each milestone."""
    state = fhir.codes_of("milestone")[row["milestone"]]
    resource = _research_subject(row, context, state, period=period(row["date"], None))
    yield completed(resource, "disposition", row, context)


def visit(row: Cells, context: Context) -> Iterator[Resource]:
    """An Encounter for each visit, also for one that was missed."""
    status = {True: "finished", False: "cancelled", None: "unknown"}[row["occurred"]]
    kind = fhir.codes_of("mode").get(row["mode"] or "")
    resource = put(
        resourceType="Encounter",
        status="entered-in-error" if row["status"] == "entered_in_error" else status,
        class_={"system": ACT, "code": kind} if kind else UNKNOWN_CLASS,
        type=[concept(row["visit"])],
        subject=context.patient(row),
        period=period(row["start"], row["end"]),
        reasonCode=[concept(row["reason_missed"])] if row["reason_missed"] is not None else None,
    )
    yield completed(resource, "visits", row, context)


def infusion(row: Cells, context: Context) -> Iterator[Resource]:
    """A MedicationAdministration of cells, the product contained where its lot is known."""
    name = concept(row["product"] or NO_PRODUCT)
    if row["lot"] is not None:
        inside = {"resourceType": "Medication", "id": "product", "code": name, "batch": {"lotNumber": row["lot"]}}
        product = {"contained": [inside], "medicationReference": {"reference": "#product"}}
    else:
        product = {"medicationCodeableConcept": name}
    cells, per_kg = row["dose_cells"], row["dose_per_kg"]
    dose = quantity(cells, "{cells}") if cells is not None else quantity(per_kg, "10*6/kg") if per_kg else None
    when = {"effectivePeriod": period(row["start"], row["end"])}
    if row["end"] is None:
        when = {"effectiveDateTime": time(row["start"])}  # type: ignore[dict-item]
    resource = put(
        resourceType="MedicationAdministration",
        status="entered-in-error" if row["status"] == "entered_in_error" else "completed",
        category=concept(None, coding(medicines.PRODUCT_CLASS, row["product_class"])),
        subject=context.patient(row),
        dosage=put(route=concept(row["route"]), dose=dose),
        **product,
        **when,
    )
    yield completed(resource, "infusions", row, context)


def exposure(row: Cells, context: Context) -> Iterator[Resource]:
    """A MedicationStatement; a dose of 0 states that the medicine was not taken."""
    status = {True: "active", False: "completed", None: "unknown"}[row["ongoing"]]
    status = "not-taken" if row["dose"] == 0 else status
    known = drugs.drugs().get(row["drug"])
    rxnorm, atc = row["rxnorm"] or (known.rxnorm if known else None), row["atc"] or (known.atc if known else None)
    often = listed_code("frequency", row["frequency"])
    dosage = put(
        timing=put(code=concept(None, often), repeat={"count": 1} if row["frequency"] == "ONCE" else None),
        asNeededBoolean=True if row["frequency"] == "PRN" else None,
        route=concept(row["route"]),
        doseAndRate=[put(doseQuantity=dose)] if (dose := quantity(row["dose"], row["dose_unit"])) else None,
    )
    resource = put(
        resourceType="MedicationStatement",
        status="entered-in-error" if row["status"] == "entered_in_error" else status,
        category=concept(None, coding(medicines.PURPOSE, row["purpose"])),
        medicationCodeableConcept=concept(
            row["drug_text"] or row["drug"],
            coding(fhir.addresses()["RxNorm"], rxnorm),
            coding(fhir.addresses()["ATC"], atc),
            coding(medicines.DRUG, row["drug"]),
        ),
        subject=context.patient(row),
        effectivePeriod=period(row["start"], row["end"]),
        dosage=[dosage] if dosage else None,
    )
    yield completed(resource, "exposures", row, context)


def observation(row: Cells, context: Context) -> Iterator[Resource]:
    """An Observation for each result; one that was not done has a reason in place of a value."""
    entry = dictionary.codes()[row["code"]]
    original = coding(fhir.addresses().get(row["code_system"] or "", ""), row["code_original"])
    original = {**original, "userSelected": True} if original.get("system") else {}
    unit, value, text = row["unit"], row["value"], row["value_text"]
    loinc = coding(fhir.LOINC, entry.loinc) if original.get("code") != entry.loinc else {}
    has_value = (text if entry.text else value) is not None
    limits = {side: quantity(row[f"ref_{side}"], unit) for side in ("low", "high") if row[f"ref_{side}"] is not None}
    absent = concept(row["reason"], coding("http://terminology.hl7.org/CodeSystem/data-absent-reason", "not-performed"))
    resource = put(
        resourceType="Observation",
        status=(row["status"] or "final").replace("_", "-"),
        category=[concept(None, coding(OBSERVATION_CATEGORY, CATEGORIES.get(entry.domain, "exam")))],
        code=concept(entry.meaning, original, loinc, coding(findings.CODE, row["code"])),
        subject=context.patient(row),
        encounter=context.encounter(row),
        effectiveDateTime=time(row["datetime"]),
        performer=[{"display": row["lab"]}] if row["lab"] is not None else None,
        valueQuantity=quantity(value, unit, row["comparator"]) if has_value and not entry.text else None,
        valueCodeableConcept=concept(text) if has_value and entry.text else None,
        dataAbsentReason=absent if row["not_done"] and not has_value else None,
        method=concept(row["method"]),
        specimen={"display": row["specimen"]} if row["specimen"] is not None else None,
        referenceRange=[limits] if limits else None,
    )
    yield completed(resource, "observations", row, context)


SEVERITY = "http://terminology.hl7.org/CodeSystem/adverse-event-severity"
DEGREES = {1: "mild", 2: "moderate", 3: "severe", 4: "severe", 5: "severe"}


def event(row: Cells, context: Context) -> Iterator[Resource]:
    """An event as the resource that its category calls for."""
    kind = fhir.event_resource()[row["category"]]
    make = {"AdverseEvent": _adverse_event, "Condition": _condition, "Procedure": _procedure, "Encounter": _stay}
    yield completed(make[kind](row, context), "events", row, context)


def _term(row: Cells) -> Resource:
    uri = fhir.addresses().get(row["term_system"] or "")
    version = row["term_version"]
    named = put(system=uri, version=version if uri else None, display=row["term"]) if row["term"] is not None else {}
    return concept(row["term_text"], named)


def _category(row: Cells) -> Resource:
    return concept(None, coding(happenings.CATEGORY, row["category"]), coding(happenings.AESI, row["aesi"]))


def _adverse_event(row: Cells, context: Context) -> Resource:
    flags = [flag for flag in fhir.codes_of("seriousness") if row[flag]]
    serious = [listed_code("seriousness", flag) for flag in flags]
    if row["serious"] is False and not flags:
        serious = [coding(fhir.list_system("seriousness"), "Non-serious")]
    suspect, kind = row["suspect_row"], context.suspects.get(row["suspect_row"] or "")
    table = {"MedicationAdministration": "infusions", "MedicationStatement": "exposures"}.get(kind or "", "")
    instance = context.reference(kind, table, suspect) if kind else {"display": NO_PRODUCT}
    cause = concept(None, listed_code("related", row["related"]))
    graded = row["grade"] if row["grade_scale"] in ("CTCAE4", "CTCAE5", "CTCAE6") else None
    return put(
        resourceType="AdverseEvent",
        actuality="actual",
        category=[_category(row)],
        event=_term(row),
        subject=context.patient(row),
        date=time(row["start"]),
        seriousness=concept(None, *serious),
        severity=concept(None, coding(SEVERITY, DEGREES[graded])) if graded else None,
        outcome=concept(None, listed_code("outcome", row["outcome"])),
        suspectEntity=[put(instance=instance, causality=[{"assessment": cause}] if cause else None)]
        if suspect is not None or cause
        else None,
    )


def _condition(row: Cells, context: Context) -> Resource:
    wrong = row["status"] == "entered_in_error"
    # R4 wants a condition with an end to be one that is over, and none in error to have a clinical status.
    over = row["end"] is not None or row["ongoing"] is False
    state = "resolved" if over else "active" if row["ongoing"] else None
    return put(
        resourceType="Condition",
        clinicalStatus=concept(None, coding(CLINICAL, state if not wrong else None)),
        verificationStatus=concept(None, coding(VERIFIED, "entered-in-error" if wrong else "confirmed")),
        category=[_category(row)],
        code=_term(row),
        bodySite=[concept(row["site"])] if row["site"] is not None else None,
        subject=context.patient(row),
        onsetDateTime=time(row["start"]),
        abatementDateTime=time(row["end"]) if not wrong else None,
    )


def _procedure(row: Cells, context: Context) -> Resource:
    wrong = row["status"] == "entered_in_error"
    return put(
        resourceType="Procedure",
        status="entered-in-error" if wrong else "in-progress" if row["ongoing"] else "completed",
        category=_category(row),
        code=_term(row),
        subject=context.patient(row),
        performedPeriod=period(row["start"], row["end"]),
        bodySite=[concept(row["site"])] if row["site"] is not None else None,
    )


def _stay(row: Cells, context: Context) -> Resource:
    wrong = row["status"] == "entered_in_error"
    return put(
        resourceType="Encounter",
        status="entered-in-error" if wrong else "in-progress" if row["ongoing"] else "finished",
        class_={"system": ACT, "code": "IMP"},
        type=[_term(row)] if _term(row) else None,
        subject=context.patient(row),
        period=period(row["start"], row["end"]),
    )
