"""How good the tests of the rules are: change one comparator or threshold at a time and see whether a test fails.

`python scripts/mutation_check.py [--sample N] [--jobs N] [KEY ...]` works on a copy of the package, prints the share of
mutants killed and lists the survivors. Comparators are swapped with their inclusive or exclusive twin; every published
number in `[rules]` is raised by one step.
"""

from __future__ import annotations

import argparse
import compileall
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import Queue

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "aftercart"
TWIN = {"lt": "le", "le": "lt", "gt": "ge", "ge": "gt"}


@dataclass(frozen=True)
class Mutant:
    """One change of one file."""

    key: str
    path: str
    line: int
    before: str
    after: str


def mutants(keys: list[str]) -> Iterator[Mutant]:
    """Every mutant of the chosen criteria (all without a choice)."""
    for rules in sorted(PACKAGE.glob("criteria/*/*.toml")):
        if keys and rules.stem not in keys:
            continue
        for path, found in ((rules.with_suffix(".py"), _comparators), (rules, _numbers)):
            for line, before, after in found(path.read_text("utf-8")):
                yield Mutant(rules.stem, str(path.relative_to(PACKAGE)), line, before, after)


def _comparators(text: str) -> Iterator[tuple[int, str, str]]:
    for number, line in enumerate(text.splitlines()):
        if line.lstrip().startswith(("from ", "import ", ">>>", "...", "#")):
            continue
        for found in re.finditer(r"\b(lt|le|gt|ge)\(", line):
            start = found.start(1)
            yield number, line, line[:start] + TWIN[found[1]] + line[start + 2 :]


def _numbers(text: str) -> Iterator[tuple[int, str, str]]:
    inside = False
    for number, line in enumerate(text.splitlines()):
        if line.startswith("["):
            inside = line.startswith("[rules")
        value = line.partition("=")[2]
        if inside and value:
            offset = len(line) - len(value)
            for found in re.finditer(r"(?<![\w.\"-])\d+(?:\.\d+)?(?![\w.\"])", value):
                digits = found[0]
                step = 10.0 ** -len(digits.partition(".")[2]) if "." in digits else 1
                raised = f"{float(digits) + step:.6f}".rstrip("0") if "." in digits else str(int(digits) + 1)
                yield number, line, line[: offset + found.start()] + raised + line[offset + found.end() :]


def survives(mutant: Mutant, copies: Queue[Path]) -> bool:
    """Run the tests and worked cases of the criterion against a copy of the package with the change."""
    folder = copies.get()
    path = folder / "aftercart" / mutant.path
    try:
        lines = path.read_text("utf-8").splitlines()
        lines[mutant.line] = mutant.after
        path.write_text("\n".join(lines) + "\n", "utf-8")
        return _passes(mutant, folder)
    finally:
        shutil.copy2(PACKAGE / mutant.path, path)
        copies.put(folder)


def _passes(mutant: Mutant, folder: Path) -> bool:
    named = re.compile(rf"\b{mutant.key}\b")
    every = (ROOT / "tests" / "criteria").glob("*/test_*.py")
    tests = [str(p) for p in every if mutant.key in p.stem or named.search(p.read_text("utf-8"))]
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", *tests]
    environment = {**os.environ, "PYTHONPATH": str(folder), "POLARS_MAX_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    if tests and subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=False).returncode:
        return False
    code = f"from aftercart import verify; import sys; t = verify.run().criteria[{mutant.key!r}]; sys.exit(t.failed)"
    return not subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, check=False
    ).returncode


def copied(folder: Path) -> Path:
    """A compiled copy of the package in a folder; only what a mutant changes is compiled again."""
    copy = folder / "aftercart"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__", "reference_cohort"))
    compileall.compile_dir(copy, quiet=1)
    return folder


def main() -> None:
    """Parse the call, run the mutants, print the outcome."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("keys", nargs="*")
    parser.add_argument("--sample", type=int, help="a random sample of this size (seed 1)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    call = parser.parse_args()
    chosen = list(mutants(call.keys))
    total = len(chosen)
    if call.sample and call.sample < total:
        chosen = random.Random(1).sample(chosen, call.sample)
    copies: Queue[Path] = Queue()
    with tempfile.TemporaryDirectory() as room, ThreadPoolExecutor(call.jobs) as pool:
        for number in range(call.jobs):
            copies.put(copied(Path(room) / str(number)))
        alive = [m for m, lives in zip(chosen, pool.map(lambda m: survives(m, copies), chosen), strict=True) if lives]
    killed = len(chosen) - len(alive)
    print(f"{killed} of {len(chosen)} mutants killed ({100 * killed / len(chosen):.1f}%); {total} exist")
    for m in alive:
        print(f"survived: {m.path}:{m.line + 1}: {m.before.strip()}  ->  {m.after.strip()}")


if __name__ == "__main__":
    main()
