"""The course of every measured quantity in one patient: smooth shapes, a little noise, rounded as a laboratory would.

Shapes and sizes follow what is published of the same therapy (expansion peaking around day 9, B cells gone by day 7
and back around day 112 with a standard deviation of 47, antibodies falling over months, neutrophils lowest in the
second week after lymphodepletion); the values themselves are drawn, not measured.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from reference_cohort import plan
from reference_cohort.plan import Patient

SEED = 20240229
LYMPHODEPLETION = -5
HALF_LIFE_DSDNA, HALF_LIFE_UPCR, HALF_LIFE_IGG = 24.0, 20.0, 23.0


@dataclass(frozen=True)
class Draws:
    """What is drawn once for a patient."""

    rng: np.random.Generator
    anc: float
    nadir: float
    nadir_day: float
    b_cells: float
    b_cells_return: int
    copies_peak: float
    peak_day: float
    platelets: float
    haemoglobin: float
    igg: float


def draws(index: int, patient: Patient) -> Draws:
    """Draw the constants of one patient; the same for the same patient whatever the others are."""
    rng = np.random.default_rng([SEED, index])
    low_hb = 1.0 if patient.sex == "F" else 0.0
    return Draws(
        rng=rng,
        anc=float(rng.uniform(3.6, 5.6)),
        nadir=float(rng.uniform(0.62, 1.15)),
        nadir_day=float(rng.uniform(6.5, 9.5)),
        b_cells=float(rng.uniform(60, 190)),
        b_cells_return=round(float(np.clip(rng.normal(112, 32), 64, 178))),
        copies_peak=float(math.exp(rng.normal(math.log(9000), 0.6))),
        peak_day=float(rng.uniform(8.2, 10.2)),
        platelets=float(rng.uniform(215, 320)),
        haemoglobin=float(rng.uniform(12.6, 13.8)) - low_hb,
        igg=float(rng.uniform(9.0, 14.0)),
    )


def neutrophils(patient: Patient, d: Draws, day: int) -> float:
    """Neutrophils in 10*9/L: a fall after lymphodepletion, back by the fourth week, and one late fall."""
    if day <= LYMPHODEPLETION:
        value = d.anc
    else:
        width = 3.6 if day < d.nadir_day else 6.5
        depth = math.exp(-(((day - d.nadir_day) / width) ** 2) / 2)
        resting = d.anc * (0.72 + 0.13 * min(1.0, max(0.0, (day - 30) / 90)))
        value = resting - (resting - d.nadir) * depth
    if patient.label == plan.LATE_NEUTROPENIA_PATIENT:
        late = math.exp(-(((day - plan.LATE_NEUTROPENIA_DAY) / 5.0) ** 2) / 2)
        value -= (value - 0.28) * late
    return round(value * _noise(d, 0.03), 2)


def lymphocytes(d: Draws, day: int) -> float:
    """Lymphocytes in 10*9/L: gone after lymphodepletion, a small rise with the expansion, then slow recovery."""
    if day <= LYMPHODEPLETION:
        return round(1.35 * _noise(d, 0.06), 2)
    expansion = 0.7 * math.exp(-(((day - d.peak_day) / 2.5) ** 2) / 2)
    recovered = 1.45 * (1 - math.exp(-max(day, 0) / 55))
    return round((0.06 + expansion + recovered) * _noise(d, 0.06), 2)


def b_cells(d: Draws, day: int) -> float:
    """B cells per microlitre: none from day 5 to 7 on until they return."""
    if day <= LYMPHODEPLETION:
        return round(d.b_cells * _noise(d, 0.08))
    if day < 7:
        return float(round(d.b_cells * 0.15 * math.exp(-max(day, 0) * 0.9)))
    if day < d.b_cells_return:
        return 0.0
    return float(max(3, round(d.b_cells * 0.9 * (1 - math.exp(-(day - d.b_cells_return + 6) / 70)))))


def car_copies(d: Draws, day: int) -> float:
    """CAR transgene copies per microgram of DNA: exponential rise to the peak, then a fall in two phases."""
    if day < d.peak_day:
        value = d.copies_peak * 2 ** ((day - d.peak_day) / 0.75)
    else:
        u = day - d.peak_day
        value = d.copies_peak * (0.985 * math.exp(-u * math.log(2) / 3.6) + 0.015 * math.exp(-u * math.log(2) / 45))
    return float(round(value * _noise(d, 0.12)))


def platelets(d: Draws, day: int) -> float:
    """Platelets in 10*9/L."""
    dip = 0.42 * math.exp(-(((day - 8) / 5.0) ** 2) / 2) if day > LYMPHODEPLETION else 0.0
    return float(round(d.platelets * (1 - dip) * _noise(d, 0.04)))


def haemoglobin(d: Draws, day: int) -> float:
    """Haemoglobin in g/L."""
    dip = 1.6 * math.exp(-(((day - 12) / 9.0) ** 2) / 2) if day > LYMPHODEPLETION else 0.0
    gain = 0.5 if day > 150 else 0.0
    return float(round(10 * (d.haemoglobin - dip + gain) * _noise(d, 0.01)))


def temperature(patient: Patient, d: Draws, day: int) -> float:
    """Highest temperature of the day in degrees Celsius: 38.0 or more on the days of CRS, below 37.6 otherwise."""
    if day in patient.crs:
        middle = patient.crs[len(patient.crs) // 2]
        return round(39.1 - 0.35 * abs(day - middle) + float(d.rng.uniform(-0.2, 0.2)), 1)
    return round(36.8 + float(d.rng.uniform(-0.4, 0.5)), 1)


def crp(patient: Patient, d: Draws, day: int) -> float:
    """C-reactive protein in mg/L, rising with fever."""
    resting = 6.5 if day <= 0 else 2.0
    if patient.indication == "SSC" and day <= 0:
        resting = 13.0
    if patient.crs and day > 0:
        resting += 48 * math.exp(-(((day - patient.crs[0] - 1) / 2.2) ** 2) / 2)
    if patient.label == plan.PNEUMONIA_PATIENT and plan.PNEUMONIA_DAYS[0] <= day <= plan.PNEUMONIA_DAYS[1]:
        resting = 96.0
    return round(resting * _noise(d, 0.08), 1)


def ferritin(patient: Patient, d: Draws, day: int) -> float:
    """Ferritin in ug/L."""
    rise = 620 if patient.crs else 160
    value = 140 + (rise * math.exp(-(((day - 9) / 4.0) ** 2) / 2) if day > 0 else 0.0)
    return float(round(value * _noise(d, 0.07)))


def falling(start: float, end: float, half_life: float, day: int) -> float:
    """An exponential fall from `start` to `end`, beginning with the infusion."""
    return end + (start - end) * 2 ** (-max(day, 0) / half_life)


def creatine_kinase(patient: Patient, d: Draws, day: int) -> float:
    """Creatine kinase in U/L: high before, a peak in the second week, normal by the third month."""
    start, peak = {"IIM-1": (6800, 13600), "IIM-2": (5200, 7400), "IIM-3": (2900, 4100)}[patient.label]
    if day <= 0:
        value = start * _noise(d, 0.05)
    elif day <= 8:
        value = start + (peak - start) * day / 8
    else:
        value = falling(peak, 110, 11, day - 8)
    return float(round(value))


def _noise(d: Draws, size: float) -> float:
    return 1 + float(d.rng.uniform(-size, size))
