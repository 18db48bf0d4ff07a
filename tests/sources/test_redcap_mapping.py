"""The section [redcap]: every wrong entry is named before any record is read, and proposals load as they are."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import redcap_project
from click.testing import CliRunner
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from test_redcap_import import DATA, FIELDS, ITEMS, LABS, PEOPLE, project

import aftercart
from aftercart.cli import main
from aftercart.errors import SourceError
from aftercart.sources import importing, redcap
from aftercart.sources.mapping import mapping_of
from aftercart.sources.redcap.fields import Field, checkbox_column, choices_of, column_name, read_fields
from aftercart.sources.redcap.files import read_folder
from aftercart.sources.redcap.formula import Formula, FormulaError
from aftercart.sources.redcap.plan import read_plan


def refused(own: Any, tmp_path: Path, fields: Any = FIELDS) -> list[tuple[str, str, str]]:
    """What is said of each entry: where it stands, what was found and what was expected."""
    loaded = read_folder(project(tmp_path, {}, fields=fields))
    with pytest.raises(SourceError) as error:
        read_plan(mapping_of({"redcap": own}, "redcap"), loaded)
    return error.value.problems.select("column", "found", "expected").rows()


def changed(block: dict[str, Any], **entries: Any) -> dict[str, Any]:
    return {"rows": [PEOPLE, {**block, **entries}]}


def columns(**entries: Any) -> dict[str, Any]:
    return {"rows": [{**PEOPLE, "columns": {**PEOPLE["columns"], **entries}}]}


WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({"rows": [PEOPLE], "colour": 1}, "the entry colour", "one of rows, subject"),
    ({"rows": {}}, "rows = {}", "blocks"),
    ({"rows": []}, "no block with table", "persons"),
    ({"rows": [PEOPLE], "missing": 9}, "missing = 9", "codes with their meaning"),
    ({"rows": [PEOPLE], "unticked": "never"}, "unticked = 'never'", "one of complete"),
    ({"rows": [PEOPLE], "subject": "mail"}, "subject = 'mail'", "no identifier"),
    ({"rows": [PEOPLE], "identifying_dates": ["sex"]}, "'sex'", "date fields"),
    ({"rows": [PEOPLE], "compare": ["anc"]}, "'anc'", "calculated fields"),
    (changed(LABS, table="labs"), "table = 'labs'", "one of subjects"),
    (changed(LABS, form="lab"), "form = 'lab'", "did you mean labs?"),
    (changed(LABS, color="x"), "the entry color", "one of table"),
    (changed(LABS, events=["day_0"]), "", ""),
    (changed(LABS, events=3), "events = 3", "a list"),
    (changed(LABS, columns={}), "no columns.datetime", "Time of sampling"),
    (changed(LABS, columns=[1]), "columns = [1]", "entries such as"),
    (changed(LABS, columns={"datetime": "anc"}), "anc, a number_2dp_comma_decimal", "a field of dates"),
    (changed(LABS, columns={"datetime": "lab_dat"}), "the field 'lab_dat'", "did you mean lab_date?"),
    (changed(LABS, columns={"datetime": "lab_date", "row_id": "anc"}), "columns.row_id", "a column of observations"),
    (changed(LABS, columns={"datetime": {"field": "lab_date", "time": "lab_tme"}}), "time = 'lab_tme'", "a field"),
    (changed(LABS, columns={"datetime": {"field": "lab_date", "event": "x"}}), "event = 'x'", "a unique event name"),
    (changed(LABS, columns={"datetime": {"field": "lab_date", "event": ["x"]}}), "event = ['x']", "the name of"),
    (changed(LABS, columns={"datetime": {"field": "lab_date", "constant": "x"}}), "{'field'", "a field, {"),
    (changed(LABS, values={}), "no values", "values.CODE"),
    (changed(LABS, values={"ANCC": "anc"}), "values.ANCC", "did you mean ANC?"),
    (changed(LABS, values={"ANC": "anc"}), "no unit", "10*9/L"),
    (changed(LABS, values={"ANC": {"field": "anc", "unit": "kg"}}), "unit = 'kg'", "10*9/L"),
    (changed(LABS, values={"ANC": {"field": "total", "unit": "10*9/L"}}), "total, which is calculated", "compare"),
    (changed(LABS, values={"ANC": {"field": "sex", "unit": "10*9/L", "choices": {"1": "a"}}}), "result 'a'", "numbers"),
    (changed(LABS, values={"HCG": {"field": "sex"}}), "the result '1'", "positive"),
    (changed(LABS, values={"ANC": {"constant": 3, "unit": "10*9/L"}}), "a constant", "a field"),
    (changed(LABS, values=7), "values = 7", "entries such as"),
    (changed(LABS, items={"a": "b"}), "items", "only for assessments"),
    (changed(ITEMS, values={"ANC": "anc"}), "values", "only for observations"),
    (changed(ITEMS, instrument="SLEDAI"), "instrument = 'SLEDAI'", "SLEDAI-2K"),
    (changed(ITEMS, instrument=["x"]), "instrument = ['x']", "SLEDAI-2K"),
    (changed(ITEMS, items={}), "items = {}", "entries such as"),
    (changed(ITEMS, items={"seizures": "signs___1"}), "items.seizures", "did you mean seizure?"),
    (changed(ITEMS, items={"seizure": "signs___7"}), "the field 'signs___7'", "a field of the dictionary"),
    (changed(ITEMS, items={"seizure": "sex"}), "the answer '2'", "from 0 to 1"),
    (changed(ITEMS, when={"signs": "1"}), "signs, a checkbox", "one of its boxes"),
    (changed(ITEMS, when={"sex": "9"}), "sex = '9'", "one of 1, 2"),
    (changed(ITEMS, when=1), "when = 1", "conditions"),
    (changed(ITEMS, skip_if_blank=1), "skip_if_blank = 1", "a list of fields"),
    (columns(sex="sex"), "sex with the codes 1, 2", "choices = { code = value"),
    (columns(sex={"field": "sex", "choices": {"1": "F", "3": "M"}}), "the code '3'", "a code of sex: 1, 2"),
    (columns(sex={"field": "sex", "choices": {"1": "Female"}}), "1 = 'Female'", "one of F, M"),
    (columns(sex={"field": "sex", "choices": 1}), "choices = 1", "codes with their values"),
    (columns(indication={"constant": "lupus"}), "lupus", "one of SLE"),
    (columns(country="mail"), "mail, a direct identifier", "not flagged"),
    (columns(consent_date="born"), "born, a direct identifier", "identifying_dates"),
    (columns(age_at_infusion="lab_date"), "lab_date, a date", "a whole number"),
    (columns(nationality="sex"), "columns.nationality", "a column of subjects"),
    (columns(consent_scope="signs"), "signs with the codes", "choices"),
    (columns(sex="signs"), "the checkbox signs", "one of its boxes"),
    ({"rows": [{"table": "subjects", "form": "person"}]}, "no columns.sex", "Sex"),
]


@pytest.mark.parametrize(("own", "found", "expected"), WRONG)
def test_every_wrong_entry_is_named(own: dict[str, Any], found: str, expected: str, tmp_path: Path) -> None:
    if not found:
        read_plan(mapping_of({"redcap": own}, "redcap"), read_folder(project(tmp_path, {})))
        return
    said = refused(own, tmp_path)
    assert any(f.startswith(found) or found in f for _, f, _ in said), said
    assert any(expected in e for _, f, e in said if found in f), said
    assert all(place.startswith("[redcap] ") for place, _, _ in said)


def test_all_wrong_entries_are_named_at_once(tmp_path: Path) -> None:
    own = {"rows": [{**PEOPLE, "form": "x"}, {**LABS, "values": {"ANC": "anc", "XX": "y"}}], "missing": 1}
    assert len(refused(own, tmp_path)) == 4


def test_a_repeating_form_gives_no_cells_to_another(tmp_path: Path) -> None:
    source = project(tmp_path, {})
    (source / "r.json").write_text('[{"form_name": "labs", "custom_form_label": ""}]')
    with pytest.raises(SourceError) as error:
        read_plan(mapping_of({"redcap": columns(consent_date="lab_date")}, "redcap"), read_folder(source))
    assert error.value.problems["found"].to_list() == ["the field lab_date, of the repeating form labs"]


JUNK = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.sampled_from(["", "sex", "anc", "labs", "signs___1", "1", "SLE"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["field", "constant", "choices", "event", "time", "unit", "ANC", "seizure", "sex", "datetime", "1"]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=6,
)
BLOCKS = st.lists(
    st.dictionaries(
        st.sampled_from(
            ["table", "form", "events", "columns", "values", "items", "instrument", "when", "skip_if_blank", "unticked"]
        ),
        JUNK | st.sampled_from(["observations", "assessments", "subjects", "labs", "SLEDAI-2K"]),
    ),
    max_size=3,
)


@settings(max_examples=150, deadline=None, phases=[Phase.generate])
@given(own=st.dictionaries(st.sampled_from(["subject", "missing", "identifying_dates", "compare"]), JUNK), rows=BLOCKS)
def test_no_mapping_breaks_the_check(own: Any, rows: Any, tmp_path_factory: pytest.TempPathFactory) -> None:
    loaded = read_folder(project(tmp_path_factory.mktemp("p"), {}))
    with pytest.raises(SourceError) as error:
        read_plan(mapping_of({"redcap": {**own, "rows": rows}}, "redcap"), loaded)
    assert error.value.problems.height


# Dictionary and formulas


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1, one | 2, two", {"1": "one", "2": "two"}),
        ("1, yes, or so|-99, not known", {"1": "yes, or so", "-99": "not known"}),
        ("A, a | b, B | C", {"A": "a", "b": "B", "C": "C"}),
        ("1, one | | 2,", {"1": "one", "2": ""}),
        ("", {}),
    ],
)
def test_choices(text: str, expected: dict[str, str]) -> None:
    assert choices_of(text) == expected


def test_columns_of_a_checkbox_have_one_spelling() -> None:
    assert checkbox_column("f", "-99") == column_name("f___-99") == column_name("f____99") == "f____99"
    assert checkbox_column("f", "B") == column_name("f___B") == "f___b"
    assert column_name("plain_field") == "plain_field"


def test_labels_lose_their_markup_and_types_their_other_names() -> None:
    row = {
        "field_name": "a",
        "form_name": "f",
        "field_type": "select",
        "field_label": '<div class="x">Sex <b>now</b></div>',
    }
    field = read_fields([{**row, "select_choices_or_calculations": "1, one"}], "d")["a"]
    assert (field.type, field.label) == ("dropdown", "Sex now")


VALUES = pl.DataFrame({"a": ["1", "4", None], "b": ["2", None, None], "c___1": ["1", "0", "1"]})
KNOWN = {
    "a": Field("a", "f", "text"),
    "b": Field("b", "f", "text"),
    "c": Field("c", "f", "checkbox", choices={"1": "x"}),
}


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        ("[a] + [b] * 2", [5.0, None, None]),
        ("sum([a], [b])", [3.0, 4.0, None]),
        ("round([a] / 3, 1)", [0.3, 1.3, None]),
        ("roundup([a]/3,0) - rounddown([a]/3)", [1.0, 1.0, None]),
        ("([a]*10000)/(([a])^(2))", [10000.0, 2500.0, None]),
        ("-[a] ^ 2", [-1.0, -16.0, None]),
        ("mean([a],[b]) + max([a],[b]) - min([a],[b])", [2.5, 4.0, None]),
        ("if([a] > 2 and [c(1)] = '0', sqrt([a]), abs(-7))", [7.0, 2.0, 7.0]),
        ("if([a] <> 1 or [b] >= 2, 1, 0)", [1.0, 1.0, None]),
    ],
)
def test_formulas(formula: str, expected: list[float | None]) -> None:
    found = VALUES.select(Formula.of(formula, KNOWN).value.alias("x"))["x"]
    assert found.to_list() == pytest.approx(expected)


@pytest.mark.parametrize(
    "formula",
    [
        "datediff([a],'today','d')",
        "[day_0][a]",
        "[z]",
        "[a] +",
        "([a]",
        "[a] [b]",
        "",
        "'x'",
        "(" * 500 + "1",
        "c(1)",
        "#",
    ],
)
def test_formulas_that_are_not_understood(formula: str) -> None:
    with pytest.raises(FormulaError):
        Formula.of(formula, KNOWN)


# Proposals


@pytest.mark.parametrize("name", ["checkboxes", "longitudinal", "multilevel", "odm_xml", "repeating"])
def test_a_proposal_for_a_published_project_loads_as_it_is(name: str, tmp_path: Path) -> None:
    mapping = tmp_path / "map.toml"
    mapping.write_text(redcap.propose(DATA / name).toml, "utf-8")
    done = importing.read("redcap", DATA / name, mapping=mapping)
    records = {"checkboxes": 4, "longitudinal": 3, "multilevel": 20, "odm_xml": 2, "repeating": 2}
    assert done.study.subjects.height == records[name]
    assert (
        done.reconciliation["rows_read"] == done.reconciliation["rows_kept"] + done.reconciliation["rows_listed"]
    ).all()


def test_what_a_proposal_recognises_and_what_it_leaves_to_a_person() -> None:
    proposal = redcap.propose(DATA / "longitudinal")
    blocks = tomllib.loads(proposal.toml)["redcap"]["rows"]
    assert blocks[0]["columns"]["sex"] == {"field": "sex", "choices": {"0": "F", "1": "M"}}
    assert blocks[0]["columns"]["birth_year"] == "dob"
    sizes = next(b for b in blocks if b["table"] == "observations")
    assert sizes["values"]["HT"] == {"field": "height", "unit": "cm"}
    assert sizes["values"]["WT"] == {"field": "weight", "unit": "kg"}
    assert "# compare = [" in proposal.toml
    left = {column: reason for _, column, _, reason in proposal.unplaced.rows()}
    assert left["first_name"] == "flagged as an identifier"
    assert left["given_birth"] == 'shown only if [sex] = "0"'
    assert "no field of indication" in left["indication"]


def test_a_proposal_for_a_typical_project_imports_all_of_it(tmp_path: Path) -> None:
    study = aftercart.reference_cohort().select(subjects=["IIM-1", "SLE-1", "SSc-1"])
    redcap_project.write(study, tmp_path)
    proposal = redcap.propose(tmp_path)
    done = redcap.read(tmp_path, mapping=mapping_of(tomllib.loads(proposal.toml), "redcap"))
    assert done.study.problems.filter(pl.col("severity") == "error").height == 0
    assert {n: t.height for n, t in done.study.tables.items()} == {n: t.height for n, t in study.tables.items()}
    for name, keys in {
        "observations": ["subject_id", "code", "value", "value_text", "unit", "datetime", "ref_low", "ref_high"],
        "assessments": ["subject_id", "instrument", "item", "value", "value_text", "rater", "datetime"],
        "exposures": ["subject_id", "drug", "dose", "dose_unit", "frequency", "purpose", "start", "end"],
        "infusions": ["subject_id", "infusion_seq", "start", "product", "product_class", "target", "dose_per_kg"],
        "subjects": ["subject_id", "sex", "indication", "indication_subtype", "diagnosis_date", "age_at_infusion"],
        "disposition": ["subject_id", "milestone", "date"],
        "events": ["subject_id", "category", "term_text", "start", "end", "related", "outcome"],
    }.items():
        assert done.study.tables[name].select(keys).sort(keys).equals(study.tables[name].select(keys).sort(keys)), name
    assert set(proposal.unplaced["column"]) == {f"{p}_row_id" for p in ("infusion", "med", "ae", "ms", "visit")}


def test_a_field_without_a_unit_or_a_date_is_a_comment_and_unplaced(tmp_path: Path) -> None:
    proposal = redcap.propose(project(tmp_path, {"lab_date": "2022-03-01", "anc": "1"}))
    assert '# values.ANC = { field = "anc", unit = "" }' in proposal.toml
    reasons = {c: r for _, c, _, r in proposal.unplaced.rows()}
    assert reasons["anc"] == "ANC, but neither label nor note states a unit"
    assert reasons["total"] == "calculated: checked with compare"
    flagged = [(*f[:5], {**f[5], "identifier": "y"}) if f[0] == "lab_date" else f for f in FIELDS]
    fields = [(n, f, k, "Neutrophils (10*9/L)" if n == "anc" else lab, c, m) for n, f, k, lab, c, m in flagged]
    proposal = redcap.propose(project(tmp_path / "b", {}, fields=fields))
    assert '# values.ANC = { field = "anc", unit = "10*9/L" }' in proposal.toml
    assert "list it in identifying_dates" in proposal.toml


def test_the_command_proposes_a_mapping_that_imports(tmp_path: Path) -> None:
    out = tmp_path / "map.toml"
    done = CliRunner().invoke(main, ["map", "redcap", str(DATA / "longitudinal"), "--out", str(out)])
    assert done.exit_code == 0, done.output
    assert "not placed: demographics: first_name: First Name (flagged as an identifier)" in done.output
    again = ["import", "redcap", str(DATA / "longitudinal"), "--map", str(out), "--out", str(tmp_path / "study")]
    assert "data.csv: 18 rows read" in CliRunner().invoke(main, again).output
