"""Run worked-case files through the public functions: the evidence that this installation computes what it claims."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

import polars as pl

from aftercart.criteria import registry
from aftercart.criteria.registry import Criterion
from aftercart.errors import AftercartError, CaseFileError

DEFAULT_TOLERANCE = 1e-9


@dataclass(frozen=True)
class Case:
    """One worked case: named inputs, expected outputs, and why."""

    criterion: str
    name: str
    inputs: Any
    expected: Mapping[str, Any]
    why: str = ""
    source: str = ""


@dataclass(frozen=True)
class Failure:
    """A case whose outcome differs: expected and found for every key that does."""

    criterion: str
    case: str
    differences: Mapping[str, tuple[Any, Any]]
    error: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the failure as plain data."""
        return {
            "criterion": self.criterion,
            "case": self.case,
            "expected": {k: e for k, (e, _) in self.differences.items()},
            "found": {k: f for k, (_, f) in self.differences.items()},
            "error": self.error,
        }


@dataclass
class Tally:
    """Counts for one criterion."""

    passed: int = 0
    failed: int = 0
    not_implemented: int = 0


@dataclass
class Verification:
    """The outcome of running case files."""

    criteria: dict[str, Tally] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)

    @property
    def passed(self) -> int:
        """Number of cases that gave what was expected."""
        return sum(t.passed for t in self.criteria.values())

    @property
    def failed(self) -> int:
        """Number of cases that did not."""
        return sum(t.failed for t in self.criteria.values())

    @property
    def not_implemented(self) -> int:
        """Number of cases whose criterion does not exist here."""
        return sum(t.not_implemented for t in self.criteria.values())

    def as_dict(self) -> dict[str, Any]:
        """Return `{"passed", "failed", "not_implemented", "criteria", "failures"}` as plain data."""
        return {
            "passed": self.passed,
            "failed": self.failed,
            "not_implemented": self.not_implemented,
            "criteria": {k: vars(t) for k, t in sorted(self.criteria.items())},
            "failures": [f.as_dict() for f in self.failures],
        }


def shipped_case_files() -> list[Path]:
    """Return the worked-case files that come with the package."""
    folder = Path(str(files("aftercart.criteria") / "cases"))
    return sorted(folder.glob("*_cases.json"))


def read_cases(path: str | Path) -> list[Case]:
    """Read one case file: a list of `criterion, case, inputs, expected` (or `method` in place of `criterion`).

    Raises `CaseFileError` naming the file and the entry that does not follow the schema.
    """
    path = Path(path)
    try:
        raw = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise CaseFileError(
            f"{path}: cannot be read ({error.strerror}).", hint="give the path of a JSON case file."
        ) from error
    except ValueError as error:
        raise CaseFileError(f"{path}: not valid JSON ({error}).", hint="the file is a JSON list of cases.") from error
    if not isinstance(raw, list):
        raise CaseFileError(f"{path}: found a {type(raw).__name__}, expected a list of cases.")
    return [_case(path, index, entry) for index, entry in enumerate(raw)]


def _case(path: Path, index: int, entry: Any) -> Case:
    if not isinstance(entry, dict):
        raise CaseFileError(f"{path}, entry {index}: found a {type(entry).__name__}, expected an object.")
    key = entry.get("criterion", entry.get("method"))
    for name, value, kind in (
        ("criterion", key, str),
        ("case", entry.get("case"), str),
        ("inputs", entry.get("inputs"), (dict, list)),
        ("expected", entry.get("expected"), dict),
    ):
        if not isinstance(value, kind):
            raise CaseFileError(
                f"{path}, entry {index}: field {name!r} is {value!r}.",
                hint="each case needs criterion, case, inputs and expected.",
            )
    assert isinstance(key, str)
    return Case(key, entry["case"], entry["inputs"], entry["expected"], entry.get("why", ""), entry.get("source", ""))


def run(paths: Iterable[str | Path] | None = None) -> Verification:
    """Run every case of the given files (default: the shipped ones) through the public criterion functions."""
    result = Verification()
    for path in paths or shipped_case_files():
        for case in read_cases(path):
            tally = result.criteria.setdefault(case.criterion, Tally())
            if case.criterion not in registry.names():
                tally.not_implemented += 1
                continue
            failure = check_case(case)
            if failure is None:
                tally.passed += 1
            else:
                tally.failed += 1
                result.failures.append(failure)
    return result


def check_case(case: Case) -> Failure | None:
    """Run one case; return None when it gives what was expected."""
    try:
        found = compute(case)
    except (AftercartError, LookupError, TypeError, ValueError, pl.exceptions.PolarsError) as error:
        expected = {k: (v, None) for k, v in case.expected.items() if k != "abs_tol"}
        return Failure(case.criterion, case.name, expected, str(error).splitlines()[0])
    tolerance = case.expected.get("abs_tol", DEFAULT_TOLERANCE)
    differences = {
        key: (expected, found.get(key))
        for key, expected in case.expected.items()
        if key != "abs_tol" and not (key in found and same(expected, found[key], tolerance))
    }
    return Failure(case.criterion, case.name, differences) if differences else None


def compute(case: Case) -> dict[str, Any]:
    """Return the outputs of one case as a nested dict with the keys of the case file."""
    entry = registry.get(case.criterion)
    row = entry.function(case_frame(entry, case.inputs)).row(0, named=True)
    return nest({o.name: row[o.name] for o in entry.outputs})


def case_frame(entry: Criterion, inputs: Any) -> pl.DataFrame:
    """One-row frame of a case's inputs: nested records to dotted columns, lists of rows to a list column."""
    fields: dict[str, Any] = {entry.rows: inputs} if isinstance(inputs, list) and entry.rows else flatten(inputs)
    if not fields.keys() & {entry.rows, *(i.name for i in entry.inputs)}:
        # A case that states nothing (`{"sites": {}}`) is one in which everything is missing or at its default.
        name, value = (entry.rows, None) if entry.rows else (entry.inputs[0].name, entry.inputs[0].default)
        fields[name] = value
    return pl.DataFrame({k: pl.Series(k, [v], strict=False) for k, v in fields.items()})


def flatten(record: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """`{"a": {"b": 1}}` to `{"a.b": 1}`; lists stay as they are."""
    flat: dict[str, Any] = {}
    for key, value in record.items():
        if isinstance(value, dict):
            flat.update(flatten(value, f"{prefix}{key}."))
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def nest(flat: Mapping[str, Any]) -> dict[str, Any]:
    """`{"a.b": 1}` to `{"a": {"b": 1}}`, the inverse of `flatten`."""
    nested: dict[str, Any] = {}
    for key, value in flat.items():
        *path, last = key.split(".")
        target = nested
        for part in path:
            target = target.setdefault(part, {})
        target[last] = value
    return nested


def same(expected: Any, found: Any, tolerance: float) -> bool:
    """Whether two values agree: numbers within `tolerance`, everything else exactly, nested values by part."""
    if isinstance(expected, bool) or isinstance(found, bool):
        return expected is found
    if isinstance(expected, int | float) and isinstance(found, int | float):
        return abs(expected - found) <= tolerance
    if isinstance(expected, dict) and isinstance(found, dict):
        return all(k in found and same(v, found[k], tolerance) for k, v in expected.items())
    if isinstance(expected, list) and isinstance(found, list):
        return len(expected) == len(found) and all(same(e, f, tolerance) for e, f in zip(expected, found, strict=True))
    return bool(expected == found)
