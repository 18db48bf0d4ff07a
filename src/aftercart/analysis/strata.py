"""The patients of a population all together, and by disease where there are several."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from aftercart.analysis.cohort import Cohort
from aftercart.analysis.records import ALL


def by_disease(cohort: Cohort, patients: pl.DataFrame) -> Iterator[tuple[str, pl.DataFrame]]:
    """Yield (`all`, every patient), then (disease, its patients) when the population has more than one disease."""
    yield ALL, patients
    each = patients.partition_by("indication", as_dict=True)
    if len(each) > 1:
        yield from ((disease, each[(disease,)]) for disease in cohort.diseases() if (disease,) in each)
