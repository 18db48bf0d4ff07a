"""The terms that DAS28-ESR and DAS28-CRP share: joints and the patient global."""

from __future__ import annotations

from collections.abc import Mapping
from math import sqrt
from typing import Any

import polars as pl


def common_terms(rules: Mapping[str, Any]) -> dict[str, pl.Expr]:
    """Return the weighted terms of tender joints, swollen joints (0 to 28) and patient global (0 to 100 mm)."""
    weight = rules["coefficients"]
    return {
        "tender": weight["sqrt_tender"] * pl.col("tender_joint_count_28").sqrt(),
        "swollen": weight["sqrt_swollen"] * pl.col("swollen_joint_count_28").sqrt(),
        "patient_global": weight["patient_global"] * pl.col("patient_global_0_100_mm"),
    }


def largest_terms(rules: Mapping[str, Any]) -> dict[str, float]:
    """Return the largest value that each of the shared terms can take."""
    weight, largest = rules["coefficients"], rules["largest"]
    return {
        "tender": weight["sqrt_tender"] * sqrt(largest["joint_count"]),
        "swollen": weight["sqrt_swollen"] * sqrt(largest["joint_count"]),
        "patient_global": weight["patient_global"] * largest["patient_global"],
    }
