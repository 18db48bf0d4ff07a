"""Qualification: every criterion is in the evidence, a failure shows, and the hash holds the content."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from aftercart import verify
from aftercart.cli import main
from aftercart.criteria import registry
from aftercart.qualify import qualify


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("qualify") / "out"
    result = CliRunner().invoke(main, ["qualify", "--out", str(out)])
    assert result.exit_code == 0, result.output
    return out


def test_every_criterion_has_its_cases_and_checks_in_the_evidence(folder: Path) -> None:
    found = json.loads((folder / "qualification.json").read_text("utf-8"))
    assert set(found["criteria"]) == set(registry.names())
    assert found["passed"] is True
    counted = [*found["criteria"].values(), *found["methods"].values()]
    assert sum(c["passed"] for c in counted) == verify.run().passed
    assert found["methods"]["kaplan_meier"]["passed"] == 5
    page = (folder / "qualification.html").read_text("utf-8")
    assert all(key in page for key in registry.names())
    assert found["content_hash"] in page


def test_the_hash_is_that_of_the_evidence_and_stays_the_same(folder: Path, tmp_path: Path) -> None:
    found = json.loads((folder / "qualification.json").read_text("utf-8"))
    stated = found.pop("content_hash")
    found.pop("passed")
    text = json.dumps(found, sort_keys=True, ensure_ascii=False)
    assert hashlib.sha256(text.encode()).hexdigest() == stated
    assert qualify(tmp_path / "again").content_hash == stated


def test_a_failing_case_fails_the_qualification(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = tmp_path / "wrong_cases.json"
    case = {"criterion": "mrss", "case": "<b>x</b>", "inputs": {"unlisted_sites": 0}, "expected": {"mrss": 3}}
    wrong.write_text(json.dumps([case]))
    shipped = verify.shipped_case_files()
    monkeypatch.setattr(verify, "shipped_case_files", lambda: [*shipped, wrong])
    result = qualify(tmp_path / "out")
    assert not result.passed
    assert result.evidence["criteria"]["mrss"]["failed"] == 1
    page = (tmp_path / "out" / "qualification.html").read_text("utf-8")
    assert "&lt;b&gt;x&lt;/b&gt;" in page
    assert "Some cases or checks failed" in page
