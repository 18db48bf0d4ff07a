"""Files of FHIR: bundles, lines and compressed files read piece by piece; broken ones refused, never half used."""

from __future__ import annotations

import gzip
import json
import tempfile
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from click.testing import CliRunner
from fhir_resources import DIAGNOSIS, PATIENT, STUDY, lines, observation, quantity
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from aftercart.cli import main
from aftercart.errors import AftercartError, SourceError, UsageError
from aftercart.sources import importing
from aftercart.sources.fhir import files
from aftercart.sources.mapping import mapping_of

DATA = Path(__file__).parents[1] / "data" / "fhir"
TEMP = observation("8310-5", valueQuantity=quantity(37, "Cel"))
RESOURCES = [PATIENT, DIAGNOSIS, TEMP]


def bundle(*resources: Any, kind: str = "collection", **more: Any) -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": kind, **more, "entry": [{"resource": r} for r in resources]}


def counts(folder: Path) -> dict[str, int]:
    done = importing.read("fhir", folder, mapping=mapping_of({"study": STUDY}, "fhir"))
    return dict(done.reconciliation.select("source_table", "rows_kept").rows())


@pytest.mark.parametrize("block", [1, 7, 2**20])
def test_every_form_of_file_gives_the_same(block: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "BLOCK", block)
    plain = "".join(json.dumps(r) + "\n\n" for r in RESOURCES)
    forms = {
        "a.ndjson": plain.encode("utf-8-sig"),
        "b.jsonl.gz": gzip.compress(plain.encode()),
        "c.json": json.dumps(bundle(*RESOURCES), indent=2).encode(),
        "d.json.gz": gzip.compress(json.dumps(bundle(*RESOURCES, kind="searchset")).encode("utf-8-sig")),
        "e.json": plain.encode(),
        "f.json": json.dumps(
            {"entry": [{"resource": r} for r in RESOURCES], "type": "batch", "total": 12, "resourceType": "Bundle"}
        ).encode(),
        "g.ndjson": json.dumps(bundle(bundle(*RESOURCES))).encode(),
        "h.json": json.dumps(bundle(PATIENT, bundle(*RESOURCES[1:]))).encode(),
    }
    for name, data in forms.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / name).write_bytes(data)
        assert counts(tmp_path / name) == {"Condition": 1, "Observation": 1, "Patient": 1}, name
        assert counts(tmp_path / name / name) == {"Condition": 1, "Observation": 1, "Patient": 1}, name


def test_a_folder_of_any_mix(tmp_path: Path) -> None:
    (tmp_path / "patient.json").write_text(json.dumps(PATIENT), "utf-8")
    lines(tmp_path, DIAGNOSIS, name="Condition.000.ndjson")
    (tmp_path / "z.json").write_text(json.dumps(bundle(TEMP)), "utf-8")
    (tmp_path / "readme.txt").write_text("not read", "utf-8")
    assert counts(tmp_path) == {"Condition": 1, "Observation": 1, "Patient": 1}


BROKEN: dict[str, bytes] = {
    "cut.json": json.dumps(bundle(*RESOURCES)).encode()[:-30],
    "cut.ndjson": "\n".join(json.dumps(r) for r in RESOURCES).encode()[:-30],
    "cut.ndjson.gz": gzip.compress(json.dumps(PATIENT).encode() * 50)[:-20],
    "nozip.json.gz": b"no gzip at all",
    "deep.json": b'{"resourceType":"Patient","x":' + b"[" * 200_000 + b"]" * 200_000 + b"}",
    "deep.ndjson": b'{"resourceType":"Patient","x":' + b"[" * 200_000 + b"]" * 200_000 + b"}",
    "latin.json": json.dumps({**PATIENT, "name": [{"family": "Müller"}]}, ensure_ascii=False).encode("latin-1"),
    "nan.ndjson": b'{"resourceType":"Patient","id":"p1","x":NaN}',
    "history.json": json.dumps(bundle(*RESOURCES, kind="history")).encode(),
    "list.json": b'{"entry":[{"resource":{"resourceType":"Patient","id":"p"}}],"resourceType":"List"}',
    "words.json": b"once upon a time",
    "trailing.json": json.dumps(PATIENT).encode() + b"}",
    "nothing.json": b"  ",
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_refused_and_no_study_is_written(name: str, tmp_path: Path) -> None:
    lines(tmp_path / "in", *RESOURCES) if name != "nothing.json" else (tmp_path / "in").mkdir()
    (tmp_path / "in" / name).write_bytes(BROKEN[name])
    command = ["import", "fhir", str(tmp_path / "in"), "--out", str(tmp_path / "out")]
    done = CliRunner().invoke(main, command)
    assert done.exit_code == 1, done.output
    assert "Traceback" not in done.output
    assert not (tmp_path / "out").exists()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in"]


def test_every_broken_line_is_named(tmp_path: Path) -> None:
    folder = lines(tmp_path / "in", *RESOURCES)
    text = (folder / "all.ndjson").read_text("utf-8").splitlines()
    (folder / "all.ndjson").write_text("\n".join([text[0], "{", text[1], "nonsense", text[2]]), "utf-8")
    with pytest.raises(SourceError, match="line 2") as caught:
        counts(folder)
    assert caught.value.problems["row"].to_list() == [2, 4]


def test_what_unpacks_without_end_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "LONGEST", 10_000)
    for name in ("bomb.ndjson.gz", "bomb.json.gz"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).write_bytes(gzip.compress(b'{"resourceType":"Patient","x":"' + b"a" * 3_000_000))
        with pytest.raises(SourceError, match="longer than"):
            counts(tmp_path / name)


def test_odd_values_are_listed_and_stop_nothing(tmp_path: Path) -> None:
    huge = json.dumps(TEMP).replace("37", "1" + "0" * 5000)
    folder = lines(tmp_path / "in", PATIENT, DIAGNOSIS)
    with (folder / "all.ndjson").open("a", encoding="utf-8") as stream:
        stream.write(huge + "\n")
        stream.write(huge.replace("o-8310-5", "two").replace("1" + "0" * 5000, "1e999") + "\n")
        stream.write(json.dumps({**TEMP, "id": "half \ud83d", "code": {"text": "\udc00\u0000"}}) + "\n")
        stream.write(json.dumps({**TEMP, "id": 5, "code": [], "subject": "x", "component": "y", "status": {}}) + "\n")
    done = importing.read("fhir", folder, mapping=mapping_of({"study": STUDY}, "fhir"))
    assert done.reconciliation.rows() == [
        ("Condition", 1, 1, 0, 0),
        ("Observation", 4, 0, 4, 0),
        ("Patient", 1, 1, 0, 1),
    ]
    rows = done.study.problems.filter(pl.col("file") == "Observation")["row"].unique().sort().to_list()
    assert rows == [1, 2, 3, 4]


def test_a_page_of_a_search_says_that_there_are_more(tmp_path: Path) -> None:
    page = bundle(*RESOURCES, kind="searchset", link=[{"relation": "next", "url": "https://h.example?page=2"}])
    page["entry"].append({"request": {"method": "DELETE", "url": "Patient/9"}})
    (tmp_path / "page.json").write_text(json.dumps(page), "utf-8")
    done = importing.read("fhir", tmp_path, mapping=mapping_of({"study": STUDY}, "fhir"))
    said = done.study.problems.filter(pl.col("file") == "page.json").select("rule", "found").rows()
    assert said == [
        ("no_resource", "an entry without a resource (DELETE)"),
        ("more_pages", "a searchset with more pages"),
    ]


def test_a_file_that_is_named_after_another_type_is_an_error(tmp_path: Path) -> None:
    folder = lines(tmp_path / "in", *RESOURCES, name="Patient.000.ndjson")
    done = importing.read("fhir", folder, mapping=mapping_of({"study": STUDY}, "fhir"))
    wrong = done.study.problems.filter(pl.col("rule") == "wrong_type").select("severity", "file", "found").rows()
    assert wrong == [
        ("error", "Patient.000.ndjson", "resources Condition"),
        ("error", "Patient.000.ndjson", "resources Observation"),
    ]
    assert done.study.observations.height == 1


def test_sources_without_what_is_needed(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no folder or file"):
        counts(tmp_path / "none")
    with pytest.raises(SourceError, match="no FHIR resource"):
        counts(tmp_path)
    with pytest.raises(SourceError, match="no resource Patient"):
        counts(lines(tmp_path / "in", TEMP))
    done = CliRunner().invoke(main, ["import", "fhir", str(tmp_path / "none"), "--out", str(tmp_path / "out")])
    assert done.exit_code == 2


def test_the_command_line_imports_and_counts(tmp_path: Path) -> None:
    folder = lines(tmp_path / "in", *RESOURCES)
    (tmp_path / "map.toml").write_text('[study]\nstudy_id = "T"\ntitle = "T"\ndata_cut_off = 2024-12-31\n', "utf-8")
    command = ["import", "fhir", str(folder), "--map", str(tmp_path / "map.toml"), "--out", str(tmp_path / "out")]
    done = CliRunner().invoke(main, command)
    assert done.exit_code == 0, done.output
    assert "Observation: 1 rows read, 1 kept, 0 listed; 1 rows of the study" in done.output
    assert (tmp_path / "out" / "import" / "reconciliation.csv").exists()


def test_a_mapping_is_proposed_and_can_be_used(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["map", "fhir", str(DATA / "bundle_p1.json"), "--out", str(tmp_path / "m.toml")])
    assert done.exit_code == 0, done.output
    text = (tmp_path / "m.toml").read_text("utf-8")
    assert '# "http://loinc.org|72514-3" = ""   # Pain severity' in text
    assert "not placed: resources: Claim: 3 resources" in done.output
    assert importing.read("fhir", DATA / "bundle_p1.json", mapping=tmp_path / "m.toml").study.subjects.height == 1
    edited = text.replace('# "http://loinc.org|39156-5" = ""', '"http://loinc.org|39156-5" = false')
    (tmp_path / "m.toml").write_text(edited, "utf-8")
    again = importing.read("fhir", DATA / "bundle_p1.json", mapping=tmp_path / "m.toml")
    assert again.study.problems.filter(pl.col("rule") == "left_out").height == 3


def test_memory_does_not_grow_with_a_file(tmp_path: Path) -> None:
    import tracemalloc

    entry = json.dumps({"resource": {"resourceType": "Claim", "id": "c", "note": "x" * 2000}})
    text = '{"resourceType":"Bundle","type":"collection","entry":[' + ",".join([entry] * 10_000) + "]}"
    (tmp_path / "big.json").write_text(text, "utf-8")
    tracemalloc.start()
    assert sum(1 for _ in files.read(tmp_path / "big.json")) == 10_000
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < len(text) / 2


REAL = {
    p.name: p.read_bytes()
    for p in [DATA / "bundle_p1.json", *sorted((DATA / "bulk").glob("*.ndjson"))]
    if p.stat().st_size < 300_000
}


def attempt(name: str, data: bytes) -> None:
    """Import one file: a study whose rows are all accounted for, or an error that says why not."""
    with tempfile.TemporaryDirectory() as room:
        (Path(room) / name).write_bytes(data)
        try:
            done = importing.read("fhir", room)
        except AftercartError:
            return
        table = done.reconciliation
        assert (table["rows_read"] == table["rows_kept"] + table["rows_listed"]).all()


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.sampled_from(sorted(REAL)),
    st.lists(
        st.tuples(st.floats(0, 1, exclude_max=True), st.binary(min_size=0, max_size=3), st.integers(0, 3)), max_size=4
    ),
)
def test_changed_bytes_of_real_files_never_crash(name: str, changes: list[tuple[float, bytes, int]]) -> None:
    data = bytearray(REAL[name])
    for where, new, gone in changes:
        at = int(where * len(data))
        data[at : at + gone] = new
    attempt(name, bytes(data))


WORDS = ["resourceType", "id", "code", "coding", "system", "subject", "reference", "value", "status", "item", "answer"]
WORDS += [
    "valueQuantity",
    "component",
    "entry",
    "resource",
    "period",
    "start",
    "extension",
    "url",
    "contained",
    "dosage",
]
WORDS += [
    "medicationReference",
    "medicationCodeableConcept",
    "identifier",
    "class",
    "type",
    "text",
    "display",
    "category",
]
WORDS += ["timing", "repeat", "doseAndRate", "meta", "security", "effectivePeriod", "referenceRange", "linkId"]
KINDS = ["Patient", "Observation", "Condition", "MedicationStatement", "MedicationAdministration", "MedicationRequest"]
KINDS += [
    "AdverseEvent",
    "Encounter",
    "Procedure",
    "QuestionnaireResponse",
    "Questionnaire",
    "Consent",
    "ResearchSubject",
]
KINDS += ["Medication", "ResearchStudy", "Bundle"]
LEAF = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=5),
    st.sampled_from(["Patient/p1", "#x", "http://loinc.org", "8480-6", "2024-02-30", "active", "completed"]),
)
VALUE = st.recursive(
    LEAF, lambda x: st.lists(x, max_size=3) | st.dictionaries(st.sampled_from(WORDS), x, max_size=5), max_leaves=12
)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(st.tuples(st.sampled_from(KINDS), st.dictionaries(st.sampled_from(WORDS), VALUE, max_size=8)), max_size=6)
)
@example([("Patient", {"identifier": {"system": 1}, "extension": {}})])
def test_resources_of_any_shape_never_crash(resources: list[tuple[str, dict[str, Any]]]) -> None:
    made = [PATIENT, *({**body, "resourceType": kind} for kind, body in resources)]
    attempt("any.ndjson", "".join(json.dumps(r) + "\n" for r in made).encode())
