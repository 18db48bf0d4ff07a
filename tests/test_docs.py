"""The documentation: a page for every criterion, no dead link, examples that run, and a site that builds."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

from aftercart import analysis
from aftercart.cli import main
from aftercart.criteria import registry

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    spec = importlib.util.spec_from_file_location("build_docs", ROOT / "scripts" / "build_docs.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    target = tmp_path_factory.mktemp("docs") / "pages"
    module.build(target)
    return target


def test_every_criterion_has_a_page_with_its_source_and_an_example(pages: Path) -> None:
    for entry in registry.all_criteria():
        text = (pages / "reference" / "criteria" / f"{entry.key}.md").read_text("utf-8")
        assert f"# {entry.title}" in text
        assert f"Status: **{entry.source_status}**" in text
        assert '"result"' in text


def test_every_statistic_is_on_its_page_with_an_example(pages: Path) -> None:
    text = (pages / "reference" / "statistics.md").read_text("utf-8")
    for name in analysis.__all__:
        assert f"## {name}\n" in text
    assert text.count(">>> ") >= 15


def test_every_command_is_on_the_page_of_commands(pages: Path) -> None:
    text = (pages / "reference" / "commands.md").read_text("utf-8")
    for name in main.commands:
        assert f"## aftercart {name}" in text


def test_no_link_is_dead(pages: Path) -> None:
    dead = []
    for page in pages.rglob("*.md"):
        for link in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text("utf-8")):
            if "://" not in link and not (page.parent / link).exists():
                dead.append(f"{page.relative_to(pages)}: {link}")
    assert dead == []


@pytest.mark.parametrize("page", sorted((ROOT / "docs").rglob("*.md")), ids=lambda p: p.stem)
def test_python_on_a_page_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for code in re.findall(r"```python\n(.*?)```", page.read_text("utf-8"), flags=re.DOTALL):
        exec(compile(code, str(page), "exec"), {})


def test_pages_do_not_point_outside_the_project() -> None:
    for page in [*(ROOT / "docs").rglob("*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md"]:
        for link in re.findall(r"\]\(([^)#\s]+)", page.read_text("utf-8")):
            assert "://" in link or (page.parent / link).resolve().is_relative_to(ROOT), f"{page.name}: {link}"


@pytest.mark.slow
def test_the_site_builds_without_warnings() -> None:
    done = subprocess.run(
        [sys.executable, "scripts/build_docs.py"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    index = (ROOT / "build" / "site" / "index.html").read_text("utf-8")
    assert "Graded safety" in index
    assert "fonts.googleapis.com" not in index
