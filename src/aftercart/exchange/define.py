"""Define-XML 2.1 for the datasets of an export: made from the same descriptions, so that the two cannot disagree."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from importlib.metadata import version

from aftercart.standards.dataset import Dataset, Variable
from aftercart.study.model import Study

ODM = "http://www.cdisc.org/ns/odm/v1.3"
DEF = "http://www.cdisc.org/ns/def/v2.1"
XLINK = "http://www.w3.org/1999/xlink"
STANDARDS = {"SDTM": ("SDTMIG", "3.4"), "ADaM": ("ADaMIG", "1.3")}
TYPES = {"string": "text", "double": "float", "decimal": "float", "boolean": "text", "URI": "text"}


def xml(study: Study, datasets: list[Dataset], standard: str, form: str) -> bytes:
    """The define.xml of datasets in one of the standards `SDTM` and `ADaM`; `form` is the ending of their files."""
    for prefix, uri in (("", ODM), ("def", DEF), ("xlink", XLINK)):
        ET.register_namespace(prefix, uri)
    day = study.meta.data_cut_off.isoformat() if study.meta.data_cut_off else "1970-01-01"
    root = ET.Element(
        f"{{{ODM}}}ODM",
        {
            "FileType": "Snapshot",
            "FileOID": f"aftercart.{study.meta.study_id}.{study.content_hash[:16]}",
            "ODMVersion": "1.3.2",
            "CreationDateTime": f"{day}T00:00:00",
            "SourceSystem": "aftercart",
            "SourceSystemVersion": version("aftercart"),
            f"{{{DEF}}}Context": "Other",
        },
    )
    whole = _sub(root, "Study", OID=f"STUDY.{study.meta.study_id}")
    names = _sub(whole, "GlobalVariables")
    _sub(names, "StudyName").text = study.meta.study_id
    _sub(names, "StudyDescription").text = study.meta.title + (" (simulated data)" if study.meta.simulated else "")
    _sub(names, "ProtocolName").text = study.meta.study_id
    meta = _sub(
        whole, "MetaDataVersion", OID=f"MDV.{study.meta.study_id}", Name=f"{standard} datasets", DefineVersion="2.1.0"
    )
    name, number = STANDARDS[standard]
    standards = _sub(meta, "Standards", DEF)
    _sub(standards, "Standard", DEF, OID="STD.1", Name=name, Type="IG", Version=number, Status="Final")
    for dataset in datasets:
        _group(meta, dataset, form)
    for dataset in datasets:
        for variable in dataset.variables:
            _item(meta, dataset, variable)
    _code_lists(meta, datasets)
    for dataset in datasets:
        for variable in dataset.variables:
            if variable.method:
                _method(meta, dataset, variable)
    ET.indent(root)
    text: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return text + b"\n"


def _sub(parent: ET.Element, tag: str, space: str = ODM, **attributes: str | None) -> ET.Element:
    special = {"DefineVersion", "Structure", "Class", "ArchiveLocationID", "StandardOID", "IsNonStandard"}
    given = {
        (f"{{{DEF}}}{k}" if k in special and space == ODM else k): v for k, v in attributes.items() if v is not None
    }
    return ET.SubElement(parent, f"{{{space}}}{tag}", given)


def _text(parent: ET.Element, tag: str, text: str) -> None:
    element = _sub(parent, tag)
    words = _sub(element, "TranslatedText")
    words.set("{http://www.w3.org/XML/1998/namespace}lang", "en")
    words.text = text


def _oid(dataset: Dataset, variable: Variable) -> str:
    return f"IT.{dataset.name}.{variable.name}"


def _group(meta: ET.Element, dataset: Dataset, form: str) -> None:
    supplemental = dataset.name.startswith("SUPP")
    group = _sub(
        meta,
        "ItemGroupDef",
        OID=f"IG.{dataset.name}",
        Name=dataset.name,
        Repeating="No" if dataset.name in ("DM", "ADSL") else "Yes",
        IsReferenceData="Yes" if dataset.name == "TS" else "No",
        SASDatasetName=dataset.name,
        Domain=dataset.name[4:] if supplemental else dataset.name,
        Purpose="Analysis" if dataset.name.startswith("AD") else "Tabulation",
        Structure=dataset.structure,
        StandardOID="STD.1",
        ArchiveLocationID=f"LF.{dataset.name}",
    )
    _text(group, "Description", dataset.label)
    for order, variable in enumerate(dataset.variables, 1):
        _sub(
            group,
            "ItemRef",
            ItemOID=_oid(dataset, variable),
            OrderNumber=str(order),
            Mandatory="Yes" if variable.key else "No",
            KeySequence=str(variable.key) if variable.key else None,
            MethodOID=f"MT.{dataset.name}.{variable.name}" if variable.method else None,
        )
    _sub(group, "Class", DEF, Name=_class(dataset))
    leaf = _sub(group, "leaf", DEF, ID=f"LF.{dataset.name}")
    leaf.set(f"{{{XLINK}}}href", f"{dataset.name.lower()}.{form}")
    _sub(leaf, "title", DEF).text = f"{dataset.name.lower()}.{form}"


def _class(dataset: Dataset) -> str:
    from aftercart.standards import sdtm

    if dataset.name in sdtm.domains():
        return sdtm.domains()[dataset.name].cls
    if dataset.name.startswith("SUPP"):
        return "RELATIONSHIP"
    if dataset.name == "TS":
        return "TRIAL DESIGN"
    known = {"ADSL": "SUBJECT LEVEL ANALYSIS DATASET", "ADAE": "OCCURRENCE DATA STRUCTURE"}
    return known.get(dataset.name, "BASIC DATA STRUCTURE")


def _item(meta: ET.Element, dataset: Dataset, variable: Variable) -> None:
    kind = TYPES.get(variable.type, variable.type)
    kind = {"date": "partialDate", "datetime": "partialDatetime"}.get(kind, kind) if variable.is_text else kind
    item = _sub(
        meta,
        "ItemDef",
        OID=_oid(dataset, variable),
        Name=variable.name,
        DataType=kind if variable.target is None else "integer",
        Length=str(variable.length) if variable.length else ("8" if not variable.is_text else None),
        SASFieldName=variable.name,
    )
    _text(item, "Description", variable.label or variable.name)
    if variable.codes:
        _sub(item, "CodeListRef", CodeListOID=f"CL.{dataset.name}.{variable.name}")
    origin = _sub(item, "Origin", DEF, Type=variable.origin)
    if variable.origin == "Collected":
        origin.set("Source", "Investigator")
    elif variable.origin in ("Derived", "Assigned"):
        origin.set("Source", "Sponsor")


def _code_lists(meta: ET.Element, datasets: list[Dataset]) -> None:
    for dataset in datasets:
        for variable in dataset.variables:
            if not variable.codes:
                continue
            codes = _sub(
                meta,
                "CodeList",
                OID=f"CL.{dataset.name}.{variable.name}",
                Name=f"{dataset.name} {variable.name}",
                DataType="text",
                IsNonStandard="Yes",
            )
            for value, meaning in variable.codes.items():
                _text(_sub(codes, "CodeListItem", CodedValue=value), "Decode", meaning)


def _method(meta: ET.Element, dataset: Dataset, variable: Variable) -> None:
    name = f"{dataset.name}.{variable.name}"
    method = _sub(meta, "MethodDef", OID=f"MT.{name}", Name=f"Algorithm for {name}", Type="Computation")
    _text(method, "Description", variable.method)
