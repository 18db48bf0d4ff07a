"""The registry is complete and consistent: what an entry says is what the code and the dictionary know."""

from __future__ import annotations

import ast
import doctest
import importlib
import re
from importlib.resources import files
from pathlib import Path

import pytest

from aftercart import criteria
from aftercart.criteria import registry
from aftercart.criteria.frames import TYPES
from aftercart.errors import UsageError
from aftercart.study import dictionary, drugs, instruments

KEYS = registry.names()
PACKAGE = Path(str(files("aftercart.criteria")))


@pytest.mark.parametrize("key", KEYS)
def test_an_entry_is_complete(key: str) -> None:
    entry = registry.get(key)
    assert all((entry.title, entry.measures, entry.missing_policy, entry.source_note))
    assert entry.source_status in registry.SOURCE_STATUS
    assert all((entry.citations, entry.clauses, entry.outputs))
    assert entry.primary in {o.name for o in entry.outputs}
    assert (entry.kind == "series") == bool(entry.rows)
    assert (entry.per == "unbound") == bool(entry.unbound_reason)
    for name in entry.bounds or ():
        assert name in {o.name for o in entry.outputs}
    for spec in (*entry.inputs, *entry.row_inputs):
        assert spec.type in {*TYPES, "rows"}
        assert spec.description.endswith(".")


@pytest.mark.parametrize("key", KEYS)
def test_the_function_has_a_docstring_with_source_and_a_running_example(key: str) -> None:
    function = getattr(criteria, key)
    assert "Source:" in function.__doc__
    module = importlib.import_module(f"aftercart.criteria.{registry.get(key).group}.{key}")
    parsed = doctest.DocTestParser().get_doctest(function.__doc__, vars(module), key, None, 0)
    assert parsed.examples, "no example"
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    assert runner.run(parsed).failed == 0


@pytest.mark.parametrize("key", KEYS)
def test_every_clause_is_known_and_used(key: str) -> None:
    """Each clause id of the entry stands in the code of its group (rules share modules within a group)."""
    entry = registry.get(key)
    nodes = [n for p in (PACKAGE / entry.group).glob("*.py") for n in ast.walk(ast.parse(p.read_text("utf-8")))]
    texts = {n.value for n in nodes if isinstance(n, ast.Constant) and isinstance(n.value, str)}
    composed = [_pattern(n) for n in nodes if isinstance(n, ast.JoinedStr)]
    unused = {c.id for c in entry.clauses} - texts - _names_in_rules(entry.rules)
    assert {c for c in unused if not any(p.fullmatch(c) for p in composed)} == set()
    assert len({c.id for c in entry.clauses}) == len(entry.clauses)


def _pattern(text: ast.JoinedStr) -> re.Pattern[str]:
    parts = [re.escape(str(v.value)) if isinstance(v, ast.Constant) else r"\w+" for v in text.values]
    return re.compile("".join(parts))


def _names_in_rules(rules: object) -> set[str]:
    if isinstance(rules, dict):
        return {str(k) for k in rules} | {n for v in rules.values() for n in _names_in_rules(v)}
    if isinstance(rules, list):
        return {n for v in rules for n in _names_in_rules(v)}
    return {rules} if isinstance(rules, str) else set()


@pytest.mark.parametrize("key", KEYS)
def test_bindings_name_what_a_study_can_hold(key: str) -> None:
    from aftercart.assessment import derived
    from aftercart.assessment.run import variants

    entry = registry.get(key)
    names = {i.name for i in (*entry.inputs, *entry.row_inputs)}
    by_hand = {*derived._COLUMNS, *derived.ROWS, *derived._ROW_COLUMNS}
    for variant in variants(entry):
        assert set(variant.set) | set(variant.bind) <= names
        for spec in (*entry.inputs, *entry.row_inputs):
            for binding in variant.bindings(spec):
                if "obs" in binding:
                    assert binding["obs"] in dictionary.codes()
                    assert "unit" not in binding or dictionary.to_standard(binding["obs"], binding["unit"])
                if "item" in binding or "other" in binding:
                    name, item = binding.get("item", binding.get("other")).split(".")
                    assert item in instruments.instruments()[name].items
                if "drug" in binding:
                    wanted = binding["drug"]
                    assert {wanted} if isinstance(wanted, str) else set(wanted) <= set(drugs.all_classes())
                if "derived" in binding:
                    assert binding["derived"] in by_hand
                if "result" in binding:
                    other, output = binding["result"].split(".", 1)
                    assert output in {o.name for o in registry.get(other).outputs}


def test_an_unknown_key_is_answered_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="crs_astct") as caught:
        registry.get("crs_astct_2018")
    assert "crs_astct_2019" in caught.value.hint


def test_criteria_import_nothing_of_the_project_but_themselves_and_errors() -> None:
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("aftercart"):
                assert node.module.startswith(("aftercart.criteria", "aftercart.errors")), path
