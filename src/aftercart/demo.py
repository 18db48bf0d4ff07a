"""The reference cohort that ships with the package: 15 patients, reconstructed as raw data, not patient data."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aftercart.study.model import Study


def reference_cohort_folder() -> Path:
    """Return the folder with the tables of the reference cohort."""
    return Path(str(files("aftercart") / "data" / "reference_cohort"))


def reference_cohort() -> Study:
    """Read the reference cohort: 15 patients reconstructed from published figures, every cell marked so."""
    from aftercart.sources import read

    return read(reference_cohort_folder())
