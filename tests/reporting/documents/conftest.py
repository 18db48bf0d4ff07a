"""The reference cohort with its analysis and submission tables, made once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.reporting.documents.made import Made, made

import aftercart as ac
from aftercart.study.model import Study


@pytest.fixture(scope="session")
def reference() -> Made:
    return made(ac.reference_cohort())


@pytest.fixture
def make(make_study: Callable[..., Study]) -> Callable[..., Made]:
    def build(**tables: Any) -> Made:
        return made(make_study(**tables))

    return build
