"""Writers to the standards: SDTM and ADaM datasets, FHIR bundles, OMOP tables, each saying what it cannot hold."""

from __future__ import annotations

import importlib
from pathlib import Path

from aftercart.errors import UsageError
from aftercart.exchange.exported import Exported
from aftercart.outputs import replacing_folder
from aftercart.study.model import Study

TARGETS = ("sdtm", "adam", "fhir", "omop")


def export(target: str, study: Study, out: str | Path, **options: str) -> Exported:
    """Write a study by one of the standards `sdtm`, `adam`, `fhir` and `omop` into a folder, as one replacement.

    options: what only this standard takes (see its `write`). Returns the files and what the standard cannot hold.

    Raises `UsageError` for a standard or option that does not exist, `ExportError` for a value that does not fit (a
    name over 8 characters, a label over 40 bytes, a text over 200 bytes): nothing is cut, and nothing is written.
    """
    if target not in TARGETS:
        raise UsageError(f"There is no standard {target!r}.", hint=f"standards are {', '.join(TARGETS)}.")
    module = importlib.import_module(f"aftercart.exchange.{target}")
    unknown = [name for name in options if name not in module.OPTIONS]
    if unknown:
        known = ", ".join(module.OPTIONS) or "none"
        raise UsageError(f"The export {target} has no option {unknown[0]!r}.", hint=f"its options: {known}.")
    with replacing_folder(out) as folder:
        done: Exported = module.write(study, folder, **options)
    return done


__all__ = ["Exported", "export"]
