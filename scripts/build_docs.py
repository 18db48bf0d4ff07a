"""Build the documentation: hand-written pages from docs/, reference pages from the code, one site in build/site.

`python scripts/build_docs.py [--pages-only]` writes build/docs, and the site unless told otherwise. Every example on a
page is run while the page is written.
"""

from __future__ import annotations

import inspect
import json
import math
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import click

import aftercart
from aftercart import analysis, verify
from aftercart.cli import main
from aftercart.criteria import registry
from aftercart.criteria.registry import Criterion, Input
from aftercart.study import dictionary, instruments, schema

ROOT = Path(__file__).parents[1]
PAGES = ROOT / "build" / "docs"
SITE = ROOT / "build" / "site"
EXAMPLES = 3

STATUS = {
    "verified": "read in full in a text that prints the rule",
    "secondary": "read in a text that restates the rule, not in the source itself",
    "partly verified": "some of the numbers were read, the rest is marked",
    "from memory": "not seen; check before relying on it",
    "house rule": "no published rule exists; this is ours",
}


def build(pages: Path = PAGES) -> list[Path]:
    """Write every page; returns the paths of the generated ones."""
    shutil.rmtree(pages, ignore_errors=True)
    shutil.copytree(ROOT / "docs", pages)
    cases = _cases()
    generated = {"reference/criteria/index.md": criteria_index()}
    for entry in registry.all_criteria():
        generated[f"reference/criteria/{entry.key}.md"] = criterion_page(entry, cases.get(entry.key, []))
    generated["reference/commands.md"] = commands_page()
    generated["reference/python.md"] = python_page()
    generated["reference/statistics.md"] = statistics_page()
    generated["reference/tables.md"] = tables_page()
    generated["reference/codes.md"] = codes_page()
    generated["reference/instruments.md"] = instruments_page()
    generated["reference/summary.md"] = summary_page()
    for name, text in generated.items():
        target = pages / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text.rstrip() + "\n", "utf-8")
    return [pages / name for name in generated]


def table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A Markdown table; cells are text."""
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    lines += ["| " + " | ".join(_cell(c) for c in row) + " |" for row in rows]
    return "\n".join(lines)


def _cell(value: Any) -> str:
    return "" if value is None else str(value).replace("|", "\\|").replace("\n", " ")


def criteria_index() -> str:
    """All criteria, by group."""
    lines = [
        "# Criteria",
        "",
        "Every criterion is a function on a data frame (`aftercart.criteria.KEY`) and an entry of the registry, from",
        "which its page is made. The status says how its source was read:",
        "",
        *(f"- **{name}**: {meaning}" for name, meaning in STATUS.items()),
        "",
    ]
    for group in registry.GROUPS:
        found = [e for e in registry.all_criteria() if e.group == group]
        rows = [(f"[`{e.key}`]({e.key}.md)", e.title, e.source_status) for e in found]
        lines += [f"## {group.capitalize()}", "", table(("key", "title", "source"), rows), ""]
    return "\n".join(lines)


def criterion_page(entry: Criterion, cases: list[verify.Case]) -> str:
    """Everything the registry knows about one criterion, with worked examples that are run now."""
    lines = [f"# {entry.title}", "", f"`{entry.key}`, version {entry.version}. {entry.measures}", ""]
    lines += ["## Inputs", "", _inputs(entry.inputs), ""] if entry.inputs else []
    if entry.row_inputs:
        lines += [f"Rows of `{entry.rows}` (a list of rows, or a long frame with `subject_id`):", ""]
        lines += [_inputs(entry.row_inputs), ""]
    rows = [(f"`{o.name}`", o.type, o.unit, o.description) for o in entry.outputs]
    lines += ["## Outputs", "", table(("column", "type", "unit", "meaning"), rows), ""]
    lines += ["Every result also has `clause` (the rule that decided), `missing` and `invalid`.", ""]
    lines += ["## Rules", "", table(("clause", "rule"), ((f"`{c.id}`", c.text) for c in entry.clauses)), ""]
    if entry.rules:
        lines += ["Published numbers, as data:", "", "```json", json.dumps(entry.rules, indent=2), "```", ""]
    lines += ["## Missing data", "", entry.missing_policy, ""]
    for heading, points in (
        ("Conventions", entry.conventions),
        ("Where sources disagree", entry.disagreements),
        ("Wrong elsewhere", entry.wrong_elsewhere),
    ):
        if points:
            lines += [f"## {heading}", "", *(f"- {p}" for p in points), ""]
    lines += ["## In a study", "", _binding(entry), ""]
    lines += ["## Examples", "", *_examples(entry, cases)]
    lines += ["## Source", "", f"Status: **{entry.source_status}** ({STATUS[entry.source_status]}).", ""]
    lines += [entry.source_note, ""]
    lines += [f"- {c.text}{f' [doi:{c.doi}](https://doi.org/{c.doi})' if c.doi else ''}" for c in entry.citations]
    return "\n".join(lines)


def _inputs(specs: Sequence[Input]) -> str:
    def admissible(i: Input) -> str:
        if i.allowed:
            return ", ".join(str(a) for a in i.allowed)
        low, high = i.minimum, i.maximum
        if low is None and high is None:
            return ""
        return f"{'' if low is None else f'{low:g}'} to {'' if high is None else f'{high:g}'}"

    rows = [
        (f"`{i.name}`", i.type, i.unit, admissible(i), i.default if i.has_default else "missing", i.description)
        for i in specs
    ]
    return table(("column", "type", "unit", "admissible", "if absent", "meaning"), rows)


_PER = {
    "observation": "One result for each measured value.",
    "event": "One result for each event.",
    "day": "One result for each day with findings.",
    "visit": "One result for each visit window.",
    "visit_pair": "One result for each visit after baseline, compared with baseline.",
    "subject": "One result for each patient.",
}


def _binding(entry: Criterion) -> str:
    if entry.per == "unbound":
        return f"Not run on a study: {entry.unbound_reason}"
    text = _PER[entry.per]
    if entry.window:
        text += f" Days {entry.window[0]} to {entry.window[1]} after infusion."
    if entry.indications:
        text += f" Patients with {', '.join(entry.indications)}."
    if entry.variants:
        text += " Variants: " + ", ".join(f"{v['name']}" for v in entry.variants) + "."
    found = [(f"`{i.name}`", "; ".join(_where(b) for b in i.bindings)) for i in (*entry.inputs, *entry.row_inputs)]
    bound = [(name, where) for name, where in found if where]
    return text + "\n\n" + table(("input", "taken from"), bound) if bound else text


def _where(binding: Mapping[str, Any]) -> str:
    return ", ".join(k if isinstance(v, float) and math.isnan(v) else f"{k} {v}" for k, v in binding.items())


def _cases() -> dict[str, list[verify.Case]]:
    found: dict[str, list[verify.Case]] = {}
    for path in verify.shipped_case_files():
        for case in verify.read_cases(path):
            found.setdefault(case.criterion, []).append(case)
    return found


def _examples(entry: Criterion, cases: list[verify.Case]) -> list[str]:
    lines: list[str] = []
    for case in cases[:EXAMPLES]:
        outputs = verify.compute(case)
        failure = verify.check_case(case)
        if failure is not None:
            raise SystemExit(f"{entry.key}: the worked case {case.name} fails, so its page cannot be written")
        lines += [f"### {case.name.replace('_', ' ')}", "", case.why, "", "```json"]
        lines += [_short(json.dumps({"inputs": case.inputs, "result": outputs}, indent=2)), "```", ""]
    return lines or ["This criterion has no worked case.", ""]


def _short(text: str, most: int = 60) -> str:
    lines = text.splitlines()
    if len(lines) <= most:
        return text
    half = most // 2
    return "\n".join([*lines[:half], f"  ... {len(lines) - most} lines ...", *lines[-half:]])


def commands_page() -> str:
    """The help text of every command."""
    lines = ["# Commands", "", "Exit codes: 0 fine, 1 problems found in the data or cases failing, 2 usage.", ""]
    for name, command in [("aftercart", main), *((f"aftercart {n}", c) for n, c in sorted(main.commands.items()))]:
        context = click.Context(command, info_name=name, max_content_width=100)
        lines += [f"## {name}", "", "```text", command.get_help(context), "```", ""]
    return "\n".join(lines)


def python_page() -> str:
    """Every public name with its docstring."""
    lines = ["# Python", "", inspect.cleandoc(aftercart.__doc__ or ""), ""]
    lines[2] = "```python\n" + "\n".join(_indented(aftercart.__doc__ or "")) + "\n```"
    names = [n for n in aftercart.__all__ if n not in ("__version__", "criteria")]
    return "\n".join([*lines, *_described(aftercart, names)])


def statistics_page() -> str:
    """Every statistical function, with its example, and what it returns."""
    lines = [
        "# Statistics",
        "",
        "Each function takes columns (lists, arrays or polars series) and is callable alone, without a study. An",
        "interval that does not exist is null and `reason` says why. `aftercart verify` runs the worked cases.",
        "",
    ]
    functions = [n for n in analysis.__all__ if inspect.isfunction(getattr(analysis, n))]
    results = [n for n in analysis.__all__ if n not in functions]
    lines += [*_described(analysis, functions), "# What they return", "", *_described(analysis, results)]
    return "\n".join(lines)


def _described(module: Any, names: Iterable[str]) -> list[str]:
    lines: list[str] = []
    for name in names:
        value = getattr(module, name)
        signature = "" if inspect.ismodule(value) else str(inspect.signature(value))
        text, _, example = (inspect.getdoc(value) or "").partition(">>>")
        lines += [f"## {name}", "", "```python", f"{module.__name__}.{name}{signature}", "```", "", text.rstrip(), ""]
        lines += ["```python", f">>>{example}", "```", ""] if example else []
        if inspect.isclass(value):
            members = [(n, m) for n, m in inspect.getmembers(value) if not n.startswith("_") and inspect.getdoc(m)]
            own = [(f"`{n}`", (inspect.getdoc(m) or "").splitlines()[0]) for n, m in members if n in vars(value)]
            lines += [table(("member", "meaning"), own), ""] if own else []
    return lines


def _indented(doc: str) -> list[str]:
    return [line.strip() for line in doc.splitlines() if line.startswith("    ")]


def tables_page() -> str:
    """The eight tables, from their one declaration."""
    lines = ["# Tables of a study", "", "Every table starts with these columns:", ""]
    declared = schema.tables()
    first = next(iter(declared.values()))
    leading = [c for c in first.columns if all(c in t.columns for t in declared.values())]
    lines += [_columns(leading), ""]
    for name, declared_table in declared.items():
        own = [c for c in declared_table.columns if c not in leading]
        need = "Required." if declared_table.required else "Optional."
        lines += [f"## {name}", "", f"{declared_table.description} {need}", "", _columns(own), ""]
    return "\n".join(lines)


def _columns(columns: Iterable[Any]) -> str:
    def admissible(c: Any) -> str:
        if c.allowed:
            return ", ".join(c.allowed)
        if c.minimum is None and c.maximum is None:
            return ""
        return f"{c.minimum:g} to {c.maximum:g}"

    rows = [(f"`{c.name}`", c.type, c.unit, admissible(c), "yes" if c.required else "", c.description) for c in columns]
    return table(("column", "type", "unit", "admissible", "required", "meaning"), rows)


def codes_page() -> str:
    """Observation codes with their units."""
    rows = [
        (f"`{c.name}`", c.meaning, c.loinc, c.unit, ", ".join(dictionary.accepted_units(c.name)), _limits(c))
        for c in dictionary.codes().values()
    ]
    header = ("code", "meaning", "LOINC", "standard unit", "accepted units", "hard limits")
    text = "Values are converted to the standard unit when a study is read; a unit that is not accepted is a problem."
    return "\n".join(["# Codes and units", "", text, "", table(header, rows)])


def _limits(code: dictionary.Code) -> str:
    if code.minimum is None and code.maximum is None:
        return ", ".join(code.allowed)
    low, high = code.minimum, code.maximum
    return f"{'' if low is None else f'{low:g}'} to {'' if high is None else f'{high:g}'}"


def instruments_page() -> str:
    """Instruments and the answers their items admit."""
    lines = ["# Instruments", ""]
    for name, instrument in instruments.instruments().items():
        rows = [(f"`{i.name}`", i.expectation) for i in instrument.items.values()]
        lines += [f"## {name}", "", f"{instrument.title}.", "", table(("item", "answer"), rows), ""]
    return "\n".join(lines)


def summary_page() -> str:
    """The documented schema of summary.json."""
    text = (files("aftercart.reporting") / "summary.schema.json").read_text("utf-8")
    described = json.loads(text)
    lines = ["# summary.json", "", described.get("description", ""), "", "```json", text.rstrip(), "```"]
    return "\n".join(lines)


def site() -> None:
    """Build the site from the pages; raises when a link or a page is broken."""
    command = [str(Path(sys.executable).parent / "zensical"), "build", "--strict", "--clean", "-f", "zensical.toml"]
    subprocess.run(command, cwd=ROOT, check=True)


if __name__ == "__main__":
    written = build()
    print(f"{len(written)} reference pages")
    if "--pages-only" not in sys.argv:
        site()
        print(f"site in {SITE.relative_to(ROOT)}")
