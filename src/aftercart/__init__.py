"""aftercart: graded safety, scored efficacy and honest estimates after CAR-T therapy in autoimmune disease.

    import aftercart as ac
    study = ac.read("folder")
    ac.check(study)
    assessments = ac.assess(study)
    ac.analyze(study).estimates
    ac.figures.swimmer_plot(assessments).save("swimmer.svg")
    ac.report(study, "out")
    print(ac.diff("last-cut", study))
    ac.criteria.crs_astct_2019(frame)

Nothing heavy is imported until one of these names is used.
"""

from __future__ import annotations

import importlib

TYPE_CHECKING = False  # as typing says, whose import would take as long as the start of Python itself
if TYPE_CHECKING:
    from typing import Any

    from aftercart import criteria, exchange, qualify, sources, verify
    from aftercart.analysis import Analysis, analyze
    from aftercart.analysis.comparison import Difference
    from aftercart.assessment import Assessments, assess
    from aftercart.assessment.explain import Explanation, explain
    from aftercart.demo import reference_cohort
    from aftercart.differences import diff
    from aftercart.errors import AftercartError
    from aftercart.reporting import figures, report
    from aftercart.reporting.journal import Journal, journal
    from aftercart.sources import read
    from aftercart.study import Study, check

_HOMES = {
    "AftercartError": "aftercart.errors",
    "Analysis": "aftercart.analysis",
    "Assessments": "aftercart.assessment",
    "Difference": "aftercart.analysis.comparison",
    "Explanation": "aftercart.assessment.explain",
    "Journal": "aftercart.reporting.journal",
    "Study": "aftercart.study",
    "analyze": "aftercart.analysis",
    "assess": "aftercart.assessment",
    "check": "aftercart.study",
    "criteria": "",
    "diff": "aftercart.differences",
    "exchange": "",
    "explain": "aftercart.assessment.explain",
    "figures": "",
    "journal": "aftercart.reporting.journal",
    "qualify": "",
    "read": "aftercart.sources",
    "reference_cohort": "aftercart.demo",
    "report": "aftercart.reporting",
    "sources": "",
    "verify": "",
}

_MODULES = {"figures": "aftercart.reporting.figures"}
"""Modules that are found here under their own name but live deeper."""

__all__ = [
    "AftercartError",
    "Analysis",
    "Assessments",
    "Difference",
    "Explanation",
    "Journal",
    "Study",
    "__version__",
    "analyze",
    "assess",
    "check",
    "criteria",
    "diff",
    "exchange",
    "explain",
    "figures",
    "journal",
    "qualify",
    "read",
    "reference_cohort",
    "report",
    "sources",
    "verify",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("aftercart")
    if name not in _HOMES:
        raise AttributeError(f"module 'aftercart' has no attribute {name!r}")
    if not _HOMES[name]:
        return importlib.import_module(_MODULES.get(name, f"aftercart.{name}"))
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
