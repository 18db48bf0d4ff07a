"""Define-XML 2.0 and 2.1: what the metadata say of the datasets, and where the datasets differ."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from aftercart.errors import MissingExtraError, SourceError
from aftercart.standards.dataset import Dataset
from aftercart.study import problems

ODM = "{http://www.cdisc.org/ns/odm/v1.3}"


def variables(path: Path) -> dict[str, tuple[str, ...]]:
    """Dataset to its variables in order, as a define.xml lists them.

    Raises `SourceError` for XML that is not whole, that declares entities, or that is no Define-XML.
    """
    try:
        from defusedxml import DefusedXmlException
        from defusedxml.ElementTree import ParseError, parse
    except ImportError as error:
        raise MissingExtraError("defusedxml", "exchange", "reading define.xml") from error
    try:
        root = parse(path).getroot()
    except DefusedXmlException as error:
        found = f"{type(error).__name__}: entities or a document type"
        raise _refused(path, found, "XML without entities", "write the file without a DOCTYPE.") from error
    except (ParseError, OSError, ValueError, LookupError) as error:
        raise _refused(path, str(error), "well-formed XML", "export the file again.") from error
    if root is None or root.tag != f"{ODM}ODM":
        raise _refused(path, f"the element {root.tag if root is not None else 'none'}", "Define-XML", "check the file.")
    names = {item.get("OID"): item.get("Name") for item in root.iter(f"{ODM}ItemDef")}
    found_ = {}
    for group in root.iter(f"{ODM}ItemGroupDef"):
        refs = [names.get(ref.get("ItemOID")) for ref in group.iter(f"{ODM}ItemRef")]
        found_[str(group.get("Name")).upper()] = tuple(n for n in refs if n)
    return found_


def compared(src: Path, datasets: dict[str, Dataset]) -> list[pl.DataFrame]:
    """A line for every difference between the define.xml of a folder and its datasets."""
    path = src / "define.xml"
    if not src.is_dir() or not path.exists():
        return []
    declared = variables(path)
    lines = []
    for name, dataset in datasets.items():
        if name not in declared:
            lines.append(_line(f"no dataset {name}", "every dataset of the folder"))
            continue
        more = [v for v in dataset.names if v not in declared[name]]
        fewer = [v for v in declared[name] if v not in dataset.names]
        if more:
            lines.append(_line(f"{name} without {', '.join(more)}, which the data have", "every variable of the data"))
        if fewer:
            lines.append(_line(f"{name} with {', '.join(fewer)}, which the data lack", "variables of the data only"))
    return lines


def _line(found: str, expected: str) -> pl.DataFrame:
    remedy = "export metadata and data together. The data are read as they are."
    return problems.one("define", "define.xml", found, expected, remedy, severity="warning")


def _refused(path: Path, found: str, expected: str, remedy: str) -> SourceError:
    listed = problems.one("unreadable", path.name, found, expected, remedy)
    return SourceError(f"{path.name} cannot be read: {found}.", listed)
