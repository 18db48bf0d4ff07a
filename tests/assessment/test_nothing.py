"""A criterion without anything to assess has the columns that its rule gives when it is run."""

import polars as pl
import pytest

import aftercart as ac
from aftercart.assessment import run, tables, units
from aftercart.assessment.binding import bind
from aftercart.assessment.timeline import Timeline, build
from aftercart.criteria import registry
from aftercart.criteria.calling import prepare
from aftercart.criteria.frames import TYPES

ROWS = [k for k in registry.names() if registry.get(k).per != "unbound" and registry.get(k).kind != "series"]


@pytest.fixture(scope="module")
def timeline() -> Timeline:
    return build(ac.reference_cohort().select(subjects=["SLE-1"]))


@pytest.fixture(scope="module")
def results(timeline: Timeline) -> dict[str, pl.DataFrame]:
    return run.run(timeline, registry.names())


@pytest.mark.parametrize("key", ROWS)
def test_declared_columns_are_those_of_the_rule(key: str, timeline: Timeline, results: dict[str, pl.DataFrame]) -> None:
    entry = registry.get(key)
    declared = tables.nothing(key)
    if declared is None:
        assert any(i.type not in TYPES for i in (*entry.inputs, *entry.outputs))
        return
    for variant in run.variants(entry):
        found = units.find(entry, variant, timeline, results).clear()
        bound = bind(entry, variant, found, timeline, results)
        prepared, invalid = prepare(bound.inputs, entry.inputs)
        outputs = entry.function.outputs(prepared, invalid)
        made = tables.assemble(variant, bound.units, prepared, outputs, bound.rows)
        assert made.schema == declared.schema


def test_a_series_is_always_run() -> None:
    assert tables.nothing("icaht_early_2023") is None
