"""The explanations of one patient's results as a page of its own."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version

from aftercart.assessment.explain import Explanation
from aftercart.errors import UsageError
from aftercart.reporting.evidence import decision
from aftercart.reporting.rendering import render
from aftercart.study.model import Study


def explanation_page(study: Study, explanations: Sequence[Explanation]) -> str:
    """Show explanations of one patient and criterion, as `aftercart.explain` returns them, as a self-contained page.

    study: the study they were made from; its title, note and hash are on the page. Returns HTML that loads nothing.
    Raises `UsageError` without any explanation, `MissingExtraError` without the packages of reports.
    """
    if not explanations:
        raise UsageError("There is nothing to explain.", hint="give what `aftercart.explain` returned.")
    first = explanations[0]
    infusion = f"infusion {first.infusion_seq}" if first.infusion_seq != 1 else "the infusion"
    return render(
        "explanation.html.j2",
        meta=study.meta,
        title=first.title,
        subject=first.subject_id,
        day_zero=f"day 0 is {infusion}",
        content_hash=study.content_hash,
        software_version=version("aftercart"),
        decisions=[decision(e) for e in explanations],
    )
