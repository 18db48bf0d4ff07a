"""The mapping file: what it says, and what it must not say."""

from __future__ import annotations

from pathlib import Path

import pytest

from aftercart.errors import SourceError
from aftercart.sources.mapping import CodeTarget, SourceMapping, mapping_of, read_mapping


def test_without_a_file_the_mapping_is_empty() -> None:
    assert read_mapping(None, "sdtm") == SourceMapping()


def test_every_section_is_read(tmp_path: Path) -> None:
    path = tmp_path / "castle.toml"
    path.write_text(
        '[study]\nstudy_id = "CASTLE"\n[codes]\nNEUTRO = "ANC"\nLEUKOS = { code = "WBC", unit = "K/uL" }\nX = false\n'
        '[units]\n"Gpt/l" = "10*9/L"\n[drugs]\nQuensyl = "hydroxychloroquine"\n[visits]\n"WEEK 4" = "month 1"\n'
        "[sdtm]\nkept = 1\n[fhir]\nother = 2\n",
        "utf-8",
    )
    mapping = read_mapping(path, "sdtm")
    assert mapping.study == {"study_id": "CASTLE"}
    assert mapping.codes == {"NEUTRO": CodeTarget("ANC"), "LEUKOS": CodeTarget("WBC", "K/uL")}
    assert mapping.left_out == {"X"}
    assert (mapping.units, mapping.drugs) == ({"Gpt/l": "10*9/L"}, {"Quensyl": "hydroxychloroquine"})
    assert (mapping.visits, mapping.own, mapping.file) == ({"WEEK 4": "month 1"}, {"kept": 1}, "castle.toml")


@pytest.mark.parametrize(
    ("raw", "section", "found"),
    [
        ({"codes": {"NEUTRO": "NEUTROPHILS"}}, "[codes]", "NEUTRO = 'NEUTROPHILS'"),
        (
            {"codes": {"NEUTRO": {"code": "ANC", "unit": "mg/dL"}}},
            "[codes]",
            "NEUTRO = {'code': 'ANC', 'unit': 'mg/dL'}",
        ),
        ({"codes": {"NEUTRO": True}}, "[codes]", "NEUTRO = True"),
        ({"units": {"Gpt/l": "gigaparticles"}}, "[units]", "Gpt/l = 'gigaparticles'"),
        ({"drugs": {"Quensyl": "quensyl"}}, "[drugs]", "Quensyl = 'quensyl'"),
        ({"visits": {"WEEK 4": 1}}, "[visits]", "WEEK 4 = 1"),
        ({"colours": {}}, "[colours]", "colours = 'a section'"),
        ({"codes": 3}, "[codes]", "codes = 3"),
    ],
)
def test_an_entry_that_names_nothing_is_refused(raw: dict[str, object], section: str, found: str) -> None:
    with pytest.raises(SourceError) as caught:
        mapping_of(raw, "sdtm", "castle.toml")
    assert caught.value.problems.select("file", "column", "found").rows() == [("castle.toml", section, found)]


@pytest.mark.parametrize("text", ["[codes\n", "\ufffe"])
def test_a_file_that_is_no_mapping_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "m.toml"
    path.write_text(text, "utf-16" if text == "\ufffe" else "utf-8")
    with pytest.raises(SourceError, match="cannot be read"):
        read_mapping(path, "sdtm")
