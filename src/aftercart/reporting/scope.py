"""What a report is restricted to: some patients, an earlier day; the note of the study says so, and so every page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from aftercart.errors import UsageError
from aftercart.study.model import Study

NAMED = 20
"""How many patients are named; of more, the number is given."""


@dataclass(frozen=True)
class Scope:
    """A study as it is reported, and each restriction as a sentence."""

    study: Study
    sentences: tuple[str, ...] = ()


def restricted(study: Study, *, subjects: Sequence[str] | None = None, as_of: date | str | None = None) -> Scope:
    """Restrict a study to some patients and to what was known on a day; its note says so.

    as_of: a date, or its text (`2024-03-31`). A day after the data cut-off changes nothing. Raises `UsageError` for a
    patient whom the study does not have, no patient at all, or a text that is not a date.
    """
    sentences = []
    day = _day(as_of)
    if subjects is not None:
        wanted = list(dict.fromkeys(subjects))
        if not wanted:
            raise UsageError("No patient is named.", hint="name one or more, for example --subjects P1,P2.")
        total = study.tables["subjects"]["subject_id"].n_unique()
        study = study.select(subjects=wanted)
        named = ", ".join(wanted) if len(wanted) <= NAMED else f"{', '.join(wanted[:NAMED])} and others"
        sentences.append(f"Restricted to {len(wanted)} of {total} patients: {named}.")
    if day is not None:
        study = study.as_of(day)
        sentences.append(f"As known on {study.meta.data_cut_off}.")
    if sentences:
        note = " ".join([*sentences, study.meta.note]).strip()
        study = replace(study, meta=replace(study.meta, note=note))
    return Scope(study, tuple(sentences))


def _day(given: date | str | None) -> date | None:
    if given is None or isinstance(given, date):
        return given
    try:
        return date.fromisoformat(given)
    except ValueError as error:
        raise UsageError(f"{given!r} is not a date.", hint="give year, month and day, such as 2024-03-31.") from error
