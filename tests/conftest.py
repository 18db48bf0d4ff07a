"""Small studies, written as the tidy folder that a user would have; a browser and an office suite for reports."""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

# How long an example takes says how busy the machine is, and no test here is about that.
settings.register_profile("any_machine", deadline=None)
settings.load_profile("any_machine")

STUDY_TOML = """
title = "Test study"
study_id = "TEST"
data_cut_off = 2024-12-31
reference_infusion = 1
simulated = true
note = "Made for a test."

[baseline]
rule = "last_before_lymphodepletion"
lookback_days = 90

[[visits]]
name = "month 3"
target_day = 90
before = 30
after = 30

[[visits]]
name = "month 6"
target_day = 183
before = 45
after = 45

[records]
complete_drug_classes = {classes}
"""

Rows = Sequence[Mapping[str, Any]]

ALL_CLASSES = [
    "glucocorticoid",
    "immunosuppressant",
    "biologic",
    "antimalarial",
    "antifibrotic",
    "vasopressor",
    "vasopressin",
    "antipyretic",
    "anticytokine",
]


def write_study(folder: Path, *, classes: Sequence[str] = ALL_CLASSES, **tables: Rows) -> Path:
    """Write a study folder; every row gets `study_id`, `row_id`, `source` and `status` unless it has them."""
    folder.mkdir(parents=True, exist_ok=True)
    quoted = ", ".join(f'"{c}"' for c in classes)
    (folder / "study.toml").write_text(STUDY_TOML.replace("{classes}", f"[{quoted}]"), "utf-8")
    tables = {**minimal(), **tables}
    for name, rows in tables.items():
        common = [
            {
                "study_id": "TEST",
                "row_id": f"{name[:3].upper()}-{i + 1}",
                "source": "test",
                "source_ref": f"line {i + 1}",
                "status": "final",
                **row,
            }
            for i, row in enumerate(rows)
        ]
        columns = list(dict.fromkeys(c for row in common for c in row))
        with (folder / f"{name}.csv").open("w", newline="", encoding="utf-8") as stream:
            writer = csv.DictWriter(stream, columns)
            writer.writeheader()
            writer.writerows(common)
    return folder


def minimal() -> dict[str, Rows]:
    """One patient with lupus, infused on 1 March 2022."""
    return {
        "subjects": [
            {"subject_id": "P1", "indication": "SLE", "sex": "F", "age_at_infusion": 30, "diagnosis_date": "2018-05"}
        ],
        "infusions": [
            {
                "subject_id": "P1",
                "infusion_seq": 1,
                "start": "2022-03-01",
                "product": "MB-CART19.1",
                "product_class": "CAR_T",
            }
        ],
    }


@pytest.fixture
def study_folder(tmp_path: Path) -> Callable[..., Path]:
    """Write a small study folder; tables as keyword arguments, one list of rows each."""

    def build(name: str = "study", **kwargs: Any) -> Path:
        return write_study(tmp_path / name, **kwargs)

    return build


@pytest.fixture
def make_study(study_folder: Callable[..., Path]) -> Callable[..., Any]:
    """Write and read a small study."""

    def build(**kwargs: Any) -> Any:
        from aftercart.sources import read

        return read(study_folder(**kwargs))

    return build


BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="session")
def reference_report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the report of the whole reference cohort."""
    import aftercart as ac

    out = tmp_path_factory.mktemp("reference") / "out"
    ac.report(ac.reference_cohort(), out)
    return out


@pytest.fixture(scope="session")
def small_report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the report of four patients of the reference cohort, of all three diseases."""
    import aftercart as ac

    out = tmp_path_factory.mktemp("four") / "out"
    ac.report(ac.reference_cohort().select(subjects=["SLE-1", "SLE-8", "SSc-2", "IIM-2"]), out)
    return out


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    found = next((shutil.which(name) for name in BROWSERS if shutil.which(name)), None)
    if found is None:
        if os.environ.get("CI"):
            pytest.fail("CI needs Chromium")
        pytest.skip("no Chromium on this machine")
    from playwright.sync_api import sync_playwright

    flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=found, args=flags)
        yield opened
        opened.close()


OFFICE = ("soffice", "libreoffice")


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], Path]:
    """Have an office suite lay out a document; returns the PDF it makes of it."""
    found = next((shutil.which(name) for name in OFFICE if shutil.which(name)), None)
    if found is None or shutil.which("pdftotext") is None:
        missing = "LibreOffice" if found is None else "poppler (pdftotext)"
        if os.environ.get("CI"):
            pytest.fail(f"CI needs {missing}")
        pytest.skip(f"no {missing} on this machine")
    out = tmp_path_factory.mktemp("office")
    profile = f"-env:UserInstallation={(out / 'profile').as_uri()}"

    def laid_out(document: Path) -> Path:
        command = [found, profile, "--headless", "--convert-to", "pdf", "--outdir", str(out), str(document)]
        subprocess.run(command, check=True, capture_output=True, timeout=300)
        pdf = out / f"{document.stem}.pdf"
        return pdf.rename(out / f"{document.name}.pdf")

    return laid_out
