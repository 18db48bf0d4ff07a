"""One side of a comparison: a study with its assessments and estimates, or what an earlier run of it wrote."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from aftercart.analysis.analyze import Analysis, analyze
from aftercart.analysis.cohort import Cohort
from aftercart.assessment import Assessments, assess, tables
from aftercart.assessment.timeline import build
from aftercart.errors import UsageError

if TYPE_CHECKING:
    from aftercart.study.model import Study

Progress = Callable[[str, int, int], None]

RESULTS = "assessments.parquet"


@dataclass(frozen=True, eq=False)
class Side:
    """What is known of one side; what an earlier run did not write is None."""

    title: str
    table: pl.DataFrame
    """The tidy table of assessments."""
    content_hash: str | None
    data_cut_off: str | None
    simulated: bool | None
    software_version: str | None
    study: Study | None = None
    cohort: Cohort | None = None
    estimates: pl.DataFrame | None = None
    saved: bool = False
    """Whether the assessments were read from an earlier run and not made now."""

    def about(self) -> dict[str, Any]:
        """What this side is, as plain values."""
        return {
            "title": self.title,
            "data_cut_off": self.data_cut_off,
            "content_hash": self.content_hash,
            "simulated": self.simulated,
            "software_version": self.software_version,
            "saved": self.saved,
            "patients": None if self.cohort is None else self.cohort.n,
        }


def of_study(
    study: Study,
    assessments: Assessments | None = None,
    analysis: Analysis | None = None,
    *,
    estimates: bool = True,
    progress: Progress | None = None,
) -> Side:
    """Assess and estimate a study now; results that were already made for it are taken as they are."""
    done = assessments or assess(study, progress=progress)
    if analysis is None and estimates:
        analysis = analyze(study, done)
    return Side(
        title=study.meta.title,
        table=done.table,
        content_hash=study.content_hash,
        data_cut_off=None if study.meta.data_cut_off is None else study.meta.data_cut_off.isoformat(),
        simulated=study.meta.simulated,
        software_version=version("aftercart"),
        study=study,
        cohort=Cohort.of(study, done),
        estimates=None if analysis is None else analysis.estimates,
    )


def is_saved(folder: Path) -> bool:
    """Whether a folder was written by `aftercart assess` or `aftercart report`: it holds assessments with versions."""
    path = folder / RESULTS
    try:
        return path.is_file() and "criterion_version" in pl.read_parquet_schema(path)
    except (OSError, pl.exceptions.PolarsError):  # what is wrong with a file of a study, reading it as one says
        return False


def of_folder(folder: Path, study: Study | None) -> Side:
    """Read what an earlier run wrote; raises `UsageError` when its assessments cannot be read.

    study: a study that may be the one it was made from. Where the hashes agree it is, and the earlier answers of each
    patient can be told.
    """
    path = folder / RESULTS
    try:
        table = pl.read_parquet(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise UsageError(
            f"{path} cannot be read: {str(error).splitlines()[0]}",
            hint="give a folder that `aftercart assess` or `aftercart report` wrote, or a study.",
        ) from error
    lost = [c for c in tables.TIDY if c not in table.columns]
    if lost:
        raise UsageError(f"{path} has no column {lost[0]}.", hint="write it again with `aftercart assess`.")
    about = _about(folder)
    path = folder / "analysis" / "estimates.parquet"
    same = study if study is not None and study.content_hash == about.get("content_hash") else None
    table = table.select(pl.col(name).cast(dtype) for name, dtype in tables.TIDY.items())
    return Side(
        title=about.get("title") or folder.name,
        table=table,
        content_hash=about.get("content_hash"),
        data_cut_off=about.get("data_cut_off"),
        simulated=about.get("simulated"),
        software_version=about.get("software_version"),
        study=same,
        cohort=None if same is None else _cohort(same, table),
        estimates=pl.read_parquet(path) if path.is_file() else None,
        saved=True,
    )


def _about(folder: Path) -> Mapping[str, Any]:
    """What a report says about the data it was made from; nothing for a folder of assessments alone."""
    for path in (folder / "analysis" / "about.json", folder / "summary.json"):
        if path.is_file():
            found: dict[str, Any] = json.loads(path.read_text("utf-8"))
            about: dict[str, Any] = found.get("cohort", found)
            return about
    return {}


def _cohort(study: Study, table: pl.DataFrame) -> Cohort:
    """The patients of a study beside assessments that were made from it earlier."""
    done = Assessments(study=study, timeline=build(study), wide={})
    done.__dict__["table"] = table  # takes the place of the cached property, which would be made from `wide`
    return Cohort.of(study, done)
