"""Explanations as a page: complete, self-contained, safe with hostile text, readable in a browser."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from tests.reporting.test_page import parsed

import aftercart as ac
from aftercart.cli import main
from aftercart.errors import UsageError
from aftercart.reporting import explanation_page
from aftercart.study.model import Study


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    study = ac.reference_cohort()
    path = tmp_path_factory.mktemp("explanation") / "why.html"
    path.write_text(explanation_page(study, ac.explain(study, "SLE-1", "doris_2021")), "utf-8")
    return path


def test_the_page_holds_what_the_explanations_hold(page: Path) -> None:
    text = page.read_text("utf-8")
    found = ac.explain(ac.reference_cohort(), "SLE-1", "doris_2021")
    assert text.count('class="decision"') == len(found)
    for e in found:
        assert str(e.clause_text) in text
        assert all(f.row in text for f in e.facts if f.row)
        assert all(change in text for change in e.changes or ())
    assert "csledai_2k above 0 would give no" in text
    assert "10.1136/lupus-2021-000538" in text


def test_the_page_loads_nothing_and_is_in_order(page: Path) -> None:
    links = parsed(page)
    assert links.loads == []
    assert "script" not in links.tags
    assert links.tags.count("h1") == links.tags.count("main") == 1
    assert "Simulated data" in page.read_text("utf-8")


def test_hostile_text_stays_text(make_study: Callable[..., Study]) -> None:
    attack = "<script>alert(1)</script>"
    study = make_study(
        subjects=[{"subject_id": attack, "indication": "SLE", "sex": "F", "age_at_infusion": 30}],
        infusions=[{"subject_id": attack, "infusion_seq": 1, "start": "2022-03-01"}],
        observations=[
            {
                "subject_id": attack,
                "row_id": "<b>1</b>",
                "code": "ANC",
                "datetime": "2022-03-05",
                "value": 0.4,
                "unit": "10*9/L",
            }
        ],
    )
    text = explanation_page(study, ac.explain(study, attack, "ctcae_neutrophils"))
    assert "&lt;b&gt;1&lt;/b&gt;" in text
    assert "<script" not in text
    assert "<b>1" not in text


def test_another_infusion_is_named(make_study: Callable[..., Study]) -> None:
    from dataclasses import replace

    subject = {"subject_id": "P1", "indication": "SLE", "sex": "F", "age_at_infusion": 30}
    anc = {"subject_id": "P1", "code": "ANC", "datetime": "2023-03-05", "value": 0.4, "unit": "10*9/L"}
    study = make_study(
        subjects=[subject],
        infusions=[
            {"subject_id": "P1", "infusion_seq": 1, "start": "2022-03-01"},
            {"subject_id": "P1", "infusion_seq": 2, "start": "2023-03-01"},
        ],
        observations=[anc],
    )
    second = replace(study, meta=replace(study.meta, reference_infusion=2))
    found = ac.explain(second, "P1", "ctcae_neutrophils")
    assert [(e.day, e.infusion_seq) for e in found] == [(4, 2)] * len(found)
    assert "day 4 after infusion 2" in str(found[0])
    assert "day 0 is infusion 2" in explanation_page(second, found)
    assert [e.day for e in ac.explain(study, "P1", "ctcae_neutrophils")] == [369] * len(found)


def test_nothing_cannot_be_shown() -> None:
    with pytest.raises(UsageError, match="nothing to explain"):
        explanation_page(ac.reference_cohort(), [])


def test_the_command_writes_the_page(tmp_path: Path) -> None:
    study, out = tmp_path / "study", tmp_path / "why.html"
    ac.reference_cohort().write(study)
    done = CliRunner().invoke(
        main, ["explain", str(study), "SLE-1", "crs_astct_2019", "--day", "0", "--html", str(out)]
    )
    assert (done.exit_code, done.output.strip()) == (0, f"Written to {out}")
    assert re.search(r"<h1>.*why each result is what it is</h1>", out.read_text("utf-8"))


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_in_a_browser(page: Path, browser: Any, scheme: str, width: int) -> None:
    tab = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    complaints: list[str] = []
    tab.on("console", lambda message: complaints.append(message.text))
    tab.on("request", lambda request: complaints.append(request.url) if "why.html" not in request.url else None)
    tab.goto(page.as_uri())
    assert complaints == []
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    assert tab.locator("main article h2").count() == 10
    tab.close()
