"""One call from a study to the texts of a paper; every number in them is one that the analysis already holds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from aftercart.analysis.analyze import Analysis, analyze
from aftercart.analysis.cohort import Cohort
from aftercart.analysis.summary import Summary, summarize
from aftercart.outputs import write_atomically
from aftercart.reporting.journal import checklist, methods, references, results
from aftercart.reporting.journal.paragraph import Paragraph
from aftercart.reporting.rendering import render
from aftercart.reporting.words import SIMULATED

if TYPE_CHECKING:
    from aftercart.assessment import Assessments
    from aftercart.study.model import Study

FILES = ("methods.md", "results.md", "checklist.md", "references.bib", "references.csl.json")


@dataclass(frozen=True)
class Journal:
    """The texts of a paper about one study."""

    title: str
    warning: str
    """What is said on every text when values are simulated or reconstructed; empty otherwise."""
    data: str
    """Which data and software, in one line."""
    methods: tuple[Paragraph, ...]
    results: tuple[Paragraph, ...]
    cited: tuple[references.Reference, ...]
    """The references that the methods cite, in the order of their numbers."""
    checklists: tuple[checklist.Checklist, ...]
    references: tuple[references.Reference, ...]
    """The references of all criteria that were run, by key."""

    def bibtex(self) -> str:
        """The bibliography as BibTeX, with a comment on top where the data are simulated."""
        return f"{self._comment()}{references.bibtex(self.references)}"

    def csl_json(self) -> str:
        """The bibliography as CSL-JSON; it holds no result, so that nothing in it needs a mark."""
        return references.csl_json(self.references)

    def _comment(self) -> str:
        return f"% {self.warning}\n\n" if self.warning else ""

    def write(self, folder: Path) -> None:
        """Write methods, results, checklist (Markdown) and the bibliography (BibTeX, CSL-JSON) into a folder."""
        for name in ("methods", "results", "checklist"):
            text = render(f"journal_{name}.md.j2", journal=self)
            write_atomically(folder / f"{name}.md", text.encode())
        write_atomically(folder / "references.bib", self.bibtex().encode())
        write_atomically(folder / "references.csl.json", self.csl_json().encode())


def journal(study: Study, assessments: Assessments | None = None) -> Journal:
    """Write what a paper about a study needs: methods, results, reporting checklists and bibliography.

    assessments: results already computed (default: the study is assessed). The numbers are those of `aftercart.analyze`
    and of the report; a part without data says so. Simulated values are marked in every text. Raises
    `MissingExtraError` without scipy.

    >>> import aftercart as ac
    >>> found = ac.journal(ac.reference_cohort())
    >>> found.results[0].heading, found.cited[0].key
    ('Patients and follow-up', 'mueller2024cd19')
    """
    from aftercart.assessment import assess

    done = assessments or assess(study)
    return of_results(Cohort.of(study, done), summarize(study, done), analyze(study, done))


def of_results(cohort: Cohort, summary: Summary, analysis: Analysis) -> Journal:
    """The same from results that were already made, as a report has them."""
    cited = methods.cited(summary)
    numbered = {reference.key: number for number, reference in enumerate(cited, 1)}
    about = summary.cohort
    return Journal(
        title=about["title"],
        warning=SIMULATED if about["simulated"] else "",
        data=(
            f"Data cut-off {about['data_cut_off'] or 'not given'}; content of the data (SHA-256)"
            f" {about['content_hash']}; {about['software']} {about['software_version']}."
        ),
        methods=methods.methods(cohort.study.meta, summary, analysis, numbered),
        results=results.results(summary, analysis),
        cited=cited,
        checklists=checklist.checklists(cohort, summary, analysis),
        references=references.of_criteria(about["criterion_versions"]),
    )
