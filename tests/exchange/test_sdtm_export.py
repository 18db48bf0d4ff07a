"""Study to SDTM: back again it is the same study, other programs can read it, and nothing is cut."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, Phase, given, settings
from random_studies import META, differences, studies

import aftercart as ac
from aftercart.cli import main
from aftercart.errors import ExportError, UsageError
from aftercart.exchange import export
from aftercart.sources import from_frames, importing
from aftercart.study.model import Study

REFERENCE = ac.reference_cohort()
PLACE = ("source_ref",)
"""The place in the source is that of the last source."""


def there_and_back(study: Study, formats: str = "xpt") -> Study:
    with tempfile.TemporaryDirectory() as room:
        export("sdtm", study, Path(room) / "sdtm", formats=formats)
        return importing.read("sdtm", Path(room) / "sdtm").study


@pytest.mark.slow
@pytest.mark.parametrize("formats", ["xpt", "json", "ndjson", "dsjc"])
def test_the_reference_cohort_comes_back_whole(formats: str) -> None:
    back = there_and_back(REFERENCE, formats)
    assert differences(REFERENCE, back, PLACE) == []
    assert back.meta == REFERENCE.meta


@pytest.mark.slow
def test_assessments_of_a_study_and_of_its_round_trip_are_equal() -> None:
    back = there_and_back(REFERENCE)
    assert ac.assess(back).table.equals(ac.assess(REFERENCE).table)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
@given(studies())
def test_any_study_comes_back_whole(study: Study) -> None:
    assert differences(study, there_and_back(study), PLACE if study.tables else ()) == []


def small(**changes: Any) -> Study:
    subject = {"subject_id": "P1", "row_id": "S1", "sex": "F", "indication": "SLE", "age_at_infusion": 30}
    infusion = {"subject_id": "P1", "row_id": "I1", "infusion_seq": 1, "start": "2022-03-01T11:00"}
    tables = {"subjects": [subject], "infusions": [infusion], **changes}
    return from_frames({n: pl.DataFrame(rows) for n, rows in tables.items()}, META)


RESULTS = [
    {"code": "ANC", "value": 0.5, "comparator": "<", "unit": "10*9/L", "datetime": "2022-02-28"},
    {"code": "ANC", "value": 1200.0, "unit": "/uL", "datetime": "2022-03-01T08:00"},
    {"code": "CREAT", "value": 1.0, "unit": "mg/dL", "datetime": "2022-03-02"},
    {"code": "DSDNA", "value": 10.0, "unit": "IU/mL", "datetime": "2022-03"},
    {"code": "ANC", "not_done": True, "reason": "clotted", "datetime": "2022-03-04"},
]


def written(study: Study, tmp_path: Path, name: str) -> pd.DataFrame:
    export("sdtm", study, tmp_path / "out", formats="xpt")
    return pd.read_sas(tmp_path / "out" / f"{name}.xpt", format="xport", encoding="ascii")


def test_an_independent_reader_finds_results_as_sdtm_wants_them(tmp_path: Path) -> None:
    rows = [{"subject_id": "P1", "row_id": f"O{i}", **r} for i, r in enumerate(RESULTS)]
    lb = written(small(observations=rows), tmp_path, "lb")
    columns = ["LBTESTCD", "LBORRES", "LBORRESU", "LBSTRESC", "LBSTRESN", "LBSTRESU", "LBSTAT", "LBDTC", "LBDY"]
    found = lb[columns].astype(object).where(lb[columns].notna(), None).to_numpy().tolist()
    assert found == [
        ["NEUT", "<0.5", "10^9/L", "<0.5", None, "10^9/L", "", "2022-02-28", -1.0],
        ["NEUT", "1200.0", "/uL", "1.2", 1.2, "10^9/L", "", "2022-03-01T08:00", 1.0],
        ["CREAT", "1.0", "mg/dL", "88.42", 88.42, "umol/L", "", "2022-03-02", 2.0],
        ["NEUT", "", "10^9/L", "", None, "10^9/L", "NOT DONE", "2022-03-04", 4.0],
    ]
    antibody = pd.read_sas(tmp_path / "out" / "is.xpt", format="xport", encoding="ascii").iloc[0]
    assert (antibody["ISTESTCD"], antibody["ISBDAGNT"], antibody["ISDTC"]) == ("ATAB", "DOUBLE STRANDED DNA", "2022-03")


def test_the_disease_stands_in_the_medical_history_too(tmp_path: Path) -> None:
    mh = written(small(), tmp_path, "mh")
    assert mh[["MHCAT", "MHTERM"]].to_numpy().tolist() == [["PRIMARY DIAGNOSIS", "SYSTEMIC LUPUS ERYTHEMATOSUS"]]


def test_rows_entered_in_error_are_left_out_and_counted(tmp_path: Path) -> None:
    event = {"subject_id": "P1", "category": "ae", "start": "2022-03-02", "term_text": "Headache"}
    rows = [{**event, "row_id": "E1"}, {**event, "row_id": "E2", "status": "entered_in_error"}]
    done = export("sdtm", small(events=rows), tmp_path / "out")
    assert done.not_held.rows() == [("events", "row", 1, "rows entered in error do not belong in SDTM")]
    assert len(pd.read_sas(tmp_path / "out" / "ae.xpt", format="xport", encoding="ascii")) == 1


@pytest.mark.parametrize(("text", "words"), [("x" * 201, "201 bytes"), ("Übelkeit", "beyond ASCII")])
def test_a_text_that_does_not_fit_stops_the_export_and_nothing_is_written(
    text: str, words: str, tmp_path: Path
) -> None:
    event = {"subject_id": "P1", "row_id": "E1", "category": "ae", "start": "2022-03-02", "term_text": text}
    study = small(events=[event])
    with pytest.raises(ExportError, match=words):
        export("sdtm", study, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    export("sdtm", study, tmp_path / "out", formats="json")
    assert importing.read("sdtm", tmp_path / "out").study.events["term_text"].to_list() == [text]


def test_define_xml_describes_what_is_there(tmp_path: Path) -> None:
    from odmlib.define_loader import XMLDefineLoader
    from odmlib.loader import ODMLoader

    export("sdtm", small(), tmp_path / "out")
    loader = ODMLoader(XMLDefineLoader(model_package="define_2_1", ns_uri="http://www.cdisc.org/ns/def/v2.1"))
    loader.open_odm_document(str(tmp_path / "out" / "define.xml"))
    meta = loader.MetaDataVersion()
    groups = {g.Name: [r.ItemOID.split(".")[-1] for r in g.ItemRef] for g in meta.ItemGroupDef}
    items = {i.OID for i in meta.ItemDef}
    for name, variables in groups.items():
        with pd.read_sas(
            tmp_path / "out" / f"{name.lower()}.xpt", format="xport", encoding="ascii", iterator=True
        ) as reader:
            assert list(reader.columns) == variables
        assert all(f"IT.{name}.{v}" in items for v in variables)


def test_the_command_line_writes_and_says_what_is_not_held(tmp_path: Path) -> None:
    small().write(tmp_path / "study")
    done = CliRunner().invoke(main, ["export", "sdtm", str(tmp_path / "study"), "--out", str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    assert "dm.xpt" in done.output
    again = CliRunner().invoke(
        main, ["export", "sdtm", str(tmp_path / "study"), "--out", str(tmp_path / "x"), "--option", "formats=pdf"]
    )
    assert again.exit_code == 2
    assert "There is no format 'pdf'" in again.output


def test_options_and_standards_that_do_not_exist_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no option 'colour'"):
        export("sdtm", small(), tmp_path / "out", colour="blue")
    with pytest.raises(UsageError, match="no standard 'hl7'"):
        export("hl7", small(), tmp_path / "out")


def test_the_same_study_gives_the_same_json(tmp_path: Path) -> None:
    for name in ("one", "two"):
        export("sdtm", replace(small()), tmp_path / name, formats="json")
    for path in sorted((tmp_path / "one").iterdir()):
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes(), path.name
