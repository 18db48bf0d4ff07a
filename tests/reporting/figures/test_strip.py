"""The toxicity strip."""

from __future__ import annotations

import re

from tests.reporting.figures import clinic

from aftercart.reporting.figures import Absent, Figure, toxicity_strip
from aftercart.reporting.figures.strip import FILLS


def strip(**more: object) -> Figure:
    found = toxicity_strip(clinic.cohort(**more))  # type: ignore[arg-type]
    assert isinstance(found, Figure)
    return found


def test_data_hold_every_assessed_day_and_no_other() -> None:
    assert strip().data.select("patient", "toxicity", "day", "grade", "at least").rows() == [
        ("SLE-1", "CRS", 0, 0, False),
        ("SLE-1", "CRS", 1, 0, False),
        ("SLE-1", "CRS", 2, 1, False),
        ("SLE-1", "CRS", 3, 1, False),
        ("SLE-1", "CRS", 4, 2, False),
        ("SLE-2", "CRS", 0, 0, False),
        ("SLE-2", "CRS", 1, None, True),
        ("SLE-1", "Cytopenia", 5, 4, False),
        ("SLE-1", "Cytopenia", 7, 3, False),
        ("IIM-1", "Cytopenia", 6, 1, True),
        ("SLE-1", "ICANS", 2, 0, False),
    ]


def test_each_grade_has_its_fill_its_label_and_its_day() -> None:
    svg = strip().svg()
    groups: dict[str, str] = {}
    for fill, body in re.findall(r'<g fill="(#\w+)">(.*?)</g>', svg):
        groups[fill] = groups.get(fill, "") + body
    crs = 'data-subject="SLE-1" data-criterion="crs_astct_2019" data-day="{}"'
    assert crs.format(4) in groups[FILLS[2]]
    assert all(crs.format(d) in groups[FILLS[1]] for d in (2, 3))
    assert crs.format(0) in groups[FILLS[0]]
    assert crs.format(1) not in svg, "two neighbouring days of grade 0 are one mark, that of the first day"
    assert 'data-criterion="ctcae_platelets_hemoglobin" data-day="5"' in groups[FILLS[4]]
    labels = re.findall(r'<g[^>]* pointer-events="none">(.*?)</g>', svg)
    assert ">4</text>" in "".join(labels), "a label must not take the pointer from the cell under it"
    for label in ("1+", "?", "4", "3"):
        assert re.search(rf'data-subject="[\w-]+">{re.escape(label)}</text>', svg), label


def test_the_finding_counts_those_assessed() -> None:
    assert strip().alt == (
        "Days 0 to 30 of 5 patients: CRS occurred in 1 of 2 assessed, at worst grade 2 (in 1), ICANS occurred in 0 of 1"
        " assessed and cytopenia occurred in 2 of 2 assessed, at worst grade 4 (in 1)."
    )


def test_what_was_not_assessed_is_said_and_has_no_panel() -> None:
    only = strip(rows=clinic.crs("SLE-1", 0, 1))
    assert "ICANS was not assessed in any patient" in only.alt
    assert "Neurotoxicity" not in only.svg()


def test_days_before_and_after_the_month_are_not_drawn() -> None:
    rows = [*clinic.crs("SLE-1", 1, first=31), *clinic.crs("SLE-1", 1, first=-1)]
    assert isinstance(toxicity_strip(clinic.cohort(rows=rows)), Absent)
