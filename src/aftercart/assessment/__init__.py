"""Bind criteria to a study, run those that apply, and keep the evidence for every result."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import polars as pl

from aftercart.assessment import run as _run
from aftercart.assessment import tables
from aftercart.assessment.timeline import Timeline, build
from aftercart.criteria import registry
from aftercart.errors import UsageError

if TYPE_CHECKING:
    from aftercart.study.model import Study

__all__ = ["Assessments", "assess"]


@dataclass(frozen=True)
class Assessments:
    """Every grade, score and response of a study, each with its bounds, deciding clause, parts and source rows."""

    study: Study
    timeline: Timeline
    wide: dict[str, pl.DataFrame]
    """Typed results by criterion: unit columns, `in.` inputs, outputs, `clause`, `missing`, `evidence`."""

    @cached_property
    def table(self) -> pl.DataFrame:
        """The tidy table: one row per subject, criterion, variant and time (columns: `assess.tables.TIDY`)."""
        return tables.tidied(self.wide.items(), self.timeline)

    @cached_property
    def kept(self) -> dict[str, Any]:
        """What others have made of these results, by name, so that it is not made again."""
        return {}

    def results(self, key: str, subject: str | None = None) -> pl.DataFrame:
        """Return the typed results of one criterion with `subject_id`; empty when it did not apply.

        subject: only the results of this one. Raises `UsageError` for an unknown key.
        """
        registry.get(key)
        if key not in self.wide:
            return pl.DataFrame(schema={"subject_id": pl.String})
        subjects = self.timeline.subjects.select("_s", "subject_id", "infusion_seq")
        wide = self.wide[key]
        if subject is not None:
            subjects = subjects.filter(pl.col("subject_id") == subject)
            wide = wide.filter(pl.col("_s").is_in(subjects["_s"].implode()))
        frame = tables.with_named_rows(wide, self.timeline.rows)
        return subjects.join(frame, on="_s", how="inner", maintain_order="right").drop("_s")


def assess(
    study: Study,
    criteria: Sequence[str] | None = None,
    *,
    progress: Callable[[str, int, int], None] | None = None,
) -> Assessments:
    """Grade and score a study by every criterion that applies (or by those named and the ones they need).

    Raises `UsageError` for an unknown criterion or one that cannot be bound to the study tables.
    """
    keys = chosen(criteria)
    timeline = build(study)
    wide = _run.run(timeline, keys, progress)
    return Assessments(study=study, timeline=timeline, wide=wide)


def chosen(criteria: Sequence[str] | None) -> Sequence[str]:
    """The criteria to run, all without a choice; raises as `assess` for one that cannot be run on a study."""
    for key in criteria or ():
        entry = registry.get(key)
        if entry.per == "unbound":
            raise UsageError(
                f"{key} cannot be computed from the study tables: {entry.unbound_reason}",
                hint=f"call aftercart.criteria.{key} on your own data frame.",
            )
    return criteria or [key for key in registry.names() if registry.get(key).per != "unbound"]
