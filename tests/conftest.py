"""Small studies, written as the tidy folder that a user would have; a browser and an office suite for reports."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from tests.small_study import write_study

# How long an example takes says how busy the machine is, and no test here is about that.
settings.register_profile("any_machine", deadline=None)
settings.load_profile("any_machine")


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
def reference_analysis() -> Any:
    """Every estimate of the reference cohort, made without a warning."""
    import aftercart as ac

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return ac.analyze(ac.reference_cohort())


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


@pytest.fixture(scope="module")
def postgresql() -> Iterator[tuple[str, str]]:
    """A PostgreSQL server on a socket: the address of its database, without the password, and the password."""
    found = [*Path("/usr/lib/postgresql").glob("*/bin/initdb"), *map(Path, filter(None, [shutil.which("initdb")]))]
    programs = found[0].parent if found else None
    if programs is None or not (programs / "pg_ctl").exists():
        if os.environ.get("CI"):
            pytest.fail("CI needs PostgreSQL")
        pytest.skip("no PostgreSQL on this machine")
    # The server never runs as root, and the path of a socket may have 107 bytes: a folder of its own, not of pytest.
    as_user: dict[str, Any] = {"user": "postgres", "group": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}
    room = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
    password, word = "a-secret-of-the-test", room / "word"
    word.write_text(password, "utf-8")
    if as_user:
        for path in (room, word):
            shutil.chown(path, "postgres", "postgres")

    def run(program: str, *words: str) -> None:
        command = [str(programs / program), "-D", str(room / "data"), *words]
        with (room / f"{program}.log").open("a") as log:
            subprocess.run(command, check=True, cwd="/", stdout=log, stderr=log, timeout=120, **as_user)

    try:
        run("initdb", "--username=tester", "--auth=scram-sha-256", f"--pwfile={word}", "--encoding=UTF8", "--no-sync")
        run("pg_ctl", "-w", "-o", f"-k {room} -c listen_addresses='' -c fsync=off", "start")
        try:
            yield f"postgresql:///postgres?host={room}&user=tester", password
        finally:
            run("pg_ctl", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(room, ignore_errors=True)
