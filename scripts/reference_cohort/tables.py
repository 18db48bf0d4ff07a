"""The rows of each table, from the plan and the courses."""

from __future__ import annotations

from collections.abc import Iterator

from reference_cohort import courses, plan
from reference_cohort.courses import Draws
from reference_cohort.plan import PATIENTS, Patient, published
from reference_cohort.recorder import Recorder, on

LAB_DAYS = (-30, -6, -5, -3, *range(15), 17, 21, 24, 28, 35, 42, 49, 56, 59, 62, 64, 66, 70, 77)
BED_DAYS = range(15)
SCREENING = -6
"""Last examination before lymphodepletion: the baseline."""

REFERENCE = {
    "ANC": (1.8, 7.7),
    "WBC": (4.0, 10.0),
    "PLT": (150, 400),
    "HGB": (120, 160),
    "ALC": (1.0, 4.0),
    "CRP": (None, 5.0),
    "FERRITIN": (15, 300),
    "C3": (0.9, 1.8),
    "C4": (0.1, 0.4),
    "DSDNA": (None, 20.0),
    "CK": (None, 190.0),
    "IGG": (7.0, 16.0),
    "CREAT": (45, 104),
}
UNITS = {
    "ANC": "10*9/L",
    "WBC": "10*9/L",
    "PLT": "10*9/L",
    "HGB": "g/L",
    "ALC": "10*9/L",
    "CD19": "10*6/L",
    "CRP": "mg/L",
    "FERRITIN": "ug/L",
    "C3": "g/L",
    "C4": "g/L",
    "DSDNA": "[IU]/mL",
    "CK": "U/L",
    "IGG": "g/L",
    "CREAT": "umol/L",
    "UPCR": "g/g",
    "URBC": "/[HPF]",
    "UWBC": "/[HPF]",
    "CARCOPY": "{copies}/ug",
    "TEMP": "Cel",
    "SBP": "mm[Hg]",
    "O2FLOW": "L/min",
    "FVCPP": "%",
    "DLCOPP": "%",
}


def build(recorder: Recorder) -> None:
    """Add every row of every patient."""
    rows = published()
    for index, patient in enumerate(PATIENTS):
        one = _One(recorder, patient, courses.draws(index, patient), rows[patient.label])
        one.subject()
        one.infusion()
        one.medicines()
        one.laboratory()
        one.bedside()
        one.disease()
        one.events()
        one.contacts()


class _One:
    """The rows of one patient."""

    def __init__(self, recorder: Recorder, patient: Patient, draws: Draws, row: dict[str, str]) -> None:
        self.recorder, self.patient, self.d, self.row = recorder, patient, draws, row
        self.visits = list(_visit_days(patient))

    def add(self, table: str, cells: dict[str, object], *, code: str = "simulated", **marks: str) -> str:
        return self.recorder.add(table, self.patient.label, cells, code=code, **marks)

    def observe(self, code: str, day: int, value: float, *, clock: str = "07:30:00", mark: str = "simulated") -> None:
        low, high = REFERENCE.get(code, (None, None))
        self.add(
            "observations",
            {
                "code": code,
                "value": value,
                "unit": UNITS[code],
                "ref_low": low,
                "ref_high": high,
                "lloq": 25.0 if code == "CARCOPY" else None,
                "datetime": on(self.patient.infusion, day, clock),
            },
            value=mark,
        )

    def answer(
        self, instrument: str, item: str, day: int, value: float | str | bool, *, mark: str = "simulated"
    ) -> None:
        text = isinstance(value, str)
        cells = {
            "instrument": instrument,
            "item": item,
            "value_text" if text else "value": value if text else float(value),
            "rater": "patient" if instrument == "HAQ-DI" or item.startswith("patient") else "investigator",
            "datetime": on(self.patient.infusion, day),
        }
        self.add("assessments", cells, **{"value_text" if text else "value": mark})

    def subject(self) -> None:
        p = self.patient
        months = round(p.duration_years * 12)
        year, month = divmod(p.infusion.year * 12 + p.infusion.month - 1 - months, 12)
        self.add(
            "subjects",
            {
                "site_id": "ER",
                "age_at_infusion": p.age,
                "sex": p.sex,
                "indication": p.indication,
                "indication_subtype": p.subtype or None,
                "diagnosis_date": f"{year:04d}-{month + 1:02d}",
                "last_contact_date": on(p.infusion, p.last_contact_day),
            },
            age_at_infusion=p.marks.get("age", "simulated"),
            sex=p.marks.get("sex", "simulated"),
            indication="published",
            diagnosis_date=p.marks.get("duration", "simulated"),
            last_contact_date="constrained",
        )

    def infusion(self) -> None:
        self.add(
            "infusions",
            {
                "infusion_seq": 1,
                "start": on(self.patient.infusion, 0, "11:00:00"),
                "product": "MB-CART19.1",
                "product_class": "CAR_T",
                "target": "CD19",
                "source_cell": "autologous",
                "vector": "lentiviral",
                "dose_per_kg": 1.0,
                "route": "INTRAVENOUS",
                "planned_dose_met": True,
            },
            code="published",
            start="constrained",
            infusion_seq="constrained",
            route="constrained",
            planned_dose_met="simulated",
        )

    def medicines(self) -> None:
        p = self.patient
        prior_mark = p.marks.get("prior", "simulated")
        start = -round(p.duration_years * 365) + 20
        step = max((-60 - start) // (len(p.prior) + 1), 30)
        for i, drug in enumerate(p.prior):
            first = start + i * step
            self.add(
                "exposures",
                {
                    "drug": drug,
                    "purpose": "background",
                    "start": on(p.infusion, first)[:7],
                    "end": on(p.infusion, min(first + max(step, 120), -35)),
                    "outcome": "inadequate_response",
                },
                drug=prior_mark,
                outcome="constrained",
            )
        self.add(
            "exposures",
            {
                "drug": "prednisolone",
                "purpose": "background",
                "dose": 10.0,
                "dose_unit": "mg",
                "frequency": "QD",
                "route": "ORAL",
                "start": on(p.infusion, -120),
                "end": on(p.infusion, -14),
                "outcome": "inadequate_response",
            },
            end="constrained",
            outcome="constrained",
        )
        for day in (-5, -4, -3):
            self._once("fludarabine", day, 25.0, "mg/m2", mark="published" if p.indication == "SSC" else "constrained")
        half = "halved" in self.row["lymphodepletion_modification"]
        self._once(
            "cyclophosphamide", -3, 500.0 if half else 1000.0, "mg/m2", mark="published" if half else "constrained"
        )
        for drug, last in (("trimethoprim_sulfamethoxazole", 120), ("aciclovir", 180)):
            cells = {"drug": drug, "purpose": "prophylaxis", "start": on(p.infusion, 0), "end": on(p.infusion, last)}
            self.add("exposures", cells)
        for day in p.crs:
            self._once("paracetamol", day, 1000.0, "mg", purpose="crs_icans_treatment")
        if p.hypotension_day is not None:
            self._once("tocilizumab", p.hypotension_day, 8.0, "mg/kg", purpose="crs_icans_treatment")
        if p.label == "IIM-1":
            for day in (30, 60, 91, 121, 152, 183):
                self._once("immunoglobulin", day, 30.0, "g", purpose="immunoglobulin", mark="published")
        if p.label == plan.LATE_NEUTROPENIA_PATIENT:
            for day in (64, 66):
                self._once("filgrastim", day, 300.0, "ug", purpose="other")

    def _once(
        self, drug: str, day: int, dose: float, unit: str, *, purpose: str = "lymphodepletion", mark: str = "simulated"
    ) -> None:
        cells = {
            "drug": drug,
            "purpose": purpose,
            "dose": dose,
            "dose_unit": unit,
            "frequency": "ONCE",
            "start": on(self.patient.infusion, day),
            "end": on(self.patient.infusion, day),
        }
        self.add("exposures", cells, drug=mark, dose="simulated" if mark == "simulated" else mark)

    def laboratory(self) -> None:
        p, d = self.patient, self.d
        days = sorted({*LAB_DAYS, *self.visits})
        for day in days:
            anc, alc = courses.neutrophils(p, d, day), courses.lymphocytes(d, day)
            late = p.label == plan.LATE_NEUTROPENIA_PATIENT and 50 <= day <= 77
            self.observe("ANC", day, anc, mark="constrained" if late or 0 <= day <= 30 else "simulated")
            self.observe("ALC", day, alc)
            white = round(anc + alc + 0.4, 2)
            leukopenic = "leukopenia" in p.descriptors and day <= courses.LYMPHODEPLETION
            self.observe("WBC", day, 2.7 if leukopenic else white, mark="constrained" if leukopenic else "simulated")
            self.observe("PLT", day, courses.platelets(d, day))
            self.observe("HGB", day, courses.haemoglobin(d, day))
            self.observe("CRP", day, courses.crp(p, d, day))
            self.observe("CREAT", day, 178.0 if p.label == "SSc-3" else 66.0 + len(p.label) + day % 5)
            if day <= 42 or day in self.visits:
                self.observe("FERRITIN", day, courses.ferritin(p, d, day))
            if day in self.visits or day in (-30, SCREENING, 0, 3, 7, 10, 14, 21, 28, 42, 56, 70, 77):
                gone = day == 7 and p.label in ("SSc-1", "SSc-2", "SSc-3")
                self.observe("CD19", day, courses.b_cells(d, day), mark="published" if gone else "simulated")
            if day in (3, 5, 7, 9, 11, 14, 21, 28, 42, 56) or (day in self.visits and day <= 200):
                self.observe("CARCOPY", day, courses.car_copies(d, day))
            if day in self.visits or day in (SCREENING, 28, 56):
                self.observe("IGG", day, round(courses.falling(d.igg, d.igg * 0.74, courses.HALF_LIFE_IGG, day), 1))
            if p.indication == "SLE" and (day in self.visits or day in (-30, SCREENING, 14, 56)):
                self._lupus_laboratory(day)
            if p.indication == "IIM" and day >= -30:
                peak = p.label == "IIM-1" and day == 8
                self.observe("CK", day, courses.creatine_kinase(p, d, day), mark="published" if peak else "simulated")
        if p.label == "IIM-2":
            self.observe("CK", -round(p.duration_years * 365) + 5, 29133.0, mark="published")
        for day in sorted(_return_days(d, p)):
            self.observe("CD19", day, courses.b_cells(d, day))

    def _lupus_laboratory(self, day: int) -> None:
        p = self.patient
        severe = 1 + PATIENTS.index(p) % 4
        late = "constrained" if day > 0 else "simulated"
        self.observe(
            "DSDNA", day, round(courses.falling(150.0 + 120 * severe, 4.0, courses.HALF_LIFE_DSDNA, day), 1), mark=late
        )
        c3 = 1.12 - courses.falling(0.36 + 0.04 * severe, 0.0, 30, day)
        self.observe("C3", day, round(c3, 2), mark=late)
        self.observe("C4", day, round(0.19 - courses.falling(0.11, 0.0, 30, day), 3), mark=late)
        kidney = "proteinuria" in p.descriptors
        ratio = courses.falling(1.4 + 0.5 * severe, 0.09, courses.HALF_LIFE_UPCR, day) if kidney else 0.08
        self.observe("UPCR", day, round(ratio, 2), mark="constrained")
        cells = 14.0 if "hematuria" in p.descriptors and day <= 30 else 2.0
        self.observe("URBC", day, cells, mark="constrained" if "hematuria" in p.descriptors else "simulated")
        self.observe("UWBC", day, 2.0)

    def bedside(self) -> None:
        """Vital signs, oxygen, and the daily examination for CRS and ICANS during the stay."""
        p, d = self.patient, self.d
        crs_mark = p.marks.get("crs", "simulated")
        on_oxygen = p.label == "IIM-1"
        for day in BED_DAYS:
            warm = courses.temperature(p, d, day)
            self.observe("TEMP", day, warm, clock="18:00:00", mark=crs_mark)
            self.observe("TEMP", day, round(min(warm, 37.4) - 0.3, 1), clock="06:00:00")
            low = day == p.hypotension_day
            self.observe("SBP", day, 84.0 if low else float(112 + (7 * day + len(p.label) * 3) % 19), clock="18:00:00")
            device = "nasal_cannula" if on_oxygen else "room_air"
            when = on(p.infusion, day, "18:00:00")
            mark = "constrained" if on_oxygen else "simulated"
            self.add("observations", {"code": "O2DEVICE", "value_text": device, "datetime": when}, value_text=mark)
            if on_oxygen:
                self.observe("O2FLOW", day, 2.0, clock="18:00:00")
                self.answer("ASTCT-CRS", "hypoxia_other_cause", day, value=True, mark="constrained")
            self.answer("ASTCT-CRS", "hypotension_present", day, low, mark="constrained")
            self._neurology(day)

    def _neurology(self, day: int) -> None:
        confused = self.patient.label == plan.ICANS_PATIENT and day in plan.ICANS_DAYS
        mark = "constrained"
        for item in ("oriented_year", "oriented_month", "oriented_city", "oriented_hospital", "follows_command"):
            self.answer("ICE", item, day, value=1.0, mark=mark)
        self.answer("ICE", "objects_named_of_3", day, 2.0 if confused else 3.0, mark=mark)
        self.answer("ICE", "writes_sentence", day, 0.0 if confused else 1.0, mark=mark)
        self.answer("ICE", "counts_backward_100_by_10", day, value=1.0, mark=mark)
        for item, text in (("consciousness", "alert"), ("seizure", "none"), ("icp_finding", "none")):
            self.answer("ASTCT-ICANS", item, day, text, mark=mark)
        self.answer("ASTCT-ICANS", "deep_focal_motor_weakness", day, value=False, mark=mark)

    def disease(self) -> None:
        """The examinations of the disease at baseline and at every visit."""
        for day in (SCREENING, *self.visits):
            {"SLE": self._lupus, "SSC": self._scleroderma, "IIM": self._myositis}[self.patient.indication](day)

    def _lupus(self, day: int) -> None:
        p = self.patient
        lab = (
            "hematuria",
            "proteinuria",
            "pyuria",
            "low_complement",
            "increased_dna_binding",
            "thrombocytopenia",
            "leukopenia",
        )
        mark = p.marks.get("score", "simulated") if day == SCREENING else "constrained"
        mark = "constrained" if mark == "published" else mark
        for item in SLEDAI_ITEMS:
            if item not in lab:
                self.answer("SLEDAI-2K", item, day, item in p.descriptors and day <= 30, mark=mark)
        activity = 2.1 if day == SCREENING else 1.0 if day <= 45 else 0.2 if day <= 120 else 0.1
        self.answer("PGA", "phga_0_3", day, activity, mark="constrained" if day > 45 else "simulated")
        if day > 0:
            self.answer("LLDAS", "new_activity_vs_previous", day, value=False)

    def _scleroderma(self, day: int) -> None:
        p = self.patient
        assert p.mrss is not None
        factor = 1 - 0.48 * (1 - 2 ** (-max(day, 0) / 70))
        total = p.mrss if day == SCREENING else round(p.mrss * factor)
        mark = p.marks.get("score", "simulated") if day == SCREENING else "simulated"
        for site, score in _spread(total).items():
            self.answer("MRSS", site, day, float(score), mark="constrained" if mark == "published" else mark)
        active = day <= 45
        ulcers = p.label in ("SSc-2", "SSc-3") and day < 120
        self.answer("EUSTAR-AI", "delta_skin_worse_last_month", day, active, mark="simulated")
        self.answer(
            "EUSTAR-AI",
            "digital_ulcers",
            day,
            ulcers,
            mark="published" if p.label in ("SSc-2", "SSc-3") and 120 < day < 240 else "simulated",
        )
        self.answer("EUSTAR-AI", "tendon_friction_rubs", day, p.label in ("SSc-1", "SSc-3") and active)
        gain = 0 if day == SCREENING else min(9.0, day / 45)
        base = 61.0 + 4 * (PATIENTS.index(p) % 4)
        self.observe("FVCPP", day, round(base + gain, 0), clock="10:00:00")
        self.observe("DLCOPP", day, round(base - 13 + gain * 0.8, 0), clock="10:00:00")
        for item in ("patient_global_0_10", "physician_global_0_10"):
            self.answer("CRISS", item, day, 6.5 if day == SCREENING else round(6.5 * 2 ** (-day / 110), 1))
        for item in ("new_scleroderma_renal_crisis", "gi_dysmotility_requiring_tpn", "digital_gangrene_or_amputation"):
            self.answer("CRISS", item, day, value=False)
        self._disability(day, worst=2)

    def _myositis(self, day: int) -> None:
        p = self.patient
        published_score = p.label == "IIM-1" and 150 < day < 220
        full, low = 150, {"IIM-1": 106, "IIM-2": 112, "IIM-3": 98}[p.label]
        left = 1 - 2 ** (-max(day, 0) / 40)
        total = 149 if published_score else low if day == SCREENING else min(full, low + round((full - low) * left))
        for group, score in _muscle(total).items():
            self.answer("MMT8", group, day, float(score), mark="constrained" if published_score else "simulated")
        scale = 1.0 if day == SCREENING else max(0.04, 2 ** (-day / 32))
        for item, start in (
            ("md_global_0_10_cm", 7.2),
            ("patient_global_0_10_cm", 7.8),
            ("extramuscular_0_10_cm", 4.6),
        ):
            self.answer("IMACS", item, day, round(start * scale, 1))
        self._disability(day, worst=3)

    def _disability(self, day: int, *, worst: int) -> None:
        level = worst if day == SCREENING else worst - 1 if day <= 45 else 1 if day <= 120 else 0
        for item, number in HAQ:
            for i in range(1, number + 1):
                self.answer("HAQ-DI", f"{item}_{i}", day, float(max(0, level - (i == number))))

    def events(self) -> None:
        p = self.patient
        if p.label == "SSc-1":
            drug_day = 92
            event = self._infection(
                "bronchitis, treated out of hospital", 91, 100, serious=False, care="outpatient", mark="published"
            )
            self._antibiotic("amoxicillin_clavulanate", drug_day, 98, event)
        if p.label == plan.PNEUMONIA_PATIENT:
            first, last = plan.PNEUMONIA_DAYS
            event = self._infection(
                "pneumonia", first, last, serious=True, care="ward", mark="constrained", term="bacterial_pneumonia"
            )
            self._antibiotic("piperacillin_tazobactam", first, last, event)
            stay = {"category": "hospitalisation", "term_text": "hospital stay for pneumonia", "level_of_care": "ward"}
            days = {"start": on(p.infusion, first), "end": on(p.infusion, last)}
            self.add("events", {**stay, **days}, category="constrained")
        colds = {"SLE-2": 210, "SLE-4": 260, "SLE-6": 150, "SSc-2": 175, "IIM-2": 240, "SLE-1": 330}
        if p.label in colds:
            self._infection(
                "upper airway infection", colds[p.label], colds[p.label] + 6, serious=False, care=None, mark="simulated"
            )

    def _infection(
        self, text: str, first: int, last: int, *, serious: bool, care: str | None, mark: str, term: str | None = None
    ) -> str:
        cells = {
            "category": "infection",
            "term_text": text,
            "term": term,
            "term_system": "BMT-CTN" if term else None,
            "start": on(self.patient.infusion, first),
            "end": on(self.patient.infusion, last),
            "serious": serious,
            "serious_hospitalisation": serious,
            "serious_life_threatening": False,
            "outcome": "RECOVERED/RESOLVED",
            "related": "possible",
            "level_of_care": care,
        }
        return self.add(
            "events",
            cells,
            category=mark,
            term_text=mark,
            level_of_care=mark,
            serious=mark,
            serious_hospitalisation=mark,
        )

    def _antibiotic(self, drug: str, first: int, last: int, event: str) -> None:
        start, end = on(self.patient.infusion, first), on(self.patient.infusion, last)
        self.add("exposures", {"drug": drug, "purpose": "other", "start": start, "end": end, "indication_row": event})

    def contacts(self) -> None:
        p = self.patient
        names = {day: name for name, day in _named_visits(p, self.visits)}
        for number, day in enumerate((SCREENING, *self.visits)):
            cells = {
                "visit": "baseline" if day == SCREENING else names.get(day, "follow-up"),
                "visit_num": float(number),
                "start": on(p.infusion, day),
                "mode": "onsite",
                "occurred": True,
            }
            self.add("visits", cells)
        for milestone, day in (("consented", -60), ("apheresis", -22), ("lymphodepletion", -5), ("infused", 0)):
            self.add("disposition", {"milestone": milestone, "date": on(p.infusion, day)}, code="simulated")


SLEDAI_ITEMS = (
    "seizure",
    "psychosis",
    "organic_brain_syndrome",
    "visual_disturbance",
    "cranial_nerve_disorder",
    "lupus_headache",
    "cva",
    "vasculitis",
    "arthritis",
    "myositis",
    "urinary_casts",
    "rash",
    "alopecia",
    "mucosal_ulcers",
    "pleurisy",
    "pericarditis",
    "fever",
)
HAQ = (
    ("dressing", 2),
    ("arising", 2),
    ("eating", 3),
    ("walking", 2),
    ("hygiene", 3),
    ("reach", 2),
    ("grip", 3),
    ("activities", 3),
)
SITES = ("fingers", "hand", "forearm", "upper_arm", "leg", "foot", "thigh")
GROUPS = (
    "gluteus_maximus",
    "gluteus_medius",
    "deltoid_middle",
    "quadriceps",
    "biceps",
    "wrist_extensors",
    "ankle_dorsiflexors",
)


def _visit_days(patient: Patient) -> Iterator[int]:
    """Planned visits up to a month before the last contact, then the last contact itself."""
    for number, (_, target, _, _) in enumerate(plan.VISITS):
        day = target + (len(patient.label) * 3 + patient.age + number * 5) % 9 - 4
        if day <= patient.last_contact_day - 30:
            yield day
    yield patient.last_contact_day


def _named_visits(patient: Patient, days: list[int]) -> Iterator[tuple[str, int]]:
    for name, target, before, after in plan.VISITS:
        near = [d for d in days if target - before <= d <= target + after]
        if near:
            yield name, min(near, key=lambda d: (abs(d - target), d))
    del patient


def _return_days(d: Draws, patient: Patient) -> set[int]:
    """Extra B-cell counts around the return of B cells, as a clinic that waits for it would take them."""
    end = min(200, patient.last_contact_day)
    return {day for day in range(84, end, 14) if day <= d.b_cells_return + 20}


def _spread(total: int) -> dict[str, int]:
    """A skin score over the 17 sites: fingers and hands worst, the trunk last."""
    order = [f"{side}_{site}" for site in SITES for side in ("right", "left")] + ["face", "anterior_chest", "abdomen"]
    scores = dict.fromkeys(order, 0)
    for level in (1, 2, 3):
        for site in order:
            if total and scores[site] == level - 1:
                scores[site] += 1
                total -= 1
    return scores


def _muscle(total: int) -> dict[str, int]:
    """A muscle score of at most 150 over 15 groups of 10: the hips weakest, the neck last."""
    order = ["neck_flexors", *(f"{side}_{g}" for g in reversed(GROUPS) for side in ("right", "left"))]
    scores = dict.fromkeys(order, total // len(order))
    for group in order[: total - sum(scores.values())]:
        scores[group] += 1
    return scores
