"""Run worked-case files through the public functions: the evidence that this installation computes what it claims.

A case names a criterion, which grades its inputs as a data frame of one row, or a statistical method.
"""

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
from aftercart.errors import AftercartError, CaseFileError, MissingExtraError

DEFAULT_TOLERANCE = 1e-9


@dataclass(frozen=True)
class Case:
    """One worked case: named inputs, expected outputs, and why."""

    criterion: str
    """Name of the criterion, or of the statistical method."""
    name: str
    inputs: Any
    expected: Mapping[str, Any]
    why: str = ""
    source: str = ""
    tolerance: float | Mapping[str, float] = DEFAULT_TOLERANCE
    """Absolute; one for all outputs, or one for each by name."""

    def tolerance_of(self, output: str) -> float:
        """How far a number of this output may be off."""
        if isinstance(self.tolerance, Mapping):
            return self.tolerance.get(output, DEFAULT_TOLERANCE)
        return self.tolerance


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
    """Counts for one criterion or method."""

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
        """Number of cases whose criterion, method or data set does not exist here."""
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
    folders = [Path(str(files(package) / "cases")) for package in ("aftercart.criteria", "aftercart.analysis")]
    return [path for folder in folders for path in sorted(folder.glob("*_cases.json"))]


def read_cases(path: str | Path) -> list[Case]:
    """Read one case file: a list of `criterion, case, inputs, expected` (or `method` in place of `criterion`).

    `tolerance` of a case, or `abs_tol` among what is expected, says how far numbers may be off.

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
    expected = {name: value for name, value in entry["expected"].items() if name != "abs_tol"}
    tolerance = entry["expected"].get("abs_tol", entry.get("tolerance", DEFAULT_TOLERANCE))
    if not _is_tolerance(tolerance):
        raise CaseFileError(
            f"{path}, entry {index}: the tolerance is {tolerance!r}.",
            hint="give a number of at least 0, or an object with one for each output.",
        )
    why = str(entry.get("why", entry.get("note", "")))
    return Case(key, str(entry["case"]), entry["inputs"], expected, why, entry.get("source", ""), tolerance)


def _is_tolerance(value: Any) -> bool:
    if isinstance(value, dict):
        return all(_is_tolerance(v) and not isinstance(v, dict) for v in value.values())
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0


def run(paths: Iterable[str | Path] | None = None) -> Verification:
    """Run every case of the given files (default: the shipped ones) through the public functions."""
    result = Verification()
    for path in paths or shipped_case_files():
        for case in read_cases(path):
            tally = result.criteria.setdefault(case.criterion, Tally())
            try:
                failure = check_case(case)
            except NotImplementedError:
                tally.not_implemented += 1
                continue
            if failure is None:
                tally.passed += 1
            else:
                tally.failed += 1
                result.failures.append(failure)
    return result


def check_case(case: Case) -> Failure | None:
    """Run one case; return None when it gives what was expected.

    Raises `NotImplementedError` when its criterion or method, or a data set or package it needs, does not exist here.
    """
    try:
        found = compute(case)
    except (AftercartError, LookupError, TypeError, ValueError, pl.exceptions.PolarsError) as error:
        expected = {k: (v, None) for k, v in case.expected.items()}
        return Failure(case.criterion, case.name, expected, (str(error) or type(error).__name__).splitlines()[0])
    differences = {
        key: (expected, found.get(key))
        for key, expected in case.expected.items()
        if not (key in found and same(expected, found[key], case.tolerance_of(key)))
    }
    return Failure(case.criterion, case.name, differences) if differences else None


def compute(case: Case) -> dict[str, Any]:
    """Return the outputs of one case as a nested dict with the keys of the case file.

    Raises `NotImplementedError` as `check_case`.
    """
    if case.criterion not in registry.names():
        return _by_method(case)
    entry = registry.get(case.criterion)
    row = entry.function(case_frame(entry, case.inputs)).row(0, named=True)
    return nest({o.name: row[o.name] for o in entry.outputs})


def _by_method(case: Case) -> dict[str, Any]:
    from aftercart.analysis.datasets import NotShippedError
    from aftercart.analysis.methods import METHODS

    if case.criterion not in METHODS:
        raise NotImplementedError(case.criterion)
    try:
        return METHODS[case.criterion](case.inputs)
    except (NotShippedError, MissingExtraError) as missing:
        raise NotImplementedError(missing.message) from missing


def case_frame(entry: Criterion, inputs: Any) -> pl.DataFrame:
    """One-row frame of a case's inputs: nested records to dotted columns, lists of rows to a list column.

    A field that a row of a list does not state takes its default, as an absent column does, also where other rows of
    the list state it. A list of a series that the case leaves out is missing.
    """
    fields: dict[str, Any] = {entry.rows: inputs} if isinstance(inputs, list) and entry.rows else flatten(inputs)
    if entry.rows:
        fields.setdefault(entry.rows, None)
    row_specs = {i.name: i.fields for i in entry.inputs if i.type == "rows"}
    row_specs |= {entry.rows: entry.row_inputs} if entry.rows else {}
    for name, specs in row_specs.items():
        defaults = {s.name: s.default for s in specs if s.has_default}
        if isinstance(fields.get(name), list):
            fields[name] = [defaults | row if isinstance(row, dict) else row for row in fields[name]]
    if not fields.keys() & {entry.rows, *(i.name for i in entry.inputs)}:
        # A case that states nothing (`{"sites": {}}`) is one in which everything is missing or at its default.
        fields[entry.inputs[0].name] = entry.inputs[0].default
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
