"""Installation and operational qualification: what is installed, and that it computes what it claims, on one page."""

from __future__ import annotations

import hashlib
import json
import platform
import sys
from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from importlib import metadata
from importlib.resources import files
from pathlib import Path
from typing import Any

import polars as pl

from aftercart import verify
from aftercart.analysis.methods import METHODS
from aftercart.criteria import registry
from aftercart.criteria.registry import Criterion
from aftercart.outputs import replacing_folder

PACKAGES = ("aftercart", "polars", "numpy", "click", "scipy", "altair", "jinja2", "vl-convert-python")

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Qualification:
    """The outcome of a qualification; `passed` is true when every case and every check passed."""

    passed: bool
    content_hash: str
    """SHA-256 of the evidence without this field."""
    evidence: dict[str, Any]

    def as_dict(self) -> dict[str, Any]:
        """Return the evidence as plain data, with its hash."""
        return {"passed": self.passed, "content_hash": self.content_hash, **self.evidence}


def qualify(out: str | Path, *, progress: Progress | None = None) -> Qualification:
    """Run all worked cases and the checks of every criterion, and write `qualification.json` and `.html` into a folder.

    The evidence holds the environment, the versions, the hash of the installed package, every criterion and statistical
    method with its cases, and two checks of every row criterion on its cases: the order of rows does not matter, and
    grading the cases together gives what grading them alone gives. The same installation gives the same content hash.

    Raises `UsageError` when the folder holds files that aftercart did not write.
    """
    keys = registry.names()
    cases = _cases()
    criteria: dict[str, Any] = {}
    for index, key in enumerate(keys):
        if progress is not None:
            progress(key, index, len(keys))
        criteria[key] = _criterion(registry.get(key), cases.get(key, []))
    methods = {method: _counts(found) for method, found in sorted(cases.items()) if method in METHODS}
    evidence = {
        "environment": _environment(),
        "package_hash": package_hash(),
        "case_files": {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in verify.shipped_case_files()},
        "criteria": criteria,
        "methods": methods,
    }
    passed = all(c["failed"] == 0 and c["passed"] > 0 and all(c["checks"].values()) for c in criteria.values())
    passed = passed and all(m["failed"] == 0 for m in methods.values())
    text = json.dumps(evidence, sort_keys=True, ensure_ascii=False)
    result = Qualification(passed, hashlib.sha256(text.encode()).hexdigest(), evidence)
    with replacing_folder(out) as folder:
        plain = json.dumps(result.as_dict(), indent=2, sort_keys=True, ensure_ascii=False)
        (folder / "qualification.json").write_text(plain + "\n", "utf-8")
        (folder / "qualification.html").write_text(_page(result), "utf-8")
    return result


def package_hash() -> str:
    """SHA-256 over the names and contents of all files of the installed package."""
    root = Path(str(files("aftercart")))
    digest = hashlib.sha256()
    for path in sorted(p for p in root.rglob("*") if p.is_file() and "__pycache__" not in p.parts):
        digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def _environment() -> dict[str, Any]:
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = "not installed"
    return {
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "system": platform.system(),
        "machine": platform.machine(),
        "byte_order": sys.byteorder,
        "packages": versions,
    }


def _cases() -> dict[str, list[verify.Case]]:
    found: dict[str, list[verify.Case]] = {}
    for path in verify.shipped_case_files():
        for case in verify.read_cases(path):
            found.setdefault(case.criterion, []).append(case)
    return found


def _criterion(entry: Criterion, cases: list[verify.Case]) -> dict[str, Any]:
    return {
        "title": entry.title,
        "version": entry.version,
        "source_status": entry.source_status,
        **_counts(cases),
        "checks": _checks(entry, cases) if entry.kind == "row" else {},
    }


def _counts(cases: list[verify.Case]) -> dict[str, Any]:
    failures, absent = [], 0
    for case in cases:
        try:
            failure = verify.check_case(case)
        except NotImplementedError:
            absent += 1
            continue
        if failure is not None:
            failures.append(failure.as_dict())
    return {
        "cases": [case.name for case in cases],
        "passed": len(cases) - len(failures) - absent,
        "failed": len(failures),
        "not_implemented": absent,
        "failures": failures,
    }


def _checks(entry: Criterion, cases: list[verify.Case]) -> dict[str, bool]:
    """Grade all cases in one frame, forwards and backwards; cases that state different columns are graded in groups."""
    together = backwards = True
    groups: dict[tuple[str, ...], list[pl.DataFrame]] = {}
    for case in cases:
        frame = verify.case_frame(entry, case.inputs)
        groups.setdefault(tuple(f"{n}:{t}" for n, t in frame.schema.items()), []).append(frame)
    names = [o.name for o in entry.outputs]
    for frames in groups.values():
        alone = pl.concat([entry.function(f).select(names) for f in frames])
        frame = pl.concat(frames)
        together &= entry.function(frame).select(names).equals(alone)
        backwards &= entry.function(frame.reverse()).select(names).reverse().equals(alone)
    return {"together_as_alone": together, "order_of_rows": backwards}


def _page(result: Qualification) -> str:
    environment = result.evidence["environment"]
    versions = {**{k: v for k, v in environment.items() if k != "packages"}, **environment["packages"]}
    rows = "".join(
        f"<tr><th scope=row><code>{escape(key)}</code><br>{escape(c['title'])}</th><td>{escape(c['version'])}</td>"
        f"<td>{escape(c['source_status'])}</td><td class=n>{c['passed']}</td><td class=n>{c['failed']}</td>"
        f"<td>{'passed' if all(c['checks'].values()) else 'failed'}</td></tr>"
        for key, c in result.evidence["criteria"].items()
    )
    failures = "".join(
        f"<li><code>{escape(f['criterion'])}</code>, {escape(f['case'])}: expected {escape(str(f['expected']))},"
        f" found {escape(str(f['found']))}</li>"
        for c in (*result.evidence["criteria"].values(), *result.evidence["methods"].values())
        for f in c["failures"]
    )
    methods = "".join(
        f"<tr><th scope=row><code>{escape(key)}</code></th><td class=n>{m['passed']}</td>"
        f"<td class=n>{m['failed']}</td></tr>"
        for key, m in result.evidence["methods"].items()
    )
    outcome = "Every worked case and every check passed." if result.passed else "Some cases or checks failed."
    installed = "".join(
        f"<tr><th scope=row>{escape(k)}</th><td>{escape(str(v))}</td></tr>" for k, v in versions.items()
    )
    return f"""<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Qualification of aftercart {escape(versions["aftercart"])}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }}
table {{ border-collapse: collapse; width: 100%; margin: 1rem 0; }}
th, td {{ text-align: left; vertical-align: top; padding: .3rem .6rem; font-weight: 400; }}
th, td {{ border-bottom: 1px solid #8886; }}
thead th {{ font-weight: 600; }} .n {{ text-align: right; }} code {{ overflow-wrap: anywhere; }}
@media print {{ body {{ margin: 0; font-size: 9pt; }} tr {{ break-inside: avoid; }} }}
</style></head>
<body><main>
<h1>Installation and operational qualification</h1>
<p><strong>{outcome}</strong></p>
<p>Content hash of this evidence: <code>{result.content_hash}</code><br>
Hash of the installed package: <code>{result.evidence["package_hash"]}</code></p>
<h2>Installation</h2>
<table><thead><tr><th scope=col>What</th><th scope=col>Version</th></tr></thead><tbody>{installed}</tbody></table>
<h2>Operation</h2>
<p>Each worked case runs through the public function. The checks grade the cases together and in reverse order.</p>
<table><thead><tr><th scope=col>Criterion</th><th scope=col>Version</th><th scope=col>Source</th>
<th scope=col class=n>Passed</th><th scope=col class=n>Failed</th><th scope=col>Checks</th></tr></thead>
<tbody>{rows}</tbody></table>
<table><thead><tr><th scope=col>Statistical method</th><th scope=col class=n>Passed</th>
<th scope=col class=n>Failed</th></tr></thead><tbody>{methods}</tbody></table>
{f"<h2>Failures</h2><ul>{failures}</ul>" if failures else ""}
<h2>Signatures</h2>
<table><tbody><tr><th scope=row>Carried out by</th><td>&nbsp;</td><th scope=row>Date</th><td>&nbsp;</td></tr>
<tr><th scope=row>Reviewed by</th><td>&nbsp;</td><th scope=row>Date</th><td>&nbsp;</td></tr></tbody></table>
</main></body></html>
"""
