"""The house itself: layers, names that must not appear, lock file, help texts, and light start-up."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from importlib.resources import files
from pathlib import Path

import pytest

import aftercart
from aftercart.cli import main

ROOT = Path(__file__).parents[1]
PACKAGE = Path(str(files("aftercart")))

LAYERS = ("criteria", "study", "standards", "sources", "assessment", "analysis", "reporting", "exchange")
"""Each may import those before it; `criteria` stands alone."""
MAY_IMPORT = {
    "criteria": {"criteria"},
    "study": {"study"},
    "standards": {"study", "standards"},
    "sources": {"study", "standards", "sources"},
    "assessment": {"criteria", "study", "sources", "assessment"},
    "analysis": {"criteria", "study", "assessment", "analysis"},
    "reporting": {"criteria", "study", "assessment", "analysis", "reporting"},
    "exchange": {"criteria", "study", "standards", "assessment", "analysis", "exchange"},
}
SHARED = {"errors", "outputs", "side_by_side"}


@pytest.mark.parametrize("layer", LAYERS)
def test_imports_run_one_way(layer: str) -> None:
    wrong = []
    for path in (PACKAGE / layer).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("aftercart."):
                target = node.module.split(".")[1]
                if target not in MAY_IMPORT[layer] | SHARED:
                    wrong.append(f"{path.name}: {node.module}")
    assert wrong == []


def test_starting_imports_nothing_heavy() -> None:
    code = (
        "import sys, aftercart.cli\n"
        "from click.testing import CliRunner\n"
        "assert CliRunner().invoke(aftercart.cli.main, ['--help']).exit_code == 0\n"
        "heavy = {'polars', 'numpy', 'scipy', 'pandas', 'pyarrow', 'altair', 'vl_convert'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_every_public_name_has_a_docstring_and_is_importable() -> None:
    assert sorted(dir(aftercart)) == sorted(aftercart.__all__)
    for name in set(aftercart.__all__) - {"__version__"}:
        assert getattr(aftercart, name).__doc__, name
    with pytest.raises(AttributeError, match="no attribute 'grade'"):
        aftercart.grade  # noqa: B018


def test_every_command_has_help_and_its_options_too() -> None:
    for name, command in main.commands.items():
        assert command.help, name
        for parameter in command.params:
            if hasattr(parameter, "help"):
                assert parameter.help, f"{name} {parameter.name}"


def test_the_lock_names_no_host_and_hashes_everything() -> None:
    text = (ROOT / "requirements.lock").read_text("utf-8")
    assert "://" not in text
    pinned = re.findall(r"^([a-z0-9._-]+)==", text, flags=re.MULTILINE)
    blocks = re.split(r"^(?=[a-z0-9._-]+==)", text, flags=re.MULTILINE)[1:]
    assert len(blocks) == len(pinned)
    assert all("--hash=sha256:" in b for b in blocks)


def test_every_dependency_is_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    wanted = [*project["project"]["dependencies"], *project["dependency-groups"]["dev"]]
    wanted += [d for extra in project["project"]["optional-dependencies"].values() for d in extra]
    text = (ROOT / "requirements.lock").read_text("utf-8")
    for requirement in wanted:
        name = re.split(r"[<>=\[]", requirement)[0].strip()
        assert name == "aftercart" or re.search(rf"^{re.escape(name)}==", text, flags=re.MULTILINE), name


def test_modules_stay_readable() -> None:
    long = {p.name: n for p in PACKAGE.rglob("*.py") if (n := len(p.read_text("utf-8").splitlines())) > 400}
    assert long == {}


def test_no_path_of_a_machine_in_any_file() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.split()
    if not listed:
        pytest.skip("not a git checkout")
    machine = re.compile(r"(?<![\w.])/(?:home|root|work|Users)/\w")
    found = []
    for name in listed:
        path = ROOT / name
        if not path.exists():
            continue
        found += [name for line in path.read_text("utf-8", errors="replace").splitlines() if machine.search(line)]
    assert found == []


def test_the_readme_commands_exist() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for target in re.findall(r"^make (\w+)", readme, flags=re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE), target
    for command in re.findall(r"^aftercart (\w+)", readme, flags=re.MULTILINE):
        assert command in main.commands
    for link in re.findall(r"\]\(([^)#:]+)\)", readme):
        assert (ROOT / link).exists(), link
    assert (ROOT / ".ci" / "run").read_text("utf-8").rstrip().endswith("make test")
